import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from starter.processes import ProcessError, ProcessGroup, free_port

STUBBORN = "trap '' TERM; echo ready; sleep 300 & sleep 300"
PARENT = """
import signal, sys, time
from pathlib import Path
from starter.processes import ProcessGroup
signal.signal(signal.SIGINT, signal.default_int_handler)
group = ProcessGroup()
group.start("child", ["sh", "-c", sys.argv[1]], log_path=Path(sys.argv[2]))
time.sleep(60)
"""


def wait_until(condition, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def is_ready(log: Path) -> bool:
    return log.exists() and "ready" in log.read_text()


def test_output_goes_to_the_log_and_settings_are_added_to_the_environment(tmp_path: Path) -> None:
    with ProcessGroup() as group:
        process = group.start("echo", ["sh", "-c", 'echo "$GREETING $HOME"'], {"GREETING": "hello"}, tmp_path / "log")

        assert process.wait(30) == 0
        assert process.last_lines() == f"hello {os.environ['HOME']}"


def test_an_exit_code_is_reported_as_it_was(tmp_path: Path) -> None:
    with ProcessGroup() as group:
        assert group.start("seven", ["sh", "-c", "exit 7"]).wait(30) == 7


def test_a_program_that_cannot_be_started_says_so_in_its_log(tmp_path: Path) -> None:
    with ProcessGroup() as group:
        process = group.start("none", ["/nowhere/program"], log_path=tmp_path / "log")

        assert process.wait(30) == 127
        assert "cannot start /nowhere/program" in process.last_lines()


def test_a_child_that_ends_takes_along_what_it_started(tmp_path: Path) -> None:
    with ProcessGroup() as group:
        command = f"sleep 300 & echo $! > {tmp_path}/grandchild"
        group.start("child", ["sh", "-c", command]).wait(30)

        grandchild = int((tmp_path / "grandchild").read_text())
        assert wait_until(lambda: not _alive(grandchild))


def test_kill_leaves_no_time_to_tidy_up_and_restart_starts_the_same_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with ProcessGroup() as group:
        process = group.start("child", ["sh", "-c", STUBBORN], log_path=log)
        assert wait_until(lambda: is_ready(log))
        group.kill("child")
        assert process.returncode == 128 + signal.SIGKILL

        again = group.restart("child")
        assert again.argv == process.argv
        assert wait_until(lambda: log.read_text().count("ready") == 2)
        group.kill("child")


def test_a_child_that_ignores_the_stop_signal_is_killed_after_the_grace(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with ProcessGroup() as group:
        process = group.start("child", ["sh", "-c", STUBBORN], log_path=log)
        assert wait_until(lambda: is_ready(log))
        group.stop("child", grace=0.3)

        assert process.returncode == 128 + signal.SIGKILL


def test_children_are_stopped_in_reverse_order(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with ProcessGroup() as group:
        for name in ("first", "second"):
            group.start(name, ["sh", "-c", f"trap 'echo {name}; exit' TERM; echo ready; while :; do sleep 0.05; done"],
                        log_path=log)  # fmt: skip
        assert wait_until(lambda: log.exists() and log.read_text().count("ready") == 2)

    assert [word for word in log.read_text().split() if word in ("first", "second")] == ["second", "first"]


def test_a_stop_right_after_the_start_is_not_lost() -> None:
    with ProcessGroup() as group:
        process = group.start("child", ["sleep", "300"])
        group.stop("child", grace=5)

        assert process.returncode == 128 + signal.SIGTERM


def test_two_running_children_cannot_share_a_name() -> None:
    with ProcessGroup() as group:
        group.start("same", ["sleep", "300"])
        with pytest.raises(ProcessError, match="same is already running"):
            group.start("same", ["sleep", "300"])


@pytest.mark.parametrize(
    ("how", "child"),
    [
        (signal.SIGKILL, "echo ready; echo $$; sleep 300"),
        (signal.SIGTERM, "echo ready; echo $$; sleep 300"),
        (signal.SIGINT, "echo ready; echo $$; sleep 300"),
        (signal.SIGKILL, STUBBORN.replace("ready;", "ready; echo $$;")),
    ],
)
def test_no_child_outlives_its_parent(tmp_path: Path, how: signal.Signals, child: str) -> None:
    log = tmp_path / "log"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, child, str(log)], stderr=subprocess.DEVNULL)
    assert wait_until(lambda: is_ready(log) and len(log.read_text().split()) == 2)
    process_id = int(log.read_text().split()[1])
    assert _alive(process_id)

    parent.send_signal(how)
    parent.wait(30)

    assert wait_until(lambda: not _alive(process_id))


def test_the_death_of_the_warden_ends_the_child_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with ProcessGroup() as group:
        process = group.start("child", ["sh", "-c", "echo ready; echo $$; exec sleep 300"], log_path=log)
        assert wait_until(lambda: is_ready(log) and len(log.read_text().split()) == 2)
        os.kill(process.pid, signal.SIGKILL)

        assert wait_until(lambda: not _alive(int(log.read_text().split()[1])))


def test_a_free_port_can_be_bound_and_lies_below_the_ports_of_outgoing_connections() -> None:
    port = free_port()

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
    assert 10_000 <= port < 32_768


def _alive(process_id: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")
