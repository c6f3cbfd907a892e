"""A selling price as it comes about: what is known of an article, the rules made ready, and the decision with its steps.

Plain classes: a catalogue has a million of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from models.money import Money

PRICE_LIMIT = Decimal(10) ** 10  # what an amount of ours holds, see models.money.Amount


class PriceReason(StrEnum):
    """Why a price is what it is, step by step; the last four are why there is none."""

    COST = "cost"  # untaxed, in the channel's currency
    RULE = "rule"  # the rule's markup and addition, with tax where prices include it
    RECOMMENDED = "recommended"  # the rule takes the supplier's recommended price
    CAPPED = "capped"  # brought down to the allowed multiple of the recommended price
    PROMOTION = "promotion"
    MINIMUM_MARGIN = "minimum_margin"  # raised to it
    MINIMUM_ADVERTISED = "minimum_advertised"  # raised to it
    ROUNDED = "rounded"
    ROUNDED_OVER = "rounded_over"  # the other way than configured, to keep margin, advertised minimum or cap
    NO_COST = "no_cost"
    NO_RULE = "no_rule"
    NO_RATE = "no_rate"
    RATE_TOO_OLD = "rate_too_old"
    TOO_LARGE = "too_large"


class PriceStep(NamedTuple):
    """One step: why, and the amount after it, in the channel's currency. ``name`` is the rule's or the promotion's."""

    reason: PriceReason
    amount: Decimal | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class PricedProduct:
    """What a price is made of. ``sku`` is ours; the money is as the supplier sent it."""

    sku: str
    ean: str
    brand: str
    category: str  # a path, its levels separated by ">", "/" or "|"
    cost: Money | None  # untaxed, of one piece
    supplier: str
    recommended: Money | None = None  # as customers see it: with tax where the channel's prices include it
    map_price: Money | None = None  # minimum advertised price, likewise


@dataclass(frozen=True, slots=True)
class PriceDecision:
    """A price, or why there is none. ``price`` is what the shop shows; None leaves what it shows as it is."""

    price: Decimal | None
    steps: tuple[PriceStep, ...]
    cost: Decimal | None = None  # untaxed, in the channel's currency
    taxed: Decimal = Decimal(1)  # price : untaxed price
    rule: str = ""
    promotion: str = ""

    @property
    def reasons(self) -> tuple[PriceReason, ...]:
        """The steps' codes, in their order."""
        return tuple(step.reason for step in self.steps)

    @property
    def margin(self) -> Decimal | None:
        """Share of the untaxed price that stays: (price − cost) / price."""
        return None if self.price is None or self.cost is None else margin_of(self.price, self.cost, self.taxed)


def margin_of(price: Decimal, cost: Decimal, taxed: Decimal) -> Decimal | None:
    """Say which share of a price stays. ``taxed`` is price : untaxed price; a price of 0 has no margin."""
    return (price - cost * taxed) / price if price else None


@dataclass(frozen=True, slots=True)
class CostEffect:
    """What another cost does to a price."""

    before: PriceDecision
    after: PriceDecision

    @property
    def margin_if_kept(self) -> Decimal | None:
        """Margin at the new cost where the price stays as it is; below 0 it sells at a loss."""
        if self.before.price is None or self.after.cost is None:
            return None
        return margin_of(self.before.price, self.after.cost, self.before.taxed)


@dataclass(frozen=True, slots=True)
class Fits:
    """What a rule or promotion applies to; None is everything. Categories are normalised paths, brands case-folded."""

    suppliers: frozenset[str] | None
    categories: frozenset[tuple[str, ...]] | None
    brands: frozenset[str] | None
    skus: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class ReadyRule:
    """A price rule, ready for a million products. Costs are untaxed, in the channel's currency."""

    name: str
    fits: Fits
    cost_from: Decimal
    cost_below: Decimal
    factor: Decimal  # cost × this …
    add: Decimal  # … plus this
    use_recommended: bool


@dataclass(frozen=True, slots=True)
class ReadyPromotion:
    """A promotion that runs now."""

    name: str
    fits: Fits
    remaining: Decimal  # 1 − discount


class Conversion(NamedTuple):
    """From one currency into the channel's: times ``to``, divided by ``by``."""

    to: Decimal
    by: Decimal


@dataclass(frozen=True, slots=True)
class PriceBook:
    """A channel's pricing at one instant: rules, promotions that run, rates that are young enough."""

    currency: str
    rules: tuple[ReadyRule, ...]
    promotions: tuple[ReadyPromotion, ...]  # the largest discount first
    conversions: Mapping[str, Conversion | PriceReason]  # by currency; one that is absent has no rate
    taxed: Decimal  # shown price : untaxed price
    kept: Decimal  # 1 − minimum margin
    keep_map: bool
    max_recommended: Decimal | None
    rounding: str
    unit: Decimal  # the currency's smallest
    endings: tuple[tuple[int, int], ...] = field(default=())  # (ending, distance to the next one), in units


_WHOLE = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split())
_THOUSANDTHS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())


def smallest_unit(currency: str) -> Decimal:
    """Say what a price of this currency is a multiple of (ISO 4217, column "minor unit")."""
    return Decimal(1) if currency in _WHOLE else Decimal("0.001") if currency in _THOUSANDTHS else Decimal("0.01")
