"""How stock and catalogue are offered to the shops, as configuration describes it."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, HttpUrl, model_validator

from models.base import Interval, Slug, Span, StrictContract
from models.pricing import HoldRule, Pricing

Described = Literal["*", "title", "brand", "category", "description"]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class Publishing(StrictContract):
    """What a channel shows of our suppliers' stock. Off by default: nothing is written to a shop unasked."""

    quantities: bool = False
    prices: bool = False
    location: str = ""  # the storefront's own id of the location whose stock we keep, e.g. a number at Shopify
    buffer: Count = 0  # subtracted from every sum: what may be sold before the next sync
    buffer_share: float = Field(default=0.0, ge=0, lt=1)
    max_quantity: int | None = Field(default=None, ge=1)  # shown at most
    stale_after: Interval = timedelta(days=3)  # an offer not confirmed for this long counts as 0
    bulk_from: int = Field(default=500, ge=1)  # changes; fewer go as ordinary calls
    every: Interval = timedelta(minutes=15)  # promotions that begin, offers that went stale, what was refused before
    pricing: Pricing | None = None

    @model_validator(mode="after")
    def _can_be_done(self) -> Self:
        if self.quantities and not self.location.strip():
            raise ValueError("location: say whose stock `quantities` writes, by the storefront's id of it")
        if self.prices and self.pricing is None:
            raise ValueError("pricing: say by which rules `prices` are made")
        return self


class Supply(StrictContract):
    """What holds for all suppliers' offers."""

    history_kept: Span = timedelta(days=400)
    holds: tuple[HoldRule, ...] = ()
    precedence: dict[Described, tuple[Slug, ...]] = Field(
        default_factory=dict
    )  # attribute -> suppliers, best first; "*" else
    drafts: bool = False  # new products become drafts in the shops
    rates_every: Interval | None = timedelta(days=1)  # exchange rates; null: never asked for
    scorecards_every: Interval | None = timedelta(hours=1)  # how suppliers did lately; null: only on command
    rates_url: HttpUrl = HttpUrl("https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml")


class Reconciling(StrictContract):
    """How often our word is compared with the others', and what is repaired without asking."""

    every: Interval | None = timedelta(days=1)
    sample: int = Field(default=500, ge=1, le=100_000)  # offers asked about per supplier
    repair_up_to: float = Field(default=0.05, ge=0, le=1)  # drift above this share of what was compared is asked about
    kept: Span = timedelta(days=90)


class LowStock(StrictContract):
    """When stock that will not last is told of."""

    every: Interval | None = timedelta(days=1)
    cover_days: Decimal = Field(default=Decimal(7), gt=0)
    sales_window: Interval = timedelta(days=28)
    own: tuple[Slug, ...] = ()  # suppliers that are our own warehouses or hold stock we bought: reorders are proposed
    reorder_days: Decimal = Field(default=Decimal(30), gt=0)
