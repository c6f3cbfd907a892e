import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.faults import overlooking
from models.routing import OrderFacts, WantedLine
from models.routing_faults import LINE_SETTINGS, ORDER_SETTINGS, overshadowed
from models.routing_rules import Choose, Routing, Rule, Weights
from workflows.decisions.routing_rules import LineRules, RulesForOrder, rules_for

ROOT = Path(__file__).parents[2]
PLACED = datetime(2026, 3, 2, 10, tzinfo=UTC)
CREAM = WantedLine("11", "8411061123456", 2, grams=500, category="Beauty > Cream")
LAMP = WantedLine("12", "4006381333931", 1, grams=2000, category="Home/Lamps")


def order(**facts: Any) -> OrderFacts:
    usual: dict[str, Any] = {
        "channel": "main",
        "currency": "EUR",
        "lines": (CREAM, LAMP),
        "placed_at": PLACED,
        "country": "DE",
        "region": "BY",
        "postal_code": "80331",
        "value": Decimal(120),
    }
    return OrderFacts(**usual | facts)


def routing(*rules: dict[str, Any], **base: Any) -> Routing:
    named = [{"name": f"rule {number}", **rule} for number, rule in enumerate(rules, start=1)]
    return Routing.model_validate({"priority": ["bts", "own", "far"], "rules": named, **base})


def fits(when: dict[str, Any], **facts: Any) -> bool:
    """Does a rule with these conditions change anything for an order like this, or for its cream?"""
    found = rules_for(order(**facts), routing({"when": when, "exclude": ["own"]}))
    return "own" in found.line(CREAM).exclude


def test_without_rules_the_careful_defaults_hold() -> None:
    found = rules_for(order(), routing())

    assert (found.choose, found.tiers, found.weights) == (Choose.PRIORITY, (), Weights())
    assert (found.split_orders, found.ship_within, found.urgent, found.names) == (True, None, False, ())
    assert found.line(CREAM) == LineRules()


@pytest.mark.parametrize(
    ("when", "facts"),
    [
        ({"channels": ["main", "second"]}, {}),
        ({"countries": ["AT", "DE"]}, {}),
        ({"regions": ["by"]}, {}),
        ({"value_from": "120"}, {}),
        ({"value_below": "120.01"}, {}),
        ({"kg_from": "3", "kg_below": "3.001"}, {}),
        ({"tags": ["VIP"]}, {"tags": frozenset({"new", " vip "})}),
        ({"customer_groups": ["Trade  customers"]}, {"customer_group": "trade customers"}),
        ({"preferences": ["green"]}, {"preference": "Green"}),
        ({"categories": ["beauty"]}, {}),
        ({"categories": ["Beauty>cream", "Toys"]}, {}),
        ({"articles": ["8411061123456"]}, {}),
        ({"countries": ["DE"], "categories": ["Beauty"], "tags": ["vip"]}, {"tags": frozenset({"vip"})}),
    ],
)
def test_a_rule_fits_what_its_conditions_say(when: dict[str, Any], facts: dict[str, Any]) -> None:
    assert fits(when, **facts)


@pytest.mark.parametrize(
    ("when", "facts"),
    [
        ({"channels": ["second"]}, {}),
        ({"countries": ["DE"]}, {"country": ""}),
        ({"countries": ["DE"], "regions": ["NW"]}, {}),
        ({"value_from": "120.01"}, {}),
        ({"value_below": "120"}, {}),
        ({"kg_from": "3.001"}, {}),
        ({"kg_below": "3"}, {}),
        ({"tags": ["vip"]}, {}),
        ({"customer_groups": ["trade"]}, {"customer_group": "traders"}),
        ({"preferences": ["green"]}, {}),
        ({"categories": ["Beauty > Cream > Night"]}, {}),
        ({"categories": ["Beau"]}, {}),
        ({"articles": ["4006381333931"]}, {}),
    ],
)
def test_a_rule_does_not_fit_anything_else(when: dict[str, Any], facts: dict[str, Any]) -> None:
    assert not fits(when, **facts)


@pytest.mark.parametrize(
    ("area", "code", "inside"),
    [
        ("80331", "80331", True),
        ("80331", "8033", False),
        ("803*", "80331", True),
        ("803*", "80231", False),
        ("80000-81999", "80331", True),
        ("80000-81999", "82000", False),
        ("80000-81999", "803310", False),
        ("8000-8199", "80331", False),
        ("00-950-02-999", "01-100", True),
        ("00-950", "00950", True),
        ("SW1*", "sw1a 1aa", True),
        ("10001-10099", "10044-1234", True),
        ("10044", "10044-1234", True),
        ("803*", "", False),
    ],
)
def test_a_postcode_is_one_a_beginning_or_a_range_of_equal_length(area: str, code: str, *, inside: bool) -> None:
    assert fits({"postcodes": ["99999", area]}, postal_code=code) is inside


def test_a_value_is_compared_in_the_rules_own_currency() -> None:
    rules = routing({"when": {"value_from": "100"}, "exclude": ["own"]}, currency="USD")

    assert rules_for(order(), rules, rate=Decimal("1.2")).names == ("rule 1",)
    assert rules_for(order(), rules, rate=Decimal("1.21")).names == ()
    assert rules_for(order(), rules, rate=None).names == ()


def test_of_two_rules_that_set_the_same_the_first_counts_and_the_table_has_the_last_word() -> None:
    rules = routing(
        {"when": {"countries": ["DE"]}, "choose": "cost", "stale": "never"},
        {"choose": "priority", "split_lines": True, "ship_within": "2d", "margin_floor": 0.1},
        stale="use",
        partial_lines=True,
        split_lines=False,
    )

    german, other = rules_for(order(), rules), rules_for(order(country="FR"), rules)

    assert (german.choose, german.ship_within, german.names) == ("cost", timedelta(days=2), ("rule 1", "rule 2"))
    assert (german.line(CREAM).stale, german.line(CREAM).split_lines) == ("never", True)
    assert (other.choose, other.line(CREAM).stale, other.line(CREAM).partial_lines) == ("priority", "use", True)
    assert other.line(CREAM).margin_floor == 0.1


def test_exclusions_and_needs_add_up_and_the_first_that_excludes_is_told() -> None:
    rules = routing(
        {"exclude": ["own"], "needs": ["returns"]},
        {"when": {"categories": ["Beauty"]}, "exclude": ["own", "far"], "needs": ["gift-note"]},
        exclude=["bts"],
        needs=["branding"],
    )

    found = rules_for(order(), rules)

    assert found.line(CREAM).exclude == {"own": "rule 1", "far": "rule 2", "bts": "routing"}
    assert found.line(LAMP).exclude == {"own": "rule 1", "bts": "routing"}
    assert found.line(CREAM).needs == {"returns", "gift-note", "branding"}


def test_a_fixed_supplier_is_told_with_the_rule_that_fixed_it() -> None:
    rules = routing({"when": {"articles": [CREAM.ean]}, "only": ["own"]}, {"choose": "cost"}, only=["bts", "far"])

    cream, lamp = (rules_for(order(), rules).line(one) for one in (CREAM, LAMP))

    assert (cream.only, cream.only_by, cream.names) == (("own",), "rule 1", ("rule 1",))
    assert (lamp.only, lamp.only_by, lamp.names) == (("bts", "far"), "routing", ())


def test_a_person_or_a_rule_makes_an_order_urgent_and_no_rule_makes_a_persons_word_undone() -> None:
    rules = routing({"when": {"preferences": ["fast"]}, "urgent": True}, {"urgent": False})

    assert rules_for(order(preference="fast"), rules).urgent
    assert not rules_for(order(), rules).urgent
    assert rules_for(order(urgent=True), rules).urgent


# The examples of docs/routing.md.

EXAMPLES = re.findall(r"^```toml\n(.*?)^```", (ROOT / "docs" / "routing.md").read_text("utf-8"), re.M | re.S)
BASE = """
[routing]
priority = ["own", "bts", "olmo"]
"""


def example(name: str) -> Routing:
    (written,) = [one for one in EXAMPLES if f'"{name}"' in one]
    text = written if "[routing]" in written else BASE + written
    return Routing.model_validate(tomllib.loads(text)["routing"])


def test_germany_has_tiers_and_keeps_the_weights_of_the_table() -> None:
    rules = example("Germany from home")

    german, austrian = rules_for(order(), rules), rules_for(order(country="AT"), rules)

    assert (german.choose, german.tiers[0], german.weights.split) == (Choose.HYBRID, ("own",), Decimal("4.50"))
    assert (austrian.choose, austrian.tiers, austrian.weights.split) == (Choose.COST, (), Decimal("4.50"))


def test_each_line_has_the_rules_of_its_own_category() -> None:
    bowl, cells = (replace(LAMP, category=one) for one in ("Home > Glass", "Electronics > Batteries > AA"))
    scent = replace(CREAM, category="Perfume")
    mallorca = rules_for(order(country="ES", postal_code="07001"), example("fragile"))

    assert (mallorca.line(bowl).exclude, mallorca.line(cells).exclude) == ({"olmo": "fragile"}, {})
    assert mallorca.line(cells).needs == {"dangerous-goods"}
    assert mallorca.line(scent).only == ("own",)
    assert rules_for(order(country="ES"), example("fragile")).line(scent).only is None


def test_a_fast_and_valuable_order_has_all_of_both() -> None:
    found = rules_for(order(preference="express", value=Decimal(800)), example("fast"))

    assert (found.urgent, found.ship_within, found.split_orders) == (True, timedelta(days=2), False)
    assert (found.line(CREAM).stale, found.line(CREAM).margin_floor) == ("never", 0.1)


# Properties.

WORDS = ("a", "b", "c")
SUPPLIERS = ("bts", "own", "far")


def _some(*entries: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(entries), max_size=2, unique=True)


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


BOUNDS = st.one_of(st.just((None, None)), st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(6, 10))))
ORDER_WHEN = {
    "channels": _some("main", "second"),
    "countries": _some("DE", "AT", "FR"),
    "regions": _some(*WORDS),
    "postcodes": _some("101*", "1011*", "10115", "10000-10999", "10100-10199", "10*"),
    "tags": _some(*WORDS),
    "customer_groups": _some(*WORDS),
    "preferences": _some(*WORDS),
}
LINE_WHEN = {"categories": _some("x", "x > y", "z"), "articles": _some("1", "2")}
LINE_SETS = {
    "only": _maybe(st.lists(st.sampled_from(SUPPLIERS), min_size=1, max_size=2, unique=True)),
    "split_lines": _maybe(st.booleans()),
    "stale": _maybe(st.sampled_from(["failover", "never", "use"])),
    "exclude": _some(*SUPPLIERS),
    "needs": _some("returns", "gift-note"),
}
ORDER_SETS = {
    "choose": _maybe(st.sampled_from(["priority", "cost"])),
    "urgent": _maybe(st.booleans()),
    "split_orders": _maybe(st.booleans()),
}


@st.composite
def rule_documents(draw: st.DrawFn) -> dict[str, Any]:
    of_lines = draw(st.booleans())
    conditions = ORDER_WHEN | (LINE_WHEN if of_lines else {})
    chosen = draw(st.lists(st.sampled_from(sorted(conditions)), max_size=3, unique=True))
    value, kg = draw(BOUNDS), draw(BOUNDS)
    when = {name: draw(conditions[name]) for name in chosen}
    when |= {"value_from": value[0], "value_below": value[1], "kg_from": kg[0], "kg_below": kg[1]}
    about_lines = bool(when.get("categories") or when.get("articles"))
    sets = {name: draw(one) for name, one in (LINE_SETS | ({} if about_lines else ORDER_SETS)).items()}
    return {"when": when, **sets}


@st.composite
def orders(draw: st.DrawFn) -> OrderFacts:
    lines = tuple(
        WantedLine(
            str(number),
            draw(st.sampled_from(["1", "2"])),
            draw(st.integers(1, 3)),
            grams=1500,
            category=draw(st.sampled_from(["", "x", "x > y > z", "z"])),
        )
        for number in range(2)
    )
    return OrderFacts(
        channel=draw(st.sampled_from(["main", "second"])),
        currency="EUR",
        lines=lines,
        placed_at=PLACED,
        country=draw(st.sampled_from(["DE", "AT", "FR", ""])),
        region=draw(st.sampled_from(["", *WORDS])),
        postal_code=draw(st.sampled_from(["", "10115", "10999", "1011", "10115-1234", "99999"])),
        value=Decimal(draw(st.integers(0, 12))),
        tags=draw(st.frozensets(st.sampled_from(WORDS))),
        customer_group=draw(st.sampled_from(["", *WORDS])),
        preference=draw(st.sampled_from(["", *WORDS])),
    )


def built(documents: Sequence[dict[str, Any]]) -> Routing:
    """Rules as they come, also those that a file may not have."""
    with overlooking(("Conditions", "Settings", "Rule", "Routing")):
        return routing(*documents)


def outcome(found: RulesForOrder, lines: Sequence[WantedLine]) -> tuple[Any, ...]:
    """Everything that a plan can depend on."""
    whole = tuple(getattr(found, name) for name in ORDER_SETTINGS)
    parts = [found.line(line) for line in lines]
    return whole, [
        (*(getattr(one, name) for name in LINE_SETTINGS), one.only_by, one.exclude, one.needs) for one in parts
    ]


RULES = st.lists(rule_documents(), min_size=1, max_size=5)


@given(RULES, orders())
@settings(max_examples=200)
def test_an_exclusion_or_a_need_is_never_lost(documents: list[dict[str, Any]], facts: OrderFacts) -> None:
    together = rules_for(facts, built(documents))
    for document in documents:
        alone = rules_for(facts, built([document]))
        for line in facts.lines:
            assert alone.line(line).exclude.keys() <= together.line(line).exclude.keys()
            assert alone.line(line).needs <= together.line(line).needs


NARROWER: dict[str, list[list[str]]] = {
    "countries": [["DE"], ["AT"]],
    "tags": [["a"]],
    "postcodes": [["10115"], ["10110-10119"]],
}


@given(RULES, st.data(), st.lists(orders(), min_size=5, max_size=5))
@settings(max_examples=200)
def test_a_rule_that_is_found_unreachable_changes_nothing(
    documents: list[dict[str, Any]], data: st.DataObject, several: list[OrderFacts]
) -> None:
    above = data.draw(st.sampled_from(documents))
    name = data.draw(st.sampled_from(sorted(NARROWER)))
    when = dict(above["when"])
    if not when.get(name):
        when[name] = data.draw(st.sampled_from(NARROWER[name]))
    documents = [*documents, {**above, "when": when, "stale": above["stale"] and "use"}]
    rules = built(documents).rules
    unreachable = [number for number, rule in enumerate(rules) if overshadowed(rule, rules[:number])]

    for number in unreachable:
        without = built([one for position, one in enumerate(documents) if position != number])
        for facts in several:
            assert outcome(rules_for(facts, built(documents)), facts.lines) == _renamed(
                outcome(rules_for(facts, without), facts.lines), number
            )
    sets = [rules[-1].exclude, rules[-1].needs, *(getattr(rules[-1], one) for one in (*LINE_SETTINGS, *ORDER_SETTINGS))]
    assert len(rules) - 1 in unreachable or not any(one is not None and one != () for one in sets)


def _renamed(found: Any, gone: int) -> Any:
    """Rules after the one that is gone are numbered one lower there."""
    whole, lines = found

    def name(rule: str) -> str:
        kind, _, number = rule.partition(" ")
        return f"{kind} {int(number) + 1}" if number and int(number) > gone else rule

    return whole, [
        (*values, name(by), {supplier: name(one) for supplier, one in exclude.items()}, needs)
        for *values, by, exclude, needs in lines
    ]


@given(RULES, orders(), st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_the_order_of_entries_in_a_condition_does_not_matter(
    documents: list[dict[str, Any]], facts: OrderFacts, chance: random.Random
) -> None:
    shuffled = [
        {**one, "when": {name: _shuffled(value, chance) for name, value in one["when"].items()}} for one in documents
    ]

    assert outcome(rules_for(facts, built(documents)), facts.lines) == outcome(
        rules_for(facts, built(shuffled)), facts.lines
    )


def _shuffled(value: Any, chance: random.Random) -> Any:
    return chance.sample(value, len(value)) if isinstance(value, list) else value


def test_several_rules_together_can_make_one_unreachable() -> None:
    first = Rule(name="first", exclude=("own",), stale="never")
    second = Rule.model_validate({"name": "second", "when": {"countries": ["DE", "AT"]}, "split_lines": True})
    third = Rule.model_validate({"name": "third", "when": {"countries": ["DE"]}, "split_lines": False, "stale": "use"})

    assert overshadowed(third, [first, second]) == [first, second]
    assert overshadowed(third, [second]) == []
    assert overshadowed(third, [first]) == []
