"""A feed's row once it is read, and what can be wrong with one. Plain classes: a feed has a million of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import Field

from models.base import Contract, Identifier


@dataclass(slots=True)
class FeedRow:
    """One article as one feed tells of it. A field that the feed does not own, or left empty, is None."""

    position: int  # from 1
    sku: str
    hash: int  # of the row's bytes, signed 64 bits
    ean: str | None = None
    quantity: int | None = None
    lead_days: int | None = None
    available_on: date | None = None
    unit_cost: Decimal | None = None
    currency: str | None = None
    minimum: int | None = None
    pack: int | None = None
    restricted_countries: list[str] | None = None
    recommended_price: Decimal | None = None
    map_price: Decimal | None = None
    discontinued: bool | None = None
    title: str | None = None
    brand: str | None = None
    category: str | None = None
    description: str | None = None
    images: list[str] | None = None
    attributes: dict[str, Any] | None = None
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row, or one cell of it, that can't be used. ``code`` is a word of the vocabulary in docs/feeds.md."""

    position: int
    field: str
    code: str
    text: str = ""  # the cell as it was sent, at most 200 characters
    sku: str = ""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at its source. ``version`` changes whenever its bytes do, as far as the source can say."""

    name: str
    size: int | None
    modified_at: datetime | None
    version: str


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A page of an adapter's own feed: one JSON object per row, and where the next page begins ("" at the end)."""

    rows: list[dict[str, Any]]
    next_cursor: str
    total: int | None = None
    since: str = ""  # of a changes feed: where the next run begins


@dataclass(frozen=True, slots=True)
class FeedPart:
    """One fetched file, or all pages of an API. ``open`` gives its raw bytes from the start, in pieces, each time."""

    name: str
    open: Callable[[], Iterator[bytes]]


@dataclass(slots=True)
class Batch:
    """A stretch of a feed, read: how many rows it had, which of them are new or changed, and what was wrong."""

    seen: int = 0
    rows: list[FeedRow] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)


class FeedFinding(Contract):
    """Why a feed is not believed, or what a person should see of it."""

    code: Identifier
    text: str = Field(max_length=400)
    samples: tuple[str, ...] = ()  # rows or SKUs, at most 10
    numbers: dict[str, float] = Field(default_factory=dict)
