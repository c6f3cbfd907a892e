import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

from adapters.database import feed_views
from adapters.database.engine import Database
from models.identifiers import SYNC_QUEUE, sync_workflow_id
from models.sync import (
    PublicationOutcome,
    PublicationRequest,
    ReconciliationOutcome,
    ReconciliationRequest,
    RunState,
    SyncOutcome,
    SyncRequest,
)
from models.tasks import TaskCategory
from starter.client import connect
from starter.run_watching import describe_progress
from starter.supply_keeper import SupplyKeeper
from tests.starter.conftest import Background
from tests.starter.feed_runs import FINDING, Runs, feed, with_feeds
from tests.starter.world import CommandLine, apply_configuration

FEEDS = {"stock": feed(), "prices": feed(kind="price", every="6h"), "asked": feed(every=None)}


@workflow.defn(name="SupplierSyncWorkflow", sandboxed=False)
class Sync:
    """A run that ends as the feed's name says, once nobody holds it."""

    def __init__(self) -> None:
        self._signals = 0
        self._go_on = False

    @workflow.run
    async def run(self, request: SyncRequest) -> SyncOutcome:
        state = {"prices": RunState.QUARANTINED, "asked": RunState.FAILED}.get(request.feed, RunState.APPLIED)
        await workflow.wait_condition(lambda: self._go_on or not request.full)
        reasons = ("too_few_rows",) if state is RunState.QUARANTINED else ()
        return SyncOutcome(run_id=7, state=state, rows=100, changed=5, reasons=reasons)

    @workflow.signal
    def sync_requested(self, *args: Any) -> None:
        self._signals += 1

    @workflow.signal
    def go_on(self) -> None:
        self._go_on = True

    @workflow.query
    def signals(self) -> int:
        return self._signals


@workflow.defn(name="PublicationWorkflow", sandboxed=False)
class Publication:
    @workflow.run
    async def run(self, request: PublicationRequest) -> PublicationOutcome:
        return PublicationOutcome(publications=1, sent=12, refused=1)

    @workflow.signal
    def publication_requested(self, *args: Any) -> None:
        """Nothing to do."""


@workflow.defn(name="ReconciliationWorkflow", sandboxed=False)
class Reconciliation:
    @workflow.run
    async def run(self, request: ReconciliationRequest) -> ReconciliationOutcome:
        return ReconciliationOutcome(
            compared=500, drifted=400 if request.full else 3, task_id=9 if request.full else None
        )


@pytest.fixture(scope="module")
def runs(database: Database) -> Runs:
    apply_configuration(database, **with_feeds(**FEEDS, publishing={"quantities": True, "location": "1"}))
    return Runs(database)


@pytest.fixture
def desk(runs: Runs, cli: CommandLine) -> CommandLine:
    """The command line without a Temporal server."""
    runs.empty()
    return cli


@pytest.fixture
def client(runs: Runs, own_temporal: CommandLine, background: Background) -> Iterator[Client]:
    """A client of this module's namespace, where stand-ins serve the background's queue."""
    runs.empty()
    client: Client = background.run(connect())
    stop = asyncio.Event()
    working = background.start(_serve(client, stop))
    yield client
    background._loop.call_soon_threadsafe(stop.set)
    working.result(60)


async def _serve(client: Client, stop: asyncio.Event) -> None:
    async with Worker(client, task_queue=SYNC_QUEUE, workflows=[Sync, Publication, Reconciliation]):
        await stop.wait()


def test_a_run_is_asked_for_and_not_waited_for(client: Client, own_temporal: CommandLine) -> None:
    shape = own_temporal.json("sync", "run", "bts", "stock")

    assert shape["state"] == "requested"
    assert shape["workflow_id"] == "sync/bts/stock"
    assert shape["run"] is None


@pytest.mark.parametrize(
    ("name", "state", "code"), [("stock", "applied", 0), ("prices", "quarantined", 1), ("asked", "failed", 1)]
)
def test_a_run_that_is_waited_for_tells_how_it_ended(
    client: Client, own_temporal: CommandLine, name: str, state: str, code: int
) -> None:
    shape = own_temporal.json("sync", "run", "bts", name, "--wait", "--as", "ana", code=code)
    said = own_temporal.run("sync", "run", "bts", name, "--wait")

    assert (shape["run"], shape["state"], shape["rows"], shape["changed"]) == (7, state, 100, 5)
    assert shape["reasons"] == (["too_few_rows"] if state == "quarantined" else [])
    assert said.exit_code == code
    assert f"bts/{name} run 7: {state}" in said.stdout
    assert "dropwright sync show 7" in said.stdout


def test_during_a_run_another_one_is_asked_for_but_not_one_in_full(
    client: Client, own_temporal: CommandLine, background: Background
) -> None:
    handle = client.get_workflow_handle(sync_workflow_id("bts", "stock"))
    assert own_temporal.json("sync", "run", "bts", "stock", "--full")["state"] == "requested"

    own_temporal.json("sync", "run", "bts", "stock")
    refused = own_temporal.run("sync", "run", "bts", "stock", "--full")

    assert background.run(handle.query("signals")) == 1
    assert refused.exit_code == 1
    assert "a run of this feed is under way" in refused.stderr
    background.run(handle.signal("go_on"))
    background.run(handle.result())


def test_a_run_that_is_ended_from_outside_is_said_so(
    client: Client, own_temporal: CommandLine, background: Background
) -> None:
    handle = client.get_workflow_handle(sync_workflow_id("bts", "stock"))
    own_temporal.json("sync", "run", "bts", "stock", "--full")
    ending = background.start(_end_soon(handle))

    result = own_temporal.run("sync", "run", "bts", "stock", "--wait")
    ending.result(20)

    assert result.exit_code == 1
    assert "the run was ended from outside (TerminatedError)" in result.stderr


async def _end_soon(handle: Any) -> None:
    await asyncio.sleep(1)
    await handle.terminate()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sync", "run", "nobody", "stock"), "there is no supplier nobody: bts, other"),
        (("sync", "run", "bts", "none"), "bts has no feed none: asked, prices, stock"),
        (("sync", "history", "other", "stock"), "other has no feed stock: none; docs/feeds.md shows how"),
        (("sync", "show", "4711"), "there is no run 4711; `dropwright sync history SUPPLIER FEED` lists them"),
        (("publish", "nowhere"), "there is no channel nowhere: main"),
        (("reconcile", "supplier", "nobody"), "there is no supplier nobody: bts, other"),
        (("sync", "run", "bts", "stock"), "Temporal does not answer"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_done_is_said_with_what_there_is(
    desk: CommandLine, arguments: tuple[str, ...], said: str
) -> None:
    result = desk.run(*arguments)

    assert result.exit_code == 1
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_status_shows_every_feed_also_without_temporal(desk: CommandLine, runs: Runs) -> None:
    runs.run(ago=timedelta(hours=3), applied=4, held=1)
    runs.set_aside(ago=timedelta(hours=1))
    runs.failed(2, "prices")

    result = desk.run("sync", "status", "--json")
    asked, prices, stock = desk.json("sync", "status")

    assert "schedules are not shown" in result.stderr
    assert (stock["feed"], stock["state"], stock["age"], stock["failures"]) == ("stock", "quarantined", "3 h", 0)
    assert stock["task"] is not None
    assert (prices["state"], prices["failures"], prices["age"]) == ("failed", 2, None)
    assert (asked["state"], asked["run"], asked["every"], asked["paused"]) == (None, None, None, None)
    assert "quarantined" in desk.run("sync", "status").stdout


def test_a_feed_is_paused_and_resumed_by_its_schedule(
    client: Client, own_temporal: CommandLine, background: Background, runs: Runs, database: Database
) -> None:
    runs.failed(5)
    task_id = runs.ask(TaskCategory.FEED_FAILING, "feed-failing:bts/stock")
    other = runs.ask(TaskCategory.FEED_FAILING, "feed-failing:other/stock")
    background.run(SupplyKeeper(client, database).keep())
    background.run(_listed(client, "sync/bts/stock"))

    paused = status_of_stock(own_temporal)
    shape = own_temporal.json("sync", "resume", "bts", "stock", "--as", "ana")
    resumed = background.run(_listed_as(client, own_temporal, paused=False))
    again = own_temporal.json("sync", "pause", "bts", "stock", "--note", "they migrate", "--as", "ana")

    assert (paused["paused"], paused["next_run"]) == (True, None)
    assert "failed 5 times in a row" in paused["note"]
    assert shape == {"supplier": "bts", "feed": "stock", "paused": False, "note": "resumed by ana"}
    assert (resumed["failures"], resumed["next_run"] is not None) == (0, True)
    assert (again["paused"], again["note"]) == (True, "they migrate")
    task = runs.only("SELECT state, answered_by FROM tasks WHERE id = :id", id=task_id)
    assert task == {"state": "answered", "answered_by": "ana"}
    assert runs.only("SELECT state FROM tasks WHERE id = :id", id=other) == {"state": "open"}


def status_of_stock(cli: CommandLine) -> dict[str, Any]:
    (row,) = [one for one in cli.json("sync", "status") if one["feed"] == "stock"]
    found: dict[str, Any] = row
    return found


async def _listed(client: Client, schedule_id: str) -> None:
    async with asyncio.timeout(20):
        while True:
            if schedule_id in {one.id async for one in await client.list_schedules()}:
                return
            await asyncio.sleep(0.1)


async def _listed_as(client: Client, cli: CommandLine, *, paused: bool) -> dict[str, Any]:
    """The list of schedules follows a moment later."""
    async with asyncio.timeout(20):
        while True:
            row = await asyncio.to_thread(status_of_stock, cli)
            if row["paused"] is paused:
                return row


@pytest.mark.parametrize(
    ("name", "why"),
    [("asked", "it has no `every`: it runs only when asked for"), ("prices", "no worker has made it yet")],
)
def test_pausing_a_feed_without_a_schedule_says_why_it_has_none(
    client: Client, own_temporal: CommandLine, background: Background, name: str, why: str
) -> None:
    async def remove() -> None:
        async for entry in await client.list_schedules():
            if entry.id == f"sync/bts/{name}":
                await client.get_schedule_handle(entry.id).delete()

    background.run(remove())
    result = own_temporal.run("sync", "pause", "bts", name)

    assert result.exit_code == 1
    assert f"bts/{name} has no schedule ({why})" in result.stderr


def test_the_history_tells_what_each_run_had_and_why_it_was_not_believed(desk: CommandLine, runs: Runs) -> None:
    first = runs.run(applied=4)
    second, task_id = runs.set_aside()
    runs.run("prices")

    shapes = desk.json("sync", "history", "bts", "stock")
    (newest,) = desk.json("sync", "history", "bts", "stock", "--limit", "1")
    said = desk.run("sync", "history", "bts", "stock").stdout

    assert [shape["run"] for shape in shapes] == [second, first]
    assert (newest["findings"], newest["task"], newest["state"]) == ([FINDING], task_id, "quarantined")
    assert shapes[1]["applied"] == 4
    assert "too_few_rows" in said


def test_a_run_is_shown_with_sample_rows_and_the_cells_that_were_unreadable(desk: CommandLine, runs: Runs) -> None:
    run_id, task_id = runs.set_aside(unreadable=1)
    with runs.database.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO feed_problems (run_id, position, field, code, sku, text) "
            f"VALUES ({run_id}, 3, 'quantity', 'not_a_number', 'A-3', 'many')"
        )

    shape = desk.json("sync", "show", str(run_id))
    said = desk.run("sync", "show", str(run_id)).stdout

    problem = {"position": 3, "field": "quantity", "code": "not_a_number", "sku": "A-3", "text": "many"}
    assert shape["problems"] == [problem]
    assert shape["findings"] == [FINDING]
    for word in ("A-1;8411061123456;4", "not_a_number", f"dropwright task show {task_id}", "1 unreadable"):
        assert word in said


@pytest.mark.parametrize(
    ("state", "rows", "said"),
    [
        ("fetching", None, "fetching 2.5 MB"),
        ("fetched", None, "reading 2.5 MB"),
        ("staged", 100, "judging 5 of 100 rows"),
        ("judged", 100, "applying 5 of 100 rows"),
    ],
)
def test_how_far_a_run_is_is_said_in_numbers(
    desk: CommandLine, runs: Runs, state: str, rows: int | None, said: str
) -> None:
    run_id = runs.run(state=state, rows=rows)
    with runs.database.begin() as tx:
        run = feed_views.find_run(tx, run_id)

    assert run is not None
    assert describe_progress(run) == said


def test_a_shop_is_published_to_now(client: Client, own_temporal: CommandLine) -> None:
    asked = own_temporal.json("publish", "main")
    shape = own_temporal.json("publish", "main", "--wait")

    assert (asked["workflow_id"], asked["state"]) == ("publish/main", "requested")
    assert (shape["state"], shape["sent"], shape["refused"]) == ("published", 12, 1)
    assert "12 changes sent, 1 refused" in own_temporal.run("publish", "main", "--wait").stdout


def test_nothing_is_published_to_a_shop_unasked(desk: CommandLine, runs: Runs, database: Database) -> None:
    apply_configuration(database, **with_feeds(**FEEDS))

    result = desk.run("publish", "main")
    apply_configuration(database, **with_feeds(**FEEDS, publishing={"quantities": True, "location": "1"}))

    assert result.exit_code == 1
    assert "[channels.main.publishing]" in result.stderr


def test_our_word_is_compared_with_a_suppliers_and_a_shops(client: Client, own_temporal: CommandLine) -> None:
    asked = own_temporal.json("reconcile", "channel", "main")
    shape = own_temporal.json("reconcile", "supplier", "bts", "--wait")
    said = own_temporal.run("reconcile", "supplier", "bts", "--full", "--wait").stdout

    assert (asked["workflow_id"], asked["state"]) == ("reconcile/channel/main", "requested")
    assert (shape["compared"], shape["drifted"], shape["task"]) == (500, 3, None)
    assert "500 compared, 400 differ, 0 repaired; `dropwright task show 9` asks what to do" in said
