"""Deleting what is past the time it is kept, a few thousand rows at a time, so that nobody waits behind it."""

from datetime import datetime

from sqlalchemy import text

from adapters.database.engine import Database

BATCH = 5_000
FEW = 20

_OFFER_CHANGES = text("""
DELETE FROM offer_changes WHERE id IN (SELECT id FROM offer_changes WHERE until < :before ORDER BY until LIMIT :batch)
""")

# The run that a feed stands on is kept: the next one is compared with it. So is one that a held cost came from.
_RUNS = text("""
WITH gone AS (
    SELECT id FROM feed_runs r WHERE r.ended_at < :before
        AND NOT EXISTS (SELECT 1 FROM feed_states s WHERE s.applied_run_id = r.id)
        AND NOT EXISTS (SELECT 1 FROM cost_holds h WHERE h.run_id = r.id AND h.state = 'held')
    ORDER BY id LIMIT :batch
), chunks AS (DELETE FROM feed_chunks c USING gone WHERE c.run_id = gone.id),
staged AS (DELETE FROM feed_staged s USING gone WHERE s.run_id = gone.id)
DELETE FROM feed_runs r USING gone WHERE r.id = gone.id
""")

_RECONCILIATIONS = text("""
DELETE FROM reconciliations
WHERE id IN (SELECT id FROM reconciliations WHERE ended_at < :before ORDER BY id LIMIT :batch)
""")

# With their items, which may be a quarter of a million each: few at once.
_PUBLICATIONS = text("""
DELETE FROM publications WHERE id IN (SELECT id FROM publications WHERE ended_at < :before ORDER BY id LIMIT :batch)
""")

_PUSHES = text("""
DELETE FROM feed_pushes WHERE id IN (
    SELECT id FROM feed_pushes WHERE received_at < :before AND run_id IS NOT NULL ORDER BY id LIMIT :batch
)
""")

# What a person decided last on a cost still counts when the supplier repeats it; what was superseded never does.
_HOLDS = text("""
DELETE FROM cost_holds WHERE id IN (
    SELECT id FROM cost_holds WHERE decided_at < :before AND state = 'superseded' ORDER BY id LIMIT :batch
)
""")

# Each is its own kind of history: what is deleted, and whose time decides.
OFFER_CHANGES, RUNS, RECONCILIATIONS = "offer_changes", "runs", "reconciliations"
PUBLICATIONS, PUSHES, HOLDS = "publications", "pushes", "holds"
_STATEMENTS = {
    OFFER_CHANGES: _OFFER_CHANGES,
    RUNS: _RUNS,
    PUSHES: _PUSHES,
    HOLDS: _HOLDS,
    RECONCILIATIONS: _RECONCILIATIONS,
    PUBLICATIONS: _PUBLICATIONS,
}


def prune_batch(database: Database, kind: str, *, before: datetime, batch: int) -> int:
    """Delete at most ``batch`` rows of a kind that ended before this instant, with what hangs on them.

    Returns how many; fewer than ``batch`` means that nothing is left.
    """
    with database.begin() as tx:
        return tx.execute(_STATEMENTS[kind], {"before": before, "batch": batch}).rowcount
