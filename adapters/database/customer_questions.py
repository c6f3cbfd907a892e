"""What customers are asked about units that nobody can deliver, and what they answered.

The page writes the first answer and no second one; the order's lifecycle, which may end the question meanwhile, locks
the row first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, text, update

from adapters.database.engine import Transaction
from models.backordering import Answer, AskedLine, CustomerChoice
from models.identifiers import order_workflow_id
from models.orders import Address
from models.statuses import OrderState
from models.tables import (
    addresses,
    customer_questions,
    order_line_parts,
    order_lines,
    orders,
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question to a customer, with what its page shows of the order."""

    id: int
    order_id: int
    order_name: str
    lines: tuple[AskedLine, ...]
    when_silent: str
    answer_by: datetime
    wait_until: datetime
    answer: Answer | None
    ending: str | None
    over: bool  # the question or its order has ended


@dataclass(frozen=True, slots=True)
class PendingAnswer:
    """A stored answer that its workflow has not heard of."""

    question_id: int
    order_id: int
    workflow_id: str


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question as it is put."""

    lines: Sequence[AskedLine]
    when_silent: str
    answer_by: datetime
    wait_until: datetime


_QUESTION = select(customer_questions, orders.c.name, orders.c.state).join(
    orders, orders.c.id == customer_questions.c.order_id
)


def go_on(tx: Transaction, order_id: int, lines: Sequence[AskedLine], *, now: datetime) -> Question | None:
    """Go on asking about the same lines: the question that runs, or that stock had cut short; None where there is none.

    The order's row is locked by this transaction.
    """
    asked = [line.model_dump(mode="json") for line in lines]
    standing = _standing(tx, order_id, now)
    if standing is None or not _same_lines(standing.lines, asked):
        return None
    if standing.answered_at is None:
        going_on = update(customer_questions).where(customer_questions.c.id == standing.id)
        tx.execute(going_on.values(lines=asked, ended_at=None, ending=None))
    return read(tx, standing.id)


def put(tx: Transaction, order_id: int, question: NewQuestion, *, now: datetime) -> Question:
    """Ask something new."""
    values = {
        "order_id": order_id,
        "lines": [line.model_dump(mode="json") for line in question.lines],
        "when_silent": question.when_silent,
        "asked_at": now,
        "answer_by": question.answer_by,
        "wait_until": question.wait_until,
    }
    key = tx.execute(insert(customer_questions).values(values).returning(customer_questions.c.id)).scalar_one()
    return _view(tx.execute(_QUESTION.where(customer_questions.c.id == key)).one())


def _standing(tx: Transaction, order_id: int, now: datetime) -> Row[Any] | None:
    """Find the newest question that still runs, or that stock had cut short while its customer might answer."""
    newest = (
        select(customer_questions)
        .where(customer_questions.c.order_id == order_id)
        .order_by(customer_questions.c.id.desc())
        .limit(1)
        .with_for_update()
    )
    row = tx.execute(newest).one_or_none()
    if row is None or row.ending in ("answered", "silent"):
        return None
    may_be_answered = row.answered_at is None and row.answer_by > now
    return row if row.ending is None or may_be_answered else None


def _same_lines(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> bool:
    """What is offered instead may change; of which line how many units lack may not."""
    return [(line["line_id"], line["units"]) for line in before] == [(line["line_id"], line["units"]) for line in after]


def overtake(tx: Transaction, order_id: int, *, now: datetime) -> list[Answer]:
    """End an order's question because it is none any more. Returns answers that nobody has acted on."""
    closing = (
        update(customer_questions)
        .where(customer_questions.c.order_id == order_id, customer_questions.c.ended_at.is_(None))
        .values(ended_at=now, ending="overtaken")
        .returning(customer_questions.c.answer)
    )
    return [Answer.model_validate(given) for given in tx.execute(closing).scalars() if given]


def asked_before(tx: Transaction, order_id: int, line_ids: Sequence[str]) -> bool:
    """Say whether the customer was asked about one of these lines, and it is still what it was then."""
    asked = tx.execute(
        select(customer_questions.c.lines, customer_questions.c.answer).where(
            customer_questions.c.order_id == order_id, customer_questions.c.ending.in_(("answered", "silent"))
        )
    )
    for row in asked:
        given = Answer.model_validate(row.answer or {})
        changed = {one.line_id for one in given.lines if one.choice is CustomerChoice.ALTERNATIVE}
        if any(line["line_id"] in line_ids and line["line_id"] not in changed for line in row.lines):
            return True
    return False


def end(tx: Transaction, question_id: int, ending: str, *, now: datetime) -> None:
    """End a question once."""
    closing = update(customer_questions).where(
        customer_questions.c.id == question_id, customer_questions.c.ended_at.is_(None)
    )
    tx.execute(closing.values(ended_at=now, ending=ending))


def read(tx: Transaction, question_id: int) -> Question | None:
    """Read a question for its page; None where there is none of this number."""
    row = tx.execute(_QUESTION.where(customer_questions.c.id == question_id)).one_or_none()
    return None if row is None else _view(row)


def lock(tx: Transaction, question_id: int) -> Question:
    """Read a question that no answer joins until this transaction ends."""
    query = _QUESTION.where(customer_questions.c.id == question_id).with_for_update(of=customer_questions)
    return _view(tx.execute(query).one())


def _view(row: Row[Any]) -> Question:
    return Question(
        id=row.id,
        order_id=row.order_id,
        order_name=row.name,
        lines=tuple(AskedLine.model_validate(line) for line in row.lines),
        when_silent=row.when_silent,
        answer_by=row.answer_by,
        wait_until=row.wait_until,
        answer=Answer.model_validate(row.answer) if row.answer else None,
        ending=row.ending,
        over=row.ended_at is not None or row.state != OrderState.OPEN,
    )


def answer(tx: Transaction, question_id: int, given: Answer, *, now: datetime) -> bool:
    """Keep a customer's answer. False where there is one already, or the question is over: the first answer stands."""
    open_order = select(orders.c.id).where(
        orders.c.id == customer_questions.c.order_id, orders.c.state == OrderState.OPEN
    )
    keeping = update(customer_questions).where(
        customer_questions.c.id == question_id,
        customer_questions.c.answered_at.is_(None),
        customer_questions.c.ended_at.is_(None),
        customer_questions.c.answer_by > now,
        open_order.exists(),
    )
    kept = tx.execute(keeping.values(answer=given.model_dump(mode="json", exclude_none=True), answered_at=now))
    return kept.rowcount == 1


def undelivered(tx: Transaction, *, before: datetime, limit: int) -> list[PendingAnswer]:
    """List the oldest answers that were stored before then and that no workflow has heard of."""
    query = _PENDING.where(
        customer_questions.c.answered_at < before,
        customer_questions.c.delivered_at.is_(None),
        customer_questions.c.ended_at.is_(None),
        orders.c.state == OrderState.OPEN,
    )
    return [_pending(row) for row in tx.execute(query.order_by(customer_questions.c.answered_at).limit(limit))]


def pending(tx: Transaction, question_id: int) -> PendingAnswer:
    """Name the workflow that an answer is for."""
    return _pending(tx.execute(_PENDING.where(customer_questions.c.id == question_id)).one())


_PENDING = select(
    customer_questions.c.id, customer_questions.c.order_id, orders.c.channel, orders.c.storefront_order_id
).join(orders, orders.c.id == customer_questions.c.order_id)


def _pending(row: Row[Any, Any, Any, Any]) -> PendingAnswer:
    return PendingAnswer(row.id, row.order_id, order_workflow_id(row.channel, row.storefront_order_id))


def mark_delivered(tx: Transaction, question_id: int, *, now: datetime) -> None:
    """Remember that the workflow has heard of the answer."""
    marking = update(customer_questions).where(
        customer_questions.c.id == question_id, customer_questions.c.delivered_at.is_(None)
    )
    tx.execute(marking.values(delivered_at=now))


def address_of(tx: Transaction, order_id: int) -> Address | None:
    """Read where an order's customer is written to."""
    query = select(addresses.c.address).join(orders, orders.c.address_id == addresses.c.id)
    document = tx.execute(query.where(orders.c.id == order_id)).scalar_one_or_none()
    return Address.model_validate(document) if document else None


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line as its customer knows it. ``touched``: some of it has been ordered at a supplier."""

    line_id: str
    title: str
    ean: str
    touched: bool


_SOLD = text("""
SELECT l.line_id, l.title, coalesce(l.substitute_ean, m.ean, l.ean, '') AS ean, EXISTS (
        SELECT 1 FROM purchase_orders po JOIN purchase_order_lines pl ON pl.purchase_order_id = po.id
        WHERE po.order_id = l.order_id AND pl.line_id = l.line_id
            AND (po.ended_at IS NULL OR pl.shipped > 0 OR po.state IN ('observed', 'test_placed'))
    ) AS touched
FROM order_lines l JOIN orders o ON o.id = l.order_id
LEFT JOIN article_mappings m ON m.channel = o.channel AND m.variant_id = l.variant_id
WHERE l.order_id = :order_id AND l.line_id = ANY(:lines) ORDER BY l.position
""")


def sold_lines(tx: Transaction, order_id: int, line_ids: Sequence[str]) -> list[SoldLine]:
    """Read lines in the order they were bought in."""
    rows = tx.execute(_SOLD, {"order_id": order_id, "lines": list(line_ids)})
    return [SoldLine(row.line_id, row.title, row.ean, row.touched) for row in rows]


_TITLES = text("""
SELECT e.ean, coalesce(
    (SELECT nullif(title, '') FROM listings WHERE ean = e.ean AND channel = :channel ORDER BY variant_id LIMIT 1),
    (SELECT nullif(title, '') FROM articles WHERE ean = e.ean ORDER BY sku LIMIT 1),
    (SELECT nullif(a.title, '') FROM offers o JOIN supplier_articles a USING (supplier, sku) WHERE o.ean = e.ean
        AND a.title <> '' ORDER BY supplier, sku LIMIT 1)
) AS title
FROM unnest(CAST(:eans AS text[])) AS e (ean)
""")


def titles(tx: Transaction, channel: str, eans: Sequence[str]) -> dict[str, str]:
    """Say what articles are called, in the shop's own words where it sells them; who has no title is left out."""
    rows = tx.execute(_TITLES, {"channel": channel, "eans": list(eans)})
    return {row.ean: row.title for row in rows if row.title}


def substitute(tx: Transaction, order_id: int, line_id: str, ean: str) -> None:
    """Make what is open of a line another article, at the price that was paid."""
    changing = update(order_lines).where(order_lines.c.order_id == order_id, order_lines.c.line_id == line_id)
    tx.execute(changing.values(substitute_ean=ean))
    tx.execute(
        delete(order_line_parts).where(order_line_parts.c.order_id == order_id, order_line_parts.c.line_id == line_id)
    )
