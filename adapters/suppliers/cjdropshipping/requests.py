"""What we ask of CJ Dropshipping, as JSON documents. Pure: no network, no clock.

Format: CJ Dropshipping API 2.0 (developers.cjdropshipping.com). Articles are named by CJ's variant id (or its SKU).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from models.base import CountryCode, Span, StrictContract
from models.orders import Address
from models.suppliers import Destination, SupplierLine, SupplierOrder

CREATE_ONLY = 3  # payType: nothing is confirmed or paid yet
# The vendor wants a country's English name beside its code.
COUNTRIES = dict(
    pair.split("=")
    for pair in """AT=Austria,AU=Australia,BE=Belgium,BG=Bulgaria,BR=Brazil,CA=Canada,CH=Switzerland,CY=Cyprus,
    CZ=Czech Republic,DE=Germany,DK=Denmark,EE=Estonia,ES=Spain,FI=Finland,FR=France,GB=United Kingdom,GR=Greece,
    HR=Croatia,HU=Hungary,IE=Ireland,IL=Israel,IT=Italy,JP=Japan,KR=South Korea,LT=Lithuania,LU=Luxembourg,LV=Latvia,
    MT=Malta,MX=Mexico,NL=Netherlands,NO=Norway,NZ=New Zealand,PL=Poland,PT=Portugal,RO=Romania,SE=Sweden,
    SG=Singapore,SI=Slovenia,SK=Slovakia,US=United States""".replace("\n    ", "").split(",")
)


class CjProfile(StrictContract):
    """What the adapter is told of an account at CJ: ``[suppliers.NAME.profile]``."""

    payment: Literal["balance", "manual"] = "balance"  # manual: a person pays in the vendor's portal
    articles: Literal["vid", "sku"] = "vid"  # what the supplier's article numbers are
    from_country: CountryCode = "CN"  # the warehouse that goods leave from
    telephone: str = Field(default="", max_length=20)  # the shop's own, where a customer left none
    visibility_delay: Span = timedelta(minutes=1)  # an order that a look-up does not find by then does not exist
    ioss_type: Literal[1, 2, 3] | None = None  # 1 none, 2 the shop's own number, 3 CJ's
    ioss_number: str = Field(default="", max_length=20)
    country_names: dict[CountryCode, str] = Field(default_factory=dict)  # further ones, or as the vendor spells them


def products(lines: Sequence[SupplierLine], articles: str) -> list[dict[str, Any]]:
    """List what is wanted; our article number travels along and comes back with the order."""
    return [{articles: line.sku or line.ean, "quantity": line.quantity, "storeLineItemId": line.ean} for line in lines]


def second_line(address: Address) -> str:
    """Write what the first line of an address leaves over."""
    return ", ".join(part for part in (address.address2, address.company) if part)


def order_document(order: SupplierOrder, profile: CjProfile) -> dict[str, Any]:
    """Write an order that is created and no more (createOrderV2). ``orderNumber`` is ours: the vendor takes it once."""
    address = order.address
    names = COUNTRIES | profile.country_names
    document = {
        "orderNumber": order.number,
        "shippingCustomerName": address.name,
        "shippingAddress": address.address1,
        "shippingAddress2": second_line(address),
        "shippingCity": address.city,
        "shippingProvince": address.province_code or address.city,  # required, also where a country has none
        "shippingZip": address.postal_code,
        "shippingCountryCode": address.country_code,
        "shippingCountry": names.get(address.country_code, address.country_code),
        "shippingPhone": address.phone or profile.telephone,
        "email": address.email,
        "remark": "",
        "logisticName": order.carrier or carrier_of(order.quote_id),
        "fromCountryCode": profile.from_country,
        "payType": CREATE_ONLY,
        "products": products(order.lines, profile.articles),
    }
    return document | _ioss(profile) | ({"isSandbox": 1} if order.test else {})


def freight_document(destination: Destination, lines: Sequence[SupplierLine], profile: CjProfile) -> dict[str, Any]:
    """Ask what shipping costs (freightCalculate)."""
    return {
        "startCountryCode": profile.from_country,
        "endCountryCode": destination.country_code,
        "zip": destination.postal_code,
        "products": [{profile.articles: line.sku or line.ean, "quantity": line.quantity} for line in lines],
    }


def quote_id_of(carrier: str) -> str:
    """Make an id of a way to ship: the vendor has but its name."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in carrier)[:64].lstrip("_")


def carrier_of(quote_id: str) -> str:
    """Guess the name that an id was made of, where it did not travel along."""
    return quote_id.replace("_", " ")


def _ioss(profile: CjProfile) -> dict[str, Any]:
    if profile.ioss_type is None:
        return {}
    return {"iossType": profile.ioss_type} | ({"iossNumber": profile.ioss_number} if profile.ioss_number else {})
