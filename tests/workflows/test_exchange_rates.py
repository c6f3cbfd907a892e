"""The daily rates: one activity, and a day without them is no failure."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from models.identifiers import SYNC_QUEUE
from starter.temporal_server import TemporalServer
from tests.workflows.namespaces import client_of_new_namespace
from worker import SUPPLY_WORKFLOWS, build_worker

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Capture:
    """Stands in for the activity: as many new rates as told, or the bank's silence."""

    client: Client | None = None
    answers: list[int | None] = field(default_factory=list)

    @activity.defn
    async def capture_rates(self) -> int:
        answer = self.answers.pop(0)
        if answer is None:
            raise ApplicationError("daily rates: no connection to ecb", type="NotSent", non_retryable=True)
        return answer

    async def run(self, workflow_id: str, *arguments: Any) -> int:
        assert self.client is not None
        result: int = await self.client.execute_workflow(
            "ExchangeRatesWorkflow", args=list(arguments), id=workflow_id, task_queue=SYNC_QUEUE, result_type=int
        )
        return result


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def capture(temporal_server: TemporalServer) -> AsyncIterator[Capture]:
    stand_in = Capture(client=await client_of_new_namespace(temporal_server.address))
    assert stand_in.client is not None
    served = [stand_in.capture_rates]
    with ThreadPoolExecutor(2) as threads:
        async with build_worker(stand_in.client, SYNC_QUEUE, served, threads, workflows=SUPPLY_WORKFLOWS, slots=2):
            yield stand_in


async def test_the_result_is_how_many_are_new(capture: Capture) -> None:
    capture.answers = [30]
    assert await capture.run("rates/new") == 30


async def test_a_day_without_rates_fails_nothing(capture: Capture) -> None:
    capture.answers = [None]
    assert await capture.run("rates/silent") == 0


async def test_whatever_somebody_types_as_input_in_the_ui_is_not_needed(capture: Capture) -> None:
    capture.answers = [1, 1]
    assert await capture.run("rates/one-argument", {"any": "thing"}) == 1
    assert await capture.run("rates/two-arguments", "any", "thing") == 1
