"""The ends an order can come to: each scenario plays one order to one of them, beside all the others."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.database import orders
from models.identifiers import ORDERS_QUEUE
from models.incidents import Trouble
from sandbox.catalogue import plain_eans
from tests.replay.stage import (
    ALSO_ONLY_AT_FIRST,
    CANCELLED,
    NO_POSTCODE,
    NOBODY_SHIPS_IT,
    ONLY_AT_FIRST,
    ONLY_AT_SECOND,
    ONLY_ON_INVOICE,
    OUT_OF_STOCK,
    WATCHED,
    Stage,
    answer,
    cancel_in_shop,
    deliver_after_all,
    followed,
    give_address,
    reaches,
    seen_through,
    ship,
    steer,
)
from tests.workflows import resets
from tests.workflows.scenes import CAREFUL, NEVER_SHIPS, SHIPS, Scene, as_json, send_signal
from workflows.order import OrderWorkflow

Play = Callable[[Stage], Awaitable[Scene]]


@dataclass(frozen=True)
class Scenario:
    """One end: how it is played, and what must have become of order and purchase orders for it to be recorded."""

    name: str
    play: Play
    order: str
    purchase_orders: tuple[str, ...]
    alone: bool


SCENARIOS: dict[str, Scenario] = {}


def scenario(order: str, *purchase_orders: str, alone: bool = False) -> Callable[[Play], Play]:
    """Register a scenario that ends the order and its purchase orders in these states."""

    def register(play: Play) -> Play:
        name = play.__name__.replace("_", "-")
        SCENARIOS[name] = Scenario(name, play, order, purchase_orders, alone)
        return play

    return register


# It ships.


@scenario("shipped", "shipped")
async def shipped_at_the_first_check(stage: Stage) -> Scene:
    return await stage.sell()


@scenario("shipped", "shipped")
async def shipped_after_several_checks(stage: Stage) -> Scene:
    return await stage.sell({"steps": [{"after": 2.5, "status": "Shipped", "tracking": ["auto"]}]})


@scenario("shipped", "shipped")
async def shipped_in_two_parcels(stage: Stage) -> Scene:
    scene = await stage.sell({"steps": [{"after": 0.1, "tracking": ["GLS-1"]}]})
    await scene.told("purchase_order.shipped")
    number = scene.supplier_orders()[0]["order_number"]
    stage.world.supplier(f"orders/{number}", status="Shipped", tracking="GLS-2")
    return scene


@scenario("shipped", "shipped")
async def preferred_carrier_missing(stage: Stage) -> Scene:
    return await stage.sell({**SHIPS, "carriers": ["SEUR", "FedEx"]})


@scenario("test_placed", "test_placed")
async def test_placed(stage: Stage) -> Scene:
    return await stage.sell(test=True)


@scenario("observed", "observed")
async def observed(stage: Stage) -> Scene:
    return await stage.sell(channel=WATCHED)


@scenario("shipped", "shipped")
async def approved(stage: Stage) -> Scene:
    scene = await stage.sell(channel=CAREFUL)
    await answer(scene, "approval", "approve")
    return scene


@scenario("cancelled", "cancelled")
async def approval_rejected(stage: Stage) -> Scene:
    scene = await stage.sell(channel=CAREFUL)
    await answer(scene, "approval", "reject")
    return scene


@scenario("shipped", "returned", "shipped")
async def approved_at_the_second_plan(stage: Stage) -> Scene:
    scene = await stage.sell(channel=CAREFUL)
    await answer(scene, "approval", "reroute")
    await scene.told("purchase_order.returned")
    await answer(scene, "approval", "approve")
    return scene


# A person repairs the order.


@scenario("shipped", "shipped")
async def address_missing_then_changed(stage: Stage) -> Scene:
    scene = await stage.sell(address=NO_POSTCODE)
    await give_address(scene)
    return scene


@scenario("shipped", "shipped")
async def article_unknown_then_mapped(stage: Stage) -> Scene:
    scene = await stage.sell(lines=[{"title": "A thing of the shop's own", "quantity": 1, "variant_id": 990_001}])
    await scene.asked("article_unknown")
    [line] = scene.rows("SELECT variant_id FROM order_lines WHERE order_id = :id")
    with stage.world.database.begin() as tx:
        now, channel = datetime.now(UTC), scene.request.channel
        orders.map_article(tx, channel, line["variant_id"], plain_eans()[0], by="ops", now=now)
    await answer(scene, "article_unknown", "release")
    return scene


@scenario("shipped", "shipped")
async def held_then_released(stage: Stage) -> Scene:
    scene = await Scene.sell(stage.world).start({"command": "hold", "actor": "ops"})
    await answer(scene, "held", "release")
    return scene


@scenario("shipped", "shipped")
async def refused_and_malformed_messages(stage: Stage) -> Scene:
    scene = await stage.sell(address=NO_POSTCODE)
    await scene.asked("address_incomplete")
    client = stage.world.client
    for document in ({"command": "resubmit"}, {"command": "release", "task_id": 999_999}, {"command": "fly"}, None):
        await send_signal(client, scene.workflow_id, "override", [as_json(document)])
    await send_signal(client, scene.workflow_id, "override", [])
    await send_signal(client, scene.workflow_id, "storefront_changed", [as_json("nothing"), as_json(1)])
    await give_address(scene)
    workflow_id = await followed(scene)
    await send_signal(client, workflow_id, "supplier_reported", [])
    await send_signal(client, workflow_id, "supplier_reported", [as_json({"event_id": "push-1"})])
    return scene


# The submission is in doubt.


async def doubted(stage: Stage, kind: str) -> Scene:
    """An order whose submission was answered by a broken connection."""
    scene = Scene.sell(stage.world)
    scene.fault(kind, "setCreateOrder")
    return await scene.start()


@scenario("shipped", "shipped")
async def submission_unknown_then_confirmed(stage: Stage) -> Scene:
    scene = await doubted(stage, "reset_after")
    await scene.asked("submit_unknown")
    number = scene.supplier_orders()[0]["order_number"]
    await answer(scene, "submit_unknown", "confirm_submission", supplier_number=number)
    return scene


@scenario("shipped", "shipped")
async def submission_unknown_then_resubmitted(stage: Stage) -> Scene:
    scene = await doubted(stage, "reset_before")
    await answer(scene, "submit_unknown", "resubmit")
    return scene


@scenario("cancelled", "cancelled")
async def submission_unknown_then_cancelled(stage: Stage) -> Scene:
    scene = await doubted(stage, "reset_before")
    await answer(scene, "submit_unknown", "cancel")
    return scene


# The supplier does not do as it should.


@scenario("shipped", "cancelled_by_supplier", "shipped")
async def cancelled_by_supplier_then_ordered_elsewhere(stage: Stage) -> Scene:
    return await stage.sell(CANCELLED)


@scenario("cancelled", "cancelled_by_supplier")
async def cancelled_by_supplier_then_given_up(stage: Stage) -> Scene:
    scene = await stage.sell(CANCELLED, ean=ONLY_AT_FIRST)
    await answer(scene, "cancelled_by_supplier", "cancel")
    return scene


@scenario("shipped", "rejected", "shipped")
async def rejected_then_ordered_elsewhere(stage: Stage) -> Scene:
    return await stage.sell({"refuse": "no_stock"})


@scenario("partially_shipped", "shipped", "cancelled_by_supplier")
async def partially_shipped(stage: Stage) -> Scene:
    lines = [{"ean": ALSO_ONLY_AT_FIRST, "quantity": 1}, {"ean": ONLY_AT_SECOND, "quantity": 1}]
    steer(stage.second_url, "script", ean=ONLY_AT_SECOND, script=CANCELLED)
    scene = await stage.sell(lines=lines)
    await answer(scene, "cancelled_by_supplier", "cancel")
    return scene


@scenario("shipped", "shipped")
async def refused_then_released(stage: Stage) -> Scene:
    scene = await stage.sell({"refuse": "state_code_error"})
    await scene.asked("supplier_refused")
    scene.script(SHIPS)
    await answer(scene, "supplier_refused", "release")
    return scene


@scenario("shipped", "shipped")
async def no_shipping_rate_then_released(stage: Stage) -> Scene:
    scene = await stage.sell(NOBODY_SHIPS_IT)
    await scene.asked("no_shipping_rate")
    scene.script(SHIPS)
    await answer(scene, "no_shipping_rate", "release")
    return scene


@scenario("shipped", "shipped")
async def checks_spent_then_extended_then_marked_shipped(stage: Stage) -> Scene:
    scene = await stage.sell(NEVER_SHIPS)
    await answer(scene, "checks_spent", "extend_tracking", extend_by="1s")
    await answer(scene, "checks_spent", "mark_shipped", tracking_number="BY-HAND-1", carrier="GLS")
    return scene


@scenario("shipped", "returned", "shipped")
async def checks_spent_then_ordered_elsewhere(stage: Stage) -> Scene:
    scene = await stage.sell(NEVER_SHIPS)
    await answer(scene, "checks_spent", "reroute")
    return scene


@scenario("shipped", "shipped")
async def status_unknown_then_released(stage: Stage) -> Scene:
    scene = await stage.sell({"steps": [{"after": 0, "status": "In quarantine"}]})
    await answer(scene, "status_unknown", "release")
    ship(scene)
    return scene


@scenario("shipped", "shipped")
async def acknowledgement_overdue_then_released(stage: Stage) -> Scene:
    scene = await stage.sell(ean=ONLY_ON_INVOICE)
    await answer(scene, "acknowledgement_overdue", "release")
    number = scene.supplier_orders(stage.invoiced_url)[0]["order_number"]
    steer(stage.invoiced_url, f"orders/{number}", status="Shipped", tracking=f"BY-{number}")
    return scene


@scenario("shipped", "shipped")
async def supplier_unreachable_then_released(stage: Stage) -> Scene:
    scene = Scene.sell(stage.world)
    scene.fault("error", "getShippingPrices", times=2)
    await scene.start()
    await answer(scene, "supplier_unreachable", "release")
    return scene


@scenario("shipped", "shipped", alone=True)
async def account_held_until_it_is_put_right(stage: Stage) -> Scene:
    scene = await stage.sell({"refuse": "no_enough_money"})
    await scene.until(lambda: scene.rows("SELECT 1 FROM incident_orders WHERE waiting"))
    scene.script(SHIPS)
    await seen_through(scene, Trouble.ACCOUNT_HOLD)
    return scene


@scenario("shipped", "shipped")
async def storefront_refused_then_released(stage: Stage) -> Scene:
    scene = await refused_by_storefront(stage)
    stage.world.shop(f"orders/{scene.request.storefront_order_id}/hold", status="OPEN")
    await answer(scene, "storefront_refused", "release")
    return scene


@scenario("shipped", "shipped")
async def storefront_refused_then_done_by_hand(stage: Stage) -> Scene:
    scene = await refused_by_storefront(stage)
    await answer(scene, "storefront_refused", "approve")
    return scene


async def refused_by_storefront(stage: Stage) -> Scene:
    """An order that the storefront does not let be fulfilled."""
    scene = Scene.sell(stage.world)
    stage.world.shop(f"orders/{scene.request.storefront_order_id}/hold")
    await scene.start()
    await scene.asked("storefront_refused")
    return scene


# It goes elsewhere, or waits.


@scenario("shipped", "returned", "shipped")
async def taken_elsewhere_and_delivered_after_all(stage: Stage) -> Scene:
    scene = await stage.sell(NEVER_SHIPS)
    await followed(scene)
    await scene.handle.execute_update("command", {"command": "reroute", "supplier": "bts", "actor": "ops"})
    await deliver_after_all(scene)
    return scene


@scenario("shipped", "shipped")
async def out_of_stock_until_it_arrives(stage: Stage) -> Scene:
    scene = await stage.sell(ean=OUT_OF_STOCK)
    await answer(scene, "unroutable", "wait", wait_for="1h")
    await reaches(scene, "AwaitingStock")
    steer(stage.second_url, "stock", **{OUT_OF_STOCK: 500})
    await send_signal(stage.world.client, scene.workflow_id, "stock_arrived", [as_json({"event_id": "run:1"})])
    return scene


# It is cancelled.


@scenario("cancelled")
async def cancelled_before_it_was_planned(stage: Stage) -> Scene:
    scene = await stage.sell(address=NO_POSTCODE)
    await scene.asked("address_incomplete")
    await cancel_in_shop(scene)
    return scene


@scenario("cancelled", "cancelled")
async def cancelled_before_it_was_placed(stage: Stage) -> Scene:
    scene = await stage.sell(NOBODY_SHIPS_IT)
    await scene.asked("no_shipping_rate")
    await cancel_in_shop(scene)
    return scene


@scenario("cancelled", "cancelled")
async def cancelled_after_it_was_placed(stage: Stage) -> Scene:
    scene = await stage.sell(NEVER_SHIPS)
    await followed(scene)
    await cancel_in_shop(scene)
    await answer(scene, "cancel_at_supplier", "cancel")
    return scene


@scenario("shipped", "shipped")
async def cancelled_too_late(stage: Stage) -> Scene:
    scene = await stage.sell(NEVER_SHIPS)
    await followed(scene)
    await cancel_in_shop(scene)
    await answer(scene, "cancel_at_supplier", "release")
    ship(scene)
    await answer(scene, "storefront_refused", "approve")  # it takes no fulfilment of what was cancelled there
    return scene


@scenario("cancelled", "cancelled")
async def cancelled_in_the_temporal_ui(stage: Stage) -> Scene:
    scene = await stage.sell(NEVER_SHIPS)
    await followed(scene)
    await scene.handle.cancel()
    await answer(scene, "cancel_at_supplier", "cancel")
    return scene


# Its workflows are lost, reset or doubled.


@scenario("shipped", "shipped")
async def purchase_order_lost_then_reset(stage: Stage) -> Scene:
    scene = await stage.sell(NEVER_SHIPS)
    workflow_id = await followed(scene)
    await stage.world.client.get_workflow_handle(workflow_id).terminate("lost")
    await scene.asked("purchase_order_lost")
    await resets.reset_before(stage.world.client, workflow_id, resets.scheduling_of("submit_purchase_order"))
    await answer(scene, "purchase_order_lost", "release")
    ship(scene)
    return scene


@scenario("cancelled", "cancelled")
async def purchase_order_lost_then_cancelled(stage: Stage) -> Scene:
    scene = await stage.sell(NEVER_SHIPS)
    workflow_id = await followed(scene)
    await stage.world.client.get_workflow_handle(workflow_id).terminate("lost")
    await answer(scene, "purchase_order_lost", "cancel")
    return scene


@scenario("shipped", "shipped")
async def adopted_after_a_reset(stage: Stage) -> Scene:
    scene = await stage.sell(NEVER_SHIPS)
    await followed(scene)
    await resets.reset_before(stage.world.client, scene.workflow_id, resets.of_kind(resets.CHILD_ASKED_FOR))
    ship(scene)
    return scene


@scenario("shipped", "shipped")
async def run_that_is_foreign(stage: Stage) -> Scene:
    scene = await stage.sell()
    await scene.handle.result()
    foreign = await stage.world.client.start_workflow(
        OrderWorkflow.run, scene.request, id=f"foreign/{scene.workflow_id}", task_queue=ORDERS_QUEUE
    )
    await foreign.result()
    return scene
