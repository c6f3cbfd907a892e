from decimal import Decimal

import pytest

from models.statuses import OrderState
from sandbox.catalogue import plain_eans
from tests.workflows.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOST_EVENTS = 75


async def test_a_paid_order_is_ordered_once_shipped_and_told(world: World) -> None:
    article = plain_eans()[0]
    world.supplier(
        "script", ean=article, script={"steps": [{"after": 0.5, "status": "Shipped", "tracking": ["GLS-1"]}]}
    )
    request = world.sell((article, 2))
    handle = await world.start(request)
    outcome = await world.finish(handle)

    assert outcome.ending is OrderState.SHIPPED
    [supplier_order] = world.supplier_orders()
    [row] = world.rows("SELECT * FROM purchase_orders WHERE order_id = :id", id=request.order_id)
    assert supplier_order["order_number"] == row["supplier_number"]
    shop_order = world.shop_order(request.storefront_order_id)
    assert shop_order["metafields"] == {
        "btswholesaler.shipping_cost_id": row["quote_id"],
        "btswholesaler.order_number": row["supplier_number"],
    }
    [fulfilment] = shop_order["fulfillments"]
    assert fulfilment["tracking_numbers"] == ["GLS-1"]
    assert fulfilment["notify_customer"] == [False]
    assert sum(fulfilment["lines"].values()) == 2
    [mail] = world.rows("SELECT * FROM mails WHERE order_id = :id", id=request.order_id)
    assert (mail["kind"], mail["audience"]) == ("shipped", "customer")


async def test_it_costs_no_more_events_than_the_budget_allows(world: World) -> None:
    article = plain_eans()[1]
    world.supplier(
        "script", ean=article, script={"steps": [{"after": 0.5, "status": "Shipped", "tracking": ["GLS-2"]}]}
    )
    request = world.sell((article, 1))
    handle = await world.start(request)
    await world.finish(handle)

    assert await world.events_of(request) <= MOST_EVENTS


async def test_costs_are_kept_by_kind_and_apart_from_prices(world: World) -> None:
    article = plain_eans()[2]
    world.supplier(
        "script", ean=article, script={"steps": [{"after": 0.5, "status": "Shipped", "tracking": ["GLS-3"]}]}
    )
    request = world.sell((article, 3))
    await world.finish(await world.start(request))

    costs = world.rows(
        "SELECT kind, amount, currency FROM costs JOIN purchase_orders p ON p.id = purchase_order_id "
        "WHERE p.order_id = :id ORDER BY kind",
        id=request.order_id,
    )
    assert [(cost["kind"], cost["currency"]) for cost in costs] == [("goods", "EUR"), ("shipping", "EUR")]
    assert costs[0]["amount"] == 3 * Decimal("14.50")


async def test_every_call_is_kept_with_its_order_and_without_credentials(world: World) -> None:
    article = plain_eans()[3]
    world.supplier(
        "script", ean=article, script={"steps": [{"after": 0.5, "status": "Shipped", "tracking": ["GLS-4"]}]}
    )
    request = world.sell((article, 1))
    await world.finish(await world.start(request))

    calls = world.rows("SELECT * FROM calls WHERE order_id = :id ORDER BY id", id=request.order_id)
    assert [call["operation"] for call in calls] == [
        "OrderFacts",
        "getProductStock",
        "getShippingPrices",
        "getProductStock",  # above a threshold shipping is free: what do these lines cost?
        "SetMetafield",
        "getProductStock",
        "setCreateOrder",
        "SetMetafield",
        "getOrder",
        "getTrackings",
        "OrderFulfillments",
        "CreateFulfillment",
    ]
    kept = " ".join(f"{call['url']} {call['request']} {call['reply']}" for call in calls)
    assert "bts-token" not in kept
    assert "shop-token" not in kept
