"""The process ends at every step of an order's upload and of a round's pick-up; another one goes on from there."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dropwright.testing.desk import run_round
from models.suppliers import LookupVerdict, SupplierState
from sandbox.fileserver import FileServers, file_servers
from tests.adapters.files_world import ORDERED, Files, files
from tests.adapters.kept_desk import KeptDesk

# One process has imported everything, and forks for each case: what dies is its child.
UNDERTAKER = """
import json, os, sys, traceback
from adapters.exchange.remote_folder import CheckedFolder
from adapters.exchange.remote_sftp import SftpRemote
from dropwright.testing.desk import run_round
from pathlib import Path
from tests.adapters.files_world import ORDERED, an_order, port_to
from tests.adapters.kept_desk import KeptDesk

def live(case):
    owner = next(one for one in (KeptDesk, SftpRemote, CheckedFolder) if case["step"] in vars(one))
    true = getattr(owner, case["step"])

    def dying(*arguments, **options):
        if case["moment"] == "after":
            true(*arguments, **options)
        os._exit(9)

    setattr(owner, case["step"], dying)
    desk = KeptDesk(Path(case["desk"]), ordered=lambda _: ORDERED)
    port = port_to(case["described"], desk, case["password"])
    if case["work"] == "place":
        port.place_order(an_order("DW-1-11"))
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
Undertaker = subprocess.Popen[str]


@pytest.fixture(scope="module")
def undertaker() -> Iterator[Undertaker]:
    command, root = [sys.executable, "-c", UNDERTAKER], Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        yield running
        assert running.stdin is not None
        running.stdin.close()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileServers]:
    with file_servers(tmp_path_factory.mktemp("partners")) as served:
        yield served


def kill(undertaker: Undertaker, at: Files, kept: Path, work: str, step: str, moment: str) -> None:
    """Do some work in a process that ends at a step of it."""
    case = {"work": work, "step": step, "moment": moment, "desk": str(kept), "described": at.described}
    assert undertaker.stdin is not None
    assert undertaker.stdout is not None
    undertaker.stdin.write(f"{json.dumps({**case, 'password': at.servers.account[1]})}\n")
    undertaker.stdin.flush()
    assert undertaker.stdout.readline().strip() == "9"


def go_on(at: Files, kept: Path) -> Files:
    """Give a new process's port and desk to the same partner."""
    return files(at.servers, desk=KeptDesk(kept, ordered=lambda _: ORDERED), at=at.partner)


@pytest.mark.parametrize("collected", [False, True], ids=["still-there", "collected"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["prepare", "write", "remember", "rename", "sent"])
def test_an_order_whose_process_ended_is_settled_and_exists_once(
    servers: FileServers, undertaker: Undertaker, tmp_path: Path, step: str, moment: str, collected: bool
) -> None:
    at = files(servers, partner={"acknowledges": False})
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
@pytest.mark.parametrize("step", ["entries", "read", "apply", "move", "rename"])
def test_a_document_whose_round_was_ended_is_applied_once_and_put_away(
    servers: FileServers, undertaker: Undertaker, tmp_path: Path, step: str, moment: str
) -> None:
    at = files(servers, desk=KeptDesk(tmp_path / "desk", ordered=lambda _: ORDERED))
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
