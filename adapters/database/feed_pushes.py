"""What was pushed to us and waits to be taken in by a run of its feed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select, update

from adapters.database.engine import Transaction
from adapters.database.feeds import FeedRun
from models.supply_tables import feed_pushes


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits: the newest push, and when it came. None where nothing does."""

    last_id: int | None
    newest: datetime | None


def waiting(tx: Transaction, supplier: str, feed: str, run_id: int) -> Waiting:
    """Look what waits for this feed, or was taken in by this run already."""
    query = select(func.max(feed_pushes.c.id), func.max(feed_pushes.c.received_at)).where(
        feed_pushes.c.supplier == supplier,
        feed_pushes.c.feed == feed,
        or_(feed_pushes.c.run_id.is_(None), feed_pushes.c.run_id == run_id),
    )
    return Waiting(*tx.execute(query).one())


def take(tx: Transaction, run: FeedRun, *, upto: int | None) -> None:
    """Let a run take in what waits, up to a push."""
    taking = update(feed_pushes).where(
        feed_pushes.c.supplier == run.supplier,
        feed_pushes.c.feed == run.feed,
        feed_pushes.c.run_id.is_(None),
        feed_pushes.c.id <= upto,
    )
    tx.execute(taking.values(run_id=run.id))


def taken(tx: Transaction, run_id: int) -> list[int]:
    """List the pushes that a run has taken in, in the order in which they came."""
    query = select(feed_pushes.c.id).where(feed_pushes.c.run_id == run_id).order_by(feed_pushes.c.id)
    return list(tx.execute(query).scalars())
