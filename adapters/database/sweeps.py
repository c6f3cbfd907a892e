"""What the intake sweeps ask: what has not reached Temporal yet, and how far a storefront has been looked through."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from models.commands import StorefrontEventKind
from models.contracts import OrderRequest
from models.identifiers import order_workflow_id
from models.intake import PendingEvent, StartedOrder
from models.money import Money
from models.statuses import ORDER_ENDINGS, OrderState, PurchaseOrderState, TaskState
from models.tables import order_lines, orders, purchase_orders, reservations, storefront_sweeps, tasks, webhooks
from models.tasks import TaskCategory


def known_versions(
    tx: Transaction, channel: str, storefront_order_ids: Sequence[str]
) -> dict[str, tuple[datetime, bool]]:
    """Say of each order that is stored how new it is (``updated_at``) and whether it counts as paid."""
    query = select(orders.c.storefront_order_id, orders.c.storefront_updated_at, orders.c.paid).where(
        orders.c.channel == channel, orders.c.storefront_order_id.in_(storefront_order_ids)
    )
    return {row.storefront_order_id: (row.storefront_updated_at, row.paid) for row in tx.execute(query)}


def swept_until(tx: Transaction, channel: str) -> datetime | None:
    """Read up to when a storefront's orders have been looked at."""
    query = select(storefront_sweeps.c.swept_until).where(storefront_sweeps.c.channel == channel)
    return tx.execute(query).scalar_one_or_none()


def mark_swept(tx: Transaction, channel: str, until: datetime) -> None:
    """Remember that a storefront's orders have been looked at; never goes back."""
    row = upsert(storefront_sweeps).values(channel=channel, swept_until=until)
    later = func.greatest(storefront_sweeps.c.swept_until, row.excluded.swept_until)
    tx.execute(row.on_conflict_do_update(index_elements=["channel"], set_={"swept_until": later}))


def unstarted_orders(tx: Transaction, *, before: datetime, limit: int) -> list[OrderRequest]:
    """List the oldest orders that became startable before then and that no start has reached."""
    lines = select(func.count()).where(order_lines.c.order_id == orders.c.id).scalar_subquery()
    query = (
        select(orders, lines.label("lines"))
        .where(orders.c.state == OrderState.STARTABLE, orders.c.started_at.is_(None), orders.c.startable_at < before)
        .order_by(orders.c.startable_at)
        .limit(limit)
    )
    return [_request(row) for row in tx.execute(query)]


def _request(row: Row[Any]) -> OrderRequest:
    return OrderRequest(
        order_id=row.id,
        channel=row.channel,
        storefront_order_id=row.storefront_order_id,
        name=row.name,
        total=Money(amount=row.total, currency=row.currency),
        lines=row.lines,
        ship_country=row.ship_country,
        test=row.test,
    )


def mark_started(tx: Transaction, order_id: int, *, now: datetime) -> None:
    """Remember that a start has reached Temporal."""
    tx.execute(update(orders).where(orders.c.id == order_id, orders.c.started_at.is_(None)).values(started_at=now))


def undelivered_events(tx: Transaction, *, before: datetime, limit: int) -> list[PendingEvent]:
    """List the oldest events of started orders that were stored before then and have not reached their workflow."""
    query = (
        select(
            webhooks.c.id, webhooks.c.event, orders.c.id.label("order"), orders.c.channel, orders.c.storefront_order_id
        )
        .join(orders, orders.c.id == webhooks.c.order_id)
        .where(webhooks.c.delivered_at.is_(None), webhooks.c.received_at < before, orders.c.started_at.is_not(None))
        .order_by(webhooks.c.received_at, webhooks.c.id)
        .limit(limit)
    )
    return [
        PendingEvent(
            webhook_id=row.id,
            order_id=row.order,
            channel=row.channel,
            storefront_order_id=row.storefront_order_id,
            kind=StorefrontEventKind(row.event),
        )
        for row in tx.execute(query)
    ]


def mark_delivered(tx: Transaction, webhook_id: int, *, now: datetime) -> bool:
    """Remember that an event needs no further delivery. Returns False where that was known."""
    marking = update(webhooks).where(webhooks.c.id == webhook_id, webhooks.c.delivered_at.is_(None))
    return tx.execute(marking.values(delivered_at=now)).rowcount == 1


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where an order is."""

    name: str
    state: OrderState
    started: bool

    @property
    def ended(self) -> bool:
        """Say whether its books are closed."""
        return self.state in ORDER_ENDINGS


def standing(tx: Transaction, order_id: int) -> Standing:
    """Read where an order is."""
    row = tx.execute(select(orders.c.name, orders.c.state, orders.c.started_at).where(orders.c.id == order_id)).one()
    return Standing(name=row.name, state=OrderState(row.state), started=row.started_at is not None)


def started_orders(tx: Transaction, *, before: datetime, asked_since: datetime, limit: int) -> list[StartedOrder]:
    """Draw some of the orders that should be running since before then, and that no person was asked about lately.

    Drawn at random: every sweep looks at others, so each is looked at in the end, without remembering which.
    """
    query = (
        select(orders.c.id, orders.c.name, orders.c.channel, orders.c.storefront_order_id)
        .where(
            orders.c.state.in_((OrderState.STARTABLE, OrderState.OPEN)),
            orders.c.started_at < before,
            ~_asked_about(and_(tasks.c.order_id == orders.c.id, tasks.c.purchase_order_id.is_(None)), asked_since),
        )
        .order_by(func.random())
        .limit(limit)
    )
    return [
        StartedOrder(
            order_id=row.id, name=row.name, workflow_id=order_workflow_id(row.channel, row.storefront_order_id)
        )
        for row in tx.execute(query)
    ]


def started_purchase_orders(
    tx: Transaction, *, before: datetime, asked_since: datetime, limit: int
) -> list[StartedOrder]:
    """Draw some of the purchase orders that are under way: minted ones may still wait for their order's release."""
    query = (
        select(purchase_orders, orders.c.name)
        .join(orders, orders.c.id == purchase_orders.c.order_id)
        .where(
            purchase_orders.c.ended_at.is_(None),
            purchase_orders.c.state != PurchaseOrderState.PLANNED,
            orders.c.started_at < before,
            ~_asked_about(tasks.c.purchase_order_id == purchase_orders.c.id, asked_since),
            ~_asked_about(tasks.c.order_id == orders.c.id, asked_since, TaskCategory.PURCHASE_ORDER_LOST),
        )
        .order_by(func.random())
        .limit(limit)
    )
    return [
        StartedOrder(
            order_id=row.order_id,
            name=f"{row.name} ({row.number})",
            workflow_id=row.workflow_id,
            purchase_order_id=row.id,
        )
        for row in tx.execute(query)
    ]


@dataclass(frozen=True, kw_only=True)
class Holder:
    """An order that holds stock for longer than one that nobody works on may, with the workflows that could be at it."""

    order_id: int
    workflow_ids: tuple[str, ...]


def overdue_holders(tx: Transaction, *, now: datetime, limit: int) -> list[Holder]:
    """Draw some of the orders whose reservations have run out, which matters only where nothing runs for them."""
    running = (
        select(purchase_orders.c.workflow_id)
        .where(purchase_orders.c.order_id == orders.c.id, purchase_orders.c.ended_at.is_(None))
        .correlate(orders)
    )
    holding = exists().where(
        reservations.c.order_id == orders.c.id, reservations.c.state == "held", reservations.c.expires_at <= now
    )
    query = (
        select(
            orders.c.id,
            orders.c.channel,
            orders.c.storefront_order_id,
            func.array(running.scalar_subquery()).label("shares"),
        )
        .where(holding)
        .order_by(func.random())
        .limit(limit)
    )
    return [
        Holder(
            order_id=row.id,
            workflow_ids=(order_workflow_id(row.channel, row.storefront_order_id), *row.shares),
        )
        for row in tx.execute(query)
    ]


def _asked_about(
    whom: ColumnElement[bool], since: datetime, category: TaskCategory = TaskCategory.ORDER_STALLED
) -> ColumnElement[bool]:
    lately = or_(tasks.c.state == TaskState.OPEN, tasks.c.closed_at >= since)
    return exists().where(whom, tasks.c.category == category, lately)
