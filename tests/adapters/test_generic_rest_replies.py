import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import (
    AccountHold,
    AdapterError,
    AuthenticationFailed,
    Doubtful,
    NotSent,
    Refused,
    Throttled,
    Unavailable,
    UnexpectedReply,
)
from adapters.suppliers.generic_rest import feeds, judging, placing, rehearsing, replies
from adapters.suppliers.generic_rest.profile import OrderReading, Recorded, RestProfile
from adapters.suppliers.generic_rest.replies import Reader
from models.feeds import FeedKind
from models.suppliers import LookupVerdict, PlacedOrder, SupplierState
from tests.adapters import generic_rest

PROFILE = RestProfile.model_validate(generic_rest.profile())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("id", "reference", "state", "amounts", "answers", "packages")
ORDERS = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)).map(lambda order: {"data": order})


def with_rules(*rules: dict[str, Any], **changes: Any) -> RestProfile:
    return RestProfile.model_validate(generic_rest.profile(errors=rules, **changes))


def place(profile: RestProfile, status: int, text: str) -> PlacedOrder:
    return placing.read(profile, status, text, "DW-1-11")


@pytest.mark.parametrize(
    ("means", "placing", "asking"),
    [
        ("refused", Refused, Refused),
        ("account_hold", AccountHold, AccountHold),
        ("authentication", AuthenticationFailed, AuthenticationFailed),
        ("not_sent", NotSent, NotSent),
        ("throttled", Throttled, Throttled),
        ("not_found", Doubtful, Refused),
        ("too_late", Doubtful, Refused),
        ("unavailable", Doubtful, Unavailable),
        ("doubtful", Doubtful, Unavailable),
    ],
)
def test_a_rule_means_for_an_order_and_for_a_question(
    means: str, placing: type[AdapterError], asking: type[AdapterError]
) -> None:
    profile = with_rules({"status": [200], "when": "failed", "means": means, "retry_after": "wait"})
    for operation, kind in (("place_order", placing), ("fetch_order", asking)):
        with pytest.raises(AdapterError) as caught:
            judging.success(profile, operation, 200, '{"failed": true, "wait": 7}')
        assert type(caught.value) is kind
        assert caught.value.retry_after is not None
        assert caught.value.retry_after.seconds == 7


@pytest.mark.parametrize(
    ("operation", "status", "text", "kind", "code"),
    [
        ("place_order", 422, '{"errors": [{"code": "OUT_OF_STOCK"}]}', Refused, "no_stock"),
        ("place_order", 422, '{"errors": [{"code": "ODD_CODE"}]}', Refused, "ODD_CODE"),
        ("place_order", 422, '{"errors": [{"code": "with spaces and <b>"}]}', Refused, "refused"),
        ("place_order", 422, '{"errors": []}', Doubtful, "http_422"),
        ("place_order", 422, "OUT_OF_STOCK", Doubtful, "http_422"),
        ("place_order", 402, '{"errors": [{"code": "CREDIT_EXHAUSTED"}]}', AccountHold, "CREDIT_EXHAUSTED"),
        ("place_order", 401, "", AuthenticationFailed, "AuthenticationFailed"),
        ("place_order", 403, "", Doubtful, "http_403"),
        ("place_order", 404, "", Doubtful, "http_404"),
        ("place_order", 302, "", Doubtful, "http_302"),
        ("place_order", 202, "", Doubtful, "not_json"),
        ("place_order", 202, '{"data": NaN}', Doubtful, "not_json"),
        ("fetch_order", 422, '{"errors": [{"code": "OUT_OF_STOCK"}]}', UnexpectedReply, "http_422"),
        ("fetch_order", 403, "", AuthenticationFailed, "AuthenticationFailed"),
        ("fetch_order", 404, "<html>", Refused, "order_not_found"),
        ("find_order", 404, "", Refused, "order_not_found"),
        ("find_order", 404, '{"error": "unknown"}', Refused, "order_not_found"),
        ("find_order", 404, "<html><h1>404 Not Found</h1>", UnexpectedReply, "http_404"),
        ("find_order", 404, "404 page not found", UnexpectedReply, "http_404"),
        ("fetch_stock", 404, "<html>", UnexpectedReply, "http_404"),
        ("quote_shipping", 404, "<html>", UnexpectedReply, "http_404"),
        ("fetch_order", 200, "", UnexpectedReply, "not_json"),
        ("fetch_order", 409, '{"errors": [{"code": "ALREADY_SHIPPED"}]}', UnexpectedReply, "http_409"),
        ("cancel_order", 409, '{"errors": [{"code": "ALREADY_SHIPPED"}]}', Refused, "too_late"),
    ],
)
def test_what_is_no_success_means(operation: str, status: int, text: str, kind: type[AdapterError], code: str) -> None:
    with pytest.raises(AdapterError) as caught:
        judging.success(PROFILE, operation, status, text)
    assert type(caught.value) is kind
    assert caught.value.code == code


def test_a_refusal_that_names_an_order_proves_nothing() -> None:
    text = '{"errors": [{"code": "OUT_OF_STOCK"}], "data": {"id": "A-1", "state": "RECEIVED"}}'
    with pytest.raises(Doubtful) as caught:
        place(PROFILE, 422, text)
    assert caught.value.code == "names_an_order"


def test_an_order_of_another_number_is_not_taken_for_ours() -> None:
    call = PROFILE.operations.find_order
    assert call is not None
    document = {"data": [{"id": "A-2", "reference": "DW-2-11", "state": "ACCEPTED"}]}
    with pytest.raises(UnexpectedReply):
        replies.read_lookup(PROFILE, call, document, "DW-1-11")


def test_only_an_empty_list_shows_that_there_is_no_order() -> None:
    call = PROFILE.operations.find_order
    assert call is not None
    assert replies.read_lookup(PROFILE, call, {"data": []}, "DW-1-11").verdict is LookupVerdict.ABSENT
    for error in ({"error": "try again later"}, {"data": None}, {}, None, "ok"):
        with pytest.raises(UnexpectedReply):
            replies.read_lookup(PROFILE, call, error, "DW-1-11")


def test_where_successes_are_told_from_errors_null_is_no_order() -> None:
    profile = RestProfile.model_validate(generic_rest.profile(success="code == `0`"))
    call = profile.operations.find_order
    assert call is not None
    assert replies.read_lookup(profile, call, {"code": 0}, "DW-1-11").verdict is LookupVerdict.ABSENT


def test_a_success_may_be_more_than_its_status() -> None:
    profile = RestProfile.model_validate(generic_rest.profile(success="code == `0`"))
    assert judging.success(profile, "fetch_order", 200, '{"code": 0}') == {"code": 0}
    with pytest.raises(UnexpectedReply):
        judging.success(profile, "fetch_order", 200, '{"code": 1601}')
    with pytest.raises(Doubtful):
        judging.success(profile, "place_order", 200, '{"code": 1601}')


def test_what_says_nothing_is_enough_where_nothing_was_asked_for() -> None:
    assert judging.success(PROFILE, "cancel_order", 204, "") is None


@given(status=st.integers(200, 499), document=ORDERS | JSON)
def test_whatever_answers_an_order_is_a_placed_one_or_one_of_our_errors(status: int, document: Any) -> None:
    try:
        placed = place(PROFILE, status, json.dumps(document))
    except Refused:
        assert status in (402, 422)
    except (AuthenticationFailed, Doubtful):
        return
    else:
        assert 200 <= status < 300
        assert placed.supplier_number == " ".join(str(document["data"]["id"]).split())


@given(document=ORDERS | JSON, operation=st.sampled_from(["fetch_order", "find_order", "cancel_order"]))
def test_whatever_answers_a_question_is_read_or_not_understood(document: Any, operation: Any) -> None:
    read = rehearsing.outcome(PROFILE, Recorded(operation=operation, body=json.dumps(document), expect={"x": 1}))
    assert read.get("error", "unexpected_reply") == "unexpected_reply"


@given(
    document=JSON.map(lambda inner: {"data": inner}) | JSON,
    operation=st.sampled_from(["fetch_stock", "quote_shipping"]),
)
def test_whatever_lists_there_are_they_are_read_or_not_understood(document: Any, operation: Any) -> None:
    read = rehearsing.outcome(PROFILE, Recorded(operation=operation, body=json.dumps(document), expect={"x": 1}))
    assert read.get("error", "unexpected_reply") == "unexpected_reply"


@pytest.mark.parametrize(
    ("change", "state", "text"),
    [
        ({"state": "accepted "}, SupplierState.ACKNOWLEDGED, "accepted"),
        ({"state": "LOST"}, SupplierState.UNKNOWN, "LOST"),
        ({"state": None}, SupplierState.UNKNOWN, ""),
        (
            {"packages": [{"carrier": {"tracking": {"no": "call us!"}}}]},
            SupplierState.UNKNOWN,
            "SHIPPED: unreadable tracking",
        ),
        (
            {"answers": [{"gtin": "1", "units": 1, "decision": "MAYBE"}]},
            SupplierState.UNKNOWN,
            "SHIPPED: unknown status of a line",
        ),
        ({"packages": [{"carrier": {"tracking": {"no": None}}}]}, SupplierState.SHIPPED, "SHIPPED"),
        ({"answers": [{"gtin": "1", "units": 0, "decision": "REJECTED"}]}, SupplierState.SHIPPED, "SHIPPED"),
    ],
)
def test_a_state_is_never_guessed(change: dict[str, Any], state: SupplierState, text: str) -> None:
    document = {"id": "A-1", "state": "SHIPPED", "packages": [], "answers": []} | change
    told = Reader(PROFILE, "fetch_order", PROFILE.order).status(document, "A-1")
    assert (told.state, told.status_text, told.parcels, told.lines) == (state, text, (), ())


def test_an_answer_about_another_order_is_not_believed() -> None:
    with pytest.raises(UnexpectedReply):
        Reader(PROFILE, "fetch_order", PROFILE.order).status({"id": "A-2", "state": "SHIPPED"}, "A-1")


def test_an_order_goes_by_our_number_where_the_supplier_gives_none() -> None:
    reading = OrderReading(number="id", status="'taken'")
    placed = Reader(PROFILE, "place_order", reading).placed({"queued": True}, "DW-1-11")
    assert (placed.supplier_number, placed.state) == ("DW-1-11", SupplierState.UNKNOWN)


@pytest.mark.parametrize(
    ("amounts", "said", "amount"), [("cents", 735, "7.35"), ("decimal", 7.35, "7.35"), ("decimal", "7.3500001", "7.35")]
)
def test_no_cent_is_lost(amounts: str, said: Any, amount: str) -> None:
    profile = RestProfile.model_validate(generic_rest.profile(amounts=amounts))
    text = json.dumps({"data": {"id": "A-1", "state": "RECEIVED", "amounts": {"grandTotal": {"cents": said}}}})
    placed = place(profile, 202, text)
    assert placed.total is not None
    assert placed.total.amount == Decimal(amount)


def test_a_list_that_has_another_name_now_is_not_taken_for_an_empty_one() -> None:
    operations = PROFILE.operations
    assert operations.fetch_stock is not None
    assert operations.quote_shipping is not None
    renamed = {"items": [{"gtin": "1", "available": {"units": 5}}]}
    for read in (
        lambda document: replies.read_stock(PROFILE, operations.fetch_stock, document),
        lambda document: replies.read_quotes(PROFILE, operations.quote_shipping, document),
        lambda document: feeds.read_page(PROFILE.feeds[FeedKind.STOCK], document, feeds.Place())[0].rows,
    ):
        assert not read({"data": []})
        with pytest.raises(UnexpectedReply):
            read(renamed)


def test_a_cursor_that_never_ends_is_not_followed() -> None:
    call = PROFILE.feeds[FeedKind.STOCK]
    with pytest.raises(UnexpectedReply):
        feeds.read_page(call, {"data": [], "meta": {"next": "7"}}, feeds.Place(2, "7", ""))
    with pytest.raises(Refused):
        feeds.Place.read("no cursor")


def test_a_feed_that_tells_no_changes_says_so() -> None:
    with pytest.raises(Refused) as caught:
        next(feeds.walk(PROFILE.feeds[FeedKind.STOCK], lambda *_: None, since="2026-01-05", cursor=""))
    assert caught.value.code == feeds.SINCE_TOO_OLD


def test_a_feed_of_changes_says_where_the_next_run_begins() -> None:
    call = PROFILE.feeds[FeedKind.STOCK].model_copy(update={"since": "meta.until"})
    asked = []

    def ask(_operation: str, prepared: Any) -> Any:
        asked.append(prepared.query)
        following = "2" if len(asked) == 1 else None
        return {"data": [{"gtin": "1"}], "meta": {"next": following, "until": f"T{len(asked)}"}}

    pages = list(feeds.walk(call, ask, since="T0", cursor=""))
    assert [page.since for page in pages] == ["T1", "T1"]
    assert asked == [[], [("after", "2")]]
