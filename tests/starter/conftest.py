"""A database with a configuration, the command line in this process, and a lifecycle to steer on a real server."""

import asyncio
import itertools
import logging
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
import structlog
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from adapters.database.engine import Database
from starter import search_attributes
from starter.client import connect
from starter.temporal_server import TemporalServer
from tests.starter.world import SECRETS, CommandLine, Shop, StandIn, apply_configuration, queue_of


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Each command sets logging up for its own process; the next test has pytest's again."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def cli(database_url: str, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line, with this module's database and every secret in its environment."""
    monkeypatch.setenv("DROPWRIGHT_DATABASE_URL", database_url)
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:9")
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return CommandLine()


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    """This module's database."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture(scope="module")
def shop(database: Database) -> Shop:
    """A configured shop, whose orders tests store."""
    apply_configuration(database)
    return Shop(database)


class Background:
    """An event loop in a thread: a worker runs there while the command line, which has its own loop, is tested."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run in the background."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run and wait for the result."""
        return self.start(work).result(60)

    def close(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture(scope="module")
def background() -> Iterator[Background]:
    """A loop beside the test's own."""
    background = Background()
    yield background
    background.close()


@pytest.fixture(scope="module")
def temporal(temporal_server: TemporalServer, background: Background) -> Iterator[Client]:
    """A client on the background loop, with our search attributes known and a worker for the stand-in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORAL_ADDRESS", temporal_server.address)
        client: Client = background.run(connect())
    background.run(search_attributes.ensure(client))
    stop = asyncio.Event()
    working = background.start(_work(client, stop))
    yield client
    background._loop.call_soon_threadsafe(stop.set)
    working.result(60)


async def _work(client: Client, stop: asyncio.Event) -> None:
    async with Worker(client, task_queue=queue_of(client), workflows=[StandIn]):
        await stop.wait()


@pytest.fixture
def steered(cli: CommandLine, temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line with a Temporal server."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_server.address)
    return cli


@pytest.fixture(scope="module")
def namespace(temporal_server: TemporalServer, background: Background) -> str:
    """A Temporal namespace of this test module's own: schedules and dispatchers in it disturb nobody."""
    name = f"starter-{next(NAMESPACES)}"
    background.run(register_namespace(temporal_server.address, name))
    return name


NAMESPACES = itertools.count(1)


async def register_namespace(address: str, name: str) -> None:
    client = await Client.connect(address)
    retention = Duration(seconds=86_400)
    request = RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=retention)
    await client.workflow_service.register_namespace(request)
    own = await Client.connect(address, namespace=name)
    async with asyncio.timeout(30):
        while True:  # the server's caches learn of it a moment later
            try:
                await own.count_workflows("WorkflowId = 'none'")
            except RPCError:
                await asyncio.sleep(0.1)
            else:
                return


@pytest.fixture
def own_temporal(
    cli: CommandLine, temporal_server: TemporalServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """The command line with a Temporal namespace of this module's own."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_server.address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", namespace)
    return cli
