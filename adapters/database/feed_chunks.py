"""What a feed's source had, piece by piece: fetched once, read as often as a run must be repeated."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import delete, func, select, text

from adapters.database import copying
from adapters.database.engine import Database, Transaction
from models.supply_tables import feed_chunks

_AT_ONCE = 4  # pieces of about a mebibyte
_COLUMNS = ("run_id", "part", "seq", "cursor", "bytes")


@dataclass(frozen=True, slots=True)
class LastChunk:
    """Where a fetch that was interrupted goes on."""

    seq: int
    cursor: str


def keep(tx: Transaction, run_id: int, part: int, seq: int, cursor: str, piece: bytes) -> None:
    """Keep one piece; ``cursor`` is where to go on after it."""
    numbers = struct.pack(">q", run_id), struct.pack(">i", part), struct.pack(">i", seq)
    copying.copy_fields(tx, "feed_chunks", _COLUMNS, (*numbers, cursor.encode(), piece))


def last(tx: Transaction, run_id: int, part: int = 0) -> LastChunk | None:
    """Return the newest piece of a part."""
    query = select(feed_chunks.c.seq, feed_chunks.c.cursor).where(
        feed_chunks.c.run_id == run_id, feed_chunks.c.part == part
    )
    row = tx.execute(query.order_by(feed_chunks.c.seq.desc()).limit(1)).one_or_none()
    return LastChunk(row.seq, row.cursor or "") if row else None


def bytes_of(tx: Transaction, run_id: int, part: int | None = None) -> int:
    """Count the bytes that are there of a run, or of one of its parts; a crash of the database empties the table."""
    query = select(func.coalesce(func.sum(func.octet_length(feed_chunks.c.bytes)), 0))
    query = query.where(feed_chunks.c.run_id == run_id)
    return int(tx.execute(query if part is None else query.where(feed_chunks.c.part == part)).scalar_one())


def pieces_of(tx: Transaction, run_id: int) -> int:
    """Count the pieces that are there of a run."""
    query = select(func.count()).select_from(feed_chunks).where(feed_chunks.c.run_id == run_id)
    return int(tx.execute(query).scalar_one())


def forget_part(tx: Transaction, run_id: int, part: int) -> None:
    """Delete a part that must be fetched again from its beginning."""
    tx.execute(delete(feed_chunks).where(feed_chunks.c.run_id == run_id, feed_chunks.c.part == part))


def take_pushes(tx: Transaction, run_id: int) -> None:
    """Make each push that this run has taken in a part of it, in the order in which they came."""
    tx.execute(delete(feed_chunks).where(feed_chunks.c.run_id == run_id))
    taking = text("""
        INSERT INTO feed_chunks (run_id, part, seq, cursor, bytes)
        SELECT run_id, row_number() OVER (ORDER BY id) - 1, 0, '', body FROM feed_pushes WHERE run_id = :run
    """)
    tx.execute(taking, {"run": run_id})


def opener(database: Database, run_id: int, part: int) -> Callable[[], Iterator[bytes]]:
    """Return what gives a part's bytes from the start, in pieces, each time it is called."""

    def pieces() -> Iterator[bytes]:
        after = -1
        while True:
            with database.begin() as tx:
                found = copying.read_bytes(tx, _PIECES, {"run": run_id, "part": part, "after": after, "most": _AT_ONCE})
            yield from found
            if len(found) < _AT_ONCE:
                return
            after += _AT_ONCE

    return pieces


_PIECES = """
SELECT bytes FROM feed_chunks WHERE run_id = %(run)s AND part = %(part)s AND seq > %(after)s ORDER BY seq LIMIT %(most)s
"""
