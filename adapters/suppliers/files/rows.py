"""From a partner's bytes to rows of named cells, CSV or XML. Pure; what can't be one whole file is refused whole.

A file that was cut off must not be half believed: a row with fewer cells than its header has is no row.
"""

import codecs
import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from adapters.exchange.remote_exchange import why_not_taken
from adapters.suppliers.files.profile import IncomingFile

MOST_ROWS = 200_000
UTF_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class UnreadableFile(Exception):
    """A file can't be read; the message has a code first, and never what was written."""


@dataclass(frozen=True)
class FileRow:
    """One row: its place in the file (of CSV the line, of XML the record, from 1) and its cells by field."""

    place: int
    cells: dict[str, str]

    def __getitem__(self, field: str) -> str:
        """Return a field's text, without blanks round it; "" where it is not there."""
        return self.cells.get(field, "")


def by(rows: Iterable[FileRow], key: Callable[[FileRow], str]) -> dict[str, list[FileRow]]:
    """Gather rows that have the same key, in their order."""
    found: dict[str, list[FileRow]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def rows_of(layout: IncomingFile, body: bytes) -> list[FileRow]:
    """Read all rows. Raises UnreadableFile."""
    if reason := why_not_taken(body):
        raise UnreadableFile(reason)
    if not body.strip():
        raise UnreadableFile("empty: no bytes")
    rows = list(_xml(layout, body) if layout.format == "xml" else _csv(layout, body))
    if not rows:
        raise UnreadableFile("no_rows: nothing below the header")
    return rows


def _csv(layout: IncomingFile, body: bytes) -> Iterator[FileRow]:
    text = _decoded(body, layout.encoding)
    if layout.final_line_end and not text.endswith(("\n", "\r")):
        raise UnreadableFile("cut_off: no line end after the last row")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=layout.delimiter, strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error:
        raise UnreadableFile(f"quotes: line {reader.line_num} is not CSV") from None
    if not lines:
        raise UnreadableFile("no_rows: every cell is empty")
    if len(lines) > MOST_ROWS:
        raise UnreadableFile(f"too_long: above {MOST_ROWS} rows")
    header = lines.pop(0)[1] if layout.header else [str(n) for n in range(1, len(lines[0][1]) + 1)]
    places = _places(layout, [heading.strip() for heading in header])
    for number, cells in lines:
        if len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
            raise UnreadableFile(f"cut_off: line {number} has {len(cells)} cells of {len(header)}")
        yield FileRow(number, {field: cells[place].strip() for field, place in places.items()})


def _places(layout: IncomingFile, header: Sequence[str]) -> dict[str, int]:
    """Find each field's column; names are compared without case. Columns that nobody asked for do not matter."""
    found: dict[str, int] = {}
    names = [name.casefold() for name in header]
    for field, heading in layout.columns.items():
        count = names.count(heading.casefold())
        if count != 1:
            what = "missing_column" if count == 0 else "column_twice"
            raise UnreadableFile(f"{what}: {heading}")
        found[field] = names.index(heading.casefold())
    return found


def _decoded(body: bytes, encoding: str) -> str:
    for mark, name in UTF_BOMS.items():
        if body.startswith(mark):
            encoding = "utf-8-sig" if name == "utf-8" else name
            break
    try:
        text = body.decode(encoding)
    except UnicodeError:
        raise UnreadableFile(f"encoding: not {encoding}") from None
    if "\0" in text:
        raise UnreadableFile("nul_bytes: this is no text")
    return text


def _xml(layout: IncomingFile, body: bytes) -> Iterator[FileRow]:
    encoding = None if layout.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else layout.encoding
    parser = etree.XMLParser(
        encoding=encoding,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        line = error.lineno if isinstance(error, etree.XMLSyntaxError) else 0
        raise UnreadableFile(f"xml: not well-formed (line {line})") from None
    if root.getroottree().docinfo.doctype:
        raise UnreadableFile("dtd_refused: documents have none, attacks do")
    records = [element for element in root.iter("{*}" + layout.record) if isinstance(element.tag, str)]
    if len(records) > MOST_ROWS:
        raise UnreadableFile(f"too_long: above {MOST_ROWS} records")
    for number, record in enumerate(records, start=1):
        yield FileRow(number, {field: _at(record, heading) for field, heading in layout.columns.items()})


def _at(record: etree._Element, path: str) -> str:
    """Follow ``a/b``, ``@c``, ``../d`` from a record; namespaces do not matter."""
    node: etree._Element | None = record
    for step in path.split("/"):
        if node is None:
            return ""
        if step.startswith("@"):
            return (node.get(step[1:]) or "").strip()
        node = node.getparent() if step == ".." else node.find("{*}" + step)
    return "" if node is None else "".join(map(str, node.itertext())).strip()
