"""Following a placed order: each check of the plan with its answer, and each parcel once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from models.suppliers import TrackedParcel
from models.tables import parcels, tracking_checks


@dataclass(frozen=True)
class Check:
    """One check of one plan: which, when it was due, and when it was asked."""

    purchase_order_id: int
    kind: str
    number: int
    due_at: datetime
    asked_at: datetime


@dataclass(frozen=True)
class Parcel:
    """A parcel as we know it; ``told`` once the storefront has it."""

    id: int
    tracking_number: str
    carrier: str
    url: str
    source: str
    told: bool


def keep_check(tx: Transaction, check: Check, answer: str | None) -> int:
    """Keep a check's answer, or count one more failure where there was none. Returns the failures so far."""
    insertion = upsert(tracking_checks).values(
        purchase_order_id=check.purchase_order_id,
        kind=check.kind,
        due_at=check.due_at,
        check_no=check.number,
        asked_at=check.asked_at,
        errors=0 if answer is not None else 1,
        answer=answer,
    )
    changed: dict[str, Any] = {
        "asked_at": check.asked_at,
        "errors": tracking_checks.c.errors + insertion.excluded.errors,
    }
    if answer is not None:
        changed["answer"] = answer
    keys = ["purchase_order_id", "kind", "due_at"]
    keeping = insertion.on_conflict_do_update(index_elements=keys, set_=changed).returning(tracking_checks.c.errors)
    errors: int = tx.execute(keeping).scalar_one()
    return errors


def answer_to(tx: Transaction, check: Check) -> str | None:
    """Return the answer this check has had already: a repeated attempt does not ask again."""
    query = select(tracking_checks.c.answer).where(
        tracking_checks.c.purchase_order_id == check.purchase_order_id,
        tracking_checks.c.kind == check.kind,
        tracking_checks.c.due_at == check.due_at,
    )
    return tx.execute(query).scalar()


def checks(tx: Transaction, purchase_order_id: int) -> list[dict[str, Any]]:
    """List every check so far, oldest first."""
    query = select(tracking_checks).where(tracking_checks.c.purchase_order_id == purchase_order_id)
    return [dict(row._mapping) for row in tx.execute(query.order_by(tracking_checks.c.asked_at))]


def keep_parcels(
    tx: Transaction, purchase_order_id: int, found: Sequence[TrackedParcel], *, source: str, now: datetime
) -> int:
    """Keep parcels, each once. Returns how many were new."""
    if not found:
        return 0
    rows = [
        {
            "purchase_order_id": purchase_order_id,
            "tracking_number": parcel.tracking_number,
            "carrier": parcel.carrier,
            "url": parcel.url,
            "source": source,
            "seen_at": now,
        }
        for parcel in found
    ]
    keeping = upsert(parcels).values(rows).on_conflict_do_nothing().returning(parcels.c.id)
    return len(tx.execute(keeping).all())


def known_parcels(tx: Transaction, purchase_order_id: int) -> list[Parcel]:
    """List a purchase order's parcels, oldest first."""
    query = select(parcels).where(parcels.c.purchase_order_id == purchase_order_id).order_by(parcels.c.id)
    return [
        Parcel(row.id, row.tracking_number, row.carrier, row.url, row.source, row.fulfilled_at is not None)
        for row in tx.execute(query)
    ]


def mark_told(tx: Transaction, parcel_ids: Sequence[int], *, now: datetime) -> None:
    """Note that the storefront knows these parcels."""
    tx.execute(update(parcels).where(parcels.c.id.in_(parcel_ids)).values(fulfilled_at=now))
