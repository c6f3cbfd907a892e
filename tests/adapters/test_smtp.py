import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import AdapterError, Doubtful, NotSent, Refused
from adapters.notifiers.smtp import PLUGIN, SmtpMailer, build, compose, deliverable_address
from adapters.plugin import load_plugins
from models.configuration import Mail
from models.findings import Severity
from sandbox.mailbox import create_app, smtp_port
from sandbox.serving import listen, serving
from tests.adapters.loopback import HTTP

MAIL = {
    "sender": "shop@dropwright.example",
    "sender_name": "Casa Olmo",
    "recipient": "zaphyra@quillfeather.example",
    "subject": "Your order #1001 is on its way",
    "body": "Hello,\n.a line that starts with a dot\n..two dots\n\nYour parcel: GLS-1\n",
    "message_id": "<shipped.17@dropwright.example>",
}


PATIENT, IMPATIENT = timedelta(seconds=10), timedelta(milliseconds=500)


def mailer(port: int, timeout: timedelta = PATIENT, **changes: Any) -> SmtpMailer:
    values = {
        "host": "127.0.0.1",
        "port": port,
        "starttls": False,
        "sender": MAIL["sender"],
        "alerts_to": "ops@x.example",
    }
    settings = Mail.model_validate(values | changes)
    return SmtpMailer(settings, password="open sesame", timeout=timeout)


class World:
    """A mail server on loopback and the mailer that knows it."""

    def __init__(self, url: str, port: int) -> None:
        self.url, self.port = url, port
        self.mailer = mailer(port)

    def spoil(self, operation: str, kind: str, **options: Any) -> None:
        if kind in ("hang", "latency"):
            self.mailer = mailer(self.port, IMPATIENT)
        rules = [{"operation": operation, "kind": kind, "times": 1, **options}]
        HTTP.post(f"{self.url}/_sandbox/faults", json={"rules": rules}).raise_for_status()

    def messages(self) -> list[dict[str, Any]]:
        return list(HTTP.get(f"{self.url}/_sandbox/messages").json()["messages"])


@pytest.fixture(scope="module")
def served() -> Iterator[World]:
    app = create_app()
    with serving(app) as url:
        yield World(url, smtp_port(app))


@pytest.fixture
def world(served: World) -> World:
    for path in ("faults", "messages"):
        HTTP.delete(f"{served.url}/_sandbox/{path}").raise_for_status()
    served.mailer = mailer(served.port)
    return served


def test_a_mail_arrives_as_it_was_written(world: World) -> None:
    world.mailer.send(**MAIL)
    (message,) = world.messages()
    assert message["to"] == [MAIL["recipient"]]
    assert message["from"] == "Casa Olmo <shop@dropwright.example>"
    assert message["subject"] == MAIL["subject"]
    assert message["body"] == MAIL["body"]
    assert message["message_id"] == MAIL["message_id"]
    assert message["headers"]["Auto-Submitted"] == "auto-generated"
    assert abs(parsedate_to_datetime(message["headers"]["Date"]) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("text", ["¡Ya está en camino!", "طلبك في الطريق", "订单已发货 📦", "a" * 400 + "ñ" * 400])
def test_any_language_survives_in_subject_and_body(world: World, text: str) -> None:
    world.mailer.send(**MAIL | {"subject": text, "body": f"{text}\n", "sender_name": text[:60]})
    (message,) = world.messages()
    assert (message["subject"], message["body"]) == (text, f"{text}\n")


@pytest.mark.parametrize("field", ["subject", "sender_name"])
@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\r\n ", "\u2028", "\x0b", "\x00", "\x85"])
def test_no_text_breaks_out_of_its_header(world: World, field: str, break_: str) -> None:
    world.mailer.send(**MAIL | {field: f"one{break_}Bcc: thief@evil.example{break_}{break_}two"})
    (message,) = world.messages()
    assert message["to"] == [MAIL["recipient"]]
    assert "Bcc" not in message["headers"]
    assert message["body"] == MAIL["body"]


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "nobody",
        "a@b\r\nRCPT TO:<thief@evil.example>",
        "a b@c.example",
        "a,b@c.example",
        "ñ@c.example",
        "@c.example",
        "a@",
    ],
)
def test_what_is_no_address_is_refused_before_anything_is_sent(world: World, recipient: str) -> None:
    with pytest.raises(Refused) as caught:
        world.mailer.send(**MAIL | {"recipient": recipient})
    assert caught.value.code == "bad_address"
    assert world.messages() == []


def test_a_domain_with_accents_is_written_as_idna() -> None:
    assert deliverable_address(" olmo@perfumería.example ") == "olmo@xn--perfumera-n5a.example"


@given(st.text(max_size=300), st.text(max_size=80), st.text(max_size=300))
def test_any_text_makes_a_mail_of_ascii_lines(subject: str, name: str, body: str) -> None:
    values = MAIL | {"subject": subject, "sender_name": name, "body": body}
    wire = compose(**values).as_bytes()
    assert wire.isascii()
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    head = wire.partition(b"\r\n\r\n")[0]
    assert head.lower().count(b"\r\nto:") == head.lower().count(b"\r\nsubject:") == 1


@pytest.mark.parametrize("length", [20, 80, 200])
def test_a_long_message_id_stays_in_one_piece(world: World, length: int) -> None:
    message_id = f"<shipped.17@{'d' * length}.example>"
    world.mailer.send(**MAIL | {"message_id": message_id})
    assert world.messages()[0]["message_id"] == message_id


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
@pytest.mark.parametrize(
    ("status", "failure"), [(451, NotSent), (421, NotSent), (530, NotSent), (550, Refused), (554, Refused)]
)
def test_the_servers_no_is_told_apart_by_its_status(
    world: World, step: str, status: int, failure: type[AdapterError]
) -> None:
    world.spoil(step, "error", status=status)
    with pytest.raises(failure) as caught:
        world.mailer.send(**MAIL)
    assert type(caught.value) is failure
    assert caught.value.code == f"smtp_{status}"
    assert world.messages() == []
    world.mailer.send(**MAIL)
    assert len(world.messages()) == 1


@pytest.mark.parametrize("kind", ["reset_before", "hang"])
def test_a_connection_that_dies_before_the_body_sent_nothing(world: World, kind: str) -> None:
    world.spoil("RCPT", kind)
    with pytest.raises(NotSent):
        world.mailer.send(**MAIL)
    assert world.messages() == []


@pytest.mark.parametrize(
    ("kind", "options", "kept"),
    [
        ("reset_after", {}, 1),
        ("reset_before", {}, 0),
        ("hang", {}, 0),
        ("hang", {"processed": True}, 1),
        ("latency", {"milliseconds": 900}, 0),
    ],
)
def test_silence_after_the_body_is_doubtful(world: World, kind: str, options: dict[str, Any], kept: int) -> None:
    world.spoil("DATA", kind, **options)
    with pytest.raises(Doubtful) as caught:
        world.mailer.send(**MAIL)
    assert caught.value.code
    assert len(world.messages()) == kept


def test_behind_a_refused_connection_nothing_was_sent() -> None:
    with listen(0) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotSent) as caught:
        mailer(port).send(**MAIL)
    assert caught.value.code == "ConnectionRefusedError"


def test_a_server_that_never_greets_is_not_waited_for_longer_than_the_time_out() -> None:
    with listen(0) as listener:
        started = time.monotonic()
        with pytest.raises(NotSent):
            mailer(listener.getsockname()[1], IMPATIENT).send(**MAIL)
        assert time.monotonic() - started < 3


def test_where_tls_is_asked_for_nothing_goes_out_without_it(world: World) -> None:
    with pytest.raises(NotSent) as caught:
        mailer(world.port, starttls=True).send(**MAIL)
    assert caught.value.code == "SMTPNotSupportedError"
    assert world.messages() == []


@pytest.mark.parametrize(("password", "arrives"), [("open sesame", True), ("guess", False)])
def test_credentials_decide_whether_a_mail_goes_out(password: str, *, arrives: bool) -> None:
    app = create_app(credentials=("shop", password))
    with serving(app) as url:
        sender = mailer(smtp_port(app), username="shop")
        if arrives:
            sender.send(**MAIL)
        else:
            with pytest.raises(NotSent) as caught:
                sender.send(**MAIL)
            assert caught.value.code == "smtp_535"
        assert len(World(url, smtp_port(app)).messages()) == int(arrives)
        assert [finding.severity is Severity.OK for finding in sender.check()] == [arrives]


def test_checking_sends_nothing_and_names_the_remedy(world: World) -> None:
    assert [finding.severity for finding in world.mailer.check()] == [Severity.OK]
    assert world.messages() == []
    (finding,) = mailer(world.port, starttls=True).check()
    assert finding.severity is Severity.ERROR
    assert "starttls" in finding.remedy


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "hang", "error"])
@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_no_failure_message_names_the_recipient(world: World, step: str, kind: str) -> None:
    world.spoil(step, kind, status=550)
    with pytest.raises(AdapterError) as caught:
        world.mailer.send(**MAIL)
    assert "quillfeather" not in f"{caught.value!r} {caught.value.code}"


def test_the_plugin_reads_its_password_by_name(world: World) -> None:
    assert load_plugins("notifiers")["smtp"] is PLUGIN
    asked: list[str] = []

    def secrets(name: str) -> str:
        asked.append(name)
        return "open sesame"

    settings = Mail.model_validate(
        {
            "host": "127.0.0.1",
            "port": world.port,
            "starttls": False,
            "password_env": "MAIL_PASSWORD",
            "sender": MAIL["sender"],
            "alerts_to": "ops@x.example",
        }
    )
    build(settings=settings, secrets=secrets).send(**MAIL)
    assert (asked, len(world.messages())) == (["MAIL_PASSWORD"], 1)


def test_the_inbox_runs_as_a_process_and_ends_on_sigterm() -> None:
    with listen(0) as first, listen(0) as second:
        ports = [first.getsockname()[1], second.getsockname()[1]]
    command = [sys.executable, "-m", "sandbox.mailbox", "--port", str(ports[0]), "--http-port", str(ports[1])]
    with subprocess.Popen(command) as process:
        try:
            _patiently_greeted(ports[0])
            mailer(ports[0]).send(**MAIL)
            listing = HTTP.get(f"http://127.0.0.1:{ports[1]}/_sandbox/messages").json()
            assert len(listing["messages"]) == 1
            assert HTTP.delete(f"http://127.0.0.1:{ports[1]}/_sandbox/messages").json() == {"messages": []}
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)


def _patiently_greeted(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=2):
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
