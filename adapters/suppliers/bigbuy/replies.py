"""What BigBuy answers, in our words. Pure: unwrapped answers in, models or adapter errors out.

Format: BigBuy API (api.bigbuy.eu/doc). The words for an order's state are not documented: see docs/suppliers/bigbuy.md.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.errors import Doubtful, Refused
from adapters.suppliers.bigbuy import envelopes
from adapters.suppliers.bigbuy.envelopes import Reply
from adapters.suppliers.bigbuy.requests import SEPARATOR
from adapters.suppliers.json_answers import (
    decimal,
    identifier,
    member,
    money,
    money_if_readable,
    objects,
    reference,
    short,
    unexpected,
    whole,
)
from models.money import Money
from models.suppliers import (
    AcknowledgedLine,
    LineStatus,
    ShippingQuote,
    SupplierLine,
    SupplierOrderStatus,
    SupplierState,
    TrackedParcel,
)

CURRENCY = "EUR"
STATES = {
    "awaiting payment": SupplierState.AWAITING_PAYMENT,
    "pending payment": SupplierState.AWAITING_PAYMENT,
    "awaiting bank wire payment": SupplierState.AWAITING_PAYMENT,
    "payment accepted": SupplierState.ACKNOWLEDGED,
    "preparation in progress": SupplierState.ACKNOWLEDGED,
    "processing": SupplierState.ACKNOWLEDGED,
    "in preparation": SupplierState.ACKNOWLEDGED,
    "shipped": SupplierState.SHIPPED,
    "delivered": SupplierState.SHIPPED,
    "cancelled": SupplierState.CANCELLED,
    "canceled": SupplierState.CANCELLED,
}
NO_QUOTE = ("shipping_cost_code_error", "ER013", "ER004")  # nobody ships there, in three ways of saying so
MAX_EAN = 40  # characters: as models.suppliers.Ean
_LONGEST_NUMBER = 60  # as models.base.Reference


@dataclass(frozen=True)
class Checked:
    """What the vendor says of an order before it is placed: what it costs, and from how many warehouses it comes."""

    total: Money | None
    parts: int


@dataclass(frozen=True)
class Created:
    """The orders that now exist there, and the references that none of them has."""

    ids: tuple[str, ...]
    rejected: dict[str, str]  # reference -> the vendor's code
    clear: bool = True  # whether it is known which articles are in them

    @property
    def number(self) -> str:
        """All numbers as one. Raises Doubtful where that is too long to be kept."""
        joined = SEPARATOR.join(self.ids)
        if len(joined) > _LONGEST_NUMBER:
            raise Doubtful("create: more orders were made of it than can be kept as one", code="too_many_orders")
        return joined


@dataclass(frozen=True)
class Part:
    """One of the vendor's orders: its state and word for it, its articles (None where it does not say), its parcels.

    ``units`` is by the vendor's reference; ``eans`` says which article of ours that is, as we told it when we ordered.
    """

    id: str
    state: SupplierState
    text: str
    units: dict[str, int] | None
    eans: dict[str, str] = field(default_factory=dict)
    trackings: tuple[TrackedParcel, ...] = ()


def read_check(operation: str, reply: Reply) -> Checked:
    """Read what checking an order says. Raises what a question raises, and Refused where the order would be."""
    if not reply.good:
        if envelopes.WAREHOUSES in envelopes.problem_codes(reply):
            return Checked(None, parts=2)
        envelopes.raise_unanswered(operation, reply)
    if not isinstance(reply.body, dict):
        raise unexpected(operation, "(whole)", "is not an object")
    orders = reply.body.get("orders")
    if orders is None:
        return Checked(money_if_readable(member(operation, reply.body, "total"), CURRENCY), parts=1)
    parts = objects(operation, "orders", orders)
    if not parts:
        raise unexpected(operation, "orders", "is empty")
    return Checked(_sum(part.get("total") for part in parts), len(parts))


def read_creation(operation: str, reply: Reply, wanted: Mapping[str, int]) -> Created:
    """Read the answer to an order that left us.

    Only an order's number proves that something was ordered, and only a well-formed error with a code we know, and no
    number beside it, that nothing was. All else is Doubtful. An order that exists already is Refused(ER008).
    """
    created = _orders(reply)
    codes = envelopes.problem_codes(reply)
    if created and reply.status < 500 and not {envelopes.EXISTS, envelopes.TEMPORARY} & set(codes):
        return _created(created, codes, wanted)
    if reply.order_id and reply.status < 300 and not codes:
        return Created((reply.order_id,), {})
    if not reply.order_id and not created:
        envelopes.raise_general(operation, reply)
        if envelopes.EXISTS in codes:
            raise Refused(f"{operation}: it exists already", code=envelopes.EXISTS)
        if envelopes.TEMPORARY not in codes:
            envelopes.raise_refusal(operation, reply)
    known = next((code for code in codes if code in envelopes.KNOWN), f"http_{reply.status}")
    raise Doubtful(f"{operation}: answered {reply.status}, which says nothing we know", code=known)


def read_part(operation: str, order_id: str, reply: Reply, states: Mapping[str, SupplierState]) -> Part:
    """Read one of the vendor's orders. Raises Refused("order_not_found"), or what a question raises."""
    if not reply.good:
        if _missing(reply):
            raise Refused(f"{operation}: there is no such order", code=envelopes.NOT_FOUND)
        envelopes.raise_unanswered(operation, reply)
    if reference(member(operation, reply.body, "id")) != order_id:
        raise unexpected(operation, "id", "is not the order asked for")
    text = _status_text(reply.body.get("status"))
    products = reply.body.get("products")
    return Part(order_id, _state(text, states), text, _units(operation, products), _eans(products))


def read_by_reference(operation: str, reply: Reply) -> str:
    """Read which order has our number; empty where none has. Raises what a question raises."""
    if not reply.good and not _missing(reply):
        envelopes.raise_unanswered(operation, reply)
    if not reply.good:
        return ""
    found = reference(member(operation, reply.body, "id"))
    if not found:
        raise unexpected(operation, "id", "is no number")
    return found


def read_trackings(operation: str, order_id: str, reply: Reply) -> tuple[TrackedParcel, ...]:
    """Read an order's parcels; where there are none yet, the vendor answers "not found" or an empty list."""
    if not reply.good and _missing(reply):
        return ()
    if not reply.good:
        envelopes.raise_unanswered(operation, reply)
    rows = objects(operation, "(whole)", reply.body if isinstance(reply.body, list) else [reply.body])
    entries = [
        entry
        for row in rows
        if reference(row.get("id", order_id)) == order_id
        for entry in objects(operation, "trackings", member(operation, row, "trackings"))
    ]
    parcels = [parcel for entry in entries if (parcel := _parcel(operation, entry)) is not None]
    return tuple({parcel.tracking_number: parcel for parcel in parcels}.values())


def merge(parts: Sequence[Part]) -> SupplierOrderStatus:
    """Tell one order from the vendor's several.

    It has shipped when all parts have; a part that was cancelled is units rejected. Until then only parcels are told
    whose articles are known: one without would stand for everything that is still open.
    """
    alive = [part for part in parts if part.state is not SupplierState.CANCELLED]
    state = _merged_state(alive)
    text = (
        short("; ".join(f"{part.id} {part.text or part.state}" for part in parts)) if len(parts) > 1 else parts[0].text
    )
    rejected = [line for part in parts if part not in alive for line in _rejected(part)] if alive else []
    whole_story = state is SupplierState.SHIPPED or len(parts) == 1
    parcels = [parcel for part in alive for parcel in _told(part, split=len(parts) > 1, all_of_it=whole_story)]
    return SupplierOrderStatus(state=state, status_text=text, parcels=tuple(parcels), lines=tuple(rejected))


def covers(part: Part, wanted: Mapping[str, int]) -> bool | None:
    """Say whether an order has all that we wanted; None where it does not say what it has."""
    return None if part.units is None else all(part.units.get(code, 0) >= units for code, units in wanted.items())


def rejected_lines(
    created: Created, lines: Sequence[SupplierLine], codes: Sequence[str]
) -> tuple[AcknowledgedLine, ...]:
    """Say which lines none of the orders has. ``codes``: the lines' references, in the same order."""
    return tuple(
        AcknowledgedLine(
            ean=line.ean, quantity=line.quantity, status=LineStatus.REJECTED, reason=created.rejected[code]
        )
        for line, code in zip(lines, codes, strict=True)
        if code in created.rejected
    )


def read_quotes(operation: str, reply: Reply) -> list[ShippingQuote]:
    """Read what shipping costs; nobody ships there where the vendor says so by an error."""
    if not reply.good:
        try:
            envelopes.raise_unanswered(operation, reply)
        except Refused as refusal:
            if refusal.code in NO_QUOTE:
                return []
            raise
    options = objects(operation, "shippingOptions", member(operation, reply.body, "shippingOptions"))
    return [_quote(operation, f"shippingOptions[{place}]", option) for place, option in enumerate(options)]


def read_stock(operation: str, reply: Reply, most_days: int | None) -> dict[str, int]:
    """Read the stock of some references; those the answer leaves out are unknown there."""
    if not reply.good:
        envelopes.raise_unanswered(operation, reply)
    rows = objects(operation, "(whole)", reply.body)
    return {str(member(operation, row, "sku")): stock_of(operation, row, most_days)[0] for row in rows}


def stock_of(operation: str, row: Mapping[str, Any], most_days: int | None) -> tuple[int, int]:
    """Add up a reference's stock over warehouses: (units, days until the slowest of them leaves)."""
    units, slowest = 0, 0
    for entry in objects(operation, "stocks", row.get("stocks")):
        days = whole(operation, "stocks[].maxHandlingDays", entry.get("maxHandlingDays", 0))
        if most_days is None or days <= most_days:
            units += max(whole(operation, "stocks[].quantity", member(operation, entry, "quantity")), 0)
            slowest = max(slowest, days)
    return units, slowest


def read_list(operation: str, reply: Reply) -> list[dict[str, Any]]:
    """Read any of the vendor's lists."""
    if not reply.good:
        envelopes.raise_unanswered(operation, reply)
    if not isinstance(reply.body, list):
        raise unexpected(operation, "(whole)", "is not a list")
    return objects(operation, "(whole)", reply.body)


def _orders(reply: Reply) -> list[dict[str, Any]]:
    listed = reply.body.get("orders") if isinstance(reply.body, dict) else None
    return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []


def _created(orders: list[dict[str, Any]], codes: Sequence[str], wanted: Mapping[str, int]) -> Created:
    ids = tuple(reference(entry.get("id")) for entry in orders)
    if not all(ids):
        raise Doubtful("create: one of its orders has no number", code="order_without_number")
    named = [entry.get("productReferences") for entry in orders]
    if not all(isinstance(names, list) and names for names in named):
        return Created(ids, {}, clear=not codes)
    there = {str(name) for names in named if isinstance(names, list) for name in names}
    reason = next(iter(codes), "")
    return Created(ids, {code: reason for code in wanted if code not in there})


def _missing(reply: Reply) -> bool:
    """Say whether a question about an order is answered by "there is none": in JSON, as a web server's page proves nothing."""
    return isinstance(reply.body, dict) and (reply.status == 404 or envelopes.problem_codes(reply) == ["ER001"])


def _merged_state(alive: Sequence[Part]) -> SupplierState:
    states = {part.state for part in alive}
    if not states:
        return SupplierState.CANCELLED
    for state in (SupplierState.UNKNOWN, SupplierState.AWAITING_PAYMENT, SupplierState.ACKNOWLEDGED):
        if state in states:
            return state
    return SupplierState.SHIPPED


def _rejected(part: Part) -> list[AcknowledgedLine]:
    return [
        AcknowledgedLine(ean=line.ean, quantity=line.quantity, status=LineStatus.REJECTED, reason="cancelled")
        for line in _lines(part)
    ]


def _lines(part: Part) -> tuple[SupplierLine, ...]:
    units = (part.units or {}).items()
    return tuple(SupplierLine(ean=part.eans.get(code, code), quantity=count, sku=code) for code, count in units)


def _told(part: Part, *, split: bool, all_of_it: bool) -> list[TrackedParcel]:
    """Say what is in a part's parcels: all of the part, where it has one parcel. Of several nobody knows."""
    lines = _lines(part)
    if not part.trackings or (len(part.trackings) > 1 and not split):
        return list(part.trackings)
    first = part.trackings[0].model_copy(update={"lines": lines})
    if all_of_it:
        return [first, *part.trackings[1:]]
    return [first] if lines else []


def _state(text: str, states: Mapping[str, SupplierState]) -> SupplierState:
    """Translate a status text; an order that says nothing of its state was paid when it was made."""
    return states.get(text.casefold(), SupplierState.UNKNOWN) if text else SupplierState.ACKNOWLEDGED


def _status_text(value: Any) -> str:
    return short(value.get("name") if isinstance(value, dict) else value)


def _units(operation: str, products: Any) -> dict[str, int] | None:
    if products is None:
        return None
    units: Counter[str] = Counter()
    for entry in objects(operation, "products", products):
        quantity = whole(operation, "products[].quantity", member(operation, entry, "quantity"))
        units[str(member(operation, entry, "reference"))] += quantity
    return {code: count for code, count in units.items() if code and len(code) <= MAX_EAN and count > 0}


def _eans(products: Any) -> dict[str, str]:
    known = products if isinstance(products, list) else []
    pairs = [(entry.get("reference"), reference(entry.get("internalReference"))) for entry in known]
    return {str(code): ean for code, ean in pairs if code and ean and len(ean) <= MAX_EAN}


def _parcel(operation: str, entry: Mapping[str, Any]) -> TrackedParcel | None:
    number = entry.get("trackingNumber")
    if not number:
        return None
    tracking = reference(number)
    if not tracking:
        raise unexpected(operation, "trackings[].trackingNumber", "is no number")
    carrier = entry.get("carrier")
    return TrackedParcel(
        tracking_number=tracking, carrier=short(carrier.get("name")) if isinstance(carrier, dict) else ""
    )


def _quote(operation: str, path: str, option: Mapping[str, Any]) -> ShippingQuote:
    service = member(operation, option, "shippingService")
    return ShippingQuote(
        quote_id=identifier(operation, f"{path}.shippingService.id", member(operation, service, "id")),
        carrier=short(member(operation, service, "name")),
        cost=money(operation, f"{path}.cost", member(operation, option, "cost"), CURRENCY),
        days=_days(service.get("delay")),
    )


def _days(delay: Any) -> int | None:
    """Read days from "24-48h", "3-5 days" or a number; the later one counts."""
    numbers = re.findall(r"\d{1,3}", str(delay or ""))
    if not numbers:
        return None
    hours = re.search(r"\d\s*h", str(delay).casefold())
    return -(-int(numbers[-1]) // 24) if hours else int(numbers[-1])


def _sum(totals: Any) -> Money | None:
    amounts = [money_if_readable(total, CURRENCY) for total in totals]
    known = [amount.amount for amount in amounts if amount is not None]
    return Money(amount=sum(known, decimal("", "", 0)), currency=CURRENCY) if len(known) == len(amounts) else None
