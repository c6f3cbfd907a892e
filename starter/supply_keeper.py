"""Keeps the supply side going beside the worker: schedules, exchanges, feeds that fail, runs a person has accepted."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from adapters.database import feed_views
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from adapters.database.feed_views import AcceptedRun, Key
from models.identifiers import sync_workflow_id
from starter.exchange_keeper import ExchangeKeeper
from starter.supply_answers import start_accepted
from starter.supply_schedules import apply_schedules, restore_schedules, wanted_schedules
from workflows.decisions.feed_judgement import PAUSED_AFTER

# An older failure has been looked at: whoever resumes the schedule in the Temporal UI is not overruled for it.
_FRESH = timedelta(minutes=5)
_ACCEPTED_SINCE = timedelta(days=1)

log = structlog.get_logger(__name__)


class SupplyKeeper:
    """Looks after schedules in rounds. Several workers may do so beside each other."""

    def __init__(self, client: Client, database: Database) -> None:
        """Compare what ``database`` holds with what ``client``'s server runs."""
        self._client = client
        self._database = database
        self._configurations = ConfigurationStore(database)
        self._exchanges = ExchangeKeeper(client, database)
        self._applied: int | None = None  # the configuration's version
        self._paused: dict[Key, int] = {}  # at how many failures
        self._started: set[int] = set()  # accepted runs that were begun: one that is set aside again stays so

    async def keep(self) -> None:
        """Do one round. Raises RPCError while Temporal is away, and what the database raises while that is."""
        await self._keep_schedules()
        await self._exchanges.keep((await asyncio.to_thread(self._configurations.current)).configuration)
        await self._pause_failing()
        await self._start_accepted()

    async def _keep_schedules(self) -> None:
        version = await asyncio.to_thread(self._configurations.current)
        wanted = wanted_schedules(version.configuration)
        if version.id == self._applied:
            await restore_schedules(self._client, wanted)
            return
        await apply_schedules(self._client, wanted)
        self._applied = version.id
        log.info("schedules_applied", configuration=version.id, count=len(wanted))

    async def _pause_failing(self) -> None:
        for (supplier, feed), failures in (await asyncio.to_thread(self._failing)).items():
            if failures > self._paused.get((supplier, feed), 0):
                await self._pause(supplier, feed, failures)
                self._paused[supplier, feed] = failures

    def _failing(self) -> dict[Key, int]:
        with self._database.begin() as tx:
            return feed_views.failing(tx, times=PAUSED_AFTER, since=datetime.now(UTC) - _FRESH)

    async def _pause(self, supplier: str, feed: str, failures: int) -> None:
        handle = self._client.get_schedule_handle(sync_workflow_id(supplier, feed))
        try:
            if (await handle.describe()).schedule.state.paused:
                return
            note = (
                f"Paused: it failed {failures} times in a row. `dropwright sync resume {supplier} {feed}` resumes it."
            )
            await handle.pause(note=note)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # a feed that only runs when asked has no schedule
                raise
            return
        log.warning("schedule_paused", supplier=supplier, feed=feed, failures=failures)

    async def _start_accepted(self) -> None:
        """Begin what a person accepted while another run, or an outage of Temporal, was in the way."""
        for run in await asyncio.to_thread(self._accepted):
            if run.run not in self._started and await start_accepted(self._client, run):
                self._started.add(run.run)

    def _accepted(self) -> list[AcceptedRun]:
        with self._database.begin() as tx:
            return feed_views.accepted(tx, since=datetime.now(UTC) - _ACCEPTED_SINCE)
