"""The orders that felt an incident: which of them wait, were let go, and have come through."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, Update, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from models.statuses import SubmissionState, TaskState
from models.tables import incident_orders, incidents, purchase_orders, tasks
from models.tasks import TaskCategory

_WAITING = and_(incident_orders.c.waiting, purchase_orders.c.ended_at.is_(None))
_FELT = incident_orders.join(purchase_orders, purchase_orders.c.id == incident_orders.c.purchase_order_id)


@dataclass(frozen=True)
class Counts:
    """Orders that felt an incident: all, those that wait now, and those that were let go since."""

    joined: int
    waiting: int
    released: int


def add(tx: Transaction, incident_id: int, purchase_order_id: int, *, waiting: bool, now: datetime) -> None:
    """Note that an order feels it; ``waiting``: its lifecycle waits until it is let go."""
    row = {
        "incident_id": incident_id,
        "purchase_order_id": purchase_order_id,
        "joined_at": now,
        "waiting": waiting,
    }
    adding = upsert(incident_orders).values(row)
    keys = ["incident_id", "purchase_order_id"]
    again = adding.on_conflict_do_update(index_elements=keys, set_={"waiting": True, "released_at": None})
    tx.execute(again if waiting else adding.on_conflict_do_nothing(index_elements=keys))


def waiting_orders(tx: Transaction, incident_id: int, limit: int) -> list[tuple[int, str]]:
    """List (purchase order, its workflow's id) of those that wait, the oldest order first."""
    query = (
        select(purchase_orders.c.id, purchase_orders.c.workflow_id)
        .select_from(_FELT)
        .where(incident_orders.c.incident_id == incident_id, _WAITING)
        .order_by(purchase_orders.c.order_id, purchase_orders.c.id)
        .limit(limit)
    )
    return [(row.id, row.workflow_id) for row in tx.execute(query)]


def release(tx: Transaction, incident_id: int, purchase_order_id: int, *, now: datetime) -> None:
    """Note, before it is told, that an order may go on: its lifecycle may be quicker than we are. It still waits."""
    tx.execute(_one(incident_id, purchase_order_id).values(released_at=now))


def let_go(tx: Transaction, incident_id: int, purchase_order_id: int, *, released_at: datetime) -> bool:
    """Note that an order was told to go on. False where it has felt the incident again since, and waits for its turn."""
    # The incident first, as who joins it does.
    tx.execute(update(incidents).where(incidents.c.id == incident_id).values(drained_at=released_at))
    letting = _one(incident_id, purchase_order_id).where(incident_orders.c.released_at == released_at)
    return tx.execute(letting.values(waiting=False)).rowcount == 1


def _one(incident_id: int, purchase_order_id: int) -> Update:
    return update(incident_orders).where(
        incident_orders.c.incident_id == incident_id, incident_orders.c.purchase_order_id == purchase_order_id
    )


def under_way(tx: Transaction, incident_id: int, *, since: datetime) -> int:
    """Count the orders that were let go since then and whose submission has come to no end yet; a doubt is none."""
    going = purchase_orders.c.submission.in_([SubmissionState.READY, SubmissionState.SENDING, SubmissionState.UNKNOWN])
    query = _let_go_since(incident_id, since).where(going, purchase_orders.c.ended_at.is_(None))
    return int(tx.execute(query).scalar_one())


def came_through(tx: Transaction, incident_id: int, *, since: datetime) -> bool:
    """Say whether an order that was let go since then is placed: one that was cancelled, or short, proves nothing."""
    placed = purchase_orders.c.submission == SubmissionState.PLACED
    return tx.execute(_let_go_since(incident_id, since).where(placed)).scalar_one() > 0


def _let_go_since(incident_id: int, since: datetime) -> Select[int]:
    return (
        select(func.count())
        .select_from(_FELT)
        .where(
            incident_orders.c.incident_id == incident_id,
            ~incident_orders.c.waiting,
            incident_orders.c.released_at >= since,
        )
    )


def counts(tx: Transaction, incident_id: int) -> Counts:
    """Count the orders that felt it."""
    released = incident_orders.c.released_at.is_not(None)
    query = select(func.count(), func.count().filter(_WAITING), func.count().filter(released)).select_from(_FELT)
    return Counts(*tx.execute(query.where(incident_orders.c.incident_id == incident_id)).one())


def asking(tx: Transaction, incident_id: int, *categories: TaskCategory) -> int:
    """Count the questions that are open about orders which felt it; of these categories, or all."""
    asked = tasks.join(incident_orders, incident_orders.c.purchase_order_id == tasks.c.purchase_order_id)
    query = select(func.count()).select_from(asked).where(incident_orders.c.incident_id == incident_id)
    query = query.where(tasks.c.state == TaskState.OPEN)
    return int(tx.execute(query.where(tasks.c.category.in_(categories)) if categories else query).scalar_one())


def is_felt(tx: Transaction, purchase_order_id: int) -> bool:
    """Say whether an order waits for a supplier in an incident that is open."""
    feeling = incident_orders.join(incidents, incidents.c.id == incident_orders.c.incident_id)
    query = select(incidents.c.id).select_from(feeling).where(incidents.c.closed_at.is_(None))
    mine = query.where(incident_orders.c.purchase_order_id == purchase_order_id, incident_orders.c.waiting)
    return tx.execute(mine.limit(1)).scalar() is not None
