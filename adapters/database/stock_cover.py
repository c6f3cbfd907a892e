"""What sold lately, against what is there: the facts of the low-stock watch, and the reorders it proposed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import text

from adapters.database.engine import Transaction

_SOLD = text("""
WITH sold AS (
    SELECT l.ean, sum(l.quantity - l.cancelled - l.refunded)::int AS sold, min(l.sku) AS sku
    FROM order_lines l JOIN orders o ON o.id = l.order_id
    WHERE o.placed_at >= :since AND NOT o.test AND l.ean IS NOT NULL
    GROUP BY l.ean HAVING sum(l.quantity - l.cancelled - l.refunded) > 0
), pool AS (
    SELECT f.ean, sum(greatest(f.quantity - f.reserved, 0))::int AS available FROM offers f JOIN sold USING (ean)
    WHERE f.known AND NOT f.discontinued GROUP BY f.ean
)
SELECT sold.ean, sold.sku, sold.sold, coalesce(pool.available, 0) AS available, own.supplier, own.sku AS supplier_sku,
    own.minimum, own.pack
FROM sold LEFT JOIN pool USING (ean)
LEFT JOIN LATERAL (
    SELECT supplier, sku, minimum, pack FROM offers f
    WHERE f.ean = sold.ean AND f.supplier = ANY(CAST(:own AS text[]))
    ORDER BY array_position(CAST(:own AS text[]), f.supplier), f.sku LIMIT 1
) own ON true
ORDER BY sold.ean
""")

_PROPOSE = text("""
INSERT INTO reorder_proposals
    (supplier, sku, ean, quantity, sold_per_day, cover_days, proposed_at, state)
VALUES (:supplier, :sku, :ean, :quantity, :sold_per_day, :cover_days, :at, 'open')
ON CONFLICT (supplier, sku) WHERE state = 'open' DO UPDATE
SET quantity = excluded.quantity, sold_per_day = excluded.sold_per_day, cover_days = excluded.cover_days
""")


@dataclass(frozen=True)
class SoldArticle:
    """An article that sold in the window, its pool over all suppliers, and our own offer of it, if there is one."""

    ean: str
    sku: str
    sold: int
    available: int
    supplier: str | None
    supplier_sku: str | None
    minimum: int | None
    pack: int | None


@dataclass(frozen=True)
class ProposedReorder:
    """A proposal to refill our own stock."""

    supplier: str
    sku: str
    ean: str
    quantity: int
    sold_per_day: Decimal
    cover_days: Decimal


def sold_since(tx: Transaction, since: datetime, own: Sequence[str]) -> list[SoldArticle]:
    """List what was sold since then, with what is there of it."""
    rows = tx.execute(_SOLD, {"since": since, "own": list(own)})
    return [SoldArticle(**dict(row._mapping)) for row in rows]


def propose(tx: Transaction, reorders: Sequence[ProposedReorder], *, now: datetime) -> None:
    """Keep proposals; one that is still open is brought up to date."""
    if reorders:
        tx.execute(_PROPOSE, [{**vars(one), "at": now} for one in reorders])


def close_proposals(tx: Transaction, supplier: str, skus: Sequence[str], state: str) -> int:
    """Mark open proposals as done or dismissed; returns how many were open."""
    query = text(
        "UPDATE reorder_proposals SET state = :state WHERE supplier = :supplier AND sku = ANY(CAST(:skus AS text[])) "
        "AND state = 'open'"
    )
    return tx.execute(query, {"state": state, "supplier": supplier, "skus": list(skus)}).rowcount


def open_proposals(tx: Transaction) -> list[dict[str, object]]:
    """List the open proposals, the most urgent first."""
    query = text("SELECT * FROM reorder_proposals WHERE state = 'open' ORDER BY cover_days, supplier, sku")
    return [dict(row._mapping) for row in tx.execute(query)]
