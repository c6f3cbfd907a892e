"""Nobody oversells: many buyers, hot articles, bundles that share parts, and stock that changes meanwhile."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from adapters.database import reservation_drift
from models.statuses import PurchaseOrderState
from tests.stock.buyers import AUDIT, HOT, SUPPLIERS, Buyer, restock
from tests.stock.world import NOW, StockWorld

BUYERS = 64
PURCHASES = 25
ROOT = Path(__file__).parents[2]


@pytest.fixture
def market(database_url: str) -> StockWorld:
    """Two suppliers with a little of six articles, of which one unit each is kept back, and a watch over every commit."""
    world = StockWorld(database_url, connections=BUYERS)
    world.empty()
    world.configure(stock={"buffers": [{"units": 1}]})
    for supplier in SUPPLIERS:
        for ean in HOT:
            world.offer(ean, 40, supplier=supplier)
    with world.database.begin() as tx:
        tx.execute(text("DROP TRIGGER IF EXISTS spare_at_commit ON reservations"))
        tx.execute(text(AUDIT))
    return world


def settle(world: StockWorld) -> None:
    """End every purchase order, as their workflows would."""
    for row in world.rows("SELECT id FROM purchase_orders WHERE ended_at IS NULL ORDER BY id"):
        world.end(row["id"], PurchaseOrderState.CANCELLED)


def assert_nothing_was_oversold(world: StockWorld) -> None:
    assert world.rows("SELECT * FROM audit WHERE spare < 0") == []
    assert world.do(reservation_drift.find) == []


def test_sixty_four_buyers_get_what_is_there_and_no_more(market: StockWorld) -> None:
    buyers = [Buyer(market.database, seed, buffer=1) for seed in range(BUYERS)]

    def shop(buyer: Buyer) -> int:
        return sum(buyer.purchase() for _ in range(PURCHASES))

    with ThreadPoolExecutor(BUYERS + 2) as crowd:
        shopping = [crowd.submit(shop, buyer) for buyer in buyers]
        round_ = 0
        while not all(one.done() for one in shopping):
            round_ += 1
            restock(market.database, round_, at=NOW + timedelta(seconds=round_), live=round_ % 2 == 0)
        purchases = sum(one.result() for one in shopping)  # raises whatever a buyer met, a deadlock among it

    assert purchases > BUYERS
    assert_nothing_was_oversold(market)
    assert market.rows("SELECT count(*) FROM reservations")[0]["count"] >= purchases
    settle(market)
    assert {row["state"] for row in market.rows("SELECT DISTINCT state FROM reservations")} <= {"released", "taken_in"}
    assert market.rows("SELECT 1 FROM offers WHERE reserved <> 0") == []
    market.database.close()


def test_buyers_who_are_killed_leave_nothing_half_reserved(market: StockWorld) -> None:
    url = market.database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.stock.buyers", url]
    buying = [subprocess.Popen([*command, str(seed)], cwd=ROOT) for seed in range(3)]
    try:
        for victim, purchases in zip(buying, (10, 40, 70), strict=True):
            _wait_for(market, purchases)
            victim.kill()
            victim.wait()
    finally:
        for one in buying:
            one.kill()
            one.wait()

    assert_nothing_was_oversold(market)
    survivor = Buyer(market.database, 99, buffer=1)
    for seed in range(20):
        restock(market.database, seed, at=NOW + timedelta(hours=seed), live=False)
        survivor.purchase()
    assert survivor.bought, "no lock outlives the one who took it"
    settle(market)
    assert market.rows("SELECT 1 FROM offers WHERE reserved <> 0") == []
    market.database.close()


def _wait_for(world: StockWorld, purchases: int) -> None:
    until = time.monotonic() + 60
    while world.rows("SELECT count(*) FROM purchase_orders")[0]["count"] < purchases:
        assert time.monotonic() < until, "the buyers buy nothing"
        time.sleep(0.02)
