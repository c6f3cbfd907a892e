"""A Temporal side for intake's tests: a stand-in for the order's lifecycle, and a worker that runs the sweeps."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from temporalio import workflow
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.delivery import OrderDelivery
from activities.sweeps import SweepActivities
from models.commands import CustomerAnswered, StorefrontEvent
from models.contracts import OrderRequest
from models.identifiers import ORDERS_QUEUE
from tests.intake.world import World
from workflows.search_attributes import ALL
from workflows.sweep import SweepWorkflow

PASSED_THROUGH = ("models", "activities", "adapters", "pydantic", "sqlalchemy", "httpx", "structlog", "psycopg2")


@workflow.defn(name="OrderWorkflow", sandboxed=False)
class StandInOrder:
    """Runs until it is told to end, and remembers what it heard."""

    def __init__(self) -> None:
        self._heard: list[str] = []
        self._over = False

    @workflow.run
    async def run(self, request: OrderRequest) -> int:
        """Wait for the end."""
        await workflow.wait_condition(lambda: self._over)
        return request.order_id

    @workflow.signal
    def storefront_changed(self, event: StorefrontEvent) -> None:
        """Remember what the storefront said."""
        self._heard.append(f"{event.kind} {event.event_id}")

    @workflow.signal
    def customer_answered(self, event: CustomerAnswered) -> None:
        """Remember which question was answered."""
        self._heard.append(f"answered {event.question_id}")

    @workflow.signal
    def end(self) -> None:
        """End."""
        self._over = True

    @workflow.query
    def heard(self) -> list[str]:
        """List what was heard."""
        return self._heard


def sweeps(client: Client, world: World) -> SweepActivities:
    """The sweeps' activities in this world."""
    return SweepActivities(
        client=client,
        database=world.database,
        configurations=world.configurations,
        storefronts=world.storefronts.__getitem__,
        intake=world.intake,
        delivery=OrderDelivery(client, world.database, world.configurations),
    )


def every_sweep(activities: SweepActivities) -> list[Callable[..., Any]]:
    """List the activities a worker must offer."""
    return [
        activities.fetch_missing_orders,
        activities.start_stored_orders,
        activities.deliver_stored_events,
        activities.find_stalled_orders,
        activities.wake_waiting_orders,
    ]


@asynccontextmanager
async def working(client: Client, activities: Sequence[Callable[..., Any]] = ()) -> AsyncIterator[None]:
    """A worker with the stand-in order and the sweep."""
    await register_search_attributes(client)
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    with ThreadPoolExecutor(4) as threads:
        async with Worker(
            client,
            task_queue=ORDERS_QUEUE,
            workflows=[StandInOrder, SweepWorkflow],
            activities=activities,
            activity_executor=threads,
            workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
        ):
            yield


async def register_search_attributes(client: Client) -> None:
    """Make the server know our search attributes."""
    request = AddSearchAttributesRequest(namespace=client.namespace)
    for key in ALL:
        request.search_attributes[key.name] = key.indexed_value_type.value  # type: ignore[assignment]
    await client.operator_service.add_search_attributes(request)


async def until(holds: Callable[[], Awaitable[bool]] | Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.05)
