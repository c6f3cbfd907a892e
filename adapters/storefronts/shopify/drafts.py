"""New products, created where nobody sees them yet: as drafts, once per EAN."""

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from adapters.errors import Refused, UnexpectedReply
from adapters.storefronts.shopify import documents, writes
from adapters.storefronts.shopify.listing_replies import (
    DraftCreated,
    ProductByHandle,
    ProductsByBarcode,
    VariantByBarcode,
)
from adapters.storefronts.shopify.replies import Page
from adapters.storefronts.shopify.transport import ShopifyApi, all_of
from models.listings import ProductDraft

BARCODES = 40  # asked about in one search
_ONLY_OPTION, _ONLY_VALUE = "Title", "Default Title"  # what Shopify calls them where a product has no options


def create(api: ShopifyApi, drafts: Sequence[ProductDraft]) -> dict[str, str]:
    """Create what no variant of the shop carries the barcode of; return EAN -> product id of all.

    Shopify's search lags behind, so the handle is asked for as well: it follows from the EAN.
    Raises Refused where Shopify takes none of a product's parts.
    """
    found = _by_barcode(api, [draft.ean for draft in drafts])
    for draft in drafts:
        if draft.ean not in found:
            found[draft.ean] = _by_handle(api, draft) or _create(api, draft)
    return {draft.ean: found[draft.ean] for draft in drafts}


def handle_of(ean: str) -> str:
    """Write a draft's handle: the one part of its address that is its own."""
    return f"dropwright-{re.sub(r'[^a-z0-9]+', '-', ean.lower()).strip('-')}"


def product_input(draft: ProductDraft) -> dict[str, Any]:
    """Write a product as ``productSet`` takes it: one variant, stock counted, visible to nobody."""
    variant: dict[str, Any] = {
        "optionValues": [{"optionName": _ONLY_OPTION, "name": _ONLY_VALUE}],
        "barcode": draft.ean,
        "inventoryItem": {"tracked": True},
    }
    if draft.price is not None:
        variant["price"] = f"{draft.price:f}"
    return {
        "title": draft.title,
        "handle": handle_of(draft.ean),
        "status": "DRAFT",
        "vendor": draft.brand,
        "productType": draft.category,
        # Suppliers' texts are text to us: markup of theirs is shown, and never run.
        "descriptionHtml": escape(draft.description).replace("\n", "<br>"),
        "files": [{"originalSource": address, "contentType": "IMAGE"} for address in draft.images],
        "productOptions": [{"name": _ONLY_OPTION, "values": [{"name": _ONLY_VALUE}]}],
        "variants": [variant],
    }


def _by_barcode(api: ShopifyApi, eans: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(eans), BARCODES):
        wanted = set(eans[start : start + BARCODES])
        for variant in _carriers(api, sorted(wanted)):
            if variant.barcode in wanted:
                found.setdefault(variant.barcode, variant.product.legacy_resource_id)
    return found


def _carriers(api: ShopifyApi, eans: Sequence[str]) -> Iterator[VariantByBarcode]:
    search = " OR ".join(f"barcode:'{re.sub(r'[^0-9A-Za-z-]', '', ean)}'" for ean in eans)

    def fetch(after: str | None) -> Page[VariantByBarcode]:
        return api.run(documents.PRODUCTS_BY_BARCODE, ProductsByBarcode, query=search, after=after).product_variants

    return all_of(fetch)


def _by_handle(api: ShopifyApi, draft: ProductDraft) -> str | None:
    found = api.run(documents.PRODUCT_BY_HANDLE, ProductByHandle, handle=handle_of(draft.ean)).product_by_identifier
    return found.legacy_resource_id if found else None


def _create(api: ShopifyApi, draft: ProductDraft) -> str:
    created = api.run(documents.CREATE_DRAFT, DraftCreated, product=product_input(draft)).product_set
    if created.user_errors:
        first = created.user_errors[0]
        where = ".".join(first.field or ()) or "no field"
        raise Refused(f"CreateDraft: Shopify refused ({writes.code_of(first)}, {where})", code=writes.code_of(first))
    if created.product is None:
        raise UnexpectedReply("CreateDraft: neither a product nor an error", code="reply_unreadable")
    return created.product.legacy_resource_id
