"""The fence around the one request that must not leave twice.

``ready → sending`` is committed, with a token and a rising number, before the request leaves. Whoever finds
``sending`` under another token knows that a request may have left, and raises the fence: the order is in doubt until
a person, or the supplier's own records, settle it. A late reply writes only while its own number still stands.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, or_, select, update

from adapters.database import purchase_orders as records
from adapters.database.engine import Transaction
from models.statuses import PurchaseOrderState, SubmissionState
from models.suppliers import PlacedOrder
from models.tables import orders, purchase_orders, submission_attempts


@dataclass(frozen=True)
class Claim:
    """The right to send one request."""

    purchase_order_id: int
    fence: int
    token: str


def lock(tx: Transaction, purchase_order_id: int) -> records.PurchaseOrderView:
    """Lock order and purchase order, in this sequence everywhere, and read them as they are now.

    Intake locks the order's row when it stores a cancellation or a new address: one of the two sees the other. The locks
    let rows be added that only name the order: who does that later in its transaction waits for nobody in a circle.
    """
    order_id = select(purchase_orders.c.order_id).where(purchase_orders.c.id == purchase_order_id).scalar_subquery()
    tx.execute(select(orders.c.id).where(orders.c.id == order_id).with_for_update(key_share=True))
    mine = select(purchase_orders.c.id).where(purchase_orders.c.id == purchase_order_id)
    tx.execute(mine.with_for_update(key_share=True))
    return records.load(tx, purchase_order_id)


def claim(
    tx: Transaction, order: records.PurchaseOrderView, token: str, request: dict[str, Any], now: datetime
) -> Claim:
    """Take the right to send, from ``ready``. The caller holds the lock and has checked the state."""
    fence = order.fence + 1
    claiming = update(purchase_orders).where(purchase_orders.c.id == order.id)
    tx.execute(claiming.values(submission=SubmissionState.SENDING, fence=fence, claim_token=token))
    tx.execute(
        insert(submission_attempts).values(
            purchase_order_id=order.id, fence=fence, token=token, request=request, claimed_at=now
        )
    )
    return Claim(order.id, fence, token)


def give_back(tx: Transaction, claim: Claim, *, outcome: str, detail: str, now: datetime) -> None:
    """Return the claim: it is proven that nothing was ordered."""
    _end_attempt(tx, claim, outcome=outcome, detail=detail, now=now)
    _move(tx, claim, submission=SubmissionState.READY, claim_token=None)


def doubt(tx: Transaction, claim: Claim, *, detail: str, now: datetime) -> None:
    """The request left, and no answer says what became of it."""
    _end_attempt(tx, claim, outcome="unknown", detail=detail, now=now)
    _move(tx, claim, submission=SubmissionState.UNKNOWN)


def place(tx: Transaction, claim: Claim, placed: PlacedOrder, *, now: datetime) -> bool:
    """Keep the supplier's answer. False where the fence was raised meanwhile: the reply came too late to count."""
    _end_attempt(
        tx, claim, outcome="placed", detail=placed.status_text, now=now, supplier_number=placed.supplier_number
    )
    return _move(
        tx,
        claim,
        submission=SubmissionState.PLACED,
        state=PurchaseOrderState.PLACED,
        supplier_number=placed.supplier_number,
        confirmed_at=now,
    )


def raise_fence(tx: Transaction, order: records.PurchaseOrderView) -> None:
    """Declare a stranger's claim in doubt. Whatever that attempt still does, it no longer counts."""
    raising = update(purchase_orders).where(purchase_orders.c.id == order.id)
    tx.execute(raising.values(submission=SubmissionState.UNKNOWN, fence=order.fence + 1))


def confirm(tx: Transaction, purchase_order_id: int, supplier_number: str, *, now: datetime) -> bool:
    """The order was found at the supplier, by a person or by looking. False where it is settled already.

    Also where looking had found nothing and it may be sent again: who has seen it is right, and it must not leave again.
    """
    confirming = update(purchase_orders).where(
        purchase_orders.c.id == purchase_order_id,
        purchase_orders.c.submission.in_([SubmissionState.UNKNOWN, SubmissionState.READY]),
    )
    found = tx.execute(
        confirming.values(
            submission=SubmissionState.PLACED,
            state=PurchaseOrderState.PLACED,
            supplier_number=supplier_number,
            confirmed_at=now,
            fence=purchase_orders.c.fence + 1,
        )
    )
    return found.rowcount == 1


def reopen(tx: Transaction, purchase_order_id: int) -> None:
    """A person looked, and the supplier does not have it: allow one more submission."""
    reopening = update(purchase_orders).where(
        purchase_orders.c.id == purchase_order_id, purchase_orders.c.submission == SubmissionState.UNKNOWN
    )
    tx.execute(reopening.values(submission=SubmissionState.READY, claim_token=None, fence=purchase_orders.c.fence + 1))


def number_of(tx: Transaction, order: records.PurchaseOrderView, supplier_number: str) -> str | None:
    """Name another purchase order that its supplier has under this number."""
    query = select(purchase_orders.c.number).where(
        purchase_orders.c.supplier == order.supplier,
        purchase_orders.c.supplier_number == supplier_number,
        purchase_orders.c.id != order.id,
    )
    found: str | None = tx.execute(query.limit(1)).scalar()
    return found


def attempts(tx: Transaction, purchase_order_id: int) -> int:
    """Count the requests that may have left."""
    left = or_(submission_attempts.c.outcome.is_(None), submission_attempts.c.outcome.in_(["unknown", "placed"]))
    query = select(func.count()).where(submission_attempts.c.purchase_order_id == purchase_order_id, left)
    return int(tx.execute(query).scalar_one())


def latest_attempt(tx: Transaction, purchase_order_id: int) -> dict[str, Any] | None:
    """Read the last attempt: when, what was sent, what came back. Holds personal data: for a task's evidence, by reference."""
    query = (
        select(submission_attempts)
        .where(submission_attempts.c.purchase_order_id == purchase_order_id)
        .order_by(submission_attempts.c.id.desc())
        .limit(1)
    )
    row = tx.execute(query).one_or_none()
    return dict(row._mapping) if row else None


def _move(tx: Transaction, claim: Claim, **values: Any) -> bool:
    moving = update(purchase_orders).where(
        purchase_orders.c.id == claim.purchase_order_id, purchase_orders.c.fence == claim.fence
    )
    return tx.execute(moving.values(**values)).rowcount == 1


def _end_attempt(
    tx: Transaction, claim: Claim, *, outcome: str, detail: str, now: datetime, supplier_number: str | None = None
) -> None:
    ending = update(submission_attempts).where(submission_attempts.c.token == claim.token)
    tx.execute(ending.values(outcome=outcome, detail=detail[:300], ended_at=now, supplier_number=supplier_number))
