import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, ScheduleActionStartWorkflow

from adapters.database.engine import Database
from models.sync import ScheduledStart
from starter import supply_keeper
from starter.client import connect
from starter.supply_keeper import SupplyKeeper
from starter.supply_schedules import apply_schedules, known_schedules, wanted_schedules
from tests.starter.conftest import Background
from tests.starter.feed_runs import Runs, configuration, feed, with_feeds
from tests.starter.world import CommandLine, apply_configuration

PRICING = {"rules": [{"name": "all", "markup": "0.3"}]}
MINUTES_5, MINUTES_15 = timedelta(minutes=5), timedelta(minutes=15)


def wanted(**sections: Any) -> dict[str, Any]:
    return wanted_schedules(configuration(**sections))


def action_of(schedule: Any) -> ScheduleActionStartWorkflow:
    assert isinstance(schedule.action, ScheduleActionStartWorkflow)
    return schedule.action


def start_of(schedule: Any) -> ScheduledStart:
    (start,) = action_of(schedule).args
    assert isinstance(start, ScheduledStart)
    return start


def test_every_enabled_feed_with_an_interval_has_a_schedule_named_as_its_workflow() -> None:
    found = wanted(stock=feed(), prices=feed(every="6h"), asked=feed(every=None), off=feed(enabled=False)).keys()

    assert {one for one in found if one.startswith("sync/")} == {"sync/bts/stock", "sync/bts/prices"}


def test_feeds_of_a_supplier_that_is_switched_off_are_not_scheduled() -> None:
    found = wanted(stock=feed(), supplier={"enabled": False}).keys()

    assert "sync/bts/stock" not in found
    assert "reconcile/supplier/bts" not in found


def test_a_feeds_schedule_starts_it_under_its_one_id() -> None:
    schedule = wanted(stock=feed(jitter="20s"))["sync/bts/stock"]

    assert action_of(schedule).workflow == "ScheduledStartWorkflow"
    assert start_of(schedule).workflow == "SupplierSyncWorkflow"
    assert start_of(schedule).workflow_id == "sync/bts/stock"
    assert (start_of(schedule).request["supplier"], start_of(schedule).request["feed"]) == ("bts", "stock")
    assert start_of(schedule).request["trigger"] == "schedule"
    assert schedule.policy.overlap.name == "SKIP"
    assert [one.every for one in schedule.spec.intervals] == [MINUTES_15]
    assert schedule.spec.jitter == timedelta(seconds=20)


@pytest.mark.parametrize(
    ("every", "catchup", "jitter"),
    [
        ("10s", timedelta(minutes=1), timedelta(seconds=10)),
        ("5m", MINUTES_5, timedelta(seconds=30)),
        ("1d", timedelta(minutes=10), timedelta(seconds=30)),
    ],
)
def test_missed_runs_are_caught_up_shortly_and_no_jitter_is_longer_than_the_interval(
    every: str, catchup: timedelta, jitter: timedelta
) -> None:
    schedule = wanted(stock=feed(every=every))["sync/bts/stock"]

    assert (schedule.policy.catchup_window, schedule.spec.jitter) == (catchup, jitter)


def test_nothing_is_scheduled_for_a_shop_that_nothing_is_published_to() -> None:
    found = wanted(stock=feed()).keys()

    reconciled = {"reconcile/supplier/bts", "reconcile/supplier/other"}
    assert found == {"sync/bts/stock", *reconciled, "stock/watch", "scorecards"}


@pytest.mark.parametrize("switch", ["quantities", "prices"])
def test_a_published_shop_has_its_publisher_and_its_comparison(switch: str) -> None:
    found = wanted(publishing={switch: True, "every": "20m", "location": "1", "pricing": PRICING})

    assert start_of(found["publish/main"]).workflow_id == "publish/main"
    assert [one.every for one in found["publish/main"].spec.intervals] == [timedelta(minutes=20)]
    assert start_of(found["reconcile/channel/main"]).request["side"] == "channel"


def test_exchange_rates_are_captured_only_where_a_shop_has_prices_of_ours() -> None:
    assert "rates/ecb" not in wanted(publishing={"quantities": True, "location": "1"})
    assert action_of(wanted(publishing={"prices": True, "pricing": PRICING})["rates/ecb"]).args == []


@pytest.fixture(scope="module")
def runs(database: Database) -> Runs:
    return Runs(database)


@pytest.fixture
def client(own_temporal: CommandLine, background: Background) -> Iterator[Client]:
    client: Client = background.run(connect())
    yield client
    background.run(emptied(client))


async def settled(client: Client, wanted: set[str]) -> None:
    """Wait until the list of schedules, which lags behind, shows these and no others."""
    async with asyncio.timeout(20):
        while True:
            if await known_schedules(client) == wanted:
                return
            await asyncio.sleep(0.1)


async def emptied(client: Client) -> None:
    """Delete them all, those included that the list shows only later."""
    async with asyncio.timeout(20):
        await asyncio.sleep(0.5)
        while await known_schedules(client):
            await apply_schedules(client, {})
            await asyncio.sleep(0.1)


def apply(client: Client, background: Background, **sections: Any) -> set[str]:
    found = wanted(**sections)
    background.run(apply_schedules(client, found))
    background.run(settled(client, set(found)))
    return set(found)


def described(client: Client, background: Background, schedule_id: str) -> Any:
    return background.run(client.get_schedule_handle(schedule_id).describe())


def test_applying_again_changes_nothing(client: Client, background: Background) -> None:
    apply(client, background, stock=feed())
    first = described(client, background, "sync/bts/stock")

    apply(client, background, stock=feed())

    again = described(client, background, "sync/bts/stock")
    assert first.info.last_updated_at is None
    assert again.info.last_updated_at is None
    assert again.info.created_at == first.info.created_at


def test_a_changed_interval_is_followed_and_a_pause_stays(client: Client, background: Background) -> None:
    apply(client, background, stock=feed())
    background.run(client.get_schedule_handle("sync/bts/stock").pause(note="they migrate"))

    apply(client, background, stock=feed(every="5m"))

    found = described(client, background, "sync/bts/stock").schedule
    assert [one.every for one in found.spec.intervals] == [MINUTES_5]
    assert (found.state.paused, found.state.note) == (True, "they migrate")


def test_what_the_configuration_no_longer_has_is_deleted_and_other_peoples_schedules_stay(
    client: Client, background: Background
) -> None:
    foreign = wanted(stock=feed())["sync/bts/stock"]
    handle = background.run(client.create_schedule("their/own", foreign))
    apply(client, background, stock=feed(), prices=feed())

    found = apply(client, background, prices=feed())

    assert "sync/bts/stock" not in found
    assert "sync/bts/prices" in found
    background.run(handle.describe())
    background.run(handle.delete())


@pytest.fixture
def keeper(client: Client, database: Database, runs: Runs) -> SupplyKeeper:
    runs.empty()
    apply_configuration(database, **with_feeds(stock=feed()))
    return SupplyKeeper(client, database)


def state_of(client: Client, background: Background) -> tuple[bool, str]:
    state = described(client, background, "sync/bts/stock").schedule.state
    return state.paused, state.note


def test_a_worker_follows_the_configuration_and_brings_back_what_was_deleted(
    keeper: SupplyKeeper, client: Client, background: Background, database: Database
) -> None:
    background.run(keeper.keep())
    background.run(client.get_schedule_handle("sync/bts/stock").delete())
    known = set(wanted(stock=feed()))
    background.run(settled(client, known - {"sync/bts/stock"}))
    background.run(keeper.keep())
    described(client, background, "sync/bts/stock")

    apply_configuration(database, **with_feeds(stock=feed(every="5m"), prices=feed()))
    keeper._configurations._read_at = float("-inf")
    background.run(keeper.keep())

    found = described(client, background, "sync/bts/stock").schedule
    assert [one.every for one in found.spec.intervals] == [MINUTES_5]
    described(client, background, "sync/bts/prices")


def test_a_feed_that_fails_again_and_again_is_paused_once_with_the_reason(
    keeper: SupplyKeeper, client: Client, background: Background, runs: Runs
) -> None:
    background.run(keeper.keep())
    runs.failed(4)
    background.run(keeper.keep())
    assert state_of(client, background)[0] is False

    runs.failed(5)
    background.run(keeper.keep())
    paused, note = state_of(client, background)
    assert paused
    assert "failed 5 times in a row" in note
    assert "dropwright sync resume bts stock" in note

    background.run(client.get_schedule_handle("sync/bts/stock").unpause(note="a person knows better"))
    background.run(keeper.keep())
    assert state_of(client, background) == (False, "a person knows better")

    runs.failed(6)
    background.run(keeper.keep())
    assert state_of(client, background)[0] is True


def test_old_failures_do_not_overrule_whoever_resumed_it(
    keeper: SupplyKeeper, client: Client, background: Background, runs: Runs
) -> None:
    runs.failed(9, ago=timedelta(hours=1))

    background.run(keeper.keep())

    assert state_of(client, background)[0] is False


def test_failures_of_a_feed_without_a_schedule_disturb_nothing(
    keeper: SupplyKeeper, background: Background, runs: Runs
) -> None:
    runs.failed(7, "gone")

    background.run(keeper.keep())


def test_what_a_person_accepted_is_started_once_nothing_is_in_its_way(
    keeper: SupplyKeeper, client: Client, background: Background, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    free = False

    async def start(_: Client, run: Any) -> bool:
        started.append(run.run)
        return free

    monkeypatch.setattr(supply_keeper, "start_accepted", start)
    run_id, task_id = runs.set_aside()
    background.run(keeper.keep())
    with runs.database.begin() as tx:
        tx.exec_driver_sql(f"UPDATE feed_runs SET decision = 'all', decided_by = 'ana' WHERE id = {run_id}")
        tx.exec_driver_sql(f"UPDATE tasks SET state = 'answered', closed_at = now() WHERE id = {task_id}")

    background.run(keeper.keep())
    free = True
    background.run(keeper.keep())
    background.run(keeper.keep())

    assert started == [run_id, run_id]
