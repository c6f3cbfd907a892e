"""How a merchant describes a supplier's REST interface: ``[suppliers.NAME.profile]``. No code belongs to it.

Expressions are JMESPath over an answer's JSON; templates are filled in as ``templates`` says.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from adapters.suppliers.generic_rest.authentication import Authentication, Header
from adapters.suppliers.generic_rest.expressions import Expression
from models.base import CurrencyCode, Identifier, Interval, Span, StrictContract
from models.faults import Fault, refuse, unknown_names
from models.feeds import ATTRIBUTE_PREFIX, FeedKind, FieldName, Mapped
from models.suppliers import LineStatus, SupplierState

HeaderText = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]*$", max_length=500)]
Path = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Template = Annotated[str, StringConstraints(max_length=500)]
Operation = Literal[
    "place_order", "find_order", "fetch_order", "cancel_order", "fetch_stock", "quote_shipping", "probe", "feed"
]
Means = Literal[
    "refused",  # it said no: nothing was ordered
    "account_hold",  # it serves none of our orders
    "authentication",  # our credential is not accepted
    "not_sent",  # it did not process the call
    "throttled",  # the same, and says when to come back
    "not_found",  # what was asked for does not exist
    "too_late",  # it can't be cancelled any more
    "unavailable",  # it gave no answer
    "doubtful",  # nobody can know
]


class Call(StrictContract):
    """A call, as a template."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: Path
    query: dict[str, Template] = Field(default_factory=dict)
    headers: dict[Header, Template] = Field(default_factory=dict)
    body: Any = None  # JSON, as a structure
    form: dict[str, Template] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        refuse(type(self).__name__, self._faults())
        return self

    def _faults(self) -> Iterator[Fault]:
        if self.body is not None and self.form:
            yield Fault(("form",), "stands beside body", "a call has either")
        if "://" in self.path or self.path.startswith("//") or "\\" in self.path or ".." in self.path.split("/"):
            yield Fault(("path",), "leads out of base_url", "write what comes after base_url")
        elif set(self.path) & {"?", "#"}:
            yield Fault(("path",), "holds a question mark or a hash", "write parameters into query")


class PackedReading(StrictContract):
    """Where a parcel's contents are: our EAN of each line, and units."""

    each: Expression
    ean: Expression
    quantity: Expression


class ParcelsReading(StrictContract):
    """Where an order's parcels are."""

    each: Expression
    tracking_number: Expression
    carrier: Expression | None = None
    url: Expression | None = None
    lines: PackedReading | None = None


class LinesReading(StrictContract):
    """Where the answers line by line are. A line without a status counts as accepted."""

    each: Expression
    ean: Expression
    quantity: Expression
    status: Expression | None = None
    unit_cost: Expression | None = None
    expected_on: Expression | None = None  # ISO 8601
    substitute: Expression | None = None
    reason: Expression | None = None


class OrderReading(StrictContract):
    """How an order reads, wherever it stands in an answer."""

    number: Expression  # the supplier's
    status: Expression
    total: Expression | None = None
    currency: Expression | None = None  # of all amounts of the order; else the profile's
    expected_delivery: Expression | None = None  # ISO 8601
    lines: LinesReading | None = None
    parcels: ParcelsReading | None = None


class PlaceOrder(Call):
    """Placing an order."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    order: Expression = "@"  # where the order is in the answer
    reading: OrderReading | None = None  # where it reads otherwise than elsewhere
    number_is_ours: bool = False  # orders are asked for by our number: the answer needs none


class FindOrder(Call):
    """Looking for an order by our number. Null means that it does not exist; 404 too."""

    order: Expression = "@"
    reference: Expression  # our number in that order: one of another number is not believed
    reading: OrderReading | None = None


class FetchOrder(Call):
    """Asking how an order stands, by ``{{ supplier_number }}``."""

    order: Expression = "@"


class CancelOrder(Call):
    """Cancelling an order. What its state is then is the answer; without one it counts as requested."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    order: Expression = "@"


class FetchStock(Call):
    """Asking for stock of ``{{ eans }}``."""

    batch: int = Field(default=50, ge=1, le=1000)
    each: Expression
    ean: Expression
    quantity: Expression
    unit_cost: Expression | None = None
    currency: Expression | None = None


class QuoteShipping(Call):
    """Asking what shipping of ``{{ lines }}`` to ``{{ destination }}`` costs."""

    each: Expression
    id: Expression
    carrier: Expression
    cost: Expression
    currency: Expression | None = None
    days: Expression | None = None


class Probe(Call):
    """The cheapest question that needs the credential."""


class Operations(StrictContract):
    """What the interface offers: what is left out, it can't do."""

    place_order: PlaceOrder
    fetch_order: FetchOrder
    probe: Probe
    find_order: FindOrder | None = None
    cancel_order: CancelOrder | None = None
    fetch_stock: FetchStock | None = None
    quote_shipping: QuoteShipping | None = None


class FeedCall(Call):
    """A feed, page by page: ``{{ page }}`` counts from 1, ``{{ cursor }}`` is what the page before named."""

    rows: Expression
    fields: dict[str, Expression] = Field(default_factory=dict)  # of a row; none: rows stay as they are
    columns: dict[str, Mapped] = Field(min_length=1)
    next_cursor: Expression | None = None
    pages: Expression | None = None  # how many there are
    total: Expression | None = None
    since: Expression | None = None  # where the next run of changes begins

    def _faults(self) -> Iterator[Fault]:
        yield from super()._faults()
        fields = [(("columns", name), name) for name in self.columns if not name.startswith(ATTRIBUTE_PREFIX)]
        yield from unknown_names(fields, [name.value for name in FieldName], kind="field")
        if self.fields:  # else rows are the supplier's own, and nobody knows what is in them
            sources = [(name, one if isinstance(one, str) else one.column) for name, one in self.columns.items()]
            named = [(("columns", name), source) for name, source in sources if source]
            yield from unknown_names(named, self.fields, kind="row field")


def judged_by_status(status: int) -> bool:
    """Say whether transport judges an answer by its status alone, as ``adapters.http`` does."""
    return status == 429 or status >= 500


class ErrorRule(StrictContract):
    """What an answer means that is no success. The first rule that fits counts."""

    status: tuple[Annotated[int, Field(ge=200, le=599)], ...] = ()  # none: any
    when: Expression | None = None  # true over the answer
    operations: tuple[Operation, ...] = ()  # none: all
    means: Means
    code: Identifier | None = None
    code_from: Expression | None = None
    codes: dict[str, Identifier] = Field(default_factory=dict)  # the supplier's code -> ours, e.g. "no_stock"
    retry_after: Expression | None = None  # seconds

    @model_validator(mode="after")
    def _fits_something(self) -> Self:
        faults = []
        if not self.status and self.when is None:
            faults.append(Fault(("when",), "is missing, as is status", "say which answers this is about"))
        if any(map(judged_by_status, self.status)):
            problem = "holds 429 or 5xx, of which no rule is asked: it says to come back, or nothing at all"
            faults.append(Fault(("status",), problem, "take these out"))
        refuse("ErrorRule", faults)
        return self


class Signature(StrictContract):
    """How webhooks are signed: HMAC-SHA256 with the secret that ``webhook_secret_env`` names."""

    header: Header
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = Field(default="", max_length=40)  # before the signature, e.g. "sha256="
    timestamp_header: Header | None = None
    signed: str = Field(default="{body}", max_length=60)  # e.g. "{timestamp}.{body}"
    tolerance: Interval = timedelta(minutes=5)

    @model_validator(mode="after")
    def _signs_what_it_says(self) -> Self:
        stamped = "{timestamp}" in self.signed
        faults = []
        if "{body}" not in self.signed:
            faults.append(Fault(("signed",), "does not hold {body}", 'write e.g. "{timestamp}.{body}"'))
        if stamped != (self.timestamp_header is not None):
            faults.append(Fault(("timestamp_header",), "and {timestamp} in signed need each other", "write both"))
        refuse("Signature", faults)
        return self


class Webhook(StrictContract):
    """What the supplier sends by itself. Without a signature its address ends in the secret."""

    signature: Signature | None = None
    number: Expression  # ours
    trusted: bool = False  # false: its orders are asked for again
    order: Expression = "@"
    reading: OrderReading | None = None

    @model_validator(mode="after")
    def _trusts_signed_ones_only(self) -> Self:
        if self.trusted and self.signature is None:
            remedy = "write trusted = false, or how it signs"
            refuse("Webhook", [Fault(("trusted",), "needs a signature", remedy)])
        return self


class Recorded(StrictContract):
    """An answer of the supplier's, and how it must read. A text is sent as it stands, a table as JSON."""

    operation: Literal[Operation, "webhook"]
    feed: FeedKind | None = None
    status: int = Field(default=200, ge=200, le=599)
    body: Any = ""
    expect: dict[str, Any] = Field(min_length=1)


class RestProfile(StrictContract):
    """A supplier's REST interface."""

    authentication: Authentication
    operations: Operations
    order: OrderReading
    statuses: dict[str, SupplierState] = Field(min_length=1)  # its words -> ours, without case
    line_statuses: dict[str, LineStatus] = Field(default_factory=dict)
    errors: tuple[ErrorRule, ...] = ()
    success: Expression | None = None  # true over every success, where 2xx alone does not say so
    doubt: Literal["key", "look_up", "none"] = "none"
    visibility_delay: Span = timedelta(0)
    test_orders: bool = False
    currency: CurrencyCode = "EUR"
    amounts: Literal["decimal", "cents"] = "decimal"
    headers: dict[Header, HeaderText] = Field(default_factory=dict)  # of every call, e.g. an account's id
    api_version: str = Field(default="", max_length=20)
    calls_per_second: float | None = Field(default=None, gt=0, le=1000)
    concurrent_calls: int | None = Field(default=None, ge=1, le=1000)
    acknowledges_within: Interval | None = None
    ships_within: Interval | None = None
    feeds: dict[FeedKind, FeedCall] = Field(default_factory=dict)
    webhook: Webhook | None = None
    recorded: tuple[Recorded, ...] = ()
