"""What a contract suite is given: a supplier's simulator, our ports to it, and handles to spoil, hurry and audit it.

All fields that HTTP needs are there by default; a channel of documents says what it does otherwise.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from adapters.errors import AdapterError, Refused, Unavailable, UnexpectedReply
from adapters.pacing import in_background
from adapters.plugin import Plugin
from adapters.ports import ExchangingPort, SupplierPort
from models.calls import CallRecord
from models.feed_rows import FeedPage
from models.feeds import FeedKind
from models.orders import Address
from models.suppliers import (
    AcknowledgedLine,
    Destination,
    DoubtMeans,
    LineStatus,
    PlacedOrder,
    SupplierLine,
    SupplierOrder,
)

CUSTOMER = Address(
    name="Zaphyra Quillfeather",
    company="Moonlark Atelier",
    address1="17 Gingerbread Steps",
    address2="Door 4",
    city="Madrid",
    postal_code="28001",
    country_code="ES",
    phone="+34600999888",
    email="zaphyra@quillfeather.example",
)
PERSONAL = (CUSTOMER.name, CUSTOMER.company, CUSTOMER.address1, CUSTOMER.phone, CUSTOMER.email)
MADRID = Destination(country_code="ES", postal_code="28001")
ALL_FEEDS = frozenset(FeedKind)
ALL_LINES = frozenset(LineStatus)


@dataclass(frozen=True)
class Doubt:
    """A way to spoil ``place_order`` after which nobody can know: a fault's kind and options, and what really happened.

    ``placed``: the order exists afterwards, once the partner has worked through what it has. ``unsure``: even the
    channel's own means can't tell, so that a person must; leave it out wherever the channel can.
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    placed: bool = False
    unsure: bool = False


@dataclass(frozen=True)
class Unanswered:
    """A way to spoil a question, and what the port then raises. ``methods``: only these questions; none: all."""

    kind: str
    raises: type[AdapterError] | tuple[type[AdapterError], ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    methods: tuple[str, ...] = ()


@dataclass(frozen=True)
class Webhook:
    """A webhook as the supplier sends it: header names in lower case, and the last part of the address."""

    headers: Mapping[str, str]
    body: bytes
    path_secret: str = ""


HTTP_DOUBTS = (
    Doubt("error", {"status": 500}, placed=False),
    Doubt("error", {"status": 503, "processed": True}, placed=True),
    Doubt("reset_before", placed=False),
    Doubt("reset_after", placed=True),
    Doubt("hang", placed=False),
    Doubt("hang", {"processed": True}, placed=True),
    Doubt("cut_off", placed=True),
    Doubt("truncated", placed=True),
    Doubt("invalid_json", placed=True),
    Doubt("wrong_content_type", placed=True),
)
HTTP_UNANSWERED = (
    Unanswered("error", Unavailable, {"status": 500}),
    Unanswered("reset_before", Unavailable),
    Unanswered("reset_after", Unavailable),
    Unanswered("cut_off", Unavailable),
    Unanswered("hang", Unavailable),
    Unanswered("truncated", UnexpectedReply),
    Unanswered("invalid_json", UnexpectedReply),
    Unanswered("wrong_content_type", UnexpectedReply),
)


def _nothing() -> None:
    """Do nothing: over HTTP, an answer is there at once."""


def _met() -> bool:
    """Take it that a fault was met, where nobody counts."""
    return True


def _no_faults(method: str, kind: str, **options: Any) -> None:
    raise AssertionError(f"this world can't spoil {method} with {kind} {options}: give it `spoil`")


def _no_orders_to_wait_for(count: int) -> None:
    raise AssertionError(f"this world can't wait for {count} orders: give it `wait_for_orders`")


@contextmanager
def refused(code: str, why: str) -> Iterator[None]:
    """Expect a refusal with this code; ``why`` it must come is said where it does not."""
    seen = None
    try:
        yield
    except Refused as refusal:
        seen = refusal.code
    assert seen == code, f"{why}: raise Refused({code!r})"


@dataclass(frozen=True, kw_only=True)
class OrderingWorld:
    """Who takes our orders, and our port to them.

    ``supplier_orders`` reads the supplier's own books: a list of ``{"order_number": its number, "number": ours or "",
    "lines": [{"ean", "quantity"}]}`` in order of arrival, cancelled ones included. Where one purchase order becomes
    several of the supplier's, the world counts those as one, under the ``supplier_number`` that the port gives them.
    """

    port: SupplierPort
    nowhere: SupplierPort  # a port that nobody listens behind
    eans: tuple[str, ...]  # known, in stock, plain; three at least
    unknown_ean: str
    supplier_orders: Callable[[], list[dict[str, Any]]]
    ship: Callable[[str, list[str]], None]  # the supplier ships an order under these tracking numbers
    decline: Callable[[str, dict[str, int]], None] | None = None  # it ships an order without these units (EAN: units)
    parcels: int = 2  # that one order may have
    settle: Callable[[], None] = _nothing  # the partner works through what it was sent, and we through its answers
    after_visibility: Callable[[], None] = _nothing  # makes ``visibility_delay`` pass at the simulator
    answer: Callable[[str, Sequence[AcknowledgedLine]], None] | None = None  # it acknowledges an order line by line
    answers: frozenset[LineStatus] = ALL_LINES  # what it can say of a line,
    answers_prices: bool = True  # also another price,
    answers_dates: bool = True  # also a date
    knows_stock: bool | None = None  # ``fetch_stock`` answers from somewhere; None: as ``capabilities.live_stock``
    ways_to_ship: int = 1  # that are quoted, at least
    plugin: Plugin | None = None
    expect: Callable[[SupplierOrder], object] | None = None  # hears of each order first, e.g. ``MemoryDesk.expect``

    @property
    def tells_stock(self) -> bool:
        """Whether the port's answers about stock mean anything."""
        return self.port.capabilities.live_stock if self.knows_stock is None else self.knows_stock

    def order(self, *, number: str = "DW-1-11", test: bool = False, quantity: int = 2) -> SupplierOrder:
        """Quote and fill in an order for the customer."""
        lines = (SupplierLine(ean=self.eans[0], quantity=quantity), SupplierLine(ean=self.eans[1], quantity=1))
        quote = self.port.quote_shipping(MADRID, lines)[0]
        order = SupplierOrder(
            number=number, lines=lines, quote_id=quote.quote_id, carrier=quote.carrier, address=CUSTOMER, test=test
        )
        if self.expect is not None:
            self.expect(order)
        return order

    def place(self, **changes: Any) -> PlacedOrder:
        """Order, and let the partner take note of it."""
        placed = self.port.place_order(self.order(**changes))
        self.settle()
        return placed

    def find_in_books(self, placed: PlacedOrder) -> list[dict[str, Any]]:
        """List the supplier's own orders under a number that the port gave: one, if all is well."""
        known_as = placed.supplier_number
        return [order for order in self.supplier_orders() if known_as in (order["order_number"], order.get("number"))]


@dataclass(frozen=True, kw_only=True)
class SupplierWorld(OrderingWorld):
    """A supplier's simulator, and the wire between.

    ``spoil(method, kind, **options)`` spoils the calls of one of the port's methods; the suite always passes ``times``,
    which a channel without such a count may ignore. ``unspoil`` ends whatever is still spoilt.
    """

    stranger: SupplierPort | None = None  # the same supplier with a wrong credential; None: it asks for none
    calls: list[CallRecord] = field(default_factory=list)
    secret: str = ""
    spoil: Callable[..., None] = _no_faults
    unspoil: Callable[[], None] = _nothing
    met: Callable[[], bool] = _met  # whether any call was one that ``spoil`` meant
    wait_for_orders: Callable[[int], None] = _no_orders_to_wait_for
    doubts: Sequence[Doubt] = HTTP_DOUBTS
    unanswered: Sequence[Unanswered] = HTTP_UNANSWERED
    feeds: frozenset[FeedKind] = ALL_FEEDS  # that the port has
    feed_pages: int = 3  # of the simulator's feeds, at least
    partner: Callable[[], None] | None = None  # the partner's half of ``settle``: its answers lie there, not picked up
    webhook: Callable[[str], Webhook] | None = None  # as it would be sent about an order, by the port's number of it
    questions: tuple[str, ...] | None = None  # methods that ask over the wire; None: what ``capabilities`` imply

    @property
    def asked(self) -> tuple[str, ...]:
        """The questions that go over the wire."""
        if self.questions is not None:
            return self.questions
        offers = self.port.capabilities
        over_the_wire = {
            "fetch_stock": offers.live_stock,
            "quote_shipping": offers.live_rates,
            "fetch_order": not isinstance(self.port, ExchangingPort),
            "find_order": offers.doubt is DoubtMeans.LOOK_UP,
            "pick_up": isinstance(self.port, ExchangingPort),
            "probe": True,
        }
        return tuple(method for method, asks in over_the_wire.items() if asks)

    def ask(self, method: str, placed: PlacedOrder, order: SupplierOrder | None = None) -> object:
        """Ask one question of the port; the answer is true where there is one. ``order``: as it was placed."""
        if method == "fetch_stock":
            return self.port.fetch_stock(self.eans[:2])
        if method == "quote_shipping":
            return self.port.quote_shipping(MADRID, [SupplierLine(ean=self.eans[0], quantity=1)])
        if method == "find_order":
            return self.port.find_order(order or self.order())
        if method == "probe":
            self.port.probe()
            return True
        if method == "pick_up" and isinstance(self.port, ExchangingPort):
            return [incoming.name for incoming in self.port.pick_up()] or True
        return self.port.fetch_order(placed.supplier_number)

    def feed(self, kind: FeedKind = FeedKind.STOCK, *, since: str = "", cursor: str = "") -> list[FeedPage]:
        """Walk through a feed to its end, behind orders as the product does."""
        with in_background():
            return list(self.port.fetch_feed(kind, since=since, cursor=cursor))

    @contextmanager
    def failing(
        self, expected: type[AdapterError] | tuple[type[AdapterError], ...]
    ) -> Iterator[pytest.ExceptionInfo[AdapterError]]:
        """Expect a spoilt call to fail; where it does not, say so if no call was spoilt at all."""
        try:
            with pytest.raises(expected) as caught:
                yield caught
        except pytest.fail.Exception:
            assert self.met(), "no call was spoilt: the world's `operations` name none that the port makes here"
            raise

    def spoil_once(self, method: str, fault: Doubt | Unanswered) -> None:
        """Spoil the next call of a method."""
        self.spoil(method, fault.kind, **{"times": 1, **fault.options})
