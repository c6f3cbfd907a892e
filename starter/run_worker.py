"""The worker's process: checks, registers, keeps the background going, and serves every queue until told to stop."""

import asyncio
import contextlib
import os
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from activities.dependencies import build_dependencies
from activities.registry import build_registry, with_client
from adapters.database.engine import Database
from models.findings import NotReadyError
from starter import readiness, schedules, search_attributes
from starter.opening import connect_temporal
from starter.settings import Settings
from starter.signals import StopSignals
from starter.supply_keeper import SupplyKeeper
from worker import Fleet, Serve

KEEP_EVERY = 60.0  # seconds between looks at the schedules and the dispatcher
BACKGROUND_NICENESS = 10  # reading a million rows never takes a processor from an order

log = structlog.get_logger(__name__)


async def run_worker(settings: Settings, *, serves: Serve = Serve.ALL) -> int:
    """Serve until SIGTERM or Ctrl-C, drain, and return the exit code. ``serves`` says which task queues.

    Raises NotReadyError where something would fail silently later, SearchAttributesError where the namespace can't
    be used, and TemporalAwayError where there is no server.
    """
    signals = StopSignals()
    if serves is Serve.BACKGROUND:
        os.nice(BACKGROUND_NICENESS)
    database = Database(settings.database_url or "postgresql+psycopg2://")
    try:
        await asyncio.to_thread(_refuse_unless_ready, settings, database)
        client = await connect_temporal()
        await search_attributes.ensure(client)
        await _serve(settings, database, client, signals.stop, serves)
    finally:
        database.close()
    return signals.exit_code


def _refuse_unless_ready(settings: Settings, database: Database) -> None:
    _, findings = readiness.quick_findings(settings, database)
    if problems := readiness.errors(findings):
        raise NotReadyError(problems)


async def _serve(settings: Settings, database: Database, client: Client, stop: asyncio.Event, serves: Serve) -> None:
    deps = build_dependencies(database)
    registry = build_registry(deps, mail_every=timedelta(seconds=settings.mail_every))
    fleet = Fleet(client, with_client(registry, deps, client), deps.outside, settings.worker_threads, serves=serves)
    supply = SupplyKeeper(client, database)
    sweep_every = timedelta(seconds=settings.sweep_every)
    await _ensure_running(client, sweep_every)
    keeper = asyncio.create_task(_keep_running(client, sweep_every, supply, stop))
    log.info("worker_started", namespace=client.namespace, queues=sorted(fleet.wanted()))
    try:
        await fleet.serve(stop)
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
    log.info("worker_stopped")


async def _keep_running(client: Client, sweep_every: timedelta, supply: SupplyKeeper, stop: asyncio.Event) -> None:
    """Bring back what somebody terminated or deleted, and follow the configuration."""
    while not stop.is_set():
        try:
            await _ensure_running(client, sweep_every)
            await supply.keep()
        except RPCError as error:
            log.warning("background_not_ensured", reason=error.status.name)
        except Exception as error:  # noqa: BLE001 - the database is away, or a version is not ours to read: the next round
            log.warning("background_not_ensured", reason=type(error).__name__)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), KEEP_EVERY)


async def _ensure_running(client: Client, sweep_every: timedelta) -> None:
    await schedules.ensure_mail_dispatcher(client)
    await schedules.ensure_sweep_schedule(client, sweep_every)
