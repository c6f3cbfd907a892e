"""Reading yesterday's orders, and the offers as they stood then. Nothing is written, and no name or street is read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, text

from adapters.database.engine import Transaction
from adapters.database.planning import Pins, PlanningLine
from models.articles import normalise_ean


@dataclass(frozen=True, slots=True)
class PastOrder:
    """An order as it was ordered. ``at`` is when it was first planned; where it never was, when it was placed."""

    id: int
    name: str
    channel: str
    currency: str
    ship_country: str | None
    region: str
    postal_code: str
    placed_at: datetime
    at: datetime
    tags: frozenset[str]
    customer_group: str
    preference: str
    needs: frozenset[str]
    lines: tuple[PlanningLine, ...]
    pins: Pins = field(default_factory=Pins)


@dataclass(frozen=True, slots=True)
class PastOffer:
    """An offer with quantity and cost as of an instant, and everything else as it stands now."""

    supplier: str
    sku: str
    ean: str
    known: bool
    discontinued: bool
    quantity: int
    unit_cost: Decimal | None
    currency: str
    lead_days: int | None
    available_on: date | None
    minimum: int | None
    pack: int | None
    restricted_countries: tuple[str, ...] | None
    category: str
    confirmed_at: datetime
    buffer: int = 0
    reserved: int = 0


# What was paid, was no test and ships. The newest first, where only so many are wanted.
_IN_WINDOW = text("""
SELECT id FROM (
    SELECT o.id, o.placed_at FROM orders o
    WHERE o.placed_at >= :since AND o.placed_at < :until AND o.paid AND NOT o.test
        AND (CAST(:channel AS text) IS NULL OR o.channel = :channel)
        AND EXISTS (SELECT 1 FROM order_lines l WHERE l.order_id = o.id AND l.requires_shipping)
    ORDER BY o.placed_at DESC, o.id DESC LIMIT :most
) newest ORDER BY placed_at, id
""")

_ORDERS = text("""
SELECT o.id, o.name, o.channel, o.currency, o.ship_country, o.placed_at, o.tags, o.customer_group, o.preference,
    o.needs, coalesce(a.address ->> 'province_code', '') AS region,
    coalesce(a.address ->> 'postal_code', '') AS postal_code,
    coalesce((SELECT min(planned_at) FROM plans p WHERE p.order_id = o.id), o.placed_at) AS at,
    coalesce(pin.urgent, false) AS urgent, pin.only_supplier, coalesce(pin.excluded, '{}') AS excluded,
    l.line_id, coalesce(m.ean, l.ean, '') AS ean, l.quantity, l.unit_price, l.grams
FROM orders o
JOIN order_lines l ON l.order_id = o.id AND l.requires_shipping
LEFT JOIN addresses a ON a.id = o.address_id
LEFT JOIN route_pins pin ON pin.order_id = o.id
LEFT JOIN article_mappings m ON m.channel = o.channel AND m.variant_id = l.variant_id
WHERE o.id = ANY(:ids) ORDER BY o.id, l.position
""")

# The index on changes finds for each offer the first value that held beyond the instant; where nothing has changed
# since, it is the offer's own. What a feed told of first only later did not exist then.
_OFFERS = text("""
SELECT w.order_id, o.supplier, o.sku, o.ean, o.known, o.lead_days, o.available_on, o.minimum, o.pack,
    o.restricted_countries, coalesce(a.category, '') AS category, w.at,
    CASE WHEN c.until IS NULL THEN o.quantity ELSE c.quantity END AS quantity,
    CASE WHEN c.until IS NULL THEN o.unit_cost ELSE c.unit_cost END AS unit_cost,
    CASE WHEN c.until IS NULL THEN o.currency ELSE c.currency END AS currency,
    CASE WHEN c.until IS NULL THEN o.discontinued ELSE c.discontinued END AS discontinued
FROM unnest(CAST(:orders AS bigint[]), CAST(:times AS timestamptz[]), CAST(:eans AS text[])) AS w (order_id, at, ean)
JOIN offers o ON o.ean = w.ean AND o.supplier = ANY(:suppliers)
LEFT JOIN supplier_articles a ON a.supplier = o.supplier AND a.sku = o.sku
LEFT JOIN LATERAL (
    SELECT h.until, h.quantity, h.unit_cost, h.currency, h.discontinued FROM offer_changes h
    WHERE h.supplier = o.supplier AND h.sku = o.sku AND h.until > w.at ORDER BY h.until, h.id LIMIT 1
) c ON true
WHERE a.first_seen_at IS NULL OR a.first_seen_at <= w.at
ORDER BY w.order_id, array_position(:suppliers, o.supplier), o.sku
""")

_RATES = text("""
SELECT DISTINCT ON ("on", currency) "on", currency, rate FROM exchange_rates
WHERE base = 'EUR' AND "on" >= :since AND "on" <= :until ORDER BY "on", currency, captured_at DESC, source
""")
RATES_BEFORE = timedelta(days=14)  # a rate of an earlier day holds over weekends and holidays


def in_window(tx: Transaction, since: datetime, until: datetime, *, channel: str | None, most: int | None) -> list[int]:
    """List the orders placed in a window, the oldest first; of more than ``most`` the newest."""
    values = {"since": since, "until": until, "channel": channel, "most": most}
    return list(tx.execute(_IN_WINDOW, values).scalars())


def read(tx: Transaction, ids: Sequence[int]) -> list[PastOrder]:
    """Read these orders with what was ordered of each line, in one statement."""
    rows: dict[int, list[Row[Any]]] = {}
    for row in tx.execute(_ORDERS, {"ids": list(ids)}):
        rows.setdefault(row.id, []).append(row)
    return [_order(of) for of in rows.values()]


def _order(rows: Sequence[Row[Any]]) -> PastOrder:
    first = rows[0]
    return PastOrder(
        id=first.id,
        name=first.name,
        channel=first.channel,
        currency=first.currency,
        ship_country=first.ship_country,
        region=first.region,
        postal_code=first.postal_code,
        placed_at=first.placed_at,
        at=first.at,
        tags=frozenset(first.tags),
        customer_group=first.customer_group,
        preference=first.preference,
        needs=frozenset(first.needs),
        lines=tuple(_line(row) for row in rows),
        pins=Pins(first.urgent, first.only_supplier, frozenset(first.excluded)),
    )


def _line(row: Row[Any]) -> PlanningLine:
    return PlanningLine(
        line_id=row.line_id,
        ean=normalise_ean(row.ean),
        owed=row.quantity,
        shipped=0,
        unit_price=row.unit_price,
        grams=row.grams,
        parts=None,
        running={},
        sent={},
    )


def offers_then(
    tx: Transaction, wanted: Mapping[int, tuple[datetime, Sequence[str]]], suppliers: Sequence[str]
) -> dict[int, list[PastOffer]]:
    """Read the offers of each order's articles as of its instant: one statement. ``wanted`` is by the order's id."""
    flat = [(order_id, at, ean) for order_id, (at, eans) in wanted.items() for ean in eans]
    values = {
        "orders": [one[0] for one in flat],
        "times": [one[1] for one in flat],
        "eans": [one[2] for one in flat],
        "suppliers": list(suppliers),
    }
    found: dict[int, list[PastOffer]] = {}
    for order_id, offer in _offers(tx, values):
        found.setdefault(order_id, []).append(offer)
    return found


def _offers(tx: Transaction, values: Mapping[str, Any]) -> Iterator[tuple[int, PastOffer]]:
    for row in tx.execute(_OFFERS, values):
        restricted = None if row.restricted_countries is None else tuple(row.restricted_countries)
        yield (
            row.order_id,
            PastOffer(
                supplier=row.supplier,
                sku=row.sku,
                ean=row.ean,
                known=row.known,
                discontinued=row.discontinued,
                quantity=row.quantity,
                unit_cost=row.unit_cost,
                currency=row.currency,
                lead_days=row.lead_days,
                available_on=row.available_on,
                minimum=row.minimum,
                pack=row.pack,
                restricted_countries=restricted,
                category=row.category,
                confirmed_at=row.at,
            ),
        )


def rates(tx: Transaction, since: datetime, until: datetime) -> dict[date, dict[str, Decimal]]:
    """Read what each day's rates were: units of a currency for one euro, by day, the earliest first."""
    found: dict[date, dict[str, Decimal]] = {}
    for row in tx.execute(_RATES, {"since": (since - RATES_BEFORE).date(), "until": until.date()}):
        found.setdefault(row.on, {})[row.currency] = row.rate
    return found
