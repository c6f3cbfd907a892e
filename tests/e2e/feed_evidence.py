"""What a run of feeds leaves behind, compared with what an undisturbed one leaves."""

from dataclasses import dataclass
from typing import Any

from tests.e2e.feed_scene import Scene

# What two suppliers of the same files must have alike. The times are those of the files.
FROM_FILES = {
    "offers": "sku, ean, known, quantity, unit_cost, currency, discontinued, observed_at, cost_observed_at",
    "offer_changes": "sku, until, quantity, unit_cost, currency, discontinued",
    "feed_rows": "sku, hash",
}
# Pages have no time of their own: it is that of their run.
FROM_PAGES = {
    "offers": "sku, ean, known, quantity, unit_cost, currency, discontinued",
    "offer_changes": "sku, quantity, unit_cost, currency, discontinued",
    "feed_rows": "sku, hash",
}
LEFT_OVER = "SELECT (SELECT count(*) FROM feed_chunks) + (SELECT count(*) FROM feed_staged)"


@dataclass(frozen=True)
class Instant:
    """How far a supplier's run had come when its workers died."""

    run_id: int
    state: str
    chunks: int
    bytes: int
    staged: int
    offers: int
    moved: int  # offers that have a history


@dataclass(frozen=True)
class Outcomes:
    """How far a publication had come when its worker died: what the shop's answer is known of, and what is not."""

    sent: int
    unknown: int
    operations: int
    written: int  # in the shop, since the publication began


def instant(scene: Scene, supplier: str) -> Instant:
    """Look how far the newest run of a supplier's feed is."""
    (row,) = scene.rows(_INSTANT, supplier=supplier)
    return Instant(**row)


def outcomes(scene: Scene, channel: str) -> Outcomes:
    """Look how far a channel's open publication is."""
    (row,) = scene.rows(_OUTCOMES, channel=channel)
    believed, shown = scene.believed(channel), scene.shown(channel)
    return Outcomes(**row, written=sum(shown[variant] != values for variant, values in believed.items()))


def differences(scene: Scene, supplier: str, calm: str, tables: dict[str, str]) -> list[str]:
    """List in what a supplier's records differ from those of an undisturbed one, a row each way per table."""
    found = []
    for table, columns in tables.items():
        for one, other in ((supplier, calm), (calm, supplier)):
            rows = scene.rows(_EXCEPT.format(columns=columns, table=table), one=one, other=other)
            found += [f"{table}: only {one} has {row}" for row in rows]
    return found


def counts(scene: Scene, supplier: str) -> dict[str, Any]:
    """Count a supplier's records, so that two that are alike are not both empty."""
    (row,) = scene.rows(_COUNTS, supplier=supplier)
    return row


def overlapping(scene: Scene) -> list[dict[str, Any]]:
    """List pairs of runs of one feed that were under way at the same time."""
    return scene.rows(_OVERLAPPING)


_INSTANT = """
SELECT r.id AS run_id, r.state,
    (SELECT count(*) FROM feed_chunks WHERE run_id = r.id) AS chunks,
    (SELECT coalesce(sum(octet_length(bytes)), 0)::bigint FROM feed_chunks WHERE run_id = r.id) AS bytes,
    (SELECT count(*) FROM feed_staged WHERE run_id = r.id) AS staged,
    (SELECT count(*) FROM offers o WHERE o.supplier = r.supplier) AS offers,
    (SELECT count(*) FROM offer_changes c WHERE c.supplier = r.supplier) AS moved
FROM feed_runs r WHERE r.supplier = :supplier ORDER BY r.id DESC LIMIT 1
"""
_OUTCOMES = """
SELECT count(*) FILTER (WHERE i.outcome = 'sent') AS sent, count(*) FILTER (WHERE i.outcome IS NULL) AS unknown,
    jsonb_array_length(p.operations) AS operations
FROM publications p JOIN publication_items i ON i.publication_id = p.id
WHERE p.channel = :channel AND p.ended_at IS NULL GROUP BY p.id
"""
_EXCEPT = """
SELECT {columns} FROM {table} WHERE supplier = :one EXCEPT ALL SELECT {columns} FROM {table} WHERE supplier = :other
LIMIT 1
"""
_COUNTS = """
SELECT (SELECT count(*) FROM offers WHERE supplier = :supplier) AS offers,
    (SELECT count(*) FROM offer_changes WHERE supplier = :supplier) AS changes,
    (SELECT count(*) FROM feed_rows WHERE supplier = :supplier) AS hashes
"""
_OVERLAPPING = """
SELECT a.supplier, a.id AS one, b.id AS other FROM feed_runs a
JOIN feed_runs b ON b.supplier = a.supplier AND b.feed = a.feed AND b.id > a.id
WHERE b.started_at < coalesce(a.ended_at, 'infinity') AND a.started_at < coalesce(b.ended_at, 'infinity')
"""
