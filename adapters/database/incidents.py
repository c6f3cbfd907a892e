"""Incidents: one row while a supplier is in trouble, however many orders feel it. Only the insert that opens it alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database import tasks
from adapters.database.engine import Transaction
from models.tables import incident_orders, incidents

UNREACHABLE = "unreachable"
ACCOUNT_HOLD = "account_hold"
CREDENTIALS = "credentials"


def join(
    tx: Transaction, supplier: str, kind: str, purchase_order_id: int, *, reason: str, now: datetime
) -> tuple[int, bool]:
    """Join the supplier's open incident, or open it. Returns its id and whether this call opened it."""
    insertion = upsert(incidents).values(supplier=supplier, kind=kind, opened_at=now, probed_at=now, reason=reason)
    opening = insertion.on_conflict_do_nothing(
        index_elements=["supplier", "kind"], index_where=incidents.c.closed_at.is_(None)
    ).returning(incidents.c.id)
    opened = tx.execute(opening).scalar()
    incident_id = (
        opened
        if opened is not None
        else tx.execute(
            select(incidents.c.id).where(
                incidents.c.supplier == supplier, incidents.c.kind == kind, incidents.c.closed_at.is_(None)
            )
        ).scalar_one()
    )
    row = {"incident_id": incident_id, "purchase_order_id": purchase_order_id, "joined_at": now}
    tx.execute(upsert(incident_orders).values(row).on_conflict_do_nothing())
    return incident_id, opened is not None


@dataclass(frozen=True)
class Turn:
    """Whether an order may go to a supplier now. ``wait`` is how long not; ``probing``: it is the one that tries."""

    wait: timedelta | None = None
    probing: bool = False


def take_turn(tx: Transaction, supplier: str, kind: str, every: timedelta, *, now: datetime) -> Turn:
    """Ask for a turn: while an incident is open one order per interval tries, and the others wait for what it finds."""
    query = (
        select(incidents.c.id, incidents.c.probed_at)
        .where(incidents.c.supplier == supplier, incidents.c.kind == kind, incidents.c.closed_at.is_(None))
        .with_for_update()
    )
    incident = tx.execute(query).one_or_none()
    if incident is None:
        return Turn()
    wait: timedelta = incident.probed_at + every - now
    if wait > timedelta(0):
        return Turn(wait=wait)
    tx.execute(update(incidents).where(incidents.c.id == incident.id).values(probed_at=now))
    return Turn(probing=True)


def close(tx: Transaction, supplier: str, *, now: datetime, kinds: Sequence[str] = ()) -> list[str]:
    """Close a supplier's open incidents, or those of some kinds: it has just served us. Returns their kinds."""
    closing = update(incidents).where(incidents.c.supplier == supplier, incidents.c.closed_at.is_(None))
    if kinds:
        closing = closing.where(incidents.c.kind.in_(kinds))
    closed = tx.execute(closing.values(closed_at=now).returning(incidents.c.id, incidents.c.kind)).all()
    for incident in closed:
        tasks.close_for(tx, f"incident:{incident.id}", answer="the supplier serves us again", now=now)
    return [incident.kind for incident in closed]


def list_open(tx: Transaction) -> list[dict[str, Any]]:
    """List open incidents with the number of orders that feel each."""
    query = (
        select(incidents, text("(SELECT count(*) FROM incident_orders o WHERE o.incident_id = incidents.id) AS orders"))
        .where(incidents.c.closed_at.is_(None))
        .order_by(incidents.c.opened_at)
    )
    return [dict(row._mapping) for row in tx.execute(query)]
