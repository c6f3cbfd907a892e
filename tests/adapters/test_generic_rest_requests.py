import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import Refused
from adapters.suppliers.generic_rest import calls, templates
from adapters.suppliers.generic_rest.profile import Call, RestProfile
from adapters.suppliers.generic_rest.templates import TemplateProblem
from dropwright.testing.contract import CUSTOMER
from models.orders import Address
from models.suppliers import SupplierLine, SupplierOrder
from tests.adapters import generic_rest

GOLDEN = Path(__file__).with_name("test_generic_rest_order.golden.json")
LINES = (SupplierLine(ean="8437000000006", quantity=2), SupplierLine(ean="8437000000013", quantity=1))
PROFILE = RestProfile.model_validate(generic_rest.profile())


def order(**changes: Any) -> SupplierOrder:
    values: dict[str, Any] = {"address": CUSTOMER, "customer_order": "#1001", "quote_id": "opt-1", "test": False}
    return SupplierOrder(number="DW-1-11", lines=LINES, **(values | changes))


def body_of(ordered: SupplierOrder) -> Any:
    return calls.prepare("place_order", PROFILE.operations.place_order, calls.about_order(ordered)).body["json"]


def test_an_order_leaves_as_its_golden_file_says() -> None:
    prepared = calls.prepare("place_order", PROFILE.operations.place_order, calls.about_order(order()))
    assert prepared.body["json"] == json.loads(GOLDEN.read_text("utf-8"))
    assert (prepared.method, prepared.path) == ("POST", "/purchase-orders")
    assert prepared.headers == {"Idempotency-Key": "DW-1-11"}


def test_what_is_null_is_left_out() -> None:
    body = body_of(order(customer_order="", address=Address(name="N", country_code="ES")))
    assert "comment" not in body["data"]
    assert not {"company", "phone"} & set(body["data"]["shipTo"])


@given(text=st.text(max_size=60))
def test_whatever_a_customer_is_called_stays_in_its_place(text: str) -> None:
    address = CUSTOMER.model_copy(update={"name": text, "address1": text})
    body = json.loads(json.dumps(body_of(order(address=address))))
    assert body["data"]["shipTo"]["name"] == text
    assert body["data"]["shipTo"]["lines"] == [text, "Door 4"]
    assert set(body["data"]) == {"reference", "test", "shippingOption", "comment", "shipTo", "items"}


@given(text=st.text(min_size=1, max_size=40))
def test_whatever_is_put_into_a_path_stays_one_segment(text: str) -> None:
    path = templates.fill_path("/orders/{{ value }}/lines", {"value": text})
    assert path.count("/") == 3
    assert not set(path) & set("?#\\\r\n ")
    assert ".." not in path.split("/")


@given(text=st.text(max_size=60))
def test_whatever_is_put_into_a_header_is_one_line_of_ascii(text: str) -> None:
    filled = templates.fill_header("key-{{ value }}", {"value": text})
    assert filled.isascii()
    assert filled.isprintable()


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{{ n }}", 2),
        ("{{ n }} pieces", "2 pieces"),
        ("{{ price | cents }}", 1250),
        ("{{ price | number }}", 12.5),
        ("{{ '3' | number }}", 3),
        ("{{ [n, n] }}", [2, 2]),
        ({"a": "{{ none }}", "b": 1}, {"b": 1}),
        ({"for_each": "[1, 2]", "as": "x", "item": "{{ position }}/{{ x }}"}, ["1/1", "2/2"]),
        ({"for_each": "[[1], [2]]", "as": "x", "item": {"for_each": "x", "as": "y", "item": "{{ y }}"}}, [[1], [2]]),
        (["{{ n }}", True, 1.5], [2, True, 1.5]),
    ],
)
def test_a_template_becomes_what_it_says(template: Any, filled: Any) -> None:
    assert templates.fill(template, {"n": 2, "price": "12.50"}) == filled


@pytest.mark.parametrize(
    "template",
    [
        "{{ nobody }}",
        "{{ price.amount.cents }}",
        "{{ n",
        "{{ n | nofilter }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ 'x' | cents }}",
        "{{ '1.255' | cents }}",
        "{{ n / 0 }}",
        {"for_each": "n", "item": 1},
        {"for_each": "[1]"},
        {"for_each": "[1]", "item": 1, "if": "n"},
    ],
)
def test_a_template_that_can_not_be_filled_in_says_where(template: Any) -> None:
    with pytest.raises(TemplateProblem) as caught:
        templates.fill({"a": [template]}, {"n": 2, "price": "12.50"})
    assert caught.value.place[:2] == ("a", 0)


def test_a_list_in_a_query_becomes_several_parameters_and_null_none() -> None:
    call = Call(path="/x", query={"ids[]": "{{ eans }}", "all": "{{ true }}", "none": "{{ none }}"})
    assert calls.prepare("x", call, calls.about_stock(["1", "2"])).query == [
        ("ids[]", "1"),
        ("ids[]", "2"),
        ("all", "true"),
    ]


def test_every_line_of_an_order_is_in_a_form() -> None:
    call = Call(
        path="/x",
        form={"sku[]": "{{ order.lines | map(attribute='ean') | list }}", "po": "{{ order.number }}"},
    )
    prepared = calls.prepare("place_order", call, calls.about_order(order()))
    request = httpx.Request("POST", "https://supplier.example/x", **prepared.body)
    assert request.content == b"sku%5B%5D=8437000000006&sku%5B%5D=8437000000013&po=DW-1-11"


@pytest.mark.parametrize("path", ["orders:place", "/orders:place", "{{ eans[0] }}:place"])
def test_a_path_is_below_the_base_url_whatever_it_looks_like(path: str) -> None:
    prepared = calls.prepare("x", Call(path=path), calls.about_stock(["orders"]))
    client = httpx.Client(base_url="https://supplier.example/api")
    assert str(client.build_request("POST", prepared.path).url) == "https://supplier.example/api/orders:place"
    client.close()


def test_an_order_that_a_template_does_not_fit_never_leaves_and_is_not_quoted_in_the_message() -> None:
    call = Call(path="/x", body={"a": "{{ order.address.name | cents }}"})
    with pytest.raises(Refused) as caught:
        calls.prepare("place_order", call, calls.about_order(order()))
    assert caught.value.code == calls.BAD_TEMPLATE
    assert CUSTOMER.name not in str(caught.value)
