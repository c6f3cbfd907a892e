"""What suppliers have answered per line: the newest answer to each purchase order, as it was given."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select

from adapters.database.engine import Transaction
from models.exchange_tables import acknowledged_lines
from models.money import Money
from models.suppliers import AcknowledgedLine


def keep(tx: Transaction, purchase_order_id: int, lines: Sequence[AcknowledgedLine], *, now: datetime) -> None:
    """Keep an answer in the place of the one before: every answer tells all that was said until then."""
    tx.execute(delete(acknowledged_lines).where(acknowledged_lines.c.purchase_order_id == purchase_order_id))
    rows = [
        {
            "purchase_order_id": purchase_order_id,
            "position": position,
            "ean": line.ean,
            "quantity": line.quantity,
            "status": line.status,
            "unit_cost": line.unit_cost.amount if line.unit_cost else None,
            "currency": line.unit_cost.currency if line.unit_cost else None,
            "expected_on": line.expected_on,
            "substitute": line.substitute,
            "reason": line.reason,
            "said_at": now,
        }
        for position, line in enumerate(lines)
    ]
    if rows:
        tx.execute(insert(acknowledged_lines), rows)


def of_purchase_order(tx: Transaction, purchase_order_id: int) -> list[AcknowledgedLine]:
    """List the newest answer, line by line."""
    query = select(acknowledged_lines).where(acknowledged_lines.c.purchase_order_id == purchase_order_id)
    return [_line(row) for row in tx.execute(query.order_by(acknowledged_lines.c.position))]


def _line(row: Row[Any]) -> AcknowledgedLine:
    cost = None if row.unit_cost is None else Money(amount=row.unit_cost, currency=row.currency)
    return AcknowledgedLine(
        ean=row.ean,
        quantity=row.quantity,
        status=row.status,
        unit_cost=cost,
        expected_on=row.expected_on,
        substitute=row.substitute,
        reason=row.reason,
    )
