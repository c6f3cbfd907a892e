"""One world per test module, on the session's dev server."""

from collections.abc import AsyncIterator

import pytest_asyncio
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from starter.temporal_server import TemporalServer
from tests.workflows.world import World, running_world
from workflows import search_attributes


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(temporal_server: TemporalServer, database_url: str) -> AsyncIterator[World]:
    """The product beside a simulated world, a day's plan squeezed into seconds."""
    client = await Client.connect(temporal_server.address, data_converter=pydantic_data_converter)
    await client.operator_service.add_search_attributes(AddSearchAttributesRequest(namespace="default", search_attributes={k.name: int(k.indexed_value_type) for k in search_attributes.ALL}))
    async with running_world(client, database_url, tracking_plan=["2s", "1s", "1s"]) as running:
        yield running
