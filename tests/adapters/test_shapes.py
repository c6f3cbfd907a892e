import json
from datetime import UTC, datetime
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from activities.shape_watch import ShapeWatch
from adapters import shapes
from adapters.database.engine import Transaction
from adapters.http import KEPT_BODY
from models.calls import CallRecord

ORDER = {"order": {"number": "A1", "total": 12.5, "lines": [{"ean": "4006381333931", "quantity": 2}], "note": None}}
PRIVATE = "jane.roe@planted.example"


def shape(value: object) -> shapes.Shape:
    return shapes.shape_of(json.dumps(value))


def test_a_shape_holds_paths_and_types() -> None:
    assert shape(ORDER) == {
        "$": "object",
        "$.order": "object",
        "$.order.number": "string",
        "$.order.total": "number",
        "$.order.lines": "array",
        "$.order.lines[]": "object",
        "$.order.lines[].ean": "string",
        "$.order.lines[].quantity": "number",
        "$.order.note": "null",
    }


def test_names_that_look_like_data_are_not_kept() -> None:
    found = shape({"4006381333931": {"stock": 1}, PRIVATE: 2, "Jane Roe": 3, "address2": "x"})
    assert set(found) == {"$", "$.*", "$.*.stock", "$.address2"}


def test_what_is_no_json_has_a_kind_only() -> None:
    bodies = ["", "<html>down for maintenance</html>", "Service Unavailable", '[{"a": 1}, {"b']
    assert [shapes.shape_of(body) for body in bodies] == [
        {"$": "nothing"},
        {"$": "markup"},
        {"$": "text"},
        {"$": "JSON that is cut off"},
    ]


def test_optional_fields_and_several_types_come_together() -> None:
    known = shapes.merge(shape({"a": 1}), shape({"a": None, "b": []}))
    assert known == {"$": "object", "$.a": "null|number", "$.b": "array"}
    assert shapes.difference(known, shape({"a": 2})).retyped == ()


def test_a_difference_names_the_highest_path_of_what_is_gone_or_new() -> None:
    renamed = {"order": {**ORDER["order"], "items": ORDER["order"]["lines"], "total": "12.50"}}
    del renamed["order"]["lines"]
    found = shapes.difference(shape(ORDER), shape(renamed))
    assert (found.gone, found.new) == (("$.order.lines",), ("$.order.items",))
    assert found.retyped == (("$.order.total", "number", "string"),)
    assert found.in_words() == "$.order.total is string, was number; $.order.lines is gone; $.order.items is new"


def test_an_operation_that_was_never_understood_has_nothing_to_compare_with() -> None:
    assert shapes.difference(None, shape(ORDER)).in_words() == "no earlier answer is known"


def test_the_same_shape_with_an_unknown_value_says_so() -> None:
    assert "a value is not understood" in shapes.difference(shape(ORDER), shape(ORDER)).in_words()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet="§private", min_size=2),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "c"]), below, max_size=3),
    max_leaves=20,
)


@given(json_values, json_values)
def test_no_value_ever_reaches_a_shape_or_a_difference(first: object, second: object) -> None:
    told = shapes.difference(shape(first), shape(second))
    assert "§" not in json.dumps([shape(first), told.as_json(), told.in_words()], ensure_ascii=False)
    assert shapes.difference(shape(first), shape(first)).as_json() == shapes.Difference().as_json()


def test_an_answer_of_which_only_the_beginning_was_kept_is_not_said_to_have_lost_the_rest() -> None:
    now = datetime.now(UTC)
    cut = CallRecord(
        system="acme",
        operation="list",
        method="GET",
        url="/list",
        request="",
        reply=json.dumps([ORDER] * 500)[:KEPT_BODY],
        status=200,
        started_at=now,
        duration_ms=1,
    )
    watch, nowhere = ShapeWatch(), cast("Transaction", None)
    assert watch.keep(nowhere, "acme", [cut], now=now) == ["list"], "it was understood, and ends an alarm"
    assert watch.difference(nowhere, "acme", cut).in_words() == "it is too long to be compared here"
