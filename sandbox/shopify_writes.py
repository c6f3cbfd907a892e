"""What apps write to the simulated shop by GraphQL mutations, with Shopify's refusals: (result, user errors)."""

from collections.abc import Iterator
from typing import Any

from sandbox.shopify_bodies import stamp
from sandbox.shopify_world import FulfilledLine, Fulfilment, Order, Share, ShareLine, Shop

Errors = list[dict[str, Any]]
NAMESPACE_LENGTHS = range(3, 256)
KEY_LENGTHS = range(2, 65)
MAX_METAFIELDS = 25
OPEN_STATUSES = ("OPEN", "IN_PROGRESS")


def number_of(global_id: str) -> str:
    """Take the REST id out of a global one."""
    return global_id.rpartition("/")[2]


def error(message: str, *field: str, code: str | None = None) -> dict[str, Any]:
    """Write one user error."""
    return {"field": list(field) or None, "message": message, "code": code}


def set_metafields(shop: Shop, inputs: list[dict[str, Any]]) -> tuple[list[dict[str, str]], Errors]:
    """Set metafields of orders, all or none."""
    if len(inputs) > MAX_METAFIELDS:
        message = f"Exceeded the maximum metafields input limit of {MAX_METAFIELDS}."
        return [], [error(message, "metafields", code="LESS_THAN_OR_EQUAL_TO")]
    errors = [found for position, given in enumerate(inputs) for found in _metafield_errors(shop, position, given)]
    if errors:
        return [], errors
    return [_set_metafield(shop, given) for given in inputs], []


def define_metafield(shop: Shop, definition: dict[str, Any]) -> tuple[dict[str, Any] | None, Errors]:
    """Create a metafield definition for orders."""
    namespace, key = str(definition.get("namespace") or ""), str(definition["key"])
    if len(namespace) not in NAMESPACE_LENGTHS:
        return None, [error("Namespace is too short", "definition", "namespace", code="TOO_SHORT")]
    if _definition(shop, namespace, key):
        return None, [error("Key is in use for Order metafields", "definition", "key", code="TAKEN")]
    kept = {"namespace": namespace, "key": key, "name": str(definition["name"]), "type": str(definition["type"])}
    shop.define_metafield(kept)
    return shop.definitions[-1], []


def create_fulfilment(shop: Shop, given: dict[str, Any]) -> tuple[tuple[Order, Fulfilment] | None, Errors]:
    """Fulfil lines of one order from one location; without lines, all of a fulfilment order."""
    entries = given["lineItemsByFulfillmentOrder"]
    found = [find_share(shop, entry["fulfillmentOrderId"]) for entry in entries]
    pairs = [pair for pair in found if pair]
    errors = _share_errors(pairs, len(entries)) or _tracking_errors(given.get("trackingInfo"))
    if errors:
        return None, errors
    order = pairs[0][0]
    taken: list[tuple[ShareLine, int]] = []
    for (_, share), entry in zip(pairs, entries, strict=True):
        lines, errors = _lines_to_take(share, entry.get("fulfillmentOrderLineItems"))
        if errors:
            return None, errors
        taken.extend(lines)
    fulfilment = _fulfil(shop, order, pairs[0][1].location, taken, given)
    return (order, fulfilment), []


def update_tracking(
    shop: Shop, fulfilment_id: str, tracking: dict[str, Any], *, notify: bool
) -> tuple[tuple[Order, Fulfilment] | None, Errors]:
    """Replace a fulfilment's tracking."""
    found = find_fulfilment(shop, fulfilment_id)
    if found is None or found[1].status == "CANCELLED":
        return None, [error("Fulfillment does not exist or was cancelled.", "fulfillmentId")]
    errors = _tracking_errors(tracking)
    if errors:
        return None, errors
    order, fulfilment = found
    fulfilment.tracking = _tracking(tracking)
    fulfilment.notified.append(notify)
    shop.changed(order)
    return found, []


def fulfil_by_hand(shop: Shop, order: Order, numbers: list[str]) -> Fulfilment | None:
    """Fulfil all that is open, as a merchant does in the admin; None if nothing is."""
    shares = [share for share in order.shares if share.status in OPEN_STATUSES]
    taken = [(line, line.remaining) for share in shares for line in share.lines if line.remaining]
    if not taken:
        return None
    given = {"notifyCustomer": True, "trackingInfo": {"numbers": numbers, "company": "Other"}}
    return _fulfil(shop, order, shares[0].location, taken, given)


def cancel_fulfilment(shop: Shop, order: Order, fulfilment: Fulfilment) -> None:
    """Cancel a fulfilment, as a merchant does in the admin: its quantity is open again."""
    fulfilment.status = "CANCELLED"
    for done in fulfilment.lines:
        for share in order.shares:
            for line in share.lines:
                if line.line_id == done.line_id and share.location == fulfilment.location:
                    line.remaining += done.quantity
                    share.status = "OPEN"
    shop.changed(order)


def find_fulfilment(shop: Shop, global_id: str) -> tuple[Order, Fulfilment] | None:
    """Find a fulfilment and its order by global id."""
    wanted = number_of(global_id)
    order = shop.owners.get(wanted)
    found = [one for one in order.fulfilments if str(one.id) == wanted] if order else []
    return (order, found[0]) if order and found else None


def find_share(shop: Shop, global_id: str) -> tuple[Order, Share] | None:
    """Find a fulfilment order and its order by global id."""
    wanted = number_of(global_id)
    order = shop.owners.get(wanted)
    found = [one for one in order.shares if str(one.id) == wanted] if order else []
    return (order, found[0]) if order and found else None


def _metafield_errors(shop: Shop, position: int, given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    where = ("metafields", str(position))
    namespace, key = str(given.get("namespace") or ""), str(given["key"])
    definition = _definition(shop, namespace, key)
    kind = given.get("type") or (definition or {}).get("type")
    if number_of(str(given["ownerId"])) not in shop.orders:
        yield error("Owner does not exist.", *where, "ownerId", code="INVALID")
    if len(namespace) not in NAMESPACE_LENGTHS:
        yield error("Namespace is too short.", *where, "namespace", code="TOO_SHORT")
    if len(key) not in KEY_LENGTHS:
        yield error("Key is too short.", *where, "key", code="TOO_SHORT")
    if not kind:
        yield error("Type can't be blank.", *where, "type", code="BLANK")
    if definition and kind != definition["type"]:
        yield error(f"Type '{kind}' must be consistent with the definition.", *where, "type", code="INVALID_TYPE")
    if not str(given["value"]).strip():
        yield error("Value can't be blank.", *where, "value", code="BLANK")
    if kind == "single_line_text_field" and "\n" in str(given["value"]):
        yield error("Value must be a single line text string.", *where, "value", code="INVALID_VALUE")


def _set_metafield(shop: Shop, given: dict[str, Any]) -> dict[str, str]:
    order = shop.order(number_of(given["ownerId"]))
    namespace, key = given["namespace"], given["key"]
    definition = _definition(shop, namespace, key) or {}
    name = f"{namespace}.{key}"
    present = order.metafields.get(name, {"id": str(shop.new_id()), "namespace": namespace, "key": key})
    kind = str(given.get("type") or definition.get("type"))
    order.metafields[name] = {**present, "type": kind, "value": given["value"]}
    shop.changed(order)
    return order.metafields[name]


def _definition(shop: Shop, namespace: str, key: str) -> dict[str, str] | None:
    found = (one for one in shop.definitions if one["namespace"] == namespace and one["key"] == key)
    return next(found, None)


def _share_errors(pairs: list[tuple[Order, Share]], asked: int) -> Errors:
    where = ("fulfillment",)
    if len(pairs) != asked or not pairs:
        return [error("Fulfillment order does not exist.", *where)]
    if len({order.id for order, _ in pairs}) > 1 or len({share.location for _, share in pairs}) > 1:
        return [error("All fulfillment orders must belong to the same order and location.", *where)]
    closed = next((share.status for _, share in pairs if share.status not in OPEN_STATUSES), None)
    if closed:
        return [error(f"Fulfillment order {closed.lower()} has an unfulfillable status.", *where)]
    return []


def _tracking_errors(tracking: dict[str, Any] | None) -> Errors:
    given = tracking or {}
    if given.get("number") and given.get("numbers"):
        return [error("Provide either number or numbers, not both.", "trackingInfo")]
    if given.get("urls") and len(given["urls"]) > len(given.get("numbers") or []):
        return [error("More tracking URLs than numbers.", "trackingInfo", "urls")]
    return []


def _lines_to_take(share: Share, asked: list[dict[str, Any]] | None) -> tuple[list[tuple[ShareLine, int]], Errors]:
    if not asked:
        return [(line, line.remaining) for line in share.lines if line.remaining], []
    by_id = {str(line.id): line for line in share.lines}
    taken = []
    for entry in asked:
        line = by_id.get(number_of(entry["id"]))
        if line is None or not 0 < entry["quantity"] <= line.remaining:
            return [], [error("Invalid fulfillment order line item quantity requested.", "fulfillment")]
        taken.append((line, int(entry["quantity"])))
    return taken, []


def _fulfil(
    shop: Shop, order: Order, location: str, taken: list[tuple[ShareLine, int]], given: dict[str, Any]
) -> Fulfilment:
    fulfilment = Fulfilment(
        id=shop.new_id(),
        status="SUCCESS",
        created_at=stamp(shop.clock()),
        location=location,
        lines=[FulfilledLine(shop.new_id(), line.line_id, quantity) for line, quantity in taken],
        tracking=_tracking(given.get("trackingInfo")),
        notified=[bool(given.get("notifyCustomer"))],
    )
    for line, quantity in taken:
        line.remaining -= quantity
    for share in order.shares:
        if share.status in OPEN_STATUSES and not any(line.remaining for line in share.lines):
            share.status = "CLOSED"
    order.fulfilments.append(fulfilment)
    left = any(line.remaining for share in order.shares for line in share.lines)
    order.body["fulfillment_status"] = "partial" if left else "fulfilled"
    shop.changed(order)
    return fulfilment


def _tracking(given: dict[str, Any] | None) -> list[dict[str, str | None]]:
    tracking = given or {}
    numbers = tracking.get("numbers") or ([tracking["number"]] if tracking.get("number") else [])
    urls = tracking.get("urls") or ([tracking["url"]] if tracking.get("url") else [])
    padded = [*urls, *[None] * (len(numbers) - len(urls))]
    company = tracking.get("company")
    return [{"number": number, "url": url, "company": company} for number, url in zip(numbers, padded, strict=False)]
