from datetime import date, timedelta
from decimal import Decimal

import pytest

from models.listings import Availability
from models.prices import PriceBook
from models.pricing import Pricing
from models.selling import PoolOffer, SellingRules, ShelfItem
from tests.activities.supply_world import NOW
from workflows.decisions import selling
from workflows.decisions.pricing import price_book

TODAY = date(2026, 3, 2)
RULES = SellingRules(priority=("bts", "nova"), today=TODAY)


def offer(units: int, supplier: str = "bts", *, usable: bool = True, cost: str = "10", **more: object) -> PoolOffer:
    return PoolOffer(supplier, f"{supplier}-1", units, usable, Decimal(cost), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parts", "units", "words"),
    [
        ([[offer(5)]], 5, "in stock"),
        ([[]], 0, "out of stock"),
        ([[offer(0)]], 0, "out of stock"),
        ([[offer(5)]], 0, "out of stock"),  # all of it is sold
        ([[offer(5, lead_days=1)]], 5, "in stock"),
        ([[offer(5, lead_days=4)]], 5, "ships in 4 days"),
        ([[offer(5, "nova", lead_days=9), offer(1, lead_days=3)]], 6, "ships in 3 days"),
        ([[offer(0, lead_days=3), offer(1, "nova", lead_days=9)]], 1, "ships in 9 days"),
        ([[offer(3, lead_days=3, usable=False), offer(1, "nova", lead_days=9)]], 1, "ships in 9 days"),
        ([[offer(3, "stranger", lead_days=3), offer(1, "nova", lead_days=9)]], 1, "ships in 9 days"),
        ([[offer(0, available_on=date(2026, 3, 9))]], 0, "backorder until 2026-03-09"),
        ([[offer(0, available_on=date(2026, 3, 2))]], 0, "out of stock"),  # that day has come
        ([[offer(0, available_on=date(2026, 3, 9), usable=False)]], 0, "out of stock"),
        (
            [[offer(0, available_on=date(2026, 4, 1)), offer(0, "nova", available_on=date(2026, 3, 20))]],
            0,
            "backorder until 2026-03-20",
        ),
        # Bundles ship with their slowest part, and come back with the last of what is lacking.
        ([[offer(5)], [offer(5, lead_days=4)]], 2, "ships in 4 days"),
        ([[offer(5)], [offer(0, available_on=date(2026, 3, 9))]], 0, "backorder until 2026-03-09"),
        (
            [[offer(0, available_on=date(2026, 3, 12))], [offer(0, available_on=date(2026, 3, 9))]],
            0,
            "backorder until 2026-03-12",
        ),
        ([[offer(0)], [offer(0, available_on=date(2026, 3, 9))]], 0, "out of stock"),
    ],
)
def test_the_words_beside_a_quantity_say_when_it_ships_or_comes_back(
    parts: list[list[PoolOffer]], units: int, words: str
) -> None:
    shown = selling.availability(parts, units, RULES)
    assert (shown.quantity, shown.words) == (units, words)


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
    assert selling.availability([[offer(0, available_on=until)]], 0, RULES).available_on == until
