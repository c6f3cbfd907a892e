"""What a reservation costs: on one hot article and over many, beside as many bare conditional updates in the same run.

Both sides are transactions of 16 threads on the same engine and table, in interleaved batches. Ours is what planning does
of it: write down which purchase order holds it, reserve, commit. The bare one takes a unit where there is one.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import text

from adapters.database import reservations
from adapters.database.engine import Database
from adapters.database.reservations import Want

THREADS = 16
BATCH = 1_500  # transactions
ROUNDS = 5
ARTICLES = 10_000
PLENTY = 1_000_000_000
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
Step = Callable[[int, str], None]  # a purchase order's id, and the article's number

_OFFERS = text("""
INSERT INTO offers (supplier, sku, ean, known, quantity, currency, observed_at)
SELECT supplier, 'S' || n, 'E' || n, true, :plenty, 'EUR', :now
FROM generate_series(0, :articles - 1) n, (VALUES ('ours'), ('bare')) AS s (supplier)
""")
_ORDERS = text("""
WITH made AS (
    INSERT INTO orders (channel, storefront_order_id, name, state, currency, total, test, paid, placed_at,
        storefront_updated_at, content_key, received_at)
    SELECT 'bench', n::text, n::text, 'open', 'EUR', 1, false, true, :now, :now, '', :now
    FROM generate_series(1, :count) n RETURNING id
)
INSERT INTO purchase_orders (order_id, plan_no, number, supplier, attempt, workflow_id, state, mode, test, submission)
SELECT id, 1, 'B' || id, 'ours', 1, 'B' || id, 'planned', 'live', false, 'ready' FROM made RETURNING id, order_id
""")
_BARE = text("UPDATE offers SET quantity = quantity - 1 WHERE supplier = 'bare' AND sku = :sku AND quantity >= 1")


def measure(database_url: str) -> dict[str, Any]:
    """Measure on an empty database that has our tables."""
    database = Database(database_url, pool_size=THREADS)
    try:
        with database.begin() as tx:
            tx.execute(_OFFERS, {"articles": ARTICLES, "plenty": PLENTY, "now": NOW})
            made = tx.execute(_ORDERS, {"count": 2 * BATCH * (ROUNDS + 1), "now": NOW}).all()
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        orders = {row.id: row.order_id for row in made}
        ids = sorted(orders)
        half = len(ids) // 2
        return _compare(database, orders, ids[:half], "hot") | _compare(database, orders, ids[half:], "spread")
    finally:
        database.close()


def _compare(database: Database, orders: dict[int, int], ids: Sequence[int], name: str) -> dict[str, Any]:
    def article(purchase_order: int) -> str:
        return "0" if name == "hot" else str(purchase_order * 7919 % ARTICLES)

    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    sides = {"ours": _reserving(database, orders), "bare": _taking(database)}
    for number in range(ROUNDS + 1):
        batch = ids[number * BATCH : (number + 1) * BATCH]
        for side in ("ours", "bare") if number % 2 else ("bare", "ours"):
            rate = _rate(sides[side], [(one, article(one)) for one in batch])
            if number:  # the first batches fill caches and open connections
                rates[side].append(rate)
    ratios = [ours / bare for ours, bare in zip(rates["ours"], rates["bare"], strict=True)]
    return {
        f"reserve_per_s_{name}": round(median(rates["ours"])),
        f"reserve_bare_per_s_{name}": round(median(rates["bare"])),
        f"reserve_ratio_{name}": round(median(ratios), 3),
    }


def _reserving(database: Database, orders: dict[int, int]) -> Step:
    def reserve(purchase_order: int, article: str) -> None:
        want = Want("ours", f"S{article}", f"E{article}", "1", 1)
        with database.begin() as tx:
            held = [(purchase_order, want)]
            expires_at = NOW + timedelta(days=7)
            assert reservations.take(tx, orders[purchase_order], held, now=NOW, expires_at=expires_at)

    return reserve


def _taking(database: Database) -> Step:
    def take(_purchase_order: int, article: str) -> None:
        with database.begin() as tx:
            assert tx.execute(_BARE, {"sku": f"S{article}"}).rowcount == 1

    return take


def _rate(step: Step, work: Sequence[tuple[int, str]]) -> float:
    with ThreadPoolExecutor(THREADS) as threads:
        begun = time.perf_counter()
        for _ in threads.map(lambda one: step(*one), work):
            pass
        return len(work) / (time.perf_counter() - begun)
