"""The terms on which a supplier delivers, as far as the choice between suppliers depends on them."""

from datetime import date, time, timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from models.base import CountryCode, CurrencyCode, Interval, Slug, Span, StrictContract
from models.faults import Fault, refuse
from models.money import Amount

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Price = Annotated[Amount, Field(ge=0)]
Days = Annotated[int, Field(ge=0, le=365)]
Holiday = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2999, 12, 31))]


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("is no time zone, e.g. Europe/Berlin") from None
    return name


def _wall_clock(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("is meant in the calendar's time_zone: leave the offset out")
    return value


class WorkingCalendar(StrictContract):
    """When a supplier works, in its own time zone."""

    time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    working_days: tuple[Weekday, ...] = Field(default=("mon", "tue", "wed", "thu", "fri"), min_length=1, max_length=7)
    holidays: tuple[Holiday, ...] = Field(default=(), max_length=2_000)
    # What is ordered later counts as ordered on the next working day.
    cut_off: Annotated[time, AfterValidator(_wall_clock)] | None = None

    @model_validator(mode="after")
    def _works_again_within_a_year(self) -> Self:
        off = set(self.holidays)
        for holiday in sorted(off):
            year = (holiday + timedelta(days=days) for days in range(1, 367))
            if not any(day not in off and WEEKDAYS[day.weekday()] in self.working_days for day in year):
                raise ValueError(f"no working day is left in the year after {holiday}: take holidays out")
        return self


class ShippingRow(StrictContract):
    """A row of a supplier's shipping table; the first one that fits counts. ``days`` are working days on the way."""

    countries: tuple[CountryCode, ...] = ()  # none: everywhere
    up_to_kg: Decimal | None = Field(default=None, gt=0)
    cost: Price = Decimal(0)  # per parcel
    per_kg: Price = Decimal(0)
    per_item: Price = Decimal(0)
    days: Days = 2

    def fits(self, country: str, kg: Decimal) -> bool:
        """Say whether a parcel of that weight to that country falls under this row."""
        return (not self.countries or country in self.countries) and (self.up_to_kg is None or kg <= self.up_to_kg)

    def cost_of(self, kg: Decimal, items: int) -> Decimal:
        """Figure out what one parcel costs, in the currency of its terms."""
        return self.cost + self.per_kg * kg + self.per_item * items


class Terms(StrictContract):
    """What ordering from a supplier costs and how long it takes. Amounts are in its ``currency``."""

    currency: CurrencyCode = "EUR"
    ships_from: CountryCode | None = None  # customs are due where it is not the destination's
    calendar: WorkingCalendar = WorkingCalendar()
    handling_days: Days = 0  # working days from the order to the parcel, beside an offer's own lead time
    shipping: tuple[ShippingRow, ...] = ()  # none: free, everywhere, two days
    live_rates: bool = (
        False  # ask it what shipping costs before an order is planned; the table where it gives no answer
    )
    minimum_order: Price = Decimal(0)  # goods of one purchase order
    small_order_fee: Price | None = None  # below the minimum; null: it does not take smaller ones
    provides: tuple[Slug, ...] = ()  # e.g. "returns", "gift-note", "branding", or a packaging standard's name
    distances_km: dict[str, Annotated[int, Field(ge=0, le=40_000)]] = Field(
        default_factory=dict
    )  # by country, "*" else
    co2_grams_per_kg_km: float = Field(default=0.1, ge=0, le=10)
    stock_promise: Interval = timedelta(days=3)  # how long its word on stock holds
    stock_visible_after: Span = timedelta(0)  # how long after its acknowledgement its stock shows that a unit is gone

    def row_for(self, country: str, kg: Decimal) -> ShippingRow | None:
        """Find the row that counts for a parcel; None where it is not shipped there. Without any row shipping is free."""
        if not self.shipping:
            return ShippingRow()
        return next((row for row in self.shipping if row.fits(country, kg)), None)

    @model_validator(mode="after")
    def _rows_can_be_reached(self) -> Self:
        remedy = "put it above the row that covers it, or take it out"
        unreachable = [
            Fault(("shipping", number), "is never reached: a row above fits whatever it fits", remedy)
            for number, row in enumerate(self.shipping)
            if any(_covers(earlier, row) for earlier in self.shipping[:number])
        ]
        refuse("Terms", unreachable)
        return self


def _covers(earlier: ShippingRow, later: ShippingRow) -> bool:
    everywhere = not earlier.countries or bool(later.countries and set(later.countries) <= set(earlier.countries))
    heavier = earlier.up_to_kg is None or (later.up_to_kg is not None and later.up_to_kg <= earlier.up_to_kg)
    return everywhere and heavier
