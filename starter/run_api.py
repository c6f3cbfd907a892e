"""The API's process: takes webhooks until told to stop; without Temporal, and through a database's absence."""

import asyncio
import signal

import structlog

from activities.delivery import OrderDelivery
from activities.dependencies import build_dependencies
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from adapters.secrets import secret_if_set
from models.findings import Finding, NotReadyError
from starter import readiness
from starter.api import build_server, create_app, listen
from starter.client import connect
from starter.delivery import Deliverer
from starter.feed_requests import push_requests
from starter.settings import DATABASE_AWAY, Settings
from starter.signals import INTERRUPTED

log = structlog.get_logger(__name__)


async def run_api(settings: Settings) -> int:
    """Serve until SIGTERM or Ctrl-C, drain, and return the exit code.

    Raises NotReadyError where something is missing, and OSError for a port that is taken.
    """
    received: list[int] = []
    # uvicorn raises the signal once more when it has drained: by then these note it, and nothing else happens.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: received.append(number))
    database = Database(settings.database_url or "postgresql+psycopg2://")
    try:
        await asyncio.to_thread(_refuse_unless_ready, settings, database)
        if not received:
            await _serve(settings, database)
    finally:
        database.close()
    return INTERRUPTED if signal.SIGINT in received else 0


def _refuse_unless_ready(settings: Settings, database: Database) -> None:
    _, findings = readiness.quick_findings(settings, database, webhooks=True)
    problems = [finding for finding in readiness.errors(findings) if not _will_pass(finding)]
    if problems:
        raise NotReadyError(problems)


def _will_pass(finding: Finding) -> bool:
    """A database that is away comes back; until then storefronts hear 503 and repeat their deliveries."""
    away = finding.message.startswith(DATABASE_AWAY)
    if away:
        log.warning("database_away", remedy=finding.remedy)
    return away


async def _serve(settings: Settings, database: Database) -> None:
    deps = build_dependencies(database)
    configurations = ConfigurationStore(database)
    client = await connect(lazy=True)
    app = create_app(
        database=database,
        configurations=configurations,
        storefronts=deps.outside.storefront,
        secrets=secret_if_set,
        deliverer=Deliverer(OrderDelivery(client, database, configurations)),
        feed_requests=push_requests(client, database, configurations),
        suppliers=deps.outside.supplier,
    )
    listener = listen(settings.api_host, settings.api_port)
    host, port = listener.getsockname()[:2]
    log.info("listening", url=f"http://{host}:{port}")
    await build_server(app).serve(sockets=[listener])
    log.info("api_stopped")
