import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from models.commands import CommandName
from models.contracts import StepVerdict, StragglerOutcome, StragglerRequest
from models.identifiers import ORDERS_QUEUE, straggler_workflow_id
from models.statuses import OrderState, PurchaseOrderState
from models.tasks import TaskCategory
from starter.temporal_server import TemporalServer
from tests.programs import TEST_SERVER_START
from tests.workflows.namespaces import client_of_new_namespace
from tests.workflows.stubs import DONE, HOUR, Part, Play, Stage, know_search_attributes, performing
from worker import CACHED_WORKFLOWS
from workflows.straggler import StragglerWorkflow

DAY = 24 * HOUR
NEVER = timedelta(days=3000)


@pytest_asyncio.fixture(params=[CACHED_WORKFLOWS, 0], ids=["cached", "replayed"])
async def stage(request: pytest.FixtureRequest, time_skipping_program: Path) -> AsyncIterator[Stage]:
    """A server per test: its clock no longer jumps after a child has outlived its parent."""
    environment = await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter,
        test_server_existing_path=str(time_skipping_program),
        test_server_startup_timeout=TEST_SERVER_START,
    )
    async with environment as env:
        await know_search_attributes(env)
        async with performing(env, request.param) as running:
            yield running


@pytest.mark.parametrize("cancels", [True, False])
async def test_a_silent_supplier_without_a_clear_answer_is_a_persons_and_is_watched(
    stage: Stage, *, cancels: bool
) -> None:
    silent = Part(
        cancels=cancels,
        reroute_silent=True,
        acknowledges=(NEVER, DONE),
        on_cancel=(DAY, StepVerdict.EXHAUSTED),
        straggler=(72 * HOUR, StepVerdict.DONE),
    )
    play = Play({"a": silent}).plan("a").plan("b")
    handle = await stage.begin(play)
    task = await stage.asked(play, TaskCategory.ACKNOWLEDGEMENT_OVERDUE)
    await stage.say(play.workflow_id("a"), CommandName.REROUTE, task_id=task.task_id)

    assert await stage.ending(handle, play) is OrderState.SHIPPED
    assert [(one.ending, one.given_up) for one in play.ended] == [(PurchaseOrderState.RETURNED, True)]
    [number] = [one.number for one in play.orders.values() if one.profile.supplier == "a"]
    await stage.env.client.get_workflow_handle(straggler_workflow_id(number)).describe()  # or it raises NOT_FOUND
    assert play.planned[1][1].excluded == ("a",)


async def test_what_a_person_takes_elsewhere_of_an_order_that_is_cancelled_ends_and_is_watched(stage: Stage) -> None:
    part = Part(acknowledges=(NEVER, DONE), straggler=(72 * HOUR, StepVerdict.CANCELLED))
    play = Play({"a": part}).plan("a")
    handle = await stage.begin(play)
    await stage.until(lambda: "await_acknowledgement" in play.calls)
    await stage.signal(play, "storefront_changed", event_id="cancel-1", kind="cancelled")
    stop = await stage.asked(play, TaskCategory.CANCEL_AT_SUPPLIER)
    await stage.say(play.workflow_id("a"), CommandName.RELEASE, task_id=stop.task_id)  # too late
    overdue = await stage.asked(play, TaskCategory.ACKNOWLEDGEMENT_OVERDUE)
    await stage.say(play.workflow_id("a"), CommandName.REROUTE, task_id=overdue.task_id)

    assert await stage.ending(handle, play) is OrderState.CANCELLED
    assert [(one.ending, one.given_up) for one in play.ended] == [(PurchaseOrderState.CANCELLED, True)]
    assert len(play.planned) == 1
    assert len(play.asked) == 2


async def begun(stage: Stage, play: Play) -> WorkflowHandle[StragglerWorkflow, StragglerOutcome]:
    """Start the watch over a purchase order that was confirmed just now."""
    stage.stubs.plays[play.order_id] = play
    [order] = play.orders.values()
    confirmed_at = await stage.env.get_current_time()
    request = StragglerRequest(
        purchase_order_id=order.purchase_order_id,
        order_id=order.order_id,
        channel="main",
        number=order.number,
        profile=order.profile,
        confirmed_at=confirmed_at,
        until=confirmed_at + timedelta(days=14),
    )
    return await stage.env.client.start_workflow(
        StragglerWorkflow.run, request, id=straggler_workflow_id(order.number), task_queue=ORDERS_QUEUE
    )


@pytest.mark.parametrize(
    ("verdict", "late"), [(StepVerdict.DONE, True), (StepVerdict.CANCELLED, False), (StepVerdict.EXHAUSTED, False)]
)
async def test_the_watch_ends_with_what_the_supplier_did(stage: Stage, verdict: StepVerdict, *, late: bool) -> None:
    begins = await stage.env.get_current_time()
    watch = await begun(stage, Play({"a": Part(straggler=(72 * HOUR, verdict))}).plan("a"))
    assert await watch.result() == StragglerOutcome(late=late)
    assert (await stage.env.get_current_time()) - begins >= 72 * HOUR


async def test_a_push_makes_the_watch_look_at_once(temporal_server: TemporalServer) -> None:
    client = await client_of_new_namespace(temporal_server.address)
    part = Part(straggler=(DAY, StepVerdict.DONE))
    play = Play({"a": part}).plan("a")
    async with performing(WorkflowEnvironment.from_client(client), CACHED_WORKFLOWS) as stage:
        watch = await begun(stage, play)
        await stage.until(lambda: "watch_straggler" in play.calls)
        part.straggler = (timedelta(0), StepVerdict.DONE)  # nobody looks before tomorrow, unless told
        await watch.signal("supplier_reported", args=[{"event_id": "push-1"}])
        async with asyncio.timeout(30):
            assert await watch.result() == StragglerOutcome(late=True)
