"""The three writes that bring a variant to what it shall show, as GraphQL variables, and who was refused. Pure.

Quantities (250 a call) and words (25 a call) are taken all or none; prices go product by product, each on its own.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from adapters.storefronts.shopify import documents
from adapters.storefronts.shopify.replies import UserError
from adapters.storefronts.shopify.transport import gid
from models.listings import NOT_APPLIED, ListingChange

NAMESPACE, KEY = "dropwright", "availability"  # of the metafield that holds the words
WORDS_TYPE = "single_line_text_field"
VARIANTS_OF_A_PRODUCT = 250


class Kind(StrEnum):
    """What is written."""

    QUANTITIES = "quantities"
    PRICES = "prices"
    WORDS = "words"


DOCUMENTS = {
    Kind.QUANTITIES: documents.SET_QUANTITIES,
    Kind.PRICES: documents.SET_PRICES,
    Kind.WORDS: documents.SET_WORDS,
}
FIELDS = {
    Kind.QUANTITIES: "inventorySetQuantities",
    Kind.PRICES: "productVariantsBulkUpdate",
    Kind.WORDS: "metafieldsSet",
}
LIMITS = {Kind.QUANTITIES: 250, Kind.PRICES: VARIANTS_OF_A_PRODUCT, Kind.WORDS: 25}
_IS_PART_OF: dict[Kind, Callable[[ListingChange], bool]] = {
    Kind.QUANTITIES: lambda change: change.quantity is not None,
    Kind.PRICES: lambda change: change.price is not None,
    Kind.WORDS: lambda change: change.words is not None,
}


@dataclass
class Batcher:
    """Gathers the changes of one kind into calls, in the order they come in."""

    kind: Kind
    _waiting: list[ListingChange] = field(default_factory=list)

    def add(self, change: ListingChange) -> list[ListingChange] | None:
        """Take a change; return the call before it, where that one is full."""
        if not _IS_PART_OF[self.kind](change):
            return None
        full = self.take() if self._waiting and not self._fits(change) else None
        self._waiting.append(change)
        return full

    def take(self) -> list[ListingChange]:
        """Return what is gathered so far: the last call, or nothing."""
        taken, self._waiting = self._waiting, []
        return taken

    def _fits(self, change: ListingChange) -> bool:
        other_product = self.kind is Kind.PRICES and self._waiting[-1].product_id != change.product_id
        return len(self._waiting) < LIMITS[self.kind] and not other_product


def batches(kind: Kind, changes: Sequence[ListingChange]) -> list[list[ListingChange]]:
    """Cut some changes into calls of one kind."""
    batcher = Batcher(kind)
    full = [batch for change in changes if (batch := batcher.add(change))]
    last = batcher.take()
    return [*full, last] if last else full


def variables(kind: Kind, location: str, batch: Sequence[ListingChange], key: str) -> dict[str, Any]:
    """Write the variables of one call. Its idempotency key follows from the attempt's key and from what is written."""
    if kind is Kind.PRICES:
        priced = [{"id": gid("ProductVariant", one.variant_id), "price": f"{one.price:f}"} for one in batch]
        return {"productId": gid("Product", batch[0].product_id), "variants": priced}
    if kind is Kind.WORDS:
        return {"metafields": [_metafield(change) for change in batch]}
    given = {
        "name": "available",
        "reason": "correction",
        "referenceDocumentUri": f"gid://dropwright/Publication/{quote(key.partition('#')[0], safe='')}",
        "quantities": [_quantity(location, change) for change in batch],
    }
    return {"input": given, "key": digest(key, json.dumps(given))}


def digest(*parts: str) -> str:
    """Name something by its content: 32 hexadecimal digits."""
    return sha256("\x00".join(parts).encode()).hexdigest()[:32]


def refusals(kind: Kind, errors: Sequence[UserError], batch: Sequence[ListingChange]) -> dict[str, str]:
    """Say who of a refused call is refused, and why: variant id -> Shopify's code.

    Where a call is taken all or none, the others were not written either: ``NOT_APPLIED``.
    """
    named = named_refusals(errors, batch)
    others = {} if kind is Kind.PRICES and named else dict.fromkeys((one.variant_id for one in batch), NOT_APPLIED)
    if not named and not _is_of_the_key(errors):
        others = dict.fromkeys(others, code_of(errors[0]))
    return others | named


def named_refusals(errors: Sequence[UserError], batch: Sequence[ListingChange]) -> dict[str, str]:
    """Say who is refused by name, as far as the errors point at anybody."""
    found: dict[str, str] = {}
    for error in errors:
        position = _position(error)
        if position is not None and position < len(batch):
            found.setdefault(batch[position].variant_id, code_of(error))
    return found


def code_of(error: UserError) -> str:
    """Shopify's code for why."""
    return (error.code or "user_error")[:60]


def _is_of_the_key(errors: Sequence[UserError]) -> bool:
    return code_of(errors[0]).startswith("IDEMPOTENCY_")


def _position(error: UserError) -> int | None:
    """Find the place in the list that an error's path names: ``["input", "quantities", "3", "quantity"]``."""
    if error.element_index is not None:
        return error.element_index
    return next((int(step) for step in error.field or () if step.isdecimal()), None)


def _quantity(location: str, change: ListingChange) -> dict[str, Any]:
    return {
        "inventoryItemId": gid("InventoryItem", change.inventory_item_id),
        "locationId": gid("Location", location),
        "quantity": change.quantity,
        # Demanded, and null on purpose: we say how much there is, whatever stood there.
        "changeFromQuantity": None,
    }


def _metafield(change: ListingChange) -> dict[str, Any]:
    return {
        "ownerId": gid("ProductVariant", change.variant_id),
        "namespace": NAMESPACE,
        "key": KEY,
        "type": WORDS_TYPE,
        "value": change.words,
    }
