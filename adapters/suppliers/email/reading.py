"""What a mail means for our books: matched to its purchase order, believed or not, and put into news. Pure.

Order of matching (first that names a number counts, and those after must not contradict it): the plus address, the
``[PO:…]`` mark of the subject, the Message-IDs it answers, a number anywhere in subject or text.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256

from adapters.suppliers.email.attached import UncertainTable, foreign, read_table
from adapters.suppliers.email.classify import (
    Meaning,
    Verdict,
    classify,
    is_absence,
    speaks_of_one_article,
)
from adapters.suppliers.email.letter import Attachment, Letter, Report, UnreadableMail, read_letter
from adapters.suppliers.email.profile import EmailProfile
from adapters.suppliers.email.quoting import reply_of
from adapters.suppliers.email.references import (
    asks_to_cancel,
    numbers_of_addresses,
    numbers_of_references,
    numbers_of_text,
    numbers_of_tokens,
)
from adapters.suppliers.email.trust import doubt_about
from models.exchange import (
    CancelAnswered,
    DocumentKind,
    OrderAcknowledged,
    OrderReceived,
    OrderShipped,
    PartnerNews,
    Reading,
    Unclear,
)
from models.suppliers import AcknowledgedLine, LineStatus, SupplierLine, SupplierState, TrackedParcel

LinesOf = Callable[[str], Sequence[SupplierLine]]
MailOf = Callable[[str], bytes]
FORWARDED = re.compile(r"^\s*(fwd?|wg|rv|tr|i|inoltro)\s*:", re.IGNORECASE)
ON_ITS_WAY = frozenset(("delayed", "delivered", "relayed", "expanded"))  # RFC 3464 §2.3.3: all but "failed"
ORDER_ANSWERS = frozenset((Meaning.ACCEPTED, Meaning.REJECTED, Meaning.BACKORDERED, Meaning.SHIPPED))
# What a paper may contradict, or say instead.
OTHERS_SAY = frozenset((Meaning.ACCEPTED, Meaning.REJECTED, Meaning.BACKORDERED, Meaning.EMPTY, Meaning.ATTACHED))


def read_mail(body: bytes, *, profile: EmailProfile, lines_of: LinesOf, order_mail_of: MailOf) -> Reading:
    """Say what a mail means; what can't be read at all is ``refused``.

    ``order_mail_of`` is the mail by which an order left, b"" where there is none: it holds the papers that are ours.
    """
    try:
        letter = read_letter(body)
    except UnreadableMail as unreadable:
        return Reading(kind=DocumentKind.MAIL, refused=str(unreadable))
    news = _news(letter, profile, lines_of, order_mail_of)
    return Reading(kind=DocumentKind.MAIL, news=tuple(news), control=control_of(letter.message_id))


def control_of(message_id: str) -> int | None:
    """Fold a Message-ID into a number: another mail with the same one is not believed. None where there is none."""
    return int.from_bytes(sha256(message_id.encode()).digest()[:7], "big") if message_id else None


def numbers_in(letter: Letter, profile: EmailProfile) -> list[set[str]]:
    """List the purchase orders that a mail names, per kind of mark, the surest first."""
    marks = (
        numbers_of_addresses(letter.recipients, profile.answers_to),
        numbers_of_tokens(letter.subject),
        numbers_of_references(letter.references),
        numbers_of_text(f"{letter.subject}\n{letter.text if letter.is_from_mail_server else reply_of(letter.text)}"),
    )
    return [numbers for numbers in marks if numbers]


def numbers_of_report(letter: Letter) -> set[str]:
    """Read which of our orders a mail server's report is about: by the mail that came back, or else by its words."""
    if letter.report is None:
        return set()
    named = numbers_of_references(letter.report.references) or numbers_of_tokens(letter.report.subject)
    return named or numbers_of_text(letter.text)


def came_back(letter: Letter, profile: EmailProfile) -> bool:
    """Say whether a mail server speaks of a mail to this supplier, though it may not say of which."""
    where = {address.lower() for address in (profile.to, profile.test_to) if address}
    if letter.report is not None and letter.report.recipients:
        return not where.isdisjoint(letter.report.recipients)
    if letter.report is None and not letter.is_from_mail_server:
        return False
    return any(re.search(rf"(?<![\w.+-]){re.escape(address)}(?![\w-]|\.\w)", letter.text.lower()) for address in where)


def _news(letter: Letter, profile: EmailProfile, lines_of: LinesOf, order_mail_of: MailOf) -> Sequence[PartnerNews]:
    if letter.report is not None:
        return _returned(letter, letter.report)
    # All marks together: an order named in the subject and another in the address is nobody's guess to make.
    marks = numbers_in(letter, profile)
    named = {number for numbers in marks for number in numbers}
    number = next(iter(named)) if len(named) == 1 else None
    if not letter.fetched:
        return [Unclear(number=number, reason="not_fetched")]
    if letter.is_from_mail_server:
        return [Unclear(number=number, reason="bounced")]
    doubt = doubt_about(letter, profile)
    if letter.automatic == "auto-replied" or is_absence(letter.subject):
        return _by_itself(number, _verdict(letter, profile)) if number and not doubt else []
    problem = doubt or _problem(letter, named)
    if problem or number is None:
        return [Unclear(number=number, reason=problem or "no_order_named")]
    verdict = _verdict(letter, profile)
    if verdict.meaning in ORDER_ANSWERS and speaks_of_one_article(reply_of(letter.text)) and len(lines_of(number)) > 1:
        return [Unclear(number=number, reason="one_article")]
    if verdict.meaning is Meaning.EMPTY and letter.shows_more and not letter.attachments:
        return [Unclear(number=number, reason="attachment", detail="shown in place")]
    order_mail = order_mail_of(number)
    attached = foreign(letter.attachments, order_mail)
    if attached and verdict.meaning in OTHERS_SAY:
        return [_of_table(number, verdict, _filled_in(letter, attached, order_mail, profile), len(attached))]
    shipped = [OrderShipped(number=number, parcels=tuple(_parcels(verdict)))] if verdict.trackings else []
    if verdict.meaning is Meaning.SHIPPED:
        return shipped
    return [_told(number, verdict, lines_of), *shipped]


def _verdict(letter: Letter, profile: EmailProfile) -> Verdict:
    return classify(
        reply_of(letter.text),
        profile=profile,
        written_at=letter.sent_at,
        cancelling=asks_to_cancel(letter.references),
        signers=letter.signers,
    )


def _by_itself(number: str, verdict: Verdict) -> Sequence[PartnerNews]:
    """Take an absence note for a sign of receipt. One that is as plain as an answer is none: a person looks."""
    if verdict.meaning in (Meaning.EMPTY, Meaning.UNCLEAR, Meaning.ATTACHED):
        return [OrderReceived(number=number)]
    return [Unclear(number=number, reason="automatic")]


def _problem(letter: Letter, named: set[str]) -> str:
    """Say why nobody but a person may read this mail, as a code; "" where it can be read."""
    if letter.truncated is not None:
        return "too_large"
    if len(named) > 1:
        return "two_orders"
    if FORWARDED.match(letter.subject):
        return "forwarded"
    return "" if named else "no_order_named"


def _returned(letter: Letter, report: Report) -> Sequence[PartnerNews]:
    """Read what a mail server says: that a mail has failed needs somebody, and so does what says nothing known."""
    if report.action in ON_ITS_WAY:
        return []
    named = numbers_of_report(letter)
    number = next(iter(named)) if len(named) == 1 else None
    status = report.status if re.fullmatch(r"\d\.\d{1,3}\.\d{1,3}", report.status) else ""
    return [Unclear(number=number, reason="bounced", detail=f"status {status}" if status else "")]


def _filled_in(
    letter: Letter, attached: Sequence[Attachment], order_mail: bytes, profile: EmailProfile
) -> tuple[AcknowledgedLine, ...]:
    """Read our own table as it was filled in; () for any other paper, and in answer to our wish to cancel.

    There, "accepted" may mean the cancellation.
    """
    if len(attached) != 1 or asks_to_cancel(letter.references):
        return ()
    with suppress(UncertainTable):
        written_on = letter.sent_at.date() if letter.sent_at else None
        return read_table(attached[0], order_mail, profile, written_on=written_on)
    return ()


def _of_table(number: str, verdict: Verdict, lines: Sequence[AcknowledgedLine], papers: int) -> PartnerNews:
    """Take our table at its word; without ``lines``, or beside a text that says something else, it is a person's."""
    said = {line.status for line in lines}
    agrees = verdict.meaning in (Meaning.EMPTY, Meaning.ATTACHED) or (
        verdict == Verdict(Meaning.ACCEPTED) and said == {LineStatus.ACCEPTED}
    )
    if not lines or not agrees:
        return Unclear(number=number, reason="attachment", detail=f"{papers} attached")
    state = SupplierState.CANCELLED if said == {LineStatus.REJECTED} else SupplierState.ACKNOWLEDGED
    return OrderAcknowledged(number=number, state=state, status_text="our table, filled in", lines=tuple(lines))


def _told(number: str, verdict: Verdict, lines_of: LinesOf) -> PartnerNews:
    match verdict.meaning:
        case Meaning.UNCLEAR:
            return Unclear(number=number, reason=verdict.reason)
        case Meaning.ATTACHED:
            return Unclear(number=number, reason="attachment", detail="none of its own is attached")
        case Meaning.EMPTY:
            return OrderReceived(number=number)
        case Meaning.CANCELLED | Meaning.TOO_LATE:
            return CancelAnswered(number=number, cancelled=verdict.meaning is Meaning.CANCELLED)
        case Meaning.REJECTED:
            return OrderAcknowledged(number=number, state=SupplierState.CANCELLED, status_text="rejected by mail")
        case Meaning.BACKORDERED:
            return _dated(number, verdict, LineStatus.BACKORDERED, lines_of(number))
    if verdict.day is not None:
        return _dated(number, verdict, LineStatus.ACCEPTED, lines_of(number))
    return OrderAcknowledged(number=number, status_text="accepted by mail", changes_only=True)


def _parcels(verdict: Verdict) -> Iterator[TrackedParcel]:
    for tracking in verdict.trackings:
        yield TrackedParcel(tracking_number=tracking, carrier=verdict.carrier)


def _dated(number: str, verdict: Verdict, status: LineStatus, ordered: Sequence[SupplierLine]) -> PartnerNews:
    if not ordered:
        return Unclear(number=number, reason="no_lines_known")
    lines = tuple(
        AcknowledgedLine(ean=line.ean, quantity=line.quantity, status=status, expected_on=verdict.day)
        for line in ordered
    )
    return OrderAcknowledged(number=number, status_text=f"{status} by mail", lines=lines)
