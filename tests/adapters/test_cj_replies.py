import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
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
from adapters.suppliers.cjdropshipping import replies
from adapters.suppliers.cjdropshipping.requests import CjProfile, carrier_of, order_document, quote_id_of
from adapters.suppliers.cjdropshipping.token import Token
from dropwright.testing.contract import CUSTOMER
from models.suppliers import SupplierLine, SupplierOrder, SupplierState

GOLDEN = Path(__file__).with_name("test_cj_order.golden.json")
LINES = (SupplierLine(ean="8437000000006", quantity=2, sku="1796078021431009280"), SupplierLine(ean="V2", quantity=1))
ORDER = SupplierOrder(
    number="DW-1-11",
    lines=LINES,
    quote_id="CJPacket_Ordinary",
    carrier="CJPacket Ordinary",
    address=CUSTOMER,
    test=False,
)
PLACED = {"orderId": "210711100018655344", "orderStatus": "CREATED", "orderAmount": "19.20"}


def envelope(code: int, message: str = "", data: Any = None, status: int = 200) -> replies.Envelope:
    document = {"code": code, "result": code == 200, "message": message, "data": data}
    return replies.read_envelope("call", status, json.dumps(document))


def test_a_created_draft_is_read_whole() -> None:
    draft = replies.read_creation("create", envelope(200, data=PLACED))
    assert draft is not None
    assert (draft.order_id, draft.status, str(draft.total)) == (PLACED["orderId"], "CREATED", "19.20 USD")


def test_an_order_id_alone_is_a_draft_too() -> None:
    draft = replies.read_creation("create", envelope(200, data="210711100018655344"))
    assert draft is not None
    assert (draft.order_id, draft.status) == ("210711100018655344", "")


def test_an_order_without_a_way_to_ship_is_a_persons() -> None:
    draft = replies.read_creation("create", envelope(200, data={**PLACED, "logisticsMiss": True}))
    assert draft is not None
    assert (draft.state, draft.text) == (SupplierState.UNKNOWN, "intercepted: no way to ship")
    fine = replies.read_creation("create", envelope(200, data={**PLACED, "logisticsMiss": False}))
    assert fine is not None
    assert not fine.intercepted


def test_an_intercepted_order_names_the_codes_and_is_a_persons() -> None:
    reasons = [{"code": 1001, "message": CUSTOMER.address1}, {"code": "", "message": "?"}]
    draft = replies.read_creation("create", envelope(200, data={**PLACED, "interceptOrderReasons": reasons}))
    assert draft is not None
    assert (draft.state, draft.text) == (SupplierState.UNKNOWN, "intercepted: 1001, without a code")


CREATION_CODES = [
    (1600100, Refused, "1600100"),
    (1600101, Refused, "1600101"),
    (1600300, Refused, "1600300"),
    (1602000, Refused, "product_error"),
    (1602001, Refused, "product_error"),
    (1603000, Refused, "1603000"),
    (1605000, Refused, "shipping_cost_code_error"),
    (1604000, AccountHold, "1604000"),
    (1600200, Throttled, "1600200"),
    (1600201, Throttled, "1600201"),
    (1600001, AuthenticationFailed, "1600001"),
    (1600005, AuthenticationFailed, "1600005"),
    (1600000, Doubtful, "1600000"),
    (1699999, Doubtful, "1699999"),
    (500, Doubtful, "500"),
]


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(("code", "error", "word"), CREATION_CODES)
def test_each_code_has_one_meaning_for_an_order(code: int, error: type[AdapterError], word: str, status: int) -> None:
    with pytest.raises(error) as caught:
        replies.read_creation("create", envelope(code, status=status))
    assert (type(caught.value), caught.value.code) == (error, word)


QUESTION_CODES = [
    (1600000, Unavailable),
    (1600200, Throttled),
    (1600001, AuthenticationFailed),
    (1600300, Refused),
    (1604000, UnexpectedReply),
    (1699999, UnexpectedReply),
]


@pytest.mark.parametrize(("code", "error"), QUESTION_CODES)
def test_each_code_has_one_meaning_for_a_question(code: int, error: type[AdapterError]) -> None:
    with pytest.raises(error):
        replies.read_quotes("freight", envelope(code))


def test_a_throttled_call_and_a_spent_quota_are_waited_for_differently() -> None:
    waits = []
    for code in (1600200, 1600201):
        with pytest.raises(Throttled) as caught:
            replies.read_balance("balance", envelope(code))
        waits.append(caught.value.retry_after)
    assert waits == [timedelta(seconds=2), timedelta(hours=1)]


@pytest.mark.parametrize("message", ["Order number already exists", "repeat order", "duplicate orderNumber"])
def test_a_number_that_may_be_taken_is_looked_up(message: str) -> None:
    assert replies.read_creation("create", envelope(1603000, message)) is None


@pytest.mark.parametrize(
    ("code", "message", "word"),
    [
        (1602000, "Variant does not exist", "product_error"),
        (1602001, "The product doesn't exist", "product_error"),
        (1605000, "Logistics not exist", "shipping_cost_code_error"),
        (1603000, "Order create fail, logistic does not exist", "1603000"),
    ],
)
def test_what_does_not_exist_is_no_number_that_exists(code: int, message: str, word: str) -> None:
    with pytest.raises(Refused) as caught:
        replies.read_creation("create", envelope(code, message))
    assert caught.value.code == word


@pytest.mark.parametrize(
    ("code", "message", "missing"),
    [
        (1600300, "order not found", True),
        (1603100, "Order not found, Please check the CJ order id", True),
        (1600300, "maximum number of features is 20", False),
        (1600300, "orderId must not be empty", False),
        (200, "order not found", False),
    ],
)
def test_only_an_order_that_is_not_there_is_missing(code: int, message: str, *, missing: bool) -> None:
    assert replies.is_missing(envelope(code, message)) == missing


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, ""),
        (200, "[]"),
        (200, '{"result": true}'),
        (200, '{"code": 200, "result": false, "data": {"orderId": "1"}}'),
        (302, '{"code": 200, "result": true, "data": {"orderId": "1"}}'),
        (200, "<html>Welcome</html>"),
        (200, '{"code": "soon"}'),
        (200, '{"code": 200, "data": {"orde'),
    ],
)
def test_an_answer_without_a_sound_envelope_says_nothing(status: int, text: str) -> None:
    with pytest.raises(UnexpectedReply):
        replies.read_envelope("create", status, text)


@pytest.mark.parametrize("data", [None, {}, [], {"orderId": ""}, {"orderId": None}, {"orderId": "<b>"}, True])
def test_a_success_without_an_orders_id_is_doubtful(data: Any) -> None:
    with pytest.raises(Doubtful):
        replies.read_creation("create", envelope(200, data=data))


STATUSES = [
    ("UNPAID", SupplierState.AWAITING_PAYMENT),
    ("UNSHIPPED", SupplierState.ACKNOWLEDGED),
    ("shipped", SupplierState.SHIPPED),
    ("DELIVERED", SupplierState.SHIPPED),
    ("CANCELLED", SupplierState.CANCELLED),
    ("CREATED", SupplierState.UNKNOWN),
    ("IN_CART", SupplierState.UNKNOWN),
    ("OTHER", SupplierState.UNKNOWN),
    ("NEW WORD", SupplierState.UNKNOWN),
]


@pytest.mark.parametrize(("text", "state"), STATUSES)
def test_statuses_are_translated_and_never_guessed(text: str, state: SupplierState) -> None:
    status = replies.order_status("detail", {"orderId": "7", "orderStatus": text})
    assert (status.state, status.status_text) == (state, text.upper())


@pytest.mark.parametrize(
    ("field", "numbers"),
    [("YT1", ["YT1"]), ("YT1, YT2;YT1", ["YT1", "YT2"]), (None, []), ("", []), ("pending", [])],
)
def test_tracking_numbers_are_taken_apart(field: str | None, numbers: list[str]) -> None:
    detail = {"orderId": "7", "orderStatus": "SHIPPED", "trackNumber": field, "logisticName": "CJPacket"}
    status = replies.order_status("detail", detail)
    assert [parcel.tracking_number for parcel in status.parcels] == numbers
    assert {parcel.carrier for parcel in status.parcels} <= {"CJPacket"}


def test_a_draft_for_another_place_or_with_other_articles_is_not_the_same_order() -> None:
    listed = [{"storeLineItemId": line.ean, "quantity": line.quantity} for line in LINES]
    detail = {"shippingAddress": CUSTOMER.address1, "shippingCountryCode": "ES", "productList": listed}
    assert replies.same_order(detail, ORDER)
    assert not replies.same_order({**detail, "shippingAddress": "elsewhere"}, ORDER)
    assert not replies.same_order({**detail, "shippingZip": "28999"}, ORDER)
    assert not replies.same_order({**detail, "shippingAddress2": "Door 5"}, ORDER)
    assert not replies.same_order({**detail, "productList": listed[:1]}, ORDER)


def test_stock_is_that_of_the_warehouse_that_ships() -> None:
    rows = [
        {"countryCode": "CN", "storageNum": 5},
        {"countryCode": "CN", "totalInventoryNum": 2},
        {"countryCode": "US"},
    ]
    assert replies.read_stock("stock", envelope(200, data=rows), "CN") == 7
    assert replies.read_stock("stock", envelope(200, data=rows), "DE") == 0
    assert replies.read_stock("stock", envelope(1602000), "CN") is None
    assert replies.read_stock("stock", envelope(200, data=None), "CN") is None


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    "orderId orderStatus trackNumber trackingUrl productList interceptOrderReasons code message quantity logisticName "
    "logisticPrice logisticAging countryCode storageNum variantSellPrice amount accessToken"
).split()
DATA = (
    JSON_VALUES
    | st.dictionaries(st.sampled_from(KEYS), JSON_VALUES)
    | st.lists(st.dictionaries(st.sampled_from(KEYS), JSON_VALUES), max_size=3)
)
CODES = st.sampled_from([200, 500, *(code for code, _, _ in CREATION_CODES)]) | st.integers()


@given(CODES, st.text(max_size=20), DATA)
def test_nonsense_is_one_of_the_named_errors_and_nothing_worse(code: int, message: str, data: Any) -> None:
    readers = (
        replies.read_creation,
        lambda name, said: replies.order_status(name, replies.read_detail(name, said)),
        lambda name, said: replies.same_order(replies.read_detail(name, said), ORDER),
        lambda name, said: replies.read_step(name, said, replies.PAY_FAILED),
        replies.read_quotes,
        lambda name, said: replies.read_stock(name, said, "CN"),
        replies.read_cost,
        replies.read_balance,
        replies.read_token,
    )
    for read in readers:
        with suppress(AdapterError):
            read("call", envelope(code, message, data))


@given(st.integers(200, 499), st.text(max_size=200) | st.from_regex(r'\{"(code|data|result)": ?"?[a-z0-9]*"?\}?'))
def test_no_answer_to_an_order_escapes_the_named_outcomes(status: int, text: str) -> None:
    with suppress(Refused, Doubtful, Throttled, AuthenticationFailed, UnexpectedReply):
        draft = replies.read_creation("create", replies.read_envelope("create", status, text))
        assert draft is None or draft.order_id


def test_the_order_is_the_golden_one_and_is_created_without_being_paid() -> None:
    assert order_document(ORDER, CjProfile()) == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_a_test_order_goes_to_the_sandbox_and_taxes_are_as_the_profile_says() -> None:
    profile = CjProfile(ioss_type=2, ioss_number="IM0000000001", telephone="+34910000000", articles="sku")
    address = CUSTOMER.model_copy(update={"phone": "", "country_code": "ZZ"})
    document = order_document(ORDER.model_copy(update={"test": True, "address": address, "carrier": ""}), profile)
    assert document["isSandbox"] == 1
    assert (document["iossType"], document["iossNumber"]) == (2, "IM0000000001")
    assert (document["shippingPhone"], document["shippingCountry"]) == ("+34910000000", "ZZ")
    assert (document["logisticName"], document["products"][0]["sku"]) == ("CJPacket Ordinary", LINES[0].sku)


@pytest.mark.parametrize("name", ["CJPacket Ordinary", "USPS+", "DHL (eCommerce)"])
def test_a_way_to_ship_has_an_id_made_of_its_name(name: str) -> None:
    assert SupplierOrder.model_validate(ORDER.model_dump() | {"quote_id": quote_id_of(name)}).quote_id
    assert carrier_of(quote_id_of("CJPacket Ordinary")) == "CJPacket Ordinary"


def test_many_threads_ask_for_one_token_and_replace_a_refused_one_once() -> None:
    fetched: list[str] = []

    def fetch() -> str:
        fetched.append(f"token-{len(fetched)}")
        return fetched[-1]

    token, ready = Token(fetch), Barrier(8)

    def all_at_once(*work: Any) -> None:
        def run() -> None:
            ready.wait()
            work[0](*work[1:])

        threads = [Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    all_at_once(token.value)
    assert fetched == ["token-0"]
    all_at_once(token.renew, "token-0")
    assert fetched == ["token-0", "token-1"]
    assert token.value() == "token-1"
