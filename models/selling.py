"""What a shop's shelf is made of: the pool of offers behind an article, and the rules by which it is shown.

Tuples where a catalogue has a million of them: they are made straight from rows, several times faster than classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from models.money import Money


class PoolOffer(NamedTuple):
    """One supplier's offer of an article, as far as a shop's shelf depends on it."""

    supplier: str
    sku: str  # the supplier's own
    quantity: int
    usable: bool  # the supplier knows it and goes on having it, and said so not too long ago
    unit_cost: Decimal | None = None
    currency: str = "EUR"
    lead_days: int | None = None
    available_on: date | None = None
    minimum: int | None = None
    pack: int | None = None
    recommended_price: Decimal | None = None
    map_price: Decimal | None = None
    brand: str = ""
    category: str = ""

    def money(self, amount: Decimal | None) -> Money | None:
        """Put the offer's currency to one of its amounts."""
        return None if amount is None else Money(amount=amount, currency=self.currency)


@dataclass(frozen=True, slots=True)
class SellingRules:
    """How a channel shows a pool."""

    priority: tuple[str, ...]  # the suppliers that may be ordered from, best first; no other's stock is shown
    today: date
    buffer: int = 0
    buffer_share: Decimal = Decimal(0)
    safety_stock: Mapping[str, int] | None = None  # per supplier
    max_quantity: int | None = None


class ShelfItem(NamedTuple):
    """A listing that is looked at: what identifies it, and what the shop was last known to show."""

    variant_id: str
    product_id: str
    inventory_item_id: str
    sku: str
    ean: str
    tracked: bool
    quantity: int | None
    price: Decimal | None
    words: str | None
