"""A supplier that speaks ANSI X12 over a file server: an 850 out, and 997, 855, 856, 810 and 846 back.

Every document has a control number that is its own for ever: a resend is the same file, byte for byte. Whether an
order has arrived is told by its 997 or 855, or by what lies in the partner's folder.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from adapters.errors import Doubtful, Refused, Unavailable
from adapters.exchange.remote import RemoteTimeouts, Settled, check_credentials, open_folder
from adapters.exchange.remote_exchange import LEFT_STATES, RemoteExchange
from adapters.feeds.x12_records import DEFAULT_COLUMNS
from adapters.http import CallSink
from adapters.plugin import Plugin
from adapters.ports import DocumentDesk
from adapters.secrets import Secrets
from adapters.suppliers.configured import profile_of, refuse_options
from adapters.suppliers.edi_x12.order_document import cancellation_bytes, order_bytes, read_own
from adapters.suppliers.edi_x12.profile import X12Profile
from adapters.suppliers.edi_x12.reading import DocumentReader
from adapters.suppliers.edi_x12.replying import write_reply
from adapters.suppliers.edi_x12.tokenizer import interchanges_in
from adapters.suppliers.without_interface import quote_from_terms, stock_unknown
from models.articles import normalise_ean
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
    LookupVerdict,
    PlacedOrder,
    ShippingQuote,
    StockAnswer,
    SupplierLine,
    SupplierOrder,
    SupplierOrderStatus,
    SupplierState,
)

ANY_CARRIER = "any"  # where the partner chooses


class _File(threading.local):
    """The file that this thread picks up: whether all of it was believed, and nothing is left of it."""

    good = True
    ends = True


class X12Supplier:
    """The supplier's port. Safe to share between threads: every call opens its own connection."""

    def __init__(
        self, *, profile: X12Profile, settings: Supplier, supplier_id: str, secrets: Secrets, desk: DocumentDesk
    ) -> None:
        """Serve one partner. Raises what ``secrets`` raises, and ValueError where a key can't be read."""
        self.capabilities = capabilities_of(profile)
        self._profile = profile
        self._settings = settings
        self._supplier_id = supplier_id
        self._desk = desk
        timeouts = RemoteTimeouts.within(settings.submit_timeout, settings.read_timeout)
        check_credentials(profile.remote, secrets)
        self._file = _File()
        self._exchange = RemoteExchange(profile.remote, lambda: open_folder(profile.remote, secrets, timeouts), desk)
        self._reader = DocumentReader(profile, settings.terms.currency, self._ordered, self._exchange.left_twice)

    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        """Know nothing: its stock comes by 846, as a feed."""
        return stock_unknown(eans)

    def quote_shipping(self, destination: Destination, lines: Sequence[SupplierLine]) -> list[ShippingQuote]:
        """Quote one way, from the shipping table of its terms."""
        return quote_from_terms(self._settings.terms, destination, lines, carrier=self._carrier())

    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        """Prepare its 850 once, and put it into the partner's folder.

        Said again, the same bytes leave under the same control number, unless they are there already.
        """
        if order.test:
            raise Refused("850: this partner takes tests only under a profile of its own", code="no_test_orders")
        outgoing = self._desk.prepare(DocumentKind.ORDER, [order.number], lambda control: self._draft(order, control))
        self._transmit(outgoing)
        return _placed(order.number)

    def find_order(self, order: SupplierOrder) -> Lookup:
        """Look for an order: in what the partner has said, then in its folders."""
        outgoing = self._desk.find_outgoing(DocumentKind.ORDER, order.number)
        if outgoing is None:
            return Lookup(verdict=LookupVerdict.ABSENT, said="no 850 was ever prepared")
        if outgoing.state in LEFT_STATES:
            return _found(order.number, f"850 {outgoing.state}")
        if self._is_answered(order.number):
            self._desk.sent(outgoing)
            return _found(order.number, "its 850 was answered")
        settled = self._exchange.settle(outgoing, receipt_due=self._receipt_due())
        if settled is Settled.THERE:
            return _found(order.number, "its 850 lies in the folder")
        verdict = LookupVerdict.ABSENT if settled is Settled.ABSENT else LookupVerdict.UNSURE
        return Lookup(verdict=verdict, said=f"folder: {settled}")

    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        """Tell how the order stands from all that has come. Raises Refused("order_not_found")."""
        status = self._desk.order_status(supplier_number)
        if status is None:
            raise Refused(f"{self._supplier_id}: no document is about this order", code="order_not_found")
        return status

    def cancel_order(self, supplier_number: str) -> Cancellation:
        """Send its cancellation, as 860 or as 850 with purpose 01. The answer comes by an 855."""
        if self._profile.cancellation == "none":
            raise Refused(f"{self._supplier_id}: no cancellation is agreed on", code="no_cancel")
        status = self.fetch_order(supplier_number)
        if status.state is SupplierState.SHIPPED:
            return Cancellation.TOO_LATE
        if status.state is SupplierState.CANCELLED:
            return Cancellation.CANCELLED
        original = self._desk.find_outgoing(DocumentKind.ORDER, supplier_number)
        if original is None:
            raise Refused(f"{self._supplier_id}: no 850 of this order", code="order_not_found")
        self._send_cancellation(supplier_number, original)
        return Cancellation.REQUESTED

    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:  # noqa: ARG002 - the port's
        """Refuse: an 846 goes to the pushed feed that the profile names."""
        raise Refused(f"{kind} feed: an 846 comes by itself; configure a pushed feed", code="no_feed")

    def feed_columns(self, kind: FeedKind) -> dict[str, Column]:
        """Name where an 846 has our fields."""
        if kind is not FeedKind.STOCK:
            return {}
        columns = {**DEFAULT_COLUMNS, "sku": f"LIN.{self._profile.sku_qualifier}"}
        columns["quantity"] = f"QTY.{self._profile.stock_quantity}"
        if price := self._profile.stock_price:
            columns["unit_cost"] = "CTP" if price == "any" else f"CTP.{price}"
        formats = {"available_on": "%Y%m%d"}
        return {name: Column(column=heading, format=formats.get(name, "")) for name, heading in columns.items()}

    def probe(self) -> None:
        """List the inbox."""
        self._exchange.probe()

    def check(self, sample_eans: Sequence[str]) -> list[Finding]:  # noqa: ARG002 - it can't be asked about articles
        """Check that the server is the pinned one, lets us in, and has the folders."""
        return self._exchange.findings(f"supplier {self._supplier_id}")

    def close(self) -> None:
        """Keep nothing open between calls."""

    def pick_up(self) -> Iterator[Incoming]:
        """Bring what is complete in the inbox, oldest first, each interchange of a file by itself."""
        for file in self._exchange.pick_up(self._profile.pick_up):
            *before, last = interchanges_in(file.body)
            self._file.good, self._file.ends = True, False
            for body in before:
                yield file.model_copy(update={"body": body})
            self._file.ends = True
            yield file.model_copy(update={"body": last})

    def put_away(self, incoming: Incoming, *, good: bool) -> None:
        """Move a file away once its last interchange is in our books; to the error folder where one was not believed."""
        self._file.good = self._file.good and good
        if self._file.ends:
            self._exchange.put_away(incoming, good=self._file.good)

    def read(self, incoming: Incoming) -> Reading:
        """Say what a document means."""
        return self._reader.read(incoming)

    def send_due(self, now: datetime) -> int:
        """Send receipts, cancellations that an earlier round left, and orders that a person wants to be sent again."""
        waiting = self._desk.unsent(DocumentKind.RECEIPT, DocumentKind.CANCELLATION, DocumentKind.ORDER)
        waiting += [self._prepare_reply(reply, now) for reply in self._desk.replies_due()]
        self._exchange.transmit_all(waiting, self._due_of)
        return len(waiting)

    def _transmit(self, outgoing: Outgoing) -> None:
        """Send a document. Under its own control number it is the same one again, however often it is sent."""
        self._exchange.transmit(outgoing, receipt_due=self._due_of(outgoing), repeatable=True)

    def _due_of(self, outgoing: Outgoing) -> datetime | None:
        return None if outgoing.kind is DocumentKind.RECEIPT else self._receipt_due()

    def _prepare_reply(self, reply: str, now: datetime) -> Outgoing:
        def write(control: int) -> Drafted:
            body = write_reply(reply, self._profile.addressing, control=control, made_at=now)
            return Drafted(name=self._file_name(reply.partition(":")[0], control), body=body)

        return self._desk.prepare_reply(reply, write)

    def _send_cancellation(self, number: str, original: Outgoing) -> None:
        def write(control: int) -> Drafted:
            body = cancellation_bytes(original.body, self._profile, control=control, made_at=datetime.now(UTC))
            return Drafted(name=self._file_name(self._profile.cancellation[:3], control), body=body)

        outgoing = self._desk.prepare(DocumentKind.CANCELLATION, [number], write)
        try:
            self._transmit(outgoing)
        except Doubtful as error:  # it is the same file again: asking once more is harmless
            raise Unavailable(str(error), code=error.code) from None

    def _ordered(self, number: str) -> tuple[SupplierLine, ...]:
        """Read what was ordered, in the order of its 850: a partner may name nothing but a line's place in it."""
        lines = self._desk.order_lines(number)
        outgoing = self._desk.find_outgoing(DocumentKind.ORDER, number) if len(lines) > 1 else None
        if outgoing is None:
            return lines
        places = {item.ids[-1][1]: place for place, item in enumerate(read_own(outgoing.body).lines)}
        return tuple(sorted(lines, key=lambda line: places.get(normalise_ean(line.ean), len(places))))

    def _draft(self, order: SupplierOrder, control: int) -> Drafted:
        body = order_bytes(order, self._profile, control=control, made_at=datetime.now(UTC))
        return Drafted(name=self._file_name("850", control), body=body)

    def _file_name(self, kind: str, control: int) -> str:
        """Name a file by its set and control number: a name is never used twice."""
        partner = "".join(sign for sign in self._profile.sender_id if sign.isalnum())
        return f"{kind}_{partner}_{control:09d}{self._profile.suffix}"

    def _is_answered(self, number: str) -> bool:
        status = self._desk.order_status(number)
        return status is not None and status.state not in (SupplierState.SENT, SupplierState.UNKNOWN)

    def _receipt_due(self) -> datetime:
        return datetime.now(UTC) + self._profile.receipt_within

    def _carrier(self) -> str:
        preferred = [name for name in self._settings.preferred_carriers if name in self._profile.ship_methods]
        known = preferred or list(self._profile.ship_methods) or list(self._settings.preferred_carriers)
        return known[0] if known else ANY_CARRIER


def capabilities_of(profile: X12Profile) -> Capabilities:
    """Say what an X12 partner offers under its profile."""
    return Capabilities(
        live_rates=False,
        live_stock=False,
        doubt=DoubtMeans.PROOF,
        visibility_delay=profile.settled_after,
        cancel=profile.cancellation != "none",
        acknowledgement=Arrival.PUSH,
        shipment=Arrival.PUSH,
        invoice=Arrival.PUSH,
        line_level_acknowledgements=True,
        line_level_shipments=True,
        test_orders=False,
        api_version=profile.version,
    )


def _placed(number: str) -> PlacedOrder:
    return PlacedOrder(supplier_number=number, state=SupplierState.SENT, status_text="850 sent")


def _found(number: str, said: str) -> Lookup:
    return Lookup(verdict=LookupVerdict.FOUND, placed=_placed(number), said=said)


def build(
    *,
    settings: Supplier,
    supplier_id: str,
    secrets: Callable[[str], str],
    sink: CallSink,  # noqa: ARG001 - of every plugin; nothing here goes over HTTP
    documents: DocumentDesk,
) -> X12Supplier:
    """Build the port from configuration. Raises ValueError for an option or a profile that can't be used."""
    refuse_options(settings, supplier_id)
    profile = profile_of(X12Profile, settings, supplier_id)
    return X12Supplier(profile=profile, settings=settings, supplier_id=supplier_id, secrets=secrets, desk=documents)


PLUGIN = Plugin(
    id="edi-x12",
    group="suppliers",
    build=build,
    label="ANSI X12 over a file server",
    documentation="docs/suppliers/edi_x12.md",
    statuses=("850 sent", "prepared", "sent", "received", "refused"),
    requires=(),
    documents=True,
    profile=X12Profile,
)
