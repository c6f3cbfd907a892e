"""A process that is gone around any step of picking mails up: each mail is brought once more at most, and none is lost."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from subprocess import PIPE

import pytest

from adapters.database.engine import Database
from tests.adapters.mail_letters import written
from tests.adapters.mail_round_child import KILLED, STEPS, port_on, round_of
from tests.adapters.mail_world import MailWorld, mail_world

ROOT = Path(__file__).parents[2]
POINTS = [
    (put_away, step, when)
    for put_away in ("move", "leave")
    for step in STEPS
    for when in ("before", "after")
    if (put_away, step) != ("leave", "move")
]
_SUPPLIERS = (f"olmo{number}" for number in count(1))


@pytest.fixture(scope="module")
def mails() -> Iterator[MailWorld]:
    with mail_world() as world:
        yield world


@pytest.fixture(scope="module")
def mortals() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.adapters.mail_round_child"]
    with subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True, bufsize=1) as process:
        yield process
        process.communicate()


@pytest.mark.parametrize(("put_away", "step", "when"), POINTS)
def test_mails_whose_round_was_killed_are_all_brought_and_none_again_once_it_is_done(
    mails: MailWorld,
    mortals: subprocess.Popen[str],
    database_url: str,
    tmp_path: Path,
    put_away: str,
    step: str,
    when: str,
) -> None:
    mails.reset()
    names = [f"<answer-{number}@olmo.example>" for number in (1, 2)]
    for name in names:
        mails.deliver(written("accepted", Message_ID=name))
    supplier, kept = next(_SUPPLIERS), tmp_path / "kept"
    where = (database_url, mails.app.smtp_port, mails.app.imap.port, supplier, put_away, kept, step, when)
    assert mortals.stdin is not None
    assert mortals.stdout is not None
    mortals.stdin.write(f"{' '.join(map(str, where))}\n")
    assert int(mortals.stdout.readline()) == KILLED

    database = Database(database_url)
    port = port_on(database, mails.app.smtp_port, mails.app.imap.port, supplier, put_away)
    round_of(port, kept)
    after_one_round = kept.read_text().split()
    round_of(port, kept)

    assert sorted(set(after_one_round)) == names
    assert after_one_round.count(names[0]) <= 2  # brought, and not known to be done: the desk knows its bytes
    assert after_one_round.count(names[1]) == 1
    assert kept.read_text().split() == after_one_round
    folders = mails.folders()
    moved = put_away == "move"
    assert (len(folders["INBOX"]), len(folders.get("Archive", []))) == ((0, 2) if moved else (2, 0))
    port.close()
    database.close()
