import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from statistics import median

import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from models.contracts import OrderRequest
from models.identifiers import incident_workflow_id
from sandbox.catalogue import plain_eans
from tests.workflows.stubs import know_search_attributes
from tests.workflows.world import World, running_world
from workflows.search_attributes import NEEDS_ATTENTION

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDERS = 500
HOUR = timedelta(hours=1)
MOST_EVENTS = 110  # of an order's two histories, through two days of waiting
NOBODY_HOME = [{"operation": "", "kind": "error", "status": 503}]
ARTICLES = plain_eans()[:10]
STARTS_AT_ONCE = 20
SOLD_AT_ONCE = 25


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def skipping_world(time_skipping_env: WorkflowEnvironment, database_url: str) -> AsyncIterator[World]:
    await know_search_attributes(time_skipping_env)
    async with running_world(time_skipping_env.client, database_url, cached_workflows=3 * ORDERS) as world:
        yield world


async def until(
    env: WorkflowEnvironment, world: World, statement: str, step: timedelta, *, steps: int = 60, pause: float = 0
) -> None:
    """Let the clock jump until a query's only value is true; pause between the jumps where a machine has much to do."""
    for _ in range(steps):
        if next(iter(world.rows(statement)[0].values())):
            return
        await env.sleep(step)
        await asyncio.sleep(pause)
    raise AssertionError(f"never true: {statement}; {world.rows('SELECT * FROM incidents')}")


async def start_all(world: World, requests: list[OrderRequest]) -> None:
    gate = asyncio.Semaphore(STARTS_AT_ONCE)

    async def start(request: OrderRequest) -> None:
        async with gate:
            await world.start(request)

    await asyncio.gather(*(start(request) for request in requests))


def sell(world: World, count: int) -> list[OrderRequest]:
    return [world.sell((ARTICLES[number % len(ARTICLES)], 1 + number % 3)) for number in range(count)]


async def test_an_outage_of_two_days_is_one_incident_few_mails_and_every_order_is_placed_once_after_it(
    time_skipping_env: WorkflowEnvironment, skipping_world: World
) -> None:
    env, world = time_skipping_env, skipping_world
    known = sell(world, len(ARTICLES))  # its last word on these articles is known before it goes down
    await start_all(world, known)
    await until(
        env, world, "SELECT count(*) = 10 FROM purchase_orders WHERE submission = 'placed'", timedelta(seconds=5)
    )

    world.faults("supplier", NOBODY_HOME)
    first, rest = sell(world, 3), list[OrderRequest]()
    await start_all(world, first)
    await until(env, world, "SELECT count(*) = 1 FROM incidents", timedelta(seconds=20))
    opened_at = world.rows("SELECT opened_at FROM incidents")[0]["opened_at"]
    for batch in range(3, ORDERS, SOLD_AT_ONCE):
        sold = asyncio.to_thread(sell, world, min(SOLD_AT_ONCE, ORDERS - batch))
        rest += (await asyncio.gather(sold, start_all(world, rest[-SOLD_AT_ONCE:] if batch > 3 else [])))[0]
    await start_all(world, rest[-SOLD_AT_ONCE:])
    waiting = f"SELECT count(*) = {ORDERS} FROM incident_orders WHERE waiting"
    await until(env, world, waiting, timedelta(seconds=1), steps=900, pause=0.1)
    calls_before = world.rows("SELECT count(*) AS n FROM calls WHERE system = 'bts'")[0]["n"]

    probed = []
    while (left := opened_at + 48 * HOUR - await env.get_current_time()) > timedelta(0):
        await env.sleep(min(left, HOUR))
        probed.append(world.rows("SELECT probes FROM incidents")[0]["probes"])
    assert all(later - earlier <= 2 for earlier, later in pairwise(probed)), probed
    assert 90 <= probed[-1] <= 96
    polls = world.rows("SELECT count(*) AS n FROM calls WHERE system = 'bts'")[0]["n"] - calls_before
    assert polls == probed[-1], "while it is down, it is asked nothing but whether it is back"

    world.faults("supplier", [])
    placed = f"SELECT count(*) = {ORDERS + 10} FROM purchase_orders WHERE submission = 'placed'"
    tried_at = world.rows("SELECT probed_at FROM incidents")[0]["probed_at"] + HOUR / 2
    await env.sleep(max(tried_at - await env.get_current_time() - timedelta(seconds=4), timedelta(seconds=1)))
    # In short steps: while orders are let go the clock stands still, and a long one would outlast its call to the server.
    await until(env, world, placed, timedelta(seconds=4), steps=1000)
    await until(env, world, "SELECT closed_at IS NOT NULL FROM incidents", timedelta(minutes=2))

    [incident] = world.rows("SELECT * FROM incidents")
    assert incident["kind"] == "unreachable"
    mails = world.rows("SELECT subject FROM mails WHERE audience = 'internal' ORDER BY id")
    assert len(mails) <= 4, mails
    bought = Counter(order["order_number"] for order in world.supplier_orders())
    assert len(bought) == ORDERS + 10
    assert set(bought.values()) == {1}
    numbers = world.rows("SELECT supplier_number FROM purchase_orders")
    assert {row["supplier_number"] for row in numbers} == set(bought)
    assert world.rows("SELECT 1 FROM tasks WHERE state = 'open'") == []
    released = world.rows(
        "SELECT p.order_id FROM incident_orders i JOIN purchase_orders p ON p.id = i.purchase_order_id"
        " ORDER BY i.released_at, p.order_id"
    )
    in_order = [row["order_id"] for row in released]
    assert all(later > earlier for earlier, later in pairwise(in_order)), "the oldest go first"
    # Where a machine takes long to sell them, the last word on stock grows old, and the last orders are planned again.
    events = [await world.events_of(request) for request in [*first, *rest[::50]]]
    assert max(events[: len(first)]) <= MOST_EVENTS, events
    assert median(events) <= MOST_EVENTS, events
    assert max(events) <= 2 * MOST_EVENTS, events
    handle = world.client.get_workflow_handle(incident_workflow_id("bts", "unreachable"))
    ended = await handle.describe()
    assert ended.status is WorkflowExecutionStatus.COMPLETED
    assert ended.typed_search_attributes.get(NEEDS_ATTENTION) is False
