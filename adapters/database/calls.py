"""The journal of calls: every call to a supplier or a storefront, with what was asked and what came back."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from models.calls import CallRecord
from models.tables import calls

_KEEP = upsert(calls).on_conflict_do_nothing(index_elements=["key"])


@dataclass(frozen=True)
class CallSubject:
    """Which order and purchase order a call was made for, and in which attempt of its activity."""

    order_id: int | None = None
    purchase_order_id: int | None = None
    attempt: int = 1


def save(tx: Transaction, subject: CallSubject, records: Sequence[CallRecord]) -> None:
    """Keep these calls."""
    if not records:
        return
    about = {
        "order_id": subject.order_id,
        "purchase_order_id": subject.purchase_order_id,
        "attempt": subject.attempt,
    }
    tx.execute(_KEEP, [{**record.model_dump(), **about} for record in records])
