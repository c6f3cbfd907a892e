"""Tasks: questions to people, each open at most once per reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from models.commands import CommandName
from models.configuration import People
from models.statuses import TaskState
from models.tables import tasks
from models.tasks import OpenTask, TaskCategory, TaskDraft


@dataclass(frozen=True)
class About:
    """What a task is about, and which workflow waits for its answer. ``key`` names the reason: one task per key."""

    key: str
    order_id: int | None = None
    purchase_order_id: int | None = None
    workflow_id: str | None = None


def open_task(
    tx: Transaction, about: About, draft: TaskDraft, evidence: Mapping[str, Any], *, people: People, now: datetime
) -> OpenTask:
    """Open a task, or return the one that is open for this key; one that was answered before is asked anew."""
    values = {
        "key": about.key,
        "order_id": about.order_id,
        "purchase_order_id": about.purchase_order_id,
        "workflow_id": about.workflow_id,
        "category": draft.category,
        "owner": draft.owner,
        "question": draft.question,
        "evidence": dict(evidence),
        "alternatives": [alternative.model_dump(mode="json") for alternative in draft.alternatives],
        "priority": draft.priority,
        "if_silent": draft.if_silent,
        "state": TaskState.OPEN,
        "opened_at": now,
        "remind_at": now + people.remind_after,
    }
    if about.workflow_id is not None:
        _supersede(tx, about, now)
    insertion = upsert(tasks).values(values)
    refreshed = {name: insertion.excluded[name] for name in ("question", "evidence", "alternatives", "priority")}
    task_id = tx.execute(
        insertion.on_conflict_do_update(index_elements=["key"], set_=refreshed).returning(tasks.c.id)
    ).scalar_one()
    answers = tuple(one.command for one in draft.alternatives if isinstance(one.command, CommandName))
    return OpenTask(
        task_id=task_id,
        category=draft.category,
        question=draft.question,
        priority=draft.priority,
        answers=answers,
        remind_after=people.remind_after,
        escalate_after=people.escalate_after,
    )


def _supersede(tx: Transaction, about: About, now: datetime) -> None:
    """A lifecycle asks one question at a time: an earlier one that is still open is no longer the question."""
    earlier = update(tasks).where(
        tasks.c.workflow_id == about.workflow_id, tasks.c.state == TaskState.OPEN, tasks.c.key != about.key
    )
    tx.execute(earlier.values(**_obsolete("another question took its place", now)))


def _obsolete(answer: str, now: datetime) -> dict[str, Any]:
    """Close a task that the world has answered. Its key is freed for a later question."""
    return {
        "state": TaskState.OBSOLETE,
        "answer": answer,
        "answered_by": "dropwright",
        "closed_at": now,
        "key": tasks.c.key.concat("#").concat(tasks.c.id.cast(tasks.c.key.type)),
    }


def close(tx: Transaction, task_id: int, state: TaskState, *, answer: str, by: str, now: datetime) -> bool:
    """Close a task once. Returns False where it was closed already. Its key is freed for a later question."""
    closing = (
        update(tasks)
        .where(tasks.c.id == task_id, tasks.c.state == TaskState.OPEN)
        .values(state=state, answer=answer, answered_by=by, closed_at=now, key=tasks.c.key.concat(f"#{task_id}"))
    )
    return tx.execute(closing).rowcount == 1


def close_for(tx: Transaction, key: str, *, answer: str, now: datetime) -> None:
    """Close the task that is open for this reason, if there is one: the world answered first."""
    task_id = tx.execute(select(tasks.c.id).where(tasks.c.key == key, tasks.c.state == TaskState.OPEN)).scalar()
    if task_id is not None:
        close(tx, task_id, TaskState.OBSOLETE, answer=answer, by="dropwright", now=now)


def close_all_for(tx: Transaction, key: str, *, answer: str, now: datetime) -> None:
    """Close what is asked for this reason, and for parts of it (``key:part``): the world answered first."""
    closing = update(tasks).where(_of(key), tasks.c.state == TaskState.OPEN)
    tx.execute(closing.values(**_obsolete(answer, now)))


def _of(key: str) -> ColumnElement[bool]:
    return or_(tasks.c.key == key, tasks.c.key.startswith(f"{key}:", autoescape=True))


def close_open_ones(
    tx: Transaction, *, now: datetime, order_id: int | None = None, purchase_order_id: int | None = None, answer: str
) -> None:
    """Close whatever is still asked of an order or purchase order that has ended: the world answered first."""
    about = tasks.c.order_id == order_id if order_id is not None else tasks.c.purchase_order_id == purchase_order_id
    awaited = or_(tasks.c.workflow_id.is_not(None), tasks.c.category == TaskCategory.ORDER_STALLED)
    closing = update(tasks).where(about, tasks.c.state == TaskState.OPEN, awaited)
    tx.execute(closing.values(**_obsolete(answer, now)))


def close_of_workflow(tx: Transaction, workflow_id: str, *, now: datetime, answer: str) -> None:
    """Close the question that a lifecycle had asked: it has found the answer by itself."""
    closing = update(tasks).where(tasks.c.workflow_id == workflow_id, tasks.c.state == TaskState.OPEN)
    tx.execute(closing.values(**_obsolete(answer, now)))


def answered_before(
    tx: Transaction,
    category: TaskCategory,
    answer: CommandName | Literal["done"],
    evidence: Mapping[str, Any],
    *,
    order_id: int | None = None,
    purchase_order_id: int | None = None,
) -> bool:
    """Say whether a person has given this answer, to this question with this evidence, for this order or purchase order."""
    about = tasks.c.order_id == order_id if order_id is not None else tasks.c.purchase_order_id == purchase_order_id
    query = select(tasks.c.id).where(
        about, tasks.c.category == category, tasks.c.answer == answer, tasks.c.evidence.contains(dict(evidence))
    )
    return tx.execute(query.limit(1)).scalar() is not None


def due_for_reminder(tx: Transaction, task_id: int, *, now: datetime, again_after: timedelta) -> dict[str, Any] | None:
    """Count one more reminder of a task that is still open, and return it; None where it was closed meanwhile."""
    reminding = (
        update(tasks)
        .where(tasks.c.id == task_id, tasks.c.state == TaskState.OPEN)
        .values(reminders=tasks.c.reminders + 1, remind_at=now + again_after)
        .returning(tasks)
    )
    row = tx.execute(reminding).one_or_none()
    return dict(row._mapping) if row else None


def is_asked(tx: Transaction, key: str) -> bool:
    """Say whether a question for this reason, or for a part of it, is still open."""
    query = select(tasks.c.id).where(_of(key), tasks.c.state == TaskState.OPEN)
    return tx.execute(query.limit(1)).scalar() is not None


def is_known(tx: Transaction, key: str) -> bool:
    """Say whether the question for just this reason is open, or was answered by a person."""
    answered = and_(tasks.c.key.startswith(f"{key}#", autoescape=True), tasks.c.state == TaskState.ANSWERED)
    query = select(tasks.c.id).where(or_(tasks.c.key == key, answered))
    return tx.execute(query.limit(1)).scalar() is not None


def is_open(tx: Transaction, task_id: int) -> bool:
    """Say whether somebody can still answer this task."""
    query = select(tasks.c.id).where(tasks.c.id == task_id, tasks.c.state == TaskState.OPEN)
    return tx.execute(query).scalar() is not None


def find(tx: Transaction, task_id: int) -> dict[str, Any] | None:
    """Read one task."""
    row = tx.execute(select(tasks).where(tasks.c.id == task_id)).one_or_none()
    return dict(row._mapping) if row else None


def list_open(tx: Transaction, *, category: TaskCategory | None = None) -> list[dict[str, Any]]:
    """List open tasks, the most urgent first."""
    query = select(tasks).where(tasks.c.state == TaskState.OPEN).order_by(tasks.c.priority, tasks.c.opened_at)
    if category is not None:
        query = query.where(tasks.c.category == category)
    return [dict(row._mapping) for row in tx.execute(query)]
