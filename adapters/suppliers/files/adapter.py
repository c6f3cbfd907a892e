"""A supplier that takes order files, CSV or XML, and answers with files: over SFTP, FTP(S) or a mounted folder.

An order leaves in a file of its own, or with all others of its window in one. Whether it arrived is told by what lies
in the partner's folders, and by its answers.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from adapters.errors import Doubtful, Refused, Unavailable
from adapters.exchange.remote import RemoteFolder, RemoteTimeouts, Settled, check_credentials, open_folder
from adapters.exchange.remote_exchange import LEFT_STATES, RemoteExchange
from adapters.http import CallSink
from adapters.plugin import Plugin
from adapters.ports import DocumentDesk
from adapters.secrets import Secrets
from adapters.suppliers.configured import profile_of, refuse_options
from adapters.suppliers.files.profile import CancellationFile, FilesProfile
from adapters.suppliers.files.reading import read_file
from adapters.suppliers.files.writing import cancellation_file, file_name, order_file
from adapters.suppliers.without_interface import quote_from_terms, stock_unknown
from models.configuration import Supplier
from models.exchange import DocumentKind, DocumentState, Drafted, Incoming, Outgoing, Reading
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
    LookupVerdict,
    PlacedOrder,
    ShippingQuote,
    StockAnswer,
    SupplierLine,
    SupplierOrder,
    SupplierOrderStatus,
    SupplierState,
)

SENT_TEXT = "order file sent"
ANY_CARRIER = "any"  # where the partner chooses
SAID_NOTHING = frozenset({SupplierState.SENT, SupplierState.UNKNOWN})


class _UnwritableError(Exception):
    """Orders of a batch can't be written as the profile is now."""

    def __init__(self, numbers: Sequence[str]) -> None:
        super().__init__("orders can't be written")
        self.numbers = numbers


class FileSupplier:
    """The supplier's port. Safe to share between threads: each call, or round, opens its own connection."""

    def __init__(
        self, *, profile: FilesProfile, settings: Supplier, supplier_id: str, secrets: Secrets, desk: DocumentDesk
    ) -> None:
        self.capabilities = capabilities_of(profile)
        self._profile = profile
        self._settings = settings
        self._supplier_id = supplier_id
        self._secrets = secrets
        self._desk = desk
        self._exchange = RemoteExchange(profile.remote, self._open, desk)
        check_credentials(profile.remote, secrets)

    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        """Know nothing: its stock comes as a file feed."""
        return stock_unknown(eans)

    def quote_shipping(self, destination: Destination, lines: Sequence[SupplierLine]) -> list[ShippingQuote]:
        """Quote one way, from the shipping table of its terms."""
        return quote_from_terms(self._settings.terms, destination, lines, carrier=self._carrier())

    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        """Put its file into the partner's folder, or the order into its window's batch."""
        if order.test:
            raise Refused("order file: tests go to a supplier of their own, with test folders", code="no_test_orders")
        self._order_bytes([order], control=0)  # what can't be written is refused before it gets a number
        if self._profile.orders.batch is not None:
            return self._enqueue(order, self._profile.orders.batch)
        outgoing = self._desk.prepare(DocumentKind.ORDER, [order.number], lambda control: self._draft([order], control))
        self._exchange.transmit(outgoing)
        return _placed(order.number)

    def find_order(self, order: SupplierOrder) -> Lookup:
        """Look for an order: in our own documents, in what the partner has said, then in its folders."""
        outgoing = self._desk.find_outgoing(DocumentKind.ORDER, order.number)
        if outgoing is None:
            return Lookup(verdict=LookupVerdict.ABSENT, said="no file of it was ever prepared")
        if outgoing.state in LEFT_STATES or outgoing.state is DocumentState.QUEUED:
            return _found(order.number, f"order file: {outgoing.state}")
        if self._is_answered(order.number):
            self._desk.sent(outgoing)
            return _found(order.number, "its order file was answered")
        if self._is_batch(outgoing):
            return _found(order.number, "its batch leaves with the next round")
        settled = self._exchange.settle(outgoing)
        if settled is Settled.THERE:
            return _found(order.number, "its file lies in the folder")
        verdict = LookupVerdict.ABSENT if settled is Settled.ABSENT else LookupVerdict.UNSURE
        return Lookup(verdict=verdict, said=f"order file: {settled}")

    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        """Tell how the order stands from all that has come. Raises Refused("order_not_found")."""
        status = self._desk.order_status(supplier_number)
        if status is None:
            raise Refused(f"{self._supplier_id}: no document is about this order", code="order_not_found")
        return status

    def cancel_order(self, supplier_number: str) -> Cancellation:
        """Take the order out of its open batch, or send a cancellation file, whose answer comes as a file."""
        if not self.capabilities.cancel:
            raise Refused(f"{self._supplier_id}: no cancellation is agreed on", code="no_cancel")
        if self._desk.dequeue(supplier_number):
            return Cancellation.CANCELLED
        match self.fetch_order(supplier_number).state:
            case SupplierState.CANCELLED:
                return Cancellation.CANCELLED
            case SupplierState.SHIPPED:
                return Cancellation.TOO_LATE
        if self._profile.cancellations is None:  # its batch has left
            return Cancellation.TOO_LATE
        self._send_cancellation(self._profile.cancellations, supplier_number)
        return Cancellation.REQUESTED

    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:  # noqa: ARG002 - the port's
        """Refuse: a stock file is a file feed like any other."""
        raise Refused(f"{kind} feed: configure a file feed for its stock files", code="no_feed")

    def feed_columns(self, kind: FeedKind) -> dict[str, Column]:  # noqa: ARG002 - the port's
        """Name no columns: its stock files are whatever the partner writes."""
        return {}

    def probe(self) -> None:
        """List the inbox."""
        self._exchange.probe()

    def check(self, sample_eans: Sequence[str]) -> list[Finding]:  # noqa: ARG002 - it can't be asked about articles
        """Check that the server is the pinned one, lets us in, and has the folders."""
        return self._exchange.findings(f"supplier {self._supplier_id}")

    def close(self) -> None:
        """Keep nothing open between calls."""

    # The exchange's rounds.

    def pick_up(self) -> Iterator[Incoming]:
        """Bring what is complete in the inbox, oldest first."""
        return self._exchange.pick_up([kind.files for kind in self._profile.incoming])

    def put_away(self, incoming: Incoming, *, good: bool) -> None:
        """Move a file to the archive, or to the error folder."""
        self._exchange.put_away(incoming, good=good)

    def read(self, incoming: Incoming) -> Reading:
        """Say what a file means."""
        return read_file(self._profile, self._settings.terms.currency, self._desk.order_lines, incoming)

    def send_due(self, now: datetime) -> int:
        """Close batches whose window is over, and send what has not left: batches, and cancellations.

        A batch that may have left is settled first. Where that fails the others leave all the same, and Doubtful is
        raised at the end, once: its orders wait for the partner's answers, or for a person who misses them.
        """
        self._close_batches(now)
        batches, wishes = self._desk.unsent(DocumentKind.ORDER), self._desk.unsent(DocumentKind.CANCELLATION)
        left = [self._transmit_settled(outgoing) for outgoing in batches]
        self._exchange.transmit_all(wishes, lambda _: None)
        unsure = [outgoing for outgoing, sent in zip(batches, left, strict=True) if sent is None]
        if news := [outgoing for outgoing in unsure if self._desk.recall(_unsettled(outgoing)) is None]:
            for outgoing in news:
                self._desk.remember(_unsettled(outgoing), "told")
            raise Doubtful(f"{self._supplier_id}: {len(news)} files may have left, or not", code="unsettled")
        return left.count(True) + len(wishes)

    def _close_batches(self, now: datetime) -> None:
        """Close what is over. An order that can't be written any more, as the profile is now, keeps no other from leaving.

        It is taken out: it has surely not left, so its lifecycle orders elsewhere or asks.
        """
        while True:
            try:
                if self._desk.close_batch(now, self._draft_batch) is None:
                    return
            except _UnwritableError as problem:
                if not all(self._desk.dequeue(number) for number in problem.numbers):
                    raise Unavailable(
                        f"{self._supplier_id}: a batch has orders that can't be written", code="batch"
                    ) from None

    def _transmit_settled(self, outgoing: Outgoing) -> bool | None:
        """Send a batch that has surely not left; False where it had, None where nobody knows."""
        if outgoing.again and not self._exchange.may_have_left(outgoing):
            self._exchange.transmit(outgoing)
            return True
        if any(self._is_answered(number) for number in outgoing.numbers):
            self._desk.sent(outgoing)
            return False
        settled = self._exchange.settle(outgoing)
        if settled is Settled.ABSENT:
            self._exchange.transmit(outgoing)
        return None if settled is Settled.UNSURE else settled is Settled.ABSENT

    # Writing.

    def _enqueue(self, order: SupplierOrder, window: timedelta) -> PlacedOrder:
        ends = _window_end(datetime.now(UTC), window)
        self._desk.enqueue(order.number, order.model_dump_json().encode(), window_ends=ends)
        return _placed(order.number, f"waits for the batch of {ends:%H:%M}Z")

    def _draft_batch(self, control: int, entries: Sequence[bytes]) -> Drafted:
        orders: list[SupplierOrder] = []
        unwritable: list[str] = []
        for entry in entries:
            try:
                order = SupplierOrder.model_validate_json(entry)
                self._order_bytes([order], control)
                orders.append(order)
            except (Refused, ValidationError):
                unwritable.append(json.loads(entry)["number"])
        if unwritable:
            raise _UnwritableError(unwritable)
        return self._draft(orders, control)

    def _draft(self, orders: Sequence[SupplierOrder], control: int) -> Drafted:
        name = file_name(self._profile, self._profile.orders, control, datetime.now(UTC))
        return Drafted(name=name, body=self._order_bytes(orders, control))

    def _order_bytes(self, orders: Sequence[SupplierOrder], control: int) -> bytes:
        return order_file(self._profile.orders, orders, control)

    def _send_cancellation(self, layout: CancellationFile, number: str) -> None:
        def write(control: int) -> Drafted:
            name = file_name(self._profile, layout, control, datetime.now(UTC))
            return Drafted(name=name, body=cancellation_file(layout, number))

        outgoing = self._desk.prepare(DocumentKind.CANCELLATION, [number], write)
        try:
            self._exchange.transmit(outgoing, repeatable=True)
        except Doubtful as doubt:
            raise Unavailable(str(doubt), code=doubt.code) from None

    def _is_batch(self, outgoing: Outgoing) -> bool:
        return len(outgoing.numbers) > 1 or self._profile.orders.batch is not None

    def _is_answered(self, number: str) -> bool:
        status = self._desk.order_status(number)
        return status is not None and status.state not in SAID_NOTHING

    def _open(self) -> RemoteFolder:
        timeouts = RemoteTimeouts.within(self._settings.submit_timeout, self._settings.read_timeout)
        return open_folder(self._profile.remote, self._secrets, timeouts)

    def _carrier(self) -> str:
        methods = self._profile.orders.ship_methods
        preferred = [name for name in self._settings.preferred_carriers if not methods or name in methods]
        return next(iter([*preferred, *methods]), ANY_CARRIER)


def capabilities_of(profile: FilesProfile) -> Capabilities:
    """Say what a partner offers under its profile."""
    acknowledges, ships = profile.acknowledgements, profile.shipments
    return Capabilities(
        live_rates=False,
        live_stock=False,
        doubt=DoubtMeans.PROOF,
        visibility_delay=profile.settled_after,
        cancel=profile.cancellations is not None or profile.orders.batch is not None,
        acknowledgement=Arrival.NONE if acknowledges is None else Arrival.PUSH,
        shipment=Arrival.NONE if ships is None else Arrival.PUSH,
        invoice=Arrival.NONE if profile.invoices is None else Arrival.PUSH,
        line_level_acknowledgements=acknowledges is not None and _names_articles(acknowledges.columns),
        line_level_shipments=ships is not None and _names_articles(ships.columns),
        test_orders=False,
    )


def _names_articles(columns: dict[str, str]) -> bool:
    return not columns.keys().isdisjoint(("line", "ean", "sku"))


def _unsettled(outgoing: Outgoing) -> str:
    return f"unsettled:{outgoing.control}"


def _window_end(now: datetime, window: timedelta) -> datetime:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + window * ((now - midnight) // window + 1)


def _placed(number: str, text: str = SENT_TEXT) -> PlacedOrder:
    return PlacedOrder(supplier_number=number, state=SupplierState.SENT, status_text=text)


def _found(number: str, said: str) -> Lookup:
    return Lookup(verdict=LookupVerdict.FOUND, placed=_placed(number), said=said)


def build(
    *,
    settings: Supplier,
    supplier_id: str,
    secrets: Callable[[str], str],
    sink: CallSink,  # noqa: ARG001 - of every plugin; nothing here goes over HTTP
    documents: DocumentDesk,
) -> FileSupplier:
    """Build the port from configuration. Raises ValueError for an option or a profile that can't be used."""
    refuse_options(settings, supplier_id)
    profile = profile_of(FilesProfile, settings, supplier_id)
    return FileSupplier(profile=profile, settings=settings, supplier_id=supplier_id, secrets=secrets, desk=documents)


PLUGIN = Plugin(
    id="files",
    group="suppliers",
    build=build,
    label="Order files over SFTP, FTP(S) or a folder",
    documentation="docs/suppliers/files.md",
    statuses=(SENT_TEXT, "prepared", "sent", "received", "refused"),
    requires=(),
    documents=True,
    profile=FilesProfile,
)
