"""Held costs: changes too large to count before a person, or a rule, said so.

While a cost is held, its offer keeps the old one, and ``feed_rows`` knows the supplier's row with the new one as read.
Approving writes the new cost and leaves that row known: the next feed that repeats it changes nothing. Other feeds of
the same supplier may hold an older word on the cost: their rows are forgotten, so that they are read once more. Where
the currency changed, the holding feed's row is forgotten too: its other prices were in the new currency.
Rejecting writes nothing but the decision; a row that repeats the rejected cost is not asked about again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from adapters.database import tasks
from adapters.database.engine import Transaction
from models.money import Money


@dataclass(frozen=True, slots=True)
class HeldCost:
    """A cost that waits for a decision, with what prices are made of."""

    id: int
    supplier: str
    sku: str  # the supplier's
    ean: str
    title: str
    brand: str
    category: str
    old: Money
    new: Money
    recommended: Money | None
    map_price: Money | None
    held_at: datetime

    @property
    def move(self) -> Decimal | None:
        """How far it moved: 0.5 is 50 % up. None between two currencies, and from 0."""
        if self.old.currency != self.new.currency or not self.old.amount:
            return None
        return self.new.amount / self.old.amount - 1


def task_key(supplier: str) -> str:
    """Name the one task about a supplier's held costs."""
    return f"costs:{supplier}"


_CHOSEN = """
    h.state = 'held' AND h.supplier = :supplier
    AND (CAST(:skus AS text[]) IS NULL OR h.sku = ANY (CAST(:skus AS text[])))
    AND (CAST(:max_move AS numeric) IS NULL OR (h.currency = h.old_currency AND h.old_cost > 0
        AND abs(h.new_cost - h.old_cost) <= CAST(:max_move AS numeric) * h.old_cost))
    AND (CAST(:brand AS text) IS NULL OR EXISTS (
        SELECT 1 FROM supplier_articles a WHERE a.supplier = h.supplier AND a.sku = h.sku
        AND lower(btrim(a.brand)) = lower(btrim(CAST(:brand AS text)))))
"""

# An offer whose cost somebody wrote since (an order's answer, a reconciliation) has a newer one than was held.
_APPROVE = text(f"""
WITH chosen AS (
    SELECT h.id, h.supplier, h.sku, h.new_cost, h.currency AS new_currency, h.old_currency, o.ean, o.quantity,
        o.unit_cost, o.currency, o.discontinued, r.feed, coalesce(r.source_time, h.held_at) AS told_at,
        (o.unit_cost, o.currency) IS NOT DISTINCT FROM (h.old_cost, h.old_currency) AS stands
    FROM cost_holds h JOIN offers o ON o.supplier = h.supplier AND o.sku = h.sku LEFT JOIN feed_runs r ON r.id = h.run_id
    WHERE {_CHOSEN}
    ORDER BY h.supplier, h.sku FOR UPDATE OF o, h
), written AS (
    UPDATE offers o SET unit_cost = c.new_cost, currency = c.new_currency,
        cost_observed_at = greatest(o.cost_observed_at, c.told_at)
    FROM chosen c WHERE c.stands AND o.supplier = c.supplier AND o.sku = c.sku
), remembered AS (
    INSERT INTO offer_changes (supplier, sku, until, quantity, unit_cost, currency, discontinued, source)
    SELECT supplier, sku, :now, quantity, unit_cost, currency, discontinued, :source FROM chosen WHERE stands
), forgotten AS (
    UPDATE feed_rows f SET hash = 0 FROM chosen c WHERE c.stands AND f.supplier = c.supplier AND f.sku = c.sku
        AND (f.feed IS DISTINCT FROM c.feed OR c.new_currency <> c.old_currency)
), shown AS (
    SELECT l.channel, l.variant_id FROM listings l WHERE l.ean IN (SELECT ean FROM chosen WHERE stands)
    ORDER BY l.channel, l.variant_id FOR UPDATE
), marked AS (
    UPDATE listings l SET dirty_since = :now FROM shown s WHERE l.channel = s.channel AND l.variant_id = s.variant_id
), decided AS (
    UPDATE cost_holds h SET state = CASE WHEN c.stands THEN 'approved' ELSE 'superseded' END,
        decided_by = :by, decided_at = :now FROM chosen c WHERE h.id = c.id
)
SELECT count(*) FILTER (WHERE stands) FROM chosen
""")  # noqa: S608 - only our own text is put together

_REJECT = text(f"""
UPDATE cost_holds h SET state = 'rejected', decided_by = :by, decided_at = :now WHERE {_CHOSEN}
""")  # noqa: S608

_HELD = text(f"""
SELECT h.id, h.supplier, h.sku, coalesce(o.ean, '') AS ean, coalesce(a.title, '') AS title,
    coalesce(a.brand, '') AS brand, coalesce(a.category, '') AS category, h.old_cost, h.old_currency, h.new_cost,
    h.currency, o.recommended_price, o.map_price, h.held_at
FROM cost_holds h JOIN offers o ON o.supplier = h.supplier AND o.sku = h.sku
LEFT JOIN supplier_articles a ON a.supplier = h.supplier AND a.sku = h.sku
WHERE {_CHOSEN}
ORDER BY abs(h.new_cost - h.old_cost) * greatest(o.quantity, 1) DESC, h.sku LIMIT :limit
""")  # noqa: S608


def approve(
    tx: Transaction,
    supplier: str,
    *,
    by: str,
    now: datetime,
    skus: Sequence[str] | None = None,
    brand: str | None = None,
    max_move: Decimal | None = None,
) -> int:
    """Let held costs count: all of a supplier's, or those that fit. Returns how many offers changed.

    The shops' listings of them are marked to be looked at; the supplier's task closes once nothing is held any more.
    ``max_move`` is a share: 0.6 takes those that moved by at most 60 %.
    """
    given = _given(supplier, skus, brand, max_move)
    approved = tx.execute(_APPROVE, {**given, "by": by, "now": now, "source": f"person:{by}"}).scalar_one()
    _close_task(tx, supplier, now)
    return int(approved)


def reject(
    tx: Transaction,
    supplier: str,
    *,
    by: str,
    now: datetime,
    skus: Sequence[str] | None = None,
    brand: str | None = None,
    max_move: Decimal | None = None,
) -> int:
    """Keep the old costs until the supplier sends others. Returns how many were rejected; chosen as by ``approve``."""
    rejected = tx.execute(_REJECT, {**_given(supplier, skus, brand, max_move), "by": by, "now": now}).rowcount
    _close_task(tx, supplier, now)
    return rejected


def held(
    tx: Transaction,
    supplier: str,
    *,
    skus: Sequence[str] | None = None,
    brand: str | None = None,
    max_move: Decimal | None = None,
    limit: int = 1000,
) -> list[HeldCost]:
    """List a supplier's held costs, those with the most money in stock first; chosen as by ``approve``."""
    rows = tx.execute(_HELD, {**_given(supplier, skus, brand, max_move), "limit": limit})
    return [_held_cost(row) for row in rows]


def count(tx: Transaction) -> dict[str, int]:
    """Count what is held, by supplier."""
    query = "SELECT supplier, count(*) AS held FROM cost_holds WHERE state = 'held' GROUP BY supplier ORDER BY supplier"
    return {row.supplier: row.held for row in tx.execute(text(query))}


def _given(supplier: str, skus: Sequence[str] | None, brand: str | None, max_move: Decimal | None) -> dict[str, Any]:
    chosen = None if skus is None else list(skus)
    return {"supplier": supplier, "skus": chosen, "brand": brand, "max_move": max_move}


def _close_task(tx: Transaction, supplier: str, now: datetime) -> None:
    if supplier not in count(tx):
        tasks.close_for(tx, task_key(supplier), answer="no cost is held any more", now=now)


def _held_cost(row: Any) -> HeldCost:
    def money(amount: Decimal | None, currency: str) -> Money | None:
        return None if amount is None else Money(amount=amount, currency=currency)

    return HeldCost(
        id=row.id,
        supplier=row.supplier,
        sku=row.sku,
        ean=row.ean,
        title=row.title,
        brand=row.brand,
        category=row.category,
        old=Money(amount=row.old_cost, currency=row.old_currency),
        new=Money(amount=row.new_cost, currency=row.currency),
        recommended=money(row.recommended_price, row.old_currency),
        map_price=money(row.map_price, row.old_currency),
        held_at=row.held_at,
    )
