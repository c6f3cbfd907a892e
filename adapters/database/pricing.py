"""Articles to be priced: what a shop has on sale, page by page.

The offers behind them are read as for publication, see adapters.database.listings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import text

from adapters.database.engine import Transaction


@dataclass(frozen=True, slots=True)
class Article:
    """Something on sale. ``shown`` is the price that the shop last confirmed."""

    key: str  # the variant, or the EAN where no shop's listings are known yet
    sku: str  # ours
    ean: str
    title: str
    shown: Decimal | None


_LISTED = "SELECT variant_id AS key, sku, coalesce(ean, '') AS ean, title, published_price AS shown FROM listings"
_PAGE = text(f"{_LISTED} WHERE channel = :channel AND variant_id > :after ORDER BY variant_id LIMIT :limit")
_FOUND = text(f"""{_LISTED} WHERE channel = :channel AND (sku = :name OR variant_id = :name OR ean = :ean
    OR ean IN (SELECT ean FROM offers WHERE sku = :name)) ORDER BY variant_id LIMIT 20""")  # noqa: S608 - only our own text is put together
_OFFERED = text("""
SELECT DISTINCT ON (o.ean) o.ean AS key, '' AS sku, o.ean, coalesce(a.title, '') AS title, NULL AS shown
FROM offers o LEFT JOIN supplier_articles a ON a.supplier = o.supplier AND a.sku = o.sku
WHERE o.ean > :after ORDER BY o.ean LIMIT :limit
""")
_OFFERED_AS = text("""
SELECT DISTINCT o.ean AS key, '' AS sku, o.ean, '' AS title, NULL AS shown
FROM offers o WHERE o.ean = :ean OR (o.sku = :name AND o.ean IS NOT NULL) LIMIT 20
""")


def count_listings(tx: Transaction, channel: str) -> int:
    """Count what a shop has on sale, as far as it is known."""
    return int(tx.execute(text("SELECT count(*) FROM listings WHERE channel = :c"), {"c": channel}).scalar_one())


def count_offered(tx: Transaction) -> int:
    """Count the articles that any supplier offers."""
    return int(tx.execute(text("SELECT count(DISTINCT ean) FROM offers")).scalar_one())


def listed(tx: Transaction, channel: str, *, after: str, limit: int) -> list[Article]:
    """Read the next articles that a shop has on sale, by variant; "" is before the first."""
    rows = tx.execute(_PAGE, {"channel": channel, "after": after, "limit": limit})
    return [Article(*row) for row in rows]


def offered(tx: Transaction, *, after: str, limit: int) -> list[Article]:
    """Read the next articles that suppliers offer, by EAN: for a shop of which nothing is known yet."""
    return [Article(*row) for row in tx.execute(_OFFERED, {"after": after, "limit": limit})]


def find(tx: Transaction, channel: str, name: str, ean: str) -> list[Article]:
    """Find what a shop sells by our SKU, the variant, the EAN or a supplier's SKU; else what suppliers offer so."""
    given = {"channel": channel, "name": name, "ean": ean}
    found = [Article(*row) for row in tx.execute(_FOUND, given)]
    return found or [Article(*row) for row in tx.execute(_OFFERED_AS, {"name": name, "ean": ean})]


def our_skus(tx: Transaction, channel: str, eans: Sequence[str]) -> dict[str, str]:
    """Say under which SKU a shop sells these articles; of several, one."""
    query = "SELECT ean, min(sku) AS sku FROM listings WHERE channel = :channel AND ean = ANY (:eans) GROUP BY ean"
    return {row.ean: row.sku for row in tx.execute(text(query), {"channel": channel, "eans": list(eans)})}
