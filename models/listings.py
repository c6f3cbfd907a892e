"""What a shop has on sale, and what it is told to show."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from models.base import Contract, Identifier
from models.money import Amount


class Listing(Contract):
    """A variant as the shop has it now."""

    variant_id: Identifier
    product_id: Identifier
    inventory_item_id: Identifier
    sku: str = Field(default="", max_length=100)
    barcode: str = Field(default="", max_length=40)
    title: str = Field(default="", max_length=300)
    tracked: bool
    quantity: int | None = None  # available at our location; null where it is not stocked there
    price: Amount | None = None
    words: str | None = Field(default=None, max_length=300)  # the availability text that we wrote


class ListingChange(Contract):
    """What a variant shall show. A null is left as it is."""

    variant_id: Identifier
    product_id: Identifier
    inventory_item_id: Identifier
    quantity: int | None = Field(default=None, ge=0)
    price: Amount | None = None
    words: str | None = Field(default=None, max_length=300)


NOT_APPLIED = "not_applied"  # nothing is wrong with this change: it was in one call with one that was refused


class ListingRefusal(Contract):
    """A change that the shop did not take, and its own word for why (or ``NOT_APPLIED``)."""

    variant_id: Identifier
    code: str = Field(max_length=60)


class BulkState(StrEnum):
    """How a bulk operation of the shop stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # as a whole; nothing is known of its items


class BulkResult(Contract):
    """A bulk operation as it stands. ``refusals`` is complete once it is done."""

    state: BulkState
    done: int = 0  # objects so far
    refusals: tuple[ListingRefusal, ...] = ()
    code: str = ""


class Availability(Contract):
    """What customers read of an article."""

    quantity: int = Field(ge=0)
    words: str  # "in stock", "backorder", "out of stock"
    available_on: date | None = None


class ExchangeRate(Contract):
    """Units of ``currency`` for one of ``base``, as its source published them for that day."""

    base: str
    currency: str
    rate: Decimal = Field(gt=0)
    on: date
    source: str


class ProductDraft(Contract):
    """A product to be created where nobody sees it yet."""

    ean: str = Field(min_length=1, max_length=40)
    title: str = Field(min_length=1, max_length=255)
    brand: str = Field(default="", max_length=255)
    category: str = Field(default="", max_length=255)
    description: str = Field(default="", max_length=20_000)
    images: tuple[str, ...] = ()
    price: Amount | None = None
