"""Where our word and another's differ, as reconciliations find and keep it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from models.statuses import PurchaseOrderState


class DriftKind(StrEnum):
    """What of something differs."""

    QUANTITY = "quantity"
    COST = "cost"
    PRICE = "price"
    WORDS = "words"  # the availability text in a shop
    MISSING = "missing"  # one side knows the article and the other does not
    ORDER_STATE = "order_state"  # never changed unasked


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference: what we had, and what they say. ``subject`` is an SKU, a variant or a purchase order's number."""

    kind: DriftKind
    subject: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class CheckedOffer:
    """An offer of ours that a supplier is asked about. ``held``: another cost waits for a person."""

    sku: str
    ean: str
    known: bool
    quantity: int
    unit_cost: Decimal | None
    currency: str
    held: bool


@dataclass(frozen=True, slots=True)
class CheckedOrder:
    """An open purchase order that a supplier is asked about."""

    number: str
    supplier_number: str
    state: PurchaseOrderState
    confirmed_at: datetime
