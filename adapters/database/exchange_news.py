"""What suppliers have said of orders, as the desk and the lifecycles ask for it. News are told oldest document first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database import exchange_documents
from adapters.database.engine import Transaction
from adapters.exchange import told
from adapters.exchange.keeping import remark_on
from models.exchange import Direction, DocumentState, OrderNews
from models.exchange_tables import partner_documents, partner_facts, partner_news
from models.money import Money
from models.statuses import PurchaseOrderState
from models.suppliers import SupplierLine, SupplierOrderStatus
from models.tables import orders, purchase_order_lines, purchase_orders

NEWS: TypeAdapter[OrderNews] = TypeAdapter(OrderNews)


@dataclass(frozen=True)
class KnownOrder:
    """A purchase order that news may be about."""

    id: int
    order_id: int
    order_name: str
    number: str
    supplier: str
    state: PurchaseOrderState
    ended_at: datetime | None
    workflow_id: str
    currency: str


def purchase_order(tx: Transaction, number: str) -> KnownOrder | None:
    """Read the purchase order with this number, whoever's it is."""
    columns = (orders.c.name, orders.c.currency, purchase_orders)
    query = select(*columns).join(orders, orders.c.id == purchase_orders.c.order_id)
    row = tx.execute(query.where(purchase_orders.c.number == number)).one_or_none()
    if row is None:
        return None
    return KnownOrder(
        id=row.id,
        order_id=row.order_id,
        order_name=row.name,
        number=row.number,
        supplier=row.supplier,
        state=PurchaseOrderState(row.state),
        ended_at=row.ended_at,
        workflow_id=row.workflow_id,
        currency=row.currency,
    )


def history(tx: Transaction, supplier: str, number: str, *, without: int | None = None) -> list[OrderNews]:
    """Read all news about an order, oldest document first; ``without`` one document's."""
    query = select(partner_news.c.news).where(
        partner_news.c.supplier == supplier,
        partner_news.c.purchase_order_id == _id_of(number),
        partner_news.c.document_id != (without or 0),
    )
    rows = tx.execute(query.order_by(partner_news.c.document_id, partner_news.c.sequence)).scalars()
    return [NEWS.validate_python(news) for news in rows]


def _id_of(number: str) -> Any:
    return select(purchase_orders.c.id).where(purchase_orders.c.number == number).scalar_subquery()


def order_status(tx: Transaction, supplier: str, number: str) -> SupplierOrderStatus | None:
    """Tell how an order stands. None where nothing is known of it."""
    own = _own(exchange_documents.own(tx, supplier, number))
    return told.tell(order_lines(tx, supplier, number), history(tx, supplier, number), own)


def _own(row: Row[Any, Any, Any] | None) -> told.Own | None:
    if row is None:
        return None
    state = DocumentState(row.state)
    return told.Own(state, remark_on(state, row.window_ends, row.reason))


def order_lines(tx: Transaction, supplier: str, number: str) -> tuple[SupplierLine, ...]:
    """Read what was ordered of a supplier under a number, one line per article, declined units included."""
    lines = purchase_order_lines
    query = (
        select(
            lines.c.ean,
            func.max(lines.c.sku).label("sku"),
            func.sum(lines.c.quantity).label("units"),
            func.max(lines.c.unit_cost).label("cost"),
            orders.c.currency,
        )
        .join(purchase_orders, purchase_orders.c.id == lines.c.purchase_order_id)
        .join(orders, orders.c.id == purchase_orders.c.order_id)
        .where(purchase_orders.c.number == number, purchase_orders.c.supplier == supplier)
        .group_by(lines.c.ean, orders.c.currency)
        .order_by(func.min(lines.c.line_id), lines.c.ean)
    )
    return tuple(
        SupplierLine(
            ean=row.ean,
            quantity=row.units,
            sku=row.sku,
            unit_cost=None if row.cost is None else Money(amount=row.cost, currency=row.currency),
        )
        for row in tx.execute(query)
    )


# Telling lifecycles.


@dataclass(frozen=True)
class Untold:
    """A purchase order whose lifecycle has not heard yet that there is news."""

    purchase_order_id: int
    number: str
    workflow_id: str
    newest: int  # the newest of its news that is to be told


def untold(tx: Transaction, supplier: str, *, limit: int = 1000) -> list[Untold]:
    """List the purchase orders that there is untold news about, the oldest news first."""
    newest = func.max(partner_news.c.id)
    query = (
        select(purchase_orders.c.id, purchase_orders.c.number, purchase_orders.c.workflow_id, newest.label("newest"))
        .join(purchase_orders, purchase_orders.c.id == partner_news.c.purchase_order_id)
        .where(partner_news.c.told_at.is_(None), partner_news.c.supplier == supplier)
        .group_by(purchase_orders.c.id)
        .order_by(newest)
        .limit(limit)
    )
    return [Untold(row.id, row.number, row.workflow_id, row.newest) for row in tx.execute(query)]


def mark_told(tx: Transaction, one: Untold, *, now: datetime) -> None:
    """Note that a lifecycle has heard of the news up to then; what came meanwhile is told next."""
    telling = update(partner_news).where(
        partner_news.c.purchase_order_id == one.purchase_order_id,
        partner_news.c.id <= one.newest,
        partner_news.c.told_at.is_(None),
    )
    tx.execute(telling.values(told_at=now))


# Answers to what was picked up, and an adapter's own facts.


def replies_due(tx: Transaction, supplier: str) -> list[str]:
    """List the answers that documents picked up ask for and that were not prepared yet, oldest first."""
    query = select(partner_documents.c.replies).where(
        partner_documents.c.supplier == supplier,
        partner_documents.c.direction == Direction.IN,
        text("replies <> '{}'"),
    )
    asked = tx.execute(query.order_by(partner_documents.c.id)).scalars()
    return list(dict.fromkeys(reply for replies in asked for reply in replies))


def note_reply(tx: Transaction, supplier: str, document_id: int, reply: str) -> None:
    """Note that an answer is prepared: nobody asks for it any more."""
    asking = select(partner_documents.c.id).where(
        partner_documents.c.supplier == supplier,
        partner_documents.c.direction == Direction.IN,
        partner_documents.c.replies.contains([reply]),
    )
    asked: Sequence[int] = tx.execute(asking.order_by(partner_documents.c.id)).scalars().all()
    if asked:
        noting = update(partner_documents).where(partner_documents.c.id == document_id)
        tx.execute(noting.values(reply_to=asked[0]))
        answered = update(partner_documents).where(partner_documents.c.id.in_(asked))
        tx.execute(answered.values(replies=func.array_remove(partner_documents.c.replies, reply)))


def remember(tx: Transaction, supplier: str, key: str, value: str) -> None:
    """Keep a small fact of an adapter's own."""
    insertion = upsert(partner_facts).values(supplier=supplier, key=key, value=value)
    keys = ["supplier", "key"]
    tx.execute(insertion.on_conflict_do_update(index_elements=keys, set_={"value": insertion.excluded.value}))


def recall(tx: Transaction, supplier: str, key: str) -> str | None:
    """Read such a fact."""
    query = select(partner_facts.c.value).where(partner_facts.c.supplier == supplier, partner_facts.c.key == key)
    found: str | None = tx.execute(query).scalar()
    return found
