"""All candidates of an order: from facts to the problem in whole numbers, and back by the candidate's number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from models.routing import OfferFacts, WantedLine
from models.routing_rules import Choose
from workflows.decisions.routing_constraints import Judgement, Setting, Wish, above_floor, judge
from workflows.decisions.routing_costs import (
    Band,
    Costs,
    Delivery,
    days,
    days_until,
    line_costs,
    parcel_costs,
    unit_costs,
    whole,
)
from workflows.decisions.routing_problem import Candidate, Group, Mode, Part, Problem

Known = Mapping[tuple[str, str], Sequence[tuple[int, OfferFacts]]]
Standing = Mapping[str, Delivery]


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a mode of the problem stands for."""

    terms: Delivery
    band: Band
    small: bool
    costs: Costs


@dataclass(frozen=True, slots=True)
class Source:
    """What a candidate of the problem stands for."""

    part: int
    offer: int
    mode: int
    parcel: Parcel
    ships: date
    arrives: date
    unit: Costs
    line: Costs
    last_resort: str = ""  # why it is one
    tier: int = 0


@dataclass(frozen=True, slots=True)
class Slate:
    """An order's candidates, and what became of everybody else."""

    setting: Setting
    wishes: Sequence[Wish]
    offers: Sequence[OfferFacts]
    known: Known  # by supplier and article, numbered
    judgements: Mapping[tuple[int, str], Judgement]  # by part and supplier
    parcels: Sequence[Parcel]  # by mode
    sources: Sequence[Source]  # by candidate
    problem: Problem


def slate(setting: Setting, offers: Sequence[OfferFacts], standing: Standing) -> Slate:
    """Draw up the problem. ``standing`` has the suppliers in order of priority."""
    wishes = [wish for group in _lines(setting) for wish in group]
    known = _by_article(offers)
    judgements = _judgements(setting, wishes, known, standing)
    parcels: list[Parcel] = []
    modes: list[Mode] = []
    sources: list[Source] = []
    for name, terms in standing.items():
        ways = _ways(setting, wishes, offers, judgements, terms)
        if not ways and any(judgements[part, name].offers for part in range(len(wishes))):
            judgements |= _too_small(judgements, name, len(wishes))
        for parcel, mode in ways:
            modes.append(mode)
            sources += _sources(setting, wishes, offers, judgements, parcel, len(parcels))
            parcels.append(parcel)
    problem = _problem(setting, wishes, offers, modes, sources)
    return Slate(setting, wishes, offers, known, judgements, parcels, sources, problem)


# Lines and what their rules say.


def _lines(setting: Setting) -> list[list[Wish]]:
    by_line: dict[str, list[WantedLine]] = {}
    for line in setting.order.lines:
        by_line.setdefault(line.line_id, []).append(line)
    return [_wishes(setting, parts) for parts in by_line.values()]


def _wishes(setting: Setting, parts: list[WantedLine]) -> list[Wish]:
    rules = [setting.effective.line(part) for part in parts]
    partial = all(one.partial_lines for one in rules) and whole_units(parts) > 1
    return [Wish(part, one, whole=not (partial or one.split_lines)) for part, one in zip(parts, rules, strict=True)]


def whole_units(parts: Sequence[WantedLine]) -> int:
    """Count the units of a line that its parts make; 1, all or nothing, where they don't make whole ones alike."""
    counts = {part.quantity / part.per_unit for part in parts}
    count = counts.pop()
    return int(count) if not counts and count.is_integer() else 1


def _by_article(offers: Sequence[OfferFacts]) -> Known:
    known: dict[tuple[str, str], list[tuple[int, OfferFacts]]] = {}
    for number, offer in enumerate(offers):
        known.setdefault((offer.supplier, offer.ean), []).append((number, offer))
    return known


def _judgements(
    setting: Setting, wishes: Sequence[Wish], known: Known, standing: Standing
) -> dict[tuple[int, str], Judgement]:
    return {
        (part, name): judge(wish, name, standing.get(name), known.get((name, wish.line.ean), []), setting)
        for part, wish in enumerate(wishes)
        for name in setting.rules.priority
    }


# Modes: by the weight of the parcel and the value of the goods.


def _ways(
    setting: Setting,
    wishes: Sequence[Wish],
    offers: Sequence[OfferFacts],
    judgements: Mapping[tuple[int, str], Judgement],
    terms: Delivery,
) -> list[tuple[Parcel, Mode]]:
    fitting = [(part, number) for part in range(len(wishes)) for number in judgements[part, terms.supplier].offers]
    if not fitting:
        return []
    grams = sum(wishes[part].line.grams * wishes[part].line.quantity for part in {part for part, _ in fitting})
    value = sum(
        max(goods_value(offers[number]) for one, number in fitting if one == part) * wishes[part].line.quantity
        for part in {part for part, _ in fitting}
    )
    by_cost = setting.by_cost
    return [
        (parcel, Mode(terms.rank, sum(parcel.costs.values()) if by_cost else 0, band.over, up_to, low, below))
        for band in terms.bands
        if band.over < grams or band.over < 0
        for small, low, below in _values(terms, value)
        for parcel in [Parcel(terms, band, small, parcel_costs(band, terms, setting.weighing, small=small))]
        for up_to in [None if band.up_to is None or band.up_to >= grams else band.up_to]
    ]


def goods_value(offer: OfferFacts) -> int:
    """Tell what one unit counts toward a minimum order: nothing where its cost is not known."""
    return whole(offer.unit_cost) if offer.unit_cost is not None else 0


def _values(terms: Delivery, most: int) -> list[tuple[bool, int, int | None]]:
    """List what the minimum order leaves open: above it, or below it for a fee; ``most`` is what it could get."""
    above = [(False, terms.minimum, None)] if most >= terms.minimum else []
    if not terms.minimum or terms.fee is None:
        return [*above]
    return [*above, (True, 0, terms.minimum if above else None)]


def _too_small(
    judgements: Mapping[tuple[int, str], Judgement], name: str, parts: int
) -> dict[tuple[int, str], Judgement]:
    return {
        (part, name): Judgement((), "minimum order value", available=judgements[part, name].available)
        for part in range(parts)
        if judgements[part, name].offers
    }


# Candidates.


def _sources(
    setting: Setting,
    wishes: Sequence[Wish],
    offers: Sequence[OfferFacts],
    judgements: Mapping[tuple[int, str], Judgement],
    parcel: Parcel,
    mode: int,
) -> list[Source]:
    return [
        source(setting, wish, (part, number, mode), offers[number], parcel)
        for part, wish in enumerate(wishes)
        for number in judgements[part, parcel.terms.supplier].offers
        if above_floor(wish, offers[number], parcel.band, parcel.terms)
    ]


def source(setting: Setting, wish: Wish, numbers: tuple[int, int, int], offer: OfferFacts, parcel: Parcel) -> Source:
    """Work out what it means to have a part come from an offer; the numbers are those of part, offer and mode."""
    terms, band, weighing = parcel.terms, parcel.band, setting.weighing
    ships, arrives = days(offer, band, terms, weighing.now)
    stale = "stale" if not offer.fresh and wish.rules.stale == "failover" else ""
    part, number, mode = numbers
    return Source(
        part=part,
        offer=number,
        mode=mode,
        parcel=parcel,
        ships=ships,
        arrives=arrives,
        unit=unit_costs(offer, wish.line.grams, band, terms, weighing),
        line=line_costs(arrives, terms, weighing),
        last_resort=stale or ("concentration" if terms.excess else ""),
        tier=_tier(setting, terms.supplier),
    )


def _tier(setting: Setting, supplier: str) -> int:
    tiers = setting.effective.tiers if setting.effective.choose is Choose.HYBRID else ()
    return next((number for number, tier in enumerate(tiers) if supplier in tier), len(tiers))


# The problem.


def _problem(
    setting: Setting,
    wishes: Sequence[Wish],
    offers: Sequence[OfferFacts],
    modes: Sequence[Mode],
    sources: Sequence[Source],
) -> Problem:
    candidates = [_candidate(setting, wishes[one.part], offers[one.offer], one) for one in sources]
    of_part: dict[int, list[int]] = {}
    for number, one in enumerate(sources):
        of_part.setdefault(one.part, []).append(number)
    split_cost = whole(setting.weighing.weights.split * setting.weighing.rate) if setting.by_cost else 0
    return Problem(
        parts=tuple(
            Part(wish.line.quantity, wish.line.per_unit, wish.rules.split_lines, tuple(of_part.get(part, ())))
            for part, wish in enumerate(wishes)
        ),
        groups=tuple(_groups(wishes)),
        modes=tuple(modes),
        candidates=tuple(candidates),
        stock=tuple(offer.available for offer in offers),
        one_supplier=not setting.effective.split_orders,
        split_cost=split_cost,
    )


def _groups(wishes: Sequence[Wish]) -> list[Group]:
    by_line: dict[str, list[int]] = {}
    for part, wish in enumerate(wishes):
        by_line.setdefault(wish.line.line_id, []).append(part)
    return [_group(wishes, parts) for parts in by_line.values()]


def _group(wishes: Sequence[Wish], parts: list[int]) -> Group:
    units = whole_units([wishes[part].line for part in parts])
    partial = all(wishes[part].rules.partial_lines for part in parts)
    return Group(tuple(parts), tuple(range(units + 1)) if partial else (0, units))


def _candidate(setting: Setting, wish: Wish, offer: OfferFacts, source: Source) -> Candidate:
    middle = [1 if source.last_resort else 0]
    if setting.effective.urgent:
        middle.append(days_until(source.arrives, setting.weighing.now))
    if setting.effective.choose is Choose.HYBRID:
        middle += [1 if source.tier > tier else 0 for tier in range(len(setting.effective.tiers))]
    unit, once = _last_level(setting, wish, source)
    return Candidate(
        part=source.part,
        mode=source.mode,
        offer=source.offer,
        unit=(0, *middle, unit),
        once=(0, *(0 for _ in middle), once),
        grams=wish.line.grams,
        value=goods_value(offer),
        minimum=max(1, offer.minimum or 1),
        pack=offer.pack or 1,
    )


def _last_level(setting: Setting, wish: Wish, source: Source) -> tuple[int, int]:
    """Tell the cost per unit and per line; where priority decides, the rank, for each unit of a line that is split."""
    if setting.by_cost:
        return sum(source.unit.values()), sum(source.line.values())
    rank = source.parcel.terms.rank
    return (rank, 0) if wish.rules.split_lines else (0, rank)
