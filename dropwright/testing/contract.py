"""What every supplier plugin must do, whatever its wire looks like: subclass it and give it a world.

The world is the plugin's simulator on loopback, the port under test, and handles to spoil answers and to look into
the supplier's own books. ``OrderingContract`` is what holds for whoever takes orders, also where no network lies
between; ``SupplierContract`` adds feeds, credentials and every fault of a wire.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

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
from adapters.pacing import in_background
from adapters.ports import SupplierPort
from models.calls import CallRecord
from models.feed_rows import FeedPage
from models.feeds import FeedKind, FieldName
from models.findings import Severity
from models.orders import Address
from models.suppliers import (
    Cancellation,
    DeclinedLine,
    Destination,
    DoubtMeans,
    PlacedOrder,
    SupplierLine,
    SupplierOrder,
    SupplierState,
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
QUESTIONS = ("fetch_stock", "quote_shipping", "fetch_order")
UNANSWERED = {
    "error": (Unavailable, {"status": 500}),
    "reset_before": (Unavailable, {}),
    "reset_after": (Unavailable, {}),
    "cut_off": (Unavailable, {}),
    "hang": (Unavailable, {}),
    "truncated": (UnexpectedReply, {}),
    "invalid_json": (UnexpectedReply, {}),
    "wrong_content_type": (UnexpectedReply, {}),
}
# kind of fault, its options, and whether the supplier has the order afterwards
DOUBTS = [
    ("error", {"status": 500}, False),
    ("error", {"status": 503, "processed": True}, True),
    ("reset_before", {}, False),
    ("reset_after", {}, True),
    ("hang", {}, False),
    ("hang", {"processed": True}, True),
    ("cut_off", {}, True),
    ("truncated", {}, True),
    ("invalid_json", {}, True),
    ("wrong_content_type", {}, True),
]


@dataclass(frozen=True, kw_only=True)
class OrderingWorld:
    """Who takes our orders, and our port to them."""

    port: SupplierPort
    nowhere: SupplierPort  # a port that nobody listens behind
    eans: tuple[str, ...]  # known, in stock, plain
    unknown_ean: str
    supplier_orders: Callable[[], list[dict[str, Any]]]  # the supplier's own books
    ship: Callable[[str, list[str]], None]  # the supplier ships an order under these tracking numbers
    decline: Callable[[str, dict[str, int]], None] | None = None  # it ships an order without these units (EAN: units)
    parcels: int = 2  # that one order may have

    def order(self, *, number: str = "DW-1-11", test: bool = False, quantity: int = 2) -> SupplierOrder:
        """Quote and fill in an order for the customer."""
        lines = (SupplierLine(ean=self.eans[0], quantity=quantity), SupplierLine(ean=self.eans[1], quantity=1))
        quote = self.port.quote_shipping(MADRID, lines)[0]
        return SupplierOrder(number=number, lines=lines, quote_id=quote.quote_id, address=CUSTOMER, test=test)


@dataclass(frozen=True, kw_only=True)
class SupplierWorld(OrderingWorld):
    """A supplier's simulator, and the wire between."""

    stranger: SupplierPort  # the same supplier with a wrong token
    calls: list[CallRecord]
    secret: str
    spoil: Callable[..., None]  # spoil(method, kind, **options): the port's method whose calls are spoilt
    wait_for_orders: Callable[[int], None]

    def ask(self, method: str, placed: PlacedOrder) -> object:
        """Ask one question of the port."""
        if method == "fetch_stock":
            return self.port.fetch_stock(self.eans[:2])
        if method == "quote_shipping":
            return self.port.quote_shipping(MADRID, [SupplierLine(ean=self.eans[0], quantity=1)])
        return self.port.fetch_order(placed.supplier_number)

    def feed(self, kind: FeedKind = FeedKind.STOCK, *, since: str = "", cursor: str = "") -> list[FeedPage]:
        """Walk through a feed to its end, behind orders as the product does."""
        with in_background():
            return list(self.port.fetch_feed(kind, since=since, cursor=cursor))


class OrderingContract:
    """What holds for everybody who takes orders. A plugin's test class defines the fixture ``world``."""

    def test_stock_comes_in_the_order_asked_with_unknown_articles_named_as_such(self, world: OrderingWorld) -> None:
        asked = [world.eans[1], world.unknown_ean, world.eans[0]]
        answers = world.port.fetch_stock(asked)
        assert [(answer.ean, answer.known) for answer in answers] == list(zip(asked, [True, False, True], strict=True))
        assert answers[0].quantity > 0
        assert answers[0].unit_cost is not None
        assert answers[1].quantity == 0

    def test_case_and_spaces_of_an_ean_do_not_matter(self, world: OrderingWorld) -> None:
        spaced = f" {world.eans[0][:6]} {world.eans[0][6:]} "
        assert world.port.fetch_stock([spaced])[0].known

    def test_more_articles_than_one_call_takes_are_asked_in_several(self, world: OrderingWorld) -> None:
        asked = [*world.eans, *(f"{number:013d}" for number in range(250))]
        answers = world.port.fetch_stock(asked)
        assert [answer.ean for answer in answers] == asked
        assert sum(answer.known for answer in answers) == len(world.eans)

    def test_quotes_name_carrier_cost_and_days(self, world: OrderingWorld) -> None:
        quotes = world.port.quote_shipping(MADRID, [SupplierLine(ean=world.eans[0], quantity=1)])
        assert len({quote.quote_id for quote in quotes}) == len(quotes) > 0
        assert all(quote.carrier and quote.cost.amount > 0 and quote.days for quote in quotes)

    def test_nobody_ships_to_an_unserved_country(self, world: OrderingWorld) -> None:
        nowhere = Destination(country_code="AQ", postal_code="0")
        assert world.port.quote_shipping(nowhere, [SupplierLine(ean=world.eans[0], quantity=1)]) == []

    def test_a_placed_order_is_in_the_suppliers_books_once(self, world: OrderingWorld) -> None:
        placed = world.port.place_order(world.order())
        books = world.supplier_orders()
        assert [order["order_number"] for order in books] == [placed.supplier_number]
        expected = [{"ean": world.eans[0], "quantity": 2}, {"ean": world.eans[1], "quantity": 1}]
        assert books[0]["lines"] == expected
        assert placed.state is SupplierState.ACKNOWLEDGED
        assert placed.declined == ()

    def test_a_test_order_is_not_acknowledged(self, world: OrderingWorld) -> None:
        if world.port.capabilities.test_orders:
            assert world.port.place_order(world.order(test=True)).state is SupplierState.AWAITING_PAYMENT

    def test_an_order_has_no_parcels_until_it_ships(self, world: OrderingWorld) -> None:
        placed = world.port.place_order(world.order())
        assert world.port.fetch_order(placed.supplier_number).parcels == ()
        sent = ["GLS-0000000001", "GLS-0000000002"][: world.parcels]
        world.ship(placed.supplier_number, sent)
        status = world.port.fetch_order(placed.supplier_number)
        assert status.state is SupplierState.SHIPPED
        assert [parcel.tracking_number for parcel in status.parcels] == sent
        assert status.declined == ()

    def test_behind_a_refused_connection_nothing_was_sent(self, world: OrderingWorld) -> None:
        order = world.order()
        with pytest.raises(NotSent):
            world.nowhere.place_order(order)
        with pytest.raises(NotSent):
            world.nowhere.fetch_stock(world.eans[:1])

    def test_a_healthy_supplier_checks_out(self, world: OrderingWorld) -> None:
        assert {finding.severity for finding in world.port.check(world.eans[:3])} == {Severity.OK}

    def test_an_unknown_ean_is_found_with_a_remedy(self, world: OrderingWorld) -> None:
        bad = [finding for finding in world.port.check([world.unknown_ean]) if finding.severity is not Severity.OK]
        assert len(bad) == 1
        assert world.unknown_ean in bad[0].subject
        assert bad[0].remedy

    def test_an_absent_supplier_is_found_with_a_remedy(self, world: OrderingWorld) -> None:
        findings = world.nowhere.check(world.eans[:1])
        assert [finding.severity for finding in findings] == [Severity.ERROR]
        assert findings[0].remedy

    def test_an_order_that_is_not_there_is_said_so(self, world: OrderingWorld) -> None:
        with pytest.raises(Refused) as caught:
            world.port.fetch_order("77777")
        assert caught.value.code == "order_not_found"

    def test_a_supplier_that_knows_our_number_takes_an_order_once(self, world: OrderingWorld) -> None:
        if world.port.capabilities.doubt is DoubtMeans.KEY:
            first = world.port.place_order(world.order())
            assert world.port.place_order(world.order()) == first
            assert len(world.supplier_orders()) == 1

    def test_an_order_can_be_cancelled_where_capabilities_say_so(self, world: OrderingWorld) -> None:
        placed = world.port.place_order(world.order())
        if not world.port.capabilities.cancel:
            with pytest.raises(Refused) as caught:
                world.port.cancel_order(placed.supplier_number)
            assert caught.value.code == "no_cancel"
            return
        answers = [world.port.cancel_order(placed.supplier_number) for _ in range(2)]
        assert set(answers) <= {Cancellation.CANCELLED, Cancellation.REQUESTED}
        if Cancellation.CANCELLED in answers:
            assert world.port.fetch_order(placed.supplier_number).state is SupplierState.CANCELLED

    def test_what_has_shipped_can_not_be_cancelled(self, world: OrderingWorld) -> None:
        placed = world.port.place_order(world.order())
        world.ship(placed.supplier_number, ["GLS-0000000001"])
        if world.port.capabilities.cancel:
            assert world.port.cancel_order(placed.supplier_number) is Cancellation.TOO_LATE
        assert world.port.fetch_order(placed.supplier_number).state is SupplierState.SHIPPED

    def test_what_is_declined_is_said_each_time(self, world: OrderingWorld) -> None:
        if world.decline is None:
            return
        placed = world.port.place_order(world.order())
        world.decline(placed.supplier_number, {world.eans[0]: 1})
        for _ in range(2):
            status = world.port.fetch_order(placed.supplier_number)
            assert status.state is SupplierState.SHIPPED
            assert status.declined == (DeclinedLine(ean=world.eans[0], quantity=1),)


class SupplierContract(OrderingContract):
    """The whole suite, for a supplier behind a network."""

    def test_there_is_a_choice_of_quotes(self, world: SupplierWorld) -> None:
        assert len(world.port.quote_shipping(MADRID, [SupplierLine(ean=world.eans[0], quantity=1)])) > 1

    def test_a_placed_order_says_what_it_costs(self, world: SupplierWorld) -> None:
        assert world.port.place_order(world.order()).total is not None

    def test_no_articles_need_no_call(self, world: SupplierWorld) -> None:
        assert world.port.fetch_stock([]) == []
        assert world.calls == []

    @pytest.mark.parametrize("kind", FeedKind)
    def test_a_feed_has_every_article_once_with_what_its_columns_name(
        self, world: SupplierWorld, kind: FeedKind
    ) -> None:
        pages, columns = world.feed(kind), world.port.feed_columns(kind)
        rows = [row for page in pages for row in page.rows]
        codes = [row[columns[FieldName.EAN].column] for row in rows]
        assert len(set(codes)) == len(codes) == pages[-1].total
        assert set(world.eans) <= set(codes)
        assert all(column.column in row for row in rows for column in columns.values())
        assert json.loads(json.dumps(rows)) == rows

    def test_a_feed_goes_on_from_every_cursor(self, world: SupplierWorld) -> None:
        pages = world.feed()
        assert len(pages) > 2
        assert [bool(page.next_cursor) for page in pages] == [True] * (len(pages) - 1) + [False]
        for position, page in enumerate(pages[:-1]):
            rest = world.feed(cursor=page.next_cursor)
            assert [later.rows for later in rest] == [later.rows for later in pages[position + 1 :]]
            assert {later.since for later in rest} == {page.since}

    def test_the_same_articles_are_the_same_rows_again(self, world: SupplierWorld) -> None:
        assert [page.rows for page in world.feed()] == [page.rows for page in world.feed()]

    @pytest.mark.parametrize("kind", UNANSWERED)
    def test_a_page_without_an_answer_can_be_asked_for_again(self, world: SupplierWorld, kind: str) -> None:
        failure, options = UNANSWERED[kind]
        world.spoil("fetch_feed", kind, times=1, skip=1, **options)
        pages = world.port.fetch_feed(FeedKind.STOCK, since="", cursor="")
        first = next(pages)
        with pytest.raises(failure):
            next(pages)
        rest = world.feed(cursor=first.next_cursor)
        assert [first.rows, *(page.rows for page in rest)] == [page.rows for page in world.feed()]

    def test_a_throttled_page_says_when_to_come_back(self, world: SupplierWorld) -> None:
        world.spoil("fetch_feed", "throttled", times=1, retry_after=4)
        with pytest.raises(Throttled) as caught:
            world.feed()
        assert caught.value.retry_after == timedelta(seconds=4)

    @pytest.mark.parametrize("method", QUESTIONS)
    @pytest.mark.parametrize("kind", UNANSWERED)
    def test_an_unanswered_question_may_be_asked_again(self, world: SupplierWorld, method: str, kind: str) -> None:
        placed = world.port.place_order(world.order())
        failure, options = UNANSWERED[kind]
        world.spoil(method, kind, times=1, **options)
        with pytest.raises(failure):
            world.ask(method, placed)
        assert world.ask(method, placed)

    @pytest.mark.parametrize("method", QUESTIONS)
    def test_a_throttled_question_says_when_to_come_back(self, world: SupplierWorld, method: str) -> None:
        placed = world.port.place_order(world.order())
        world.spoil(method, "throttled", times=1, retry_after=17)
        with pytest.raises(Throttled) as caught:
            world.ask(method, placed)
        assert caught.value.retry_after == timedelta(seconds=17)
        assert world.ask(method, placed)

    @pytest.mark.parametrize("method", QUESTIONS)
    def test_a_slow_answer_is_waited_for(self, world: SupplierWorld, method: str) -> None:
        placed = world.port.place_order(world.order())
        world.spoil(method, "latency", times=1, milliseconds=150)
        assert world.ask(method, placed)

    @pytest.mark.parametrize(("kind", "options", "ordered"), DOUBTS)
    def test_an_order_without_a_usable_answer_is_doubtful(
        self, world: SupplierWorld, kind: str, options: dict[str, Any], *, ordered: bool
    ) -> None:
        order = world.order()
        world.spoil("place_order", kind, times=1, **options)
        with pytest.raises(Doubtful) as caught:
            world.port.place_order(order)
        assert caught.value.code
        assert len(world.supplier_orders()) == int(ordered)

    def test_an_order_answered_after_our_time_out_is_doubtful_and_exists(self, world: SupplierWorld) -> None:
        order = world.order()
        world.spoil("place_order", "latency", times=1, milliseconds=900)
        with pytest.raises(Doubtful):
            world.port.place_order(order)
        assert world.supplier_orders() == []
        world.wait_for_orders(1)

    def test_a_throttled_order_was_not_placed(self, world: SupplierWorld) -> None:
        order = world.order()
        world.spoil("place_order", "throttled", times=1, retry_after=3)
        with pytest.raises(Throttled) as caught:
            world.port.place_order(order)
        assert caught.value.retry_after == timedelta(seconds=3)
        assert world.supplier_orders() == []

    def test_a_wrong_token_is_named_and_orders_nothing(self, world: SupplierWorld) -> None:
        order = world.order()
        with pytest.raises(AuthenticationFailed):
            world.stranger.place_order(order)
        with pytest.raises(AuthenticationFailed):
            world.stranger.fetch_stock(world.eans[:1])
        with pytest.raises(AuthenticationFailed):
            list(world.stranger.fetch_feed(FeedKind.STOCK, since="", cursor=""))
        assert world.supplier_orders() == []

    def test_every_call_is_recorded_without_the_secret(self, world: SupplierWorld) -> None:
        placed = world.port.place_order(world.order())
        world.spoil("fetch_stock", "reset_before", times=1)
        with pytest.raises(Unavailable):
            world.ask("fetch_stock", placed)
        assert [(call.status, bool(call.error)) for call in world.calls[-2:]] == [(200, False), (None, True)]
        assert all(world.secret not in call.model_dump_json() for call in world.calls)
        assert any(CUSTOMER.city in call.request for call in world.calls)

    @pytest.mark.parametrize("kind", ["reset_after", "truncated", "wrong_content_type", "throttled"])
    def test_no_failure_message_holds_personal_data(self, world: SupplierWorld, kind: str) -> None:
        order = world.order()
        world.spoil("place_order", kind, times=1)
        with pytest.raises(AdapterError) as caught:
            world.port.place_order(order)
        assert not any(word in f"{caught.value!r} {caught.value.code}" for word in PERSONAL)

    def test_checking_finds_a_wrong_token(self, world: SupplierWorld) -> None:
        findings = world.stranger.check(world.eans[:1])
        assert [finding.severity for finding in findings] == [Severity.ERROR]
        assert findings[0].remedy

    @pytest.mark.parametrize("kind", UNANSWERED)
    def test_checking_never_raises(self, world: SupplierWorld, kind: str) -> None:
        world.spoil("check", kind)
        assert any(finding.severity is Severity.ERROR for finding in world.port.check(world.eans[:1]))
