"""The contract suite over SMTP and IMAP on loopback, with a desk in memory."""

from collections.abc import Iterator
from typing import Any

import pytest

from adapters.errors import NotSent, Unavailable
from adapters.plugin import load_plugins
from adapters.suppliers.email.adapter import PLUGIN
from dropwright.testing.contract import DocumentContract, Doubt, SupplierWorld, Unanswered
from tests.adapters.mail_world import EANS, MailWorld, closed_port, mail_world, port_to, profile

OPERATIONS = {"place_order": "DATA", "pick_up": "IMAP", "probe": "IMAP", "check": "IMAP"}
DOUBTS = (
    Doubt("reset_before", placed=False, unsure=True),
    Doubt("reset_after", placed=True),
    Doubt("hang", placed=False, unsure=True),
    Doubt("hang", {"processed": True}, placed=True),
)
LOST = (NotSent, Unavailable)
UNANSWERED = (Unanswered("error", LOST), Unanswered("reset_before", LOST), Unanswered("hang", LOST))


@pytest.fixture(scope="module")
def served() -> Iterator[MailWorld]:
    with mail_world() as world:
        yield world


@pytest.fixture
def mail(served: MailWorld) -> MailWorld:
    served.reset()
    return served


@pytest.fixture
def world(mail: MailWorld) -> SupplierWorld:
    changes = {"cancel": True}
    port = mail.port(**changes)
    nobody = closed_port()
    smtp, imap = mail.app.smtp_port, mail.app.imap.port

    def spoil(method: str, kind: str, **options: Any) -> None:
        mail.spoil(OPERATIONS[method], kind, **options)

    def settle() -> None:
        mail.work()
        mail.round(port)

    return SupplierWorld(
        port=port,
        nowhere=port_to(profile(nobody, nobody, **changes), mail.desk),
        stranger=port_to(profile(smtp, imap, **changes), mail.desk, password="guess"),
        eans=EANS,
        unknown_ean="0000000000000",
        supplier_orders=mail.books,
        ship=lambda number, tracking: mail.write_back("shipped", number, tracking=tracking),
        settle=settle,
        partner=mail.work,
        spoil=spoil,
        unspoil=mail.unspoil,
        calls=mail.calls,
        secret="open sesame",
        doubts=DOUBTS,
        unanswered=UNANSWERED,
        feeds=frozenset(),
        plugin=PLUGIN,
    )


class TestEmail(DocumentContract):
    pass


def test_the_plugin_is_found_by_its_entry_point() -> None:
    assert load_plugins("suppliers")["email"] is PLUGIN
