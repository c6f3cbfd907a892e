"""A feed's rows before they are understood: raw bytes, cheap to tell apart, each taken to pieces only on demand.

A million rows are looked at, and few of them differ from last time: so nothing here decodes or parses a row that is
not asked for. Formats: RFC 4180 and its dialects; one JSON object per line (ndjson); XML in ``xml_records``.
"""

import codecs
import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, NoReturn, Protocol

from adapters.feeds.decompress import peeked
from adapters.feeds.header import check_header
from adapters.feeds.unreadable import BadRow, FeedUnreadable, unreadable
from models.feeds import Column, Feed

UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
ASCII = bytes(range(128))
WIDE_SHARE = 0.2  # of NULs among the first bytes: every second one is, where European text is UTF-16
SAMPLED = 100  # rows looked into for the names they have, whether they changed or not
QUOTE = b'"'


class Records(Protocol):
    """The rows of one file or answer."""

    @property
    def header(self) -> list[str]:
        """The columns, or the names that were met so far."""

    @property
    def places(self) -> Mapping[str, int]:
        """Each mapped heading's place among the cells."""

    @property
    def seen_names(self) -> set[str] | None:
        """Names that some row had; None where a header has said so for all rows."""

    @property
    def ended(self) -> bool:
        """False once the last row turned out to have no line end."""

    def blocks(self) -> Iterator[list[bytes]]:
        """Walk through the rows as raw bytes without line ends, blank lines left out. Raises FeedUnreadable."""

    def cells(self, raw: bytes) -> Sequence[Any]:
        """Take one row to pieces. Raises BadRow: encoding, quotes, cells, json, duplicate_key, too_long."""

    def table(self, raws: Sequence[bytes]) -> Sequence[Sequence[Any]]:
        """Take several rows to pieces. Raises BadRow where one of them is bad, without saying which."""


def text_bytes(pieces: Iterable[bytes], feed: Feed) -> tuple[Iterator[bytes], str]:
    """Bring bytes into an encoding in which a line end is one byte; returns them and that encoding.

    Raises FeedUnreadable: ``encoding`` where the bytes are visibly in another one than configured, ``nul_bytes``.
    """
    encoding = _codec_name(feed.encoding)
    if not _extends_ascii(encoding):
        return _without_nuls(_transcoded(pieces, encoding)), "utf-8"
    start, pieces = peeked(pieces)
    _check_start(start, encoding)
    if start.startswith(codecs.BOM_UTF8):
        pieces = _without_start(pieces, len(codecs.BOM_UTF8))
    return _without_nuls(pieces), encoding


def _codec_name(encoding: str) -> str:
    try:
        "a".encode(encoding)
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise unreadable("configuration", f"encoding = {encoding!r} is not known here") from None
    return "utf-8" if name == "utf-8-sig" else name


def _extends_ascii(encoding: str) -> bool:
    try:
        return ASCII.decode(encoding) == ASCII.decode("ascii")
    except UnicodeDecodeError:
        return False


def _check_start(start: bytes, encoding: str) -> None:
    if start.startswith(UTF16_BOMS) or (start and start.count(0) > WIDE_SHARE * len(start)):
        raise unreadable("encoding", f"encoding is {encoding}, but the file is UTF-16")
    if start.startswith(codecs.BOM_UTF8) and encoding != "utf-8":
        raise unreadable("encoding", f"encoding is {encoding}, but the file says that it is UTF-8")


def _without_start(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    yield next(pieces)[size:]
    yield from pieces


def _without_nuls(pieces: Iterable[bytes]) -> Iterator[bytes]:
    position = 0
    for piece in pieces:
        if (found := piece.find(b"\0")) >= 0:
            raise unreadable("nul_bytes", f"byte {position + found} is NUL: this is no text", byte=position + found)
        position += len(piece)
        yield piece


def _transcoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    position = 0
    try:
        for piece in pieces:
            text = decoder.decode(piece)
            if text:
                yield (text.removeprefix("\ufeff") if position == 0 else text).encode()
                position += len(text)
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError:
        raise unreadable("encoding", f"not {encoding}, after {position} characters", characters=position) from None


class Lines:
    """Cuts bytes into logical lines: what stands between quotes may run over several. ``ended`` as in Records."""

    def __init__(self, pieces: Iterable[bytes], feed: Feed, *, quoted: bool) -> None:
        """Read from ``pieces``; without ``quoted`` a quote is a character like any other."""
        self.ended = True
        self._longest = feed.thresholds.max_row_bytes
        self._quoted = quoted
        self._open: list[bytes] = []
        self._open_size = 0
        self._count = 0
        self._pieces = _skipped(_with_newlines(pieces), feed.skip_lines)

    def blocks(self) -> Iterator[list[bytes]]:
        """Yield as many lines at once as a piece holds. Raises FeedUnreadable: row_too_long, quotes, truncated."""
        rest = b""
        for piece in self._pieces:
            cut = piece.rfind(b"\n")
            if cut < 0:
                rest += piece
                self._check_length(len(rest))
                continue
            yield self._block(rest + piece[:cut])
            rest = piece[cut + 1 :]
        if rest.strip(b"\r"):
            self.ended = False
            yield self._block(rest)
        if self._open:
            raise self._never_closed()

    def _block(self, block: bytes) -> list[bytes]:
        lines = block.split(b"\n")
        if b"\r" in block:
            lines = [line.rstrip(b"\r") for line in lines]
        if len(block) > self._longest:
            self._check_length(max(map(len, lines)))
        quoted = self._open or (self._quoted and QUOTE in block)
        lines = list(self._joined(lines)) if quoted else [line for line in lines if line]
        self._count += len(lines)
        return lines

    def _joined(self, lines: list[bytes]) -> Iterator[bytes]:
        for line in lines:
            turns = line.count(QUOTE) & 1
            if not self._open:
                if turns:
                    self._open, self._open_size = [line], len(line)
                elif line:
                    yield line
                continue
            self._open.append(line)
            self._open_size += len(line) + 1
            self._check_length(self._open_size)
            if turns:
                yield b"\n".join(self._open)
                self._open = []

    def _check_length(self, size: int) -> None:
        if size > self._longest:
            text = f"after line {self._count} one row has more than max_row_bytes = {self._longest}: an open quote?"
            raise unreadable("row_too_long", text, line=self._count + 1, max_row_bytes=self._longest)

    def _never_closed(self) -> FeedUnreadable:
        sample = [self._open[0].decode("utf-8", "replace")]
        if not self.ended:
            return unreadable("truncated", "the feed breaks off inside a quoted cell", sample, line=self._count + 1)
        return unreadable("quotes", f"a quote opened in line {self._count + 1} is never closed", sample)


def _with_newlines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Old Macs ended lines with CR alone; elsewhere a lone CR is part of a cell."""
    start, pieces = peeked(pieces)
    if b"\n" in start or b"\r" not in start:
        return pieces
    return (piece.replace(b"\r", b"\n") for piece in pieces)


def _skipped(pieces: Iterator[bytes], lines: int) -> Iterator[bytes]:
    for piece in pieces:
        while lines and (cut := piece.find(b"\n")) >= 0:
            piece = piece[cut + 1 :]
            lines -= 1
        if not lines and piece:
            yield piece


class CsvRecords:
    """Rows of delimited text below a header."""

    def __init__(
        self, pieces: Iterable[bytes], feed: Feed, columns: Mapping[str, Column], expected: Sequence[str] | None
    ) -> None:
        """Read the header. Raises FeedUnreadable as ``check_header`` does, and ``no_rows`` for no bytes at all."""
        pieces, self._encoding = text_bytes(pieces, feed)
        self._delimiter = feed.delimiter
        self._lines = Lines(pieces, feed, quoted=True)
        self._blocks = self._lines.blocks()
        self._first = next((block for block in self._blocks if block), [])
        if not self._first:
            raise unreadable("no_rows", "the feed has no bytes at all, not even a header")
        self.header = self._read_header(self._first.pop(0))
        self.places: Mapping[str, int] = check_header(self.header, feed, columns, expected)
        self.seen_names: set[str] | None = None

    @property
    def ended(self) -> bool:
        """As in Records."""
        return self._lines.ended

    def blocks(self) -> Iterator[list[bytes]]:
        """As in Records."""
        yield self._first
        yield from self._blocks

    def cells(self, raw: bytes) -> list[str]:
        """As in Records: as many cells as the header has."""
        cells = self._split(raw)
        if len(cells) != len(self.header):
            raise BadRow("cells")
        return cells

    def table(self, raws: Sequence[bytes]) -> list[list[str]]:
        """As in Records; without quotes among them, all rows are decoded and cut in one go."""
        try:
            text = b"\n".join(raws).decode(self._encoding)
        except UnicodeDecodeError:
            raise BadRow("encoding") from None
        if '"' in text:
            return [self.cells(raw) for raw in raws]
        rows = [line.split(self._delimiter) for line in text.split("\n")]
        if set(map(len, rows)) != {len(self.header)}:
            raise BadRow("cells")
        return rows

    def _split(self, raw: bytes) -> list[str]:
        try:
            text = raw.decode(self._encoding)
        except UnicodeDecodeError:
            raise BadRow("encoding") from None
        if '"' not in text:
            return text.split(self._delimiter)
        try:
            return next(csv.reader([text], delimiter=self._delimiter, strict=True))
        except csv.Error:
            raise BadRow("too_long" if len(text) > csv.field_size_limit() else "quotes") from None

    def _read_header(self, raw: bytes) -> list[str]:
        try:
            return [cell.strip() for cell in self._split(raw)]
        except BadRow as bad:
            text = "the header can't be read: " + ("wrong encoding" if bad.code == "encoding" else bad.code)
            raise unreadable(bad.code, text, [raw.decode("utf-8", "replace")]) from None


class JsonRecords:
    """Rows that are one JSON object per line. ``header`` is every name that was met, nested ones with dots."""

    def __init__(self, pieces: Iterable[bytes], feed: Feed, columns: Mapping[str, Column]) -> None:
        """Prepare; nothing is read yet. Raises FeedUnreadable("encoding") for what the first bytes show."""
        pieces, self._encoding = text_bytes(pieces, feed)
        self._lines = Lines(pieces, feed, quoted=False)
        headings = dict.fromkeys(column.column for column in columns.values() if column.column)
        self.places: Mapping[str, int] = {heading: place for place, heading in enumerate(headings)}
        self._paths = [(heading, tuple(heading.split("."))) for heading in headings]
        self.seen_names: set[str] | None = set()
        self._read = json.JSONDecoder(
            parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique_names
        ).decode

    @property
    def header(self) -> list[str]:
        """As in Records, so far."""
        return sorted(self.seen_names or ())

    @property
    def ended(self) -> bool:
        """As in Records."""
        return self._lines.ended

    def blocks(self) -> Iterator[list[bytes]]:
        """As in Records."""
        left = SAMPLED
        for block in self._lines.blocks():
            for raw in islice(block, left):
                self._note_names(raw)
            left -= min(left, len(block))
            yield block

    def cells(self, raw: bytes) -> list[Any]:
        """As in Records: a value of any JSON type per mapped heading, None where the row has no such name."""
        document = self._document(raw)
        return [document[name] if name in document else _at(document, path) for name, path in self._paths]

    def table(self, raws: Sequence[bytes]) -> list[list[Any]]:
        """As in Records."""
        return [self.cells(raw) for raw in raws]

    def _document(self, raw: bytes) -> dict[str, Any]:
        try:
            document = self._read(raw.decode(self._encoding).strip())
        except UnicodeDecodeError:
            raise BadRow("encoding") from None
        except (ValueError, RecursionError, ArithmeticError):
            raise BadRow("json") from None
        if not isinstance(document, dict):
            raise BadRow("json")
        return document

    def _note_names(self, raw: bytes) -> None:
        try:
            document = self._document(raw)
        except BadRow:
            return
        assert self.seen_names is not None
        self.seen_names.update(_names(document))


def _names(document: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in document.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict) and prefix.count(".") < 5:
            yield from _names(value, f"{prefix}{name}.")


def _at(document: Any, path: Sequence[str]) -> Any:
    for step in path:
        document = document.get(step) if isinstance(document, dict) else None
    return document


def _refuse_constant(_: str) -> NoReturn:
    raise BadRow("json")


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise BadRow("duplicate_key")
    return document
