"""Documents of ours in the database: their control numbers, their bytes, the orders in them. Statements only.

One partner's documents are written one transaction after the other: whoever writes holds its row of control numbers.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, exists, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from adapters.exchange.keeping import batch_key, upload_fact
from models.exchange import Direction, DocumentKind, DocumentState, Drafted, Outgoing
from models.exchange_tables import control_numbers, partner_document_orders, partner_documents, partner_facts
from models.statuses import GIVEN_UP
from models.tables import purchase_orders

documents, entries = partner_documents, partner_document_orders
WITHDRAWN = DocumentState.WITHDRAWN


def serialise(tx: Transaction, supplier: str) -> int:
    """Let nobody else write documents for this partner, and return its last control number."""
    row = {"supplier": supplier, "last": 0}
    tx.execute(upsert(control_numbers).values(row).on_conflict_do_nothing())
    query = select(control_numbers.c.last).where(control_numbers.c.supplier == supplier).with_for_update()
    return int(tx.execute(query).scalar_one())


def prepare(
    tx: Transaction,
    supplier: str,
    kind: DocumentKind,
    key: str,
    numbers: Sequence[str],
    write: Callable[[int], Drafted],
    now: datetime,
) -> Outgoing:
    """Allot the next control number and keep what is written with it; what has this key already is returned."""
    last = serialise(tx, supplier)
    known = by_key(tx, supplier, key)
    if known is not None:
        return known
    if kind is DocumentKind.ORDER:  # it is sent alone now
        for number in numbers:
            dequeue(tx, supplier, number)
    drafted = write(last + 1)
    row = {"supplier": supplier, "direction": Direction.OUT, "kind": kind, "key": key, "made_at": now}
    fixed = _fixed(tx, supplier, last + 1, drafted)
    storing = insert(documents).values(**row, **fixed, state=DocumentState.PREPARED).returning(documents.c.id)
    document_id: int = tx.execute(storing).scalar_one()
    _enter(tx, document_id, numbers)
    return load(tx, document_id)


def _fixed(tx: Transaction, supplier: str, control: int, drafted: Drafted) -> dict[str, Any]:
    """Use up a control number, and say what a document is from now on."""
    using = update(control_numbers).where(control_numbers.c.supplier == supplier)
    tx.execute(using.values(last=control))
    return {
        "name": drafted.name,
        "control": control,
        "body": drafted.body,
        "digest": hashlib.sha256(drafted.body).hexdigest(),
        "size": len(drafted.body),
    }


def _enter(tx: Transaction, document_id: int, numbers: Sequence[str]) -> None:
    rows = [
        {"document_id": document_id, "number": number, "position": position, "state": DocumentState.PREPARED}
        for position, number in enumerate(dict.fromkeys(numbers))
    ]
    if rows:
        tx.execute(insert(entries), rows)


def by_key(tx: Transaction, supplier: str, key: str) -> Outgoing | None:
    """Read the document of ours with this key."""
    query = select(documents.c.id).where(documents.c.supplier == supplier, documents.c.key == key)
    document_id = tx.execute(query).scalar()
    return load(tx, document_id) if document_id is not None else None


def load(tx: Transaction, document_id: int) -> Outgoing:
    """Read a document of ours. An open batch has no control number and no body yet."""
    row = tx.execute(select(documents).where(documents.c.id == document_id)).one()
    query = select(entries.c.number).where(entries.c.document_id == document_id, entries.c.state != WITHDRAWN)
    return _outgoing(row, tx.execute(query.order_by(entries.c.position)).scalars())


def _outgoing(row: Row[Any], numbers: Iterable[str]) -> Outgoing:
    return Outgoing(
        id=row.id,
        kind=DocumentKind(row.kind),
        control=row.control or 0,
        name=row.name,
        numbers=tuple(numbers),
        state=DocumentState(row.state),
        body=bytes(row.body or b""),
        prepared_at=row.made_at,
        again=row.state == DocumentState.PREPARED and row.settled_at is not None,
    )


def mark_sent(tx: Transaction, document_id: int, receipt_due: datetime | None, now: datetime) -> None:
    """Note that a document has left. A receipt that came faster stays as it is."""
    _move(tx, document_id, DocumentState.PREPARED, DocumentState.SENT)
    tx.execute(update(documents).where(documents.c.id == document_id).values(settled_at=now))
    unconfirmed = update(documents).where(documents.c.id == document_id, documents.c.receipt_at.is_(None))
    tx.execute(unconfirmed.values(receipt_due=receipt_due))


def _move(tx: Transaction, document_id: int, before: DocumentState, after: DocumentState) -> None:
    for table, key in ((documents, documents.c.id), (entries, entries.c.document_id)):
        moving = update(table).where(key == document_id, table.c.state == before)
        tx.execute(moving.values(state=after))


def withdraw(tx: Transaction, document_id: int) -> None:
    """Note that a document never leaves. Its key is free for another."""
    withdrawing = update(documents).where(
        documents.c.id == document_id, documents.c.state.in_([DocumentState.QUEUED, DocumentState.PREPARED])
    )
    if tx.execute(withdrawing.values(state=WITHDRAWN, key=None)).rowcount:
        tx.execute(update(entries).where(entries.c.document_id == document_id).values(state=WITHDRAWN, entry=None))


def resend(tx: Transaction, document_id: int, now: datetime) -> bool:
    """Have a document sent again, byte for byte, with the next round. False where there is none that ever was.

    False, too, where an order in it was given up since: it may have been ordered elsewhere. One that was refused counts
    as though it had never left: that its number is known there then proves nothing.
    """
    query = select(documents.c.supplier, documents.c.control, documents.c.state).where(documents.c.id == document_id)
    before = tx.execute(query.with_for_update()).one_or_none()
    if before is None or _given_up(tx, document_id):
        return False
    again = update(documents).where(
        documents.c.id == document_id,
        documents.c.direction == Direction.OUT,
        documents.c.state.not_in([WITHDRAWN, DocumentState.QUEUED]),
    )
    values = {"state": DocumentState.PREPARED, "settled_at": now, "receipt_due": None, "receipt_at": None}
    if not tx.execute(again.values(values)).rowcount:
        return False
    if before.state == DocumentState.REFUSED:
        facts = partner_facts.c
        forgetting = update(partner_facts).where(
            facts.supplier == before.supplier, facts.key == upload_fact(before.control)
        )
        tx.execute(forgetting.values(value=""))
    waiting = update(entries).where(entries.c.document_id == document_id, entries.c.state != WITHDRAWN)
    tx.execute(waiting.values(state=DocumentState.PREPARED))
    return True


def _given_up(tx: Transaction, document_id: int) -> bool:
    """Say whether it would order anew what has ended at this supplier without being delivered."""
    ended = exists().where(
        entries.c.document_id == documents.c.id,
        entries.c.state != WITHDRAWN,
        purchase_orders.c.number == entries.c.number,
        purchase_orders.c.state.in_(GIVEN_UP),
    )
    query = select(ended).where(documents.c.id == document_id, documents.c.kind == DocumentKind.ORDER)
    return bool(tx.execute(query).scalar())


def await_no_receipt(tx: Transaction, document_id: int) -> None:
    """Stop waiting for a document's receipt: a person says that it has arrived."""
    tx.execute(update(documents).where(documents.c.id == document_id).values(receipt_due=None))


def newest(tx: Transaction, supplier: str, kind: DocumentKind, number: str) -> Outgoing | None:
    """Read the newest document of that kind for a purchase order, with the state of this order in it."""
    query = (
        select(documents.c.id, entries.c.state)
        .join(entries, entries.c.document_id == documents.c.id)
        .where(documents.c.supplier == supplier, documents.c.direction == Direction.OUT, documents.c.kind == kind)
        .where(entries.c.number == number, entries.c.state != WITHDRAWN)
        .order_by(documents.c.id.desc())
        .limit(1)
    )
    found = tx.execute(query).one_or_none()
    return load(tx, found.id).model_copy(update={"state": DocumentState(found.state)}) if found else None


def own(tx: Transaction, supplier: str, number: str) -> Row[Any, Any, Any] | None:
    """Read where our own order document for a number is: (state, window_ends, reason).

    One that was withdrawn as a whole counts as though it had never been.
    """
    query = (
        select(entries.c.state, documents.c.window_ends, documents.c.reason)
        .join(documents, documents.c.id == entries.c.document_id)
        .where(documents.c.supplier == supplier, documents.c.direction == Direction.OUT)
        .where(documents.c.kind == DocumentKind.ORDER, entries.c.number == number)
        .where(or_(documents.c.state != WITHDRAWN, documents.c.control.is_(None)))
        .order_by(documents.c.id.desc())
        .limit(1)
    )
    return tx.execute(query).one_or_none()


def unsent(tx: Transaction, supplier: str, kinds: Sequence[DocumentKind]) -> list[Outgoing]:
    """List what is prepared and not known to have left, oldest first; orders that are placed alone aside."""
    alone = and_(
        documents.c.kind == DocumentKind.ORDER, documents.c.window_ends.is_(None), documents.c.settled_at.is_(None)
    )
    query = select(documents.c.id).where(
        documents.c.supplier == supplier, documents.c.state == DocumentState.PREPARED, ~alone
    )
    if kinds:
        query = query.where(documents.c.kind.in_(kinds))
    return [load(tx, document_id) for document_id in tx.execute(query.order_by(documents.c.id)).scalars().all()]


# Batches.


def enqueue(tx: Transaction, supplier: str, number: str, entry: bytes, *, window_ends: datetime, now: datetime) -> None:
    """Put an order into the open batch of a window, unless it is in a document already."""
    serialise(tx, supplier)
    if newest(tx, supplier, DocumentKind.ORDER, number) is not None:
        return
    batch = _open_batch(tx, supplier, window_ends, now)
    position = select(entries.c.position).where(entries.c.document_id == batch)
    taken = tx.execute(position.order_by(entries.c.position.desc()).limit(1)).scalar()
    row = {
        "document_id": batch,
        "number": number,
        "position": 0 if taken is None else taken + 1,
        "state": DocumentState.QUEUED,
        "entry": entry,
    }
    insertion = upsert(entries).values(row)
    again = {"state": insertion.excluded.state, "entry": insertion.excluded.entry}
    keys = ["document_id", "number"]
    tx.execute(insertion.on_conflict_do_update(index_elements=keys, set_=again))


def _open_batch(tx: Transaction, supplier: str, window_ends: datetime, now: datetime) -> int:
    key = batch_key(window_ends)
    query = select(documents.c.id).where(documents.c.supplier == supplier, documents.c.key == key)
    batch: int | None = tx.execute(query).scalar()
    if batch is None:
        row = {
            "supplier": supplier,
            "direction": Direction.OUT,
            "kind": DocumentKind.ORDER,
            "state": DocumentState.QUEUED,
            "name": key,
            "key": key,
            "made_at": now,
            "window_ends": window_ends,
        }
        batch = tx.execute(insert(documents).values(row).returning(documents.c.id)).scalar_one()
    return batch


def dequeue(tx: Transaction, supplier: str, number: str) -> bool:
    """Take an order out of a batch that is still open. Said again of one that was taken out, it is still true."""
    serialise(tx, supplier)
    queued = select(documents.c.id).where(documents.c.supplier == supplier, documents.c.state == DocumentState.QUEUED)
    leaving = update(entries).where(
        entries.c.document_id.in_(queued), entries.c.number == number, entries.c.state == DocumentState.QUEUED
    )
    if tx.execute(leaving.values(state=WITHDRAWN, entry=None)).rowcount:
        return True
    standing = own(tx, supplier, number)
    return standing is not None and standing.state == WITHDRAWN


def close_batch(
    tx: Transaction, supplier: str, write: Callable[[int, Sequence[bytes]], Drafted], now: datetime
) -> Outgoing | None:
    """Close the oldest batch whose window is over; one that nothing is left in ends without a number."""
    last = serialise(tx, supplier)
    over = select(documents.c.id, documents.c.key).where(
        documents.c.supplier == supplier,
        documents.c.state == DocumentState.QUEUED,
        documents.c.window_ends <= now,
    )
    for batch in tx.execute(over.order_by(documents.c.window_ends, documents.c.id)).all():
        collected = _collected(tx, batch.id)
        if not collected:
            withdraw(tx, batch.id)
            continue
        fixed = _fixed(tx, supplier, last + 1, write(last + 1, collected))
        closing = update(documents).where(documents.c.id == batch.id)
        tx.execute(closing.values(**fixed, key=f"{batch.key}/{batch.id}", made_at=now))
        _move(tx, batch.id, DocumentState.QUEUED, DocumentState.PREPARED)
        tx.execute(update(entries).where(entries.c.document_id == batch.id).values(entry=None))
        return load(tx, batch.id)
    return None


def _collected(tx: Transaction, batch: int) -> list[bytes]:
    query = select(entries.c.entry).where(entries.c.document_id == batch, entries.c.state == DocumentState.QUEUED)
    return [bytes(entry) for entry in tx.execute(query.order_by(entries.c.position)).scalars()]
