"""What holds for every article and every set of rules."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from models.listings import ExchangeRate
from models.money import Money
from models.prices import PriceDecision, PricedProduct
from models.pricing import PriceRule, Pricing, Promotion, Rounding
from workflows.decisions.pricing import in_currency, price, price_book

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ENDINGS = ("0.99", "0.49", "0.95", "0", "9.90", "5", "49.00", "99.95")
CURRENCIES = ("EUR", "USD", "GBP")
ARTICLES = st.sampled_from(("bts", "nova")), st.sampled_from(("Acme", "Other")), st.sampled_from(("A > B", "A", "C"))


def decimals(low: str, high: str, places: int = 4) -> st.SearchStrategy[Decimal]:
    return st.decimals(Decimal(low), Decimal(high), places=places)


def amounts(low: str = "0.0001") -> st.SearchStrategy[Decimal]:
    return st.one_of(decimals(low, "5"), decimals(low, "500", 2), decimals(low, "100000", 2))


def money(low: str = "0.0001") -> st.SearchStrategy[Money]:
    return st.builds(Money, amount=amounts(low), currency=st.sampled_from(CURRENCIES))


def products(**known: st.SearchStrategy[Money]) -> st.SearchStrategy[PricedProduct]:
    usual = {"recommended": st.none() | money(), "map_price": st.none() | money()}
    return st.builds(
        PricedProduct,
        sku=st.sampled_from(("OUR-1", "OUR-2")),
        ean=st.just("8411061123456"),
        supplier=ARTICLES[0],
        brand=ARTICLES[1],
        category=ARTICLES[2],
        cost=money("1"),
        **{**usual, **known},
    )


RULES = st.builds(
    PriceRule,
    name=st.just("some"),
    suppliers=st.sampled_from(((), ("bts",))),
    brands=st.sampled_from(((), ("acme",))),
    categories=st.sampled_from(((), ("a",))),
    markup=st.none() | decimals("0", "5"),
    add=decimals("0", "20", 2),
    use_recommended=st.booleans(),
)
LAST_RULE = PriceRule(name="rest", markup=Decimal("0.3"))
PROMOTIONS = st.builds(
    Promotion,
    name=st.just("promotion"),
    starts=st.just(AT - timedelta(days=1)),
    ends=st.sampled_from((AT, AT + timedelta(days=1))),
    discount=decimals("0", "1"),
    skus=st.sampled_from(((), ("OUR-1",))),
)


def _with_names_of_their_own(promotions: list[Promotion]) -> tuple[Promotion, ...]:
    return tuple(one.model_copy(update={"name": f"promotion-{number}"}) for number, one in enumerate(promotions))


def pricings(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[Pricing]:
    usual: dict[str, st.SearchStrategy[Any]] = {
        "currency": st.sampled_from(CURRENCIES),
        "rules": st.builds(lambda rule: (rule, LAST_RULE), RULES),
        "promotions": st.lists(PROMOTIONS, max_size=3).map(_with_names_of_their_own),
        "min_margin": decimals("0", "0.95"),
        "tax_rate": st.sampled_from(("0", "0.055", "0.21")).map(Decimal),
        "prices_include_tax": st.booleans(),
        "keep_map": st.booleans(),
        "max_recommended": st.none() | decimals("0.0001", "3"),
        "endings": st.lists(st.sampled_from(ENDINGS).map(Decimal), max_size=3).map(tuple),
        "rounding": st.sampled_from(Rounding),
    }
    return st.builds(Pricing, **{**usual, **known})


RATE_VALUES = decimals("0.001", "2000")
RATES = st.fixed_dictionaries({"USD": RATE_VALUES, "GBP": RATE_VALUES}).map(
    lambda found: {
        currency: ExchangeRate(base="EUR", currency=currency, rate=rate, on=date(2026, 3, 1), source="ecb")
        for currency, rate in found.items()
    }
)
Rates = dict[str, ExchangeRate]


def priced(product: PricedProduct, pricing: Pricing, rates: Rates) -> PriceDecision:
    """Price it, where it has one: what costs less than a millionth, or more than an amount holds, has none."""
    decision = price(product, pricing, rates=rates, at=AT)
    assume(decision.price is not None)
    return decision


@given(products(), pricings(), RATES)
def test_the_minimum_margin_always_stays(product: PricedProduct, pricing: Pricing, rates: Rates) -> None:
    decision = priced(product, pricing, rates)
    assert decision.price is not None
    assert decision.cost is not None
    tax = 1 + Fraction(pricing.tax_rate) if pricing.prices_include_tax else Fraction(1)
    untaxed = Fraction(decision.price) / tax
    assert (untaxed - Fraction(decision.cost)) / untaxed >= Fraction(pricing.min_margin)


@given(products(map_price=money()), pricings(keep_map=st.just(True)), RATES)
def test_the_advertised_minimum_is_kept(product: PricedProduct, pricing: Pricing, rates: Rates) -> None:
    decision = priced(product, pricing, rates)
    advertised = in_currency(product.map_price, price_book(pricing, rates=rates, at=AT))
    assert decision.price is not None
    assert advertised is None or (isinstance(advertised, Decimal) and decision.price >= advertised)


@given(products(recommended=money()), pricings(max_recommended=decimals("0.0001", "3")), RATES)
def test_a_price_over_the_cap_is_the_lowest_that_margin_and_advertised_minimum_allow(
    product: PricedProduct, pricing: Pricing, rates: Rates
) -> None:
    decision = priced(product, pricing, rates)
    book = price_book(pricing, rates=rates, at=AT)
    recommended, advertised = in_currency(product.recommended, book), in_currency(product.map_price, book)
    assert pricing.max_recommended is not None
    assert decision.price is not None
    assert decision.cost is not None
    if isinstance(recommended, Decimal) and decision.price > pricing.max_recommended * recommended:
        needed = decision.cost * book.taxed / book.kept
        if pricing.keep_map and isinstance(advertised, Decimal):
            needed = max(needed, advertised)
        lower = [one for one in prices_below(decision.price, pricing) if one >= needed]
        assert lower == []


def prices_below(price: Decimal, pricing: Pricing) -> list[Decimal]:
    """List the nearest price below for every ending."""
    cents = int(price * 100)
    endings = [
        (int(ending * 100), 100 if ending < 1 else 1000 if ending < 10 else 10_000) for ending in pricing.endings
    ]
    below = [cents - ((cents - ending) % distance or distance) for ending, distance in endings or [(0, 1)]]
    return [Decimal(found) / 100 for found in below]


@given(products(), pricings(), RATES)
def test_the_ending_is_one_of_the_configured(product: PricedProduct, pricing: Pricing, rates: Rates) -> None:
    decision = priced(product, pricing, rates)
    assert decision.price is not None
    assert decision.price > 0
    assert decision.price % Decimal("0.01") == 0
    if pricing.endings:
        digits = f"{decision.price:015.2f}"
        shown = [f"{ending:.2f}" if ending >= 1 else f"{ending:.2f}"[1:] for ending in pricing.endings]
        assert any(digits.endswith(ending) for ending in shown)


@given(products(), pricings(), RATES)
def test_the_same_facts_give_the_same_price(product: PricedProduct, pricing: Pricing, rates: Rates) -> None:
    again = replace(product)
    assert price(product, pricing, rates=rates, at=AT) == price(again, pricing.model_copy(), rates=dict(rates), at=AT)


@given(products(), pricings(), RATES, amounts())
def test_a_higher_cost_never_gives_a_lower_price(
    product: PricedProduct, pricing: Pricing, rates: Rates, more: Decimal
) -> None:
    assert product.cost is not None
    dearer = replace(product, cost=Money(amount=product.cost.amount + more, currency=product.cost.currency))
    lower, higher = priced(product, pricing, rates), priced(dearer, pricing, rates)
    assert lower.rule == higher.rule
    assert lower.price is not None
    assert higher.price is not None
    assert lower.price <= higher.price


@given(products(), pricings(), RATES)
def test_a_promotion_never_raises_a_price(product: PricedProduct, pricing: Pricing, rates: Rates) -> None:
    decision = priced(product, pricing, rates)
    usual = priced(product, pricing.model_copy(update={"promotions": ()}), rates)
    assert decision.price is not None
    assert usual.price is not None
    assert decision.price <= usual.price


@given(money(), st.sampled_from(CURRENCIES), RATES)
def test_conversion_is_exact_to_a_millionth(given: Money, currency: str, rates: Rates) -> None:
    book = price_book(Pricing(currency=currency, rules=(LAST_RULE,)), rates=rates, at=AT)
    found = in_currency(given, book)
    values = {"EUR": Fraction(1)} | {name: Fraction(rate.rate) for name, rate in rates.items()}
    exact = Fraction(given.amount) * values[currency] / values[given.currency]
    if given.currency == currency:
        assert found == given.amount
    elif found is None:
        assert exact <= Fraction(1, 2_000_000)
    else:
        assert isinstance(found, Decimal)
        assert abs(Fraction(found) - exact) <= Fraction(1, 2_000_000)
