"""Applying a feed that is believed: batch after batch, each in a short transaction, until our offers say what it says."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import pairwise

from temporalio.exceptions import ApplicationError

from activities.common import Dependencies
from activities.feed_common import FeedJob, bytes_gone, end_believed
from activities.feed_judge import accepted_as
from activities.heartbeat import Heartbeat, beating
from adapters.database import feed_applying, feed_staging, feeds
from adapters.database.engine import Transaction
from adapters.database.feed_applying import Application, Applier, MetAnotherError, Written
from models.feeds import FieldName
from models.sync import Acceptance, Applied, RunState

AT_ONCE = 2  # batches
ATTEMPTS = 5  # at a batch in which a new article was written by somebody else at the same moment
SHARED = frozenset({FieldName.EAN, FieldName.OBSERVED_AT})  # fields that do not make two feeds tell of the same things


def apply(deps: Dependencies, job: FeedJob) -> Applied:
    """Write what changed. Begins after the batch that the attempt before had reached.

    Two batches are written at a time: the database has more than one processor, and batches have no row in common.
    """
    with beating() as heartbeat:
        return _apply(deps, job, heartbeat)


def _apply(deps: Dependencies, job: FeedJob, heartbeat: Heartbeat) -> Applied:
    run = job.run
    with deps.database.begin() as tx:
        _stop_where_some_is_gone(tx, job)
        if job.run.counts.get("new"):
            feed_applying.name_reserved(tx, job.run)
        borders = ["", *feed_applying.boundaries(tx, run.id)]
        applier = Applier(_application(job, feeds.other_feeds(tx, run)))
    reached, offers, dirty = heartbeat.place or ("", 0, 0)
    left = [(after, upto) for after, upto in pairwise(borders) if upto > reached]
    many = job.run.counts.get("new", 0) > feed_applying.BATCH
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="apply-feed") as writers:
        for (_, upto), written in zip(left, _in_order(writers, deps, job, applier, left, many=many), strict=True):
            offers, dirty = offers + written.offers, dirty + written.dirty
            heartbeat.at(upto, offers, dirty)
    if many:
        _refresh_statistics(deps)
    return _finish(deps, job, offers, dirty)


def _stop_where_some_is_gone(tx: Transaction, job: FeedJob) -> None:
    if feed_staging.staged_rows(tx, job.run.id) != (job.run.staged or 0) + (job.run.absent or 0):
        raise bytes_gone()


def _in_order(
    writers: ThreadPoolExecutor,
    deps: Dependencies,
    job: FeedJob,
    applier: Applier,
    batches: Sequence[tuple[str, str]],
    *,
    many: bool,
) -> Iterator[Written]:
    """Write batches, a few at a time, and give out what each has written in their order.

    Whoever stops asking, because of an error or a cancellation, stops what has not begun.
    """
    waiting: deque[Future[Written]] = deque()
    try:
        for number, (after, upto) in enumerate(batches):
            if number == 1 and many:  # what follows is looked up in tables that were empty to the planner until now
                wait(waiting)
                _refresh_statistics(deps)
            waiting.append(writers.submit(_write, deps, job, applier, after, upto))
            if len(waiting) > AT_ONCE:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for one in waiting:
            one.cancel()


def _application(job: FeedJob, others: list[tuple[str, frozenset[str]]]) -> Application:
    owned = frozenset(job.run.fields)
    rivals = tuple(feed for feed, fields in others if (fields & owned) - SHARED)
    return Application(
        run=job.run,
        owned=owned,
        rivals=rivals,
        absent=job.feed.absent,
        currency=job.feed.currency,
        stock_only=accepted_as(job) is Acceptance.STOCK_ONLY,
    )


def _write(deps: Dependencies, job: FeedJob, applier: Applier, after: str, upto: str) -> Written:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with deps.database.begin() as tx:
                if feeds.hold_state(tx, job.run.id) is not RunState.JUDGED:
                    raise ApplicationError("the run was closed meanwhile", type="RunClosed", non_retryable=True)
                return applier.apply(tx, after, upto)
        except MetAnotherError:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _refresh_statistics(deps: Dependencies) -> None:
    with deps.database.begin() as tx:
        feed_applying.refresh_statistics(tx)


def _finish(deps: Dependencies, job: FeedJob, offers: int, dirty: int) -> Applied:
    run = job.run
    with deps.database.begin() as tx:
        feeds.hold_state(tx, run.id)
        _stop_where_some_is_gone(tx, job)  # batches after a crash of the database would have had nothing to write
        end_believed(tx, run, RunState.APPLIED, applied=offers, counts={**run.counts, "dirty": dirty})
    return Applied(offers=offers, held=run.held or 0, dirty=dirty)
