"""What the router is given, made from what is stored: open quantities, bundles taken apart, amounts in one currency."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from models.configuration import Configuration
from models.routing import LiveRate, OfferFacts, OrderFacts, Scorecard, SupplierFacts, WantedLine
from models.stock import Stock
from models.terms import Terms

EURO = "EUR"
_MILLIONTH = Decimal("0.000001")


class StoredLine(Protocol):
    """A line that ships, with what is owed of it and what purchase orders cover."""

    @property
    def line_id(self) -> str: ...
    @property
    def ean(self) -> str: ...
    @property
    def owed(self) -> int: ...
    @property
    def shipped(self) -> int: ...
    @property
    def unit_price(self) -> Decimal: ...
    @property
    def grams(self) -> int: ...
    @property
    def parts(self) -> Mapping[str, int] | None: ...
    @property
    def running(self) -> Mapping[str, int]: ...
    @property
    def sent(self) -> Mapping[str, int]: ...


class StoredPins(Protocol):
    """A person's word on who may deliver an order."""

    @property
    def urgent(self) -> bool: ...
    @property
    def only_supplier(self) -> str | None: ...
    @property
    def excluded(self) -> frozenset[str]: ...


class StoredOrder(Protocol):
    """An order with everything that the choice of suppliers depends on."""

    @property
    def channel(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def ship_country(self) -> str | None: ...
    @property
    def region(self) -> str: ...
    @property
    def postal_code(self) -> str: ...
    @property
    def placed_at(self) -> datetime: ...
    @property
    def tags(self) -> frozenset[str]: ...
    @property
    def customer_group(self) -> str: ...
    @property
    def preference(self) -> str: ...
    @property
    def needs(self) -> frozenset[str]: ...
    @property
    def lines(self) -> Sequence[StoredLine]: ...
    @property
    def pins(self) -> StoredPins: ...


class StoredOffer(Protocol):
    """An offer as it stands: ``quantity`` as the supplier told it, ``reserved`` and ``buffer`` not yet subtracted."""

    @property
    def supplier(self) -> str: ...
    @property
    def sku(self) -> str: ...
    @property
    def ean(self) -> str: ...
    @property
    def known(self) -> bool: ...
    @property
    def discontinued(self) -> bool: ...
    @property
    def quantity(self) -> int: ...
    @property
    def reserved(self) -> int: ...
    @property
    def buffer(self) -> int: ...
    @property
    def unit_cost(self) -> Decimal | None: ...
    @property
    def currency(self) -> str: ...
    @property
    def lead_days(self) -> int | None: ...
    @property
    def available_on(self) -> object: ...
    @property
    def minimum(self) -> int | None: ...
    @property
    def pack(self) -> int | None: ...
    @property
    def restricted_countries(self) -> Sequence[str] | None: ...
    @property
    def category(self) -> str: ...
    @property
    def confirmed_at(self) -> datetime: ...


def open_parts(lines: Iterable[StoredLine], stock: Stock) -> list[WantedLine]:
    """List what is owed and no purchase order covers, bundles taken apart."""
    return [part for line in lines for part in _open_parts(line, stock) if part.quantity > 0]


def _open_parts(line: StoredLine, stock: Stock) -> list[WantedLine]:
    covered = line.shipped + sum(line.running.values())
    parts = line.parts or _parts_now(line, stock, covered)
    if len(parts) == 1 and set(parts.values()) == {1}:
        (ean,) = parts
        return [WantedLine(line.line_id, ean, line.owed - covered, price=line.unit_price, grams=line.grams)]
    return [
        WantedLine(line.line_id, ean, line.owed * per_unit - line.sent.get(ean, 0) - line.running.get(ean, 0), per_unit)
        for ean, per_unit in sorted(parts.items())
    ]


def _parts_now(line: StoredLine, stock: Stock, covered: int) -> Mapping[str, int]:
    """Take a line apart as the configuration says, unless some of it was ordered as one article before it said so."""
    parts = stock.parts_of(line.ean)
    return {line.ean: 1} if covered and sum(parts.values()) > 1 else parts


def order_facts(
    order: StoredOrder,
    parts: Sequence[WantedLine],
    offers: Iterable[StoredOffer],
    *,
    failed: frozenset[str] = frozenset(),
) -> OrderFacts:
    """Put an order to the router. ``failed`` are suppliers that did not deliver their share of it."""
    return OrderFacts(
        channel=order.channel,
        currency=order.currency,
        lines=with_categories(parts, offers),
        placed_at=order.placed_at,
        country=order.ship_country or "",
        region=order.region,
        postal_code=order.postal_code,
        value=value_of(order),
        tags=order.tags,
        customer_group=order.customer_group,
        preference=order.preference,
        needs=order.needs,
        urgent=order.pins.urgent,
        only_supplier=order.pins.only_supplier,
        excluded=order.pins.excluded | failed,
    )


def value_of(order: StoredOrder) -> Decimal:
    """Sum what the customer pays for the goods that ship, in the order's currency."""
    return sum((line.unit_price * line.owed for line in order.lines), Decimal(0))


def conversion(rates: Mapping[str, Decimal], source: str, target: str) -> Decimal | None:
    """Say what one unit of ``source`` is in ``target``; ``rates`` are units for one euro. None where one is not known."""
    if source == target:
        return Decimal(1)
    known = {EURO: Decimal(1), **rates}
    return known[target] / known[source] if source in known and target in known else None


def offer_facts(
    offers: Iterable[StoredOffer],
    configuration: Configuration,
    rates: Mapping[str, Decimal],
    currency: str,
    now: datetime,
) -> list[OfferFacts]:
    """Make offers comparable: what is available after reservations and buffers, in the order's currency."""
    return [_offer(offer, configuration.suppliers[offer.supplier].terms, rates, currency, now) for offer in offers]


def _offer(offer: StoredOffer, terms: Terms, rates: Mapping[str, Decimal], currency: str, now: datetime) -> OfferFacts:
    rate = conversion(rates, offer.currency, currency)
    cost = None if offer.unit_cost is None or rate is None else (offer.unit_cost * rate).quantize(_MILLIONTH)
    there = 0 if offer.discontinued else offer.quantity - offer.reserved - offer.buffer
    return OfferFacts(
        supplier=offer.supplier,
        sku=offer.sku,
        ean=offer.ean,
        known=offer.known,
        available=max(0, there),
        unit_cost=cost,
        fresh=offer.confirmed_at >= now - terms.stock_promise,
        lead_days=offer.lead_days,
        available_on=offer.available_on,  # type: ignore[arg-type]
        minimum=offer.minimum,
        pack=offer.pack,
        restricted=tuple(offer.restricted_countries or ()),
        category=offer.category,
        buffer=offer.buffer,
    )


def supplier_facts(
    configuration: Configuration,
    rates: Mapping[str, Decimal],
    currency: str,
    *,
    scores: Mapping[str, Scorecard],
    silent: Collection[str] = (),
    live_rates: Mapping[str, LiveRate] | None = None,
) -> dict[str, SupplierFacts]:
    """Describe every candidate supplier. ``silent`` ones gave no answer, and had not said enough before."""
    return {
        name: SupplierFacts(
            supplier=name,
            terms=(settings := configuration.suppliers[name]).terms,
            enabled=settings.enabled,
            answered=name not in silent,
            rate=conversion(rates, settings.terms.currency, currency),
            score=scores.get(name),
            live_rate=(live_rates or {}).get(name),
        )
        for name in configuration.routing.priority
    }


def with_categories(parts: Sequence[WantedLine], offers: Iterable[StoredOffer]) -> list[WantedLine]:
    """Give each part the category that the first supplier who has one names for its article."""
    categories: dict[str, str] = {}
    for offer in offers:
        if offer.category:
            categories.setdefault(offer.ean, offer.category)
    return [
        WantedLine(
            part.line_id, part.ean, part.quantity, part.per_unit, part.price, part.grams, categories.get(part.ean, "")
        )
        for part in parts
    ]
