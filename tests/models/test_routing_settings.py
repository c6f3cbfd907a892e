from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from models import postcodes
from models.backordering import Backorders
from models.configuration import Configuration
from models.routing_faults import covers
from models.routing_rules import Choose, Conditions, Routing
from models.stock import Stock
from models.terms import Terms
from tests.models.test_configuration import VALID

THREE = {"priority": ["bts", "own", "far"]}
GERMAN = {"countries": ["DE"]}


def routing(*rules: dict[str, Any], **settings: Any) -> dict[str, Any]:
    named = [{"name": f"rule {number}", **rule} for number, rule in enumerate(rules, start=1)]
    return {**THREE, "rules": named, **settings}


def told(error: ValidationError) -> list[str]:
    return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]


@pytest.mark.parametrize(
    ("document", "place", "problem", "remedy"),
    [
        (routing(priority=["bts", "bts"]), "priority.1", 'names "bts" twice', "leave it"),
        (routing({"only": ["own"]}, {"name": "rule 1", "urgent": True}), "rules.1.name", "two rules", "own name"),
        (routing({"only": ["own", "far"], "exclude": ["far"]}), "rules.0.only.1", "excluded too", "out of exclude"),
        (routing(only=["own"], exclude=["own"]), "only.0", "excluded too", "out of exclude"),
        (routing({"only": ["own"]}, exclude=["own"]), "rules.0.only", "routing.exclude", "take one of them out"),
        (routing(tiers=[["bts"], ["own", "bts"]]), "tiers.1.1", "twice", "in one tier"),
        (routing({"choose": "hybrid"}), "rules.0.choose", "no tiers", 'choose = "cost"'),
        (routing({"when": GERMAN}), "rules.0", '"rule 1" sets nothing', "name what holds"),
        (
            routing({"when": {"categories": ["Perfume"]}, "choose": "cost"}),
            "rules.0.choose",
            "an order as a whole",
            "without categories",
        ),
        (
            routing({"when": {"value_from": "50", "value_below": "50"}, "urgent": True}),
            "rules.0.when.value_below",
            "nothing is at least 50",
            "more than value_from",
        ),
        (
            routing({"when": {"kg_from": 5, "kg_below": 2}, "urgent": True}),
            "rules.0.when.kg_below",
            "below 2",
            "more than kg_from",
        ),
        (
            routing({"when": {"postcodes": ["20000-10000"]}, "urgent": True}),
            "rules.0.when.postcodes.0",
            "ends before it begins",
            '"80000-81999"',
        ),
        (
            routing({"only": ["own"]}, {"when": GERMAN, "only": ["far"]}),
            "rules.1",
            '"rule 1" above fits whatever it fits, and sets whatever it sets',
            "further up",
        ),
        (routing(customs=[{"share": 1}, {"origins": ["CN"]}]), "customs.1", "never reached", "further up"),
    ],
)
def test_rules_that_contradict_each_other_are_refused_with_a_remedy(
    document: dict[str, Any], place: str, problem: str, remedy: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Routing.model_validate(document)
    (said,) = told(refused.value)
    assert said.startswith(f"{place}: ")
    assert problem in said
    assert remedy in said


@pytest.mark.parametrize(
    "document",
    [
        routing({"when": {"value_from": -1}, "urgent": True}),
        routing(weights={"split": -1}),
        routing(weights={"late_day": "NaN"}),
        routing({"when": {"tags": [" "]}, "urgent": True}),
        routing({"when": {"postcodes": ["*"]}, "urgent": True}),
        routing({"when": {"postcodes": ["1*1"]}, "urgent": True}),
        routing({"when": {"articles": ["cream 50 ml"]}, "urgent": True}),
        routing({"onyl": ["own"], "urgent": True}),
        routing(margin_floor=1),
        routing(ship_within="0s"),
        routing(stale="always"),
    ],
)
def test_what_is_no_value_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Routing.model_validate(document)


def test_rules_that_differ_in_what_they_fit_or_set_are_fine() -> None:
    read = Routing.model_validate(
        routing(
            {"when": GERMAN, "only": ["own"]},
            {"when": {"countries": ["DE", "AT"]}, "only": ["far"]},
            {"when": GERMAN, "exclude": ["bts"]},
            {"when": {"categories": ["Perfume"]}, "needs": ["returns"]},
            {"choose": "hybrid", "tiers": [["own"], ["bts", "far"]]},
            weights={"split": "4.50", "late_day": 2},
            ship_within="2d",
            time_limit="250ms",
        )
    )
    assert read.rules[4].choose is Choose.HYBRID
    assert (read.weights and read.weights.split, read.time_limit) == (Decimal("4.50"), timedelta(milliseconds=250))
    assert Routing.model_validate(read.model_dump(mode="json")) == read


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ({}, GERMAN, True),
        (GERMAN, {}, False),
        ({"countries": ["AT", "DE"]}, GERMAN, True),
        ({"tags": ["VIP"]}, {"tags": ["vip"]}, True),
        ({"categories": ["Beauty"]}, {"categories": ["beauty/cream"]}, True),
        ({"categories": ["Beauty > Cream"]}, {"categories": ["Beauty"]}, False),
        ({"value_from": 10}, {"value_from": 10, "value_below": 20}, True),
        ({"value_from": 10}, {"value_below": 20}, False),
        ({"kg_below": 30}, {"kg_below": 31}, False),
        ({"postcodes": ["10*"]}, {"postcodes": ["101*", "10000-10999", "10115"]}, True),
        ({"postcodes": ["10000-10999"]}, {"postcodes": ["10100-10199", "10115"]}, True),
        ({"postcodes": ["10000-10999"]}, {"postcodes": ["101*"]}, False),
        ({"postcodes": ["101*"]}, {"postcodes": ["10000-10999"]}, False),
    ],
)
def test_conditions_are_known_to_cover_others(wide: dict[str, Any], narrow: dict[str, Any], *, covered: bool) -> None:
    assert covers(Conditions.model_validate(wide), Conditions.model_validate(narrow)) is covered


def test_an_area_holds_its_own_postcodes_however_they_are_written() -> None:
    assert postcodes.within(["SW1A 1AA"], "sw1a1aa")
    assert not postcodes.within(["10115"], "")
    assert postcodes.range_of("80000 - 81999") == ("80000", "81999")
    assert postcodes.range_of("00-950") is None


# Beside the suppliers and channels.


def configuration(**sections: Any) -> dict[str, Any]:
    document: dict[str, Any] = deepcopy(VALID) | sections
    bts = document["suppliers"]["bts"]
    document["suppliers"]["own"] = {**bts, "terms": {"provides": ["returns", "gift-note"]}}
    document["suppliers"]["far"] = deepcopy(bts)
    return document


@pytest.mark.parametrize(
    ("section", "place", "said"),
    [
        ({"routing": {"priority": ["bts", "onw"]}}, "routing.priority.1", 'no supplier; did you mean "own"?'),
        ({"routing": routing(concentration_limit={"btz": 0.5})}, "routing.concentration_limit.btz", "no supplier"),
        ({"routing": routing({"only": ["xyz"]})}, "routing.rules.0.only.0", "suppliers are bts, far, own"),
        ({"routing": routing({"exclude": ["ownn"]})}, "routing.rules.0.exclude.0", "no supplier"),
        ({"routing": routing(tiers=[["own"], ["fra"]])}, "routing.tiers.1.0", 'did you mean "far"?'),
        (
            {"routing": routing({"only": ["far"]}, priority=["bts", "own"])},
            "routing.rules.0.only.0",
            "gets nothing, as routing.priority does not name it; add it to routing.priority",
        ),
        (
            {"routing": routing(tiers=[["far"], ["own"]], priority=["bts", "own"])},
            "routing.tiers.0.0",
            "gets nothing",
        ),
        (
            {"routing": routing({"when": {"channels": ["mian"]}, "urgent": True})},
            "routing.rules.0.when.channels.0",
            'no channel; did you mean "main"?',
        ),
        (
            {"routing": routing({"only": ["bts"], "needs": ["gift-note"]})},
            "routing.rules.0.only",
            "bts lacks gift-note; add it to suppliers.bts.terms.provides",
        ),
        (
            {"routing": routing({"needs": ["gift-notes"]})},
            "routing.rules.0.needs.0",
            'no supplier of routing.priority provides "gift-notes"; did you mean "gift-note"?',
        ),
        (
            {"backorders": {"rules": [{"name": "a", "channels": ["mian"]}]}},
            "backorders.rules.0.channels.0",
            "no channel",
        ),
        ({"stock": {"buffers": [{"suppliers": ["btz"], "units": 1}]}}, "stock.buffers.0.suppliers.0", "no supplier"),
    ],
)
def test_a_name_that_fits_nothing_is_told_where_it_stands(section: dict[str, Any], place: str, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Configuration.model_validate(configuration(**section))
    (found,) = told(refused.value)
    assert found.startswith(f"{place}: ")
    assert said in found


def test_a_fixed_supplier_that_provides_what_is_needed_is_fine() -> None:
    rules = routing({"only": ["bts", "own"], "needs": ["gift-note"]}, needs=["returns"])

    assert Configuration.model_validate(configuration(routing=rules)).routing.needs == ("returns",)


@pytest.mark.parametrize(
    ("document", "place", "said"),
    [
        ({"substitutes": {"A": ["B"], "B": ["C"], "C": ["A"]}}, "substitutes.A", 'A is a circle; take "B" out'),
        ({"substitutes": {"A": ["A"]}}, "substitutes.A", "A → A is a circle"),
        ({"bundles": {"SET": {"BOX": 1}, "BOX": {"SET": 1}}}, "bundles.SET", "SET → BOX → SET is a circle"),
        ({"bundles": {"SET": {}}}, "bundles.SET", "is made of nothing; name its parts"),
    ],
)
def test_stock_that_leads_nowhere_is_refused(document: dict[str, Any], place: str, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Stock.model_validate(document)
    (found,) = told(refused.value)
    assert found.startswith(f"{place}: ")
    assert said in found


def test_a_policy_that_no_line_comes_to_is_refused() -> None:
    rules = [{"name": "all", "categories": ["Beauty"]}, {"name": "cream", "categories": ["Beauty > Cream"]}]

    with pytest.raises(ValidationError, match='"cream" is never reached: "all" above'):
        Backorders.model_validate({"rules": rules})
    assert Backorders.model_validate({"rules": rules[::-1]})


def test_a_shipping_row_that_is_never_reached_is_told_where_it_stands() -> None:
    with pytest.raises(ValidationError) as refused:
        Terms.model_validate({"shipping": [{"up_to_kg": 10}, {"countries": ["DE"], "up_to_kg": 5}]})
    assert told(refused.value)[0].startswith("shipping.1: is never reached")


def test_every_contradiction_is_told_at_once() -> None:
    document = routing({"only": ["own"], "exclude": ["own"]}, {"when": {"kg_from": 2, "kg_below": 1}, "urgent": True})

    with pytest.raises(ValidationError) as refused:
        Routing.model_validate(document)
    assert {said.partition(":")[0] for said in told(refused.value)} == {"rules.0.only.0", "rules.1.when.kg_below"}
