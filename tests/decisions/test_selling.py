from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.listings import Availability
from models.prices import PriceBook
from models.pricing import Pricing
from models.selling import PoolOffer, SellingRules, ShelfItem
from tests.activities.supply_world import NOW
from workflows.decisions import selling
from workflows.decisions.pricing import price_book

TODAY = date(2026, 3, 2)
RULES = SellingRules(priority=("bts", "nova"), today=TODAY)


def offer(quantity: int, supplier: str = "bts", *, usable: bool = True, cost: str = "10", **more: object) -> PoolOffer:
    return PoolOffer(supplier, f"{supplier}-1", quantity, usable, Decimal(cost), **more)  # type: ignore[arg-type]


def rules(**more: object) -> SellingRules:
    return SellingRules(priority=("bts", "nova"), today=TODAY, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("offers", "demand", "given_rules", "quantity", "words"),
    [
        ([offer(5)], 0, RULES, 5, "in stock"),
        ([offer(5), offer(3, "nova")], 0, RULES, 8, "in stock"),
        ([], 0, RULES, 0, "out of stock"),
        ([offer(0)], 0, RULES, 0, "out of stock"),
        ([offer(-4), offer(3, "nova")], 0, RULES, 3, "in stock"),
        ([offer(5, usable=False)], 0, RULES, 0, "out of stock"),  # stale, discontinued or unknown to the supplier
        ([offer(5, "stranger")], 0, RULES, 0, "out of stock"),  # nobody may order there
        ([offer(5)], 2, RULES, 3, "in stock"),
        ([offer(5)], 9, RULES, 0, "out of stock"),
        ([offer(5)], 0, rules(buffer=2), 3, "in stock"),
        ([offer(5)], 0, rules(buffer=5), 0, "out of stock"),
        ([offer(100)], 0, rules(buffer_share=Decimal("0.07")), 93, "in stock"),
        ([offer(5)], 0, rules(buffer_share=Decimal("0.1")), 4, "in stock"),  # a share of a piece is a piece
        ([offer(20)], 10, rules(buffer=1, buffer_share=Decimal("0.5")), 4, "in stock"),
        ([offer(5), offer(5, "nova")], 0, rules(safety_stock={"nova": 4}), 6, "in stock"),
        ([offer(5), offer(3, "nova")], 0, rules(safety_stock={"nova": 4}), 5, "in stock"),
        ([offer(50)], 0, rules(max_quantity=10), 10, "in stock"),
        ([offer(14, pack=6)], 0, RULES, 12, "in stock"),
        ([offer(5, pack=6)], 0, RULES, 0, "out of stock"),
        ([offer(5, minimum=6)], 0, RULES, 0, "out of stock"),
        ([offer(6, minimum=6)], 0, RULES, 6, "in stock"),
        ([offer(5, lead_days=1)], 0, RULES, 5, "in stock"),
        ([offer(5, lead_days=4)], 0, RULES, 5, "ships in 4 days"),
        ([offer(5, "nova", lead_days=9), offer(1, lead_days=3)], 0, RULES, 6, "ships in 3 days"),
        ([offer(0, lead_days=3), offer(1, "nova", lead_days=9)], 0, RULES, 1, "ships in 9 days"),
        ([offer(0, available_on=date(2026, 3, 9))], 0, RULES, 0, "backorder until 2026-03-09"),
        ([offer(0, available_on=date(2026, 3, 2))], 0, RULES, 0, "out of stock"),  # that day has come
        ([offer(0, available_on=date(2026, 3, 9), usable=False)], 0, RULES, 0, "out of stock"),
        (
            [offer(0, available_on=date(2026, 4, 1)), offer(0, "nova", available_on=date(2026, 3, 20))],
            0,
            RULES,
            0,
            "backorder until 2026-03-20",
        ),
    ],
)
def test_a_shelf_shows_what_can_be_delivered(
    offers: list[PoolOffer], demand: int, given_rules: SellingRules, quantity: int, words: str
) -> None:
    shown = selling.availability(offers, demand, given_rules)
    assert (shown.quantity, shown.words) == (quantity, words)


@given(
    quantities=st.lists(st.integers(-5, 500), max_size=4),
    demand=st.integers(0, 600),
    buffer=st.integers(0, 50),
    share=st.integers(0, 99),
)
def test_no_more_is_ever_shown_than_is_there_and_unsold(
    quantities: list[int], demand: int, buffer: int, share: int
) -> None:
    offers = [offer(quantity, "bts" if number % 2 else "nova") for number, quantity in enumerate(quantities)]
    shown = selling.availability(offers, demand, rules(buffer=buffer, buffer_share=Decimal(share) / 100)).quantity
    there = sum(max(0, quantity) for quantity in quantities)
    assert 0 <= shown <= max(0, there - demand)
    assert shown == 0 or shown + buffer <= there - demand


def book() -> PriceBook:
    pricing = Pricing.model_validate({"rules": [{"name": "all", "markup": "0.5"}]})
    return price_book(pricing, rates={}, at=NOW)


@pytest.mark.parametrize(
    ("offers", "chosen"),
    [
        ([offer(1, cost="12"), offer(9, "nova", cost="5")], "12"),  # preferred, though dearer
        ([offer(0, cost="12"), offer(9, "nova", cost="15")], "15"),  # in stock, though less preferred
        ([offer(0, cost="12"), offer(0, "nova", cost="5")], "5"),  # nobody has it: the cheapest
        ([offer(2, cost="12"), offer(2, cost="11")], "11"),
        ([offer(9, usable=False, cost="3"), offer(1, "nova", cost="5")], "5"),
        ([offer(9, "stranger", cost="3"), offer(1, "nova", cost="5")], "5"),
        ([offer(9, cost="3", currency="XXX"), offer(1, "nova", cost="5")], "5"),  # no rate: it can't be compared
        ([offer(9, usable=False)], None),
        ([], None),
    ],
)
def test_a_price_is_made_of_the_cost_where_it_would_be_ordered(offers: list[PoolOffer], chosen: str | None) -> None:
    found = selling.first_choice(offers, RULES, book())
    assert (None if found is None else found.unit_cost) == (None if chosen is None else Decimal(chosen))


def shelf(quantity: int | None = 5, price: str | None = "15.00", words: str | None = "in stock") -> ShelfItem:
    return ShelfItem("1", "2", "3", "SKU", "4", True, quantity, None if price is None else Decimal(price), words)


@pytest.mark.parametrize(
    ("item", "shown", "price", "change"),
    [
        (shelf(), Availability(quantity=5, words="in stock"), Decimal(15), None),
        (shelf(), None, None, None),
        (shelf(), Availability(quantity=4, words="in stock"), None, (4, None, None)),
        (shelf(), Availability(quantity=0, words="out of stock"), Decimal(16), (0, Decimal(16), "out of stock")),
        (shelf(None, None, None), Availability(quantity=0, words="out of stock"), None, (0, None, "out of stock")),
        (shelf(), Availability(quantity=5, words="ships in 3 days"), None, (None, None, "ships in 3 days")),
        (shelf(), None, Decimal("14.99"), (None, Decimal("14.99"), None)),
    ],
)
def test_only_what_differs_from_what_the_shop_confirmed_is_a_change(
    item: ShelfItem, shown: Availability | None, price: Decimal | None, change: tuple[object, ...] | None
) -> None:
    found = selling.change_of(item, shown, price)
    assert (None if found is None else (found.quantity, found.price, found.words)) == change


def test_a_backorder_carries_its_date() -> None:
    until = TODAY + timedelta(days=3)
    assert selling.availability([offer(0, available_on=until)], 0, RULES).available_on == until
