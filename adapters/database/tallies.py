"""The whole business at a glance, for those who compare our books with somebody else's. Nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from adapters.database.engine import Transaction
from models.statuses import TaskState
from models.supply_tables import feed_runs, listings, offers
from models.tables import incidents, pick_tasks, purchase_orders, submission_attempts, tasks
from models.tasks import TaskCategory


@dataclass(frozen=True, kw_only=True)
class AskedTask:
    """A question that was put to people, open or not. ``answer`` and ``answered_by`` are None while it is open."""

    id: int
    order_id: int | None
    category: TaskCategory
    question: str
    state: TaskState
    answer: str | None
    answered_by: str | None


def asked_tasks(tx: Transaction) -> list[AskedTask]:
    """List every task there ever was, oldest first."""
    told = (tasks.c.question, tasks.c.state, tasks.c.answer, tasks.c.answered_by)
    columns = (tasks.c.id, tasks.c.order_id, tasks.c.category, *told)
    return [
        AskedTask(
            id=row.id,
            order_id=row.order_id,
            category=TaskCategory(row.category),
            question=row.question,
            state=TaskState(row.state),
            answer=row.answer,
            answered_by=row.answered_by,
        )
        for row in tx.execute(select(*columns).order_by(tasks.c.id))
    ]


def pick_numbers(tx: Transaction, warehouse: str) -> list[str]:
    """List the numbers of all pick tasks that were no tests, oldest first."""
    query = select(pick_tasks.c.number).where(pick_tasks.c.warehouse == warehouse, ~pick_tasks.c.test)
    return list(tx.execute(query.order_by(pick_tasks.c.id)).scalars())


def numbers_in_doubt(tx: Transaction) -> frozenset[str]:
    """Name the purchase orders that left, and of which nobody knew for a while whether they had arrived."""
    joined = submission_attempts.join(purchase_orders, purchase_orders.c.id == submission_attempts.c.purchase_order_id)
    query = select(purchase_orders.c.number).select_from(joined).where(submission_attempts.c.outcome == "unknown")
    return frozenset(tx.execute(query).scalars())


def closed_incidents(tx: Transaction) -> dict[str, bool]:
    """Say of every supplier that ever was an incident whether the newest one is over."""
    query = select(incidents.c.supplier, incidents.c.closed_at).order_by(incidents.c.id)
    return {row.supplier: row.closed_at is not None for row in tx.execute(query)}


def newest_run(tx: Transaction, supplier: str, feed: str) -> dict[str, Any]:
    """Read the newest run of a feed. Raises NoResultFound where it never ran."""
    query = select(feed_runs).where(feed_runs.c.supplier == supplier, feed_runs.c.feed == feed)
    return dict(tx.execute(query.order_by(feed_runs.c.id.desc()).limit(1)).one()._mapping)


def shown_variants(tx: Transaction, channel: str, eans: Sequence[str]) -> tuple[int, int]:
    """Count a shop's variants of these articles, and those of them whose stock it was told: more than none."""
    shown = func.count().filter(listings.c.published_quantity > 0)
    query = select(func.count(), shown).where(
        listings.c.channel == channel, listings.c.ean.in_(eans), listings.c.tracked
    )
    variants, told = tx.execute(query).one()
    return int(variants), int(told)


def offers_of(tx: Transaction, supplier: str, eans: Sequence[str]) -> dict[str, tuple[int, Decimal | None]]:
    """Read quantity and cost of a supplier's offers, by EAN."""
    query = select(offers.c.ean, offers.c.quantity, offers.c.unit_cost)
    rows = tx.execute(query.where(offers.c.supplier == supplier, offers.c.ean.in_(eans)))
    return {row.ean: (row.quantity, row.unit_cost) for row in rows}
