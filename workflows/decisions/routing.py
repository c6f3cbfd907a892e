"""Who gets a line: a pure function from an order, offers, suppliers and rules to a plan with reasons.

Of all plans that keep to the constraints the one is chosen that leaves the fewest units without a supplier, takes the
fewest from offers of last resort, keeps to the tiers, and then costs least or follows the list of priorities. Small
orders are enumerated, larger ones solved as an integer programme. See docs/routing.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from models.routing import Allotment, OfferFacts, OrderFacts, RoutingPlan, Share, SupplierFacts, WantedLine
from models.routing_rules import Routing
from workflows.decisions.routing_constraints import Setting
from workflows.decisions.routing_costs import Delivery, Weighing, amount, delivery, whole
from workflows.decisions.routing_enumeration import enumerate_all
from workflows.decisions.routing_problem import Pick, Problem, Solution, levels_of
from workflows.decisions.routing_reasons import reasons
from workflows.decisions.routing_rules import rules_for
from workflows.decisions.routing_slate import Slate, Source, slate
from workflows.decisions.routing_solver import solve

EFFORT = 2_000  # lines times branches that are tried before the solver is asked
MOST_ENUMERATED = 400  # candidates; with more, trying is hardly ever enough


def route(
    order: OrderFacts,
    offers: Sequence[OfferFacts],
    suppliers: Mapping[str, SupplierFacts],
    rules: Routing,
    *,
    now: datetime,
    rate: Decimal | None = Decimal(1),
) -> RoutingPlan:
    """Plan all open lines of an order.

    ``offers`` are those of the wanted articles; a supplier of ``rules.priority`` that ``suppliers`` lacks gave no
    answer. ``rate`` makes an amount in ``rules.currency`` one in the order's currency; where it is None, weights that
    are amounts do not count. Neither the order of ``offers`` nor that of ``suppliers`` changes the plan.
    """
    setting = _setting(order, rules, now, rate)
    standing = {
        name: delivery(suppliers[name], rank, setting.weighing)
        for rank, name in enumerate(rules.priority)
        if name in suppliers
    }
    drawn = slate(setting, _sorted(offers, order, standing), standing)
    solution = best(drawn.problem, rules.time_limit)
    return _plan(drawn, standing, solution)


def best(problem: Problem, time_limit: timedelta) -> Solution:
    """Find the best solution; where none is proven to be, the best that was found in time, its gap stated."""
    found: Solution | None = None
    complete = False
    if len(problem.candidates) <= MOST_ENUMERATED:
        found, complete = enumerate_all(problem, budget=EFFORT // max(1, len(problem.groups)))
    if complete:
        return found or Solution(())
    solved = solve(problem, seconds=time_limit.total_seconds(), known=found)
    if solved is None:
        return replace(found or Solution(()), gap=1.0)
    if solved.gap and found and levels_of(problem, found.picks) < levels_of(problem, solved.picks):
        return replace(found, gap=solved.gap)
    return solved


def _setting(order: OrderFacts, rules: Routing, now: datetime, rate: Decimal | None) -> Setting:
    effective = rules_for(order, rules, rate=rate)
    weighing = Weighing(
        order=order,
        weights=effective.weights,
        customs=rules.customs,
        promise_days=rules.promise_days,
        limits=rules.concentration_limit,
        rate=Decimal(0) if rate is None else rate,
        now=now,
    )
    return Setting(order, rules, effective, weighing)


def _sorted(offers: Sequence[OfferFacts], order: OrderFacts, standing: Mapping[str, Delivery]) -> list[OfferFacts]:
    wanted = {line.ean for line in order.lines}
    of_interest = (offer for offer in offers if offer.ean in wanted and offer.supplier in standing)
    return sorted(of_interest, key=lambda offer: (standing[offer.supplier].rank, offer.sku, offer.ean))


# From the solution to the plan.


def _plan(drawn: Slate, standing: Mapping[str, Delivery], solution: Solution) -> RoutingPlan:
    shares = _shares(drawn, solution.picks)
    weighing = drawn.setting.weighing
    split = whole(weighing.weights.split * weighing.rate) * max(0, len(shares) - 1)
    return RoutingPlan(
        shares=shares,
        unroutable=_left_over(drawn, solution.picks),
        reasons=reasons(drawn, standing, solution.picks),
        cost=sum((share.cost for share in shares.values()), amount(split)),
        gap=solution.gap,
        rules=drawn.setting.effective.names,
    )


def _shares(drawn: Slate, picks: Sequence[Pick]) -> dict[str, Share]:
    by_supplier: dict[str, list[tuple[Source, int]]] = {}
    for pick in sorted(picks, key=lambda one: (drawn.sources[one.candidate].parcel.terms.rank, one.candidate)):
        source = drawn.sources[pick.candidate]
        by_supplier.setdefault(source.parcel.terms.supplier, []).append((source, pick.quantity))
    return {name: _share(drawn, name, sources) for name, sources in by_supplier.items()}


def _share(drawn: Slate, supplier: str, sources: Sequence[tuple[Source, int]]) -> Share:
    cost = sum(sources[0][0].parcel.costs.values()) + sum(
        sum(source.unit.values()) * quantity + sum(source.line.values()) for source, quantity in sources
    )
    return Share(
        supplier=supplier,
        allotments=tuple(_allotment(drawn, source, quantity) for source, quantity in sources),
        cost=amount(cost),
        ship_on=max(source.ships for source, _ in sources),
        arrive_on=max(source.arrives for source, _ in sources),
    )


def _allotment(drawn: Slate, source: Source, quantity: int) -> Allotment:
    line, offer = drawn.wishes[source.part].line, drawn.offers[source.offer]
    return Allotment(line.line_id, line.ean, offer.sku, quantity, line.per_unit, offer.unit_cost, offer.buffer)


def _left_over(drawn: Slate, picks: Sequence[Pick]) -> list[WantedLine]:
    routed = [0] * len(drawn.wishes)
    for pick in picks:
        routed[drawn.sources[pick.candidate].part] += pick.quantity
    lines = (wish.line for wish in drawn.wishes)
    return [
        replace(line, quantity=line.quantity - units)
        for line, units in zip(lines, routed, strict=True)
        if units < line.quantity
    ]
