"""The timeline: what happened to an order, who did it, and when. Facts and references only, no personal data."""

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from models.tables import timeline


def tell(
    tx: Transaction,
    order_id: int,
    event: str,
    *,
    at: datetime,
    actor: str = "dropwright",
    purchase_order_id: int | None = None,
    key: str | None = None,
    **detail: Any,
) -> None:
    """Write one entry. With ``key`` it is written at most once, however often its activity is repeated."""
    row = {
        "order_id": order_id,
        "purchase_order_id": purchase_order_id,
        "at": at,
        "actor": actor,
        "event": event,
        "detail": detail,
        "key": key,
    }
    if key is None:
        tx.execute(insert(timeline).values(row))
    else:
        tx.execute(upsert(timeline).values(row).on_conflict_do_nothing(index_elements=["key"]))


def read(tx: Transaction, order_id: int) -> list[dict[str, Any]]:
    """List an order's entries, oldest first."""
    rows = tx.execute(select(timeline).where(timeline.c.order_id == order_id).order_by(timeline.c.at, timeline.c.id))
    return [dict(row._mapping) for row in rows]
