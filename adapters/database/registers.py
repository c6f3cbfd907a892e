"""What people look through: incidents, the outbox, and the calls made for an order. Nothing here writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from adapters.database.engine import Transaction
from models.statuses import MailState
from models.tables import article_mappings, calls, incident_orders, incidents, mails, orders, purchase_orders


@dataclass(frozen=True, kw_only=True)
class IncidentRecord:
    """A supplier's trouble, while it lasts, and how many purchase orders feel it."""

    id: int
    supplier: str
    kind: str
    opened_at: datetime
    probed_at: datetime
    recovered_at: datetime | None
    reason: str
    orders: int
    waiting: int

    @property
    def lasts(self) -> bool:
        """Say whether the supplier does not serve us, or orders still wait for their turn after it."""
        return self.recovered_at is None or self.waiting > 0


def open_incidents(tx: Transaction, supplier: str | None = None) -> list[IncidentRecord]:
    """List open incidents, oldest first."""
    joined = select(func.count()).where(incident_orders.c.incident_id == incidents.c.id)
    counts = joined.scalar_subquery(), joined.where(incident_orders.c.waiting).scalar_subquery()
    query = (
        select(incidents, counts[0].label("orders"), counts[1].label("waiting"))
        .where(incidents.c.closed_at.is_(None))
        .order_by(incidents.c.id)
    )
    if supplier is not None:
        query = query.where(incidents.c.supplier == supplier)
    return [
        IncidentRecord(
            id=row.id,
            supplier=row.supplier,
            kind=row.kind,
            opened_at=row.opened_at,
            probed_at=row.probed_at,
            recovered_at=row.recovered_at,
            reason=row.reason,
            orders=row.orders,
            waiting=row.waiting,
        )
        for row in tx.execute(query)
    ]


def incident(tx: Transaction, incident_id: int) -> dict[str, Any] | None:
    """Read one incident, open or not, with the purchase orders that felt it, oldest first."""
    shown = ("id", "supplier", "kind", "reason", "opened_at", "probed_at", "probe_after", "recovered_at")
    columns = [incidents.c[name] for name in (*shown, "down_again_at", "closed_at", "probes", "mails", "difference")]
    row = tx.execute(select(*columns).where(incidents.c.id == incident_id)).one_or_none()
    if row is None:
        return None
    felt = incident_orders.join(purchase_orders, purchase_orders.c.id == incident_orders.c.purchase_order_id)
    query = (
        select(
            purchase_orders.c.number,
            orders.c.name.label("order"),
            incident_orders.c.joined_at,
            incident_orders.c.waiting,
            incident_orders.c.released_at,
        )
        .select_from(felt.join(orders, orders.c.id == purchase_orders.c.order_id))
        .where(incident_orders.c.incident_id == incident_id)
        .order_by(purchase_orders.c.order_id, purchase_orders.c.id)
    )
    return {**row._mapping, "orders": [dict(order._mapping) for order in tx.execute(query)]}


def mail_counts(tx: Transaction) -> dict[str, int]:
    """Count the outbox by state, every state named."""
    counted = tx.execute(select(mails.c.state, func.count().label("mails")).group_by(mails.c.state))
    return dict.fromkeys(map(str, MailState), 0) | {row.state: row.mails for row in counted}


def list_mails(tx: Transaction, states: Sequence[MailState], limit: int = 50) -> list[dict[str, Any]]:
    """List mails in these states, the newest first, without recipient, subject and text."""
    shown = (mails.c.id, mails.c.kind, mails.c.audience, mails.c.order_id, mails.c.state, mails.c.attempts)
    query = select(*shown, mails.c.created_at, mails.c.sent_at).where(mails.c.state.in_(states))
    return [dict(row._mapping) for row in tx.execute(query.order_by(mails.c.id.desc()).limit(limit))]


def recorded_calls(tx: Transaction, order_id: int, *, bodies: bool = False) -> list[dict[str, Any]]:
    """List an order's calls to suppliers and storefront, oldest first. With ``bodies`` they hold personal data."""
    shown = ["started_at", "system", "operation", "status", "error", "duration_ms", "attempt", "purchase_order_id"]
    shown += ["method", "url", "request", "reply"] if bodies else []
    query = select(*(calls.c[name] for name in shown)).where(calls.c.order_id == order_id).order_by(calls.c.id)
    return [dict(row._mapping) for row in tx.execute(query)]


def mapped_articles(tx: Transaction, channel: str) -> dict[str, str]:
    """Read people's word on which article a variant is: variant id to EAN."""
    query = select(article_mappings).where(article_mappings.c.channel == channel)
    return {row.variant_id: row.ean for row in tx.execute(query)}
