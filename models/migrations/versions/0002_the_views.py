"""What may be sold: views over offers, orders and the newest configuration."""

from alembic import op

revision = "0002"
down_revision = "0001"

# Temporal's time where an activity has set it, else the database's own.
_NOW = "coalesce(nullif(current_setting('dropwright.now', true), '')::timestamptz, now())"
_NEWEST = "(SELECT document FROM configurations ORDER BY id DESC LIMIT 1)"
# Of a document that was stored before a setting existed. A day is 24 hours, whatever the clocks do.
_SPAN = "make_interval(secs => extract(epoch FROM coalesce(({})::interval, '{}'))::float)"

# Suppliers as the newest configuration has them. `place` is null for one that gets no orders.
_SUPPLY_TERMS = f"""
CREATE VIEW supply_terms AS
SELECT s.key AS supplier, p.place::int AS place,
    {_SPAN.format("s.value -> 'terms' ->> 'stock_promise'", "3 days")} AS stock_promise,
    {_SPAN.format("s.value -> 'terms' ->> 'stock_visible_after'", "0")} AS stock_visible_after
FROM {_NEWEST} c CROSS JOIN LATERAL jsonb_each(c.document -> 'suppliers') s
LEFT JOIN LATERAL (
    SELECT place FROM jsonb_array_elements_text(c.document -> 'routing' -> 'priority') WITH ORDINALITY p (name, place)
    WHERE p.name = s.key AND coalesce((s.value ->> 'enabled')::boolean, true)
) p ON true
"""  # noqa: S608 - constants of ours

# Feeds that tell of quantities, with when their source last spoke: the file's own time, else when it was asked. The
# same bytes again are as old as their file.
_SPEAKING_FEEDS = """
CREATE VIEW speaking_feeds AS
SELECT s.supplier, s.feed, (
    SELECT coalesce(r.source_time, r.started_at) FROM feed_runs r
    WHERE r.supplier = s.supplier AND r.feed = s.feed AND r.state IN ('applied', 'unchanged') ORDER BY r.id DESC LIMIT 1
) AS spoke_at
FROM feed_states s JOIN feed_runs a ON a.id = s.applied_run_id AND a.fields ? 'quantity'
"""

# Offers with what is kept back of them and what is left: `free` for one more order, `deliverable` in whole packs and
# not below the minimum. `confirmed_at` also knows of rows that a feed has brought again unchanged.
_OFFER_STOCK = f"""
CREATE VIEW offer_stock AS
WITH buffers AS MATERIALIZED (
    SELECT coalesce((b ->> 'units')::int, 0) AS units, coalesce((b ->> 'share')::numeric, 0) AS share,
        (SELECT array_agg(x) FROM jsonb_array_elements_text(b -> 'suppliers') x) AS suppliers,
        (SELECT array_agg(x) FROM jsonb_array_elements_text(b -> 'articles') x) AS articles,
        (SELECT array_agg(x) FROM jsonb_array_elements_text(b -> 'categories') x) AS categories
    FROM {_NEWEST} c CROSS JOIN LATERAL jsonb_array_elements(c.document -> 'stock' -> 'buffers') b
), speaking AS MATERIALIZED (SELECT * FROM speaking_feeds)
SELECT o.supplier, o.sku, o.ean, o.known, o.discontinued, o.quantity, o.reserved, k.buffer, f.free,
    CASE WHEN w.whole >= coalesce(o.minimum, 1) THEN w.whole ELSE 0 END AS deliverable,
    o.lead_days, o.available_on, o.unit_cost, o.currency, o.minimum, o.pack, o.restricted_countries,
    o.recommended_price, o.map_price, o.observed_at, greatest(o.observed_at, (
        SELECT max(s.spoke_at) FROM speaking s JOIN feed_rows r USING (supplier, feed)
        WHERE s.supplier = o.supplier AND r.sku = o.sku
    )) AS confirmed_at
FROM offers o
CROSS JOIN LATERAL (
    SELECT coalesce(max(greatest(b.units, ceil(b.share * greatest(o.quantity, 0)))), 0)::int AS buffer FROM buffers b
    WHERE (b.suppliers IS NULL OR o.supplier = ANY(b.suppliers)) AND (b.articles IS NULL OR o.ean = ANY(b.articles))
        AND (b.categories IS NULL OR EXISTS (
            SELECT 1 FROM supplier_articles a
            WHERE a.supplier = o.supplier AND a.sku = o.sku AND a.category = ANY(b.categories)
        ))
) k
CROSS JOIN LATERAL (SELECT greatest(o.quantity - k.buffer - o.reserved, 0) AS free) f
CROSS JOIN LATERAL (SELECT f.free - f.free % coalesce(o.pack, 1) AS whole) w
"""  # noqa: S608 - likewise

# Each channel's view of all offers. One is not usable that may not be ordered from, or that nobody has confirmed for
# longer than its supplier promised, or than the channel waits.
_SHELF_OFFERS = f"""
CREATE VIEW shelf_offers AS
WITH shelves AS MATERIALIZED (
    SELECT ch.key AS channel, t.supplier, {_NOW} - least(
        t.stock_promise, {_SPAN.format("ch.value -> 'publishing' ->> 'stale_after'", "3 days")}
    ) AS fresh_since
    FROM {_NEWEST} c CROSS JOIN LATERAL jsonb_each(c.document -> 'channels') ch
    CROSS JOIN supply_terms t WHERE t.place IS NOT NULL
), channels AS MATERIALIZED (
    SELECT ch.key AS channel FROM {_NEWEST} c CROSS JOIN LATERAL jsonb_each(c.document -> 'channels') ch
)
SELECT c.channel, o.*, o.known AND NOT o.discontinued
    AND coalesce(o.observed_at > s.fresh_since OR o.confirmed_at > s.fresh_since, false) AS usable
FROM channels c CROSS JOIN offer_stock o LEFT JOIN shelves s ON s.channel = c.channel AND s.supplier = o.supplier
"""  # noqa: S608 - likewise

# What one of each bundle is made of, bundles within bundles taken apart.
_BUNDLE_PARTS = f"""
CREATE VIEW bundle_parts AS
WITH RECURSIVE given AS MATERIALIZED (
    SELECT b.key AS article, p.key AS part, p.value::int AS per_unit
    FROM {_NEWEST} c CROSS JOIN LATERAL jsonb_each(c.document -> 'stock' -> 'bundles') b
    CROSS JOIN LATERAL jsonb_each_text(b.value) p
), taken_apart AS (
    SELECT * FROM given
    UNION ALL
    SELECT t.article, g.part, t.per_unit * g.per_unit FROM taken_apart t JOIN given g ON g.article = t.part
)
SELECT article, part, sum(per_unit)::bigint AS per_unit FROM taken_apart
WHERE part NOT IN (SELECT article FROM given) GROUP BY article, part
"""  # noqa: S608 - likewise

# Sold, and held of no offer yet: open orders' units without a reservation, and those of young orders that are not paid.
# Young: within the longest time for which any channel shows a word on stock.
_UNRESERVED = rf"""
CREATE VIEW unreserved AS
WITH parts AS MATERIALIZED (SELECT * FROM bundle_parts), waiting AS (
    SELECT l.order_id, l.line_id, upper(regexp_replace(coalesce(l.substitute_ean, m.ean, l.ean), '[\s\u200b-]+', '', 'g')) AS ean,
        l.quantity - l.shipped - l.cancelled - l.refunded AS units
    FROM orders o JOIN order_lines l ON l.order_id = o.id AND l.requires_shipping
    LEFT JOIN article_mappings m ON m.channel = o.channel AND m.variant_id = l.variant_id
    WHERE NOT o.test AND (o.state IN ('startable', 'open') OR (o.state IN ('stored', 'invalid') AND o.received_at > (
        SELECT {_NOW} - coalesce(max({_SPAN.format("ch.value -> 'publishing' ->> 'stale_after'", "3 days")}), '3 days')
        FROM {_NEWEST} c CROSS JOIN LATERAL jsonb_each(c.document -> 'channels') ch
    )))
), wanted AS (
    SELECT w.order_id, w.line_id, coalesce(b.part, w.ean) AS ean, w.units * coalesce(b.per_unit, 1) AS units
    FROM waiting w LEFT JOIN parts b ON b.article = w.ean WHERE w.units > 0
), held AS (
    SELECT p.order_id, r.line_id, r.ean, sum(least(r.quantity, l.quantity - l.shipped - l.declined)) AS units
    FROM purchase_orders p JOIN reservations r ON r.purchase_order_id = p.id
    JOIN purchase_order_lines l
        ON l.purchase_order_id = p.id AND l.line_id = r.line_id AND l.ean = r.ean
    WHERE p.ended_at IS NULL AND r.state IN ('held', 'consumed', 'taken_in')
        AND p.order_id IN (SELECT order_id FROM waiting)
    GROUP BY p.order_id, r.line_id, r.ean
)
SELECT ean, sum(units)::bigint AS units FROM (
    SELECT w.ean, greatest(w.units - coalesce(h.units, 0), 0) AS units
    FROM wanted w LEFT JOIN held h USING (order_id, line_id, ean)
) AS left_over WHERE ean <> '' GROUP BY ean HAVING sum(units) > 0
"""  # noqa: S608 - likewise

# What a channel shows of units that could be sold.
_SHOWN = """
CREATE FUNCTION shown_units(units bigint, publishing jsonb) RETURNS int LANGUAGE sql IMMUTABLE AS $$
SELECT least(
    greatest(
        units - coalesce((publishing ->> 'buffer')::int, 0)
            - ceil(units * coalesce((publishing ->> 'buffer_share')::numeric, 0)),
        0
    ),
    (publishing ->> 'max_quantity')::int, 2147483647
)::int
$$
"""

# The units behind each article and each part of a bundle, before what is sold is taken off.
_SHELF_PARTS = f"""
CREATE VIEW shelf_parts AS
SELECT channel, ean, ean AS part, 1::bigint AS per_unit, sum(deliverable) FILTER (WHERE usable) AS units
FROM shelf_offers o WHERE NOT EXISTS (SELECT 1 FROM bundle_parts b WHERE b.article = o.ean) GROUP BY channel, ean
UNION ALL
SELECT c.key, b.article, b.part, b.per_unit, (
    SELECT sum(o.deliverable) FILTER (WHERE o.usable) FROM shelf_offers o
    WHERE o.channel = c.key AND o.ean = b.part
)
FROM {_NEWEST} n CROSS JOIN LATERAL jsonb_each(n.document -> 'channels') c CROSS JOIN bundle_parts b
"""  # noqa: S608 - likewise

# What each channel may sell of each article that any of its suppliers offers.
_SELLABLE = f"""
CREATE VIEW sellable AS
WITH sold AS MATERIALIZED (SELECT * FROM unreserved), channels AS MATERIALIZED (
    SELECT ch.key AS channel, ch.value -> 'publishing' AS publishing
    FROM {_NEWEST} c CROSS JOIN LATERAL jsonb_each(c.document -> 'channels') ch
)
SELECT channel, p.ean, shown_units(
    min(greatest(coalesce(p.units, 0) - coalesce(s.units, 0), 0) / p.per_unit)::bigint, c.publishing
) AS units
FROM shelf_parts p JOIN channels c USING (channel) LEFT JOIN sold s ON s.ean = p.part
GROUP BY channel, p.ean, c.publishing
"""  # noqa: S608 - likewise

# Offers that have less than orders hold of them and no supplier has accepted yet. What is accepted may be off the
# supplier's figure already.
_SHORTFALLS = """
CREATE VIEW shortfalls AS
SELECT o.supplier, o.sku, o.ean, o.quantity, h.units AS promised, h.orders FROM (
    SELECT r.supplier, r.sku, sum(r.quantity)::int AS units, count(DISTINCT r.order_id)::int AS orders
    FROM reservations r JOIN purchase_orders p ON p.id = r.purchase_order_id
    WHERE r.state = 'held' AND p.submission <> 'placed' GROUP BY r.supplier, r.sku
) h JOIN offers o USING (supplier, sku) WHERE o.quantity < h.units
"""


def upgrade() -> None:
    for statement in (
        _SUPPLY_TERMS,
        _SPEAKING_FEEDS,
        _OFFER_STOCK,
        _SHELF_OFFERS,
        _BUNDLE_PARTS,
        _UNRESERVED,
        _SHOWN,
        _SHELF_PARTS,
        _SELLABLE,
        _SHORTFALLS,
    ):
        op.execute(statement)
