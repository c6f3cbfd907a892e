"""Our catalogue beside the suppliers': what matches, what doesn't, what contradicts itself, and drafts of new products."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from adapters.database.engine import Database, Transaction

SAMPLES = 10
_FETCHED_AT_ONCE = 10_000


@dataclass(frozen=True)
class CatalogueArticle:
    """An article of a supplier with what describes it."""

    supplier: str
    sku: str
    ean: str
    title: str
    brand: str


@dataclass(frozen=True)
class Unmatched:
    """An article that a shop sells and no supplier is known to have."""

    sku: str
    ean: str
    title: str


@dataclass(frozen=True)
class AuditEntry:
    """One kind of trouble in the catalogue: how often, and some of it."""

    code: str
    count: int
    samples: list[str]


# Each query yields one text per trouble found. Their meaning stands in docs/catalogue.md.
_AUDITS = {
    "missing_code": "SELECT DISTINCT l.sku || ' (' || l.channel || ' ' || l.variant_id || ')' AS found "
    "FROM listings l WHERE l.ean IS NULL OR l.ean = ''",
    "missing_offer": "SELECT DISTINCT l.sku || ' (' || l.ean || ')' AS found FROM listings l WHERE l.ean <> '' "
    "AND NOT EXISTS (SELECT 1 FROM offers o WHERE o.ean = l.ean AND o.known)",
    "missing_cost": "SELECT o.supplier || ' ' || o.sku AS found FROM offers o WHERE o.known AND o.unit_cost IS NULL "
    "AND EXISTS (SELECT 1 FROM listings l WHERE l.ean = o.ean)",
    "duplicate_in_shop": "SELECT l.channel || ' ' || l.ean || ': ' || string_agg(l.sku, ', ' ORDER BY l.sku) AS found "
    "FROM listings l WHERE l.ean <> '' GROUP BY l.channel, l.ean HAVING count(*) > 1",
    "duplicate_at_supplier": "SELECT o.supplier || ' ' || o.ean || ': ' || string_agg(o.sku, ', ' ORDER BY o.sku) AS found "
    "FROM offers o WHERE o.ean <> '' AND o.known AND NOT o.discontinued GROUP BY o.supplier, o.ean HAVING count(*) > 1",
    "contradictory_brand": "SELECT o.ean || ': ' || string_agg(DISTINCT a.supplier || ' says ' || a.brand, ', ') AS found "
    "FROM offers o JOIN supplier_articles a USING (supplier, sku) WHERE o.ean <> '' AND a.brand <> '' "
    "GROUP BY o.ean HAVING count(DISTINCT lower(a.brand)) > 1",
    "contradictory_code": "SELECT l.sku || ': ' || string_agg(DISTINCT l.ean, ', ') AS found FROM listings l "
    "WHERE l.sku <> '' AND l.ean <> '' GROUP BY l.sku HAVING count(DISTINCT l.ean) > 1",
    "orphaned_match": "SELECT m.supplier || ' ' || m.supplier_sku AS found FROM matches m "
    "WHERE NOT EXISTS (SELECT 1 FROM offers o WHERE o.supplier = m.supplier AND o.sku = m.supplier_sku)",
    "orphaned_mapping": "SELECT a.channel || ' ' || a.variant_id AS found FROM article_mappings a WHERE EXISTS "
    "(SELECT 1 FROM listings l WHERE l.channel = a.channel) AND NOT EXISTS "
    "(SELECT 1 FROM listings l WHERE l.channel = a.channel AND l.variant_id = a.variant_id)",
    "discontinued_on_sale": "SELECT l.channel || ' ' || l.sku || ' (' || l.ean || ')' AS found FROM listings l "
    "WHERE EXISTS (SELECT 1 FROM offers o WHERE o.ean = l.ean) "
    "AND NOT EXISTS (SELECT 1 FROM offers o WHERE o.ean = l.ean AND NOT o.discontinued)",
}
AUDIT_CODES = tuple(_AUDITS)


def audit(tx: Transaction, code: str) -> AuditEntry:
    """Look for one kind of trouble in the whole catalogue. Raises KeyError for a code there is not."""
    query = text(
        f"WITH trouble AS ({_AUDITS[code]}) SELECT (SELECT count(*) FROM trouble) AS total, "  # noqa: S608 - our own texts
        f"(SELECT array_agg(found) FROM (SELECT found FROM trouble ORDER BY found LIMIT {SAMPLES}) few) AS samples"
    )
    row = tx.execute(query).one()
    return AuditEntry(code, row.total, list(row.samples or ()))


def unmatched(tx: Transaction) -> list[Unmatched]:
    """List the articles on sale that no supplier is known to have."""
    query = text(
        "SELECT sku, max(coalesce(ean, '')) AS ean, max(title) AS title FROM listings l WHERE sku <> '' AND NOT EXISTS "
        "(SELECT 1 FROM offers o WHERE o.ean = l.ean AND o.known) GROUP BY sku ORDER BY sku"
    )
    return [Unmatched(**dict(row._mapping)) for row in tx.execute(query)]


def count_articles(tx: Transaction) -> int:
    """Count the suppliers' articles, for a progress bar."""
    return int(tx.execute(text("SELECT count(*) FROM offers")).scalar_one())


def every_article(database: Database) -> Iterator[CatalogueArticle]:
    """Walk through every supplier's articles, in flat memory. What a person said matches nothing is left out."""
    query = text(
        "SELECT o.supplier, o.sku, coalesce(o.ean, '') AS ean, coalesce(a.title, '') AS title, "
        "coalesce(a.brand, '') AS brand FROM offers o LEFT JOIN supplier_articles a USING (supplier, sku) "
        "WHERE o.known AND NOT EXISTS (SELECT 1 FROM matches m WHERE m.supplier = o.supplier "
        "AND m.supplier_sku = o.sku AND m.ean IS NULL)"
    )
    with database.begin() as tx:
        rows = tx.execution_options(stream_results=True, yield_per=_FETCHED_AT_ONCE).execute(query)
        for row in rows:
            yield CatalogueArticle(*row)


def accept_match(
    tx: Transaction, supplier: str, supplier_sku: str, our_sku: str, *, method: str, by: str, now: datetime
) -> str | None:
    """Make a supplier's article count as ours. Returns the article code both go by now, or None where one is unknown.

    Our code is kept where we have one; else the supplier's EAN, else its SKU, becomes the code of our listings.
    """
    ours = tx.execute(
        text("SELECT max(ean) FROM listings WHERE sku = :sku HAVING count(*) > 0"), {"sku": our_sku}
    ).one_or_none()
    theirs = tx.execute(
        text("SELECT ean FROM offers WHERE supplier = :supplier AND sku = :sku FOR UPDATE"),
        {"supplier": supplier, "sku": supplier_sku},
    ).one_or_none()
    if ours is None or theirs is None:
        return None
    code = ours[0] or theirs[0] or supplier_sku.upper()
    if not ours[0]:
        _name_listings(tx, our_sku, code, by, now)
    _keep_match(tx, supplier, supplier_sku, code, method, by, now)
    tx.execute(
        text("UPDATE offers SET ean = :code WHERE supplier = :supplier AND sku = :sku"),
        {"code": code, "supplier": supplier, "sku": supplier_sku},
    )
    _mark_listings(tx, [code, theirs[0]], now)  # who showed it under its former code shows it no more
    return str(code)


def reject_match(tx: Transaction, supplier: str, supplier_sku: str, *, by: str, now: datetime) -> bool:
    """Remember that a supplier's article is none of ours. False where the supplier has no such article."""
    about = {"supplier": supplier, "sku": supplier_sku}
    found = tx.execute(
        text("SELECT ean FROM offers WHERE supplier = :supplier AND sku = :sku FOR UPDATE"), about
    ).one_or_none()
    if found is None:
        return False
    _keep_match(tx, supplier, supplier_sku, None, "person", by, now)
    tx.execute(text("UPDATE offers SET ean = NULL WHERE supplier = :supplier AND sku = :sku"), about)
    _mark_listings(tx, [found.ean], now)
    return True


def _mark_listings(tx: Transaction, eans: Sequence[str | None], now: datetime) -> None:
    marking = text("""
        WITH shown AS (
            SELECT channel, variant_id FROM listings WHERE ean = ANY(CAST(:eans AS text[]))
            ORDER BY channel, variant_id FOR UPDATE
        )
        UPDATE listings l SET dirty_since = :now FROM shown s WHERE l.channel = s.channel AND l.variant_id = s.variant_id
    """)
    tx.execute(marking, {"eans": [ean for ean in eans if ean], "now": now})


def _name_listings(tx: Transaction, our_sku: str, code: str, by: str, now: datetime) -> None:
    tx.execute(
        text(
            "INSERT INTO article_mappings (channel, variant_id, ean, mapped_by, mapped_at) "
            "SELECT channel, variant_id, :code, :by, :now FROM listings WHERE sku = :sku "
            "ON CONFLICT (channel, variant_id) DO UPDATE SET ean = excluded.ean, mapped_by = excluded.mapped_by, "
            "mapped_at = excluded.mapped_at"
        ),
        {"code": code, "by": by, "now": now, "sku": our_sku},
    )
    for table in ("listings", "articles"):
        tx.execute(
            text(f"UPDATE {table} SET ean = :code WHERE sku = :sku"),  # noqa: S608
            {"code": code, "sku": our_sku},
        )


def _keep_match(
    tx: Transaction, supplier: str, supplier_sku: str, code: str | None, method: str, by: str, now: datetime
) -> None:
    tx.execute(
        text(
            "INSERT INTO matches (supplier, supplier_sku, ean, method, matched_by, matched_at) "
            "VALUES (:supplier, :sku, :code, :method, :by, :now) ON CONFLICT (supplier, supplier_sku) DO UPDATE "
            "SET ean = excluded.ean, method = excluded.method, matched_by = excluded.matched_by, "
            "matched_at = excluded.matched_at"
        ),
        {"supplier": supplier, "sku": supplier_sku, "code": code, "method": method, "by": by, "now": now},
    )


@dataclass(frozen=True)
class Described:
    """What one supplier says of an article."""

    supplier: str
    sku: str
    quantity: int
    unit_cost: str | None
    currency: str
    title: str
    brand: str
    category: str
    description: str
    images: list[str]


def described(tx: Transaction, ean: str) -> list[Described]:
    """List what every supplier says of one article."""
    query = text(
        "SELECT o.supplier, o.sku, o.quantity, o.unit_cost::text AS unit_cost, o.currency, coalesce(a.title, '') AS title, "
        "coalesce(a.brand, '') AS brand, coalesce(a.category, '') AS category, "
        "coalesce(a.description, '') AS description, coalesce(a.images, '{}') AS images "
        "FROM offers o LEFT JOIN supplier_articles a USING (supplier, sku) WHERE o.ean = :ean AND o.known "
        "ORDER BY o.supplier, o.sku"
    )
    return [Described(**dict(row._mapping)) for row in tx.execute(query, {"ean": ean})]


def propose_drafts(
    tx: Transaction, channel: str, *, supplier: str, brand: str | None, category: str | None, limit: int, now: datetime
) -> int:
    """Propose drafts of a supplier's articles that the channel does not sell and that are in stock. Returns how many."""
    query = text(
        "INSERT INTO product_drafts (channel, ean, supplier, supplier_sku, state, proposed_at) "
        "SELECT :channel, o.ean, o.supplier, min(o.sku), 'proposed', :now FROM offers o "
        "JOIN supplier_articles a USING (supplier, sku) "
        "WHERE o.supplier = :supplier AND o.ean <> '' AND o.known AND NOT o.discontinued AND o.quantity > 0 "
        "AND a.title <> '' AND (CAST(:brand AS text) IS NULL OR lower(a.brand) = lower(:brand)) "
        "AND (CAST(:category AS text) IS NULL OR a.category = :category OR a.category LIKE :below) "
        "AND NOT EXISTS (SELECT 1 FROM listings l WHERE l.channel = :channel AND l.ean = o.ean) "
        "AND NOT EXISTS (SELECT 1 FROM product_drafts d WHERE d.channel = :channel AND d.ean = o.ean) "
        "GROUP BY o.ean, o.supplier ORDER BY o.ean LIMIT :limit ON CONFLICT DO NOTHING"
    )
    values = {
        "channel": channel,
        "supplier": supplier,
        "brand": brand,
        "category": category,
        "below": f"{category}/%" if category else "",
        "limit": limit,
        "now": now,
    }
    return tx.execute(query, values).rowcount


def drafts(tx: Transaction, channel: str, states: Sequence[str]) -> list[dict[str, object]]:
    """List a channel's drafts in these states."""
    query = text(
        "SELECT d.*, coalesce(a.title, '') AS title FROM product_drafts d LEFT JOIN supplier_articles a "
        "ON a.supplier = d.supplier AND a.sku = d.supplier_sku "
        "WHERE d.channel = :channel AND d.state = ANY(CAST(:states AS text[])) ORDER BY d.ean"
    )
    return [dict(row._mapping) for row in tx.execute(query, {"channel": channel, "states": list(states)})]


def settle_draft(tx: Transaction, channel: str, ean: str, state: str, *, product_id: str | None, by: str) -> bool:
    """Record what became of a proposed draft. False where it was settled before."""
    query = text(
        "UPDATE product_drafts SET state = :state, product_id = :product_id, decided_by = :by "
        "WHERE channel = :channel AND ean = :ean AND state = 'proposed'"
    )
    values = {"state": state, "product_id": product_id, "by": by, "channel": channel, "ean": ean}
    return tx.execute(query, values).rowcount == 1
