"""Runs of feeds, and what each feed was last applied as."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from models.supply_tables import feed_chunks, feed_problems, feed_pushes, feed_rows, feed_runs, feed_staged, feed_states
from models.sync import RUN_ENDINGS, RunState

# What a row's hash is set to by whoever writes its offer otherwise: the feed's next row of it is then always a new one.
# The row itself stays, since it says that the feed has this article: that it is absent one day can be seen only so.
FORGOTTEN = 0
_EVALUATED = (RunState.QUARANTINED, RunState.REJECTED)


@dataclass(frozen=True, slots=True)
class FeedRun:
    """One run, as its row has it."""

    id: int
    supplier: str
    feed: str
    state: RunState
    fields: tuple[str, ...]
    version: str | None
    source_time: datetime | None
    content_hash: str | None
    cursor: str | None
    full: bool
    parts: list[dict[str, Any]]
    bytes: int
    rows: int | None
    staged: int | None
    unreadable: int | None
    absent: int | None
    counts: dict[str, int]
    header: list[str] | None
    findings: list[dict[str, Any]]
    held: int | None
    applied: int | None
    started_at: datetime
    decision: str | None
    task_id: int | None

    @property
    def told_at(self) -> datetime:
        """When its source said so, as far as the source tells."""
        return self.source_time or self.started_at

    @property
    def source(self) -> str:
        """Name it in the history of offers."""
        return f"feed:{self.feed}:{self.id}"


@dataclass(frozen=True, slots=True)
class FeedState:
    """What a feed was last applied as; all empty for one that never was."""

    applied_run_id: int | None = None
    applied_version: str | None = None
    applied_hash: str | None = None
    applied_source_time: datetime | None = None
    header: list[str] | None = None
    rows: int | None = None
    cursor: str | None = None
    failures: int = 0


def open_run(tx: Transaction, workflow_run_id: str, **values: Any) -> FeedRun:
    """Open a run, once per workflow run; what an earlier lifecycle of this feed left unfinished is closed."""
    row = upsert(feed_runs).values(workflow_run_id=workflow_run_id, state=RunState.FETCHING, **values)
    tx.execute(row.on_conflict_do_nothing(index_elements=["workflow_run_id"]))
    run = _run(tx.execute(select(feed_runs).where(feed_runs.c.workflow_run_id == workflow_run_id)).one())
    abandoned = select(feed_runs.c.id).where(
        feed_runs.c.supplier == run.supplier,
        feed_runs.c.feed == run.feed,
        feed_runs.c.id < run.id,
        feed_runs.c.state.not_in(RUN_ENDINGS),
    )
    for run_id in tx.execute(abandoned).scalars().all():
        change(tx, run_id, state=RunState.FAILED, ended_at=run.started_at)
        forget_fetched(tx, run_id)
        release_pushes(tx, run_id)
    return run


def find_run(tx: Transaction, run_id: int) -> FeedRun | None:
    """Read a run."""
    row = tx.execute(select(feed_runs).where(feed_runs.c.id == run_id)).one_or_none()
    return _run(row) if row else None


def load_run(tx: Transaction, run_id: int) -> FeedRun:
    """Read a run that is there. Raises NoResultFound otherwise."""
    return _run(tx.execute(select(feed_runs).where(feed_runs.c.id == run_id)).one())


def run_of(tx: Transaction, workflow_run_id: str) -> FeedRun | None:
    """Read the run that a workflow run has opened."""
    row = tx.execute(select(feed_runs).where(feed_runs.c.workflow_run_id == workflow_run_id)).one_or_none()
    return _run(row) if row else None


def judged_before(tx: Transaction, run: FeedRun) -> FeedRun | None:
    """Return the feed's run before this one where it was not believed: the same bytes need no second judgement."""
    query = (
        select(feed_runs)
        .where(feed_runs.c.supplier == run.supplier, feed_runs.c.feed == run.feed, feed_runs.c.id < run.id)
        .where(feed_runs.c.state.not_in((RunState.NOTHING_THERE, RunState.FAILED)))
        .order_by(feed_runs.c.id.desc())
        .limit(1)
    )
    row = tx.execute(query).one_or_none()
    return _run(row) if row and row.state in _EVALUATED else None


def parts_told_at(tx: Transaction, run: FeedRun, source_time: datetime) -> set[tuple[str, str]]:
    """List (name, version) of the files that the feed's believed runs of this very time have read."""
    query = select(feed_runs.c.parts).where(
        feed_runs.c.supplier == run.supplier,
        feed_runs.c.feed == run.feed,
        feed_runs.c.source_time == source_time,
        feed_runs.c.state.in_((RunState.APPLIED, RunState.UNCHANGED)),
    )
    return {(part["name"], part["version"]) for parts in tx.execute(query).scalars() for part in parts}


def change(tx: Transaction, run_id: int, **values: Any) -> None:
    """Write what is known of a run by now."""
    tx.execute(update(feed_runs).where(feed_runs.c.id == run_id).values(values))


def hold_state(tx: Transaction, run_id: int) -> RunState:
    """Read a run's state, and keep it from being changed until this transaction ends."""
    query = select(feed_runs.c.state).where(feed_runs.c.id == run_id).with_for_update(read=True)
    return RunState(tx.execute(query).scalar_one())


def load_state(tx: Transaction, supplier: str, feed: str, *, lock: bool = False) -> FeedState:
    """Read what a feed was last applied as. ``lock`` keeps others from writing it until this transaction ends."""
    query = select(feed_states).where(feed_states.c.supplier == supplier, feed_states.c.feed == feed)
    row = tx.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return FeedState()
    return FeedState(**{name: getattr(row, name) for name in FeedState.__slots__})


def change_state(tx: Transaction, supplier: str, feed: str, **values: Any) -> None:
    """Write what a feed was applied as."""
    row = upsert(feed_states).values(supplier=supplier, feed=feed, **values)
    tx.execute(row.on_conflict_do_update(index_elements=["supplier", "feed"], set_=values))


def count_failure(tx: Transaction, supplier: str, feed: str) -> int:
    """Count one more failure in a row, and return how many there are."""
    row = upsert(feed_states).values(supplier=supplier, feed=feed, failures=1)
    more = {"failures": feed_states.c.failures + 1}
    counted = row.on_conflict_do_update(index_elements=["supplier", "feed"], set_=more)
    return int(tx.execute(counted.returning(feed_states.c.failures)).scalar_one())


def forget_fetched(tx: Transaction, run_id: int) -> None:
    """Delete what a run has fetched and staged."""
    tx.execute(delete(feed_chunks).where(feed_chunks.c.run_id == run_id))
    forget_staged(tx, run_id)


def forget_staged(tx: Transaction, run_id: int) -> None:
    """Delete what a run has staged; it can be staged again from what was fetched."""
    tx.execute(delete(feed_staged).where(feed_staged.c.run_id == run_id))


def forget_older_quarantined(tx: Transaction, run: FeedRun) -> None:
    """Delete the bytes of the feed's earlier runs that were set aside: a later one speaks for the feed now."""
    older = select(feed_runs.c.id).where(
        feed_runs.c.supplier == run.supplier,
        feed_runs.c.feed == run.feed,
        feed_runs.c.state == RunState.QUARANTINED,
        feed_runs.c.id < run.id,
    )
    tx.execute(delete(feed_chunks).where(feed_chunks.c.run_id.in_(older)))


def release_pushes(tx: Transaction, run_id: int) -> None:
    """Give back what was pushed and taken in by a run that came to nothing: the next one takes it."""
    tx.execute(update(feed_pushes).where(feed_pushes.c.run_id == run_id).values(run_id=None))


def keep_problems(tx: Transaction, run_id: int, problems: Sequence[dict[str, Any]]) -> None:
    """Keep what could not be read, cell by cell."""
    if problems:
        rows = upsert(feed_problems).values([{"run_id": run_id, **problem} for problem in problems])
        tx.execute(rows.on_conflict_do_nothing())


def forget_problems(tx: Transaction, run_id: int) -> None:
    """Delete what an attempt that is repeated now has kept."""
    tx.execute(delete(feed_problems).where(feed_problems.c.run_id == run_id))


def any_forgotten(tx: Transaction, run: FeedRun) -> bool:
    """Say whether an offer of this feed was written otherwise since its row was applied."""
    rows = select(feed_rows.c.sku).where(feed_rows.c.supplier == run.supplier, feed_rows.c.feed == run.feed)
    return tx.execute(rows.where(feed_rows.c.hash == FORGOTTEN).limit(1)).first() is not None


def other_feeds(tx: Transaction, run: FeedRun) -> list[tuple[str, frozenset[str]]]:
    """List the supplier's other feeds, with the fields that the newest run of each owns."""
    query = text("""
        SELECT DISTINCT ON (feed) feed, fields FROM feed_runs WHERE supplier = :supplier AND feed <> :feed
        ORDER BY feed, id DESC
    """)
    found = tx.execute(query, {"supplier": run.supplier, "feed": run.feed})
    return [(row.feed, frozenset(row.fields)) for row in found]


def _run(row: Row[Any]) -> FeedRun:
    values = {name: getattr(row, name) for name in FeedRun.__slots__}
    return FeedRun(**{**values, "state": RunState(row.state), "fields": tuple(row.fields)})
