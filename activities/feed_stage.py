"""Staging a feed: it is read once, and only rows that are new or changed reach the database.

An attempt that is repeated begins anew: reading a million rows takes seconds, and half a staged feed is worth nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from activities.common import Dependencies
from activities.feed_common import FeedJob, beat, beating, bytes_gone, dumped, end_believed
from activities.feed_writer import RowWriter
from adapters.database import feed_chunks, feed_staging, feeds
from adapters.database.copying import Integers
from adapters.database.engine import Transaction
from adapters.database.feed_staging import KnownHashes, Rival
from adapters.feeds.reader import FeedReader, FeedUnreadable
from models.feed_rows import Batch, FeedFinding, FeedPart, RowProblem
from models.feeds import Absent, Scope
from models.sync import RunState, Staged
from workflows.decisions import feed_judgement
from workflows.decisions.feed_judgement import FeedNumbers, Previous

MOST_PROBLEMS = 1_000  # that are kept for people to look at
# Rows that could not be read, of which we remember whose they are. With more of them nothing is taken for absent.
MOST_UNREADABLE = 50_000


@dataclass(slots=True)
class Reading:
    """What is known of a feed while it is read."""

    rows: int = 0
    withdrawn: int = 0  # rows that were staged, and taken out again
    problems: list[RowProblem] = field(default_factory=list)  # the first ones
    unreadable: int = 0  # rows
    nameless: int = 0  # unreadable rows of which nobody knows whose they are
    skus: set[str] = field(default_factory=set)  # of unreadable rows
    starts: list[int] = field(default_factory=list)  # rows before each part's first
    header: list[str] = field(default_factory=list)
    findings: list[FeedFinding] = field(default_factory=list)
    absent: int = 0

    def blame(self, problems: Sequence[RowProblem]) -> None:
        """Note rows that can't be used; a row may have several problems."""
        self.problems += problems[: MOST_PROBLEMS - len(self.problems)]
        rows = {problem.position: problem.sku for problem in problems}
        self.unreadable += len(rows)
        for sku in rows.values():
            if sku and len(self.skus) < MOST_UNREADABLE:
                self.skus.add(sku)
            else:
                self.nameless += 1


def stage(deps: Dependencies, job: FeedJob) -> Staged:
    """Read what was fetched, stage what is new or changed, and end the run here where nothing is."""
    known = _begin(deps, job)
    reading, writer = Reading(), RowWriter(deps.database, job.run, run_fields(job), look_up=len(known) > 0)
    try:
        with writer:
            _read(deps, job, known, reading, writer)
    except FeedUnreadable as unreadable:
        reading.findings.append(unreadable.finding)
        with deps.database.begin() as tx:
            feeds.forget_staged(tx, job.run.id)
        reading.withdrawn = writer.written
    with beating(reading.rows), deps.database.begin() as tx:
        _stop_where_some_is_gone(tx, job, staged=writer.written - reading.withdrawn)
        if last_wins(job):
            feed_staging.drop_overtaken(tx, job.run.id)
        standing = writer.standing
        if not job.run.full:  # else every row was looked into, and the reader has seen them all
            _settle_duplicates(tx, job, known, standing, reading)
        if job.feed.scope is Scope.FULL and _readable(reading):
            reading.absent = _stage_absent(tx, job, known, standing, reading)
        return _finish(tx, job, reading)


def _stop_where_some_is_gone(tx: Transaction, job: FeedJob, *, staged: int) -> None:
    """A crash of the database while we read leaves half a feed: what is not there then would pass for absent."""
    run = job.run
    if feed_chunks.bytes_of(tx, run.id) != run.bytes or feed_staging.staged_rows(tx, run.id) != staged:
        raise bytes_gone()


def _begin(deps: Dependencies, job: FeedJob) -> KnownHashes:
    run = job.run
    with beating(), deps.database.begin() as tx:
        if feed_chunks.bytes_of(tx, run.id) != run.bytes:
            raise bytes_gone()
        feeds.forget_staged(tx, run.id)
        feeds.forget_problems(tx, run.id)
        return feed_staging.known_hashes(tx, run.supplier, run.feed, believed=not run.full)


def _read(deps: Dependencies, job: FeedJob, known: KnownHashes, reading: Reading, writer: RowWriter) -> None:
    for parts in _readings(deps, job):
        reader = FeedReader(
            job.feed, job.columns, unchanged=known.unchanged, expected_header=_expected_header(deps, job)
        )
        start = reading.rows
        reading.starts.append(start)
        for batch in reader.batches(parts):
            moved = _moved(batch, start)
            reading.rows += moved.seen
            reading.blame(moved.problems)
            writer.add(moved.rows)
            beat({"rows": reading.rows})
        writer.finish()
        _withdraw(deps, job, reader, start, reading)
        reading.header += [name for name in reader.header if name not in reading.header]
        reading.findings += reader.findings
        known.part += 1


def run_fields(job: FeedJob) -> tuple[str, ...]:
    """List what this run's feed owns; what names a row, or says when it was seen, is nobody's."""
    return tuple(name for name in job.columns if name != "sku")


def _readings(deps: Dependencies, job: FeedJob) -> Iterator[list[FeedPart]]:
    """Several files of a full feed are one; of changes and pushes each is newer than the one before."""
    parts = [
        FeedPart(str(part.get("name", number)), feed_chunks.opener(deps.database, job.run.id, number))
        for number, part in enumerate(job.run.parts)
    ]
    if last_wins(job):
        yield from ([part] for part in parts)
    else:
        yield parts


def last_wins(job: FeedJob) -> bool:
    """Say whether of two rows of one article the later one is true."""
    return job.feed.scope is not Scope.FULL or job.feed.source == "push"


def _expected_header(deps: Dependencies, job: FeedJob) -> list[str] | None:
    with deps.database.begin() as tx:
        return feeds.load_state(tx, job.run.supplier, job.run.feed).header


def _moved(batch: Batch, start: int) -> Batch:
    """Count rows through all parts."""
    if start:
        for row in batch.rows:
            row.position += start
        batch.problems = [replace(problem, position=problem.position + start) for problem in batch.problems]
    return batch


def _withdraw(deps: Dependencies, job: FeedJob, reader: FeedReader, start: int, reading: Reading) -> None:
    if reader.withdrawn:
        with deps.database.begin() as tx:
            reading.withdrawn += feed_staging.drop(tx, job.run.id, [start + position for position in reader.withdrawn])


def _settle_duplicates(tx: Transaction, job: FeedJob, known: KnownHashes, standing: Integers, reading: Reading) -> None:
    """Of two rows of one article, one of which is as it was applied before, the reader has seen only the other."""
    run = job.run
    seen = known.seen_in(standing[:, 1])
    twice = np.flatnonzero(seen >= 0)
    if not len(twice):
        return
    other_part = dict(zip(standing[twice, 0].tolist(), seen[twice].tolist(), strict=True))
    dropped, unclear = [], []
    for rival in feed_staging.rivals_at(tx, run.id, run.supplier, list(other_part)):
        part = feed_staging.part_of(rival.position, reading.starts)
        match _later(rival, part, other_part[rival.position]):
            case None:
                unclear.append(RowProblem(rival.position, "sku", "duplicate", rival.sku, rival.sku))
            case False:
                dropped.append(rival.position)
    reading.blame(unclear)
    feed_staging.drop(tx, run.id, [*dropped, *(problem.position for problem in unclear)])


def _later(rival: Rival, part: int, other_part: int) -> bool | None:
    """Say whether a staged row is newer than the one that was applied before; None where nothing tells."""
    if part != other_part:
        return part > other_part
    if rival.observed_at is None or rival.other_observed_at is None or rival.observed_at == rival.other_observed_at:
        return None
    return rival.observed_at > rival.other_observed_at


def _readable(reading: Reading) -> bool:
    return all(finding.code in feed_judgement.ACCEPTABLE for finding in reading.findings)


def _stage_absent(tx: Transaction, job: FeedJob, known: KnownHashes, standing: Integers, reading: Reading) -> int:
    """Find what the feed had before and has no more. Rows that can't be read may be anybody's: then nothing is absent."""
    run = job.run
    missing = known.missing(standing[:, 1])
    if not len(missing) or reading.nameless > _nameless_before(tx, job):
        return 0
    return feed_staging.stage_absent(tx, run.id, run.supplier, run.feed, missing, sorted(reading.skus))


def _nameless_before(tx: Transaction, job: FeedJob) -> int:
    """A feed that always has a broken line must still be able to say that an article is gone."""
    applied = feeds.load_state(tx, job.run.supplier, job.run.feed).applied_run_id
    before = feeds.find_run(tx, applied) if applied is not None else None
    return before.counts.get("nameless", 0) if before else 0


def _finish(tx: Transaction, job: FeedJob, reading: Reading) -> Staged:
    run = job.run
    changed = feed_staging.staged_rows(tx, run.id) - reading.absent
    state = feeds.load_state(tx, run.supplier, run.feed)
    used = {column.column.partition(".")[0] for column in job.columns.values() if column.column}
    findings = [*reading.findings, *feed_judgement.shape(reading.header, state.header, used, reading.rows)]
    values = {
        "rows": reading.rows,
        "staged": changed,
        "unreadable": reading.unreadable,
        "absent": reading.absent,
        "counts": {"nameless": reading.nameless},
        "header": reading.header or None,
        "findings": dumped(findings),
    }
    feeds.keep_problems(tx, run.id, [_problem(problem) for problem in reading.problems])
    feeds.change(tx, run.id, state=RunState.STAGED, **values)
    if not changed and not _acted_on(job, reading) and not _doubted(job, reading, findings, state):
        end_believed(tx, feeds.load_run(tx, run.id), RunState.UNCHANGED)
        return Staged(state=RunState.UNCHANGED, rows=reading.rows, changed=0, unreadable=reading.unreadable)
    return Staged(state=RunState.STAGED, rows=reading.rows, changed=changed, unreadable=reading.unreadable)


def _acted_on(job: FeedJob, reading: Reading) -> bool:
    return bool(reading.absent) and job.feed.absent is not Absent.KEEP


def _doubted(job: FeedJob, reading: Reading, findings: Sequence[FeedFinding], state: feeds.FeedState) -> bool:
    found = feed_judgement.judge(
        FeedNumbers(rows=reading.rows, unreadable=reading.unreadable),
        job.feed.thresholds,
        scope=job.feed.scope,
        source_time=job.run.told_at,
        last=Previous(rows=state.rows, source_time=state.applied_source_time),
        read=findings,
    )
    return bool(feed_judgement.stands_after(found, None))


def _problem(problem: RowProblem) -> dict[str, object]:
    return {
        "position": problem.position,
        "field": problem.field,
        "code": problem.code,
        "sku": problem.sku or None,
        "text": problem.text[:200],
    }
