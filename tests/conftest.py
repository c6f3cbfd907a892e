"""Real servers for whoever asks: a test that uses none of these fixtures starts nothing."""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from starter.places import Announce, run_directory
from starter.postgres import EmbeddedPostgres, embedded_postgres
from starter.temporal_server import TemporalServer, temporal_dev_server
from starter.temporal_tools import ensure_time_skipping_server
from tests.programs import TEST_SERVER_START

BEGIN_FIRST = ("test_incident.py",)  # takes minutes: nobody should wait for it alone in the end
DATABASE_NUMBERS = itertools.count(1)
TEMPLATE = "migrated_template"

# How long an example takes says nothing on a machine that has other things to do.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def announce(pytestconfig: pytest.Config) -> Announce:
    """Writes past pytest's capture: a first build of the Temporal server takes minutes."""
    reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def write(message: str) -> None:
        with capture.global_and_fixture_disabled():
            if reporter is None:  # one of several processes, which have no terminal of their own
                print(message, file=sys.stderr)
            else:
                reporter.ensure_newline()
                reporter.write_line(message)

    return write


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    """Throw-away data and logs of this session's servers, in a folder that PostgreSQL's account can enter."""
    with run_directory("test") as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_server(server_directory: Path, announce: Announce) -> Iterator[EmbeddedPostgres]:
    """One throw-away PostgreSQL for the whole session. A test that kills it must start it again."""
    with embedded_postgres(server_directory / "postgres", announce, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def migrated_template(postgres_server: EmbeddedPostgres) -> str:
    """The name of a database that holds all tables and no rows, to copy from."""
    from adapters.database.migrate import upgrade

    postgres_server.execute(f"CREATE DATABASE {TEMPLATE}")
    upgrade(postgres_server.url_of(TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="module")
def database_url(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    """A database of this test module's own, with all tables and no rows."""
    with _fresh_database(postgres_server, migrated_template) as url:
        yield url


@pytest.fixture(scope="module")
def empty_database_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """A database of this test module's own without tables, for tests of the migrations."""
    with _fresh_database(postgres_server, "template0") as url:
        yield url


@pytest.fixture(scope="session")
def temporal_server(server_directory: Path, announce: Announce) -> Iterator[TemporalServer]:
    """One Temporal dev server for the whole session, in memory. In the end no history of it may name a person."""
    from tests.e2e.privacy import leaks_of

    with temporal_dev_server(announce, log_path=server_directory / "temporal.log") as server:
        yield server
        leaks = asyncio.run(leaks_of(server.address))
    assert not leaks, "\n".join(leaks)


@pytest.fixture
async def temporal_client(temporal_server: TemporalServer) -> Client:
    """A client of the session's dev server, with the pydantic converter that the product uses."""
    return await Client.connect(
        temporal_server.address, namespace=temporal_server.namespace, data_converter=pydantic_data_converter
    )


@pytest.fixture(scope="session")
def time_skipping_program(announce: Announce) -> Path:
    """The launcher of the time-skipping server."""
    return ensure_time_skipping_server(announce)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def time_skipping_env(time_skipping_program: Path) -> AsyncIterator[WorkflowEnvironment]:
    """A time-skipping server for this test module alone: all its workflows share one clock."""
    environment = await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter,
        test_server_existing_path=str(time_skipping_program),
        test_server_startup_timeout=TEST_SERVER_START,
    )
    async with environment:
        yield environment


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first, so that several processes end at about the same time."""
    items.sort(key=lambda item: item.path.name not in BEGIN_FIRST)


@contextmanager
def _fresh_database(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    name = f"test_{next(DATABASE_NUMBERS)}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.url_of(name)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")
