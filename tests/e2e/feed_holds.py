"""Holding a worker at an instant: a statement of its own waits in the database until the test lets it go on.

A trigger on the row that stands for the instant waits for an advisory lock, as a busy database would have it wait. When
the worker is killed meanwhile, the statement is still under way, as it is in the world; let go, it comes to its end and
its transaction does not.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal

from sqlalchemy import Connection, create_engine, text

from adapters.database.engine import Database

HELD_WITHIN = 150.0  # seconds; less than 15 where nothing else runs
WHAT_NEWS_READS = "order_lines"  # by the last stage of a feed's run alone, besides orders and publications


@dataclass(frozen=True)
class Hold:
    """An instant: which write to which table of which row. ``when`` is SQL over NEW and OLD."""

    name: str
    table: str
    write: str  # INSERT or UPDATE
    when: str
    run_of: str = ""  # the supplier whose run the row must be of, where the row itself does not say it
    at: Literal["before", "after", "commit"] = "before"  # the row is written, once it is, or its transaction commits


class Holds:
    """What is held. The locks are this object's until it lets go."""

    def __init__(self, database: Database, connection: Connection, news: Connection) -> None:
        self._database, self._connection, self._news = database, connection, news
        self._keys: dict[str, int] = {}

    def arm(self, *holds: Hold) -> None:
        """Make these instants wait from now on. Nothing may be writing to their tables."""
        with self._database.begin() as tx:
            tx.execute(text(_FUNCTION))
            for number, hold in enumerate(holds, start=1 + len(self._keys)):
                self._keys[hold.name] = number
                self._connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": number})
                tx.execute(text(_trigger(hold, number)))

    def arm_news(self) -> None:
        """Make whoever looks for orders that wait for stock wait."""
        self._news.execute(text(f"LOCK TABLE {WHAT_NEWS_READS} IN ACCESS EXCLUSIVE MODE"))

    async def until_held(self, *names: str) -> None:
        """Wait until a worker waits at each of these instants."""
        for name in names:
            await until(partial(self._waits, _AT_KEY, key=self._keys[name]), name)

    async def until_news_held(self) -> None:
        """Wait until somebody waits to look for orders that wait for stock."""
        await until(self.news_held, "news")

    def news_held(self) -> bool:
        """Say whether somebody waits to look for orders that wait for stock."""
        return self._waits(_AT_TABLE, table=WHAT_NEWS_READS)

    def let_go(self, name: str) -> None:
        """Let one instant pass."""
        self._connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": self._keys[name]})

    def let_everything_go(self) -> None:
        """Let every instant pass, now and later."""
        self._connection.execute(text("SELECT pg_advisory_unlock_all()"))
        self._news.rollback()

    def _waits(self, query: str, **values: object) -> bool:
        with self._database.begin() as tx:
            return bool(tx.execute(text(query), values).scalar_one())


@contextmanager
def holding(database: Database, url: str) -> Iterator[Holds]:
    """Hold workers at instants while the block lasts."""
    engine = create_engine(url, pool_size=2)
    try:
        with engine.connect() as connection, engine.connect() as news:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            holds = Holds(database, connection, news)
            try:
                yield holds
            finally:
                holds.let_everything_go()
    finally:
        engine.dispose()


async def until(true: Callable[[], bool], what: str, within: float = HELD_WITHIN) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + within
    while not await asyncio.to_thread(true):
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {what}"
        await asyncio.sleep(0.05)


def _trigger(hold: Hold, key: int) -> str:
    kind, moment, deferred = {
        "before": ("", "BEFORE", ""),
        "after": ("", "AFTER", ""),
        "commit": ("CONSTRAINT", "AFTER", "DEFERRABLE INITIALLY DEFERRED"),
    }[hold.at]
    return (
        f"CREATE {kind} TRIGGER hold_{hold.name} {moment} {hold.write} ON {hold.table} {deferred} "
        f"FOR EACH ROW WHEN ({hold.when}) EXECUTE FUNCTION wait_for_the_test({key}, '{hold.run_of}')"
    )


_FUNCTION = """
CREATE OR REPLACE FUNCTION wait_for_the_test() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_ARGV[1] <> '' THEN
        IF TG_ARGV[1] <> (SELECT supplier FROM feed_runs WHERE id = NEW.run_id) THEN
            RETURN NEW;
        END IF;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(TG_ARGV[0]::bigint);
    RETURN NEW;
END $$
"""
_AT_KEY = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = :key AND NOT granted"
_AT_TABLE = "SELECT count(*) FROM pg_locks WHERE relation = CAST(:table AS regclass) AND NOT granted"
