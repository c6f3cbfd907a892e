import re

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from models.base import Reference
from models.identifiers import (
    content_key,
    message_id,
    order_workflow_id,
    purchase_order_number,
    purchase_order_workflow_id,
    storefront_queue,
    supplier_queue,
)

REFERENCE: TypeAdapter[str] = TypeAdapter(Reference)
# PostgreSQL's bigint holds more orders than any shop takes; a plan and its suppliers are far fewer than these.
KEYS = st.tuples(st.integers(1, 2**40), st.integers(1, 999), st.integers(1, 999))


@given(KEYS)
def test_a_purchase_order_number_is_short_and_a_reference(key: tuple[int, int, int]) -> None:
    number = purchase_order_number(*key)
    assert len(number) <= 22
    assert REFERENCE.validate_python(number) == number
    assert re.fullmatch(r"DW-[0-9A-HJKMNP-TV-Z]+-[0-9A-HJKMNP-TV-Z]+(-[0-9A-HJKMNP-TV-Z]+)?", number)


@given(KEYS, KEYS)
def test_two_purchase_orders_never_share_a_number(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    assert (purchase_order_number(*one) == purchase_order_number(*other)) == (one == other)


def test_no_two_of_an_orders_purchase_orders_share_a_number() -> None:
    keys = [(order, plan, position) for order in (1, 31, 32) for plan in range(1, 121) for position in range(1, 71)]
    assert len({purchase_order_number(*key) for key in keys}) == len(keys)


def test_ids_say_what_they_name() -> None:
    assert order_workflow_id("main", "5000000001") == "order/main/5000000001"
    assert purchase_order_workflow_id("main", "5000000001", "bts", 2) == "purchase-order/main/5000000001/bts/2"
    assert supplier_queue("bts") == "supplier-bts"
    assert storefront_queue("main") == "storefront-main"
    assert message_id("shipped", 7, "shop.example") == "<shipped.7@shop.example>"


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_the_same_parts_and_only_they_give_the_same_key(one: list[str], other: list[str]) -> None:
    clean = [[part.replace("\x1f", "") for part in parts] for parts in (one, other)]
    same = "\x1f".join(clean[0]) == "\x1f".join(clean[1])
    assert (content_key(*clean[0]) == content_key(*clean[1])) == same
    assert len(content_key(*clean[0])) == 32
