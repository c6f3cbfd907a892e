from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from models.commands import CommandName
from models.contracts import StepResult, StepVerdict, Submission
from models.statuses import OrderState, PurchaseOrderState
from models.tasks import TaskCategory
from tests.workflows.stubs import DONE, HOUR, Part, Play, Stage, know_search_attributes, performing

SINCE = datetime(2026, 3, 2, 9, tzinfo=UTC)
DOWN = StepResult(verdict=StepVerdict.DOWN, down_since=SINCE)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(time_skipping_env: WorkflowEnvironment) -> AsyncIterator[Stage]:
    """Every task is replayed from the start, as after a restart of the worker."""
    await know_search_attributes(time_skipping_env)
    async with performing(time_skipping_env, cached_workflows=0) as running:
        yield running


async def is_told(stage: Stage, play: Play, event_id: str = "incident:1") -> None:
    """Tell a purchase order that its supplier is back."""
    handle = stage.env.client.get_workflow_handle(play.workflow_id("a"))
    await handle.signal("supplier_recovered", {"event_id": event_id})


async def waits(stage: Stage, play: Play, times: int = 1) -> None:
    await stage.until(lambda: play.calls.count("choose_shipping") >= times)
    await stage.has_heard(play.workflow_id("a"), "choose_shipping", times=times)


async def test_an_order_waits_for_a_supplier_that_is_down_and_goes_on_as_it_is_told(stage: Stage) -> None:
    part = Part(quotes=[DOWN])
    play = Play({"a": part}).plan("a")
    handle = await stage.begin(play)
    await waits(stage, play)
    await is_told(stage, play)
    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert play.calls.count("choose_shipping") == 2
    assert play.asked == []


async def test_one_that_was_about_to_be_submitted_waits_as_well(stage: Stage) -> None:
    part = Part(submission=Submission(verdict=StepVerdict.DOWN, down_since=SINCE))
    play = Play({"a": part}).plan("a")
    handle = await stage.begin(play)
    await stage.until(lambda: "submit_purchase_order" in play.calls)
    part.submission = None
    await is_told(stage, play)
    assert await stage.ending(handle, play) is OrderState.SHIPPED


async def test_a_recovery_that_comes_while_the_step_is_under_way_is_not_waited_for(stage: Stage) -> None:
    play = Play({"a": Part(quotes=[DOWN])}, gates={"choose_shipping": Event()}).plan("a")
    handle = await stage.begin(play)
    await stage.until(lambda: "choose_shipping" in play.calls)
    await is_told(stage, play)
    play.gates["choose_shipping"].set()
    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert play.asked == []


async def test_where_the_rules_say_so_an_order_goes_elsewhere_after_a_while(stage: Stage) -> None:
    part = Part(quotes=[DOWN.model_copy(update={"down_since": None})], reroute_down_after=2 * HOUR)
    play = Play({"a": part}).plan("a").plan("b")
    handle = await stage.begin(play)
    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert [one.ending for one in play.ended] == [PurchaseOrderState.RETURNED]
    assert play.planned[1][1].excluded == ("a",)
    waited = play.planned[1][0] - play.planned[0][0]
    assert 2 * HOUR <= waited < 2 * HOUR + timedelta(minutes=5)
    assert play.asked == []


async def test_past_its_deadline_a_person_is_asked_and_a_recovery_still_ends_the_wait(stage: Stage) -> None:
    play = Play({"a": Part(quotes=[DOWN])}).plan("a")
    handle = await stage.begin(play)
    task = await stage.asked(play, TaskCategory.SUPPLIER_UNREACHABLE)
    assert CommandName.REROUTE in task.answers
    await is_told(stage, play)
    assert await stage.ending(handle, play) is OrderState.SHIPPED


async def test_the_deadline_is_one_however_often_the_step_is_tried_meanwhile(stage: Stage) -> None:
    play = Play({"a": Part(quotes=[DOWN] * 9)}).plan("a")
    handle = await stage.begin(play)
    began = await stage.env.get_current_time()
    for number in range(1, 5):
        await waits(stage, play, number)
        await stage.env.sleep(5 * HOUR)
        await is_told(stage, play, f"incident:{number}")
    await stage.asked(play, TaskCategory.SUPPLIER_UNREACHABLE)
    assert await stage.env.get_current_time() - began < 27 * HOUR
    await stage.say(play.workflow_id("a"), CommandName.CANCEL)
    assert await stage.ending(handle, play) is OrderState.CANCELLED


async def test_a_person_may_send_it_elsewhere_while_it_waits(stage: Stage) -> None:
    play = Play({"a": Part(quotes=[DOWN])}).plan("a").plan("b")
    handle = await stage.begin(play)
    await waits(stage, play)
    await stage.say(play.workflow_id("a"), CommandName.REROUTE)
    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert [one.ending for one in play.ended] == [PurchaseOrderState.RETURNED]


async def test_a_cancel_ends_the_wait(stage: Stage) -> None:
    play = Play({"a": Part(quotes=[DOWN])}).plan("a")
    handle = await stage.begin(play)
    await waits(stage, play)
    await stage.say(play.workflow_id("a"), CommandName.CANCEL)
    assert await stage.ending(handle, play) is OrderState.CANCELLED
    assert [one.ending for one in play.ended] == [PurchaseOrderState.CANCELLED]


async def test_a_hold_is_heeded_while_it_waits(stage: Stage) -> None:
    play = Play({"a": Part(quotes=[DOWN, DONE])}).plan("a")
    handle = await stage.begin(play)
    await waits(stage, play)
    await stage.say(play.workflow_id("a"), CommandName.HOLD)
    await stage.asked(play, TaskCategory.HELD)
    await is_told(stage, play)
    assert "submit_purchase_order" not in play.calls
    await stage.say(play.workflow_id("a"), CommandName.RELEASE)
    assert await stage.ending(handle, play) is OrderState.SHIPPED


async def test_what_a_recovery_can_not_mean_changes_nothing(stage: Stage) -> None:
    play = Play({"a": Part(quotes=[DOWN])}).plan("a")
    handle = await stage.begin(play)
    await waits(stage, play)
    waiting = stage.env.client.get_workflow_handle(play.workflow_id("a"))
    for junk in ([], [None], [42], [{"event_id": 1}, 2]):
        await waiting.signal("supplier_recovered", args=junk)
    await stage.until(lambda: len(play.unreadable) == 4)
    assert play.calls.count("choose_shipping") == 1
    await is_told(stage, play)
    assert await stage.ending(handle, play) is OrderState.SHIPPED
