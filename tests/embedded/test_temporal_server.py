import socket
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from starter.processes import ProcessError, free_port
from starter.temporal_server import TemporalServer, temporal_dev_server


async def start_workflow(server: TemporalServer) -> None:
    client = await Client.connect(server.address, namespace=server.namespace)
    await client.start_workflow("Remembered", id="remembered", task_queue="nobody")


async def workflow_type(server: TemporalServer) -> str:
    client = await Client.connect(server.address, namespace=server.namespace)
    return (await client.get_workflow_handle("remembered").describe()).workflow_type


@pytest.fixture(autouse=True)
def own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)


async def test_a_killed_server_with_a_database_file_still_knows_its_workflows(tmp_path: Path, announce) -> None:
    with temporal_dev_server(announce, log_path=tmp_path / "log", db_file=tmp_path / "temporal.db") as server:
        await start_workflow(server)
        server.kill()
        server.restart()

        assert await workflow_type(server) == "Remembered"


async def test_two_servers_run_beside_each_other_with_their_pages(tmp_path: Path, announce) -> None:
    with (
        temporal_dev_server(announce, log_path=tmp_path / "one", ui=True) as one,
        temporal_dev_server(announce, log_path=tmp_path / "two", ui=True) as two,
    ):
        await start_workflow(one)

        with pytest.raises(RPCError, match="not found"):
            await workflow_type(two)
        assert len({one.address, two.address, one.ui_url, two.ui_url}) == 4


def test_a_given_port_that_is_taken_is_an_error_with_the_last_lines_of_the_log(tmp_path: Path, announce) -> None:
    with socket.socket() as taken:
        port = free_port()
        taken.bind(("127.0.0.1", port))
        taken.listen()

        with (
            pytest.raises(ProcessError, match="address already in use"),
            temporal_dev_server(announce, log_path=tmp_path / "log", port=port),
        ):
            pass


def test_a_server_named_by_the_environment_is_used_and_never_stopped(tmp_path: Path, announce, monkeypatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.example:7233")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "shop")

    with temporal_dev_server(announce, log_path=tmp_path / "log") as server:
        assert (server.address, server.namespace, server.ours) == ("temporal.example:7233", "shop", False)
        with pytest.raises(ProcessError, match="not ours"):
            server.kill()
    assert not (tmp_path / "log").exists()
