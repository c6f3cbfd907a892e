"""Selling prices: cost into the channel's currency, the first rule that fits, promotions, limits, and the ending last.

Where limits contradict each other, the minimum margin wins over the advertised minimum, that over the cap on the
recommended price, and that over a promotion. Recommended and advertised prices are compared with what customers see.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from re import compile as pattern

from models.listings import ExchangeRate
from models.money import Money
from models.prices import (
    PRICE_LIMIT,
    Conversion,
    CostEffect,
    Fits,
    PriceBook,
    PriceDecision,
    PricedProduct,
    PriceReason,
    PriceStep,
    ReadyPromotion,
    ReadyRule,
    smallest_unit,
)
from models.pricing import PriceRule, Pricing, Promotion, Rounding

_EXACT = Context(prec=60)  # more digits than any product of an amount and two rates has
_MILLIONTH = Decimal("0.000001")
_ONE, _ZERO, _WITHOUT_END = Decimal(1), Decimal(0), Decimal("Infinity")
_LEVELS = pattern(r"\s*[>/|]\s*")


def price(
    product: PricedProduct, pricing: Pricing, *, rates: Mapping[str, ExchangeRate], at: datetime
) -> PriceDecision:
    """Decide one price. For many, make the rules ready once with ``price_book`` and ask ``price_with``."""
    return price_with(product, price_book(pricing, rates=rates, at=at))


def price_book(pricing: Pricing, *, rates: Mapping[str, ExchangeRate], at: datetime) -> PriceBook:
    """Make a channel's pricing ready for this instant. ``rates`` are the newest known, by currency."""
    unit = smallest_unit(pricing.currency)
    running = [one for one in pricing.promotions if one.starts <= at < one.ends]
    return PriceBook(
        currency=pricing.currency,
        rules=tuple(_ready_rule(rule) for rule in pricing.rules),
        promotions=tuple(_ready_promotion(one) for one in sorted(running, key=lambda one: -one.discount)),
        conversions=_conversions(pricing, rates, at),
        taxed=_ONE + pricing.tax_rate if pricing.prices_include_tax else _ONE,
        kept=_ONE - pricing.min_margin,
        keep_map=pricing.keep_map,
        max_recommended=pricing.max_recommended,
        rounding=pricing.rounding,
        unit=unit,
        endings=tuple(_ready_ending(ending, unit) for ending in pricing.endings) or ((0, 1),),
    )


def price_with(product: PricedProduct, book: PriceBook) -> PriceDecision:
    """Decide one price by rules made ready before."""
    cost = in_currency(product.cost, book)
    if not isinstance(cost, Decimal):
        return _none(cost or PriceReason.NO_COST)
    rule = _first_rule(product, cost, book.rules)
    if rule is None:
        return _none(PriceReason.NO_RULE, cost)
    wants_recommended = rule.use_recommended or book.max_recommended is not None
    recommended = in_currency(product.recommended, book) if wants_recommended else None
    advertised = in_currency(product.map_price, book) if book.keep_map else None
    if isinstance(recommended, PriceReason):
        return _none(recommended, cost)
    if isinstance(advertised, PriceReason):
        return _none(advertised, cost)
    return _decide(product, book, rule, cost, recommended, advertised)


def cost_effect(product: PricedProduct, new_cost: Money, book: PriceBook) -> CostEffect:
    """Say what becomes of a price, and of its margin, with another cost."""
    return CostEffect(price_with(product, book), price_with(replace(product, cost=new_cost), book))


def in_currency(money: Money | None, book: PriceBook) -> Decimal | PriceReason | None:
    """Convert into the channel's currency, to a millionth. None for nothing or less; a reason where no rate is good."""
    if money is None or money.amount <= 0:
        return None
    if money.currency == book.currency:
        return money.amount
    conversion = book.conversions.get(money.currency, PriceReason.NO_RATE)
    if isinstance(conversion, PriceReason):
        return conversion
    exact = _EXACT.divide(_EXACT.multiply(money.amount, conversion.to), conversion.by)
    # An amount below a millionth is none that could be sold for.
    return exact.quantize(_MILLIONTH, ROUND_HALF_EVEN, _EXACT) or None


def _decide(
    product: PricedProduct,
    book: PriceBook,
    rule: ReadyRule,
    cost: Decimal,
    recommended: Decimal | None,
    advertised: Decimal | None,
) -> PriceDecision:
    steps = [PriceStep(PriceReason.COST, cost)]
    wanted = _by_rule(rule, cost, recommended, book, steps)
    cap = book.max_recommended * recommended if book.max_recommended is not None and recommended else None
    if cap is not None and wanted > cap:
        wanted = cap
        steps.append(PriceStep(PriceReason.CAPPED, wanted))
    promotion = next((one for one in book.promotions if _fits(one.fits, product)), None)
    if promotion is not None:
        wanted *= promotion.remaining
        steps.append(PriceStep(PriceReason.PROMOTION, wanted, promotion.name))
    floor, reason = _floor(cost, advertised, book)
    if wanted < floor:
        wanted = floor
        steps.append(PriceStep(reason, wanted))
    found = _rounded(wanted, floor, cap, book, steps)
    if found >= PRICE_LIMIT:
        return _none(PriceReason.TOO_LARGE, cost)
    return PriceDecision(found, tuple(steps), cost, book.taxed, rule.name, promotion.name if promotion else "")


def _none(reason: PriceReason, cost: Decimal | None = None) -> PriceDecision:
    return PriceDecision(None, (PriceStep(reason),), cost)


def _by_rule(
    rule: ReadyRule, cost: Decimal, recommended: Decimal | None, book: PriceBook, steps: list[PriceStep]
) -> Decimal:
    if rule.use_recommended and recommended is not None:
        steps.append(PriceStep(PriceReason.RECOMMENDED, recommended, rule.name))
        return recommended
    wanted = (cost * rule.factor + rule.add) * book.taxed
    steps.append(PriceStep(PriceReason.RULE, wanted, rule.name))
    return wanted


def _floor(cost: Decimal, advertised: Decimal | None, book: PriceBook) -> tuple[Decimal, PriceReason]:
    """Return the lowest price that is allowed, and why."""
    lowest = cost * book.taxed / book.kept
    if advertised is not None and advertised > lowest:
        return advertised, PriceReason.MINIMUM_ADVERTISED
    return lowest, PriceReason.MINIMUM_MARGIN


# Rounding: in the currency's smallest units, where an ending is a remainder.


def _rounded(wanted: Decimal, floor: Decimal, cap: Decimal | None, book: PriceBook, steps: list[PriceStep]) -> Decimal:
    """Bring a price to an ending: as configured, unless that is below the floor or above the cap."""
    configured = units = _as_configured(wanted / book.unit, book)
    if cap is not None and units * book.unit > cap:
        units = _down(cap / book.unit, book.endings)
    if units * book.unit < floor:
        units = _up(floor / book.unit, book.endings)
    found = units * book.unit
    if found != wanted:
        steps.append(PriceStep(PriceReason.ROUNDED if units == configured else PriceReason.ROUNDED_OVER, found))
    return found


def _as_configured(units: Decimal, book: PriceBook) -> int:
    if book.rounding == Rounding.UP:
        return _up(units, book.endings)
    if book.rounding == Rounding.DOWN:
        return _down(units, book.endings)
    below, above = _down(units, book.endings), _up(units, book.endings)
    return below if units - below < above - units else above


def _up(units: Decimal, endings: Iterable[tuple[int, int]]) -> int:
    whole = int(units.to_integral_value(ROUND_CEILING))
    return min(whole + (ending - whole) % distance for ending, distance in endings)


def _down(units: Decimal, endings: Iterable[tuple[int, int]]) -> int:
    """May be below zero, where even the smallest ending is above: the floor catches that."""
    whole = int(units.to_integral_value(ROUND_FLOOR))
    return max(whole - (whole - ending) % distance for ending, distance in endings)


# What fits.


def _first_rule(product: PricedProduct, cost: Decimal, rules: Iterable[ReadyRule]) -> ReadyRule | None:
    for rule in rules:
        if rule.cost_from <= cost < rule.cost_below and _fits(rule.fits, product):
            return rule
    return None


def _fits(fits: Fits, product: PricedProduct) -> bool:
    return (
        (fits.suppliers is None or product.supplier in fits.suppliers)
        and (fits.brands is None or _folded(product.brand) in fits.brands)
        and (fits.categories is None or not fits.categories.isdisjoint(_ancestry(product.category)))
        and (fits.skus is None or product.sku in fits.skus)
    )


@lru_cache(maxsize=20_000)
def _folded(brand: str) -> str:
    return " ".join(brand.split()).casefold()


@lru_cache(maxsize=20_000)
def _ancestry(category: str) -> frozenset[tuple[str, ...]]:
    """List a category's path and every path above it."""
    path = _path(category)
    return frozenset(path[:length] for length in range(1, len(path) + 1))


def _path(category: str) -> tuple[str, ...]:
    return tuple(_folded(level) for level in _LEVELS.split(category) if level.strip())


# Making ready.


def _ready_rule(rule: PriceRule) -> ReadyRule:
    return ReadyRule(
        name=rule.name,
        fits=_ready_fits(rule),
        cost_from=_ZERO if rule.cost_from is None else rule.cost_from,
        cost_below=_WITHOUT_END if rule.cost_below is None else rule.cost_below,
        factor=_ONE + (rule.markup or _ZERO),
        add=rule.add,
        use_recommended=rule.use_recommended,
    )


def _ready_promotion(promotion: Promotion) -> ReadyPromotion:
    return ReadyPromotion(
        name=promotion.name,
        fits=_ready_fits(promotion, skus=frozenset(promotion.skus) or None),
        remaining=_ONE - promotion.discount,
    )


def _ready_fits(given: PriceRule | Promotion, skus: frozenset[str] | None = None) -> Fits:
    return Fits(
        suppliers=frozenset(given.suppliers) or None,
        categories=frozenset(_path(category) for category in given.categories) or None,
        brands=frozenset(_folded(brand) for brand in given.brands) or None,
        skus=skus,
    )


def _ready_ending(ending: Decimal, unit: Decimal) -> tuple[int, int]:
    """Say which remainder an ending is: 0.99 of every whole, 9.90 of every ten, 49.00 of every hundred."""
    distance = 1 if ending < 1 else 10 if ending < 10 else 100
    return int(ending / unit), int(distance / unit)


def _conversions(
    pricing: Pricing, rates: Mapping[str, ExchangeRate], at: datetime
) -> dict[str, Conversion | PriceReason]:
    """Find how each known currency becomes the channel's, by way of the rates' base."""
    bases = {rate.base for rate in rates.values()}
    named = {*rates, *bases} - {pricing.currency}
    return {currency: _conversion(currency, pricing, rates, at) for currency in named}


def _conversion(
    currency: str, pricing: Pricing, rates: Mapping[str, ExchangeRate], at: datetime
) -> Conversion | PriceReason:
    ends = [rates.get(currency), rates.get(pricing.currency)]
    bases = {rate.base for rate in ends if rate is not None}
    if len(bases) != 1:
        return PriceReason.NO_RATE
    base = bases.pop()
    if any(rate is None and name != base for rate, name in zip(ends, (currency, pricing.currency), strict=True)):
        return PriceReason.NO_RATE
    if any(rate is not None and (at.date() - rate.on).days > pricing.max_rate_age_days for rate in ends):
        return PriceReason.RATE_TOO_OLD
    by, to = (rate.rate if rate is not None else _ONE for rate in ends)
    return Conversion(to, by)
