"""Rows that are the LIN loops of an X12 846, cut from the stream in flat memory.

A heading names a segment and, where several may be there, its qualifier: ``LIN.VN``, ``LIN.GTIN``, ``QTY.33``, ``CTP`` or
``CTP.UCP``, ``DTM.018``, ``PID``. Counts and control numbers are compared while it is read: a document that breaks off
or counts wrong is not believed in anything.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from adapters.feeds.decompress import peeked
from adapters.feeds.unreadable import BadRow, FeedUnreadable, unreadable
from adapters.suppliers.edi_x12.envelope import EnvelopeReader, TransactionSet
from adapters.suppliers.edi_x12.errors import Truncated, WrongCount, X12Error
from adapters.suppliers.edi_x12.tokenizer import cut
from models.feeds import Column, Feed, Scope

BLOCK = 1_000
SAMPLED = 100  # rows looked into for the names they have, whether they changed or not
CHANGE = "04"  # BIA01: only what has changed
GTINS = frozenset({"UP", "EN", "UK", "UI", "EO"})  # DE 235; ``LIN.GTIN`` is whichever of them is there
DEFAULT_COLUMNS = {
    "sku": "LIN.VN",
    "ean": "LIN.GTIN",
    "quantity": "QTY.33",
    "available_on": "DTM.018",
    "title": "PID",
}
_VALUES = {"QTY": (1, 2), "CTP": (2, 3), "DTM": (1, 2), "PID": (0, 5)}  # where qualifier and value are


class X12Records:
    """Rows of the 846 sets in a document; other sets in it are passed over."""

    def __init__(self, pieces: Iterable[bytes], feed: Feed, columns: Mapping[str, Column]) -> None:
        """Read the ISA. Raises FeedUnreadable: no_rows, truncated, edi."""
        start, pieces = peeked(pieces)
        if not start.strip():
            raise unreadable("no_rows", "the feed has no bytes at all")
        try:
            self._delimiters, self._blocks = cut(pieces)
        except X12Error as error:
            raise _told(error) from None
        self._envelope = EnvelopeReader(self._delimiters)
        self._whole = feed.scope is Scope.FULL
        headings = dict.fromkeys(column.column for column in columns.values() if column.column)
        self.places: Mapping[str, int] = {heading: place for place, heading in enumerate(headings)}
        self.seen_names: set[str] | None = set()
        self.ended = True

    @property
    def header(self) -> list[str]:
        """The names that rows had, so far."""
        return sorted(self.seen_names or ())

    def blocks(self) -> Iterator[list[bytes]]:
        """As in Records. Raises FeedUnreadable: truncated, edi."""
        left = SAMPLED
        rows: list[bytes] = []
        try:
            for row in self._rows():
                rows.append(row)
                if len(rows) >= BLOCK:
                    left -= self._note_names(rows, left)
                    yield rows
                    rows = []
            self._envelope.finish()
        except X12Error as error:
            raise _told(error) from None
        self._note_names(rows, left)
        yield rows

    def cells(self, raw: bytes) -> list[str | None]:
        """As in Records: a text per mapped heading, None where the loop has no such segment."""
        found = dict(self._values(raw))
        if self.seen_names is not None:
            self.seen_names.update(found.keys() & self.places.keys())
        return [found.get(heading) for heading in self.places]

    def table(self, raws: Sequence[bytes]) -> list[list[str | None]]:
        """As in Records."""
        return [self.cells(raw) for raw in raws]

    def _rows(self) -> Iterator[bytes]:
        separator, between = self._delimiters.element, self._delimiters.segment  # which no segment holds
        opens, take = f"LIN{separator}", self._envelope.take
        loop: list[str] = []
        lines = 0
        for raw in (segment for block in self._blocks for segment in block):
            inside = take(raw)
            if inside is not None and (raw.startswith(opens) or raw == "LIN") and inside.code == "846":
                if loop:
                    yield between.join(loop).encode()
                loop = [raw]
                lines += 1
            elif inside is not None and loop and not raw.startswith("CTT"):
                loop.append(raw)
            else:
                if loop:
                    yield between.join(loop).encode()
                    loop = []
                lines = self._checked(raw, inside, lines)

    def _checked(self, raw: str, inside: TransactionSet | None, lines: int) -> int:
        """Look at what stands between rows; returns how many lines of the present set were read."""
        if inside is None:
            self._check_problems()
            return 0
        elements = raw.split(self._delimiters.element)
        if inside.code != "846":
            return lines
        if elements[0] == "CTT" and elements[1:2] != [str(lines)]:
            raise WrongCount(f"CTT01 is not {lines}, the number of LIN", position=self._envelope.position)
        if elements[0] == "BIA" and self._whole and elements[1:2] == [CHANGE]:
            raise unreadable("edi", "BIA01 says that only changes are in it, the feed's scope that everything is")
        return lines

    def _check_problems(self) -> None:
        for group in self._envelope.interchanges[-1].groups[-1:]:
            problem = group.problem or (group.sets[-1].problem if group.sets else None)
            if problem is not None:
                raise problem

    def _values(self, raw: bytes) -> Iterator[tuple[str, str]]:
        """Take a loop to pieces; of several segments with one qualifier the first counts."""
        separator = self._delimiters.element
        loop = [segment.split(separator) for segment in raw.decode().split(self._delimiters.segment)]
        for segment in reversed(loop[1:]):
            name = segment[0]
            qualifier_at, value_at = _VALUES.get(name, (0, 0))
            if not value_at or len(segment) <= value_at:
                continue
            if qualifier_at and name != "CTP" and not segment[qualifier_at]:
                raise BadRow("cells")
            yield name, segment[value_at]
            if qualifier_at:
                yield f"{name}.{segment[qualifier_at]}", segment[value_at]
        head = loop[0]
        if len(head) % 2:
            raise BadRow("cells")
        for place in range(2, len(head), 2):
            qualifier, value = head[place], head[place + 1]
            yield f"LIN.{qualifier}", value
            if qualifier in GTINS:
                yield "LIN.GTIN", value

    def _note_names(self, rows: Sequence[bytes], most: int) -> int:
        for raw in islice(rows, max(most, 0)):
            try:
                names = {name for name, _ in self._values(raw)}
            except BadRow:
                continue
            assert self.seen_names is not None
            self.seen_names |= names
        return len(rows)


def _told(error: X12Error) -> FeedUnreadable:
    return unreadable("truncated" if isinstance(error, Truncated) else "edi", str(error))
