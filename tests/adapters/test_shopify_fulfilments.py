from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.storefronts.shopify.fulfilments import Share, allot, ours, outstanding, tracking_input, waiting_status
from adapters.storefronts.shopify.replies import Fulfilment, FulfilmentOrderLine, Tracking
from models.storefronts import FulfilmentLine, FulfilmentRequest

LINK = "https://tracking.example/"


def request(*numbers: str, **changes: Any) -> FulfilmentRequest:
    lines = (FulfilmentLine(line_id="1", quantity=2), FulfilmentLine(line_id="2", quantity=1))
    values = {"storefront_order_id": "9", "lines": lines, "carrier": "GLS", "notify_customer": True}
    return FulfilmentRequest(**(values | {"tracking_numbers": numbers} | changes))


def share(status: str, location: str, remaining: dict[str, int]) -> Share:
    lines = tuple(
        FulfilmentOrderLine.model_validate(
            {
                "id": f"{location}-{line_id}",
                "remainingQuantity": left,
                "lineItem": {"id": f"gid://shopify/LineItem/{line_id}"},
            }
        )
        for line_id, left in remaining.items()
    )
    return Share(id=f"share-{location}-{status}", status=status, location=location, lines=lines)


def tracking(number: str, url: str | None = None, company: str | None = "GLS") -> Tracking:
    return Tracking(number=number, url=url, company=company)


def test_a_fulfilment_is_ours_by_name_or_by_number() -> None:
    known = [
        Fulfilment.model_validate({"id": f"gid://shopify/Fulfillment/{one}", "status": "SUCCESS", "trackingInfo": info})
        for one, info in ((1, []), (2, [{"number": "A", "url": None, "company": None}]), (3, []))
    ]
    assert [one.id[-1] for one in ours(request("A", "B"), known)] == ["2"]
    assert [one.id[-1] for one in ours(request("B", fulfilment_id="3"), known)] == ["3"]
    assert [one.id[-1] for one in ours(request("A", fulfilment_id="gid://shopify/Fulfillment/1"), known)] == ["1", "2"]
    assert ours(request(), known) == []


@pytest.mark.parametrize(
    ("given_request", "known", "expected"),
    [
        (request("A"), [], {"company": "GLS", "numbers": ["A"]}),
        (request("A", urls=(LINK,)), [], {"company": "GLS", "numbers": ["A"], "urls": [LINK]}),
        (request("A", "B", urls=("", LINK)), [], {"company": "GLS", "numbers": ["B", "A"], "urls": [LINK]}),
        (request("A", urls=("javascript:alert(1)",)), [], {"company": "GLS", "numbers": ["A"]}),
        (request("A", carrier=""), [], {"numbers": ["A"]}),
        (request(), [], None),
        (request("A"), [tracking("A")], None),
        (request(), [tracking("A")], None),
        (request("B"), [tracking("A")], {"company": "GLS", "numbers": ["A", "B"]}),
        (request("B", carrier=""), [tracking("A", company="UPS")], {"company": "UPS", "numbers": ["A", "B"]}),
        (request("A", "B"), [tracking("A", LINK)], {"company": "GLS", "numbers": ["A", "B"], "urls": [LINK]}),
    ],
)
def test_tracking_keeps_what_is_known_and_adds_what_is_new(
    given_request: FulfilmentRequest, known: list[Tracking], expected: dict[str, Any] | None
) -> None:
    assert tracking_input(given_request, known) == expected


def test_lines_are_asked_of_open_shares_only_and_per_location() -> None:
    shares = [
        share("OPEN", "North", {"1": 1}),
        share("IN_PROGRESS", "South", {"1": 5, "2": 1}),
        share("CLOSED", "North", {"2": 1}),
    ]
    calls = allot(Counter({"1": 2, "2": 1}), shares)
    taken = [[item for entry in call for item in entry["fulfillmentOrderLineItems"]] for call in calls]
    assert taken == [
        [{"id": "North-1", "quantity": 1}],
        [{"id": "South-1", "quantity": 1}, {"id": "South-2", "quantity": 1}],
    ]


@pytest.mark.parametrize(
    ("status", "left", "waits"),
    [
        ("ON_HOLD", 1, "ON_HOLD"),
        ("SCHEDULED", 1, "SCHEDULED"),
        ("ON_HOLD", 0, None),
        ("OPEN", 1, None),
        ("CLOSED", 0, None),
    ],
)
def test_a_share_that_waits_is_named_by_its_status(status: str, left: int, waits: str | None) -> None:
    assert waiting_status(Counter({"1": 1}), [share(status, "North", {"1": left})]) == waits


def test_a_share_that_waits_without_our_lines_does_not_matter() -> None:
    assert waiting_status(Counter({"1": 1}), [share("ON_HOLD", "North", {"2": 1})]) is None


quantities = st.dictionaries(st.sampled_from("1234"), st.integers(0, 5), max_size=4)
statuses = st.sampled_from(["OPEN", "IN_PROGRESS", "ON_HOLD", "CLOSED", "CANCELLED"])
shares_of_orders = st.lists(st.builds(share, statuses, st.sampled_from(["North", "South"]), quantities), max_size=5)


@given(wanted=quantities, shares=shares_of_orders)
def test_never_more_is_fulfilled_than_wanted_or_open(wanted: dict[str, int], shares: list[Share]) -> None:
    taken: Counter[str] = Counter()
    for call in allot(Counter(wanted), shares):
        for entry in call:
            assert "OPEN" in entry["fulfillmentOrderId"] or "IN_PROGRESS" in entry["fulfillmentOrderId"]
            for item in entry["fulfillmentOrderLineItems"]:
                assert item["quantity"] > 0
                taken[item["id"].rpartition("-")[2]] += item["quantity"]
    for line_id, quantity in taken.items():
        is_open = [one for one in shares if one.status in ("OPEN", "IN_PROGRESS")]
        left = sum(
            line.remaining_quantity
            for one in is_open
            for line in one.lines
            if line.line_item.id.endswith(f"/{line_id}")
        )
        assert quantity == min(wanted[line_id], left)


@given(covered=quantities)
def test_what_is_outstanding_is_what_was_asked_without_what_is_covered(covered: dict[str, int]) -> None:
    left = outstanding(request(), Counter(covered))
    assert left == {
        line_id: asked - covered.get(line_id, 0)
        for line_id, asked in (("1", 2), ("2", 1))
        if asked > covered.get(line_id, 0)
    }
