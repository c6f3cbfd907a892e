"""A paid order as GraphQL gives it, written in the REST shape of webhooks, so that one reader serves both. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from adapters.storefronts.shopify.replies import PaidOrder, ShippingAddress, SoldLine, Weight
from adapters.storefronts.shopify.transport import number_of

_GRAMS = {"GRAMS": 1, "KILOGRAMS": 1000, "OUNCES": 28.349523125, "POUNDS": 453.59237}


def paid_since(since: datetime) -> str:
    """Write the search for orders that were paid and changed since then (Shopify's search syntax quotes dates)."""
    moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"(financial_status:paid OR financial_status:partially_refunded) AND updated_at:>='{moment}'"


def rest_order(order: PaidOrder, lines: Iterable[SoldLine]) -> dict[str, Any]:
    """Write an order in the REST shape: the fields ``orders.read_order`` reads, under the names webhooks use."""
    return {
        "id": _id(order.legacy_resource_id),
        "admin_graphql_api_id": order.id,
        "name": order.name,
        "email": order.email,
        "phone": order.phone,
        "test": order.test,
        "created_at": order.created_at,
        "processed_at": order.processed_at,
        "updated_at": order.updated_at,
        "cancelled_at": order.cancelled_at,
        "financial_status": (order.display_financial_status or "").lower(),
        "currency": order.currency_code,
        "total_price": order.current_total_price_set.shop_money.amount,
        "shipping_address": order.shipping_address and _address(order.shipping_address),
        "tags": order.tags,
        "note_attributes": [{"name": one.key, "value": one.value} for one in order.custom_attributes],
        "shipping_lines": [order.shipping_line.model_dump()] if order.shipping_line else [],
        "line_items": [_line(line) for line in lines],
    }


def _line(line: SoldLine) -> dict[str, Any]:
    return {
        "id": _id(number_of(line.id)),
        "admin_graphql_api_id": line.id,
        "sku": line.sku,
        "variant_id": line.variant and _id(line.variant.legacy_resource_id),
        "title": line.title,
        "quantity": line.quantity,
        "current_quantity": line.current_quantity,
        "price": line.original_unit_price_set.shop_money.amount,
        "requires_shipping": line.requires_shipping,
        "gift_card": line.is_gift_card,
        "grams": _grams(line.variant.inventory_item.measurement.weight) if line.variant else 0,
    }


def _grams(weight: Weight | None) -> int:
    return 0 if weight is None else round(weight.value * _GRAMS.get(weight.unit, 0))


def _address(address: ShippingAddress) -> dict[str, Any]:
    return {
        "first_name": address.first_name,
        "last_name": address.last_name,
        "name": address.name,
        "company": address.company,
        "address1": address.address1,
        "address2": address.address2,
        "city": address.city,
        "province_code": address.province_code,
        "zip": address.zip,
        "country_code": address.country_code_v2,
        "phone": address.phone,
    }


def _id(number: str) -> int | str:
    return int(number) if number.isdecimal() else number
