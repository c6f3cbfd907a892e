"""What two sets of rules make of the same orders, held side by side. Everything here is pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import ceil

from models.configuration import Configuration
from models.rehearsal import (
    MOST_DIFFERENCES,
    PAID_FACTORS,
    Allotted,
    Difference,
    Outcome,
    Replayed,
    RuleChanges,
    SideTally,
    Tally,
)
from models.routing import OrderFacts, RoutingPlan, Share, SupplierFacts
from models.routing_rules import CustomsRow, Routing
from models.stock import Buffer, Stock
from models.terms import ShippingRow

_EDGES = (-50, -25, -10, -5, -1, 1, 5, 10, 25, 50)  # between bars, in percent of the former cost
BARS = (
    "below -50 %",
    "-50 to -25 %",
    "-25 to -10 %",
    "-10 to -5 %",
    "-5 to -1 %",
    "-1 to 1 %",
    "1 to 5 %",
    "5 to 10 %",
    "10 to 25 %",
    "25 to 50 %",
    "above 50 %",
)
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


# What differs between two configurations, and what of it made an order's difference.


def changes_between(before: Configuration, after: Configuration) -> RuleChanges:
    """Find what a difference between two plans can come from."""
    old, new = ({rule.name: rule for rule in one.routing.rules} for one in (before, after))
    base = [name for name in type(after.routing).model_fields if name != "rules"]
    both = before.suppliers.keys() & after.suppliers.keys()
    was_on, is_on = ({name for name, one in side.suppliers.items() if one.enabled} for side in (before, after))
    return RuleChanges(
        rules=frozenset(name for name, rule in new.items() if rule != old.get(name)),
        gone=frozenset(old.keys() - new.keys()),
        settings=tuple(name for name in base if getattr(before.routing, name) != getattr(after.routing, name)),
        terms=frozenset(name for name in both if before.suppliers[name].terms != after.suppliers[name].terms),
        switched_off=frozenset(was_on - is_on),
        switched_on=frozenset(is_on - was_on),
        stock=before.stock != after.stock,
    )


def made_by(replayed: Replayed, changes: RuleChanges) -> tuple[str, ...]:
    """Say what made the difference: suppliers switched off or on first, then rules, then settings, terms and stock."""
    return tuple(_made_by(replayed, changes)) or ("the sequence of rules",)


def _made_by(replayed: Replayed, changes: RuleChanges) -> Iterator[str]:
    before, after = replayed.before, replayed.after
    for name in before.suppliers:
        if name in changes.switched_off:
            yield f"{name} is switched off"
    yield from (f"{name} is switched on" for name in after.suppliers if name in changes.switched_on)
    yield from (f'rule "{name}"' for name in after.rules if name in changes.rules)
    yield from (
        f'without rule "{name}"'
        for name in before.rules
        if name in changes.gone or (name in changes.rules and name not in after.rules)
    )
    yield from (f"routing.{name}" for name in changes.settings)
    for name in dict.fromkeys([*before.suppliers, *after.suppliers]):
        if name in changes.terms:
            yield f"terms of {name}"
    if changes.stock:
        yield "[stock]"


# Figures.


def take_in(tally: Tally, replayed: Replayed, changes: RuleChanges, *, lines: int, unheard_of: bool) -> None:
    """Count one order."""
    tally.orders += 1
    tally.lines += lines
    tally.unheard_of += unheard_of
    tally.without_rate += replayed.value is None
    before, after = replayed.before, replayed.after
    tally.newly_failed += before.whole and not after.whole
    tally.rescued += after.whole and not before.whole
    for side, outcome in ((tally.before, before), (tally.after, after)):
        _count(side, outcome)
    if replayed.compared:
        _weigh(tally, replayed)
    if replayed.changed:
        tally.changed += 1
        keep_largest(tally.largest, [Difference(replayed, made_by(replayed, changes))])


def _count(side: SideTally, outcome: Outcome) -> None:
    side.missing += outcome.missing or Decimal(0)
    side.orders_at.update(outcome.suppliers)
    for one in outcome.allotted:
        side.units_at[one.supplier] += one.units
    if not outcome.whole:
        side.failed += 1
        return
    side.whole += 1
    side.split += len(outcome.suppliers) > 1
    side.parcels += len(outcome.suppliers)
    if outcome.days is not None:
        side.days[outcome.days] += 1


def _weigh(tally: Tally, replayed: Replayed) -> None:
    tally.compared += 1
    tally.value += replayed.value or Decimal(0)
    for side, outcome in ((tally.before, replayed.before), (tally.after, replayed.after)):
        for factor, amount in (outcome.paid or {}).items():
            side.paid[factor] += amount
    if replayed.changed:
        tally.saved[bar_of(replayed.before.cost or Decimal(0), replayed.after.cost or Decimal(0))] += 1


def bar_of(before: Decimal, after: Decimal) -> str:
    """Say in which bar a change of cost counts. What was free before and is not counts as more than half."""
    if before == after:
        return BARS[5]
    percent = (after - before) * 100 / before if before else Decimal(100)
    return BARS[sum(percent >= edge for edge in _EDGES)]


def nobody_had(plan: RoutingPlan) -> bool:
    """Say whether an article of it was one that no supplier had."""
    return any(
        all(verdict.because == _NEVER_HEARD for verdict in line.verdicts) for line in plan.reasons if line.verdicts
    )


def keep_largest(largest: list[Difference], more: Iterable[Difference]) -> None:
    """Keep the largest differences in place, the largest first; of two alike the earlier order's."""
    largest.extend(more)
    largest.sort(key=lambda one: (-one.replayed.at_stake, one.replayed.order_id))
    del largest[MOST_DIFFERENCES:]


def merged(tallies: Iterable[Tally]) -> Tally:
    """Add tallies of disjoint orders up."""
    whole = Tally()
    for one in tallies:
        add(whole, one)
    return whole


def add(whole: Tally, part: Tally) -> None:
    """Add a tally of other orders to one."""
    for name in ("orders", "lines", "compared", "value", "without_rate", "unheard_of"):
        setattr(whole, name, getattr(whole, name) + getattr(part, name))
    for name in ("changed", "newly_failed", "rescued"):
        setattr(whole, name, getattr(whole, name) + getattr(part, name))
    whole.saved.update(part.saved)
    _add_side(whole.before, part.before)
    _add_side(whole.after, part.after)
    keep_largest(whole.largest, part.largest)


def _add_side(whole: SideTally, part: SideTally) -> None:
    for name in ("whole", "failed", "missing", "split", "parcels"):
        setattr(whole, name, getattr(whole, name) + getattr(part, name))
    for factor, amount in part.paid.items():
        whole.paid[factor] += amount
    whole.days.update(part.days)
    whole.orders_at.update(part.orders_at)
    whole.units_at.update(part.units_at)


def percentile(days: Mapping[int, int], share: float) -> int | None:
    """Read a value below or at which this share of all lies; None of nothing."""
    total, below = sum(days.values()), 0
    for day in sorted(days):
        below += days[day]
        if below >= share * total:
            return day
    return None


def mean(days: Mapping[int, int]) -> Decimal | None:
    """Average; None of nothing."""
    total = sum(days.values())
    return Decimal(sum(day * count for day, count in days.items())) / total if total else None
