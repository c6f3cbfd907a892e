"""Commands that steer orders: each becomes one Update to the right lifecycle, alone or as a batch."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from adapters.database import orders
from adapters.database.engine import Database
from models.commands import CommandName
from models.orders import Address
from starter.choosing import jobs_of, jobs_where
from starter.console import AsJson, CommandFailedError, Who, acting, read_settings, say
from starter.jobs import Job, Manner, build, carry_out, wrong_fields
from starter.opening import connect_temporal, opened_database
from starter.references import target_of, the_order
from workflows.decisions.screening import COUNTRIES

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
                jobs = jobs_where(database, where, name, manner, references)
                _confirm(jobs, name, yes=yes)
            else:
                jobs = jobs_of(database, references or [], name, manner, supplier)
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

    JSON: as `order release`; exit code 1 where it was refused, 3 where no answer came in time.
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

    JSON: as `order release`; exit code 1 where it was refused, 3 where no answer came in time.
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

    JSON: as `order release`; exit code 1 where it was refused, 3 where no answer came in time.
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

    JSON: as `order release`; exit code 1 where it was refused, 3 where no answer came in time.
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

    JSON: as `order release`; exit code 1 where it was refused, 3 where no answer came in time.
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
        target = target_of(order, CommandName.CHANGE_ADDRESS, supplier=None, reference=reference)
        address_id = store_address(database, order.id, given, manner.actor)
        command = build(CommandName.CHANGE_ADDRESS, manner, address_id=address_id)
        carry_out(database, [Job(target=target, command=command, order=order)], manner, as_json=as_json)


def address_fields(**fields: str | None) -> dict[str, str]:
    """Keep the fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def store_address(database: Database, order_id: int, given: dict[str, str], actor: str) -> int:
    """Store the address as changed by ``given``, and return its row. Raises CommandFailedError naming a wrong field.

    Raises TemporalAwayError, before anything is stored, where nobody could be told of it.
    """
    if not given:
        raise CommandFailedError("say what changes: --name, --address1, --city, --postal-code, --country, …")
    with database.begin() as tx:
        before = orders.load(tx, order_id).address or Address()
    address = _changed(before, given)
    asyncio.run(connect_temporal())  # where it is away nothing is stored: each new try would leave one more address
    with database.begin() as tx:
        return orders.store_address(tx, order_id, address, source=actor, now=datetime.now(UTC))


def _changed(before: Address, given: dict[str, str]) -> Address:
    try:
        address = Address.model_validate({**before.model_dump(), **given})
    except ValidationError as error:
        raise CommandFailedError(f"the address can't be used: {wrong_fields(error)}") from None
    if "country_code" in given and address.country_code not in COUNTRIES:
        raise CommandFailedError("the address can't be used: --country: a country's two letters, e.g. DE")
    return address


def _confirm(jobs: Sequence[Job], name: CommandName, *, yes: bool) -> None:
    if not jobs:
        raise CommandFailedError("nothing fits this filter")
    labels = ", ".join(job.target.label for job in jobs[:10]) + (", …" if len(jobs) > 10 else "")
    say(f"{name.replace('_', ' ')} for {len(jobs)}: {labels}")
    if not yes:
        typer.confirm("Send it to all of them?", abort=True, err=True)


def _one(
    name: CommandName, reference: str, supplier: str | None, manner: Manner, fields: dict[str, Any], *, as_json: bool
) -> None:
    command = build(name, manner, **fields)
    with opened_database(read_settings()) as database:
        order = the_order(database, reference)
        target = target_of(order, name, supplier=supplier, reference=reference)
        carry_out(database, [Job(target=target, command=command, order=order)], manner, as_json=as_json)
