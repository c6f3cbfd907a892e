"""Writing our files: CSV by RFC 4180 and its dialects, or XML, from orders. Pure."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from lxml import etree

from adapters.errors import Refused
from adapters.suppliers.files.fields import Row, Value, value_of
from adapters.suppliers.files.profile import CancellationFile, FilesProfile, OrderFile, OutgoingFile
from models.suppliers import SupplierOrder

FORMULAS = ("=", "+", "-", "@", "\t")  # what a spreadsheet begins to calculate at
NO_TEXT = frozenset(("Cc", "Cn", "Cs"))  # controls, and what is no letter: XML can't hold it
Cells = dict[str, str]


def order_file(profile: OrderFile, orders: Sequence[SupplierOrder], control: int) -> bytes:
    """Write orders, a row per line. Raises Refused: not_encodable, too_many_lines."""
    rows = [row for order in orders for row in _rows(profile, order, control)]
    return _file(profile, [_cells(profile, profile.columns, row) for row in rows])


def cancellation_file(profile: CancellationFile, number: str) -> bytes:
    """Write the wish to cancel one order."""
    cells = {heading: number if field == "po_number" else field[1:] for heading, field in profile.columns.items()}
    return _file(profile, [cells])


def file_name(profile: FilesProfile, file: OutgoingFile, control: int, at: datetime) -> str:
    """Name a file of ours, never twice: ``orders_acme_20260302101500_17.csv``."""
    time = at.strftime("%Y%m%d%H%M%S")
    name = profile.file_name.format(type=file.type, partner=profile.partner, time=time, control=control)
    return f"{name}.{file.format}"


def _rows(profile: OrderFile, order: SupplierOrder, control: int) -> list[Row]:
    if profile.max_rows is not None and len(order.lines) > profile.max_rows:
        raise Refused(
            f"order file: {len(order.lines)} lines, the partner takes {profile.max_rows}", code="too_many_lines"
        )
    method = profile.ship_methods.get(order.carrier, order.carrier)
    return [Row(order, line, position, control, method) for position, line in enumerate(order.lines, start=1)]


def _cells(profile: OutgoingFile, columns: Mapping[str, str], row: Row) -> Cells:
    return {heading: _text(profile, value_of(field, row)) for heading, field in columns.items()}


def _text(profile: OutgoingFile, value: Value) -> str:
    match value:
        case None:
            return ""
        case Decimal():
            return f"{value:f}".replace(".", profile.decimal)
        case date():
            return value.strftime(profile.date_format)
        case int():
            return str(value)
    # Brought into the encoding before anything is quoted: a likeness may be a delimiter, as that of "；" is ";".
    value = _encodable(value, profile.encoding) if profile.format == "csv" else value
    text = " ".join("".join(" " if unicodedata.category(sign) in NO_TEXT else sign for sign in value).split())
    return f"'{text}" if profile.for_people and text.startswith(FORMULAS) else text


def _file(profile: OutgoingFile, rows: Sequence[Cells]) -> bytes:
    return _xml(profile, rows) if profile.format == "xml" else _csv(profile, rows)


def _csv(profile: OutgoingFile, rows: Iterable[Cells]) -> bytes:
    written = io.StringIO()
    writer = csv.writer(
        written,
        delimiter=profile.delimiter,
        quoting=csv.QUOTE_ALL if profile.quoting == "all" else csv.QUOTE_MINIMAL,
        lineterminator="\r\n" if profile.line_end == "crlf" else "\n",
    )
    if profile.header:
        writer.writerow(profile.columns)
    writer.writerows(row.values() for row in rows)
    mark = "\ufeff" if profile.byte_order_mark else ""
    return _encoded(mark + written.getvalue(), profile.encoding)


def _xml(profile: OutgoingFile, rows: Iterable[Cells]) -> bytes:
    root = etree.Element(profile.root)
    for cells in rows:
        record = etree.SubElement(root, profile.record)
        for heading, text in cells.items():
            _put(record, heading.split("/"), text)
    return bytes(etree.tostring(root, encoding=profile.encoding, xml_declaration=True, pretty_print=True))


def _put(record: etree._Element, path: Sequence[str], text: str) -> None:
    node = record
    for step in path:
        if step.startswith("@"):
            node.set(step[1:], text)
            return
        found = node.find(step)
        node = found if found is not None else etree.SubElement(node, step)
    node.text = text


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        raise _not_encodable(encoding) from None


def _encodable(text: str, encoding: str) -> str:
    """Bring a text into an encoding: a letter that it lacks loses its accents, and is never guessed at."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_sign(sign, encoding) for sign in text)
    return text


def _sign(sign: str, encoding: str) -> str:
    plain = "".join(part for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part))
    for attempt in (sign, plain):
        try:
            attempt.encode(encoding)
        except UnicodeEncodeError:
            continue
        return attempt
    raise _not_encodable(encoding)


def _not_encodable(encoding: str) -> Refused:
    return Refused(f"order file: a letter can't be written in {encoding}", code="not_encodable")
