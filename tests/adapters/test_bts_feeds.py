import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from sandbox.btswholesaler import DEFAULT_TOKEN, create_app
from sandbox.catalogue import (
    BAD_CHECK_DIGIT,
    OUT_OF_STOCK,
    UNKNOWN_EAN,
    Assortment,
    article_at,
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


def listing(url: str, size: int = 500) -> dict[str, dict[str, Any]]:
    pages = get(url, "getListProducts", page_size=size).json()["pagination"]["total_pages"]
    products = [get(url, "getListProducts", page_size=size, page=page + 1).json()["products"] for page in range(pages)]
    return {product["ean"]: product for page in products for product in page}


@pytest.mark.parametrize("what", ["stock", "price"])
def test_as_many_as_asked_change_and_the_changes_tell_which(url: str, what: str) -> None:
    before = listing(url)
    path = "prices" if what == "price" else what
    HTTP.post(f"{url}/_sandbox/{path}", json={"change": 120, "seed": 4}).raise_for_status()
    after = listing(url)
    moved = {ean for ean, product in after.items() if product != before[ean]}
    assert {name for ean in moved for name in after[ean] if after[ean][name] != before[ean][name]} == {what}
    assert len(moved) == 120
    assert not moved & set(EANS)
    changes = get(url, "getProductChanges", since="2027-01-15", page_size=500).json()["products"]
    assert {change["product_sku"]: change[f"product_{what}"] for change in changes} == {
        ean: after[ean][what] for ean in moved
    }


def test_the_changes_are_listed_in_the_order_in_which_they_came(url: str) -> None:
    for place in (3, 1, 2, 3):
        HTTP.post(f"{url}/_sandbox/stock", json={EANS[place]: place}).raise_for_status()
    changes = get(url, "getProductChanges", since="2027-01-15").json()["products"]
    assert [change["product_sku"] for change in changes] == [EANS[place] for place in (1, 2, 3)]


def test_a_withdrawn_article_is_in_no_list_and_can_be_bought_no_more(url: str) -> None:
    HTTP.post(f"{url}/_sandbox/stock", json={EANS[4]: 9}).raise_for_status()
    HTTP.post(f"{url}/_sandbox/articles", json={"withdraw": [EANS[4]]}).raise_for_status()
    assert list(listing(url)) == [article.ean for article in catalogue() if article.ean != EANS[4]]
    assert get(url, "getProductChanges", since="2027-01-15").json()["products"] == []
    stock = get(url, "getProductStock", **{"product_sku[]": EANS[4]}).json()["products"][EANS[4]]
    assert stock["availability"] == "not_found"
    assert HTTP.post(f"{url}/_sandbox/articles", json={"withdraw": [EANS[4]]}).status_code == 400


def test_without_a_feed_the_list_is_not_found_and_articles_are(url: str) -> None:
    HTTP.post(f"{url}/_sandbox/settings", json={"feed_status": "not_available"}).raise_for_status()
    assert get(url, "getListProducts").status_code == 404
    assert get(url, "getProducts", **{"product_sku[]": EANS[0]}).status_code == 200


def test_calls_above_the_limit_of_a_second_are_told_to_wait(url: str) -> None:
    HTTP.post(f"{url}/_sandbox/settings", json={"per_second": 2}).raise_for_status()
    replies = [get(url, "getFeedStatus") for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert replies[2].headers["Retry-After"] == "1"


def test_a_restarted_simulator_knows_every_change(tmp_path: Path, server: Stage) -> None:
    def start() -> str:
        return server.put_on(create_app(clock=lambda: NOW, state=tmp_path / "bts.jsonl"))

    url = start()
    for path, change in (
        ("stock", {"change": 40, "seed": 1}),
        ("prices", {"change": 40, "seed": 2}),
        ("prices", {EANS[0]: 3.25}),
        ("articles", {"withdraw": [EANS[1]]}),
    ):
        HTTP.post(f"{url}/_sandbox/{path}", json=change).raise_for_status()
    before = listing(url)
    assert listing(start()) == before
    assert (before[EANS[0]]["price"], EANS[1] in before) == (3.25, False)


def test_a_million_articles_are_there_at_once(server: Stage) -> None:
    began = time.monotonic()
    url = server.put_on(create_app(articles=1_000_000, clock=lambda: NOW))
    last = get(url, "getListProducts", page=2_000, page_size=500).json()
    assert (len(last["products"]), last["pagination"]["total_products"]) == (500, 1_000_000)
    assert time.monotonic() - began < 5
    sold = get(url, "getProductStock", **{"product_sku[]": last["products"][-1]["ean"]}).json()
    assert sold["found_skus"] == 1


def test_every_article_is_found_by_its_code_and_by_no_other() -> None:
    assortment = Assortment(3_000, 7)
    codes = list(assortment)
    assert [assortment.place(code) for code in codes] == list(range(3_000))
    beyond = article_at(3_000, 7).ean
    strangers = [UNKNOWN_EAN, beyond, codes[100][:-1], f"{codes[100][:-1]}{(int(codes[100][-1]) + 1) % 10}", "8438", ""]
    assert [assortment.get(code) for code in strangers] == [None] * len(strangers)


def test_every_article_has_its_own_code_and_a_valid_check_digit_but_the_odd_ones() -> None:
    articles = catalogue(5_000, 3)
    assert len({article.ean for article in articles}) == 5_000
    digits = [(place, article.ean) for place, article in enumerate(articles) if article.ean.isdigit()]
    assert len(digits) == len(articles) - 1
    bad = [place for place, ean in digits if check_digit(ean[:-1]) != ean[-1]]
    assert bad == [BAD_CHECK_DIGIT]
    assert articles[OUT_OF_STOCK].stock == 0
    assert all(article.stock > 1_000 for article in articles[: len(plain_eans())])
