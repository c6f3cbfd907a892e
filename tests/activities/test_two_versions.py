"""A supplier whose interface is switched to another version while orders are under way: each goes on as it began."""

from activities import placement
from adapters.database import purchase_orders
from models.contracts import PurchaseOrderRequest, StepVerdict
from sandbox.bigbuy import create_app
from sandbox.bigbuy_books import reference_of
from sandbox.catalogue import catalogue
from tests.activities.world import HOUR, START, World, poll, ref, submit
from tests.adapters.loopback import HTTP, Stage

CREATED = {"1": "order/create", "2": "order/create/multishipping"}  # the call with which each version orders


def test_an_order_is_followed_to_its_end_on_the_version_it_began_with_and_a_new_one_takes_the_new(
    world: World, going_on: World, server: Stage
) -> None:
    url = server.put_on(create_app(token="SUPPLIER_TOKEN", articles=60, settings={"ship_after": None}))
    placed_early, quoted_early, new = (_planned(world) for _ in range(3))

    _switch(going_on, url, "1")
    _quote(going_on, placed_early, quoted_early)
    _submit(going_on, placed_early)
    _switch(going_on, url, "2")
    _submit(going_on, quoted_early)
    _quote(going_on, new)
    _submit(going_on, new)

    calls = HTTP.get(f"{url}/_sandbox/ledger").json()["calls"]
    assert (calls[CREATED["1"]], calls[CREATED["2"]]) == (2, 1)
    for order, version in ((placed_early, "1"), (quoted_early, "1"), (new, "2")):
        assert _version(going_on, order) == version
        number = going_on.purchase_order(order)["supplier_number"]
        HTTP.post(f"{url}/_sandbox/orders/{number}", json={"status": "Shipped", "tracking": [f"GLS{number}"]})
        seen = going_on.run(going_on.choosing.check_tracking, poll(order), at=START + 24 * HOUR)
        assert seen.verdict is StepVerdict.DONE


def _planned(world: World) -> PurchaseOrderRequest:
    """Plan an order of an article that the simulator has, under the vendor's reference."""
    article = catalogue(60)[0]
    world.bts.stock[article.ean] = 50
    (order,) = world.planned(2, ean=article.ean)
    with world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE purchase_order_lines SET sku = %s", (reference_of(article),))
    return order


def _switch(world: World, url: str, version: str) -> None:
    world.configure(suppliers={"bts": {"adapter": "bigbuy", "base_url": url, "api_version": version}})


def _quote(world: World, *orders: PurchaseOrderRequest) -> None:
    for order in orders:
        world.run(world.choosing.choose_shipping, ref(order))


def _submit(world: World, order: PurchaseOrderRequest) -> None:
    assert world.run(world.submission.submit_purchase_order, submit(order)).verdict is StepVerdict.DONE


def _version(world: World, order: PurchaseOrderRequest) -> str:
    with world.database.begin() as tx:
        kept = purchase_orders.load(tx, order.purchase_order_id)
    return placement.port_of(world.deps, kept).capabilities.api_version
