"""What people may tell a running order, and what they are answered.

Commands carry reason codes and references only. A note or a new address is stored first; the command names the row.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from models.base import Actor, Contract, Duration, Identifier, Reference, StrictContract

MOST_EXTENSION = timedelta(days=366)


class CommandName(StrEnum):
    """The words people steer orders with, each with one meaning everywhere."""

    RELEASE = "release"  # go on: end a hold, or try the paused step again
    HOLD = "hold"  # stop before the next step that leaves the house
    CANCEL = "cancel"  # end the order; a supplier that already has it is asked
    REROUTE = "reroute"  # take the open quantity elsewhere
    RESUBMIT = "resubmit"  # the supplier does not have it: send it again
    CONFIRM_SUBMISSION = "confirm_submission"  # the supplier has it, under this number
    MARK_SHIPPED = "mark_shipped"  # it is on its way, with this tracking number
    CHANGE_ADDRESS = "change_address"  # ship to the stored address row named
    APPROVE = "approve"
    REJECT = "reject"
    EXTEND_TRACKING = "extend_tracking"  # keep asking the supplier for this much longer
    WAIT = "wait"  # for stock, for this long
    ASK_CUSTOMER = "ask_customer"  # by mail, with a link: wait, take something else, or cancel
    SHIP_AVAILABLE = "ship_available"  # deliver what is there, cancel the rest


_REQUIRED: dict[CommandName, tuple[str, ...]] = {
    CommandName.CONFIRM_SUBMISSION: ("supplier_number",),
    CommandName.MARK_SHIPPED: ("tracking_number",),
    CommandName.CHANGE_ADDRESS: ("address_id",),
    CommandName.EXTEND_TRACKING: ("extend_by",),
    CommandName.WAIT: ("wait_for",),
}


class Command(StrictContract):
    """One instruction from a person, as the Update and the ``override`` signal both carry it.

    In the Temporal UI: ``{"command": "release"}``, ``{"command": "confirm_submission", "supplier_number": "A12345"}``.
    """

    command: CommandName
    command_id: Identifier | None = None
    actor: Actor = "temporal-ui"
    task_id: int | None = Field(default=None, ge=1)
    note_id: int | None = Field(default=None, ge=1)
    address_id: int | None = Field(default=None, ge=1)
    supplier: Identifier | None = None
    supplier_number: Reference | None = None
    tracking_number: Reference | None = None
    carrier: Reference | None = None
    extend_by: Annotated[Duration, Field(gt=timedelta(0), le=MOST_EXTENSION)] | None = None
    wait_for: Annotated[Duration, Field(gt=timedelta(0), le=MOST_EXTENSION)] | None = None

    @model_validator(mode="after")
    def _carries_what_it_needs(self) -> Self:
        missing = [field for field in _REQUIRED.get(self.command, ()) if getattr(self, field) is None]
        if missing:
            raise ValueError(f"{self.command} needs {', '.join(missing)}")
        return self


class CommandReceipt(Contract):
    """What the person is told at once: the command was taken, and what happens now."""

    command_id: str
    next: str


class StorefrontEventKind(StrEnum):
    """What a storefront may say of an order that already runs."""

    CANCELLED = "cancelled"
    ADDRESS_CHANGED = "address_changed"


class StorefrontEvent(Contract):
    """A fact from the storefront, already stored; ``event_id`` makes a repeated delivery recognisable."""

    event_id: Identifier
    kind: StorefrontEventKind


class SupplierReported(Contract):
    """Something that a supplier has sent about a purchase order, by whatever channel; it is stored already."""

    event_id: Identifier


class SupplierRecovered(Contract):
    """A supplier serves us again; ``event_id`` names the incident."""

    event_id: Identifier


class StockArrived(Contract):
    """Something that a waiting order lacked may be had now; ``event_id`` names the feed's run or the sweep's look."""

    event_id: Identifier


class CustomerAnswered(Contract):
    """A customer has answered; the answer is stored with the question."""

    event_id: Identifier
    question_id: int = Field(ge=1)


class UnitsReturned(Contract):
    """A supplier will not deliver some units of a purchase order that goes on: the order plans them again."""

    event_id: Identifier
    supplier: Identifier
    units: int = Field(ge=1)
