"""A supplier that is ordered from by mail: orders leave over SMTP, answers are read from a mailbox over IMAP.

What a mail server has taken over can't be called back, and sent twice it may be delivered twice. So an order's mail is
written once, with a Message-ID of its own; whether a doubtful one has left is told by the Sent folder, by an answer to
it, or by a person.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from adapters.errors import Refused
from adapters.http import CallSink
from adapters.plugin import Plugin
from adapters.ports import DocumentDesk
from adapters.suppliers.configured import profile_of, refuse_options
from adapters.suppliers.email.checking import check_profile
from adapters.suppliers.email.dispatch import Dispatch
from adapters.suppliers.email.imap import Mailbox
from adapters.suppliers.email.outgoing import Letterhead, draft_cancellation, draft_order
from adapters.suppliers.email.picking import Pickup
from adapters.suppliers.email.post import PostOffice
from adapters.suppliers.email.profile import EmailProfile
from adapters.suppliers.email.proof import LEFT, Proof
from adapters.suppliers.email.reading import read_mail
from adapters.suppliers.without_interface import quote_from_terms, stock_unknown
from models.configuration import Supplier
from models.exchange import DocumentKind, Drafted, Incoming, Outgoing, Reading
from models.feed_rows import FeedPage
from models.feeds import Column, FeedKind
from models.findings import Finding
from models.suppliers import (
    Arrival,
    Cancellation,
    Capabilities,
    Destination,
    DoubtMeans,
    Lookup,
    PlacedOrder,
    ShippingQuote,
    StockAnswer,
    SupplierLine,
    SupplierOrder,
    SupplierOrderStatus,
    SupplierState,
)

OWN_CARRIER = "own"  # where no preferred carrier is configured
LinkFor = Callable[[str], str | None]


def no_link(number: str) -> None:
    """Offer no page to answer on."""


class EmailSupplier:
    """The supplier's port. Safe to share between threads."""

    def __init__(
        self,
        *,
        settings: Supplier,
        supplier_id: str,
        profile: EmailProfile,
        documents: DocumentDesk,
        post: PostOffice,
        mailbox: Mailbox | None,
        link_for: LinkFor = no_link,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.capabilities = capabilities_of(profile)
        self._settings = settings
        self._supplier_id = supplier_id
        self._profile = profile
        self._desk = documents
        self._post = post
        self._mailbox = mailbox
        self._link_for = link_for
        self._now = now
        self._dispatch = Dispatch(documents, post, mailbox, profile)
        self._proof = Proof(documents, mailbox, profile)
        self._pickup = self._pickup_from(mailbox)

    # Ordering.

    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        """Know nothing: a mail supplier's stock is what its feeds bring."""
        return stock_unknown(eans)

    def quote_shipping(self, destination: Destination, lines: Sequence[SupplierLine]) -> list[ShippingQuote]:
        """Quote one way, from the shipping table of its terms."""
        carrier = next(iter(self._settings.preferred_carriers), OWN_CARRIER)
        return quote_from_terms(self._settings.terms, destination, lines, carrier=carrier)

    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        """Send its mail. One that has left is not sent again; one that was in doubt goes out byte for byte as before."""
        if order.test and self._profile.test_to is None:
            raise Refused("the supplier takes no test orders by mail: configure test_to", code="no_test_orders")
        outgoing, fresh = self._prepared(order)
        if outgoing.state not in LEFT:
            self._dispatch.send_order(outgoing, fresh=fresh)
        state = SupplierState.AWAITING_PAYMENT if order.test else SupplierState.SENT
        return PlacedOrder(supplier_number=order.number, state=state, status_text="test" if order.test else "mail sent")

    def _prepared(self, order: SupplierOrder) -> tuple[Outgoing, bool]:
        """Return its mail, and whether it was written just now."""
        written: list[int] = []
        link = self._link_for(order.number)  # before the desk's transaction, which it would wait in for another

        def write(control: int) -> Drafted:
            written.append(control)
            return draft_order(order, control, self._letterhead(), link=link)

        outgoing = self._desk.prepare(DocumentKind.ORDER, [order.number], write)
        return outgoing, bool(written)

    def find_order(self, order: SupplierOrder) -> Lookup:
        """Look for a sign that its mail has left: the Sent folder, an answer to it, or news of it."""
        return self._proof.find(order.number)

    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        """Tell how it stands from all answers so far."""
        status = self._desk.order_status(supplier_number)
        if status is None:
            raise Refused(f"{self._supplier_id} was never sent this order", code="order_not_found")
        return status

    def cancel_order(self, supplier_number: str) -> Cancellation:
        """Ask by mail, once, where the supplier takes note of such mails; its answer, or a person's, will tell."""
        if not self._profile.cancel:
            raise Refused("cancel: the supplier takes no note of mails that ask for it", code="no_cancel")
        state = self.fetch_order(supplier_number).state
        if state is SupplierState.SHIPPED:
            return Cancellation.TOO_LATE
        if state is SupplierState.CANCELLED:
            return Cancellation.CANCELLED
        outgoing = self._desk.prepare(
            DocumentKind.CANCELLATION,
            [supplier_number],
            lambda control: draft_cancellation(supplier_number, control, self._letterhead()),
        )
        if outgoing.state not in LEFT:
            self._dispatch.ask_to_cancel(outgoing)
        return Cancellation.REQUESTED

    # The exchange.

    def pick_up(self) -> Iterator[Incoming]:
        """Bring the answers that are not in our books yet, oldest first."""
        if self._pickup is None or self._mailbox is None:
            return
        try:
            yield from self._pickup.mails()
        finally:
            self._mailbox.close()

    def put_away(self, incoming: Incoming, *, good: bool) -> None:
        """Move a mail to the archive or the error folder, or count it as done where it stays."""
        if self._pickup is not None:
            self._pickup.put_away(incoming, good=good)

    def read(self, incoming: Incoming) -> Reading:
        """Say what a mail means."""
        return read_mail(
            incoming.body, profile=self._profile, lines_of=self._desk.order_lines, order_mail_of=self._order_mail
        )

    def _order_mail(self, number: str) -> bytes:
        outgoing = self._desk.find_outgoing(DocumentKind.ORDER, number)
        return outgoing.body if outgoing else b""

    def send_due(self, now: datetime) -> int:  # noqa: ARG002 - the port's
        """Send what asks to cancel and is not known to have left, and orders that a person wants sent again."""
        return self._dispatch.send_due()

    # All else.

    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:  # noqa: ARG002 - the port's
        """Refuse: what a mail supplier has in stock comes as a file, which any file feed can fetch."""
        raise Refused(f"{kind} feed: a mail supplier has none of its own; configure a file feed", code="no_feed")

    def feed_columns(self, kind: FeedKind) -> dict[str, Column]:  # noqa: ARG002 - the port's
        """Name no columns: its files are whatever it exports."""
        return {}

    def probe(self) -> None:
        """Ask both mail servers whether they take us."""
        self._post.probe()
        if self._mailbox is not None and self._profile.imap is not None:
            try:
                self._mailbox.look(self._profile.imap.folder)
            finally:
                self._mailbox.close()

    def check(self, sample_eans: Sequence[str]) -> list[Finding]:  # noqa: ARG002 - it knows no articles
        """Check both mail servers, the folders, and whether answers can be believed."""
        return check_profile(self._supplier_id, self._profile, self._post, self._mailbox)

    def close(self) -> None:
        """Give back connections."""
        if self._mailbox is not None:
            self._mailbox.close()

    def _letterhead(self) -> Letterhead:
        return Letterhead(self._profile, self._supplier_id, self._now())

    def _pickup_from(self, mailbox: Mailbox | None) -> Pickup | None:
        settings, desk = self._profile.imap, self._desk
        if mailbox is None or settings is None:
            return None
        return Pickup(
            mailbox,
            self._profile,
            settings,
            remember=desk.remember,
            recall=desk.recall,
            is_our_order=self._was_ordered,
        )

    def _was_ordered(self, number: str) -> bool:
        return self._desk.find_outgoing(DocumentKind.ORDER, number) is not None


def capabilities_of(profile: EmailProfile) -> Capabilities:
    """Say what a supplier offers that is ordered from by mail."""
    answers = Arrival.POLL if profile.imap is not None else Arrival.NONE
    return Capabilities(
        live_rates=False,
        live_stock=False,
        doubt=DoubtMeans.PROOF,
        visibility_delay=profile.settled_after,
        cancel=profile.cancel,
        acknowledgement=answers,
        shipment=answers,
        test_orders=profile.test_to is not None,
        acknowledges_within=profile.acknowledges_within,
        ships_within=profile.ships_within,
    )


def build(
    *,
    settings: Supplier,
    supplier_id: str,
    secrets: Callable[[str], str],
    sink: CallSink,
    documents: DocumentDesk,
    link_for: LinkFor = no_link,
) -> EmailSupplier:
    """Build the port from configuration. Raises ValueError for an option, or a profile that is wrong."""
    refuse_options(settings, supplier_id)
    profile = profile_of(EmailProfile, settings, supplier_id)
    smtp, imap = profile.smtp, profile.imap
    password = secrets(smtp.password_env) if smtp.password_env else ""
    mailbox = None
    if imap is not None:
        mailbox = Mailbox(imap, secrets(imap.password_env), settings.read_timeout, sink, supplier_id)
    return EmailSupplier(
        settings=settings,
        supplier_id=supplier_id,
        profile=profile,
        documents=documents,
        post=PostOffice(profile, password, settings.submit_timeout, sink, supplier_id),
        mailbox=mailbox,
        link_for=link_for,
    )


PLUGIN = Plugin(
    id="email",
    group="suppliers",
    build=build,
    label="Purchase orders by e-mail",
    documentation="docs/suppliers/email.md",
    statuses=(),
    requires=(),
    documents=True,
    links=True,
    profile=EmailProfile,
)
