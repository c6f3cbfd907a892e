"""What a shop's shelf is made of: the pool of offers behind an article, and the rules by which it is shown.

Tuples where a catalogue has a million of them: they are made straight from rows, several times faster than classes.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from models.money import Money


class PoolOffer(NamedTuple):
    """One supplier's offer of an article, as far as a shop's shelf depends on it."""

    supplier: str
    sku: str  # the supplier's own
    deliverable: int  # units that one more order can have: whole packs, and not below the supplier's minimum
    usable: bool  # the supplier knows it and goes on having it, and said so not too long ago
    unit_cost: Decimal | None = None
    currency: str = "EUR"
    lead_days: int | None = None
    available_on: date | None = None
    recommended_price: Decimal | None = None
    map_price: Decimal | None = None
    brand: str = ""
    category: str = ""

    def money(self, amount: Decimal | None) -> Money | None:
        """Put the offer's currency to one of its amounts."""
        return None if amount is None else Money(amount=amount, currency=self.currency)


@dataclass(frozen=True, slots=True)
class SellingRules:
    """Which of a pool's offers count, and since when a date is past."""

    priority: tuple[str, ...]  # the suppliers that may be ordered from, best first
    today: date


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
