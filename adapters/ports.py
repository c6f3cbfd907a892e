"""The ports: what the product asks of the outside world. Every plugin implements one of them.

All calls are synchronous and thread-safe: activities run on threads. Failures are ``adapters.errors`` only.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from models.findings import Finding
from models.orders import IncomingOrder
from models.storefronts import FulfilmentRequest, OrderNote, StorefrontFacts
from models.suppliers import (
    Capabilities,
    Destination,
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
        the supplier said no, and Doubtful for everything after which the order may or may not exist.
        """

    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        """Ask how the order stands: state, the supplier's own word for it, parcels so far."""

    def check(self, sample_eans: Sequence[str]) -> list[Finding]:
        """Check credentials, country list and feed, and which of the sample EANs it does not know."""

    def close(self) -> None:
        """Give back connections."""


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

    def fetch_catalogue(self) -> list[tuple[str, str]]:
        """List (variant id, barcode) of every variant on sale; the barcode is empty where there is none."""

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
