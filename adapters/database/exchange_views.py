"""What operators see of documents: lists, one in full, and which suppliers still owe us something."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from adapters.database import timeline
from adapters.database.engine import Transaction
from models.exchange import Direction, DocumentState
from models.exchange_tables import partner_document_orders, partner_documents, partner_news
from models.tables import purchase_orders

_SHOWN = (
    "id",
    "supplier",
    "direction",
    "kind",
    "state",
    "name",
    "control",
    "size",
    "made_at",
    "settled_at",
    "receipt_due",
    "receipt_at",
    "reason",
    "repeats",
)


def list_documents(
    tx: Transaction,
    *,
    supplier: str | None = None,
    direction: Direction | None = None,
    state: DocumentState | None = None,
    number: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """List documents without their bytes, the newest first, each with the orders in it."""
    documents = partner_documents.c
    query = select(*(documents[name] for name in _SHOWN), _numbers().label("orders"))
    wanted = ((documents.supplier, supplier), (documents.direction, direction), (documents.state, state))
    for column, value in wanted:
        if value is not None:
            query = query.where(column == value)
    if number is not None:
        entries = partner_document_orders.c
        query = query.where(documents.id.in_(select(entries.document_id).where(entries.number == number)))
    if since is not None:
        query = query.where(documents.made_at >= since)
    return [dict(row._mapping) for row in tx.execute(query.order_by(documents.id.desc()).limit(limit))]


def _numbers() -> Any:
    entries = partner_document_orders.c
    named = func.array_agg(aggregate_order_by(entries.number, entries.position, entries.number))
    return select(func.coalesce(named, [])).where(entries.document_id == partner_documents.c.id).scalar_subquery()


def find_document(tx: Transaction, document_id: int) -> dict[str, Any] | None:
    """Read one document: what it is, the orders in it with their states, what it has said. Without its bytes."""
    columns = (partner_documents.c[name] for name in (*_SHOWN, "window_ends", "replies", "reply_to"))
    row = tx.execute(select(*columns).where(partner_documents.c.id == document_id)).one_or_none()
    if row is None:
        return None
    entries, news = partner_document_orders.c, partner_news.c
    orders = select(entries.number, entries.state).where(entries.document_id == document_id)
    said = select(news.number, news.news, news.told_at).where(news.document_id == document_id)
    return {
        **row._mapping,
        "orders": [dict(one._mapping) for one in tx.execute(orders.order_by(entries.position, entries.number))],
        "news": [dict(one._mapping) for one in tx.execute(said.order_by(news.sequence))],
    }


def body_of(tx: Transaction, document_id: int) -> bytes | None:
    """Read a document's bytes, as it came or left. Holds personal data."""
    body = tx.execute(select(partner_documents.c.body).where(partner_documents.c.id == document_id)).scalar()
    return bytes(body) if body is not None else None


def tell_orders(tx: Transaction, document_id: int, event: str, *, by: str, now: datetime) -> None:
    """Put what a person did with a document on the timeline of every order in it."""
    numbers = select(partner_document_orders.c.number).where(partner_document_orders.c.document_id == document_id)
    orders = select(purchase_orders.c.id, purchase_orders.c.order_id).where(purchase_orders.c.number.in_(numbers))
    for order in tx.execute(orders).all():
        timeline.tell(tx, order.order_id, event, at=now, actor=by, purchase_order_id=order.id, document=document_id)


def suppliers_with_open_orders(tx: Transaction) -> set[str]:
    """Name the suppliers whose purchase orders have not all ended."""
    query = select(purchase_orders.c.supplier).where(purchase_orders.c.ended_at.is_(None)).distinct()
    return set(tx.execute(query).scalars())
