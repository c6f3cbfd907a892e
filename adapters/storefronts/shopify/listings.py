"""Reading what the shop has on sale."""

from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation

from adapters.errors import UnexpectedReply
from adapters.storefronts.shopify import documents
from adapters.storefronts.shopify.listing_replies import ListedVariant, Listings, ListingsById
from adapters.storefronts.shopify.transport import ShopifyApi, gid
from models.listings import Listing

NO_LOCATION = "0"


def walk(api: ShopifyApi, location: str, cursor: str) -> Iterator[tuple[list[Listing], str]]:
    """Walk through every variant from ``cursor`` on, page by page, with the cursor that goes on after each."""
    after: str | None = cursor or None
    while True:
        page = api.run(documents.LISTINGS, Listings, after=after, **_stock_at(location)).product_variants
        after = page.page_info.end_cursor if page.page_info.has_next_page else None
        yield [read_listing(variant) for variant in page.nodes], after or ""
        if not after:
            return


def look(api: ShopifyApi, location: str, variant_ids: Sequence[str]) -> list[Listing]:
    """Read some variants by id; those that are gone are left out."""
    found: list[Listing] = []
    ids = list(dict.fromkeys(variant_ids))
    for start in range(0, len(ids), documents.LISTINGS_PAGE):
        wanted = [gid("ProductVariant", one) for one in ids[start : start + documents.LISTINGS_PAGE]]
        reply = api.run(documents.LISTINGS_BY_ID, ListingsById, ids=wanted, **_stock_at(location))
        found += [read_listing(variant) for variant in reply.nodes if variant is not None]
    return found


def read_listing(variant: ListedVariant) -> Listing:
    """Turn Shopify's variant into ours. Raises UnexpectedReply where its price is no amount."""
    item, level = variant.inventory_item, variant.inventory_item.inventory_level
    return Listing(
        variant_id=variant.legacy_resource_id,
        product_id=variant.product.legacy_resource_id,
        inventory_item_id=item.legacy_resource_id,
        sku=_shortened(variant.sku, 100),
        barcode=_shortened(variant.barcode, 40),
        title=_shortened(variant.display_name, 300),
        tracked=item.tracked,
        quantity=level.quantities[0].quantity if level and level.quantities else None,
        price=_amount(variant.price),
        words=_shortened(variant.metafield.value, 300) if variant.metafield else None,
    )


def _stock_at(location: str) -> dict[str, str | bool]:
    """Ask for quantities only where there is a location to ask about."""
    return {"location": gid("Location", location or NO_LOCATION), "stocked": bool(location)}


def _shortened(text: str | None, length: int) -> str:
    return (text or "").replace("\x00", "").strip()[:length]


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise UnexpectedReply("Listings: a price is not an amount", code="reply_unreadable") from None
