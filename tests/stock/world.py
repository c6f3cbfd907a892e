"""Offers, orders and what they reserve, on a real PostgreSQL without anything around it."""

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from adapters.database import purchase_orders, reservations, stock_views
from adapters.database.configurations import apply
from adapters.database.engine import Database, Transaction
from adapters.database.offers import keep
from adapters.database.reservations import Want
from models.configuration import Configuration
from models.statuses import PurchaseOrderState
from models.suppliers import Offer

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = 24 * HOUR
_ids = itertools.count(1)

_ORDER = """
INSERT INTO orders (channel, storefront_order_id, name, state, currency, total, test, paid, placed_at,
    storefront_updated_at, content_key, received_at)
VALUES (:channel, :key, :key, :state, 'EUR', 1, :test, true, :at, :at, '', :at) RETURNING id
"""
_LINE = """
INSERT INTO order_lines (order_id, line_id, position, sku, variant_id, title, quantity, unit_price, requires_shipping, ean)
VALUES (:order, :line, 1, '', '9', '', :quantity, 1, true, :ean)
"""
_PURCHASE_ORDER = """
INSERT INTO purchase_orders
    (order_id, plan_no, number, supplier, attempt, workflow_id, state, mode, test, submission)
VALUES (:order, 1, :number, :supplier, :attempt, :number, 'planned', 'live', false, 'ready') RETURNING id
"""
_PURCHASE_ORDER_LINE = """
INSERT INTO purchase_order_lines (purchase_order_id, line_id, ean, sku, per_unit, quantity)
VALUES (:id, :line, :ean, :sku, :per_unit, :units)
"""


class StockWorld:
    """A database with a configuration, and shorthands to bring things to where a test begins."""

    def __init__(self, url: str, *, connections: int = 10) -> None:
        """Use ``url``; nothing is emptied."""
        self.database = Database(url, pool_size=connections)
        self.document = _document()

    def empty(self) -> None:
        """Forget everything but the tables."""
        with self.database.begin() as tx:
            names = tx.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
            tx.execute(text(f"TRUNCATE {', '.join(name for name in names if name != 'alembic_version')} CASCADE"))
        self.configure()

    def configure(self, *, publishing: dict[str, Any] | None = None, **tables: Any) -> None:
        """Apply a configuration with these tables, and these settings of what the channel main shows."""
        self.document["channels"]["main"]["publishing"].update(publishing or {})
        self.document.update(tables)
        apply(self.database, Configuration.model_validate(self.document), by="test", now=NOW)

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        with self.database.begin() as tx:
            return [dict(row._mapping) for row in tx.execute(text(statement), values)]

    def execute(self, statement: str, **values: Any) -> None:
        with self.database.begin() as tx:
            tx.execute(text(statement), values)

    def do(self, step: Callable[..., Any], *args: Any, **values: Any) -> Any:
        """Run one function of the database in a transaction of its own."""
        with self.database.begin() as tx:
            return step(tx, *args, **values)

    def offer(self, ean: str, quantity: int, *, supplier: str = "bts", **more: Any) -> None:
        row = {"supplier": supplier, "sku": f"{supplier}-{ean}", "ean": ean, "known": True, "quantity": quantity}
        row |= {"currency": "EUR", "observed_at": NOW - HOUR, **more}
        names, places = ", ".join(row), ", ".join(f":{name}" for name in row)
        self.execute(f"INSERT INTO offers ({names}) VALUES ({places})", **row)

    def answer(self, ean: str, quantity: int, *, at: datetime, supplier: str = "bts") -> None:
        """Have a supplier say what it has, asked while an order is planned."""
        told = Offer(supplier=supplier, ean=ean, known=True, quantity=quantity, observed_at=at)
        self.do(keep, [told])

    def order(self, *lines: tuple[str, int], channel: str = "main", state: str = "open", **more: Any) -> int:
        """Let a customer order: (EAN, quantity) per line; lines are named 1, 2 and so on."""
        with self.database.begin() as tx:
            return order(tx, lines, channel=channel, state=state, **more)

    def buy(self, order_id: int, *parts: tuple[str, str, int], supplier: str = "bts", attempt: int = 1) -> int | None:
        """Order at a supplier: (line, EAN, units) per part. None where there is not enough."""
        wants = [Want(supplier, f"{supplier}-{ean}", ean, line, units) for line, ean, units in parts]
        with self.database.begin() as tx:
            bought = buy(tx, order_id, wants, attempt=attempt)
            if bought is None:
                tx.rollback()
            return bought

    def end(self, purchase_order_id: int, state: PurchaseOrderState, *, now: datetime = NOW) -> None:
        self.do(purchase_orders.end, purchase_order_id, state, now=now)

    def reserved(self, ean: str, *, supplier: str = "bts") -> int:
        [row] = self.rows("SELECT reserved FROM offers WHERE supplier = :s AND ean = :e", s=supplier, e=ean)
        return int(row["reserved"])

    def states(self) -> list[tuple[str, int]]:
        rows = self.rows("SELECT state, quantity FROM reservations ORDER BY id")
        return [(row["state"], row["quantity"]) for row in rows]

    def sellable(self, ean: str, *, channel: str = "main", at: datetime = NOW) -> int | None:
        with self.database.begin() as tx:
            stock_views.set_now(tx, at)
            query = text("SELECT units FROM sellable WHERE channel = :channel AND ean = :ean")
            return tx.execute(query, {"channel": channel, "ean": ean}).scalar()


def order(tx: Transaction, lines: Sequence[tuple[str, int]], *, channel: str, state: str, **more: Any) -> int:
    """Write an order with its lines."""
    given = {"channel": channel, "state": state, "key": f"{next(_ids)}-{id(tx)}", "test": False, "at": NOW, **more}
    order_id = int(tx.execute(text(_ORDER), given).scalar_one())
    for number, (ean, quantity) in enumerate(lines, 1):
        tx.execute(text(_LINE), {"order": order_id, "line": str(number), "quantity": quantity, "ean": ean})
    return order_id


def buy(
    tx: Transaction, order_id: int, wants: Sequence[Want], *, number: str = "", attempt: int = 1, at: datetime = NOW
) -> int | None:
    """Mint a purchase order of one supplier, and take what it holds as the transaction's last step."""
    number = number or f"DW-{order_id}-{wants[0].supplier}-{attempt}"
    named = {"order": order_id, "supplier": wants[0].supplier, "number": number, "attempt": attempt}
    bought = int(tx.execute(text(_PURCHASE_ORDER), named).scalar_one())
    units: dict[tuple[str, str, str], int] = {}
    for want in wants:
        key = (want.line_id, want.ean, want.sku)
        units[key] = units.get(key, 0) + want.units
    for (line, ean, sku), count in units.items():
        row = {"id": bought, "line": line, "ean": ean, "sku": sku, "per_unit": 1, "units": count}
        tx.execute(text(_PURCHASE_ORDER_LINE), row)
    held = [(bought, want) for want in wants]
    return bought if reservations.take(tx, order_id, held, now=at, expires_at=at + 7 * DAY) else None


def _document() -> dict[str, Any]:
    supplier = {
        "adapter": "recorded",
        "base_url": "http://supplier.example",
        "token_env": "SUPPLIER_TOKEN",
        "mode": "live",
        "metafield_namespace": "recorded",
    }
    channel = {
        "storefront": "recorded",
        "webhook_secret_env": "SHOP_SECRET",
        "token_env": "SHOP_TOKEN",
        "mode": "live",
        "start_watermark": "2020-01-01T00:00:00Z",
    }
    publishing = {"quantities": True, "location": "7"}
    return {
        "channels": {
            "main": {**channel, "shop_domain": "shop.planted.example", "publishing": publishing},
            "second": {**channel, "shop_domain": "second.planted.example"},
        },
        "suppliers": {
            "bts": {**supplier, "display_name": "BTSWholesaler"},
            "nova": {**supplier, "display_name": "Nova"},
            "away": {**supplier, "display_name": "Away", "enabled": False},
        },
        "routing": {"priority": ["bts", "nova", "away"]},
        "mail": {
            "host": "127.0.0.1",
            "port": 25,
            "sender": "shop@planted.example",
            "alerts_to": "operations@planted.example",
        },
    }
