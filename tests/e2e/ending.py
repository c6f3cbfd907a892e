"""When is everything over: what is still open, and what it waits for."""

import asyncio
import time

from temporalio.client import WorkflowExecution

from tests.e2e.harness import Scene
from tests.e2e.sales import Script

_OPEN_ROWS = (
    "SELECT 'order ' || name || ' is ' || state AS what FROM orders"
    " WHERE ended_at IS NULL AND (paid OR started_at IS NOT NULL) AND state <> 'cancelled'",
    "SELECT 'task ' || id || ' (' || category || '): ' || question AS what FROM tasks WHERE state = 'open' ORDER BY id",
    "SELECT 'mail ' || id || ' (' || kind || ') is ' || state AS what FROM mails"
    " WHERE state IN ('pending', 'sending') ORDER BY id",
)
_RUNNING = "ExecutionStatus = 'Running' AND WorkflowType IN ('OrderWorkflow', 'PurchaseOrderWorkflow')"


async def worked_off(scene: Scene, seconds: float) -> list[str]:
    """Wait until nothing is open any more, for so long; returns what still is."""
    deadline = time.monotonic() + seconds
    while True:
        pending = await unfinished(scene)
        if not pending or time.monotonic() > deadline:
            return pending
        scene.revive()
        await asyncio.sleep(1)


async def unfinished(scene: Scene) -> list[str]:
    """List what has not come to its end: orders, tasks, mails, workflows."""
    found = await asyncio.to_thread(_open_rows, scene)
    async for execution in scene.client.list_workflows(_RUNNING):
        found.append(await _described(scene, execution))
    return found


def _open_rows(scene: Scene) -> list[str]:
    known = {row["storefront_order_id"] for row in scene.rows("SELECT storefront_order_id FROM orders")}
    missing = [
        f"order {order_id} ({sale.script}) has not arrived"
        for order_id, sale in scene.placed.items()
        if order_id not in known and sale.script is not Script.UNPAID
    ]
    return missing + [row["what"] for statement in _OPEN_ROWS for row in scene.rows(statement)]


async def _described(scene: Scene, execution: WorkflowExecution) -> str:
    """Say what a running workflow waits for."""
    handle = scene.client.get_workflow_handle(execution.id)
    pending = (await handle.describe()).raw_description.pending_activities
    waits = [
        f"{one.activity_type.name} attempt {one.attempt} since {one.last_started_time.ToDatetime():%H:%M:%S}"
        f" ({one.last_failure.message})"
        for one in pending
    ]
    return f"{execution.id} runs: {'; '.join(waits) or 'no activity'}"
