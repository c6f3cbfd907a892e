"""What the stages of a feed's run share: what a stage works on, how a run ends, and what keeps Temporal patient."""

import contextvars
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, CancelledError

from activities.common import Dependencies, now
from activities.failures import wait
from adapters.database import feeds, reservations, tasks
from adapters.database.engine import Transaction
from adapters.database.feeds import FeedRun
from models.feed_rows import FeedFinding
from models.feeds import Column, Feed
from models.sync import RunState, SyncStep
from models.tasks import TaskCategory
from workflows.decisions import questions

BEAT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class FeedJob:
    """A run, the feed that it is of, and where that feed's fields come from."""

    run: FeedRun
    feed: Feed
    columns: Mapping[str, Column]


def job_of(deps: Dependencies, step: SyncStep) -> FeedJob:
    """Read what a stage works on."""
    with deps.database.begin() as tx:
        run = feeds.load_run(tx, step.run_id)
    feed = deps.outside.feed_settings(step.supplier, step.feed)
    return FeedJob(run, feed, deps.outside.feed_columns(step.supplier, feed))


def bytes_gone() -> ApplicationError:
    """Give up a run whose bytes or rows are no longer there: the database crashed, and the next run fetches anew."""
    return ApplicationError("what was fetched is no longer in the database", type="BytesGone", non_retryable=True)


def beat(*details: Any) -> None:
    """Say that we live and where we are; stop here where nobody wants this attempt to go on.

    Raises CancelledError, or "not yet" where the worker is about to stop: another one goes on from here.
    """
    activity.heartbeat(*details)
    if activity.is_cancelled():
        raise CancelledError("the run was cancelled")
    if activity.is_worker_shutdown():
        raise wait("the worker stops; another one goes on", timedelta(seconds=1))


@contextmanager
def beating(*details: Any) -> Iterator[None]:
    """Beat while a statement runs that may take longer than the heartbeat's time-out."""
    done = threading.Event()

    def beats() -> None:
        while not done.wait(BEAT_SECONDS):
            activity.heartbeat(*details)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(beats,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def task_key(run: FeedRun) -> str:
    """Name the question about a feed that is not believed: one per feed."""
    return f"feed:{run.supplier}/{run.feed}"


def failing_key(supplier: str, feed: str) -> str:
    """Name the question about a feed that can't be fetched or worked on."""
    return f"feed-failing:{supplier}/{feed}"


def end(tx: Transaction, run: FeedRun, state: RunState, **values: Any) -> None:
    """End a run that did not fail."""
    feeds.change(tx, run.id, state=state, ended_at=now(), **values)
    feeds.change_state(tx, run.supplier, run.feed, failures=0)
    tasks.close_for(tx, failing_key(run.supplier, run.feed), answer="it works again", now=now())
    if state is not RunState.QUARANTINED:
        feeds.forget_fetched(tx, run.id)


def end_believed(tx: Transaction, run: FeedRun, state: RunState, **values: Any) -> None:
    """End a run after which our offers say what the feed says: whatever was asked about an earlier one is answered.

    What our orders took before it spoke, its quantities show: that is reserved no longer.
    """
    reservations.take_in(tx, run, now=now())
    end(tx, run, state, **values)
    standing = feeds.load_state(tx, run.supplier, run.feed, lock=True)
    feeds.change_state(tx, run.supplier, run.feed, **_standing(run, standing))
    feeds.forget_older_quarantined(tx, run)
    tasks.close_for(tx, task_key(run), answer="a later feed was applied", now=now())


def _standing(run: FeedRun, standing: feeds.FeedState) -> dict[str, Any]:
    return {
        "applied_run_id": run.id,
        "applied_version": run.version,
        "applied_hash": run.content_hash,
        "applied_source_time": max(run.told_at, standing.applied_source_time or run.told_at),
        "header": run.header if run.header is not None else standing.header,
        "rows": run.rows if run.rows is not None else standing.rows,
        "cursor": run.cursor if run.cursor is not None else standing.cursor,
    }


def open_task(
    tx: Transaction,
    deps: Dependencies,
    category: TaskCategory,
    key: str,
    facts: Mapping[str, str],
    evidence: Mapping[str, Any],
) -> int:
    """Ask a person about a supplier's feed, or bring the question that is open up to date."""
    draft = questions.draft(category, facts)
    about = tasks.About(key=key)
    return tasks.open_task(tx, about, draft, evidence, people=deps.outside.people, now=now()).task_id


def dumped(findings: list[FeedFinding]) -> list[dict[str, Any]]:
    """Write findings as they are kept."""
    return [finding.model_dump(mode="json") for finding in findings]
