"""Commands on suppliers in trouble: list, show, try again, close."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from temporalio.service import RPCError

from activities.incident_starts import LOOK, PROBE, start_incident_workflow
from adapters.database import incidents, registers
from adapters.database.engine import Transaction
from models.identifiers import incident_workflow_id
from models.incidents import IncidentRequest, Trouble
from starter import shapes
from starter.console import AsJson, CommandFailedError, console, print_table, read_settings, say, write_json
from starter.opening import TemporalAwayError, connect_temporal, opened_database

incident = typer.Typer(no_args_is_help=True, help="Suppliers in trouble.")
IncidentId = Annotated[int, typer.Argument(metavar="ID", min=1)]


def list_incidents(*, as_json: AsJson = False) -> None:
    """List open incidents: which supplier, since when, whether it is back, and how many purchase orders felt it.

    Example: dropwright incidents

    JSON: [{"incident", "supplier", "kind", "opened_at", "probed_at", "recovered_at", "reason", "orders", "waiting"}]
    """
    with opened_database(read_settings()) as database, database.begin() as tx:
        rows = [shapes.incident_shape(found) for found in registers.open_incidents(tx)]
    if as_json:
        write_json(rows)
    else:
        columns = ("incident", "supplier", "kind", "opened_at", "recovered_at", "reason", "orders", "waiting")
        print_table([one.replace("_", " ") for one in columns], [[row[column] for column in columns] for row in rows])


@incident.command("show")
def show_incident(incident_id: IncidentId, *, as_json: AsJson = False) -> None:
    """Show an incident, also one that is over: what was tried, who was told, and which purchase orders felt it.

    Example: dropwright incident show 3

    JSON: {"incident", "supplier", "kind", "reason", "opened_at", "probed_at", "probe_after", "recovered_at",
    "down_again_at", "closed_at", "probes", "mails", "difference": {"known", "gone", "new", "retyped"} | null, "workflow",
    "orders": [{"number", "order", "joined_at", "waiting", "released_at"}]}
    """
    with opened_database(read_settings()) as database, database.begin() as tx:
        found = registers.incident(tx, incident_id)
    if found is None:
        raise CommandFailedError(f"there is no incident {incident_id}; `dropwright incidents` lists the open ones")
    orders = found.pop("orders")
    shape = {"incident": found.pop("id"), **found, "workflow": incident_workflow_id(found["supplier"], found["kind"])}
    if as_json:
        write_json({**shape, "orders": orders})
        return
    print_table(("", ""), [(name.replace("_", " "), value) for name, value in shape.items()])
    if orders:
        print_table([name.replace("_", " ") for name in orders[0]], [list(order.values()) for order in orders])


@incident.command("probe")
def probe_incident(incident_id: IncidentId, *, as_json: AsJson = False) -> None:
    """Try the supplier now, instead of at the next interval. Where it serves us again, waiting orders go on.

    Example: dropwright incident probe 3

    JSON: {"workflow": str}
    """
    with opened_database(read_settings()) as database, database.begin() as tx:
        found = _open_incident(tx, incident_id)
    if found.kind == Trouble.CHANGED:
        raise CommandFailedError(
            "there is nothing to try: the next answer that can be read ends it; or answer its task"
        )
    if found.recovered_at is not None:
        since = f"{found.recovered_at:%d %b %H:%MZ}"
        raise CommandFailedError(f"there is nothing to try: {found.supplier} serves us again since {since}")
    asyncio.run(_tell(found, PROBE))
    workflow_id = incident_workflow_id(found.supplier, found.kind)
    if as_json:
        write_json({"workflow": workflow_id})
    else:
        console().print(f"{found.supplier} is tried now; `dropwright incident show {incident_id}` says what came of it")


@incident.command("close")
def close_incident(incident_id: IncidentId, *, as_json: AsJson = False) -> None:
    """Close an incident by hand: waiting orders go on, a few at a time. It opens again where the trouble lasts.

    Example: dropwright incident close 3

    JSON: {"closed": [kind]}
    """
    with opened_database(read_settings()) as database, database.begin() as tx:
        found = _open_incident(tx, incident_id)
        closed = incidents.close(tx, found.supplier, kinds=(found.kind,), now=datetime.now(UTC))
    try:
        asyncio.run(_tell(found, LOOK))
    except (TemporalAwayError, RPCError):
        say("Temporal does not answer: waiting orders go on once it is back")
    if as_json:
        write_json({"closed": closed})
    else:
        console().print(f"closed: {', '.join(closed)}")


def _open_incident(tx: Transaction, incident_id: int) -> registers.IncidentRecord:
    found = [one for one in registers.open_incidents(tx) if one.id == incident_id]
    if not found:
        raise CommandFailedError(f"there is no open incident {incident_id}; `dropwright incidents` lists them")
    return found[0]


async def _tell(found: registers.IncidentRecord, signal: str) -> None:
    """Bring a wish to the incident's workflow, which is started where none runs."""
    request = IncidentRequest(supplier=found.supplier, kind=Trouble(found.kind))
    await start_incident_workflow(await connect_temporal(), request, signal=signal)
