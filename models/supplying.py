"""How far a supplier may answer otherwise than it was asked, and what is done while it is down."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from models.base import Interval, Span, StrictContract

MINUTE = timedelta(minutes=1)


class Acknowledging(StrictContract):
    """Which answers of a supplier are taken as they are. What goes beyond is a person's to approve."""

    price_tolerance: Annotated[Decimal, Field(ge=0, le=100)] = Decimal(2)  # percent above what was planned, per unit
    later_by: Span = timedelta(days=2)  # than planned
    backorder_for: Span = timedelta(days=7)  # how long units may take that it has to wait for itself


class Outages(StrictContract):
    """When a supplier counts as down, and what its orders do meanwhile. Made for suppliers with few orders a day."""

    failures: int = Field(default=3, ge=1, le=100)  # calls in a row without an answer,
    within_at_least: Span = MINUTE  # over at least this long
    probe_every: Interval = 30 * MINUTE
    calm_for: Span = 30 * MINUTE  # so long it must have served us before its outage counts as over
    reroute_after: Interval | None = None  # order elsewhere what was not sent by then; null: wait for it
    drain: int = Field(default=20, ge=1, le=1000)  # orders that are let go at once after it is back
    digest_every: Interval = timedelta(days=1)  # one mail about all that wait
