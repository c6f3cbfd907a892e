"""Adapters that are wrong about what a wire does: faults, credentials, feeds, documents."""

from collections.abc import Iterator, Sequence
from datetime import datetime
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
from models.exchange import DocumentKind, Incoming, PartnerNews, Reading
from models.feed_rows import FeedPage
from models.feeds import Column, FeedKind, FieldName
from models.findings import Finding, Severity
from models.suppliers import (
    Lookup,
    LookupVerdict,
    PlacedOrder,
    StockAnswer,
    SupplierOrder,
    SupplierOrderStatus,
    SupplierState,
)
from tests.adapters.correct_partner import CorrectPartner
from tests.adapters.correct_supplier import TOKEN, Correct, Entry, Fault
from tests.adapters.wrong import Keyed, StockOnly, fails

ONCE = "test_a_doubtful_order_is_settled_by_the_channels_own_means_and_exists_once"


@fails(ONCE)
class TakesAResetForNothingSent(Correct):
    def doubtful(self, order: SupplierOrder, fault: Fault) -> AdapterError:
        return NotSent("reset") if fault.kind == "reset_after" else super().doubtful(order, fault)


@fails(ONCE)
class TriesAgainByItself(Correct):
    def place_in_vain(self, order: SupplierOrder, fault: Fault) -> PlacedOrder:
        try:
            return super().place_in_vain(order, fault)
        except Doubtful:
            if fault.kind != "latency":
                return self.place_order(order)
            raise


@fails(ONCE)
class TakesSilenceForAbsence(Correct):
    def find_order(self, order: SupplierOrder) -> Lookup:
        found = super().find_order(order)
        return Lookup(verdict=LookupVerdict.ABSENT) if self.vendor.spoilt else found


@fails("test_a_web_servers_own_404_does_not_prove_that_there_is_no_order")
class BelievesAnyPage(Correct):
    def find_order(self, order: SupplierOrder) -> Lookup:
        try:
            return super().find_order(order)
        except AdapterError:
            if self.vendor.faults["find_order"].options.get("status") == 404:
                return Lookup(verdict=LookupVerdict.ABSENT)
            raise


@fails(ONCE)
class IsNeverSure(Correct):
    def find_order(self, order: SupplierOrder) -> Lookup:
        found = super().find_order(order)
        return Lookup(verdict=LookupVerdict.UNSURE) if self.vendor.spoilt else found


@fails(ONCE)
class ForgetsItsKeyInTrouble(Keyed):
    def take(self, order: SupplierOrder) -> Entry:
        return self.vendor.take(order) if self.vendor.spoilt else super().take(order)


@fails("test_an_unanswered_question_may_be_asked_again")
class AnswersWithNothing(Correct):
    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        try:
            return super().fetch_stock(eans)
        except Unavailable:
            return []


@fails("test_a_wrong_credential_is_named_and_orders_nothing")
class CallsItARefusal(Correct):
    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        try:
            return super().place_order(order)
        except AuthenticationFailed:
            raise Refused("no", code="http_401") from None


@fails("test_checking_finds_a_wrong_credential")
class DoesNotSeeAWrongToken(Correct):
    def check(self, sample_eans: Sequence[str]) -> list[Finding]:
        found = super().check(sample_eans)
        return found if self.token == TOKEN else [self.finding(Severity.OK, "account", "well")]


@fails("test_checking_never_raises")
class RaisesWhenChecked(Correct):
    def check(self, sample_eans: Sequence[str]) -> list[Finding]:
        found = super().check(sample_eans)
        if "UnexpectedReply" in found[0].message:
            raise UnexpectedReply("the account")
        return found


@fails("test_no_failure_message_holds_personal_data")
class TellsTales(Correct):
    def doubtful(self, order: SupplierOrder, fault: Fault) -> AdapterError:
        return Doubtful(f"no answer about {order.address.name}", code=fault.kind)


@fails("test_a_feed_that_is_not_there_is_refused")
class HasEmptyFeeds(StockOnly):
    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:
        if kind in self.feeds:
            yield from super().fetch_feed(kind, since=since, cursor=cursor)


@fails("test_a_webhook_is_read_and_a_forged_one_believed_in_nothing")
class BelievesEverybody(Correct):
    def read_webhook(self, headers: Any, body: bytes, *, path_secret: str) -> list[PartnerNews]:
        return super().read_webhook(headers, body, path_secret=TOKEN)


# HTTP.


@fails("test_a_placed_order_says_what_it_costs")
class ForgetsTheTotal(Correct):
    def placed(self, entry: Entry) -> PlacedOrder:
        return super().placed(entry).model_copy(update={"total": None})


@fails("test_no_articles_need_no_call")
class CallsForNothing(Correct):
    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        self.ask("fetch_stock")
        return [self.stock_of(ean) for ean in eans]


@fails("test_a_feed_has_every_article_once_with_what_its_columns_name")
class NamesAColumnThatIsNotThere(Correct):
    def feed_columns(self, kind: FeedKind) -> dict[str, Column]:
        return {**super().feed_columns(kind), FieldName.QUANTITY: Column(column="units")}


@fails("test_a_feed_goes_on_from_every_cursor")
class LosesItsPlace(Correct):
    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:
        for page in super().fetch_feed(kind, since=since, cursor=cursor):
            yield FeedPage(page.rows, page.next_cursor, page.total, since=f"from {cursor or 'the start'}")


@fails("test_the_same_articles_are_the_same_rows_again")
class StampsTheLastRow(Correct):
    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:
        self.vendor.walks[kind] += not cursor
        for page in super().fetch_feed(kind, since=since, cursor=cursor):
            if not page.next_cursor and not cursor and self.vendor.walks[kind] > 1:
                page.rows[-1]["read"] = self.vendor.walks[kind]
            yield page


@fails("test_a_page_without_an_answer_can_be_asked_for_again")
class EndsAFeedThatBroke(Correct):
    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:
        try:
            yield from super().fetch_feed(kind, since=since, cursor=cursor)
        except (Unavailable, UnexpectedReply):
            return


@fails("test_a_throttled_page_says_when_to_come_back")
class DoesNotSayWhenAPageIsThere(Correct):
    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:
        try:
            yield from super().fetch_feed(kind, since=since, cursor=cursor)
        except Throttled:
            raise Throttled("later") from None


@fails("test_a_throttled_question_says_when_to_come_back")
class DoesNotSayWhen(Correct):
    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        try:
            return super().fetch_order(supplier_number)
        except Throttled:
            raise Throttled("later") from None


@fails("test_a_slow_answer_is_waited_for")
class IsImpatient(Correct):
    def ask(self, method: str) -> None:
        fault = self.vendor.faults.get(method)
        if fault is not None and fault.kind == "latency" and fault.left:
            raise Unavailable("too slow")
        super().ask(method)


@fails("test_an_order_answered_after_our_time_out_is_doubtful_and_exists")
class TakesATimeOutForNothingSent(Correct):
    def doubtful(self, order: SupplierOrder, fault: Fault) -> AdapterError:
        return NotSent("time-out") if fault.kind == "latency" else super().doubtful(order, fault)


@fails("test_a_throttled_order_was_not_placed")
class DoubtsWhatWasThrottled(Correct):
    def place_in_vain(self, order: SupplierOrder, fault: Fault) -> PlacedOrder:
        try:
            return super().place_in_vain(order, fault)
        except Throttled:
            raise Doubtful("429", code="http_429") from None


@fails("test_every_call_is_recorded_without_the_secret")
class RecordsItsSecret(Correct):
    def record(self, operation: str, *, request: str = "", status: int | None = 200, error: str = "") -> None:
        super().record(operation, request=f"{request} Bearer {self.token}", status=status, error=error)


# Documents.


@fails("test_an_order_is_sent_until_its_partner_has_answered")
class AcknowledgesItself(CorrectPartner):
    def placed(self, order: SupplierOrder) -> PlacedOrder:
        return super().placed(order).model_copy(update={"state": SupplierState.ACKNOWLEDGED})


@fails("test_picking_up_and_reading_change_nothing")
class TakesWhatItLooksAt(CorrectPartner):
    def pick_up(self) -> Iterator[Incoming]:
        found = list(super().pick_up())
        self.partner.theirs.clear()
        yield from found


@fails("test_what_was_put_away_does_not_come_again")
class LeavesErrorsWhereTheyLie(CorrectPartner):
    def put_away(self, incoming: Incoming, *, good: bool) -> None:
        if good:
            super().put_away(incoming, good=good)


@fails("test_garbage_is_refused_and_never_raises")
class ChokesOnGarbage(CorrectPartner):
    def read(self, incoming: Incoming) -> Reading:
        incoming.body.decode()
        return super().read(incoming)


@fails("test_with_nothing_due_nothing_is_sent")
class CountsWhatItDidNotSend(CorrectPartner):
    def send_due(self, now: datetime) -> int:
        return super().send_due(now) + 1


@fails(ONCE)
class TakesTheDeskForTheFolder(CorrectPartner):
    def find_order(self, order: SupplierOrder) -> Lookup:
        found = super().find_order(order)
        kept = self.desk.find_outgoing(DocumentKind.ORDER, order.number)
        return found if kept is None else Lookup(verdict=LookupVerdict.FOUND, placed=self.placed(order))
