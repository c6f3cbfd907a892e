"""What we ask of BTSWholesaler, as parameters and forms. Pure: no network, no clock.

Format: BTSWholesaler API v2.1 (vendor's reference, 2026). Articles are named by EAN, never by the numeric product id.
"""

from collections.abc import Sequence
from enum import StrEnum

from models.orders import Address
from models.suppliers import Destination, SupplierLine, SupplierOrder

Pairs = list[tuple[str, str]]
COUNTRIES_WITH_STATES = frozenset({"US", "CA"})


class PaymentMethod(StrEnum):
    """How an order is paid. A bank transfer leaves it pending, which is the vendor's only way to test."""

    WALLET = "wallet"
    BANK_TRANSFER = "banktransfer"
    CREDIT = "btscredit"


def normalised_ean(ean: str) -> str:
    """Write an EAN as we compare it: without white space, in upper case. Check digits are not our business here."""
    return "".join(ean.split()).upper()


def stock_parameters(eans: Sequence[str]) -> Pairs:
    """Ask for the stock of these articles (getProductStock), at most 100 of them."""
    return [("product_sku[]", normalised_ean(ean)) for ean in eans]


def shipping_parameters(destination: Destination, lines: Sequence[SupplierLine]) -> Pairs:
    """Ask what shipping costs (getShippingPrices)."""
    return [
        ("address[country_code]", destination.country_code),
        ("address[postal_code]", destination.postal_code),
        *_products(lines),
    ]


def order_form(order: SupplierOrder, payment_method: PaymentMethod, telephone: str = "") -> dict[str, str]:
    """Fill in the order form (setCreateOrder). The address is the customer's; a test order is never charged.

    The vendor wants a telephone number: ``telephone``, the merchant's own, stands in where the customer left none.
    """
    address = order.address
    form = {
        "payment_method": PaymentMethod.BANK_TRANSFER if order.test else payment_method,
        **dict(_products(order.lines)),
        "shipping_cost_id": order.quote_id,
        "client_name": _joined(address.name, address.company),
        "address": _joined(address.address1, address.address2),
        "postal_code": address.postal_code,
        "city": address.city,
        "country_code": address.country_code,
        "telephone": address.phone or telephone,
        "dropshipping": "1",
    }
    return form | _state_code(address)


def order_parameters(supplier_number: str) -> Pairs:
    """Ask how an order stands (getOrder)."""
    return [("order_number", supplier_number)]


def tracking_parameters(supplier_number: str) -> Pairs:
    """Ask for an order's tracking numbers (getTrackings)."""
    return [("order_number[0]", supplier_number)]


def _products(lines: Sequence[SupplierLine]) -> Pairs:
    return [
        pair
        for position, line in enumerate(lines)
        for pair in (
            (f"products[{position}][sku]", normalised_ean(line.ean)),
            (f"products[{position}][quantity]", str(line.quantity)),
        )
    ]


def _state_code(address: Address) -> dict[str, str]:
    return {"state_code": address.province_code} if address.country_code in COUNTRIES_WITH_STATES else {}


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
