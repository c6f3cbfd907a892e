"""Writes the rows of a feed to the staging table while the next ones are read."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np

from adapters.database import feed_staging
from adapters.database.copying import Integers
from adapters.database.engine import Database
from adapters.database.feed_staging import Stager
from adapters.database.feeds import FeedRun
from models.feed_rows import FeedRow

ROWS = 5_000  # in one transaction
MOST_WAITING = 2  # transactions: no more rows than these are held in memory


class RowWriter:
    """Stages rows on a thread of its own, and looks up what the feed said of their articles before."""

    def __init__(self, database: Database, run: FeedRun, fields: Sequence[str], *, look_up: bool) -> None:
        """Write for this run the fields that its feed owns; ``look_up`` where the feed was applied before."""
        self._database = database
        self._run = run
        self._stager = Stager(run.id, fields)
        self._look_up = look_up
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="stage-feed")
        self._gathered: list[FeedRow] = []
        self._waiting: deque[Future[None]] = deque()
        self._found: list[Integers] = []
        self.written = 0  # rows, once ``finish`` has returned

    @property
    def standing(self) -> Integers:
        """(Row number, hash as last applied) of every row whose article the feed had before."""
        return np.concatenate([np.empty((0, 2), dtype=np.int64), *self._found])

    def add(self, rows: Sequence[FeedRow]) -> None:
        """Take some rows. Raises what writing earlier ones raised."""
        self._gathered += rows
        if len(self._gathered) >= ROWS:
            self._send()

    def finish(self) -> None:
        """Return once all rows are written."""
        self._send()
        while self._waiting:
            self._waiting.popleft().result()

    def __enter__(self) -> "RowWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing behind that would still write: whoever stages anew begins with an empty table."""
        self._thread.shutdown(cancel_futures=True)

    def _send(self) -> None:
        if self._gathered:
            self._waiting.append(self._thread.submit(self._write, self._gathered))
            self._gathered = []
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft().result()

    def _write(self, rows: list[FeedRow]) -> None:
        run = self._run
        self.written += len(rows)
        with self._database.begin() as tx:
            self._stager.write(tx, rows)
            if self._look_up:
                self._found.append(feed_staging.standing_hashes(tx, run.supplier, run.feed, rows))
