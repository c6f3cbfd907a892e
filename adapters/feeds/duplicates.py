"""The same SKU twice in one feed, found with 32 bytes a row: a million rows must not fill the memory with texts."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import compress

import numpy as np
import numpy.typing as npt
import xxhash

from models.articles import folded_sku
from models.feed_rows import FeedRow, RowProblem
from models.feeds import FieldName

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY, _SKU, _HASH, _POSITION, _TIME = range(5)
LARGEST_TABLE = 250_000  # rows
Table = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Entry:
    """The row of a SKU that counts so far. Texts are held as hashes."""

    sku: int
    hash: int
    position: int
    time: int = 0


class SkuRegister:
    """Knows every SKU that was read. ``withdrawn`` are positions of rows that were given out, and must not be applied."""

    def __init__(self, *, timed: bool, later_wins: bool = False) -> None:
        """Begin; ``timed`` where the feed says when each row was seen so: the newest of two then wins.

        With ``later_wins`` two rows do not contradict each other: something changed between two pages of an answer.
        """
        self.withdrawn: list[int] = []
        self._timed = timed
        self._later_wins = later_wins
        self._tables: list[Table] = []
        self._contested: dict[int, _Entry | None] = {}  # by key; None once two rows contradict each other

    def sift(self, rows: list[FeedRow]) -> tuple[list[FeedRow], list[RowProblem]]:
        """Return the rows that count, and what is wrong with the others: ``duplicate``, ``sku_variant``.

        Equal rows count once, silently. A problem may name an earlier row: that one is in ``withdrawn``, too.
        """
        if not rows:
            return rows, []
        table = self._table(rows)
        suspicious = self._suspicious(table[_KEY])
        kept, problems = rows, list[RowProblem]()
        if suspicious.any():
            kept, problems = self._settle(rows, table, suspicious)
        self._remember(table)
        return kept, problems

    def _table(self, rows: list[FeedRow]) -> Table:
        table = np.empty((5 if self._timed else 4, len(rows)), dtype=np.int64)
        table[_KEY] = _digests([folded_sku(row.sku) for row in rows])
        table[_SKU] = _digests([row.sku for row in rows])
        table[_HASH] = [row.hash for row in rows]
        table[_POSITION] = [row.position for row in rows]
        if self._timed:
            table[_TIME] = [_microseconds(row.observed_at) for row in rows]
        return table

    def _suspicious(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Mark the rows whose key was there before, in this stretch or in an earlier one."""
        ordered, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
        marked: npt.NDArray[np.bool_] = counts > 1
        for table in self._tables:
            marked |= table[_KEY][_places(table, ordered)] == ordered
        return marked[inverse]

    def _settle(
        self, rows: list[FeedRow], table: Table, suspicious: npt.NDArray[np.bool_]
    ) -> tuple[list[FeedRow], list[RowProblem]]:
        dropped: set[int] = set()
        problems: list[RowProblem] = []
        marks = suspicious.tolist()
        entries = compress(table.T.tolist(), marks)
        for row, (key, *facts) in zip(compress(rows, marks), entries, strict=True):
            self._contest(row, key, _Entry(*facts), dropped, problems)
        self.withdrawn.extend(position for position in dropped if position < rows[0].position)
        return [row for row in rows if row.position not in dropped], problems

    def _contest(self, row: FeedRow, key: int, new: _Entry, dropped: set[int], problems: list[RowProblem]) -> None:
        if key not in self._contested:
            self._contested[key] = self._find(key) or new
        old = self._contested[key]
        if old is None:
            dropped.add(new.position)
            problems.append(RowProblem(new.position, FieldName.SKU, "duplicate", row.sku, row.sku))
        elif old.position == new.position:
            return
        elif old.sku == new.sku and (old.hash == new.hash or (self._timed and old.time > new.time)):
            dropped.add(new.position)
        elif old.sku == new.sku and (self._later_wins or (self._timed and old.time < new.time)):
            dropped.add(old.position)
            self._contested[key] = new
        else:
            self._contested[key] = None
            dropped.update((old.position, new.position))
            code = "duplicate" if old.sku == new.sku else "sku_variant"
            problems += [RowProblem(one.position, FieldName.SKU, code, row.sku, row.sku) for one in (old, new)]

    def _find(self, key: int) -> _Entry | None:
        for table in self._tables:
            place = int(_places(table, np.array([key]))[0])
            if table[_KEY, place] == key:
                return _Entry(*table[_SKU:, place].tolist())
        return None

    def _remember(self, table: Table) -> None:
        """Keep few sorted tables: looking up stays cheap, and joining two never needs much memory."""
        self._tables.append(_sorted(table))
        while len(self._tables) > 1:
            older, newer = self._tables[-2].shape[1], self._tables[-1].shape[1]
            if older >= 2 * newer or older + newer > LARGEST_TABLE:
                return
            newest = self._tables.pop()
            self._tables[-1] = _sorted(np.concatenate((self._tables[-1], newest), axis=1))


def _digests(texts: list[str]) -> npt.NDArray[np.int64]:
    raws = [text.encode() for text in texts]
    return np.fromiter(map(xxhash.xxh3_64_intdigest, raws), dtype=np.uint64, count=len(raws)).view(np.int64)


def _microseconds(moment: datetime | None) -> int:
    """A row that does not say when is older than any that does."""
    if moment is None:
        return np.iinfo(np.int64).min
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _sorted(table: Table) -> Table:
    """First come, first found: the order of equal keys stays."""
    return table[:, np.argsort(table[_KEY], kind="stable")]


def _places(table: Table, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    places: npt.NDArray[np.intp] = np.minimum(np.searchsorted(table[_KEY], keys), table.shape[1] - 1)
    return places
