"""What sells best of what a supplier offers: it is asked about more often than the rest."""

from datetime import datetime

from sqlalchemy import text

from adapters.database.engine import Transaction

# Two SKUs of one article have one answer between them: nobody could say whose it is, so they are left to other feeds.
_BEST = text("""
WITH sold AS (
    SELECT l.ean, sum(l.quantity - l.cancelled - l.refunded) AS units
    FROM order_lines l JOIN orders o ON o.id = l.order_id
    WHERE o.received_at >= :since AND NOT o.test AND l.ean IS NOT NULL GROUP BY l.ean
)
SELECT o.ean, min(o.sku) AS sku FROM sold JOIN offers o ON o.supplier = :supplier AND o.ean = sold.ean
WHERE sold.units > 0 AND NOT o.discontinued
GROUP BY o.ean, sold.units HAVING count(*) = 1 ORDER BY sold.units DESC, o.ean LIMIT :most
""")


def best_sellers(tx: Transaction, supplier: str, *, since: datetime, limit: int) -> list[tuple[str, str]]:
    """List (article code, supplier's SKU) of what sold since then, the best first."""
    return [(row.ean, row.sku) for row in tx.execute(_BEST, {"supplier": supplier, "since": since, "most": limit})]
