"""What each shop has on sale, which of it must be looked at again, and the pools of offers behind it.

Whoever changes what a listing depends on writes ``dirty_since``, also where it is set already: the publisher locks a
batch of dirty listings, reads its pools and clears the mark in one transaction, so that a change is either read or waits
for that lock and marks the listing again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from adapters.database.engine import Transaction
from models.listings import Listing
from models.selling import PoolOffer, ShelfItem
from models.supply import Publishing

# As models.articles.normalise_ean does it.
_CODE = r"upper(regexp_replace({}, '[\s\u200b-]+', '', 'g'))"
SOLD_CODE = _CODE.format("coalesce(l.substitute_ean, m.ean, l.ean)")  # of an order's line l, with a person's mapping m

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

# In the order of PoolOffer's fields. An unchanged row of a feed leaves no trace in offers: that its feed has brought it
# again says how old its word is.
_POOLS = """
SELECT o.ean, o.supplier, o.sku, o.deliverable, o.known AND NOT o.discontinued
        AND coalesce(o.observed_at > f.since OR o.confirmed_at > f.since, false) AS usable,
    o.unit_cost, o.currency, o.lead_days, o.available_on, o.recommended_price, o.map_price,
    coalesce(a.brand, '') AS brand, coalesce(a.category, '') AS category
FROM offer_stock o LEFT JOIN supplier_articles a ON a.supplier = o.supplier AND a.sku = o.sku
LEFT JOIN unnest(CAST(:suppliers AS text[]), CAST(:since AS timestamptz[])) AS f (supplier, since)
    ON f.supplier = o.supplier
WHERE o.ean = ANY(:eans)
"""
_OFFERED = text(_POOLS)

# Both as the view `sellable` has it, with what is sold counted once for many batches. The second is for bundles; what
# the offers of an ordinary article come to is read along with them.
_FOR_SALE = text(f"""
SELECT p.*, shown_units(greatest(
    coalesce(sum(p.deliverable) FILTER (WHERE p.usable) OVER (PARTITION BY p.ean), 0) - coalesce(s.units, 0), 0
)::bigint, CAST(:publishing AS jsonb)) AS units
FROM ({_POOLS}) p LEFT JOIN unnest(CAST(:sold AS text[]), CAST(:sold_units AS bigint[])) AS s (ean, units) USING (ean)
""")  # noqa: S608 - constants of ours
_BUNDLED = text("""
SELECT p.ean, shown_units(
    min(greatest(coalesce(p.units, 0) - coalesce(s.units, 0), 0) / p.per_unit)::bigint, CAST(:publishing AS jsonb)
) AS units
FROM shelf_parts p
LEFT JOIN unnest(CAST(:sold AS text[]), CAST(:sold_units AS bigint[])) AS s (ean, units) ON s.ean = p.part
WHERE p.channel = :channel AND p.ean = ANY(:eans) GROUP BY p.ean
""")

_BUNDLES = text("SELECT article, array_agg(part ORDER BY part) AS parts FROM bundle_parts GROUP BY article")

_SOLD = text("SELECT ean, units FROM unreserved")

_CONFIRMED = text("""
SELECT s.supplier, s.feed, s.spoke_at, (
    SELECT coalesce(r.source_time, r.started_at) FROM feed_runs r
    WHERE r.supplier = s.supplier AND r.feed = s.feed AND r.state IN ('applied', 'unchanged')
        AND coalesce(r.ended_at, r.started_at) <= :looked_at ORDER BY r.id DESC LIMIT 1
) AS spoke_before
FROM speaking_feeds s WHERE s.spoke_at IS NOT NULL
""")


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
    return [QuantityFeed(row.supplier, row.feed, row.spoke_at, row.spoke_before) for row in rows]


def pools(tx: Transaction, eans: Sequence[str], fresh_since: Mapping[str, datetime]) -> Mapping[str, list[PoolOffer]]:
    """Read every supplier's offers of these articles.

    ``fresh_since`` is per supplier: its offer is not usable if nobody has confirmed it since then, nor if it has none.
    """
    found: defaultdict[str, list[PoolOffer]] = defaultdict(list)
    for ean, *offer in tx.execute(_OFFERED, _fresh(eans, fresh_since)).all():
        found[ean].append(PoolOffer._make(offer))
    return found


def for_sale(
    tx: Transaction,
    eans: Sequence[str],
    fresh_since: Mapping[str, datetime],
    sold: Mapping[str, int],
    publishing: Publishing,
) -> tuple[Mapping[str, list[PoolOffer]], dict[str, int]]:
    """Read the offers of these articles as ``pools`` does, and how many units a channel may sell of each.

    ``sold`` is what ``unreserved`` has counted. None of them is a bundle: see ``bundled``.
    """
    found: defaultdict[str, list[PoolOffer]] = defaultdict(list)
    units: dict[str, int] = {}
    values = _fresh(eans, fresh_since) | _less(sold, publishing)
    for ean, *offer, count in tx.execute(_FOR_SALE, values).all():
        found[ean].append(PoolOffer._make(offer))
        units[ean] = count
    return found, units


def bundled(
    tx: Transaction, channel: str, eans: Sequence[str], sold: Mapping[str, int], publishing: Publishing
) -> dict[str, int]:
    """Read how many units of these bundles a channel may sell."""
    rows = tx.execute(_BUNDLED, {"channel": channel, "eans": list(eans)} | _less(sold, publishing))
    return {row.ean: row.units for row in rows.all()}


def _fresh(eans: Sequence[str], fresh_since: Mapping[str, datetime]) -> dict[str, Any]:
    return {"eans": list(eans), "suppliers": list(fresh_since), "since": list(fresh_since.values())}


def _less(sold: Mapping[str, int], publishing: Publishing) -> dict[str, Any]:
    shown = publishing.model_dump_json(include={"buffer", "buffer_share", "max_quantity"})
    return {"publishing": shown, "sold": list(sold), "sold_units": list(sold.values())}


def bundles(tx: Transaction) -> dict[str, list[str]]:
    """List what each bundle is made of, bundles within bundles taken apart."""
    return {row.article: row.parts for row in tx.execute(_BUNDLES)}


def unreserved(tx: Transaction) -> dict[str, int]:
    """Count by article what customers of all channels have bought and no offer is held for yet."""
    return {row.ean: row.units for row in tx.execute(_SOLD)}
