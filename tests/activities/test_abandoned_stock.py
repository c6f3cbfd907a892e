"""What orders hold for longer than they may, while nothing runs for them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities.sweeps import SweepActivities
from models.contracts import OrderRequest
from tests.activities.shortage_world import Shop
from tests.activities.world import START, build_world

WEEK = timedelta(days=7)


@dataclass
class Running:
    """A Temporal server that only knows which workflows run."""

    workflows: set[str] = field(default_factory=set)

    def get_workflow_handle(self, workflow_id: str) -> Any:
        async def describe(**_: Any) -> Any:
            if workflow_id not in self.workflows:
                raise RPCError("no such workflow", RPCStatusCode.NOT_FOUND, b"")
            return SimpleNamespace(status=WorkflowExecutionStatus.RUNNING)

        return SimpleNamespace(describe=describe)


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    world = build_world(database_url)
    yield Shop(world)
    world.database.close()


def holding(shop: Shop) -> OrderRequest:
    shop.stock(2)
    order = shop.order(2)
    shop.plan(order)
    shop.execute("UPDATE orders SET started_at = :at", at=START)
    return order


async def sweep(shop: Shop, running: set[str], *, at: datetime) -> int:
    activities = SweepActivities(
        client=Running(running),  # type: ignore[arg-type]
        database=shop.world.database,
        configurations=shop.world.configurations,
        storefronts=None,  # type: ignore[arg-type]
        intake=None,  # type: ignore[arg-type]
        delivery=None,  # type: ignore[arg-type]
    )
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=at)
    return await environment.run(activities.find_stalled_orders)


def held(shop: Shop) -> tuple[list[str], int]:
    states = [row["state"] for row in shop.world.rows("SELECT state FROM reservations")]
    return states, shop.world.only("SELECT reserved FROM offers WHERE quantity > 0")["reserved"]


async def test_an_abandoned_order_keeps_what_it_holds_for_a_while_and_then_gives_it_back(shop: Shop) -> None:
    holding(shop)

    await sweep(shop, set(), at=START + WEEK - timedelta(hours=1))
    assert held(shop) == (["held"], 2)
    assert shop.world.tasks() == ["order_stalled"]
    await sweep(shop, set(), at=START + WEEK + timedelta(hours=1))

    assert held(shop) == (["expired"], 0)


@pytest.mark.parametrize("whose", ["order", "purchase order"])
async def test_an_order_that_is_worked_on_keeps_what_it_holds(shop: Shop, whose: str) -> None:
    order = holding(shop)
    share = shop.world.only("SELECT workflow_id FROM purchase_orders")["workflow_id"]
    running = f"order/main/{order.storefront_order_id}" if whose == "order" else share

    await sweep(shop, {running}, at=START + 2 * WEEK)

    assert held(shop) == (["held"], 2)
