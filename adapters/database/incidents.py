"""Incidents: one row while a supplier is in trouble, however many orders feel it. Only the insert that opens it alerts.

    open ── the supplier answers ──> recovered ── every waiting order was let go, and it was calm for long ──> closed
      ^─────── it fails again ───────────┘

An order that may not call takes a lock that it shares with others on the row, in the transaction that notes it as
waiting. So whoever marks the incident as recovered sees every order that waits, and none comes later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database import incident_orders as felt
from adapters.database import tasks
from adapters.database.engine import Transaction
from models.incidents import Trouble
from models.tables import incident_orders, incidents, purchase_orders

UNREACHABLE = Trouble.UNREACHABLE
ACCOUNT_HOLD = Trouble.ACCOUNT_HOLD
CREDENTIALS = Trouble.CREDENTIALS
CHANGED = Trouble.CHANGED
SILENT = (UNREACHABLE, CREDENTIALS)  # nothing at all can be asked of the supplier

_OPEN = incidents.c.closed_at.is_(None)


@dataclass(frozen=True)
class Incident:
    """An incident as it stands."""

    id: int
    supplier: str
    kind: str
    reason: str
    opened_at: datetime
    probed_at: datetime
    probe_after: datetime | None
    recovered_at: datetime | None
    closed_at: datetime | None
    down_again_at: datetime | None
    calm_waived: bool
    probes: int
    mails: int

    @property
    def down_since(self) -> datetime:
        """Say since when it has taken no order: that is what orders reckon by, however long they wait themselves."""
        return self.down_again_at or self.opened_at

    @property
    def down(self) -> bool:
        """Say whether the supplier has not served us since."""
        return self.closed_at is None and self.recovered_at is None

    def over_at(self, calm_for: timedelta) -> datetime | None:
        """Say when it is over, if the supplier goes on serving us; None while it does not."""
        calm = timedelta(0) if self.calm_waived else calm_for
        return None if self.recovered_at is None else self.recovered_at + calm


_FIELDS = [incidents.c[name] for name in Incident.__dataclass_fields__]


def join(
    tx: Transaction,
    supplier: str,
    kind: str,
    purchase_order_id: int | None,
    *,
    reason: str,
    now: datetime,
    waiting: bool = False,
) -> tuple[int, bool]:
    """Join the supplier's open incident, or open it. Returns its id and whether this call opened it.

    ``waiting``: the order's lifecycle waits until it is let go.
    """
    insertion = upsert(incidents).values(supplier=supplier, kind=kind, opened_at=now, probed_at=now, reason=reason)
    opening = insertion.on_conflict_do_nothing(index_elements=["supplier", "kind"], index_where=_OPEN)
    opened = tx.execute(opening.returning(incidents.c.id)).scalar()
    found = opened if opened is not None else _open_one(tx, supplier, kind)
    if found is None:  # it was closed in between
        return join(tx, supplier, kind, purchase_order_id, reason=reason, now=now, waiting=waiting)
    incident_id: int = found
    if purchase_order_id is not None:
        felt.add(tx, incident_id, purchase_order_id, waiting=waiting, now=now)
    return incident_id, opened is not None


def _open_one(tx: Transaction, supplier: str, kind: str) -> int | None:
    query = select(incidents.c.id).where(incidents.c.supplier == supplier, incidents.c.kind == kind, _OPEN)
    found: int | None = tx.execute(query.with_for_update()).scalar()
    return found


def in_the_way(tx: Transaction, supplier: str, purchase_order_id: int, *, ordering: bool) -> Incident | None:
    """Return what keeps an order from calling its supplier now, with a lock that keeps it from ending meanwhile.

    ``ordering``: it is about to order, so an account hold counts too, unless this order was let go to try.
    """
    kinds = [*SILENT, ACCOUNT_HOLD] if ordering else SILENT
    query = select(*_FIELDS).where(
        incidents.c.supplier == supplier, incidents.c.kind.in_(kinds), _OPEN, incidents.c.recovered_at.is_(None)
    )
    let_go = exists().where(
        incident_orders.c.incident_id == incidents.c.id,
        incident_orders.c.purchase_order_id == purchase_order_id,
        incident_orders.c.released_at.is_not(None),
    )
    query = query.where(or_(incidents.c.kind != ACCOUNT_HOLD, ~let_go)).order_by(incidents.c.id)
    row = tx.execute(query.with_for_update(read=True, of=incidents)).first()
    return Incident(*row) if row else None


def down(tx: Transaction, suppliers: Sequence[str]) -> frozenset[str]:
    """Name those of these suppliers that nothing can be asked of now."""
    query = select(incidents.c.supplier).where(
        incidents.c.supplier.in_(suppliers), incidents.c.kind.in_(SILENT), _OPEN, incidents.c.recovered_at.is_(None)
    )
    return frozenset(tx.execute(query).scalars())


def served_since(tx: Transaction, supplier: str, at: datetime) -> bool:
    """Say whether a supplier that was silent, and whose outage is not over yet, serves us since a moment after ``at``."""
    query = exists().where(
        incidents.c.supplier == supplier, incidents.c.kind.in_(SILENT), _OPEN, incidents.c.recovered_at > at
    )
    return bool(tx.execute(select(query)).scalar_one())


def fails_again(tx: Transaction, incident_id: int, *, until: datetime | None, now: datetime) -> bool:
    """Take back that the supplier serves us; ``until``: it has asked us to stay away until then. False: it did not.

    That it answered proves little. Where it has taken an order since, it goes down anew; one that was found after a
    doubt may have been taken long before.
    """
    took_one = exists().where(
        purchase_orders.c.supplier == incidents.c.supplier,
        purchase_orders.c.confirmed_at >= incidents.c.recovered_at,
        purchase_orders.c.trouble == 0,
    )
    again = update(incidents).where(incidents.c.id == incident_id, _OPEN, incidents.c.recovered_at.is_not(None))
    since = case((took_one, now), else_=incidents.c.down_again_at)
    values = {"recovered_at": None, "down_again_at": since, "probed_at": now, "calm_waived": False}
    served_us = tx.execute(again.values(values)).rowcount == 1
    if until is not None:
        stay_away(tx, incident_id, until)
    return served_us


def recovered(tx: Transaction, supplier: str, kinds: Sequence[str], *, now: datetime) -> list[str]:
    """Mark open incidents of these kinds as recovered. Their orders are let go by their workflows. Returns their kinds."""
    marking = update(incidents).where(
        incidents.c.supplier == supplier, incidents.c.kind.in_(kinds), _OPEN, incidents.c.recovered_at.is_(None)
    )
    return list(tx.execute(marking.values(recovered_at=now).returning(incidents.c.kind)).scalars())


def question_key(incident_id: int, operation: str = "") -> str:
    """Name the reason for which a person is asked about an incident, or about an operation that changed in it."""
    return f"incident:{incident_id}:{operation}" if operation else f"incident:{incident_id}"


def changed_back(tx: Transaction, supplier: str, operation: str, *, now: datetime) -> list[str]:
    """An operation's answers are understood again: its question is closed, and with the last one the alarm is over.

    Returns the kinds of the incidents that are recovered by that.
    """
    incident_id = _open_one(tx, supplier, CHANGED)
    if incident_id is None:
        return []
    key = question_key(incident_id, operation)
    if not tasks.is_known(tx, key):  # it was no part of the trouble
        return []
    tasks.close_for(tx, key, answer="its answers can be read again", now=now)
    return [] if is_asked_about(tx, incident_id) else recovered(tx, supplier, (CHANGED,), now=now)


def is_asked_about(tx: Transaction, incident_id: int) -> bool:
    """Say whether a question about an incident is still open."""
    return tasks.is_asked(tx, question_key(incident_id))


def keep_difference(tx: Transaction, incident_id: int, difference: dict[str, Any]) -> None:
    """Keep how an answer differs from what it used to be: paths and types only."""
    tx.execute(update(incidents).where(incidents.c.id == incident_id).values(difference=difference))


def newest(tx: Transaction, supplier: str, kind: str) -> Incident | None:
    """Read a supplier's newest incident of a kind, open or not."""
    query = select(*_FIELDS).where(incidents.c.supplier == supplier, incidents.c.kind == kind)
    row = tx.execute(query.order_by(incidents.c.id.desc()).limit(1)).first()
    return Incident(*row) if row else None


def find(tx: Transaction, incident_id: int) -> Incident | None:
    """Read one incident."""
    row = tx.execute(select(*_FIELDS).where(incidents.c.id == incident_id)).first()
    return Incident(*row) if row else None


def list_open_ones(tx: Transaction) -> list[Incident]:
    """List every open incident, oldest first."""
    return [Incident(*row) for row in tx.execute(select(*_FIELDS).where(_OPEN).order_by(incidents.c.id))]


def started(tx: Transaction, incident_id: int, *, now: datetime) -> None:
    """Note that a workflow sees to it."""
    first = update(incidents).where(incidents.c.id == incident_id, incidents.c.started_at.is_(None))
    tx.execute(first.values(started_at=now))


def mailed(tx: Transaction, incident_id: int) -> None:
    """Count a mail about it."""
    tx.execute(update(incidents).where(incidents.c.id == incident_id).values(mails=incidents.c.mails + 1))


def claim_probe(tx: Transaction, incident: Incident, *, now: datetime) -> bool:
    """Claim the next try, committed before it is made. False where another attempt has, or it is over meanwhile."""
    claiming = update(incidents).where(
        incidents.c.id == incident.id, _OPEN, incidents.c.recovered_at.is_(None), incidents.c.probes == incident.probes
    )
    values = {"probes": incidents.c.probes + 1, "probed_at": now, "probe_after": None}
    return tx.execute(claiming.values(values)).rowcount == 1


def stay_away(tx: Transaction, incident_id: int, until: datetime) -> None:
    """Keep until when the supplier has asked us to stay away."""
    tx.execute(update(incidents).where(incidents.c.id == incident_id).values(probe_after=until))


def finish(tx: Transaction, incident_id: int, *, now: datetime, calm_for: timedelta = timedelta(0)) -> bool:
    """Close an incident that recovered so long ago, and that no order waits for. False where that is not so (any longer)."""
    row = tx.execute(select(*_FIELDS).where(incidents.c.id == incident_id, _OPEN).with_for_update()).first()
    incident = Incident(*row) if row else None
    over_at = incident.over_at(calm_for) if incident else None
    if incident is None or over_at is None or felt.counts(tx, incident_id).waiting:
        return False
    if over_at != incident.recovered_at and now < over_at:  # without a calm two clocks are not compared
        return False
    _close(tx, incident_id, now=now)
    return True


def _close(tx: Transaction, incident_id: int, *, now: datetime) -> None:
    closing = update(incidents).where(incidents.c.id == incident_id, _OPEN)
    tx.execute(closing.values(closed_at=now, recovered_at=func.coalesce(incidents.c.recovered_at, now)))
    tasks.close_all_for(tx, question_key(incident_id), answer="the supplier serves us again", now=now)


def close(tx: Transaction, supplier: str, *, now: datetime, kinds: Sequence[str]) -> list[str]:
    """End a supplier's open incidents of some kinds on a person's word. Returns their kinds.

    Orders that wait are let go one after the other as always, by the workflow; then it is closed, without a calm.
    """
    query = select(incidents.c.id, incidents.c.kind).where(
        incidents.c.supplier == supplier, incidents.c.kind.in_(kinds), _OPEN
    )
    found = tx.execute(query.with_for_update()).all()
    recovered(tx, supplier, kinds, now=now)
    ids = [incident.id for incident in found]
    tx.execute(update(incidents).where(incidents.c.id.in_(ids)).values(calm_waived=True))
    for incident in found:
        finish(tx, incident.id, now=now)
    return [incident.kind for incident in found]
