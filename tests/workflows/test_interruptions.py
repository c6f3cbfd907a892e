import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import pytest_asyncio

from adapters.database import following
from models.commands import SupplierReported
from models.contracts import OrderRequest
from models.statuses import OrderState
from models.suppliers import TrackedParcel
from sandbox.catalogue import plain_eans
from starter.temporal_server import TemporalServer
from tests.workflows.namespaces import client_of_new_namespace
from tests.workflows.world import World, running_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEVER_SHIPS = {"steps": [{"after": 0, "status": "Paid"}]}
FIRST_CHECK = 25.0  # seconds: a test that ends before has not waited for it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def patient_world(temporal_server: TemporalServer, database_url: str) -> AsyncIterator[World]:
    """A world whose first check comes late."""
    client = await client_of_new_namespace(temporal_server.address)
    async with running_world(client, database_url, tracking_plan=[f"{FIRST_CHECK}s", "60s"]) as world:
        yield world


async def push(world: World, request: OrderRequest, number: str, event_id: str) -> None:
    """Do what a supplier's push does: store the parcel, then tell the purchase order's workflow."""
    [row] = world.rows("SELECT id, workflow_id FROM purchase_orders WHERE order_id = :id", id=request.order_id)
    with world.database.begin() as tx:
        parcel = TrackedParcel(tracking_number=number, carrier="GLS")
        following.keep_parcels(tx, row["id"], [parcel], source="push", now=datetime.now(UTC))
    handle = world.client.get_workflow_handle(row["workflow_id"])
    await handle.signal("supplier_reported", SupplierReported(event_id=event_id))


def quick_checks(world: World) -> None:
    world.configure(lambda document: document["suppliers"]["bts"].update(tracking_plan=["2s", "1s", "1s"]))


async def placed(world: World, request: OrderRequest) -> None:
    query = "SELECT 1 FROM timeline WHERE order_id = :id AND event = 'purchase_order.number_written'"
    await world.until(lambda: world.rows(query, id=request.order_id))


async def test_a_push_ends_a_wait_early(patient_world: World) -> None:
    world, article = patient_world, plain_eans()[20]
    world.supplier("script", ean=article, script=NEVER_SHIPS)
    request = world.sell((article, 1))
    handle = await world.start(request)
    await placed(world, request)
    began = time.monotonic()
    await push(world, request, "PUSHED-1", uuid4().hex)

    assert (await world.finish(handle)).ending is OrderState.SHIPPED
    assert time.monotonic() - began < FIRST_CHECK / 2
    [fulfilment] = world.shop_order(request.storefront_order_id)["fulfillments"]
    assert fulfilment["tracking_numbers"] == ["PUSHED-1"]


async def test_a_push_in_the_middle_of_a_check_is_not_lost_and_not_told_twice(patient_world: World) -> None:
    world, article = patient_world, plain_eans()[21]
    world.configure(lambda document: document["suppliers"]["bts"].update(tracking_plan=["2s", "60s"]))
    world.supplier("script", ean=article, script=NEVER_SHIPS)
    world.faults("supplier", [{"operation": "getOrder$", "kind": "latency", "milliseconds": 4000, "times": 1}])
    request = world.sell((article, 1))
    handle = await world.start(request)
    await placed(world, request)
    purchase_order = await world.until(lambda: pending_check(world, request))
    await world.until_async(lambda: check_has_started(world, purchase_order))
    await push(world, request, "PUSHED-2", "event-2")
    await world.client.get_workflow_handle(purchase_order).signal(
        "supplier_reported", SupplierReported(event_id="event-2")
    )

    assert (await world.finish(handle)).ending is OrderState.SHIPPED
    [fulfilment] = world.shop_order(request.storefront_order_id)["fulfillments"]
    assert fulfilment["tracking_numbers"] == ["PUSHED-2"]
    mails = world.rows("SELECT 1 FROM mails WHERE order_id = :id AND kind = 'shipped'", id=request.order_id)
    assert len(mails) == 1


def pending_check(world: World, request: OrderRequest) -> str:
    [row] = world.rows("SELECT workflow_id FROM purchase_orders WHERE order_id = :id", id=request.order_id)
    return str(row["workflow_id"])


async def check_has_started(world: World, workflow_id: str) -> bool:
    """Say whether an attempt of the check, after the first that only waited, is with the supplier now."""
    description = await world.client.get_workflow_handle(workflow_id).describe()
    pending = description.raw_description.pending_activities
    return any(one.activity_type.name == "check_tracking" and one.attempt >= 2 and one.state == 2 for one in pending)


async def test_two_parcels_join_one_fulfilment(patient_world: World) -> None:
    world, article = patient_world, plain_eans()[22]
    quick_checks(world)
    steps = [
        {"after": 0, "status": "Paid"},
        {"after": 1.0, "tracking": ["TWO-1"]},
        {"after": 2.6, "status": "Shipped", "tracking": ["TWO-2"]},
    ]
    world.supplier("script", ean=article, script={"steps": steps})
    request = world.sell((article, 2))

    assert (await world.finish(await world.start(request))).ending is OrderState.SHIPPED
    [fulfilment] = world.shop_order(request.storefront_order_id)["fulfillments"]
    assert fulfilment["tracking_numbers"] == ["TWO-1", "TWO-2"]
    mails = world.rows("SELECT body FROM mails WHERE order_id = :id ORDER BY id", id=request.order_id)
    assert ["TWO-1" in mails[0]["body"], "TWO-2" in mails[1]["body"]] == [True, True]
    assert len(mails) == 2


async def test_a_status_nobody_knows_is_asked_about_and_never_guessed(patient_world: World) -> None:
    world, article = patient_world, plain_eans()[23]
    quick_checks(world)
    steps = [{"after": 0, "status": "Paid"}, {"after": 1.0, "status": "En revisión"}]
    world.supplier("script", ean=article, script={"steps": steps})
    request = world.sell((article, 1))
    handle = await world.start(request)
    task = await world.open_task(request, "status_unknown")

    assert "En revisión" in task["question"]
    [row] = world.rows("SELECT * FROM purchase_orders WHERE order_id = :id", id=request.order_id)
    purchase_order = world.client.get_workflow_handle(row["workflow_id"])
    await purchase_order.execute_update("command", {"command": "release", "actor": "ops", "task_id": task["id"]})
    world.supplier(f"orders/{row['supplier_number']}", status="Shipped", tracking=["AFTER-1"])
    assert (await world.finish(handle)).ending is OrderState.SHIPPED
