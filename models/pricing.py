"""How selling prices are made, as configuration describes it. The first rule that fits a product decides."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, model_validator

from models.base import CurrencyCode, Slug, StrictContract
from models.prices import smallest_unit

Rate = Annotated[Decimal, Field(ge=0, max_digits=9, decimal_places=4)]
Price = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=4)]


class Rounding(StrEnum):
    """Where a price goes that does not end as wanted."""

    UP = "up"
    NEAREST = "nearest"
    DOWN = "down"


class PriceRule(StrictContract):
    """A markup for what it fits. An empty condition fits everything; costs are in the channel's currency, untaxed."""

    name: Slug
    suppliers: tuple[Slug, ...] = ()
    categories: tuple[str, ...] = ()  # a category or any path below it
    brands: tuple[str, ...] = ()  # compared without case
    cost_from: Price | None = None
    cost_below: Price | None = None
    markup: Rate | None = None  # 0.35: cost × 1.35
    add: Price = Decimal(0)  # then plus this
    use_recommended: bool = False  # the supplier's recommended price instead, where it has one

    @model_validator(mode="after")
    def _fits_something(self) -> Self:
        if self.cost_from is not None and self.cost_below is not None and self.cost_from >= self.cost_below:
            raise ValueError("cost_from must be less than cost_below: no cost fits this rule")
        return self


class Promotion(StrictContract):
    """A discount for a while, for what it fits. It never goes below the minimum margin or the advertised minimum."""

    name: Slug
    starts: AwareDatetime
    ends: AwareDatetime
    discount: Rate = Field(le=1)
    suppliers: tuple[Slug, ...] = ()
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()  # ours

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.ends <= self.starts:
            raise ValueError("a promotion ends after it starts")
        return self


class Pricing(StrictContract):
    """A channel's prices. Without this section a channel's prices are never touched."""

    currency: CurrencyCode = "EUR"
    rules: tuple[PriceRule, ...] = Field(min_length=1)
    promotions: tuple[Promotion, ...] = ()
    min_margin: Rate = Field(default=Decimal("0.10"), lt=1)  # of the untaxed price: (price − cost) / price
    tax_rate: Rate = Field(default=Decimal(0), lt=1)  # 0.21
    prices_include_tax: bool = False
    keep_map: bool = True  # never below the supplier's minimum advertised price
    # 1.2: never above 1.2 × the recommended price, unless the margin needs it
    max_recommended: Rate | None = Field(default=None, gt=0)
    endings: tuple[Annotated[Decimal, Field(ge=0, lt=100)], ...] = ()  # 0.99, 0.49 or 9.90; empty: whole cents
    rounding: Rounding = Rounding.UP
    max_rate_age_days: int = Field(
        default=7, ge=1, le=60
    )  # of an exchange rate, before prices that need it stand still

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [rule.name for rule in self.rules]
        if len(set(names)) != len(names):
            raise ValueError("two price rules have the same name")
        promotions = [promotion.name for promotion in self.promotions]
        if len(set(promotions)) != len(promotions):
            raise ValueError("two promotions have the same name")
        return self

    @model_validator(mode="after")
    def _endings_are_prices(self) -> Self:
        strange = [ending for ending in self.endings if ending % smallest_unit(self.currency)]
        if strange:
            raise ValueError(f"endings: no price in {self.currency} ends in {', '.join(map(str, strange))}")
        return self


class HoldRule(StrictContract):
    """Approves held cost changes by itself: up to this move, for these suppliers."""

    suppliers: tuple[Slug, ...] = ()
    up_to: Rate = Field(le=10)  # 0.6: a cost that moved by up to 60 %
    only_down: bool = False
