"""The process ends at every step of an order's upload and of a round's pick-up; another one goes on from there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dropwright.testing.desk import run_round
from models.suppliers import LookupVerdict, SupplierState
from sandbox.fileserver import FileServers, file_servers
from tests.adapters.files_world import ORDERED, Files, files, port_to
from tests.adapters.kept_desk import KeptDesk

# One process has imported everything, and forks for each case: what dies is its child.
UNDERTAKER = """
import json, os, sys, traceback
from adapters.exchange.remote_folder import CheckedFolder
from adapters.exchange.remote_ftp import FtpRemote
from adapters.exchange.remote_local import LocalRemote
from adapters.exchange.remote_sftp import SftpRemote
from datetime import UTC, datetime, timedelta
from dropwright.testing.desk import run_round
from pathlib import Path
from tests.adapters.files_world import ORDERED, an_order, port_to
from tests.adapters.kept_desk import KeptDesk

TRANSPORTS = {"sftp": SftpRemote, "ftp": FtpRemote, "ftps": FtpRemote, "file": LocalRemote}

def live(case):
    transport = TRANSPORTS[case["described"]["remote"]["url"].partition(":")[0]]
    owner = next(one for one in (KeptDesk, transport, CheckedFolder) if case["step"] in vars(one))
    true = getattr(owner, case["step"])
    before = case["turn"] - 1

    def dying(*arguments, **options):
        nonlocal before
        if before:
            before -= 1
            return true(*arguments, **options)
        if case["moment"] == "after":
            true(*arguments, **options)
        os._exit(9)

    setattr(owner, case["step"], dying)
    desk = KeptDesk(Path(case["desk"]), ordered=lambda _: ORDERED)
    port = port_to(case["described"], desk, case["password"], read_timeout="20s")
    if case["work"] == "place":
        port.place_order(an_order("DW-1-11"))
    elif case["work"] == "send":
        port.send_due(datetime.now(UTC) + timedelta(days=1))
    else:
        run_round(port, desk)

for line in sys.stdin:
    child = os.fork()
    if not child:
        try:
            live(json.loads(line))
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
PATIENT = "20s"  # nothing hangs here
Undertaker = subprocess.Popen[str]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileServers]:
    with (
        file_servers(tmp_path_factory.mktemp("partners"), writable=True) as served,
        pytest.MonkeyPatch.context() as here,
    ):
        here.setenv("SSL_CERT_FILE", str(served.certificate))
        yield served


@pytest.fixture(scope="module")
def undertaker(servers: FileServers) -> Iterator[Undertaker]:
    command, root = [sys.executable, "-c", UNDERTAKER], Path(__file__).parents[2]
    trusting = {**os.environ, "SSL_CERT_FILE": str(servers.certificate)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=root, env=trusting, stdin=pipe, stdout=pipe, text=True) as running:
        yield running
        assert running.stdin is not None
        running.stdin.close()


def kill(undertaker: Undertaker, at: Files, kept: Path, work: str, step: str, moment: str, turn: int = 1) -> None:
    """Do some work in a process that ends at a step of it, or when that step is done for the ``turn``-th time."""
    case = {"work": work, "step": step, "moment": moment, "turn": turn, "desk": str(kept), "described": at.described}
    assert undertaker.stdin is not None
    assert undertaker.stdout is not None
    undertaker.stdin.write(f"{json.dumps({**case, 'password': at.servers.account[1]})}\n")
    undertaker.stdin.flush()
    assert undertaker.stdout.readline().strip() == "9"


def go_on(at: Files, kept: Path) -> Files:
    """Give a new process's port and desk to the same partner."""
    desk = KeptDesk(kept, ordered=lambda _: ORDERED)
    return replace(at, desk=desk, port=port_to(at.described, desk, at.servers.account[1], read_timeout=PATIENT))


@pytest.mark.parametrize("collected", [False, True], ids=["still-there", "collected"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["prepare", "write", "remember", "rename", "sent"])
def test_an_order_whose_process_ended_is_settled_and_exists_once(
    servers: FileServers, undertaker: Undertaker, tmp_path: Path, step: str, moment: str, collected: bool
) -> None:
    at = files(servers, read_timeout=PATIENT, partner={"acknowledges": False})
    kill(undertaker, at, tmp_path / "desk", "place", step, moment)
    left = (step, moment) in (("rename", "after"), ("sent", "before"), ("sent", "after"))
    assert len([name for name in at.outbox() if not name.startswith(".")]) == left
    if collected:
        at.partner.work()
    again = go_on(at, tmp_path / "desk")
    verdict = again.port.find_order(at.order()).verdict
    assert verdict is (LookupVerdict.FOUND if left else LookupVerdict.ABSENT)
    if verdict is LookupVerdict.ABSENT:
        again.port.place_order(at.order())
    again.round()
    assert [order["number"] for order in at.partner.orders] == ["DW-1-11"]
    assert at.partner.unreadable == []
    assert at.outbox() == []


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["write", "rename"])
@pytest.mark.parametrize("scheme", ["ftp", "ftps", "file"])
def test_over_every_transport_an_order_is_whole_or_absent_and_then_there_once(
    servers: FileServers, undertaker: Undertaker, tmp_path: Path, scheme: str, step: str, moment: str
) -> None:
    at = files(servers, read_timeout=PATIENT, scheme=scheme, partner={"acknowledges": False})
    kill(undertaker, at, tmp_path / "desk", "place", step, moment)
    at.partner.work()
    assert [order["number"] for order in at.partner.orders] == ["DW-1-11"] * ((step, moment) == ("rename", "after"))
    again = go_on(at, tmp_path / "desk")
    if again.port.find_order(at.order()).verdict is LookupVerdict.ABSENT:
        again.port.place_order(at.order())
    again.round()
    assert [order["number"] for order in at.partner.orders] == ["DW-1-11"]
    assert (at.partner.unreadable, at.outbox()) == ([], [])


@pytest.mark.parametrize("collected", [False, True], ids=["still-there", "collected"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["close_batch", "write", "remember", "rename", "sent"])
def test_a_batch_whose_process_ended_leaves_once_with_all_its_orders(
    servers: FileServers, undertaker: Undertaker, tmp_path: Path, step: str, moment: str, collected: bool
) -> None:
    desk = KeptDesk(tmp_path / "desk", ordered=lambda _: ORDERED)
    at = files(servers, read_timeout=PATIENT, desk=desk, partner={"acknowledges": False}, orders={"batch": "30m"})
    numbers = ["DW-1-11", "DW-2-11", "DW-3-11"]
    for number in numbers:
        at.port.place_order(at.order(number))
    kill(undertaker, at, tmp_path / "desk", "send", step, moment)
    if collected:
        at.partner.work()
    again = go_on(at, tmp_path / "desk")
    for _ in range(2):
        again.port.send_due(datetime.now(UTC) + timedelta(days=1))
        at.partner.work()
    assert [order["number"] for order in at.partner.orders] == numbers
    assert len({order["file"] for order in at.partner.orders}) == 1
    assert {one.control for one in again.desk.outgoing} == {1}
    assert (at.partner.unreadable, at.outbox()) == ([], [])


@pytest.mark.parametrize(
    ("step", "moment", "turn"),
    [
        ("apply", "after", 1),
        ("rename", "before", 1),
        ("rename", "after", 1),
        ("rename", "after", 2),
    ],
)
@pytest.mark.parametrize("scheme", ["sftp", "ftps", "file"])
def test_a_document_with_a_marker_is_applied_once_and_no_marker_is_left_without_its_file(
    servers: FileServers, undertaker: Undertaker, tmp_path: Path, scheme: str, step: str, moment: str, turn: int
) -> None:
    desk = KeptDesk(tmp_path / "desk", ordered=lambda _: ORDERED)
    marked = {"ready": "done-file", "outbox_marker": ".done"}
    at = files(servers, read_timeout=PATIENT, desk=desk, scheme=scheme, partner={"marker": ".done"}, remote=marked)
    at.port.place_order(at.order())
    at.partner.work()
    kill(undertaker, at, tmp_path / "desk", "round", step, moment, turn)
    again = go_on(at, tmp_path / "desk")
    for _ in range(2):
        run_round(again.port, again.desk)
    assert again.state() is SupplierState.ACKNOWLEDGED
    assert len(again.desk.news) == len(again.desk.incoming) == 1
    out = at.partner.folder / "out"
    left = ["ack_000001.csv"] * ((step, moment, turn) == ("rename", "after", 1))  # and no marker that vouches for it
    assert [path.name for path in out.iterdir() if path.is_file()] == left
    assert (out / "archive" / "ack_000001.csv.done").exists()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["entries", "read", "apply", "move", "rename"])
def test_a_document_whose_round_was_ended_is_applied_once_and_put_away(
    servers: FileServers, undertaker: Undertaker, tmp_path: Path, step: str, moment: str
) -> None:
    at = files(servers, read_timeout=PATIENT, desk=KeptDesk(tmp_path / "desk", ordered=lambda _: ORDERED))
    at.port.place_order(at.order())
    at.partner.work()
    kill(undertaker, at, tmp_path / "desk", "round", step, moment)
    again = go_on(at, tmp_path / "desk")
    run_round(again.port, again.desk)
    assert again.state() is SupplierState.ACKNOWLEDGED
    assert len(again.desk.news) == len(again.desk.incoming) == 1
    out = at.partner.folder / "out"
    assert [path.name for path in out.rglob("*") if path.is_file()] == ["ack_000001.csv"]
    assert (out / "archive" / "ack_000001.csv").exists()
