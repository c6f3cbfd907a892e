# ruff: noqa: E501 - a worked case is one line
"""Worked cases: each name holds the arithmetic, done by hand. Amounts are euros unless said otherwise."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from models.listings import ExchangeRate
from models.money import Money
from models.prices import PricedProduct, PriceReason
from models.pricing import Pricing
from workflows.decisions.pricing import price

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
NINES = {"endings": ["0.99"]}
TAXED = {"tax_rate": "0.21", "prices_include_tax": True}
RULE = {"name": "all", "markup": "0.35"}
SPRING = {"name": "spring", "starts": "2026-03-01T00:00:00Z", "ends": "2026-04-01T00:00:00Z", "discount": "0.10"}
RATES = {
    "USD": ExchangeRate(base="EUR", currency="USD", rate=Decimal("1.25"), on=date(2026, 2, 27), source="ecb"),
    "GBP": ExchangeRate(base="EUR", currency="GBP", rate=Decimal("0.8"), on=date(2026, 2, 27), source="ecb"),
    "JPY": ExchangeRate(base="EUR", currency="JPY", rate=Decimal("160"), on=date(2026, 2, 27), source="ecb"),
    "SEK": ExchangeRate(base="EUR", currency="SEK", rate=Decimal("11"), on=date(2026, 2, 20), source="ecb"),
    "CAD": ExchangeRate(base="USD", currency="CAD", rate=Decimal("1.4"), on=date(2026, 2, 27), source="bank"),
}


def money(text: str | None) -> Money | None:
    """Read ``12.50`` or ``12.50 USD``."""
    if text is None:
        return None
    amount, _, currency = text.partition(" ")
    return Money(amount=Decimal(amount), currency=currency or "EUR")


def product(cost: str | None, **given: Any) -> PricedProduct:
    facts = {"sku": "OUR-1", "ean": "8411061123456", "brand": "Acme", "category": "Beauty > Hair > Oil", **given}
    recommended, map_price = money(facts.pop("rrp", None)), money(facts.pop("map", None))
    facts = {"supplier": "bts", **facts}
    return PricedProduct(cost=money(cost), recommended=recommended, map_price=map_price, **facts)


def pricing(**given: Any) -> Pricing:
    rules = given.pop("rules", None) or [RULE | given.pop("rule", {})]
    return Pricing.model_validate({"rules": rules, "min_margin": "0", **given})


def tiers(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"rules": [{"name": f"rule-{number}", **rule} for number, rule in enumerate(rules, 1)]}


# (what is reckoned, cost, the article besides, the pricing, the price)
CASES: list[tuple[str, str | None, dict[str, Any], dict[str, Any], str | None]] = [
    # Markup and addition.
    ("10 × 1.35 = 13.50", "10", {}, {}, "13.50"),
    ("10 × 1.35 + 2 = 15.50", "10", {}, {"rule": {"add": "2"}}, "15.50"),
    ("no markup: 10 × 1 + 0.75 = 10.75", "10", {}, {"rule": {"markup": None, "add": "0.75"}}, "10.75"),
    ("3.33 × 1.35 = 4.4955, up to a cent: 4.50", "3.33", {}, {}, "4.50"),
    ("3.33 × 1.35 = 4.4955, down: 4.49", "3.33", {}, {"rounding": "down"}, "4.49"),
    ("3.33 × 1.35 = 4.4955, nearest: 4.50", "3.33", {}, {"rounding": "nearest"}, "4.50"),
    ("4.10 × 1.05 = 4.305, half way goes up: 4.31", "4.10", {}, {"rule": {"markup": "0.05"}, "rounding": "nearest"}, "4.31"),
    ("0.01 × 1.35 = 0.0135, up: 0.02", "0.01", {}, {}, "0.02"),
    # The first rule that fits.
    ("below 20: × 2; 10 → 20", "10", {}, tiers({"cost_below": "20", "markup": "1"}, {"markup": "0.5"}), "20.00"),
    ("20 is not below 20: × 1.5 = 30", "20", {}, tiers({"cost_below": "20", "markup": "1"}, {"markup": "0.5"}), "30.00"),
    ("20 is from 20 on: × 1.2 = 24", "20", {}, tiers({"cost_from": "20", "markup": "0.2"}, {"markup": "1"}), "24.00"),
    ("another supplier's rule is passed over: 10 × 1.5 = 15", "10", {}, tiers({"suppliers": ["nova"], "markup": "9"}, {"markup": "0.5"}), "15.00"),
    ("its own supplier's: 10 × 1.1 = 11", "10", {}, tiers({"suppliers": ["bts"], "markup": "0.1"}, {"markup": "0.5"}), "11.00"),
    ("ACME is Acme: 10 × 1.6 = 16", "10", {}, tiers({"brands": ["  ACME"], "markup": "0.6"}, {"markup": "0.5"}), "16.00"),
    ("beauty/hair is above Beauty > Hair > Oil: 10 × 1.7 = 17", "10", {}, tiers({"categories": ["beauty/hair"], "markup": "0.7"}), "17.00"),
    ("Hair alone is no path above it: 10 × 1.5 = 15", "10", {}, tiers({"categories": ["Hair"], "markup": "9"}, {"markup": "0.5"}), "15.00"),
    ("Beauty > Hai is no level: 10 × 1.5 = 15", "10", {}, tiers({"categories": ["Beauty > Hai"], "markup": "9"}, {"markup": "0.5"}), "15.00"),
    ("every condition must hold: brand does, supplier not: 15", "10", {}, tiers({"brands": ["acme"], "suppliers": ["nova"], "markup": "9"}, {"markup": "0.5"}), "15.00"),
    ("no rule fits: none", "10", {}, tiers({"brands": ["other"], "markup": "1"}), None),
    ("the tier is of the converted cost: 25 USD = 20 EUR, not below 20: 20 × 1.5 = 30", "25 USD", {}, tiers({"cost_below": "20", "markup": "1"}, {"markup": "0.5"}), "30.00"),
    # The recommended price instead.
    ("recommended 19.95 instead of 10 × 1.35", "10", {"rrp": "19.95"}, {"rule": {"use_recommended": True}}, "19.95"),
    ("none is recommended: 10 × 1.35 = 13.50", "10", {}, {"rule": {"use_recommended": True}}, "13.50"),
    ("0 is no recommendation: 13.50", "10", {"rrp": "0"}, {"rule": {"use_recommended": True}}, "13.50"),
    ("recommended 25 USD ÷ 1.25 = 20 EUR", "10", {"rrp": "25 USD"}, {"rule": {"use_recommended": True}}, "20.00"),
    # Tax.
    ("(10 × 1.35) × 1.21 = 16.335, up: 16.34", "10", {}, TAXED, "16.34"),
    ("(10 × 1.35 + 1) × 1.21 = 17.545, up: 17.55", "10", {}, TAXED | {"rule": {"add": "1"}}, "17.55"),
    ("prices without tax: 21 % changes nothing: 13.50", "10", {}, {"tax_rate": "0.21"}, "13.50"),
    ("recommended is with tax already: 19.95", "10", {"rrp": "19.95"}, TAXED | {"rule": {"use_recommended": True}}, "19.95"),
    # Minimum margin: of the untaxed price.
    ("10 × 1.05 = 10.50 leaves 4.8 %; 10 ÷ 0.80 = 12.50", "10", {}, {"rule": {"markup": "0.05"}, "min_margin": "0.2"}, "12.50"),
    ("10 ÷ 0.90 = 11.1111…, up even where rounding is down: 11.12", "10", {}, {"rule": {"markup": "0"}, "min_margin": "0.1", "rounding": "down"}, "11.12"),
    ("with tax: 10 × 1.21 ÷ 0.80 = 15.125: 15.13", "10", {}, TAXED | {"rule": {"markup": "0"}, "min_margin": "0.2"}, "15.13"),
    ("recommended 9 would sell at a loss: 10 ÷ 0.9 = 11.12", "10", {"rrp": "9"}, {"rule": {"use_recommended": True}, "min_margin": "0.1"}, "11.12"),
    ("exactly the margin stays: 8 × 1.25 = 10, (10 − 8) ÷ 10 = 0.2", "8", {}, {"rule": {"markup": "0.25"}, "min_margin": "0.2"}, "10.00"),
    # The minimum advertised price.
    ("13.50 is below the advertised 15", "10", {"map": "15"}, {}, "15.00"),
    ("13.50 is above the advertised 12", "10", {"map": "12"}, {}, "13.50"),
    ("it need not be kept: 13.50", "10", {"map": "15"}, {"keep_map": False}, "13.50"),
    ("advertised 15 is with tax: 16.34 is above it", "10", {"map": "15"}, TAXED, "16.34"),
    ("advertised 20 USD ÷ 1.25 = 16", "10", {"map": "20 USD"}, {}, "16.00"),
    ("margin over advertised: 10 ÷ 0.5 = 20 > 15", "10", {"map": "15"}, {"min_margin": "0.5"}, "20.00"),
    ("advertised 14.995: the next cent is 15.00, also rounding down", "10", {"map": "14.995"}, {"rounding": "down"}, "15.00"),
    # The cap on the recommended price.
    ("10 × 3 = 30, at most 1.2 × 20 = 24", "10", {"rrp": "20"}, {"rule": {"markup": "2"}, "max_recommended": "1.2"}, "24.00"),
    ("13.50 is below 1.2 × 20", "10", {"rrp": "20"}, {"max_recommended": "1.2"}, "13.50"),
    ("nothing recommended, nothing capped: 30", "10", {}, {"rule": {"markup": "2"}, "max_recommended": "1.2"}, "30.00"),
    ("the margin needs more: 10 ÷ 0.5 = 20 over 1 × 15", "10", {"rrp": "15"}, {"max_recommended": "1", "min_margin": "0.5"}, "20.00"),
    ("the advertised 18 over the cap of 15", "10", {"rrp": "15", "map": "18"}, {"max_recommended": "1"}, "18.00"),
    ("13.50 would end in 13.99 over the cap 13.80: 12.99", "10", {"rrp": "13.80"}, {"max_recommended": "1"} | NINES, "12.99"),
    ("… but 12.99 is below 10 ÷ 0.75 = 13.34: 13.99 after all", "10", {"rrp": "13.80"}, {"max_recommended": "1", "min_margin": "0.25"} | NINES, "13.99"),
    # Promotions.
    ("13.50 − 10 % = 12.15", "10", {}, {"promotions": [SPRING]}, "12.15"),
    ("it begins tomorrow: 13.50", "10", {}, {"promotions": [SPRING | {"starts": "2026-03-03T00:00:00Z"}]}, "13.50"),
    ("it begins this instant: 12.15", "10", {}, {"promotions": [SPRING | {"starts": "2026-03-02T09:00:00Z"}]}, "12.15"),
    ("it ends this instant: 13.50", "10", {}, {"promotions": [SPRING | {"ends": "2026-03-02T09:00:00Z"}]}, "13.50"),
    ("the better of 10 % and 20 %, never both: 10.80", "10", {}, {"promotions": [SPRING, SPRING | {"name": "big", "discount": "0.2"}]}, "10.80"),
    ("of another brand: 13.50", "10", {}, {"promotions": [SPRING | {"brands": ["other"]}]}, "13.50"),
    ("of our SKU: 12.15", "10", {}, {"promotions": [SPRING | {"skus": ["OUR-1"]}]}, "12.15"),
    ("of other SKUs: 13.50", "10", {}, {"promotions": [SPRING | {"skus": ["OUR-2"]}]}, "13.50"),
    ("− 50 % = 6.75 stops at the margin: 10 ÷ 0.9 = 11.12", "10", {}, {"promotions": [SPRING | {"discount": "0.5"}], "min_margin": "0.1"}, "11.12"),
    ("− 10 % = 12.15 stops at the advertised 13", "10", {"map": "13"}, {"promotions": [SPRING]}, "13.00"),
    ("off the capped price: 24 − 10 % = 21.60", "10", {"rrp": "20"}, {"rule": {"markup": "2"}, "max_recommended": "1.2", "promotions": [SPRING]}, "21.60"),
    ("everything off still costs what it costs: 10.00", "10", {}, {"promotions": [SPRING | {"discount": "1"}]}, "10.00"),
    # Endings, last.
    ("13.50 → 13.99", "10", {}, NINES, "13.99"),
    ("13.50 down → 12.99", "10", {}, NINES | {"rounding": "down"}, "12.99"),
    ("13.50: 12.99 is 0.51 away, 13.99 is 0.49: 13.99", "10", {}, NINES | {"rounding": "nearest"}, "13.99"),
    ("13.50 between 13.49 and 13.99: nearest 13.49", "10", {}, {"endings": ["0.49", "0.99"], "rounding": "nearest"}, "13.49"),
    ("13.50 → the next that ends in 9.90: 19.90", "10", {}, {"endings": ["9.90"]}, "19.90"),
    ("135 → the next that ends in 49.00: 149", "100", {}, {"endings": ["49.00"]}, "149.00"),
    ("13.50 → the next whole one: 14", "10", {}, {"endings": ["0.00"]}, "14.00"),
    ("12.99 ends so already", "12.99", {}, {"rule": {"markup": "0"}} | NINES, "12.99"),
    ("0.40 down → no 0.99 below: 0.99, not 0", "0.40", {}, {"rule": {"markup": "0"}, "rounding": "down"} | NINES, "0.99"),
    ("12.50 is the margin's least, 12.99 the ending", "10", {}, {"rule": {"markup": "0"}, "min_margin": "0.2", "rounding": "down"} | NINES, "12.99"),
    ("13.50 − 10 % = 12.15 → 12.99: the ending comes after the promotion", "10", {}, {"promotions": [SPRING]} | NINES, "12.99"),
    ("13.50 × 1.21 = 16.335 → 16.99: the ending is what customers see", "10", {}, TAXED | NINES, "16.99"),
    # Currencies.
    ("10 USD ÷ 1.25 = 8 EUR, × 1.35 = 10.80", "10 USD", {}, {}, "10.80"),
    ("10 USD ÷ 1.25 × 0.8 = 6.40 GBP, × 1.35 = 8.64", "10 USD", {}, {"currency": "GBP"}, "8.64"),
    ("10 EUR × 0.8 = 8 GBP, × 1.35 = 10.80", "10", {}, {"currency": "GBP"}, "10.80"),
    ("10 EUR × 160 = 1600 JPY, × 1.35 = 2160, and no part of a yen", "10", {}, {"currency": "JPY"}, "2160"),
    ("10.01 EUR × 160 = 1601.6 JPY, × 1.35 = 2162.16 → 2163", "10.01", {}, {"currency": "JPY"}, "2163"),
    ("the rate of 20 Feb is 10 days old, 7 are allowed: none", "10 SEK", {}, {}, None),
    ("10 days old, 10 are allowed: 11 SEK ÷ 11 = 1, × 1.35", "11 SEK", {}, {"max_rate_age_days": 10}, "1.35"),
    ("no rate at all: none", "10 CHF", {}, {}, None),
    ("a rate over another base: none", "10 CAD", {}, {}, None),
    ("an advertised minimum that can't be converted: none", "10", {"map": "15 CHF"}, {}, None),
    ("… unless it need not be kept: 13.50", "10", {"map": "15 CHF"}, {"keep_map": False}, "13.50"),
    ("a recommended price that is not needed is not converted: 13.50", "10", {"rrp": "15 CHF"}, {}, "13.50"),
    # No price.
    ("no cost: none", None, {}, {}, None),
    ("cost 0: none", "0", {}, {}, None),
    ("a cost below 0: none", "-1", {}, {}, None),
    ("more than an amount holds: none", "9999999999", {}, {}, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cost", "article", "rules", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_worked(cost: str | None, article: dict[str, Any], rules: dict[str, Any], expected: str | None) -> None:
    decision = price(product(cost, **article), pricing(**rules), rates=RATES, at=AT)
    assert (None if decision.price is None else str(decision.price)) == expected


def test_there_are_enough_worked_cases_and_each_is_another() -> None:
    assert len({case[0] for case in CASES}) == len(CASES) >= 40


def reasons(cost: str | None, article: dict[str, Any], **rules: Any) -> list[PriceReason]:
    return list(price(product(cost, **article), pricing(**rules), rates=RATES, at=AT).reasons)


def test_every_step_is_told_with_its_amount() -> None:
    rules = pricing(
        **TAXED, **NINES, rule={"markup": "2"}, max_recommended="1.2", promotions=[SPRING], min_margin="0.1"
    )
    decision = price(product("10 USD", rrp="20"), rules, rates=RATES, at=AT)
    told = [(step.reason.value, step.amount, step.name) for step in decision.steps]
    assert told == [
        ("cost", Decimal("8"), ""),
        ("rule", Decimal("29.04"), "all"),  # 8 × 3 × 1.21
        ("capped", Decimal("24"), ""),
        ("promotion", Decimal("21.6"), "spring"),
        ("rounded", Decimal("21.99"), ""),
    ]
    assert (decision.rule, decision.promotion) == ("all", "spring")
    assert decision.margin is not None
    assert round(decision.margin, 4) == Decimal("0.5598")  # 21.99 ÷ 1.21 = 18.1736; (18.1736 − 8) ÷ 18.1736


def test_why_there_is_no_price_is_told() -> None:
    assert reasons(None, {}) == [PriceReason.NO_COST]
    assert reasons("0", {}) == [PriceReason.NO_COST]
    assert reasons("10 SEK", {}) == [PriceReason.RATE_TOO_OLD]
    assert reasons("10 CHF", {}) == [PriceReason.NO_RATE]
    assert reasons("10", {"map": "9 SEK"}) == [PriceReason.RATE_TOO_OLD]
    assert reasons("10", {}, **tiers({"brands": ["other"]})) == [PriceReason.NO_RULE]
    assert reasons("9999999999", {}) == [PriceReason.TOO_LARGE]


def test_what_raised_a_price_is_told() -> None:
    assert PriceReason.MINIMUM_MARGIN in reasons("10", {"map": "11"}, min_margin="0.5")
    assert PriceReason.MINIMUM_ADVERTISED in reasons("10", {"map": "30"}, min_margin="0.5")
    assert reasons("10", {}, **NINES, rule={"markup": "0"}, rounding="down")[-1] is PriceReason.ROUNDED_OVER


def test_an_ending_that_no_price_has_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"no price in EUR ends in 0\.995"):
        pricing(endings=["0.995"])
    with pytest.raises(ValidationError, match=r"no price in JPY ends in 0\.99"):
        pricing(endings=["0.99"], currency="JPY")
