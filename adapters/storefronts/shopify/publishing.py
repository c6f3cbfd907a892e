"""Publishing a few changes, one call after the other: what is good of a refused call still arrives."""

from collections.abc import Sequence

from adapters.errors import Unavailable
from adapters.storefronts.shopify import writes
from adapters.storefronts.shopify.listing_replies import Outcome, PricesSet, QuantitiesSet, WordsSet
from adapters.storefronts.shopify.replies import UserError
from adapters.storefronts.shopify.transport import ShopifyApi
from adapters.storefronts.shopify.writes import Kind
from models.listings import ListingChange, ListingRefusal

FRESH_KEYS = 5  # tries with a key of its own each, where Shopify remembers a failure under the key before
_IN_PROGRESS = "IDEMPOTENCY_CONCURRENT_REQUEST"
_FAILED_BEFORE = "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"
# Wrong for every quantity of a call alike: to send it again in halves would only repeat it.
_OF_THE_CALL = frozenset({"INVALID_NAME", "INVALID_REASON", "INVALID_REFERENCE_DOCUMENT", _FAILED_BEFORE})


def publish(api: ShopifyApi, location: str, changes: Sequence[ListingChange], key: str) -> list[ListingRefusal]:
    """Write quantities, then prices, then words; return which variants were refused any of it, each once."""
    refused: dict[str, str] = {}
    for kind in Kind:
        for batch in writes.batches(kind, changes):
            refused = _deliver(api, kind, location, batch, key) | refused
    return [ListingRefusal(variant_id=variant_id, code=code) for variant_id, code in refused.items()]


def _deliver(api: ShopifyApi, kind: Kind, location: str, batch: Sequence[ListingChange], key: str) -> dict[str, str]:
    """Send one call, and again without those it was refused for, until the rest was taken."""
    refused: dict[str, str] = {}
    remaining = list(batch)
    while remaining:
        errors = _send(api, kind, location, remaining, key)
        if not errors:
            break
        named = writes.named_refusals(errors, remaining)
        refused |= named
        if not named:
            return refused | _halved(api, kind, location, remaining, key, writes.code_of(errors[0]))
        if kind is Kind.PRICES:  # the others were taken
            break
        remaining = [change for change in remaining if change.variant_id not in named]
    return refused


def _halved(
    api: ShopifyApi, kind: Kind, location: str, batch: Sequence[ListingChange], key: str, code: str
) -> dict[str, str]:
    """Look for those that a call was refused for, where Shopify does not name them."""
    if len(batch) == 1 or kind is Kind.PRICES or code in _OF_THE_CALL:
        return dict.fromkeys((change.variant_id for change in batch), code)
    middle = len(batch) // 2
    halves = (batch[:middle], batch[middle:])
    first, second = (_deliver(api, kind, location, half, key) for half in halves)
    return first | second


def _send(
    api: ShopifyApi, kind: Kind, location: str, batch: Sequence[ListingChange], key: str
) -> tuple[UserError, ...]:
    """Send one call. A key under which Shopify remembers a failure is replaced by the next one that follows from it."""
    errors: tuple[UserError, ...] = ()
    for attempt in range(FRESH_KEYS):
        fresh = f"{key}#{attempt}" if attempt else key
        errors = _run(api, kind, writes.variables(kind, location, batch, fresh)).user_errors
        codes = {error.code for error in errors}
        if _IN_PROGRESS in codes:
            raise Unavailable("SetQuantities: the same call is still in work at Shopify", code=_IN_PROGRESS)
        if _FAILED_BEFORE not in codes:
            break
    return errors


def _run(api: ShopifyApi, kind: Kind, variables: dict[str, object]) -> Outcome:
    document = writes.DOCUMENTS[kind]
    if kind is Kind.QUANTITIES:
        return api.run(document, QuantitiesSet, **variables).inventory_set_quantities
    if kind is Kind.PRICES:
        return api.run(document, PricesSet, **variables).product_variants_bulk_update
    return api.run(document, WordsSet, **variables).metafields_set
