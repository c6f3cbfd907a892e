"""What CJ Dropshipping answers, in our words. Pure: envelopes in, models or adapter errors out.

Format: CJ Dropshipping API 2.0: ``{code, result, message, data}``, with HTTP 200 also where it failed. The vendor says
that codes may be relied upon, and messages not.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

from adapters.errors import (
    AccountHold,
    AuthenticationFailed,
    Doubtful,
    Refused,
    Throttled,
    Unavailable,
    UnexpectedReply,
)
from adapters.suppliers.cjdropshipping.requests import quote_id_of, second_line
from adapters.suppliers.json_answers import (
    identifier,
    loads,
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
from models.suppliers import ShippingQuote, SupplierOrder, SupplierOrderStatus, SupplierState, TrackedParcel

CURRENCY = "USD"
SUCCESS = 200
TOKEN_CODES = frozenset({401, 1600001, 1600002, 1600003, 1600030, 1600031})  # another token may do
CREDENTIAL_CODES = frozenset({1600004, 1600005, 1600006, 1600007, 1600008})
THROTTLED = {429: None, 1600200: timedelta(seconds=2), 1600201: timedelta(hours=1)}  # the latter: the day's quota
BUSY, CREATE_FAILED, CONFIRM_FAILED, DELETE_FAILED, PAY_FAILED = 1600000, 1603000, 1603001, 1603002, 1603101
NOT_FOUND_CODES = frozenset({1600300, 1603100})
UNKNOWN_VARIANT = frozenset({1602000, 1602001})
# What each says in words that every supplier's lifecycle understands; the vendor's own code where it has none.
REFUSALS = {
    1600100: "1600100",  # the call is switched off
    1600101: "1600101",  # there is no such call
    1600300: "1600300",  # a wrong parameter
    1602000: "product_error",  # no such variant
    1602001: "product_error",  # no such product
    CREATE_FAILED: "1603000",
    1605000: "shipping_cost_code_error",  # no such way to ship
}
_PLAIN_REFUSALS = frozenset({1600100, 1600101, *UNKNOWN_VARIANT, 1605000})  # codes that a number taken before never has
ACCOUNT_CODES = frozenset({1604000})  # the balance is too low
STATES = {
    "unpaid": SupplierState.AWAITING_PAYMENT,
    "unshipped": SupplierState.ACKNOWLEDGED,
    "shipped": SupplierState.SHIPPED,
    "delivered": SupplierState.SHIPPED,
    "cancelled": SupplierState.CANCELLED,
}
UNCONFIRMED = frozenset({"CREATED", "IN_CART"})  # drafts; where an order of ours is one again, a person must look
UNPAID = "UNPAID"
_REPEATED = re.compile(r"exist|repeat|duplicat", re.IGNORECASE)
_MISSING = re.compile(r"not (found|exist)|no such|does ?n.t exist", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s,;]+")


@dataclass(frozen=True)
class Envelope:
    """An answer: its code (200 is success), the vendor's message, and its data."""

    code: int
    message: str = ""
    data: Any = None

    @property
    def good(self) -> bool:
        """Whether it is a success."""
        return self.code == SUCCESS


@dataclass(frozen=True)
class Draft:
    """An order as the vendor has it; ``intercepted``: codes of why it does not go on by itself."""

    order_id: str
    status: str
    total: Money | None = None
    intercepted: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Its state in the vendor's word, with why it was stopped."""
        return short(f"intercepted: {', '.join(self.intercepted)}" if self.intercepted else self.status)

    @property
    def state(self) -> SupplierState:
        """Its state in our words."""
        return SupplierState.UNKNOWN if self.intercepted else state_of(self.status)


def read_envelope(operation: str, status: int, text: str) -> Envelope:
    """Read an answer's envelope. Raises UnexpectedReply where there is none."""
    try:
        document = loads(text, lenient=True)
    except ValueError:
        document = None
    if status == 401 and not isinstance(document, dict):
        return Envelope(401)
    if not isinstance(document, dict) or "code" not in document:
        raise UnexpectedReply(f"{operation}: answered {status}, without an envelope", code=f"http_{status}")
    code = whole(operation, "code", document["code"])
    if code == SUCCESS and (document.get("result") is False or not 200 <= status < 300):
        raise UnexpectedReply(f"{operation}: answered {status} with a success that is none", code="contradiction")
    return Envelope(code, str(document.get("message") or ""), document.get("data"))


def raise_general(operation: str, envelope: Envelope) -> None:
    """Raise what holds for every call: not our credentials, too many calls."""
    if envelope.code in TOKEN_CODES | CREDENTIAL_CODES:
        raise AuthenticationFailed(f"{operation}: refused with {envelope.code}", code=str(envelope.code))
    if envelope.code in THROTTLED:
        code, wait = envelope.code, THROTTLED[envelope.code]
        raise Throttled(f"{operation}: we are asked to wait", code=str(code), retry_after=wait)


def raise_unanswered(operation: str, envelope: Envelope) -> NoReturn:
    """Raise what a question's failed answer means."""
    raise_general(operation, envelope)
    if envelope.code == BUSY or 500 <= envelope.code < 600:
        raise Unavailable(f"{operation}: answered {envelope.code}", code=str(envelope.code))
    if envelope.code in REFUSALS:
        raise Refused(f"{operation}: refused with {envelope.code}", code=REFUSALS[envelope.code])
    raise UnexpectedReply(f"{operation}: answered {envelope.code}", code=str(envelope.code))


def read_creation(operation: str, envelope: Envelope) -> Draft | None:
    """Read the answer to a draft that left us; None: its number may be taken, look what there is.

    Only an order's id proves that it was made, and only a code we know that it was not. All else is Doubtful.
    """
    if envelope.good:
        order_id = _order_id(envelope.data)
        if not order_id:
            raise Doubtful(f"{operation}: a success without an order's id", code="no_order_id")
        return _draft(order_id, envelope.data)
    raise_general(operation, envelope)
    _raise_hold(operation, envelope)
    if envelope.code not in _PLAIN_REFUSALS and _REPEATED.search(_MISSING.sub("", envelope.message)):
        return None
    if envelope.code in REFUSALS:
        raise Refused(f"{operation}: refused with {envelope.code}", code=REFUSALS[envelope.code])
    raise Doubtful(f"{operation}: answered {envelope.code}, which says nothing we know", code=str(envelope.code))


def read_step(operation: str, envelope: Envelope, failure: int) -> bool:
    """Read the answer to confirming or paying; False: the vendor says that it failed, for which there may be a good reason."""
    if envelope.good:
        return True
    raise_general(operation, envelope)
    _raise_hold(operation, envelope)
    if envelope.code == failure:
        return False
    raise Doubtful(f"{operation}: answered {envelope.code}, which says nothing we know", code=str(envelope.code))


def read_detail(operation: str, envelope: Envelope) -> dict[str, Any]:
    """Read getOrderDetail. Raises Refused("order_not_found"), or what a question raises."""
    if is_missing(envelope):
        raise Refused(f"{operation}: there is no such order", code="order_not_found")
    if not envelope.good:
        raise_unanswered(operation, envelope)
    if not isinstance(envelope.data, dict) or not _order_id(envelope.data):
        raise unexpected(operation, "data.orderId", "is missing")
    member(operation, envelope.data, "orderStatus")
    return envelope.data


def is_missing(envelope: Envelope) -> bool:
    """Say whether there is no such order: a wrong parameter has the same code, and is told apart by its message."""
    return envelope.code in NOT_FOUND_CODES and bool(_MISSING.search(envelope.message))


def draft_of(detail: Mapping[str, Any]) -> Draft:
    """Read an order's detail as the draft it may still be."""
    return _draft(_order_id(detail), detail)


def order_status(operation: str, detail: Mapping[str, Any]) -> SupplierOrderStatus:
    """Read how an order stands, with its parcels."""
    draft = draft_of(detail)
    words = [word for word in _SEPARATORS.split(str(detail.get("trackNumber") or "")) if any(map(str.isdigit, word))]
    numbers = [reference(word) for word in dict.fromkeys(words)]
    if not all(numbers):
        raise unexpected(operation, "data.trackNumber", "is no number")
    carrier = short(detail.get("logisticName"))
    url = str(detail.get("trackingUrl") or "") if len(numbers) == 1 else ""
    parcels = tuple(TrackedParcel(tracking_number=number, carrier=carrier, url=url[:300]) for number in numbers)
    return SupplierOrderStatus(state=draft.state, status_text=draft.text, parcels=parcels)


def same_order(detail: Mapping[str, Any], order: SupplierOrder) -> bool:
    """Say whether a draft found under our number is still what we want: its articles, and where they go."""
    listed = detail.get("productList")
    has = [(entry.get("storeLineItemId"), entry.get("quantity")) for entry in listed or () if isinstance(entry, dict)]
    wants = [(line.ean, line.quantity) for line in order.lines]
    address = order.address
    said = {
        "shippingCustomerName": address.name,
        "shippingAddress": address.address1,
        "shippingAddress2": second_line(address),
        "shippingZip": address.postal_code,
        "shippingCity": address.city,
        "shippingCountryCode": address.country_code,
    }
    same_place = all(detail.get(name) in (None, value) for name, value in said.items())
    return same_place and (listed is None or sorted(map(str, has)) == sorted(map(str, wants)))


def state_of(text: str) -> SupplierState:
    """Translate a status. One we have not seen before is UNKNOWN, never a guess."""
    return STATES.get(text.strip().casefold(), SupplierState.UNKNOWN)


def read_quotes(operation: str, envelope: Envelope) -> list[ShippingQuote]:
    """Read freightCalculate; an empty list where nobody ships."""
    if not envelope.good:
        raise_unanswered(operation, envelope)
    return [_quote(operation, f"data[{place}]", row) for place, row in enumerate(_rows(operation, envelope))]


def read_stock(operation: str, envelope: Envelope, country: str) -> int | None:
    """Read a variant's stock in one country's warehouses; None where it is unknown."""
    if envelope.code in UNKNOWN_VARIANT:
        return None
    if not envelope.good:
        raise_unanswered(operation, envelope)
    rows = _rows(operation, envelope)
    if not rows:
        return None
    here = [row for row in rows if row.get("countryCode") == country]
    names = ("totalInventoryNum", "storageNum")
    units = [next((row[name] for name in names if row.get(name) is not None), None) for row in here]
    return sum(max(whole(operation, "data[].totalInventoryNum", unit), 0) for unit in units)


def read_cost(operation: str, envelope: Envelope) -> Money | None:
    """Read what a variant costs."""
    if not envelope.good:
        raise_unanswered(operation, envelope)
    price = member(operation, envelope.data, "variantSellPrice")
    return None if price is None else money(operation, "data.variantSellPrice", price, CURRENCY)


def read_balance(operation: str, envelope: Envelope) -> Money:
    """Read what is left to pay orders from."""
    if not envelope.good:
        raise_unanswered(operation, envelope)
    return money(operation, "data.amount", member(operation, envelope.data, "amount"), CURRENCY)


def read_token(operation: str, envelope: Envelope) -> str:
    """Read a new token. The vendor gives one every five minutes at most."""
    if envelope.code in THROTTLED:
        raise Throttled(f"{operation}: asked too often", code=str(envelope.code), retry_after=timedelta(minutes=5))
    if not envelope.good:
        raise_unanswered(operation, envelope)
    token = member(operation, envelope.data, "accessToken")
    if not isinstance(token, str) or not token:
        raise unexpected(operation, "data.accessToken", "is no text")
    return token


def _rows(operation: str, envelope: Envelope) -> list[dict[str, Any]]:
    return objects(operation, "data", envelope.data)


def _raise_hold(operation: str, envelope: Envelope) -> None:
    if envelope.code in ACCOUNT_CODES:
        raise AccountHold(f"{operation}: refused with {envelope.code}", code=str(envelope.code))


def _order_id(data: Any) -> str:
    """Find the vendor's id; older calls answer it bare."""
    return reference(data.get("orderId") if isinstance(data, Mapping) else data)


def _draft(order_id: str, data: Any) -> Draft:
    document = data if isinstance(data, Mapping) else {}
    reasons = document.get("interceptOrderReasons")
    stopped = [entry for entry in reasons if isinstance(entry, dict)] if isinstance(reasons, list) else []
    codes = tuple(reference(entry.get("code")) or "without a code" for entry in stopped)
    if document.get("logisticsMiss") is True:
        codes += ("no way to ship",)
    total = money_if_readable(document.get("orderAmount"), CURRENCY)
    return Draft(order_id, short(str(document.get("orderStatus") or "")).upper(), total, codes)


def _quote(operation: str, path: str, row: Mapping[str, Any]) -> ShippingQuote:
    carrier = short(member(operation, row, "logisticName"))
    days = re.findall(r"\d{1,3}", str(row.get("logisticAging") or ""))
    return ShippingQuote(
        quote_id=identifier(operation, f"{path}.logisticName", quote_id_of(carrier)),
        carrier=carrier,
        cost=money(operation, f"{path}.logisticPrice", member(operation, row, "logisticPrice"), CURRENCY),
        days=int(days[-1]) if days else None,
    )
