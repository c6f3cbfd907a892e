from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from models.commands import CommandName
from models.contracts import StepVerdict, StragglerOutcome
from models.identifiers import straggler_workflow_id
from models.statuses import OrderState, PurchaseOrderState
from models.tasks import TaskCategory
from tests.workflows.stubs import DONE, HOUR, Part, Play, Stage, know_search_attributes, performing
from worker import CACHED_WORKFLOWS

DAY = 24 * HOUR
NEVER = timedelta(days=3000)


@pytest_asyncio.fixture(params=[CACHED_WORKFLOWS, 0], ids=["cached", "replayed"])
async def stage(request: pytest.FixtureRequest, time_skipping_program: Path) -> AsyncIterator[Stage]:
    """A server per test: its clock no longer jumps after a child has outlived its parent."""
    environment = await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter, test_server_existing_path=str(time_skipping_program)
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
    watch = stage.env.client.get_workflow_handle(straggler_workflow_id(number), result_type=StragglerOutcome)
    assert (await watch.result()).late
    assert play.planned[1][1].excluded == ("a",)
