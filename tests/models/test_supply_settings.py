from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from models.configuration import Configuration
from models.feeds import Feed
from models.supply import Publishing
from tests.models.test_configuration import VALID

COLUMNS = {"sku": "SKU", "quantity": "Stock"}
RULES = [{"name": "all", "markup": "0.3"}]


def feed(**settings: Any) -> Feed:
    usual = {"kind": "stock", "source": "https://files.example/stock.csv", "columns": COLUMNS}
    return Feed.model_validate(usual | settings)


def column(name: str, **settings: Any) -> dict[str, Any]:
    return {"columns": {"sku": "SKU", name: {"column": "There", **settings}}}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"encoding": "klingon"}, "no such encoding"),
        ({"encoding": "hex"}, "no such encoding"),
        ({"delimiter": '"'}, "delimiter"),
        ({"delimiter": "\n"}, "delimiter"),
        ({"files": "in/*.csv"}, "files"),
        ({"numbers": {"decimal": ",", "thousands": ","}}, "same sign"),
        ({"columns": {"sku": ""}}, "columns.sku"),
        ({"columns": {"sku": {"column": " "}}}, "heading"),
        ({"columns": {"sku": "SKU", "attributes.": "Colour"}}, "name"),
        (column("quantity", factor="many"), "factor"),
        (column("quantity", factor="-1"), "factor"),
        (column("quantity", factor="NaN"), "factor"),
        (column("quantity", transform="text"), "transform can't be text, it is integer"),
        (column("available_on", format="%Q"), "strptime"),
        (column("available_on", format="%d.%m."), "no year"),
        (column("available_on", format="%Y-%m-%Y"), "twice"),
        ({"source": "https://feeds:hunter2@files.example/a.csv"}, "password_env"),
        ({"source": "https:///a.csv"}, "no host"),
        ({"source": "sftp://files.example:99999/a.csv"}, "no address"),
        ({"source": "https://files.example/a.csv#part"}, "#"),
        ({"source": "file://folder/a.csv"}, "three slashes"),
        ({"source": "file:///in/%2e%2e/a.csv"}, "leads out"),
        ({"scope": "fast-sellers"}, "fast-sellers"),
        ({"jitter": -5}, "length of time"),
        ({"debounce": "999999d"}, "length of time"),
    ],
)
def test_what_no_run_of_a_feed_could_do_is_refused_where_it_is_written(settings: Any, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem) as caught:
        feed(**settings)
    assert "hunter2" not in str(caught.value)


def test_unusual_feeds_are_possible() -> None:
    read = feed(
        source="sftp://files.example:2222/out//stock%20list.csv",
        encoding="utf_16_le",
        delimiter="\u00a7",
        numbers={"decimal": ",", "thousands": "."},
        **column("attributes.weight", transform="decimal", factor="0.001"),
    )
    assert read.columns["sku"] == "SKU"
    assert Feed.model_validate(read.model_dump(mode="json")) == read


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"quantities": True}, "location"),
        ({"prices": True}, "pricing"),
        ({"stale_after": "0s"}, "above zero"),
        ({"every": "0s"}, "above zero"),
        ({"pricing": {"rules": RULES, "tax_rate": "21"}}, "tax_rate"),
        ({"pricing": {"rules": RULES, "max_recommended": "0"}}, "max_recommended"),
        ({"pricing": {"rules": [{"name": "a", "cost_from": "10", "cost_below": "10"}]}}, "no cost fits"),
        (
            {
                "pricing": {
                    "rules": RULES,
                    "promotions": [
                        {
                            "name": "sale",
                            "starts": f"{year}-01-01T00:00Z",
                            "ends": f"{year}-02-01T00:00Z",
                            "discount": "0.1",
                        }
                        for year in (2026, 2027)
                    ],
                }
            },
            "two promotions",
        ),
    ],
)
def test_what_no_shop_could_be_told_is_refused_where_it_is_written(settings: Any, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Publishing.model_validate(settings)


def test_quantities_with_a_location_are_published() -> None:
    assert Publishing(quantities=True, location="1401").every == timedelta(minutes=15)


def misspelt(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for key in path[:-1]:
            document = document.setdefault(key, {})
        document[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        misspelt("supply", "holds", value=[{"up_to": "0.5", "suppliers": ["btz"]}]),
        misspelt("supply", "precedence", value={"title": ["btz"]}),
        misspelt("low_stock", "own", value=["btz"]),
        misspelt("stock", value={"buffers": [{"suppliers": ["btz"], "units": 2}]}),
        misspelt("channels", "main", "publishing", "pricing", value={"rules": [{"name": "a", "suppliers": ["btz"]}]}),
    ],
)
def test_a_supplier_that_is_misspelt_is_told_of(change: Callable[[dict[str, Any]], None]) -> None:
    document = deepcopy(VALID)
    change(document)
    with pytest.raises(ValidationError, match='names "btz", which is no supplier'):
        Configuration.model_validate(document)


@pytest.mark.parametrize(
    "supply", [{"holds": [{"up_to": "60"}]}, {"precedence": {"colour": ["bts"]}}, {"rates_every": "0s"}]
)
def test_what_can_only_be_a_mistake_about_supply_is_refused(supply: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Configuration.model_validate(VALID | {"supply": supply})
