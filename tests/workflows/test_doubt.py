"""A purchase order in doubt: its supplier's own means first, a person last, and whoever is first settles it."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from models.commands import CommandName
from models.contracts import StepResult, StepVerdict, Submission
from models.statuses import OrderState, PurchaseOrderState
from models.suppliers import Arrival
from models.tasks import TaskCategory
from starter.temporal_server import TemporalServer
from tests.workflows.namespaces import client_of_new_namespace
from tests.workflows.stubs import DONE, HOUR, Part, Play, Stage, know_search_attributes, performing, task

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNKNOWN = Submission(verdict=StepVerdict.UNKNOWN)
AGAIN = Submission(verdict=StepVerdict.INTERRUPTED)
NEVER = timedelta(days=3000)
LATER = 20 * HOUR  # before the backstop
AT_ONCE = timedelta(0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(time_skipping_env: WorkflowEnvironment) -> AsyncIterator[Stage]:
    await know_search_attributes(time_skipping_env)
    async with performing(time_skipping_env, cached_workflows=0) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live(temporal_server: TemporalServer) -> AsyncIterator[Stage]:
    """The server that skips time does not tell an activity in backoff that it is cancelled: news need the real one."""
    client = await client_of_new_namespace(temporal_server.address)
    async with performing(WorkflowEnvironment.from_client(client), cached_workflows=0) as running:
        yield running


def quick(**more: Any) -> Part:
    """A supplier that acknowledges and ships at once, in everybody's time."""
    return Part(acknowledges=(AT_ONCE, DONE), tracking=((AT_ONCE, DONE),), **more)


async def soon(stage: Stage, what: Callable[[], Any]) -> None:
    await stage.until(what, step=timedelta(milliseconds=50))


async def tell(stage: Stage, play: Play) -> None:
    """Say that the supplier has sent something."""
    purchase_order = stage.env.client.get_workflow_handle(play.workflow_id("a"))
    await purchase_order.signal("supplier_reported", {"event_id": f"document-{play.order_id}"})


def found(number: str = "A777") -> Submission:
    now = datetime.now(UTC)
    return Submission(verdict=StepVerdict.DONE, supplier_number=number, acknowledged=True, confirmed_at=now)


def asked() -> Submission:
    return Submission(verdict=StepVerdict.UNKNOWN, task=task(TaskCategory.SUBMIT_UNKNOWN))


async def test_an_order_that_is_found_goes_on_without_a_person(stage: Stage) -> None:
    play = Play({"a": Part(submission=UNKNOWN, doubts=[(HOUR, found())])}).plan("a")
    assert await stage.ending(await stage.begin(play), play) is OrderState.SHIPPED
    assert play.asked == []
    assert play.calls.count("submit_purchase_order") == 1


async def test_an_order_that_is_proven_absent_is_sent_again(stage: Stage) -> None:
    play = Play({"a": Part(submission=UNKNOWN, doubts=[(HOUR, AGAIN)])}).plan("a")
    assert await stage.ending(await stage.begin(play), play) is OrderState.SHIPPED
    assert play.asked == []
    assert play.calls.count("submit_purchase_order") == 2


async def test_news_of_the_supplier_settle_it_before_its_plan_would(live: Stage) -> None:
    play = Play({"a": quick(submission=UNKNOWN, doubts=[(LATER, found())])}).plan("a")
    handle = await live.begin(play)
    await soon(live, lambda: "settle_doubt" in play.calls)
    await tell(live, play)

    assert await live.ending(handle, play) is OrderState.SHIPPED
    assert play.parts["a"].looked_now[-1]
    assert play.asked == []


async def test_what_stays_unsure_is_a_persons_to_say(stage: Stage) -> None:
    play = Play({"a": Part(submission=UNKNOWN, doubts=[(HOUR, asked())])}).plan("a")
    handle = await stage.begin(play)
    await stage.asked(play, TaskCategory.SUBMIT_UNKNOWN)
    await stage.reaches(play.workflow_id("a"), "SubmitUnknown")
    await stage.say(play.workflow_id("a"), CommandName.CONFIRM_SUBMISSION, supplier_number="B1")
    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert play.calls.count("confirm_submission") == 1


async def test_a_receipt_that_comes_while_a_person_is_asked_answers_the_question(live: Stage) -> None:
    play = Play({"a": quick(submission=UNKNOWN, doubts=[(AT_ONCE, asked()), (NEVER, found())])}).plan("a")
    handle = await live.begin(play)
    await soon(live, lambda: play.open_task(TaskCategory.SUBMIT_UNKNOWN))
    await live.reaches(play.workflow_id("a"), "SubmitUnknown")
    await tell(live, play)

    assert await live.ending(handle, play) is OrderState.SHIPPED
    assert "confirm_submission" not in play.calls
    assert play.commands == []


async def test_absence_that_is_proven_while_a_person_is_asked_sends_it_again(live: Stage) -> None:
    play = Play({"a": quick(submission=UNKNOWN, doubts=[(AT_ONCE, asked()), (NEVER, AGAIN)])}).plan("a")
    handle = await live.begin(play)
    await soon(live, lambda: play.open_task(TaskCategory.SUBMIT_UNKNOWN))
    await live.reaches(play.workflow_id("a"), "SubmitUnknown")
    await tell(live, play)

    assert await live.ending(handle, play) is OrderState.SHIPPED
    assert play.calls.count("submit_purchase_order") == 2
    assert play.commands == []


async def overtaken(live: Stage, play: Play, command: CommandName, **fields: Any) -> WorkflowHandle[Any, Any]:
    """Have a person answer while the supplier's own means are looked at once more."""
    handle = await live.begin(play)
    await soon(live, lambda: play.open_task(TaskCategory.SUBMIT_UNKNOWN))
    await live.reaches(play.workflow_id("a"), "SubmitUnknown")
    gate = play.gates["settle_doubt"] = Event()
    await tell(live, play)
    await soon(live, lambda: play.calls.count("settle_doubt") == 2)
    await live.say(play.workflow_id("a"), command, **fields)
    gate.set()
    return handle


async def test_a_cancel_that_crosses_the_proof_that_it_is_there_is_asked_for_there(live: Stage) -> None:
    part = quick(submission=UNKNOWN, cancels=True, doubts=[(AT_ONCE, asked()), (NEVER, found())])
    play = Play({"a": part}).plan("a")
    handle = await overtaken(live, play, CommandName.CANCEL)

    await live.ending(handle, play)
    assert "cancel_at_supplier" in play.calls
    assert [one.ending for one in play.ended] == [PurchaseOrderState.CANCELLED]


async def test_a_person_who_has_seen_it_is_believed_whatever_a_look_has_missed(live: Stage) -> None:
    part = quick(submission=UNKNOWN, doubts=[(AT_ONCE, asked()), (NEVER, AGAIN)])
    play = Play({"a": part}).plan("a")
    handle = await overtaken(live, play, CommandName.CONFIRM_SUBMISSION, supplier_number="B1")

    assert await live.ending(handle, play) is OrderState.SHIPPED
    assert play.calls.count("confirm_submission") == 1
    assert play.calls.count("submit_purchase_order") == 1


async def test_an_order_in_doubt_that_is_held_is_looked_for_and_not_sent_again(live: Stage) -> None:
    part = quick(submission=UNKNOWN, doubts=[(LATER, AGAIN)])
    play = Play({"a": part}).plan("a")
    handle = await live.begin(play)
    await soon(live, lambda: "settle_doubt" in play.calls)
    await live.say(play.workflow_id("a"), CommandName.HOLD)
    await soon(live, lambda: part.may_be_sent == [True, False])
    await live.say(play.workflow_id("a"), CommandName.RELEASE)
    await soon(live, lambda: part.may_be_sent == [True, False, True])
    await tell(live, play)
    assert await live.ending(handle, play) is OrderState.SHIPPED


async def test_a_number_that_is_another_orders_is_asked_about_once_more(stage: Stage) -> None:
    play = Play({"a": Part(submission=UNKNOWN, doubts=[(HOUR, asked())], taken="A1")}).plan("a")
    handle = await stage.begin(play)
    first = await stage.asked(play, TaskCategory.SUBMIT_UNKNOWN)
    await stage.reaches(play.workflow_id("a"), "SubmitUnknown")
    await stage.say(play.workflow_id("a"), CommandName.CONFIRM_SUBMISSION, supplier_number="A1")
    await stage.until(lambda: play.asked[-1].task_id != first.task_id)
    again = play.asked[-1].task_id
    await stage.say(play.workflow_id("a"), CommandName.CONFIRM_SUBMISSION, supplier_number="B1", task_id=again)
    assert await stage.ending(handle, play) is OrderState.SHIPPED


async def test_a_look_that_comes_to_no_end_is_a_persons_to_say(stage: Stage) -> None:
    play = Play({"a": Part(submission=UNKNOWN, doubts=[(NEVER, found())])}).plan("a")
    handle = await stage.begin(play)
    await stage.asked(play, TaskCategory.SUBMIT_UNKNOWN)
    await stage.reaches(play.workflow_id("a"), "SubmitUnknown")
    await stage.say(play.workflow_id("a"), CommandName.CONFIRM_SUBMISSION, supplier_number="B1")
    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert len(play.asked) == 1


async def test_a_supplier_that_never_acknowledges_is_not_waited_for(stage: Stage) -> None:
    play = Play({"a": Part(acknowledgement=Arrival.NONE)}).plan("a")
    assert await stage.ending(await stage.begin(play), play) is OrderState.SHIPPED
    assert "await_acknowledgement" not in play.calls


async def test_news_that_prove_nothing_leave_the_question_open(live: Stage) -> None:
    same = asked()
    play = Play({"a": quick(submission=UNKNOWN, doubts=[(AT_ONCE, same), (NEVER, same)])}).plan("a")
    handle = await live.begin(play)
    await soon(live, lambda: play.open_task(TaskCategory.SUBMIT_UNKNOWN))
    await tell(live, play)
    await soon(live, lambda: play.parts["a"].doubts == [])
    await live.say(play.workflow_id("a"), CommandName.RESUBMIT)

    assert await live.ending(handle, play) is OrderState.SHIPPED
    assert play.calls.count("submit_purchase_order") == 2


async def test_a_cancel_while_in_doubt_is_heeded_once_the_doubt_is_settled(live: Stage) -> None:
    part = quick(submission=UNKNOWN, doubts=[(LATER, AGAIN)])
    play = Play({"a": part}).plan("a")
    handle = await live.begin(play)
    await soon(live, lambda: "settle_doubt" in play.calls)
    await live.say(handle.id, CommandName.CANCEL)
    await soon(live, lambda: len(part.may_be_sent) > 1)
    await tell(live, play)

    assert await live.ending(handle, play) is OrderState.CANCELLED
    assert (part.may_be_sent[0], any(part.may_be_sent[1:])) == (True, False)
    assert play.calls.count("submit_purchase_order") == 1
    assert [one.ending for one in play.ended] == [PurchaseOrderState.CANCELLED]


# Answers that a person must approve.


def changed(**more: Any) -> StepResult:
    return StepResult(verdict=StepVerdict.UNCLEAR, task=task(TaskCategory.ACKNOWLEDGEMENT_CHANGED), **more)


async def test_a_changed_acknowledgement_that_is_approved_is_heard_again_and_goes_on(stage: Stage) -> None:
    part = Part(acknowledges=(HOUR, changed()))
    play = Play({"a": part}).plan("a")
    handle = await stage.begin(play)
    await stage.until(lambda: "await_acknowledgement" in play.calls)
    await stage.env.sleep(2 * HOUR)
    await stage.reaches(play.workflow_id("a"), "AwaitingAcknowledgement")
    part.acknowledges = (HOUR, DONE)
    await stage.say(play.workflow_id("a"), CommandName.APPROVE)
    assert await stage.ending(handle, play) is OrderState.SHIPPED


async def test_what_a_person_needs_to_decide_is_not_taken_off_the_suppliers_time(stage: Stage) -> None:
    decided = timedelta(days=10)  # its whole plan is four
    part = Part(acknowledges=(HOUR, changed()), tracking=((decided + 72 * HOUR, DONE),))
    play = Play({"a": part}).plan("a")
    handle = await stage.begin(play)
    await stage.until(lambda: "await_acknowledgement" in play.calls)
    await stage.env.sleep(decided)
    part.acknowledges = (HOUR, DONE)
    await stage.say(play.workflow_id("a"), CommandName.APPROVE)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert play.asked == []


async def test_it_is_not_taken_off_the_time_to_acknowledge_either(stage: Stage) -> None:
    decided = timedelta(days=10)
    part = Part(acknowledges=(HOUR, changed()), tracking=((decided + 72 * HOUR, DONE),))
    play = Play({"a": part}).plan("a")
    handle = await stage.begin(play)
    await stage.until(lambda: "await_acknowledgement" in play.calls)
    await stage.env.sleep(decided)
    part.acknowledges = (decided + 2 * HOUR, DONE)
    await stage.say(play.workflow_id("a"), CommandName.APPROVE)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert play.asked == []


async def test_a_person_who_goes_on_without_it_gives_the_supplier_its_time_to_ship(stage: Stage) -> None:
    decided = timedelta(days=10)
    overdue = StepResult(verdict=StepVerdict.UNCLEAR, task=task(TaskCategory.ACKNOWLEDGEMENT_OVERDUE))
    part = Part(acknowledges=(HOUR, overdue), tracking=((decided + 72 * HOUR, DONE),))
    play = Play({"a": part}).plan("a")
    handle = await stage.begin(play)
    await stage.until(lambda: "await_acknowledgement" in play.calls)
    await stage.env.sleep(decided)
    await stage.say(play.workflow_id("a"), CommandName.RELEASE)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert play.asked == []


async def test_a_changed_acknowledgement_can_be_taken_elsewhere(stage: Stage) -> None:
    part = Part(cancels=True, acknowledges=(HOUR, changed()))
    play = Play({"a": part}).plan("a").plan("b")
    handle = await stage.begin(play)
    await stage.until(lambda: "await_acknowledgement" in play.calls)
    await stage.env.sleep(2 * HOUR)
    await stage.say(play.workflow_id("a"), CommandName.REROUTE)
    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert [one.ending for one in play.ended] == [PurchaseOrderState.RETURNED]
