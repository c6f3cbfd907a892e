"""Handing mails over to the mail server, with a record of each, and keeping a copy of what was taken."""

import re
import time
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default

from adapters.errors import AdapterError, AuthenticationFailed, NotSent
from adapters.http import KEPT_BODY, CallSink
from adapters.notifiers.smtp import SmtpMailer
from adapters.suppliers.email.profile import EmailProfile
from models.calls import CallRecord
from models.configuration import Mail

# RFC 4954 §6: the server wants other credentials, or any.
CREDENTIALS = frozenset(("smtp_530", "smtp_534", "smtp_535", "smtp_538"))
TAKEN = 250
PAGE_LINK = re.compile(r"https?://\S+/s/\S+")
WITHHELD = "[link]"


class PostOffice:
    """Where one supplier's orders are handed over. ``timeout``: how long the whole of it may take."""

    def __init__(self, profile: EmailProfile, password: str, timeout: timedelta, sink: CallSink, system: str) -> None:
        self._profile = profile
        self._timeout = timeout
        self._sink = sink
        self._system = system
        # Half of the time is for all that comes before the body, so that a body leaves early enough or not at all.
        self._mailer = SmtpMailer(_settings(profile), password, timeout=timeout / 2)

    def send(self, operation: str, recipient: str, message: bytes) -> None:
        """Hand over a mail. Raises NotSent, Refused, AuthenticationFailed or Doubtful."""
        began, clock, failure = datetime.now(UTC), time.monotonic(), ""
        try:
            self._mailer.deliver(
                sender=self._profile.sender, recipient=recipient, message=message, leave_within=self._timeout / 2
            )
        except AdapterError as error:
            failure = error.code
            raise _named(error) from None
        finally:
            self._sink(self._record(operation, message, failure, began, clock))

    def probe(self) -> None:
        """Ask whether the server takes us now. Raises NotSent or AuthenticationFailed."""
        try:
            self._mailer.probe()
        except NotSent as error:
            raise _named(error) from None

    def _record(self, operation: str, message: bytes, failure: str, began: datetime, clock: float) -> CallRecord:
        smtp = self._profile.smtp
        return CallRecord(
            system=self._system,
            operation=operation,
            method="SMTP",
            url=f"smtp://{smtp.host}:{smtp.port}",
            request=_readable(message)[:KEPT_BODY].replace("\x00", ""),
            reply="",
            status=None if failure else TAKEN,
            error=failure,
            started_at=began,
            duration_ms=round((time.monotonic() - clock) * 1000),
        )


def _readable(message: bytes) -> str:
    """Write a mail's headers and text. The link in it lets whoever has it answer as the supplier: it is left out."""
    mail = message_from_bytes(message, policy=default)
    text = mail.get_body(("plain",))
    headers = "".join(f"{name}: {value}\n" for name, value in mail.items())
    return f"{headers}\n{PAGE_LINK.sub(WITHHELD, text.get_content() if text else '')}"


def _settings(profile: EmailProfile) -> Mail:
    smtp = profile.smtp
    return Mail(
        host=smtp.host,
        port=smtp.port,
        starttls=smtp.starttls,
        username=smtp.username,
        password_env=smtp.password_env,
        sender=profile.sender,
        sender_name=profile.sender_name,
        alerts_to=profile.sender,
    )


def _named(error: AdapterError) -> AdapterError:
    if isinstance(error, NotSent) and error.code in CREDENTIALS:
        return AuthenticationFailed(str(error), code=error.code)
    return error
