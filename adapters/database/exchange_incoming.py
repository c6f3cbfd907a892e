"""Documents of suppliers as they came: kept once, then read; and receipts for ours. Statements only."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from adapters.database.exchange_news import KnownOrder
from adapters.exchange.keeping import document_state_after, state_after
from models.exchange import Direction, DocumentKind, DocumentState, Incoming, OrderNews, Reading, ReceiptArrived
from models.exchange_tables import partner_document_orders, partner_documents, partner_news, supplier_invoices
from models.statuses import TaskState
from models.tables import tasks

documents, entries = partner_documents, partner_document_orders


@dataclass(frozen=True)
class Kept:
    """A document as it is in our books; ``known``: the same bytes came before."""

    id: int
    state: DocumentState
    known: bool


def keep(tx: Transaction, supplier: str, incoming: Incoming, *, now: datetime, apart: str = "") -> Kept:
    """Keep a document byte for byte, unless it is there; two at the same moment are one after the other.

    ``apart``: what is only kept, and never read, is not the same document as one that comes to be read.
    """
    digest = apart + hashlib.sha256(incoming.body).hexdigest()
    row = {
        "supplier": supplier,
        "direction": Direction.IN,
        "kind": DocumentKind.UNKNOWN,
        "state": DocumentState.STORED,
        "name": incoming.name.replace("\0", ""),
        "digest": digest,
        "body": incoming.body,
        "size": len(incoming.body),
        "made_at": now,
    }
    storing = upsert(documents).values(row)
    once = storing.on_conflict_do_nothing(
        index_elements=["supplier", "digest"], index_where=documents.c.direction == Direction.IN
    )
    document_id = tx.execute(once.returning(documents.c.id)).scalar()
    if document_id is not None:
        return Kept(document_id, DocumentState.STORED, known=False)
    return _repeated(tx, supplier, digest)


def _repeated(tx: Transaction, supplier: str, digest: str) -> Kept:
    counting = update(documents).where(
        documents.c.supplier == supplier, documents.c.digest == digest, documents.c.direction == Direction.IN
    )
    row = tx.execute(
        counting.values(repeats=documents.c.repeats + 1).returning(documents.c.id, documents.c.state)
    ).one()
    return Kept(row.id, DocumentState(row.state), known=True)


def look_again(tx: Transaction, document_id: int) -> None:
    """A document that only asks to look came once more: it means that there is something new to see."""
    telling = update(partner_news).where(
        partner_news.c.document_id == document_id, partner_news.c.news["news"].astext == "look"
    )
    tx.execute(telling.values(told_at=None))


def control_taken(tx: Transaction, supplier: str, control: int, document_id: int) -> bool:
    """Say whether another document with this number was believed."""
    taken = exists().where(
        documents.c.supplier == supplier,
        documents.c.direction == Direction.IN,
        documents.c.control == control,
        documents.c.state == DocumentState.APPLIED,
        documents.c.id != document_id,
    )
    return bool(tx.execute(select(taken)).scalar())


def settle(
    tx: Transaction, document_id: int, reading: Reading, *, reason: str, replies: Sequence[str], now: datetime
) -> None:
    """Note what a document turned out to be; with a ``reason`` it is not believed."""
    values = {
        "kind": reading.kind,
        "state": DocumentState.QUARANTINED if reason else DocumentState.APPLIED,
        "control": reading.control,
        "reason": reason,
        "replies": list(replies),
        "settled_at": now,
    }
    tx.execute(update(documents).where(documents.c.id == document_id).values(values))


def is_answered(tx: Transaction, document_id: int) -> bool:
    """Say whether a document was answered already: read again, it asks for no second answer."""
    query = select(exists().where(documents.c.reply_to == document_id))
    return bool(tx.execute(query).scalar())


def unread(tx: Transaction, supplier: str, *, after: int) -> tuple[int, Incoming] | None:
    """Read what is kept next after a document, and was not read yet or is to be read again: one, they may be large."""
    query = select(documents).where(documents.c.supplier == supplier, documents.c.state == DocumentState.STORED)
    row = tx.execute(query.where(documents.c.id > after).order_by(documents.c.id).limit(1)).one_or_none()
    return (row.id, Incoming(name=row.name, place="", body=bytes(row.body or b""))) if row else None


def read_again(tx: Transaction, document_id: int) -> bool:
    """Have a document read once more, with the next round. False where there is none that can be.

    What came to our door was read with its headers, which are not kept.
    """
    again = update(documents).where(
        documents.c.id == document_id,
        documents.c.direction == Direction.IN,
        documents.c.kind.not_in([DocumentKind.WEBHOOK, DocumentKind.PORTAL]),
    )
    return tx.execute(again.values(state=DocumentState.STORED, reason="")).rowcount == 1


# What it said.


def forget(tx: Transaction, document_id: int) -> None:
    """Take out what a document had said: it is read again."""
    tx.execute(delete(partner_news).where(partner_news.c.document_id == document_id))
    tx.execute(delete(entries).where(entries.c.document_id == document_id))
    tx.execute(delete(supplier_invoices).where(supplier_invoices.c.document_id == document_id))


def note(
    tx: Transaction, document_id: int, order: KnownOrder, news: OrderNews, sequence: int, *, now: datetime
) -> None:
    """Keep one piece of news about an order, and that the document names this order."""
    row = {
        "document_id": document_id,
        "sequence": sequence,
        "supplier": order.supplier,
        "number": order.number,
        "purchase_order_id": order.id,
        "news": news.model_dump(mode="json"),
        "said_at": now,
    }
    tx.execute(upsert(partner_news).values(row).on_conflict_do_nothing())
    name_order(tx, document_id, order.number, DocumentState.APPLIED)


def name_order(tx: Transaction, document_id: int, number: str, state: DocumentState) -> None:
    """Note that a document names an order, known to us or not."""
    row = {"document_id": document_id, "number": number, "position": 0, "state": state}
    tx.execute(upsert(entries).values(row).on_conflict_do_nothing())


# Receipts.


@dataclass(frozen=True)
class Receipted:
    """A document of ours that a receipt was for, with the orders in it and those that were refused."""

    id: int
    kind: DocumentKind
    numbers: tuple[str, ...]
    refused: tuple[str, ...]


def receive(tx: Transaction, supplier: str, receipt: ReceiptArrived, *, now: datetime) -> Receipted | None:
    """Note a receipt on the document it is for. None where there is none that may be receipted."""
    query = select(documents.c.id, documents.c.kind).where(
        documents.c.supplier == supplier,
        documents.c.direction == Direction.OUT,
        documents.c.control == receipt.control,
        documents.c.kind != DocumentKind.RECEIPT,
        documents.c.state != DocumentState.WITHDRAWN,
    )
    found = tx.execute(query.with_for_update()).one_or_none()
    if found is None:
        return None
    codes = " ".join(receipt.codes)
    noting = update(documents).where(documents.c.id == found.id)
    tx.execute(noting.values(state=document_state_after(receipt), receipt_at=now, reason=codes))
    refused = []
    numbers = _numbers(tx, found.id)
    for number in numbers:
        state = state_after(receipt, number)
        mine = update(entries).where(entries.c.document_id == found.id, entries.c.number == number)
        tx.execute(mine.values(state=state))
        if state is DocumentState.REFUSED:
            refused.append(number)
    return Receipted(found.id, DocumentKind(found.kind), numbers, tuple(refused))


def _numbers(tx: Transaction, document_id: int) -> tuple[str, ...]:
    query = select(entries.c.number).where(
        entries.c.document_id == document_id, entries.c.state != DocumentState.WITHDRAWN
    )
    return tuple(tx.execute(query.order_by(entries.c.position)).scalars())


@dataclass(frozen=True)
class Overdue:
    """A document of ours whose receipt has not come in time."""

    id: int
    control: int
    numbers: tuple[str, ...]
    settled_at: datetime


def receipt_key(document_id: int) -> str:
    """Name the question about a receipt that does not come."""
    return f"document:{document_id}:receipt"


def overdue(tx: Transaction, supplier: str, *, now: datetime) -> list[Overdue]:
    """List the documents whose receipt is overdue and nobody was asked about yet."""
    asked = exists().where(
        tasks.c.key == "document:" + documents.c.id.cast(tasks.c.key.type) + ":receipt",
        tasks.c.state == TaskState.OPEN,
    )
    query = select(documents.c.id, documents.c.control, documents.c.settled_at).where(
        documents.c.supplier == supplier,
        documents.c.receipt_due < now,
        documents.c.receipt_at.is_(None),
        documents.c.state == DocumentState.SENT,
        ~asked,
    )
    rows: Sequence[Any] = tx.execute(query.order_by(documents.c.id)).all()
    return [Overdue(row.id, row.control, _numbers(tx, row.id), row.settled_at) for row in rows]
