"""Commands for the people of our own warehouses: what to pick, with the address, and what became of it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError
from temporalio.service import RPCError

from adapters.database import picks
from adapters.database.engine import Database
from adapters.database.picks import PickRefusedError
from models.articles import normalise_ean
from models.base import Reference
from models.commands import SupplierReported
from models.picks import Picked, PickTask
from starter.console import (
    AsJson,
    CommandFailedError,
    Who,
    acting,
    console,
    print_table,
    read_settings,
    say,
    text_of,
    write_json,
)
from starter.opening import TemporalAwayError, connect_temporal, opened_database
from starter.pick_slip import write_slip

app = typer.Typer(invoke_without_command=True, help="What our own warehouses have to pick, and what became of it.")

Number = Annotated[
    str, typer.Argument(metavar="NUMBER", help="Our purchase-order number, as `dropwright picks` lists it.")
]
Short = Annotated[
    list[str] | None, typer.Option("--short", metavar="EAN=UNITS", help="Units that were not found; may be repeated.")
]
COLUMNS = ("number", "warehouse", "order", "articles", "units", "ship_by", "late", "opened_at")


@app.callback()
def list_picks(
    context: typer.Context,
    *,
    warehouse: Annotated[str | None, typer.Option(help="Only this one's, as in the configuration.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 200,
    as_json: AsJson = False,
) -> None:
    """List what is to be picked, the first promised first; with a command, look at one or answer it.

    Example: dropwright picks --warehouse own

    JSON: [{"number", "warehouse", "order", "articles", "units", "ship_by", "late", "opened_at"}]
    """
    if context.invoked_subcommand is not None:
        return
    with opened_database(read_settings()) as database, database.begin() as tx:
        found = picks.list_open(tx, warehouse=warehouse, today=datetime.now(UTC), limit=limit)
    rows = [{column: row["order_name" if column == "order" else column] for column in COLUMNS} for row in found]
    if as_json:
        write_json(rows)
        return
    print_table([column.replace("_", " ") for column in COLUMNS], [list(row.values()) for row in rows])


@app.command("show")
def show(number: Number, *, as_json: AsJson = False) -> None:
    """Show one pick task with the address it goes to: personal data, for who packs it.

    Example: dropwright picks show DW-1-11

    JSON: {"number", "warehouse", "state", "order", "ship_by", "test", "tracking_number", "carrier", "reason",
    "opened_at", "changed_at", "changed_by", "address": {…}, "lines": [{"ean", "sku", "title", "quantity", "short"}]}
    """
    page = _page(number)
    if as_json:
        write_json(page)
        return
    by = f" by {page['changed_by']}" if page["changed_by"] else ""
    console().print(f"{page['number']} · {page['order']} · {page['state']}{by} · ship by {text_of(page['ship_by'])}")
    console().print("\n".join(text_of(part) for part in address_lines(page["address"])) + "\n")
    columns = ("quantity", "short", "ean", "sku", "title")
    print_table(columns, [[line[column] for column in columns] for line in page["lines"]])


@app.command("slip")
def slip(
    number: Number,
    *,
    html: Annotated[Path, typer.Option("--html", metavar="FILE", help="Where it is written.")],
    as_json: AsJson = False,
) -> None:
    """Write a slip to print: one HTML page with the articles and the address. It holds personal data.

    Example: dropwright picks slip DW-1-11 --html slip.html

    JSON: {"number", "file"}
    """
    page = _page(number)
    write_slip(html, page, address_lines(page["address"]))
    if as_json:
        write_json({"number": page["number"], "file": str(html)})
    else:
        console().print(f"{html} written")


@app.command("done")
def done(
    number: Number,
    *,
    tracking: Annotated[str, typer.Option(help="The parcel's tracking number.")],
    carrier: Annotated[str, typer.Option(help="Who carries it.")],
    short: Short = None,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Say that a pick task has left the house. What is short is ordered elsewhere, or asked about; said again, nothing.

    Example: dropwright picks done DW-1-11 --tracking 00340434 --carrier GLS --short 4006381333931=1

    JSON: {"number", "state", "changed": bool, "told": bool}; told is false where the order hears of it later
    """
    picked = Picked(
        tracking_number=_reference("--tracking", tracking),
        carrier=_reference("--carrier", carrier),
        short=_units(short or []),
        by=acting(who),
    )
    with opened_database(read_settings()) as database:
        with _answering(), database.begin() as tx:
            changed = picks.ship(tx, _number(number), picked, now=datetime.now(UTC))
        _conclude(database, _number(number), changed=changed, as_json=as_json)


@app.command("refuse")
def refuse(
    number: Number,
    *,
    reason: Annotated[str, typer.Option(help="Why; kept with the pick task.")],
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Say that nothing of a pick task can be sent: its order goes to another supplier, or is asked about.

    Example: dropwright picks refuse DW-1-11 --reason "water damage"

    JSON: as `picks done`
    """
    with opened_database(read_settings()) as database:
        with _answering(), database.begin() as tx:
            changed = picks.refuse(tx, _number(number), reason=reason[:500], by=acting(who), now=datetime.now(UTC))
        _conclude(database, _number(number), changed=changed, as_json=as_json)


@contextmanager
def _answering() -> Iterator[None]:
    """Turn a refusal into one line for whoever asked."""
    try:
        yield
    except PickRefusedError as refusal:
        raise CommandFailedError(str(refusal)) from None


def _conclude(database: Database, number: str, *, changed: bool, as_json: bool) -> None:
    with database.begin() as tx:
        task, workflow_id = picks.find(tx, number), picks.workflow_of(tx, number)
    assert task is not None
    told = workflow_id is not None and asyncio.run(_tell(workflow_id, task))
    if as_json:
        write_json({"number": number, "state": task.state, "changed": changed, "told": told})
        return
    console().print(f"{number}: {task.state}" if changed else f"{number}: {task.state}, as was said before")
    if workflow_id is not None and not told:
        say("Temporal does not answer: the order hears of it at its next check, or when this is said again")


async def _tell(workflow_id: str, task: PickTask) -> bool:
    """Wake the lifecycle: what it has to know is stored. False where it could not be told."""
    news = SupplierReported(event_id=f"pick:{task.number}:{task.state}")
    try:
        client = await connect_temporal()
        await client.get_workflow_handle(workflow_id).signal("supplier_reported", news)
    except (TemporalAwayError, RPCError):
        return False
    return True


def _page(number: str) -> dict[str, Any]:
    with opened_database(read_settings()) as database, database.begin() as tx:
        task, more = picks.find(tx, _number(number)), picks.slip(tx, _number(number))
    if task is None or more is None:
        raise CommandFailedError(f"there is no pick task {_number(number)}: `dropwright picks` lists them")
    kept = task.model_dump(mode="json", exclude={"lines"})
    nothing = {"sku": "", "title": ""}
    lines = [
        {"ean": line.ean, **more["articles"].get(line.ean, nothing), "quantity": line.quantity, "short": line.short}
        for line in task.lines
    ]
    order = {"order": more["order_name"] or "", "ship_by": more["ship_by"], "address": more["address"]}
    return {**kept, **order, "lines": lines}


def address_lines(address: dict[str, str]) -> list[str]:
    """Write an address as it stands on a parcel; empty parts are left out."""
    town = f"{address['postal_code']} {address['city']}".strip()
    region = f"{address['province_code']} {address['country_code']}".strip()
    parts = [address["name"], address["company"], address["address1"], address["address2"], town, region]
    return [part for part in [*parts, address["phone"]] if part]


def _number(number: str) -> str:
    return number.strip().upper()


def _reference(option: str, value: str) -> str:
    try:
        return TypeAdapter[str](Reference).validate_python(value.strip())
    except ValidationError:
        raise typer.BadParameter("letters, digits, spaces and _ . / # -, at most 60", param_hint=option) from None


def _units(given: list[str]) -> dict[str, int]:
    short: dict[str, int] = {}
    for one in given:
        ean, _, units = one.partition("=")
        if not units.strip().isdigit() or not int(units):
            raise typer.BadParameter(f"write EAN=UNITS, not {one!r}", param_hint="--short")
        short[normalise_ean(ean)] = short.get(normalise_ean(ean), 0) + int(units)
    return short
