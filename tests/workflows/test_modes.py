from typing import Any

import pytest

from models.statuses import OrderState
from sandbox.catalogue import plain_eans
from tests.workflows.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHIPS = {"steps": [{"after": 0.5, "status": "Shipped", "tracking": ["GLS-9"]}]}


def put_in_mode(world: World, mode: str, where: str = "channels", name: str = "main") -> None:
    def change(document: dict[str, Any]) -> None:
        document[where][name]["mode"] = mode

    world.configure(change)


@pytest.fixture(autouse=True)
def everything_is_live(world: World) -> None:
    put_in_mode(world, "live")
    put_in_mode(world, "live", "suppliers", "bts")


@pytest.mark.parametrize(("where", "name"), [("channels", "main"), ("suppliers", "bts")])
async def test_in_observe_mode_everything_is_decided_and_nothing_leaves(world: World, where: str, name: str) -> None:
    put_in_mode(world, "observe", where, name)
    before = len(world.supplier_orders())
    request = world.sell((plain_eans()[30], 1))
    outcome = await world.finish(await world.start(request))

    assert outcome.ending is OrderState.OBSERVED
    assert len(world.supplier_orders()) == before
    assert world.shop_order(request.storefront_order_id)["metafields"] == {}
    assert world.rows("SELECT 1 FROM mails WHERE order_id = :id", id=request.order_id) == []
    told = [row["event"] for row in world.rows("SELECT event FROM timeline WHERE order_id = :id", id=request.order_id)]
    assert "order.planned" in told
    assert "purchase_order.shipping_chosen" in told


async def test_in_approve_mode_a_person_releases_each_order(world: World) -> None:
    put_in_mode(world, "approve")
    world.supplier("script", ean=plain_eans()[31], script=SHIPS)
    request = world.sell((plain_eans()[31], 1))
    handle = await world.start(request)
    task = await world.open_task(request, "approval")
    assert world.rows("SELECT 1 FROM submission_attempts") == [] or not placed(world, request)

    await handle.execute_update("command", {"command": "approve", "actor": "ops", "task_id": task["id"]})
    assert (await world.finish(handle)).ending is OrderState.SHIPPED


async def test_in_approve_mode_a_rejected_order_is_cancelled_and_owes_a_refund(world: World) -> None:
    put_in_mode(world, "approve")
    request = world.sell((plain_eans()[32], 1))
    handle = await world.start(request)
    task = await world.open_task(request, "approval")
    await handle.execute_update("command", {"command": "reject", "actor": "ops", "task_id": task["id"]})

    assert (await world.finish(handle)).ending is OrderState.CANCELLED
    assert not placed(world, request)
    await world.open_task(request, "refund_due")


async def test_a_switch_to_observe_stops_orders_that_were_planned_before(world: World) -> None:
    article = plain_eans()[33]
    world.supplier("script", ean=article, script=SHIPS)
    world.faults("supplier", [{"operation": "getShippingPrices", "kind": "error", "status": 503, "times": 1}])
    request = world.sell((article, 1))
    handle = await world.start(request)
    await world.until(lambda: world.rows("SELECT 1 FROM purchase_orders WHERE order_id = :id", id=request.order_id))
    put_in_mode(world, "observe")
    task = await world.open_task(request, "held")
    assert not placed(world, request)

    put_in_mode(world, "live")
    purchase_order = world.client.get_workflow_handle(task["workflow_id"])
    await purchase_order.execute_update("command", {"command": "release", "actor": "ops", "task_id": task["id"]})
    assert (await world.finish(handle)).ending is OrderState.SHIPPED


def placed(world: World, request: Any) -> bool:
    query = "SELECT 1 FROM purchase_orders WHERE order_id = :id AND supplier_number IS NOT NULL"
    return bool(world.rows(query, id=request.order_id))
