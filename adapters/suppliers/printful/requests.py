"""What we ask of Printful, as parameters and JSON bodies. Pure: no network, no clock.

Format: Printful API v1 (vendor's PHP SDK). Our number is the order's ``external_id``; ours of a line, its EAN, the
item's ``external_id``, so that shipments can be told line by line.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from adapters.suppliers.printful.profile import PrintfulProfile
from models.articles import normalise_ean
from models.orders import Address
from models.suppliers import Destination, SupplierLine, SupplierOrder

COUNTRIES_WITH_STATES = frozenset({"US", "CA", "AU", "JP"})


def order_path(number: str) -> str:
    """Name an order by our number."""
    return f"orders/@{quote(number, safe='')}"


def supplier_order_path(supplier_number: str) -> str:
    """Name an order by the vendor's number."""
    return f"orders/{quote(supplier_number, safe='')}"


def variant_path(ean: str) -> str:
    """Name a variant of the store by what we call it."""
    return f"store/variants/@{quote(normalise_ean(ean), safe='')}"


def draft(order: SupplierOrder, profile: PrintfulProfile) -> dict[str, Any]:
    """Fill in an order (``POST /orders``)."""
    return {
        "external_id": order.number,
        "shipping": order.quote_id,
        "recipient": _recipient(order.address),
        "items": [{"external_id": normalise_ean(line.ean), **item(line, profile)} for line in order.lines],
    }


def rates(destination: Destination, lines: Sequence[SupplierLine], profile: PrintfulProfile) -> dict[str, Any]:
    """Ask what shipping costs (``POST /shipping/rates``)."""
    recipient = {"country_code": destination.country_code, "zip": destination.postal_code}
    return {"recipient": recipient, "items": [item(line, profile) for line in lines]}


def item(line: SupplierLine, profile: PrintfulProfile) -> dict[str, Any]:
    """Name an article as the store knows it, and how many of it."""
    name = line.sku if profile.items_by == "sku" and line.sku else normalise_ean(line.ean)
    return {"external_variant_id": name, "quantity": line.quantity}


def _recipient(address: Address) -> dict[str, str]:
    recipient = {
        "name": address.name,
        "company": address.company,
        "address1": address.address1,
        "address2": address.address2,
        "city": address.city,
        "state_code": address.province_code if address.country_code in COUNTRIES_WITH_STATES else "",
        "country_code": address.country_code,
        "zip": address.postal_code,
        "phone": address.phone,
        "email": address.email,
    }
    return {name: text for name, text in recipient.items() if text}
