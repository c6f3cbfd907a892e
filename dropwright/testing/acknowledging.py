"""Answers line by line, as the suite has simulated suppliers give them, and how they are compared."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from dropwright.testing.worlds import OrderingWorld
from models.money import Money
from models.suppliers import AcknowledgedLine, LineStatus

PROMISED = date(2026, 3, 20)
DEARER = Money(amount=Decimal("7.35"), currency="EUR")


def answers_of(world: OrderingWorld, status: LineStatus) -> tuple[AcknowledgedLine, ...]:
    """Answer an order of two units of the first article and one of the second: one unit of the first in this way."""
    first, second, third = world.eans[:3]
    special: dict[LineStatus, dict[str, Any]] = {
        LineStatus.ACCEPTED: {"unit_cost": DEARER} if world.answers_prices else {},
        LineStatus.BACKORDERED: {"expected_on": PROMISED} if world.answers_dates else {},
        LineStatus.SUBSTITUTED: {"substitute": third},
        LineStatus.REJECTED: {},
    }
    if status is LineStatus.ACCEPTED:  # one answer for both units: a price holds for a whole line
        answers = [AcknowledgedLine(ean=first, quantity=2, **special[status])]
    else:
        one = AcknowledgedLine(ean=first, quantity=1, status=status, **special[status])
        answers = [AcknowledgedLine(ean=first, quantity=1), one]
    return (*answers, AcknowledgedLine(ean=second, quantity=1))


def said(lines: Iterable[AcknowledgedLine], world: OrderingWorld) -> list[tuple[object, ...]]:
    """Reduce answers to what must be read of them, in one order. A price is compared where it is a changed one."""
    return sorted(
        (
            line.ean,
            line.status,
            line.quantity,
            line.substitute,
            str(line.unit_cost.amount) if world.answers_prices and line.unit_cost == DEARER else "",
        )
        for line in lines
    )
