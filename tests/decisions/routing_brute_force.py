"""Random orders, and the best that can be done with each: found by going through the lines once, keeping every state
that is different from all others. Shares nothing with the router but the models."""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from models.routing import OfferFacts, OrderFacts, RoutingPlan, SupplierFacts, WantedLine
from models.routing_rules import Choose, CustomsRow, Routing, Weights
from models.terms import WEEKDAYS, ShippingRow, Terms, WorkingCalendar

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NAMES = ("bts", "nova", "sur", "zeta", "orion", "lyra")
EVERY_DAY = WorkingCalendar(working_days=WEEKDAYS)
Objective = tuple[int, ...]
Way = tuple[tuple[int, int], ...]  # offer and quantity


@dataclass(frozen=True)
class World:
    order: OrderFacts
    offers: list[OfferFacts]
    suppliers: dict[str, SupplierFacts]
    rules: Routing

    @property
    def lines(self) -> list[list[WantedLine]]:
        by_line: dict[str, list[WantedLine]] = {}
        for line in self.order.lines:
            by_line.setdefault(line.line_id, []).append(line)
        return list(by_line.values())


# Random orders.


def world(seed: int) -> World:
    chance = random.Random(seed)
    names = NAMES[: chance.randint(2, 6)]
    split = chance.random() < 0.35
    count = chance.choices(range(1, 9), (15, 25, 25, 14, 8, 5, 2, 1) if not split else (45, 40, 15, 0, 0, 0, 0, 0))[0]
    articles = [f"84{number:02}" for number in range(chance.randint(1, count + 1) if count < 4 else 2 * count)]
    lines = [
        part for number in range(count) for part in _line(chance, number, articles, 2 if split and count > 2 else 4)
    ]
    order = OrderFacts("shop", "EUR", lines, NOW - timedelta(days=chance.randint(0, 4)), country="DE")
    offers = [offer for name in names for ean in articles for offer in _offers(chance, name, ean)]
    chance.shuffle(offers)
    return World(order, offers, _suppliers(chance, names, count), _rules(chance, names, split=split))


def _line(chance: random.Random, number: int, articles: Sequence[str], most: int) -> list[WantedLine]:
    units = chance.randint(1, most)
    if chance.random() < 0.2 and 1 < len(articles) < 12:
        parts = chance.sample(articles, 2)
        units = min(units, 2)
        return [_part(chance, number, ean, units, chance.randint(1, 2)) for ean in parts]
    return [_part(chance, number, chance.choice(articles), units, 1)]


def _part(chance: random.Random, number: int, ean: str, units: int, per_unit: int) -> WantedLine:
    return WantedLine(f"{number}", ean, units * per_unit, per_unit, grams=100 * chance.randint(0, 9))


def _offers(chance: random.Random, name: str, ean: str) -> Iterator[OfferFacts]:
    for sku in range(chance.choices((0, 1, 2), (25, 65, 10))[0]):
        yield OfferFacts(
            supplier=name,
            sku=f"{ean}-{sku}",
            ean=ean,
            known=True,
            available=chance.choice((0, 1, 2, 3, 4, 6, 20, 20)),
            unit_cost=Decimal(chance.randint(2, 8) * 50) / 100,
            fresh=chance.random() < 0.85,
            lead_days=chance.choice((None, 0, 2, 5)),
            minimum=chance.choice((None, None, None, 2)),
            pack=chance.choice((None, None, None, None, 2, 3)),
        )


def _suppliers(chance: random.Random, names: Sequence[str], lines: int) -> dict[str, SupplierFacts]:
    """In long orders only two have limits: each limit multiplies the states that differ."""
    return {name: _supplier(chance, name, limits=lines < 4 or name in NAMES[:2]) for name in names}


def _supplier(chance: random.Random, name: str, *, limits: bool) -> SupplierFacts:
    light = ShippingRow(up_to_kg=Decimal("1.5"), cost=_euros(chance, 0, 4), days=2)
    heavy = ShippingRow(cost=_euros(chance, 2, 8), days=2)
    terms = Terms(
        ships_from=chance.choice((None, "DE", "CH")),
        calendar=EVERY_DAY,
        shipping=chance.choice(((), (heavy,), (heavy,), (light, heavy), (light,)) if limits else ((), (heavy,))),
        minimum_order=chance.choice((Decimal(0), Decimal(0), Decimal(0), Decimal(6)) if limits else (Decimal(0),)),
        small_order_fee=chance.choice((None, Decimal(3))),
    )
    return SupplierFacts(name, terms)


def _euros(chance: random.Random, low: int, high: int) -> Decimal:
    return Decimal(chance.randint(low, high))


def _rules(chance: random.Random, names: Sequence[str], *, split: bool) -> Routing:
    shuffled = tuple(chance.sample(names, len(names)))
    choose = chance.choice((Choose.COST, Choose.COST, Choose.PRIORITY, Choose.HYBRID))
    return Routing(
        priority=shuffled,
        choose=choose,
        tiers=(shuffled[:1], shuffled[1:2]) if choose is Choose.HYBRID else None,
        weights=Weights(split=Decimal(chance.choice((0, 0, 2))), day=Decimal(chance.choice((0, 1)))),
        customs=(CustomsRow(origins=("CH",), share=Decimal("0.1"), fixed=Decimal(1)),),
        split_orders=chance.random() < 0.85,
        split_lines=split,
        partial_lines=chance.random() < 0.35,
        urgent=chance.random() < 0.1,
        time_limit=timedelta(seconds=20),
    )


# What a plan counts.


def counted(world: World, allotments: Sequence[tuple[WantedLine, OfferFacts, int]]) -> Objective:
    """Work out the levels that add up over allotments: all but what a parcel costs."""
    rules, tiers = world.rules, world.rules.tiers or ()
    stale = days = cost = 0
    outside = [0] * len(tiers)
    for _, offer, quantity in allotments:
        arrives = (offer.lead_days or 0) + 2
        stale += 0 if offer.fresh else quantity
        days += arrives * quantity
        for number in range(len(tiers)):
            outside[number] += 0 if any(offer.supplier in tier for tier in tiers[: number + 1]) else quantity
        cost += _last(world, offer, quantity, arrives)
    middle = [stale] + ([days] if rules.urgent else []) + (outside if rules.choose is Choose.HYBRID else [])
    routed = sum(quantity for _, _, quantity in allotments)
    return (-routed, *middle, cost)


def _last(world: World, offer: OfferFacts, quantity: int, arrives: int) -> int:
    rank = world.rules.priority.index(offer.supplier)
    if world.rules.choose is Choose.PRIORITY:
        return rank * quantity if world.rules.split_lines else rank
    assert offer.unit_cost is not None
    assert world.rules.weights is not None
    duty = Decimal("1.1") if world.suppliers[offer.supplier].terms.ships_from == "CH" else Decimal(1)
    return int((offer.unit_cost * duty * quantity + world.rules.weights.day * arrives) * 10_000)


def parcel(world: World, supplier: str, grams: int, value: int) -> int | None:
    """Work out what a supplier's parcel costs; None where it would not send it. ``value`` is in ten-thousandths."""
    terms = world.suppliers[supplier].terms
    row = next((one for one in terms.shipping if one.up_to_kg is None or grams <= one.up_to_kg * 1000), None)
    small = value < terms.minimum_order * 10_000
    if (terms.shipping and row is None) or (small and terms.small_order_fee is None):
        return None
    cost = row.cost if row else Decimal(0)
    cost += (terms.small_order_fee or Decimal(0)) if small else Decimal(0)
    cost += Decimal(1) if terms.ships_from == "CH" else Decimal(0)
    return 0 if world.rules.choose is Choose.PRIORITY else int(cost * 10_000)


def objective(world: World, plan: RoutingPlan) -> Objective:
    """Check a plan against everything it must keep to, and work out its levels."""
    offers = {(one.supplier, one.sku, one.ean): one for one in world.offers}
    lines = {(one.line_id, one.ean): one for one in world.order.lines}
    taken = [
        (lines[one.line_id, one.ean], offers[name, one.sku, one.ean], one.quantity)
        for name, share in plan.shares.items()
        for one in share.allotments
    ]
    for offer in offers.values():
        assert sum(quantity for _, other, quantity in taken if other is offer) <= offer.available
    assert len(plan.shares) <= 1 or world.rules.split_orders
    for parts in world.lines:
        ways = [tuple((world.offers.index(o), q) for line, o, q in taken if line is part) for part in parts]
        assert any(sorted(map(sorted, ways)) == sorted(map(sorted, way)) for way in _ways_of_line(world, parts)), ways
    levels = list(counted(world, taken))
    for name in plan.shares:
        own = [(line, offer, quantity) for line, offer, quantity in taken if offer.supplier == name]
        cost = parcel(world, name, sum(line.grams * q for line, _, q in own), sum(_value(o) * q for _, o, q in own))
        assert cost is not None
        levels[-1] += cost
    levels[-1] += _split(world) * max(0, len(plan.shares) - 1)
    return (*levels, len(plan.shares))


def _value(offer: OfferFacts) -> int:
    return int((offer.unit_cost or Decimal(0)) * 10_000)


def _split(world: World) -> int:
    assert world.rules.weights is not None
    return 0 if world.rules.choose is Choose.PRIORITY else int(world.rules.weights.split * 10_000)


# The best that can be done.


def _ways_of_line(world: World, parts: Sequence[WantedLine]) -> Iterator[tuple[Way, ...]]:
    whole = parts[0].quantity // parts[0].per_unit
    for units in range(whole + 1) if world.rules.partial_lines else (0, whole):
        yield from itertools.product(*(_ways(world, part, units * part.per_unit) for part in parts))


def _ways(world: World, part: WantedLine, quantity: int) -> list[Way]:
    offers = [number for number, one in enumerate(world.offers) if one.ean == part.ean]
    if quantity == 0:
        return [()]
    if not world.rules.split_lines:
        return [((number, quantity),) for number in offers if _sells(world.offers[number], quantity)]
    amounts = [[0, *(q for q in range(1, quantity + 1) if _sells(world.offers[number], q))] for number in offers]
    return [
        tuple((number, q) for number, q in zip(offers, given, strict=True) if q)
        for given in itertools.product(*amounts)
        if sum(given) == quantity
    ]


def _sells(offer: OfferFacts, quantity: int) -> bool:
    return quantity <= offer.available and quantity >= (offer.minimum or 1) and quantity % (offer.pack or 1) == 0


def best(world: World) -> Objective:
    """Find the lowest levels of all plans there are, the number of suppliers last."""
    demand: dict[str, list[int]] = {}
    for line in world.order.lines:
        demand.setdefault(line.ean, []).append(line.quantity)
    shared = {ean: sum(wanted) for ean, wanted in demand.items() if len(wanted) > 1}
    scarce = [number for number, one in enumerate(world.offers) if one.available < shared.get(one.ean, 0)]
    names = world.rules.priority
    terms = {name: world.suppliers[name].terms for name in names}
    limited = (name for name in names if terms[name].shipping and terms[name].shipping[0].up_to_kg)
    weighed = sorted({*limited, *(name for name in names if terms[name].minimum_order)})
    start = (0, (0,) * len(scarce), ((0, 0),) * len(weighed))
    states: dict[tuple[int, tuple[int, ...], tuple[tuple[int, int], ...]], Objective] = {start: counted(world, [])}
    for parts in world.lines:
        steps = [_step(world, parts, ways, scarce, weighed) for ways in _ways_of_line(world, parts)]
        after: dict[tuple[int, tuple[int, ...], tuple[tuple[int, int], ...]], Objective] = {}
        for (used, drawn, shares), levels in states.items():
            for mask, draws, adds, more in steps:
                left = tuple(map(sum, zip(drawn, draws, strict=True))) if any(draws) else drawn
                if any(taken > world.offers[number].available for taken, number in zip(left, scarce, strict=True)):
                    continue
                grown = tuple((g + a, v + b) for (g, v), (a, b) in zip(shares, adds, strict=True)) if mask else shares
                state = (used | mask, left, grown)
                if not world.rules.split_orders and state[0].bit_count() > 1:
                    continue
                total = tuple(map(sum, zip(levels, more, strict=True)))
                if state not in after or total < after[state]:
                    after[state] = total
        states = after
    return min(one for state, levels in states.items() if (one := _finished(world, weighed, state, levels)) is not None)


def _step(
    world: World, parts: Sequence[WantedLine], ways: tuple[Way, ...], scarce: list[int], weighed: list[str]
) -> tuple[int, tuple[int, ...], tuple[tuple[int, int], ...], Objective]:
    taken = [(part, world.offers[o], q) for part, way in zip(parts, ways, strict=True) for o, q in way]
    mask = 0
    for _, offer, _ in taken:
        mask |= 1 << world.rules.priority.index(offer.supplier)
    draws = tuple(sum(q for way in ways for o, q in way if o == number) for number in scarce)
    adds = tuple(
        (
            sum(line.grams * q for line, offer, q in taken if offer.supplier == name),
            sum(_value(offer) * q for _, offer, q in taken if offer.supplier == name),
        )
        for name in weighed
    )
    return mask, draws, adds, counted(world, taken)


def _finished(
    world: World, weighed: list[str], state: tuple[int, tuple[int, ...], tuple[tuple[int, int], ...]], levels: Objective
) -> Objective | None:
    used, _, shares = state
    names = [name for number, name in enumerate(world.rules.priority) if used >> number & 1]
    sizes = dict(zip(weighed, shares, strict=True))
    costs = [parcel(world, name, *sizes.get(name, (0, 0))) for name in names]
    if None in costs:
        return None
    cost = sum(one for one in costs if one is not None) + _split(world) * max(0, len(names) - 1)
    return (*levels[:-1], levels[-1] + cost, len(names))
