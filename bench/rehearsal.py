"""A month of orders replayed under two sets of rules, as ``dropwright rehearse`` does it.

Five suppliers offer each of 2,000 articles, and every offer has changed twenty times in the month. Alone:
``python -m bench.rehearsal --orders 10000 --html report.html``.
"""

import argparse
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from adapters.database import configurations
from adapters.database.engine import Database
from adapters.database.migrate import upgrade
from models.configuration import Configuration
from starter.places import run_directory
from starter.postgres import embedded_postgres
from starter.rehearsal.page import page
from starter.rehearsal.replay import Rehearsal, default_workers, orders_of, rehearse
from starter.rehearsal.shape import shape_of

ARTICLES, SUPPLIERS, CHANGES, DAYS = 2_000, 5, 20, 30
NAMES = [f"supplier-{number}" for number in range(1, SUPPLIERS + 1)]
BEFORE = {"priority": NAMES, "choose": "cost", "split_lines": False, "weights": {"split": "2"}}
HEAVY = {"name": "heavy", "when": {"kg_from": "2"}, "exclude": ["supplier-2"]}
AFTER = {**BEFORE, "weights": {"split": "0.5", "day": "0.3"}, "rules": [HEAVY]}
_TABLES = "offers, offer_changes, supplier_articles, orders, scorecards, exchange_rates"

_OFFERS = """
INSERT INTO offers (supplier, sku, ean, known, quantity, unit_cost, currency, lead_days, observed_at)
SELECT 'supplier-' || s, 'S' || s || '-' || a, '40000000' || lpad(a::text, 5, '0'), true, (a * 7 + s * 13) % 60,
    3 + (a * 31 + s * 17) % 900 / 10.0, 'EUR', (a + s) % 4, :now
FROM generate_series(1, :articles) a, generate_series(1, :suppliers) s
"""
_CHANGES = """
INSERT INTO offer_changes (supplier, sku, until, quantity, unit_cost, currency, discontinued, source)
SELECT supplier, sku, :now - make_interval(hours => n * 36), (quantity + n * 5) % 60, unit_cost * (1 + n / 200.0),
    currency, false, 'bench' FROM offers, generate_series(1, :changes) n
"""
_ORDERS = """
INSERT INTO orders (channel, storefront_order_id, name, state, currency, total, test, paid, ship_country, placed_at,
    storefront_updated_at, content_key, received_at)
SELECT 'main', (7000000 + n)::text, '#' || n, 'shipped', 'EUR', 50, false, true,
    (ARRAY['DE', 'ES', 'FR', 'IT'])[1 + n % 4], :now - make_interval(secs => n * 86400.0 * :days / :orders), :now, '', :now
FROM generate_series(1, :orders) n
"""
_LINES = """
INSERT INTO order_lines (order_id, line_id, position, sku, variant_id, title, quantity, unit_price, grams,
    requires_shipping, ean)
SELECT o.id, l::text, l, 'A', 'V', 'An article', 1 + (o.id + l) % 3, 20 + (o.id * 13 + l * 7) % 90, 300, true,
    '40000000' || lpad((1 + (o.id * 97 + l * 389) % :articles)::text, 5, '0')
FROM orders o, generate_series(1, 4) l WHERE l <= 1 + o.id % 4
"""


def configuration(routing: dict[str, Any]) -> Configuration:
    """Five suppliers with shipping tables and cut-offs, under these rules."""
    return Configuration.model_validate(
        {
            "channels": {
                "main": {
                    "shop_domain": "shop.example",
                    "webhook_secret_env": "SHOP_SECRET",
                    "token_env": "SHOP_TOKEN",
                    "start_watermark": "2026-01-01T00:00:00Z",
                }
            },
            "suppliers": {name: _supplier(number) for number, name in enumerate(NAMES)},
            "routing": routing,
            "mail": {
                "host": "127.0.0.1",
                "port": 25,
                "sender": "shop@shop.example",
                "alerts_to": "ops@shop.example",
            },
        }
    )


def _supplier(number: int) -> dict[str, Any]:
    shipping = [
        {"countries": ["DE", "ES"], "up_to_kg": "2", "cost": f"{3 + number}.5", "days": 2},
        {"cost": f"{6 + number}.9", "per_kg": "0.8", "days": 4},
    ]
    return {
        "adapter": "btswholesaler",
        "display_name": f"Supplier {number + 1}",
        "base_url": "http://127.0.0.1:9",
        "token_env": "BENCH_TOKEN",
        "metafield_namespace": "bench",
        "terms": {"shipping": shipping, "handling_days": number % 2, "calendar": {"cut_off": "14:00:00"}},
    }


def seed(database: Database, orders: int, now: datetime) -> None:
    """Empty what a rehearsal reads, and fill it with a month."""
    values = {
        "now": now,
        "articles": ARTICLES,
        "suppliers": SUPPLIERS,
        "changes": CHANGES,
        "orders": orders,
        "days": DAYS,
    }
    with database.begin() as tx:
        tx.execute(text(f"TRUNCATE {_TABLES} CASCADE"))
        for statement in (_OFFERS, _CHANGES, _ORDERS, _LINES):
            tx.execute(text(statement), values)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    configurations.apply(database, configuration(BEFORE), by="bench", now=now)


def measure(database_url: str, orders: int = 10_000, html: Path | None = None) -> dict[str, Any]:
    """Measure a rehearsal on a database that has our tables; whatever it holds of offers and orders is emptied."""
    database = Database(database_url, pool_size=2)
    try:
        now = datetime.now(UTC)
        seed(database, orders, now)
        since = now - timedelta(days=DAYS + 1)
        rehearsal = Rehearsal(configuration(BEFORE), configuration(AFTER), since, now)
        begun = time.perf_counter()
        ids = orders_of(database, rehearsal)
        tally = rehearse(database, rehearsal, ids, workers=default_workers())
        seconds = time.perf_counter() - begun
    finally:
        database.close()
    written = page(shape_of(rehearsal, tally, rules="new.toml", down=()))
    if html is not None:
        html.write_text(written, "utf-8")
    return {
        "rehearse_orders": tally.orders,
        "rehearse_seconds": round(seconds, 2),
        "rehearse_orders_per_s": round(tally.orders / seconds, 1),
        "rehearse_page_kb": round(len(written.encode()) / 1000, 1),
    }


def main() -> int:
    """Measure alone, and print JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.rehearsal", description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--html", type=Path, help="keep the page")
    options = parser.parse_args()
    with run_directory("bench") as workdir, embedded_postgres(workdir / "postgres", print) as server:
        upgrade(server.url)
        print(json.dumps(measure(server.url, options.orders, options.html), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
