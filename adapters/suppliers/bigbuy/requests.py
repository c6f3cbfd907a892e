"""What we ask of BigBuy, as JSON documents. Pure: no network, no clock.

Format: BigBuy API (api.bigbuy.eu/doc). Articles are named by BigBuy's own reference (SKU), never by EAN.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from models.articles import normalise_ean
from models.base import Span, StrictContract
from models.orders import Address
from models.suppliers import Destination, SupplierLine, SupplierOrder, SupplierState

SEPARATOR = "/"  # between BigBuy's numbers, where one order of ours has become several of theirs
TEST_PAYMENT = "bankwire"  # nothing is charged, nothing leaves: the vendor waits for a transfer that never comes


class BigBuyProfile(StrictContract):
    """What the adapter is told of an account at BigBuy: ``[suppliers.NAME.profile]``."""

    payment: Literal["moneybox", "paypal", "bankwire"] = "moneybox"
    language: str = Field(default="en", pattern=r"^[a-z]{2}$")
    telephone: str = Field(default="", max_length=40)  # the shop's own, where a customer left none
    visibility_delay: Span = timedelta(minutes=2)  # an order that a look-up does not find by then does not exist
    max_handling_days: int | None = Field(default=None, ge=0, le=90)  # stock that takes longer to leave counts as none
    statuses: dict[str, SupplierState] = Field(default_factory=dict)  # further words for an order's state


def code_of(line: SupplierLine, references: Mapping[str, str]) -> str:
    """Name a line's article as BigBuy does: its reference; else what its EAN is known as; else the EAN as it stands."""
    return line.sku or references.get(normalise_ean(line.ean), line.ean)


def products(lines: Sequence[SupplierLine], references: Mapping[str, str]) -> list[dict[str, Any]]:
    """List what is wanted, one entry per reference; our article number travels along and comes back with the order."""
    wanted: dict[str, dict[str, Any]] = {}
    for line in lines:
        code = code_of(line, references)
        entry = wanted.setdefault(code, {"reference": code, "quantity": 0, "internalReference": line.ean})
        entry["quantity"] += line.quantity
    return list(wanted.values())


def order_document(order: SupplierOrder, profile: BigBuyProfile, references: Mapping[str, str]) -> dict[str, Any]:
    """Write an order, for checking and for creating alike. ``internalReference`` is our number: it is unique there."""
    return {
        "order": {
            "internalReference": order.number,
            "cashOnDelivery": 0,
            "language": profile.language,
            "paymentMethod": TEST_PAYMENT if order.test else profile.payment,
            "carriers": [{"name": order.carrier} if order.carrier else {"id": order.quote_id}],
            "shippingAddress": _address(order.address, profile.telephone),
            "products": products(order.lines, references),
        }
    }


def shipping_document(
    destination: Destination, lines: Sequence[SupplierLine], references: Mapping[str, str]
) -> dict[str, Any]:
    """Ask what shipping costs (shipping/orders)."""
    delivery = {"isoCountry": destination.country_code, "postcode": destination.postal_code}
    return {"order": {"delivery": delivery, "products": products(lines, references)}}


def stock_document(codes: Sequence[str]) -> dict[str, Any]:
    """Ask for the stock of some references (catalog/productsstockbyreference)."""
    return {"product_stock_request": {"products": [{"sku": code} for code in codes]}}


def _address(address: Address, telephone: str) -> dict[str, str]:
    first, _, last = address.name.partition(" ")
    return {
        "firstName": first,
        "lastName": last or first,  # the vendor refuses an empty one
        "country": address.country_code,
        "postcode": address.postal_code,
        "town": address.city,
        "address": ", ".join(part for part in (address.address1, address.address2) if part),
        "phone": address.phone or telephone,
        "email": address.email,
        "comment": "",
        "companyName": address.company,
    }
