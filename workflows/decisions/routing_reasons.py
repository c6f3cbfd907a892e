"""Why each supplier got a line or did not: a verdict for every candidate, with its cost as if it alone delivered it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from models.routing import FACTORS, Because, LineReasons, Verdict, WantedLine
from models.routing_rules import Choose
from workflows.decisions.routing_bounds import within
from workflows.decisions.routing_costs import Delivery, amount, parcel_costs
from workflows.decisions.routing_problem import Pick
from workflows.decisions.routing_slate import Parcel, Slate, Source, goods_value, source

_COMES_CLOSE: frozenset[Because] = frozenset(
    {"not enough stock", "stale", "pack or minimum quantity", "minimum order value", "below margin floor", "too late"}
)  # whose cost is worth knowing all the same


@dataclass(frozen=True, slots=True)
class Alone:
    """A supplier that would deliver a line by itself: by which offer, and what it would cost by factor."""

    source: Source
    costs: Mapping[str, int]

    @property
    def total(self) -> int:
        """Sum the factors."""
        return sum(self.costs.values())


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What was decided, as far as the losers' reasons depend on it."""

    slate: Slate
    standing: Mapping[str, Delivery]
    sources: Mapping[tuple[int, str], list[Source]]  # by part and supplier
    given: Mapping[tuple[int, str], int]  # units
    left: Sequence[int]  # of each offer
    used: frozenset[str]


def reasons(slate: Slate, standing: Mapping[str, Delivery], picks: Sequence[Pick]) -> tuple[LineReasons, ...]:
    """Tell every part's verdicts, in order of priority."""
    outcome = _outcome(slate, standing, picks)
    return tuple(
        LineReasons(
            wish.line.line_id,
            wish.line.ean,
            wish.line.quantity,
            tuple(_verdicts(outcome, part)),
            wish.rules.names,
        )
        for part, wish in enumerate(slate.wishes)
    )


def _outcome(slate: Slate, standing: Mapping[str, Delivery], picks: Sequence[Pick]) -> _Outcome:
    sources: dict[tuple[int, str], list[Source]] = {}
    for one in slate.sources:
        sources.setdefault((one.part, one.parcel.terms.supplier), []).append(one)
    given: dict[tuple[int, str], int] = {}
    left = list(slate.problem.stock)
    for pick in picks:
        one = slate.sources[pick.candidate]
        key = (one.part, one.parcel.terms.supplier)
        given[key] = given.get(key, 0) + pick.quantity
        left[one.offer] -= pick.quantity
    return _Outcome(slate, standing, sources, given, left, frozenset(name for _, name in given))


def _verdicts(outcome: _Outcome, part: int) -> Iterator[Verdict]:
    names = outcome.slate.setting.rules.priority
    alone = {name: _alone(outcome, part, name) for name in names}
    winner = max(names, key=lambda name: outcome.given.get((part, name), 0))
    best = alone[winner] if outcome.given.get((part, winner)) else None
    for name in names:
        judgement, mine = outcome.slate.judgements[part, name], alone[name]
        units = outcome.given.get((part, name), 0)
        because, detail = _why(outcome, part, name, mine, best, units)
        costs = mine.costs if mine else {}
        told = {factor: amount(costs[factor]) for factor in FACTORS if costs.get(factor)}
        yield Verdict(name, because, units, judgement.available, told, detail)


def _why(
    outcome: _Outcome, part: int, name: str, mine: Alone | None, best: Alone | None, units: int
) -> tuple[Because, str]:
    judgement = outcome.slate.judgements[part, name]
    if judgement.because is not None:
        return judgement.because, judgement.detail
    if units:
        whole = units == outcome.slate.wishes[part].line.quantity
        return ("chosen" if whole else "part of it"), mine.source.last_resort if mine else ""
    if mine is None:
        return "below margin floor", ""
    if best is None:
        return _nobody(outcome, part, name)
    return _worse(outcome, mine, best) or _hindered(outcome, part, name)


# What it would cost.


def _alone(outcome: _Outcome, part: int, name: str) -> Alone | None:
    slate, wish = outcome.slate, outcome.slate.wishes[part]
    sources = outcome.sources.get((part, name)) or _not_taken(outcome, part, name)
    options = [Alone(one, _costs(one, wish.line.quantity)) for one in sources]
    own = [one for one in options if _by_itself(slate, one.source, wish.line)]
    return min(own or options, key=lambda one: (bool(one.source.last_resort), one.total), default=None)


def _not_taken(outcome: _Outcome, part: int, name: str) -> list[Source]:
    """Make up sources from offers that were refused, for what they would have cost."""
    slate, terms = outcome.slate, outcome.standing.get(name)
    if terms is None or not terms.bands or slate.judgements[part, name].because not in _COMES_CLOSE:
        return []
    wish, weighing = slate.wishes[part], slate.setting.weighing
    band = next((one for one in terms.bands if _carries(one.up_to, wish.line)), terms.bands[-1])
    parcel = Parcel(terms, band, small=False, costs=parcel_costs(band, terms, weighing, small=False))
    return [
        source(slate.setting, wish, (part, number, -1), offer, parcel)
        for number, offer in slate.known.get((name, wish.line.ean), ())
        if offer.known and offer.unit_cost is not None
    ]


def _carries(up_to: int | None, line: WantedLine) -> bool:
    return up_to is None or up_to >= line.grams * line.quantity


def _costs(one: Source, quantity: int) -> dict[str, int]:
    costs = {factor: each * quantity for factor, each in one.unit.items()}
    for fixed in (one.line, one.parcel.costs):
        for factor, cost in fixed.items():
            costs[factor] = costs.get(factor, 0) + cost
    return costs


def _by_itself(slate: Slate, one: Source, line: WantedLine) -> bool:
    """Say whether this is the row of the shipping table by which the line alone would go."""
    if one.mode < 0 or not slate.problem.modes[one.mode].bounded:
        return True
    value = goods_value(slate.offers[one.offer])
    return within(slate.problem.modes[one.mode], line.grams * line.quantity, value * line.quantity)


# Why it lost.


def _nobody(outcome: _Outcome, part: int, name: str) -> tuple[Because, str]:
    """Say why a line that this supplier could have delivered went to nobody."""
    slate = outcome.slate
    group = next(group for group in slate.problem.groups if part in group.parts)
    if any(not slate.problem.parts[other].candidates for other in group.parts):
        return "not enough stock", "another part of the bundle is missing"
    if slate.problem.one_supplier and outcome.used and name not in outcome.used:
        return "order kept together", "one supplier for the whole order"
    if _below_minimum(outcome, name):
        return "minimum order value", ""
    return "not enough stock", "other lines take it"


def _worse(outcome: _Outcome, mine: Alone, best: Alone) -> tuple[Because, str] | None:
    """Name the first thing in which it is worse than the winner; None where it is better in one before."""
    setting = outcome.slate.setting
    ours, theirs = mine.source, best.source
    old: Because = "stale" if ours.last_resort == "stale" else "lower tier"
    compared: list[tuple[Because, str, Decimal | int, Decimal | int]] = [
        (old, ours.last_resort, bool(ours.last_resort), bool(theirs.last_resort))
    ]
    if setting.effective.urgent:
        compared.append(
            ("too late", f"arrives on {ours.arrives}", ours.arrives.toordinal(), theirs.arrives.toordinal())
        )
    if setting.effective.choose is Choose.HYBRID:
        compared.append(("lower tier", f"tier {ours.tier + 1}", ours.tier, theirs.tier))
    if setting.by_cost:
        compared.append(("higher cost", "", mine.total, best.total))
    compared.append(("lower priority", "", ours.parcel.terms.rank, theirs.parcel.terms.rank))
    different = next((one for one in compared if one[2] != one[3]), None)
    return (different[0], different[1]) if different and different[2] > different[3] else None


def _hindered(outcome: _Outcome, part: int, name: str) -> tuple[Because, str]:
    """Say what kept the better supplier of a line from getting it."""
    wish = outcome.slate.wishes[part]
    offers = {one.offer for one in outcome.sources[part, name]}
    if all(outcome.left[offer] < wish.least for offer in offers):
        return "not enough stock", "other lines take it"
    if _below_minimum(outcome, name):
        return "minimum order value", ""
    return "order kept together", ""


def _below_minimum(outcome: _Outcome, name: str) -> bool:
    terms = outcome.standing[name]
    return bool(terms.minimum) and terms.fee is None and name not in outcome.used
