"""The ports: what the product asks of the outside world. Every plugin implements one of them.

All calls are synchronous and thread-safe: activities run on threads. Failures are ``adapters.errors`` only.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from models.exchange import DocumentKind, Drafted, Incoming, Outgoing, PartnerNews, Reading
from models.feed_rows import FeedPage, RemoteFile
from models.feeds import Column, FeedKind
from models.findings import Finding
from models.listings import BulkResult, ExchangeRate, Listing, ListingChange, ListingRefusal, ProductDraft
from models.orders import IncomingOrder
from models.picks import PickTask
from models.storefronts import FulfilmentRequest, OrderNote, StorefrontFacts
from models.suppliers import (
    Cancellation,
    Capabilities,
    Destination,
    Lookup,
    PlacedOrder,
    ShippingQuote,
    StockAnswer,
    SupplierLine,
    SupplierOrder,
    SupplierOrderStatus,
)


class SupplierPort(Protocol):
    """A supplier that can be ordered from."""

    @property
    def capabilities(self) -> Capabilities:
        """What this supplier offers, as data."""

    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        """Ask what is there now: one answer per EAN asked, in the same order, unknown articles included."""

    def quote_shipping(self, destination: Destination, lines: Sequence[SupplierLine]) -> list[ShippingQuote]:
        """Ask what it costs to ship these lines there. An empty list means that nobody ships there."""

    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        """Order, once, on a fresh connection.

        Raises NotSent or Throttled where nothing was ordered and it may be tried again, Refused or AccountHold where
        the supplier said no, and Doubtful for everything after which the order may or may not exist. A test order where
        ``Capabilities.test_orders`` is false is Refused("no_test_orders"): it must never be a real one.
        """

    def find_order(self, order: SupplierOrder) -> Lookup:
        """Look for an order by our number, after a submission whose answer was lost.

        ``ABSENT`` only where that is proven. With ``Capabilities.doubt`` = ``NONE`` always ``UNSURE``. Raises what
        questions raise.
        """

    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        """Ask how the order stands: its acknowledgement per line, and its shipments so far.

        One question, because suppliers with an API answer both at once; where documents tell, it is answered from all
        that have come. Raises Refused("order_not_found") where the supplier does not know it.
        """

    def cancel_order(self, supplier_number: str) -> Cancellation:
        """Ask for an order to be stopped; repeating it changes nothing. Raises Refused("no_cancel") where that can't be."""

    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:
        """Walk through the supplier's own feed from ``cursor`` on ("" is its beginning), page by page.

        ``since`` is where the last applied run of a changes feed said that the next one begins; "" means all of it.
        Raises Refused("no_feed") where it has none of this kind.
        """

    def feed_columns(self, kind: FeedKind) -> dict[str, Column]:
        """Say which field of our rows comes from which name of its own."""

    def probe(self) -> None:
        """Ask the cheapest question there is, to learn whether the supplier serves us again. Raises what questions raise."""

    def check(self, sample_eans: Sequence[str]) -> list[Finding]:
        """Check credentials, country list and feed, and which of the sample EANs it does not know."""

    def close(self) -> None:
        """Give back connections."""


@runtime_checkable
class ListeningPort(Protocol):
    """A supplier that sends webhooks. Its plugin's port implements this beside ``SupplierPort``."""

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, path_secret: str) -> list[PartnerNews]:
        """Verify who sent it, in constant time, and say what it means. Header names are lower case.

        ``path_secret`` is the last part of the address it was sent to: all there is for suppliers that do not sign,
        whose news are ``LookAgain`` only. Raises AuthenticationFailed, or UnexpectedReply naming the wrong field.
        """


@runtime_checkable
class ExchangingPort(Protocol):
    """A supplier that speaks by documents. Its plugin's port implements this beside ``SupplierPort``.

    Orders leave by ``place_order``, through the desk; everything else goes by rounds of the exchange (see
    ``activities.exchange``): pick up, keep, read, apply, put away; then send what is due.
    """

    def pick_up(self) -> Iterator[Incoming]:
        """Bring what is complete and has not been put away, oldest first. Raises what questions raise."""

    def put_away(self, incoming: Incoming, *, good: bool) -> None:
        """Move it to the archive or the error folder, after it is in our books. Repeatable."""

    def read(self, incoming: Incoming) -> Reading:
        """Say what a document means. Pure: no network, no clock. Never raises; what can't be read is ``refused``."""

    def send_due(self, now: datetime) -> int:
        """Send what waits in the desk: batches whose window is over, receipts, what an earlier round left unsure.

        Returns how many left. Raises as ``place_order`` does; what was not sent is tried in the next round.
        """


class DocumentDesk(Protocol):
    """Where documents of one supplier are kept: our own database. Plugins that ask for it get it when they are built.

    Every call is one short transaction. Failures are NotSent (nothing was kept) and Unavailable.
    """

    def prepare(self, kind: DocumentKind, numbers: Sequence[str], write: Callable[[int], Drafted]) -> Outgoing:
        """Allot a control number and keep what ``write`` makes of it, once per kind and purchase orders.

        Said again, the first is returned, byte for byte: a resend carries the number of the first.
        """

    def sent(self, outgoing: Outgoing, *, receipt_due: datetime | None = None) -> None:
        """Note that it has left; ``receipt_due`` where the partner is to confirm it. Repeatable."""

    def withdraw(self, outgoing: Outgoing) -> None:
        """Note that it has not left and never will: proven. Its control number is not used again."""

    def find_outgoing(self, kind: DocumentKind, number: str) -> Outgoing | None:
        """Read the newest document of that kind for a purchase order, withdrawn ones aside."""

    def enqueue(self, number: str, entry: bytes, *, window_ends: datetime) -> None:
        """Put an order into the open batch, once. ``entry`` is the adapter's own; personal data may be in it."""

    def dequeue(self, number: str) -> bool:
        """Take an order out of its batch. False where the batch is closed, or never had it."""

    def close_batch(self, now: datetime, write: Callable[[int, Sequence[bytes]], Drafted]) -> Outgoing | None:
        """Close a batch whose window is over, with one control number. None where there is nothing to close."""

    def unsent(self, *kinds: DocumentKind) -> list[Outgoing]:
        """List what is prepared and not known to have left, oldest first."""

    def replies_due(self) -> list[str]:
        """List the answers that documents picked up ask for and that were not prepared yet: ``Reading.replies``."""

    def prepare_reply(self, reply: str, write: Callable[[int], Drafted]) -> Outgoing:
        """Prepare the answer to a document picked up, once."""

    def order_status(self, number: str) -> SupplierOrderStatus | None:
        """Tell how an order stands from all news about it and its own documents. None where nothing is known of it."""

    def order_lines(self, number: str) -> tuple[SupplierLine, ...]:
        """Read what was ordered under a number: documents that leave line numbers out are matched by article."""

    def remember(self, key: str, value: str) -> None:
        """Keep a small fact of the adapter's own, e.g. a mailbox's UIDVALIDITY and last UID."""

    def recall(self, key: str) -> str | None:
        """Read such a fact."""


class PickDesk(Protocol):
    """Where our own warehouses hear what to send. Supplier plugins that ask for it get it when they are built.

    Its failures are those of any supplier, though only our own database is behind it.
    """

    def open_pick(self, warehouse: str, order: SupplierOrder) -> PickTask:
        """Ask for an order to be picked, once by its number: said again, the first one is returned as it stands now.

        Raises NotSent where it was not written, Doubtful where nobody knows.
        """

    def find_pick(self, warehouse: str, number: str) -> PickTask | None:
        """Read a pick task by our number. Raises NotSent or Unavailable."""

    def cancel_pick(self, warehouse: str, number: str) -> PickTask | None:
        """Call a pick task off where nobody has packed it yet, and return it as it stands then. Repeatable."""

    def count_stock(self, warehouse: str, eans: Sequence[str]) -> dict[str, StockAnswer]:
        """Say what was counted of some articles, by EAN; those that never were are absent."""

    def count_open(self, warehouse: str) -> int:
        """Count what is still to be picked."""


class StorefrontPort(Protocol):
    """A shop whose orders we fulfil."""

    def verify_signature(self, headers: dict[str, str], body: bytes, secrets: Sequence[str]) -> bool:
        """Say whether the raw bytes were signed with one of the secrets, in constant time. Header names are lower case."""

    def read_order(self, document: dict[str, Any]) -> IncomingOrder:
        """Normalise an order as webhooks and exports carry it. Raises UnexpectedReply naming the field that is wrong."""

    def fetch_facts(self, storefront_order_id: str) -> StorefrontFacts:
        """Ask for the present payment and cancellation state and the barcodes. Raises Refused where the order is gone."""

    def fetch_paid_orders(self, since: datetime) -> list[dict[str, Any]]:
        """List the orders paid since then, in the shape ``read_order`` takes: what a lost webhook would have brought."""

    def write_note(self, storefront_order_id: str, note: OrderNote) -> None:
        """Write one value to the storefront's order; repeating it changes nothing."""

    def fulfil(self, request: FulfilmentRequest) -> str:
        """Tell the storefront what ships, and return the fulfilment's id. Repeating it changes nothing."""

    def check(self, namespaces: Sequence[str]) -> list[Finding]:
        """Check the token's scopes, and the definitions of every note we write below these namespaces."""

    def fix(self, namespaces: Sequence[str]) -> list[Finding]:
        """Create what ``check`` found missing and can be created; say what was done."""

    def fetch_listings(self, location: str, cursor: str = "") -> Iterator[tuple[list[Listing], str]]:
        """Walk through everything on sale, page by page, with the cursor that goes on after each ("" at the end)."""

    def read_listings(self, location: str, variant_ids: Sequence[str]) -> list[Listing]:
        """Look at some variants as they are now; those that are gone are absent."""

    def publish(self, location: str, changes: Sequence[ListingChange], key: str) -> list[ListingRefusal]:
        """Bring some variants to what they shall show, one call after the other; return what was refused.

        ``key`` names this attempt: repeated with the same key and changes, nothing happens twice. Quantities are
        absolute, so that a repetition ends in the same state whatever became of the first.
        """

    def publish_in_bulk(self, location: str, changes: Iterable[ListingChange], key: str) -> list[str]:
        """Hand many changes to the shop's own bulk machinery; return its operations' ids. Repeatable like ``publish``."""

    def bulk_result(self, operation_id: str, changes: Iterable[ListingChange] = ()) -> BulkResult:
        """Ask how a bulk operation stands, and what of it was refused once it is done.

        ``changes`` are those that ``publish_in_bulk`` was given, in the same order; a shop's answer may name what it
        refused only by its place among them. They are read only where something was refused, and may be lazy.
        """

    def create_drafts(self, drafts: Sequence[ProductDraft]) -> dict[str, str]:
        """Create products that nobody sees yet; return EAN -> product id. One that exists already is not made again."""

    def fetch_catalogue(self) -> list[tuple[str, str]]:
        """List (variant id, barcode) of every variant on sale; the barcode is empty where there is none."""

    def close(self) -> None:
        """Give back connections."""


class ExchangeRates(Protocol):
    """Who publishes exchange rates."""

    def fetch(self) -> list[ExchangeRate]:
        """Ask for the newest rates. Raises Unavailable or UnexpectedReply."""

    def close(self) -> None:
        """Give back connections."""


class FeedSource(Protocol):
    """Where a file feed lies: a folder, a web server, an SFTP or FTP server."""

    def look(self) -> list[RemoteFile]:
        """List the files that are there and match, oldest first. Raises NotSent, Unavailable or AuthenticationFailed."""

    def read(self, file: RemoteFile, offset: int) -> Iterator[bytes]:
        """Read a file's bytes from ``offset`` on, in pieces of at most a mebibyte.

        Raises UnexpectedReply("changed_while_reading") where it is no longer that version.
        """

    def close(self) -> None:
        """Give back connections."""


class Mailer(Protocol):
    """Sends one mail at a time."""

    def send(self, *, sender: str, sender_name: str, recipient: str, subject: str, body: str, message_id: str) -> None:
        """Hand one mail to the mail server.

        Raises NotSent where it was not taken, Refused where it never will be, Doubtful where its fate is unknown.
        """

    def check(self) -> list[Finding]:
        """Check that the mail server answers and takes our credentials."""
