"""Intake's statements: a delivery, its order, lines and address, in one transaction under one lock per order.

The lock serialises the deliveries of an order; the row lock below it is what the submit activity waits for, so that an
address change and a claim always see one another.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Select,
    Update,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from models.identifiers import content_key
from models.intake import IntakeDecision, IntakeOutcome, KnownOrder, TimelineNote
from models.orders import Address, IncomingOrder, OrderLine
from models.statuses import OrderState, SubmissionState, TaskState
from models.tables import (
    addresses,
    order_lines,
    orders,
    purchase_orders,
    tasks,
    timeline,
    webhooks,
)

STOREFRONT = "storefront"
_WITH_SUPPLIER = (SubmissionState.SENDING, SubmissionState.UNKNOWN, SubmissionState.PLACED)
# A webhook waits for these statements. They are built once: building them costs more than sending them.
_STORE_DELIVERY = upsert(webhooks).on_conflict_do_nothing().returning(webhooks.c.id)
_STORE_LINES = insert(order_lines)
_TELL = upsert(timeline).on_conflict_do_nothing(index_elements=["key"])
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What arrived, as it arrived. ``body`` holds personal data."""

    channel: str
    topic: str
    delivery_id: str
    event_id: str | None
    body: bytes
    storefront_order_id: str | None


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """An earlier delivery that the present one repeats."""

    webhook_id: int
    order_id: int | None
    contradicts: bool  # the same delivery id came with other bytes


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The order's content and address, folded into keys."""

    lines: str
    address: str


def lock_order(tx: Transaction, channel: str, storefront_order_id: str) -> None:
    """Wait until every other delivery of this order is committed: two that commit together would miss each other."""
    tx.execute(_LOCK, {"name": f"{channel}/{storefront_order_id}"})


def store_delivery(tx: Transaction, delivery: Delivery, outcome: IntakeOutcome, *, now: datetime) -> int | None:
    """Store a delivery and return its row, or None where this delivery or its event is known."""
    row = {
        "channel": delivery.channel,
        "delivery_id": delivery.delivery_id,
        "event_id": delivery.event_id,
        "topic": delivery.topic,
        "body": delivery.body,
        "storefront_order_id": delivery.storefront_order_id,
        "received_at": now,
        "delivered_at": now,
        "outcome": outcome,
    }
    return tx.execute(_STORE_DELIVERY, row).scalar_one_or_none()


def count_repeat(tx: Transaction, delivery: Delivery) -> Repeat:
    """Count a known delivery, and say which it repeats and whether it says something else."""
    same_delivery = webhooks.c.delivery_id == delivery.delivery_id
    same = same_delivery
    if delivery.event_id is not None:
        same = or_(same_delivery, and_(webhooks.c.topic == delivery.topic, webhooks.c.event_id == delivery.event_id))
    counting = (
        update(webhooks)
        .where(webhooks.c.channel == delivery.channel, same)
        .values(repeats=webhooks.c.repeats + 1)
        .returning(
            webhooks.c.id, webhooks.c.order_id, and_(same_delivery, webhooks.c.body != delivery.body).label("other")
        )
    )
    rows = tx.execute(counting).all()
    first = max(rows, key=lambda row: bool(row.other))
    return Repeat(webhook_id=first.id, order_id=first.order_id, contradicts=bool(first.other))


def find_order(tx: Transaction, channel: str, storefront_order_id: str) -> KnownOrder | None:
    """Read an order and lock its row until the transaction ends; None where it was never seen."""
    row = tx.execute(_KNOWN_ORDER, {"at": channel, "called": storefront_order_id}).one_or_none()
    if row is None:
        return None
    return KnownOrder(
        order_id=row.id,
        name=row.name,
        state=OrderState(row.state),
        paid=row.paid,
        ships=row.ships,
        cancel_requested=row.cancel_requested_at is not None,
        updated_at=row.storefront_updated_at,
        content_key=row.content_key,
        address_digest=row.address_digest or "",
    )


def _known_order() -> Select[Any]:
    newest_address = (
        select(addresses.c.digest)
        .where(addresses.c.order_id == orders.c.id, addresses.c.source == STOREFRONT)
        .order_by(addresses.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    ships = exists().where(order_lines.c.order_id == orders.c.id, order_lines.c.requires_shipping)
    query = select(
        orders.c.id,
        orders.c.name,
        orders.c.state,
        orders.c.paid,
        orders.c.storefront_updated_at,
        orders.c.content_key,
        orders.c.cancel_requested_at,
        newest_address.label("address_digest"),
        ships.label("ships"),
    ).where(orders.c.channel == bindparam("at"), orders.c.storefront_order_id == bindparam("called"))
    return query.with_for_update(of=orders, key_share=True)


_KNOWN_ORDER = _known_order()


def insert_order(
    tx: Transaction, channel: str, incoming: IncomingOrder, keys: Keys, decision: IntakeDecision, *, now: datetime
) -> int:
    """Insert an order with its address and lines. Returns its number."""
    row = dict.fromkeys(("startable_at", "cancel_requested_at", "ended_at"))
    row |= _terms(incoming) | _standing(decision, now) | _news(incoming, keys)
    row |= {"channel": channel, "storefront_order_id": incoming.storefront_order_id}
    row |= {"placed_at": incoming.placed_at, "received_at": now}
    values = {f"order_{name}": value for name, value in row.items()}
    values |= {f"address_{name}": value for name, value in _address(incoming, keys, now).items()}
    order_id: int = tx.execute(_NEW_ORDER, values).scalar_one()
    _insert_lines(tx, order_id, incoming.lines)
    if decision.outcome is IntakeOutcome.CANCELLED:
        _cancel_open_units(tx, order_id)
    return order_id


def _new_order() -> Select[Any]:
    """Insert an order and its address, which name one another, in one statement."""
    given = {column: bindparam(f"order_{column.name}", type_=column.type) for column in _GIVEN_OF_ORDER}
    new_order = (
        insert(orders)
        .values({**given, orders.c.address_id: func.nextval("addresses_id_seq")})
        .returning(orders.c.id, orders.c.address_id)
        .cte("new_order")
    )
    address = [bindparam(f"address_{column.name}", type_=column.type) for column in _GIVEN_OF_ADDRESS]
    new_address = (
        insert(addresses)
        .from_select(
            [addresses.c.id, addresses.c.order_id, *_GIVEN_OF_ADDRESS],
            select(new_order.c.address_id, new_order.c.id, *address),
        )
        .cte("new_address")
    )
    return select(new_order.c.id).add_cte(new_address)


_GIVEN_OF_ORDER = [
    column for column in orders.c if column.name not in ("id", "address_id", "started_at", "first_run_id", "last_plan")
]
_GIVEN_OF_ADDRESS = [addresses.c.source, addresses.c.address, addresses.c.digest, addresses.c.stored_at]
_NEW_ORDER = _new_order()


def update_order(
    tx: Transaction, known: KnownOrder, incoming: IncomingOrder, keys: Keys, decision: IntakeDecision, *, now: datetime
) -> None:
    """Write what a delivery changed in a known order."""
    values: dict[str, Any] = _standing(decision, now)
    if decision.newer:
        values |= _news(incoming, keys)
    if decision.new_lines:
        values |= _terms(incoming)
        tx.execute(delete(order_lines).where(order_lines.c.order_id == known.order_id))
        _insert_lines(tx, known.order_id, incoming.lines)
    if decision.new_address:
        row = insert(addresses).values(order_id=known.order_id, **_address(incoming, keys, now))
        values["address_id"] = tx.execute(row.returning(addresses.c.id)).scalar_one()
        values["ship_country"] = ship_country(incoming.address)
    tx.execute(update(orders).where(orders.c.id == known.order_id).values(**values))
    if decision.outcome is IntakeOutcome.CANCELLED:
        _cancel_open_units(tx, known.order_id)


def _cancel_open_units(tx: Transaction, order_id: int) -> None:
    """Count what is open as cancelled: of an order that has ended, nothing is."""
    lines = order_lines.c
    left = lines.quantity - lines.shipped - lines.cancelled - lines.refunded
    cancelling = update(order_lines).where(lines.order_id == order_id, lines.requires_shipping)
    tx.execute(cancelling.values(cancelled=lines.cancelled + left))


def _terms(incoming: IncomingOrder) -> dict[str, Any]:
    return {
        "name": incoming.name,
        "currency": incoming.currency,
        "total": incoming.total,
        "test": incoming.test,
        "ship_country": ship_country(incoming.address),
    }


def _news(incoming: IncomingOrder, keys: Keys) -> dict[str, Any]:
    # The key follows the storefront even where the lines don't: a person is asked once about the same change.
    return {
        "storefront_updated_at": incoming.updated_at,
        "content_key": keys.lines,
        "tags": list(incoming.tags),
        "customer_group": incoming.customer_group,
        "preference": incoming.preference,
        "needs": list(incoming.needs),
    }


def _standing(decision: IntakeDecision, now: datetime) -> dict[str, Any]:
    standing: dict[str, Any] = {"state": decision.state, "paid": decision.paid}
    if decision.outcome is IntakeOutcome.STARTABLE:
        standing["startable_at"] = now
    if decision.outcome is IntakeOutcome.CANCELLED:
        standing["ended_at"] = now
    if decision.cancel:
        standing["cancel_requested_at"] = now
    return standing


def _address(incoming: IncomingOrder, keys: Keys, now: datetime) -> dict[str, Any]:
    address = incoming.address.model_dump(mode="json")
    return {"source": STOREFRONT, "address": address, "digest": keys.address, "stored_at": now}


def ship_country(address: Address) -> str | None:
    """Take the country's code where it has the shape of one; screening asks about the rest."""
    code = address.country_code
    return code if len(code) == 2 and code.isascii() and code.isalpha() else None


def _insert_lines(tx: Transaction, order_id: int, lines: Iterable[OrderLine]) -> None:
    rows = [
        {"order_id": order_id, "position": position, **line.model_dump()}
        for position, line in enumerate(lines, start=1)
    ]
    tx.execute(_STORE_LINES, rows)


def tell_all(tx: Transaction, order_id: int, notes: Sequence[TimelineNote], *, topic: str, at: datetime) -> None:
    """Write timeline entries in one statement."""
    rows = [
        {
            "order_id": order_id,
            "at": at,
            "actor": "dropwright",
            "event": f"order.{note.event}",
            "detail": {**note.detail, "topic": topic},
            "key": content_key(order_id, note.event, *note.detail.values()) if note.once else None,
        }
        for note in notes
    ]
    if rows:
        tx.execute(_TELL, rows)


def settle_delivery(
    tx: Transaction,
    webhook_id: int,
    decision: IntakeDecision,
    order_id: int,
    *,
    answered_task: str | None,
    now: datetime,
) -> None:
    """Write what became of a delivery, and close the task that asked about an unusable version of its order."""
    values = {
        "webhook": webhook_id,
        "order": order_id,
        "result": decision.outcome,
        "news": decision.event,
        "delivered": None if decision.event else now,
        "task": answered_task or "",
        "now": now,
    }
    tx.execute(_SETTLE, values)


def _settle() -> Update:
    answered = (
        update(tasks)
        .where(tasks.c.key == bindparam("task"), tasks.c.state == TaskState.OPEN)
        .values(
            state=TaskState.OBSOLETE,
            answer="a usable version of the order arrived",
            answered_by="dropwright",
            closed_at=bindparam("now", type_=tasks.c.closed_at.type),
            key=tasks.c.key.concat("#").concat(tasks.c.id.cast(tasks.c.key.type)),
        )
        .returning(tasks.c.id)
        .cte("answered")
    )
    return (
        update(webhooks)
        .where(webhooks.c.id == bindparam("webhook"))
        .values(
            order_id=bindparam("order"),
            outcome=bindparam("result"),
            event=bindparam("news"),
            delivered_at=bindparam("delivered"),
        )
        .add_cte(answered)
    )


_SETTLE = _settle()


def invalid_order(tx: Transaction, webhook_id: int, delivery: Delivery) -> tuple[int | None, str | None]:
    """Find the order that an unusable delivery names, and note it on the delivery. Returns its number and name."""
    query = select(orders.c.id, orders.c.name).where(
        orders.c.channel == delivery.channel, orders.c.storefront_order_id == delivery.storefront_order_id
    )
    row = tx.execute(query).one_or_none()
    if row is None:
        return None, None
    tx.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(order_id=row.id))
    return row.id, row.name


def sent_purchase_orders(tx: Transaction, order_id: int) -> list[tuple[int, str]]:
    """List (id, supplier) of what a supplier has, or may have.

    A statement of its own, after the row lock: it must see the claim that the lock may have waited for.
    """
    query = select(purchase_orders.c.id, purchase_orders.c.supplier).where(
        purchase_orders.c.order_id == order_id,
        purchase_orders.c.submission.in_(_WITH_SUPPLIER),
        purchase_orders.c.ended_at.is_(None),
    )
    return [(row.id, row.supplier) for row in tx.execute(query)]


def order_name(tx: Transaction, order_id: int | None) -> str | None:
    """Read the name that people know an order by."""
    return tx.execute(select(orders.c.name).where(orders.c.id == order_id)).scalar_one_or_none()
