import asyncio
from typing import Any

from models.commands import Command, CommandName
from models.statuses import OrderState
from sandbox.catalogue import plain_eans
from starter.temporal_server import TemporalServer
from tests.workflows import resets
from tests.workflows.namespaces import client_of_new_namespace
from tests.workflows.world import World, running_world
from worker import CACHED_WORKFLOWS

ENDS_WITHIN = 60


async def one_order(temporal_server: TemporalServer, database_url: str, cached_workflows: int) -> dict[str, Any]:
    """Let an order ask a person, ship in two parcels, and tell what it did."""
    client = await client_of_new_namespace(temporal_server.address)
    plan = ["1s"] * 20
    async with running_world(client, database_url, cached_workflows=cached_workflows, tracking_plan=plan) as world:
        article = plain_eans()[0]
        steps = [{"after": 0.5, "tracking": ["GLS-1"]}, {"after": 2, "status": "Shipped", "tracking": ["GLS-2"]}]
        world.supplier("script", ean=article, script={"steps": steps, "carriers": []})
        request = world.sell((article, 2), id=7_000_000 + cached_workflows)
        handle = await world.start(request)
        await world.open_task(request, "no_shipping_rate")
        world.supplier("script", ean=article, script={"steps": steps})
        await asyncio.sleep(0.5)
        [row] = world.rows("SELECT workflow_id FROM purchase_orders WHERE order_id = :id", id=request.order_id)
        child = client.get_workflow_handle(row["workflow_id"])
        await child.execute_update("command", Command(command=CommandName.RELEASE, actor="ops"))
        outcome = await asyncio.wait_for(handle.result(), ENDS_WITHIN)
        return {
            "outcome": outcome.ending,
            "ordered": len(world.supplier_orders()),
            "timeline": timeline(world, request.order_id),
            "steps": [await activities(world, each) for each in (resets.order_handle(world, request).id, child.id)],
        }


def timeline(world: World, order_id: int) -> list[str]:
    rows = world.rows("SELECT event FROM timeline WHERE order_id = :id ORDER BY id", id=order_id)
    return [row["event"] for row in rows]


async def activities(world: World, workflow_id: str) -> list[str]:
    """The activities a workflow scheduled, in order."""
    events = [event async for event in world.client.get_workflow_handle(workflow_id).fetch_history_events()]
    assert not [event for event in events if event.HasField("workflow_task_failed_event_attributes")]
    scheduled = (event.activity_task_scheduled_event_attributes.activity_type.name for event in events)
    return [name for name in scheduled if name]


async def test_a_worker_that_remembers_no_workflow_comes_to_the_same_end(
    temporal_server: TemporalServer, database_url: str
) -> None:
    remembered = await one_order(temporal_server, database_url, CACHED_WORKFLOWS)
    replayed = await one_order(temporal_server, database_url, 0)

    assert replayed == remembered
    assert replayed["outcome"] is OrderState.SHIPPED
    assert replayed["ordered"] == 1
