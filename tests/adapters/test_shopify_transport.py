import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.errors import AccountHold, AuthenticationFailed, Refused, Throttled, Unavailable, UnexpectedReply
from adapters.http import HttpApi
from adapters.storefronts.shopify.adapter import ShopifyStorefront
from adapters.storefronts.shopify.files import Files
from adapters.storefronts.shopify.transport import ShopifyApi, gid, number_of, operation_name


def shop_that_answers(status: int, body: Any) -> ShopifyStorefront:
    text = body if isinstance(body, str) else json.dumps(body)
    transport = httpx.MockTransport(lambda _request: httpx.Response(status, text=text))
    client = httpx.Client(transport=transport, base_url="https://demo.myshopify.com")
    files = Files("main", client, sink=lambda _call: None)
    return ShopifyStorefront(ShopifyApi(HttpApi("main", client, sink=lambda _call: None)), "main", files)


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (200, {"errors": [{"message": "Throttled"}]}, Throttled, "THROTTLED"),
        (200, {"errors": [{"message": "x", "extensions": {"code": "THROTTLED"}}]}, Throttled, "THROTTLED"),
        (
            200,
            {"errors": [{"message": "x", "extensions": {"code": "ACCESS_DENIED"}}]},
            AuthenticationFailed,
            "ACCESS_DENIED",
        ),
        (
            200,
            {"errors": [{"message": "x", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]},
            Unavailable,
            "INTERNAL_SERVER_ERROR",
        ),
        (
            200,
            {"errors": [{"message": "x", "extensions": {"code": "MAX_COST_EXCEEDED"}}]},
            UnexpectedReply,
            "MAX_COST_EXCEEDED",
        ),
        (200, {"errors": "Something in words"}, UnexpectedReply, "graphql_error"),
        (200, {"errors": [{"message": "x", "extensions": {"code": "a b\nc"}}]}, UnexpectedReply, "graphql_error"),
        (200, [], UnexpectedReply, "reply_unreadable"),
        (200, {}, UnexpectedReply, "reply_unreadable"),
        (200, {"data": {"order": {"cancelledAt": 5}}}, UnexpectedReply, "reply_unreadable"),
        (200, "<html>", Unavailable, "reply_broken"),
        (200, {"data": {"order": None}}, Refused, "order_not_found"),
        (401, {"errors": "x"}, AuthenticationFailed, "http_401"),
        (403, {"errors": "x"}, AuthenticationFailed, "http_403"),
        (402, {"errors": "x"}, AccountHold, "shop_frozen"),
        (423, {"errors": "x"}, AccountHold, "shop_locked"),
        (404, {"errors": "Not Found"}, UnexpectedReply, "http_404"),
        (301, "", UnexpectedReply, "http_301"),
        (502, "", Unavailable, "Unavailable"),
    ],
)
def test_every_answer_means_one_thing(status: int, body: Any, error: type[Exception], code: str) -> None:
    with pytest.raises(error) as failure:
        shop_that_answers(status, body).fetch_facts("1")
    assert type(failure.value) is error
    assert failure.value.code == code


@pytest.mark.parametrize(
    ("cost", "seconds"),
    [
        ({"requestedQueryCost": 500, "throttleStatus": {"currentlyAvailable": 250, "restoreRate": 100}}, 3),
        ({"requestedQueryCost": 500, "throttleStatus": {"currentlyAvailable": 900, "restoreRate": 100}}, 1),
        ({"requestedQueryCost": 500, "throttleStatus": {"currentlyAvailable": 0, "restoreRate": 0}}, 2),
        ({"requestedQueryCost": None}, 2),
        ({"requestedQueryCost": 1e300, "throttleStatus": {"currentlyAvailable": 0, "restoreRate": 1e-300}}, 2),
        (None, 2),
    ],
)
def test_the_wait_for_points_follows_the_bucket(cost: Any, seconds: int) -> None:
    body = {"errors": [{"message": "Throttled"}], "extensions": {"cost": cost}}
    with pytest.raises(Throttled) as failure:
        shop_that_answers(200, body).fetch_facts("1")
    assert failure.value.retry_after == timedelta(seconds=seconds)


@pytest.mark.parametrize("given", ["gid://shopify/LineItem/7", "gid://shopify/LineItem/7?x=1", "7", gid("Order", "7")])
def test_the_number_of_a_thing_is_the_end_of_its_global_id(given: str) -> None:
    assert number_of(given) == "7"


def test_a_document_without_a_name_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="named operation"):
        operation_name("{ shop { name } }")
