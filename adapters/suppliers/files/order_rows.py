"""The rows of one purchase order in a partner's file, and how their cells are read. Pure."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property

from adapters.feeds.cells import read_date
from adapters.feeds.numbers import NumberReader
from adapters.feeds.unreadable import BadCell
from adapters.suppliers.files.profile import Layout
from adapters.suppliers.files.rows import FileRow
from models.articles import normalise_ean
from models.feeds import Numbers
from models.money import Money
from models.suppliers import SupplierLine

LONGEST = {"ean": 40, "sku": 60, "supplier_number": 60, "substitute": 60, "reason": 60, "shipment": 60, "carrier": 60}
_CURRENCY = re.compile("[A-Z]{3}")


class UnclearRow(Exception):
    """A row can't be understood. Its message names a place and a field, never what was written there."""

    def __init__(self, code: str, place: int, field: str) -> None:
        super().__init__(f"row {place}: {field}")
        self.code = code


@dataclass(frozen=True)
class OrderRows:
    """What a file says of one purchase order, and what was ordered under its number ("" where nobody knows it)."""

    number: str
    rows: tuple[FileRow, ...]
    ordered: tuple[SupplierLine, ...]

    def article(self, row: FileRow) -> str:
        """Name a row's article as we ordered it: by EAN, by the supplier's own number, by its line, in this order.

        What was not ordered is named as it was said: whoever applies the news compares. Raises UnclearRow, also where
        its numbers mean two of the articles.
        """
        meant: list[str] = []
        names_any = False
        for field in ("ean", "sku"):
            if said := text(row, field):
                names_any = True
                meant += self._named(said)[:1]
        if len(set(meant)) > 1:
            raise UnclearRow("contradiction", row.place, "sku")
        if meant:
            return meant[0]
        if row["line"].isdecimal() and not names_any:
            return self._by_line(row)
        if not names_any:
            raise UnclearRow("no_article", row.place, "line")
        return normalise_ean(text(row, "ean")) or text(row, "sku")

    def _named(self, said: str) -> list[str]:
        known = normalise_ean(said)
        return [
            line.ean
            for line in self.ordered
            if known in (normalise_ean(line.ean), normalise_ean(line.sku) if line.sku else None)
        ]

    def _by_line(self, row: FileRow) -> str:
        position = int(row["line"][:9])
        if not self.ordered:  # the order is not known here, and will be asked about
            return f"line {position}"
        if not 1 <= position <= len(self.ordered):
            raise UnclearRow("unknown_line", row.place, "line")
        return self.ordered[position - 1].ean

    def units(self, ean: str) -> int:
        """Count the units that were ordered of an article."""
        return sum(line.quantity for line in self.ordered if line.ean == ean)

    @cached_property
    def names_articles(self) -> bool:
        """Say whether the rows speak of articles at all."""
        return any(row[field] for row in self.rows for field in ("ean", "sku", "line"))


def text(row: FileRow, field: str) -> str:
    """Read a short text. Raises UnclearRow where it is too long or can't be printed."""
    said = row[field]
    if len(said) > LONGEST.get(field, 300) or not said.isprintable():
        raise UnclearRow("bad_text", row.place, field)
    return said


def count(layout: Layout, row: FileRow, field: str = "quantity") -> int | None:
    """Read a number of units; None where the cell is empty. Raises UnclearRow."""
    try:
        return numbers(layout).count(row[field]) if row[field] else None
    except BadCell:
        raise UnclearRow("bad_quantity", row.place, field) from None


def day(layout: Layout, row: FileRow, field: str) -> date | None:
    """Read a date; None where the cell is empty. Raises UnclearRow."""
    try:
        return read_date(row[field], layout.date_format) if row[field] else None
    except BadCell:
        raise UnclearRow("bad_date", row.place, field) from None


def money(layout: Layout, row: FileRow, field: str, currency: str) -> Money | None:
    """Read an amount; None where the cell is empty. Raises UnclearRow."""
    if not row[field]:
        return None
    code = row["currency"].upper() or currency
    try:
        amount: Decimal = numbers(layout).amount(row[field])
    except BadCell:
        raise UnclearRow("bad_amount", row.place, field) from None
    if not _CURRENCY.fullmatch(code):
        raise UnclearRow("bad_currency", row.place, "currency")
    return Money(amount=amount, currency=code)


def numbers(layout: Layout) -> NumberReader:
    """Prepare to read numbers as this file writes them, without signs between thousands."""
    return NumberReader(Numbers(decimal=layout.decimal))
