"""What it costs to have a supplier deliver, factor by factor, and when its parcel leaves and arrives.

Costs are whole ten-thousandths of the order's currency, each factor rounded once, so that sums and comparisons are exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from models.routing import OfferFacts, OrderFacts, Scorecard, SupplierFacts
from models.routing_rules import CustomsRow, Weights
from models.terms import ShippingRow
from workflows.decisions.delivery import arrival_date, ship_date

SCALE = 10_000
_JUDGED_FROM = 5  # purchase orders, as for Scorecard.score
_DAYS = 2  # on the way, where a supplier names none
Costs = Mapping[str, int]  # by factor, in 1/10,000


@dataclass(frozen=True, slots=True)
class Band:
    """The parcels for which one row of a shipping table counts: heavier than ``over``, up to ``up_to`` grams."""

    over: int = -1
    up_to: int | None = None
    cost: Decimal = Decimal(0)
    per_kg: Decimal = Decimal(0)
    per_item: Decimal = Decimal(0)
    days: int = _DAYS


@dataclass(frozen=True, slots=True)
class Weighing:
    """What costs depend on beside the supplier: the order, the weights, and the customs rules."""

    order: OrderFacts
    weights: Weights
    customs: tuple[CustomsRow, ...]
    promise_days: int
    limits: Mapping[str, float]  # of concentration
    rate: Decimal  # of routing.currency into the order's
    now: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """A supplier's terms as they are for one order, in the order's currency."""

    facts: SupplierFacts
    rank: int
    bands: tuple[Band, ...]
    known: bool  # its amounts can be told in the order's currency
    customs_share: Decimal
    parcel: Costs  # whatever the band, beside shipping
    line: Costs  # for each line it has a share in, beside what depends on days
    excess: float  # of its share of purchase orders over the limit
    minimum: int
    fee: int | None
    kilometres: int
    dates: dict[tuple[int, date | None, int], tuple[date, date]] = field(default_factory=dict)

    @property
    def supplier(self) -> str:
        """Name it."""
        return self.facts.supplier


def delivery(facts: SupplierFacts, rank: int, weighing: Weighing) -> Delivery:
    """Work out what holds for all of a supplier's offers in this order."""
    terms, weights = facts.terms, weighing.weights
    rate = facts.rate if facts.rate is not None else Decimal(0)
    customs = _customs(facts, weighing)
    kilometres = terms.distances_km.get(weighing.order.country, terms.distances_km.get("*", 0))
    bands = _bands(facts, weighing.order.country, rate)
    fee = None if terms.small_order_fee is None else whole(terms.small_order_fee * rate * weights.shipping)
    excess = _excess(facts, weighing.limits)
    return Delivery(
        facts=facts,
        rank=rank,
        bands=bands,
        known=facts.rate is not None or _names_no_amount(facts),
        customs_share=customs.share,
        parcel={
            "customs": whole(customs.fixed * weighing.rate * weights.customs),
            "distance": whole(Decimal(kilometres) / 1000 * weights.distance * weighing.rate),
        },
        line=_line_costs(facts.score, excess, weighing),
        excess=excess,
        minimum=whole(terms.minimum_order * rate),
        fee=fee,
        kilometres=kilometres,
    )


def whole(amount: Decimal) -> int:
    """Write an amount as ten-thousandths."""
    return round(amount * SCALE)


def amount(cost: int) -> Decimal:
    """Write ten-thousandths as an amount."""
    return Decimal(cost).scaleb(-4)


def unit_costs(offer: OfferFacts, grams: int, band: Band, terms: Delivery, weighing: Weighing) -> dict[str, int]:
    """Tell what one unit more costs."""
    weights, kg = weighing.weights, Decimal(grams) / 1000
    cost = offer.unit_cost or Decimal(0)
    costs = {"item": whole(cost * weights.item), "shipping": whole(_carriage(band, kg) * weights.shipping)}
    if terms.customs_share:
        costs["customs"] = whole(cost * terms.customs_share * weights.customs)
    if weights.co2 and terms.kilometres:
        per_kg_km = Decimal(str(terms.facts.terms.co2_grams_per_kg_km))
        costs["co2"] = whole(kg * terms.kilometres * per_kg_km / 1000 * weights.co2 * weighing.rate)
    return costs


def landed(offer: OfferFacts, grams: int, band: Band, terms: Delivery) -> Decimal:
    """Tell what one unit costs at the customer's door, unweighed and without what falls due per parcel."""
    cost = offer.unit_cost or Decimal(0)
    return cost * (1 + terms.customs_share) + _carriage(band, Decimal(grams) / 1000)


def line_costs(arrives: date, terms: Delivery, weighing: Weighing) -> dict[str, int]:
    """Tell what a line costs whose parcel arrives on this day, whatever its quantity."""
    weights, order = weighing.weights, weighing.order
    costs = dict(terms.line)
    if weights.day:
        costs["lead time"] = whole(days_until(arrives, weighing.now) * weights.day * weighing.rate)
    if weights.late_day:
        late = (arrives - order.placed_at.date()).days - weighing.promise_days
        costs["lateness"] = whole(max(0, late) * weights.late_day * weighing.rate)
    return costs


def parcel_costs(band: Band, terms: Delivery, weighing: Weighing, *, small: bool) -> dict[str, int]:
    """Tell what a parcel costs, whatever is in it; ``small`` where it is below the minimum order."""
    fee = (terms.fee or 0) if small else 0
    return {**terms.parcel, "shipping": whole(band.cost * weighing.weights.shipping) + fee}


def days(offer: OfferFacts, band: Band, terms: Delivery, now: datetime) -> tuple[date, date]:
    """Say when what is ordered now is shipped, and when it arrives."""
    key = (offer.lead_days or 0, offer.available_on, band.days)
    if key not in terms.dates:
        calendar = terms.facts.terms.calendar
        working_days = terms.facts.terms.handling_days + key[0]
        ships = ship_date(now, calendar, working_days=working_days, not_before=offer.available_on)
        terms.dates[key] = (ships, arrival_date(ships, calendar, days=band.days))
    return terms.dates[key]


def days_until(arrives: date, now: datetime) -> int:
    """Count the days from now on."""
    return max(0, (arrives - now.date()).days)


def _carriage(band: Band, kg: Decimal) -> Decimal:
    return band.per_item + band.per_kg * kg


def _bands(facts: SupplierFacts, country: str, rate: Decimal) -> tuple[Band, ...]:
    rows = [row for row in facts.terms.shipping if not row.countries or country in row.countries]
    if facts.live_rate is not None:
        said = facts.live_rate.days
        table = rows[0].days if rows else _DAYS
        return (Band(cost=facts.live_rate.cost, days=table if said is None else said),)
    return tuple(_reached(rows, rate)) if facts.terms.shipping else (Band(),)


def _reached(rows: list[ShippingRow], rate: Decimal) -> list[Band]:
    """Make the first row that fits count: each begins above what the ones before it carry."""
    bands: list[Band] = []
    over = -1
    for row in rows:
        up_to = None if row.up_to_kg is None else int(row.up_to_kg * 1000)
        if up_to is not None and up_to <= over:
            continue
        bands.append(Band(over, up_to, row.cost * rate, row.per_kg * rate, row.per_item * rate, row.days))
        if up_to is None:
            break
        over = up_to
    return bands


def _customs(facts: SupplierFacts, weighing: Weighing) -> CustomsRow:
    origin, country = facts.terms.ships_from, weighing.order.country
    if origin is None or origin == country:
        return CustomsRow()
    fitting = (
        row
        for row in weighing.customs
        if (not row.origins or origin in row.origins) and (not row.destinations or country in row.destinations)
    )
    return next(fitting, CustomsRow())


def _names_no_amount(facts: SupplierFacts) -> bool:
    terms = facts.terms
    rows = () if facts.live_rate is not None else terms.shipping
    return not terms.minimum_order and not any(row.cost or row.per_kg or row.per_item for row in rows)


def _judged(score: Scorecard | None) -> bool:
    return score is not None and score.purchase_orders >= _JUDGED_FROM


def _excess(facts: SupplierFacts, limits: Mapping[str, float]) -> float:
    if facts.score is None or not _judged(facts.score) or facts.supplier not in limits:
        return 0.0
    return max(0.0, facts.score.share - limits[facts.supplier])


def _line_costs(score: Scorecard | None, excess: float, weighing: Weighing) -> dict[str, int]:
    if score is None or not _judged(score):
        return {}
    weights = weighing.weights
    counted = {
        "score": (100 - score.score, weights.score),
        "errors": (score.error_share, weights.errors),
        "concentration": (excess, weights.concentration),
    }
    return {
        factor: whole(Decimal(str(round(figure, 6))) * weight * weighing.rate)
        for factor, (figure, weight) in counted.items()
        if figure and weight
    }
