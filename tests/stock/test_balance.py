"""Lines of orders and of purchase orders balance whatever ships, is declined or is cancelled, bundles among them."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.database import backorders, purchase_orders
from models.statuses import PurchaseOrderState
from tests.stock.world import NOW, StockWorld

A, B, KIT = "8411061000001", "8411061000002", "8411061000009"


@pytest.fixture
def stocked(world: StockWorld) -> StockWorld:
    for ean in (A, B):
        for supplier in ("bts", "nova"):
            world.offer(ean, 100_000, supplier=supplier)
    return world


def bought(world: StockWorld, order: int, *parts: tuple[str, str, int], **more: Any) -> int:
    number = world.buy(order, *parts, **more)
    assert number is not None
    return number


def kit(world: StockWorld, quantity: int, **parts: int) -> int:
    """Order bundles of so many A and B each."""
    order = world.order((KIT, quantity))
    for ean, per_unit in ((A, parts["a"]), (B, parts["b"])):
        world.execute(
            "INSERT INTO order_line_parts (order_id, line_id, ean, per_unit) VALUES (:order, '1', :ean, :per_unit)",
            order=order,
            ean=ean,
            per_unit=per_unit,
        )
    return order


def per_unit(world: StockWorld, purchase_order: int, ean: str, count: int) -> None:
    world.execute(
        "UPDATE purchase_order_lines SET per_unit = :count WHERE purchase_order_id = :id AND ean = :ean",
        count=count,
        id=purchase_order,
        ean=ean,
    )


def line(world: StockWorld, order: int) -> tuple[int, int, int]:
    [row] = world.rows("SELECT shipped, cancelled, quantity FROM order_lines WHERE order_id = :id", id=order)
    return row["shipped"], row["cancelled"], row["quantity"] - row["shipped"] - row["cancelled"]


def ship(world: StockWorld, purchase_order: int, order: int) -> int:
    units: int = world.do(purchase_orders.ship_open_lines, purchase_order, order, now=NOW)
    return units


def cancel(world: StockWorld, purchase_order: int, order: int) -> None:
    world.do(purchase_orders.cancel_open_lines, purchase_order, order)
    world.end(purchase_order, PurchaseOrderState.CANCELLED)


def test_a_line_split_over_suppliers_has_shipped_what_all_of_them_have(stocked: StockWorld) -> None:
    order = stocked.order((A, 5))
    first, second = bought(stocked, order, ("1", A, 2)), bought(stocked, order, ("1", A, 3), supplier="nova")

    assert ship(stocked, first, order) == 2
    assert ship(stocked, first, order) == 0
    assert line(stocked, order) == (2, 0, 3)
    cancel(stocked, second, order)
    assert line(stocked, order) == (2, 3, 0)
    assert stocked.rows("SELECT state FROM reservations ORDER BY id") == [{"state": "consumed"}, {"state": "released"}]


def test_a_bundle_has_shipped_when_all_its_parts_have(stocked: StockWorld) -> None:
    order = kit(stocked, 3, a=2, b=1)
    first, second = bought(stocked, order, ("1", A, 6)), bought(stocked, order, ("1", B, 2), supplier="nova")
    third = bought(stocked, order, ("1", B, 1), attempt=2)

    ship(stocked, first, order)
    assert line(stocked, order) == (0, 0, 3)
    ship(stocked, second, order)
    assert line(stocked, order) == (2, 0, 1)
    ship(stocked, third, order)
    assert line(stocked, order) == (3, 0, 0)


def test_a_bundle_is_cancelled_as_a_whole_where_a_part_is(stocked: StockWorld) -> None:
    order = kit(stocked, 3, a=2, b=1)
    first, second = bought(stocked, order, ("1", A, 3)), bought(stocked, order, ("1", B, 3), supplier="nova")
    per_unit(stocked, first, A, 2)

    cancel(stocked, first, order)
    assert line(stocked, order) == (0, 2, 1)
    cancel(stocked, second, order)
    assert line(stocked, order) == (0, 3, 0), "never more than was open"


def test_units_are_given_up_only_where_no_purchase_order_covers_them(stocked: StockWorld) -> None:
    order = stocked.order((A, 5))
    first = bought(stocked, order, ("1", A, 2))
    give_up = {"now": NOW, "because": "not to be had"}
    assert stocked.do(backorders.cancel_units, order, {"1": 3}, **give_up) == {"1": 3}
    assert stocked.do(backorders.cancel_units, order, {"1": 3}, **give_up) == {}, "an attempt that comes too late"
    ship(stocked, first, order)
    assert line(stocked, order) == (2, 3, 0)


def test_of_bundles_those_are_given_up_that_lack_a_part(stocked: StockWorld) -> None:
    order = kit(stocked, 4, a=2, b=1)
    bought(stocked, order, ("1", A, 8))
    second = bought(stocked, order, ("1", B, 3), supplier="nova")
    give_up = {"now": NOW, "because": "not to be had"}
    assert stocked.do(backorders.cancel_units, order, {"1": 1}, **give_up) == {"1": 1}
    assert stocked.do(backorders.cancel_units, order, {"1": 1}, **give_up) == {}
    stocked.end(second, PurchaseOrderState.REJECTED)
    assert stocked.do(backorders.cancel_units, order, {"1": 9}, **give_up) == {"1": 3}


def test_declined_units_neither_ship_nor_are_cancelled_here(stocked: StockWorld) -> None:
    order = stocked.order((A, 5))
    first = bought(stocked, order, ("1", A, 5))
    stocked.execute("UPDATE purchase_order_lines SET declined = 2")

    assert ship(stocked, first, order) == 3
    assert line(stocked, order) == (3, 0, 2)
    cancel(stocked, first, order)
    assert line(stocked, order) == (3, 0, 2)


def test_what_comes_although_it_was_cancelled_is_not_counted_twice(stocked: StockWorld) -> None:
    order = stocked.order((A, 2))
    first = bought(stocked, order, ("1", A, 2))
    cancel(stocked, first, order)
    second = bought(stocked, order, ("1", A, 2), supplier="nova")

    ship(stocked, second, order)
    assert line(stocked, order) == (0, 2, 0)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_happens_every_line_balances(stocked: StockWorld, data: st.DataObject) -> None:
    bundled, quantity = data.draw(st.booleans()), data.draw(st.integers(1, 6))
    counts = {A: 2, B: 1} if bundled else {A: 1}
    order = kit(stocked, quantity, a=2, b=1) if bundled else stocked.order((A, quantity))
    numbers = []
    for ean, count in counts.items():
        cut = data.draw(st.integers(0, count * quantity))
        for supplier, units in (("bts", cut), ("nova", count * quantity - cut)):
            if units:
                number = bought(stocked, order, ("1", ean, units), supplier=supplier, attempt=len(numbers) + 1)
                per_unit(stocked, number, ean, count)
                numbers.append((number, units))
    shipped_all = True
    for number, units in data.draw(st.permutations(numbers)):
        declined = data.draw(st.integers(0, units))
        stocked.execute(
            "UPDATE purchase_order_lines SET declined = :n WHERE purchase_order_id = :id", n=declined, id=number
        )
        ships = data.draw(st.booleans())
        (ship if ships else cancel)(stocked, number, order)
        shipped_all = shipped_all and ships and not declined

    shipped, cancelled, still_open = line(stocked, order)
    assert min(shipped, cancelled, still_open) >= 0
    assert shipped + cancelled + still_open == quantity
    if shipped_all:
        assert shipped == quantity
