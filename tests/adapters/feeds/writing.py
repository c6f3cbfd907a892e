"""Writes feeds as suppliers send them, and reads them with the product's reader."""

import gzip
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.feeds.reader import FeedReader, FeedUnreadable
from models.feed_rows import FeedFinding, FeedPart, FeedRow, RowProblem
from models.feeds import Column, Feed

COLUMNS = {"sku": "sku", "ean": "ean", "quantity": "stock", "unit_cost": "cost", "title": "name"}
HEADER = "sku,ean,stock,cost,name"
ROWS = (
    "A-1,4006381333931,10,12.50,Pen",
    "A-2,4006381333948,0,3.00,Ink",
    'A-3,4006381333955,7,0.99,"Paper, ruled"',
    "A-4,,250,100,Ream",
)


@dataclass
class Read:
    """All that came of reading a feed."""

    reader: FeedReader
    rows: list[FeedRow] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    unreadable: FeedFinding | None = None

    @property
    def codes(self) -> list[str]:
        """Why the feed is not believed."""
        return [one.code for one in self.findings]

    @property
    def findings(self) -> list[FeedFinding]:
        return [*([self.unreadable] if self.unreadable else []), *self.reader.findings]

    @property
    def problem_codes(self) -> list[tuple[int, str, str]]:
        return [(one.position, one.field, one.code) for one in self.problems]

    @property
    def quantities(self) -> dict[str, int | None]:
        """What stands after all batches: rows that were withdrawn are gone."""
        return {row.sku: row.quantity for row in self.rows if row.position not in self.reader.withdrawn}


def feed_of(**settings: Any) -> Feed:
    """A file feed with the usual columns and thresholds that no small file reaches."""
    lenient = {"max_share_unreadable": 1, "max_share_bad_gtin": 1, "max_share_maxed": 1}
    thresholds = lenient | settings.pop("thresholds", {})
    usual = {"kind": "stock", "source": "file:///feeds/stock", "columns": COLUMNS, "thresholds": thresholds}
    return Feed.model_validate(usual | settings)


def columns_of(feed: Feed) -> dict[str, Column]:
    return {name: column for name in feed.columns if (column := feed.column_of(name))}


def read(
    body: bytes | str | Sequence[bytes],
    feed: Feed | None = None,
    *,
    piece: int = 1 << 20,
    unchanged: Callable[[list[int]], list[bool]] | None = None,
    expected: Sequence[str] | None = None,
    examples: int = 0,
) -> Read:
    """Read one file, or several, cut into pieces of ``piece`` bytes."""
    feed = feed or feed_of()
    bodies = [body.encode() if isinstance(body, str) else body] if isinstance(body, (bytes, str)) else body
    parts = [FeedPart(f"part {number}", pieces_of(one, piece)) for number, one in enumerate(bodies)]
    reader = FeedReader(
        feed,
        columns_of(feed),
        unchanged=unchanged or (lambda hashes: [False] * len(hashes)),
        expected_header=expected,
        examples=examples,
    )
    came = Read(reader)
    try:
        for batch in reader.batches(parts):
            came.rows += batch.rows
            came.problems += batch.problems
    except FeedUnreadable as error:
        came.unreadable = error.finding
    return came


def pieces_of(body: bytes, size: int) -> Callable[[], Iterator[bytes]]:
    return lambda: (body[start : start + size] for start in range(0, len(body), size))


def csv(*rows: str, header: str = HEADER, end: str = "\n") -> bytes:
    return "".join(line + end for line in (header, *(rows or ROWS))).encode()


def zipped(files: dict[str, bytes]) -> bytes:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return stored.getvalue()


def gzipped(*bodies: bytes) -> bytes:
    return b"".join(gzip.compress(body, mtime=0) for body in bodies)


def xml(*records: str, namespace: str = "", prolog: str = '<?xml version="1.0" encoding="UTF-8"?>') -> bytes:
    space = f' xmlns="{namespace}"' if namespace else ""
    return f"{prolog}<feed{space}><created>today</created>{''.join(records)}</feed>".encode()


def xml_records(rows: Iterable[tuple[str, str, str]]) -> list[str]:
    return [f'<item id="{sku}"><stock>{stock}</stock><cost>{cost}</cost></item>' for sku, stock, cost in rows]


XML_COLUMNS = {"sku": "@id", "quantity": "stock", "unit_cost": "cost"}


def xml_feed(**settings: Any) -> Feed:
    return feed_of(**({"format": "xml", "record": "item", "columns": XML_COLUMNS} | settings))
