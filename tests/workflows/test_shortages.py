import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from models.backordering import CustomerChoice, ShortageAction
from models.commands import CommandName
from models.contracts import QuestionSettled, Shortage, ShortageWord, StepResult, StepVerdict, Submission
from models.identifiers import order_workflow_id
from models.statuses import OrderState, PurchaseOrderState
from models.tasks import TaskCategory
from tests.workflows.stubs import DONE, HOUR, Part, Play, Stage, know_search_attributes, performing, task

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY = 24 * HOUR
WAIT, ASK_CUSTOMER, ASK_PERSON, CANCEL = ShortageAction
SOON = {"event_id": "run:7"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(time_skipping_env: WorkflowEnvironment) -> AsyncIterator[Stage]:
    """Every task is replayed from the start, as after a restart of the worker."""
    await know_search_attributes(time_skipping_env)
    async with performing(time_skipping_env, cached_workflows=0) as running:
        yield running


async def now(stage: Stage) -> datetime:
    return await stage.env.get_current_time()


async def waiting(stage: Stage, then: ShortageAction = ASK_PERSON) -> Shortage:
    return Shortage(action=WAIT, units=2, until=await now(stage) + 3 * DAY, then=then)


async def asking(stage: Stage, question_id: int = 5) -> Shortage:
    return Shortage(action=ASK_CUSTOMER, units=2, until=await now(stage) + 3 * DAY, question_id=question_id)


def for_a_person(category: TaskCategory = TaskCategory.UNROUTABLE) -> Shortage:
    return Shortage(action=ASK_PERSON, units=2, task=task(category))


async def begun(stage: Stage, play: Play, name: str) -> Any:
    handle = await stage.begin(play)
    await stage.reaches(handle.id, name)
    return handle


def hours_between_plans(play: Play) -> list[int]:
    instants = [at for at, _ in play.planned]
    return [round((late - early) / HOUR) for early, late in itertools.pairwise(instants)]


# Waiting for stock.


async def test_a_wait_for_stock_that_is_over_has_its_consequence(stage: Stage) -> None:
    play = Play().plan(shortage=await waiting(stage, then=CANCEL)).plan(shortage=Shortage(action=CANCEL, units=2))
    handle = await begun(stage, play, "AwaitingStock")

    assert await stage.ending(handle, play) is OrderState.CANCELLED
    assert [request.word for _, request in play.planned] == [None, ShortageWord(action=CANCEL)]
    assert hours_between_plans(play) == [72]


async def test_stock_that_arrives_is_ordered_at_once_and_each_arrival_counts_once(stage: Stage) -> None:
    play = Play().plan(shortage=await waiting(stage)).plan(shortage=await waiting(stage)).plan("a")
    handle = await begun(stage, play, "AwaitingStock")
    for event_id in ("run:7", "run:7"):
        await stage.signal(play, "stock_arrived", event_id=event_id)
    await stage.until(lambda: len(play.planned) == 2)
    await stage.reaches(handle.id, "AwaitingStock")
    await stage.signal(play, "stock_arrived", event_id="run:8")

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert len(play.planned) == 3
    assert sum(hours_between_plans(play)) < 2


async def test_what_is_there_ships_while_the_rest_is_waited_for(stage: Stage) -> None:
    play = Play().plan("a", shortage=await waiting(stage)).plan("b")

    assert await stage.ending(await stage.begin(play), play) is OrderState.SHIPPED
    assert [round((at - play.planned[0][0]) / HOUR) for at, _ in play.fulfilled] == [48, 120]
    assert hours_between_plans(play) == [72]
    assert play.planned[1][1].word == ShortageWord(action=ASK_PERSON)


async def test_a_share_that_fails_during_the_wait_is_planned_again_at_once(stage: Stage) -> None:
    cancelled = StepResult(verdict=StepVerdict.CANCELLED)
    play = Play({"a": Part(tracking=((5 * HOUR, cancelled),))}).plan("a", shortage=await waiting(stage)).plan("b")

    assert await stage.ending(await stage.begin(play), play) is OrderState.SHIPPED
    assert hours_between_plans(play) == [5]
    assert play.planned[1][1].excluded == ("a",)


async def test_a_release_tries_again_before_the_wait_is_over(stage: Stage) -> None:
    play = Play().plan(shortage=await waiting(stage)).plan("a")
    handle = await begun(stage, play, "AwaitingStock")
    await stage.say(handle.id, CommandName.RELEASE)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert hours_between_plans(play) == [0]


@pytest.mark.parametrize(
    ("command", "action"), [("wait", WAIT), ("ask_customer", ASK_CUSTOMER), ("ship_available", CANCEL)]
)
async def test_a_wait_by_policy_takes_a_persons_word(stage: Stage, command: str, action: ShortageAction) -> None:
    play = Play().plan(shortage=await waiting(stage)).plan("a")
    handle = await begun(stage, play, "AwaitingStock")
    await stage.say(handle.id, CommandName(command), **({"wait_for": 2 * DAY} if command == "wait" else {}))

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert hours_between_plans(play) == [0]
    request = play.planned[1][1]
    assert request.word
    assert (request.word.action, request.ship_available) == (action, command == "ship_available")


async def test_a_word_on_a_shortage_is_refused_where_nothing_is_missing(stage: Stage) -> None:
    play = Play().plan("a")
    handle = await begun(stage, play, "Ordering")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await stage.say(handle.id, CommandName.SHIP_AVAILABLE)
    assert "nothing is missing here" in str(refused.value.cause)
    assert await stage.ending(handle, play) is OrderState.SHIPPED


# Asking the customer.

ANSWERS = {
    CustomerChoice.WAIT: ShortageWord(action=WAIT, until=datetime(2099, 1, 1, tzinfo=UTC)),
    CustomerChoice.ALTERNATIVE: None,
    CustomerChoice.CANCEL_LINE: None,
}


@pytest.mark.parametrize("choice", list(ANSWERS))
async def test_what_a_customer_answers_goes_into_the_next_plan(stage: Stage, choice: CustomerChoice) -> None:
    play = Play(settled=[QuestionSettled(choice=choice, word=ANSWERS[choice])])
    play.plan(shortage=await asking(stage)).plan("a")
    handle = await begun(stage, play, "AwaitingCustomer")
    await stage.signal(play, "customer_answered", event_id="answer:4", question_id=4)
    await stage.signal(play, "customer_answered", event_id="answer:5", question_id=5)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert [(one.question_id, one.overtaken) for one in play.questions] == [(5, False)]
    assert play.planned[1][1].word == ANSWERS[choice]


async def test_a_customer_who_cancels_all_ends_the_order_and_stops_what_runs(stage: Stage) -> None:
    play = Play({"a": Part(unreachable=20 * HOUR)}, settled=[QuestionSettled(choice=CustomerChoice.CANCEL_ALL)])
    play.plan("a", shortage=await asking(stage))
    handle = await begun(stage, play, "AwaitingCustomer")
    await stage.signal(play, "customer_answered", event_id="answer:5", question_id=5)

    assert await stage.ending(handle, play) is OrderState.CANCELLED
    assert [one.ending for one in play.ended] == [PurchaseOrderState.CANCELLED]
    assert len(play.questions) == 1


async def test_a_silent_customer_gets_the_default(stage: Stage) -> None:
    word = ShortageWord(action=WAIT, until=await now(stage) + 30 * DAY)
    play = Play(settled=[QuestionSettled(choice=CustomerChoice.WAIT, silent=True, word=word)])
    play.plan(shortage=await asking(stage)).plan("a")

    assert await stage.ending(await stage.begin(play), play) is OrderState.SHIPPED
    assert [one.overtaken for one in play.questions] == [False]
    assert hours_between_plans(play) == [72]
    assert play.planned[1][1].word == word


async def test_stock_overtakes_the_question_to_the_customer(stage: Stage) -> None:
    play = Play().plan(shortage=await asking(stage)).plan("a")
    handle = await begun(stage, play, "AwaitingCustomer")
    await stage.signal(play, "stock_arrived", **SOON)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert [one.overtaken for one in play.questions] == [True]


# Asking a person.


@pytest.mark.parametrize("command", ["release", "wait", "ask_customer", "ship_available"])
async def test_what_a_person_answers_goes_into_the_next_plan(stage: Stage, command: str) -> None:
    rejected = Part(submission=Submission(verdict=StepVerdict.REJECTED))
    play = Play({"a": rejected}).plan("a").plan(shortage=for_a_person()).plan("b")
    handle = await stage.begin(play)
    asked = await stage.asked(play, TaskCategory.UNROUTABLE)
    fields = {"wait_for": 2 * DAY} if command == "wait" else {}
    said_at = await now(stage)
    await stage.say(handle.id, CommandName(command), task_id=asked.task_id, **fields)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    request = play.planned[2][1]
    assert request.excluded == (() if command == "release" else ("a",))
    assert request.ship_available == (command == "ship_available")
    expected = {"wait": WAIT, "ask_customer": ASK_CUSTOMER, "ship_available": CANCEL}
    assert (request.word.action if request.word else None) == expected.get(command)
    if command == "wait":
        assert request.word
        assert request.word.until
        assert abs(request.word.until - said_at - 2 * DAY) < HOUR
        assert request.word.then is ASK_PERSON


async def test_a_person_who_gives_up_cancels_the_order(stage: Stage) -> None:
    play = Play({"b": Part(unreachable=20 * HOUR)}).plan("b", shortage=for_a_person())
    handle = await stage.begin(play)
    asked = await stage.asked(play, TaskCategory.UNROUTABLE)
    await stage.say(handle.id, CommandName.CANCEL, task_id=asked.task_id)

    assert await stage.ending(handle, play) is OrderState.CANCELLED
    assert [one.ending for one in play.ended] == [PurchaseOrderState.CANCELLED]


async def test_stock_takes_back_the_question_to_a_person(stage: Stage) -> None:
    play = Play().plan(shortage=for_a_person()).plan("a")
    handle = await stage.begin(play)
    await stage.asked(play, TaskCategory.UNROUTABLE)
    await stage.signal(play, "stock_arrived", **SOON)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert play.commands == []


async def test_a_word_is_forgotten_once_nothing_is_missing(stage: Stage) -> None:
    cancelled = StepResult(verdict=StepVerdict.CANCELLED)
    play = Play({"a": Part(tracking=((5 * HOUR, cancelled),))})
    play.plan(shortage=for_a_person()).plan("a").plan("b")
    handle = await stage.begin(play)
    asked = await stage.asked(play, TaskCategory.UNROUTABLE)
    await stage.say(handle.id, CommandName.SHIP_AVAILABLE, task_id=asked.task_id)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert [request.ship_available for _, request in play.planned] == [False, True, False]
    assert play.planned[2][1].word is None


# Holding and cancelling during each wait.


async def a_persons(_: Stage) -> Shortage:
    return for_a_person()


WAITS: dict[str, Callable[[Stage], Awaitable[Shortage]]] = {"stock": waiting, "customer": asking, "person": a_persons}


async def in_the_wait(stage: Stage, kind: str, play: Play) -> Any:
    handle = await stage.begin(play)
    if kind == "person":
        await stage.asked(play, TaskCategory.UNROUTABLE)
    else:
        await stage.reaches(handle.id, f"Awaiting{kind.title()}")
    return handle


@pytest.mark.parametrize("kind", list(WAITS))
async def test_a_cancel_ends_every_wait_at_once(stage: Stage, kind: str) -> None:
    play = Play().plan(shortage=await WAITS[kind](stage))
    handle = await in_the_wait(stage, kind, play)
    await stage.signal(play, "storefront_changed", event_id="cancel-1", kind="cancelled")

    assert await stage.ending(handle, play) is OrderState.CANCELLED
    assert [one.overtaken for one in play.questions] == ([True] if kind == "customer" else [])
    assert len(play.planned) == 1


@pytest.mark.parametrize("kind", list(WAITS))
async def test_a_hold_stops_every_wait_before_its_next_plan(stage: Stage, kind: str) -> None:
    play = Play().plan(shortage=await WAITS[kind](stage)).plan("a")
    handle = await in_the_wait(stage, kind, play)
    await stage.say(handle.id, CommandName.HOLD)
    await stage.signal(play, "stock_arrived", **SOON)
    held = await stage.asked(play, TaskCategory.HELD)
    assert len(play.planned) == 1
    await stage.say(handle.id, CommandName.RELEASE, task_id=held.task_id)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert len(play.planned) == 2


# Releasing a plan.


async def test_a_plan_that_waits_for_release_can_be_made_anew(stage: Stage) -> None:
    play = Play().plan("a", "b", release=True).plan("b", release=True)
    handle = await stage.begin(play)
    first = await stage.asked(play, TaskCategory.APPROVAL)
    await stage.say(handle.id, CommandName.REROUTE, task_id=first.task_id)
    await stage.until(lambda: len(play.asked) == 2)
    await stage.say(handle.id, CommandName.APPROVE, task_id=play.asked[1].task_id)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert [one.ending for one in play.ended] == [PurchaseOrderState.RETURNED] * 2
    assert not any(one.given_up for one in play.ended)
    assert [(request.plan_no, request.excluded) for _, request in play.planned] == [(1, ()), (2, ())]


async def test_a_rejected_plan_leaves_what_already_runs_to_its_end(stage: Stage) -> None:
    rejected = Part(submission=Submission(verdict=StepVerdict.REJECTED))
    play = Play({"a": rejected, "b": Part(tracking=((40 * HOUR, DONE),))})
    play.plan("a", "b").plan("c", release=True)
    handle = await stage.begin(play)
    asked = await stage.asked(play, TaskCategory.APPROVAL)
    await stage.say(handle.id, CommandName.REJECT, task_id=asked.task_id)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    endings = [(one.purchase_order_id % 1000, one.ending) for one in play.ended]
    assert endings == [(11, PurchaseOrderState.REJECTED), (21, PurchaseOrderState.CANCELLED)]
    assert [key % 1000 for _, key in play.fulfilled] == [12]


async def test_an_order_that_waits_says_for_what_until_when_and_what_happens_then(stage: Stage) -> None:
    play = Play().plan(shortage=await waiting(stage)).plan("a")
    handle = await begun(stage, play, "AwaitingStock")
    metadata = await handle.query("__temporal_workflow_metadata")
    assert "2 units are missing. Waiting until" in str(metadata)
    assert "then a person is asked" in str(metadata)
    await stage.signal(play, "stock_arrived", **SOON)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert handle.id == order_workflow_id("main", str(play.order_id))
