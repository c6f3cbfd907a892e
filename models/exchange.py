"""Documents exchanged with a supplier, and what they say: the same words for X12, files, mail, portal and webhooks.

Whatever comes in is kept as it came and read into ``PartnerNews``, which holds references, codes, quantities and
amounts only. What a supplier has said of an order is always told from all news about it, oldest first (see
``adapters.exchange.told``), so that applying the same news twice changes nothing.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from models.base import Contract, Identifier, Reference, Timestamp
from models.money import Money
from models.suppliers import AcknowledgedLine, StatusText, SupplierLine, SupplierState, TrackedParcel

# An adapter's own word for what to answer, e.g. "997:118:A". Never what was written to us.
Reply = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,499}$")]


class Direction(StrEnum):
    """Seen from us."""

    IN = "in"
    OUT = "out"


class DocumentKind(StrEnum):
    """What a document is about."""

    ORDER = "order"  # 850, an order file, an order mail
    CANCELLATION = "cancellation"  # 860
    ACKNOWLEDGEMENT = "acknowledgement"  # 855
    SHIPMENT = "shipment"  # 856
    INVOICE = "invoice"  # 810
    STOCK = "stock"  # 846
    RECEIPT = "receipt"  # 997: it was received and could be read, no more
    MIXED = "mixed"  # an interchange with several kinds
    MAIL = "mail"
    PORTAL = "portal"  # what a supplier entered on its page
    WEBHOOK = "webhook"
    UNKNOWN = "unknown"


class DocumentState(StrEnum):
    """Where a document is."""

    QUEUED = "queued"  # out: in a batch that is still open
    PREPARED = "prepared"  # out: its bytes, name and control number are fixed; it may have left
    SENT = "sent"  # out: it has left, surely
    RECEIVED = "received"  # out: the partner has confirmed that it could read it
    REFUSED = "refused"  # out: the partner could not read it, or would not take it
    WITHDRAWN = "withdrawn"  # out: taken out before it left
    STORED = "stored"  # in: kept, not read yet
    APPLIED = "applied"  # in: read, and what it says is in our books
    QUARANTINED = "quarantined"  # in: could not be read, or may not be believed; a task says why


class Outgoing(Contract):
    """A document of ours on its way. ``control`` is its number at this partner, allotted once and used for every resend."""

    id: int
    kind: DocumentKind
    control: int
    name: str  # the file's final name, or the mail's Message-ID
    numbers: tuple[Reference, ...]  # the purchase orders in it
    state: DocumentState
    body: bytes = Field(repr=False)
    prepared_at: Timestamp
    again: bool = False  # a person wants it to leave once more


class Drafted(Contract):
    """An outgoing document as an adapter writes it, once its control number is known."""

    name: str = Field(min_length=1, max_length=200)
    body: bytes = Field(repr=False)


class Incoming(Contract):
    """A document as it was picked up. ``place`` is the adapter's own: where it lies, to be put away afterwards."""

    name: str = Field(min_length=1, max_length=300)  # file name or Message-ID
    place: str = Field(max_length=600)
    body: bytes = Field(repr=False)
    sent_at: Timestamp | None = None  # as its sender says


class _News(Contract):
    """What all news share. ``number`` is our purchase-order number, as the supplier gave it back."""

    number: Reference
    sequence: int = 0  # its place within its document, so that a document applied twice is recognised


class OrderAcknowledged(_News):
    """A supplier has answered an order. ``state`` is ``ACKNOWLEDGED`` or ``CANCELLED`` (refused as a whole)."""

    news: Literal["acknowledged"] = "acknowledged"
    supplier_number: str = Field(default="", max_length=60)
    state: SupplierState = SupplierState.ACKNOWLEDGED
    status_text: StatusText = ""
    lines: tuple[AcknowledgedLine, ...] = ()
    changes_only: bool = False  # what is not named is accepted as ordered


class OrderShipped(_News):
    """A parcel, or several, have left. ``complete`` is None where the supplier does not say whether that was all."""

    news: Literal["shipped"] = "shipped"
    shipment: str = Field(default="", max_length=60)
    supplier_number: str = Field(default="", max_length=60)
    parcels: tuple[TrackedParcel, ...] = ()
    lines: tuple[SupplierLine, ...] = ()  # shipped units, where no parcel is named yet
    shipped_on: date | None = None
    complete: bool | None = None


class OrderInvoiced(_News):
    """A supplier asks for its money. ``charges``: freight and the like, within ``total``."""

    news: Literal["invoiced"] = "invoiced"
    invoice: Reference
    issued_on: date | None = None
    total: Money
    charges: Money | None = None
    lines: tuple[SupplierLine, ...] = ()


class CancelAnswered(_News):
    """A supplier has answered a wish to cancel."""

    news: Literal["cancel_answered"] = "cancel_answered"
    cancelled: bool


class OrderReceived(_News):
    """A supplier has surely received an order, and said no more: a reply without a word, a form it has sent."""

    news: Literal["received"] = "received"


class LookAgain(_News):
    """Something has happened to an order, says who can't be trusted to say what: ask the supplier itself."""

    news: Literal["look"] = "look"


class Unclear(Contract):
    """A document, or a part of it, that a person must read. ``reason`` is a code; ``number`` where it is known.

    It never holds what was written: the document is kept, and a task points to it.
    """

    news: Literal["unclear"] = "unclear"
    number: Reference | None = None
    sequence: int = 0
    reason: Identifier
    detail: str = Field(default="", max_length=200)  # codes and positions, e.g. "SE01 says 12, 11 are there"


class ReceiptArrived(Contract):
    """The partner has received a group of ours: read it (``accepted``), or not. Codes are the partner's."""

    news: Literal["receipt"] = "receipt"
    sequence: int = 0
    control: int  # the group's, which is the outgoing document's
    accepted: bool
    refused_numbers: tuple[Reference, ...] = ()  # purchase orders in it that were not accepted, where it says which
    codes: tuple[str, ...] = ()


class StockReported(Contract):
    """A stock report: its bytes go to the supplier's pushed feed of that name, which judges them as any feed."""

    news: Literal["stock"] = "stock"
    sequence: int = 0
    feed: str = Field(max_length=64)
    body: bytes = Field(repr=False)


OrderNews = OrderAcknowledged | OrderShipped | OrderInvoiced | CancelAnswered | OrderReceived | LookAgain
PartnerNews = Annotated[OrderNews | Unclear | ReceiptArrived | StockReported, Field(discriminator="news")]


class Reading(Contract):
    """What a document says, what it is answered with, and why it was not believed, where it was not.

    ``control`` is its own number at this partner: another document with the same one is refused, and answered with
    ``replies_if_repeated`` instead of ``replies``. These are receipts: written with a control number of their own, sent
    like every document, and never answered.
    """

    kind: DocumentKind
    news: tuple[PartnerNews, ...] = ()
    control: int | None = None
    replies: tuple[Reply, ...] = ()
    replies_if_repeated: tuple[Reply, ...] = ()
    refused: str = Field(default="", max_length=200)  # the whole document: a reason, without what was written
