"""How GraphQL shows the simulated shop: dictionaries under Shopify's names, connections as functions of paging."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.shopify_paging import View, connection, gid
from sandbox.shopify_search import order_filter
from sandbox.shopify_stock_views import place_view
from sandbox.shopify_world import Fulfilment, Order, Share, Shop, location_id

_ORDER_KEYS = {"UPDATED_AT": "updated_at", "CREATED_AT": "created_at"}


def orders_page(shop: Shop, arguments: dict[str, Any]) -> View:
    """Search the orders. Raises ValueError where the search is not understood."""
    matches = order_filter(arguments.get("query"))
    key = _ORDER_KEYS.get(arguments.get("sortKey") or "ID")
    found = [order for order in shop.orders.values() if matches(order.body)]
    keyed = [(f"{_utc(order.body[key]) if key else ''}|{order.id:>20}", order_view(shop, order)) for order in found]
    return connection(keyed, arguments.get("first"), arguments.get("after"), reverse=bool(arguments.get("reverse")))


def definitions_page(shop: Shop, arguments: dict[str, Any]) -> View:
    """List the metafield definitions of orders; other owners have none here."""
    owned = shop.definitions if arguments["ownerType"] == "ORDER" else []
    keyed = [(definition["id"], definition_view(definition)) for definition in owned]
    return connection(keyed, arguments.get("first"), arguments.get("after"))


def definition_view(definition: dict[str, str]) -> View:
    """Show a metafield definition."""
    view = {
        "ownerType": "ORDER",
        "type": {"name": definition["type"]},
        "id": gid("MetafieldDefinition", definition["id"]),
    }
    return {**definition, **view}


def metafield_view(metafield: dict[str, str]) -> View:
    """Show a metafield."""
    return {**metafield, "id": gid("Metafield", metafield["id"])}


def order_view(shop: Shop, order: Order) -> View:
    """Show an order."""
    body = order.body
    address = body.get("shipping_address")
    currency = body["currency"]
    return {
        "id": gid("Order", order.id),
        "legacyResourceId": str(order.id),
        "name": body["name"],
        "email": body.get("email"),
        "phone": body.get("phone"),
        "test": body["test"],
        "createdAt": _utc(body["created_at"]),
        "processedAt": _utc(body["processed_at"]),
        "updatedAt": _utc(body["updated_at"]),
        "cancelledAt": body.get("cancelled_at") and _utc(body["cancelled_at"]),
        "displayFinancialStatus": str(body["financial_status"]).upper(),
        "currencyCode": currency,
        "tags": [tag.strip() for tag in str(body.get("tags") or "").split(",") if tag.strip()],
        "customAttributes": [{"key": one["name"], "value": one["value"]} for one in body.get("note_attributes") or ()],
        "shippingLine": next(iter(body.get("shipping_lines") or ()), None),
        "totalPriceSet": _money(body["total_price"], currency),
        "currentTotalPriceSet": _money(body["current_total_price"], currency),
        "shippingAddress": address_view(address) if isinstance(address, dict) else None,
        "lineItems": _lazy(lambda: _keyed(line_view(shop, line, currency) for line in order.lines)),
        "fulfillmentOrders": _lazy(lambda: _keyed(share_view(shop, order, share) for share in order.shares)),
        "fulfillments": lambda _info, first=None: [fulfilment_view(shop, order, one) for one in order.fulfilments][
            :first
        ],
        "metafield": lambda _info, key, namespace=None: _metafield(order, namespace, key),
    }


def line_view(shop: Shop, line: View, currency: str) -> View:
    """Show a line of an order."""
    variant_id = line.get("variant_id")
    place = shop.variants.place(variant_id) if isinstance(variant_id, int) else None
    return {
        "id": gid("LineItem", line["id"]),
        "sku": line.get("sku"),
        "title": line["title"],
        "quantity": line["quantity"],
        "currentQuantity": line.get("current_quantity", line["quantity"]),
        "requiresShipping": line.get("requires_shipping", True),
        "isGiftCard": line.get("gift_card", False),
        "variant": None if place is None else place_view(shop, place),
        "originalUnitPriceSet": _money(line["price"], currency),
    }


def address_view(address: View) -> View:
    """Show an address."""
    country = str(address.get("country_code") or "")
    return {
        "firstName": address.get("first_name"),
        "lastName": address.get("last_name"),
        "name": address.get("name"),
        "company": address.get("company"),
        "address1": address.get("address1"),
        "address2": address.get("address2"),
        "city": address.get("city"),
        "provinceCode": address.get("province_code"),
        "zip": address.get("zip"),
        # GraphQL knows the countries, REST repeats what was typed.
        "countryCodeV2": country.upper() if len(country) == 2 and country.isascii() and country.isalpha() else None,
        "phone": address.get("phone"),
    }


def share_view(shop: Shop, order: Order, share: Share) -> View:
    """Show a fulfilment order."""
    location = {"id": gid("Location", location_id(share.location)), "name": share.location, "isActive": True}
    lines = {str(line["id"]): line for line in order.lines}
    return {
        "id": gid("FulfillmentOrder", share.id),
        "status": share.status,
        "assignedLocation": {"name": share.location, "location": location},
        "lineItems": _lazy(
            lambda: _keyed(
                {
                    "id": gid("FulfillmentOrderLineItem", line.id),
                    "remainingQuantity": line.remaining,
                    "totalQuantity": line.total,
                    "lineItem": line_view(shop, lines[str(line.line_id)], order.body["currency"]),
                }
                for line in share.lines
            )
        ),
    }


def fulfilment_view(shop: Shop, order: Order, fulfilment: Fulfilment) -> View:
    """Show a fulfilment."""
    lines = {str(line["id"]): line for line in order.lines}
    return {
        "id": gid("Fulfillment", fulfilment.id),
        "legacyResourceId": str(fulfilment.id),
        "status": fulfilment.status,
        "createdAt": _utc(fulfilment.created_at),
        "trackingInfo": lambda _info, first=None: fulfilment.tracking[:first],
        "fulfillmentLineItems": _lazy(
            lambda: _keyed(
                {
                    "id": gid("FulfillmentLineItem", line.id),
                    "quantity": line.quantity,
                    "lineItem": line_view(shop, lines[str(line.line_id)], order.body["currency"]),
                }
                for line in fulfilment.lines
            )
        ),
    }


def _lazy(items: Callable[[], Sequence[tuple[str, View]]]) -> Callable[..., View]:
    return lambda _info, first=None, after=None: connection(items(), first, after)


def _keyed(views: Iterable[View]) -> list[tuple[str, View]]:
    return [(f"{position:06}", view) for position, view in enumerate(views)]


def _metafield(order: Order, namespace: str | None, key: str) -> View | None:
    found = order.metafields.get(f"{namespace}.{key}")
    return metafield_view(found) if found else None


def _money(amount: object, currency: str) -> View:
    """GraphQL writes amounts without the trailing zeros that REST has, but with one decimal place at least."""
    try:
        text = f"{Decimal(str(amount)).normalize():f}"
    except InvalidOperation:
        text = str(amount)
    money = {"amount": text if "." in text else f"{text}.0", "currencyCode": currency}
    return {"shopMoney": money, "presentmentMoney": money}


def _utc(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
