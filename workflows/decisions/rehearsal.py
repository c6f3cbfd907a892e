"""What rules make of one order: who gets it, what is paid, and when it arrives. Everything here is pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import ceil

from models.rehearsal import PAID_FACTORS, Allotted, Outcome
from models.routing import OrderFacts, RoutingPlan, Share, SupplierFacts
from models.routing_rules import CustomsRow, Routing
from models.stock import Buffer, Stock
from models.terms import ShippingRow

FOUR_PLACES = Decimal("0.0001")
_NEVER_HEARD = "article unknown"


def outcome_of(
    order: OrderFacts,
    plan: RoutingPlan,
    suppliers: Mapping[str, SupplierFacts],
    routing: Routing,
    *,
    rate: Decimal | None,
    prices: Mapping[str, Decimal],
) -> Outcome:
    """Sum up one plan in ``routing.currency``.

    ``rate`` makes an amount in that currency one in the order's, None where it is not known. ``prices`` are what the
    customer paid for one unit of each line, in the order's currency.
    """
    return Outcome(
        allotted=tuple(_allotted(plan)),
        whole=not plan.unroutable,
        missing=None if rate is None else _round(missing_value(plan, prices) / rate),
        paid=_paid(order, plan, suppliers, routing, rate),
        days=_days(order, plan),
        rules=tuple(dict.fromkeys([*plan.rules, *(name for line in plan.reasons for name in line.rules)])),
        lost=_lost(plan),
    )


def _allotted(plan: RoutingPlan) -> Iterator[Allotted]:
    for supplier, share in plan.shares.items():
        for one in share.allotments:
            yield Allotted(one.line_id, one.ean, supplier, one.sku, one.quantity)


def missing_value(plan: RoutingPlan, prices: Mapping[str, Decimal]) -> Decimal:
    """Value what nobody delivers, in the order's currency. A bundle counts once, by the part that most is missing of."""
    units: dict[str, int] = {}
    for one in plan.unroutable:
        units[one.line_id] = max(units.get(one.line_id, 0), -(-one.quantity // one.per_unit))
    return sum((prices.get(line_id, Decimal(0)) * count for line_id, count in units.items()), Decimal(0))


def _days(order: OrderFacts, plan: RoutingPlan) -> int | None:
    arrivals = [share.arrive_on for share in plan.shares.values()]
    known = [day for day in arrivals if day is not None]
    if plan.unroutable or not known or len(known) < len(arrivals):
        return None
    return (max(known) - order.placed_at.date()).days


def _lost(plan: RoutingPlan) -> dict[str, str]:
    """Say of each supplier that gets nothing why it lost, on the first line that it lost for a reason of its own."""
    lost: dict[str, str] = {}
    for line in plan.reasons:
        for verdict in line.verdicts:
            if verdict.supplier not in plan.shares and lost.get(verdict.supplier, _NEVER_HEARD) == _NEVER_HEARD:
                lost[verdict.supplier] = f"{verdict.because} ({verdict.detail})" if verdict.detail else verdict.because
    return lost


def nobody_had(plan: RoutingPlan) -> bool:
    """Say whether an article of it was one that no supplier had."""
    return any(
        all(verdict.because == _NEVER_HEARD for verdict in line.verdicts) for line in plan.reasons if line.verdicts
    )


def converted(outcome: Outcome, rate: Decimal | None) -> Outcome:
    """Bring its amounts into another currency; where the rate is None they are not known there."""
    if rate is None:
        return replace(outcome, missing=None, paid=None)
    paid = None if outcome.paid is None else {name: _round(amount * rate) for name, amount in outcome.paid.items()}
    missing = None if outcome.missing is None else _round(outcome.missing * rate)
    return replace(outcome, missing=missing, paid=paid)


def kept_back(stock: Stock, supplier: str, article: str, category: str, quantity: int) -> int:
    """Say how many units of an offer its buffers keep back: the largest of those that fit."""
    fitting = (one for one in stock.buffers if _keeps(one, supplier, article, category))
    return max((max(one.units, ceil(Fraction(str(one.share)) * quantity)) for one in fitting), default=0)


def _keeps(buffer: Buffer, supplier: str, article: str, category: str) -> bool:
    return (
        (not buffer.suppliers or supplier in buffer.suppliers)
        and (not buffer.articles or article in buffer.articles)
        and (not buffer.categories or category in buffer.categories)
    )


# What is paid.


def _paid(
    order: OrderFacts,
    plan: RoutingPlan,
    suppliers: Mapping[str, SupplierFacts],
    routing: Routing,
    rate: Decimal | None,
) -> dict[str, Decimal] | None:
    if rate is None:
        return None
    sums = dict.fromkeys(PAID_FACTORS, Decimal(0))
    for name, share in plan.shares.items():
        paid = paid_to(order, share, suppliers[name], routing, rate)
        if paid is None:
            return None
        for factor, amount in paid.items():
            sums[factor] += amount / rate
    return {factor: _round(amount) for factor, amount in sums.items()}


def paid_to(
    order: OrderFacts, share: Share, supplier: SupplierFacts, routing: Routing, rate: Decimal
) -> dict[str, Decimal] | None:
    """Say what one purchase order costs by factor, in the order's currency and unweighed: what the invoices will say.

    A fee for small orders counts as shipping. None where a cost, or the rate of the supplier's currency, is not known.
    """
    if supplier.rate is None:
        return None
    item = Decimal(0)
    for one in share.allotments:
        if one.unit_cost is None:
            return None
        item += one.unit_cost * one.quantity
    shipping = _shipping(order, share, supplier) + _small_order_fee(item, supplier) * supplier.rate
    return {"item": item, "shipping": shipping, "customs": _customs(order, item, supplier, routing, rate)}


def _shipping(order: OrderFacts, share: Share, supplier: SupplierFacts) -> Decimal:
    grams = {(line.line_id, line.ean): line.grams for line in order.lines}
    kg = Decimal(sum(grams.get((one.line_id, one.ean), 0) * one.quantity for one in share.allotments)) / 1000
    units = sum(one.quantity for one in share.allotments)
    row = next((row for row in supplier.terms.shipping if _carries(row, order.country, kg)), None)
    if row is None or supplier.rate is None:
        return Decimal(0)
    return (row.cost + row.per_kg * kg + row.per_item * units) * supplier.rate


def _carries(row: ShippingRow, country: str, kg: Decimal) -> bool:
    return (not row.countries or country in row.countries) and (row.up_to_kg is None or kg <= row.up_to_kg)


def _small_order_fee(item: Decimal, supplier: SupplierFacts) -> Decimal:
    terms = supplier.terms
    if supplier.rate is None or item >= terms.minimum_order * supplier.rate:
        return Decimal(0)
    return terms.small_order_fee or Decimal(0)


def _customs(order: OrderFacts, item: Decimal, supplier: SupplierFacts, routing: Routing, rate: Decimal) -> Decimal:
    origin = supplier.terms.ships_from
    if origin is None or origin == order.country:
        return Decimal(0)
    row = next((row for row in routing.customs if _crosses(row, origin, order.country)), None)
    return Decimal(0) if row is None else row.share * item + row.fixed * rate


def _crosses(row: CustomsRow, origin: str, destination: str) -> bool:
    return (not row.origins or origin in row.origins) and (not row.destinations or destination in row.destinations)


def _round(amount: Decimal) -> Decimal:
    return amount.quantize(FOUR_PLACES)
