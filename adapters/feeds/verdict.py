"""What a feed's own rows say about whether it is to be believed, without a look at any earlier one."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from adapters.feeds.unreadable import MOST_SAMPLES, finding
from models.feed_rows import FeedFinding, FeedRow, RowProblem
from models.feeds import Feed, FieldName, Scope

MAXED_FROM = 999  # the quantity that a system shows when it has none
MOST_QUANTITIES = 10_000  # different ones that are counted


class Tally:
    """Counts what matters for the whole feed, over the rows that were looked into."""

    def __init__(self) -> None:
        self.damaged = 0
        self.codes: Counter[str] = Counter()
        self.samples: list[RowProblem] = []
        self.damaged_samples: list[str] = []
        self.large: Counter[int] = Counter()
        self.large_samples: dict[int, list[str]] = {}

    def add(self, rows: list[FeedRow], problems: list[RowProblem]) -> None:
        """Count a batch."""
        self.codes.update(problem.code for problem in problems)
        self.samples += problems[: MOST_SAMPLES - len(self.samples)]
        damaged = (problem.text for problem in problems if problem.code in ("gtin", "scientific"))
        self.damaged_samples += islice(damaged, MOST_SAMPLES - len(self.damaged_samples))
        for row in rows:
            if row.quantity is not None and row.quantity >= MAXED_FROM and len(self.large) < MOST_QUANTITIES:
                self._add_large(row.quantity, row.sku)

    def _add_large(self, quantity: int, sku: str) -> None:
        self.large[quantity] += 1
        samples = self.large_samples.setdefault(quantity, [])
        if len(samples) < MOST_SAMPLES:
            samples.append(sku)


def conclusions(feed: Feed, tally: Tally, rows: int, refused: int) -> Iterator[FeedFinding]:
    """Say why a feed is not to be believed: no_rows, no_records, unreadable, scientific_notation, maxed."""
    if rows == 0:
        if feed.scope is Scope.FULL:
            yield _nothing(feed)
        return
    limits = feed.thresholds
    if refused / rows > limits.max_share_unreadable:
        counted = ", ".join(f"{code} {times}" for code, times in tally.codes.most_common(8))
        samples = [f"row {one.position}, {one.field}: {one.text}" for one in tally.samples]
        text = f"{refused} of {rows} rows can't be read: {counted}"
        yield finding("unreadable", text, samples, rows=rows, refused=refused, share=refused / rows)
    if tally.damaged / rows > limits.max_share_bad_gtin:
        text = f"{tally.damaged} article numbers were damaged by a spreadsheet: scientific notation, or lost zeros"
        share = tally.damaged / rows
        yield finding("scientific_notation", text, tally.damaged_samples, rows=rows, damaged=tally.damaged, share=share)
    yield from _maxed(feed, tally, rows)


def _nothing(feed: Feed) -> FeedFinding:
    if feed.format == "xml" and feed.source != "api":
        return finding("no_records", f"there is no element {feed.record!r}: is `record` right?", rows=0)
    return finding("no_rows", "there is a header at most, and not one row", rows=0)


def _maxed(feed: Feed, tally: Tally, rows: int) -> Iterator[FeedFinding]:
    """Only rows that were looked into are counted, against all rows: what had that quantity before is no news."""
    for quantity, times in tally.large.most_common(1):
        if FieldName.QUANTITY in feed.columns or not feed.columns:
            share = times / rows
            if share > feed.thresholds.max_share_maxed:
                text = f"{times} of {rows} rows all have the quantity {quantity}"
                yield finding("maxed", text, tally.large_samples[quantity], rows=rows, quantity=quantity, share=share)
