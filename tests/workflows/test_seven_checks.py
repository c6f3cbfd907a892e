from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
import pytest_asyncio
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from models.commands import Command, CommandName
from models.contracts import OrderOutcome, OrderRequest
from models.statuses import OrderState
from sandbox.catalogue import plain_eans
from starter.search_attributes import wanted
from tests.workflows.world import World, running_world
from workflows.order import OrderWorkflow

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOURS = [24, 30, 42, 54, 78, 102, 126]  # after the supplier's confirmation
NEVER_SHIPS = {"steps": [{"after": 0, "status": "Paid"}]}
JITTER = timedelta(seconds=30)  # a skipped clock goes on running while our code runs


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def skipping_world(time_skipping_env: WorkflowEnvironment, database_url: str) -> AsyncIterator[World]:
    # This server knows no visibility queries, so that ``starter.search_attributes.ensure`` can't await them here.
    operator = time_skipping_env.client.operator_service
    await operator.add_search_attributes(AddSearchAttributesRequest(search_attributes=wanted()))
    async with running_world(time_skipping_env.client, database_url) as world:
        yield world


@pytest.fixture(autouse=True)
def no_faults_are_left(skipping_world: World) -> None:
    skipping_world.faults("supplier", [])


async def follow_to_the_task(
    env: WorkflowEnvironment, world: World, request: OrderRequest, category: str
) -> tuple[WorkflowHandle[OrderWorkflow, OrderOutcome], dict[str, object]]:
    """Start an order and let the clock jump until a person is asked."""
    handle = await world.start(request)
    query = "SELECT * FROM tasks WHERE order_id = :id AND category = :category AND state = 'open'"
    for _ in range(80):
        rows = world.rows(query, id=request.order_id, category=category)
        if rows:
            return handle, rows[0]
        await env.sleep(timedelta(hours=3))
    told = world.rows("SELECT event, detail FROM timeline WHERE order_id = :id", id=request.order_id)
    raise AssertionError(f"no {category}: {told}")


def checks_of(world: World, request: OrderRequest) -> tuple[datetime, list[dict[str, object]]]:
    rows = world.rows(
        "SELECT c.* FROM tracking_checks c JOIN purchase_orders p ON p.id = c.purchase_order_id "
        "WHERE p.order_id = :id AND kind = 'tracking' ORDER BY check_no",
        id=request.order_id,
    )
    confirmed_at = world.rows("SELECT confirmed_at FROM purchase_orders WHERE order_id = :id", id=request.order_id)
    return confirmed_at[0]["confirmed_at"], rows


async def answer(world: World, request: OrderRequest, command: Command) -> None:
    [row] = world.rows("SELECT workflow_id FROM purchase_orders WHERE order_id = :id", id=request.order_id)
    await world.client.get_workflow_handle(row["workflow_id"]).execute_update("command", command)


async def test_seven_checks_come_at_their_instants_then_one_alert_and_one_task(
    time_skipping_env: WorkflowEnvironment, skipping_world: World
) -> None:
    world, article = skipping_world, plain_eans()[10]
    world.supplier("script", ean=article, script=NEVER_SHIPS)
    request = world.sell((article, 1))
    handle, task = await follow_to_the_task(time_skipping_env, world, request, "checks_spent")

    confirmed_at, checks = checks_of(world, request)
    assert [check["due_at"] - confirmed_at for check in checks] == [timedelta(hours=hours) for hours in HOURS]
    assert all(timedelta(0) <= check["asked_at"] - check["due_at"] < JITTER for check in checks), checks
    alerts = world.rows("SELECT * FROM mails WHERE order_id = :id AND audience = 'internal'", id=request.order_id)
    assert [alert["kind"] for alert in alerts] == ["alert"]
    assert "after 7 checks over 126 h" in alerts[0]["body"]
    assert len(task["evidence"]["checks"]) == 7

    shipped = Command(command=CommandName.MARK_SHIPPED, actor="ops", tracking_number="BY-HAND-1", carrier="GLS")
    await answer(world, request, shipped)
    assert (await handle.result()).ending is OrderState.SHIPPED
    [fulfilment] = world.shop_order(request.storefront_order_id)["fulfillments"]
    assert fulfilment["tracking_numbers"] == ["BY-HAND-1"]


async def test_errors_in_between_shift_none_of_the_instants(
    time_skipping_env: WorkflowEnvironment, skipping_world: World
) -> None:
    world, article = skipping_world, plain_eans()[11]
    world.supplier("script", ean=article, script=NEVER_SHIPS)
    request = world.sell((article, 1))
    failing = {"operation": "getOrder$", "kind": "error", "status": 503}
    world.faults("supplier", [{**failing, "skip": 1, "times": 4}, {**failing, "skip": 3, "times": 2}])
    handle, _ = await follow_to_the_task(time_skipping_env, world, request, "checks_spent")

    confirmed_at, checks = checks_of(world, request)
    assert [check["due_at"] - confirmed_at for check in checks] == [timedelta(hours=hours) for hours in HOURS]
    failed = [check for check in checks if check["errors"]]
    assert len(failed) == 2
    assert sum(check["errors"] for check in failed) == 6
    assert all(check["answer"] == "Paid" for check in checks)
    unspoilt = [check for check in checks if not check["errors"]]
    assert all(timedelta(0) <= check["asked_at"] - check["due_at"] < JITTER for check in unspoilt), checks

    await answer(world, request, Command(command=CommandName.CANCEL, actor="ops"))
    assert (await handle.result()).ending is OrderState.CANCELLED


async def test_a_last_check_that_an_outage_swallows_is_told_as_such(
    time_skipping_env: WorkflowEnvironment, skipping_world: World
) -> None:
    world, article = skipping_world, plain_eans()[12]
    world.supplier("script", ean=article, script=NEVER_SHIPS)
    request = world.sell((article, 1))
    world.faults("supplier", [{"operation": "getOrder$", "kind": "error", "status": 503, "skip": 6}])
    handle, task = await follow_to_the_task(time_skipping_env, world, request, "checks_spent")

    confirmed_at, checks = checks_of(world, request)
    assert [check["answer"] for check in checks] == ["Paid"] * 6 + [None]
    assert "down since" in task["question"]
    ended = checks[-1]["asked_at"] - confirmed_at
    assert timedelta(hours=126) < ended <= timedelta(hours=127) + JITTER

    world.faults("supplier", [])
    extend = Command(command=CommandName.EXTEND_TRACKING, actor="ops", extend_by=timedelta(hours=24))
    await answer(world, request, extend)
    await follow_to_the_task(time_skipping_env, world, request, "checks_spent")
    _, checks = checks_of(world, request)
    further = max(checks, key=lambda check: check["due_at"])
    assert further["answer"] == "Paid"
    assert timedelta(hours=23) < further["due_at"] - (confirmed_at + ended) < timedelta(hours=30)
    await answer(world, request, Command(command=CommandName.CANCEL, actor="ops"))
    assert (await handle.result()).ending is OrderState.CANCELLED


async def test_the_check_that_finds_it_ends_the_plan(
    time_skipping_env: WorkflowEnvironment, skipping_world: World
) -> None:
    world, article = skipping_world, plain_eans()[13]
    world.supplier("script", ean=article, script=NEVER_SHIPS)
    request = world.sell((article, 1))
    handle = await world.start(request)
    await world.until(
        lambda: world.rows(
            "SELECT 1 FROM purchase_orders WHERE order_id = :id AND confirmed_at IS NOT NULL", id=request.order_id
        )
    )
    await time_skipping_env.sleep(timedelta(hours=31))
    [row] = world.rows("SELECT supplier_number FROM purchase_orders WHERE order_id = :id", id=request.order_id)
    world.supplier(f"orders/{row['supplier_number']}", status="Shipped", tracking=["GLS-77"])

    assert (await handle.result()).ending is OrderState.SHIPPED
    _, checks = checks_of(world, request)
    assert [check["check_no"] for check in checks] == [1, 2, 3]
    assert [check["answer"] for check in checks] == ["Paid", "Paid", "Shipped"]
