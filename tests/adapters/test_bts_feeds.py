import csv
import io
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from sandbox.btswholesaler import DEFAULT_TOKEN, create_app
from sandbox.catalogue import (
    BAD_CHECK_DIGIT,
    OUT_OF_STOCK,
    catalogue,
    check_digit,
    named_eans,
    plain_eans,
)
from tests.adapters.loopback import HTTP, Stage, stage

EANS = named_eans()
AUTHORISED = {"Authorization": f"Bearer {DEFAULT_TOKEN}"}
NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as served:
        yield served


@pytest.fixture
def url(server: Stage) -> str:
    return server.put_on(create_app(clock=lambda: NOW))


def get(url: str, operation: str, **parameters: Any) -> httpx.Response:
    return HTTP.get(f"{url}/v1/api/{operation}", params=parameters, headers=AUTHORISED)


def test_the_catalogue_pages_to_its_end(url: str) -> None:
    pages = [get(url, "getListProducts", page=page, page_size=240).json() for page in (1, 2, 3)]
    assert [len(page["products"]) for page in pages] == [240, 240, 20]
    assert [page["pagination"]["has_next_page"] for page in pages] == [True, True, False]
    assert pages[0]["pagination"]["total_products"] == len(catalogue()) == 500
    assert pages[0]["products"][0]["ean"] == EANS[0]


def test_the_three_formats_carry_the_same_products(url: str) -> None:
    parameters = {"page_size": 50, "manufacturer_names": "norte", "category_ids": "15,16"}
    products = get(url, "getListProducts", **parameters).json()["products"]
    rows = list(
        csv.DictReader(io.StringIO(get(url, "getListProducts", format_file="csv", **parameters).text), delimiter=";")
    )
    tree = ElementTree.fromstring(get(url, "getListProducts", format_file="xml", **parameters).text)
    assert len(products) == 50
    assert {product["manufacturer"] for product in products} == {"Norte"}
    assert [row["ean"] for row in rows] == [product["ean"] for product in products]
    assert [node.findtext("ean") for node in tree] == [product["ean"] for product in products]


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("getListProducts", {"page_size": 49}),
        ("getListProducts", {"page_size": 501}),
        ("getListProducts", {"page": 0}),
        ("getListProducts", {"format_file": "xlsx"}),
        ("getListProducts", {"language_code": "pt-PT"}),
        ("getProducts", {f"product_sku[{number}]": "1" for number in range(26)}),
        ("getProductStock", {f"product_sku[{number}]": "1" for number in range(101)}),
        ("getProductStock", {}),
        ("getProductChanges", {"since": "yesterday"}),
        ("getProductChanges", {"since": "2020-01-01"}),
        ("getNewProducts", {"days": 31}),
    ],
)
def test_limits_are_those_of_the_reference(url: str, operation: str, parameters: dict[str, Any]) -> None:
    assert get(url, operation, **parameters).status_code == 400


def test_changes_since_an_instant_are_what_changed(url: str) -> None:
    HTTP.post(f"{url}/_sandbox/stock", json={EANS[8]: 5}).raise_for_status()
    changed = get(url, "getProductChanges", since="2027-01-15 00:00:00").json()
    assert [product["product_sku"] for product in changed["products"]] == [EANS[8]]
    assert get(url, "getNewProducts", days=7, page_size=50).json()["products"][1]["product_name"]
    assert get(url, "getProducts", **{"product_sku[0]": EANS[8]}).json()[0]["leadtime_to_ship"] == "24"
    assert {row["parent_id"] for row in get(url, "getListCategories").json()} == {0, 1}


def test_every_article_has_its_own_code_and_a_valid_check_digit_but_the_odd_ones() -> None:
    articles = catalogue(5_000, 3)
    assert len({article.ean for article in articles}) == 5_000
    digits = [(place, article.ean) for place, article in enumerate(articles) if article.ean.isdigit()]
    assert len(digits) == len(articles) - 1
    bad = [place for place, ean in digits if check_digit(ean[:-1]) != ean[-1]]
    assert bad == [BAD_CHECK_DIGIT]
    assert articles[OUT_OF_STOCK].stock == 0
    assert all(article.stock > 1_000 for article in articles[: len(plain_eans())])
