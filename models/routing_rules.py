"""By which rules an order's lines go to suppliers, as configuration describes them."""

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from models import routing_faults
from models.base import CountryCode, CurrencyCode, Interval, Slug, StrictContract
from models.faults import refuse
from models.money import Amount
from models.stock import Article

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
AtLeastNothing = Annotated[Amount, Field(ge=0)]
Kilograms = Annotated[Decimal, Field(ge=0, le=1_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[Decimal, Field(ge=0, le=1_000_000)]


class Choose(StrEnum):
    """How one supplier is preferred to another."""

    PRIORITY = "priority"  # the first of the list that has it
    COST = "cost"  # the lowest cost, all weighed factors together
    HYBRID = "hybrid"  # the lowest cost within the first tier that can


class Weights(StrictContract):
    """What each factor counts. Costs are multiplied; the others are an amount, in ``routing.currency``, per unit named."""

    item: Weight = Decimal(1)
    shipping: Weight = Decimal(1)
    customs: Weight = Decimal(1)
    split: Weight = Decimal(0)  # per supplier beyond an order's first
    late_day: Weight = Decimal(0)  # per day after the promise, and line
    day: Weight = Decimal(0)  # per day until delivery, and line
    distance: Weight = Decimal(0)  # per 1,000 km, and parcel
    co2: Weight = Decimal(0)  # per kg of carbon dioxide
    score: Weight = Decimal(0)  # per point below 100, and line
    errors: Weight = Decimal(0)  # per line, times the share of purchase orders that failed
    concentration: Weight = Decimal(0)  # per line, times how far a supplier's share is above its limit


class Conditions(StrictContract):
    """When a rule fits. What is left out fits everything; of a list, one suffices. Values are in ``routing.currency``."""

    channels: tuple[Slug, ...] = ()
    countries: tuple[CountryCode, ...] = ()
    regions: tuple[Word, ...] = ()  # province codes, e.g. "BY"
    postcodes: tuple[Word, ...] = ()  # "10115", a beginning "101*", or a range "80000-81999"
    value_from: AtLeastNothing | None = None
    value_below: AtLeastNothing | None = None
    kg_from: Kilograms | None = None
    kg_below: Kilograms | None = None
    tags: tuple[Word, ...] = ()
    customer_groups: tuple[Word, ...] = ()
    preferences: tuple[Word, ...] = ()  # what the customer has stated, e.g. "fast" or "green"
    # Of a line. A rule that names one of these may set nothing that concerns the order as a whole.
    categories: tuple[Word, ...] = ()  # with everything below them
    articles: tuple[Article, ...] = ()

    @property
    def names_lines(self) -> bool:
        """Say whether they fit lines, not orders as a whole."""
        return bool(self.categories or self.articles)

    @model_validator(mode="after")
    def _something_fits(self) -> Self:
        refuse("Conditions", routing_faults.of_conditions(self))
        return self


class Settings(StrictContract):
    """What a rule, or the table itself, can set. Null: as without the rule."""

    # Of a line.
    only: tuple[Slug, ...] | None = None  # nobody else
    exclude: tuple[Slug, ...] = ()  # adds up over all rules that fit
    split_lines: bool | None = None  # may a line's quantity come from several suppliers
    partial_lines: bool | None = None  # may a part of a line be ordered while nobody has the rest
    stale: Literal["failover", "never", "use"] | None = None  # offers older than their supplier's promise
    margin_floor: Annotated[float, Field(ge=-1, lt=1)] | None = None  # of the price; below it an offer is not taken
    needs: tuple[Slug, ...] = ()  # what a supplier must provide; adds up
    # Of the order.
    choose: Choose | None = None
    tiers: tuple[tuple[Slug, ...], ...] | None = None  # for hybrid: first the first; who is in none comes last
    weights: Weights | None = None
    split_orders: bool | None = None  # may an order come from several suppliers
    ship_within: Interval | None = None  # who can't, is out
    urgent: bool | None = None  # delivered soonest, whatever it costs

    @model_validator(mode="after")
    def _agree_with_each_other(self) -> Self:
        refuse("Settings", routing_faults.of_settings(self))
        return self


class Rule(Settings):
    """A rule: for the orders and lines that fit, it sets what it names. Of two rules that set the same, the first counts."""

    name: str = Field(min_length=1, max_length=60)
    when: Conditions = Conditions()
    high_impact: bool = False  # a second person approves whatever adds, changes or removes it

    @model_validator(mode="after")
    def _sets_what_it_can(self) -> Self:
        refuse("Rule", routing_faults.of_rule(self))
        return self


class CustomsRow(StrictContract):
    """What the border takes between two countries: a share of the goods' cost. The first row that fits counts."""

    origins: tuple[CountryCode, ...] = ()
    destinations: tuple[CountryCode, ...] = ()
    share: Annotated[Decimal, Field(ge=0, le=10)] = Decimal(0)
    fixed: Annotated[Amount, Field(ge=0)] = Decimal(0)  # per parcel


class Routing(Settings):
    """Who gets a line. A supplier that ``priority`` does not name gets nothing; its order also breaks ties."""

    priority: tuple[Slug, ...] = Field(min_length=1)
    currency: CurrencyCode = "EUR"  # of the amounts in conditions, weights and customs
    rules: tuple[Rule, ...] = ()
    customs: tuple[CustomsRow, ...] = ()
    restricted: dict[str, tuple[CountryCode, ...]] = Field(default_factory=dict)  # category or article -> not there
    concentration_limit: dict[Slug, Share] = Field(default_factory=dict)  # of the last 30 days' purchase orders
    promise_days: int = Field(
        default=7, ge=0, le=365
    )  # calendar days from the order to the door, promised to customers
    max_plans: int = Field(default=6, ge=1, le=50)  # of one order; then a person is asked
    silent: Literal["ask", "reroute"] = (
        "ask"  # no acknowledgement in time: who can be cancelled is, and it goes elsewhere
    )
    time_limit: Interval = timedelta(milliseconds=100)  # for the best plan; what was found by then is taken, gap stated

    @model_validator(mode="after")
    def _rules_agree(self) -> Self:
        refuse("Routing", routing_faults.of_routing(self))
        return self
