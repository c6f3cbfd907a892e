import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from adapters.database.engine import Database
from models.identifiers import MAIL_WORKFLOW_ID
from starter.client import connect
from starter.schedules import SWEEP_SCHEDULE_ID
from tests.starter.conftest import Background
from tests.starter.feed_runs import feed, with_feeds
from tests.starter.world import CommandLine, apply_configuration

PROJECT = Path(__file__).parents[2]
WAIT_SECONDS = 120.0
OF_ORDERS = {"orders", "mail", "storefront-main", "supplier-bts", "supplier-other"}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "starter.cli", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=PROJECT, capture_output=True, text=True, timeout=60)


@contextmanager
def running(awaited: str, log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has said the awaited word; killed if the test leaves it running."""
    with log.open("wb") as stream:
        process = subprocess.Popen(command(*arguments), cwd=PROJECT, stderr=stream)
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while awaited not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def events(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.fixture
def configured(own_temporal: CommandLine, database: Database) -> CommandLine:
    apply_configuration(database)
    return own_temporal


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_worker_serves_every_queue_keeps_the_background_going_and_drains(
    configured: CommandLine, background: Background, tmp_path: Path, stop: signal.Signals, code: int
) -> None:
    log = tmp_path / "log"
    with running('"queue": "orders"', log, "worker", "--json") as process:
        client: Client = background.run(connect())
        dispatcher = background.run(client.get_workflow_handle(MAIL_WORKFLOW_ID).describe())
        background.run(client.get_schedule_handle(SWEEP_SCHEDULE_ID).describe())
        process.send_signal(stop)

        assert process.wait(30) == code

    assert dispatcher.status is WorkflowExecutionStatus.RUNNING
    said = events(log)
    served = {line["queue"] for line in said if line["event"] == "serving"}
    assert served == {"sync", "publish-main"} | OF_ORDERS
    assert said[-1]["event"] == "worker_stopped"


@pytest.mark.parametrize(
    ("role", "awaited", "queues", "niceness"),
    [("orders", "mail", OF_ORDERS, 0), ("background", "publish-main", {"sync", "publish-main"}, 10)],
)
def test_a_worker_with_a_role_serves_its_queues_and_the_background_lets_others_go_first(
    configured: CommandLine, tmp_path: Path, role: str, awaited: str, queues: set[str], niceness: int
) -> None:
    log = tmp_path / "log"
    with running(f'"queue": "{awaited}"', log, "worker", "--serve", role, "--json") as process:
        lowered = os.getpriority(os.PRIO_PROCESS, process.pid) - os.getpriority(os.PRIO_PROCESS, os.getpid())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0

    assert lowered == niceness
    assert {line["queue"] for line in events(log) if line["event"] == "serving"} == queues


def test_a_worker_keeps_the_schedules_of_the_configuration(
    own_temporal: CommandLine, database: Database, background: Background, tmp_path: Path
) -> None:
    apply_configuration(database, **with_feeds(stock=feed()))

    with running("schedules_applied", tmp_path / "log", "worker", "--json") as process:
        client: Client = background.run(connect())
        found = background.run(client.get_schedule_handle("sync/bts/stock").describe())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0

    assert found.schedule.policy.overlap.name == "SKIP"


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_the_api_answers_without_temporal_and_ends_cleanly(
    configured: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: signal.Signals, code: int
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:9")
    log = tmp_path / "log"
    with running("Application startup complete", log, "api", "--port", "0", "--json") as process:
        (url,) = [str(line["url"]) for line in events(log) if line["event"] == "listening"]
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert httpx.post(f"{url}/webhooks/shopify/main", content=b"{}").status_code == 401
        process.send_signal(stop)

        assert process.wait(30) == code


def test_the_api_starts_while_the_database_is_away_and_says_503(
    configured: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DROPWRIGHT_DATABASE_URL", "postgresql+psycopg2://nobody@127.0.0.1:9/none")
    log = tmp_path / "log"
    with running("Application startup complete", log, "api", "--port", "0", "--json"):
        (url,) = [str(line["url"]) for line in events(log) if line["event"] == "listening"]

        assert httpx.get(f"{url}/readyz").status_code == 503


REFUSALS = {
    "without an address of the database": ({"DROPWRIGHT_DATABASE_URL": ""}, "DROPWRIGHT_DATABASE_URL is not set"),
    "without a database": (
        {"DROPWRIGHT_DATABASE_URL": "postgresql+psycopg2://nobody@127.0.0.1:9/none"},
        "can't be reached",
    ),
    "without a secret": ({"BTS_TOKEN": ""}, "supplier bts: BTS_TOKEN is not set"),
    "without Temporal": ({"TEMPORAL_ADDRESS": "127.0.0.1:9"}, "Temporal does not answer at 127.0.0.1:9"),
    "with a setting that can't be used": ({"DROPWRIGHT_SWEEP_EVERY": "soon"}, "DROPWRIGHT_SWEEP_EVERY"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_worker_refuses_to_start_with_the_remedy_and_no_traceback(
    configured: CommandLine, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, said = REFUSALS[name]
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)

    result = configured.run("worker")

    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_worker_refuses_a_database_without_tables_or_configuration(
    configured: CommandLine, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DROPWRIGHT_DATABASE_URL", empty_database_url)

    assert "run `dropwright database migrate`" in configured.run("worker").stderr
    assert "run `dropwright database migrate`" in configured.run("orders").stderr
    pending = configured.json("database", "status", code=1)["pending"]
    assert configured.json("database", "migrate") == {"applied": pending}
    assert configured.json("database", "migrate") == {"applied": []}
    assert configured.json("database", "status") == {"pending": []}
    without_configuration = configured.run("worker")
    assert without_configuration.exit_code == 1
    assert "dropwright config apply" in without_configuration.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("orders", "--json"), 0),
        (("order", "show", "#none"), 1),
        (("order", "fly"), 2),
    ],
)
def test_exit_codes_tell_success_failure_and_misuse_apart(
    configured: CommandLine, arguments: tuple[str, ...], code: int
) -> None:
    assert run(*arguments).returncode == code


def test_ctrl_c_ends_a_command_with_130(configured: CommandLine, tmp_path: Path) -> None:
    pipe = tmp_path / "orders.json"
    os.mkfifo(pipe)
    process = subprocess.Popen(command("order", "import", str(pipe)), cwd=PROJECT, stderr=subprocess.PIPE, text=True)
    with pipe.open("w"):  # the command has begun to read
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert process.stderr
    with process.stderr:
        assert "Traceback" not in process.stderr.read()


def test_a_database_that_is_away_is_said_in_one_line(configured: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DROPWRIGHT_DATABASE_URL", "postgresql+psycopg2://nobody:planted@127.0.0.1:9/none")

    result = configured.run("orders")

    assert result.exit_code == 1
    assert result.stderr.startswith("error: the database can't be reached")
    assert "planted" not in result.stderr
    assert len(result.stderr.splitlines()) == 1
