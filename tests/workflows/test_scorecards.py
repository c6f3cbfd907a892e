"""Scorecards by the clock: one activity, and where it fails the old cards stand."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError

from models.identifiers import SYNC_QUEUE
from starter.temporal_server import TemporalServer
from tests.workflows.namespaces import client_of_new_namespace
from worker import SUPPLY_WORKFLOWS, build_worker


@pytest.mark.parametrize(("answer", "arguments", "counted"), [(3, [], 3), (3, ["any", {"thing": 1}], 3), (None, [], 0)])
async def test_the_result_is_how_many_suppliers_have_a_card(
    temporal_server: TemporalServer, answer: int | None, arguments: list[object], counted: int
) -> None:
    @activity.defn(name="refresh_scorecards")
    async def refresh() -> int:
        if answer is None:
            raise ApplicationError("the statement was refused", non_retryable=True)
        return answer

    client = await client_of_new_namespace(temporal_server.address)
    with ThreadPoolExecutor(1) as threads:
        async with build_worker(client, SYNC_QUEUE, [refresh], threads, workflows=SUPPLY_WORKFLOWS, slots=1):
            result: int = await client.execute_workflow(
                "ScorecardsWorkflow", args=arguments, id="scorecards", task_queue=SYNC_QUEUE, result_type=int
            )
    assert result == counted
