"""Adapters that are wrong about orders and questions, whatever lies between."""

from collections.abc import Sequence

from adapters.errors import Doubtful, NotSent, Refused, Throttled
from adapters.plugin import Plugin
from models.findings import Finding, Severity
from models.suppliers import (
    Cancellation,
    Destination,
    Lookup,
    LookupVerdict,
    PlacedOrder,
    ShippingQuote,
    StockAnswer,
    SupplierLine,
    SupplierOrder,
    SupplierOrderStatus,
    SupplierState,
)
from tests.adapters.correct_supplier import EANS, Correct, Entry
from tests.adapters.wrong import Blind, Keyed, fails


@fails(
    "test_the_profile_does_not_contradict_itself",
    plugin=Plugin(id="x", group="suppliers", build=Correct, versions=("2", "1")),
)
class SpeaksAnUnknownVersion(Correct):
    pass


@fails("test_stock_comes_in_the_order_asked_with_unknown_articles_named_as_such")
class ForgetsCosts(Correct):
    def stock_of(self, ean: str) -> StockAnswer:
        return super().stock_of(ean).model_copy(update={"unit_cost": None})


@fails("test_case_and_spaces_of_an_ean_do_not_matter")
class TakesSpacesSeriously(Correct):
    def stock_of(self, ean: str) -> StockAnswer:
        return super().stock_of(ean if ean in EANS else "none").model_copy(update={"ean": ean})


@fails("test_more_articles_than_one_call_takes_are_asked_in_several")
class AsksOnce(Correct):
    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        return super().fetch_stock(eans)[:100]


@fails("test_quotes_name_carrier_cost_and_days")
class ForgetsDays(Correct):
    def quote_shipping(self, destination: Destination, lines: Sequence[SupplierLine]) -> list[ShippingQuote]:
        return [one.model_copy(update={"days": None}) for one in super().quote_shipping(destination, lines)]


@fails("test_nobody_ships_to_an_unserved_country")
class ShipsEverywhere(Correct):
    def quote_shipping(self, destination: Destination, lines: Sequence[SupplierLine]) -> list[ShippingQuote]:
        return super().quote_shipping(Destination(country_code="ES", postal_code="1"), lines)


@fails("test_a_placed_order_is_in_the_suppliers_books_once")
class SwapsLines(Correct):
    def take(self, order: SupplierOrder) -> Entry:
        return super().take(order.model_copy(update={"lines": order.lines[::-1]}))


@fails("test_a_placed_order_is_in_the_suppliers_books_once")
class DoesNotKnowWhatWasPlaced(Correct):
    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        return super().place_order(order).model_copy(update={"state": SupplierState.UNKNOWN})


@fails("test_a_placed_order_stands_as_it_was_answered")
class DoesNotKnowTheFirstStatus(Correct):
    def status(self, entry: Entry) -> SupplierOrderStatus:
        new = entry.state is SupplierState.ACKNOWLEDGED and not entry.said
        return super().status(entry).model_copy(update={"state": SupplierState.UNKNOWN} if new else {})


@fails("test_two_orders_are_two")
class TakesTwoForOne(Correct):
    def take(self, order: SupplierOrder) -> Entry:
        alike = [one for one in self.vendor.entries if one.order.lines == order.lines and not self.vendor.spoilt]
        return alike[0] if alike else super().take(order)


@fails("test_a_test_order_is_not_acknowledged")
class OrdersTestsInEarnest(Correct):
    def take(self, order: SupplierOrder) -> Entry:
        return super().take(order.model_copy(update={"test": False}))


@fails("test_a_test_order_is_not_acknowledged")
class OrdersTestsThatThereAreNot(Blind):
    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        return super().place_order(order.model_copy(update={"test": False}))


@fails("test_an_order_has_no_parcels_until_it_ships")
class SeesOneParcel(Correct):
    def status(self, entry: Entry) -> SupplierOrderStatus:
        status = super().status(entry)
        return status.model_copy(update={"parcels": status.parcels[:1]})


@fails("test_parcels_name_their_lines_where_the_profile_says_so")
class ForgetsLinesOfParcels(Correct):
    def status(self, entry: Entry) -> SupplierOrderStatus:
        status = super().status(entry)
        bare = tuple(parcel.model_copy(update={"lines": ()}) for parcel in status.parcels)
        return status.model_copy(update={"parcels": bare})


@fails("test_behind_a_refused_connection_nothing_was_sent")
class DoubtsWhatNeverLeft(Correct):
    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        try:
            return super().place_order(order)
        except Throttled:
            raise
        except NotSent:
            raise Doubtful("no connection") from None


@fails("test_a_supplier_that_serves_us_answers_a_probe")
class ProbesByOrdering(Correct):
    def probe(self) -> None:
        super().probe()
        lines = (SupplierLine(ean=EANS[0], quantity=1),)
        self.vendor.take(SupplierOrder.model_construct(number="PROBE", lines=lines, test=False))


@fails("test_a_healthy_supplier_checks_out")
class NeverContent(Correct):
    def check(self, sample_eans: Sequence[str]) -> list[Finding]:
        grumble = self.finding(Severity.WARNING, "weather", "it rains", "wait")
        return [*super().check(sample_eans), *([grumble] if len(sample_eans) > 2 else [])]


@fails("test_an_unknown_ean_is_found_with_a_remedy")
class WarnsWithoutRemedy(Correct):
    def finding(self, severity: Severity, subject: str, message: str, remedy: str = "") -> Finding:
        return super().finding(severity, subject, message, "" if severity is Severity.WARNING else remedy)


@fails("test_an_absent_supplier_is_found_with_a_remedy")
class DoesNotSeeThatNobodyIsThere(Correct):
    def check(self, sample_eans: Sequence[str]) -> list[Finding]:
        return super().check(sample_eans) if self.there else [self.finding(Severity.OK, "account", "quiet")]


@fails("test_an_order_that_is_not_there_is_said_so")
class NamesItOtherwise(Correct):
    def entry(self, supplier_number: str) -> Entry:
        if self.vendor.find(supplier_number) is None:
            raise Refused("no such order", code="http_404")
        return super().entry(supplier_number)


@fails("test_a_supplier_that_knows_our_number_takes_an_order_once")
class AnswersAnotherPriceTheSecondTime(Keyed):
    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        again = self.vendor.named(order.number) is not None
        placed = super().place_order(order)
        return placed.model_copy(update={"total": None}) if again else placed


@fails("test_a_look_up_finds_what_was_placed_and_nothing_else")
class LooksUpOnlyWhatItDoubted(Correct):
    def find_order(self, order: SupplierOrder) -> Lookup:
        return super().find_order(order) if self.vendor.spoilt else Lookup(verdict=LookupVerdict.ABSENT)


@fails("test_an_order_can_be_cancelled_where_capabilities_say_so")
class SaysItCancelled(Correct):
    def cancel_order(self, supplier_number: str) -> Cancellation:
        if self.entry(supplier_number).state is SupplierState.SHIPPED:
            return Cancellation.TOO_LATE
        return Cancellation.CANCELLED


@fails("test_an_order_can_be_cancelled_where_capabilities_say_so")
class CancelsWithoutSayingThatItCan(Blind):
    def cancel_order(self, supplier_number: str) -> Cancellation:
        self.entry(supplier_number).state = SupplierState.CANCELLED
        return Cancellation.CANCELLED


@fails("test_what_has_shipped_can_not_be_cancelled")
class CancelsWhatHasLeft(Correct):
    def cancel_order(self, supplier_number: str) -> Cancellation:
        return Cancellation.CANCELLED if self.entry(supplier_number).parcels else super().cancel_order(supplier_number)


@fails("test_what_is_declined_is_said_each_time")
class SaysItOnce(Correct):
    def status(self, entry: Entry) -> SupplierOrderStatus:
        status = super().status(entry)
        entry.said = []
        return status


@fails("test_lines_are_answered_where_the_profile_says_so", answer=None, decline=None)
class DeclaresWhatNobodySees(Correct):
    pass


@fails("test_an_answer_line_by_line_is_read_as_it_was_said")
class ForgetsSubstitutes(Correct):
    def status(self, entry: Entry) -> SupplierOrderStatus:
        status = super().status(entry)
        plain = tuple(line.model_copy(update={"substitute": ""}) for line in status.lines)
        return status.model_copy(update={"lines": plain})


@fails("test_an_answer_line_by_line_is_read_as_it_was_said")
class ForgetsDates(Correct):
    def status(self, entry: Entry) -> SupplierOrderStatus:
        status = super().status(entry)
        plain = tuple(line.model_copy(update={"expected_on": None}) for line in status.lines)
        return status.model_copy(update={"lines": plain})


@fails("test_an_answer_said_again_means_the_same")
class AddsAnswersUp(Correct):
    def status(self, entry: Entry) -> SupplierOrderStatus:
        status = super().status(entry)
        return status.model_copy(update={"lines": status.lines * entry.times_said})
