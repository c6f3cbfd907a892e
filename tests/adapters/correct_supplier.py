"""A supplier and a correct port to it, in memory: what is deliberately wrong with an adapter is a small change of this."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from adapters.errors import (
    AdapterError,
    AuthenticationFailed,
    Doubtful,
    NotSent,
    Refused,
    Throttled,
    Unavailable,
    UnexpectedReply,
)
from dropwright.testing.contract import SupplierWorld, Webhook
from models.articles import normalise_ean
from models.calls import CallRecord
from models.exchange import LookAgain, PartnerNews
from models.feed_rows import FeedPage
from models.feeds import Column, FeedKind, FieldName
from models.findings import Finding, Severity
from models.money import Money
from models.suppliers import (
    AcknowledgedLine,
    Arrival,
    Cancellation,
    Capabilities,
    Destination,
    DoubtMeans,
    LineStatus,
    Lookup,
    LookupVerdict,
    PlacedOrder,
    ShippingQuote,
    StockAnswer,
    SupplierLine,
    SupplierOrder,
    SupplierOrderStatus,
    SupplierState,
    TrackedParcel,
)

EANS = ("4006381333931", "8411061123456", "5901234123457", "4012345678901", "7612345678900")
UNKNOWN = "0000000000000"
TOKEN = "the-right-token"
FIVE = Money(amount=Decimal(5), currency="EUR")
LOST = {"reset_before", "reset_after", "hang", "cut_off", "error"}
CAPABILITIES = Capabilities(
    live_rates=True,
    live_stock=True,
    doubt=DoubtMeans.LOOK_UP,
    cancel=True,
    test_orders=True,
    shipment=Arrival.BOTH,
    line_level_acknowledgements=True,
    line_level_shipments=True,
)


@dataclass
class Entry:
    """An order in the supplier's books."""

    number: str
    order: SupplierOrder
    state: SupplierState
    parcels: list[str] = field(default_factory=list)
    said: list[AcknowledgedLine] = field(default_factory=list)
    times_said: int = 0


@dataclass
class Fault:
    kind: str
    options: dict[str, Any]
    left: int
    skip: int


@dataclass
class Vendor:
    """What the supplier knows, and how the wire to it is spoilt."""

    entries: list[Entry] = field(default_factory=list)
    late: list[SupplierOrder] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)
    spoilt: int = 0
    shown: int = 0  # entries that a look-up shows, where it lags
    walks: Counter[FeedKind] = field(default_factory=Counter)

    def take(self, order: SupplierOrder) -> Entry:
        state = SupplierState.AWAITING_PAYMENT if order.test else SupplierState.ACKNOWLEDGED
        self.entries.append(Entry(f"SO-{len(self.entries) + 1}", order, state))
        return self.entries[-1]

    def find(self, number: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.number == number), None)

    def named(self, reference: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.order.number == reference), None)

    def spoil(self, method: str, kind: str, times: int = 1_000, skip: int = 0, **options: Any) -> None:
        self.faults = {method: Fault(kind, options, times, skip)}

    def heal(self) -> None:
        self.faults = {}

    def fault(self, method: str) -> Fault | None:
        fault = self.faults.get(method)
        if fault is None or not fault.left:
            return None
        if fault.skip:
            fault.skip -= 1
            return None
        fault.left -= 1
        self.spoilt += 1
        return fault

    def books(self) -> list[dict[str, Any]]:
        return [
            {
                "order_number": entry.number,
                "number": entry.order.number,
                "lines": [{"ean": line.ean, "quantity": line.quantity} for line in entry.order.lines],
            }
            for entry in self.entries
        ]

    def ship(self, number: str, tracking: list[str]) -> None:
        entry = self.find(number)
        assert entry is not None
        entry.state, entry.parcels = SupplierState.SHIPPED, tracking

    def decline(self, number: str, units: dict[str, int]) -> None:
        self.answer(number, [_rejected(ean, quantity) for ean, quantity in units.items()])
        self.ship(number, ["GLS-1"])

    def answer(self, number: str, lines: Sequence[AcknowledgedLine]) -> None:
        entry = self.find(number)
        assert entry is not None
        entry.said, entry.times_said = list(lines), entry.times_said + 1

    def show(self) -> None:
        self.shown = len(self.entries)

    def let_arrive(self, _count: int) -> None:
        while self.late:
            self.take(self.late.pop())


def _rejected(ean: str, quantity: int) -> AcknowledgedLine:
    return AcknowledgedLine(ean=ean, quantity=quantity, status=LineStatus.REJECTED)


class Correct:
    """A port that does all that the suite asks for."""

    capabilities = CAPABILITIES
    feeds = frozenset(FeedKind)

    def __init__(
        self, vendor: Vendor, *, there: bool = True, token: str = TOKEN, sink: Callable[[CallRecord], None]
    ) -> None:
        self.vendor, self.there, self.token, self.sink = vendor, there, token, sink

    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        if not eans:
            return []
        self.ask("fetch_stock")
        return [self.stock_of(ean) for ean in eans]

    def stock_of(self, ean: str) -> StockAnswer:
        known = normalise_ean(ean) in EANS
        return StockAnswer(ean=ean, known=known, quantity=4 if known else 0, unit_cost=FIVE if known else None)

    def quote_shipping(self, destination: Destination, lines: Sequence[SupplierLine]) -> list[ShippingQuote]:
        self.ask("quote_shipping")
        served = destination.country_code == "ES"
        return [ShippingQuote(quote_id="gls", carrier="GLS", cost=FIVE, days=3)] if served else []

    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        self.reach()
        fault = self.vendor.fault("place_order")
        if fault is not None:
            return self.place_in_vain(order, fault)
        if order.test and not self.capabilities.test_orders:
            raise Refused("no test orders", code="no_test_orders")
        placed = self.placed(self.take(order))
        self.record("place_order", request=order.address.city)
        return placed

    def take(self, order: SupplierOrder) -> Entry:
        return self.vendor.take(order)

    def place_in_vain(self, order: SupplierOrder, fault: Fault) -> PlacedOrder:
        if fault.kind == "throttled":
            raise Throttled("wait", retry_after=timedelta(seconds=fault.options["retry_after"]))
        if fault.kind == "latency":
            self.vendor.late.append(order)
        elif fault.options.get("processed") or fault.kind not in ("error", "reset_before", "hang"):
            self.vendor.take(order)
        raise self.doubtful(order, fault)

    def doubtful(self, order: SupplierOrder, fault: Fault) -> AdapterError:
        return Doubtful(f"no usable answer: {fault.kind}", code=fault.kind)

    def placed(self, entry: Entry) -> PlacedOrder:
        return PlacedOrder(supplier_number=entry.number, state=entry.state, total=FIVE)

    def find_order(self, order: SupplierOrder) -> Lookup:
        self.ask("find_order")
        if self.capabilities.doubt is DoubtMeans.NONE:
            return Lookup(verdict=LookupVerdict.UNSURE)
        entry = self.vendor.named(order.number)
        if entry is None:
            return Lookup(verdict=LookupVerdict.ABSENT)
        return Lookup(verdict=LookupVerdict.FOUND, placed=self.placed(entry))

    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        self.ask("fetch_order")
        return self.status(self.entry(supplier_number))

    def status(self, entry: Entry) -> SupplierOrderStatus:
        lines = entry.order.lines
        parcels = tuple(TrackedParcel(tracking_number=one, lines=lines) for one in entry.parcels)
        return SupplierOrderStatus(state=entry.state, parcels=parcels, lines=tuple(entry.said))

    def entry(self, supplier_number: str) -> Entry:
        entry = self.vendor.find(supplier_number)
        if entry is None:
            raise Refused("no such order", code="order_not_found")
        return entry

    def cancel_order(self, supplier_number: str) -> Cancellation:
        if not self.capabilities.cancel:
            raise Refused("no cancellation", code="no_cancel")
        entry = self.entry(supplier_number)
        if entry.state is SupplierState.SHIPPED:
            return Cancellation.TOO_LATE
        entry.state = SupplierState.CANCELLED
        return Cancellation.CANCELLED

    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:
        if kind not in self.feeds:
            raise Refused("no such feed", code="no_feed")
        for position in range(int(cursor or 0), len(EANS)):
            self.ask("fetch_feed")
            yield self.page(position, "now")

    def page(self, position: int, since: str) -> FeedPage:
        following = str(position + 1) if position + 1 < len(EANS) else ""
        return FeedPage(rows=[{"ean": EANS[position]}], next_cursor=following, total=len(EANS), since=since)

    def feed_columns(self, kind: FeedKind) -> dict[str, Column]:
        return {FieldName.EAN: Column(column="ean")}

    def probe(self) -> None:
        self.ask("probe")

    def check(self, sample_eans: Sequence[str]) -> list[Finding]:
        try:
            self.ask("check")
        except AdapterError as error:
            return [self.finding(Severity.ERROR, "account", type(error).__name__, "call them")]
        unknown = [ean for ean in sample_eans if ean not in EANS]
        warnings = [self.finding(Severity.WARNING, f"EAN {ean}", "unknown", "correct it") for ean in unknown]
        return [self.finding(Severity.OK, "account", "well"), *warnings]

    def finding(self, severity: Severity, subject: str, message: str, remedy: str = "") -> Finding:
        return Finding(area="supplier", severity=severity, subject=subject, message=message, remedy=remedy)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, path_secret: str) -> list[PartnerNews]:
        if path_secret != TOKEN:
            raise AuthenticationFailed("not theirs")
        entry = self.vendor.find(json.loads(body)["order"])
        return [LookAgain(number=entry.order.number)] if entry else []

    def close(self) -> None:
        pass

    def reach(self) -> None:
        """Fail as the way there does: nobody listens, or our credential is not taken."""
        if not self.there:
            raise NotSent("no connection")
        if self.token != TOKEN:
            raise AuthenticationFailed("the token is not accepted")

    def ask(self, method: str) -> None:
        """Make a call that is a question, with whatever is wrong with the wire."""
        self.reach()
        fault = self.vendor.fault(method)
        if fault is None or fault.kind == "latency":
            self.record(method)
            return
        if fault.kind == "throttled":
            raise Throttled("wait", retry_after=timedelta(seconds=fault.options["retry_after"]))
        if fault.kind in LOST:
            self.record(method, status=None, error=fault.kind)
            raise Unavailable("no answer")
        raise UnexpectedReply("can't be read")

    def record(self, operation: str, *, request: str = "", status: int | None = 200, error: str = "") -> None:
        call = CallRecord(
            system="correct",
            operation=operation,
            method="GET",
            url="http://localhost/",
            request=request,
            reply="",
            status=status,
            error=error,
            started_at=datetime.now(UTC),
            duration_ms=1,
        )
        self.sink(call)


def world_of(port: type[Correct], **changes: Any) -> SupplierWorld:
    """Build a world around a port class: three ports to one vendor."""
    vendor, calls = Vendor(), list[CallRecord]()

    def webhook(number: str) -> Webhook:
        return Webhook({"content-type": "application/json"}, json.dumps({"order": number}).encode(), TOKEN)

    fields: dict[str, Any] = {
        "port": port(vendor, sink=calls.append),
        "stranger": port(vendor, token="another", sink=calls.append),
        "nowhere": port(vendor, there=False, sink=calls.append),
        "calls": calls,
        "secret": TOKEN,
        "eans": EANS,
        "unknown_ean": UNKNOWN,
        "spoil": vendor.spoil,
        "unspoil": vendor.heal,
        "supplier_orders": vendor.books,
        "ship": vendor.ship,
        "decline": vendor.decline,
        "answer": vendor.answer,
        "after_visibility": vendor.show,
        "wait_for_orders": vendor.let_arrive,
        "webhook": webhook,
        "feeds": port.feeds,
    }
    return SupplierWorld(**(fields | changes))
