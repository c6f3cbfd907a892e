"""The simulated supplier by mail as a process, and the manual's example."""

import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import AdapterError, NotSent
from adapters.suppliers.email.adapter import EmailSupplier
from adapters.suppliers.email.profile import EmailProfile
from models.configuration import Supplier
from models.exchange import DocumentKind
from models.suppliers import SupplierState
from tests.adapters.mail_world import MailWorld, closed_port, mail_world, port_to, profile


@pytest.fixture(scope="module")
def served() -> Iterator[MailWorld]:
    with mail_world() as world:
        yield world


@pytest.fixture
def world(served: MailWorld) -> MailWorld:
    served.reset()
    return served


def sent_mail(world: MailWorld, kind: DocumentKind = DocumentKind.ORDER) -> Any:
    outgoing = world.desk.find_outgoing(kind, "DW-1-11")
    assert outgoing is not None
    return message_from_bytes(outgoing.body, policy=policy.default)


def news_of(records: list[Any]) -> list[Any]:
    return [item for record in records for item in record.reading.news]


def test_the_example_of_the_manual_is_a_valid_configuration() -> None:
    page = (Path(__file__).parents[2] / "docs/suppliers/email.md").read_text("utf-8")
    example = tomllib.loads(page.partition("```toml\n")[2].partition("```")[0])
    supplier = Supplier.model_validate(example["suppliers"]["olmo"])
    assert EmailProfile.model_validate(supplier.profile).imap is not None


def test_the_simulated_supplier_answers_and_ships_by_itself_as_a_process(world: MailWorld) -> None:
    http, smtp, imap = closed_port(), closed_port(), closed_port()
    ports = ["--port", str(http), "--smtp-port", str(smtp), "--imap-port", str(imap)]
    manners = ["--answer-after", "0.1", "--ship-after", "0.2", "--language", "de"]
    with subprocess.Popen([sys.executable, "-m", "sandbox.mail_partner", *ports, *manners]) as process:
        try:
            port = port_to(profile(smtp, imap), world.desk)
            patiently(port.probe)
            port.place_order(world.order())
            patiently(lambda: shipped(world, port))
            assert len(port.find_order(world.order()).said) > 0
            port.close()
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)


def shipped(world: MailWorld, port: EmailSupplier) -> None:
    world.round(port)
    if port.fetch_order("DW-1-11").state is not SupplierState.SHIPPED:
        raise NotSent("not yet")


def patiently(ask: Any) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            return ask()
        except AdapterError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
