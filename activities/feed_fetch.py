"""Fetching a feed: files, pages of a supplier's interface, or what was pushed, piece by piece into our database.

Every piece is committed with the place after it, so that an attempt goes on where the one before it ended.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import xxhash

from activities.common import Dependencies, now
from activities.failures import wait
from activities.feed_common import FeedJob, beat, bytes_gone, dumped
from adapters.database import feed_chunks, feed_pushes, feed_sellers, feeds
from adapters.database.feed_chunks import LastChunk
from adapters.database.feeds import FeedState
from adapters.errors import Refused, UnexpectedReply
from adapters.pacing import in_background
from adapters.ports import FeedSource
from models.feed_rows import FeedFinding, FeedPage, RemoteFile
from models.feeds import Scope
from models.identifiers import content_key
from models.sync import RunState

ASKED_AT_ONCE = 100  # articles in one question for stock
SALES_WINDOW = timedelta(days=28)
CHANGED = "changed_while_reading"
LONGEST_DEBOUNCE = 10  # times the feed's own: a supplier that never pauses is heard all the same
TOO_OLD = "since_too_old"
SAME_AGAIN = "same_again"


@dataclass(frozen=True, slots=True)
class Fetch:
    """A run that is being fetched, and what its feed was last applied as. ``forced``: whatever was there before."""

    deps: Dependencies
    job: FeedJob
    state: FeedState
    forced: bool

    @property
    def run_id(self) -> int:
        """The run."""
        return self.job.run.id

    def note(self, **values: Any) -> None:
        """Write what is known of the run by now."""
        with self.deps.database.begin() as tx:
            feeds.change(tx, self.run_id, **values)


def fetch(work: Fetch) -> RunState:
    """Bring what the source has into our database, and say whether there is anything new in it."""
    if work.job.feed.source == "push":
        return _take_pushes(work)
    if work.job.feed.source == "api":
        with in_background():  # its supplier's orders call first
            return _fetch_pages(work)
    with closing(work.deps.outside.feed_source(work.job.feed)) as source:
        return _fetch_files(work, source)


# Files.


def _fetch_files(work: Fetch, source: FeedSource) -> RunState:
    files = _chosen(work, source.look())
    if not files:
        return RunState.NOTHING_THERE
    version = content_key(*(f"{file.name}\x1e{file.version}" for file in files))
    told_at = _told_at(files)
    with work.deps.database.begin() as tx:
        before = feeds.judged_before(tx, work.job.run)
        feeds.change(tx, work.run_id, version=version, source_time=told_at)
    if not work.forced and version == work.state.applied_version:
        return RunState.UNCHANGED
    if not work.forced and before is not None and before.version == version:
        return _same_as(work, before)
    parts = [{"name": file.name, "size": file.size, "version": file.version} for file in files]
    if parts != work.job.run.parts:  # what an earlier attempt had begun to read is no longer what is there
        with work.deps.database.begin() as tx:
            feeds.forget_fetched(tx, work.run_id)
    work.note(parts=parts)
    digest = xxhash.xxh3_128()
    size = sum(_fetch_file(work, source, file, number, digest) for number, file in enumerate(files))
    return _compared(work, digest.hexdigest(), size)


def _told_at(files: Sequence[RemoteFile]) -> datetime:
    """Say when its source said all this; a clock that is ahead must not make every later file an older one."""
    times = [file.modified_at for file in files if file.modified_at is not None]
    return min(max(times), now()) if len(times) == len(files) else now()


def _chosen(work: Fetch, files: Iterable[RemoteFile]) -> list[RemoteFile]:
    """Leave out the files of changes that were applied before; a full feed is all that match.

    Times are of whole seconds at some sources: of a file that is as old as the last one its name and version decide.
    """
    since = work.state.applied_source_time
    if work.job.feed.scope is Scope.FULL or since is None or work.forced:
        return list(files)
    with work.deps.database.begin() as tx:
        known = feeds.parts_told_at(tx, work.job.run, since)
    return [
        file
        for file in files
        if file.modified_at is None
        or file.modified_at > since
        or (file.modified_at == since and (file.name, file.version) not in known)
    ]


def _fetch_file(work: Fetch, source: FeedSource, file: RemoteFile, number: int, digest: xxhash.xxh3_128) -> int:
    """Read a file from where it is stored up to; return its size."""
    with work.deps.database.begin() as tx:
        position, last = feed_chunks.bytes_of(tx, work.run_id, number), feed_chunks.last(tx, work.run_id, number)
    for piece in feed_chunks.opener(work.deps.database, work.run_id, number)():
        digest.update(piece)
    seq = last.seq + 1 if last else 0
    try:
        for piece in source.read(file, position):
            position += len(piece)
            digest.update(piece)
            with work.deps.database.begin() as tx:
                feed_chunks.keep(tx, work.run_id, number, seq, str(position), piece)
            seq += 1
            beat({"part": number, "bytes": position})
    except UnexpectedReply as error:
        if error.code == CHANGED:
            with work.deps.database.begin() as tx:
                feed_chunks.forget_part(tx, work.run_id, number)
        raise
    return position


def _compared(work: Fetch, content_hash: str, size: int) -> RunState:
    """The same bytes again need no look at them, under whatever name and time they come.

    Unless an offer was written otherwise since: a newer file that says what the last one said is newer than that, too.
    """
    with work.deps.database.begin() as tx:
        if feed_chunks.bytes_of(tx, work.run_id) != size:  # the database crashed while we read
            raise bytes_gone()
        feeds.change(tx, work.run_id, content_hash=content_hash, bytes=size)
        before = feeds.judged_before(tx, work.job.run)
        same = not work.forced and content_hash == work.state.applied_hash
        if same and not feeds.any_forgotten(tx, work.job.run):
            return RunState.UNCHANGED
    if not work.forced and before is not None and before.content_hash == content_hash:
        return _same_as(work, before)
    return RunState.FETCHED


def _same_as(work: Fetch, before: feeds.FeedRun) -> RunState:
    """What was not believed the last time is not judged again: it waits for its answer where it is."""
    text = f"the same as in run {before.id}, which was not believed"
    finding = FeedFinding(code=SAME_AGAIN, text=text, numbers={"run": before.id})
    work.note(findings=dumped([finding]), task_id=before.task_id)
    return RunState.REJECTED


# Pages of a supplier's own interface.


def _fetch_pages(work: Fetch) -> RunState:
    with work.deps.database.begin() as tx:
        last = feed_chunks.last(tx, work.run_id)
    since = _since(work)
    work.note(source_time=work.job.run.started_at, parts=[{"name": "pages", "since": since}])
    try:
        pages = _keep_pages(work, since, last)
    except Refused as error:
        if error.code != TOO_OLD or not since:
            raise
        with work.deps.database.begin() as tx:
            feed_chunks.forget_part(tx, work.run_id, 0)
        work.note(parts=[{"name": "pages", "since": ""}], cursor=None)
        pages = _keep_pages(work, "", None)
    with work.deps.database.begin() as tx:
        if feed_chunks.pieces_of(tx, work.run_id) != pages:  # the database crashed while we read
            raise bytes_gone()
        feeds.change(tx, work.run_id, bytes=feed_chunks.bytes_of(tx, work.run_id))
    return RunState.FETCHED


def _since(work: Fetch) -> str:
    """A repeated attempt goes on with what the first one asked for."""
    begun: list[dict[str, Any]] = work.job.run.parts
    if begun:
        return str(begun[0]["since"])
    return "" if work.job.run.full or work.job.feed.scope is Scope.FULL else work.state.cursor or ""


def _keep_pages(work: Fetch, since: str, last: LastChunk | None) -> int:
    """Read page after page; return how many there are."""
    if last is not None and not last.cursor:
        return last.seq + 1  # all of it is there; only the answer of the attempt was lost
    names = {column.column.partition(".")[0] for column in work.job.columns.values()}
    names |= {column.column for column in work.job.columns.values()}
    seq, cursor, known = (last.seq + 1 if last else 0), (last.cursor if last else ""), last is not None
    for page in _pages(work, since, cursor):
        lines = [_line({name: value for name, value in row.items() if name in names}) for row in page.rows]
        with work.deps.database.begin() as tx:
            feed_chunks.keep(tx, work.run_id, 0, seq, page.next_cursor, "".join(lines).encode())
            if page.since and not known:
                feeds.change(tx, work.run_id, cursor=page.since)
        seq, known = seq + 1, known or bool(page.since)
        beat({"page": seq, "cursor": page.next_cursor})
    return seq


def _pages(work: Fetch, since: str, cursor: str) -> Iterator[FeedPage]:
    run, feed = work.job.run, work.job.feed
    if feed.scope is Scope.FAST_SELLERS:
        return _sellers(work, int(cursor or 0))
    return work.deps.outside.supplier(run.supplier).fetch_feed(feed.kind, since=since, cursor=cursor)


def _line(row: dict[str, Any]) -> str:
    """Write a row so that the same content is the same bytes: that is how an unchanged one is recognised."""
    return json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str) + "\n"


def _sellers(work: Fetch, begin: int) -> Iterator[FeedPage]:
    """Ask for the stock of what sells best, list by list. ``begin`` is the place in the list of best sellers."""
    run, feed = work.job.run, work.job.feed
    with work.deps.database.begin() as tx:
        since = run.started_at - SALES_WINDOW
        best = feed_sellers.best_sellers(tx, run.supplier, since=since, limit=feed.fast_sellers)
    supplier = work.deps.outside.supplier(run.supplier)
    for at in range(begin, max(len(best), begin + 1), ASKED_AT_ONCE):
        some = dict(best[at : at + ASKED_AT_ONCE])
        answers = supplier.fetch_stock(list(some)) if some else []
        rows = [
            {
                "sku": some[answer.ean],
                "ean": answer.ean,
                "quantity": answer.quantity if answer.known else 0,
                "unit_cost": str(answer.unit_cost.amount) if answer.unit_cost else None,
                "currency": answer.unit_cost.currency if answer.unit_cost else None,
            }
            for answer in answers
        ]
        following = at + ASKED_AT_ONCE
        yield FeedPage(rows, str(following) if following < len(best) else "")


# What was pushed.


def _take_pushes(work: Fetch) -> RunState:
    run, feed = work.job.run, work.job.feed
    with work.deps.database.begin() as tx:
        waiting = feed_pushes.waiting(tx, run.supplier, run.feed, run.id)
        if waiting.newest is None:
            return RunState.NOTHING_THERE
        quiet_at = min(waiting.newest + feed.debounce, run.started_at + LONGEST_DEBOUNCE * feed.debounce)
        if quiet_at <= now():
            feed_pushes.take(tx, run, upto=waiting.last_id)
            feed_chunks.take_pushes(tx, run.id)
            parts = [{"name": f"push {push_id}"} for push_id in feed_pushes.taken(tx, run.id)]
            size = feed_chunks.bytes_of(tx, run.id)
            # One that was committed late is older than what was taken in before it, and no less true.
            told_at = max(waiting.newest, work.state.applied_source_time or waiting.newest)
            feeds.change(tx, run.id, source_time=told_at, parts=parts, bytes=size)
            return RunState.FETCHED
    raise wait("more may be pushed in a moment", quiet_at - now())
