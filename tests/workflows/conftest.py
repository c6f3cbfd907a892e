"""One world per test module, in a namespace of its own on the session's dev server."""

from collections.abc import AsyncIterator

import pytest_asyncio

from starter.temporal_server import TemporalServer
from tests.workflows.namespaces import client_of_new_namespace
from tests.workflows.world import World, running_world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(temporal_server: TemporalServer, database_url: str) -> AsyncIterator[World]:
    """The product beside a simulated world, a day's plan squeezed into seconds."""
    client = await client_of_new_namespace(temporal_server.address)
    async with running_world(client, database_url, tracking_plan=["2s", "1s", "1s"]) as running:
        yield running
