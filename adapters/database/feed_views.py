"""What people look at of feeds: runs, their findings, how each feed stands. Nothing here writes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from adapters.database.engine import Transaction
from models.statuses import TaskState
from models.supply_tables import feed_problems, feed_runs, feed_states, listings, reconciliations
from models.sync import Acceptance, RunState
from models.tables import tasks

Key = tuple[str, str]  # supplier, feed


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run of a feed, as it stands. ``changed`` counts rows that were new or changed, ``applied`` offers written."""

    run: int
    supplier: str
    feed: str
    kind: str
    trigger: str
    state: str
    full: bool
    source_time: datetime | None
    started_at: datetime
    ended_at: datetime | None
    bytes: int
    rows: int | None
    changed: int | None
    unreadable: int | None
    absent: int | None
    held: int | None
    applied: int | None
    findings: list[dict[str, Any]]  # code, text, numbers, samples
    decision: str | None
    decided_by: str | None
    task: int | None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a feed stands: its newest run, when it was last known to be up to date, and how often it failed in a row."""

    newest: RunRecord | None = None
    confirmed_at: datetime | None = None
    failures: int = 0


@dataclass(frozen=True, kw_only=True)
class AcceptedRun:
    """A quarantined run that a person has accepted, and that no run has taken up yet."""

    run: int
    supplier: str
    feed: str
    acceptance: Acceptance
    actor: str


_CONFIRMING = (RunState.APPLIED, RunState.UNCHANGED)


def standings(tx: Transaction) -> dict[Key, Standing]:
    """Say of every feed that ever ran how it stands."""
    newest = _runs().ext(distinct_on(feed_runs.c.supplier, feed_runs.c.feed))
    newest = newest.order_by(feed_runs.c.supplier, feed_runs.c.feed, feed_runs.c.id.desc())
    runs = {(run.supplier, run.feed): run for run in _read(tx, newest)}
    confirmed = (
        select(feed_runs.c.supplier, feed_runs.c.feed, func.max(feed_runs.c.ended_at).label("at"))
        .where(feed_runs.c.state.in_(_CONFIRMING))
        .group_by(feed_runs.c.supplier, feed_runs.c.feed)
    )
    at = {(row.supplier, row.feed): row.at for row in tx.execute(confirmed)}
    failures = {(row.supplier, row.feed): row.failures for row in tx.execute(select(feed_states))}
    return {
        key: Standing(newest=runs.get(key), confirmed_at=at.get(key), failures=failures.get(key, 0))
        for key in runs.keys() | failures.keys()
    }


def history(tx: Transaction, supplier: str, feed: str, *, limit: int) -> list[RunRecord]:
    """List a feed's runs, the newest first."""
    own = _runs().where(feed_runs.c.supplier == supplier, feed_runs.c.feed == feed)
    return _read(tx, own.order_by(feed_runs.c.id.desc()).limit(limit))


def find_run(tx: Transaction, run_id: int) -> RunRecord | None:
    """Read one run."""
    found = _read(tx, _runs().where(feed_runs.c.id == run_id))
    return found[0] if found else None


def problems(tx: Transaction, run_id: int, *, limit: int) -> list[dict[str, Any]]:
    """List the rows and cells of a run that could not be used, as far as they were kept, in the feed's order."""
    columns = [feed_problems.c[name] for name in ("position", "field", "code", "sku", "text")]
    query = select(*columns).where(feed_problems.c.run_id == run_id).order_by(feed_problems.c.position).limit(limit)
    return [dict(row._mapping) for row in tx.execute(query)]


def quarantined(tx: Transaction, supplier: str, feed: str) -> RunRecord | None:
    """Find the newest run of a feed that is set aside."""
    own = _runs().where(
        feed_runs.c.supplier == supplier, feed_runs.c.feed == feed, feed_runs.c.state == RunState.QUARANTINED
    )
    found = _read(tx, own.order_by(feed_runs.c.id.desc()).limit(1))
    return found[0] if found else None


def failing(tx: Transaction, *, times: int, since: datetime) -> dict[Key, int]:
    """List the feeds that failed so often in a row, with the number; only those whose last failure is this fresh."""
    fresh = exists().where(
        feed_runs.c.supplier == feed_states.c.supplier,
        feed_runs.c.feed == feed_states.c.feed,
        feed_runs.c.state == RunState.FAILED,
        feed_runs.c.ended_at >= since,
    )
    query = select(feed_states).where(feed_states.c.failures >= times, fresh)
    return {(row.supplier, row.feed): row.failures for row in tx.execute(query)}


def accepted(tx: Transaction, *, since: datetime) -> list[AcceptedRun]:
    """List the runs that a person accepted since then and that are still set aside, oldest first."""
    query = (
        select(feed_runs, tasks.c.answered_by)
        .join(tasks, tasks.c.id == feed_runs.c.task_id)
        .where(
            feed_runs.c.state == RunState.QUARANTINED,
            feed_runs.c.decision.in_([str(one) for one in Acceptance]),
            tasks.c.state != TaskState.OPEN,
            tasks.c.closed_at >= since,
        )
        .order_by(feed_runs.c.id)
    )
    return [
        AcceptedRun(
            run=row.id,
            supplier=row.supplier,
            feed=row.feed,
            acceptance=Acceptance(row.decision),
            actor=row.decided_by or row.answered_by,
        )
        for row in tx.execute(query)
    ]


def reconciliation_of(tx: Transaction, task_id: int) -> int | None:
    """Find the newest comparison that asked this question."""
    query = select(reconciliations.c.id).where(reconciliations.c.task_id == task_id)
    return tx.execute(query.order_by(reconciliations.c.id.desc()).limit(1)).scalar()


def dirty_channels(tx: Transaction, channels: Iterable[str]) -> list[str]:
    """Pick the channels that show something which changed since it was last looked at, or were never looked at."""
    dirty = listings.c.dirty_since.is_not(None)  # of a million dirty listings, one look into the partial index

    def must_look(name: str) -> bool:
        its_own = listings.c.channel == name
        query = select(or_(exists().where(its_own, dirty), ~exists().where(its_own)))
        return bool(tx.execute(query).scalar())

    return [name for name in channels if must_look(name)]


def _runs() -> Select[Any]:
    return select(feed_runs)


def _read(tx: Transaction, query: Select[Any]) -> list[RunRecord]:
    return [
        RunRecord(
            run=row.id,
            supplier=row.supplier,
            feed=row.feed,
            kind=row.kind,
            trigger=row.trigger,
            state=row.state,
            full=row.full,
            source_time=row.source_time,
            started_at=row.started_at,
            ended_at=row.ended_at,
            bytes=row.bytes,
            rows=row.rows,
            changed=row.staged,
            unreadable=row.unreadable,
            absent=row.absent,
            held=row.held,
            applied=row.applied,
            findings=row.findings,
            decision=row.decision,
            decided_by=row.decided_by,
            task=row.task_id,
        )
        for row in tx.execute(query)
    ]
