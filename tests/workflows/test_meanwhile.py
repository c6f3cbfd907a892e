"""What is said to a lifecycle while it is about something else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from models.backordering import ShortageAction
from models.commands import Command, CommandName
from models.contracts import PurchaseOrderOutcome, PurchaseOrderRequest, Shortage, StepResult, StepVerdict, Submission
from models.statuses import OrderState, PurchaseOrderState
from models.tasks import OpenTask, TaskCategory
from tests.workflows.stubs import DONE, HOUR, Part, Play, Stage, know_search_attributes, performing, task
from workflows.shares import Shares

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY = 24 * HOUR
NEVER = timedelta(days=3000)
REJECTED = Part(submission=Submission(verdict=StepVerdict.REJECTED))
SOON = {"event_id": "run:7"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(time_skipping_env: WorkflowEnvironment) -> AsyncIterator[Stage]:
    """Every task is replayed from the start, as after a restart of the worker."""
    await know_search_attributes(time_skipping_env)
    async with performing(time_skipping_env, cached_workflows=0) as running:
        yield running


async def waiting(stage: Stage) -> Shortage:
    until = await stage.env.get_current_time() + 3 * DAY
    return Shortage(action=ShortageAction.WAIT, units=2, until=until)


async def soon(what: Callable[[], bool]) -> None:
    """Wait for something that needs no time of the skipped clock."""
    for _ in range(750):
        if what():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came")


async def question_of(stage: Stage, workflow_id: str) -> int | None:
    status: dict[str, Any] = await stage.env.client.get_workflow_handle(workflow_id).query("status")
    found: int | None = status["task_id"]
    return found


async def poses(stage: Stage, workflow_id: str, wanted: OpenTask) -> None:
    """Wait until a lifecycle waits for the answer to this very task."""
    for _ in range(400):
        if await question_of(stage, workflow_id) == wanted.task_id:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{workflow_id} does not ask {wanted.category}")


def categories(play: Play) -> list[TaskCategory]:
    return [one.category for one in play.asked]


# A hold that comes while something is found out. One question at a time: another would close the first for good.


async def held_while_planning(stage: Stage, play: Play) -> Any:
    play.gates["plan_order"] = Event()
    handle = await stage.begin(play)
    await soon(lambda: "plan_order" in play.calls)
    await stage.say(handle.id, CommandName.HOLD)
    play.gates.pop("plan_order").set()
    return handle


async def test_a_hold_does_not_take_the_place_of_the_question_that_a_plan_has_opened(stage: Stage) -> None:
    asked = task(TaskCategory.UNROUTABLE)
    play = Play().plan(shortage=Shortage(action=ShortageAction.ASK_PERSON, units=2, task=asked)).plan("a")
    handle = await held_while_planning(stage, play)
    await poses(stage, handle.id, asked)
    await stage.say(handle.id, CommandName.RELEASE, task_id=asked.task_id)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert categories(play) == [TaskCategory.UNROUTABLE]


async def test_a_plan_that_was_approved_under_a_hold_is_placed_once_it_is_released(stage: Stage) -> None:
    play = Play().plan("a", release=True)
    handle = await held_while_planning(stage, play)
    approval = await stage.asked(play, TaskCategory.APPROVAL)
    await poses(stage, handle.id, approval)
    await stage.say(handle.id, CommandName.APPROVE, task_id=approval.task_id)
    held = await stage.asked(play, TaskCategory.HELD)
    assert "choose_shipping" not in play.calls
    await stage.say(handle.id, CommandName.RELEASE, task_id=held.task_id)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert categories(play) == [TaskCategory.APPROVAL, TaskCategory.HELD]


async def test_a_hold_does_not_take_the_place_of_a_purchase_orders_question(stage: Stage) -> None:
    asked = task(TaskCategory.NO_SHIPPING_RATE)
    play = Play({"a": Part(quotes=[StepResult(verdict=StepVerdict.ASK, task=asked)])}).plan("a")
    play.gates["choose_shipping"] = Event()
    handle, share = await stage.begin(play), play.workflow_id("a")
    await soon(lambda: "choose_shipping" in play.calls)
    await stage.say(share, CommandName.HOLD)
    play.gates.pop("choose_shipping").set()
    await poses(stage, share, asked)
    await stage.say(share, CommandName.RELEASE, task_id=asked.task_id)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert categories(play) == []


async def test_who_releases_an_order_releases_what_was_held_with_it(stage: Stage) -> None:
    play = Play({"a": Part(unreachable=5 * HOUR)}).plan("a", shortage=await waiting(stage)).plan("b")
    handle = await stage.begin(play)
    await stage.reaches(handle.id, "AwaitingStock")
    await soon(lambda: "choose_shipping" in play.calls)
    await stage.say(handle.id, CommandName.HOLD)
    await stage.signal(play, "stock_arrived", **SOON)
    await poses(stage, handle.id, await stage.asked(play, TaskCategory.HELD))
    await stage.until(lambda: categories(play).count(TaskCategory.HELD) == 2)  # the order's, and its share's
    await stage.say(handle.id, CommandName.RELEASE)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert len(play.fulfilled) == 2


async def test_who_has_an_order_look_for_stock_answers_no_question_of_its_shares(stage: Stage) -> None:
    asked = task(TaskCategory.STATUS_UNKNOWN)
    unclear = StepResult(verdict=StepVerdict.UNCLEAR, task=asked)
    play = Play({"a": Part(tracking=((HOUR, unclear), (2 * HOUR, DONE)))})
    play.plan("a", shortage=await waiting(stage)).plan("b")
    handle, share = await stage.begin(play), play.workflow_id("a")
    await stage.until(lambda: play.parts["a"].tracked == 1)
    await poses(stage, share, asked)
    await stage.say(handle.id, CommandName.RELEASE)
    await soon(lambda: len(play.planned) == 2)
    await stage.until(lambda: len(play.fulfilled) == 1)

    assert await question_of(stage, share) == asked.task_id
    await stage.say(share, CommandName.RELEASE, task_id=asked.task_id)
    assert await stage.ending(handle, play) is OrderState.SHIPPED


# Stock that arrives for whom a supplier has failed before.


async def test_stock_brings_back_a_supplier_that_had_none_where_nobody_else_can_deliver(stage: Stage) -> None:
    play = Play({"a": REJECTED}).plan("a")
    for _ in range(2):
        play.plan(shortage=await waiting(stage))
    play.plan("a")
    handle = await stage.begin(play)
    await stage.reaches(handle.id, "AwaitingStock")
    play.parts["a"] = Part()
    await stage.signal(play, "stock_arrived", **SOON)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert [request.excluded for _, request in play.planned] == [(), ("a",), ("a",), ()]
    assert (play.planned[3][0] - play.planned[0][0]) < HOUR


async def test_stock_that_others_can_deliver_brings_back_nobody(stage: Stage) -> None:
    play = Play({"a": REJECTED}).plan("a").plan(shortage=await waiting(stage)).plan("b")
    handle = await stage.begin(play)
    await stage.reaches(handle.id, "AwaitingStock")
    await stage.signal(play, "stock_arrived", **SOON)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert [request.excluded for _, request in play.planned] == [(), ("a",), ("a",)]


async def test_stock_does_not_bring_back_a_supplier_that_was_given_up_and_may_still_deliver(stage: Stage) -> None:
    play = Play({"a": Part(cancels=True, tracking=((NEVER, DONE),))}).plan("a")
    for _ in range(2):
        play.plan(shortage=await waiting(stage))
    play.plan("b")
    handle = await stage.begin(play)
    await stage.until(lambda: "check_tracking" in play.calls)
    await stage.say(play.workflow_id("a"), CommandName.REROUTE)
    await stage.reaches(handle.id, "AwaitingStock")
    await stage.signal(play, "stock_arrived", **SOON)
    await soon(lambda: len(play.planned) == 3)
    await stage.signal(play, "stock_arrived", event_id="run:8")

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert [request.excluded for _, request in play.planned][1:] == [("a",)] * 3


# A cancel that comes while it is planned: what the plan has written by then is taken back.


async def cancelled_while_planning(stage: Stage, play: Play, turn: int) -> Any:
    handle = await stage.begin(play)
    await soon(lambda: play.calls.count("plan_order") == turn and "plan_order" in play.gates)
    await stage.signal(play, "storefront_changed", event_id="cancel-1", kind="cancelled")
    for _ in range(400):
        if (await handle.query("status"))["cancelling"]:
            break
        await asyncio.sleep(0.02)
    play.gates.pop("plan_order").set()
    return handle


async def test_a_question_that_a_cancel_finds_just_put_is_taken_back(stage: Stage) -> None:
    until = await stage.env.get_current_time() + 3 * DAY
    asking = Shortage(action=ShortageAction.ASK_CUSTOMER, units=2, until=until, question_id=5)
    play = Play(gates={"plan_order": Event()}).plan(shortage=asking)
    handle = await cancelled_while_planning(stage, play, 1)

    assert await stage.ending(handle, play) is OrderState.CANCELLED
    assert [(one.question_id, one.overtaken) for one in play.questions] == [(5, True)]


async def test_purchase_orders_that_a_cancel_finds_just_planned_hold_nothing_while_others_run(stage: Stage) -> None:
    play = Play({"a": REJECTED, "b": Part(tracking=((40 * HOUR, DONE),))}).plan("a", "b").plan("c")
    play.gates["end_purchase_order"] = Event()  # of the one that was rejected
    running = asyncio.create_task(cancelled_while_planning(stage, play, 2))
    await soon(lambda: "end_purchase_order" in play.calls)
    play.gates["plan_order"] = Event()
    play.gates.pop("end_purchase_order").set()
    handle = await running
    await soon(lambda: len(play.ended) == 2)

    assert [(one.purchase_order_id % 1000, one.ending) for one in play.ended][1:] == [
        (21, PurchaseOrderState.CANCELLED)
    ]
    asked = await stage.asked(play, TaskCategory.CANCEL_AT_SUPPLIER)
    await stage.say(play.workflow_id("b"), CommandName.CANCEL, task_id=asked.task_id)
    assert await stage.ending(handle, play) is OrderState.CANCELLED


# A cancel that comes while a supplier is asked to stop for another reason.


async def cancelled_while_withdrawn(stage: Stage, play: Play, handle: Any) -> None:
    share = play.workflow_id("a")
    await soon(lambda: "choose_shipping" in play.calls)
    for _ in range(60):
        if await stage.stage_of(share) == "Cancelling":
            break
        await stage.env.sleep(HOUR)
    await stage.signal(play, "storefront_changed", event_id="cancel-1", kind="cancelled")
    asked = await stage.asked(play, TaskCategory.CANCEL_AT_SUPPLIER)
    await poses(stage, share, asked)
    await stage.say(share, CommandName.CANCEL, task_id=asked.task_id)

    assert await stage.ending(handle, play) is OrderState.CANCELLED
    assert [(one.ending, one.given_up) for one in play.ended] == [(PurchaseOrderState.CANCELLED, False)]
    assert categories(play) == [TaskCategory.CANCEL_AT_SUPPLIER]


async def test_a_cancel_of_an_order_whose_silent_supplier_is_asked_to_stop_is_not_forgotten(stage: Stage) -> None:
    unclear = (DAY, StepVerdict.EXHAUSTED)
    silent = Part(cancels=True, reroute_silent=True, acknowledges=(NEVER, DONE), on_cancel=unclear)
    play = Play({"a": silent}).plan("a")
    await cancelled_while_withdrawn(stage, play, await stage.begin(play))


@pytest.mark.parametrize("answer", [StepVerdict.EXHAUSTED, StepVerdict.TOO_LATE])
async def test_a_cancel_outweighs_the_wish_to_order_elsewhere(stage: Stage, answer: StepVerdict) -> None:
    play = Play({"a": Part(cancels=True, tracking=((NEVER, DONE),), on_cancel=(DAY, answer))}).plan("a")
    handle = await stage.begin(play)
    await stage.until(lambda: "check_tracking" in play.calls)
    await stage.say(play.workflow_id("a"), CommandName.REROUTE)
    await cancelled_while_withdrawn(stage, play, handle)


class Told(Shares):
    """An order without a server: who is told what."""

    def __init__(self, play: Play) -> None:
        super().__init__(play.request)
        self.told: list[tuple[str, str]] = []
        self.starting = asyncio.Event()

    def _show(self, *changes: Any, stage: str | None = None) -> None:
        pass

    async def _start(self, order: PurchaseOrderRequest) -> Any:
        await self.starting.wait()

    async def _outcome_of(self, order: PurchaseOrderRequest, child: Any) -> PurchaseOrderOutcome:
        ending = PurchaseOrderState.CANCELLED
        return PurchaseOrderOutcome(purchase_order_id=order.purchase_order_id, supplier="a", ending=ending)

    async def _tell(self, number: str, signal: str, *args: Any) -> bool:
        self.told.append((number, signal))
        return True


@pytest.mark.parametrize("cancelled", [True, False])
async def test_a_purchase_order_that_was_not_there_yet_when_it_was_cancelled_hears_of_it(*, cancelled: bool) -> None:
    play = Play().plan("a")
    order = next(iter(play.orders.values()))
    told = Told(play)
    running = asyncio.create_task(told._run_purchase_order(order))
    await asyncio.sleep(0)
    told._cancel_wanted = cancelled
    told.starting.set()
    await running

    assert told.told == ([(order.number, "cancel_requested")] if cancelled else [])


@pytest.mark.parametrize("heard", [True, False])
async def test_a_purchase_order_that_was_not_there_yet_when_its_order_was_held_is_held_too(*, heard: bool) -> None:
    play = Play().plan("a")
    order = next(iter(play.orders.values()))
    told = Told(play)
    running = asyncio.create_task(told._run_purchase_order(order))
    await asyncio.sleep(0)
    told._holding = Command(command=CommandName.HOLD, actor="ops")
    told._told_to_hold = {order.number} if heard else set()
    told.starting.set()
    await running

    assert told.told == ([] if heard else [(order.number, "override")])
