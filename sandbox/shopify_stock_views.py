"""How the simulated shop shows what is on sale: by GraphQL, and in the sandbox's own books."""

import re
from collections.abc import Sequence
from typing import Any

from sandbox.shopify_paging import View, gid, page_size, page_view, read_cursor
from sandbox.shopify_products import GIFT_CARD, KINDS, SLOPPY
from sandbox.shopify_world import CLOSED_LOCATION, MAIN_LOCATION, Shop, location_id

WORDS_METAFIELD = ("dropwright", "availability")
BOOKS_PAGE = 1_000
MAX_BOOKS_PAGE = 20_000
_BARCODE = re.compile(r"barcode:(?:'([^']*)'|\"([^\"]*)\"|(\S+))")


def variants_page(shop: Shop, arguments: dict[str, Any]) -> View:
    """List the variants by id: all, those of active products, or those with a barcode."""
    query = str(arguments.get("query") or "")
    places = _places(shop, query)
    after = read_cursor(arguments.get("after"))
    if after is not None:
        beyond = int(after) - GIFT_CARD
        places = (
            range(beyond + 1, places.stop) if isinstance(places, range) else [one for one in places if one > beyond]
        )
    page = [
        (f"{GIFT_CARD + place:020}", place_view(shop, place)) for place in places[: page_size(arguments.get("first"))]
    ]
    return page_view(page, more=len(page) < len(places), continued=after is not None)


def place_view(shop: Shop, place: int) -> View:
    """Show the variant at a place of the shelf."""
    shelf = shop.variants
    variant = shelf.at(place)
    return {
        "__typename": "ProductVariant",
        "id": gid("ProductVariant", variant.id),
        "legacyResourceId": str(variant.id),
        "barcode": variant.barcode,
        "sku": variant.sku,
        "title": variant.title,
        "displayName": variant.title,
        "price": f"{shelf.price(place):.2f}",
        "product": product_view(shop, place),
        "inventoryItem": {
            "__typename": "InventoryItem",
            "id": gid("InventoryItem", shelf.item_id(place)),
            "legacyResourceId": str(shelf.item_id(place)),
            "tracked": variant.ships,
            "measurement": {"weight": {"unit": "KILOGRAMS", "value": 0.25}},
            "inventoryLevel": lambda _info, locationId: _level(shop, place, locationId),  # noqa: N803 - Shopify's name
        },
        "metafield": lambda _info, key, namespace=None: _words(shop, place, namespace, key),
    }


def product_view(shop: Shop, place: int) -> View:
    """Show the product of a place."""
    shelf = shop.variants
    product_id = shelf.product_id(place)
    further = place - SLOPPY - shelf.count
    return {
        "__typename": "Product",
        "id": gid("Product", product_id),
        "legacyResourceId": str(product_id),
        "title": shelf.at(place).title,
        "handle": shelf.drafts[further].handle if further >= 0 else f"product-{product_id}",
        "status": "DRAFT" if further >= 0 else "ACTIVE",
    }


def location_view(global_id: str) -> View | None:
    """Show a location: the one that is open, or the one that is not."""
    names = {location_id(name): name for name in (MAIN_LOCATION, CLOSED_LOCATION)}
    number = global_id.rpartition("/")[2]
    if number not in names:
        return None
    return {"id": gid("Location", number), "name": names[number], "isActive": names[number] == MAIN_LOCATION}


def books(shop: Shop, cursor: str, limit: int | None) -> View:
    """List what every variant shows, and how often that was written. ``cursor`` is "" at first, and at the end."""
    shelf = shop.variants
    start = int(cursor or 0)
    stop = min(start + min(limit or BOOKS_PAGE, MAX_BOOKS_PAGE), len(shelf))
    entries = [entry(shop, place) for place in range(start, stop)]
    return {"listings": entries, "cursor": str(stop) if stop < len(shelf) else ""}


def entry(shop: Shop, place: int) -> View:
    """Show one variant in the books."""
    shelf = shop.variants
    variant = shelf.at(place)
    return {
        "variant_id": str(variant.id),
        "product_id": str(shelf.product_id(place)),
        "inventory_item_id": str(shelf.item_id(place)),
        "sku": variant.sku,
        "barcode": variant.barcode,
        "quantity": shelf.stock(place),
        "price": f"{shelf.price(place):.2f}",
        "words": shelf.words[place],
        "writes": {kind: shelf.writes[kind][place] for kind in KINDS},
    }


def _places(shop: Shop, query: str) -> Sequence[int]:
    shelf = shop.variants
    barcodes = {"".join(found) for found in _BARCODE.findall(query)}
    if not barcodes:
        return range(SLOPPY + shelf.count if "status:active" in query.lower() else len(shelf))
    first = {found.id - GIFT_CARD for one in barcodes if (found := shelf.by_barcode(one))}
    odd = (*range(SLOPPY), *range(SLOPPY + shelf.count, len(shelf)))
    return sorted(first | {place for place in odd if shelf.at(place).barcode in barcodes})


def _level(shop: Shop, place: int, location: str) -> View | None:
    quantity = shop.variants.stock(place)
    if quantity is None or location.rpartition("/")[2] != location_id(MAIN_LOCATION):
        return None
    return {"quantities": lambda _info, names: [{"name": name, "quantity": quantity} for name in names]}


def _words(shop: Shop, place: int, namespace: str | None, key: str) -> View | None:
    words = shop.variants.words[place] if (namespace, key) == WORDS_METAFIELD else None
    if words is None:
        return None
    kind = {"type": "single_line_text_field", "namespace": namespace, "key": key}
    return {**kind, "id": gid("Metafield", GIFT_CARD + place), "value": words}
