"""How many orders a second get from their start to their end: the product's, and the floor's."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import httpx
from sqlalchemy import text
from temporalio.client import Client

from activities.delivery import start_order_workflow
from activities.dependencies import build_dependencies
from activities.intake import Intake
from bench.floor import ORDERS_QUEUE, FloorOrder, FloorOrderWorkflow
from bench.stage import CHANNEL, SECRETS, Stage
from models.contracts import OrderRequest
from models.identifiers import order_workflow_id
from models.statuses import OrderState
from sandbox.catalogue import plain_eans

IN_FLIGHT = 64  # orders on their way at once, for product and floor alike
DRAIN_SECONDS = 60.0
BATCH_SECONDS = 900.0  # workers load workflow files again for every run: one edited meanwhile may stop them all
Item = TypeVar("Item")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Batch:
    """Some orders that went all the way, and the seconds from the first start to the last end."""

    orders: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Orders a second."""
        return self.orders / self.seconds


def store_orders(stage: Stage, count: int) -> list[OrderRequest]:
    """Let customers order one unit of one article each, and take the orders in, as webhooks would. Not measured."""
    deps = build_dependencies(stage.database, SECRETS.__getitem__)
    intake = Intake(stage.database, deps.outside._configurations, deps.outside.storefront)
    try:
        with httpx.Client(base_url=stage.shop_url, timeout=30) as shop:
            return [_store_one(shop, intake) for _ in range(count)]
    finally:
        deps.outside.close()


def _store_one(shop: httpx.Client, intake: Intake) -> OrderRequest:
    form = {"lines": [[plain_eans()[0], 1]], "email": "customer@bench.example"}
    document = shop.post("/_sandbox/orders", json=form).raise_for_status().json()["order"]
    request = intake.import_document(CHANNEL, document).order_request
    assert request is not None, "the order was not startable"
    return request


async def run_product(client: Client, requests: Sequence[OrderRequest]) -> Batch:
    """Start these orders and await that every one has shipped."""

    async def run(request: OrderRequest) -> None:
        await start_order_workflow(client, request)
        workflow_id = order_workflow_id(request.channel, request.storefront_order_id)
        outcome = await client.get_workflow_handle(workflow_id).result()
        assert outcome["ending"] == OrderState.SHIPPED, outcome

    return await _run_all(run, requests)


async def run_floor(client: Client, count: int, *, quiet: bool) -> Batch:
    """Start so many empty orders and await their ends."""

    async def run(number: int) -> None:
        order = FloorOrder(f"{'quiet' if quiet else 'calling'}-{number}", quiet)
        await client.execute_workflow(
            FloorOrderWorkflow.run, order, id=f"floor-order/{order.number}", task_queue=ORDERS_QUEUE
        )

    return await _run_all(run, [next(_numbers) for _ in range(count)])


async def _run_all(run: Callable[[Item], Awaitable[None]], items: Sequence[Item]) -> Batch:
    room = asyncio.Semaphore(IN_FLIGHT)

    async def run_in_turn(item: Item) -> None:
        async with room:
            await run(item)

    started = time.perf_counter()
    async with asyncio.timeout(BATCH_SECONDS), asyncio.TaskGroup() as group:
        for item in items:
            group.create_task(run_in_turn(item))
    return Batch(len(items), time.perf_counter() - started)


def unsent_mails(stage: Stage) -> int:
    """Count the mails that are still in the outbox."""
    with stage.database.begin() as tx:
        query = text("SELECT count(*) FROM mails WHERE state IN ('pending', 'sending')")
        return int(tx.execute(query).scalar_one())


async def await_empty_outbox(stage: Stage) -> None:
    """Wait until every mail has left, so that what one batch caused does not slow the next."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while await asyncio.to_thread(unsent_mails, stage):
        if time.monotonic() > deadline:
            raise TimeoutError(f"mails are left in the outbox after {DRAIN_SECONDS:.0f} s")
        await asyncio.sleep(0.2)
