import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.testing import ActivityEnvironment

from activities.delivery import OrderDelivery, start_order_workflow
from activities.intake import Intake
from activities.sweeps import SweepActivities
from adapters.database.configurations import ConfigurationStore
from models.commands import Command, CommandName
from models.contracts import OrderRequest
from models.identifiers import ORDERS_QUEUE
from models.statuses import OrderState
from sandbox.catalogue import plain_eans
from starter.temporal_server import TemporalServer
from tests.workflows import resets
from tests.workflows.namespaces import client_of_new_namespace
from tests.workflows.world import World, running_world
from workflows.order import OrderWorkflow

pytestmark = pytest.mark.asyncio(loop_scope="module")

ARTICLES = iter(plain_eans())
PARCELS = itertools.count(1)
NOBODY_SHIPS_IT: dict[str, Any] = {"carriers": []}
ENDS_WITHIN = 30


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(temporal_server: TemporalServer, database_url: str) -> AsyncIterator[World]:
    client = await client_of_new_namespace(temporal_server.address)
    plan = ["1s"] * 30
    async with running_world(client, database_url, look_again=timedelta(seconds=0.3), tracking_plan=plan) as running:
        yield running


def new_article(world: World, script: dict[str, Any] | None = None) -> str:
    """An article of this test's own; by default what is ordered of it never ships by itself."""
    article = next(ARTICLES)
    world.supplier("script", ean=article, script=script or {"steps": [{"after": 0, "status": "Paid"}]})
    return article


async def placed_order(world: World) -> tuple[OrderRequest, str]:
    """An order that its supplier has and that is being followed; with its purchase order's workflow id."""
    request = world.sell((new_article(world), 2))
    await world.start(request)
    await world.until(lambda: purchase_orders(world, request, "acknowledged"))
    return request, await tracked(world, request)


async def tracked(world: World, request: OrderRequest) -> str:
    """Wait until a purchase order is being followed; return its workflow's id."""
    [row] = purchase_orders(world, request)
    handle = world.client.get_workflow_handle(row["workflow_id"])

    async def is_followed() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return [activity.activity_type.name for activity in pending] == ["check_tracking"]

    await world.until_async(is_followed)
    workflow_id: str = row["workflow_id"]
    return workflow_id


def purchase_orders(world: World, request: OrderRequest, state: str | None = None) -> list[dict[str, Any]]:
    query = "SELECT * FROM purchase_orders WHERE order_id = :id ORDER BY id"
    return [row for row in world.rows(query, id=request.order_id) if state in (None, row["state"])]


def order_state(world: World, request: OrderRequest) -> str:
    [row] = world.rows("SELECT state FROM orders WHERE id = :id", id=request.order_id)
    state: str = row["state"]
    return state


def timeline(world: World, request: OrderRequest) -> list[dict[str, Any]]:
    return world.rows("SELECT event, detail FROM timeline WHERE order_id = :id ORDER BY id", id=request.order_id)


def at_supplier(world: World, request: OrderRequest) -> list[str]:
    """The supplier's numbers of all it really has of this order's article."""
    eans = {row["ean"] for row in world.rows("SELECT ean FROM order_lines WHERE order_id = :id", id=request.order_id)}
    orders = world.supplier_orders()
    return [order["order_number"] for order in orders if {line["ean"] for line in order["lines"]} & eans]


def ship(world: World, request: OrderRequest) -> None:
    for number in at_supplier(world, request):
        world.supplier(f"orders/{number}", status="Shipped", tracking=f"GLS-{next(PARCELS)}")


async def ends(handle: WorkflowHandle[Any, Any]) -> dict[str, Any]:
    result: dict[str, Any] = await asyncio.wait_for(handle.result(), ENDS_WITHIN)
    return result


async def answer(world: World, request: OrderRequest, name: CommandName) -> None:
    handle = resets.order_handle(world, request)
    command = Command(command=name, actor="ops")
    async with asyncio.timeout(ENDS_WITHIN):
        while True:  # the task's row is there a moment before the workflow listens
            try:
                await handle.execute_update("command", command)
            except WorkflowUpdateFailedError:
                await asyncio.sleep(0.2)
            else:
                return


def quantities_balance(world: World, request: OrderRequest) -> bool:
    rows = world.rows("SELECT * FROM order_lines WHERE order_id = :id", id=request.order_id)
    return all(row["quantity"] == row["shipped"] + row["cancelled"] + row["refunded"] for row in rows)


# A purchase order's workflow is gone.


async def stopped_before_it_was_placed(world: World) -> tuple[OrderRequest, str]:
    """An order whose purchase order was terminated while it asked how to ship: nothing was ordered."""
    article = new_article(world, NOBODY_SHIPS_IT)
    request = world.sell((article, 2))
    await world.start(request)
    await world.open_task(request, "no_shipping_rate")
    [row] = purchase_orders(world, request)
    await world.client.get_workflow_handle(row["workflow_id"]).terminate("a test")
    world.supplier("script", ean=article, script={"steps": [{"after": 0.2, "status": "Shipped", "tracking": ["auto"]}]})
    await world.open_task(request, "purchase_order_lost")
    return request, row["workflow_id"]


async def stopped_after_it_was_placed(world: World) -> tuple[OrderRequest, str]:
    """An order whose purchase order was terminated while it was followed: the supplier has it."""
    request, workflow_id = await placed_order(world)
    await world.client.get_workflow_handle(workflow_id).terminate("a test")
    await world.open_task(request, "purchase_order_lost")
    return request, workflow_id


async def test_a_terminated_purchase_order_that_was_not_placed_goes_on_after_its_reset(world: World) -> None:
    request, workflow_id = await stopped_before_it_was_placed(world)
    await resets.reset_before(world.client, workflow_id, resets.scheduling_of("choose_shipping"))
    await answer(world, request, CommandName.RELEASE)

    assert (await ends(resets.order_handle(world, request)))["ending"] == OrderState.SHIPPED
    [number] = at_supplier(world, request)
    assert [row["supplier_number"] for row in purchase_orders(world, request)] == [number]


async def test_a_terminated_purchase_order_that_was_placed_goes_on_after_its_reset(world: World) -> None:
    request, workflow_id = await stopped_after_it_was_placed(world)
    [number] = at_supplier(world, request)
    await resets.reset_before(world.client, workflow_id, resets.scheduling_of("submit_purchase_order"))
    await answer(world, request, CommandName.RELEASE)
    await tracked(world, request)
    ship(world, request)

    assert (await ends(resets.order_handle(world, request)))["ending"] == OrderState.SHIPPED
    assert at_supplier(world, request) == [number]
    assert len(purchase_orders(world, request)) == 1


async def test_a_terminated_purchase_order_is_ordered_anew_where_a_person_says_so(world: World) -> None:
    request, _ = await stopped_before_it_was_placed(world)
    await answer(world, request, CommandName.REROUTE)
    await world.open_task(request, "unroutable")  # there is no other supplier
    await answer(world, request, CommandName.RELEASE)

    assert (await ends(resets.order_handle(world, request)))["ending"] == OrderState.SHIPPED
    lost, placed = purchase_orders(world, request)
    assert (lost["state"], lost["submission"]) == ("returned", "withdrawn")
    assert at_supplier(world, request) == [placed["supplier_number"]]


async def test_a_terminated_purchase_order_that_was_placed_is_ordered_anew_only_on_a_persons_word(
    world: World,
) -> None:
    request, _ = await stopped_after_it_was_placed(world)
    [first] = at_supplier(world, request)
    await answer(world, request, CommandName.REROUTE)
    await world.open_task(request, "unroutable")
    await answer(world, request, CommandName.RELEASE)
    await world.until(lambda: len(purchase_orders(world, request, "acknowledged")) == 1)
    ship(world, request)

    assert (await ends(resets.order_handle(world, request)))["ending"] == OrderState.SHIPPED
    lost, placed = purchase_orders(world, request)
    assert at_supplier(world, request) == [first, placed["supplier_number"]]
    assert (lost["state"], lost["supplier_number"]) == ("returned", first)
    assert quantities_balance(world, request)


@pytest.mark.parametrize("stopped", [stopped_before_it_was_placed, stopped_after_it_was_placed])
async def test_an_order_whose_purchase_order_was_terminated_can_be_cancelled(world: World, stopped: Any) -> None:
    request, _ = await stopped(world)
    ordered = at_supplier(world, request)
    await answer(world, request, CommandName.CANCEL)

    assert (await ends(resets.order_handle(world, request)))["ending"] == OrderState.CANCELLED
    assert at_supplier(world, request) == ordered
    assert quantities_balance(world, request)
    assert await world.open_task(request, "refund_due")


async def test_a_reset_purchase_order_keeps_its_submission(world: World) -> None:
    request, workflow_id = await placed_order(world)
    [number] = at_supplier(world, request)
    await resets.reset_before(world.client, workflow_id, resets.scheduling_of("choose_shipping"))
    await tracked(world, request)
    ship(world, request)

    await world.until(lambda: order_state(world, request) == "shipped")
    assert (await ends(resets.order_handle(world, request)))["ending"] == OrderState.SHIPPED
    assert at_supplier(world, request) == [number]
    assert "order.needs_person" not in [entry["event"] for entry in timeline(world, request)]


# The order's own workflow is gone.


async def sweep(world: World) -> int:
    """Look for orders without a workflow, as the schedule's sweep does, without its ten minutes of patience."""
    settings, storefronts = ConfigurationStore(world.database), world.deps.outside.storefront
    activities = SweepActivities(
        client=world.client,
        database=world.database,
        configurations=settings,
        storefronts=storefronts,
        intake=Intake(world.database, settings, storefronts),
        delivery=OrderDelivery(world.client, world.database, settings),
        stalled_after=timedelta(0),
    )
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=datetime.now(UTC))
    return await environment.run(activities.find_stalled_orders)


async def test_a_terminated_order_is_found_while_its_purchase_order_goes_on_and_adopts_it_after_a_reset(
    world: World,
) -> None:
    request, workflow_id = await placed_order(world)
    await note_started(world, request)
    await resets.order_handle(world, request).terminate("a test")
    assert await sweep(world) == 1
    await world.open_task(request, "order_stalled")

    await resets.reset_before(
        world.client, resets.order_handle(world, request).id, resets.of_kind(resets.CHILD_ASKED_FOR)
    )
    ship(world, request)
    assert (await ends(resets.order_handle(world, request)))["ending"] == OrderState.SHIPPED
    assert (await ends(world.client.get_workflow_handle(workflow_id)))["ending"] == "shipped"
    assert len(at_supplier(world, request)) == 1


async def test_a_terminated_orders_purchase_order_records_its_outcome_for_a_later_reset(world: World) -> None:
    request, workflow_id = await placed_order(world)
    await resets.order_handle(world, request).terminate("a test")
    ship(world, request)
    assert (await ends(world.client.get_workflow_handle(workflow_id)))["ending"] == "shipped"
    assert order_state(world, request) == "shipped"

    await resets.reset_before(
        world.client, resets.order_handle(world, request).id, resets.of_kind(resets.CHILD_ASKED_FOR)
    )
    assert (await ends(resets.order_handle(world, request)))["ending"] == OrderState.SHIPPED
    assert len(at_supplier(world, request)) == 1


async def note_started(world: World, request: OrderRequest) -> None:
    delivery = OrderDelivery(world.client, world.database, ConfigurationStore(world.database))
    await delivery.start_order(request)  # it runs already: only the note is new


async def test_an_order_reset_to_before_its_purchase_order_began_orders_nothing_twice(world: World) -> None:
    request, workflow_id = await placed_order(world)
    order = resets.order_handle(world, request)
    await resets.reset_before(world.client, order.id, resets.scheduling_of("plan_order"))
    ship(world, request)

    assert (await ends(order))["ending"] == OrderState.SHIPPED
    assert len(at_supplier(world, request)) == 1
    assert [row["workflow_id"] for row in purchase_orders(world, request)] == [workflow_id]


async def test_an_order_reset_to_its_very_beginning_is_still_its_own(world: World) -> None:
    request, _ = await placed_order(world)
    order = resets.order_handle(world, request)
    await resets.reset_before(world.client, order.id, resets.scheduling_of("screen_order"))
    ship(world, request)

    outcome = await ends(order)
    assert (outcome["ending"], outcome["foreign_run"]) == (OrderState.SHIPPED, False)
    assert len(at_supplier(world, request)) == 1


async def test_an_order_reset_to_after_its_purchase_order_began_still_hears_its_outcome(world: World) -> None:
    request, workflow_id = await placed_order(world)
    order = resets.order_handle(world, request)
    await resets.reset_after(world.client, order.id, resets.of_kind(resets.CHILD_STARTED))
    ship(world, request)

    assert (await ends(order))["ending"] == OrderState.SHIPPED
    assert len(at_supplier(world, request)) == 1
    assert [row["workflow_id"] for row in purchase_orders(world, request)] == [workflow_id]


async def test_an_ended_order_reset_to_after_its_purchase_order_began_hears_its_outcome_again(world: World) -> None:
    request, _ = await placed_order(world)
    order = resets.order_handle(world, request)
    ship(world, request)
    await ends(order)
    await resets.reset_after(world.client, order.id, resets.of_kind(resets.CHILD_STARTED))

    assert (await ends(resets.order_handle(world, request)))["ending"] == OrderState.SHIPPED
    assert len(at_supplier(world, request)) == 1


# Temporal knows nothing of it any more, or more than one run.


async def test_a_start_after_temporal_forgot_an_ended_order_ends_without_effect(world: World) -> None:
    request, workflow_id = await placed_order(world)
    order = resets.order_handle(world, request)
    await resets.delete(world, order.id)
    ship(world, request)
    await ends(world.client.get_workflow_handle(workflow_id))
    before = timeline(world, request)
    await start_order_workflow(world.client, request)

    outcome = await ends(resets.order_handle(world, request))
    assert (outcome["foreign_run"], outcome["ending"]) == (True, OrderState.STORED)
    assert timeline(world, request) == before
    assert order_state(world, request) == "shipped"
    assert len(at_supplier(world, request)) == 1


async def test_a_start_after_temporal_forgot_an_open_order_ends_without_effect_and_a_person_is_asked(
    world: World,
) -> None:
    request, workflow_id = await placed_order(world)
    await note_started(world, request)
    order = resets.order_handle(world, request)
    await resets.delete(world, order.id)
    await start_order_workflow(world.client, request)

    assert (await ends(resets.order_handle(world, request)))["foreign_run"] is True
    assert order_state(world, request) == "open"
    assert await sweep(world) == 1
    assert await world.open_task(request, "order_stalled")
    ship(world, request)
    await ends(world.client.get_workflow_handle(workflow_id))
    assert order_state(world, request) == "shipped"
    assert len(at_supplier(world, request)) == 1


async def test_of_two_runs_that_race_for_one_order_one_acts(world: World) -> None:
    article = new_article(world, {"steps": [{"after": 0.2, "status": "Shipped", "tracking": ["auto"]}]})
    request = world.sell((article, 2))
    ids = [resets.order_handle(world, request).id, f"another-{request.order_id}"]
    handles = await asyncio.gather(
        *(world.client.start_workflow(OrderWorkflow.run, request, id=one, task_queue=ORDERS_QUEUE) for one in ids)
    )
    outcomes = await asyncio.gather(*(asyncio.wait_for(handle.result(), ENDS_WITHIN) for handle in handles))

    assert sorted(outcome.foreign_run for outcome in outcomes) == [False, True]
    assert len(at_supplier(world, request)) == 1
    assert len(purchase_orders(world, request)) == 1
