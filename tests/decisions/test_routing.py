import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from models.routing import Because, RoutingPlan, Rules, WantedLine
from models.suppliers import Offer
from workflows.decisions.routing import route

OBSERVED = datetime(2026, 3, 1, tzinfo=UTC)
SUPPLIERS = ("bts", "nova", "sur", "zeta")
EANS = ("8400000000017", "8400000000024", "8400000000031")


def offer(supplier: str, ean: str, quantity: int, *, known: bool = True) -> Offer:
    return Offer(supplier=supplier, ean=ean, known=known, quantity=quantity, observed_at=OBSERVED)


def stock(supplier: str, **quantities: int) -> dict[str, Offer]:
    return {ean: offer(supplier, ean, quantity) for ean, quantity in quantities.items()}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[WantedLine], dict[str, dict[str, Offer]], Rules]:
    quantities = draw(st.lists(st.tuples(st.sampled_from(EANS), st.integers(1, 6)), max_size=7))
    lines = [WantedLine(str(number), ean, wanted) for number, (ean, wanted) in enumerate(quantities, 11)]
    offers = {
        supplier: {
            ean: offer(supplier, ean, draw(st.integers(0, 10)), known=draw(st.booleans()))
            for ean in draw(st.sets(st.sampled_from(EANS)))
        }
        for supplier in draw(st.sets(st.sampled_from(SUPPLIERS)))
    }
    rules = Rules(
        priority=tuple(draw(st.permutations(SUPPLIERS))),
        excluded=frozenset(draw(st.sets(st.sampled_from(SUPPLIERS), max_size=2))),
        disabled=frozenset(draw(st.sets(st.sampled_from(SUPPLIERS), max_size=2))),
    )
    return lines, offers, rules


def units(lines: list[WantedLine]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for line in lines:
        counted[line.line_id] += line.quantity
    return counted


@given(worlds())
def test_what_is_routed_and_what_is_not_are_together_what_was_ordered(
    world: tuple[list[WantedLine], dict[str, dict[str, Offer]], Rules],
) -> None:
    lines, offers, rules = world
    plan = route(lines, offers, rules)
    routed = [line for share in plan.shares.values() for line in share]
    assert units(routed + plan.unroutable) == units(lines)
    assert len(routed) + len(plan.unroutable) == len(lines)
    assert all(plan.shares.values())


@given(worlds())
def test_nobody_gets_more_than_they_have(
    world: tuple[list[WantedLine], dict[str, dict[str, Offer]], Rules],
) -> None:
    lines, offers, rules = world
    for supplier, share in route(lines, offers, rules).shares.items():
        wanted: Counter[str] = Counter()
        for line in share:
            wanted[line.ean] += line.quantity
        assert all(offers[supplier][ean].known for ean in wanted)
        assert all(quantity <= offers[supplier][ean].quantity for ean, quantity in wanted.items())


@given(worlds())
def test_a_supplier_that_is_excluded_or_switched_off_gets_nothing(
    world: tuple[list[WantedLine], dict[str, dict[str, Offer]], Rules],
) -> None:
    lines, offers, rules = world
    assert not set(route(lines, offers, rules).shares) & (rules.excluded | rules.disabled)


@given(worlds())
def test_every_candidate_of_every_line_has_its_reason(
    world: tuple[list[WantedLine], dict[str, dict[str, Offer]], Rules],
) -> None:
    lines, offers, rules = world
    plan = route(lines, offers, rules)
    unroutable = {line.line_id for line in plan.unroutable}
    for line in lines:
        reasons = plan.reasons[line.line_id]
        assert tuple(reasons) == rules.priority
        assert set(reasons.values()) <= set(get_args(Because))
        chosen = [supplier for supplier, reason in reasons.items() if reason == "chosen"]
        assert len(chosen) == (0 if line.line_id in unroutable else 1)


def reasons_of(plan: RoutingPlan) -> dict[str, Because]:
    (reasons,) = plan.reasons.values()
    return reasons


def test_the_first_supplier_that_has_enough_takes_the_whole_line() -> None:
    offers = {"bts": stock("bts", A=2), "nova": stock("nova", A=5), "sur": stock("sur", A=9)}
    plan = route([WantedLine("11", "A", 3)], offers, Rules(priority=("bts", "nova", "sur")))
    assert list(plan.shares) == ["nova"]
    assert reasons_of(plan) == {"bts": "not enough stock", "nova": "chosen", "sur": "lower priority"}


def test_two_lines_of_one_article_share_its_stock() -> None:
    offers = {"bts": stock("bts", A=3), "nova": stock("nova", A=9)}
    lines = [WantedLine("11", "A", 2), WantedLine("12", "A", 2)]
    plan = route(lines, offers, Rules(priority=("bts", "nova")))
    assert plan.shares == {"bts": [lines[0]], "nova": [lines[1]]}


def test_every_reason_for_passing_a_supplier_over_is_told() -> None:
    offers = {"bts": stock("bts", A=9), "nova": stock("nova", A=9), "sur": {"A": offer("sur", "A", 9, known=False)}}
    rules = Rules(priority=("bts", "nova", "sur", "zeta"), excluded=frozenset({"bts"}), disabled=frozenset({"nova"}))
    plan = route([WantedLine("11", "A", 1)], offers, rules)
    assert reasons_of(plan) == {
        "bts": "excluded",
        "nova": "switched off",
        "sur": "article unknown",
        "zeta": "no answer",
    }
    assert plan.unanswered() == [WantedLine("11", "A", 1)]
    assert plan.unknown_everywhere() == []


def test_an_article_is_unknown_everywhere_only_where_everybody_asked_has_answered_so() -> None:
    line = WantedLine("11", "A", 1)
    rules = Rules(priority=("bts", "nova"), excluded=frozenset({"nova"}))
    assert route([line], {"bts": {}}, rules).unknown_everywhere() == [line]
    assert route([line], {"bts": stock("bts", A=0)}, rules).unknown_everywhere() == []
    assert route([line], {}, rules).unknown_everywhere() == []


def test_nothing_wanted_is_nothing_planned() -> None:
    plan = route([], {"bts": stock("bts", A=9)}, Rules(priority=("bts",)))
    assert (plan.shares, plan.unroutable, plan.reasons) == ({}, [], {})


HASHED = """
from datetime import UTC, datetime
from models.routing import Rules, WantedLine
from models.suppliers import Offer
from workflows.decisions.routing import route
names = ["bts", "nova", "sur", "zeta"]
eans = [f"84{number:011d}" for number in range(12)]
at = datetime(2026, 3, 1, tzinfo=UTC)
offers = {
    name: {
        ean: Offer(supplier=name, ean=ean, known=True, quantity=(i * 7 + j * 5) % 9, observed_at=at)
        for j, ean in enumerate(eans)
    }
    for i, name in enumerate(names)
}
lines = [WantedLine(str(number), ean, number % 4 + 1) for number, ean in enumerate(eans)]
print(route(lines, offers, Rules(priority=tuple(names), excluded=frozenset({"sur", "none"}))))
"""


def test_the_plan_is_the_same_whatever_the_hash_seed() -> None:
    plans = {
        subprocess.run(
            [sys.executable, "-c", HASHED],
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            },
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "4711")
    }
    assert len(plans) == 1
    assert "chosen" in plans.pop()
