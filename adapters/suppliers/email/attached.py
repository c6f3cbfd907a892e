"""What is attached to an answer: our own papers as they left, our table filled in, or what only a person can read. Pure.

People open the table in a spreadsheet and save it again, which changes its delimiter, its dates and its long numbers.
So a row is known by its order, its line and one of the article's numbers, and counts only where all else is as it was,
or as a spreadsheet may have made it.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from email import message_from_bytes
from itertools import islice

from adapters.suppliers.email.days import take_days
from adapters.suppliers.email.letter import Attachment, attachments_of
from adapters.suppliers.email.order_papers import ANSWERS, COLUMNS
from adapters.suppliers.email.profile import EmailProfile
from adapters.suppliers.email.words import PATTERNS, plain
from models.suppliers import AcknowledgedLine, LineStatus

MOST_BYTES = 1_000_000
MOST_ROWS = 2_000
MOST_COLUMNS = 100  # a megabyte of separators would be as many cells in every row
DELIMITERS = ",;\t"
# Columns that a spreadsheet writes in its own way.
SPOILT = frozenset(("unit_cost", "order_date", "ship_phone"))
DIGITS = frozenset(("ean", "ship_postcode"))  # of which it drops leading noughts, and rounds what is long
ROUNDED = re.compile(r"\d(?:[.,](\d{1,14}))?E\+?\d{1,2}", re.ASCII | re.IGNORECASE)
AMOUNT = re.compile(r"\d{1,12}(?:[.,]\d{1,6})?", re.ASCII)
STATUSES = ("accepted", "rejected", "backordered")
Row = Mapping[str, str]


class UncertainTable(ValueError):
    """A table that may mean several things, or is none of ours."""


def foreign(attachments: Sequence[Attachment], order_mail: bytes) -> list[Attachment]:
    """List what is attached beside our own papers, which many programs send back."""
    ours = {_content(one) for one in _papers(order_mail)}
    return [one for one in attachments if _content(one) not in ours]


def read_table(
    attached: Attachment, order_mail: bytes, profile: EmailProfile, *, written_on: date | None
) -> tuple[AcknowledgedLine, ...]:
    """Read our table as it was filled in. Raises UncertainTable, also where nothing was.

    ``written_on`` is the day of its mail: no unit ships before that.
    """
    ours = next((one for one in _papers(order_mail) if one.name.endswith(".csv")), None)
    if ours is None or len(attached.content) > MOST_BYTES:
        raise UncertainTable
    sent, answered = _by_line(_rows(ours.content)), _by_line(_rows(attached.content))
    if sent.keys() != answered.keys():
        raise UncertainTable
    said = tuple(one for line, row in sent.items() for one in _answers(row, answered[line], profile))
    if written_on is not None and any(one.expected_on is not None and one.expected_on < written_on for one in said):
        raise UncertainTable
    return said


def _papers(order_mail: bytes) -> list[Attachment]:
    return list(attachments_of(message_from_bytes(order_mail)))


def _content(attached: Attachment) -> bytes:
    return attached.content.replace(b"\r\n", b"\n").strip()


# The table.


def _rows(table: bytes) -> list[dict[str, str]]:
    try:
        text = table.decode("utf-8-sig")
        (delimiter,) = (sign for sign in DELIMITERS if text.startswith(f"{COLUMNS[0]}{sign}"))
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval="", strict=True)
        _require_columns(reader.fieldnames or ())
        rows = [{str(name): str(value).strip() for name, value in row.items()} for row in islice(reader, MOST_ROWS + 1)]
    except (ValueError, csv.Error):
        raise UncertainTable from None
    if len(rows) > MOST_ROWS:
        raise UncertainTable
    return rows


def _require_columns(names: Sequence[str]) -> None:
    """Refuse two columns of one name, of which only the last would be read: remarks have none."""
    if len(names) > MOST_COLUMNS or len(set(names)) < len(names):
        raise UncertainTable


def _by_line(rows: Sequence[dict[str, str]]) -> dict[str, dict[str, str]]:
    found = {row.get("line", ""): row for row in rows}
    if not rows or len(found) != len(rows):
        raise UncertainTable
    return found


def _answers(sent: Row, row: Row, profile: EmailProfile) -> Iterator[AcknowledgedLine]:
    """Read what a row says of its line: so many units at once, and what becomes of the rest."""
    _require_ours(sent, row)
    ean, wanted, status = sent["ean"], int(sent["qty"]), _status(row["status"])
    units, day = _units(row["qty_accepted"]), _day(row["eta"], profile)
    if status is LineStatus.ACCEPTED or status is None:
        if (units, status) == (None, None) or units not in (None, wanted):
            raise UncertainTable
        yield AcknowledgedLine(ean=ean, quantity=wanted, expected_on=day)
        return
    rest = wanted - (units or 0)
    if rest <= 0 or (day is None) == (status is LineStatus.BACKORDERED):
        raise UncertainTable
    if units:
        yield AcknowledgedLine(ean=ean, quantity=units)
    yield AcknowledgedLine(ean=ean, quantity=rest, status=status, expected_on=day)


def _require_ours(sent: Row, row: Row) -> None:
    """Refuse a row in which more was changed than the answer, or more was written than we ask."""
    changed = {name for name in {*sent, *row} - set(ANSWERS) if sent.get(name, "") != row.get(name, "")}
    if not row.keys() >= set(ANSWERS) or changed - SPOILT - DIGITS:
        raise UncertainTable
    if not all(_may_be(sent[name], row.get(name, "")) for name in changed & DIGITS):
        raise UncertainTable
    if "ean" in changed and not sent["supplier_sku"]:
        raise UncertainTable
    if "unit_cost" in changed and _amount(row["unit_cost"]) != _amount(sent["unit_cost"]):
        raise UncertainTable


# Cells.


def _status(cell: str) -> LineStatus | None:
    if not cell:
        return None
    said = [status for status in STATUSES if PATTERNS[status].fullmatch(plain(cell))]
    if len(said) != 1:
        raise UncertainTable
    return LineStatus(said[0])


def _units(cell: str) -> int | None:
    if not cell:
        return None
    if not (cell.isascii() and cell.isdigit() and len(cell) < 7):
        raise UncertainTable
    return int(cell)


def _day(cell: str, profile: EmailProfile) -> date | None:
    if not cell:
        return None
    try:
        days, rest = take_days(plain(cell), order=profile.date_order, today=None)
        (day,) = days
    except ValueError:
        raise UncertainTable from None
    if rest.strip():
        raise UncertainTable
    return day


def _may_be(number: str, cell: str) -> bool:
    """Say whether a spreadsheet may have made a cell of a number, or somebody has emptied it; any other is another's."""
    if not cell or cell == number.lstrip("0"):
        return True
    rounded = ROUNDED.fullmatch(cell)
    if rounded is None or not (number.isascii() and number.isdigit()):
        return False
    return Decimal(f"{Decimal(number):.{len(rounded[1] or '')}E}") == Decimal(cell.replace(",", "."))


def _amount(cell: str) -> Decimal:
    if not AMOUNT.fullmatch(cell):
        raise UncertainTable
    return Decimal(cell.replace(",", "."))
