"""A run that is torn down at any commit of any stage, and attempted again, ends as if nothing had happened."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import ActivityEnvironment

from activities import feed_writer
from adapters.database import feed_applying
from adapters.feeds import local, reader, sources
from models.sync import FetchRequest, RunState, SyncStep
from tests.activities.broken_commit import BrokenCommit
from tests.activities.feed_world import FeedWorld, article, build_feed_world, ean_of

FIRST = [article(number) for number in range(30)]
SECOND = [article(number, 10 + number % 3, "10.50") for number in range(2, 30)] + [article(99, 5)]
STAGES = ("fetch", "stage", "judge", "apply")


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_applying, "BATCH", 8)
    monkeypatch.setattr(feed_writer, "ROWS", 8)
    monkeypatch.setattr(reader, "BATCH", 8)
    for module in (local, sources):
        monkeypatch.setattr(module, "PIECE", 300)


def prepared(url: str, folder: Path) -> FeedWorld:
    """Bring a feed to where it has been applied once, and a second file lies there."""
    feed = build_feed_world(url, folder)
    feed.configure(stock={"absent": "zero"})
    feed.list_article(ean_of(0))
    feed.write(FIRST)
    feed.sync()
    feed.write(SECOND)
    return feed


def newest(feed: FeedWorld) -> dict[str, Any]:
    return feed.only("SELECT id, state FROM feed_runs ORDER BY id DESC LIMIT 1")


def attempt(feed: FeedWorld, stage: str, request: FetchRequest, beats: list[Any], last: Any = ()) -> Any:
    step = SyncStep(run_id=newest(feed)["id"], supplier="bts", feed="stock")
    activity: Callable[..., Any] = getattr(feed.stages, f"{stage}_feed")
    argument = request if stage == "fetch" else step
    return feed.run(activity, argument, details=last, on_beat=lambda *details: beats.append(details))


def finished(feed: FeedWorld, breaking: str, number: int, *, after: bool) -> dict[str, list[dict[str, Any]]]:
    """Run all stages; in one of them a commit fails, and the stage is attempted once more."""
    request = feed.request()
    for stage in STAGES:
        beats: list[Any] = []
        if stage == breaking:
            with BrokenCommit(feed.database, number, after=after), pytest.raises(DBAPIError):
                attempt(feed, stage, request, beats)
        attempt(feed, stage, request, [], beats[-1] if beats else ())
    assert newest(feed)["state"] == RunState.APPLIED
    return feed.everything()


@contextmanager
def counting(feed: FeedWorld) -> Iterator[list[int]]:
    seen: list[int] = []

    def count(_: object) -> None:
        seen.append(1)

    event.listen(feed.database.engine, "commit", count)
    yield seen
    event.remove(feed.database.engine, "commit", count)


def undisturbed(url: str, folder: Path) -> tuple[dict[str, list[dict[str, Any]]], dict[str, int]]:
    """Run all stages, and say what they leave behind and how many commits each of them makes."""
    feed, commits = prepared(url, folder), {}
    request = feed.request()
    for stage in STAGES:
        with counting(feed) as seen:
            attempt(feed, stage, request, [])
        commits[stage] = len(seen)
    left = feed.everything()
    feed.database.close()
    return left, commits


@pytest.mark.parametrize("after", [False, True], ids=["lost", "unanswered"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_loses_any_of_its_commits_ends_like_an_undisturbed_one(
    database_url: str, tmp_path: Path, stage: str, after: bool
) -> None:
    expected, commits = undisturbed(database_url, tmp_path)
    assert len(expected["offer_changes"]) > 20
    for number in range(1, commits[stage] + 1):
        feed = prepared(database_url, tmp_path)
        left = finished(feed, stage, number, after=after)
        feed.database.close()
        assert left == expected, f"commit {number} of {stage}"


def test_a_worker_that_stops_leaves_the_rest_to_another_one(database_url: str, tmp_path: Path) -> None:
    expected, _ = undisturbed(database_url, tmp_path)
    feed = prepared(database_url, tmp_path)
    request = feed.request()
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=feed.now)
    environment.on_heartbeat = lambda *_: environment.worker_shutdown()
    with pytest.raises(ApplicationError) as stopped:
        environment.run(feed.stages.fetch_feed, request)
    assert stopped.value.type == "NotYet"
    feed.go_on(request)
    assert feed.everything() == expected
    feed.database.close()


def test_a_cancelled_run_stops_between_two_batches(database_url: str, tmp_path: Path) -> None:
    feed = prepared(database_url, tmp_path)
    step = feed.until("apply")
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *_: environment.cancel()
    with pytest.raises(CancelledError):
        environment.run(feed.stages.apply_feed, step)
    assert newest(feed)["state"] == RunState.JUDGED
    written = feed.only("SELECT count(*) AS offers FROM offers WHERE unit_cost = 10.5")["offers"]
    assert 0 < written < len(SECOND) - 1
    feed.database.close()


def test_what_a_terminated_run_left_behind_is_cleared_away_by_the_next_one(database_url: str, tmp_path: Path) -> None:
    feed = prepared(database_url, tmp_path)
    old = feed.until("apply")
    assert feed.sync().state is RunState.APPLIED
    assert feed.only("SELECT state FROM feed_runs WHERE id = :id", id=old.run_id)["state"] == RunState.FAILED
    assert feed.rows("SELECT 1 FROM feed_staged UNION ALL SELECT 1 FROM feed_chunks") == []
    with pytest.raises(ApplicationError) as late:
        feed.run(feed.stages.apply_feed, old)
    assert late.value.non_retryable
    feed.database.close()


@pytest.mark.parametrize(
    ("table", "stage"), [("feed_chunks", "stage"), ("feed_staged", "judge"), ("feed_staged", "apply")]
)
def test_a_run_whose_unlogged_rows_a_crash_has_emptied_gives_up(
    database_url: str, tmp_path: Path, table: str, stage: str
) -> None:
    feed = prepared(database_url, tmp_path)
    before = feed.everything()
    step = feed.until(stage)
    with feed.database.begin() as tx:
        tx.exec_driver_sql(f"TRUNCATE {table}")
    with pytest.raises(ApplicationError) as gone:
        feed.run(getattr(feed.stages, f"{stage}_feed"), step)
    assert (gone.value.type, gone.value.non_retryable) == ("BytesGone", True)
    assert feed.everything() == before
    feed.database.close()


def test_the_fifth_failure_in_a_row_asks_a_person_and_a_success_takes_it_back(feed: FeedWorld) -> None:
    feed.write(FIRST)
    for number in range(1, 6):
        request = feed.request()
        feed.run(feed.stages.fetch_feed, request)
        for _ in range(2):  # told twice, counted once
            feed.run(feed.stages.fail_feed, request, "stage_feed")
        assert feed.only("SELECT failures FROM feed_states")["failures"] == number
        assert feed.tasks() == (["feed_failing"] if number == 5 else [])
    assert "last while reading it" in feed.only("SELECT question FROM tasks")["question"]
    feed.sync()
    assert feed.only("SELECT failures FROM feed_states")["failures"] == 0
    assert feed.tasks() == []


def test_a_run_that_never_opened_is_counted_as_failed_too(feed: FeedWorld) -> None:
    feed.run(feed.stages.fail_feed, feed.request(), "fetch_feed")
    assert feed.only("SELECT failures FROM feed_states")["failures"] == 1
