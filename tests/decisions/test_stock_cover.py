"""How long stock lasts, and what to order again."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.decisions.stock_cover import Stocked, reorders, running_out

WEEK, MONTH = Decimal(7), Decimal(28)


def article(ean: str = "1", *, available: int, sold: int, own: str = "", minimum: int = 1, pack: int = 1) -> Stocked:
    return Stocked(ean, f"SKU-{ean}", available, sold, own, ean, minimum, pack)


@pytest.mark.parametrize(
    ("available", "sold", "days"),
    [
        (0, 28, "0.00"),  # sold out, one a day
        (6, 28, "6.00"),
        (1, 14, "2.00"),  # half a one a day
        (-3, 28, "0.00"),  # oversold
    ],
)
def test_what_sells_out_within_the_days_is_found(available: int, sold: int, days: str) -> None:
    [cover] = running_out([article(available=available, sold=sold)], window_days=MONTH, cover_days=WEEK)
    assert cover.days == Decimal(days)


@pytest.mark.parametrize(("available", "sold"), [(7, 28), (1000, 28), (0, 0)])
def test_what_lasts_or_is_not_bought_is_not_found(available: int, sold: int) -> None:
    assert running_out([article(available=available, sold=sold)], window_days=MONTH, cover_days=WEEK) == []


def test_the_soonest_comes_first_and_of_equals_the_fast_seller() -> None:
    low = running_out(
        [article("a", available=2, sold=28), article("b", available=0, sold=14), article("c", available=0, sold=56)],
        window_days=MONTH,
        cover_days=WEEK,
    )
    assert [cover.article.ean for cover in low] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("available", "minimum", "pack", "quantity"),
    [
        (0, 1, 1, 30),  # one a day for thirty days
        (5, 1, 1, 25),
        (5, 1, 12, 36),  # whole packs
        (5, 100, 1, 100),  # at least the minimum
        (5, 100, 12, 108),
    ],
)
def test_our_own_stock_is_ordered_again_in_whole_packs(available: int, minimum: int, pack: int, quantity: int) -> None:
    one = article(available=available, sold=28, own="warehouse", minimum=minimum, pack=pack)
    low = running_out([one], window_days=MONTH, cover_days=WEEK)
    assert [found.quantity for found in reorders(low, reorder_days=Decimal(30))] == [quantity]


def test_others_stock_is_not_ours_to_order_again() -> None:
    low = running_out([article(available=0, sold=28)], window_days=MONTH, cover_days=WEEK)
    assert reorders(low, reorder_days=Decimal(30)) == []


@given(st.integers(-50, 500), st.integers(1, 5_000), st.integers(1, 200), st.integers(1, 50))
def test_a_reorder_is_whole_packs_and_never_below_the_minimum(
    available: int, sold: int, minimum: int, pack: int
) -> None:
    one = article(available=available, sold=sold, own="warehouse", minimum=minimum, pack=pack)
    low = running_out([one], window_days=MONTH, cover_days=Decimal(10_000))
    for found in reorders(low, reorder_days=Decimal(30)):
        assert found.quantity % pack == 0
        assert found.quantity >= minimum
