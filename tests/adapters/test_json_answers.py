"""JSON that no vendor should send, to every adapter that reads JSON: an answer nobody understands, and no crash."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from adapters.errors import Doubtful, UnexpectedReply
from adapters.suppliers import json_answers
from adapters.suppliers.bigbuy import envelopes
from adapters.suppliers.btswholesaler import replies as bts
from adapters.suppliers.cjdropshipping import replies as cj
from adapters.suppliers.generic_rest import expressions
from adapters.suppliers.printful import replies as printful

PARSERS: dict[str, Callable[[str], Any]] = {
    "shared": lambda text: json_answers.parse("question", text),
    "bts": lambda text: bts.read_document("question", 200, text),
    "printful": lambda text: printful.result_of("question", 200, text),
    "cj": lambda text: cj.read_envelope("question", 200, text),
    "rest": lambda text: expressions.read_json("question", text),
}
UNREADABLE = {
    "nested without end": "[" * 100_000,
    "nested deeply": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "a number of 5,000 digits": f'{{"code": {"9" * 5_000}}}',
}
ENDLESS_EXPONENT = '{"code": 200, "result": {}, "amount": 1e99999999999999999999}'


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("what", UNREADABLE)
def test_json_that_can_not_be_read_is_no_answer(parser: str, what: str) -> None:
    with pytest.raises(UnexpectedReply):
        PARSERS[parser](UNREADABLE[what])


@pytest.mark.parametrize("parser", [name for name in PARSERS if name != "rest"])  # which reads fractions as text
def test_an_exponent_beyond_every_number_is_no_answer(parser: str) -> None:
    with pytest.raises(UnexpectedReply):
        PARSERS[parser](ENDLESS_EXPONENT)


@pytest.mark.parametrize("text", [*UNREADABLE.values(), ENDLESS_EXPONENT, "[" * 900 + "]" * 900], ids=range(5))
def test_an_order_answered_so_is_in_doubt(text: str) -> None:
    with pytest.raises(Doubtful):
        bts.read_placement(200, text)
    assert not envelopes.unwrap(200, text).order_id


@pytest.mark.parametrize("parser", PARSERS)
def test_a_byte_order_mark_before_an_answer_is_no_part_of_it(parser: str) -> None:
    text = json.dumps({"code": 200, "result": {"id": 1}})
    assert PARSERS[parser]("\ufeff" + text) == PARSERS[parser](text)


def test_an_order_behind_a_byte_order_mark_is_placed_and_its_refusal_is_one() -> None:
    assert bts.read_placement(200, '\ufeff{"order_number": "B1", "order_status": "Paid"}').supplier_number == "B1"
    assert bts.error_code('\ufeff{"error": "no_stock"}') == "no_stock"


def test_what_no_database_keeps_is_left_out_of_what_a_supplier_says() -> None:
    told = r'{"order_number": "B1", "order_status": "Pa\u0000id", "order_total": "1.00"}'
    assert bts.read_placement(200, told).status_text == "Paid"
    facts = bts.OrderFacts(status_text="Shipped", tracking="X1", carrier="GL\ud800S\x00")
    (parcel,) = bts.order_status(facts, []).parcels
    assert parcel.carrier == "GLS"
    assert parcel.model_dump_json()
