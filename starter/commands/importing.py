"""Bringing orders in from a file, as if the storefront had sent them."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from activities.delivery import OrderDelivery
from activities.dependencies import build_dependencies
from activities.intake import Intake, UnknownChannelError
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from adapters.errors import UnexpectedReply
from adapters.secrets import secret_if_set
from adapters.strict_json import BadJsonError, read_json
from models.configuration import Configuration
from models.intake import Received
from starter.console import AsJson, CommandFailedError, print_table, read_settings, say, write_json
from starter.opening import TemporalAwayError, connect_temporal, opened_database


def import_orders(
    file: Annotated[Path, typer.Argument(help="JSON in the storefront's shape: one order, or a list of orders.")],
    *,
    channel: Annotated[str | None, typer.Option(help="The channel they belong to, where there are several.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take in orders from a file, as if the storefront had sent them, and start those that are paid.

    All are read before any is stored: one that can't be used stops the import, and nothing is stored. The same file
    again changes nothing. Where Temporal is away they are stored, and the next sweep starts them.

    Example: dropwright order import orders.json --channel main

    JSON: [{"order": "channel/id", "name", "outcome", "started": bool}]
    """
    documents = _documents(file)
    with opened_database(read_settings()) as database:
        # An import asks the storefront nothing: no credential is needed.
        deps = build_dependencies(database, secrets=secret_if_set)
        configurations = ConfigurationStore(database)
        chosen = _channel(configurations.current().configuration, channel)
        intake = Intake(database, configurations, deps.outside.storefront)
        rows = _take_in(intake, chosen, documents)
        asyncio.run(_start(database, configurations, rows))
    shown = [{name: value for name, value in row.items() if name != "received"} for row in rows]
    if as_json:
        write_json(shown)
    else:
        print_table(("order", "name", "outcome", "started"), [list(row.values()) for row in shown])


def _documents(file: Path) -> list[Any]:
    try:
        content = read_json(file.read_bytes())
    except FileNotFoundError:
        raise CommandFailedError(f"there is no file {file}") from None
    except BadJsonError as error:
        raise CommandFailedError(f"{file.name}: {error}") from None
    documents = content if isinstance(content, list) else [content]
    if not documents:
        raise CommandFailedError(f"{file.name}: the list holds no order")
    return documents


def _channel(configuration: Configuration, channel: str | None) -> str:
    known = list(configuration.channels)
    if channel is None and len(known) > 1:
        raise CommandFailedError(f"say which channel: --channel {' or --channel '.join(known)}")
    if channel is not None and channel not in known:
        raise CommandFailedError(f"there is no channel {channel}: {', '.join(known)}")
    return channel or known[0]


def _take_in(intake: Intake, channel: str, documents: list[Any]) -> list[dict[str, Any]]:
    try:
        incoming = [_read(intake, channel, document, number) for number, document in enumerate(documents, 1)]
    except UnknownChannelError as error:
        raise CommandFailedError(str(error)) from None
    rows: list[dict[str, Any]] = []
    for order, document in zip(incoming, documents, strict=True):
        received = intake.import_document(channel, document)
        reference = f"{channel}/{order.storefront_order_id}"
        rows.append({"order": reference, "name": order.name, "outcome": received.outcome, "received": received})
    return rows


def _read(intake: Intake, channel: str, document: Any, number: int) -> Any:
    try:
        return intake.read(channel, document)
    except UnexpectedReply as error:
        raise CommandFailedError(f"order {number} of the file can't be used: {error}; nothing was stored") from None


async def _start(database: Database, configurations: ConfigurationStore, rows: list[dict[str, Any]]) -> None:
    """Start what became startable, as the API does; what can't be started now is left to the sweep."""
    waiting = [row for row in rows if _leads_to_temporal(row["received"])]
    for row in rows:
        row["started"] = False
    if not waiting:
        return
    try:
        client = await connect_temporal()
    except TemporalAwayError as error:
        say(f"stored; the next sweep starts them. {error}")
        return
    delivery = OrderDelivery(client, database, configurations)
    for row in waiting:
        received: Received = row["received"]
        if received.order_request is not None:
            await delivery.start_order(received.order_request)
            row["started"] = True
        if received.event is not None:
            await delivery.deliver_event(received.event)


def _leads_to_temporal(received: Received) -> bool:
    return received.order_request is not None or received.event is not None
