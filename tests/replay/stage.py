"""What scenarios are made of: the stage they play on, and what people, shops and suppliers do there."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from temporalio.service import RPCError

from activities.delivery import OrderDelivery
from activities.intake import Intake
from adapters.database import following, orders
from adapters.database.configurations import ConfigurationStore
from models.identifiers import incident_workflow_id, straggler_workflow_id
from models.incidents import Trouble
from models.orders import Address
from models.suppliers import TrackedParcel
from sandbox.catalogue import plain_eans
from tests.workflows.scenes import SHIPS, Scene
from tests.workflows.world import World

WATCHED = "watched"  # a channel in observe mode
OUT_OF_STOCK, ONLY_AT_FIRST, ALSO_ONLY_AT_FIRST, ONLY_AT_SECOND, ONLY_ON_INVOICE = plain_eans()[-5:]
CANCELLED = {"steps": [{"after": 0.1, "status": "Cancelled"}]}
NOBODY_SHIPS_IT: dict[str, Any] = {"carriers": []}
NO_POSTCODE = {"zip": ""}


@dataclass
class Stage:
    """The world that scenarios play in, with its two further suppliers."""

    world: World
    second_url: str
    invoiced_url: str

    async def sell(self, script: dict[str, Any] = SHIPS, **form: Any) -> Scene:
        """Let a customer order, and start the order's workflow."""
        return await Scene.sell(self.world, script, **form).start()


def steer(url: str, path: str, **document: Any) -> None:
    """Steer a simulated supplier."""
    httpx.post(f"{url}/_sandbox/{path}", json=document).raise_for_status()


async def answer(scene: Scene, category: str, command: str, **fields: Any) -> None:
    """Wait for a question and answer it."""
    task = await scene.asked(category)
    handle = scene.world.client.get_workflow_handle(task["workflow_id"])
    document = {"command": command, "actor": "ops", "task_id": task["id"], **fields}
    await handle.execute_update("command", document, id=f"{task['id']}-{command}")


async def reaches(scene: Scene, name: str) -> None:
    """Wait until its order is at this stage."""

    async def is_there() -> bool:
        return bool((await scene.handle.query("status"))["stage"] == name)

    await scene.world.until_async(is_there)


async def deliver_after_all(scene: Scene) -> None:
    """Let a supplier push a parcel of a purchase order that was given up, and await the end of its watch."""
    await scene.told("purchase_order.returned")
    world, given_up = scene.world, scene.purchase_orders()[0]
    parcel = TrackedParcel(tracking_number="LATE-1", carrier="GLS")
    with world.database.begin() as tx:
        following.keep_parcels(tx, given_up["id"], [parcel], source="push", now=datetime.now(UTC))
    watch = world.client.get_workflow_handle(straggler_workflow_id(given_up["number"]))

    async def is_told() -> bool:
        try:
            await watch.signal("supplier_reported")
        except RPCError:  # it is about to be started
            return False
        return True

    await world.until_async(is_told)
    assert (await watch.result())["late"]


async def seen_through(scene: Scene, kind: Trouble) -> None:
    """Wait until the first supplier's incident is over, and its workflow with it."""
    incident = scene.world.client.get_workflow_handle(incident_workflow_id("bts", kind))
    await incident.result()


async def cancel_in_shop(scene: Scene) -> None:
    """Let the customer cancel, take it in, and bring it to the workflow."""
    world, order_id = scene.world, scene.request.storefront_order_id
    cancelled = world.shop(f"orders/{order_id}/cancel")
    settings = ConfigurationStore(world.database)
    intake = Intake(world.database, settings, world.deps.outside.storefront)
    received = intake.receive(
        scene.request.channel,
        topic="orders/cancelled",
        delivery_id=f"cancel-{order_id}",
        event_id=None,
        body=order_id.encode(),
        document=cancelled["order"],
        paid_at=None,
    )
    assert received.event is not None, received
    await OrderDelivery(world.client, world.database, settings).deliver_event(received.event)


async def followed(scene: Scene) -> str:
    """Wait until its purchase order waits for tracking; return that workflow's id."""
    await scene.told("purchase_order.number_written")
    workflow_id: str = scene.purchase_orders()[-1]["workflow_id"]

    async def is_followed() -> bool:
        described = await scene.world.client.get_workflow_handle(workflow_id).describe()
        return [one.activity_type.name for one in described.raw_description.pending_activities] == ["check_tracking"]

    await scene.world.until_async(is_followed)
    return workflow_id


def ship(scene: Scene, *, status: str = "Shipped") -> None:
    """Let the supplier ship what it has of it."""
    for order in scene.supplier_orders():
        scene.world.supplier(f"orders/{order['order_number']}", status=status, tracking=f"BY-{order['order_number']}")


async def give_address(scene: Scene) -> None:
    """Answer the question for an address with a complete one."""
    await scene.asked("address_incomplete")
    with scene.world.database.begin() as tx:
        known = orders.load(tx, scene.request.order_id).address or Address()
        complete = known.model_copy(update={"postal_code": scene.postcode})
        address_id = orders.store_address(tx, scene.request.order_id, complete, source="person", now=datetime.now(UTC))
    await answer(scene, "address_incomplete", "change_address", address_id=address_id)
