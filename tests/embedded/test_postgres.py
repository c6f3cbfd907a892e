import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

from starter.places import FolderInUseError, run_directory
from starter.postgres import EmbeddedPostgres, embedded_postgres
from starter.processes import ProcessError


@pytest.fixture
def folder() -> Iterator[Path]:
    with run_directory("postgres-test") as folder:
        yield folder


def write_row(server: EmbeddedPostgres) -> None:
    engine = create_engine(server.url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept (value integer)"))
        connection.execute(text("INSERT INTO kept VALUES (42)"))


def read_rows(server: EmbeddedPostgres) -> list[int]:
    return server.execute("SELECT value FROM kept", database="dropwright")


@pytest.mark.parametrize("durable", [True, False])
def test_what_was_committed_survives_a_killed_server(folder: Path, announce, durable: bool) -> None:
    with embedded_postgres(folder / "data", announce, durable=durable) as server:
        address = server.url
        write_row(server)
        server.kill()
        server.start()

        assert read_rows(server) == [42]
        assert server.url == address


def test_data_comes_back_with_the_same_folder(folder: Path, announce) -> None:
    with embedded_postgres(folder / "data", announce) as server:
        write_row(server)
        server.stop()
        server.start()
        assert read_rows(server) == [42]

    with embedded_postgres(folder / "data", announce) as server:
        assert read_rows(server) == [42]


def test_two_servers_run_beside_each_other(folder: Path, announce) -> None:
    with (
        embedded_postgres(folder / "one", announce) as one,
        embedded_postgres(folder / "two", announce) as two,
    ):
        write_row(one)

        assert read_rows(one) == [42]
        assert two.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'kept'", database="dropwright") == [0]


def test_a_data_folder_belongs_to_one_copy_at_a_time(folder: Path, announce) -> None:
    with (
        embedded_postgres(folder / "data", announce),
        pytest.raises(FolderInUseError, match="in use by another running copy"),
        embedded_postgres(folder / "data", announce),
    ):
        pass


def test_a_path_too_long_for_a_socket_works(folder: Path, announce) -> None:
    with embedded_postgres(folder / ("long-" * 30) / "data", announce) as server:
        assert server.execute("SHOW server_version_num")[0].startswith("18")


def test_only_the_socket_is_listened_on_and_time_is_utc(folder: Path, announce) -> None:
    with embedded_postgres(folder / "data", announce) as server:
        assert server.execute("SHOW listen_addresses") == [""]
        assert server.execute("SHOW timezone") == ["UTC"]


def test_a_cluster_that_was_not_finished_is_made_again(folder: Path, announce) -> None:
    (folder / "data" / "cluster.new").mkdir(parents=True)
    (folder / "data" / "cluster.new" / "PG_VERSION").write_text("18")

    with embedded_postgres(folder / "data", announce) as server:
        assert server.execute("SELECT 1") == [1]


def test_a_broken_cluster_is_an_error_with_the_last_lines_of_the_log(folder: Path, announce) -> None:
    with embedded_postgres(folder / "data", announce):
        pass
    (folder / "data" / "cluster" / "global" / "pg_control").unlink()

    with (
        pytest.raises(ProcessError, match="could not find the database system"),
        embedded_postgres(folder / "data", announce),
    ):
        pass


def test_as_root_a_private_folder_is_refused_and_stays_private(tmp_path: Path, announce, monkeypatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    private = tmp_path / "private"
    private.mkdir(mode=0o700)

    with pytest.raises(ProcessError, match="cannot enter"), embedded_postgres(private / "data", announce):
        pass
    assert private.stat().st_mode & 0o777 == 0o700
