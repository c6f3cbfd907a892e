"""Asking for runs of feeds that something was pushed to, in the background of the API."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import structlog
from temporalio.client import Client

from activities.requests import request_sync
from adapters.database import pushes
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from models.configuration import Configuration
from models.feeds import Feed
from models.sync import Trigger

DRAIN_SECONDS = 3.0
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between two rounds while Temporal or the database is away
FeedName = tuple[str, str]  # supplier, feed

log = structlog.get_logger(__name__)


class FeedRequests:
    """Asks for a run of every feed that something was pushed to, as an async context beside the API.

    Nothing is lost here: pushes wait in the database. What Temporal did not hear is asked for again, and what waited
    when the process began is asked for first. A feed is asked for once, however much is pushed to it meanwhile.
    """

    def __init__(self, ask: Callable[[str, str], Awaitable[object]], waiting: Callable[[], list[FeedName]]) -> None:
        """Ask through ``ask``; ``waiting`` lists what was pushed before, and may fail."""
        self._ask = ask
        self._waiting = waiting
        self._wanted: dict[FeedName, None] = {}
        self._news, self._idle = asyncio.Event(), asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._failing = False

    async def __aenter__(self) -> Self:
        """Begin to ask."""
        self._worker = asyncio.create_task(self._work())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ask for what is wanted, for a few seconds at most, then stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._idle.wait()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)

    def submit(self, supplier: str, feed: str) -> None:
        """Want a run of this feed. Never waits and never fails: call it on the event loop."""
        self._wanted[supplier, feed] = None
        self._idle.clear()
        self._news.set()

    async def _work(self) -> None:
        looked, pause = False, SHORTEST_PAUSE
        while True:
            self._news.clear()
            looked = looked or await self._look()
            await self._ask_for_all()
            if looked and not self._wanted:
                self._idle.set()
                self._failing, pause = False, SHORTEST_PAUSE
                await self._news.wait()
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._news.wait()
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _look(self) -> bool:
        try:
            found = await asyncio.to_thread(self._waiting)
        except Exception as error:  # noqa: BLE001 - the database is away: looked at again with the next round
            self._note_failure("waiting_pushes_not_read", error)
            return False
        self._wanted |= dict.fromkeys(found)
        return True

    async def _ask_for_all(self) -> None:
        for supplier, feed in list(self._wanted):
            del self._wanted[supplier, feed]  # before asking: what is pushed from now on is another request
            try:
                await self._ask(supplier, feed)
            except Exception as error:  # noqa: BLE001 - one feed's trouble must not stop the others
                self._wanted.setdefault((supplier, feed))
                self._note_failure("sync_not_requested", error, supplier=supplier, feed=feed)

    def _note_failure(self, event: str, error: Exception, **facts: str) -> None:
        """Warn of the first failure in a row: while Temporal is away, every request fails."""
        write = log.debug if self._failing else log.warning
        write(event, reason=type(error).__name__, **facts)
        self._failing = True


def push_requests(client: Client, database: Database, configurations: ConfigurationStore) -> FeedRequests:
    """Ask Temporal for runs of what was pushed and waits in this database."""

    async def ask(supplier: str, feed: str) -> None:
        await request_sync(client, supplier, feed, Trigger.PUSH)

    def waiting() -> list[FeedName]:
        with database.begin() as tx:
            found = pushes.waiting_feeds(tx)
        configuration = configurations.current().configuration
        return [name for name in found if pushed_feed(configuration, *name) is not None]

    return FeedRequests(ask, waiting)


def pushed_feed(configuration: Configuration, supplier: str, feed: str) -> Feed | None:
    """Find a feed that may be pushed to; None where there is no such feed, or it comes in another way."""
    settings = configuration.suppliers.get(supplier)
    found = settings.feeds.get(feed) if settings is not None else None
    return found if found is not None and found.source == "push" and found.enabled else None
