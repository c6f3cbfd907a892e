"""What it takes to plan and reserve an order of ten lines: statements on our database, and milliseconds.

The real activity on a real PostgreSQL; the suppliers have no live stock, so that nothing but our own work is measured.
"""

import statistics
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event, text
from temporalio.testing import ActivityEnvironment

from activities.common import Dependencies
from activities.journal import CallJournal
from activities.orders import OrderActivities
from activities.outside import Outside
from adapters.database import configurations
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from adapters.plugin import Plugin
from models.configuration import Configuration
from models.contracts import PlanRequest, PlanVerdict
from models.suppliers import Capabilities, DoubtMeans

LINES, ARTICLES, SUPPLIERS = 10, 1_000, 5
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
_CAPABILITIES = Capabilities(
    live_rates=False,
    live_stock=False,
    doubt=DoubtMeans.KEY,
    cancel=False,
    line_level_shipments=True,
    test_orders=False,
)

_ORDERS = text("""
INSERT INTO orders (channel, storefront_order_id, name, state, currency, total, test, paid, ship_country, placed_at,
    storefront_updated_at, content_key, received_at)
SELECT 'main', n, '#' || n, 'open', 'EUR', 100, false, true, 'DE', :now, :now, n, :now
FROM generate_series(1, :orders) n
""")
_LINES = text("""
INSERT INTO order_lines (order_id, line_id, position, sku, variant_id, title, quantity, unit_price, requires_shipping, ean)
SELECT o.id, n, n, '', '', '', 1 + n % 3, 20, true, 'A' || ((o.id * 7 + n * 31) % :articles)
FROM orders o, generate_series(1, :lines) n
""")
_OFFERS = text("""
INSERT INTO offers (supplier, sku, ean, known, quantity, unit_cost, currency, observed_at)
SELECT 's' || s, 'S' || n, 'A' || n, true, 1000000, 8 + (n * s) % 7, 'EUR', :now
FROM generate_series(0, :articles - 1) n, generate_series(1, :suppliers) s
""")


class _Kept:
    """A supplier whose stock comes from feeds alone."""

    capabilities = _CAPABILITIES


def measure(database_url: str, orders: int = 300) -> dict[str, Any]:
    """Plan that many orders one after the other on a database that has our tables, and empty it first."""
    database = Database(database_url)
    try:
        activities = _prepare(database, orders)
        statements: list[str] = []
        event.listen(database.engine, "before_cursor_execute", lambda *seen: statements.append(seen[2]))
        seconds = [_plan(activities, order_id) for order_id in range(1, orders + 1)]
    finally:
        database.close()
    usual = seconds[len(seconds) // 10 :]  # the first ones load code and plans of statements
    return {
        "plan_reserve_statements": round(len(statements) / orders, 2),
        "plan_reserve_ms": round(statistics.median(usual) * 1000, 2),
    }


def _prepare(database: Database, orders: int) -> OrderActivities:
    supplier = {"adapter": "kept", "mode": "live", "metafield_namespace": "bench", "base_url": "http://localhost"}
    suppliers = {
        f"s{n}": {**supplier, "display_name": f"S{n}", "token_env": "NONE_NEEDED"} for n in range(1, SUPPLIERS + 1)
    }
    channel = {
        "shop_domain": "bench.example",
        "webhook_secret_env": "NONE_NEEDED",
        "token_env": "NONE_NEEDED",
        "mode": "live",
        "start_watermark": NOW,
    }
    configuration = Configuration.model_validate(
        {
            "channels": {"main": channel},
            "suppliers": suppliers,
            "routing": {"priority": list(suppliers), "choose": "cost", "weights": {"split": 3}},
            "mail": {"host": "localhost", "port": 25, "sender": "a@b.example", "alerts_to": "a@b.example"},
        }
    )
    with database.begin() as tx:
        tx.execute(text("TRUNCATE orders, offers, configurations RESTART IDENTITY CASCADE"))
        tx.execute(_ORDERS, {"orders": orders, "now": NOW})
        tx.execute(_LINES, {"articles": ARTICLES, "lines": LINES})
        tx.execute(_OFFERS, {"articles": ARTICLES, "suppliers": SUPPLIERS, "now": NOW})
        tx.execute(text("ANALYZE"))
    configurations.apply(database, configuration, by="bench", now=NOW)
    store = ConfigurationStore(database, max_age=3600)
    store.current()  # every process reads it once a second, not once an order
    journal = CallJournal(database)
    kept = Plugin(id="kept", group="suppliers", build=lambda **_: _Kept())
    outside = Outside(store, {"suppliers": {"kept": kept}}, lambda name: name, journal.sink)
    return OrderActivities(Dependencies(database=database, outside=outside, journal=journal))


def _plan(activities: OrderActivities, order_id: int) -> float:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=NOW, scheduled_time=NOW)
    begun = time.perf_counter()
    result = environment.run(activities.plan_order, PlanRequest(order_id=order_id, channel="main", plan_no=1))
    seconds = time.perf_counter() - begun
    if result.verdict is not PlanVerdict.PLANNED:
        raise RuntimeError(f"order {order_id} was not planned: {result.verdict}")
    return seconds
