"""What a supplier enters on its page, as it is kept, and the news that it is: every entry is one document.

The documents are JSON of these models. They hold what people wrote in their own words; the news never do.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from models.base import CurrencyCode, Reference, StrictContract
from models.exchange import (
    CancelAnswered,
    DocumentKind,
    OrderAcknowledged,
    OrderInvoiced,
    OrderNews,
    OrderShipped,
    Reading,
    Unclear,
)
from models.money import Amount, Money
from models.suppliers import AcknowledgedLine, Ean, LineStatus, SupplierLine, SupplierState, TrackedParcel

LONGEST_NOTE = 300
MOST_UNITS = 100_000
MOST_LINES = 2_000
Note = Annotated[str, StringConstraints(max_length=LONGEST_NOTE)]
Units = Annotated[int, Field(ge=0, le=MOST_UNITS)]


class Reason(StrEnum):
    """Why a supplier will not deliver."""

    OUT_OF_STOCK = "out_of_stock"
    DISCONTINUED = "discontinued"
    UNKNOWN_ARTICLE = "unknown_article"
    PRICE = "price"
    TOO_SMALL = "order_too_small"
    DESTINATION = "destination"
    OTHER = "other"


class Rest(StrEnum):
    """What becomes of the units of a line that are not confirmed."""

    REFUSED = "refused"
    LATER = "later"
    INSTEAD = "instead"


class LineEntry(StrictContract):
    """A supplier's answer to a line: ``units`` are confirmed, the rest of ``wanted`` is not.

    ``declined`` units had been refused before and are ordered elsewhere by now: they stay refused.
    """

    ean: Ean
    wanted: Units
    units: Units
    price: Amount | None = Field(default=None, ge=0)  # of one unit; None: as ordered
    ships_on: date | None = None
    rest: Rest | None = None
    reason: Reason | None = None
    later_on: date | None = None
    instead: str = Field(default="", max_length=60)
    declined: Units = 0
    note: Note = ""

    @model_validator(mode="after")
    def _within_what_is_wanted(self) -> Self:
        if self.units > self.wanted:
            raise ValueError("more is confirmed than is wanted")
        return self


class Answered(StrictContract):
    """The lines of an order confirmed, changed or refused."""

    what: Literal["answered"] = "answered"
    currency: CurrencyCode
    their_number: Reference | None = None
    lines: tuple[LineEntry, ...] = Field(min_length=1, max_length=MOST_LINES)
    note: Note = ""


class ShippedUnits(StrictContract):
    """Units of an article in a parcel."""

    ean: Ean
    units: int = Field(gt=0, le=MOST_UNITS)


class Shipped(StrictContract):
    """A parcel has left. Without ``lines`` it holds all that was still open."""

    what: Literal["shipped"] = "shipped"
    carrier: str = Field(default="", max_length=60)
    tracking_number: Reference
    shipped_on: date | None = None
    lines: tuple[ShippedUnits, ...] = Field(default=(), max_length=MOST_LINES)


class File(StrictContract):
    """An uploaded file, which is kept as a document of its own. ``name`` is what its sender calls it."""

    name: str = Field(max_length=200)
    size: int = Field(gt=0)
    sha256: str = Field(max_length=64)


class Invoiced(StrictContract):
    """An invoice, with its file where one was uploaded."""

    what: Literal["invoiced"] = "invoiced"
    invoice: Reference
    issued_on: date | None = None
    total: Amount = Field(ge=0)
    currency: CurrencyCode
    file: File | None = None


class CancelReply(StrictContract):
    """The answer to our wish to cancel."""

    what: Literal["cancel"] = "cancel"
    cancelled: bool


Entered = Annotated[Answered | Shipped | Invoiced | CancelReply, Field(discriminator="what")]


class Entry(StrictContract):
    """A document. ``seen`` is the newest that was known when the page was shown.

    So a form that is sent twice is one document, and an earlier answer that is given once more is another.
    """

    portal: Literal[1] = 1
    number: Reference
    seen: int = Field(ge=0)
    entered: Entered

    def body(self) -> bytes:
        """Write it: the same entry gives the same bytes."""
        return self.model_dump_json(exclude_defaults=False).encode()


def read_portal(body: bytes) -> Reading:
    """Say what a document of the page means. Pure; never raises."""
    try:
        entry = Entry.model_validate_json(body)
    except ValidationError as error:
        return Reading(kind=DocumentKind.PORTAL, refused=f"{error.error_count()} fields are wrong")
    news = (_news(entry.number, entry.entered), *_remarks(entry.number, entry.entered))
    return Reading(kind=DocumentKind.PORTAL, news=news)


def _remarks(number: str, entered: Answered | Shipped | Invoiced | CancelReply) -> Iterator[Unclear]:
    """Have a person read what was written in somebody's own words: it may be a condition."""
    if isinstance(entered, Answered) and any((entered.note, *(line.note for line in entered.lines))):
        yield Unclear(number=number, reason="remark", detail="written beside its answer")


def _news(number: str, entered: Answered | Shipped | Invoiced | CancelReply) -> OrderNews:
    match entered:
        case Answered():
            return _acknowledged(number, entered)
        case Shipped():
            return _shipped(number, entered)
        case Invoiced():
            total = Money(amount=entered.total, currency=entered.currency)
            return OrderInvoiced(number=number, invoice=entered.invoice, issued_on=entered.issued_on, total=total)
        case CancelReply():
            return CancelAnswered(number=number, cancelled=entered.cancelled)


def _acknowledged(number: str, answered: Answered) -> OrderAcknowledged:
    lines = tuple(said for line in answered.lines for said in _said(line, answered.currency))
    refused = all(line.status is LineStatus.REJECTED for line in lines)
    changed = any(line.status is not LineStatus.ACCEPTED for line in lines)
    return OrderAcknowledged(
        number=number,
        supplier_number=answered.their_number or "",
        state=SupplierState.CANCELLED if refused else SupplierState.ACKNOWLEDGED,
        status_text="refused on its page" if refused else f"confirmed {'in part ' if changed else ''}on its page",
        lines=lines,
    )


def _said(line: LineEntry, currency: str) -> Iterator[AcknowledgedLine]:
    cost = None if line.price is None else Money(amount=Decimal(line.price), currency=currency)
    if line.units:
        yield AcknowledgedLine(ean=line.ean, quantity=line.units, unit_cost=cost, expected_on=line.ships_on)
    if rest := line.wanted - line.units:
        yield _unconfirmed(line, rest, cost)
    if line.declined:
        yield AcknowledgedLine(
            ean=line.ean, quantity=line.declined, status=LineStatus.REJECTED, reason="refused_before"
        )


def _unconfirmed(line: LineEntry, units: int, cost: Money | None) -> AcknowledgedLine:
    match line.rest:
        case Rest.LATER:
            return AcknowledgedLine(
                ean=line.ean,
                quantity=units,
                status=LineStatus.BACKORDERED,
                unit_cost=cost,
                expected_on=line.later_on,
            )
        case Rest.INSTEAD:
            return AcknowledgedLine(
                ean=line.ean, quantity=units, status=LineStatus.SUBSTITUTED, unit_cost=cost, substitute=line.instead
            )
        case _:
            reason = str(line.reason or Reason.OTHER)
            return AcknowledgedLine(ean=line.ean, quantity=units, status=LineStatus.REJECTED, reason=reason)


def _shipped(number: str, shipped: Shipped) -> OrderShipped:
    lines = tuple(SupplierLine(ean=line.ean, quantity=line.units) for line in shipped.lines)
    parcel = TrackedParcel(tracking_number=shipped.tracking_number, carrier=shipped.carrier, lines=lines)
    complete = None if lines else True
    return OrderShipped(number=number, parcels=(parcel,), shipped_on=shipped.shipped_on, complete=complete)
