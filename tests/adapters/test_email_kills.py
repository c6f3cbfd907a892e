"""A process that is gone between any two steps of sending an order: one order, or a person is asked. Never two."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.database.engine import Database
from adapters.suppliers.email.adapter import EmailSupplier
from models.exchange import OrderAcknowledged
from models.suppliers import LookupVerdict, SupplierState
from tests.adapters.mail_child import KILLED, POINTS, order, port_on
from tests.adapters.mail_world import MailWorld, mail_world

ROOT = Path(__file__).parents[2]
ABSENT, FOUND, UNSURE = LookupVerdict.ABSENT, LookupVerdict.FOUND, LookupVerdict.UNSURE
# What its own means tell of an order, by the step that was the last; and whether the supplier has it.
TOLD = {
    ("prepare", "before"): (ABSENT, 0),
    ("prepare", "after"): (UNSURE, 0),
    ("connect", "before"): (UNSURE, 0),
    ("connect", "after"): (UNSURE, 0),
    ("announce", "before"): (UNSURE, 0),
    ("announce", "after"): (UNSURE, 0),
    ("hand over", "before"): (UNSURE, 0),
    ("hand over", "after"): (UNSURE, 1),
    ("keep a copy", "before"): (UNSURE, 1),
    ("keep a copy", "after"): (FOUND, 1),
    ("note", "before"): (FOUND, 1),
    ("note", "after"): (FOUND, 1),
}


@pytest.fixture(scope="module")
def killed(database_url: str) -> Iterator[tuple[MailWorld, EmailSupplier]]:
    with mail_world() as world:
        ports = (str(world.app.smtp_port), str(world.app.imap.port))
        command = [sys.executable, "-m", "tests.adapters.mail_child", database_url, *ports]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
        assert ended.stdout.split() == [str(KILLED)] * len(POINTS)
        database = Database(database_url)
        port = port_on(database, world.app.smtp_port, world.app.imap.port)
        yield world, port
        port.close()
        database.close()


@pytest.mark.parametrize("point", POINTS, ids=" ".join)
def test_an_order_whose_process_was_killed_exists_once_or_a_person_is_asked(
    killed: tuple[MailWorld, EmailSupplier], point: tuple[str, str]
) -> None:
    world, port = killed
    wanted = order(POINTS.index(point))

    def mails() -> int:
        return sum(book["mails"] for book in world.books() if book["number"] == wanted.number)

    lookup = port.find_order(wanted)
    assert (lookup.verdict, mails()) == TOLD[point]
    if lookup.verdict is FOUND:
        assert lookup.placed is not None
        assert lookup.placed.state is SupplierState.SENT
    if lookup.verdict is ABSENT:
        port.place_order(wanted)
    assert mails() == (TOLD[point][1] if lookup.verdict is UNSURE else 1)


def test_answers_are_picked_up_once_by_what_the_database_remembers(killed: tuple[MailWorld, EmailSupplier]) -> None:
    world, port = killed
    world.work()
    found = list(port.pick_up())
    assert len(found) == sum(book["mails"] for book in world.books())
    assert {type(news) for incoming in found for news in port.read(incoming).news} == {OrderAcknowledged}
    for incoming in found:
        port.put_away(incoming, good=True)
    assert list(port.pick_up()) == []
