"""Reconciliations: snapshots of our word beside another's, and the repair of what differs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from adapters.database.engine import Transaction
from adapters.database.listings import SOLD_CODE
from models.drift import CheckedOffer, CheckedOrder, Drift, DriftKind
from models.listings import Listing
from models.statuses import PurchaseOrderState

SUPPLIER, CHANNEL = "supplier", "channel"


@dataclass(frozen=True)
class Reconciliation:
    """One comparison as it is recorded. ``drifted`` counts what differs, once however much of it does."""

    id: int
    subject: str  # "supplier:bts" or "channel:main"
    compared: int
    drifted: int
    repaired: int
    started_at: datetime
    ended: bool
    task_id: int | None

    @property
    def side(self) -> str:
        """Say whose word ours was compared with: a supplier's or a channel's."""
        return self.subject.partition(":")[0]

    @property
    def name(self) -> str:
        """Name the supplier or channel."""
        return self.subject.partition(":")[2]


def begin(tx: Transaction, subject: str, *, now: datetime) -> int:
    """Open a comparison; one that was never finished is begun anew."""
    restart = text(
        "UPDATE reconciliations SET started_at = :now WHERE subject = :subject AND ended_at IS NULL RETURNING id"
    )
    found = tx.execute(restart, {"subject": subject, "now": now}).scalars().first()
    if found is not None:
        tx.execute(text("DELETE FROM drifts WHERE reconciliation_id = :id"), {"id": found})
        return int(found)
    opening = text(
        "INSERT INTO reconciliations (subject, state, started_at) VALUES (:subject, 'comparing', :now) RETURNING id"
    )
    return int(tx.execute(opening, {"subject": subject, "now": now}).scalar_one())


def find_open(tx: Transaction, subject: str) -> int | None:
    """Find the comparison that is under way."""
    query = text("SELECT id FROM reconciliations WHERE subject = :subject AND ended_at IS NULL ORDER BY id LIMIT 1")
    return tx.execute(query, {"subject": subject}).scalar()


def load(tx: Transaction, reconciliation_id: int) -> Reconciliation:
    """Read one comparison."""
    query = text("SELECT * FROM reconciliations WHERE id = :id")
    row = tx.execute(query, {"id": reconciliation_id}).one()
    return Reconciliation(
        id=row.id,
        subject=row.subject,
        compared=row.compared,
        drifted=row.drifted,
        repaired=row.repaired,
        started_at=row.started_at,
        ended=row.ended_at is not None,
        task_id=row.task_id,
    )


def drifts(tx: Transaction, reconciliation_id: int) -> list[Drift]:
    """List what differs, by kind."""
    query = text("SELECT * FROM drifts WHERE reconciliation_id = :id ORDER BY kind, subject")
    rows = tx.execute(query, {"id": reconciliation_id})
    return [Drift(DriftKind(row.kind), row.subject, row.ours, row.theirs) for row in rows]


def keep_drifts(tx: Transaction, reconciliation_id: int, found: Sequence[Drift]) -> None:
    """Keep what differs; seen again, it is the newer word that counts."""
    statement = text(
        "INSERT INTO drifts (reconciliation_id, kind, subject, ours, theirs) "
        "VALUES (:id, :kind, :subject, :ours, :theirs) "
        "ON CONFLICT (reconciliation_id, kind, subject) DO UPDATE SET ours = excluded.ours, theirs = excluded.theirs"
    )
    rows = [
        {"id": reconciliation_id, "kind": one.kind, "subject": one.subject, "ours": one.ours, "theirs": one.theirs}
        for one in found
    ]
    if rows:
        tx.execute(statement, rows)


def count(tx: Transaction, reconciliation_id: int, compared: int) -> int:
    """Keep how much was compared; return how much of it differs."""
    statement = text("""
        UPDATE reconciliations r SET compared = :compared, drifted = d.n,
            share = CASE WHEN :compared > 0 THEN d.n::float / :compared END
        FROM (SELECT count(DISTINCT subject) AS n FROM drifts WHERE reconciliation_id = :id) d
        WHERE r.id = :id RETURNING r.drifted
    """)
    return int(tx.execute(statement, {"id": reconciliation_id, "compared": compared}).scalar_one())


def end(
    tx: Transaction, reconciliation_id: int, state: str, *, repaired: int, task_id: int | None, now: datetime
) -> None:
    """Close the snapshot."""
    statement = text(
        "UPDATE reconciliations SET state = :state, repaired = :repaired, task_id = :task, ended_at = :now WHERE id = :id"
    )
    values = {"id": reconciliation_id, "state": state, "repaired": repaired, "task": task_id, "now": now}
    tx.execute(statement, values)


def forget(tx: Transaction, *, before: datetime) -> None:
    """Drop snapshots that ended before then."""
    tx.execute(text("DELETE FROM reconciliations WHERE ended_at < :before"), {"before": before})


# --- With a supplier ---

_OFFER = (
    "o.sku, o.ean, o.known, o.quantity, o.unit_cost, o.currency, EXISTS "
    "(SELECT 1 FROM cost_holds h WHERE h.supplier = o.supplier AND h.sku = o.sku AND h.state = 'held') AS held"
)

_FAST = text(f"""
WITH sold AS (
    SELECT {SOLD_CODE} AS ean, sum(l.quantity) AS units FROM orders o JOIN order_lines l ON l.order_id = o.id
    LEFT JOIN article_mappings m ON m.channel = o.channel AND m.variant_id = l.variant_id
    WHERE o.placed_at > :since AND NOT o.test GROUP BY 1
)
SELECT {_OFFER} FROM sold s JOIN offers o ON o.ean = s.ean AND o.supplier = :supplier
WHERE NOT o.discontinued ORDER BY s.units DESC, o.sku LIMIT :limit
""")  # noqa: S608 - constants of ours

_ANY = text(f"""
SELECT {_OFFER} FROM offers o WHERE o.supplier = :supplier AND o.ean IS NOT NULL AND NOT o.discontinued
ORDER BY hashtextextended(o.sku, :seed), o.sku LIMIT :limit
""")  # noqa: S608 - likewise


def offers_to_check(
    tx: Transaction, supplier: str, *, sold_since: datetime, seed: int, limit: int | None
) -> list[CheckedOffer]:
    """Choose the offers to ask about: half of them what sold best, the others at random, the same for the same seed.

    Without a limit it is all of them. Of several SKUs of one article, the one with most of it.
    """
    half = 0 if limit is None else limit // 2
    fast = tx.execute(_FAST, {"supplier": supplier, "since": sold_since, "limit": half}).all()
    others = tx.execute(_ANY, {"supplier": supplier, "seed": seed, "limit": limit}).all()
    chosen: dict[str, CheckedOffer] = {}
    for row in (*fast, *others):
        offer = CheckedOffer(*row)
        if offer.ean in chosen and chosen[offer.ean].quantity < offer.quantity:
            chosen[offer.ean] = offer
        elif limit is None or len(chosen) < limit:
            chosen.setdefault(offer.ean, offer)
    return list(chosen.values())


def orders_to_check(tx: Transaction, supplier: str, *, limit: int | None) -> list[CheckedOrder]:
    """List the purchase orders that are open at a supplier, the oldest first."""
    query = text(
        "SELECT number, supplier_number, state, confirmed_at FROM purchase_orders WHERE supplier = :supplier "
        "AND submission = 'placed' AND state IN ('placed', 'acknowledged') AND NOT test "
        "AND supplier_number IS NOT NULL AND confirmed_at IS NOT NULL ORDER BY confirmed_at, id LIMIT :limit"
    )
    rows = tx.execute(query, {"supplier": supplier, "limit": limit})
    return [
        CheckedOrder(row.number, row.supplier_number, PurchaseOrderState(row.state), row.confirmed_at) for row in rows
    ]


# --- With a shop ---

_COMPARE = text("""
WITH given AS (
    SELECT * FROM unnest(
        CAST(:variants AS text[]), CAST(:amounts AS integer[]), CAST(:prices AS numeric[]), CAST(:words AS text[])
    ) AS given (variant_id, quantity, price, words)
)
INSERT INTO drifts (reconciliation_id, kind, subject, ours, theirs)
SELECT :id, x.kind, l.variant_id, coalesce(x.ours, ''), coalesce(x.theirs, '')
FROM given g JOIN listings l ON l.channel = :channel AND l.variant_id = g.variant_id
CROSS JOIN LATERAL (VALUES
    ('quantity', l.published_quantity::text, g.quantity::text, :with_quantities AND l.tracked
        AND l.published_quantity IS NOT NULL AND l.published_quantity IS DISTINCT FROM g.quantity),
    ('words', l.published_words, g.words, :with_quantities AND l.tracked
        AND l.published_words IS NOT NULL AND l.published_words IS DISTINCT FROM g.words),
    ('price', trim_scale(l.published_price)::text, trim_scale(g.price)::text, :with_prices
        AND l.published_price IS NOT NULL AND l.published_price IS DISTINCT FROM g.price),
    ('missing', NULL, g.quantity::text, :with_quantities AND l.tracked AND l.published_quantity IS NULL
        AND l.dirty_since IS NULL AND l.refused_code IS NULL AND EXISTS (SELECT 1 FROM offers o WHERE o.ean = l.ean))
) AS x (kind, ours, theirs, differs)
WHERE x.differs AND coalesce(l.published_at, '-infinity') < :began_at AND NOT EXISTS (
    SELECT 1 FROM publications p JOIN publication_items i ON i.publication_id = p.id
    WHERE p.channel = l.channel AND p.ended_at IS NULL AND i.variant_id = l.variant_id AND i.outcome IS NULL
)
ON CONFLICT (reconciliation_id, kind, subject) DO UPDATE SET ours = excluded.ours, theirs = excluded.theirs
""")


def compare_page(
    tx: Transaction,
    reconciliation_id: int,
    channel: str,
    page: Sequence[Listing],
    *,
    quantities: bool,
    prices: bool,
    began_at: datetime,
) -> None:
    """Compare a page of the shop with what it confirmed before. What is being published meanwhile is no drift."""
    values = {
        "id": reconciliation_id,
        "channel": channel,
        "variants": [one.variant_id for one in page],
        "amounts": [one.quantity for one in page],
        "prices": [one.price for one in page],
        "words": [one.words for one in page],
        "with_quantities": quantities,
        "with_prices": prices,
        "began_at": began_at,
    }
    tx.execute(_COMPARE, values)


def count_listings(tx: Transaction, channel: str, *, seen_since: datetime) -> int:
    """Count the listings that a walk met and that a supplier may have."""
    query = text("SELECT count(*) FROM listings WHERE channel = :channel AND seen_at >= :since AND ean IS NOT NULL")
    return int(tx.execute(query, {"channel": channel, "since": seen_since}).scalar_one())


# --- Repair ---

_OFFERS_TAKE = text("""
WITH said AS (
    SELECT subject AS sku, max(theirs) FILTER (WHERE kind = 'quantity')::integer AS quantity,
        max(theirs) FILTER (WHERE kind = 'cost') AS cost, max(theirs) FILTER (WHERE kind = 'missing') AS known
    FROM drifts WHERE reconciliation_id = :id AND repaired_at IS NULL
        AND (kind IN ('quantity', 'missing') OR (kind = 'cost' AND NOT subject = ANY(:leaving)))
    GROUP BY subject
), standing AS (
    SELECT o.supplier, o.sku, o.ean, o.quantity, o.unit_cost, o.currency, o.discontinued,
        CASE WHEN s.known = 'unknown' THEN 0 ELSE coalesce(s.quantity, o.quantity) END AS new_quantity,
        coalesce(nullif(split_part(s.cost, ' ', 1), '')::numeric, o.unit_cost) AS new_cost,
        coalesce(nullif(split_part(s.cost, ' ', 2), ''), o.currency) AS new_currency,
        coalesce(s.known = 'known', o.known) AS new_known, s.cost IS NOT NULL AS costed
    FROM said s JOIN offers o ON o.supplier = :name AND o.sku = s.sku AND o.observed_at < :asked_at
    ORDER BY o.sku FOR UPDATE OF o
), written AS (
    UPDATE offers o SET quantity = s.new_quantity, unit_cost = s.new_cost, currency = s.new_currency,
        known = s.new_known, observed_at = :asked_at,
        cost_observed_at = CASE WHEN s.costed THEN CAST(:asked_at AS timestamptz) ELSE o.cost_observed_at END
    FROM standing s WHERE o.supplier = s.supplier AND o.sku = s.sku
), remembered AS (
    INSERT INTO offer_changes (supplier, sku, until, quantity, unit_cost, currency, discontinued, source)
    SELECT supplier, sku, :asked_at, quantity, unit_cost, currency, discontinued, 'reconciliation' FROM standing
), forgotten AS (
    UPDATE feed_rows f SET hash = 0 FROM standing s WHERE f.supplier = s.supplier AND f.sku = s.sku
), shown AS (
    SELECT l.channel, l.variant_id FROM listings l WHERE l.ean IN (SELECT ean FROM standing)
    ORDER BY l.channel, l.variant_id FOR UPDATE
), dirty AS (
    UPDATE listings l SET dirty_since = :now FROM shown s WHERE l.channel = s.channel AND l.variant_id = s.variant_id
)
SELECT count(*) FROM standing
""")

# A shop takes our word: what it shows instead is noted as what was published last, so that the difference is sent.
_SHOP_TAKES = text("""
WITH seen AS (
    SELECT subject AS variant_id, bool_or(kind IN ('quantity', 'missing')) AS about_quantity,
        bool_or(kind = 'price') AS about_price, bool_or(kind = 'words') AS about_words,
        nullif(max(theirs) FILTER (WHERE kind IN ('quantity', 'missing')), '')::integer AS quantity,
        nullif(max(theirs) FILTER (WHERE kind = 'price'), '')::numeric AS price,
        max(theirs) FILTER (WHERE kind = 'words') AS words
    FROM drifts WHERE reconciliation_id = :id AND repaired_at IS NULL GROUP BY subject
)
UPDATE listings l SET dirty_since = :now,
    published_quantity = CASE WHEN s.about_quantity THEN s.quantity ELSE l.published_quantity END,
    published_price = CASE WHEN s.about_price THEN s.price ELSE l.published_price END,
    published_words = CASE WHEN s.about_words THEN s.words ELSE l.published_words END
FROM seen s WHERE l.channel = :name AND l.variant_id = s.variant_id
    AND coalesce(l.published_at, '-infinity') < :asked_at
""")


def repair(tx: Transaction, reconciliation_id: int, now: datetime, *, leaving: Sequence[str] = ()) -> int:
    """Let our offers take the supplier's word, or have the shop told ours; return how many that were.

    What somebody has changed since the comparison began is newer than it, and stays. Order states are never repaired.
    ``leaving`` names SKUs whose costs stay as they are.
    """
    about = load(tx, reconciliation_id)
    values = {"id": about.id, "name": about.name, "asked_at": about.started_at, "now": now, "leaving": list(leaving)}
    if about.side == SUPPLIER:
        repaired = int(tx.execute(_OFFERS_TAKE, values).scalar_one())
    else:
        repaired = tx.execute(_SHOP_TAKES, {name: values[name] for name in ("id", "name", "asked_at", "now")}).rowcount
    done = text(
        "UPDATE drifts SET repaired_at = :now WHERE reconciliation_id = :id AND repaired_at IS NULL "
        "AND kind <> 'order_state' AND NOT (kind = 'cost' AND subject = ANY(:leaving))"
    )
    tx.execute(done, {name: values[name] for name in ("id", "now", "leaving")})
    counting = text("UPDATE reconciliations SET repaired = repaired + :repaired WHERE id = :id")
    tx.execute(counting, {"id": about.id, "repaired": repaired})
    return repaired


def marked_channels(tx: Transaction, reconciliation: Reconciliation) -> list[str]:
    """List the channels whose listings a repair has marked."""
    if reconciliation.side == CHANNEL:
        return [reconciliation.name]
    query = text("""
        SELECT DISTINCT l.channel FROM drifts d JOIN offers o ON o.supplier = :supplier AND o.sku = d.subject
        JOIN listings l ON l.ean = o.ean AND l.dirty_since IS NOT NULL
        WHERE d.reconciliation_id = :id AND d.repaired_at IS NOT NULL ORDER BY l.channel
    """)
    return list(tx.execute(query, {"supplier": reconciliation.name, "id": reconciliation.id}).scalars())
