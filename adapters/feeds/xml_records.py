"""Rows that are XML elements, read one at a time and forgotten at once. No DTD, no entities, nothing from elsewhere."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any
from xml.parsers import expat

from lxml import etree

from adapters.feeds.decompress import peeked
from adapters.feeds.unreadable import FeedUnreadable, unreadable
from models.feeds import Column, Feed

BETWEEN_CELLS = "\x1f"  # neither can occur in XML
BETWEEN_VALUES = "\x1e"
BLOCK = 1_000
WITHOUT_RECORD = 16  # times max_row_bytes may pass between two records, before somebody fills our memory
TAIL = 1_000
LONGEST_PROLOG = 1 << 20
SAMPLED = 100  # records whose names are noted, mapped or not
_STEP = re.compile(r"(?:\{[^}]*\})?[^/{}]+")


class _Stop(Exception):
    """Enough of the document has been seen."""


class _Source:
    """The bytes as a file, as iterparse wants them; counts what was read since the last record."""

    def __init__(self, pieces: Iterator[bytes], most: int) -> None:
        self._pieces = pieces
        self._most = most
        self._rest = b""
        self.since_record = 0
        self.records = 0
        self.tail = b""

    def read(self, size: int) -> bytes:
        """Give the next bytes, none at the end. Raises FeedUnreadable where no record ends for too long."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        out, self._rest = self._rest[:size], self._rest[size:]
        self.since_record += len(out)
        if self.since_record > self._most:
            raise self._too_long()
        self.tail = (self.tail + out)[-TAIL:]
        return out

    def _too_long(self) -> FeedUnreadable:
        if not self.records:
            return unreadable("no_records", f"no record among the first {self._most} bytes: is `record` right?")
        return unreadable("row_too_long", f"after record {self.records} none ended within {self._most} bytes")


class XmlRecords:
    """Rows of an XML document. A raw row is its values' canonical text, so that layout does not count as a change."""

    def __init__(self, pieces: Iterable[bytes], feed: Feed, columns: Mapping[str, Column]) -> None:
        """Look at the prolog. Raises FeedUnreadable: dtd_refused, no_rows, xml.

        The document says its encoding itself; another one than UTF-8 in the configuration overrides it.
        """
        start, pieces = peeked(pieces)
        if not start.strip():
            raise unreadable("no_rows", "the feed has no bytes at all")
        pieces, self._root = _checked_prolog(pieces)
        self._encoding = None if feed.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else feed.encoding
        self._record = feed.record
        self._source = _Source(pieces, WITHOUT_RECORD * feed.thresholds.max_row_bytes)
        headings = dict.fromkeys(column.column for column in columns.values() if column.column)
        self.places: Mapping[str, int] = {heading: place for place, heading in enumerate(headings)}
        self._paths = [(heading, _Path(heading)) for heading in headings]
        self.seen_names: set[str] | None = set()
        self.ended = True

    @property
    def header(self) -> list[str]:
        """The names that records had, so far: every mapped one, and those of the first records."""
        return sorted(self.seen_names or ())

    def blocks(self) -> Iterator[list[bytes]]:
        """As in Records. Raises FeedUnreadable: xml, truncated, no_records, row_too_long, configuration."""
        block: list[bytes] = []
        for raw in self._raws():
            block.append(raw)
            if len(block) >= BLOCK:
                yield block
                block = []
        yield block

    def cells(self, raw: bytes) -> list[Any]:
        """As in Records: a text per mapped column, a list of texts where the element is there several times."""
        cells = raw.decode().split(BETWEEN_CELLS)
        return [cell.split(BETWEEN_VALUES) if BETWEEN_VALUES in cell else cell for cell in cells]

    def table(self, raws: Sequence[bytes]) -> list[list[Any]]:
        """As in Records."""
        return [self.cells(raw) for raw in raws]

    def _raws(self) -> Iterator[bytes]:
        try:
            for _, element in self._parser():
                self._refuse_dtd(element)
                self._source.records += 1
                self._source.since_record = 0
                yield BETWEEN_CELLS.join(self._canonical(element)).encode()
                _forget(element)
        except etree.XMLSyntaxError as error:
            raise self._malformed(error) from None

    def _parser(self) -> Iterator[tuple[str, Any]]:
        tag = self._record if self._record.startswith("{") else f"{{*}}{self._record}"
        try:
            parser: Iterator[tuple[str, Any]] = etree.iterparse(
                self._source,
                events=("end",),
                tag=tag,
                encoding=self._encoding,
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                huge_tree=False,
                recover=False,
                remove_comments=True,
                remove_pis=True,
            )
        except (LookupError, ValueError):
            text = f"record = {self._record!r} or encoding = {self._encoding!r} can't be used"
            raise unreadable("configuration", text) from None
        return parser

    def _refuse_dtd(self, element: Any) -> None:
        if not self._source.records and element.getroottree().docinfo.doctype:
            raise _dtd_refused()

    def _canonical(self, element: Any) -> Iterator[str]:
        children = _by_name(element)
        if self._source.records <= SAMPLED and self.seen_names is not None:
            self.seen_names.update(children)
        for heading, path in self._paths:
            texts = path.texts(element, children)
            if texts and self.seen_names is not None:
                self.seen_names.add(heading)
            yield texts[0].strip() if len(texts) == 1 else BETWEEN_VALUES.join(text.strip() for text in texts)

    def _malformed(self, error: etree.XMLSyntaxError) -> FeedUnreadable:
        where = f"line {error.lineno or 0}, after record {self._source.records}"
        if self._root and f"</{self._root}>".encode() not in self._source.tail.replace(b" ", b""):
            return unreadable("truncated", f"the document breaks off ({where})", records=self._source.records)
        return unreadable("xml", f"this is not well-formed XML ({where})", records=self._source.records)


class _Path:
    """Where a column is below its record: ``child``, ``@attribute``, ``child/grandchild``, each perhaps ``{ns}name``."""

    def __init__(self, heading: str) -> None:
        steps: list[str] = _STEP.findall(heading)
        self._attribute = steps.pop()[1:] if steps and steps[-1].startswith("@") else None
        self._first = steps[0] if steps else None
        self._rest = steps[1:]

    def texts(self, element: Any, children: Mapping[str, list[Any]]) -> list[str]:
        """Collect what is there: several texts where an element is there several times."""
        nodes = [element] if self._first is None else children.get(self._first, [])
        for step in self._rest:
            nodes = [child for node in nodes for child in _by_name(node).get(step, [])]
        if self._attribute is None:
            return [_text_of(node) for node in nodes]
        found = [node.get(self._attribute) for node in nodes]
        return [value for value in found if value is not None]


def _by_name(element: Any) -> dict[str, list[Any]]:
    """List an element's children by local name, and by full name where that is another."""
    children: dict[str, list[Any]] = {}
    for child in element:
        if not isinstance(child.tag, str):  # an entity that nobody declared
            continue
        children.setdefault(child.tag, []).append(child)
        if child.tag.startswith("{"):
            children.setdefault(child.tag.rpartition("}")[2], []).append(child)
    return children


def _text_of(node: Any) -> str:
    return "".join(node.itertext()) if len(node) else node.text or ""


def _forget(element: Any) -> None:
    """Drop a record and everything before it: the document would stay in memory whole."""
    element.clear(keep_tail=False)
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _checked_prolog(pieces: Iterator[bytes]) -> tuple[Iterator[bytes], str]:
    """Refuse a DTD before anything in it is parsed; returns all pieces again, and the root's name."""
    parser = expat.ParserCreate()
    root: list[str] = []

    def refuse(*_: Any) -> None:
        raise _dtd_refused()

    def stop(name: str, _: Any) -> None:
        root.append(name)
        raise _Stop

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = stop
    seen: list[bytes] = []
    try:
        for piece in pieces:
            seen.append(piece)
            parser.Parse(piece, False)
            if sum(map(len, seen)) > LONGEST_PROLOG:
                break
    except (_Stop, expat.ExpatError, ValueError, LookupError):
        pass  # what is wrong with it, the parser proper will say
    return chain(seen, pieces), root[0] if root else ""


def _dtd_refused() -> FeedUnreadable:
    return unreadable("dtd_refused", "the document brings a DTD; feeds have none, attacks do")
