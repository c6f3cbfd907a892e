"""The life of a reservation: held with a plan, consumed by an acknowledgement, gone once the supplier's figure shows it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from adapters.database import feed_applying, feeds, purchase_orders, reservation_drift, reservations
from adapters.database.engine import Transaction
from adapters.database.reservations import Want
from models.statuses import PurchaseOrderState
from tests.activities.broken_commit import BrokenCommit
from tests.stock.world import DAY, HOUR, NOW, StockWorld, buy

A, B, C = "8411061000001", "8411061000002", "8411061000003"
STAGED = """
INSERT INTO feed_staged (run_id, position, sku, hash, quantity, observed_at) VALUES (:run, 1, :sku, 1, :quantity, :at)
"""


def bought(world: StockWorld, *parts: tuple[str, str, int]) -> int:
    """Order these (line, EAN, units) at bts, for an order that wants just that."""
    order = world.order(*[(ean, units) for _, ean, units in parts])
    purchase_order = world.buy(order, *parts)
    assert purchase_order is not None
    return purchase_order


def test_nobody_reserves_more_than_is_there_after_the_buffer(world: StockWorld) -> None:
    world.offer(A, 5)
    want = Want("bts", f"bts-{A}", A, "1", 4, buffer=2)

    assert not world.do(reservations.reserve, [want])
    assert world.do(reservations.reserve, [Want("bts", f"bts-{A}", A, "1", 3, buffer=2)])
    assert not world.do(reservations.reserve, [Want("bts", f"bts-{A}", A, "1", 1, buffer=2)])
    assert world.reserved(A) == 3


def test_an_order_is_reserved_as_a_whole_or_not_at_all(world: StockWorld) -> None:
    world.offer(A, 5)
    world.offer(B, 1)
    both = [Want("bts", f"bts-{A}", A, "1", 2), Want("bts", f"bts-{B}", B, "2", 2)]

    assert not world.do(reservations.reserve, both)
    assert (world.reserved(A), world.reserved(B)) == (0, 0)
    assert not world.do(reservations.reserve, [both[0], Want("bts", "nobody has it", B, "2", 1)])
    assert world.reserved(A) == 0


def test_lines_of_the_same_article_are_summed(world: StockWorld) -> None:
    world.offer(A, 5)
    lines = [Want("bts", f"bts-{A}", A, str(number), 2) for number in range(3)]

    assert not world.do(reservations.reserve, lines)
    assert world.do(reservations.reserve, lines[:2])
    assert world.reserved(A) == 4


@pytest.mark.parametrize("state", sorted(PurchaseOrderState))
def test_every_ending_but_a_shipment_gives_back_what_was_held(world: StockWorld, state: PurchaseOrderState) -> None:
    world.offer(A, 5)
    world.offer(B, 5)
    purchase_order = bought(world, ("1", A, 2), ("2", B, 1))
    assert (world.reserved(A), world.reserved(B)) == (2, 1)

    world.end(purchase_order, state)
    world.end(purchase_order, state)

    shipped = state is PurchaseOrderState.SHIPPED
    assert world.states() == [("consumed", 2), ("consumed", 1)] if shipped else [("released", 2), ("released", 1)]
    assert (world.reserved(A), world.reserved(B)) == ((2, 1) if shipped else (0, 0))


def test_purchase_orders_that_end_together_are_released_together(world: StockWorld) -> None:
    world.offer(A, 9)
    both = [bought(world, ("1", A, 2)), bought(world, ("1", A, 3))]

    world.do(purchase_orders.end_all, both, PurchaseOrderState.CANCELLED, now=NOW)

    assert world.reserved(A) == 0
    assert world.rows("SELECT count(*) FROM purchase_orders WHERE state = 'cancelled'") == [{"count": 2}]


def test_an_acknowledgement_consumes_and_a_later_cancel_gives_back(world: StockWorld) -> None:
    world.offer(A, 5)
    purchase_order = bought(world, ("1", A, 2))

    for at in (NOW, NOW + HOUR):
        world.do(purchase_orders.acknowledge, purchase_order, now=at)
    assert world.rows("SELECT state, consumed_at FROM reservations") == [{"state": "consumed", "consumed_at": NOW}]
    assert world.reserved(A) == 2

    world.end(purchase_order, PurchaseOrderState.CANCELLED_BY_SUPPLIER)
    assert (world.states(), world.reserved(A)) == ([("released", 2)], 0)


@pytest.mark.parametrize(
    ("declined", "left"),
    [
        ([{A: 1}], [("held", 3), ("held", 1)]),
        ([{A: 1}, {A: 1}], [("held", 3), ("held", 1)]),  # said again, it means the same
        ([{A: 1}, {A: 3}], [("held", 2), ("released", 1)]),  # it had only one left
        ([{A: 5}], [("released", 3), ("released", 2)]),
        ([{A: 99}], [("released", 3), ("released", 2)]),
        ([{B: 1}], [("held", 3), ("held", 2)]),
        ([{}], [("held", 3), ("held", 2)]),
    ],
)
def test_what_a_supplier_declines_is_given_back_from_the_last_line_on(
    world: StockWorld, declined: list[dict[str, int]], left: list[tuple[str, int]]
) -> None:
    world.offer(A, 9)
    purchase_order = bought(world, ("1", A, 3), ("2", A, 2))

    for units in declined:
        world.do(reservations.decline, purchase_order, units, now=NOW)

    assert world.states() == left
    assert world.reserved(A) == sum(units for state, units in left if state == "held")


def run_of(world: StockWorld, number: int, *, told_at: timedelta, fields: str = '["sku", "quantity"]') -> feeds.FeedRun:
    """Have bts's stock feed read at an instant, with all that it ever told of in it."""
    world.execute(
        'INSERT INTO feed_runs (id, supplier, feed, kind, trigger, workflow_run_id, state, fields, "full", source_time, '
        "started_at) VALUES (:id, 'bts', 'stock', 'stock', 'schedule', :id, 'judged', CAST(:fields AS jsonb), true, :at, :at)",
        id=number,
        at=NOW + told_at,
        fields=fields,
    )
    world.execute(
        "INSERT INTO feed_rows (supplier, feed, sku, hash) SELECT supplier, 'stock', sku, 7 FROM offers ON CONFLICT DO NOTHING"
    )
    run: feeds.FeedRun = world.do(feeds.load_run, number)
    return run


def test_a_feed_takes_in_what_was_acknowledged_long_enough_before_it_spoke(world: StockWorld) -> None:
    world.document["suppliers"]["bts"]["terms"] = {"stock_visible_after": "2h"}
    world.configure()
    world.offer(A, 9)
    world.offer(B, 9, supplier="nova")
    early, late, held = (bought(world, ("1", A, units)) for units in (1, 2, 3))
    world.do(reservations.consume, early, now=NOW)
    world.do(reservations.consume, late, now=NOW + HOUR)

    assert world.do(reservations.take_in, run_of(world, 1, told_at=HOUR), now=NOW + 3 * HOUR) == 0
    assert world.do(reservations.take_in, run_of(world, 2, told_at=2 * HOUR), now=NOW + 3 * HOUR) == 1
    assert world.states() == [("taken_in", 1), ("consumed", 2), ("held", 3)]
    assert world.reserved(A) == 5

    run = run_of(world, 3, told_at=9 * HOUR)
    for _ in range(2):
        world.do(reservations.take_in, run, now=NOW + 9 * HOUR)
    assert world.reserved(A) == 3
    world.end(held, PurchaseOrderState.REJECTED)
    world.end(early, PurchaseOrderState.CANCELLED_BY_SUPPLIER)
    assert world.reserved(A) == 0


def test_a_feed_that_does_not_tell_of_an_articles_quantity_takes_nothing_in(world: StockWorld) -> None:
    world.offer(A, 9)
    world.offer(B, 9)
    world.do(reservations.consume, bought(world, ("1", A, 1), ("2", B, 1)), now=NOW)

    prices = run_of(world, 1, told_at=HOUR, fields='["sku", "unit_cost"]')
    assert world.do(reservations.take_in, prices, now=NOW + HOUR) == 0

    stock = run_of(world, 2, told_at=HOUR)
    world.execute("DELETE FROM feed_rows WHERE sku = :sku", sku=f"bts-{B}")  # it has no row of B
    world.execute(
        "INSERT INTO feed_staged (run_id, position, sku, hash, absent) VALUES (2, 0, :sku, 0, true)", sku=f"bts-{A}"
    )
    assert world.do(reservations.take_in, stock, now=NOW + HOUR) == 0
    world.execute("DELETE FROM feed_staged")
    assert world.do(reservations.take_in, stock, now=NOW + HOUR) == 1
    assert (world.reserved(A), world.reserved(B)) == (0, 1)


def test_a_feed_that_names_a_time_in_each_row_takes_in_as_of_that_time(world: StockWorld) -> None:
    for ean in (A, B, C):
        world.offer(ean, 9)
    world.do(reservations.consume, bought(world, ("1", A, 1), ("2", B, 1), ("3", C, 1)), now=NOW)
    timed = '["sku", "quantity", "observed_at"]'

    run = run_of(world, 1, told_at=3 * HOUR, fields=timed)
    for ean, at in ((A, NOW - HOUR), (B, NOW + HOUR)):
        world.execute(STAGED, run=1, sku=f"bts-{ean}", quantity=9, at=at)
    assert world.do(reservations.take_in, run, now=NOW + 3 * HOUR) == 1
    assert [world.reserved(ean) for ean in (A, B, C)] == [1, 0, 1], "C's row is what it was before"

    run = run_of(world, 2, told_at=4 * HOUR, fields=timed)
    world.execute(STAGED, run=2, sku=f"bts-{A}", quantity=9, at=None)  # then it is as old as its file
    world.execute("UPDATE offers SET observed_at = :at WHERE ean = :c", at=NOW + HOUR, c=C)  # answered live since
    assert world.do(reservations.take_in, run, now=NOW + 4 * HOUR) == 2


def test_a_row_without_a_quantity_takes_nothing_in(world: StockWorld) -> None:
    world.offer(A, 9)
    world.do(reservations.consume, bought(world, ("1", A, 1)), now=NOW)
    run = run_of(world, 1, told_at=HOUR)
    world.execute(STAGED, run=1, sku=f"bts-{A}", quantity=None, at=None)
    assert world.do(reservations.take_in, run, now=NOW + HOUR) == 0


def test_a_live_answer_takes_in_as_a_feed_does(world: StockWorld) -> None:
    world.document["suppliers"]["bts"]["terms"] = {"stock_visible_after": "1h"}
    world.configure()
    world.offer(A, 9)
    purchase_order = bought(world, ("1", A, 2))
    world.answer(A, 9, at=NOW)
    assert world.states() == [("held", 2)]

    world.do(reservations.consume, purchase_order, now=NOW)
    world.answer(A, 9, at=NOW + HOUR / 2)
    assert (world.states(), world.reserved(A)) == ([("consumed", 2)], 2)

    world.answer(A, 7, at=NOW + HOUR)
    assert (world.states(), world.reserved(A)) == ([("taken_in", 2)], 0)
    assert world.rows("SELECT quantity FROM offers") == [{"quantity": 7}]


def test_an_offer_that_orders_hold_gets_the_sku_that_its_first_feed_has_for_it(world: StockWorld) -> None:
    world.offer(A, 9, sku=A)  # asked live, before any feed told of it
    world.offer(B, 9, sku=B)
    order = world.order((A, 2), (B, 1))
    held = [Want("bts", A, A, "1", 2), Want("bts", B, B, "2", 1)]
    with world.database.begin() as tx:
        buy(tx, order, held)
    run = run_of(world, 1, told_at=HOUR)
    world.execute("DELETE FROM feed_rows")
    world.execute("INSERT INTO feed_staged (run_id, position, sku, hash, ean) VALUES (1, 1, 'FIG-1', 7, :ean)", ean=A)

    for renamed in (1, 0):
        assert world.do(feed_applying.name_reserved, run) == renamed

    assert {row["sku"]: row["reserved"] for row in world.rows("SELECT sku, reserved FROM offers")} == {"FIG-1": 2, B: 1}
    assert {row["sku"] for row in world.rows("SELECT sku FROM reservations")} == {"FIG-1", B}
    assert world.do(reservation_drift.find) == []


def test_what_an_abandoned_order_holds_expires(world: StockWorld) -> None:
    world.offer(A, 9)
    first, other = world.order((A, 2)), world.order((A, 3))
    world.buy(first, ("1", A, 2))
    world.buy(other, ("1", A, 3))

    assert world.do(reservations.expire, [first], now=NOW + 6 * DAY) == 0
    for _ in range(2):
        world.do(reservations.expire, [first], now=NOW + 7 * DAY)

    assert (world.states(), world.reserved(A)) == ([("expired", 2), ("held", 3)], 3)


def test_a_later_drop_opens_a_shortfall_and_no_error(world: StockWorld) -> None:
    world.offer(A, 9)
    world.offer(B, 9)
    purchase_order = bought(world, ("1", A, 5), ("2", B, 1))
    bought(world, ("1", A, 1))
    run_of(world, 1, told_at=HOUR)
    assert world.do(reservations.shortfalls) == []

    world.execute("UPDATE offers SET quantity = 2 WHERE ean = :ean", ean=A)
    [short] = world.do(reservations.shortfalls, 1)
    assert (short.sku, short.quantity, short.promised, short.orders) == (f"bts-{A}", 2, 6, 2)
    assert world.do(reservations.shortfalls) == [short]

    world.end(purchase_order, PurchaseOrderState.REJECTED)
    assert world.do(reservations.shortfalls, 1) == []


Steps = dict[str, Callable[[Transaction, int], None]]
STEPS: Steps = {
    "release": lambda tx, number: reservations.release(tx, number, now=NOW),
    "consume": lambda tx, number: reservations.consume(tx, number, now=NOW),
    "decline": lambda tx, number: reservations.decline(tx, number, {A: 1}, now=NOW),
}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", sorted(STEPS))
def test_a_step_whose_commit_was_lost_is_done_again_and_counts_once(world: StockWorld, step: str, after: bool) -> None:
    world.offer(A, 9)
    expected = {"release": ([("released", 3)], 0), "consume": ([("consumed", 3)], 3), "decline": ([("held", 2)], 2)}
    purchase_order = bought(world, ("1", A, 3))

    with BrokenCommit(world.database, 1, after=after), pytest.raises(OperationalError):
        world.do(STEPS[step], purchase_order)
    world.do(STEPS[step], purchase_order)

    assert (world.states(), world.reserved(A)) == expected[step]


@pytest.mark.parametrize("after", [False, True])
def test_a_reservation_whose_commit_was_lost_is_there_as_a_whole_or_not_at_all(world: StockWorld, after: bool) -> None:
    world.offer(A, 9)
    world.offer(B, 9)
    order = world.order((A, 2), (B, 1))

    with BrokenCommit(world.database, 1, after=after), pytest.raises(OperationalError):
        world.buy(order, ("1", A, 2), ("2", B, 1))

    held = [("held", 2), ("held", 1)] if after else []
    assert (world.states(), world.reserved(A), world.reserved(B)) == (held, 2 * after, 1 * after)


@pytest.mark.parametrize("second", [PurchaseOrderState.RETURNED, PurchaseOrderState.CANCELLED])
def test_a_purchase_order_that_has_shipped_keeps_what_it_took_though_it_is_ended_again(
    world: StockWorld, second: PurchaseOrderState
) -> None:
    world.offer(A, 10)
    bought = world.buy(world.order((A, 4)), ("1", A, 4))
    assert bought is not None
    world.end(bought, PurchaseOrderState.SHIPPED)
    world.end(bought, second)
    assert (world.states(), world.reserved(A)) == ([("consumed", 4)], 4)
    world.end(bought, PurchaseOrderState.SHIPPED)
    assert world.reserved(A) == 4
