from collections.abc import Callable
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.withdrawals import WithdrawalActivities
from adapters.errors import Refused, Unavailable
from models.contracts import (
    CancelRequest,
    PollRequest,
    PurchaseOrderEnding,
    PurchaseOrderRequest,
    StepResult,
    StepVerdict,
    StragglerRequest,
)
from models.statuses import PurchaseOrderState
from models.suppliers import (
    AcknowledgedLine,
    Cancellation,
    LineStatus,
    PlacedOrder,
    SupplierOrderStatus,
    SupplierState,
    TrackedParcel,
)
from tests.activities.world import ARTICLE, HOUR, PROCESSING, START, World, poll, ref, submit

AWAITING = SupplierOrderStatus(state=SupplierState.AWAITING_PAYMENT, status_text="On hold")
SHIPPED = SupplierOrderStatus(
    state=SupplierState.SHIPPED, status_text="Shipped", parcels=(TrackedParcel(tracking_number="GLS-1"),)
)
CANCELLED = SupplierOrderStatus(state=SupplierState.CANCELLED, status_text="Cancelled")


@pytest.fixture
def withdrawals(world: World) -> WithdrawalActivities:
    return WithdrawalActivities(world.deps)


# What a supplier declines.


def declining(units: int) -> tuple[AcknowledgedLine, ...]:
    return (AcknowledgedLine(ean=ARTICLE, quantity=units, status=LineStatus.REJECTED),) if units else ()


def places(world: World, units: int) -> None:
    """Let the supplier decline so many units as it takes an order."""
    state = SupplierState.ACKNOWLEDGED
    answer = PlacedOrder(supplier_number="A1", state=state, status_text="Paid", lines=declining(units))
    world.bts.place_order = lambda order: answer  # type: ignore[method-assign]


def declined(world: World, order: PurchaseOrderRequest) -> list[int]:
    query = "SELECT declined FROM purchase_order_lines WHERE purchase_order_id = :id ORDER BY line_id"
    return [row["declined"] for row in world.rows(query, id=order.purchase_order_id)]


def reserved(world: World) -> int:
    held = "SELECT coalesce(sum(quantity), 0) AS units FROM reservations WHERE state IN ('held', 'consumed')"
    units: int = world.only(held)["units"]
    assert units == world.only("SELECT sum(reserved) AS units FROM offers")["units"]
    return units


@pytest.mark.parametrize(("units", "verdict"), [(0, "done"), (1, "done"), (5, "rejected"), (9, "rejected")])
def test_units_declined_with_the_order_are_kept_and_given_back(world: World, units: int, verdict: str) -> None:
    order = world.quoted(2, 3)
    places(world, units)
    result = world.run(world.submission.submit_purchase_order, submit(order))
    again = world.run(world.submission.resolve_submission, ref(order))

    assert (result.verdict, result.declined) == (verdict, min(units, 5))
    assert (again.verdict, again.declined) == (verdict, min(units, 5))
    assert sum(declined(world, order)) == min(units, 5)
    assert reserved(world) == 5 - min(units, 5)


def test_a_decline_ends_the_wait_once_however_often_it_is_repeated(world: World) -> None:
    order = world.placed(2, 3)
    world.bts.status = PROCESSING.model_copy(update={"lines": declining(4)})
    request = poll(order, 24, 6)
    first = world.run(world.choosing.check_tracking, request, at=START + 24 * HOUR)
    lost = world.run(world.choosing.check_tracking, request, at=START + 24 * HOUR, attempt=2)
    known = request.model_copy(update={"declined": 4})
    with pytest.raises(ApplicationError, match="check 1 of 2"):
        world.run(world.choosing.check_tracking, known, at=START + 24 * HOUR)

    assert first == lost == StepResult(verdict=StepVerdict.INTERRUPTED, declined=4)
    assert declined(world, order) == [1, 3]
    assert reserved(world) == 1
    assert len(world.rows("SELECT id FROM timeline WHERE event = 'purchase_order.declined'")) == 1


def test_more_may_be_declined_later_and_all_of_it_is_a_rejection(world: World) -> None:
    order = world.placed(2, 3)
    results: list[StepResult] = []
    for hour, units in ((24, 1), (30, 5)):
        world.bts.status = AWAITING.model_copy(update={"lines": declining(units)})
        known = poll(order).model_copy(update={"declined": results[-1].declined if results else 0})
        results.append(world.run(world.choosing.check_tracking, known, at=START + hour * HOUR))

    assert [(one.verdict, one.declined) for one in results] == [("interrupted", 1), ("rejected", 5)]
    assert reserved(world) == 0


# Asking it to cancel.


def answers(world: World, answer: Cancellation | Exception) -> None:
    def cancel(_number: str) -> Cancellation:
        if isinstance(answer, Exception):
            raise answer
        return answer

    world.bts.cancel_order = cancel  # type: ignore[attr-defined]


def cancel(order: PurchaseOrderRequest) -> CancelRequest:
    return CancelRequest(**ref(order).model_dump(), until=START + 24 * HOUR)


@pytest.mark.parametrize(
    ("answer", "status", "verdict"),
    [
        (Cancellation.CANCELLED, PROCESSING, "done"),
        (Cancellation.TOO_LATE, PROCESSING, "too_late"),
        (Cancellation.REQUESTED, CANCELLED, "done"),
        (Cancellation.REQUESTED, SHIPPED, "too_late"),
        (Refused("cancel: no", code="no_cancel"), PROCESSING, "exhausted"),
    ],
)
def test_a_supplier_says_whether_it_can_stop_an_order(
    world: World,
    withdrawals: WithdrawalActivities,
    answer: Cancellation | Exception,
    status: SupplierOrderStatus,
    verdict: str,
) -> None:
    order = world.placed(2)
    answers(world, answer)
    world.bts.status = status

    assert world.run(withdrawals.cancel_at_supplier, cancel(order)).verdict == verdict
    assert world.rows("SELECT id FROM timeline WHERE event = 'purchase_order.cancel_asked'")


@pytest.mark.parametrize("answer", [Cancellation.REQUESTED, Unavailable("cancel: away", code="503")])
def test_an_answer_is_awaited_by_asking_again_until_time_is_up(
    world: World, withdrawals: WithdrawalActivities, answer: Cancellation | Exception
) -> None:
    order = world.placed(2)
    answers(world, answer)
    with pytest.raises(ApplicationError) as again:
        world.run(withdrawals.cancel_at_supplier, cancel(order))
    assert again.value.next_retry_delay
    assert timedelta(0) < again.value.next_retry_delay <= 3 * HOUR

    spent = world.run(withdrawals.cancel_at_supplier, cancel(order), at=START + 24 * HOUR)
    assert spent.verdict is StepVerdict.EXHAUSTED


# The watch over one that was given up.


def given_up(world: World) -> tuple[PurchaseOrderRequest, PollRequest]:
    """Give up a purchase order that was never acknowledged; the watch looks each day for a fortnight."""
    world.bts.first_state = SupplierState.AWAITING_PAYMENT
    order = world.placed(2)
    ending = PurchaseOrderEnding(**ref(order).model_dump(), ending=PurchaseOrderState.RETURNED, given_up=True)
    straggler = world.run(world.ends.end_purchase_order, ending)
    assert isinstance(straggler, StragglerRequest)
    assert straggler.until - START >= timedelta(days=14)
    assert world.purchase_order(order)["given_up_at"] == START
    assert world.run(world.ends.end_purchase_order, ending, attempt=2) == straggler
    return order, poll(order, *([24] * 14))


def test_nothing_is_watched_that_its_supplier_never_had(world: World) -> None:
    order = world.quoted(2)
    ending = PurchaseOrderEnding(**ref(order).model_dump(), ending=PurchaseOrderState.RETURNED, given_up=True)

    assert world.run(world.ends.end_purchase_order, ending) is None
    assert world.purchase_order(order)["given_up_at"] is None


Look = Callable[[int], StepVerdict | None]


def looking(world: World, withdrawals: WithdrawalActivities, request: PollRequest) -> Look:
    def look(day: int) -> StepVerdict | None:
        try:
            return world.run(withdrawals.watch_straggler, request, at=START + day * 24 * HOUR).verdict
        except ApplicationError:
            return None

    return look


def test_a_late_acknowledgement_is_told_once_and_what_ships_then_is_kept_and_not_told_to_the_shop(
    world: World, withdrawals: WithdrawalActivities
) -> None:
    order, request = given_up(world)
    look = looking(world, withdrawals, request)
    world.bts.status = AWAITING
    assert look(1) is None
    assert world.tasks() == []
    world.bts.status = PROCESSING
    assert [look(2), look(3)] == [None, None]
    assert world.tasks() == ["twice_delivered"]
    world.rows("UPDATE tasks SET state = 'answered', key = key || '#1' RETURNING id")
    world.bts.status = SHIPPED

    assert look(4) is StepVerdict.DONE
    assert world.tasks() == []
    parcel = world.only("SELECT * FROM parcels WHERE purchase_order_id = :id", id=order.purchase_order_id)
    assert (parcel["tracking_number"], parcel["fulfilled_at"]) == ("GLS-1", None)
    assert world.shop.fulfilments == []
    assert world.purchase_order(order)["state"] == "returned"


def test_a_supplier_that_cancelled_it_leaves_nobody_with_a_task(
    world: World, withdrawals: WithdrawalActivities
) -> None:
    _, request = given_up(world)
    world.bts.status = CANCELLED

    assert looking(world, withdrawals, request)(1) is StepVerdict.CANCELLED
    assert world.tasks() == []


def test_one_that_still_says_that_it_works_on_it_at_the_end_is_told(
    world: World, withdrawals: WithdrawalActivities
) -> None:
    _, request = given_up(world)
    world.bts.status = AWAITING
    look = looking(world, withdrawals, request)

    assert [look(1), look(14)] == [None, StepVerdict.DONE]
    task = world.only("SELECT * FROM tasks WHERE state = 'open'")
    assert task["category"] == "twice_delivered"
    assert "On hold" in task["question"]


def test_a_push_for_one_that_was_given_up_is_told_at_the_next_look(
    world: World, withdrawals: WithdrawalActivities
) -> None:
    order, request = given_up(world)
    pushed = "INSERT INTO parcels (purchase_order_id, tracking_number, carrier, url, source, seen_at)"
    values = "VALUES (:id, 'GLS-9', '', '', 'push', :at) RETURNING id"
    world.rows(f"{pushed} {values}", id=order.purchase_order_id, at=START)

    assert looking(world, withdrawals, request)(0) is StepVerdict.DONE
    assert world.tasks() == ["twice_delivered"]


def test_parcels_that_left_before_it_was_given_up_are_no_late_delivery(
    world: World, withdrawals: WithdrawalActivities
) -> None:
    order, request = given_up(world)
    before, after = (TrackedParcel(tracking_number=number) for number in ("GLS-1", "GLS-2"))
    told = "INSERT INTO parcels (purchase_order_id, tracking_number, carrier, url, source, seen_at, fulfilled_at)"
    values = "VALUES (:id, 'GLS-1', '', '', 'check', :at, :at) RETURNING id"
    world.rows(f"{told} {values}", id=order.purchase_order_id, at=START)
    look = looking(world, withdrawals, request)
    world.bts.status = AWAITING.model_copy(update={"parcels": (before,)})
    assert look(1) is None
    assert world.tasks() == []
    world.bts.status = AWAITING.model_copy(update={"parcels": (before, after)})

    assert look(2) is StepVerdict.DONE
    assert world.tasks() == ["twice_delivered"]


# Doubts are counted for the scorecard.


def test_an_unknown_status_counts_against_its_supplier(world: World) -> None:
    order = world.placed(2)
    world.bts.status = SupplierOrderStatus(state=SupplierState.UNKNOWN, status_text="In quarantine")
    world.run(world.choosing.check_tracking, poll(order), at=START + 24 * HOUR)

    assert world.purchase_order(order)["trouble"] == 1
