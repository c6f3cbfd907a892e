"""Whether an order's mail has left, where its handing-over was not answered: by signs, never by a guess.

That it has not left is known only where no mail was ever written: a mail server may still deliver what it has taken
over without an answer, and no folder shows that it won't.
"""

from collections.abc import Iterator
from contextlib import suppress

from adapters.errors import AdapterError
from adapters.ports import DocumentDesk
from adapters.suppliers.email.imap import HEADERS, Mailbox
from adapters.suppliers.email.letter import UnreadableMail, read_letter
from adapters.suppliers.email.profile import EmailProfile, Imap
from adapters.suppliers.email.trust import doubt_about
from models.exchange import DocumentKind, DocumentState, Outgoing
from models.suppliers import Lookup, LookupVerdict, PlacedOrder, SupplierOrderStatus, SupplierState

LEFT = frozenset((DocumentState.SENT, DocumentState.RECEIVED))
RECEIVED = "received"  # the desk's word where a supplier has answered without a verdict
MOST_ANSWERS = 20  # that are looked at


class Proof:
    """The signs of one supplier's orders."""

    def __init__(self, desk: DocumentDesk, mailbox: Mailbox | None, profile: EmailProfile) -> None:
        self._desk = desk
        self._mailbox = mailbox
        self._profile = profile

    def find(self, number: str) -> Lookup:
        """Look for a sign that the mail has left; the desk is told where there is one."""
        outgoing = self._desk.find_outgoing(DocumentKind.ORDER, number)
        if outgoing is None:
            return Lookup(verdict=LookupVerdict.ABSENT, said="no mail was ever written")
        sign = self._sign(outgoing, number)
        if not sign:
            return Lookup(verdict=LookupVerdict.UNSURE, said="no sign that the mail has left")
        if outgoing.state not in LEFT:
            with suppress(AdapterError):  # the sign stays where it is, and is found again
                self._desk.sent(outgoing)
        placed = _placed(number, self._desk.order_status(number))
        return Lookup(verdict=LookupVerdict.FOUND, placed=placed, said=sign)

    def _sign(self, outgoing: Outgoing, number: str) -> str:
        if outgoing.state in LEFT:
            return "the mail server took it over"
        status = self._desk.order_status(number)
        if status is not None and (status.state is not SupplierState.SENT or status.status_text == RECEIVED):
            return "the supplier has answered it"
        if self._mailbox is None or self._profile.imap is None:
            return ""
        try:
            return self._sign_in(self._mailbox, self._profile.imap, outgoing.name)
        finally:
            self._mailbox.close()

    def _sign_in(self, mailbox: Mailbox, settings: Imap, message_id: str) -> str:
        if settings.sent and mailbox.search_header(settings.sent, "Message-ID", message_id):
            return "it lies in the Sent folder"
        answered = any(self._is_believed(headers) for headers in _answers(mailbox, settings, message_id))
        return "an answer refers to it" if answered else ""

    def _is_believed(self, headers: bytes) -> bool:
        try:
            return not doubt_about(read_letter(headers), self._profile)
        except UnreadableMail:
            return False


def _answers(mailbox: Mailbox, settings: Imap, message_id: str) -> Iterator[bytes]:
    """Read the headers of mails in the inbox that refer to one of ours; those put away are in the desk's books."""
    found = {
        uid
        for name in ("In-Reply-To", "References")
        for uid in mailbox.search_header(settings.folder, name, message_id)
    }
    for uid in sorted(found)[:MOST_ANSWERS]:
        yield mailbox.fetch(settings.folder, uid, HEADERS) or b""


def _placed(number: str, status: SupplierOrderStatus | None) -> PlacedOrder:
    if status is None:
        return PlacedOrder(supplier_number=number, state=SupplierState.SENT)
    return PlacedOrder(supplier_number=number, state=status.state, status_text=status.status_text, lines=status.lines)
