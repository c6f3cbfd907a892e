import json
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import AccountHold, AdapterError, Refused, UnexpectedReply
from adapters.suppliers.printful import replies, requests
from adapters.suppliers.printful.profile import PrintfulProfile
from dropwright.testing.contract import CUSTOMER
from models.exchange import LookAgain
from models.suppliers import SupplierLine, SupplierOrder, SupplierState

GOLDEN = (Path(__file__).with_name("test_printful_order.golden.json")).read_text("utf-8")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def order(**changes: Any) -> replies.OrderReply:
    document = json.loads(GOLDEN)
    document["result"] |= changes
    return replies.read_order("order", 200, json.dumps(document))


def test_a_recorded_order_is_read_with_its_parcels_line_by_line() -> None:
    told = replies.order_status(replies.read_order("order", 200, GOLDEN))
    assert (told.state, told.status_text) == (SupplierState.ACKNOWLEDGED, "partial")
    (parcel,) = told.parcels
    assert (parcel.carrier, parcel.tracking_number) == ("FEDEX", "61299998820821171811")
    assert {line.ean: line.quantity for line in parcel.lines} == {"8437000000006": 1, "8437000000013": 1}
    placed = replies.placed(replies.read_order("order", 200, GOLDEN))
    assert placed.supplier_number == "11000013"
    assert placed.total is not None
    assert placed.total.amount == Decimal("44.49")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("draft", SupplierState.AWAITING_PAYMENT),
        ("pending", SupplierState.ACKNOWLEDGED),
        ("inprocess", SupplierState.ACKNOWLEDGED),
        ("partial", SupplierState.ACKNOWLEDGED),
        ("fulfilled", SupplierState.SHIPPED),
        ("canceled", SupplierState.CANCELLED),
        ("onhold", SupplierState.UNKNOWN),
        ("failed", SupplierState.UNKNOWN),
        ("archived", SupplierState.UNKNOWN),
    ],
)
def test_every_status_means_what_the_vendor_says_and_the_rest_opens_a_task(status: str, state: SupplierState) -> None:
    told = replies.order_status(order(status=status))
    assert (told.state, told.status_text) == (state, status)


def test_a_tracking_number_that_can_not_be_read_is_never_guessed_at() -> None:
    told = replies.order_status(order(shipments=[{"tracking_number": "see <b>mail</b>", "items": []}]))
    assert told.state is SupplierState.UNKNOWN
    assert replies.UNREADABLE_TRACKING in told.status_text


def test_null_is_an_empty_list() -> None:
    told = replies.order_status(order(shipments=None, items=None))
    assert (told.state, told.parcels) == (SupplierState.ACKNOWLEDGED, ())
    (parcel,) = replies.order_status(order(shipments=[{"tracking_number": "X1", "items": None}])).parcels
    assert parcel.lines == ()


def test_a_parcel_whose_items_are_unknown_covers_whatever_is_open() -> None:
    told = replies.order_status(order(shipments=[{"tracking_number": "X1", "items": [{"item_id": 9, "quantity": 1}]}]))
    assert told.parcels[0].lines == ()


@pytest.mark.parametrize(
    ("status", "message", "kind", "code"),
    [
        (400, "Item 1: variant not found", Refused, "product_error"),
        (400, "Item is out of stock", Refused, "no_stock"),
        (400, "This product is discontinued", Refused, "no_stock"),
        (400, "This shipping method is not available", Refused, "shipping_cost_code_error"),
        (402, "", AccountHold, "billing"),
        (400, "Insufficient funds in your wallet", AccountHold, "billing"),
        (400, "Insufficient stock for item 1", Refused, "no_stock"),
        (400, "Item 1: variant 'Leather Wallet' not found", Refused, "product_error"),
        (400, "Recipient: zip is wrong", Refused, "http_400"),
    ],
)
def test_a_well_formed_error_is_a_refusal_with_a_code(
    status: int, message: str, kind: type[Refused], code: str
) -> None:
    text = json.dumps({"code": status, "result": message, "error": {"reason": "BadRequest", "message": message}})
    refusal = replies.refusal("draft", status, text)
    assert type(refusal) is kind
    assert refusal.code == code
    assert message not in str(refusal) or not message


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "<html>Bad request</html>"),
        (400, '{"code": 200, "error": {"reason": "x", "message": "y"}}'),
        (400, '{"code": 400, "result": "no"}'),
        (500, '{"code": 500, "error": {"reason": "x", "message": "y"}}'),
    ],
)
def test_any_other_error_proves_nothing(status: int, text: str) -> None:
    assert replies.refusal("draft", status, text) is None


@given(status=st.integers(200, 599), result=JSON)
def test_whatever_is_answered_is_an_order_or_one_of_our_errors(status: int, result: Any) -> None:
    text = json.dumps({"code": status, "result": result, "error": result})
    try:
        told = replies.order_status(replies.read_order("order", status, text))
    except UnexpectedReply:
        assert not isinstance(result, dict) or status >= 300 or "id" not in result or "status" not in result
    else:
        assert told
    assert isinstance(replies.refusal("draft", status, text), AdapterError | None)


@given(result=st.fixed_dictionaries({"id": JSON, "status": JSON, "items": JSON, "shipments": JSON, "costs": JSON}))
def test_an_order_with_anything_in_its_fields_is_read_or_not_understood(result: Any) -> None:
    with suppress(UnexpectedReply):
        found = replies.read_order("order", 200, json.dumps({"code": 200, "result": result}))
        assert replies.placed(found).supplier_number
        assert replies.order_status(found).status_text == " ".join(found.status.split())[:60]


@given(body=st.binary(max_size=200) | JSON.map(lambda document: json.dumps(document).encode()))
def test_a_webhook_can_be_anything_and_is_never_believed(body: bytes) -> None:
    try:
        news = replies.read_event(body)
    except UnexpectedReply:
        return
    assert all(isinstance(one, LookAgain) for one in news)


@pytest.mark.parametrize(
    ("kind", "order", "numbers"),
    [
        ("package_shipped", {"external_id": "DW-1-11"}, ["DW-1-11"]),
        ("order_failed", {"external_id": "DW-1-11"}, ["DW-1-11"]),
        ("order_canceled", {"external_id": None}, []),
        ("stock_updated", {"external_id": "DW-1-11"}, []),
        ("package_shipped", {"external_id": "#1001"}, []),
        ("package_shipped", {"external_id": 1001}, []),
    ],
)
def test_a_webhook_says_which_order_to_read_again(kind: str, order: dict[str, Any], numbers: list[str]) -> None:
    body = json.dumps({"type": kind, "data": {"order": order}}).encode()
    assert [one.number for one in replies.read_event(body)] == numbers


def test_a_draft_names_every_line_by_its_ean_or_sku() -> None:
    lines = (
        SupplierLine(ean=" 84 37000000006", quantity=2, sku="TEE-1"),
        SupplierLine(ean="8437000000013", quantity=1),
    )
    ordered = SupplierOrder(number="DW-1-11", lines=lines, quote_id="STANDARD", address=CUSTOMER, test=False)
    body = requests.draft(ordered, PrintfulProfile(items_by="sku"))
    assert body == {
        "external_id": "DW-1-11",
        "shipping": "STANDARD",
        "recipient": {
            "name": CUSTOMER.name,
            "company": CUSTOMER.company,
            "address1": CUSTOMER.address1,
            "address2": CUSTOMER.address2,
            "city": "Madrid",
            "country_code": "ES",
            "zip": "28001",
            "phone": CUSTOMER.phone,
            "email": CUSTOMER.email,
        },
        "items": [
            {"external_id": "8437000000006", "external_variant_id": "TEE-1", "quantity": 2},
            {"external_id": "8437000000013", "external_variant_id": "8437000000013", "quantity": 1},
        ],
    }
    plain = requests.draft(ordered, PrintfulProfile())
    assert [item["external_variant_id"] for item in plain["items"]] == ["8437000000006", "8437000000013"]


def test_a_number_can_not_lead_to_another_path() -> None:
    assert requests.order_path("DW 1/../2") == "orders/@DW%201%2F..%2F2"
