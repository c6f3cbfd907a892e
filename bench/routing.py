"""How long the choice of suppliers takes: the router alone, from facts to a plan with reasons."""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from models.routing import OfferFacts, OrderFacts, Scorecard, SupplierFacts, WantedLine
from models.routing_rules import Choose, Routing, Weights
from models.terms import ShippingRow, Terms
from workflows.decisions.routing import route

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
WARM_UP = 3  # plans: the first ones load the solver
SIZES = ((1, 5), (5, 5), (50, 5), (1, 40), (5, 40), (50, 40))  # lines, suppliers
STOCKED = 0.7  # of all articles, at each supplier
World = tuple[OrderFacts, list[OfferFacts], dict[str, SupplierFacts]]


def measure(plans: int) -> dict[str, Any]:
    """Plan so many orders of each size by cost, with all factors at work."""
    measured: dict[str, Any] = {}
    for lines, suppliers in SIZES:
        times, gaps = _times(lines, suppliers, plans)
        name = f"{lines}x{suppliers}"
        measured[f"route_p50_ms_{name}"] = round(_at(times, 0.5) * 1000, 2)
        measured[f"route_p99_ms_{name}"] = round(_at(times, 0.99) * 1000, 2)
        measured[f"routes_per_second_{name}"] = round(len(times) / sum(times), 1)
        measured[f"route_unproven_{name}"] = sum(gap > 0 for gap in gaps)
    return measured


def _times(lines: int, suppliers: int, plans: int) -> tuple[list[float], list[float]]:
    rules = _rules(suppliers)
    times, gaps = [], []
    for order, offers, facts in _worlds(lines, suppliers, plans + WARM_UP):
        begun = time.perf_counter()
        plan = route(order, offers, facts, rules, now=NOW)
        times.append(time.perf_counter() - begun)
        gaps.append(plan.gap)
    return times[WARM_UP:], gaps[WARM_UP:]


def _at(times: Sequence[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def _rules(suppliers: int) -> Routing:
    weights = Weights(
        split=Decimal(2), late_day=Decimal(1), day=Decimal("0.2"), distance=Decimal(1), score=Decimal("0.02")
    )
    return Routing(
        priority=tuple(f"s{number:02}" for number in range(suppliers)),
        choose=Choose.COST,
        weights=weights,
    )


def _worlds(lines: int, suppliers: int, count: int) -> Iterator[World]:
    for number in range(count):
        chance = random.Random(f"{lines}x{suppliers}/{number}")
        facts = {f"s{one:02}": _supplier(chance, f"s{one:02}") for one in range(suppliers)}
        wanted = [_line(chance, line) for line in range(lines)]
        order = OrderFacts(channel="shop", currency="EUR", lines=wanted, placed_at=NOW, country="DE")
        yield order, [offer for line in wanted for offer in _offers(chance, line, facts)], facts


def _line(chance: random.Random, number: int) -> WantedLine:
    return WantedLine(str(number), f"{8400000000000 + number}", chance.randint(1, 4), grams=chance.randint(20, 400))


def _supplier(chance: random.Random, name: str) -> SupplierFacts:
    terms = Terms(
        handling_days=chance.randint(0, 3),
        shipping=(
            ShippingRow(
                countries=("DE",), up_to_kg=Decimal(31), cost=_cents(chance, 300, 1_200), per_kg=Decimal("0.4")
            ),
            ShippingRow(cost=_cents(chance, 1_500, 4_000), per_kg=Decimal("0.3"), days=4),
        ),
        distances_km={"*": chance.randint(50, 3_000)},
    )
    return SupplierFacts(name, terms, score=Scorecard(name, 20, late_share=chance.random() / 4))


def _offers(chance: random.Random, line: WantedLine, facts: Mapping[str, SupplierFacts]) -> Iterator[OfferFacts]:
    price = chance.randint(500, 9_000)
    for name in facts:
        if chance.random() < STOCKED:
            cost = _cents(chance, int(price * 0.9), int(price * 1.2))
            yield OfferFacts(name, f"{name}-{line.ean}", line.ean, True, chance.randint(0, 40), cost)


def _cents(chance: random.Random, low: int, high: int) -> Decimal:
    return Decimal(chance.randint(low, high)) / 100
