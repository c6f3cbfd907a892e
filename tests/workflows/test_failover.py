from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from models.commands import CommandName
from models.contracts import StepResult, StepVerdict, Submission
from models.identifiers import order_workflow_id
from models.statuses import OrderState, PurchaseOrderState
from models.tasks import TaskCategory
from tests.workflows.stubs import DONE, HOUR, Part, Play, Stage, know_search_attributes, performing
from tests.workflows.stubs import task as asking

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY = 24 * HOUR
NEVER = timedelta(days=3000)
REJECTED = Submission(verdict=StepVerdict.REJECTED)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(time_skipping_env: WorkflowEnvironment) -> AsyncIterator[Stage]:
    """Every task is replayed from the start, as after a restart of the worker."""
    await know_search_attributes(time_skipping_env)
    async with performing(time_skipping_env, cached_workflows=0) as running:
        yield running


async def played(stage: Stage, play: Play) -> OrderState:
    """Let an order play to its end."""
    return await stage.ending(await stage.begin(play), play)


def endings(play: Play) -> list[PurchaseOrderState]:
    return [one.ending for one in play.ended]


async def test_what_a_supplier_rejects_is_planned_again_while_the_other_still_ships(stage: Stage) -> None:
    play = Play({"a": Part(submission=REJECTED), "b": Part(tracking=((72 * HOUR, DONE),))}).plan("a", "b").plan("c")

    assert await played(stage, play) is OrderState.SHIPPED
    (began, _), (again, request), *_ = play.planned
    assert again - began < HOUR
    assert request.excluded == ("a",)
    shipped = {key: at - began for at, key in play.fulfilled}
    assert sorted(round(passed / HOUR) for passed in shipped.values()) == [48, 72]


async def test_what_a_supplier_cancels_is_planned_again_without_it(stage: Stage) -> None:
    cancelled = StepResult(verdict=StepVerdict.CANCELLED)
    play = Play({"a": Part(tracking=((5 * HOUR, cancelled),))}).plan("a").plan("b")

    assert await played(stage, play) is OrderState.SHIPPED
    assert endings(play) == [PurchaseOrderState.CANCELLED_BY_SUPPLIER]
    assert play.planned[1][1].excluded == ("a",)


async def test_the_usual_order_plans_once_and_starts_nothing_beside_its_purchase_order(stage: Stage) -> None:
    play = Play().plan("a")

    assert await played(stage, play) is OrderState.SHIPPED
    assert play.calls.count("plan_order") == 1
    handle = stage.env.client.get_workflow_handle(order_workflow_id("main", str(play.order_id)))
    started = [event.event_type async for event in handle.fetch_history_events()]
    assert len(started) <= 35


async def test_a_silent_supplier_that_can_cancel_is_left_without_a_person(stage: Stage) -> None:
    silent = Part(cancels=True, reroute_silent=True, acknowledges=(NEVER, DONE), on_cancel=(HOUR, StepVerdict.DONE))
    play = Play({"a": silent}).plan("a").plan("b")

    assert await played(stage, play) is OrderState.SHIPPED
    assert [(one.ending, one.given_up) for one in play.ended] == [(PurchaseOrderState.RETURNED, False)]
    assert play.asked == []
    assert 24 <= (play.planned[1][0] - play.planned[0][0]) / HOUR < 27


async def test_a_silent_supplier_that_says_too_late_is_followed_to_its_parcels(stage: Stage) -> None:
    late = (HOUR, StepVerdict.TOO_LATE)
    silent = Part(cancels=True, reroute_silent=True, acknowledges=(NEVER, DONE), on_cancel=late)
    play = Play({"a": silent}).plan("a")

    assert await played(stage, play) is OrderState.SHIPPED
    assert play.ended == []
    assert play.asked == []
    assert len(play.fulfilled) == 1


async def test_units_that_a_supplier_declines_are_planned_again_while_it_ships_the_rest(stage: Stage) -> None:
    short = StepResult(verdict=StepVerdict.DONE, declined=1)
    play = Play({"a": Part(acknowledges=(HOUR, short))}).plan("a").plan("b")

    assert await played(stage, play) is OrderState.SHIPPED
    (began, _), (again, request), *_ = play.planned
    assert again - began < 2 * HOUR
    assert request.excluded == ("a",)
    assert play.ended == []
    assert len(play.fulfilled) == 2


async def test_units_declined_in_between_do_not_end_the_wait_for_the_others(stage: Stage) -> None:
    first = StepResult(verdict=StepVerdict.INTERRUPTED, declined=1)
    second = StepResult(verdict=StepVerdict.INTERRUPTED, declined=2)
    tracking = ((5 * HOUR, first), (9 * HOUR, second), (50 * HOUR, StepResult(verdict=StepVerdict.DONE, declined=2)))
    play = Play({"a": Part(tracking=tracking)}).plan("a").plan("b").plan("c")

    assert await played(stage, play) is OrderState.SHIPPED
    passed = [round((at - play.planned[0][0]) / HOUR) for at, _ in play.planned]
    assert passed == [0, 5, 9]
    assert len(play.fulfilled) == 3


async def test_a_supplier_that_declines_everything_has_rejected_it(stage: Stage) -> None:
    nothing = StepResult(verdict=StepVerdict.REJECTED, declined=3)
    play = Play({"a": Part(acknowledges=(HOUR, nothing))}).plan("a").plan("b")

    assert await played(stage, play) is OrderState.SHIPPED
    assert endings(play) == [PurchaseOrderState.REJECTED]
    assert len(play.planned) == 2


async def test_a_placed_purchase_order_is_taken_elsewhere_by_a_command_to_its_order(stage: Stage) -> None:
    play = Play({"a": Part(cancels=True, tracking=((NEVER, DONE),))}).plan("a").plan("b")
    handle = await stage.begin(play)
    await stage.until(lambda: "check_tracking" in play.calls)
    receipt = await stage.say(handle.id, CommandName.REROUTE, supplier="a")

    assert receipt.command_id
    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert [(one.ending, one.given_up) for one in play.ended] == [(PurchaseOrderState.RETURNED, False)]
    assert play.calls.count("cancel_at_supplier") == 1


async def test_a_reroute_that_comes_too_late_leaves_the_purchase_order_where_it_is(stage: Stage) -> None:
    late = (timedelta(0), StepVerdict.TOO_LATE)
    play = Play({"a": Part(cancels=True, on_cancel=late)}).plan("a")
    handle = await stage.begin(play)
    await stage.until(lambda: "check_tracking" in play.calls)
    await stage.say(handle.id, CommandName.REROUTE, supplier="a")

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert play.ended == []
    assert len(play.planned) == 1


async def test_a_reroute_to_nobody_in_particular_is_refused_with_the_reason(stage: Stage) -> None:
    play = Play({"a": Part(tracking=((40 * HOUR, DONE),))}).plan("a")
    handle = await stage.begin(play)
    await stage.until(lambda: "check_tracking" in play.calls)
    for fields, reason in (({}, "name the supplier"), ({"supplier": "b"}, "runs at b")):
        with pytest.raises(Exception, match="Workflow update failed") as refused:
            await stage.say(handle.id, CommandName.REROUTE, **fields)
        assert reason in str(refused.value.__cause__)

    assert await stage.ending(handle, play) is OrderState.SHIPPED


async def test_a_customer_who_cancels_is_stopped_at_the_supplier_itself_where_it_can(stage: Stage) -> None:
    play = Play({"a": Part(cancels=True, on_cancel=(2 * HOUR, StepVerdict.DONE), tracking=((NEVER, DONE),))}).plan("a")
    handle = await stage.begin(play)
    await stage.until(lambda: "check_tracking" in play.calls)
    await stage.signal(play, "storefront_changed", event_id="cancel-1", kind="cancelled")

    assert await stage.ending(handle, play) is OrderState.CANCELLED
    assert endings(play) == [PurchaseOrderState.CANCELLED]
    assert play.asked == []


async def test_a_person_is_asked_to_stop_it_where_the_supplier_gives_no_clear_answer(stage: Stage) -> None:
    unclear = Part(cancels=True, on_cancel=(HOUR, StepVerdict.EXHAUSTED), tracking=((NEVER, DONE),))
    play = Play({"a": unclear}).plan("a")
    handle = await stage.begin(play)
    await stage.until(lambda: "check_tracking" in play.calls)
    await stage.signal(play, "storefront_changed", event_id="cancel-1", kind="cancelled")
    task = await stage.asked(play, TaskCategory.CANCEL_AT_SUPPLIER)
    await stage.say(play.workflow_id("a"), CommandName.CANCEL, task_id=task.task_id)

    assert await stage.ending(handle, play) is OrderState.CANCELLED


async def test_no_other_question_takes_the_place_of_whether_it_can_be_stopped_there(stage: Stage) -> None:
    play = Play({"a": Part(acknowledges=(NEVER, DONE), tracking=((NEVER, DONE),))}).plan("a")
    handle = await stage.begin(play)
    await stage.until(lambda: "await_acknowledgement" in play.calls)
    await stage.signal(play, "storefront_changed", event_id="cancel-1", kind="cancelled")
    task = await stage.asked(play, TaskCategory.CANCEL_AT_SUPPLIER)
    await stage.env.sleep(30 * DAY)  # its whole plan is over long ago
    assert [one.category for one in play.asked] == [TaskCategory.CANCEL_AT_SUPPLIER]
    await stage.say(play.workflow_id("a"), CommandName.CANCEL, task_id=task.task_id)

    assert await stage.ending(handle, play) is OrderState.CANCELLED


async def test_a_changed_answer_does_not_make_people_forget_that_it_is_to_be_stopped(stage: Stage) -> None:
    changed = StepResult(verdict=StepVerdict.UNCLEAR, task=asking(TaskCategory.ACKNOWLEDGEMENT_CHANGED))
    part = Part(acknowledges=(5 * HOUR, changed))
    play = Play({"a": part}).plan("a")
    handle = await stage.begin(play)
    await stage.until(lambda: "await_acknowledgement" in play.calls)
    await stage.signal(play, "storefront_changed", event_id="cancel-1", kind="cancelled")
    first = await stage.asked(play, TaskCategory.CANCEL_AT_SUPPLIER)
    await stage.until(lambda: play.asked[-1].task_id != first.task_id)
    again = play.asked[-1]
    assert again.category is TaskCategory.CANCEL_AT_SUPPLIER
    await stage.say(play.workflow_id("a"), CommandName.RELEASE, task_id=again.task_id)  # too late
    await stage.has_heard(play.workflow_id("a"), "await_acknowledgement", times=2)
    part.acknowledges = (5 * HOUR, DONE)
    await stage.say(play.workflow_id("a"), CommandName.APPROVE)

    assert await stage.ending(handle, play) is OrderState.SHIPPED


async def test_a_submission_that_nobody_could_carry_out_is_a_persons(stage: Stage) -> None:
    part = Part(sends_after=NEVER)
    play = Play({"a": part}).plan("a")
    handle = await stage.begin(play)
    await stage.asked(play, TaskCategory.SUPPLIER_UNREACHABLE)
    part.sends_after = timedelta(0)
    await stage.say(play.workflow_id("a"), CommandName.RELEASE)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert len(play.asked) == 1


async def test_a_command_takes_elsewhere_what_its_supplier_does_not_have_yet(stage: Stage) -> None:
    play = Play({"a": Part(unreachable=20 * HOUR)}).plan("a").plan("b")
    handle = await stage.begin(play)
    await stage.until(lambda: "choose_shipping" in play.calls)
    await stage.say(handle.id, CommandName.REROUTE, supplier="a")

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert [(one.ending, one.given_up) for one in play.ended] == [(PurchaseOrderState.RETURNED, False)]
