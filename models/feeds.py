"""A supplier's feed as configuration describes it: where it comes from, how it reads, and when it is not believed.

A feed has one kind, which says what it is mainly about; which fields it owns is what its columns name. Several feeds of
one supplier may be tiers of the same data: all of it once a day, the changes every quarter of an hour.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from models.base import CurrencyCode, Duration, EnvironmentName, Slug, Span, StrictContract
from models.feed_sources import (
    delimiter_problem,
    encoding_problem,
    factor_problem,
    source_problem,
    time_format_problem,
    x12_heading_problem,
)

Share = Annotated[float, Field(ge=0, le=1)]
MINUTE = timedelta(minutes=1)


class FeedKind(StrEnum):
    """What a feed is mainly about."""

    STOCK = "stock"
    PRICE = "price"
    CATALOGUE = "catalogue"


class Scope(StrEnum):
    """How much of the supplier's range one run brings."""

    FULL = "full"  # everything: what is absent is gone, by the feed's policy
    CHANGES = "changes"  # what changed since the last run; absence means nothing
    FAST_SELLERS = "fast-sellers"  # our best sellers, asked for one by one or in lists


class Absent(StrEnum):
    """What it means that an article of the last full feed is not in this one."""

    KEEP = "keep"
    ZERO = "zero"  # its quantity becomes 0
    DISCONTINUE = "discontinue"  # its quantity becomes 0, and the article is marked as discontinued


class FieldName(StrEnum):
    """What a column can be. ``attributes.NAME`` besides, for whatever else describes an article."""

    SKU = "sku"  # the supplier's own
    EAN = "ean"
    QUANTITY = "quantity"
    LEAD_DAYS = "lead_days"
    AVAILABLE_ON = "available_on"
    UNIT_COST = "unit_cost"
    CURRENCY = "currency"
    MINIMUM = "minimum"
    PACK = "pack"
    RESTRICTED_COUNTRIES = "restricted_countries"
    RECOMMENDED_PRICE = "recommended_price"
    MAP_PRICE = "map_price"  # minimum advertised price
    DISCONTINUED = "discontinued"
    TITLE = "title"
    BRAND = "brand"
    CATEGORY = "category"
    DESCRIPTION = "description"
    IMAGES = "images"
    OBSERVED_AT = "observed_at"  # when the supplier saw it so: the newest of two rows of one SKU wins


ATTRIBUTE_PREFIX = "attributes."


class Transform(StrEnum):
    """How a column's text becomes a value. The default follows from the field."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    MOMENT = "moment"
    LIST = "list"


_DEFAULTS = {
    FieldName.QUANTITY: Transform.INTEGER,
    FieldName.LEAD_DAYS: Transform.INTEGER,
    FieldName.MINIMUM: Transform.INTEGER,
    FieldName.PACK: Transform.INTEGER,
    FieldName.UNIT_COST: Transform.DECIMAL,
    FieldName.RECOMMENDED_PRICE: Transform.DECIMAL,
    FieldName.MAP_PRICE: Transform.DECIMAL,
    FieldName.AVAILABLE_ON: Transform.DATE,
    FieldName.OBSERVED_AT: Transform.MOMENT,
    FieldName.RESTRICTED_COUNTRIES: Transform.LIST,
    FieldName.IMAGES: Transform.LIST,
    FieldName.DISCONTINUED: Transform.BOOLEAN,
}


def default_transform(name: str) -> Transform | None:
    """Say how a field is read; None for an attribute, which may be anything."""
    return None if name.startswith(ATTRIBUTE_PREFIX) else _DEFAULTS.get(FieldName(name), Transform.TEXT)


class Column(StrictContract):
    """One field's source: a column's heading, an element's name, or a constant, and how it is read."""

    column: str = Field(default="", max_length=200)
    constant: str | None = None
    transform: Transform | None = None
    # What a supplier writes instead of a value, e.g. {"in stock" = "10", "N/A" = "0"}. Compared without case.
    values: dict[str, str] = Field(default_factory=dict)
    # A text that is no value by itself: "refuse" reports the row, "empty" leaves the field as it was.
    unreadable: Literal["refuse", "empty"] = "refuse"
    separator: str = Field(default=",", min_length=1, max_length=5)  # of a list
    format: str = ""  # of a date or moment, as strptime takes it; ISO 8601 by default
    factor: str = "1"  # a number is multiplied by this: cents to euros, dozens to pieces
    prefix: str = ""  # put before a text, e.g. a base address of images

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if bool(self.column) == (self.constant is not None):
            raise ValueError("a column has either `column` or `constant`")
        if self.column and not self.column.strip():
            raise ValueError("column: a heading has letters")
        if problem := factor_problem(self.factor):
            raise ValueError(f"factor: {problem}")
        if self.format and (problem := time_format_problem(self.format)):
            raise ValueError(f"format: {problem}")
        return self


# A heading, or a table; by its type, so that a mistake is told of once.
Mapped = Annotated[
    Annotated[str, Tag("")] | Annotated[Column, Tag(" ")],
    Discriminator(lambda value: "" if isinstance(value, str) else " "),
]


class Numbers(StrictContract):
    """How this supplier writes numbers: ``1.234,50`` has decimal ``,`` and thousands ``.``."""

    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands are the same sign")
        return self


class Thresholds(StrictContract):
    """When a feed is not believed: it changes nothing then, and a person is asked. The defaults protect."""

    min_rows: int = Field(default=1, ge=1)
    min_share_of_last: Share = 0.8  # rows, compared with the last applied run of the same feed
    max_share_to_zero: Share = 0.3  # of the articles that had stock
    max_share_maxed: Share = 0.5  # rows that all have the same quantity of 999 or more
    max_share_price_moves: Share = 0.2  # of the known costs, moved by more than `price_move`
    price_move: Share = 0.4  # one article's cost that moves by more is held, and asked about
    max_share_unreadable: Share = 0.02
    max_share_bad_gtin: Share = 0.001  # EANs in scientific notation, or that lost their zeros
    max_row_bytes: int = Field(default=1_000_000, ge=100, le=10_000_000)
    max_bytes: int = Field(default=2_000_000_000, ge=1_000)  # after decompression
    max_ratio: int = Field(default=200, ge=1)  # decompressed : compressed


class Feed(StrictContract):
    """One feed of a supplier."""

    kind: FeedKind
    # "api": the supplier adapter's own; "push": what it sends to our webhook; else file://, http(s)://, sftp://, ftp(s)://
    source: str = Field(pattern=r"^(api|push|(file|https?|sftp|ftps?)://\S+)$", max_length=500)
    scope: Scope = Scope.FULL
    enabled: bool = True
    every: Duration | None = None  # null: only when triggered
    jitter: Span = timedelta(seconds=30)
    # Transport.
    username: str = ""
    password_env: EnvironmentName | None = None
    private_key_env: EnvironmentName | None = None  # a PEM key, for SFTP
    host_key: str = ""  # for SFTP: the server's public key, as a line of known_hosts without the host
    files: str = ""  # a pattern, where the source is a folder: stock_*.csv. All that match are one run, oldest first.
    done_marker: str = ""  # e.g. ".done": a file is complete once this twin exists
    stable_for: Span = timedelta(0)  # else: once its size has not changed for this long
    trust_private_hosts: bool = False  # HTTP: allow addresses inside our own network
    # Format.
    format: Literal["csv", "xml", "ndjson", "x12"] = "csv"  # x12: an 846
    compression: Literal["auto", "none", "gzip", "zip"] = "auto"
    encoding: str = Field(default="utf-8", max_length=30)
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    skip_lines: int = Field(default=0, ge=0, le=100)  # before the header
    record: str = Field(default="", max_length=200)  # XML: the element that is one row, e.g. "product"
    numbers: Numbers = Numbers()
    currency: CurrencyCode = "EUR"  # where no column says it
    columns: dict[str, Mapped] = Field(default_factory=dict)  # empty: the adapter's own, for "api" and "push"
    absent: Absent = Absent.KEEP
    thresholds: Thresholds = Thresholds()
    # Push.
    push_secret_env: EnvironmentName | None = None
    push_auth: Literal["hmac", "token"] = "hmac"
    debounce: Span = timedelta(seconds=5)
    fast_sellers: int = Field(default=500, ge=1, le=20_000)

    def column_of(self, name: str) -> Column | None:
        """Return where a field comes from; a bare text in the configuration is a column's heading."""
        found = self.columns.get(name)
        return Column(column=found) if isinstance(found, str) else found

    @property
    def is_file(self) -> bool:
        """Say whether this feed is files, rather than an adapter's calls or what was pushed."""
        return self.source not in ("api", "push")

    @model_validator(mode="after")
    def _reads(self) -> Self:
        """Refuse here what the reader could only refuse when the feed runs. Raises ValueError naming the setting."""
        problems = {
            "source": source_problem(self.source) if self.is_file else "",
            "encoding": encoding_problem(self.encoding),
            "delimiter": delimiter_problem(self.delimiter),
            "files": "a pattern of names, without folders" if "/" in self.files else "",
            **{f"columns.{name}": self._column_problem(name) for name in self.columns},
        }
        if wrong := [f"{name}: {problem}" for name, problem in problems.items() if problem]:
            raise ValueError("; ".join(wrong))
        return self

    def _column_problem(self, name: str) -> str:
        if self.columns[name] == "" or name == ATTRIBUTE_PREFIX:
            return "a column and its field have a name"
        if self.format == "x12" and (problem := x12_heading_problem(self._heading(name))):
            return problem
        known = name.startswith(ATTRIBUTE_PREFIX) or name in list(FieldName)
        column, default = self.column_of(name), default_transform(name) if known else None
        if column is None or default is None or column.transform in (None, default):
            return ""
        return f"transform can't be {column.transform}, it is {default}"

    def _heading(self, name: str) -> str:
        column = self.column_of(name)
        return column.column if column else ""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        known = {name.value for name in FieldName}
        strange = [name for name in self.columns if name not in known and not name.startswith(ATTRIBUTE_PREFIX)]
        if strange:
            raise ValueError(f"columns: no such fields: {', '.join(sorted(strange))}")
        if self.is_file and FieldName.SKU not in self.columns:
            raise ValueError("columns: a file feed needs at least a column for sku")
        if self.format == "xml" and self.is_file and not self.record:
            raise ValueError("record: say which XML element is one row")
        if self.source == "push" and self.push_secret_env is None:
            raise ValueError("push_secret_env: a pushed feed needs a secret")
        if self.every is not None and self.every < MINUTE / 60:
            raise ValueError("every: at least one second")
        if self.scope is not Scope.FULL and self.absent is not Absent.KEEP:
            raise ValueError("absent: only a full feed can say that an article is gone")
        if self.scope is Scope.FAST_SELLERS and self.source != "api":
            raise ValueError('scope: only an adapter (source = "api") can be asked for fast-sellers')
        return self


Feeds = dict[Slug, Feed]
