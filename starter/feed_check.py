"""Trying a feed's mapping on a local file: what each column became, what is wrong, and what would be refused."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.feeds.reader import FeedReader, FeedUnreadable
from models.feed_rows import FeedFinding, FeedPart, FeedRow, RowProblem
from models.feeds import ATTRIBUTE_PREFIX, Column, Feed

PIECE = 1 << 20
SAMPLES = 5  # problems shown of each kind

Advance = Callable[[int], None]


@dataclass
class Kind:
    """How often one thing is wrong with one field, and where for example."""

    code: str
    cell: str  # the field, or "row"
    rows: int = 0
    samples: list[RowProblem] = field(default_factory=list)


class FeedCheck:
    """Reads one file as a feed of ours. Nothing is written anywhere."""

    def __init__(
        self, feed: Feed, columns: Mapping[str, Column], *, expected: Sequence[str] | None = None, examples: int = 3
    ) -> None:
        """Prepare; ``expected`` is the header as last applied, ``examples`` the rows that are shown."""
        self.kinds: dict[tuple[str, str], Kind] = {}
        self.unreadable: FeedFinding | None = None
        self._columns = columns
        self._reader = FeedReader(feed, columns, unchanged=_all_changed, expected_header=expected, examples=examples)

    def rows(self, path: Path, advance: Advance) -> Iterator[FeedRow]:
        """Walk through the rows that can be used; ``advance`` is told of the bytes that were read.

        A file that can't be read ends the walk, and ``unreadable`` says why.
        """
        part = FeedPart(path.name, lambda: _pieces(path, advance))
        try:
            for batch in self._reader.batches([part]):
                for problem in batch.problems:
                    self._count(problem)
                yield from batch.rows
        except FeedUnreadable as error:
            self.unreadable = error.finding

    @property
    def withdrawn(self) -> list[int]:
        """Positions of rows that were given out, and turned out to contradict others."""
        return self._reader.withdrawn

    def _count(self, problem: RowProblem) -> None:
        kind = self.kinds.setdefault((problem.code, problem.field), Kind(problem.code, problem.field))
        kind.rows += 1
        if len(kind.samples) < SAMPLES:
            kind.samples.append(problem)

    @property
    def findings(self) -> list[FeedFinding]:
        """Why the file would not be believed."""
        return [*([self.unreadable] if self.unreadable else []), *self._reader.findings]

    @property
    def problems(self) -> list[Kind]:
        """What is wrong with single rows, the most frequent first."""
        return sorted(self.kinds.values(), key=lambda kind: -kind.rows)

    def shape(self) -> dict[str, Any]:
        """Bring what was found into the form that ``--json`` writes."""
        return {
            "rows": self._reader.rows,
            "refused": self._reader.refused,
            "header": self._reader.header,
            "columns": [self._column(name) for name in self._columns],
            "problems": [_problem_shape(kind) for kind in self.problems],
            "findings": [finding.model_dump(mode="json") for finding in self.findings],
            "believed": not self.findings,
        }

    def _column(self, name: str) -> dict[str, Any]:
        column, examples = self._columns[name], self._reader.examples
        sent = [one.sent.get(name, column.constant) for one in examples]
        return {
            "field": name,
            "column": column.column or None,
            "constant": column.constant,
            "sent": sent,
            "became": [value_of(one.row, name) for one in examples],
            "problems": [
                next((problem.code for problem in one.problems if name in _names(problem)), None) for one in examples
            ],
        }


def _names(problem: RowProblem) -> tuple[str, str]:
    return problem.field, f"{ATTRIBUTE_PREFIX}{problem.field}"


def value_of(row: FeedRow | None, name: str) -> Any:
    """Say what a field became; None where the row is refused, or the field empty."""
    if row is None:
        return None
    if name.startswith(ATTRIBUTE_PREFIX):
        return (row.attributes or {}).get(name.removeprefix(ATTRIBUTE_PREFIX))
    return getattr(row, name)


def _problem_shape(kind: Kind) -> dict[str, Any]:
    samples = [{"row": one.position, "sku": one.sku, "text": one.text} for one in kind.samples]
    return {"code": kind.code, "field": kind.cell, "rows": kind.rows, "samples": samples}


def _pieces(path: Path, advance: Advance) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            advance(len(piece))
            yield piece


def _all_changed(hashes: list[int]) -> list[bool]:
    return [False] * len(hashes)
