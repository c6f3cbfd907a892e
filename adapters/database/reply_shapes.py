"""What the answers of a supplier's operations looked like when they were understood."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from models.exchange_tables import reply_shapes


def find(tx: Transaction, supplier: str, operation: str) -> dict[str, str] | None:
    """Read the shape that is known of an operation's answers."""
    query = select(reply_shapes.c.shape).where(
        reply_shapes.c.supplier == supplier, reply_shapes.c.operation == operation
    )
    return tx.execute(query).scalar()


def keep(tx: Transaction, supplier: str, operation: str, shape: Mapping[str, str], *, now: datetime) -> None:
    """Keep the shape of an operation's answers."""
    row = {"supplier": supplier, "operation": operation, "shape": dict(shape), "seen_at": now}
    keeping = upsert(reply_shapes).values(row)
    again = {"shape": keeping.excluded.shape, "seen_at": keeping.excluded.seen_at}
    tx.execute(keeping.on_conflict_do_update(index_elements=["supplier", "operation"], set_=again))
