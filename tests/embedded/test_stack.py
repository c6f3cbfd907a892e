import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import Client

from starter.embedded import embedded_stack
from starter.places import run_directory

PARENT = """
import signal, sys, time
from pathlib import Path
from starter.embedded import embedded_stack
signal.signal(signal.SIGINT, signal.default_int_handler)
with embedded_stack(Path(sys.argv[1]), lambda message: None, ui=True) as stack:
    stack.processes.start("worker", ["sh", "-c", "sleep 300; true", sys.argv[1]])
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def workdir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)
    with run_directory("stack-test") as folder:
        yield folder


def processes_of(folder: Path) -> list[str]:
    listing = subprocess.run(["ps", "-axww", "-o", "command"], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if str(folder) in line]


async def test_the_stack_answers_and_ends_with_its_context(workdir: Path, announce) -> None:
    with embedded_stack(workdir, announce, ui=True) as stack:
        await Client.connect(stack.temporal_address, namespace=stack.namespace)
        assert stack.postgres.execute("SELECT 1") == [1]
        assert stack.ui_url.startswith("http://127.0.0.1:")
        assert processes_of(workdir)

    assert processes_of(workdir) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_the_process_that_opened_the_stack(workdir: Path, how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(workdir)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "ready\n"
        running = "\n".join(processes_of(workdir))
        assert all(name in running for name in ("postgres -D", "server start-dev", "sleep 300; true"))

        parent.send_signal(how)

    deadline = time.monotonic() + 30
    while processes_of(workdir) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(workdir) == []


def test_folders_that_killed_runs_left_behind_are_removed_by_the_next_run() -> None:
    with run_directory("sweep-test") as living:
        left_behind = living.parent / "sweep-test-dead"
        left_behind.mkdir()
        lock = left_behind.with_suffix(".lock")
        lock.touch()
        os.utime(lock, (0, 0))
        os.utime(living.with_suffix(".lock"), (0, 0))

        with run_directory("sweep-test"):
            assert not left_behind.exists()
            assert living.exists()
