"""What each shop has on sale, which of it must be looked at again, and the pools of offers behind it.

Whoever changes what a listing depends on writes ``dirty_since``, also where it is set already: the publisher locks a
batch of dirty listings, reads its pools and clears the mark in one transaction, so that a change is either read or waits
for that lock and marks the listing again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from adapters.database.engine import Transaction
from models.listings import Listing
from models.selling import PoolOffer, ShelfItem

# As models.articles.normalise_ean does it.
_CODE = r"upper(regexp_replace({}, '[\s\u200b-]+', '', 'g'))"
SOLD_CODE = _CODE.format("coalesce(m.ean, l.ean)")  # of an order's line l, with a person's mapping m

_KEEP = text("""
WITH given AS (
    SELECT DISTINCT ON (variant_id) * FROM unnest(
        CAST(:variants AS text[]), CAST(:products AS text[]), CAST(:items AS text[]), CAST(:skus AS text[]),
        CAST(:eans AS text[]), CAST(:titles AS text[]), CAST(:tracked AS boolean[])
    ) AS given (variant_id, product_id, inventory_item_id, sku, barcode, title, tracked)
), named AS (
    SELECT g.*, coalesce(m.ean, nullif(g.barcode, '')) AS ean FROM given g
    LEFT JOIN article_mappings m ON m.channel = :channel AND m.variant_id = g.variant_id
    ORDER BY g.variant_id
), ours AS (
    INSERT INTO articles (sku, ean, title, seen_at)
    SELECT DISTINCT ON (sku) sku, ean, title, CAST(:seen_at AS timestamptz) FROM named WHERE sku <> ''
    ORDER BY sku, variant_id
    ON CONFLICT (sku) DO UPDATE SET ean = excluded.ean, title = excluded.title, seen_at = excluded.seen_at
)
INSERT INTO listings (channel, variant_id, product_id, inventory_item_id, sku, ean, title, tracked, seen_at, dirty_since)
SELECT :channel, variant_id, product_id, inventory_item_id, sku, ean, title, tracked, :seen_at, :seen_at FROM named
ON CONFLICT (channel, variant_id) DO UPDATE SET product_id = excluded.product_id,
    inventory_item_id = excluded.inventory_item_id, sku = excluded.sku, ean = excluded.ean, title = excluded.title,
    tracked = excluded.tracked, seen_at = greatest(listings.seen_at, excluded.seen_at),
    dirty_since = CASE
        WHEN (listings.ean, listings.tracked, listings.inventory_item_id)
            IS DISTINCT FROM (excluded.ean, excluded.tracked, excluded.inventory_item_id) THEN excluded.dirty_since
        ELSE listings.dirty_since
    END
""")

_FORGET = text("DELETE FROM listings WHERE channel = :channel AND seen_at < :before")

_DIRTY = text("""
SELECT variant_id, product_id, inventory_item_id, sku, coalesce(ean, '') AS ean, tracked,
    published_quantity, published_price, published_words
FROM listings WHERE channel = :channel AND dirty_since IS NOT NULL AND variant_id > :after
ORDER BY variant_id LIMIT :limit FOR UPDATE SKIP LOCKED
""")

_CLEAN = text("UPDATE listings SET dirty_since = NULL WHERE channel = :channel AND variant_id = ANY(:variants)")

# An unchanged row of a feed leaves no trace in offers: that its feed has brought it again says how old its word is.
_FRESH = """(o.observed_at > :fresh_since OR EXISTS (
    SELECT 1 FROM unnest(CAST(:suppliers AS text[]), CAST(:feeds AS text[])) AS f (supplier, feed)
    JOIN feed_rows r ON r.supplier = f.supplier AND r.feed = f.feed AND r.sku = o.sku WHERE f.supplier = o.supplier
))"""

# In the order of PoolOffer's fields.
_POOLS = text(f"""
SELECT o.ean, o.supplier, o.sku, o.quantity, o.known AND NOT o.discontinued AND {_FRESH}, o.unit_cost, o.currency,
    o.lead_days, o.available_on, o.minimum, o.pack, o.recommended_price, o.map_price,
    coalesce(a.brand, ''), coalesce(a.category, '')
FROM offers o LEFT JOIN supplier_articles a ON a.supplier = o.supplier AND a.sku = o.sku
WHERE o.ean = ANY(:eans)
""")  # noqa: S608 - constants of ours

# Feeds that tell of quantities, with when their source last spoke: the file's own time, else when it was asked. The
# same bytes again are as old as their file.
_CONFIRMED = text("""
SELECT s.supplier, s.feed, runs.at, before.at AS before
FROM feed_states s
JOIN feed_runs applied ON applied.id = s.applied_run_id AND applied.fields ? 'quantity'
CROSS JOIN LATERAL (
    SELECT coalesce(r.source_time, r.started_at) AS at FROM feed_runs r
    WHERE r.supplier = s.supplier AND r.feed = s.feed AND r.state IN ('applied', 'unchanged') ORDER BY r.id DESC LIMIT 1
) runs
LEFT JOIN LATERAL (
    SELECT coalesce(r.source_time, r.started_at) AS at FROM feed_runs r
    WHERE r.supplier = s.supplier AND r.feed = s.feed AND r.state IN ('applied', 'unchanged')
        AND coalesce(r.ended_at, r.started_at) <= :looked_at ORDER BY r.id DESC LIMIT 1
) before ON true
""")

_DEMAND = text(f"""
WITH waiting AS (
    SELECT l.order_id, l.line_id, {SOLD_CODE} AS ean, l.quantity - l.shipped - l.cancelled - l.refunded AS units
    FROM orders o JOIN order_lines l ON l.order_id = o.id AND l.requires_shipping
    LEFT JOIN article_mappings m ON m.channel = o.channel AND m.variant_id = l.variant_id
    WHERE NOT o.test AND (
        o.state IN ('startable', 'open') OR (o.state IN ('stored', 'invalid') AND o.received_at > :since)
    )
), taken AS (
    SELECT p.order_id, l.line_id, sum(l.quantity - l.shipped) AS units
    FROM purchase_orders p JOIN purchase_order_lines l ON l.purchase_order_id = p.id
    WHERE p.submission = 'placed' AND p.state IN ('placed', 'acknowledged')
        AND p.order_id IN (SELECT order_id FROM waiting)
    GROUP BY p.order_id, l.line_id
), told AS (
    SELECT * FROM unnest(CAST(:suppliers AS text[]), CAST(:feeds AS text[]), CAST(:times AS timestamptz[]))
        AS told (supplier, feed, at)
), unheard AS (
    SELECT {_CODE.format("l.ean")} AS ean, l.quantity AS units
    FROM purchase_orders p JOIN purchase_order_lines l ON l.purchase_order_id = p.id
    WHERE p.submission = 'placed' AND p.state IN ('placed', 'acknowledged', 'shipped') AND NOT p.test
        AND p.confirmed_at > :since
        AND NOT EXISTS (
            SELECT 1 FROM offers o
            LEFT JOIN feed_rows r ON r.supplier = o.supplier AND r.sku = o.sku
            LEFT JOIN told t ON t.supplier = r.supplier AND t.feed = r.feed
            WHERE o.supplier = p.supplier AND o.ean = l.ean AND greatest(o.observed_at, t.at) >= p.confirmed_at
        )
)
SELECT ean, sum(units) AS units FROM (
    SELECT w.ean, greatest(w.units - coalesce(t.units, 0), 0) AS units
    FROM waiting w LEFT JOIN taken t USING (order_id, line_id)
    UNION ALL SELECT ean, units FROM unheard
) AS wanted WHERE ean <> '' GROUP BY ean HAVING sum(units) > 0
""")  # noqa: S608 - likewise


@dataclass(frozen=True)
class QuantityFeed:
    """A feed that tells of quantities: when its source last spoke, and when it had as of the last look."""

    supplier: str
    feed: str
    spoke_at: datetime
    spoke_before: datetime | None


def keep(tx: Transaction, channel: str, page: Sequence[Listing], eans: Sequence[str], *, seen_at: datetime) -> None:
    """Take in a page of what the shop has on sale. ``eans`` are the barcodes, normalised; a person's mapping beats them."""
    values = {
        "channel": channel,
        "variants": [one.variant_id for one in page],
        "products": [one.product_id for one in page],
        "items": [one.inventory_item_id for one in page],
        "skus": [one.sku for one in page],
        "eans": list(eans),
        "titles": [one.title for one in page],
        "tracked": [one.tracked for one in page],
        "seen_at": seen_at,
    }
    tx.execute(_KEEP, values)


def forget_unseen(tx: Transaction, channel: str, *, before: datetime) -> int:
    """Drop the listings that a whole walk, begun then, has not met."""
    return tx.execute(_FORGET, {"channel": channel, "before": before}).rowcount


def any_known(tx: Transaction, channel: str) -> bool:
    """Say whether anything is known of what the shop has on sale."""
    return bool(
        tx.execute(text("SELECT 1 FROM listings WHERE channel = :channel LIMIT 1"), {"channel": channel}).scalar()
    )


def lock_dirty(tx: Transaction, channel: str, *, after: str, limit: int) -> list[ShelfItem]:
    """Take the next dirty listings by variant; those that somebody is just writing stay dirty for the next look."""
    rows = tx.execute(_DIRTY, {"channel": channel, "after": after, "limit": limit})
    return [ShelfItem._make(row) for row in rows.all()]


def mark_clean(tx: Transaction, channel: str, variant_ids: Sequence[str]) -> None:
    """Take the marks off locked listings whose pools have been read."""
    tx.execute(_CLEAN, {"channel": channel, "variants": list(variant_ids)})


def quantity_feeds(tx: Transaction, *, looked_at: datetime | None) -> list[QuantityFeed]:
    """List the feeds that tell of quantities and when each last did."""
    rows = tx.execute(_CONFIRMED, {"looked_at": looked_at})
    return [QuantityFeed(row.supplier, row.feed, row.at, row.before) for row in rows]


def pools(
    tx: Transaction, eans: Sequence[str], feeds: Sequence[QuantityFeed], *, fresh_since: datetime
) -> Mapping[str, list[PoolOffer]]:
    """Read every supplier's offers of these articles. One that nobody has confirmed since then is not usable."""
    speaking = [feed for feed in feeds if feed.spoke_at > fresh_since]
    values = {
        "eans": list(eans),
        "fresh_since": fresh_since,
        "suppliers": [feed.supplier for feed in speaking],
        "feeds": [feed.feed for feed in speaking],
    }
    found: defaultdict[str, list[PoolOffer]] = defaultdict(list)
    for ean, *offer in tx.execute(_POOLS, values).all():
        found[ean].append(PoolOffer._make(offer))
    return found


def open_demand(tx: Transaction, feeds: Sequence[QuantityFeed], *, since: datetime) -> dict[str, int]:
    """Count by article what customers of all channels have bought and no supplier's quantity shows yet.

    That is what is open, or young and unpaid, and not ordered at a supplier; and what was ordered (after ``since``) but
    later than the supplier last spoke of its stock. Reservations will take this function's place.
    """
    values = {
        "suppliers": [feed.supplier for feed in feeds],
        "feeds": [feed.feed for feed in feeds],
        "times": [feed.spoke_at for feed in feeds],
        "since": since,
    }
    return {row.ean: int(row.units) for row in tx.execute(_DEMAND, values)}
