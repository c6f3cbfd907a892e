"""From a cell's text to a value: one reader per field, each strict. None is a blank cell, BadCell what is no value."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from stdnum import ean as gtin

from adapters.feeds.numbers import NumberReader
from adapters.feeds.unreadable import BadCell, unreadable
from models.articles import normalise_ean, normalise_sku
from models.feeds import ATTRIBUTE_PREFIX, Column, FieldName, Numbers, Transform, default_transform

Reader = Callable[[str], Any]

LONGEST = {
    FieldName.SKU: 100,
    FieldName.EAN: 40,
    FieldName.TITLE: 300,
    FieldName.BRAND: 200,
    FieldName.CATEGORY: 500,
    FieldName.DESCRIPTION: 50_000,
}
LONGEST_TEXT = 2_000  # of an attribute, an image's address
MOST_ITEMS = 250
TRUE = frozenset({"1", "true", "yes", "y", "t", "on"})
FALSE = frozenset({"0", "false", "no", "n", "f", "off"})
# As spreadsheets write a long number, e.g. 4.00638E+12. A number of its own like 1E5 has no plus sign.
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]{1,3}", re.IGNORECASE)
_PLAIN_SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,99}")
_SPREADSHEET_NUMBER = re.compile(r"[0-9]+[.,]0+")
# Control characters, and halves of characters, which JSON can spell and nothing can store.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROL_IN_PROSE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")  # but tabs and line ends
_COUNTRY = re.compile(r"[A-Z]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
# The numbers of digits that an EAN, a UPC or a GTIN has; a lost zero or two make it shorter.
WHOLE_LENGTHS = frozenset({8, 12, 13, 14})
LOST_ZEROS = {7: 8, 9: 12, 10: 12, 11: 12}


def transform_of(name: str, column: Column) -> Transform:
    """Say how a column is read. Raises FeedUnreadable("configuration") where its field can't be that."""
    default = default_transform(name)
    if default is not None and column.transform not in (None, default):
        raise unreadable("configuration", f"columns.{name}: transform can't be {column.transform}, it is {default}")
    return default or column.transform or Transform.TEXT


def reader_for(name: str, column: Column, numbers: Numbers) -> Reader:
    """Build the reader of a field's text, which is stripped and not empty; of one item where it is a list."""
    transform = transform_of(name, column)
    if name.startswith(ATTRIBUTE_PREFIX):
        return _attribute_reader(transform, column, numbers)
    match transform:
        case Transform.INTEGER:
            return NumberReader(numbers, column.factor).count
        case Transform.DECIMAL:
            return NumberReader(numbers, column.factor).amount
        case Transform.BOOLEAN:
            return read_boolean
        case Transform.DATE:
            return lambda text: read_date(text, column.format)
        case Transform.MOMENT:
            return lambda text: read_moment(text, column.format)
    return _text_reader(FieldName(name), column)


def _text_reader(name: FieldName, column: Column) -> Reader:
    special: dict[FieldName, Reader] = {
        FieldName.SKU: read_sku,
        FieldName.EAN: read_ean,
        FieldName.CURRENCY: read_currency,
        FieldName.RESTRICTED_COUNTRIES: read_country,
    }
    if name in special and column.prefix:
        return lambda text: special[name](column.prefix + text)
    longest = LONGEST.get(name, LONGEST_TEXT)
    return special.get(name) or _prose_reader(longest, column.prefix, lines=name is FieldName.DESCRIPTION)


def _attribute_reader(transform: Transform, column: Column, numbers: Numbers) -> Reader:
    """An attribute is kept as JSON: numbers and times as text."""
    match transform:
        case Transform.INTEGER:
            return NumberReader(numbers, column.factor).count
        case Transform.DECIMAL:
            reader = NumberReader(numbers, column.factor)
            return lambda text: str(reader.number(text))
        case Transform.BOOLEAN:
            return read_boolean
        case Transform.DATE:
            return lambda text: read_date(text, column.format).isoformat()
        case Transform.MOMENT:
            return lambda text: read_moment(text, column.format).isoformat()
    return _prose_reader(LONGEST_TEXT, column.prefix, lines=True)


def with_shortcut(name: str, slow: Reader) -> Reader:
    """Spare the usual cell of a long column most of its checks: a glance shows that none of them would object."""
    match name:
        case FieldName.SKU:
            is_plain = _PLAIN_SKU.fullmatch
            return lambda raw: raw if is_plain(raw) else slow(raw)
        case FieldName.EAN:
            return lambda raw: raw if len(raw) in WHOLE_LENGTHS and raw.isdigit() and raw.isascii() else slow(raw)
        case FieldName.TITLE | FieldName.BRAND | FieldName.CATEGORY:
            longest = LONGEST[FieldName(name)]
            return lambda raw: raw.strip() or None if raw.isprintable() and len(raw) <= longest else slow(raw)
    return slow


def read_sku(text: str) -> str:
    """Read a supplier's own number. Raises BadCell: control, too_long, scientific."""
    _check_text(text, LONGEST[FieldName.SKU])
    if _SCIENTIFIC.fullmatch(text):
        raise BadCell("scientific")
    return normalise_sku(text)


def read_ean(text: str) -> str | None:
    """Read an article number. Raises BadCell: gtin where a spreadsheet damaged it, control, too_long."""
    if len(text) in WHOLE_LENGTHS and text.isdigit() and text.isascii():
        return text
    _check_text(text, LONGEST[FieldName.EAN])
    if _SCIENTIFIC.fullmatch(text) or _SPREADSHEET_NUMBER.fullmatch(text) or _lost_zeros(text):
        raise BadCell("gtin")
    return normalise_ean(text) or None


def _lost_zeros(text: str) -> bool:
    """Twelve digits are a UPC as it stands, whose check digit is the same with a zero before it."""
    whole = LOST_ZEROS.get(len(text))
    return whole is not None and text.isdigit() and text.isascii() and bool(gtin.is_valid(text.zfill(whole)))


def read_currency(text: str) -> str:
    """Read an ISO 4217 code. Raises BadCell("currency")."""
    if not _CURRENCY.fullmatch(code := text.upper()):
        raise BadCell("currency")
    return code


def read_country(text: str) -> str:
    """Read an ISO 3166 code of two letters. Raises BadCell("country")."""
    if not _COUNTRY.fullmatch(code := text.upper()):
        raise BadCell("country")
    return code


def read_boolean(text: str) -> bool:
    """Read yes or no in the words that mean nothing else. Raises BadCell("boolean")."""
    word = text.casefold()
    if word not in TRUE and word not in FALSE:
        raise BadCell("boolean")
    return word in TRUE


def read_date(text: str, pattern: str = "") -> date:
    """Read a day: ISO 8601, or as strptime's pattern says. Raises BadCell("date")."""
    try:
        if pattern:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a day has no zone
        return date.fromisoformat(text) if len(text) <= len("2026-01-02") else datetime.fromisoformat(text).date()
    except ValueError:
        raise BadCell("date") from None


def read_moment(text: str, pattern: str = "") -> datetime:
    """Read a time, in UTC where no zone is said. Raises BadCell("moment")."""
    try:
        moment = datetime.strptime(text, pattern) if pattern else datetime.fromisoformat(text)  # noqa: DTZ007
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadCell("moment") from None


def _prose_reader(longest: int, prefix: str, *, lines: bool) -> Reader:
    def read(text: str) -> str:
        _check_text(text, longest, lines=lines)
        return prefix + text

    return read


def _check_text(text: str, longest: int, *, lines: bool = False) -> None:
    if len(text) > longest:
        raise BadCell("too_long")
    if not text.isprintable() and (_CONTROL_IN_PROSE if lines else _CONTROL).search(text):
        raise BadCell("control")


def plain_number(value: int | Decimal) -> str:
    """Write a JSON number without exponent, for a reader of plain numbers. Raises BadCell("too_large")."""
    if isinstance(value, int):
        return str(value) if abs(value) < 10**30 else _too_large()
    return format(value, "f") if abs(value.adjusted()) < 30 else _too_large()


def _too_large() -> str:
    raise BadCell("too_large")
