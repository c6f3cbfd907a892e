"""What holds for everybody who takes orders, also where no network lies between.

Checks follow ``port.capabilities``: what a profile declares must be shown, what it does not declare must be refused.
"""

import pytest

from adapters.errors import NotSent
from adapters.ports import ExchangingPort, ListeningPort
from dropwright.testing.acknowledging import PROMISED, answers_of, said
from dropwright.testing.worlds import MADRID, OrderingWorld, refused
from models.findings import Severity
from models.suppliers import (
    ACKNOWLEDGING,
    Arrival,
    Cancellation,
    DeclinedLine,
    Destination,
    DoubtMeans,
    LineStatus,
    LookupVerdict,
    SupplierLine,
    SupplierState,
)

UNKNOWN_NUMBER = "77777"


class OrderingContract:
    """What holds for everybody who takes orders. A plugin's test class defines the fixture ``world``."""

    def test_the_profile_does_not_contradict_itself(self, world: OrderingWorld) -> None:
        offers, port = world.port.capabilities, world.port
        arrivals = {offers.acknowledgement, offers.shipment, offers.invoice, offers.returns}
        looks = offers.doubt in (DoubtMeans.LOOK_UP, DoubtMeans.PROOF)
        assert offers.cancel or not offers.partial_cancel, "partial_cancel without cancel"
        assert looks or not offers.visibility_delay, "a visibility_delay, and nothing that looks after it"
        if arrivals & {Arrival.PUSH, Arrival.BOTH}:
            hears = isinstance(port, ListeningPort | ExchangingPort)
            assert hears, "something is pushed, and neither read_webhook nor pick_up is there to hear it"
        if world.plugin is not None and world.plugin.versions:
            assert offers.api_version in world.plugin.versions

    def test_stock_comes_in_the_order_asked_with_unknown_articles_named_as_such(self, world: OrderingWorld) -> None:
        asked = [world.eans[1], world.unknown_ean, world.eans[0]]
        answers = world.port.fetch_stock(asked)
        assert [answer.ean for answer in answers] == asked
        assert not answers[1].known
        assert answers[1].quantity == 0
        if world.tells_stock:
            assert [answers[0].known, answers[2].known] == [True, True]
            assert answers[0].quantity > 0
            assert answers[0].unit_cost is not None

    def test_case_and_spaces_of_an_ean_do_not_matter(self, world: OrderingWorld) -> None:
        spaced = f" {world.eans[0][:6]} {world.eans[0][6:]} "
        known = world.port.fetch_stock([spaced])[0].known
        assert known == world.tells_stock, "compare EANs as normalise_ean writes them"

    def test_more_articles_than_one_call_takes_are_asked_in_several(self, world: OrderingWorld) -> None:
        asked = [*world.eans, *(f"{number:013d}" for number in range(250))]
        answers = world.port.fetch_stock(asked)
        assert [answer.ean for answer in answers] == asked
        assert sum(answer.known for answer in answers) == (len(world.eans) if world.tells_stock else 0)

    def test_quotes_name_carrier_cost_and_days(self, world: OrderingWorld) -> None:
        quotes = world.port.quote_shipping(MADRID, [SupplierLine(ean=world.eans[0], quantity=1)])
        assert len({quote.quote_id for quote in quotes}) == len(quotes) >= world.ways_to_ship > 0
        assert all(quote.carrier and quote.cost.amount > 0 and quote.days for quote in quotes)

    def test_nobody_ships_to_an_unserved_country(self, world: OrderingWorld) -> None:
        nowhere = Destination(country_code="AQ", postal_code="0")
        assert world.port.quote_shipping(nowhere, [SupplierLine(ean=world.eans[0], quantity=1)]) == []

    def test_a_placed_order_is_in_the_suppliers_books_once(self, world: OrderingWorld) -> None:
        placed = world.place()
        books = world.supplier_orders()
        assert len(books) == 1
        assert world.find_in_books(placed) == books
        expected = [{"ean": world.eans[0], "quantity": 2}, {"ean": world.eans[1], "quantity": 1}]
        assert books[0]["lines"] == expected
        assert books[0].get("number", "") in ("", "DW-1-11")
        assert placed.state in (SupplierState.ACKNOWLEDGED, SupplierState.SENT)
        assert placed.declined == ()

    def test_a_placed_order_stands_as_it_was_answered(self, world: OrderingWorld) -> None:
        placed = world.place()
        status = world.port.fetch_order(placed.supplier_number)
        never_acknowledged = world.port.capabilities.acknowledgement is Arrival.NONE or world.answer is not None
        waiting = {SupplierState.SENT} if never_acknowledged else set()
        assert status.state in ACKNOWLEDGING | waiting
        assert status.parcels == ()
        assert status.declined == ()

    def test_two_orders_are_two(self, world: OrderingWorld) -> None:
        placed = [world.place(number=number) for number in ("DW-1-11", "DW-2-11")]
        assert len({order.supplier_number for order in placed}) == 2
        assert [len(world.find_in_books(order)) for order in placed] == [1, 1]
        assert len(world.supplier_orders()) == 2

    def test_a_test_order_is_not_acknowledged(self, world: OrderingWorld) -> None:
        if not world.port.capabilities.test_orders:
            with refused("no_test_orders", "the profile declares no test_orders, and this would be a real one"):
                world.port.place_order(world.order(test=True))
            world.settle()
            assert world.supplier_orders() == []
            return
        placed = world.place(test=True)
        assert placed.state not in ACKNOWLEDGING
        assert world.port.fetch_order(placed.supplier_number).state not in ACKNOWLEDGING

    def test_an_order_has_no_parcels_until_it_ships(self, world: OrderingWorld) -> None:
        placed = world.place()
        assert world.port.fetch_order(placed.supplier_number).parcels == ()
        sent = ["GLS-0000000001", "GLS-0000000002"][: world.parcels]
        world.ship(placed.supplier_number, sent)
        world.settle()
        status = world.port.fetch_order(placed.supplier_number)
        assert status.state is SupplierState.SHIPPED
        assert [parcel.tracking_number for parcel in status.parcels] == sent
        assert status.declined == ()

    def test_parcels_name_their_lines_where_the_profile_says_so(self, world: OrderingWorld) -> None:
        if not world.port.capabilities.line_level_shipments:
            return
        placed = world.place()
        world.ship(placed.supplier_number, ["GLS-0000000001"])
        world.settle()
        (parcel,) = world.port.fetch_order(placed.supplier_number).parcels
        named = {line.ean: line.quantity for line in parcel.lines}
        assert named == {world.eans[0]: 2, world.eans[1]: 1}, "the profile declares line_level_shipments"

    def test_behind_a_refused_connection_nothing_was_sent(self, world: OrderingWorld) -> None:
        order = world.order()
        with pytest.raises(NotSent):
            world.nowhere.place_order(order)
        with pytest.raises(NotSent):
            world.nowhere.probe()

    def test_a_supplier_that_serves_us_answers_a_probe(self, world: OrderingWorld) -> None:
        world.port.probe()
        assert world.supplier_orders() == []

    def test_a_healthy_supplier_checks_out(self, world: OrderingWorld) -> None:
        assert {finding.severity for finding in world.port.check(world.eans[:3])} == {Severity.OK}

    def test_an_unknown_ean_is_found_with_a_remedy(self, world: OrderingWorld) -> None:
        bad = [finding for finding in world.port.check([world.unknown_ean]) if finding.severity is not Severity.OK]
        if not world.tells_stock:
            assert not bad
            return
        assert len(bad) == 1
        assert world.unknown_ean in bad[0].subject
        assert bad[0].remedy

    def test_an_absent_supplier_is_found_with_a_remedy(self, world: OrderingWorld) -> None:
        findings = world.nowhere.check(world.eans[:1])
        assert [finding.severity for finding in findings] == [Severity.ERROR]
        assert findings[0].remedy

    def test_an_order_that_is_not_there_is_said_so(self, world: OrderingWorld) -> None:
        with refused("order_not_found", f"nobody has ordered {UNKNOWN_NUMBER}"):
            world.port.fetch_order(UNKNOWN_NUMBER)

    def test_a_supplier_that_knows_our_number_takes_an_order_once(self, world: OrderingWorld) -> None:
        if world.port.capabilities.doubt is DoubtMeans.KEY:
            order = world.order()
            first = world.port.place_order(order)
            again = world.port.place_order(order)
            assert len(world.supplier_orders()) == 1, (
                "ordered again under our number, it exists twice: doubt=key is for suppliers that answer with the first"
            )
            assert again == first

    def test_a_look_up_finds_what_was_placed_and_nothing_else(self, world: OrderingWorld) -> None:
        order, other = world.order(), world.order(number="DW-2-11")
        world.settle()
        assert world.port.find_order(other).verdict is not LookupVerdict.FOUND
        placed = world.port.place_order(order)
        world.settle()
        world.after_visibility()
        found = world.port.find_order(order)
        if world.port.capabilities.doubt in (DoubtMeans.LOOK_UP, DoubtMeans.PROOF):
            assert found.verdict is LookupVerdict.FOUND
        if world.port.capabilities.doubt is DoubtMeans.NONE:
            assert found.verdict is LookupVerdict.UNSURE
        assert found.verdict is not LookupVerdict.ABSENT
        if found.verdict is LookupVerdict.FOUND:
            assert found.placed is not None
            assert found.placed.supplier_number == placed.supplier_number
        assert world.port.find_order(other).verdict is not LookupVerdict.FOUND

    def test_an_order_can_be_cancelled_where_capabilities_say_so(self, world: OrderingWorld) -> None:
        placed = world.place()
        if not world.port.capabilities.cancel:
            with refused("no_cancel", "the profile declares no cancel"):
                world.port.cancel_order(placed.supplier_number)
            return
        answers = [world.port.cancel_order(placed.supplier_number) for _ in range(2)]
        assert set(answers) <= {Cancellation.CANCELLED, Cancellation.REQUESTED}
        world.settle()
        assert world.port.fetch_order(placed.supplier_number).state is SupplierState.CANCELLED
        assert len(world.supplier_orders()) == 1

    def test_what_has_shipped_can_not_be_cancelled(self, world: OrderingWorld) -> None:
        placed = world.place()
        world.ship(placed.supplier_number, ["GLS-0000000001"])
        world.settle()
        if world.port.capabilities.cancel:
            answer = world.port.cancel_order(placed.supplier_number)
            by_document = {Cancellation.REQUESTED} if isinstance(world.port, ExchangingPort) else set()
            assert answer in {Cancellation.TOO_LATE} | by_document
            world.settle()
        assert world.port.fetch_order(placed.supplier_number).state is SupplierState.SHIPPED

    def test_what_is_declined_is_said_each_time(self, world: OrderingWorld) -> None:
        if world.decline is None:
            return
        placed = world.place()
        world.decline(placed.supplier_number, {world.eans[0]: 1})
        world.settle()
        for _ in range(2):
            status = world.port.fetch_order(placed.supplier_number)
            assert status.state is SupplierState.SHIPPED
            assert status.declined == (DeclinedLine(ean=world.eans[0], quantity=1),)

    def test_lines_are_answered_where_the_profile_says_so(self, world: OrderingWorld) -> None:
        shown = world.answer is not None or world.decline is not None
        assert shown or not world.port.capabilities.line_level_acknowledgements, (
            "the profile declares line_level_acknowledgements: give the world `answer`"
        )

    @pytest.mark.parametrize("status", LineStatus)
    def test_an_answer_line_by_line_is_read_as_it_was_said(self, world: OrderingWorld, status: LineStatus) -> None:
        if world.answer is None or status not in world.answers:
            return
        placed = world.place()
        lines = answers_of(world, status)
        world.answer(placed.supplier_number, lines)
        world.settle()
        told = world.port.fetch_order(placed.supplier_number)
        assert said(told.lines, world) == said(lines, world)
        assert told.state is SupplierState.ACKNOWLEDGED
        if status is LineStatus.BACKORDERED and world.answers_dates:
            assert PROMISED in [line.expected_on for line in told.lines]

    def test_an_answer_said_again_means_the_same(self, world: OrderingWorld) -> None:
        if world.answer is None or LineStatus.REJECTED not in world.answers:
            return
        placed = world.place()
        for _ in range(2):
            world.answer(placed.supplier_number, answers_of(world, LineStatus.REJECTED))
            world.settle()
            declined = world.port.fetch_order(placed.supplier_number).declined
            assert declined == (DeclinedLine(ean=world.eans[0], quantity=1),)
