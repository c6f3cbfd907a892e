"""A supplier that speaks by documents, and a correct port to it, in memory: JSON files in two folders."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from adapters.errors import AdapterError, AuthenticationFailed, Doubtful, NotSent, Refused, Unavailable
from dropwright.testing.contract import Doubt, SupplierWorld, Unanswered
from dropwright.testing.desk import MemoryDesk, run_round
from models.exchange import (
    CancelAnswered,
    DocumentKind,
    Drafted,
    Incoming,
    OrderAcknowledged,
    OrderNews,
    OrderShipped,
    Outgoing,
    Reading,
)
from models.feed_rows import FeedPage
from models.feeds import Column, FeedKind
from models.findings import Finding, Severity
from models.suppliers import (
    AcknowledgedLine,
    Arrival,
    Cancellation,
    Capabilities,
    Destination,
    DoubtMeans,
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
from tests.adapters.correct_supplier import EANS, FIVE, UNKNOWN

NEWS = {"acknowledged": OrderAcknowledged, "shipped": OrderShipped, "cancel_answered": CancelAnswered}


@dataclass
class Partner:
    """The partner's books and the two folders."""

    ours: dict[str, bytes] = field(default_factory=dict)
    theirs: dict[str, bytes] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    fault: tuple[str, str] | None = None

    def work(self) -> None:
        for name in [name for name in self.ours if name not in self.seen]:
            self.seen.add(name)
            self.take(json.loads(self.ours[name]))

    def take(self, document: dict[str, Any]) -> None:
        number = document["number"]
        if document.get("cancel"):
            left = self.orders[number].get("shipped", False)
            self.say(CancelAnswered(number=number, cancelled=not left))
            return
        self.orders[f"{number}{'' if number not in self.orders else '-again'}"] = document
        self.say(OrderAcknowledged(number=number))

    def say(self, news: OrderNews) -> None:
        self.theirs[f"{len(self.theirs) + len(self.seen):04d}-{news.number}-{news.news}"] = (
            news.model_dump_json().encode()
        )

    def answer(self, number: str, lines: Sequence[AcknowledgedLine]) -> None:
        self.say(OrderAcknowledged(number=number, lines=tuple(lines)))

    def ship(self, number: str, tracking: list[str]) -> None:
        self.orders[number]["shipped"] = True
        parcels = tuple(TrackedParcel(tracking_number=one) for one in tracking)
        self.say(OrderShipped(number=number, parcels=parcels, complete=True))

    def books(self) -> list[dict[str, Any]]:
        return [
            {"order_number": f"SO-{place}", "number": order["number"], "lines": order["lines"]}
            for place, order in enumerate(self.orders.values(), start=1)
        ]

    def spoil(self, method: str, kind: str, **_options: Any) -> None:
        self.fault = (method, kind)

    def heal(self) -> None:
        self.fault = None

    def strikes(self, method: str) -> str:
        return self.fault[1] if self.fault is not None and self.fault[0] == method else ""


class CorrectPartner:
    """A port that does all that the suite asks of documents."""

    capabilities = Capabilities(
        live_rates=False,
        live_stock=False,
        doubt=DoubtMeans.PROOF,
        cancel=True,
        acknowledgement=Arrival.PUSH,
        shipment=Arrival.PUSH,
        line_level_acknowledgements=True,
        test_orders=False,
    )

    def __init__(self, partner: Partner, desk: MemoryDesk, *, failure: type[AdapterError] | None = None) -> None:
        self.partner, self.desk, self.failure = partner, desk, failure

    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        return [StockAnswer(ean=ean, known=False, quantity=0) for ean in eans]

    def quote_shipping(self, destination: Destination, lines: Sequence[SupplierLine]) -> list[ShippingQuote]:
        served = destination.country_code == "ES"
        return [ShippingQuote(quote_id="table", carrier="GLS", cost=FIVE, days=3)] if served else []

    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        if order.test:
            raise Refused("no test orders", code="no_test_orders")
        self.transmit("place_order", self.desk.prepare(DocumentKind.ORDER, [order.number], partial(_draft, order)))
        return self.placed(order)

    def placed(self, order: SupplierOrder) -> PlacedOrder:
        return PlacedOrder(supplier_number=order.number, state=SupplierState.SENT)

    def transmit(self, method: str, outgoing: Outgoing) -> None:
        self.reach()
        kind = self.partner.strikes(method)
        if kind != "lost":
            self.partner.ours.setdefault(outgoing.name, outgoing.body)
        if kind:
            raise Doubtful("the reply was lost", code=kind)
        self.desk.sent(outgoing)

    def find_order(self, order: SupplierOrder) -> Lookup:
        self.ask("find_order")
        outgoing = self.desk.find_outgoing(DocumentKind.ORDER, order.number)
        if outgoing is None or outgoing.name not in self.partner.ours:
            return Lookup(verdict=LookupVerdict.ABSENT)
        self.desk.sent(outgoing)
        return Lookup(verdict=LookupVerdict.FOUND, placed=self.placed(order))

    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        status = self.desk.order_status(supplier_number)
        if status is None:
            raise Refused("no such order", code="order_not_found")
        return status

    def cancel_order(self, supplier_number: str) -> Cancellation:
        if self.fetch_order(supplier_number).state is SupplierState.SHIPPED:
            return Cancellation.TOO_LATE
        write = partial(_draft_cancellation, supplier_number)
        self.transmit("cancel_order", self.desk.prepare(DocumentKind.CANCELLATION, [supplier_number], write))
        return Cancellation.REQUESTED

    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:
        raise Refused("no feed", code="no_feed")

    def feed_columns(self, kind: FeedKind) -> dict[str, Column]:
        return {}

    def probe(self) -> None:
        self.ask("probe")

    def check(self, sample_eans: Sequence[str]) -> list[Finding]:
        try:
            self.ask("check")
        except AdapterError as error:
            name = type(error).__name__
            return [Finding(area="s", severity=Severity.ERROR, subject="folder", message=name, remedy="look there")]
        return [Finding(area="s", severity=Severity.OK, subject="folder", message="is there", remedy="")]

    def close(self) -> None:
        pass

    def pick_up(self) -> Iterator[Incoming]:
        self.ask("pick_up")
        for name, body in sorted(self.partner.theirs.items()):
            yield Incoming(name=name, place=name, body=body)

    def put_away(self, incoming: Incoming, *, good: bool) -> None:
        self.partner.theirs.pop(incoming.place, None)

    def read(self, incoming: Incoming) -> Reading:
        try:
            document = json.loads(incoming.body)
            return Reading(kind=DocumentKind.MIXED, news=(NEWS[document["news"]].model_validate(document),))
        except (ValueError, KeyError, TypeError):
            return Reading(kind=DocumentKind.UNKNOWN, refused="it is not one of ours")

    def send_due(self, now: datetime) -> int:
        waiting = self.desk.unsent()
        for outgoing in waiting:
            self.transmit("send_due", outgoing)
        return len(waiting)

    def ask(self, method: str) -> None:
        self.reach()
        if self.partner.strikes(method):
            self.partner.heal()
            raise Unavailable("no answer")

    def reach(self) -> None:
        if self.failure is not None:
            raise self.failure("the way there")


def _draft(order: SupplierOrder, control: int) -> Drafted:
    lines = [{"ean": line.ean, "quantity": line.quantity} for line in order.lines]
    return Drafted(name=f"order-{control}", body=json.dumps({"number": order.number, "lines": lines}).encode())


def _draft_cancellation(number: str, control: int) -> Drafted:
    return Drafted(name=f"cancel-{control}", body=json.dumps({"number": number, "cancel": True}).encode())


def partner_world(port: Callable[..., CorrectPartner], **changes: Any) -> SupplierWorld:
    """Build a world around a port class: three ports to one partner, and a desk."""
    partner, desk = Partner(), MemoryDesk()
    ours = port(partner, desk)

    def settle() -> None:
        partner.work()
        run_round(ours, desk)

    fields: dict[str, Any] = {
        "port": ours,
        "stranger": port(partner, MemoryDesk(), failure=AuthenticationFailed),
        "nowhere": port(partner, MemoryDesk(), failure=NotSent),
        "eans": EANS,
        "unknown_ean": UNKNOWN,
        "spoil": partner.spoil,
        "unspoil": partner.heal,
        "supplier_orders": partner.books,
        "ship": partner.ship,
        "answer": partner.answer,
        "settle": settle,
        "partner": partner.work,
        "expect": desk.expect,
        "doubts": (Doubt("lost", placed=False), Doubt("reply_lost", placed=True)),
        "unanswered": (Unanswered("dropped", Unavailable),),
        "feeds": frozenset(),
    }
    return SupplierWorld(**(fields | changes))
