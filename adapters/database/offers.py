"""Standing offers: what each supplier was last known to have, and the history of what it said before."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select, text

from adapters.database.engine import Transaction
from models.suppliers import Offer
from models.supply_tables import offers

# What a supplier says while an order is planned is newer than its feeds. Only what differs is written: the old values
# go into the history, the row's feeds forget that they know it, and the shops' listings of it are looked at again.
_KEEP = text("""
WITH given AS (
    SELECT * FROM unnest(
        CAST(:suppliers AS text[]), CAST(:eans AS text[]), CAST(:known AS boolean[]), CAST(:quantities AS integer[]),
        CAST(:costs AS numeric[]), CAST(:currencies AS text[]), CAST(:times AS timestamptz[])
    ) AS given (supplier, ean, known, quantity, unit_cost, currency, observed_at)
), standing AS (
    SELECT o.supplier, o.sku, o.quantity, o.unit_cost, o.currency, o.discontinued, g.known AS new_known,
        g.quantity AS new_quantity, coalesce(g.unit_cost, o.unit_cost) AS new_cost, g.currency AS new_currency,
        g.observed_at AS new_time, o.ean,
        (o.known, o.quantity, o.unit_cost, o.currency)
            IS DISTINCT FROM (g.known, g.quantity, coalesce(g.unit_cost, o.unit_cost), g.currency) AS differs
    FROM given g JOIN offers o ON o.supplier = g.supplier AND o.ean = g.ean AND o.observed_at < g.observed_at
    ORDER BY o.supplier, o.sku FOR UPDATE OF o
), written AS (
    UPDATE offers o SET known = s.new_known, quantity = s.new_quantity, unit_cost = s.new_cost,
        currency = s.new_currency, observed_at = s.new_time
    FROM standing s WHERE o.supplier = s.supplier AND o.sku = s.sku
), remembered AS (
    INSERT INTO offer_changes (supplier, sku, until, quantity, unit_cost, currency, discontinued, source)
    SELECT supplier, sku, new_time, quantity, unit_cost, currency, discontinued, 'order' FROM standing WHERE differs
), forgotten AS (
    DELETE FROM feed_rows f USING standing s WHERE s.differs AND f.supplier = s.supplier AND f.sku = s.sku
), shown AS (
    UPDATE listings l SET dirty_since = s.new_time FROM standing s
    WHERE s.differs AND l.ean = s.ean AND l.dirty_since IS NULL
)
INSERT INTO offers (supplier, sku, ean, known, quantity, unit_cost, currency, observed_at)
SELECT g.supplier, g.ean, g.ean, g.known, g.quantity, g.unit_cost, g.currency, g.observed_at
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


def kept(tx: Transaction, supplier: str, eans: Sequence[str]) -> list[Offer]:
    """Recall a supplier's last word on these articles; of several SKUs of one article, the one with most of it."""
    columns = [offers.c[name] for name in Offer.model_fields]
    query = select(*columns).where(offers.c.supplier == supplier, offers.c.ean.in_(eans)).order_by(offers.c.quantity)
    return [Offer.model_validate(dict(row._mapping)) for row in tx.execute(query)]
