"""Mails to read in tests: genuine answers, and what somebody made of them."""

from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP
from types import MappingProxyType
from typing import Any

from adapters.suppliers.email.profile import EmailProfile
from adapters.suppliers.email.reading import read_mail
from models.exchange import Reading, Unclear
from models.suppliers import SupplierLine
from tests.adapters.mail_world import EANS, profile

NOTHING: Mapping[str, bytes] = MappingProxyType({})
OURS = "<po.DW-1-11.7.olmo@shop.example>"
LINES = (SupplierLine(ean=EANS[0], quantity=2), SupplierLine(ean=EANS[1], quantity=1))
GENUINE = "mx.shop.example; dkim=pass header.d=olmo.example; spf=pass smtp.mailfrom=x@olmo.example"
QUOTE = "\n\nOn Mon, 2 Mar 2026, Orders <orders@shop.example> wrote:\n> accepted, rejected or shipped?\n> 2 x 4006381333931\n"


def configured(**changes: Any) -> EmailProfile:
    return EmailProfile.model_validate(profile(25, 143, **changes))


def written(text: str = "accepted", *, attached: Mapping[str, bytes] = NOTHING, **changes: Any) -> bytes:
    """Write a genuine answer; ``changes`` replace headers, None leaves one out. ``attached``: bodies by name."""
    headers: dict[str, str | None] = {
        "Authentication-Results": GENUINE,
        "From": "Olmo <orders@olmo.example>",
        "To": "orders@shop.example",
        "Subject": "Re: [PO:DW-1-11] Purchase order DW-1-11",
        "Date": "Mon, 02 Mar 2026 10:00:00 +0000",
        "Message-ID": "<answer-1@olmo.example>",
        "In-Reply-To": OURS,
    }
    mail = EmailMessage(policy=SMTP)
    for name, value in (headers | {name.replace("_", "-"): value for name, value in changes.items()}).items():
        if value is not None:
            mail[name] = value
    mail.set_content(text)
    for name, body in attached.items():
        mail.add_attachment(body, maintype="application", subtype="octet-stream", filename=name)
    return mail.as_bytes()


def read(body: bytes, **changes: Any) -> Reading:
    return read_mail(body, profile=configured(**changes), lines_of=lambda _: LINES, order_mail_of=lambda _: b"")


def told(text: str, **changes: Any) -> Any:
    reading = read(written(text, **changes))
    assert not reading.refused
    assert len(reading.news) == 1
    return reading.news[0]


def unclear(news: Any) -> str:
    assert isinstance(news, Unclear)
    return news.reason


BOUNCE = """From: MAILER-DAEMON@mx.shop.example
To: orders@shop.example
Subject: Undelivered Mail Returned to Sender
Message-ID: <bounce-1@mx.shop.example>
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

It could not be delivered.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.shop.example

Final-Recipient: rfc822; orders@olmo.example
Action: {action}
Status: 5.1.1

--b
Content-Type: {kind}

From: orders@shop.example
Subject: [PO:DW-1-11] Purchase order DW-1-11
Message-ID: <po.DW-1-11.7.olmo@shop.example>

--b--
"""


def nested(depth: int) -> bytes:
    head = written().partition(b"Content-Type")[0]
    parts = "".join(
        f'Content-Type: multipart/mixed; boundary="b{level}"\r\n\r\n--b{level}\r\n' for level in range(depth)
    )
    return head + parts.encode() + b"Content-Type: text/plain\r\n\r\naccepted\r\n"
