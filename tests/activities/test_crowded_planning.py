"""Many orders planned at the same time, of few articles, while feeds are applied and purchase orders end: nobody oversells."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.exceptions import ApplicationError

from adapters.database import (
    feed_applying,
    feeds,
    offers,
    orders,
    purchase_orders,
    reservation_drift,
    reservations,
    submissions,
    withdrawals,
)
from adapters.database.feed_applying import Application, Applier
from models.contracts import (
    OrderEnding,
    OrderRequest,
    PlanRequest,
    PlanResult,
    PlanVerdict,
    PurchaseOrderEnding,
    PurchaseOrderRequest,
    StepVerdict,
)
from models.statuses import PurchaseOrderState
from models.suppliers import DeclinedLine, Offer, SupplierOrderStatus, SupplierState, TrackedParcel
from models.sync import RunState
from tests.activities.test_reserving import e, sold, stock
from tests.activities.world import HOUR, START, World, build_world, fulfil, poll, ref
from tests.stock.buyers import AUDIT

BUYERS = 64
ORDERS = 3  # of each buyer
HOT = tuple(f"84110610001{number:02}" for number in range(5))
SUPPLIERS = ("bts", "nova")
STAGE = """
INSERT INTO feed_staged (run_id, position, sku, hash, ean, quantity) VALUES (:run, :at, :sku, :hash, :ean, :quantity)
"""
KITS = {"KIT1": {HOT[0]: 2, HOT[1]: 1}, "KIT2": {HOT[1]: 1, HOT[2]: 3, HOT[4]: 1}, "KIT3": {"KIT1": 1, HOT[3]: 1}}


@pytest.fixture
def market(database_url: str) -> Iterator[World]:
    """Two suppliers with a little of five articles, lines that may be split, bundles that share parts, and an audit."""
    world = build_world(database_url, connections=BUYERS)
    world.configure(
        stock={"bundles": KITS, "buffers": [{"units": 1}]}, routing={"choose": "priority", "split_lines": True}
    )
    for supplier in SUPPLIERS:
        stock(world, supplier, **{e(ean): 25 for ean in HOT})
    with world.database.begin() as tx:
        tx.execute(text("DROP TRIGGER IF EXISTS spare_at_commit ON reservations"))
        tx.execute(text(AUDIT))
    yield world
    world.database.close()


def basket(chance: random.Random) -> list[tuple[str, int]]:
    articles = chance.sample((*HOT, *KITS), chance.randint(1, 3))
    return [(article, chance.randint(1, 1 if article in KITS else 4)) for article in articles]


def buy(world: World, order: OrderRequest, seed: int) -> bool:
    """Plan an order as its workflow does, and let what comes of it end in every way. Returns whether it was planned."""
    chance = random.Random(seed)
    result = plan(world, order, 1)
    if result.verdict is PlanVerdict.PLANNED:
        for one in result.purchase_orders:
            go_on(world, one, chance)
        again = plan(world, order, 2, excluded=(chance.choice(SUPPLIERS),))  # of what came back
        for one in again.purchase_orders:
            go_on(world, one, chance)
    if chance.random() < 0.3:
        world.run(world.orders.settle_order, OrderEnding(order_id=order.order_id, channel="main"))
    return result.verdict is PlanVerdict.PLANNED


def plan(world: World, order: OrderRequest, plan_no: int, **more: Any) -> PlanResult:
    request = PlanRequest(order_id=order.order_id, channel="main", plan_no=plan_no, **more)
    for _ in range(20):
        try:
            return world.run(world.orders.plan_order, request, workflow_id=f"order/main/{order.order_id}")
        except ApplicationError as error:
            if error.next_retry_delay is None:  # else it says "not yet", as Temporal hears it
                raise
    raise AssertionError("others are quicker for ever")


def go_on(world: World, one: PurchaseOrderRequest, chance: random.Random) -> None:
    match chance.randrange(5):
        case 0:
            end(world, one, PurchaseOrderState.REJECTED)
        case 1:
            with world.database.begin() as tx:
                view = purchase_orders.load(tx, one.purchase_order_id)
                declined = [DeclinedLine(ean=line.ean, quantity=1) for _, line in view.lines]
                withdrawals.keep_declined(tx, view, declined, now=START)
                purchase_orders.acknowledge(tx, view.id, now=START)
        case 2:
            with world.database.begin() as tx:
                purchase_orders.acknowledge(tx, one.purchase_order_id, now=START)
            end(world, one, PurchaseOrderState.CANCELLED)
        case 3:
            with world.database.begin() as tx:
                purchase_orders.acknowledge(tx, one.purchase_order_id, now=START)


def end(world: World, one: PurchaseOrderRequest, state: PurchaseOrderState) -> None:
    world.run(world.ends.end_purchase_order, PurchaseOrderEnding(**ref(one).model_dump(), ending=state))


def apply_feed(world: World, number: int) -> None:
    """Have a supplier's feed say something else of everything, in a file whose rows are in no order."""
    chance, at = random.Random(number), START + timedelta(seconds=number)
    supplier, rows = chance.choice(SUPPLIERS), chance.sample(HOT, len(HOT))
    with world.database.begin() as tx:
        given = {"supplier": supplier, "feed": "stock", "kind": "stock", "trigger": "schedule", "full": True}
        opened = feeds.open_run(tx, f"feed-{number}", **given, started_at=at)
        feeds.change(tx, opened.id, state=RunState.JUDGED, fields=["sku", "ean", "quantity"])
        for position, ean in enumerate(rows, 1):
            staged = {"run": opened.id, "at": position, "sku": f"{supplier}-{ean}", "ean": ean}
            tx.execute(text(STAGE), {**staged, "hash": number * 100 + position, "quantity": chance.randint(5, 40)})
    run = load(world, opened.id)
    with world.database.begin() as tx:
        for upto in feed_applying.boundaries(tx, run.id):
            Applier(Application(run=run, owned=frozenset(run.fields))).apply(tx, "", upto)
    with world.database.begin() as tx:
        reservations.take_in(tx, run, now=at)
        feeds.change(tx, run.id, state=RunState.APPLIED, ended_at=at)


def load(world: World, run_id: int) -> feeds.FeedRun:
    with world.database.begin() as tx:
        return feeds.load_run(tx, run_id)


def answer_live(world: World, number: int) -> None:
    chance = random.Random(number)
    at = START + timedelta(seconds=number)
    told = [
        Offer(supplier="bts", ean=ean, known=True, quantity=chance.randint(5, 40), observed_at=at)
        for ean in chance.sample(HOT, 3)
    ]
    with world.database.begin() as tx:
        offers.keep(tx, told)


def deadlocks(world: World) -> int:
    query = "SELECT deadlocks AS n FROM pg_stat_database WHERE datname = current_database()"
    return int(world.only(query)["n"])


def test_nobody_oversells_though_sixty_four_orders_are_planned_at_once(market: World) -> None:
    before = deadlocks(market)
    chance = random.Random(1)
    baskets = [(seed, sold(market, *basket(chance))) for seed in range(BUYERS * ORDERS)]
    with ThreadPoolExecutor(BUYERS + 1) as crowd:
        buying = [crowd.submit(buy, market, order, seed) for seed, order in baskets]
        number = 0
        while not all(one.done() for one in buying):
            number += 1
            apply_feed(market, number) if number % 3 else answer_live(market, number)
            assert drift(market) == []
        planned = sum(one.result() for one in buying)  # raises whatever a buyer met
    assert planned > BUYERS
    assert market.rows("SELECT 1 FROM offer_changes WHERE source LIKE 'feed:%'")
    assert market.rows("SELECT * FROM audit WHERE spare < 0") == []
    assert drift(market) == []
    for row in market.rows("SELECT id FROM orders WHERE ended_at IS NULL ORDER BY id"):
        market.run(market.orders.settle_order, OrderEnding(order_id=row["id"], channel="main"))
    assert market.rows("SELECT 1 FROM offers WHERE reserved <> 0") == []
    assert market.rows("SELECT 1 FROM reservations WHERE state IN ('held', 'consumed')") == []
    assert deadlocks(market) == before


def drift(world: World) -> list[reservation_drift.Drift]:
    with world.database.begin() as tx:
        return reservation_drift.find(tx)


def test_a_parcel_that_is_told_while_the_order_is_locked_waits_its_turn(world: World) -> None:
    order = world.placed(2)
    world.bts.status = SupplierOrderStatus(
        state=SupplierState.ACKNOWLEDGED, parcels=(TrackedParcel(tracking_number="T-1", carrier="GLS"),)
    )
    assert world.run(world.choosing.check_tracking, poll(order), at=START + 25 * HOUR).verdict is StepVerdict.PARTIAL
    with ThreadPoolExecutor(1) as other:
        with world.database.begin() as tx:
            orders.lock(tx, order.order_id)
            telling = other.submit(world.run, world.storefronts.fulfil, fulfil(order, complete=False))
            until_somebody_waits(world)
            submissions.lock(tx, order.purchase_order_id)  # in the other sequence this would be a deadlock
        telling.result(timeout=20)
    assert world.only("SELECT shipped FROM order_lines")["shipped"] == 2


def until_somebody_waits(world: World) -> None:
    deadline = time.monotonic() + 30
    while not world.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):
        assert time.monotonic() < deadline, "nobody waits for the order"
        time.sleep(0.02)
