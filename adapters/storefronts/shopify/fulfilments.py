"""What has still to be told to Shopify of a shipment, given what it knows already. Pure.

Shopify's ``fulfillmentCreate`` takes no idempotency key. So every call first looks at what is there: a fulfilment with
one of our tracking numbers is ours, whatever became of the call that made it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.storefronts.shopify.replies import AssignedLocation, Fulfilment, FulfilmentOrderLine, Tracking
from adapters.storefronts.shopify.transport import number_of
from models.storefronts import FulfilmentRequest

OPEN_STATUSES = frozenset({"OPEN", "IN_PROGRESS"})
CLOSED_STATUSES = frozenset({"CLOSED", "CANCELLED"})  # what is neither open nor closed waits: held, scheduled
_DEAD_FULFILMENTS = frozenset({"CANCELLED", "ERROR", "FAILURE"})


@dataclass(frozen=True)
class Share:
    """One location's share of an order, with all of its lines."""

    id: str
    status: str
    location: str
    lines: tuple[FulfilmentOrderLine, ...]


def location_key(location: AssignedLocation) -> str:
    """Name a location, so that only shares of one location go into one call."""
    return location.location.id if location.location else location.name


def alive(fulfilments: Iterable[Fulfilment]) -> list[Fulfilment]:
    """Leave out fulfilments that were cancelled or failed: their quantity is open again."""
    return [fulfilment for fulfilment in fulfilments if fulfilment.status not in _DEAD_FULFILMENTS]


def ours(request: FulfilmentRequest, fulfilments: Iterable[Fulfilment]) -> list[Fulfilment]:
    """Find the fulfilments this request speaks of: the one it names, and those with one of its tracking numbers."""
    numbers = set(request.tracking_numbers)
    wanted = number_of(request.fulfilment_id)
    return [
        fulfilment
        for fulfilment in fulfilments
        if number_of(fulfilment.id) == wanted or numbers & {info.number for info in fulfilment.tracking_info}
    ]


def outstanding(request: FulfilmentRequest, covered: Counter[str]) -> Counter[str]:
    """Count what the request's lines still lack after what our own fulfilments cover, by REST line id."""
    asked: Counter[str] = Counter()
    for line in request.lines:
        asked[line.line_id] += line.quantity
    return asked - covered


def waiting_status(wanted: Counter[str], shares: Iterable[Share]) -> str | None:
    """Say which status keeps a wanted line from being fulfilled, e.g. ``ON_HOLD``; None if nothing does."""
    for share in shares:
        if share.status in OPEN_STATUSES | CLOSED_STATUSES:
            continue
        if any(line.remaining_quantity and number_of(line.line_item.id) in wanted for line in share.lines):
            return share.status
    return None


def allot(wanted: Counter[str], shares: Iterable[Share]) -> list[list[dict[str, Any]]]:
    """Spread the wanted quantities over the open shares: per location, one list of ``lineItemsByFulfillmentOrder``."""
    left = Counter(wanted)
    by_location: dict[str, list[dict[str, Any]]] = {}
    for share in shares:
        items = _take(left, share) if share.status in OPEN_STATUSES else []
        if items:
            entry = {"fulfillmentOrderId": share.id, "fulfillmentOrderLineItems": items}
            by_location.setdefault(share.location, []).append(entry)
    return list(by_location.values())


def _take(left: Counter[str], share: Share) -> list[dict[str, Any]]:
    items = []
    for line in share.lines:
        line_id = number_of(line.line_item.id)
        quantity = min(left[line_id], line.remaining_quantity)
        if quantity > 0:
            left[line_id] -= quantity
            items.append({"id": line.id, "quantity": quantity})
    return items


def tracking_input(request: FulfilmentRequest, known: Sequence[Tracking] = ()) -> dict[str, Any] | None:
    """Write the tracking of a fulfilment; None where it holds every number of the request already.

    An update replaces what is there, so numbers that are known are sent again. Shopify matches links to numbers by
    position: the numbers with a link come first.
    """
    links: dict[str, str] = {info.number: info.url or "" for info in known if info.number}
    if known and set(request.tracking_numbers) <= set(links):
        return None
    for position, number in enumerate(request.tracking_numbers):
        link = request.urls[position] if position < len(request.urls) else ""
        links[number] = links.get(number) or (link if link.startswith(("https://", "http://")) else "")
    if not links:
        return None
    # One company name covers all numbers of a fulfilment; without ours, what stands there stays.
    company = request.carrier or next((info.company for info in known if info.company), "")
    pairs = sorted(links.items(), key=lambda pair: not pair[1])
    tracking = {
        "company": company,
        "numbers": [number for number, _ in pairs],
        "urls": [link for _, link in pairs if link],
    }
    return {name: value for name, value in tracking.items() if value}
