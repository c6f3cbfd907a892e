"""Where reservations do not agree with offers and open orders, and putting that right.

Only a defect, or a hand in the database, can lead there: so it is looked for daily, told of, and repaired on command.
"""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import text

from adapters.database.engine import Transaction

Kind = Literal["sum", "ended", "missing"]


class Drift(NamedTuple):
    """One disagreement: units that are reserved, and how many should be."""

    kind: Kind
    supplier: str
    sku: str
    number: str  # the purchase order's; empty for `sum`, which is about the offer
    reserved: int
    due: int


# What a purchase order that has shipped has consumed stays until its supplier's figure shows it. What an abandoned
# order's reservations were is known, so they are not missing.
_DRIFT = """
WITH sums AS (
    SELECT supplier, sku, sum(quantity)::int AS units FROM reservations
    WHERE state IN ('held', 'consumed') GROUP BY supplier, sku
), ended AS (
    SELECT r.id, r.supplier, r.sku, p.number, r.quantity FROM reservations r
    JOIN purchase_orders p ON p.id = r.purchase_order_id JOIN orders o ON o.id = r.order_id
    WHERE r.state IN ('held', 'consumed') AND (p.ended_at IS NOT NULL OR o.ended_at IS NOT NULL)
        AND NOT (r.state = 'consumed' AND p.state = 'shipped')
), missing AS (
    SELECT p.id AS purchase_order_id, p.order_id, p.number, p.acknowledged_at, p.supplier, l.sku, l.ean, l.line_id,
        coalesce(h.units, 0)::int AS units, l.quantity - l.shipped - l.declined AS due
    FROM purchase_orders p JOIN orders o ON o.id = p.order_id
    JOIN purchase_order_lines l ON l.purchase_order_id = p.id
    LEFT JOIN LATERAL (
        SELECT sum(r.quantity) AS units, bool_or(r.state = 'expired') AS expired FROM reservations r
        WHERE r.purchase_order_id = p.id AND r.line_id = l.line_id AND r.ean = l.ean AND r.state <> 'released'
    ) h ON true
    WHERE p.ended_at IS NULL AND o.ended_at IS NULL AND p.mode <> 'observe' AND NOT p.test AND h.expired IS NOT TRUE
        AND coalesce(h.units, 0) < l.quantity - l.shipped - l.declined
)
"""

_FIND = text(
    _DRIFT  # noqa: S608 - a constant of ours
    + """
SELECT 'sum' AS kind, supplier, sku, '' AS number, coalesce(o.reserved, 0), coalesce(s.units, 0)
FROM offers o FULL JOIN sums s USING (supplier, sku) WHERE coalesce(o.reserved, 0) <> coalesce(s.units, 0)
UNION ALL SELECT 'ended', supplier, sku, number, quantity, 0 FROM ended
UNION ALL SELECT 'missing', supplier, sku, number, units, due FROM missing
ORDER BY 1, 2, 3, 4
"""
)

_LOCK = text(
    _DRIFT  # noqa: S608 - likewise
    + """
SELECT count(*) FROM (
    SELECT 1 FROM offers o WHERE o.reserved <> 0 OR (o.supplier, o.sku) IN (
        SELECT supplier, sku FROM sums UNION ALL SELECT supplier, sku FROM missing
    ) ORDER BY o.supplier, o.sku FOR NO KEY UPDATE
) locked
"""
)

_RELEASE = text(
    _DRIFT
    + """
UPDATE reservations r SET state = 'released', settled_at = :now FROM ended e
WHERE r.id = e.id AND r.state IN ('held', 'consumed')
"""
)

_HOLD = text(
    _DRIFT
    + """
INSERT INTO reservations (supplier, sku, ean, order_id, purchase_order_id, line_id, quantity, state, made_at,
    expires_at, consumed_at)
SELECT supplier, sku, ean, order_id, purchase_order_id, line_id, due - units,
    CASE WHEN acknowledged_at IS NULL THEN 'held' ELSE 'consumed' END, :now, :expires_at, acknowledged_at
FROM missing
"""
)

_SUM = text("""
UPDATE offers o SET reserved = coalesce(s.units, 0) FROM offers f LEFT JOIN (
    SELECT supplier, sku, sum(quantity)::int AS units FROM reservations
    WHERE state IN ('held', 'consumed') GROUP BY supplier, sku
) s USING (supplier, sku)
WHERE o.supplier = f.supplier AND o.sku = f.sku AND f.reserved <> coalesce(s.units, 0)
""")


def find(tx: Transaction) -> list[Drift]:
    """List what does not agree."""
    return [Drift._make(row) for row in tx.execute(_FIND).all()]


def recompute(tx: Transaction, *, now: datetime, kept: timedelta) -> list[Drift]:
    """Put everything right, and return what was wrong.

    What has ended is released, what is missing is reserved also where nothing is left, and the sums are made anew. Nobody
    reserves or releases meanwhile: the offers are locked first. ``kept`` is how long an abandoned order keeps what is
    reserved now.
    """
    tx.execute(_LOCK)
    found = find(tx)
    tx.execute(_RELEASE, {"now": now})
    tx.execute(_HOLD, {"now": now, "expires_at": now + kept})
    tx.execute(_SUM)
    return found
