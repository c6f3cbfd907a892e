import json
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import UnexpectedReply
from adapters.storefronts.shopify import documents, replies
from adapters.storefronts.shopify.orders import read_order
from adapters.storefronts.shopify.sweep import paid_since, rest_order
from adapters.storefronts.shopify.transport import operation_name
from models.orders import Address, IncomingOrder
from sandbox.shopify_graphql import Endpoint
from sandbox.shopify_products import GIFT_CARD, variants
from sandbox.shopify_world import Shop

PERSONAL = ("Zaphyra", "Quillfeather", "Gingerbread", "600999888")
BODY: dict[str, Any] = {
    "id": 820982911946154508,
    "name": "#1001",
    "order_number": 1001,
    "email": "zaphyra@quillfeather.example",
    "phone": "+34600999888",
    "currency": "EUR",
    "total_price": "409.94",
    "current_total_price": "398.00",
    "financial_status": "paid",
    "cancelled_at": None,
    "test": False,
    "created_at": "2026-11-20T10:00:00+01:00",
    "processed_at": "2026-11-20T09:59:58+01:00",
    "updated_at": "2026-11-20T10:00:05+01:00",
    "shipping_address": {
        "first_name": "Zaphyra",
        "last_name": "Quillfeather",
        "company": "Moonlark",
        "address1": "17 Gingerbread Steps",
        "address2": "Door 4",
        "city": "Madrid",
        "province_code": "M",
        "zip": "08001",
        "country_code": "es",
        "phone": None,
    },
    "line_items": [
        {
            "id": 866550311766439020,
            "sku": "IPOD2008PINK",
            "variant_id": 808950810,
            "title": "Linden",
            "quantity": 2,
            "current_quantity": 1,
            "price": "199.00",
            "requires_shipping": True,
        },
        {"id": "141249953214522974", "title": "Fig", "quantity": 1, "price": "11.94"},
        {"id": 3, "title": "Cedar", "quantity": 5, "current_quantity": 0, "price": "1.00"},
    ],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    body = deepcopy(BODY)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = body
    for part in parents:
        place = place[part]
    place[last] = value
    return body


def without(path: str) -> dict[str, Any]:
    body = changed(path, None)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = body
    for part in parents:
        place = place[part]
    del place[last]
    return body


def test_an_order_is_read_as_it_stands_now() -> None:
    order = read_order(BODY)
    assert order.storefront_order_id == "820982911946154508"
    assert order.total == Decimal("398.00")
    assert order.placed_at == datetime(2026, 11, 20, 8, 59, 58, tzinfo=UTC)
    assert order.updated_at == datetime(2026, 11, 20, 9, 0, 5, tzinfo=UTC)
    assert [(line.line_id, line.quantity, line.variant_id) for line in order.lines] == [
        ("866550311766439020", 1, "808950810"),
        ("141249953214522974", 1, ""),
    ]
    assert order.address == Address(
        name="Zaphyra Quillfeather",
        company="Moonlark",
        address1="17 Gingerbread Steps",
        address2="Door 4",
        city="Madrid",
        province_code="M",
        postal_code="08001",
        country_code="ES",
        phone="+34600999888",
        email="zaphyra@quillfeather.example",
    )


@pytest.mark.parametrize(
    ("status", "paid"),
    [
        ("paid", True),
        ("partially_refunded", True),
        ("pending", False),
        ("authorized", False),
        ("partially_paid", False),
        ("refunded", False),
        ("voided", False),
        ("PAID", False),
        ("", False),
        (None, False),
    ],
)
def test_only_money_that_is_there_makes_an_order_paid(status: str | None, paid: bool) -> None:
    assert read_order(changed("financial_status", status)).paid is paid


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (changed("line_items.0.quantity", -1), "line_items[0].quantity is negative"),
        (changed("line_items.0.current_quantity", -2), "line_items[0].current_quantity is negative"),
        (changed("line_items.1.quantity", 0), "line_items[1].quantity is zero"),
        (changed("line_items.1.quantity", 10**9), "line_items[1].quantity is too large"),
        (changed("line_items.1.quantity", 1.5), "line_items[1].quantity is not a whole number"),
        (changed("line_items.1.quantity", True), "line_items[1].quantity is not a whole number"),
        (changed("line_items.1.quantity", "1"), "line_items[1].quantity is not a whole number"),
        (without("line_items.1.quantity"), "line_items[1].quantity is missing"),
        (changed("line_items.1.price", 11.94), "line_items[1].price is a number; amounts are strings"),
        (changed("line_items.1.price", 11), "line_items[1].price is a number; amounts are strings"),
        (changed("total_price", 409.94), "total_price is a number; amounts are strings"),
        (changed("line_items.1.price", "-1.00"), "line_items[1].price is negative"),
        (changed("line_items.1.price", "1.00001"), "line_items[1].price has more than 4 decimal places"),
        (changed("line_items.1.price", "1e5"), "line_items[1].price is not an amount"),
        (changed("line_items.1.price", "1,000.00"), "line_items[1].price is not an amount"),
        (changed("line_items.1.price", "NaN"), "line_items[1].price is not an amount"),
        (changed("line_items.1.price", "٣"), "line_items[1].price is not an amount"),
        (changed("line_items.1.price", "9" * 30), "line_items[1].price is too large"),
        (changed("line_items.1.price", None), "line_items[1].price is not an amount"),
        (without("total_price"), "total_price is missing"),
        (changed("currency", "XXQ"), "currency is not an ISO 4217 currency"),
        (changed("currency", "eur"), "currency is not an ISO 4217 currency"),
        (changed("currency", None), "currency is not an ISO 4217 currency"),
        (changed("line_items.1.id", 866550311766439020), "line_items[1].id is there twice"),
        (changed("line_items.2.id", "141249953214522974"), "line_items[2].id is there twice"),
        (changed("line_items.1.id", None), "line_items[1].id is not an id"),
        (changed("line_items.1.id", 1e400), "line_items[1].id is not an id"),
        (changed("line_items", []), "line_items holds nothing that is still wanted"),
        (changed("line_items", None), "line_items is not a list"),
        (changed("line_items", {"0": {}}), "line_items is not a list"),
        (changed("line_items.1", "Zaphyra"), "line_items[1] is not an object"),
        (changed("line_items", [{}] * 10_000), "line_items holds more than 500 lines"),
        (without("line_items"), "line_items is missing"),
        (changed("id", None), "id is not an id"),
        (changed("id", "../../etc"), "id is not an id"),
        (changed("id", "1" * 65), "id is not an id"),
        (changed("id", -5), "id is not an id"),
        (without("id"), "id is missing"),
        (changed("name", "#" * 41), "name is too long"),
        (changed("name", ["#1001"]), "name is not text"),
        (changed("test", "false"), "test is neither true nor false"),
        (changed("test", None), "test is neither true nor false"),
        (changed("created_at", "2026-11-20") | {"processed_at": None}, "created_at is not a time with its offset"),
        (changed("updated_at", "yesterday"), "updated_at is not a time with its offset"),
        (changed("updated_at", 1700000000), "updated_at is not a time with its offset"),
        (changed("updated_at", "0001-01-01T00:00:00+14:00"), "updated_at is not a time with its offset"),
        (changed("shipping_address", "17 Gingerbread Steps"), "shipping_address is not an object"),
        (changed("shipping_address.zip", 8001), "shipping_address.zip is not text"),
        (changed("shipping_address.address1", "x" * 256), "shipping_address.address1 is longer than 255 characters"),
        (changed("shipping_address.city", "Mad\ud800rid"), "shipping_address.city is not valid Unicode"),
        (
            changed("shipping_address.last_name", "Q" * 250),
            "shipping_address.last_name makes a name longer than 255 characters",
        ),
        (changed("email", "z" * 300), "email is longer than 255 characters"),
        (changed("shipping_address.first_name", {"a": "Zaphyra"}), "shipping_address.first_name is not text"),
        ([], "the order is not an object"),
        ("Zaphyra", "the order is not an object"),
        (None, "the order is not an object"),
        ({}, "id is missing"),
    ],
)
def test_what_is_wrong_is_refused_with_the_path_of_the_field(body: Any, complaint: str) -> None:
    with pytest.raises(UnexpectedReply) as refusal:
        read_order(body)
    assert str(refusal.value) == complaint
    assert refusal.value.code == "order_unreadable"
    assert refusal.value.__cause__ is None


def test_a_time_that_is_missing_is_named() -> None:
    body = {name: value for name, value in BODY.items() if name not in ("created_at", "processed_at")}
    with pytest.raises(UnexpectedReply, match="created_at is missing"):
        read_order(body)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        (None, Address(phone="+34600999888", email="zaphyra@quillfeather.example")),
        ({}, Address(phone="+34600999888", email="zaphyra@quillfeather.example")),
    ],
)
def test_a_missing_address_is_left_for_screening_to_ask(address: Any, kept: Address) -> None:
    assert read_order(changed("shipping_address", address)).address == kept
    assert read_order(without("shipping_address")).address == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [("ES", "ES"), ("es", "ES"), ("ZZ", "ZZ"), ("ESP", ""), ("E1", ""), ("ßß", ""), ("", ""), (None, "")],
)
def test_a_country_that_is_none_is_left_empty(given: str | None, kept: str) -> None:
    assert read_order(changed("shipping_address.country_code", given)).address.country_code == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Zoë 🦉 O'Neill", "Zoë 🦉 O'Neill"),
        ("שלום עולם", "שלום עולם"),
        ("مرحبا\u202e", "مرحبا\u202e"),
        ("Za\x00phyra", "Zaphyra"),
        ("=cmd()|calc", "=cmd()|calc"),
        ("Line\r\nBcc: x@example.com", "Line  Bcc: x@example.com"),
        ("  spaced  ", "spaced"),
    ],
)
def test_names_of_the_whole_world_are_kept_and_stay_on_one_line(given: str, kept: str) -> None:
    body = changed("shipping_address.last_name", None)
    body["shipping_address"]["first_name"] = given
    assert read_order(body).address.name == kept


def test_the_whole_name_serves_where_its_parts_are_missing() -> None:
    body = changed("shipping_address.first_name", None)
    body["shipping_address"] |= {"last_name": None, "name": "Zaphyra Quillfeather"}
    assert read_order(body).address.name == "Zaphyra Quillfeather"


def test_a_long_title_is_shortened_because_nothing_is_shipped_by_it() -> None:
    assert len(read_order(changed("line_items.0.title", "x" * 1000)).lines[0].title) == 255


def test_a_gift_card_never_ships_whatever_its_line_says() -> None:
    body = changed("line_items.0.gift_card", True)
    assert [line.requires_shipping for line in read_order(body).lines] == [False, True]
    assert not read_order(changed("line_items.0.requires_shipping", False)).lines[0].requires_shipping


@pytest.mark.parametrize("change", [{"cancelled_at": "2026-11-20T11:00:00+01:00"}, {"financial_status": "refunded"}])
def test_an_order_that_has_ended_is_readable_though_nothing_is_left_of_it(change: dict[str, str]) -> None:
    body = deepcopy(BODY) | change
    for line in body["line_items"]:
        line["current_quantity"] = 0
    assert [line.quantity for line in read_order(body).lines] == [2, 1, 5]


def test_a_paid_order_with_nothing_left_is_refused() -> None:
    body = deepcopy(BODY)
    for line in body["line_items"]:
        line["current_quantity"] = 0
    with pytest.raises(UnexpectedReply, match="holds nothing that is still wanted"):
        read_order(body)


def test_an_order_without_a_name_goes_by_its_number() -> None:
    assert read_order(changed("name", None) | {"order_number": 7_654_321}).name == "#7654321"


def test_unknown_fields_are_passed_over() -> None:
    assert read_order(BODY | {"brand_new_field": {"deep": [1]}}) == read_order(BODY)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    [*BODY, *(f"shipping_address.{name}" for name in BODY["shipping_address"])]
    + [f"line_items.{position}.{name}" for position in (0, 1) for name in BODY["line_items"][0]]
)


@given(path=fields, value=json_values)
def test_whatever_stands_in_a_field_the_order_is_read_or_refused(path: str, value: Any) -> None:
    outcome = read_or_complaint(changed(path, value))
    if isinstance(outcome, IncomingOrder):
        assert outcome.lines
        outcome.model_dump_json()
    else:
        assert not any(word in outcome for word in PERSONAL)


def read_or_complaint(document: Any) -> IncomingOrder | str:
    try:
        return read_order(document)
    except UnexpectedReply as refusal:
        return str(refusal)


ADDRESS_FIELDS = [*BODY["shipping_address"], "name"]
texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
forms = st.fixed_dictionaries(
    {
        "lines": st.lists(
            st.fixed_dictionaries(
                {
                    "variant": st.none() | st.sampled_from([*list(variants())[:9], GIFT_CARD]),
                    "quantity": st.integers(1, 5_000),
                    "price": st.decimals(0, 99_999, places=2).map(str),
                    "title": st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
                }
            ),
            min_size=1,
            max_size=12,
        ),
        "test": st.booleans(),
        "currency": st.sampled_from(["EUR", "USD", "JPY", "GBP"]),
        "financial_status": st.sampled_from(["paid", "partially_refunded"]),
    },
    optional={
        "email": texts,
        "phone": texts,
        "address": st.none()
        | st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(ADDRESS_FIELDS, texts),
        ),
    },
)


def swept_from(shop: Shop) -> list[dict[str, Any]]:
    """Ask the simulated shop as the adapter does, without HTTP between."""
    endpoint = Endpoint(shop)

    def ask(document: str, **variables: Any) -> Any:
        request = {"query": document, "operationName": operation_name(document), "variables": variables}
        return json.loads(json.dumps(endpoint.answer(request)))["data"]

    page = ask(documents.PAID_ORDERS, query=paid_since(datetime(2020, 1, 1, tzinfo=UTC)))
    found = replies.PaidOrders.model_validate(page).orders.nodes
    lines = [
        replies.OrderLines.model_validate(ask(documents.ORDER_LINES, id=order.id)).order.line_items.nodes
        for order in found
    ]
    return [rest_order(order, of_order) for order, of_order in zip(found, lines, strict=True)]


@given(form=forms, happens=st.sampled_from(["nothing", "cancel", "edit"]))
def test_any_order_of_the_shop_reads_the_same_from_rest_and_graphql(form: dict[str, Any], happens: str) -> None:
    shop = Shop("demo.myshopify.com")
    order = shop.create_order(form)
    if happens == "cancel":
        shop.cancel(order, refund=False)
    elif happens == "edit" and len(order.lines) > 1:
        shop.edit(order, {order.lines[0]["id"]: 0})
    webhook = json.loads(json.dumps(order.body))
    assert [read_order(document) for document in swept_from(shop)] == [read_order(webhook)]
