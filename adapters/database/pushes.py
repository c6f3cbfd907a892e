"""Taking in what a supplier pushes: every delivery once, whole, before it hears that we have it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from adapters.database.engine import Transaction
from models.supply_tables import feed_pushes


@dataclass(frozen=True)
class Push:
    """One delivery: its bytes as they came, under its sender's id or, where it has none, the bytes' own."""

    supplier: str
    feed: str
    delivery_id: str
    body: bytes


class PushOutcome(StrEnum):
    """What became of a delivery."""

    STORED = "stored"
    REPEATED = "repeated"
    CONTRADICTS = "contradicts"  # the same id was delivered before, with another body


def store(tx: Transaction, push: Push, *, now: datetime) -> PushOutcome:
    """Store a delivery unless it is known. Two at the same moment are one after the other."""
    row = {"supplier": push.supplier, "feed": push.feed, "delivery_id": push.delivery_id, "body": push.body}
    storing = insert(feed_pushes).values(**row, received_at=now).on_conflict_do_nothing().returning(feed_pushes.c.id)
    if tx.execute(storing).scalar() is not None:
        return PushOutcome.STORED
    same = select(feed_pushes.c.body == push.body).where(
        feed_pushes.c.supplier == push.supplier,
        feed_pushes.c.feed == push.feed,
        feed_pushes.c.delivery_id == push.delivery_id,
    )
    return PushOutcome.REPEATED if tx.execute(same).scalar_one() else PushOutcome.CONTRADICTS


def waiting_feeds(tx: Transaction) -> list[tuple[str, str]]:
    """List the feeds that something was pushed to which no run has taken in: (supplier, feed)."""
    columns = (feed_pushes.c.supplier, feed_pushes.c.feed)
    query = select(*columns).where(feed_pushes.c.run_id.is_(None)).distinct().order_by(*columns)
    return [(row.supplier, row.feed) for row in tx.execute(query)]
