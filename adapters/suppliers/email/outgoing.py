"""Our own mails to a supplier, whole and ready to leave: a purchase order, or the wish to cancel one.

Every mail is plain text with the same facts as its attachments. No value can break out of a header: see ``compose``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage

from adapters.notifiers.smtp import compose, deliverable_address, one_line
from adapters.suppliers.email import order_papers
from adapters.suppliers.email.profile import EmailProfile
from adapters.suppliers.email.references import message_id, plus_address, token
from models.exchange import DocumentKind, Drafted
from models.suppliers import SupplierOrder

ANSWER = """
Please answer this mail, above our text, and leave {token} in its subject:
"accepted", "rejected", "not available until DATE", or "shipped" with the tracking number.
"""
FILL_IN = """
Or send our table back with its last columns filled in: status (accepted, rejected or backordered), qty_accepted, eta.
"""
CANCEL = """Please cancel our purchase order {number}, and do not ship it.

Answer this mail with "cancelled", or with "already shipped" where it is too late. Leave {token} in its subject.
"""


@dataclass(frozen=True)
class Letterhead:
    """Who writes to whom, and when."""

    profile: EmailProfile
    supplier: str  # its id
    now: datetime


def draft_order(order: SupplierOrder, control: int, head: Letterhead, *, link: str | None = None) -> Drafted:
    """Write a purchase order as a mail. ``link`` leads to the page on which the supplier can answer, where there is one."""
    kind = DocumentKind.ORDER
    subject = f"{token(order.number)} {'TEST ' if order.test else ''}Purchase order {order.number}"
    mail = _mail(head, kind, order.number, control, subject=subject, body=_body(order, head.profile, link))
    if order.test and head.profile.test_to is not None:
        mail.replace_header("To", deliverable_address(head.profile.test_to))
    for form in head.profile.attach:
        _attach(mail, order, form, head.profile.account)
    return Drafted(name=str(mail["Message-ID"]), body=mail.as_bytes())


def draft_cancellation(number: str, control: int, head: Letterhead) -> Drafted:
    """Write the wish to cancel a purchase order as a mail."""
    subject = f"{token(number)} Cancellation of purchase order {number}"
    body = _greeted(head.profile) + CANCEL.format(number=number, token=token(number)) + _signature(head.profile)
    mail = _mail(head, DocumentKind.CANCELLATION, number, control, subject=subject, body=body)
    return Drafted(name=str(mail["Message-ID"]), body=mail.as_bytes())


def recipient_of(mail: bytes, profile: EmailProfile) -> str:
    """Say where a mail goes that was written before: to the address as it is now, which may have been put right since."""
    written_to = str(message_from_bytes(mail)["To"])
    if profile.test_to is not None and written_to == deliverable_address(profile.test_to):
        return written_to
    return deliverable_address(profile.to)


def _mail(head: Letterhead, kind: DocumentKind, number: str, control: int, *, subject: str, body: str) -> EmailMessage:
    profile = head.profile
    mail = compose(
        sender=profile.sender,
        sender_name=profile.sender_name,
        recipient=deliverable_address(profile.to),
        subject=subject,
        body=body,
        message_id=message_id(kind, number, control, head.supplier, profile.domain),
    )
    # The desk keeps these bytes: whenever they leave, they say when they were written.
    mail.replace_header("Date", head.now.astimezone(UTC))
    mail["Reply-To"] = plus_address(profile.answers_to, number) if profile.plus_address else profile.answers_to
    mail["X-Control-Number"] = str(control)
    return mail


def _body(order: SupplierOrder, profile: EmailProfile, link: str | None) -> str:
    page = f"\nOr answer on this page, which is yours alone: {link}\n" if link else ""
    facts = order_papers.as_text(order, account=profile.account)
    answer = ANSWER.format(token=token(order.number)) + (FILL_IN if "csv" in profile.attach else "")
    return _greeted(profile) + facts + answer + page + _signature(profile)


def _greeted(profile: EmailProfile) -> str:
    return f"{profile.greeting.strip()}\n\n" if profile.greeting.strip() else ""


def _signature(profile: EmailProfile) -> str:
    return f"\n-- \n{one_line(profile.sender_name)}\n" if profile.sender_name else ""


def _attach(mail: EmailMessage, order: SupplierOrder, form: str, account: str) -> None:
    if form == "pdf":
        page = order_papers.as_pdf(order, account=account)
        mail.add_attachment(page, maintype="application", subtype="pdf", filename=f"{order.number}.pdf")
    else:
        table = order_papers.as_csv(order)
        mail.add_attachment(table, maintype="text", subtype="csv", filename=f"{order.number}.csv")
