import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.worker import Worker

from models.statuses import OrderState
from starter.temporal_server import TemporalServer
from tests.e2e import careless
from tests.e2e.privacy import CARELESS, Scanner, leaks_of
from tests.e2e.sales import PLANTED_WORDS
from tests.workflows.namespaces import client_of_new_namespace
from tests.workflows.world import running_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHIN = 10.0  # seconds until a leak has happened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def careless_client(temporal_server: TemporalServer) -> AsyncIterator[Client]:
    """A namespace where things leak on purpose."""
    client = await client_of_new_namespace(temporal_server.address, kind=CARELESS)
    activities: list[Callable[..., Any]] = [careless.pass_on, careless.refuse, careless.return_a_name]
    async with Worker(client, task_queue=careless.QUEUE, workflows=[careless.Careless], activities=activities):
        yield client


@pytest.mark.parametrize("place", careless.PLACES)
async def test_a_planted_word_is_found(careless_client: Client, place: str) -> None:
    workflow_id = await careless.leak(careless_client, place)

    deadline = asyncio.get_running_loop().time() + WITHIN
    findings: list[str] = []
    while not findings and asyncio.get_running_loop().time() < deadline:
        scanner = Scanner(PLANTED_WORDS)
        await scanner.look_at_history(careless_client, workflow_id)
        findings = scanner.findings
        await asyncio.sleep(0.1)

    assert findings
    assert all(finding.endswith("planted word 1") for finding in findings)


async def test_a_planted_word_in_a_log_is_found_also_where_it_is_escaped(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text('{"event": "sent", "to": "Villanombre"}\n{"event": "\\u0056illanombre"}\n{"event": "fine"}\n')
    scanner = Scanner(PLANTED_WORDS)

    assert scanner.look_at_log(log) == 3
    assert scanner.findings == ["worker.log line 1: planted word 3", "worker.log line 2: planted word 3"]


async def test_the_look_at_a_whole_server_finds_what_leaks_in_any_namespace(
    temporal_server: TemporalServer, careless_client: Client
) -> None:
    await careless.leak(careless_client, "workflow id")

    assert await leaks_of(temporal_server.address, apart_from="none")


async def test_the_history_of_an_order_holds_no_personal_data(
    temporal_server: TemporalServer, database_url: str
) -> None:
    client = await client_of_new_namespace(temporal_server.address)
    scanner = Scanner(PLANTED_WORDS)
    async with running_world(client, database_url, tracking_plan=["2s", "1s", "1s"]) as world:
        world.supplier("script", script={"steps": [{"after": 0.5, "status": "Shipped", "tracking": ["GLS-1"]}]})
        handle = await world.start(world.sell())
        assert (await world.finish(handle)).ending is OrderState.SHIPPED

    assert await scanner.look_at_histories(client) >= 2
    assert not scanner.findings, "\n".join(scanner.findings)
