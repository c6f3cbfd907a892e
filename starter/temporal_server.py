"""The Temporal dev server as a child process of ours, or the server that `TEMPORAL_ADDRESS` names."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from starter.places import Announce
from starter.processes import ProcessError, ProcessGroup, free_port
from starter.temporal_tools import ensure_temporal_cli, run_apart

HOST = "127.0.0.1"
NAMESPACE = "default"
PROCESS_NAME = "temporal"
START_SECONDS = 60.0
ANSWER_SECONDS = 3.0
POLL_SECONDS = 0.1
PORT_ATTEMPTS = 3
PORT_TAKEN = "address already in use"

# Priority and fairness need both switches on server 1.29, and one partition per queue for rates to be exact.
DYNAMIC_CONFIG = (
    "matching.useNewMatcher=true",
    "matching.enableFairness=true",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    "system.forceSearchAttributesCacheRefreshOnRead=true",
)
# The file survives a killed server with these; only a crash of the machine may lose its last moments.
SQLITE_PRAGMAS = ("journal_mode=wal", "synchronous=normal")


@dataclass(kw_only=True)
class TemporalServer:
    """A server that answers: `address` (host:port), `namespace`, and `ui_url` ("" when it has none or is not ours)."""

    address: str
    namespace: str
    ui_url: str
    processes: ProcessGroup | None

    @property
    def ours(self) -> bool:
        """Whether we started it, and so may stop it."""
        return self.processes is not None

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        self._own_processes().kill(PROCESS_NAME)

    def restart(self) -> None:
        """Start it again on the same ports and wait until it answers; without a database file it knows nothing."""
        processes = self._own_processes()
        processes.restart(PROCESS_NAME)
        run_apart(_await_answer(self, processes))

    def _own_processes(self) -> ProcessGroup:
        if self.processes is None:
            raise ProcessError(f"the Temporal server at {self.address} was named by TEMPORAL_ADDRESS: it is not ours")
        return self.processes


@contextmanager
def temporal_dev_server(
    announce: Announce,
    *,
    log_path: Path,
    db_file: Path | None = None,
    ui: bool = False,
    port: int | None = None,
    processes: ProcessGroup | None = None,
) -> Iterator[TemporalServer]:
    """A dev server until the context ends, with its histories in `db_file` or, without one, in memory only.

    Ports that are not given are chosen. With `TEMPORAL_ADDRESS` set, that server (and `TEMPORAL_NAMESPACE`) is yielded
    unasked and nothing is started.
    """
    if address := os.environ.get("TEMPORAL_ADDRESS"):
        announce(f"Temporal server: using {address}, named by TEMPORAL_ADDRESS")
        namespace = os.environ.get("TEMPORAL_NAMESPACE", NAMESPACE)
        yield TemporalServer(address=address, namespace=namespace, ui_url="", processes=None)
        return
    program = ensure_temporal_cli(announce)
    with nullcontext(processes) if processes else ProcessGroup() as group:
        for attempts_left in reversed(range(1 if port else PORT_ATTEMPTS)):
            grpc_port = port or free_port()
            web_port = free_port() if ui else None
            try:
                server = _start(group, _command(program, grpc_port, web_port, db_file), grpc_port, web_port, log_path)
                break
            except ProcessError as error:
                if not attempts_left or PORT_TAKEN not in str(error):
                    raise
        try:
            yield server
        finally:
            # A server without a file has nothing to keep, and takes a second to end in peace.
            (group.stop if db_file else group.kill)(PROCESS_NAME)


def _command(program: Path, port: int, ui_port: int | None, db_file: Path | None) -> list[str]:
    command = [str(program), "server", "start-dev", "--ip", HOST, "--port", str(port), "--namespace", NAMESPACE]
    command += ["--log-level", "warn", "--color", "never"]
    command += ["--ui-port", str(ui_port)] if ui_port else ["--headless"]
    if db_file:
        command += ["--db-filename", str(db_file)]
        command += [part for pragma in SQLITE_PRAGMAS for part in ("--sqlite-pragma", pragma)]
    return command + [part for value in DYNAMIC_CONFIG for part in ("--dynamic-config-value", value)]


def _start(group: ProcessGroup, command: list[str], port: int, ui_port: int | None, log_path: Path) -> TemporalServer:
    """Start the program and wait until its namespace answers."""
    group.start(PROCESS_NAME, command, log_path=log_path)
    ui_url = f"http://{HOST}:{ui_port}" if ui_port else ""
    server = TemporalServer(address=f"{HOST}:{port}", namespace=NAMESPACE, ui_url=ui_url, processes=group)
    run_apart(_await_answer(server, group))
    return server


async def _await_answer(server: TemporalServer, group: ProcessGroup) -> None:
    """Wait until the namespace can be described: the port alone opens earlier than the server works."""
    process = group[PROCESS_NAME]
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            await _describe_namespace(server)
        except (RPCError, RuntimeError, TimeoutError) as error:
            if not process.running:
                raise ProcessError(f"the Temporal server ended while starting:\n{process.last_lines()}") from error
            if time.monotonic() > deadline:
                raise ProcessError(
                    f"no answer from the Temporal server at {server.address} in {START_SECONDS:.0f} s ({error!r}):\n"
                    f"{process.last_lines()}"
                ) from error
            await asyncio.sleep(POLL_SECONDS)
        else:
            return


async def _describe_namespace(server: TemporalServer) -> None:
    # Bounded, because connecting to something that listens but is not Temporal never ends.
    async with asyncio.timeout(ANSWER_SECONDS):
        client = await Client.connect(server.address, namespace=server.namespace)
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=server.namespace))
