"""A doubtful submission, settled by its supplier's own means."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.doubt import MOST_SENDINGS, SPARE, DoubtActivities
from adapters.errors import AccountHold, Doubtful, Refused, Throttled, Unavailable
from models.contracts import ConfirmRequest, DoubtRequest, PurchaseOrderRequest, StepVerdict, Submission
from models.suppliers import (
    AcknowledgedLine,
    DoubtMeans,
    LineStatus,
    Lookup,
    LookupVerdict,
    PlacedOrder,
    SupplierOrder,
    SupplierState,
)
from tests.activities.world import ARTICLE, HOUR, START, World, ref, submit

DELAY = timedelta(minutes=10)
FOUND = Lookup(
    verdict=LookupVerdict.FOUND,
    placed=PlacedOrder(supplier_number="A777", state=SupplierState.ACKNOWLEDGED, status_text="Paid"),
)
ABSENT = Lookup(verdict=LookupVerdict.ABSENT, said="not in its list")
UNSURE = Lookup(verdict=LookupVerdict.UNSURE, said="no receipt yet")


def in_doubt(world: World, means: DoubtMeans, *, delay: timedelta = DELAY) -> PurchaseOrderRequest:
    """Bring an order to where its request has left and no answer came."""
    world.bts.means = {"doubt": means, "visibility_delay": delay}

    def lost(_order: SupplierOrder) -> None:
        raise Doubtful("place: no answer", code="ReadTimeout")

    world.bts.on_place = lost
    order = world.quoted()
    result = world.run(world.submission.submit_purchase_order, submit(order))
    assert (result.verdict, result.task) == (StepVerdict.UNKNOWN, None)
    return order


def settle(
    world: World,
    order: PurchaseOrderRequest,
    *,
    at: datetime = START + DELAY,
    until: datetime = START + 6 * HOUR,
    look_now: bool = False,
    may_send: bool = True,
) -> Submission:
    request = DoubtRequest(**ref(order).model_dump(), until=until, look_now=look_now, may_send=may_send)
    return world.run(DoubtActivities(world.deps).settle_doubt, request, at=at)


def answering(*answers: Lookup | Exception) -> Callable[[SupplierOrder], Lookup]:
    left = list(answers)

    def find(_order: SupplierOrder) -> Lookup:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return find


def test_what_is_found_is_placed_under_the_suppliers_number(world: World) -> None:
    order = in_doubt(world, DoubtMeans.LOOK_UP)
    world.bts.on_find = answering(FOUND)
    result = settle(world, order)

    assert (result.verdict, result.supplier_number, result.acknowledged) == (StepVerdict.DONE, "A777", True)
    assert world.purchase_order(order)["submission"] == "placed"
    assert world.tasks() == []
    assert len(world.rows("SELECT id FROM timeline WHERE event = 'purchase_order.placed'")) == 1


def test_nothing_is_asked_before_an_order_must_be_visible(world: World) -> None:
    order = in_doubt(world, DoubtMeans.LOOK_UP)
    asked = len(world.bts.asked)
    with pytest.raises(ApplicationError, match="visible there from") as early:
        settle(world, order, at=START + timedelta(minutes=4))

    assert early.value.next_retry_delay == timedelta(minutes=6)
    assert len(world.bts.asked) == asked


def test_what_is_proven_absent_may_be_sent_again_and_is_there_once(world: World) -> None:
    order = in_doubt(world, DoubtMeans.LOOK_UP)
    world.bts.on_find = answering(ABSENT)
    assert settle(world, order).verdict is StepVerdict.INTERRUPTED
    world.bts.on_place = lambda _order: None
    again = world.run(world.submission.submit_purchase_order, submit(order), at=START + HOUR)

    assert again.verdict is StepVerdict.DONE
    assert world.tasks() == []
    assert [one.number for one in world.bts.placed] == [order.number] * 2  # the first was never there


def test_a_look_that_comes_too_early_proves_nothing(world: World) -> None:
    order = in_doubt(world, DoubtMeans.PROOF)
    world.bts.on_find = answering(ABSENT)
    with pytest.raises(ApplicationError, match="in doubt"):
        settle(world, order, at=START, look_now=True)
    assert world.purchase_order(order)["submission"] == "unknown"


def test_news_are_looked_at_at_once(world: World) -> None:
    order = in_doubt(world, DoubtMeans.PROOF)
    world.bts.on_find = answering(FOUND)
    assert settle(world, order, at=START, look_now=True).verdict is StepVerdict.DONE


def refused(code: str) -> Callable[[SupplierOrder], None]:
    def refuse(_order: SupplierOrder) -> None:
        raise Refused("place: refused", code=code)

    return refuse


def test_a_supplier_that_takes_our_number_as_a_key_is_sent_it_again(world: World) -> None:
    order = in_doubt(world, DoubtMeans.KEY, delay=timedelta(0))
    world.bts.on_place = lambda _order: None
    result = settle(world, order, at=START)

    assert (result.verdict, result.supplier_number) == (StepVerdict.DONE, "A00002")
    assert [one.number for one in world.bts.placed] == [order.number] * 2
    assert "find_order" not in world.bts.asked
    assert world.purchase_order(order)["submission"] == "placed"


def test_an_order_that_was_sent_again_without_an_answer_stays_in_doubt_until_a_person_decides(world: World) -> None:
    order = in_doubt(world, DoubtMeans.KEY)
    with pytest.raises(ApplicationError, match="ReadTimeout"):
        settle(world, order, at=START)
    assert world.purchase_order(order)["submission"] == "unknown"
    assert settle(world, order, at=START + 6 * HOUR).task is not None


def test_stock_that_the_first_order_may_have_taken_sends_nothing_elsewhere(world: World) -> None:
    order = in_doubt(world, DoubtMeans.KEY)
    world.bts.stock, world.bts.on_place = {}, lambda _order: None
    assert settle(world, order, at=START).verdict is StepVerdict.DONE


def test_a_refusal_of_the_same_number_does_not_say_whether_there_is_a_first_order(world: World) -> None:
    order = in_doubt(world, DoubtMeans.KEY)
    world.bts.on_place = refused("product_error")
    assert settle(world, order, at=START).task is not None
    assert world.purchase_order(order)["submission"] == "unknown"
    assert world.only("SELECT evidence FROM tasks")["evidence"]["looked"] == "sent again, refused: product_error"


def test_an_account_that_is_held_says_nothing_of_the_first_order(world: World) -> None:
    order = in_doubt(world, DoubtMeans.KEY)

    def held(_order: SupplierOrder) -> None:
        raise AccountHold("place: no money", code="no_funds")

    world.bts.on_place = held
    with pytest.raises(ApplicationError, match="no_funds"):
        settle(world, order, at=START)
    assert world.purchase_order(order)["submission"] == "unknown"


def test_nothing_is_sent_again_that_is_to_be_cancelled(world: World) -> None:
    order = in_doubt(world, DoubtMeans.KEY)
    with world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE orders SET cancel_requested_at = now()")
    with pytest.raises(ApplicationError, match="in doubt"):
        settle(world, order)
    assert len(world.bts.placed) == 1
    assert "find_order" in world.bts.asked


def test_nothing_is_sent_again_that_a_person_has_called_off_or_holds(world: World) -> None:
    order = in_doubt(world, DoubtMeans.KEY)
    world.bts.on_place = lambda _order: None
    with pytest.raises(ApplicationError, match="in doubt"):
        settle(world, order, may_send=False)
    assert len(world.bts.placed) == 1
    assert "find_order" in world.bts.asked
    assert settle(world, order, at=START + HOUR).verdict is StepVerdict.DONE


class Clock:
    """A worker's clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def time(self) -> float:
        return self.seconds

    monotonic = time


def test_visibility_counts_from_when_the_attempt_gave_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("activities.submission.time", clock)
    world.bts.means = {"doubt": DoubtMeans.LOOK_UP, "visibility_delay": DELAY}

    def slow(_order: SupplierOrder) -> None:
        clock.seconds += 180
        raise Doubtful("place: no answer", code="ReadTimeout")

    world.bts.on_place, world.bts.on_find = slow, answering(ABSENT)
    order = world.quoted()
    world.run(world.submission.submit_purchase_order, submit(order))
    with pytest.raises(ApplicationError, match="visible there from") as early:
        settle(world, order)
    assert early.value.next_retry_delay == timedelta(seconds=180)


def test_an_attempt_that_was_cut_off_may_have_sent_until_its_time_was_over(world: World) -> None:
    order = in_doubt(world, DoubtMeans.LOOK_UP)
    with world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE submission_attempts SET ended_at = NULL, outcome = NULL")
    settings = world.deps.outside.supplier_settings("bts")
    with pytest.raises(ApplicationError, match="visible there from") as early:
        settle(world, order)
    assert early.value.next_retry_delay == settings.read_timeout + settings.submit_timeout + SPARE


def test_attempts_that_never_left_are_no_sendings(world: World) -> None:
    def unreachable(_order: SupplierOrder) -> None:
        raise Throttled("place: asked to wait", code="http_429", retry_after=HOUR)

    world.bts.on_place = unreachable
    order = world.quoted()
    for _ in range(MOST_SENDINGS):
        with pytest.raises(ApplicationError):
            world.run(world.submission.submit_purchase_order, submit(order))
    world.bts.means = {"doubt": DoubtMeans.LOOK_UP}
    world.bts.on_place = lambda _order: (_ for _ in ()).throw(Doubtful("place: no answer", code="ReadTimeout"))
    world.run(world.submission.submit_purchase_order, submit(order))
    world.bts.on_find = answering(ABSENT)
    assert settle(world, order).verdict is StepVerdict.INTERRUPTED


def test_a_person_who_has_seen_it_is_believed_after_a_look_that_found_nothing(world: World) -> None:
    order = in_doubt(world, DoubtMeans.LOOK_UP)
    world.bts.on_find = answering(ABSENT)
    assert settle(world, order).verdict is StepVerdict.INTERRUPTED
    confirm = ConfirmRequest(**ref(order).model_dump(), supplier_number="B1")
    result = world.run(world.submission.confirm_submission, confirm)
    assert (result.verdict, result.supplier_number) == (StepVerdict.DONE, "B1")


def test_an_order_that_goes_by_documents_is_followed_under_our_number_whatever_a_person_enters(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = in_doubt(world, DoubtMeans.PROOF)
    monkeypatch.setattr("activities.submission.ExchangingPort", type(world.bts))
    confirm = ConfirmRequest(**ref(order).model_dump(), supplier_number="SO-4711")
    assert world.run(world.submission.confirm_submission, confirm).supplier_number == order.number
    assert "SO-4711" in str(world.rows("SELECT detail FROM timeline WHERE event = 'purchase_order.placed'"))


def test_changes_that_came_with_an_order_are_asked_about_again_after_a_lost_answer(world: World) -> None:
    world.bts.lines = (AcknowledgedLine(ean=ARTICLE, quantity=2, status=LineStatus.SUBSTITUTED, substitute="1"),)
    order = world.quoted()
    first = world.run(world.submission.submit_purchase_order, submit(order))
    again = world.run(world.submission.submit_purchase_order, submit(order), attempt=2)
    assert first.task is not None
    assert again.task is not None
    assert again.task.task_id == first.task.task_id


def test_after_some_sendings_a_person_decides(world: World) -> None:
    world.configure(suppliers={"bts": {"outages": {"failures": 100}}})
    order = in_doubt(world, DoubtMeans.LOOK_UP)
    world.bts.on_find = answering(ABSENT)
    for sending in range(1, MOST_SENDINGS):
        assert settle(world, order, at=START + sending * HOUR).verdict is StepVerdict.INTERRUPTED
        world.run(world.submission.submit_purchase_order, submit(order), at=START + sending * HOUR)
    last = settle(world, order, at=START + 5 * HOUR)

    assert last.verdict is StepVerdict.UNKNOWN
    assert world.tasks() == ["submit_unknown"]
    assert len(world.bts.placed) == MOST_SENDINGS


def test_while_the_supplier_is_down_it_is_not_asked(world: World) -> None:
    order = in_doubt(world, DoubtMeans.LOOK_UP)
    world.bts.on_find = answering(FOUND)
    with world.database.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO incidents (supplier, kind, opened_at, probed_at, reason) VALUES ('bts', 'unreachable', %s, %s, '')",
            (START, START),
        )
    asked = len(world.bts.asked)
    with pytest.raises(ApplicationError, match="down since"):
        settle(world, order)
    assert len(world.bts.asked) == asked
    assert settle(world, order, at=START + 6 * HOUR).verdict is StepVerdict.DONE


def test_what_stays_unsure_is_looked_at_again_and_then_asked_about_once(world: World) -> None:
    order = in_doubt(world, DoubtMeans.PROOF)
    world.bts.on_find = answering(UNSURE)
    with pytest.raises(ApplicationError, match="no receipt yet") as waits:
        settle(world, order)
    first = settle(world, order, at=START + 6 * HOUR)
    settle(world, order, at=START + 7 * HOUR)

    assert waits.value.next_retry_delay == timedelta(minutes=45)
    assert first.task is not None
    assert world.tasks() == ["submit_unknown"]
    assert world.only("SELECT evidence FROM tasks")["evidence"]["looked"] == "no receipt yet"


@pytest.mark.parametrize("answer", [FOUND, ABSENT])
def test_what_is_found_out_closes_the_question(world: World, answer: Lookup) -> None:
    order = in_doubt(world, DoubtMeans.PROOF)
    world.bts.on_find = answering(UNSURE)
    settle(world, order, at=START + 6 * HOUR)
    world.bts.on_find = answering(answer)
    settle(world, order, at=START + 7 * HOUR, look_now=True)
    assert (world.tasks(), world.tasks("obsolete")) == ([], ["submit_unknown"])


def test_a_supplier_that_does_not_answer_is_asked_until_the_deadline(world: World) -> None:
    order = in_doubt(world, DoubtMeans.LOOK_UP)
    world.bts.on_find = answering(Unavailable("find: no answer", code="ReadTimeout"))
    with pytest.raises(ApplicationError, match="ReadTimeout"):
        settle(world, order)
    assert settle(world, order, at=START + 6 * HOUR).task is not None


def test_a_supplier_that_asks_to_wait_longer_than_the_deadline_keeps_nobody_from_being_asked(world: World) -> None:
    order = in_doubt(world, DoubtMeans.LOOK_UP)
    world.bts.on_find = answering(Throttled("find: asked to wait", code="http_429", retry_after=1000 * HOUR))
    with pytest.raises(ApplicationError, match="http_429") as waits:
        settle(world, order, at=START + HOUR)
    assert waits.value.next_retry_delay == 5 * HOUR


def test_a_supplier_that_asks_to_wait_for_weeks_is_asked_again_after_a_day(world: World) -> None:
    def throttled(_order: SupplierOrder) -> None:
        raise Throttled("place: asked to wait", code="http_429", retry_after=1000 * HOUR)

    world.bts.on_place = throttled
    order = world.quoted()
    with pytest.raises(ApplicationError) as waits:
        world.run(world.submission.submit_purchase_order, submit(order))
    assert waits.value.next_retry_delay == 24 * HOUR


def test_a_person_who_was_quicker_has_the_last_word(world: World) -> None:
    order = in_doubt(world, DoubtMeans.LOOK_UP)

    def confirmed_meanwhile(_order: SupplierOrder) -> Lookup:
        confirm = ConfirmRequest(**ref(order).model_dump(), supplier_number="B1")
        world.run(world.submission.confirm_submission, confirm)
        return ABSENT

    world.bts.on_find = confirmed_meanwhile
    result = settle(world, order)
    assert (result.verdict, result.supplier_number) == (StepVerdict.DONE, "B1")
    assert world.purchase_order(order)["submission"] == "placed"


def test_a_supplier_without_means_is_a_persons_at_once(world: World) -> None:
    world.bts.on_place = lambda _order: (_ for _ in ()).throw(Doubtful("place: no answer", code="ReadTimeout"))
    order = world.quoted()
    result = world.run(world.submission.submit_purchase_order, submit(order))
    assert result.task is not None
    assert world.tasks() == ["submit_unknown"]


def test_an_order_goes_by_the_version_of_the_interface_it_was_quoted_in(world: World) -> None:
    world.configure(suppliers={"bts": {"api_version": "1"}})
    first = world.quoted()
    world.configure(suppliers={"bts": {"api_version": "2"}})
    world.bts.built.clear()
    world.run(world.submission.submit_purchase_order, submit(first))
    assert set(world.bts.built) <= {"1"}

    second = world.quoted()
    assert [world.purchase_order(one)["api_version"] for one in (first, second)] == ["1", "2"]
