"""Feeds and publications whose workers are killed at every stage end as if nobody had disturbed them."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from activities.requests import start_reconciliation
from models.identifiers import SYNC_QUEUE, reconciliation_workflow_id, sync_workflow_id
from models.sync import (
    ReconciliationOutcome,
    ReconciliationRequest,
    RunState,
    ScheduledStart,
    Side,
    SyncOutcome,
    SyncRequest,
    Trigger,
)
from starter.places import Announce, run_directory
from tests.e2e import feed_evidence, feed_files
from tests.e2e.feed_evidence import FROM_FILES, FROM_PAGES, Instant, Outcomes
from tests.e2e.feed_files import ROWS
from tests.e2e.feed_holds import Hold, Holds, holding, until
from tests.e2e.feed_scene import BACKGROUND, FEED, ORDERS, PAGES, VARIANTS, Scene, Shown, running_scene
from tests.e2e.harness import KILLED

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

# Suppliers by the instant at which a run of their feed is killed. The file server of "fetch" can be slow.
LOADS = ("fetch", "between", "stage", "judge", "load", "tell")  # killed in their first load
CALM_LOAD, CALM_DELTA, CALM_PAGES = "calm-load", "calm-delta", "calm-pages"
DELTA, PAGED, SHELF, OFTEN = "apply", "pages", "shelf", "often"
CHANNELS = ("calls", "bulk-begin", "bulk-end")  # by how a publication is killed
CALM_CHANNEL = "calm"
BATCH = 10_000
HOLDS = (
    Hold("between", "feed_runs", "UPDATE", "NEW.supplier = 'between' AND NEW.state = 'fetched'"),
    Hold("stage", "feed_staged", "INSERT", "NEW.position = 12001", run_of="stage"),
    Hold("judge", "feed_runs", "UPDATE", "NEW.supplier = 'judge' AND NEW.state = 'judged'"),
    Hold("load", "offers", "INSERT", "NEW.supplier = 'load' AND NEW.sku = 'S022000'"),
    Hold("apply", "offers", "UPDATE", "NEW.supplier = 'apply' AND NEW.sku = 'S022000'"),
)
SLOWLY = 600_000  # bytes a second
PAGES_READ = 12
# In the middle of a second slice, of files handed over in bulk, and of the shop's answers to them.
# What is asked again once a client has given up hangs too: on a slow machine the kill comes later than that.
HANGS = {
    "calls": [{"operation": "^SetQuantities$", "kind": "hang", "processed": True, "skip": 2}],
    "bulk-begin": [
        {"operation": "^RunBulk$", "kind": "hang", "processed": True, "skip": 1},
        {"operation": "^RecentBulks$", "kind": "hang", "skip": 1},
    ],
    "bulk-end": [{"operation": "^/bulk-results", "kind": "hang", "skip": 1}],
}
WEATHER = [
    {"operation": "^SetQuantities$", "kind": "throttled", "retry_after": 0, "times": 1},
    {"operation": "^SetPrices$", "kind": "reset_after", "skip": 20, "times": 1},
    {"operation": "^Listings$", "kind": "error", "status": 502, "skip": 1, "times": 1},
]
POINTS_PER_SECOND = 400.0


@dataclass
class Fire:
    """What was done, and what was seen on the way."""

    scene: Scene
    at_kill: dict[str, Instant] = field(default_factory=dict)
    sending_at_kill: dict[str, Outcomes] = field(default_factory=dict)
    news_was_held: bool = False
    outcomes: dict[str, SyncOutcome] = field(default_factory=dict)
    ranges: list[str] = field(default_factory=list)
    pages_after: int = 0
    often: list[dict[str, Any]] = field(default_factory=list)
    older: SyncOutcome | None = None
    kept: list[dict[str, Any]] = field(default_factory=list)  # units on offer, before and after the older file
    weather: list[int] = field(default_factory=list)  # how often each fault struck
    refused: dict[str, int] = field(default_factory=dict)
    reconciled: dict[str, ReconciliationOutcome] = field(default_factory=dict)
    agreed: dict[str, tuple[Shown, Shown]] = field(default_factory=dict)  # right after the comparison
    seconds: float = 0.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fire(announce: Announce) -> AsyncIterator[Fire]:
    """Set everything going, kill every worker in the middle of it, and let others bring it to its end."""
    started = time.monotonic()
    with run_directory("feeds") as workdir:
        files = (*LOADS, CALM_LOAD, CALM_DELTA, DELTA, SHELF, OFTEN)
        pages, channels = (PAGED, CALM_PAGES), (*CHANNELS, CALM_CHANNEL)
        async with running_scene(workdir, announce, files, pages, channels) as scene:
            story = Story(Fire(scene), announce, started)
            await story.run()
            story.fire.seconds = time.monotonic() - started
            yield story.fire


class Story:
    """The one run that all tests look at."""

    def __init__(self, fire: Fire, announce: Announce, started: float) -> None:
        self.fire, self.scene = fire, fire.scene
        self._announce, self._started = announce, started

    async def run(self) -> None:
        """Go through it all."""
        self._write_files()
        await self.scene.start(ORDERS, *BACKGROUND)
        await self._begin()
        with holding(self.scene.database, self.scene.stack.database_url) as holds:
            await self._go_to_the_instants(holds)
            await self._kill(holds)
        await self._start_again()
        await asyncio.gather(self._meanwhile(), self._recover())
        await self._go_on()
        await self._reconcile()

    def _write_files(self) -> None:
        folder, eans = self.scene.folder, self.scene.barcodes(CALM_CHANNEL)
        folder.keep("load", feed_files.load())
        folder.keep("delta", feed_files.delta())
        folder.keep("upheaval", feed_files.upheaval())
        for version, quantity, cost in (("full", 20, "8.00"), ("fuller", 40, "9.00"), ("fullest", 60, "10.00")):
            folder.keep(version, feed_files.shelf(eans, quantity, cost))
        folder.give("load", *LOADS, CALM_LOAD, CALM_DELTA, DELTA)
        folder.give("full", SHELF, OFTEN)

    async def _begin(self) -> None:
        """Bring what is not killed in its first load to where the others begin."""
        self._say("first loads")
        await self.scene.apply(CALM_LOAD, CALM_DELTA, DELTA, SHELF, CALM_PAGES)
        await self.scene.published(*CHANNELS, CALM_CHANNEL)
        self.scene.folder.give("delta", CALM_LOAD)
        self.scene.folder.give("upheaval", CALM_DELTA, DELTA)
        self.scene.folder.give("fuller", SHELF)
        await self.scene.apply(CALM_LOAD, CALM_DELTA)

    async def _go_to_the_instants(self, holds: Holds) -> None:
        """Let every run come to where it is to be killed, and wait there."""
        self._say("to the instants")
        holds.arm(*HOLDS)
        await self.scene.ask("between", "stage", "judge", "load", DELTA)
        self._spoil_the_shops()
        await self.scene.apply(SHELF)
        await self.scene.published(CALM_CHANNEL)
        for channel in CHANNELS:
            await until(partial(self._hangs, self.scene.shops[channel]), channel)
        await holds.until_held(*(hold.name for hold in HOLDS))
        await self._to_the_last_instants(holds)

    def _spoil_the_shops(self) -> None:
        for channel, hangs in HANGS.items():
            self.scene.post(self.scene.shops[channel], "faults", rules=hangs)
        tracked = sorted(self.scene.believed("calls"))[5:9]
        refuse = {"quantity": {tracked[0]: "INVALID_INVENTORY_ITEM"}, "price": {tracked[3]: "INVALID_INPUT"}}
        for channel in CHANNELS:
            self.scene.post(self.scene.shops[channel], "settings", refuse=refuse)

    async def _to_the_last_instants(self, holds: Holds) -> None:
        """What can't be held for long: slow transfers, pages that are waited for, and a locked table."""
        holds.arm_news()
        hang = {"operation": "getListProducts$", "kind": "hang", "skip": PAGES_READ}
        self.scene.post(self.scene.supplier_url, "faults", rules=[hang])
        await self.scene.ask("tell", PAGED)
        await holds.until_news_held()
        await until(partial(self._hangs, self.scene.supplier_url), "pages")
        self.scene.slow.faults.set(bytes_per_second=SLOWLY)
        await self.scene.ask("fetch")
        await until(lambda: self._chunks_of("fetch") > 0, "fetch")

    def _hangs(self, url: str) -> bool:
        return self.scene.fired(url)[0] > 0

    def _chunks_of(self, supplier: str) -> int:
        chunks = "SELECT count(*) FROM feed_chunks WHERE run_id IN (SELECT id FROM feed_runs WHERE supplier = :one)"
        return self.scene.count(chunks, one=supplier)

    async def _kill(self, holds: Holds) -> None:
        """Kill everyone; in between, one fetch ends of which no workflow hears any more."""
        self._say("kill")
        self.scene.kill(*BACKGROUND)
        holds.let_go("between")
        await until(lambda: self.scene.newest_run("between")["state"] == RunState.FETCHED, "between")
        self.scene.kill(ORDERS)
        fire = self.fire
        fire.at_kill = {one: feed_evidence.instant(self.scene, one) for one in (*LOADS, DELTA, PAGED)}
        fire.news_was_held = holds.news_held()  # by a statement that does not know yet that nobody waits for it

    async def _start_again(self) -> None:
        """Better weather at the sources, worse at the shops, and new workers."""
        self.fire.sending_at_kill = {one: feed_evidence.outcomes(self.scene, one) for one in CHANNELS}
        self.scene.slow.faults.set()
        self.scene.slow.seen.clear()
        counting = {"operation": "getListProducts$", "kind": "latency", "milliseconds": 0}
        self.scene.post(self.scene.supplier_url, "faults", rules=[counting])
        for channel in HANGS:  # they hang for as long as it takes until everybody is dead
            self.scene.post(self.scene.shops[channel], "faults", rules=WEATHER if channel == "calls" else [])
        self.scene.post(self.scene.shops["calls"], "settings", points_per_second=POINTS_PER_SECOND)
        await self.scene.start(ORDERS, *BACKGROUND)

    async def _meanwhile(self) -> None:
        """While nobody knows yet that the killed attempts are lost: runs that are asked for at the same time."""
        self._say("runs at the same time")
        for _ in range(3):  # each round leads to one run at least; who comes while it waits to begin, joins it
            await asyncio.gather(*(self._due(number) for number in range(3)), *(self._asked() for _ in range(3)))
            await self.scene.ended(OFTEN)
        self.fire.often = self.scene.rows("SELECT * FROM feed_runs WHERE supplier = :one ORDER BY id", one=OFTEN)
        self.fire.kept.append(self._units())
        self.scene.folder.give("fullest", OFTEN, made=timedelta(days=1))
        self.fire.older = (await self.scene.sync(OFTEN))[OFTEN]
        self.fire.kept.append(self._units())

    async def _due(self, number: int) -> None:
        request = SyncRequest(supplier=OFTEN, feed=FEED, trigger=Trigger.OPERATOR)
        start = ScheduledStart(
            workflow="SupplierSyncWorkflow",
            workflow_id=sync_workflow_id(OFTEN, FEED),
            request=request.model_dump(mode="json"),
        )
        name = f"due/{OFTEN}/{number}/{time.monotonic_ns()}"
        await self.scene.client.execute_workflow("ScheduledStartWorkflow", start, id=name, task_queue=SYNC_QUEUE)

    async def _asked(self) -> None:
        await self.scene.ask(OFTEN, trigger=Trigger.OPERATOR)

    def _units(self) -> dict[str, Any]:
        (found,) = self.scene.rows("SELECT count(*), sum(quantity) FROM offers WHERE supplier = :one", one=OFTEN)
        return found

    async def _recover(self) -> None:
        self.fire.outcomes = await self.scene.ended(*LOADS, DELTA, PAGED)
        self._say("every run has ended")
        self.fire.ranges = [headers.get("Range", "") for method, _, headers in self.scene.slow.seen if method == "GET"]
        faults = self.scene.post(self.scene.supplier_url, "faults", rules=[], add=True)
        self.fire.pages_after = faults["rules"][0]["seen"]
        await self.scene.published(*CHANNELS)
        self._say("every publication has ended")

    async def _go_on(self) -> None:
        """What was killed in its first load, and the pages, go on to the next version, as the calm ones do."""
        self.scene.folder.give("delta", *LOADS)
        self.scene.post(self.scene.supplier_url, "stock", change=2_000, seed=5)
        await self.scene.apply(*LOADS, PAGED, CALM_PAGES)
        await self.scene.published(*CHANNELS, CALM_CHANNEL)
        self._say("every delta is applied")

    async def _reconcile(self) -> None:
        """The shops take again what they refused, somebody writes into one by hand, and each is compared once."""
        refused = "SELECT count(*) FROM listings WHERE channel = :one AND refused_code IS NOT NULL"
        self.fire.refused = {one: self.scene.count(refused, one=one) for one in CHANNELS}
        for channel in CHANNELS:
            self.scene.post(self.scene.shops[channel], "settings", refuse={})
            variants = sorted(self.scene.believed(channel))[20:22]
            by_hand = [{"variant_id": variants[0], "quantity": 900}, {"variant_id": variants[1], "price": "1.00"}]
            self.scene.post(self.scene.shops[channel], "listings", changes=by_hand)
        self.fire.reconciled = dict(await asyncio.gather(*(self._compare(one) for one in CHANNELS)))
        await self.scene.published(*CHANNELS)
        self.fire.agreed = {one: (self.scene.believed(one), self.scene.shown(one)) for one in CHANNELS}
        self.fire.weather = self.scene.fired(self.scene.shops["calls"])
        self.scene.folder.give("fullest", SHELF)
        await self.scene.apply(SHELF)
        await self.scene.published(*CHANNELS, CALM_CHANNEL)
        self._say("compared")

    async def _compare(self, channel: str) -> tuple[str, ReconciliationOutcome]:
        client = self.scene.client
        assert await start_reconciliation(client, ReconciliationRequest(side=Side.CHANNEL, name=channel))
        name = reconciliation_workflow_id(Side.CHANNEL, channel)
        handle = client.get_workflow_handle(name, result_type=ReconciliationOutcome)
        return channel, await handle.result()

    def _say(self, what: str) -> None:
        self._announce(f"feeds under fire: {time.monotonic() - self._started:.0f} s: {what}")


async def test_the_workers_were_killed_in_the_middle_of_every_stage(fire: Fire) -> None:
    at = fire.at_kill
    assert fire.scene.exits == dict.fromkeys((*BACKGROUND, ORDERS), KILLED)
    assert [at[one].state for one in ("fetch", PAGED, "between")] == ["fetching", "fetching", "fetched"]
    assert [at[one].state for one in ("stage", "judge", "load", DELTA)] == ["fetched", "staged", "judged", "judged"]
    assert 0 < at["fetch"].bytes < at["between"].bytes
    assert at[PAGED].chunks == PAGES_READ < PAGES
    assert 0 < at["stage"].staged < ROWS == at["judge"].staged
    assert at["load"].offers == 2 * BATCH
    assert (at[DELTA].offers, at[DELTA].moved) == (ROWS, 2 * BATCH)
    assert (at["tell"].state, at["tell"].offers, fire.news_was_held) == ("applied", ROWS, True)


async def test_every_killed_run_was_brought_to_its_end(fire: Fire) -> None:
    assert {one: outcome.state for one, outcome in fire.outcomes.items()} == dict.fromkeys(
        (*LOADS, DELTA, PAGED), RunState.APPLIED
    )
    assert {one: outcome.run_id for one, outcome in fire.outcomes.items()} == {
        one: instant.run_id for one, instant in fire.at_kill.items()
    }
    assert fire.scene.count(feed_evidence.LEFT_OVER) == 0


async def test_what_had_been_fetched_was_not_fetched_again(fire: Fire) -> None:
    assert fire.ranges == [f"bytes={fire.at_kill['fetch'].bytes}-"]
    assert PAGES - PAGES_READ <= fire.pages_after < PAGES


@pytest.mark.parametrize("supplier", LOADS)
async def test_after_a_killed_first_load_everything_is_as_if_undisturbed(fire: Fire, supplier: str) -> None:
    assert feed_evidence.differences(fire.scene, supplier, CALM_LOAD, FROM_FILES) == []
    gone = ROWS // 400
    counted = {"offers": ROWS + 100, "changes": ROWS // 20 + gone, "hashes": ROWS + 100 - gone}
    assert feed_evidence.counts(fire.scene, supplier) == counted


async def test_after_a_killed_change_of_everything_each_change_is_remembered_once(fire: Fire) -> None:
    assert feed_evidence.differences(fire.scene, DELTA, CALM_DELTA, FROM_FILES) == []
    assert feed_evidence.counts(fire.scene, DELTA) == {"offers": ROWS, "changes": ROWS, "hashes": ROWS}


async def test_after_pages_were_killed_everything_is_as_if_undisturbed(fire: Fire) -> None:
    assert feed_evidence.differences(fire.scene, PAGED, CALM_PAGES, FROM_PAGES) == []
    counted = feed_evidence.counts(fire.scene, PAGED)
    assert (counted["offers"], counted["changes"]) == (500 * PAGES, 2_000)


async def test_two_runs_of_a_feed_never_overlap(fire: Fire) -> None:
    assert feed_evidence.overlapping(fire.scene) == []
    assert len(fire.often) >= 3
    assert all(run["ended_at"] is not None and run["state"] in ("applied", "unchanged") for run in fire.often)


async def test_an_older_file_changes_nothing(fire: Fire) -> None:
    assert fire.older is not None
    assert (fire.older.state, fire.older.reasons) == (RunState.REJECTED, ("older",))
    before, after = fire.kept
    assert before == after
    assert before["count"] > 0


async def test_publications_were_killed_call_by_call_and_in_bulk(fire: Fire) -> None:
    calls, begun, done = (fire.sending_at_kill[one] for one in CHANNELS)
    assert 0 < calls.sent < VARIANTS
    assert 0 < calls.unknown < VARIANTS
    assert (begun.sent, begun.operations) == (0, 0)
    assert (done.sent, done.operations) == (0, 2)
    assert min(calls.written, begun.written, done.written) > 0


async def test_the_shop_throttled_broke_off_and_refused(fire: Fire) -> None:
    assert fire.weather == [1] * len(WEATHER)
    assert fire.refused == dict.fromkeys(CHANNELS, 2)


@pytest.mark.parametrize("channel", CHANNELS)
async def test_one_comparison_makes_the_shop_and_our_record_equal(fire: Fire, channel: str) -> None:
    outcome = fire.reconciled[channel]
    assert outcome.drifted == outcome.repaired >= 2
    believed, shown = fire.agreed[channel]
    assert {variant: shown[variant] for variant in believed} == believed
    assert len(believed) >= VARIANTS


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_shop_shows_in_the_end_what_an_undisturbed_one_shows(fire: Fire, channel: str) -> None:
    assert fire.scene.shown(channel) == fire.scene.shown(CALM_CHANNEL)
    assert fire.scene.believed(channel) == fire.scene.believed(CALM_CHANNEL)
