"""Standing offers: what each supplier was last known to have, and the history of what it said before."""

from collections.abc import Iterable

from sqlalchemy import text

from adapters.database.engine import Transaction
from models.suppliers import Offer

# What a supplier says while an order is planned is newer than its feeds. Only what differs is written: the old values
# go into the history, the row's feeds forget that they know it, and the shops' listings of it are looked at again, also
# where they were marked already: whoever publishes them now may have read what was there before. Where a supplier has
# the article under several SKUs, the one with most of it takes the answer, and no other is raised by it: the shops show
# their sum. A cost that waits for a person's word is not let in by an order. Units that our orders have taken, and that
# the answer must show already, count as reserved no longer.
_KEEP = text("""
WITH given AS (
    SELECT * FROM unnest(
        CAST(:suppliers AS text[]), CAST(:eans AS text[]), CAST(:known AS boolean[]), CAST(:quantities AS integer[]),
        CAST(:costs AS numeric[]), CAST(:currencies AS text[]), CAST(:times AS timestamptz[])
    ) AS given (supplier, ean, known, quantity, unit_cost, currency, observed_at)
), standing AS (
    SELECT o.supplier, o.sku, o.quantity, o.unit_cost, o.currency, o.discontinued, o.ean, g.observed_at AS new_time, n.*,
        r.outranked,
        (o.known, o.quantity, o.unit_cost, o.currency)
            IS DISTINCT FROM (n.new_known, n.new_quantity, n.new_cost, n.new_currency) AS differs
    FROM given g JOIN offers o ON o.supplier = g.supplier AND o.ean = g.ean AND o.observed_at < g.observed_at
    CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT 1 FROM offers b WHERE b.supplier = o.supplier AND b.ean = o.ean AND b.sku <> o.sku
                AND (b.discontinued, -b.quantity, b.sku) < (o.discontinued, -o.quantity, o.sku)
        ) AS outranked, EXISTS (
            SELECT 1 FROM cost_holds h WHERE h.supplier = o.supplier AND h.sku = o.sku AND h.state = 'held'
        ) AS held
    ) r
    CROSS JOIN LATERAL (
        SELECT g.known AND (o.known OR NOT r.outranked) AS new_known,
            CASE WHEN r.outranked THEN least(o.quantity, g.quantity) ELSE g.quantity END AS new_quantity,
            c.costed, CASE WHEN c.costed THEN g.unit_cost ELSE o.unit_cost END AS new_cost,
            CASE WHEN c.costed THEN g.currency ELSE o.currency END AS new_currency
        FROM (SELECT g.unit_cost IS NOT NULL AND NOT r.outranked AND NOT r.held AS costed) c
    ) n
    ORDER BY o.supplier, o.sku FOR UPDATE OF o
), taken_in AS (
    UPDATE reservations r SET state = 'taken_in', settled_at = s.new_time
    FROM standing s LEFT JOIN supply_terms t USING (supplier)
    WHERE r.supplier = s.supplier AND r.sku = s.sku AND r.state = 'consumed' AND NOT s.outranked
        AND r.consumed_at + coalesce(t.stock_visible_after, '0') <= s.new_time
    RETURNING r.supplier, r.sku, r.quantity
), gone AS (
    SELECT supplier, sku, sum(quantity)::int AS units FROM taken_in GROUP BY supplier, sku
), written AS (
    UPDATE offers o SET known = s.new_known, quantity = s.new_quantity, unit_cost = s.new_cost,
        currency = s.new_currency, observed_at = s.new_time, reserved = greatest(o.reserved - coalesce(g.units, 0), 0),
        cost_observed_at = CASE WHEN s.costed THEN s.new_time ELSE o.cost_observed_at END
    FROM standing s LEFT JOIN gone g USING (supplier, sku) WHERE o.supplier = s.supplier AND o.sku = s.sku
), remembered AS (
    INSERT INTO offer_changes (supplier, sku, until, quantity, unit_cost, currency, discontinued, source)
    SELECT supplier, sku, new_time, quantity, unit_cost, currency, discontinued, 'order' FROM standing WHERE differs
), forgotten AS (
    UPDATE feed_rows f SET hash = 0 FROM standing s
    WHERE s.differs AND f.supplier = s.supplier AND f.sku = s.sku AND f.hash <> 0
), shown AS (
    SELECT l.channel, l.variant_id FROM listings l WHERE l.ean IN (SELECT ean FROM standing WHERE differs)
    ORDER BY l.channel, l.variant_id FOR UPDATE
), dirty AS (
    UPDATE listings l SET dirty_since = clock_timestamp() FROM shown s
    WHERE l.channel = s.channel AND l.variant_id = s.variant_id
)
INSERT INTO offers (supplier, sku, ean, known, quantity, unit_cost, currency, observed_at, cost_observed_at)
SELECT g.supplier, g.ean, g.ean, g.known, g.quantity, g.unit_cost, g.currency, g.observed_at,
    CASE WHEN g.unit_cost IS NOT NULL THEN g.observed_at END
FROM given g WHERE NOT EXISTS (SELECT 1 FROM offers o WHERE o.supplier = g.supplier AND o.ean = g.ean)
ORDER BY g.supplier, g.ean
ON CONFLICT (supplier, sku) DO NOTHING
""")


def keep(tx: Transaction, answers: Iterable[Offer]) -> None:
    """Remember what suppliers just said, rows in key order so that two planners can't deadlock."""
    rows = sorted(answers, key=lambda offer: (offer.supplier, offer.ean))
    if rows:
        columns = {
            "suppliers": [offer.supplier for offer in rows],
            "eans": [offer.ean for offer in rows],
            "known": [offer.known for offer in rows],
            "quantities": [offer.quantity for offer in rows],
            "costs": [offer.unit_cost for offer in rows],
            "currencies": [offer.currency for offer in rows],
            "times": [offer.observed_at for offer in rows],
        }
        tx.execute(_KEEP, columns)
