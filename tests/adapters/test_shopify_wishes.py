"""What an order says about its delivery is read leniently: it decides who delivers, and never whether."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.storefronts.shopify.wishes import MAX_TAG, MOST_TAGS, Wishes, read_grams, read_wishes

CASES: list[tuple[dict[str, Any], Wishes]] = [
    ({}, Wishes()),
    ({"tags": "VIP, Urgent ,,vip"}, Wishes(tags=("vip", "urgent"))),
    ({"tags": ["Fragile", 3, None]}, Wishes(tags=("fragile",))),
    ({"customer": {"tags": "wholesale"}, "tags": "vip"}, Wishes(tags=("vip", "wholesale"))),
    ({"company": {"id": 5}}, Wishes(customer_group="b2b")),
    ({"note_attributes": [{"name": "customer_group", "value": "Club"}]}, Wishes(customer_group="club")),
    ({"shipping_lines": [{"title": "Express 24h", "code": "EXPRESS"}]}, Wishes(preference="express")),
    ({"shipping_lines": [{"title": "Express 24h", "code": None}]}, Wishes(preference="express 24h")),
    (
        {"note_attributes": [{"name": "delivery_preference", "value": "Green"}], "shipping_lines": [{"code": "dhl"}]},
        Wishes(preference="green"),
    ),
    ({"note_attributes": [{"name": "Gift_Note", "value": "for you"}]}, Wishes(needs=("gift-note",))),
    ({"note_attributes": [{"name": "gift_note", "value": ""}]}, Wishes()),
    ({"tags": "needs:branding, needs:"}, Wishes(tags=("needs:branding", "needs:"), needs=("branding",))),
]


@pytest.mark.parametrize(("document", "expected"), CASES, ids=[str(sorted(document)) for document, _ in CASES])
def test_wishes_are_read_where_they_stand(document: dict[str, Any], expected: Wishes) -> None:
    assert read_wishes(document) == expected


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
FIELDS = ("tags", "customer", "company", "note_attributes", "shipping_lines")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, ANYTHING)))
def test_nothing_a_shop_sends_keeps_an_order_out(document: dict[str, Any]) -> None:
    wishes = read_wishes(document)
    words = (*wishes.tags, *wishes.needs, wishes.customer_group, wishes.preference)
    assert len(wishes.tags) <= MOST_TAGS
    assert all(len(word) <= MAX_TAG and word == word.casefold() for word in words)
    "".join(words).encode()


@pytest.mark.parametrize(("sent", "grams"), [(250, 250), (0, 0), (-1, 0), ("250", 0), (None, 0), (True, 0), (10**9, 0)])
def test_a_weight_that_makes_no_sense_is_none(sent: object, grams: int) -> None:
    assert read_grams(sent) == grams
