"""What apps write about what is on sale: quantities, prices, words and new products, with Shopify's refusals.

Each write takes plain GraphQL variables and gives user errors, so that a bulk operation runs a line without a GraphQL
engine in between: a million lines would take it an hour.
"""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import Any

from graphql import GraphQLError

from sandbox.shopify_products import Shelf, Variant, cents
from sandbox.shopify_world import MAIN_LOCATION, Shop, location_id
from sandbox.shopify_writes import MAX_METAFIELDS, Errors, error, number_of

MAX_ARRAY = 250  # entries of any list in a call
MAX_QUANTITY = 1_000_000_000
REASONS = frozenset({"correction", "cycle_count_available", "damaged", "other", "received", "restock", "shrinkage"})
NO_KEY = "The @idempotent directive is required for this mutation but was not provided."
NO_COMPARISON = "InventoryQuantityInput must include the following argument: changeFromQuantity."


def set_quantities(shop: Shop, given: dict[str, Any], key: str | None) -> Errors:
    """Set what is available at a location, all or none, once per key."""
    if not key or not key.strip():
        raise GraphQLError(NO_KEY, extensions={"code": "BAD_REQUEST"})
    _demand_size(given["quantities"])
    if any("changeFromQuantity" not in entry for entry in given["quantities"]):
        raise GraphQLError(NO_COMPARISON, extensions={"code": "INVALID_FIELD_ARGUMENTS"})
    return _once(shop, key, given, lambda: _set_quantities(shop.variants, given))


def set_prices(shop: Shop, product_id: str, variants: Sequence[dict[str, Any]], *, partial: bool) -> Errors:
    """Set prices of one product's variants; with ``partial`` the good ones are taken beside bad ones."""
    _demand_size(variants)
    shelf = shop.variants
    number = _integer(number_of(product_id))
    judged = [_judge_price(shelf, number, position, given) for position, given in enumerate(variants)]
    if all(found and found["code"] == "MUST_BE_FOR_THIS_PRODUCT" for _, found in judged):
        return [error("Product does not exist", "productId", code="PRODUCT_DOES_NOT_EXIST")]
    errors = [found for _, found in judged if found]
    if not errors or partial:
        for (place, found), given in zip(judged, variants, strict=True):
            if place is not None and found is None and given.get("price") is not None:
                shelf.prices[place] = cents(Decimal(str(given["price"])))
                shelf.wrote("price", place)
    for one in errors:
        if one["code"] == "MUST_BE_FOR_THIS_PRODUCT":
            one["code"] = "PRODUCT_VARIANT_DOES_NOT_EXIST"
    return errors


def set_words(shop: Shop, inputs: Sequence[dict[str, Any]]) -> Errors:
    """Set the metafields of variants, all or none."""
    if len(inputs) > MAX_METAFIELDS:
        message = f"Exceeded the maximum metafields input limit of {MAX_METAFIELDS}."
        return [error(message, "metafields", code="LESS_THAN_OR_EQUAL_TO")]
    shelf = shop.variants
    places = [_place_of(shelf, given["ownerId"]) for given in inputs]
    errors = [
        found
        for position, (place, given) in enumerate(zip(places, inputs, strict=True))
        for found in _word_errors(shelf, position, place, given)
    ]
    if not errors:
        for place, given in zip(places, inputs, strict=True):
            assert place is not None
            shelf.words[place] = given["value"]
            shelf.wrote("words", place)
    return errors


def create_product(shop: Shop, given: dict[str, Any]) -> tuple[Variant | None, Errors]:
    """Create a product with one variant."""
    shelf = shop.variants
    title, handle = str(given.get("title") or "").strip(), str(given.get("handle") or "")
    if not title:
        return None, [error("Title can't be blank", "input", "title", code="INVALID_INPUT")]
    if any(draft.handle == handle for draft in shelf.drafts):
        return None, [error(f"Handle '{handle}' already in use.", "input", "handle", code="HANDLE_NOT_UNIQUE")]
    variant = (given.get("variants") or [{}])[0]
    price = Decimal(str(variant.get("price") or 0))
    return shelf.add(handle, title, variant.get("barcode"), str(variant.get("sku") or ""), price), []


def _once(shop: Shop, key: str, given: dict[str, Any], act: Callable[[], Errors]) -> Errors:
    """Act once per key: the same again is answered as before, something else under the same key is refused."""
    digest = blake2b(json.dumps(given, sort_keys=True).encode(), digest_size=16).digest()
    known = shop.answers.get(key)
    if known is None:
        errors = act()
        shop.answers[key] = (digest, not errors)
        return errors
    if known[0] != digest:
        message = "The same idempotency key cannot be used with different operation parameters."
        return [error(message, code="IDEMPOTENCY_KEY_PARAMETER_MISMATCH")]
    if not known[1]:
        message = "A previous request with this idempotency key failed. Retry with a new idempotency key."
        return [error(message, code="IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")]
    return []


def _set_quantities(shelf: Shelf, given: dict[str, Any]) -> Errors:
    errors = _frame_errors(given)
    main, seen, taken = location_id(MAIN_LOCATION), set(), []
    for position, entry in enumerate(given["quantities"]):
        place = shelf.place_of_item(_integer(number_of(entry["inventoryItemId"])))
        code = _quantity_code(shelf, place, entry, main) or ("" if place not in seen else _TWICE)
        if code:
            errors.append(error(code, "input", "quantities", str(position), _FIELDS.get(code, "quantity"), code=code))
        seen.add(place)
        taken.append((place, entry["quantity"]))
    if not errors:
        for place, quantity in taken:
            assert place is not None
            shelf.quantities[place] = quantity
            shelf.wrote("quantity", place)
    return errors


_TWICE = "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"
_FIELDS = {"INVALID_INVENTORY_ITEM": "inventoryItemId", "INVALID_LOCATION": "locationId"}


def _quantity_code(shelf: Shelf, place: int | None, entry: dict[str, Any], main: str) -> str:
    if place is None:
        return "INVALID_INVENTORY_ITEM"
    if number_of(entry["locationId"]) != main:
        return "INVALID_LOCATION"
    if entry["quantity"] < 0:
        return "INVALID_QUANTITY_NEGATIVE"
    if entry["quantity"] > MAX_QUANTITY:
        return "INVALID_QUANTITY_TOO_HIGH"
    return _refusal(shelf, "quantity", place)


def _frame_errors(given: dict[str, Any]) -> Errors:
    if given["name"] not in ("available", "on_hand"):
        return [error("The quantity name is invalid.", "input", "name", code="INVALID_NAME")]
    if given["reason"] not in REASONS:
        return [error("The specified reason is invalid.", "input", "reason", code="INVALID_REASON")]
    scheme, _, content = str(given.get("referenceDocumentUri") or "none:none").partition(":")
    if not scheme.isascii() or not content.strip("/") or " " in content:
        message = "The specified reference document is invalid."
        return [error(message, "input", "referenceDocumentUri", code="INVALID_REFERENCE_DOCUMENT")]
    return []


def _judge_price(
    shelf: Shelf, product: int, position: int, given: dict[str, Any]
) -> tuple[int | None, dict[str, Any] | None]:
    """Find the variant of one entry, and what is wrong with the entry."""
    where = ("variants", str(position))
    if not given.get("id"):
        return None, error("Product variant is missing ID attribute", *where, code="PRODUCT_VARIANT_ID_MISSING")
    place = _place_of(shelf, given["id"])
    if place is None or shelf.product_id(place) != product:
        return None, error("Product variant does not exist", *where, "id", code="MUST_BE_FOR_THIS_PRODUCT")
    code = _refusal(shelf, "price", place) or _price_code(given.get("price"))
    return place, error(code, *where, "price", code=code) if code else None


def _price_code(price: object) -> str:
    try:
        return "" if price is None or Decimal(str(price)) >= 0 else "GREATER_THAN_OR_EQUAL_TO"
    except InvalidOperation:
        return "INVALID_INPUT"


def _word_errors(shelf: Shelf, position: int, place: int | None, given: dict[str, Any]) -> Errors:
    where = ("metafields", str(position))
    value = str(given["value"])
    code, part = "", "value"
    if place is None:
        code, part = "INVALID", "ownerId"
    elif not value.strip():
        code = "BLANK"
    elif "\n" in value:
        code = "INVALID_VALUE"
    else:
        code = _refusal(shelf, "words", place)
    return [{**error(code, *where, part, code=code), "elementIndex": position}] if code else []


def _refusal(shelf: Shelf, kind: str, place: int) -> str:
    """The code that this variant is refused with, as the sandbox was told to."""
    told = shelf.refused.get(kind)
    return told.get(str(shelf.at(place).id), "") if told else ""


def _place_of(shelf: Shelf, global_id: str) -> int | None:
    return shelf.place(_integer(number_of(global_id)))


def _integer(text: str) -> int:
    return int(text) if text.isdecimal() else -1


def _demand_size(entries: Sequence[object]) -> None:
    if len(entries) > MAX_ARRAY:
        message = f"The input array size of {len(entries)} is greater than the maximum allowed of {MAX_ARRAY}."
        raise GraphQLError(message, extensions={"code": "MAX_INPUT_SIZE_EXCEEDED"})
