"""What a supplier's answers mean, by its profile's expressions. Pure: JSON in, models or UnexpectedReply out."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from adapters.errors import UnexpectedReply
from adapters.suppliers.generic_rest.judging import evaluate_safely
from adapters.suppliers.generic_rest.profile import (
    FetchStock,
    FindOrder,
    LinesReading,
    OrderReading,
    PackedReading,
    ParcelsReading,
    QuoteShipping,
    RestProfile,
)
from adapters.suppliers.generic_rest.values import Source, translated
from models.articles import normalise_ean
from models.money import Money
from models.suppliers import (
    AcknowledgedLine,
    Cancellation,
    LineStatus,
    Lookup,
    LookupVerdict,
    PlacedOrder,
    ShippingQuote,
    StockAnswer,
    SupplierLine,
    SupplierOrderStatus,
    SupplierState,
    TrackedParcel,
)

FIRST_OF = re.compile(r"(.+?)\s*(?:\|\s*)?\[0\]\s*", re.DOTALL)  # data[0], data[?open] | [0]
UNREADABLE_TRACKING, UNKNOWN_LINE = "unreadable tracking", "unknown status of a line"


@dataclass(frozen=True)
class Reader:
    """Reads answers of one operation as orders."""

    profile: RestProfile
    operation: str
    reading: OrderReading

    def placed(self, document: Any, our_number: str = "") -> PlacedOrder:
        """Read the answer to an order. ``our_number`` stands in for the supplier's where orders go by ours.

        What is no proof that the order exists is lenient: it is asked for again soon.
        """
        order = Source(self.operation, document)
        if not isinstance(document, dict | list) or not document:
            raise order.wrong("order", "is missing")
        status = self._leniently(lambda: self.status(document), default=None)
        return PlacedOrder(
            supplier_number=our_number or order.reference("number", self.reading.number),
            state=status.state if status else SupplierState.UNKNOWN,
            status_text=status.status_text if status else "",
            total=self._leniently(lambda: self._total(order), default=None),
            expected_delivery=self._leniently(
                lambda: order.moment("expected_delivery", self.reading.expected_delivery), default=None
            ),
            lines=status.lines if status else (),
        )

    def status(self, document: Any, supplier_number: str = "") -> SupplierOrderStatus:
        """Read how an order stands. A word nobody knows is UNKNOWN, never a guess."""
        order = Source(self.operation, document)
        if supplier_number and order.text("number", self.reading.number) not in ("", supplier_number):
            raise order.wrong("number", "is not the one asked for")
        text = order.text("status", self.reading.status)
        state = translated(self.profile.statuses, text) or SupplierState.UNKNOWN
        lines, parcels = self._lines(order), self._parcels(order)
        trouble = UNREADABLE_TRACKING if parcels is None else UNKNOWN_LINE if lines is None else ""
        if trouble:
            state, text = SupplierState.UNKNOWN, f"{text[:34]}: {trouble}"
        return SupplierOrderStatus(state=state, status_text=text, parcels=parcels or (), lines=lines or ())

    def cancellation(self, document: Any) -> Cancellation:
        """Read the answer to a wish to cancel, by the state that the order is in then."""
        text = Source(self.operation, document).text("status", self.reading.status)
        meanings = {
            SupplierState.CANCELLED: Cancellation.CANCELLED,
            SupplierState.SHIPPED: Cancellation.TOO_LATE,
        }
        state = translated(self.profile.statuses, text)
        return meanings.get(state, Cancellation.REQUESTED)

    def _leniently(self, read: Any, default: Any) -> Any:
        try:
            return read()
        except UnexpectedReply:
            return default

    def _currency(self, source: Source) -> str:
        return source.text("currency", self.reading.currency).upper() or self.profile.currency

    def _total(self, order: Source) -> Money | None:
        if self.reading.total is None or order.get("total", self.reading.total) is None:
            return None
        return order.money("total", self.reading.total, self._currency(order), self.profile.amounts)

    def _lines(self, order: Source) -> tuple[AcknowledgedLine, ...] | None:
        """Read the answers line by line; None where one has a status nobody knows."""
        reading = self.reading.lines
        if reading is None:
            return ()
        sources = order.each("lines", reading.each)
        if reading.status is not None and not all(self._line_status(source, reading) for source in sources):
            return None
        about_units = [source for source in sources if source.whole("quantity", reading.quantity)]
        return tuple(self._line(source, reading, self._currency(order)) for source in about_units)

    def _line_status(self, line: Source, reading: LinesReading) -> LineStatus | None:
        status: LineStatus | None = translated(self.profile.line_statuses, line.text("status", reading.status))
        return status

    def _line(self, line: Source, reading: LinesReading, currency: str) -> AcknowledgedLine:
        cost = reading.unit_cost if line.get("unit_cost", reading.unit_cost) is not None else None
        return AcknowledgedLine(
            ean=_ean(line, reading.ean),
            quantity=line.whole("quantity", reading.quantity),
            status=self._line_status(line, reading) or LineStatus.ACCEPTED,
            unit_cost=line.money("unit_cost", cost, currency, self.profile.amounts) if cost else None,
            expected_on=line.day("expected_on", reading.expected_on),
            substitute=line.text("substitute", reading.substitute),
            reason=line.text("reason", reading.reason),
        )

    def _parcels(self, order: Source) -> tuple[TrackedParcel, ...] | None:
        """Read the parcels that have a number; None where one's can't be read."""
        reading = self.reading.parcels
        if reading is None:
            return ()
        sources = order.each("parcels", reading.each)
        numbered = [source for source in sources if source.text("tracking_number", reading.tracking_number)]
        try:
            return tuple(_parcel(source, reading) for source in numbered)
        except ValidationError:
            return None


def proves_absence(profile: RestProfile, document: Any, order: Any, expression: str) -> bool:
    """Say whether an answer without an order shows that there is none, or may as well be an error that came with 200.

    It does where it is an empty list, or the list that ``expression`` takes its first from is there and empty, or where
    the profile tells successes from errors.
    """
    if order == [] or profile.success is not None:
        return True
    of_list = FIRST_OF.fullmatch(expression)
    return of_list is not None and evaluate_safely("", "order", of_list[1], document) == []


def read_lookup(profile: RestProfile, call: FindOrder, document: Any, our_number: str) -> Lookup:
    """Read the answer to a look-up by our number: where it shows that nothing is there, nothing was ordered."""
    operation = "find_order"
    order = Source(operation, document).get("order", call.order)
    if not order:
        if proves_absence(profile, document, order, call.order):
            return Lookup(verdict=LookupVerdict.ABSENT, said="no such order")
        raise Source(operation, document).wrong("order", "is missing, and nothing shows that there is none")
    if Source(operation, order).text("reference", call.reference) != our_number:
        raise Source(operation, order).wrong("reference", "is not the one asked for")
    ours = our_number if profile.operations.place_order.number_is_ours else ""
    placed = Reader(profile, operation, call.reading or profile.order).placed(order, ours)
    return Lookup(verdict=LookupVerdict.FOUND, placed=placed, said=placed.status_text)


def read_stock(profile: RestProfile, call: FetchStock, document: Any) -> dict[str, StockAnswer]:
    """Read what is there, by normalised EAN. What the answer leaves out is unknown to it."""
    answers = (_stock(profile, call, item) for item in Source("fetch_stock", document).listed("each", call.each))
    return {normalise_ean(answer.ean): answer for answer in answers}


def read_quotes(profile: RestProfile, call: QuoteShipping, document: Any) -> list[ShippingQuote]:
    """Read the ways to ship."""
    return [_quote(profile, call, item) for item in Source("quote_shipping", document).listed("each", call.each)]


def _stock(profile: RestProfile, call: FetchStock, item: Source) -> StockAnswer:
    currency = item.text("currency", call.currency).upper() or profile.currency
    cost = call.unit_cost if call.unit_cost and item.get("unit_cost", call.unit_cost) is not None else None
    return StockAnswer(
        ean=_ean(item, call.ean),
        known=True,
        quantity=item.whole("quantity", call.quantity),
        unit_cost=item.money("unit_cost", cost, currency, profile.amounts) if cost else None,
    )


def _quote(profile: RestProfile, call: QuoteShipping, item: Source) -> ShippingQuote:
    currency = item.text("currency", call.currency).upper() or profile.currency
    days = call.days if call.days and item.get("days", call.days) is not None else None
    return ShippingQuote(
        quote_id=item.identifier("id", call.id),
        carrier=item.text("carrier", call.carrier) or item.text("id", call.id),
        cost=item.money("cost", call.cost, currency, profile.amounts),
        days=item.whole("days", days) if days else None,
    )


def _ean(source: Source, expression: str) -> str:
    ean = source.text("ean", expression, limit=41)
    if not 0 < len(ean) <= 40:
        raise source.wrong("ean", "is missing or too long")
    return ean


def _parcel(source: Source, reading: ParcelsReading) -> TrackedParcel:
    """Read a parcel. Raises ValidationError where its number is none."""
    return TrackedParcel(
        tracking_number=source.text("tracking_number", reading.tracking_number, limit=200),
        carrier=source.text("carrier", reading.carrier),
        url=source.text("url", reading.url, limit=300),
        lines=_packed(source, reading.lines) if reading.lines else (),
    )


def _packed(parcel: Source, reading: PackedReading) -> tuple[SupplierLine, ...]:
    lines = [
        (_ean(line, reading.ean), line.whole("quantity", reading.quantity))
        for line in parcel.each("lines", reading.each)
    ]
    return tuple(SupplierLine(ean=ean, quantity=quantity) for ean, quantity in lines if quantity)
