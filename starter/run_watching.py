"""Watching a feed's run from a terminal: which stage it is in, and how much it has got through."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from adapters.database import feed_views
from adapters.database.engine import Database
from adapters.database.feed_views import RunRecord
from models.sync import RUN_ENDINGS, RunState

LOOK_EVERY = 0.5  # seconds
_STAGES = (RunState.FETCHING, RunState.FETCHED, RunState.STAGED, RunState.JUDGED)  # then its end
_DOING = {
    RunState.FETCHING: "fetching",
    RunState.FETCHED: "reading",
    RunState.STAGED: "judging",
    RunState.JUDGED: "applying",
}
Result = TypeVar("Result")


async def watched(database: Database, supplier: str, feed: str, work: Awaitable[Result]) -> Result:
    """Await ``work`` with a progress bar of the feed's newest run on stderr; without a terminal nothing is shown."""
    look = _Looking(database, supplier, feed)
    return await shown(f"{supplier}/{feed}", len(_STAGES), look, work)


async def shown(
    name: str, total: int | None, look: Callable[[], tuple[int, str]] | None, work: Awaitable[Result]
) -> Result:
    """Await ``work`` with a bar of ``total`` steps; ``look`` says how many are done, and what is done now."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True, disable=not sys.stderr.isatty()) as bar:
        step = bar.add_task(name, total=total)
        looking = asyncio.create_task(_keep_looking(bar, step, name, look)) if look else None
        try:
            return await work
        finally:
            if looking:
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)


async def _keep_looking(bar: Progress, step: TaskID, name: str, look: Callable[[], tuple[int, str]]) -> None:
    while True:
        done, doing = await asyncio.to_thread(look)
        bar.update(step, completed=done, description=f"{name} {doing}")
        await asyncio.sleep(LOOK_EVERY)


class _Looking:
    """Looks at the newest run of a feed, one that began before we asked included: it may be the one we wait for."""

    def __init__(self, database: Database, supplier: str, feed: str) -> None:
        self._database, self._supplier, self._feed = database, supplier, feed

    def __call__(self) -> tuple[int, str]:
        with self._database.begin() as tx:
            found = feed_views.history(tx, self._supplier, self._feed, limit=1)
        if not found or RunState(found[0].state) in RUN_ENDINGS:
            return (0, "is about to begin")
        return _STAGES.index(RunState(found[0].state)), describe_progress(found[0])


def describe_progress(run: RunRecord) -> str:
    """Say what a run is at, in numbers: ``reading 12.3 MB``, ``applying 5000 of 100000 rows``."""
    doing = _DOING.get(RunState(run.state), run.state.replace("_", " "))
    if run.rows is None:
        return f"{doing} {run.bytes / 1e6:.1f} MB"
    return f"{doing} {run.changed or 0} of {run.rows} rows"
