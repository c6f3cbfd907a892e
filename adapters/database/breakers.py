"""Breakers: how many calls to a supplier went unanswered in a row, and since when. One row per supplier.

It is written last in a transaction: many orders of one supplier write the same row.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from models.exchange_tables import breakers


@dataclass(frozen=True)
class Run:
    """A run of unanswered calls."""

    failures: int
    since: datetime


def failed(tx: Transaction, supplier: str, code: str, *, now: datetime) -> Run:
    """Count one more call without an answer."""
    row = {"supplier": supplier, "failures": 1, "failing_since": now, "failed_at": now, "code": code}
    counting = upsert(breakers).values(row)
    counted = counting.on_conflict_do_update(
        index_elements=["supplier"],
        set_={
            "failures": breakers.c.failures + 1,
            "failing_since": func.coalesce(breakers.c.failing_since, now),
            "failed_at": now,
            "code": code,
        },
    ).returning(breakers.c.failures, breakers.c.failing_since)
    failures, since = tx.execute(counted).one()
    return Run(failures, since)


def opened(tx: Transaction, supplier: str, *, now: datetime) -> None:
    """Note that the supplier counts as down from now on."""
    tx.execute(update(breakers).where(breakers.c.supplier == supplier).values(opened_at=now))


def answered(tx: Transaction, supplier: str) -> bool:
    """End a run of failures: the supplier has answered. Returns False, and locks nothing, where there was none."""
    ending = update(breakers).where(breakers.c.supplier == supplier, breakers.c.failures > 0)
    return tx.execute(ending.values(failures=0, failing_since=None, opened_at=None)).rowcount > 0
