import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from activities.delivery import OrderDelivery
from activities.intake import Intake
from models.commands import CommandName
from models.intake import TOPIC_CANCELLED
from models.statuses import OrderState
from models.tasks import TaskCategory
from starter.temporal_server import TemporalServer
from tests.workflows.scenes import CAREFUL, NEVER_SHIPS, Scene, scenery, spoilable_supplier
from tests.workflows.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOLD = {"command": "hold", "actor": "night-shift"}
NO_POSTCODE = {"zip": ""}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(temporal_server: TemporalServer, database_url: str) -> AsyncIterator[World]:
    with spoilable_supplier() as url:
        async with scenery(temporal_server, database_url, url, submit_timeout="2s", tracking_plan=["1s"] * 40) as world:
            yield world


async def customer_cancels(scene: Scene) -> None:
    """The storefront's webhook, as the API takes it in and delivers it."""
    world, request = scene.world, scene.request
    document = world.shop(f"orders/{request.storefront_order_id}/cancel")["order"]
    intake = Intake(world.database, world.deps.outside._configurations, world.deps.outside.storefront)
    received = intake.receive(
        request.channel,
        topic=TOPIC_CANCELLED,
        delivery_id=uuid4().hex,
        event_id=None,
        body=json.dumps(document).encode(),
        document=document,
        paid_at=None,
    )
    assert received.event is not None
    delivery = OrderDelivery(world.client, world.database, world.deps.outside._configurations)
    assert await delivery.deliver_event(received.event)


def ships_now(scene: Scene) -> None:
    [supplier_order] = scene.supplier_orders()
    scene.world.supplier(f"orders/{supplier_order['order_number']}", status="Shipped", tracking=["GLS-9001"])


async def nothing_was_ordered(scene: Scene) -> None:
    assert await scene.ending() == OrderState.CANCELLED
    assert scene.supplier_orders() == []
    assert scene.units()["cancelled"] == scene.units()["ordered"]
    assert [row["state"] for row in scene.purchase_orders()] in ([], ["cancelled"])


async def is_placed(scene: Scene) -> None:
    await scene.told("purchase_order.number_written")


async def fails_at_rates(world: World) -> Scene:
    scene = Scene.sell(world)
    scene.fault("error", "getShippingPrices", times=None)
    await scene.start()
    await scene.waits("getShippingPrices")
    return scene


async def fails_at_submission(world: World) -> Scene:
    scene = Scene.sell(world)
    scene.fault("throttled", "setCreateOrder", times=None, retry_after=30)
    await scene.start()
    await scene.waits("setCreateOrder")
    return scene


async def asks_for_address(world: World) -> Scene:
    scene = await Scene.sell(world, address=NO_POSTCODE).start()
    await scene.asked(TaskCategory.ADDRESS_INCOMPLETE)
    return scene


async def asks_for_approval(world: World) -> Scene:
    scene = await Scene.sell(world, channel=CAREFUL).start()
    await scene.asked(TaskCategory.APPROVAL)
    return scene


async def is_held(world: World) -> Scene:
    scene = await Scene.sell(world).start(HOLD)
    await scene.asked(TaskCategory.HELD)
    return scene


BEFORE_ANYTHING_WAS_ORDERED = (asks_for_address, asks_for_approval, is_held, fails_at_rates, fails_at_submission)


async def test_a_customer_who_cancels_before_anything_was_ordered_gets_nothing(world: World) -> None:
    scenes = await asyncio.gather(*(at_stage(world) for at_stage in BEFORE_ANYTHING_WAS_ORDERED))
    await asyncio.gather(*(customer_cancels(scene) for scene in scenes))

    await asyncio.gather(*(nothing_was_ordered(scene) for scene in scenes))
    categories = {row["category"] for row in world.rows("SELECT category FROM tasks WHERE state = 'open'")}
    assert "refund_due" not in categories, "the storefront refunds what it cancels"
    answered = world.rows("SELECT id FROM tasks WHERE state = 'answered'")
    assert answered == []


async def test_a_customer_who_cancels_at_once_gets_nothing(world: World) -> None:
    world.faults("shop", [{"kind": "latency", "operation": "OrderFacts", "times": 1, "milliseconds": 1000}])
    scene = await Scene.sell(world).start()
    await customer_cancels(scene)

    await nothing_was_ordered(scene)
    assert scene.purchase_orders() == []


async def test_a_cancellation_after_the_order_was_placed_asks_who_can_stop_it_there(world: World) -> None:
    stopped, too_late, ships = [await Scene.sell(world, NEVER_SHIPS).start() for _ in range(3)]
    scenes = (stopped, too_late, ships)
    await asyncio.gather(*(is_placed(scene) for scene in scenes))
    await asyncio.gather(*(customer_cancels(scene) for scene in scenes))
    tasks = await asyncio.gather(*(scene.asked(TaskCategory.CANCEL_AT_SUPPLIER) for scene in scenes))
    await stopped.answer(tasks[0], CommandName.CANCEL)
    await too_late.answer(tasks[1], CommandName.RELEASE)
    for scene in (too_late, ships):  # a cancelled order takes no fulfilment: a person must see to it in the shop
        ships_now(scene)
        await scene.answer(await scene.asked(TaskCategory.STOREFRONT_REFUSED), CommandName.APPROVE)

    assert await stopped.ending() == OrderState.CANCELLED
    assert stopped.units()["cancelled"] == stopped.units()["ordered"]
    assert stopped.task(tasks[0]["id"])["state"] == "answered"
    assert await too_late.ending() == OrderState.SHIPPED
    assert too_late.task(tasks[1]["id"])["state"] == "answered"
    assert len(too_late.rows("SELECT id FROM tasks WHERE order_id = :id AND category = 'cancel_at_supplier'")) == 1
    assert await ships.ending() == OrderState.SHIPPED
    assert ships.task(tasks[2]["id"])["state"] == "obsolete"
    assert [len(scene.supplier_orders()) for scene in scenes] == [1, 1, 1]


async def test_a_cancellation_while_a_submission_is_in_doubt_waits_for_what_is_true_there(world: World) -> None:
    there, not_there = Scene.sell(world, NEVER_SHIPS), Scene.sell(world, NEVER_SHIPS)
    there.fault("reset_after", "setCreateOrder")
    not_there.fault("reset_before", "setCreateOrder")
    await asyncio.gather(there.start(), not_there.start())
    in_doubt = await asyncio.gather(*(scene.asked(TaskCategory.SUBMIT_UNKNOWN) for scene in (there, not_there)))
    await asyncio.gather(customer_cancels(there), customer_cancels(not_there))
    number = there.supplier_orders()[0]["order_number"]
    await there.answer(in_doubt[0], CommandName.CONFIRM_SUBMISSION, supplier_number=number)
    await not_there.answer(in_doubt[1], CommandName.RESUBMIT)

    await nothing_was_ordered(not_there)
    await there.answer(await there.asked(TaskCategory.CANCEL_AT_SUPPLIER), CommandName.CANCEL)
    assert await there.ending() == OrderState.CANCELLED
    assert there.units()["cancelled"] == there.units()["ordered"]


async def test_cancel_in_the_temporal_ui_is_the_cancel_command_also_when_clicked_twice(world: World) -> None:
    scenes = await asyncio.gather(*(at_stage(world) for at_stage in BEFORE_ANYTHING_WAS_ORDERED))
    for scene in scenes:
        await asyncio.gather(scene.handle.cancel(), scene.handle.cancel())

    await asyncio.gather(*(nothing_was_ordered(scene) for scene in scenes))
    for scene in scenes:
        assert [entry["actor"] for entry in scene.timeline("command.cancel")] == ["temporal-ui"]
        assert scene.rows("SELECT id FROM tasks WHERE order_id = :id AND category = 'refund_due'")


async def test_cancel_in_the_temporal_ui_after_the_order_was_placed_asks_who_can_stop_it_there(world: World) -> None:
    by_order, by_share = [await Scene.sell(world, NEVER_SHIPS).start() for _ in range(2)]
    await asyncio.gather(is_placed(by_order), is_placed(by_share))
    for _ in range(2):
        await by_order.handle.cancel()
        await share_of(by_share).cancel()
    for scene in (by_order, by_share):
        await scene.answer(await scene.asked(TaskCategory.CANCEL_AT_SUPPLIER), CommandName.CANCEL)

    assert await by_order.ending() == OrderState.CANCELLED
    assert await by_share.ending() == OrderState.CANCELLED
    assert len(by_order.supplier_orders()) == len(by_share.supplier_orders()) == 1


async def test_cancel_of_a_purchase_order_in_the_temporal_ui_before_it_was_placed_ends_it(world: World) -> None:
    scenes = await asyncio.gather(fails_at_rates(world), fails_at_submission(world))
    for scene in scenes:
        await asyncio.gather(share_of(scene).cancel(), share_of(scene).cancel())

    await asyncio.gather(*(nothing_was_ordered(scene) for scene in scenes))


async def test_cancel_in_the_temporal_ui_answers_no_open_question(world: World) -> None:
    scene = Scene.sell(world, NEVER_SHIPS)
    scene.fault("reset_after", "setCreateOrder")
    await scene.start()
    task = await scene.asked(TaskCategory.SUBMIT_UNKNOWN)
    await share_of(scene).cancel()
    await scene.told("command.cancel")
    assert scene.task(task["id"])["state"] == "open", "a click does not say what is true at the supplier"
    number = scene.supplier_orders()[0]["order_number"]
    await scene.answer(task, CommandName.CONFIRM_SUBMISSION, supplier_number=number)
    stop = await scene.asked(TaskCategory.CANCEL_AT_SUPPLIER)
    await scene.handle.cancel()
    await scene.told("command.cancel")
    assert scene.task(stop["id"])["state"] == "open"
    ships_now(scene)

    assert await scene.ending() == OrderState.SHIPPED
    assert len(scene.supplier_orders()) == 1


async def test_a_held_order_that_a_person_cancels_ends_at_once(world: World) -> None:
    scene = await is_held(world)
    await scene.answer(await scene.asked(TaskCategory.HELD), CommandName.CANCEL)

    await nothing_was_ordered(scene)
    assert len(scene.rows("SELECT id FROM tasks WHERE order_id = :id AND category = 'held'")) == 1


def share_of(scene: Scene) -> Any:
    return scene.world.client.get_workflow_handle(scene.purchase_orders()[0]["workflow_id"])
