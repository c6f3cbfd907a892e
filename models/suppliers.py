"""What a supplier can do and what it answers, in the field's words; the same for every supplier."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from models.base import Contract, CountryCode, Identifier, Reference, Timestamp
from models.money import Amount, Money
from models.orders import Address

Ean = Annotated[str, StringConstraints(min_length=1, max_length=40)]
StatusText = Annotated[str, StringConstraints(max_length=60)]


class Capabilities(Contract):
    """What a supplier offers, as data: lifecycles read this and never ask which supplier it is."""

    live_rates: bool
    live_stock: bool
    find_by_our_number: bool  # a look-up that settles a doubtful submission
    idempotency_key: bool
    cancel: bool
    acknowledgement_push: bool
    line_level_shipments: bool
    test_orders: bool
    stock_leaves_when_shipped: bool = False  # its stock still shows units that it has acknowledged: a shelf does


class SupplierLine(Contract):
    """A line as the supplier knows it."""

    ean: Ean
    quantity: int = Field(gt=0)


class Destination(Contract):
    """As much of the address as a rate depends on."""

    country_code: CountryCode
    postal_code: str = Field(max_length=20)


class ShippingQuote(Contract):
    """One way to ship, as quoted for one destination and one set of lines. ``days`` are business days."""

    quote_id: Identifier
    carrier: str = Field(max_length=60)
    cost: Money
    days: int | None = None


class ShippingChoice(Contract):
    """The chosen quote and why."""

    quote: ShippingQuote
    reason: str


class StockAnswer(Contract):
    """What the supplier says of one article now. ``known`` is false where it has never heard of the EAN."""

    ean: Ean
    known: bool
    quantity: int = Field(ge=0)
    unit_cost: Money | None = None


class SupplierOrder(Contract):
    """Everything a supplier needs to ship to the customer. Holds personal data: never in a history."""

    number: Reference
    lines: tuple[SupplierLine, ...] = Field(min_length=1)
    quote_id: Identifier
    address: Address
    test: bool


class SupplierState(StrEnum):
    """A supplier's order status in our words. ``UNKNOWN`` is a value: it opens a task, and is never guessed at."""

    AWAITING_PAYMENT = "awaiting_payment"
    ACKNOWLEDGED = "acknowledged"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


ACKNOWLEDGING = frozenset(
    {SupplierState.ACKNOWLEDGED, SupplierState.SHIPPED}
)  # states that say: we have it, we deliver


class DeclinedLine(Contract):
    """Units of an article that a supplier has said it will not deliver, of an order it otherwise accepts."""

    ean: Ean
    quantity: int = Field(gt=0)


class PlacedOrder(Contract):
    """The supplier's answer to a purchase order."""

    supplier_number: Reference
    state: SupplierState
    status_text: StatusText = ""
    total: Money | None = None
    expected_delivery: Timestamp | None = None
    declined: tuple[DeclinedLine, ...] = ()


class TrackedParcel(Contract):
    """A parcel as the supplier reports it. Without ``lines`` it covers whatever is still open."""

    tracking_number: Reference
    carrier: str = Field(default="", max_length=60)
    url: str = Field(default="", max_length=300)
    lines: tuple[SupplierLine, ...] = ()


class SupplierOrderStatus(Contract):
    """A supplier order as it stands: its state, the supplier's own word for it, and its parcels so far."""

    state: SupplierState
    status_text: StatusText = ""
    parcels: tuple[TrackedParcel, ...] = ()
    declined: tuple[DeclinedLine, ...] = ()  # all that it has declined so far; said again, it means the same


class Cancellation(StrEnum):
    """A supplier's answer to a wish to cancel."""

    CANCELLED = "cancelled"
    TOO_LATE = "too_late"
    REQUESTED = "requested"  # taken note of: its order's state will tell


class Offer(Contract):
    """A supplier's standing offer for one article, with when it was last observed."""

    supplier: Identifier
    ean: Ean
    known: bool
    quantity: int = Field(ge=0)
    unit_cost: Amount | None = None
    currency: str = "EUR"
    observed_at: Timestamp


class SupplierProfile(Contract):
    """What a purchase order's lifecycle must know of its supplier, taken from configuration when it was planned."""

    supplier: Identifier
    display_name: str = Field(max_length=60)
    capabilities: Capabilities
    tracking_plan: tuple[timedelta, ...] = Field(min_length=1, max_length=50)
    final_check_grace: timedelta
    acknowledgement_deadline: timedelta
    submit_timeout: timedelta
    read_timeout: timedelta
    unreachable_deadline: timedelta
    cancel_deadline: timedelta = timedelta(days=1)  # how long its answer to a wish to cancel is awaited
    reroute_silent: bool = False  # no acknowledgement in time: cancel it there and order elsewhere, unasked
    remind_after: timedelta
    escalate_after: timedelta
