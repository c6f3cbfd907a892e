"""Days on which no worker of ours ran: they say nothing of suppliers, and nobody is asked because of them."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from models.commands import CommandName
from models.identifiers import supplier_queue
from models.statuses import OrderState
from models.tasks import TaskCategory
from starter.temporal_server import TemporalServer
from tests.workflows.namespaces import client_of_new_namespace
from tests.workflows.stubs import DONE, HOUR, Part, Play, Stage, performing
from worker import CACHED_WORKFLOWS, build_worker
from workflows import options

FAR = "far"  # a supplier whose queue is served only where a test says so
A_QUESTION_TAKES = timedelta(seconds=12)  # at most, instead of two days
SCHEDULED = "choose_shipping"


@pytest_asyncio.fixture
async def stage(temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """A server in everybody's time: the one that skips it does not, while a task waits for a worker."""
    monkeypatch.setattr(options, "_BACKSTOP", A_QUESTION_TAKES - 24 * HOUR)
    client = await client_of_new_namespace(temporal_server.address)
    async with performing(WorkflowEnvironment.from_client(client), CACHED_WORKFLOWS) as running:
        yield running


@asynccontextmanager
async def served(stage: Stage) -> AsyncIterator[None]:
    with ThreadPoolExecutor(4) as threads:
        queue, activities = supplier_queue(FAR), stage.stubs.every()
        async with build_worker(stage.env.client, queue, activities, threads, slots=4):
            yield


async def has_begun(stage: Stage, workflow_id: str, *, times: int) -> None:
    """Wait until a question was put into the supplier's queue so often."""
    handle = stage.env.client.get_workflow_handle(workflow_id)
    for _ in range(600):
        try:
            events = (await handle.fetch_history()).events
        except RPCError:  # it is not there yet
            events = []
        begun = [one.activity_task_scheduled_event_attributes.activity_type.name for one in events]
        if begun.count(SCHEDULED) >= times:
            return
        await stage.env.sleep(timedelta(milliseconds=100))
    raise AssertionError("it was never begun so often")


async def test_an_order_goes_on_after_them_as_if_nothing_had_been(stage: Stage) -> None:
    play = Play({FAR: Part(acknowledges=(timedelta(0), DONE), tracking=((timedelta(0), DONE),))}).plan(FAR)
    handle = await stage.begin(play)
    await stage.until(lambda: "plan_order" in play.calls, step=timedelta(milliseconds=100))
    await has_begun(stage, play.workflow_id(FAR), times=2)
    async with served(stage):
        assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert play.asked == []


async def test_where_nobody_comes_then_either_a_person_is_asked(stage: Stage) -> None:
    play = Play({FAR: Part()}).plan(FAR)
    handle = await stage.begin(play)
    await stage.until(lambda: play.open_task(TaskCategory.SUPPLIER_UNREACHABLE), step=timedelta(milliseconds=100))
    await has_begun(stage, play.workflow_id(FAR), times=2)
    await stage.say(play.workflow_id(FAR), CommandName.CANCEL)
    assert await stage.ending(handle, play) is OrderState.CANCELLED
