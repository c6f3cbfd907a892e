"""What a supplier can do and what it answers, in the field's words; the same for every supplier."""

import re
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from models.base import Contract, CountryCode, Identifier, Reference, Timestamp
from models.money import Amount, Money
from models.orders import Address

Ean = Annotated[str, StringConstraints(min_length=1, max_length=40)]


def _readable(text: object) -> object:
    return _UNREADABLE.sub("", text) if isinstance(text, str) else text


_UNREADABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
# What a supplier wrote, without what can't be read and no database keeps: an order is not stuck for a NUL in its status.
Said = Annotated[str, BeforeValidator(_readable)]
StatusText = Annotated[Said, StringConstraints(max_length=60)]


class DoubtMeans(StrEnum):
    """How a doubtful submission is settled without a person."""

    KEY = "key"  # sent again under our number, the supplier answers with the first order
    LOOK_UP = "look_up"  # it can be asked for by our number
    PROOF = "proof"  # what lies in a folder, a receipt or a reply tells
    NONE = "none"  # only a person can know


class Arrival(StrEnum):
    """How a fact reaches us."""

    POLL = "poll"  # we ask for it
    PUSH = "push"  # it is sent to us
    BOTH = "both"
    NONE = "none"  # it never does


class Capabilities(Contract):
    """What a supplier offers, as data: lifecycles read this and never ask which supplier it is."""

    live_rates: bool
    live_stock: bool
    doubt: DoubtMeans
    visibility_delay: timedelta = timedelta(0)  # an order that a look-up does not find by then does not exist
    cancel: bool
    partial_cancel: bool = False
    acknowledgement: Arrival = Arrival.POLL
    shipment: Arrival = Arrival.POLL
    invoice: Arrival = Arrival.NONE
    returns: Arrival = Arrival.NONE
    line_level_acknowledgements: bool = False
    line_level_shipments: bool = False
    test_orders: bool
    api_version: str = Field(default="", max_length=20)
    calls_per_second: float | None = None  # as the vendor states it; the configuration may ask for less
    concurrent_calls: int | None = None
    acknowledges_within: timedelta | None = None  # as promised; working days are in the supplier's terms
    ships_within: timedelta | None = None
    stock_leaves_when_shipped: bool = False  # its stock still shows units that it has acknowledged: a shelf does


class SupplierLine(Contract):
    """A line as the supplier knows it. ``sku`` is the supplier's own; ``unit_cost`` is what we expect to pay."""

    ean: Ean
    quantity: int = Field(gt=0)
    sku: str = Field(default="", max_length=60)
    unit_cost: Money | None = None


class Destination(Contract):
    """As much of the address as a rate depends on."""

    country_code: CountryCode
    postal_code: str = Field(max_length=20)


class ShippingQuote(Contract):
    """One way to ship, as quoted for one destination and one set of lines. ``days`` are business days."""

    quote_id: Identifier
    carrier: Said = Field(max_length=60)
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
    carrier: str = Field(default="", max_length=60)  # of the chosen quote
    customer_order: str = Field(default="", max_length=40)  # the storefront's name of it, e.g. "#1001"
    placed_on: date | None = None  # in UTC
    ship_by: date | None = None
    arrive_by: date | None = None


class SupplierState(StrEnum):
    """A supplier's order status in our words. ``UNKNOWN`` is a value: it opens a task, and is never guessed at."""

    SENT = "sent"  # it has left; the supplier has not said yet that it has it
    AWAITING_PAYMENT = "awaiting_payment"
    ACKNOWLEDGED = "acknowledged"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


ACKNOWLEDGING = frozenset(
    {SupplierState.ACKNOWLEDGED, SupplierState.SHIPPED}
)  # states that say: we have it, we deliver


class LineStatus(StrEnum):
    """What a supplier says of some units of a line."""

    ACCEPTED = "accepted"  # as ordered, or with another price or date
    BACKORDERED = "backordered"  # it will deliver them later
    SUBSTITUTED = "substituted"  # it would deliver another article instead
    REJECTED = "rejected"  # it will not deliver them


class AcknowledgedLine(Contract):
    """A supplier's answer about some units of an article; several answers may split a line.

    Of an article nothing is said about, nothing is known. Said again, it means the same: never add answers up.
    """

    ean: Ean
    quantity: int = Field(gt=0)
    status: LineStatus = LineStatus.ACCEPTED
    unit_cost: Money | None = None  # None: as ordered
    expected_on: date | None = None  # when it ships, as the supplier now says
    substitute: Said = Field(default="", max_length=60)  # the other article: its EAN, or the supplier's own number
    reason: StatusText = ""  # the supplier's code for it, e.g. "R2"


class DeclinedLine(Contract):
    """Units of an article that a supplier has said it will not deliver, of an order it otherwise accepts."""

    ean: Ean
    quantity: int = Field(gt=0)


def _declined(lines: tuple[AcknowledgedLine, ...]) -> tuple[DeclinedLine, ...]:
    rejected = (line for line in lines if line.status is LineStatus.REJECTED)
    return tuple(DeclinedLine(ean=line.ean, quantity=line.quantity) for line in rejected)


class PlacedOrder(Contract):
    """The supplier's answer to a purchase order. ``lines``: what it says of each, where it says anything."""

    supplier_number: Reference
    state: SupplierState
    status_text: StatusText = ""
    total: Money | None = None
    expected_delivery: Timestamp | None = None
    lines: tuple[AcknowledgedLine, ...] = ()

    @property
    def declined(self) -> tuple[DeclinedLine, ...]:
        """What it will not deliver."""
        return _declined(self.lines)


class LookupVerdict(StrEnum):
    """What looking for an order by our number has found."""

    FOUND = "found"
    ABSENT = "absent"  # proven: it does not exist, and nothing under way can make it exist
    UNSURE = "unsure"  # this order can't be settled by looking


class Lookup(Contract):
    """The answer to "do you have an order of ours under this number?". ``said`` is evidence, without personal data."""

    verdict: LookupVerdict
    placed: PlacedOrder | None = None  # where it was found
    said: StatusText = ""


class TrackedParcel(Contract):
    """A parcel as the supplier reports it. Without ``lines`` it covers whatever is still open."""

    tracking_number: Reference
    carrier: Said = Field(default="", max_length=60)
    url: Said = Field(default="", max_length=300)
    lines: tuple[SupplierLine, ...] = ()


class SupplierOrderStatus(Contract):
    """A supplier order as it stands: its state, the supplier's own word for it, its acknowledgement per line and its
    parcels so far. All that was said until now: said again, it means the same.
    """

    state: SupplierState
    status_text: StatusText = ""
    parcels: tuple[TrackedParcel, ...] = ()
    lines: tuple[AcknowledgedLine, ...] = ()

    @property
    def declined(self) -> tuple[DeclinedLine, ...]:
        """What it will not deliver."""
        return _declined(self.lines)


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
    doubt_deadline: timedelta = timedelta(hours=6)  # how long its own means may take to settle a doubtful submission
    reroute_down_after: timedelta | None = None  # in an outage: order elsewhere after this long; None: wait
    reroute_silent: bool = False  # no acknowledgement in time: cancel it there and order elsewhere, unasked
    remind_after: timedelta
    escalate_after: timedelta
