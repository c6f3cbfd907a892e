import asyncio

import pytest

from models.statuses import OrderState
from tests.workflows.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_paid_order_is_ordered_once_shipped_and_told(world: World) -> None:
    world.supplier("script", script={"steps": [{"after": 1.0, "status": "Shipped", "tracking": ["GLS-1"]}]})
    request = world.sell()
    handle = await world.start(request)
    try:
        outcome = await asyncio.wait_for(handle.result(), 20)
    except TimeoutError:
        desc = await handle.describe()
        for p in desc.raw_description.pending_activities:
            print(p.activity_type.name, p.attempt, p.last_failure.message[:300])
        print(desc.raw_description.pending_workflow_task)
        async for e in handle.fetch_history_events(): print(e.event_id, e.event_type, str(e.workflow_task_failed_event_attributes.failure)[:1500] if e.HasField('workflow_task_failed_event_attributes') else '')
        for r in world.rows('select system, operation, url, status, error, reply from calls'): print(r)
        for r in world.rows('select event, detail from timeline'): print(r)
        async for w in world.client.list_workflows("WorkflowId STARTS_WITH 'purchase'"):
            print(w.id)
            h=world.client.get_workflow_handle(w.id)
            desc = await h.describe()
            for p in desc.raw_description.pending_activities:
                print(p.activity_type.name, p.attempt, p.last_failure.message[:300])
            async for e in h.fetch_history_events(): print(e.event_id, e.event_type, str(e.workflow_task_failed_event_attributes.failure)[:1500] if e.HasField('workflow_task_failed_event_attributes') else '')
        raise
    assert outcome.ending is OrderState.SHIPPED
    supplier_orders = world.supplier_orders()
    assert len(supplier_orders) == 1
    n=0
    async for e in handle.fetch_history_events(): n+=1
    async for w in world.client.list_workflows("WorkflowId STARTS_WITH 'purchase'"):
        async for e in world.client.get_workflow_handle(w.id).fetch_history_events(): n+=1
    print("EVENTS", n)
    for r in world.rows('select event, detail from timeline order by id'): print(r)
    for r in world.rows('select state, subject from mails'): print(r)
