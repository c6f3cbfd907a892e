"""Child processes that never outlive us.

Each child runs below a small warden process (see `warden.py`) that stops it when we are gone, also after SIGKILL.
Each has its own session, so that Ctrl-C in a terminal reaches only us and we stop the children in order.
"""

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

WARDEN = Path(__file__).with_name("warden.py")
STOP_GRACE_SECONDS = 10.0
ORPHAN_GRACE_SECONDS = 4.0
FIRST_PORT, END_OF_PORTS = 10_000, 32_768
PORT_TRIES = 200
TAIL_LINES = 20


class ProcessError(Exception):
    """A child process could not be started, or ended when it should not have; the message carries its last lines."""


@dataclass(kw_only=True)
class Process:
    """One running child: a name, what was started, and where its output goes (None: our own output)."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    log_path: Path | None
    user: str
    stop_signal: int
    popen: subprocess.Popen[bytes] = field(repr=False)
    lifeline: int = field(repr=False)

    @property
    def pid(self) -> int:
        """The id of the warden, which has the child as its only child process."""
        return self.popen.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; otherwise its exit code, 128 + n when signal n ended it."""
        return self.popen.poll()

    @property
    def running(self) -> bool:
        """Whether the child is alive."""
        return self.returncode is None

    def wait(self, seconds: float | None = None) -> int:
        """Wait for the end and return the exit code; `subprocess.TimeoutExpired` after the given seconds."""
        return self.popen.wait(seconds)

    def last_lines(self, count: int = TAIL_LINES) -> str:
        """The end of its log, for error messages; empty when it has none."""
        if self.log_path is None or not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-count:])


class ProcessGroup:
    """The children of one run, started and stopped in order; use it as a context manager.

    Safe to use from any thread. After SIGKILL of this process the wardens stop every child within seconds.
    """

    def __init__(self) -> None:
        self._processes: dict[str, Process] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def __getitem__(self, name: str) -> Process:
        return self._processes[name]

    def __contains__(self, name: str) -> bool:
        return name in self._processes

    def start(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        log_path: Path | None = None,
        *,
        user: str = "",
        stop_signal: int = signal.SIGTERM,
    ) -> Process:
        """Start a child under a name that no running child has.

        `env` is added to our own environment. Output is appended to `log_path`, or goes where ours goes. `user` is
        the account to run as (only root may name one). `stop_signal` is what asks this program to end in peace.
        """
        if name in self._processes and self._processes[name].running:
            raise ProcessError(f"a process named {name} is already running")
        settings = dict(env or {})
        popen, lifeline = _spawn_under_warden(tuple(argv), settings, log_path, user, stop_signal)
        process = Process(
            name=name,
            argv=tuple(argv),
            env=settings,
            log_path=log_path,
            user=user,
            stop_signal=stop_signal,
            popen=popen,
            lifeline=lifeline,
        )
        self._processes[name] = process
        return process

    def kill(self, name: str) -> None:
        """End a child by SIGKILL, at once and without a chance to tidy up, and wait until it is gone."""
        process = self._processes[name]
        if process.running:
            _send(process, signal.SIGKILL)
        _reap(process)

    def stop(self, name: str, grace: float = STOP_GRACE_SECONDS) -> None:
        """Ask a child to end; after `grace` seconds it is killed. Nothing happens when it has ended already."""
        process = self._processes[name]
        if process.running:
            _send(process, process.stop_signal)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            _send(process, signal.SIGKILL)
        _reap(process)

    def restart(self, name: str) -> Process:
        """Start a child again as it was first started; a running one is stopped before."""
        self.stop(name)
        old = self._processes[name]
        return self.start(name, old.argv, old.env, old.log_path, user=old.user, stop_signal=old.stop_signal)

    def stop_all(self) -> None:
        """Stop every child, the last started first, because later ones depend on earlier ones."""
        for name in reversed(list(self._processes)):
            self.stop(name)


def free_port() -> int:
    """A port that nobody listens on now, between 10,000 and 32,767.

    Below the range that the system hands to outgoing connections, so that it stays free across a restart; Temporal's
    membership table also holds no port above 32,767.
    """
    for _ in range(PORT_TRIES):
        port = random.randrange(FIRST_PORT, END_OF_PORTS)  # noqa: S311
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ProcessError(f"no free port between {FIRST_PORT} and {END_OF_PORTS - 1} after {PORT_TRIES} tries")


def _spawn_under_warden(
    argv: tuple[str, ...], env: Mapping[str, str], log_path: Path | None, user: str, stop_signal: int
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the warden with the command; returns it with our end of the lifeline."""
    read_end, write_end = os.pipe()
    warden = [sys.executable, "-I", "-S", str(WARDEN), str(read_end), str(int(stop_signal))]
    output = log_path.open("ab") if log_path else None
    try:
        popen = subprocess.Popen(  # noqa: S603
            [*warden, str(ORPHAN_GRACE_SECONDS), user, *argv],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output and subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(read_end,),
        )
    except BaseException:
        os.close(write_end)
        raise
    finally:
        os.close(read_end)
        if output:
            output.close()
    return popen, write_end


def _send(process: Process, number: int) -> None:
    """Have the warden send a signal to the child and all that it started."""
    with suppress(BrokenPipeError):
        os.write(process.lifeline, bytes([number]))


def _reap(process: Process) -> None:
    """Wait for the end and close our end of the lifeline, once."""
    process.wait()
    if process.lifeline >= 0:
        os.close(process.lifeline)
        process.lifeline = -1
