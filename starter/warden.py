"""Watches one child process on behalf of a parent that may be killed at any moment.

Run as a script by `starter.processes`, never imported: the standard library is all it may use. It reads a pipe whose
write end only the parent has. Each byte is the number of a signal for the child's process group; at end of file the
parent is gone, however it went, and the group is stopped. A pipe works on every Unix and from every thread of the
parent. The kernel's own parent-death signal fires when the *thread* that forked ends, so it is used only between
this single-threaded process and its child, for the case that this process itself is killed.

Arguments: lifeline descriptor, stop signal number, seconds of grace, user name or "", then the command.
"""

import ctypes
import os
import pwd
import select
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
DESCENDANTS_SECONDS = 2.0
SHELL_SIGNAL_BASE = 128
CANNOT_RUN = 127


def process_control(option: int, value: int) -> None:
    """Linux's prctl; nothing elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


def become(user: str) -> None:
    """Give up root for the named user, supplementary groups included."""
    account = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def run_child(command: list[str], user: str, warden: int) -> None:
    """Turn the forked process into the command; never returns."""
    os.setpgid(0, 0)
    # Python ignores these two, and what is ignored stays so in the program that is run.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        if user:
            become(user)
        # After the change of user: the kernel forgets the setting when credentials change.
        process_control(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == warden:
            os.execvp(command[0], command)  # noqa: S606
    except (OSError, KeyError) as error:
        sys.stderr.write(f"cannot start {command[0]}: {error}\n")
        sys.stderr.flush()
    os._exit(CANNOT_RUN)


def make_group(child: int) -> None:
    """Put the child into a group of its own here as well: a signal may be due before the child has done it itself."""
    try:
        os.setpgid(child, child)
    except (ProcessLookupError, PermissionError):
        return


def signal_group(child: int, number: int) -> None:
    """Send a signal to the child and to what it started, as far as they live."""
    try:
        os.killpg(child, number)
    except (ProcessLookupError, PermissionError):
        # macOS answers "not permitted" for a group of processes that have ended but are not reaped.
        return


def exit_if_ended(child: int) -> None:
    """Once the child has ended, end with its result as a shell reports it, and take what it started along."""
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid:
        signal_group(child, signal.SIGKILL)
        await_descendants()
        code = os.waitstatus_to_exitcode(status)
        os._exit(code if code >= 0 else SHELL_SIGNAL_BASE - code)


def await_descendants() -> None:
    """Wait for what the child left behind: PostgreSQL's backends, in sessions of their own, end just after it."""
    deadline = time.monotonic() + DESCENDANTS_SECONDS
    try:
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.005)
    except ChildProcessError:
        return


def stop_group(child: int, stop_signal: int, grace: float) -> None:
    """Ask the group to stop, kill it when it does not; never returns."""
    signal_group(child, stop_signal)
    deadline = time.monotonic() + grace
    while True:
        exit_if_ended(child)
        if time.monotonic() > deadline:
            signal_group(child, signal.SIGKILL)
        time.sleep(0.02)


def main() -> None:
    """Start the command, then pass signals on until it or the parent ends, whichever comes first."""
    lifeline, stop_signal, grace, user = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    os.set_inheritable(lifeline, False)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    process_control(PR_SET_CHILD_SUBREAPER, 1)
    warden = os.getpid()
    child = os.fork()
    if child == 0:
        run_child(sys.argv[5:], user, warden)
    make_group(child)
    while True:
        ready, _, _ = select.select([lifeline, wake_read], [], [])
        exit_if_ended(child)
        if lifeline in ready:
            orders = os.read(lifeline, 64)
            for number in orders:
                signal_group(child, number)
            if not orders:
                stop_group(child, stop_signal, grace)
        if wake_read in ready:
            os.read(wake_read, 64)


if __name__ == "__main__":
    main()
