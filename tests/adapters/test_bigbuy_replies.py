import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import (
    AccountHold,
    AdapterError,
    AuthenticationFailed,
    Doubtful,
    Refused,
    Throttled,
    Unavailable,
    UnexpectedReply,
)
from adapters.suppliers.bigbuy import envelopes, replies
from adapters.suppliers.bigbuy.envelopes import unwrap
from adapters.suppliers.bigbuy.replies import Part
from adapters.suppliers.bigbuy.requests import BigBuyProfile, order_document
from dropwright.testing.contract import CUSTOMER
from models.suppliers import LineStatus, SupplierLine, SupplierOrder, SupplierState, TrackedParcel

GOLDEN = Path(__file__).with_name("test_bigbuy_order.golden.json")
LINES = (SupplierLine(ean="8437000000006", quantity=2, sku="S0010000"), SupplierLine(ean="8437000000013", quantity=1))
ORDER = SupplierOrder(number="DW-1-11", lines=LINES, quote_id="43", carrier="GLS", address=CUSTOMER, test=False)
WANTED = {"S0010000": 2, "S0010001": 1}


def told(code: str, status: int = 409) -> dict[str, Any]:
    return {"code": code, "message": json.dumps({"info": "Order error.", "data": {"skus": ["S0010000"]}})}


ENVELOPES = {
    "coded": lambda code: (409, json.dumps(told(code))),
    "soft": lambda code: (200, json.dumps({"code": 409, "message": "Conflict", "errors": [told(code)]})),
    "nested": lambda code: (409, json.dumps({"code": 409, "message": json.dumps({"code": code, "info": "no"})})),
    "listed": lambda code: (400, json.dumps({"errors": [told(code)]})),
    "embedded": lambda code: (
        200,
        f"HTTP/1.0 409 Conflict\r\nContent-Type:  application/json\r\n\r\n{json.dumps(told(code))}",
    ),
}
CODES = {
    "ER001": "product_error",
    "ER002": "product_error",
    "ER003": "no_stock",
    "ER004": "ER004",
    "ER005": "ER005",
    "ER007": "ER007",
    "ER008": "ER008",
    "ER010": "shipping_cost_code_error",
    "ER011": "ER011",
    "ER012": "ER012",
    "ER013": "ER013",
    "ER014": "ER014",
}


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("code", CODES)
def test_a_known_code_is_a_refusal_wherever_it_stands(code: str, envelope: str) -> None:
    with pytest.raises(Refused) as caught:
        replies.read_creation("create", unwrap(*ENVELOPES[envelope](code)), WANTED)
    assert caught.value.code == CODES[code]
    assert isinstance(caught.value, AccountHold) == (code == "ER005")


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_a_temporary_error_proves_nothing_of_an_order_and_a_question_is_asked_again(envelope: str) -> None:
    reply = unwrap(*ENVELOPES[envelope]("ER009"))
    with pytest.raises(Doubtful) as caught:
        replies.read_creation("create", reply, WANTED)
    assert caught.value.code == "ER009"
    with pytest.raises(Unavailable):
        replies.read_quotes("shipping", reply)


def test_an_inactive_article_has_no_code_of_its_own() -> None:
    message = json.dumps({"info": "Products error.", "data": [{"sku": "S0010000", "message": "Inactive product."}]})
    with pytest.raises(Refused) as caught:
        replies.read_creation("create", unwrap(409, json.dumps({"code": 409, "message": message})), WANTED)
    assert caught.value.code == "product_error"


def test_validation_names_the_fields_and_nothing_that_was_in_them() -> None:
    last = {"errors": [f"The value {CUSTOMER.name} is too long."]}
    children = {"language": [], "shippingAddress": {"children": {"lastName": last, "town": []}}}
    body = {"code": 400, "message": "Validation Failed", "errors": {"children": children}}
    with pytest.raises(Refused, match=r"shippingAddress\.lastName") as caught:
        replies.read_creation("create", unwrap(400, json.dumps(body)), WANTED)
    assert caught.value.code == "validation"
    assert CUSTOMER.name not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "text"), [(429, "You exceeded the rate limit"), (200, '"You exceeded the rate limit"')]
)
def test_the_rate_limits_sentence_is_throttling_whatever_the_status(status: int, text: str) -> None:
    for read in (
        lambda reply: replies.read_creation("create", reply, WANTED),
        lambda reply: replies.read_list("list", reply),
    ):
        with pytest.raises(Throttled):
            read(unwrap(status, text))


@pytest.mark.parametrize(
    ("status", "text"),
    [(401, ""), (401, '{"code": 401, "message": "Unauthorized"}'), (200, '{"code": 401, "message": "Unauthorized"}')],
)
def test_a_refused_token_is_named_also_where_the_status_says_success(status: int, text: str) -> None:
    with pytest.raises(AuthenticationFailed):
        replies.read_creation("create", unwrap(status, text), WANTED)


@pytest.mark.parametrize("location", ["/rest/order/119", "https://api.bigbuy.eu/rest/order/119.json"])
def test_a_created_order_is_named_by_its_location(location: str) -> None:
    assert replies.read_creation("create", unwrap(201, "", location), WANTED).number == "119"


@pytest.mark.parametrize(
    ("status", "text", "location"),
    [
        (201, "", ""),
        (201, "", "/rest/order/"),
        (200, "{}", ""),
        (200, "null", ""),
        (200, "<html>Welcome</html>", ""),
        (200, '{"orders": [], "errors": []}', ""),
        (200, '{"orders": [{"warehouse": 1}], "errors": []}', ""),
        (200, '{"orders": [{"id": "1", "productReferences": ["S', ""),
        (409, '{"code": "ER777", "message": "?"}', ""),
        (409, json.dumps(told("ER003")), "/rest/order/119"),
        (200, json.dumps({"code": 409, "message": "Something went wrong 5678"}), ""),
        (200, json.dumps({"orders": [{"id": "7", "productReferences": ["S0010000"]}], "errors": [told("ER008")]}), ""),
        (200, 'HTTP/1.0 500 Internal Server Error\r\n\r\n{"error": "not available right now"}', ""),
        (403, "no_stock ER003", ""),
    ],
)
def test_anything_else_proves_nothing(status: int, text: str, location: str) -> None:
    with pytest.raises(Doubtful) as caught:
        replies.read_creation("create", unwrap(status, text, location), WANTED)
    assert caught.value.code


def test_an_order_made_in_part_rejects_the_lines_that_nothing_was_made_of() -> None:
    body = {"orders": [{"id": 7, "productReferences": ["S0010000"], "warehouse": 1}], "errors": [told("ER003")]}
    created = replies.read_creation("create", unwrap(200, json.dumps(body)), WANTED)
    assert (created.number, created.rejected, created.clear) == ("7", {"S0010001": "ER003"}, True)
    (line,) = replies.rejected_lines(created, LINES, ["S0010000", "S0010001"])
    assert (line.ean, line.quantity, line.status, line.reason) == (LINES[1].ean, 1, LineStatus.REJECTED, "ER003")


def test_an_order_made_in_part_that_does_not_say_of_what_is_not_clear() -> None:
    body = {"orders": [{"id": 7}], "errors": [told("ER003")]}
    assert not replies.read_creation("create", unwrap(200, json.dumps(body)), WANTED).clear


def test_more_orders_than_one_number_can_hold_are_doubtful() -> None:
    orders = [{"id": 10_000_000 + place, "productReferences": ["S0010000"]} for place in range(8)]
    created = replies.read_creation("create", unwrap(200, json.dumps({"orders": orders, "errors": []})), WANTED)
    with pytest.raises(Doubtful):
        assert created.number


@given(
    st.integers(200, 499),
    st.text(max_size=200) | st.from_regex(r'\{"(code|message|orders|errors)": ?"?[A-Z0-9]*"?\}?'),
    st.sampled_from(["", "/rest/order/1", "/rest/order/../x", "nonsense"]),
)
def test_no_answer_to_an_order_escapes_the_named_outcomes(status: int, text: str, location: str) -> None:
    with suppress(Refused, Doubtful, Throttled, AuthenticationFailed):
        assert replies.read_creation("create", unwrap(status, text, location), WANTED).number


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    "code message errors orders id status products productReferences quantity reference trackings trackingNumber carrier "
    "shippingOptions shippingService name cost stocks sku total data error_detail warehouses internalReference"
).split()
DOCUMENTS = st.recursive(
    JSON_VALUES,
    lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=5) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@given(DOCUMENTS, st.sampled_from([200, 201, 400, 404, 409]))
def test_nonsense_is_one_of_the_named_errors_and_nothing_worse(document: Any, status: int) -> None:
    reply = unwrap(status, json.dumps(document))
    readers = (
        lambda: replies.read_creation("create", reply, WANTED).number,
        lambda: replies.read_check("check", reply),
        lambda: replies.merge([replies.read_part("order", "7", reply, replies.STATES)]),
        lambda: replies.read_by_reference("reference", reply),
        lambda: replies.read_trackings("tracking", "7", reply),
        lambda: replies.read_quotes("shipping", reply),
        lambda: replies.read_stock("stock", reply, None),
        lambda: replies.read_list("list", reply),
        lambda: envelopes.wrong_fields(reply),
        lambda: envelopes.existing_order(reply),
    )
    for read in readers:
        with suppress(AdapterError):
            read()


def part(name: str, state: SupplierState, *parcels: str) -> Part:
    trackings = tuple(TrackedParcel(tracking_number=number) for number in parcels)
    return Part(name, state, state.value, {f"S{name}": 2}, {f"S{name}": f"EAN{name}"}, trackings)


SHIPPED, READY, GONE = SupplierState.SHIPPED, SupplierState.ACKNOWLEDGED, SupplierState.CANCELLED


@pytest.mark.parametrize(
    ("states", "merged"),
    [
        ((SHIPPED, SHIPPED), SHIPPED),
        ((SHIPPED, READY), READY),
        ((SHIPPED, GONE), SHIPPED),
        ((READY, GONE), READY),
        ((GONE, GONE), GONE),
        ((SHIPPED, SupplierState.UNKNOWN), SupplierState.UNKNOWN),
        ((SupplierState.AWAITING_PAYMENT, SHIPPED), SupplierState.AWAITING_PAYMENT),
    ],
)
def test_an_order_in_parts_has_shipped_when_all_that_is_left_of_it_has(
    states: tuple[SupplierState, ...], merged: SupplierState
) -> None:
    parts = [part(str(place), state) for place, state in enumerate(states)]
    status = replies.merge(parts)
    assert status.state is merged
    gone = [one for one in parts if one.state is GONE] if merged is not GONE else []
    assert [(line.ean, line.quantity) for line in status.declined] == [(f"EAN{one.id}", 2) for one in gone]


def test_until_all_parts_have_shipped_a_parcel_is_told_only_with_what_is_in_it() -> None:
    half = replies.merge([part("1", SHIPPED, "GLS-1", "GLS-2"), part("2", READY)])
    assert [(one.tracking_number, [line.ean for line in one.lines]) for one in half.parcels] == [("GLS-1", ["EAN1"])]
    whole = replies.merge([part("1", SHIPPED, "GLS-1", "GLS-2"), part("2", SHIPPED, "GLS-3")])
    assert [one.tracking_number for one in whole.parcels] == ["GLS-1", "GLS-2", "GLS-3"]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Payment accepted", READY),
        ("Preparation in progress", READY),
        ({"id": 4, "name": "Shipped"}, SHIPPED),
        ("CANCELED", GONE),
        ("Awaiting bank wire payment", SupplierState.AWAITING_PAYMENT),
        ("Im Zoll", SupplierState.UNKNOWN),
        (None, READY),
    ],
)
def test_an_orders_state_is_known_or_unknown_and_never_guessed(status: Any, state: SupplierState) -> None:
    reply = unwrap(200, json.dumps({"id": 7, "status": status}))
    assert replies.read_part("order", "7", reply, replies.STATES).state is state


def test_another_orders_answer_is_never_taken_for_ours() -> None:
    with pytest.raises(UnexpectedReply):
        replies.read_part("order", "8", unwrap(200, '{"id": 7}'), replies.STATES)


@pytest.mark.parametrize(("delay", "days"), [("24-48h", 2), ("24h - 72h", 3), ("3-5 days", 5), ("2", 2), ("", None)])
def test_days_are_read_from_hours_and_days(delay: str, days: int | None) -> None:
    option = {"shippingService": {"id": 43, "name": "GLS", "delay": delay}, "cost": "5.50"}
    (quote,) = replies.read_quotes("shipping", unwrap(200, json.dumps({"shippingOptions": [option]})))
    assert (quote.quote_id, quote.carrier, str(quote.cost), quote.days) == ("43", "GLS", "5.50 EUR", days)


def test_stock_that_takes_too_long_to_leave_counts_as_none() -> None:
    stocks = [{"quantity": 5, "maxHandlingDays": 1}, {"quantity": 9, "maxHandlingDays": 7}]
    reply = unwrap(200, json.dumps([{"sku": "S1", "stocks": stocks}]))
    assert replies.read_stock("stock", reply, None) == {"S1": 14}
    assert replies.read_stock("stock", reply, 2) == {"S1": 5}


def test_the_order_is_the_golden_one_and_carries_the_customers_address() -> None:
    document = order_document(ORDER, BigBuyProfile(), {"8437000000013": "S0010001"})
    assert document == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_a_test_order_is_one_that_waits_for_a_transfer() -> None:
    document = order_document(ORDER.model_copy(update={"test": True}), BigBuyProfile(), {})
    assert document["order"]["paymentMethod"] == "bankwire"


def test_a_short_name_and_a_missing_telephone_are_filled_in() -> None:
    address = CUSTOMER.model_copy(update={"name": "Zaphyra", "phone": "", "address2": ""})
    order = ORDER.model_copy(update={"address": address, "carrier": ""})
    written = order_document(order, BigBuyProfile(telephone="+34910000000"), {})["order"]
    sent = written["shippingAddress"]
    assert (sent["firstName"], sent["lastName"], sent["phone"]) == ("Zaphyra", "Zaphyra", "+34910000000")
    assert (sent["address"], written["carriers"]) == ("17 Gingerbread Steps", [{"id": "43"}])


def test_the_profile_says_how_long_orders_stay_hidden() -> None:
    assert BigBuyProfile.model_validate({"visibility_delay": "30s"}).visibility_delay == timedelta(seconds=30)
