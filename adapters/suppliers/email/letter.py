"""A mail as it came, read into what an answer is judged by. Pure; whatever somebody sends, only UnreadableMail is raised.

Structure is bounded before Python's parser sees it: nested parts would exhaust its recursion.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from adapters.notifiers.smtp import one_line
from adapters.suppliers.email.html_text import shows_pictures, text_of_html
from adapters.suppliers.email.leftovers import HARMLESS, WORD
from adapters.suppliers.email.references import MESSAGE_ID
from adapters.suppliers.email.words import plain

MOST_PARTS = 60
MOST_TEXT = 200_000  # characters of a part that are looked at
MOST_HEADER = 20_000
TRUNCATED = "X-Dropwright-Truncated"  # how large a mail was of which only the headers were read
NOT_FETCHED = "X-Dropwright-Not-Fetched"  # which mail it is that our mail server does not give out
MULTIPLE = re.compile(rb"multipart/|message/rfc822|message/global", re.IGNORECASE)
MAIL_SERVERS = frozenset(("mailer-daemon", "postmaster"))
BODIES = ("text/plain", "text/html")
SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature")
RECIPIENTS = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To")
RECIPIENT_FIELDS = ("final-recipient", "original-recipient")  # RFC 3464 §2.3: "rfc822; ana@olmo.example"
MOJIBAKE = re.compile("Ã[\x80-\xbf\u0152-\u2122]|â€")


class UnreadableMail(ValueError):
    """A mail that is no mail, or a bomb; the message is a code."""


@dataclass(frozen=True)
class Report:
    """What a mail server says of one of our mails (RFC 3464). ``action``: failed, delayed, delivered …"""

    action: str
    status: str
    references: tuple[str, ...]
    subject: str
    recipients: tuple[str, ...] = ()  # whom it is about


@dataclass(frozen=True)
class Attachment:
    """What is attached to a mail, under the name that its sender gave it."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Letter:
    """A mail's facts. ``references``: the Message-IDs it answers, the newest last. ``truncated``: its size in bytes."""

    message_id: str
    subject: str
    senders: tuple[str, ...]
    recipients: tuple[str, ...]
    references: tuple[str, ...]
    authentication: tuple[str, ...]  # Authentication-Results as they stand, topmost first
    sent_at: datetime | None
    automatic: str  # RFC 3834's word, e.g. "auto-replied", or the header that says so
    text: str = field(repr=False)
    attachments: tuple[Attachment, ...] = ()
    signers: frozenset[str] = frozenset()  # words by which its sender is called, plain
    shows_more: bool = False  # than was read of it: pictures
    report: Report | None = None
    truncated: int | None = None
    fetched: bool = True  # False: at most its headers

    @property
    def is_from_mail_server(self) -> bool:
        """Say whether a mail server has written it, in whatever form: many bounces are no reports."""
        return any(sender.partition("@")[0] in MAIL_SERVERS for sender in self.senders)


def read_letter(body: bytes) -> Letter:
    """Read a mail. Raises UnreadableMail where it has no headers, or more parts than anybody writes."""
    if len(MULTIPLE.findall(body)) > MOST_PARTS:
        raise UnreadableMail("too_many_parts")
    try:
        mail = message_from_bytes(body)
        return _letter(mail)
    except UnreadableMail:
        raise
    except Exception as error:  # noqa: BLE001 - the standard parser fails in many ways on what was made to break it
        raise UnreadableMail(f"no_mail_{type(error).__name__}"[:60]) from None


def _letter(mail: Message) -> Letter:
    if not mail.keys():
        raise UnreadableMail("no_headers")
    parts = list(_parts(mail))
    text = _text(parts)
    truncated = header(mail, TRUNCATED)
    return Letter(
        message_id=message_id_of(mail),
        subject=header(mail, "Subject"),
        senders=_addresses(mail, "From"),
        recipients=tuple(address for name in RECIPIENTS for address in _addresses(mail, name)),
        references=references_of(mail),
        authentication=tuple(_folded(value) for value in mail.get_all("Authentication-Results", [])),
        sent_at=sent_at(mail),
        automatic=_automatic(mail),
        text=text,
        attachments=tuple(attachments_of(mail)),
        signers=_signers(mail),
        shows_more=_shows_more(parts, text),
        report=_report(mail),
        truncated=int(truncated) if truncated.isdecimal() else None,
        fetched=NOT_FETCHED not in mail,
    )


def header(mail: Message, name: str) -> str:
    """Read a header on one line, decoded; "" where there is none."""
    value = mail.get(name)
    return "" if value is None else _decoded(_folded(value))


def message_id_of(mail: Message) -> str:
    """Read a mail's own Message-ID; "" where it has none."""
    found = MESSAGE_ID.search(header(mail, "Message-ID"))
    return found[0] if found else ""


def references_of(mail: Message) -> tuple[str, ...]:
    """List the Message-IDs that a mail refers to, the one it answers last."""
    return tuple(MESSAGE_ID.findall(header(mail, "References") + " " + header(mail, "In-Reply-To")))


def sent_at(mail: Message) -> datetime | None:
    """Read when its sender says that it was sent."""
    try:
        stated = parsedate_to_datetime(header(mail, "Date"))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return stated.replace(tzinfo=UTC) if stated.tzinfo is None else stated


def attachments_of(mail: Message) -> Iterator[Attachment]:
    """List what is attached to a mail."""
    for part in _parts(mail):
        if _is_attached(part):
            name = _decoded(_folded(part.get_filename() or part.get_content_type()))
            yield Attachment(name, _payload(part))


def _folded(value: object) -> str:
    return one_line(str(value)[:MOST_HEADER])


def _decoded(value: str) -> str:
    try:
        return one_line(str(make_header(decode_header(value))))
    except (LookupError, ValueError):
        return value


def _addresses(mail: Message, name: str) -> tuple[str, ...]:
    values = [_folded(value) for value in mail.get_all(name, [])]
    return tuple(address.lower() for _, address in getaddresses(values) if "@" in address)


def _signers(mail: Message) -> frozenset[str]:
    """Take a sender's names apart: of the person, the company, its domain. "orders" and its like name nobody."""
    named = getaddresses([header(mail, "From")])
    words = WORD.findall(plain(" ".join(f"{name} {address}" for name, address in named)))
    return frozenset(word for word in words if len(word) > 2 and word not in HARMLESS)


def _automatic(mail: Message) -> str:
    # "auto-generated" is no absence note: order systems confirm so.
    said = header(mail, "Auto-Submitted").partition(";")[0].strip().lower()
    if said and said != "no":
        return said
    noted = header(mail, "Precedence").lower() == "auto_reply" or mail.get_content_type() == "multipart/report"
    return "auto-replied" if noted or any(mail.get(name) for name in ("X-Autoreply", "X-Autorespond")) else ""


# Parts.


def _parts(mail: Message) -> Iterator[Message]:
    """Walk through the leaves; a mail within a mail is one leaf, whatever it holds."""
    if mail.get_content_maintype() == "multipart" and isinstance(payload := mail.get_payload(), list):
        for part in payload:
            if isinstance(part, Message):
                yield from _parts(part)
    else:
        yield mail


def _is_attached(part: Message) -> bool:
    """Say whether a part is a paper. Some programs show papers in place; pictures in place are logos of signatures."""
    kind = part.get_content_maintype()
    if part.get_content_type() in SIGNATURES:  # they say who has written, and nothing of the order
        return False
    if part.get_content_disposition() == "attachment" or kind == "message":
        return True
    if kind == "text":
        return part.get_content_type() not in BODIES or bool(part.get_filename())
    return kind != "image"


def _text(parts: list[Message]) -> str:
    """Take the plain text, or what a browser would show of the HTML."""
    bodies = [part for part in parts if not _is_attached(part)]
    plain = [_content(part) for part in bodies if part.get_content_type() == "text/plain"]
    if any(text.strip() for text in plain):
        return "\n".join(plain)
    return "\n".join(text_of_html(_content(part)) for part in bodies if part.get_content_type() == "text/html")


def _shows_more(parts: list[Message], text: str) -> bool:
    bodies = [part for part in parts if not _is_attached(part)]
    if any(part.get_content_maintype() == "image" for part in bodies):
        return True
    pages = (_content(part) for part in bodies if part.get_content_type() == "text/html")
    return not text.strip() and any(map(shows_pictures, pages))


def _content(part: Message) -> str:
    return decode(_payload(part), part.get_content_charset("")).replace("\r\n", "\n")[:MOST_TEXT]


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def decode(data: bytes, declared: str) -> str:
    """Read bytes as text. Whoever declares one charset and sends another is read all the same."""
    for charset in ("utf-8", declared):  # what is valid UTF-8 is nothing else, whatever was declared
        try:
            return _mended(data.decode(charset or "utf-8").replace("\x00", ""))
        except (UnicodeDecodeError, LookupError, ValueError):
            continue
    return data.decode("cp1252", "replace").replace("\x00", "")


def _mended(text: str) -> str:
    """Undo UTF-8 that was taken for Latin-1 once and encoded again."""
    if not MOJIBAKE.search(text):
        return text
    for charset in ("cp1252", "latin-1"):
        try:
            return text.encode(charset).decode("utf-8")
        except UnicodeError:
            continue
    return text


# Reports of mail servers.


def _report(mail: Message) -> Report | None:
    if mail.get_content_type() != "multipart/report" or str(mail.get_param("report-type")).lower() != "delivery-status":
        return None
    fields: dict[str, str] = {}
    original: Message = Message()
    for part in mail.get_payload() if isinstance(mail.get_payload(), list) else []:
        if not isinstance(part, Message):
            continue
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            fields |= _status_fields(part)
        elif kind in ("message/rfc822", "text/rfc822-headers"):
            original = _original(part)
    references = (*references_of(mail), *references_of(original), message_id_of(original))
    subject = header(original, "Subject") or header(mail, "Subject")
    return Report(
        action=fields.get("action", ""),
        status=fields.get("status", ""),
        references=tuple(filter(None, references)),
        subject=subject,
        recipients=tuple(fields[name] for name in RECIPIENT_FIELDS if name in fields),
    )


def _status_fields(part: Message) -> dict[str, str]:
    blocks = part.get_payload()
    found: dict[str, str] = {}
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, Message):
            found |= {name: header(block, name).lower()[:20] for name in ("action", "status") if block.get(name)}
            named = {name: header(block, name).rpartition(";")[2] for name in RECIPIENT_FIELDS if block.get(name)}
            found |= {name: address.strip().strip("<>").lower() for name, address in named.items()}
    return found


def _original(part: Message) -> Message:
    inner = part.get_payload()
    if isinstance(inner, list) and inner and isinstance(inner[0], Message):
        return inner[0]
    return message_from_bytes(_payload(part))
