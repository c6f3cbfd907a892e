"""Commands that steer orders: each becomes one Update to the right lifecycle, alone or as a batch."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from adapters.database import notes, orders, tasks, views
from adapters.database.commands import CommandOutcome
from adapters.database.engine import Database
from adapters.database.views import OrderRecord
from models.commands import Command, CommandName
from models.orders import Address
from models.statuses import OrderState
from models.tasks import TaskCategory
from starter.console import AsJson, CommandFailedError, Who, acting, print_table, read_settings, say, write_json
from starter.opening import connect_temporal, opened_database
from starter.overrides import Outcome, Target, batch, send_command
from starter.references import purchase_order_target, target_of, target_of_task, the_order

EVERY_OPEN_ORDER = 10_000
PENDING_EXIT = 3

References = Annotated[
    list[str] | None,
    typer.Argument(metavar="REF", help="Orders: #1001, 1001, channel/id, or a workflow id.", show_default=False),
]
Reference = Annotated[str, typer.Argument(metavar="REF", help="#1001, 1001, channel/id, or a workflow id.")]
Supplier = Annotated[str | None, typer.Option(help="The purchase order at this supplier, where there are several.")]
Note = Annotated[str | None, typer.Option(metavar="TEXT", help="A note, stored with the order; it may name people.")]
Where = Annotated[
    str | None,
    typer.Option(metavar="FILTER", help="Instead of REFs: category=…,supplier=…,channel=… (any of them)."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a batch.")]
CommandId = Annotated[
    str | None, typer.Option("--command-id", metavar="ID", help="Repeat a command under its own id: harmless.")
]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One command for one lifecycle."""

    target: Target
    command: Command
    order: OrderRecord


@dataclass(frozen=True, kw_only=True)
class Manner:
    """What accompanies a command: who gives it, the note beside it, its own id."""

    actor: str
    note: str | None = None
    command_id: str | None = None


def simple(name: CommandName, explanation: str) -> Callable[..., None]:
    """Build the command line of an instruction that needs no more than its orders."""

    def command(
        references: References = None,
        *,
        supplier: Supplier = None,
        where: Where = None,
        note: Note = None,
        yes: Yes = False,
        who: Who = None,
        command_id: CommandId = None,
        as_json: AsJson = False,
    ) -> None:
        manner = Manner(actor=acting(who), note=note, command_id=command_id)
        with opened_database(read_settings()) as database:
            if where is not None:
                jobs = _jobs_where(database, where, name, manner, references)
                _confirm(jobs, name, yes=yes)
            else:
                jobs = _jobs_of(database, references or [], name, manner, supplier)
            carry_out(database, jobs, manner, as_json=as_json)

    command.__doc__ = (
        f"{explanation}\n\nExample: dropwright order {name.replace('_', '-')} '#1001' --note 'why'\n\n"
        f"{_JSON_SHAPE}\n\nExit code 1 where any was refused, 3 where any got no answer in time."
    )
    return command


_JSON_SHAPE = (
    'JSON: [{"order", "for", "workflow_id", "command_id", "outcome": "accepted" | "refused" | "pending", "message"}]'
)


def mark_shipped(
    reference: Reference,
    *,
    tracking: Annotated[str, typer.Option(help="The parcel's tracking number.")],
    carrier: Annotated[str | None, typer.Option(help="Who carries it, e.g. GLS.")] = None,
    supplier: Supplier = None,
    note: Note = None,
    who: Who = None,
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Say that a purchase order is on its way: storefront and customer are told, with this number.

    Example: dropwright order mark-shipped '#1001' --tracking GLS123 --carrier GLS
    """
    fields = {"tracking_number": tracking, "carrier": carrier}
    _one(
        CommandName.MARK_SHIPPED,
        reference,
        supplier,
        Manner(actor=acting(who), note=note, command_id=command_id),
        fields,
        as_json=as_json,
    )


def confirm_submission(
    reference: Reference,
    *,
    number: Annotated[str, typer.Option(help="The supplier's number of the order, from its portal.")],
    supplier: Supplier = None,
    note: Note = None,
    who: Who = None,
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Answer a submission in doubt: the supplier has the order, under this number.

    Example: dropwright order confirm-submission '#1001' --number A12345
    """
    _one(
        CommandName.CONFIRM_SUBMISSION,
        reference,
        supplier,
        Manner(actor=acting(who), note=note, command_id=command_id),
        {"supplier_number": number},
        as_json=as_json,
    )


def extend_tracking(
    reference: Reference,
    *,
    by: Annotated[str, typer.Option(metavar="DURATION", help="For how much longer: 24h, 2d, 90m.")],
    supplier: Supplier = None,
    note: Note = None,
    who: Who = None,
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Keep asking the supplier for this much longer, on the last interval of its plan.

    Example: dropwright order extend-tracking '#1001' --by 24h
    """
    _one(
        CommandName.EXTEND_TRACKING,
        reference,
        supplier,
        Manner(actor=acting(who), note=note, command_id=command_id),
        {"extend_by": by},
        as_json=as_json,
    )


def wait(
    reference: Reference,
    *,
    how_long: Annotated[str, typer.Option("--for", metavar="DURATION", help="For how long at most: 72h, 14d.")],
    note: Note = None,
    who: Who = None,
    command_id: CommandId = None,
    as_json: AsJson = False,
) -> None:
    """Wait for stock: the order goes on by itself as soon as enough is there, and asks again after this long.

    Example: dropwright order wait '#1001' --for 14d
    """
    _one(
        CommandName.WAIT,
        reference,
        None,
        Manner(actor=acting(who), note=note, command_id=command_id),
        {"wait_for": how_long},
        as_json=as_json,
    )


def change_address(
    reference: Reference,
    *,
    name: Annotated[str | None, typer.Option(help="Who receives it.")] = None,
    company: Annotated[str | None, typer.Option()] = None,
    address1: Annotated[str | None, typer.Option(help="Street and number.")] = None,
    address2: Annotated[str | None, typer.Option()] = None,
    city: Annotated[str | None, typer.Option()] = None,
    state: Annotated[str | None, typer.Option(help="Two-letter code, where the country needs one.")] = None,
    postal_code: Annotated[str | None, typer.Option()] = None,
    country: Annotated[str | None, typer.Option(help="Two-letter code: ES, DE, US.")] = None,
    phone: Annotated[str | None, typer.Option()] = None,
    email: Annotated[str | None, typer.Option()] = None,
    note: Note = None,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Ship to another address: what is not given stays as it is. It is stored here; the command only names its row.

    Where a supplier has the order already, a task asks for a call to it.

    Example: dropwright order change-address '#1001' --postal-code 28001 --city Madrid
    """
    given = address_fields(
        name=name,
        company=company,
        address1=address1,
        address2=address2,
        city=city,
        province_code=state,
        postal_code=postal_code,
        country_code=country,
        phone=phone,
        email=email,
    )
    manner = Manner(actor=acting(who), note=note)
    with opened_database(read_settings()) as database:
        order = the_order(database, reference)
        address_id = store_address(database, order.id, given, manner.actor)
        target = target_of(order, CommandName.CHANGE_ADDRESS, supplier=None, reference=reference)
        command = build(CommandName.CHANGE_ADDRESS, manner, address_id=address_id)
        carry_out(database, [Job(target=target, command=command, order=order)], manner, as_json=as_json)


def address_fields(**fields: str | None) -> dict[str, str]:
    """Keep the fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def store_address(database: Database, order_id: int, given: dict[str, str], actor: str) -> int:
    """Store the address as changed by ``given``, and return its row. Raises CommandFailedError naming a wrong field."""
    if not given:
        raise CommandFailedError("say what changes: --name, --address1, --city, --postal-code, --country, …")
    with database.begin() as tx:
        before = orders.load(tx, order_id).address or Address()
        try:
            address = Address.model_validate({**before.model_dump(), **given})
        except ValidationError as error:
            raise CommandFailedError(f"the address can't be used: {_fields_of(error)}") from None
        return orders.store_address(tx, order_id, address, source=actor, now=datetime.now(UTC))


def build(name: CommandName, manner: Manner, **fields: Any) -> Command:
    """Build a command from what was typed. Raises CommandFailedError naming the field that can't be used."""
    try:
        return Command.model_validate(
            {"command": name, "actor": manner.actor, "command_id": manner.command_id, **fields}
        )
    except ValidationError as error:
        raise CommandFailedError(f"{name.replace('_', '-')}: {_fields_of(error)}") from None


def _fields_of(error: ValidationError) -> str:
    """Name each wrong field; its value may be personal."""
    problems = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in problems)


def _one(
    name: CommandName, reference: str, supplier: str | None, manner: Manner, fields: dict[str, Any], *, as_json: bool
) -> None:
    command = build(name, manner, **fields)
    with opened_database(read_settings()) as database:
        order = the_order(database, reference)
        target = target_of(order, name, supplier=supplier, reference=reference)
        carry_out(database, [Job(target=target, command=command, order=order)], manner, as_json=as_json)


def _jobs_of(
    database: Database, references: Sequence[str], name: CommandName, manner: Manner, supplier: str | None
) -> list[Job]:
    if not references:
        raise typer.BadParameter("name at least one order, or choose with --where")
    if manner.command_id and len(references) > 1:
        raise typer.BadParameter("--command-id is one command's: name one order")
    jobs = []
    for reference in references:
        order = the_order(database, reference)
        target = target_of(order, name, supplier=supplier, reference=reference)
        jobs.append(Job(target=target, command=build(name, manner), order=order))
    return jobs


def _jobs_where(
    database: Database, where: str, name: CommandName, manner: Manner, references: Sequence[str] | None
) -> list[Job]:
    if references or manner.command_id:
        raise typer.BadParameter("--where chooses the orders: give no REF and no --command-id")
    wanted = _read_filter(where)
    with database.begin() as tx:
        if "category" in wanted:
            asked = tasks.list_open(tx, category=TaskCategory(wanted["category"]))
            found = views.read_orders(tx, {task["order_id"] for task in asked} - {None})
            return [job for order in found for job in _jobs_asked(order, wanted, name, manner)]
        found = views.list_orders(tx, state=OrderState.OPEN, channel=wanted.get("channel"), limit=EVERY_OPEN_ORDER)
    return [job for order in found for job in _jobs_at(order, wanted.get("supplier"), name, manner)]


def _read_filter(where: str) -> dict[str, str]:
    pairs = dict(part.strip().partition("=")[::2] for part in where.split(",") if part.strip())
    unknown = set(pairs) - {"category", "supplier", "channel"}
    if unknown or not pairs or not all(pairs.values()):
        raise typer.BadParameter("--where takes category=…, supplier=… and channel=…, separated by commas")
    if "category" in pairs and pairs["category"] not in set(TaskCategory):
        raise typer.BadParameter(f"there is no category {pairs['category']}: {', '.join(TaskCategory)}")
    return pairs


def _jobs_asked(order: OrderRecord, wanted: dict[str, str], name: CommandName, manner: Manner) -> list[Job]:
    """Answer the questions of this category that take this command; each answer names its task."""
    jobs: list[Job] = []
    if wanted.get("channel") not in (None, order.channel):
        return jobs
    for task in order.tasks:
        if task["category"] != wanted["category"] or task["workflow_id"] is None:
            continue
        if all(alternative["command"] != name for alternative in task["alternatives"]):
            continue
        target = target_of_task(order, task["workflow_id"])
        if "supplier" in wanted and not _is_at(order, target, wanted["supplier"]):
            continue
        jobs.append(Job(target=target, command=build(name, manner, task_id=task["id"]), order=order))
    return jobs


def _is_at(order: OrderRecord, target: Target, supplier: str) -> bool:
    return any(one.id == target.purchase_order_id and one.supplier == supplier for one in order.purchase_orders)


def _jobs_at(order: OrderRecord, supplier: str | None, name: CommandName, manner: Manner) -> list[Job]:
    if supplier is None:
        target = target_of(order, name, supplier=None, reference=order.reference)
        return [Job(target=target, command=build(name, manner), order=order)]
    return [
        Job(target=purchase_order_target(order, one), command=build(name, manner), order=order)
        for one in order.purchase_orders
        if one.open and one.supplier == supplier
    ]


def _confirm(jobs: Sequence[Job], name: CommandName, *, yes: bool) -> None:
    if not jobs:
        raise CommandFailedError("nothing fits this filter")
    labels = ", ".join(job.target.label for job in jobs[:10]) + (", …" if len(jobs) > 10 else "")
    say(f"{name.replace('_', ' ')} for {len(jobs)}: {labels}")
    if not yes:
        typer.confirm("Send it to all of them?", abort=True, err=True)


def carry_out(database: Database, jobs: Sequence[Job], manner: Manner, *, as_json: bool) -> None:
    """Send every command, show each answer, and leave with the exit code that sums them up."""
    prepared = [_with_note(database, job, manner.note, manner.actor) for job in jobs]
    outcomes = asyncio.run(_send(database, prepared))
    rows = [
        {
            "order": job.order.reference,
            "for": job.target.label,
            "workflow_id": outcome.workflow_id,
            "command_id": outcome.command_id,
            "outcome": outcome.outcome,
            "message": outcome.message,
        }
        for job, outcome in zip(prepared, outcomes, strict=True)
    ]
    if as_json:
        write_json(rows)
    else:
        _print_outcomes(rows)
    raise typer.Exit(_exit_code([outcome.outcome for outcome in outcomes]))


def _print_outcomes(rows: Sequence[dict[str, Any]]) -> None:
    print_table(("for", "outcome", "what now"), [(row["for"], row["outcome"], row["message"]) for row in rows])
    for row in rows:
        if row["outcome"] == CommandOutcome.PENDING:
            say(f"to look later: dropwright order show {row['order']}; its id is {row['command_id']}")


def _with_note(database: Database, job: Job, text: str | None, author: str) -> Job:
    """Store the note first: the command carries its number, never its text."""
    if text is None:
        return job
    try:
        with database.begin() as tx:
            note_id = notes.store(tx, job.order.id, text, author=author, now=datetime.now(UTC))
    except ValueError as error:
        raise CommandFailedError(str(error)) from None
    return Job(target=job.target, command=job.command.model_copy(update={"note_id": note_id}), order=job.order)


async def _send(database: Database, jobs: Sequence[Job]) -> list[Outcome]:
    client = await connect_temporal()
    if len(jobs) == 1:
        return [await send_command(client, database, jobs[0].target, jobs[0].command)]
    return await batch(client, database, [(job.target, job.command) for job in jobs])


def _exit_code(outcomes: Sequence[CommandOutcome]) -> int:
    if CommandOutcome.REFUSED in outcomes:
        return 1
    return PENDING_EXIT if CommandOutcome.PENDING in outcomes else 0
