import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import AccountHold, Doubtful, Refused, UnexpectedReply
from adapters.suppliers.btswholesaler import replies
from models.suppliers import SupplierState

NUMBER = "74379925696l"
PLACED = {
    "order_number": NUMBER,
    "order_total": "89.50",
    "order_status": "Paid",
    "expected_dispatch_date": "2026-02-20 10:00:00",
    "expected_dispatch_date_2": "2026-02-21 10:00:00",
    "expected_delivery_date": "2026-02-22 10:00:00",
    "expected_delivery_date_2": "2026-02-24 10:00:00",
}
ENVELOPES = {
    "object": lambda code: json.dumps({"error": code}),
    "message": lambda code: json.dumps({"message": code, "code": 400}),
    "sentence": lambda code: json.dumps({"error": True, "message": f"Order refused: {code}."}),
    "errors": lambda code: json.dumps({"errors": [code]}),
    "keyed": lambda code: json.dumps({"errors": {code: ["see the reference"]}}),
    "nested": lambda code: json.dumps({"error": {"code": code}}),
    "string": lambda code: json.dumps(code),
    "plain": lambda code: code,
}
ACCOUNT = ("no_enough_money", "no_enough_credit")
ORDER_CODES = (
    "no_stock",
    "product_error",
    "shipping_cost_code_error",
    "state_code_error",
    "country_code_is_required",
    "payment_method_error",
)
DOUBTFUL_BODIES = [
    "",
    " ",
    "null",
    "true",
    "{}",
    "[]",
    "0",
    '{"order_number": null}',
    '{"order_number": ""}',
    '{"order_number": "743799',
    '{"order_number": "<b>1</b>"}',
    '{"order_number": ["743799256961"]}',
    '{"error": "something_new"}',
    '{"error": "no_stock"',
    '{"order_number": "743799256961", "error": "no_stock"}',
    '{"order_number": "743799256961", "error": "no_enough_money"}',
    "<html><body>no_stock</body></html>",
    "no_stock " * 1_000,
    "7437992",
    '"7437992569',
    "not_no_stock_at_all",
]


def test_a_placed_order_is_read_whole() -> None:
    placed = replies.read_placement(200, json.dumps(PLACED))
    assert placed.supplier_number == NUMBER
    assert placed.state is SupplierState.ACKNOWLEDGED
    assert placed.total is not None
    assert (placed.total.amount, placed.total.currency) == (Decimal("89.50"), "EUR")
    assert placed.expected_delivery == datetime(2026, 2, 24, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "change", [{"order_total": "n/a"}, {"expected_delivery_date_2": "soon"}, {"order_total": None}]
)
def test_what_else_an_order_says_never_makes_it_doubtful(change: dict[str, Any]) -> None:
    assert replies.read_placement(200, json.dumps(PLACED | change)).supplier_number == NUMBER


@pytest.mark.parametrize("body", [NUMBER, json.dumps(NUMBER), "743799256961"])
def test_a_bare_order_number_is_a_placed_order_of_unknown_state(body: str) -> None:
    placed = replies.read_placement(200, body)
    assert (placed.supplier_number, placed.state) == (body.strip('"'), SupplierState.UNKNOWN)


@pytest.mark.parametrize("status", [200, 400, 404, 422])
@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("code", [*ORDER_CODES, *ACCOUNT])
def test_a_known_code_is_a_refusal_in_whatever_envelope(code: str, envelope: str, status: int) -> None:
    with pytest.raises(Refused) as caught:
        replies.read_placement(status, ENVELOPES[envelope](code))
    assert caught.value.code == code
    assert isinstance(caught.value, AccountHold) == (code in ACCOUNT)


@pytest.mark.parametrize("status", [200, 201, 302, 400, 403, 404, 422])
@pytest.mark.parametrize("body", DOUBTFUL_BODIES)
def test_anything_else_proves_nothing(body: str, status: int) -> None:
    with pytest.raises(Doubtful) as caught:
        replies.read_placement(status, body)
    assert caught.value.code == f"http_{status}"


def test_an_order_number_in_an_error_status_proves_nothing() -> None:
    with pytest.raises(Doubtful):
        replies.read_placement(400, json.dumps(PLACED))


@given(st.integers(200, 499), st.text(max_size=200) | st.from_regex(r'\{"[a-z_]*": ?"?[a-z_]*"?\}?'))
def test_no_answer_to_an_order_can_escape_the_three_outcomes(status: int, body: str) -> None:
    with suppress(Refused, Doubtful):
        assert replies.read_placement(status, body).supplier_number


@pytest.mark.parametrize("cut", range(1, len(json.dumps(PLACED))))
def test_an_answer_cut_off_anywhere_is_doubtful(cut: int) -> None:
    with pytest.raises(Doubtful):
        replies.read_placement(200, json.dumps(PLACED)[:cut])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("products", "order_status", "tracking", "id", "shipping_cost", "company_name", "stock", "price", "status")
DOCUMENTS = (
    JSON_VALUES
    | st.dictionaries(st.sampled_from(KEYS), JSON_VALUES)
    | st.lists(st.dictionaries(st.sampled_from(KEYS), JSON_VALUES), max_size=3)
)


@given(DOCUMENTS)
def test_a_question_answered_with_nonsense_is_an_unexpected_reply_and_nothing_worse(document: Any) -> None:
    readers = (
        lambda: replies.read_stock(["8437000000006"], document),
        lambda: replies.read_quotes(document),
        lambda: replies.order_status(replies.read_order(NUMBER, document), []),
        lambda: replies.read_trackings(NUMBER, document),
        lambda: replies.read_countries(document),
        lambda: replies.read_feed_status(document),
    )
    for read in readers:
        with suppress(UnexpectedReply):
            read()


TRACKING_NUMBERS = st.lists(
    st.from_regex(r"[A-Z]{0,4}-?[0-9]{6,14}[A-Z]{0,2}", fullmatch=True).filter(lambda text: text[0] != "-"),
    min_size=1,
    max_size=5,
    unique=True,
)


@given(TRACKING_NUMBERS, st.sampled_from([",", ", ", " ", ";", " ; ", "\n", ",,"]), st.data())
def test_several_numbers_are_found_in_one_field_in_many_or_in_both(
    numbers: list[str], separator: str, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(numbers)))
    fields = [None, "", separator.join(numbers[:cut]), *numbers[cut:], numbers]
    assert replies.tracking_numbers(fields) == (numbers, False)


@pytest.mark.parametrize("value", [None, "", "-", "N/A", "pending", "null", [], " , "])
def test_placeholders_are_no_tracking_numbers(value: Any) -> None:
    assert replies.tracking_numbers([value]) == ([], False)


def test_a_tracking_field_nobody_can_read_opens_a_question_instead_of_a_parcel() -> None:
    order = replies.read_order(NUMBER, {"order_status": "Shipped", "tracking": "https://carrier.example/?n=12345678"})
    status = replies.order_status(order, ["GLS-12345678"])
    assert (status.state, status.status_text) == (SupplierState.UNKNOWN, "Shipped: unreadable tracking")
    assert [parcel.tracking_number for parcel in status.parcels] == ["GLS-12345678"]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Paid", SupplierState.ACKNOWLEDGED),
        (" pending  payment ", SupplierState.AWAITING_PAYMENT),
        ("SHIPPED", SupplierState.SHIPPED),
        ("Cancelled", SupplierState.CANCELLED),
        ("canceled", SupplierState.CANCELLED),
        ("En revisión", SupplierState.UNKNOWN),
        ("", SupplierState.UNKNOWN),
        ("Not shipped", SupplierState.UNKNOWN),
    ],
)
def test_status_texts_are_translated(text: str, state: SupplierState) -> None:
    assert replies.state_of(text) is state


@given(st.text(max_size=200))
def test_a_status_text_is_either_known_or_unknown_never_guessed(text: str) -> None:
    status = replies.order_status(replies.read_order(NUMBER, {"order_status": text}), [])
    known = " ".join(text.split()).casefold() in replies.STATES
    assert (status.state is SupplierState.UNKNOWN) == (not known)
    assert len(status.status_text) <= 60


def test_a_parcel_announced_on_a_paid_order_is_not_yet_shipped() -> None:
    document = {"order_status": "Paid", "tracking": "SEUR-1234567890", "shipping_company": "SEUR"}
    status = replies.order_status(replies.read_order(NUMBER, document), ["SEUR-1234567890"])
    assert status.state is SupplierState.ACKNOWLEDGED
    assert [(parcel.tracking_number, parcel.carrier) for parcel in status.parcels] == [("SEUR-1234567890", "SEUR")]


def test_another_orders_answer_is_never_taken_for_ours() -> None:
    other = {"order_number": "743799256962", "tracking": "GLS-1", "order_status": "Shipped"}
    with pytest.raises(UnexpectedReply):
        replies.read_order("743799256961", other)
    rows = [other, {"order_number": 743799256961, "tracking": "GLS-2"}]
    assert replies.read_trackings("743799256961", rows) == ["GLS-2"]


def test_stock_is_read_from_every_documented_and_suspected_shape() -> None:
    products = {
        "A1": {"stock": 150, "price": Decimal("45.99"), "availability": "in_stock"},
        "b 2": {"stock": "7", "price": "3", "availability": "in_stock"},
        "C3": {"stock": 5, "price": 1, "availability": "out_of_stock"},
        "D4": {"stock": -3, "price": None, "availability": "in_stock"},
        "E5": {"stock": 0, "price": None, "availability": "not_found"},
    }
    answers = replies.read_stock(["a1", "B2", "C3", "D4", "E5", "F6"], {"products": products})
    assert [answer.quantity for answer in answers] == [150, 7, 0, 0, 0, 0]
    assert [answer.known for answer in answers] == [True, True, True, True, False, False]
    assert replies.read_stock(["A1"], {"products": []})[0].known is False


@pytest.mark.parametrize("stock", ["many", None, 1.5, True, "1e400", "1e999999999", 10**15])
def test_a_stock_that_is_no_whole_number_is_never_taken_for_zero(stock: Any) -> None:
    with pytest.raises(UnexpectedReply, match="stock"):
        replies.read_stock(["A1"], {"products": {"A1": {"stock": stock, "availability": "in_stock"}}})


def test_shipping_is_free_only_above_the_threshold() -> None:
    quotes = replies.read_quotes(
        [
            {"id": 145, "delivery_time": 3, "company_name": "SEUR", "shipping_cost": 7.50, "free_shipping": 150},
            {"id": 148, "delivery_time": "2-5", "company_name": "GLS", "shipping_cost": "5.99", "free_shipping": 0},
        ]
    )
    at, above = replies.free_where_due(quotes, Decimal(150)), replies.free_where_due(quotes, Decimal("150.01"))
    assert [str(quote.cost) for quote in at] == ["7.50 EUR", "5.99 EUR"]
    assert [str(quote.cost) for quote in above] == ["0.00 EUR", "5.99 EUR"]
    assert [(quote.quote_id, quote.carrier, quote.days) for quote in at] == [("145", "SEUR", 3), ("148", "GLS", 5)]
