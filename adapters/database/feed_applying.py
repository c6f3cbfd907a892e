"""Applying a staged run: a batch of articles in key order per transaction, and only what differs is written.

A repeated batch finds nothing that differs. An offer that was heard of later than the feed's own time (a planned order
asks its supplier directly) is left as it is, and its row is looked at again next time.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text

from adapters.database import feed_statement
from adapters.database.engine import Transaction
from adapters.database.feeds import FORGOTTEN, FeedRun
from models.feeds import Absent

BATCH = 10_000
NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # when the stock of an article was observed that only a price list has told of
STOCK_ONLY = frozenset({"quantity", "lead_days", "available_on"})


class MetAnotherError(Exception):
    """Somebody wrote the same new article at the same time: the batch is to be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """How a run is applied: which fields it owns, whose hashes it outdates, and what absence means."""

    run: FeedRun
    owned: frozenset[str]
    rivals: tuple[str, ...] = ()  # the supplier's other feeds that own some of these fields too
    absent: Absent = Absent.KEEP
    currency: str = "EUR"
    stock_only: bool = False  # of what is known already; the rows count as not read otherwise


@dataclass(frozen=True, slots=True)
class Written:
    """What one batch has written: offers, and listings that must be published anew."""

    offers: int = 0
    dirty: int = 0


class Applier:
    """Writes the batches of one run."""

    def __init__(self, application: Application) -> None:
        """Compose the one statement of a batch from the fields that the feed owns."""
        run = application.run
        owned = application.owned & STOCK_ONLY if application.stock_only else application.owned
        self._statement = text(
            feed_statement.compose(
                owned,
                absent=application.absent,
                rivals=bool(application.rivals),
                known_only=application.stock_only,
            )
        )
        self._given = {
            "run": run.id,
            "supplier": run.supplier,
            "feed": run.feed,
            "source": run.source,
            "at": run.told_at,
            "begun": max(run.told_at, run.started_at),
            "never": NEVER,
            "currency": application.currency,
            "rivals": list(application.rivals),
            "forgotten": FORGOTTEN,
        }

    def apply(self, tx: Transaction, after: str, upto: str) -> Written:
        """Write the articles after one boundary up to another. Raises MetAnotherError where it must be repeated.

        Offers are locked first, in key order, so that what is read afterwards is what will be changed, and nobody who
        locks offers in the same order can meet this in a deadlock.
        """
        given = {**self._given, "after": after, "upto": upto}
        # Every join is from a few thousand rows into an index of millions. Without statistics of what was just staged,
        # the planner would rather read a whole table once per batch.
        tx.execute(text("SET LOCAL enable_seqscan = off"))
        tx.execute(_LOCK, given)
        row = tx.execute(self._statement, given).one()
        if row.inserted < row.wanted:
            raise MetAnotherError
        return Written(row.updated + row.inserted, row.dirty)


def boundaries(tx: Transaction, run_id: int) -> list[str]:
    """List the last article of each batch, in key order."""
    query = text("""
        SELECT sku FROM (
            SELECT sku, row_number() OVER (ORDER BY sku) AS place, count(*) OVER () AS places
            FROM feed_staged WHERE run_id = :run
        ) numbered WHERE place % :batch = 0 OR place = places ORDER BY sku
    """)
    return list(tx.execute(query, {"run": run_id, "batch": BATCH}).scalars())


# Subqueries that the planner can't merge: one look into the index per row, in key order however the rows were staged.
_LOCK = text("""
SELECT count(*) FROM (
    SELECT sku FROM feed_staged WHERE run_id = :run AND sku > :after AND sku <= :upto ORDER BY sku
) s, LATERAL (
    SELECT 1 FROM offers o WHERE o.supplier = :supplier AND o.sku = s.sku FOR NO KEY UPDATE
) locked
""")


_HELD_BY_EAN = text("""
SELECT DISTINCT sku FROM reservations WHERE supplier = :supplier AND sku = ean AND state IN ('held', 'consumed')
""")

_RENAME = text("""
WITH named AS MATERIALIZED (
    SELECT p.sku AS ean, min(s.sku) AS sku FROM offers p JOIN feed_staged s ON s.ean = p.sku AND s.run_id = :run
    WHERE p.supplier = :supplier AND p.sku = ANY(:eans) AND NOT s.absent AND NOT EXISTS (
        SELECT 1 FROM feed_rows f WHERE f.supplier = p.supplier AND f.sku = p.sku
    ) AND NOT EXISTS (
        SELECT 1 FROM feed_staged t JOIN offers o ON o.supplier = :supplier AND o.sku = t.sku
        WHERE t.run_id = :run AND t.ean = p.sku
    ) GROUP BY p.sku
), locked AS MATERIALIZED (
    SELECT n.* FROM named n JOIN offers o ON o.supplier = :supplier AND o.sku = n.ean
    ORDER BY o.supplier, o.sku FOR UPDATE OF o
), moved AS (
    UPDATE reservations r SET sku = l.sku FROM locked l
    WHERE r.supplier = :supplier AND r.sku = l.ean AND r.state IN ('held', 'consumed')
)
UPDATE offers o SET sku = l.sku FROM locked l WHERE o.supplier = :supplier AND o.sku = l.ean
""")


def name_reserved(tx: Transaction, run: FeedRun) -> int:
    """Give offers that orders hold, and that stand under their EAN so far, the SKU that a feed has for them.

    Only a supplier that was asked directly, before any feed told of the article, has such offers. Without anything held
    they would be replaced. Returns how many there were.
    """
    eans = list(tx.execute(_HELD_BY_EAN, {"supplier": run.supplier}).scalars())
    return tx.execute(_RENAME, {"supplier": run.supplier, "run": run.id, "eans": eans}).rowcount if eans else 0


def refresh_statistics(tx: Transaction) -> None:
    """Let the planner know how many offers there are, after a load that made many of them."""
    tx.execute(text("ANALYZE offers, feed_rows"))
