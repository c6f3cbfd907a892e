"""Reservations that do not agree with the open orders are found, and put right on command."""

import pytest

from adapters.database import reservation_drift, reservations
from models.statuses import PurchaseOrderState
from tests.stock.world import DAY, NOW, StockWorld

A, B = "8411061000001", "8411061000002"


def found(world: StockWorld) -> list[tuple[str, str, int, int]]:
    return [(one.kind, one.sku, one.reserved, one.due) for one in world.do(reservation_drift.find)]


def test_an_ordinary_day_has_no_drift(world: StockWorld) -> None:
    world.offer(A, 20)
    bought = [world.buy(world.order((A, 1)), ("1", A, 1)) for _ in range(6)]
    assert None not in bought
    held, consumed, declined, rejected, shipped, expired = (number or 0 for number in bought)
    world.do(reservations.consume, consumed, now=NOW)
    world.execute("UPDATE purchase_order_lines SET declined = 1 WHERE purchase_order_id = :id", id=declined)
    world.do(reservations.decline, declined, {A: 1}, now=NOW)
    world.end(rejected, PurchaseOrderState.REJECTED)
    world.end(shipped, PurchaseOrderState.SHIPPED)
    [order] = world.rows("SELECT order_id FROM purchase_orders WHERE id = :id", id=expired)
    world.do(reservations.expire, [order["order_id"]], now=NOW + 8 * DAY)

    assert held
    assert found(world) == []
    assert world.reserved(A) == 3


@pytest.mark.parametrize(
    ("damage", "drift", "reserved"),
    [
        (f"UPDATE offers SET reserved = 7 WHERE ean = '{A}'", [("sum", f"bts-{A}", 7, 2)], 2),
        ("UPDATE offers SET reserved = 0", [("sum", f"bts-{A}", 0, 2)], 2),
        (
            "DELETE FROM reservations",
            [("missing", f"bts-{A}", 0, 2), ("sum", f"bts-{A}", 2, 0)],
            2,
        ),
        (
            "UPDATE reservations SET quantity = 1",
            [("missing", f"bts-{A}", 1, 2), ("sum", f"bts-{A}", 2, 1)],
            2,
        ),
        ("UPDATE purchase_orders SET state = 'rejected', ended_at = now()", [("ended", f"bts-{A}", 2, 0)], 0),
        ("UPDATE orders SET state = 'cancelled', ended_at = now()", [("ended", f"bts-{A}", 2, 0)], 0),
    ],
)
def test_what_does_not_agree_is_found_and_put_right(
    world: StockWorld, damage: str, drift: list[tuple[str, str, int, int]], reserved: int
) -> None:
    world.offer(A, 5)
    world.offer(B, 5)
    world.buy(world.order((A, 2)), ("1", A, 2))
    world.execute(damage)

    assert found(world) == drift
    assert len(world.do(reservation_drift.recompute, now=NOW, kept=DAY)) == len(drift)
    assert found(world) == []
    assert world.reserved(A) == reserved


def test_purchase_orders_that_reserve_nothing_are_not_missed(world: StockWorld) -> None:
    world.offer(A, 5)
    for change in ("mode = 'observe'", "test = true"):
        world.buy(world.order((A, 1)), ("1", A, 1))
        world.execute(f"UPDATE purchase_orders SET {change} WHERE id = (SELECT max(id) FROM purchase_orders)")
    world.execute("DELETE FROM reservations")
    world.execute("UPDATE offers SET reserved = 0")

    assert found(world) == []
