"""Commands on documents exchanged with suppliers: list, show, read again, send again, and run a round at once."""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from temporalio.service import RPCError

from adapters.database import exchange_documents, exchange_incoming, exchange_views
from adapters.database.configurations import ConfigurationStore
from models.exchange import Direction, DocumentState
from starter.console import (
    AsJson,
    CommandFailedError,
    Who,
    acting,
    console,
    instant,
    print_table,
    read_settings,
    write_json,
)
from starter.exchange_keeper import speaks_by_documents, start_exchange
from starter.opening import TemporalAwayError, connect_temporal, opened_database

app = typer.Typer(no_args_is_help=True, help="Documents exchanged with suppliers: files, mails, pushes.")
exchange = typer.Typer(no_args_is_help=True, help="The rounds in which documents are exchanged with suppliers.")

Document = Annotated[int, typer.Argument(metavar="DOCUMENT", help="Its number, as `documents list` shows it.")]
HEADINGS = ("Document", "Supplier", "", "Kind", "State", "Control", "Orders", "At")
MOST_NAMED = 3


@app.command("list")
def list_documents(
    *,
    supplier: Annotated[str | None, typer.Option(help="Only this supplier's.")] = None,
    direction: Annotated[Direction | None, typer.Option(help="Only theirs (in) or ours (out).")] = None,
    state: Annotated[DocumentState | None, typer.Option(help="Only those that are there.")] = None,
    order: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Only those about this purchase order, e.g. DW-1-11.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List documents, the newest first, without what is written in them.

    Example: dropwright documents list --supplier acme --state quarantined

    JSON: [{"id", "supplier", "direction", "kind", "state", "name", "control", "size", "made_at", "settled_at",
    "receipt_due", "receipt_at", "reason", "repeats", "orders": [NUMBER]}]
    """
    with opened_database(read_settings(), pool_size=1) as database, database.begin() as tx:
        found = exchange_views.list_documents(
            tx, supplier=supplier, direction=direction, state=state, number=order, limit=limit
        )
    if as_json:
        write_json(found)
    elif found:
        print_table(HEADINGS, (_row(one) for one in found))
    else:
        console().print("no document fits")


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    named, more = one["orders"][:MOST_NAMED], len(one["orders"]) - MOST_NAMED
    orders = ", ".join(named) + (f" +{more}" if more > 0 else "")
    arrow = "from" if one["direction"] == Direction.IN else "to"
    at = instant(one["made_at"])
    return one["id"], one["supplier"], arrow, one["kind"], one["state"], one["control"] or "", orders, at


@app.command("show")
def show_document(
    document: Document,
    *,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write its bytes as they came or left: they hold addresses.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one document: where it is, the orders in it, and what it said; with --raw nothing but its bytes.

    Example: dropwright documents show 42 --raw > document.edi

    JSON: {"id", …, "window_ends", "replies", "reply_to", "orders": [{"number", "state"}], "news": [{"number", "news",
    "told_at"}]}
    """
    with opened_database(read_settings(), pool_size=1) as database, database.begin() as tx:
        found = exchange_views.find_document(tx, document)
        body = exchange_views.body_of(tx, document) if raw else None
    if found is None:
        raise CommandFailedError(f"there is no document {document}: `dropwright documents list` names them")
    if raw:
        sys.stdout.flush()
        sys.stdout.buffer.write(body or b"")
    elif as_json:
        write_json(found)
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    way = "from" if found["direction"] == Direction.IN else "to"
    lines = [
        f"Document {found['id']} {way} {found['supplier']}: {found['kind']}, {found['state']}",
        f"name {found['name']}, {found['size']} bytes, control number {found['control'] or 'none'}",
        f"since {instant(found['made_at'])}, the same bytes came {found['repeats']} times more",
    ]
    if found["reason"]:
        lines.append(f"why: {found['reason']}")
    if found["receipt_due"]:
        received = instant(found["receipt_at"]) if found["receipt_at"] else "not yet"
        lines.append(f"receipt due {instant(found['receipt_due'])}, came {received}")
    for line in lines:
        console().print(line, highlight=False)
    if found["orders"]:
        print_table(("Order", "State"), ((one["number"], one["state"]) for one in found["orders"]))
    if found["news"]:
        told = ((one["number"], one["news"]["news"], "yes" if one["told_at"] else "no") for one in found["news"])
        print_table(("Order", "It said", "Its lifecycle knows"), told)


@app.command("read-again")
def read_again(document: Document, *, who: Who = None, as_json: AsJson = False) -> None:
    """Read a supplier's document once more, as configuration and adapter are now; what it says then is applied instead.

    Example: dropwright documents read-again 42

    JSON: {"document", "supplier", "outcome": "accepted", "message"}
    """
    with opened_database(read_settings(), pool_size=1) as database, database.begin() as tx:
        supplier = _supplier_of(exchange_views.find_document(tx, document), document)
        if not exchange_incoming.read_again(tx, document):
            raise CommandFailedError(f"document {document} is ours, or came to our door: it can't be read again")
        exchange_views.tell_orders(tx, document, "document.read_again", by=acting(who), now=datetime.now(UTC))
    _say(document, supplier, "it is read again", as_json=as_json)


@app.command("resend")
def resend(document: Document, *, who: Who = None, as_json: AsJson = False) -> None:
    """Send a document of ours once more, byte for byte, under its own name and control number.

    Example: dropwright documents resend 41

    JSON: {"document", "supplier", "outcome": "accepted", "message"}
    """
    with opened_database(read_settings(), pool_size=1) as database, database.begin() as tx:
        supplier = _supplier_of(exchange_views.find_document(tx, document), document)
        if not exchange_documents.resend(tx, document, datetime.now(UTC)):
            why = "it is theirs, withdrawn, still collected, or one of its orders was given up"
            raise CommandFailedError(f"document {document} can't be sent: {why}")
        exchange_views.tell_orders(tx, document, "document.resent", by=acting(who), now=datetime.now(UTC))
    _say(document, supplier, "it is sent again", as_json=as_json)


def _supplier_of(found: dict[str, Any] | None, document: int) -> str:
    if found is None:
        raise CommandFailedError(f"there is no document {document}: `dropwright documents list` names them")
    return str(found["supplier"])


def _say(document: int, supplier: str, what: str, *, as_json: bool) -> None:
    """Have the next round come at once; where Temporal is away it comes by itself."""
    try:
        asyncio.run(_look_now(supplier))
        message = f"{what} at once"
    except (TemporalAwayError, RPCError):
        message = f"{what} with the next round: Temporal does not answer"
    if as_json:
        write_json({"document": document, "supplier": supplier, "outcome": "accepted", "message": message})
    else:
        console().print(f"document {document}: {message}")


@exchange.callback()
def _group() -> None:
    """Keep `now` a command of its own, though it is the only one."""


@exchange.command("now")
def exchange_now(
    supplier: Annotated[str, typer.Argument(metavar="SUPPLIER", help="As in the configuration.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Pick up what a supplier has sent, and send what is due, without waiting for the next round.

    Example: dropwright exchange now acme

    JSON: {"supplier", "workflow_id"}
    """
    with opened_database(read_settings(), pool_size=1) as database:
        suppliers = ConfigurationStore(database).current().configuration.suppliers
    if supplier not in suppliers:
        raise CommandFailedError(f"there is no supplier {supplier}: {', '.join(sorted(suppliers))}")
    if not speaks_by_documents(suppliers[supplier].adapter):
        raise CommandFailedError(f"{supplier} is asked directly (adapter {suppliers[supplier].adapter}): no documents")
    workflow_id = asyncio.run(_look_now(supplier))
    if as_json:
        write_json({"supplier": supplier, "workflow_id": workflow_id})
    else:
        console().print(f"{supplier}: a round begins now; it is workflow {workflow_id}")


async def _look_now(supplier: str) -> str:
    return await start_exchange(await connect_temporal(), supplier, look_now=True)
