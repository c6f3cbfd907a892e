"""Staging: which rows of a feed are new or changed, told by their hashes, and which ones are no longer there."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from adapters.database import copying
from adapters.database.copying import Encoder, Integers
from adapters.database.engine import Transaction
from adapters.database.feeds import FORGOTTEN
from models.feed_rows import FeedRow

_ENCODERS: dict[str, Encoder] = {
    "restricted_countries": copying.arrays,
    "images": copying.arrays,
    "attributes": copying.documents,
    **dict.fromkeys(("sku", "ean", "currency", "title", "brand", "category", "description"), copying.words),
}
Value = TypeVar("Value")
_AT_ONCE = 50_000  # hashes, or row numbers, in one statement


class KnownHashes:
    """The hashes of a feed's rows as last applied, and which of them have been seen again: 9 bytes a row."""

    def __init__(self, hashes: Integers, *, believed: bool = True) -> None:
        """Take the hashes in any order. Not ``believed``: every row counts as changed, but is known to be there."""
        self._hashes = np.sort(hashes)
        self._seen: NDArray[np.uint8] = np.zeros(len(hashes), dtype=np.uint8)
        self._believed = believed
        self.part = 0  # of the feed, that is being read

    def __len__(self) -> int:
        return len(self._hashes)

    def unchanged(self, hashes: list[int]) -> list[bool]:
        """Say of each row whether it is the same as when it was last applied."""
        if not len(self._hashes):
            return [False] * len(hashes)
        asked = np.array(hashes, dtype=np.int64)
        order = np.argsort(asked)  # in order, neighbours are looked for in the same corner of the memory
        places = np.empty(len(asked), dtype=np.int64)
        places[order] = np.searchsorted(self._hashes, asked[order])
        places[places == len(self._hashes)] = 0
        same = (self._hashes[places] == asked) & (asked != FORGOTTEN)
        self._seen[places[same]] = min(self.part, 254) + 1
        found: list[bool] = same.tolist() if self._believed else [False] * len(hashes)
        return found

    def seen_in(self, hashes: Integers) -> NDArray[np.int16]:
        """Say of each known hash in which part it was seen last; -1 for one that was not."""
        places = np.searchsorted(self._hashes, hashes)
        return np.where(hashes == FORGOTTEN, -1, self._seen[places].astype(np.int16) - 1)

    def missing(self, staged: Integers) -> Integers:
        """List the known hashes that were not seen, and whose articles are not among the ``staged`` ones either."""
        unseen = self._hashes[self._seen == 0]
        missing: Integers = np.setdiff1d(unseen, staged)
        forgotten = np.count_nonzero(unseen == FORGOTTEN) > np.count_nonzero(staged == FORGOTTEN)
        more = np.array([FORGOTTEN] if forgotten else [], dtype=np.int64)
        return np.concatenate((missing[missing != FORGOTTEN], more))


def known_hashes(tx: Transaction, supplier: str, feed: str, *, believed: bool) -> KnownHashes:
    """Read the hashes of a feed's rows as they were last applied: as one value, which several processes can put together."""
    query = """
        SELECT coalesce(string_agg(int8send(hash), ''::bytea), ''::bytea) FROM feed_rows
        WHERE supplier = %(supplier)s AND feed = %(feed)s
    """
    (packed,) = copying.read_bytes(tx, query, {"supplier": supplier, "feed": feed})
    return KnownHashes(np.frombuffer(packed, dtype=">i8").astype(np.int64), believed=believed)


class Stager:
    """Writes rows to the staging table."""

    def __init__(self, run_id: int, fields: Iterable[str]) -> None:
        """Stage for this run the fields that its feed owns."""
        owned = dict.fromkeys(name.partition(".")[0] for name in fields)
        self._names = ("position", "sku", "hash", *(name for name in owned if name != "sku"))
        self._run = str(run_id)

    def write(self, tx: Transaction, rows: Sequence[FeedRow]) -> None:
        """Write some rows."""
        columns: dict[str, Iterable[str]] = {"run_id": [self._run] * len(rows)}
        for name in self._names:
            columns[name] = _ENCODERS.get(name, copying.plain)(list(map(attrgetter(name), rows)))
        copying.copy_columns(tx, "feed_staged", columns)


@dataclass(frozen=True, slots=True)
class Rival:
    """A staged row of an article that the same feed tells of in another row too."""

    position: int
    sku: str
    observed_at: datetime | None
    other_observed_at: datetime | None  # of the row that was applied before


def drop_overtaken(tx: Transaction, run_id: int) -> None:
    """Leave one staged row per article: the one that was seen last, else the one that stands last."""
    query = text("""
        DELETE FROM feed_staged s USING feed_staged later
        WHERE s.run_id = :run AND later.run_id = :run AND later.sku = s.sku AND later.position <> s.position
            AND (coalesce(later.observed_at, '-infinity'), later.position)
                > (coalesce(s.observed_at, '-infinity'), s.position)
    """)
    tx.execute(query, {"run": run_id})


def standing_hashes(tx: Transaction, supplier: str, feed: str, rows: Sequence[FeedRow]) -> Integers:
    """Read (row number, hash as last applied) of these rows' articles, as far as the feed had them before."""
    query = """
        SELECT s.position, f.hash FROM unnest(%(positions)s::bigint[], %(skus)s::text[]) AS s (position, sku), LATERAL (
            SELECT hash FROM feed_rows f
            WHERE f.supplier = %(supplier)s AND f.feed = %(feed)s AND f.sku = s.sku LIMIT 1
        ) f
    """
    numbers, skus = [row.position for row in rows], [row.sku for row in rows]
    given = {"supplier": supplier, "feed": feed, "positions": numbers, "skus": skus}
    return copying.read_integers(tx, query, given, columns=2)


def rivals_at(tx: Transaction, run_id: int, supplier: str, positions: Sequence[int]) -> list[Rival]:
    """Read the staged rows whose articles are in the same feed once more, as they were applied before."""
    query = text("""
        SELECT s.position, s.sku, s.observed_at, o.observed_at AS other_observed_at FROM feed_staged s
        LEFT JOIN offers o ON o.supplier = :supplier AND o.sku = s.sku
        WHERE s.run_id = :run AND s.position = ANY(CAST(:positions AS integer[])) ORDER BY s.position
    """)
    rows = tx.execute(query, {"run": run_id, "supplier": supplier, "positions": list(positions)})
    return [Rival(row.position, row.sku, row.observed_at, row.other_observed_at) for row in rows]


def drop(tx: Transaction, run_id: int, positions: Sequence[int]) -> int:
    """Take some staged rows out again, and return how many were there."""
    dropped = 0
    query = text("DELETE FROM feed_staged WHERE run_id = :run AND position = ANY(CAST(:positions AS integer[]))")
    for some in _slices(positions):
        dropped += tx.execute(query, {"run": run_id, "positions": list(some)}).rowcount
    return dropped


def stage_absent(
    tx: Transaction, run_id: int, supplier: str, feed: str, missing: Integers, unreadable: Sequence[str]
) -> int:
    """Stage the articles that the feed had before and has no more, except those whose rows could not be read."""
    query = text("""
        INSERT INTO feed_staged (run_id, position, sku, hash, absent)
        SELECT :run, 0, f.sku, :forgotten, true FROM feed_rows f
        WHERE f.supplier = :supplier AND f.feed = :feed AND f.hash = ANY(CAST(:hashes AS bigint[]))
            AND f.sku <> ALL(CAST(:unreadable AS text[]))
            AND NOT EXISTS (SELECT 1 FROM feed_staged s WHERE s.run_id = :run AND s.sku = f.sku)
    """)
    known = {"run": run_id, "supplier": supplier, "feed": feed, "forgotten": FORGOTTEN, "unreadable": list(unreadable)}
    found = 0
    for some in _slices(missing.tolist()):
        found += tx.execute(query, {**known, "hashes": list(some)}).rowcount
    return found


def staged_rows(tx: Transaction, run_id: int) -> int:
    """Count what is staged; a crash of the database empties the table."""
    query = text("SELECT count(*) FROM feed_staged WHERE run_id = :run")
    return int(tx.execute(query, {"run": run_id}).scalar_one())


def part_of(position: int, starts: Sequence[int]) -> int:
    """Say which part a row is in. ``starts`` are the row numbers before each part's first, ascending."""
    return bisect_right(starts, position - 1) - 1


def _slices(values: Sequence[Value]) -> Iterable[Sequence[Value]]:
    return (values[at : at + _AT_ONCE] for at in range(0, len(values), _AT_ONCE))
