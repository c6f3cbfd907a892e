from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import Money
from models.suppliers import ShippingQuote
from workflows.decisions.shipping_choice import choose


def quote(quote_id: str, carrier: str, cost: str, days: int | None = 3) -> ShippingQuote:
    return ShippingQuote(
        quote_id=quote_id, carrier=carrier, cost=Money(amount=Decimal(cost), currency="EUR"), days=days
    )


QUOTES = st.lists(
    st.builds(
        quote,
        st.integers(1, 99).map(str),
        st.sampled_from(["GLS", "gls ", "DHL", "Correos Express", "UPS"]),
        st.decimals(0, 100, places=2).map(str),
        st.none() | st.integers(1, 20),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda one: one.quote_id,
)
PREFERRED = st.lists(st.sampled_from(["GLS", "dhl", "SEUR"]), max_size=3, unique=True)


@pytest.mark.parametrize("carrier", ["GLS", "gls", " Gls ", "gLS"])
def test_the_preferred_carrier_is_taken_however_it_is_written(carrier: str) -> None:
    choice = choose([quote("1", "DHL", "1.00"), quote("2", carrier, "9.00")], ["GLS"], 7)
    assert choice is not None
    assert choice.quote.quote_id == "2"
    assert choice.reason == "preferred carrier GLS"


def test_the_first_preferred_carrier_that_is_offered_wins() -> None:
    choice = choose([quote("1", "UPS", "1.00"), quote("2", "DHL", "9.00")], ["GLS", "DHL", "UPS"], 7)
    assert choice is not None
    assert choice.quote.carrier == "DHL"


def test_of_two_rates_of_the_preferred_carrier_the_cheaper_is_taken() -> None:
    choice = choose([quote("1", "GLS", "9.00"), quote("2", "gls", "8.99")], ["GLS"], 7)
    assert choice is not None
    assert choice.quote.quote_id == "2"


def test_without_a_preferred_carrier_the_cheapest_within_the_promise_is_taken() -> None:
    offered = [quote("1", "DHL", "5.00", 8), quote("2", "UPS", "7.00", 7), quote("3", "SEUR", "9.00", 2)]
    choice = choose(offered, ["GLS"], 7)
    assert choice is not None
    assert choice.quote.quote_id == "2"
    assert choice.reason == "no preferred carrier: cheapest within 7 days"


@pytest.mark.parametrize("days", [8, None])
def test_where_nobody_keeps_the_promise_the_cheapest_is_taken(days: int | None) -> None:
    choice = choose([quote("1", "DHL", "5.00", days), quote("2", "UPS", "4.00", days)], ["GLS"], 7)
    assert choice is not None
    assert choice.quote.quote_id == "2"
    assert choice.reason == "no preferred carrier, none within 7 days: cheapest"


def test_equal_costs_are_decided_by_the_quotes_id() -> None:
    choice = choose([quote("20", "DHL", "5.00"), quote("11", "UPS", "5.0000")], [], 7)
    assert choice is not None
    assert choice.quote.quote_id == "11"


def test_where_nothing_is_offered_nothing_is_chosen() -> None:
    assert choose([], ["GLS"], 7) is None


@given(QUOTES, PREFERRED, st.integers(1, 15), st.randoms(use_true_random=False))
def test_the_order_of_the_offers_changes_nothing(
    quotes: list[ShippingQuote], preferred: list[str], promise: int, random: Random
) -> None:
    shuffled = list(quotes)
    random.shuffle(shuffled)
    assert choose(quotes, preferred, promise) == choose(shuffled, preferred, promise)


@given(QUOTES, PREFERRED, st.integers(1, 15))
def test_the_choice_is_one_of_the_offers_and_none_of_its_kind_is_cheaper(
    quotes: list[ShippingQuote], preferred: list[str], promise: int
) -> None:
    choice = choose(quotes, preferred, promise)
    assert choice is not None
    assert choice.quote in quotes
    same_carrier = [one for one in quotes if one.carrier.strip().lower() == choice.quote.carrier.strip().lower()]
    in_time = [one for one in quotes if one.days is not None and one.days <= promise]
    rivals = same_carrier if choice.reason.startswith("preferred") else in_time or quotes
    assert choice.quote.cost.amount == min(one.cost.amount for one in rivals)
