"""Where Dropwright keeps files on this machine: its cache, the data of embedded servers, and throw-away folders."""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Announce = Callable[[str], None]

LOCK_POLL_SECONDS = 0.2
LOCK_NOTICE_SECONDS = 5.0
SYSTEM_DATA_DIR = Path("/var/lib/dropwright")


class FolderInUseError(Exception):
    """Another process holds the folder; the message names it."""


def project_dir() -> Path:
    """The checkout that this code lies in, else (installed as a package) the current folder."""
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "pyproject.toml").exists() else Path.cwd()


def cache_dir() -> Path:
    """What is fetched or built once: `$DROPWRIGHT_CACHE`, else `.cache/dropwright` of the project."""
    chosen = os.environ.get("DROPWRIGHT_CACHE")
    folder = Path(chosen).absolute() if chosen else project_dir() / ".cache" / "dropwright"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def data_home() -> Path:
    """Where embedded servers keep their data: `.dropwright` of the project, if their account can reach it.

    As root PostgreSQL runs as an account of its own. A project below a folder closed to others (such as root's home)
    stays closed, and the data goes to `/var/lib/dropwright`, in a folder named after the project's path.
    """
    home = project_dir() / ".dropwright"
    if os.geteuid() == 0 and not open_to_others(home.parent):
        name = hashlib.sha256(str(home).encode()).hexdigest()[:12]
        home = system_data_dir() / name
    return _make_open(home)


def system_data_dir() -> Path:
    """Root's own folder for what cannot lie in the project, or concerns the whole machine."""
    return _make_open(SYSTEM_DATA_DIR)


def open_to_others(folder: Path) -> bool:
    """Whether any account of this machine may pass through the folder and all above it."""
    absolute = folder.absolute()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (absolute, *absolute.parents))


@contextmanager
def run_directory(purpose: str) -> Iterator[Path]:
    """A throw-away folder for one run, removed afterwards; what killed runs left behind is removed at the start.

    Its lock file says that the run lives; the system drops the lock however the run ends.
    """
    runs = _make_open(data_home() / "runs")
    _remove_abandoned(runs)
    with tempfile.NamedTemporaryFile(dir=runs, prefix=f"{purpose}-", suffix=".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = _make_open(Path(lock.name).with_suffix(""))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def exclusive_folder(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone; `FolderInUseError` at once when another one has it."""
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUseError(f"{folder} is in use by another running copy") from None
        yield


@contextmanager
def one_at_a_time(lock_path: Path, announce: Announce, waiting_for: str) -> Iterator[None]:
    """Wait for our turn at something that two processes must not do at once, and say what we wait for."""
    with lock_path.open("a") as lock:
        started, notices = time.monotonic(), 0
        while not _try_lock(lock.fileno()):
            waited = time.monotonic() - started
            if waited >= notices * LOCK_NOTICE_SECONDS:
                announce(f"Waiting for another process: {waiting_for} ({waited:.0f} s)")
                notices += 1
            time.sleep(LOCK_POLL_SECONDS)
        yield


def _make_open(folder: Path) -> Path:
    """Make a folder that PostgreSQL's account can enter, whatever the umask; an existing one is left as it is."""
    if not folder.exists():
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
    return folder


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_abandoned(runs: Path) -> None:
    """Remove the folders whose run is dead: their lock can be taken."""
    for lock_path in runs.glob("*.lock"):
        with suppress(OSError), lock_path.open("a") as lock:
            # A file this young may belong to a run that has not locked it yet.
            if time.time() - lock_path.stat().st_mtime > LOCK_NOTICE_SECONDS and _try_lock(lock.fileno()):
                shutil.rmtree(lock_path.with_suffix(""), ignore_errors=True)
                lock_path.unlink()
