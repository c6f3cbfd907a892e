"""The simulated shop refuses what Shopify refuses, and keeps what it was told."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.storefronts.shopify.documents import ORDER_FULFILMENTS, SET_METAFIELD
from sandbox.catalogue import UNKNOWN_EAN, named_eans
from sandbox.serving import LOOPBACK, serving
from sandbox.shopify import create_app
from sandbox.shopify_products import SAME_BARCODE, UNKNOWN_BARCODE, WITHOUT_BARCODE, variants
from sandbox.shopify_search import order_filter
from sandbox.shopify_world import ALL_SCOPES, Shop
from sandbox.shopify_writes import create_fulfilment, define_metafield, set_metafields, update_tracking

EANS = named_eans()
LINES = {"lines": [[EANS[0], 2]]}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(create_app(shop_domain="demo.myshopify.com", secret="hush", token="t")) as address:
        yield address


def eventually(true: Callable[[], object], seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("path", "form", "said"),
    [
        ("orders", {"lines": [["0000000000000", 1]]}, "no variant carries the barcode"),
        ("orders", {"lines": [{"variant": 5}]}, "KeyError"),
        ("orders/404/pay", {}, "KeyError"),
        ("orders", {**LINES, "webhooks": {"tims": 3}}, "tims"),
        ("orders/404/dance", {}, "KeyError"),
    ],
)
def test_a_form_that_cannot_be_used_is_answered_with_the_reason(
    url: str, path: str, form: dict[str, Any], said: str
) -> None:
    answer = httpx.post(f"{url}/_sandbox/{path}", json=form)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("request_body", "code"),
    [
        ({"query": "{ order"}, "syntaxError"),
        ({"query": "query Q { shop { name } }"}, "invalidDocument"),
        (
            {"query": "query Q { orders(first: 250) { nodes { lineItems(first: 250) { nodes { id } } } } }"},
            "MAX_COST_EXCEEDED",
        ),
        ({"query": 'query Q { orders(first: 2, query: "a b") { nodes { id } } }'}, "BAD_USER_INPUT"),
    ],
)
def test_a_query_that_shopify_would_refuse_is_refused(url: str, request_body: dict[str, Any], code: str) -> None:
    address = f"{url}/admin/api/2026-10/graphql.json"
    answer = httpx.post(address, json=request_body, headers={"X-Shopify-Access-Token": "t"})
    assert answer.status_code == 200
    assert answer.json()["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize("path", ["/admin/api/2026-10/graphql.json"])
@pytest.mark.parametrize("token", [None, "", "T", "tt"])
def test_without_its_token_the_shop_answers_nothing(url: str, path: str, token: str | None) -> None:
    headers = {} if token is None else {"X-Shopify-Access-Token": token}
    assert httpx.post(f"{url}{path}", json={"query": ORDER_FULFILMENTS}, headers=headers).status_code == 401


def test_an_api_version_that_is_not_ours_is_not_found(url: str) -> None:
    answer = httpx.post(f"{url}/admin/api/2025-01/graphql.json", json={"query": SET_METAFIELD})
    assert answer.status_code == 404


def metafield(order_id: object, **changes: Any) -> dict[str, Any]:
    given = {"namespace": "btswholesaler", "key": "order_number", "type": "single_line_text_field", "value": "A1"}
    return {"ownerId": f"gid://shopify/Order/{order_id}", **given, **changes}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ownerId": "gid://shopify/Order/404"}, "INVALID"),
        ({"namespace": "ab"}, "TOO_SHORT"),
        ({"key": "a"}, "TOO_SHORT"),
        ({"type": None}, "BLANK"),
        ({"value": " "}, "BLANK"),
        ({"value": "two\nlines"}, "INVALID_VALUE"),
    ],
)
def test_a_bad_metafield_spoils_the_whole_call(change: dict[str, Any], code: str) -> None:
    shop = Shop("demo.myshopify.com")
    order = shop.create_order(LINES)
    written, errors = set_metafields(shop, [metafield(order.id), metafield(order.id, **change)])
    assert (written, [error["code"] for error in errors]) == ([], [code])
    assert order.metafields == {}


def test_more_than_25_metafields_are_too_many() -> None:
    shop = Shop("demo.myshopify.com")
    order = shop.create_order(LINES)
    assert set_metafields(shop, [metafield(order.id)] * 26)[1][0]["code"] == "LESS_THAN_OR_EQUAL_TO"
    assert set_metafields(shop, [metafield(order.id)] * 25)[1] == []


def test_a_definition_exists_once() -> None:
    shop = Shop("demo.myshopify.com")
    definition = {"namespace": "btswholesaler", "key": "order_number", "name": "n", "type": "single_line_text_field"}
    assert define_metafield(shop, definition)[1] == []
    assert define_metafield(shop, definition)[1][0]["code"] == "TAKEN"
    assert define_metafield(shop, definition | {"namespace": "BTSWholesaler"})[1] == []


def fulfilment_of(shop: Shop, *ids: object, quantity: int | None = None, **changes: Any) -> tuple[Any, Any]:
    entries: list[dict[str, Any]] = [{"fulfillmentOrderId": f"gid://shopify/FulfillmentOrder/{one}"} for one in ids]
    if quantity is not None:
        line = shop.owners[str(ids[0])].shares[0].lines[0]
        entries[0]["fulfillmentOrderLineItems"] = [{"id": f"gid://x/{line.id}", "quantity": quantity}]
    return create_fulfilment(shop, {"lineItemsByFulfillmentOrder": entries, **changes})


def test_a_fulfilment_beyond_what_is_open_is_refused() -> None:
    shop = Shop("demo.myshopify.com")
    share = shop.create_order(LINES).shares[0]
    for wrong in (0, 3, -1):
        assert fulfilment_of(shop, share.id, quantity=wrong)[1]
    assert fulfilment_of(shop, share.id, quantity=1)[1] == []
    assert fulfilment_of(shop, share.id, quantity=2)[1]
    assert fulfilment_of(shop, share.id)[1] == []
    assert share.status == "CLOSED"
    assert fulfilment_of(shop, share.id)[1]


def test_one_fulfilment_is_of_one_order_and_one_location() -> None:
    shop = Shop("demo.myshopify.com")
    first = shop.create_order({"lines": [[EANS[0], 1], {"ean": EANS[1], "location": "North"}]})
    second = shop.create_order(LINES)
    assert fulfilment_of(shop, first.shares[0].id, first.shares[1].id)[1]
    assert fulfilment_of(shop, first.shares[0].id, second.shares[0].id)[1]
    assert fulfilment_of(shop, 404)[1]
    assert first.fulfilments == second.fulfilments == []


def test_tracking_is_given_in_one_form_and_not_for_a_cancelled_fulfilment() -> None:
    shop = Shop("demo.myshopify.com")
    order = shop.create_order(LINES)
    share = order.shares[0]
    assert fulfilment_of(shop, share.id, trackingInfo={"number": "A", "numbers": ["B"]})[1]
    assert fulfilment_of(shop, share.id, trackingInfo={"numbers": ["B"], "urls": ["u", "v"]})[1]
    fulfilment_of(shop, share.id, trackingInfo={"number": "A", "url": "u"})
    fulfilment = order.fulfilments[0]
    assert fulfilment.tracking == [{"number": "A", "url": "u", "company": None}]
    fulfilment.status = "CANCELLED"
    assert update_tracking(shop, f"gid://shopify/Fulfillment/{fulfilment.id}", {"number": "B"}, notify=False)[1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", True),
        ("financial_status:paid", True),
        ("financial_status:pending", False),
        ("financial_status:pending,paid", True),
        ("financial_status:pending OR financial_status:paid", True),
        ("(financial_status:pending OR financial_status:paid) AND updated_at:>='2026-11-20T10:00:00Z'", True),
        ("(financial_status:pending OR financial_status:paid) updated_at:>'2026-11-20T10:00:00Z'", False),
        ("updated_at:<'2026-11-20T10:00:00Z' OR name:#1001", True),
        ('updated_at:<="2026-11-20T10:00:00Z"', True),
    ],
)
def test_the_search_finds_what_shopifys_finds(query: str, found: bool) -> None:
    body = {"financial_status": "paid", "updated_at": "2026-11-20T11:00:00+01:00", "name": "#1001"}
    assert order_filter(query)(body) is found


@pytest.mark.parametrize("query", ["paid", "(financial_status:paid", "financial_status:paid)", "AND", "a:b OR", "()"])
def test_a_search_that_is_not_understood_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="search"):
        order_filter(query)


def test_the_catalogue_has_the_sloppy_entries_that_shops_have() -> None:
    on_sale = variants()
    assert on_sale[WITHOUT_BARCODE].barcode is None
    assert on_sale[SAME_BARCODE].barcode == EANS[0]
    assert on_sale[UNKNOWN_BARCODE].barcode == UNKNOWN_EAN
    assert {variant.barcode for variant in on_sale.values()} >= set(EANS)


def test_a_restarted_shop_still_has_its_orders_and_goes_on_with_new_ids(tmp_path: Path) -> None:
    first = Shop("demo.myshopify.com", path=tmp_path / "shop.db")
    order = first.create_order(LINES)
    fulfilment_of(first, order.shares[0].id, trackingInfo={"number": "A"})
    set_metafields(first, [metafield(order.id)])
    first.set_scopes(ALL_SCOPES - {"write_orders"})
    first.define_metafield({"namespace": "btswholesaler", "key": "order_number", "name": "n", "type": "t"})
    first.store.close()
    second = Shop("demo.myshopify.com", path=tmp_path / "shop.db")
    assert second.orders == first.orders
    assert second.owners == first.owners
    assert (second.scopes, second.definitions) == (first.scopes, first.definitions)
    assert second.new_id() > max(int(one) for one in first.owners)
    second.store.close()


def test_the_shop_runs_by_itself_and_stops_when_asked(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "sandbox.shopify", "--port", str(port), "--shop", "demo.myshopify.com"]
    options = ["--secret-env", "SHOP_SECRET", "--token-env", "SHOP_TOKEN", "--state", str(tmp_path / "shop.db")]
    environment = {**os.environ, "SHOP_SECRET": "hush", "SHOP_TOKEN": "t"}
    process = subprocess.Popen([*command, *options], env=environment)
    try:
        eventually(lambda: answers(port))
        placed = httpx.post(f"http://{LOOPBACK}:{port}/_sandbox/orders", json=LINES)
        assert placed.status_code == 201
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait(30)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://{LOOPBACK}:{port}/_sandbox/ledger").is_success
    except httpx.HTTPError:
        return False
