"""PostgreSQL and Temporal on this machine, started together as children of ours: the ground of demo and tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from starter.places import Announce
from starter.postgres import EmbeddedPostgres, embedded_postgres
from starter.processes import ProcessGroup
from starter.temporal_server import TemporalServer, temporal_dev_server


@dataclass(frozen=True, kw_only=True)
class Stack:
    """What runs: the two servers and the group of child processes, to which callers add workers and others."""

    postgres: EmbeddedPostgres
    temporal: TemporalServer
    processes: ProcessGroup

    @property
    def database_url(self) -> str:
        """SQLAlchemy address of the database; its tables are the caller's to create."""
        return self.postgres.url

    @property
    def temporal_address(self) -> str:
        """Host and port of the Temporal frontend."""
        return self.temporal.address

    @property
    def namespace(self) -> str:
        """The Temporal namespace to work in."""
        return self.temporal.namespace

    @property
    def ui_url(self) -> str:
        """Where the Temporal UI answers; "" when there is none of ours."""
        return self.temporal.ui_url


@contextmanager
def embedded_stack(workdir: Path, announce: Announce, *, ui: bool = True) -> Iterator[Stack]:
    """PostgreSQL and a Temporal server with their data and logs in `workdir`, until the context ends.

    What the caller adds to `Stack.processes` is stopped first, in reverse order of start, then Temporal, then
    PostgreSQL; Ctrl-C reaches only the calling process, which leaves the context and so stops them in that order.
    Use a folder from `places.run_directory` or below `places.data_home`; with the same folder the data comes back.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    with (
        ProcessGroup() as processes,
        embedded_postgres(workdir / "postgres", announce, durable=False, processes=processes) as postgres,
        temporal_dev_server(
            announce,
            log_path=workdir / "temporal.log",
            db_file=workdir / "temporal.db",
            ui=ui,
            processes=processes,
        ) as temporal,
    ):
        try:
            yield Stack(postgres=postgres, temporal=temporal, processes=processes)
        finally:
            processes.stop_all()
