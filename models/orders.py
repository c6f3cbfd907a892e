"""A customer's order as every storefront's adapter hands it over: normalised, bounded, complete.

These models hold personal data. They live in PostgreSQL and in adapters; no workflow input or result may contain one.
"""

from typing import Annotated

from pydantic import Field, StringConstraints

from models.base import Contract, CurrencyCode, Identifier, Timestamp
from models.money import Amount

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255)]
MAX_LINES = 500


class Address(Contract):
    """Where a parcel goes. Any field may be empty: screening decides whether it is enough to ship to."""

    name: Text = ""
    company: Text = ""
    address1: Text = ""
    address2: Text = ""
    city: Text = ""
    province_code: Text = ""
    postal_code: Text = ""
    country_code: Annotated[str, StringConstraints(max_length=2, to_upper=True)] = ""
    phone: Text = ""
    email: Text = ""


class OrderLine(Contract):
    """One line as ordered. ``quantity`` is what is still wanted (Shopify's ``current_quantity``)."""

    line_id: Identifier
    sku: Text = ""
    variant_id: str = Field(default="", max_length=64)
    title: Text = ""
    quantity: int = Field(gt=0, le=100_000)
    unit_price: Amount = Field(ge=0)
    requires_shipping: bool = True
    grams: int = Field(default=0, ge=0)  # of one unit; 0 where nobody said


class IncomingOrder(Contract):
    """A storefront's order in our words, as of ``updated_at``."""

    storefront_order_id: Identifier
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
    currency: CurrencyCode
    total: Amount = Field(ge=0)
    paid: bool
    cancelled: bool
    test: bool
    placed_at: Timestamp
    updated_at: Timestamp
    address: Address
    lines: tuple[OrderLine, ...] = Field(min_length=1, max_length=MAX_LINES)
    # How it wants to be delivered, in lower-case words: routing rules read them.
    tags: tuple[str, ...] = ()
    customer_group: str = ""
    preference: str = ""
    needs: tuple[str, ...] = ()
