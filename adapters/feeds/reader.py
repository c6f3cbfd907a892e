"""Reads a feed: which rows are new or changed, what they say, and what is wrong with them or with the whole."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import compress, count, islice, repeat
from operator import not_
from typing import Any

import numpy as np
import xxhash

from adapters.feeds.decompress import decompressed
from adapters.feeds.duplicates import SkuRegister
from adapters.feeds.mapping import Mapper
from adapters.feeds.records import CsvRecords, JsonRecords, Records
from adapters.feeds.unreadable import BadRow, FeedUnreadable, finding, shown
from adapters.feeds.verdict import Tally, conclusions
from adapters.feeds.x12_records import X12Records
from adapters.feeds.xml_records import XmlRecords
from models.feed_rows import Batch, FeedFinding, FeedPart, FeedRow, RowProblem
from models.feeds import Column, Feed, FieldName

__all__ = ["BATCH", "Example", "FeedReader", "FeedUnreadable", "open_records"]

BATCH = 10_000
STRETCH = 250  # rows read at once; one bad row among them costs as much as reading them twice
WHOLE_ROW = "row"  # the field of a problem that is no cell's
UNENDED = frozenset({"cells", "json"})


@dataclass(slots=True)
class Example:
    """One row as it was sent and what became of it, for a person who tries a mapping."""

    position: int
    sent: dict[str, Any]  # by our field
    row: FeedRow | None
    problems: list[RowProblem] = field(default_factory=list)


def open_records(
    part: FeedPart, feed: Feed, columns: Mapping[str, Column], expected: Sequence[str] | None = None
) -> Records:
    """Open one part and read its beginning: compression, encoding, header. Raises FeedUnreadable."""
    if feed.source == "api":  # stored as JSON lines, whatever format the configuration holds
        return JsonRecords(part.open(), feed.model_copy(update={"encoding": "utf-8"}), columns)
    pieces = decompressed(part.open(), feed)
    match feed.format:
        case "xml":
            return XmlRecords(pieces, feed, columns)
        case "ndjson":
            return JsonRecords(pieces, feed, columns)
        case "x12":
            return X12Records(pieces, feed, columns)
    return CsvRecords(pieces, feed, columns, expected)


class FeedReader:
    """Walks through a feed in flat memory, once. What it knows of the whole is there after the last batch.

    - ``rows``: all rows; ``refused``: rows with a problem, none of which is ever among the rows given out.
    - ``header``: a CSV's columns, or the names that JSON rows or XML records had.
    - ``findings``: why the feed should not be believed, as far as it can be told without knowing the last one.
    - ``withdrawn``: positions of rows that an earlier batch gave out, and that turned out later to contradict another
      row of the same SKU, or to be older than it. Whoever staged them removes them in the end:
      ``DELETE FROM feed_staged WHERE run_id = … AND position = ANY(…)``.

    All parts are one feed, and may not contradict each other; where each part is newer than the one before, each has
    a reader of its own. A SKU whose other row is unchanged, and so was never looked into, can't be recognised
    here: the one who knows which hashes were seen, and whose they are, compares. The hash covers the header and the
    configured columns besides the row's bytes, so that every row is read anew when what its bytes mean has changed.
    """

    def __init__(
        self,
        feed: Feed,
        columns: Mapping[str, Column],
        *,
        unchanged: Callable[[list[int]], list[bool]],
        expected_header: Sequence[str] | None = None,
        examples: int = 0,
    ) -> None:
        """Prepare; ``unchanged`` says which of some rows' hashes are known, ``examples`` how many rows to keep."""
        self.header: list[str] = []
        self.rows = 0
        self.refused = 0
        self.findings: list[FeedFinding] = []
        self.examples: list[Example] = []
        self._feed = feed
        self._columns = columns
        self._unchanged = unchanged
        self._expected = expected_header
        self._wanted_examples = examples
        self._register = SkuRegister(timed=FieldName.OBSERVED_AT in columns, later_wins=feed.source == "api")
        self._tally = Tally()

    @property
    def withdrawn(self) -> list[int]:
        """Positions of rows that were given out, and must not be applied."""
        return self._register.withdrawn

    def batches(self, parts: Iterable[FeedPart]) -> Iterator[Batch]:
        """Read part after part. Raises FeedUnreadable in the middle, too: then nothing of the feed is to be applied."""
        for part in parts:
            yield from self._read_part(part)
        self.findings += conclusions(self._feed, self._tally, self.rows, self.refused)

    def _read_part(self, part: FeedPart) -> Iterator[Batch]:
        records = open_records(part, self._feed, self._columns, self._expected)
        mapper = Mapper(self._feed, self._columns, records.places, texts_only=isinstance(records, CsvRecords))
        self._note_header(records.header)
        seed = self._seed(records)
        last: list[RowProblem] = []
        before = self.rows
        for raws in _regrouped(records.blocks(), BATCH):
            batch = self._read_batch(raws, seed, records, mapper)
            last = batch.problems
            yield batch
        self._note_header(records.header)
        self._tally.damaged += mapper.damaged
        self._check_end(records, last)
        self._check_names(records, self.rows - before)

    def _read_batch(self, raws: list[bytes], seed: int, records: Records, mapper: Mapper) -> Batch:
        digests = _hashes(raws, seed)
        fresh = list(map(not_, self._unchanged(digests)))
        rows: list[FeedRow] = []
        problems: list[RowProblem] = []
        changed = compress(zip(count(self.rows + 1), digests, raws), fresh)
        while stretch := list(islice(changed, STRETCH)):
            rows += self._read_stretch(stretch, records, mapper, problems)
        kept, contradictions = self._register.sift(rows)
        problems += contradictions
        self.rows += len(raws)
        self.refused += len({problem.position for problem in problems})
        self._tally.add(rows, problems)
        return Batch(seen=len(raws), rows=kept, problems=problems)

    def _read_stretch(
        self, stretch: list[tuple[int, int, bytes]], records: Records, mapper: Mapper, problems: list[RowProblem]
    ) -> list[FeedRow]:
        """Read some rows at once where all of them are good, else one by one."""
        if len(self.examples) >= self._wanted_examples:
            positions, digests, raws = zip(*stretch, strict=True)
            with suppress(BadRow):
                rows = mapper.rows(positions, digests, records.table(raws))
                if rows is not None:
                    return rows
        read = (self._read_row(*one, records, mapper, problems) for one in stretch)
        return [row for row in read if row is not None]

    def _read_row(
        self, position: int, digest: int, raw: bytes, records: Records, mapper: Mapper, problems: list[RowProblem]
    ) -> FeedRow | None:
        try:
            cells = records.cells(raw)
        except BadRow as bad:
            problems.append(RowProblem(position, WHOLE_ROW, bad.code, shown(raw.decode("utf-8", "replace"))))
            return None
        read = mapper.row(position, digest, cells)
        if len(self.examples) < self._wanted_examples:
            self.examples.append(self._example(position, cells, read, records))
        if isinstance(read, FeedRow):
            return read
        problems += read
        return None

    def _example(
        self, position: int, cells: Sequence[Any], read: FeedRow | list[RowProblem], records: Records
    ) -> Example:
        sent = {name: cells[records.places[one.column]] for name, one in self._columns.items() if one.column}
        return Example(position, sent, None, read) if isinstance(read, list) else Example(position, sent, read)

    def _note_header(self, header: Sequence[str]) -> None:
        self.header += [name for name in header if name not in self.header]

    def _seed(self, records: Records) -> int:
        """Sum up what a row's bytes mean."""
        layout = records.header if records.seen_names is None else sorted(records.places)
        columns = {name: column.model_dump_json() for name, column in sorted(self._columns.items())}
        feed = self._feed.model_dump_json(include={"format", "encoding", "delimiter", "numbers", "currency", "record"})
        return xxhash.xxh3_64_intdigest(repr((layout, columns, feed)).encode("utf-8", "replace"))

    def _check_end(self, records: Records, last: list[RowProblem]) -> None:
        """A last row that has neither a line end nor all its cells was cut off."""
        cut = [problem for problem in last if problem.position == self.rows and problem.code in UNENDED]
        if not records.ended and cut:
            self.findings.append(
                finding("truncated", f"the feed breaks off in row {self.rows}", [cut[0].text], row=self.rows)
            )

    def _check_names(self, records: Records, rows: int) -> None:
        """Without a header, what no row has shows only now. Only what offers live on: the rest may be rare."""
        names = records.seen_names
        if names is None or not rows:
            return
        vital = (FieldName.SKU, FieldName.QUANTITY, FieldName.UNIT_COST)
        wanted = [self._columns[name].column for name in vital if name in self._columns and self._columns[name].column]
        missing = [name for name in wanted if name not in names]
        if missing:
            gone = self._expected is not None and set(missing) <= set(self._expected)
            text = f"no row has {', '.join(missing)}; there are: {', '.join(sorted(names))}"
            code = "header_changed" if gone else "header_missing"
            self.findings.append(finding(code, text, sorted(names), missing=len(missing)))


def _hashes(raws: list[bytes], seed: int) -> list[int]:
    """Hash rows to signed 64 bits, as the database's bigint has it."""
    digests = np.fromiter(map(xxhash.xxh3_64_intdigest, raws, repeat(seed)), dtype=np.uint64, count=len(raws))
    hashes: list[int] = digests.view(np.int64).tolist()
    return hashes


def _regrouped(blocks: Iterable[list[bytes]], size: int) -> Iterator[list[bytes]]:
    """Cut and join blocks so that each has ``size`` rows, the last one fewer."""
    rest: list[bytes] = []
    for block in blocks:
        rest = rest + block if rest else block
        start = 0
        while len(rest) - start >= size:
            yield rest[start : start + size]
            start += size
        rest = rest[start:]
    if rest:
        yield rest
