"""The whole business at a glance, for those who compare our books with somebody else's. Nothing here writes."""

from dataclasses import dataclass

from sqlalchemy import select

from adapters.database.engine import Transaction
from models.statuses import TaskState
from models.tables import tasks
from models.tasks import TaskCategory


@dataclass(frozen=True, kw_only=True)
class AskedTask:
    """A question that was put to people, open or not. ``answer`` and ``answered_by`` are None while it is open."""

    id: int
    order_id: int | None
    category: TaskCategory
    state: TaskState
    answer: str | None
    answered_by: str | None


def asked_tasks(tx: Transaction) -> list[AskedTask]:
    """List every task there ever was, oldest first."""
    columns = (tasks.c.id, tasks.c.order_id, tasks.c.category, tasks.c.state, tasks.c.answer, tasks.c.answered_by)
    return [
        AskedTask(
            id=row.id,
            order_id=row.order_id,
            category=TaskCategory(row.category),
            state=TaskState(row.state),
            answer=row.answer,
            answered_by=row.answered_by,
        )
        for row in tx.execute(select(*columns).order_by(tasks.c.id))
    ]
