"""What a shipping rate depends on, and whether it still holds."""

from models.orders import Address
from models.suppliers import Destination


def destination(address: Address) -> Destination:
    """Take the part of an address that a rate depends on."""
    return Destination(country_code=address.country_code, postal_code=address.postal_code)


def key(address: Address) -> str:
    """Name the destination of a quote: while it is the same, the quote holds."""
    return f"{address.country_code} {address.postal_code}".strip()
