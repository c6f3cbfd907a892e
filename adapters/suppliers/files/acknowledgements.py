"""Reading acknowledgement rows: what a partner says of each line, and of units that it leaves out. Pure."""

from collections import Counter
from dataclasses import dataclass

from adapters.suppliers.files.order_rows import OrderRows, UnclearRow, count, day, money, text
from adapters.suppliers.files.profile import AcknowledgementFile
from adapters.suppliers.files.rows import FileRow, by
from models.exchange import OrderAcknowledged
from models.suppliers import AcknowledgedLine, LineStatus, SupplierState

SHORT = "short"  # the reason of units that an acceptance leaves out


@dataclass(frozen=True)
class _Said:
    row: FileRow
    ean: str
    status: LineStatus
    quantity: int | None


def read_acknowledgement(layout: AcknowledgementFile, currency: str, order: OrderRows) -> OrderAcknowledged:
    """Read all that a file says of one order. Raises UnclearRow.

    A quantity of an accepted row is what is accepted. One of another row is what it concerns; nought or nothing there
    means all that the order's other rows leave of the article.
    """
    lines: list[AcknowledgedLine] = []
    for ean, rows in by(order.rows, order.article).items():
        lines += _answers(layout, currency, order, ean, [_said(layout, ean, row) for row in rows])
    return OrderAcknowledged(
        number=order.number,
        supplier_number=next((number for row in order.rows if (number := text(row, "supplier_number"))), ""),
        state=SupplierState.CANCELLED if _is_refused(order, lines) else SupplierState.ACKNOWLEDGED,
        status_text="/".join(dict.fromkeys(row["status"].casefold() for row in order.rows))[:60],
        lines=tuple(lines),
    )


def _said(layout: AcknowledgementFile, ean: str, row: FileRow) -> _Said:
    words = {word.casefold(): status for word, status in layout.statuses.items()}
    status = words.get(row["status"].casefold())
    if status is None:
        raise UnclearRow("unknown_status", row.place, "status")
    return _Said(row, ean, status, count(layout, row))


def _answers(
    layout: AcknowledgementFile, currency: str, order: OrderRows, ean: str, said: list[_Said]
) -> list[AcknowledgedLine]:
    ordered, lines = order.units(ean), []
    left = ordered - sum(one.quantity or 0 for one in said)
    for one in said:
        quantity = one.quantity
        if not quantity and (one.status is not LineStatus.ACCEPTED or quantity is None):
            quantity, left = max(left, 0), 0
        if quantity:
            lines.append(_line(layout, currency, one, quantity))
    accepts = any(one.status is LineStatus.ACCEPTED for one in said)
    if left > 0 and accepts and layout.remainder == "rejected":
        lines.append(AcknowledgedLine(ean=ean, quantity=left, status=LineStatus.REJECTED, reason=SHORT))
    return lines


def _line(layout: AcknowledgementFile, currency: str, one: _Said, quantity: int) -> AcknowledgedLine:
    return AcknowledgedLine(
        ean=one.ean,
        quantity=quantity,
        status=one.status,
        unit_cost=money(layout, one.row, "unit_cost", currency),
        expected_on=day(layout, one.row, "expected_on"),
        substitute=text(one.row, "substitute"),
        reason=text(one.row, "reason"),
    )


def _is_refused(order: OrderRows, lines: list[AcknowledgedLine]) -> bool:
    """Say whether nothing of the order will come."""
    if not lines or any(line.status is not LineStatus.REJECTED for line in lines):
        return False
    rejected = Counter[str]()
    for line in lines:
        rejected[line.ean] += line.quantity
    return all(rejected[line.ean] >= order.units(line.ean) for line in order.ordered)
