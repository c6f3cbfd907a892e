"""Reading invoice rows: one invoice's total, and what was charged per line. Pure."""

import re
from collections.abc import Sequence
from decimal import Decimal

from adapters.suppliers.files.order_rows import OrderRows, UnclearRow, count, day, money
from adapters.suppliers.files.profile import InvoiceFile
from adapters.suppliers.files.rows import FileRow, by
from models.exchange import OrderInvoiced
from models.money import Money
from models.suppliers import SupplierLine

_INVOICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _./#-]{0,59}")  # models.base.Reference
CENT = Decimal("0.0001")


def read_invoices(layout: InvoiceFile, currency: str, order: OrderRows) -> list[OrderInvoiced]:
    """Read what one order's invoices ask for. Raises UnclearRow."""
    invoices = by(order.rows, lambda row: row["invoice"])
    return [_invoice(layout, currency, order, rows) for rows in invoices.values()]


def _invoice(layout: InvoiceFile, currency: str, order: OrderRows, rows: Sequence[FileRow]) -> OrderInvoiced:
    first = rows[0]
    if not _INVOICE.fullmatch(first["invoice"]):
        raise UnclearRow("bad_invoice", first.place, "invoice")
    charges = _once(layout, currency, rows, "charges")
    return OrderInvoiced(
        number=order.number,
        invoice=first["invoice"],
        issued_on=day(layout, first, "issued_on"),
        total=_once(layout, currency, rows, "total") or _added_up(layout, currency, rows, charges),
        charges=charges,
        lines=_lines(layout, currency, order, rows),
    )


def _once(layout: InvoiceFile, currency: str, rows: Sequence[FileRow], field: str) -> Money | None:
    """Read what belongs to the invoice as a whole: repeated on each row, or said once. Raises UnclearRow."""
    said = {found: row for row in rows if (found := money(layout, row, field, currency)) is not None}
    if len(said) > 1:
        raise UnclearRow("contradiction", rows[-1].place, field)
    return next(iter(said), None)


def _added_up(layout: InvoiceFile, currency: str, rows: Sequence[FileRow], charges: Money | None) -> Money:
    amounts = [charges] if charges is not None else []
    for row in rows:
        cost, quantity = money(layout, row, "unit_cost", currency), count(layout, row)
        if cost is None or quantity is None:
            raise UnclearRow("no_total", row.place, "total")
        amounts.append(Money(amount=(cost.amount * quantity).quantize(CENT), currency=cost.currency))
    currencies = {amount.currency for amount in amounts}
    if len(currencies) != 1:
        raise UnclearRow("contradiction", rows[-1].place, "currency")
    return Money(amount=sum((amount.amount for amount in amounts), Decimal(0)), currency=currencies.pop())


def _lines(layout: InvoiceFile, currency: str, order: OrderRows, rows: Sequence[FileRow]) -> tuple[SupplierLine, ...]:
    if not order.names_articles:
        return ()
    lines = ((row, order.article(row), count(layout, row)) for row in rows)
    return tuple(
        SupplierLine(ean=ean, quantity=quantity, unit_cost=money(layout, row, "unit_cost", currency))
        for row, ean, quantity in lines
        if quantity
    )
