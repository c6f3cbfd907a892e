"""Mail over SMTP, one at a time, with an exact account of what became of it.

SMTP (RFC 5321 §4.2.5, §4.5.3.2.6) takes over a mail with the 250 after its final dot. Until DATA nothing was sent; a
connection that dies between the body and that 250 leaves it open whether the mail goes out.
"""

import re
import smtplib
import ssl
import time
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY

from adapters.errors import AdapterError, Doubtful, NotSent, Refused
from adapters.plugin import Plugin
from models.configuration import Mail
from models.findings import Finding, Severity

TIMEOUT = timedelta(seconds=30)  # for each answer of the mail server
_POLICY = SMTP_POLICY.clone(cte_type="7bit")  # any server takes it, with or without 8BITMIME
_ADDRESS = re.compile(r"[!#-'*+\-/-9=?A-Z^-~.]+@[A-Za-z0-9.-]+")  # RFC 5321 without quoted local parts
# Refusals of us, not of the mail: it can still go out once the configuration is put right (RFC 4954 §6, RFC 3207 §4).
_ABOUT_US = frozenset({530, 534, 535, 538})


class SmtpMailer:
    """The mailer's port. Each mail has a connection of its own, so it is safe to share between threads."""

    def __init__(self, settings: Mail, password: str, timeout: timedelta = TIMEOUT) -> None:
        self._settings = settings
        self._password = password
        self._timeout = timeout.total_seconds()

    def send(self, *, sender: str, sender_name: str, recipient: str, subject: str, body: str, message_id: str) -> None:
        """Hand one mail to the mail server; see the port for what each failure means."""
        address = deliverable_address(recipient)
        message = compose(
            sender=sender, sender_name=sender_name, recipient=address, subject=subject, body=body, message_id=message_id
        )
        self.deliver(sender=sender, recipient=address, message=message.as_bytes())

    def deliver(self, *, sender: str, recipient: str, message: bytes, leave_within: timedelta | None = None) -> None:
        """Hand over a mail that is written already; fails like ``send``.

        Where its body could not leave ``leave_within`` of the beginning, it does not leave at all: NotSent("too_slow").
        """
        began, connection = time.monotonic(), self._connect()
        try:
            _announce(connection, sender, recipient)
            if leave_within is not None and time.monotonic() - began > leave_within.total_seconds():
                raise NotSent("mail server: too slow to send it in time", code="too_slow")
            _hand_over(connection, message)
            with suppress(OSError):
                connection.quit()
        finally:
            connection.close()

    def probe(self) -> None:
        """Open a session and end it; no mail is sent. Raises NotSent where the server does not answer or take us."""
        connection = self._connect()
        with suppress(OSError):
            connection.quit()
        connection.close()

    def check(self) -> list[Finding]:
        """Check that the mail server answers and takes our credentials; no mail is sent."""
        where = f"{self._settings.host}:{self._settings.port}"
        try:
            self.probe()
        except AdapterError as error:
            remedy = "check host, port, starttls, username and password_env of [mail]"
            return [Finding(area="mail", severity=Severity.ERROR, subject=where, message=str(error), remedy=remedy)]
        how = "over TLS" if self._settings.starttls else "without TLS"
        return [Finding(area="mail", severity=Severity.OK, subject=where, message=f"answers {how}")]

    def _connect(self) -> smtplib.SMTP:
        """Connect, secure and log in. Whatever fails here, nothing was sent."""
        # Our own domain as the EHLO name: asking the system for a full host name can take long without a resolver.
        domain = self._settings.sender.rpartition("@")[2]
        connection = smtplib.SMTP(timeout=self._timeout, local_hostname=domain)
        try:
            self._open(connection)
        except OSError as error:
            connection.close()
            code = _code_of(error)
            raise NotSent(f"mail server {self._settings.host}: no session ({code})", code=code) from None
        return connection

    def _open(self, connection: smtplib.SMTP) -> None:
        status, _ = connection.connect(self._settings.host, self._settings.port)
        if status != 220:
            raise smtplib.SMTPConnectError(status, "no greeting")
        connection.ehlo_or_helo_if_needed()
        if self._settings.starttls:
            connection.starttls(context=ssl.create_default_context())
            connection.ehlo_or_helo_if_needed()
        if self._settings.username:
            connection.login(self._settings.username, self._password)


def compose(*, sender: str, sender_name: str, recipient: str, subject: str, body: str, message_id: str) -> EmailMessage:
    """Write a plain-text mail. No header can be broken out of: line breaks and control characters become spaces."""
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(display_name=one_line(sender_name), addr_spec=sender)
    message["To"] = recipient
    message["Subject"] = one_line(subject)
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note is wanted in return
    message.set_content(_encodable(body).replace("\x00", ""))
    return message


def one_line(text: str) -> str:
    """Put a text on one line that fits into a header."""
    return " ".join("".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in _encodable(text)).split())


def deliverable_address(recipient: str) -> str:
    """Write an address in ASCII, its domain as IDNA. Raises Refused where no mail server we know could take it."""
    local, _, domain = recipient.strip().rpartition("@")
    try:
        address = f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        address = ""
    if not _ADDRESS.fullmatch(address):
        raise Refused("the recipient is no address that mail can be sent to", code="bad_address")
    return address


def _announce(connection: smtplib.SMTP, sender: str, recipient: str) -> None:
    """Name sender and recipient and get leave to send the body. Until then nothing was sent."""
    steps: list[tuple[str, Callable[[], tuple[int, bytes]]]] = [
        ("MAIL", lambda: connection.mail(sender)),
        ("RCPT", lambda: connection.rcpt(recipient)),
        ("DATA", lambda: connection.docmd("DATA")),
    ]
    for step, take in steps:
        try:
            status, _ = take()
        except OSError as error:
            raise NotSent(f"mail server: lost at {step}", code=_code_of(error)) from None
        _raise_for(status, step)


def _hand_over(connection: smtplib.SMTP, message: bytes) -> None:
    """Send the body. From here on silence means that nobody knows."""
    stuffed = re.sub(rb"(?m)^\.", b"..", message.rstrip(b"\r\n"))
    try:
        connection.send(stuffed + b"\r\n.\r\n")
        status, _ = connection.getreply()
    except OSError as error:
        raise Doubtful("mail server: no answer after the body", code=_code_of(error)) from None
    if not 200 <= status < 600:
        raise Doubtful("mail server: an answer nobody understands after the body", code="smtp_unreadable")
    _raise_for(status, "the body")


def _raise_for(status: int, step: str) -> None:
    """Tell "later" from "never". The server's own words stay out: they often repeat the address."""
    if 200 <= status < 400:
        return
    failure = Refused if 500 <= status < 600 and status not in _ABOUT_US else NotSent
    raise failure(f"mail server: answered {status} to {step}", code=f"smtp_{status}")


def _code_of(error: OSError) -> str:
    return f"smtp_{error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else type(error).__name__


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def build(*, settings: Mail, secrets: Callable[[str], str]) -> SmtpMailer:
    """Build the mailer from configuration."""
    return SmtpMailer(settings, secrets(settings.password_env) if settings.password_env else "")


PLUGIN = Plugin(id="smtp", group="notifiers", build=build, label="SMTP")
