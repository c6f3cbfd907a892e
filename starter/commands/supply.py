"""Commands that ask for a publication to a shop, or for a comparison with a supplier or shop."""

import asyncio
from collections.abc import Awaitable
from typing import Annotated, Any, TypeVar

import typer
from temporalio.client import WorkflowFailureError

from activities.requests import request_publication, start_reconciliation
from adapters.database.configurations import ConfigurationStore
from models.configuration import Configuration
from models.identifiers import reconciliation_workflow_id
from models.sync import PublicationOutcome, ReconciliationOutcome, ReconciliationRequest, Side
from starter.console import AsJson, CommandFailedError, Who, acting, console, read_settings, write_json
from starter.opening import connect_temporal, opened_database
from starter.run_watching import shown
from starter.supply_schedules import publishes

Result = TypeVar("Result")
Wait = Annotated[bool, typer.Option("--wait", help="Until it has ended.")]
NOT_PUBLISHED = (
    "nothing is published to {channel}: switch `quantities` or `prices` on under [channels.{channel}.publishing]"
)


def publish(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="As in the configuration.")],
    *,
    wait: Wait = False,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Bring a shop to what it should show: quantities and prices, as configured. Only what differs is sent.

    Example: dropwright publish main --wait

    JSON: {"channel", "workflow_id", "state": "requested" | "published", "publications", "sent", "refused"}
    """
    settings = _configuration().channels
    if channel not in settings:
        raise CommandFailedError(f"there is no channel {channel}: {', '.join(settings)}")
    if not publishes(settings[channel]):
        raise CommandFailedError(NOT_PUBLISHED.format(channel=channel))
    workflow_id, outcome = asyncio.run(_publish(channel, acting(who), wait=wait))
    shape: dict[str, Any] = {
        "channel": channel,
        "workflow_id": workflow_id,
        "state": "published" if outcome else "requested",
    }
    counts = ("publications", "sent", "refused")
    shape |= {name: getattr(outcome, name) if outcome else None for name in counts}
    if as_json:
        write_json(shape)
    elif outcome:
        console().print(f"{channel}: {outcome.sent} changes sent, {outcome.refused} refused")
    else:
        console().print(f"{channel} was asked for: it is workflow {workflow_id}")


async def _publish(channel: str, actor: str, *, wait: bool) -> tuple[str, PublicationOutcome | None]:
    client = await connect_temporal()
    workflow_id = await request_publication(client, channel, actor=actor)
    if not wait:
        return workflow_id, None
    handle = client.get_workflow_handle(workflow_id, result_type=PublicationOutcome)
    return workflow_id, await _ended(f"publishing {channel}", handle.result())


def reconcile(
    side: Annotated[Side, typer.Argument(help="Whose word ours is compared with.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The supplier's or channel's.")],
    *,
    full: Annotated[bool, typer.Option("--full", help="Everything, instead of a sample.")] = False,
    wait: Wait = False,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Compare what we know with a supplier or a shop. Small differences are repaired, many are asked about.

    Example: dropwright reconcile supplier bts --full --wait

    JSON: {"side", "name", "workflow_id", "state": "requested" | "compared", "compared", "drifted", "repaired", "task"}
    """
    configuration = _configuration()
    known = configuration.suppliers if side is Side.SUPPLIER else configuration.channels
    if name not in known:
        raise CommandFailedError(f"there is no {side} {name}: {', '.join(known)}")
    outcome = asyncio.run(
        _reconcile(ReconciliationRequest(side=side, name=name, full=full, actor=acting(who)), wait=wait)
    )
    shape: dict[str, Any] = {"side": side, "name": name, "workflow_id": reconciliation_workflow_id(side, name)}
    shape["state"] = "compared" if outcome else "requested"
    shape |= {count: getattr(outcome, count) if outcome else None for count in ("compared", "drifted", "repaired")}
    shape["task"] = outcome.task_id if outcome else None
    if as_json:
        write_json(shape)
    else:
        console().print(_compared(shape))


def _compared(shape: dict[str, Any]) -> str:
    if shape["state"] == "requested":
        return f"the comparison with {shape['name']} has begun: it is workflow {shape['workflow_id']}"
    asked = f"; `dropwright task show {shape['task']}` asks what to do" if shape["task"] else ""
    counts = f"{shape['compared']} compared, {shape['drifted']} differ, {shape['repaired']} repaired"
    return f"{shape['side']} {shape['name']}: {counts}{asked}"


async def _reconcile(request: ReconciliationRequest, *, wait: bool) -> ReconciliationOutcome | None:
    client = await connect_temporal()
    began = await start_reconciliation(client, request)
    if not began and request.full:
        raise CommandFailedError("a comparison is under way: wait for its end, then ask for --full again")
    if not wait:
        return None
    workflow_id = reconciliation_workflow_id(request.side, request.name)
    handle = client.get_workflow_handle(workflow_id, result_type=ReconciliationOutcome)
    return await _ended(f"comparing with {request.name}", handle.result())


async def _ended(what: str, work: Awaitable[Result]) -> Result:
    try:
        return await shown(what, None, None, work)
    except WorkflowFailureError as error:
        raise CommandFailedError(
            f"{what} was ended or failed ({type(error.cause).__name__}); look in Temporal"
        ) from None


def _configuration() -> Configuration:
    with opened_database(read_settings()) as database:
        return ConfigurationStore(database).current().configuration
