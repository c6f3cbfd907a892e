"""Letting written mails leave: what was taken is noted and copied, and what is repeated is repeated byte for byte."""

from contextlib import suppress

from adapters.errors import AdapterError, AuthenticationFailed, Doubtful, NotSent, Refused
from adapters.ports import DocumentDesk
from adapters.suppliers.email.imap import Mailbox
from adapters.suppliers.email.outgoing import recipient_of
from adapters.suppliers.email.post import PostOffice
from adapters.suppliers.email.profile import EmailProfile
from models.exchange import DocumentKind, Outgoing


class Dispatch:
    """One supplier's way out."""

    def __init__(self, desk: DocumentDesk, post: PostOffice, mailbox: Mailbox | None, profile: EmailProfile) -> None:
        self._desk = desk
        self._post = post
        self._mailbox = mailbox
        self._profile = profile

    def send_order(self, outgoing: Outgoing, *, fresh: bool) -> None:
        """Hand an order's mail over. One that surely has not left is forgotten: the next is written from the order anew.

        ``fresh``: it was written just now; an older one may have left in an attempt before this one.
        """
        try:
            self._hand_over("place_order", outgoing)
        except (NotSent, Refused, AuthenticationFailed):
            if fresh:
                with suppress(AdapterError):
                    self._desk.withdraw(outgoing)
            raise

    def ask_to_cancel(self, outgoing: Outgoing) -> None:
        """Hand over what asks to cancel. In doubt it is sent once more in the next round: asked twice, it means the same."""
        with suppress(Doubtful):
            self._hand_over("cancel_order", outgoing)

    def send_due(self) -> int:
        """Send what asks to cancel and is not known to have left, and orders that a person wants sent again.

        Nothing is repeated that was refused, and no order whose fate is open once more: that would never end.
        """
        waiting, failures = self._desk.unsent(DocumentKind.CANCELLATION, DocumentKind.ORDER), []
        for outgoing in waiting:
            try:
                self._hand_over("send_due", outgoing)
            except (Refused, Doubtful) as failure:
                failures.append(failure)
                self._end_repeating(outgoing, failure)
        if failures:
            raise failures[0]
        return len(waiting)

    def _end_repeating(self, outgoing: Outgoing, failure: AdapterError) -> None:
        """A refused cancellation will never leave. All else has left before, or twice perhaps: its answer will tell."""
        if isinstance(failure, Refused) and outgoing.kind is not DocumentKind.ORDER:
            self._desk.withdraw(outgoing)
        else:
            self._desk.sent(outgoing)

    def _hand_over(self, operation: str, outgoing: Outgoing) -> None:
        self._post.send(operation, recipient_of(outgoing.body, self._profile), outgoing.body)
        # It has left. Whatever fails from here on must not make it look as though it had not.
        with suppress(AdapterError):
            self._keep_copy(outgoing)
        with suppress(AdapterError):
            self._desk.sent(outgoing)

    def _keep_copy(self, outgoing: Outgoing) -> None:
        settings = self._profile.imap
        if self._mailbox is not None and settings is not None and settings.append_sent and settings.sent:
            try:
                self._mailbox.append(settings.sent, outgoing.body)
            finally:
                self._mailbox.close()
