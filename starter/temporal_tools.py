"""Finds, fetches or builds the two programs of Temporal that we start: the CLI with its dev server, the test server.

What is fetched or built once stays in the project's cache. It is made under another name and renamed when complete,
behind a lock, so that two runs at once make it once and nothing half-written is ever used.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from temporalio.service import __version__ as SDK_VERSION  # noqa: N812
from temporalio.testing import WorkflowEnvironment

from starter.places import Announce, cache_dir, one_at_a_time
from starter.processes import ProcessGroup

T = TypeVar("T")

CLI_VERSION = "1.5.1"
CLI_MODULE = f"github.com/temporalio/cli/cmd/temporal@v{CLI_VERSION}"
TEST_SERVER_VERSION = "1.31.0"
TEST_SERVER_MAIN = "io.temporal.testserver.TestServer"
COPY_DEPENDENCIES = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
DOWNLOAD_SECONDS = 180.0
BUILD_DISK_GB = 3.0
PROGRESS_SECONDS = 5.0
LOG_LINES = 8

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dropwright</groupId><artifactId>time-skipping-server</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>io.temporal</groupId><artifactId>temporal-test-server</artifactId><version>{TEST_SERVER_VERSION}</version>
  </dependency></dependencies>
</project>
"""

# The SDK starts the server with the port as first argument and leaves it behind when it is killed itself, so the
# launcher watches for the end of whoever started it.
LAUNCHER = """#!/bin/sh
here=$(dirname "$0")
parent=$PPID
(
  while kill -0 "$parent" 2>/dev/null; do
    kill -0 $$ 2>/dev/null || exit 0
    sleep 1
  done
  kill -9 $$
) >/dev/null 2>&1 &
exec {command} "$@"
"""
JAVA_COMMAND = f'java -XX:TieredStopAtLevel=1 -cp "$here/lib/*" {TEST_SERVER_MAIN}'


class ToolUnavailableError(Exception):
    """A program that we need could be neither found, fetched nor built; the message says what to install."""


class StepFailedError(Exception):
    """One way to get a program failed; the next one is tried, and the message goes into the last error."""


def run_apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread and loop of its own, so that callers may be inside a loop or not."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def ensure_temporal_cli(announce: Announce) -> Path:
    """The `temporal` program: on PATH, else the SDK's download, else built with Go (minutes, once)."""
    if on_path := shutil.which("temporal"):
        return Path(on_path)
    cache = cache_dir()
    downloaded, built = cache / f"temporal-sdk-{SDK_VERSION}", cache / f"temporal-{CLI_VERSION}"
    with one_at_a_time(cache / "temporal.lock", announce, "fetching or building the Temporal server"):
        for ready in (downloaded, built):
            if ready.exists():
                return ready
        failures = ["`temporal` is not on PATH"]
        for make, target in ((_download_cli, downloaded), (_build_cli, built)):
            try:
                make(target, announce)
            except StepFailedError as error:
                announce(f"Temporal server: {error}")
                failures.append(str(error))
            else:
                return target
    raise ToolUnavailableError(
        f"no Temporal server: {'; '.join(failures)}. Install the Temporal CLI (https://docs.temporal.io/cli), "
        "or Go 1.24 or newer so that it can be built here, or set TEMPORAL_ADDRESS to a running server."
    )


def ensure_time_skipping_server(announce: Announce) -> Path:
    """A launcher for the test server that skips time, for `WorkflowEnvironment.start_time_skipping`.

    Pass it as `test_server_existing_path`, with a `test_server_startup_timeout` of 30 s: Java starts slowly on a busy
    machine. The server ends when the process that started it ends, also after SIGKILL.
    """
    cache = cache_dir()
    downloaded, fetched = cache / f"test-server-sdk-{SDK_VERSION}", cache / f"test-server-{TEST_SERVER_VERSION}"
    with one_at_a_time(cache / "test-server.lock", announce, "fetching Temporal's test server"):
        for ready in (downloaded, fetched):
            if ready.exists():
                return ready / "launch"
        failures = []
        for make, target in ((_download_test_server, downloaded), (_fetch_test_server_jars, fetched)):
            try:
                make(target, announce)
            except StepFailedError as error:
                announce(f"Time-skipping server: {error}")
                failures.append(str(error))
            else:
                return target / "launch"
    raise ToolUnavailableError(
        f"no time-skipping test server: {'; '.join(failures)}. Install Java 11 or newer and Maven "
        "(`apt-get install default-jre-headless maven`), or allow downloads from temporal.download."
    )


def _download_cli(target: Path, announce: Announce) -> None:
    announce(f"Temporal server: asking the SDK to download it (version {SDK_VERSION})")
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="download-") as folder:
        _download(lambda: WorkflowEnvironment.start_local(download_dest_dir=folder), Path(folder)).rename(target)


def _download_test_server(target: Path, announce: Announce) -> None:
    announce(f"Time-skipping server: asking the SDK to download it (version {SDK_VERSION})")
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="download-") as folder:
        binary = _download(lambda: WorkflowEnvironment.start_time_skipping(download_dest_dir=folder), Path(folder))
        unfinished = Path(folder) / "finished"
        unfinished.mkdir()
        binary.rename(unfinished / "server")
        _write_launcher(unfinished, '"$here/server"')
        unfinished.rename(target)


def _download(start: Callable[[], Awaitable[WorkflowEnvironment]], folder: Path) -> Path:
    """Have the SDK download a server, which it does only on the way to starting one; returns the program."""

    async def start_and_stop() -> None:
        async with asyncio.timeout(DOWNLOAD_SECONDS):
            await (await start()).shutdown()

    try:
        run_apart(start_and_stop())
    except (RuntimeError, TimeoutError) as error:
        raise StepFailedError(f"the download failed ({error or 'it took too long'})") from error
    programs = [path for path in folder.iterdir() if path.is_file() and os.access(path, os.X_OK)]
    if len(programs) != 1:
        raise StepFailedError(f"the download left {len(programs)} programs, not one")
    return programs[0]


def _build_cli(target: Path, announce: Announce) -> None:
    if not shutil.which("go"):
        raise StepFailedError("Go, which could build it, is not installed")
    announce(f"Temporal server: building {CLI_MODULE} with Go, once: ten minutes, more on a busy machine")
    _announce_disk_space(announce)
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="build-") as folder:
        command = ["go", "install", "-ldflags", "-s -w", CLI_MODULE]
        _run_with_progress("Temporal server: building", command, {"GOBIN": folder}, Path(folder) / "log", announce)
        (Path(folder) / "temporal").rename(target)


def _announce_disk_space(announce: Announce) -> None:
    """Say so when the build's folders have less room than it needs; a warm Go cache may need none."""
    go = subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True, check=False)  # noqa: S607
    folder = Path(go.stdout.strip() or cache_dir())
    while not folder.exists():
        folder = folder.parent
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < BUILD_DISK_GB:
        announce(f"Temporal server: the build wants about {BUILD_DISK_GB:.0f} GB; {folder} has {free_gb:.1f} GB left")


def _fetch_test_server_jars(target: Path, announce: Announce) -> None:
    missing = [program for program in ("java", "mvn") if not shutil.which(program)]
    if missing:
        raise StepFailedError(f"{' and '.join(missing)}, needed to fetch and run it from Maven Central, not on PATH")
    announce(f"Time-skipping server: fetching temporal-test-server {TEST_SERVER_VERSION} from Maven Central, once")
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="maven-") as folder:
        unfinished = Path(folder) / "finished"
        (unfinished / "lib").mkdir(parents=True)
        pom = Path(folder) / "pom.xml"
        pom.write_text(POM)
        goals = [COPY_DEPENDENCIES, "-DincludeScope=runtime", f"-DoutputDirectory={unfinished / 'lib'}"]
        command = ["mvn", "--quiet", "--batch-mode", "--file", str(pom), *goals]
        _run_with_progress("Time-skipping server: fetching", command, {}, Path(folder) / "log", announce)
        _write_launcher(unfinished, JAVA_COMMAND)
        unfinished.rename(target)


def _write_launcher(folder: Path, command: str) -> None:
    launcher = folder / "launch"
    launcher.write_text(LAUNCHER.format(command=command))
    launcher.chmod(0o755)


def _run_with_progress(what: str, command: list[str], env: dict[str, str], log: Path, announce: Announce) -> None:
    """Run a long command, saying every few seconds that it still runs; its last lines go into the error."""
    started = time.monotonic()
    with ProcessGroup() as group:
        process = group.start(command[0], command, env, log)
        while True:
            try:
                code = process.wait(PROGRESS_SECONDS)
                break
            except subprocess.TimeoutExpired:
                announce(f"{what}, {time.monotonic() - started:.0f} s")
        if code:
            raise StepFailedError(f"`{' '.join(command[:2])}` ended with code {code}: {process.last_lines(LOG_LINES)}")
    announce(f"{what}: done in {time.monotonic() - started:.0f} s")
