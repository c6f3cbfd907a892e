"""The JSON of an order as Shopify's webhooks carry it (REST shape), from a short form that tests and demos can write.

Short form: ``{"name": "#1001", "lines": [["8437000000000", 2], {"variant": 44000000000001, "quantity": 1}], "address":
{...}, "financial_status": "paid", "test": false}``. What is left out is filled in; ``"address": null`` stays empty.
Any further field of the REST shape may be given too, and wins.
"""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from sandbox.shopify_products import GIFT_CARD, Variant

SHOP_ZONE = timezone(timedelta(hours=1))
TOWNS = (("Madrid", "28001", "M", "ES"), ("Lyon", "69001", "", "FR"), ("Leipzig", "04109", "", "DE"))
VariantFinder = Callable[[dict[str, Any]], Variant | None]
NewId = Callable[[], int]
_SHORT_FIELDS = frozenset({"lines", "address", "webhooks", "line_items"})


def order_body(form: dict[str, Any], number: int, now: datetime, new_id: NewId, find: VariantFinder) -> dict[str, Any]:
    """Write a whole order. Raises LookupError or ValueError where the form names something that is not there."""
    order_id = form.get("id") or new_id()
    status = str(form.get("financial_status") or "paid")
    lines = [line_body(entry, new_id, find) for entry in form.get("lines", [])] or form.get("line_items", [])
    address = form["address"] if "address" in form else example_address(number)
    body = {
        **_frame(order_id, number, status, now, str(form.get("currency") or "EUR")),
        **_people(number, address),
        **{name: value for name, value in form.items() if name not in _SHORT_FIELDS},
        "id": order_id,
        "line_items": [_with_ids(line, new_id) for line in lines],
    }
    return {**totals(body), **body}


def line_body(entry: dict[str, Any] | list[Any], new_id: NewId, find: VariantFinder) -> dict[str, Any]:
    """Write one line, from ``[ean, quantity]`` or from an object that names an ``ean``, a ``variant`` or neither."""
    form = {"ean": entry[0], "quantity": entry[1]} if isinstance(entry, list) else entry
    variant = find(form)
    line_id, quantity = new_id(), form.get("quantity", 1)
    given = {name: value for name, value in form.items() if name not in {"ean", "variant"}}
    return {
        "id": line_id,
        "admin_graphql_api_id": f"gid://shopify/LineItem/{line_id}",
        "sku": variant.sku if variant else None,
        "variant_id": variant.id if variant else None,
        "product_id": variant.product_id if variant else None,
        "title": variant.title if variant else "Custom item",
        "quantity": quantity,
        "current_quantity": quantity,
        "fulfillable_quantity": quantity,
        "fulfillment_status": None,
        "price": f"{variant.price:.2f}" if variant else "10.00",
        "grams": 250 if variant else 0,
        "requires_shipping": variant.ships if variant else True,
        "gift_card": variant is not None and variant.id == GIFT_CARD,
        "properties": [],
        "tax_lines": [],
        **given,
    }


def totals(body: dict[str, Any]) -> dict[str, Any]:
    """Add up an order's amounts from its lines, as far as they can be added."""
    total = current = Decimal(0)
    for line in body["line_items"]:
        try:
            price = Decimal(str(line["price"]))
            total += price * line["quantity"]
            current += price * line.get("current_quantity", line["quantity"])
        except (KeyError, TypeError, ArithmeticError):
            continue
    amounts = {"total_price": total, "subtotal_price": total, "current_total_price": current}
    return {name: f"{amount:.2f}" for name, amount in amounts.items()}


def stamp(moment: datetime) -> str:
    """Write a time as webhooks do: in the shop's zone, to the second."""
    return moment.astimezone(SHOP_ZONE).isoformat(timespec="seconds")


def example_address(number: int) -> dict[str, Any]:
    """Write an address that belongs to nobody, another one for every order number."""
    city, postcode, province, country = TOWNS[number % len(TOWNS)]
    return {
        "first_name": "Customer",
        "last_name": f"No. {number}",
        "name": f"Customer No. {number}",
        "company": None,
        "address1": f"Sample Street {number % 200 + 1}",
        "address2": "",
        "city": city,
        "zip": postcode,
        "province": None,
        "province_code": province or None,
        "country": None,
        "country_code": country,
        "phone": f"+3460{number % 10_000_000:07d}",
    }


def _frame(order_id: object, number: int, status: str, now: datetime, currency: str) -> dict[str, Any]:
    return {
        "id": order_id,
        "admin_graphql_api_id": f"gid://shopify/Order/{order_id}",
        "name": f"#{number}",
        "order_number": number,
        "currency": currency,
        "presentment_currency": currency,
        "created_at": stamp(now),
        "processed_at": stamp(now),
        "updated_at": stamp(now),
        "cancelled_at": None,
        "closed_at": None,
        "financial_status": status,
        "fulfillment_status": None,
        "test": False,
        "note": None,
        "note_attributes": [],
        "tags": "",
        "taxes_included": True,
        "total_tax": "0.00",
        "payment_gateway_names": ["shopify_payments"],
        "shipping_lines": [{"title": "Standard", "code": "standard", "price": "0.00"}],
    }


def _people(number: int, address: object) -> dict[str, Any]:
    return {
        "email": f"customer-{number}@example.com",
        "phone": None,
        "customer": {"id": 7_000_000_000_000 + number, "email": f"customer-{number}@example.com"},
        "shipping_address": address,
        "billing_address": address,
    }


def _with_ids(line: Any, new_id: NewId) -> Any:
    return {"id": new_id(), **line} if isinstance(line, dict) and "id" not in line else line
