"""What BTSWholesaler answers, in our words. Pure: text in, models or adapter errors out.

Format: BTSWholesaler API v2.1 (vendor's reference, 2026). Where the reference is silent we accept every shape that can
be told apart: numbers as JSON numbers or strings, empty objects written as empty lists, error codes in any envelope.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adapters.errors import AccountHold, Doubtful, Refused, UnexpectedReply
from adapters.suppliers.btswholesaler.requests import normalised_ean
from adapters.suppliers.json_answers import loads, parse
from models.base import Identifier, Reference
from models.money import Money
from models.suppliers import (
    PlacedOrder,
    ShippingQuote,
    StockAnswer,
    SupplierOrderStatus,
    SupplierState,
    TrackedParcel,
)

CURRENCY = "EUR"
ORDER_NOT_FOUND = "order_not_found"
ACCOUNT_CODES = ("no_enough_money", "no_enough_credit")
# The reference names the first six; ``…_is_required`` is its pattern for a missing field, so we read it for all fields.
REFUSAL_CODES = (
    "no_stock",
    "product_error",
    "shipping_cost_code_error",
    "state_code_error",
    "payment_method_error",
    "country_code_is_required",
    *(f"{name}_is_required" for name in ("client_name", "address", "postal_code", "city", "telephone")),
    ORDER_NOT_FOUND,
)
STATES = {
    "paid": SupplierState.ACKNOWLEDGED,
    "pending payment": SupplierState.AWAITING_PAYMENT,
    "shipped": SupplierState.SHIPPED,
    "cancelled": SupplierState.CANCELLED,
    "canceled": SupplierState.CANCELLED,
}
UNREADABLE_TRACKING = "unreadable tracking"
_SMALL_BODY = 2_000  # characters: no error is longer
_BARE_NUMBER = re.compile(r"\d{11,13}[A-Za-z]?")
_SEPARATORS = re.compile(r"[\s,;]+")
_LARGEST_EXPONENT = 9  # no amount and no quantity has more digits; "1e999999999" would fill the memory
_CENT_FRACTION = Decimal("0.0001")
_REFERENCE = TypeAdapter[str](Reference)
_IDENTIFIER = TypeAdapter[str](Identifier)


@dataclass(frozen=True)
class OrderFacts:
    """What getOrder says that matters to us: the status text, the tracking field as it stands, the carrier."""

    status_text: str
    tracking: Any = None
    carrier: str = ""


def read_document(operation: str, status: int, text: str) -> Any:
    """Parse a question's answer; amounts become Decimal. Raises UnexpectedReply where it is no success or no JSON."""
    if not 200 <= status < 300:
        raise UnexpectedReply(f"{operation}: answered {status}", code=f"http_{status}")
    return parse(operation, text)


def error_code(text: str) -> str:
    """Find the vendor's error code in a small, well-formed body of any shape; empty where there is none."""
    if len(text) > _SMALL_BODY:
        return ""
    found = set(_words(text))
    return next((code for code in (*REFUSAL_CODES, *ACCOUNT_CODES) if code in found), "")


def read_placement(status: int, text: str) -> PlacedOrder:
    """Read the answer to an order that left us.

    Only a well-formed error with a code we know proves that nothing was ordered (Refused, AccountHold), and only an
    order number that something was. All else is Doubtful.
    """
    if 200 <= status < 300 and (placed := _placed(text)) is not None:
        return placed
    code = error_code(text)
    if code and not _names_an_order(text):
        refusal = AccountHold if code in ACCOUNT_CODES else Refused
        raise refusal(f"setCreateOrder: refused with {code}", code=code)
    raise Doubtful(f"setCreateOrder: answered {status}, which says nothing we know", code=f"http_{status}")


def read_stock(eans: Sequence[str], document: Any) -> list[StockAnswer]:
    """Read getProductStock: one answer per EAN asked, in that order. An EAN the answer leaves out is unknown there."""
    products = _mapping("getProductStock", "products", _field("getProductStock", document, "products"))
    by_code = {normalised_ean(code): entry for code, entry in products.items()}
    return [_stock_answer(ean, by_code.get(normalised_ean(ean))) for ean in eans]


def read_quotes(document: Any) -> list[tuple[ShippingQuote, Decimal | None]]:
    """Read getShippingPrices: each quote with the subtotal above which it costs nothing (None: never)."""
    if not isinstance(document, list):
        raise _unexpected("getShippingPrices", "(whole)", "is not a list")
    return [_quote(f"[{position}]", entry) for position, entry in enumerate(document)]


def free_where_due(quotes: Sequence[tuple[ShippingQuote, Decimal | None]], subtotal: Decimal) -> list[ShippingQuote]:
    """Price quotes for goods of this value: above its threshold a quote costs nothing."""
    return [
        quote.model_copy(update={"cost": Money(amount=Decimal(0), currency=CURRENCY)})
        if threshold is not None and subtotal > threshold
        else quote
        for quote, threshold in quotes
    ]


def read_order(supplier_number: str, document: Any) -> OrderFacts:
    """Read getOrder. Raises UnexpectedReply where it speaks of another order than was asked for."""
    operation = "getOrder"
    text = _field(operation, document, "order_status")
    if not _same_number(supplier_number, document):
        raise _unexpected(operation, "order_number", "is not the one asked for")
    return OrderFacts(
        status_text=_status_text(str(text or "")),
        tracking=document.get("tracking"),
        carrier=str(document.get("shipping_company") or "")[:60],
    )


def read_trackings(supplier_number: str, document: Any) -> list[Any]:
    """Read getTrackings: the tracking fields of this order's rows; PHP's null for an empty list is one too."""
    if document is None:
        return []
    if not isinstance(document, list):
        raise _unexpected("getTrackings", "(whole)", "is not a list")
    fields = [(row, _field("getTrackings", row, "tracking")) for row in document]
    return [tracking for row, tracking in fields if _same_number(supplier_number, row)]


def order_status(order: OrderFacts, trackings: Sequence[Any]) -> SupplierOrderStatus:
    """Put getOrder and getTrackings together.

    The status text alone decides the state: a number on an order still called Paid is a parcel announced, not shipped.
    """
    state, text = state_of(order.status_text), order.status_text
    numbers, unreadable = tracking_numbers([order.tracking, *trackings])
    if unreadable:
        state, text = SupplierState.UNKNOWN, f"{text[:38]}: {UNREADABLE_TRACKING}"
    parcels = tuple(TrackedParcel(tracking_number=number, carrier=order.carrier) for number in numbers)
    return SupplierOrderStatus(state=state, status_text=text, parcels=parcels)


def state_of(text: str) -> SupplierState:
    """Translate a status text. One we have not seen before is UNKNOWN, never a guess."""
    return STATES.get(" ".join(text.split()).casefold(), SupplierState.UNKNOWN)


def tracking_numbers(values: Sequence[Any]) -> tuple[list[str], bool]:
    """Take tracking fields apart: the numbers, each once and in order, and whether something could not be read.

    One field may hold several, separated by commas, semicolons or white space. Words without a digit ("N/A",
    "pending") are no numbers.
    """
    texts = [
        str(text) for value in values for text in (value if isinstance(value, list) else [value]) if text is not None
    ]
    words = [word for text in texts for word in _SEPARATORS.split(text)]
    candidates = [word for word in words if any(letter.isdigit() for letter in word)]
    numbers = [word for word in candidates if _is_reference(word)]
    return list(dict.fromkeys(numbers)), len(numbers) < len(candidates)


def read_countries(document: Any) -> set[str]:
    """Read getCountries: the ISO codes."""
    if not isinstance(document, list):
        raise _unexpected("getCountries", "(whole)", "is not a list")
    return {str(_field("getCountries", entry, "country_code")) for entry in document}


def read_feed_status(document: Any) -> str:
    """Read getFeedStatus: one word."""
    return str(_field("getFeedStatus", document, "status"))


def _placed(text: str) -> PlacedOrder | None:
    try:
        document = loads(text, lenient=True)
    except ValueError:
        document = text.strip()
    if isinstance(document, str | int) and not isinstance(document, bool):
        # Clients in the field have met a bare number instead of the documented object.
        document = {"order_number": document} if _BARE_NUMBER.fullmatch(str(document)) else {}
    if not isinstance(document, dict) or error_code(text):
        return None
    number = str(document.get("order_number") or "")
    if not _is_reference(number):
        return None
    status = _status_text(str(document.get("order_status") or ""))
    return PlacedOrder(
        supplier_number=number,
        state=state_of(status),
        status_text=status,
        total=_total(document.get("order_total")),
        expected_delivery=_latest_date(
            document.get("expected_delivery_date"), document.get("expected_delivery_date_2")
        ),
    )


def _names_an_order(text: str) -> bool:
    """Say whether an error also carries an order number: then it proves nothing."""
    try:
        document = loads(text, lenient=True)
    except ValueError:
        return False
    return isinstance(document, dict) and bool(document.get("order_number"))


def _words(text: str) -> Iterator[str]:
    """List the words of a well-formed body: JSON keys and values, or a line of plain text. Cut-off JSON has none."""
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[", '"'):
        try:
            yield from _words_of(loads(text, lenient=True))
        except (ValueError, RecursionError):
            return
    elif not text.lstrip().startswith("<"):
        yield from re.findall(r"\w+", text)


def _words_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from re.findall(r"\w+", key)
            yield from _words_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words_of(inner)
    elif isinstance(value, str):
        yield from re.findall(r"\w+", value)


def _stock_answer(ean: str, entry: Any) -> StockAnswer:
    operation, path = "getProductStock", f"products[{normalised_ean(ean)}]"
    if entry is None or (isinstance(entry, dict) and entry.get("availability") == "not_found"):
        return StockAnswer(ean=ean, known=False, quantity=0)
    quantity = _whole(operation, f"{path}.stock", _field(operation, entry, "stock"))
    if entry.get("availability") == "out_of_stock":
        quantity = 0
    price = entry.get("price")
    cost = None if price is None else _money(operation, f"{path}.price", price)
    return StockAnswer(ean=ean, known=True, quantity=max(quantity, 0), unit_cost=cost)


def _quote(path: str, entry: Any) -> tuple[ShippingQuote, Decimal | None]:
    operation = "getShippingPrices"
    try:
        quote_id = _IDENTIFIER.validate_python(str(_field(operation, entry, "id")))
    except ValidationError:
        raise _unexpected(operation, f"{path}.id", "is no id") from None
    quote = ShippingQuote(
        quote_id=quote_id,
        carrier=str(_field(operation, entry, "company_name"))[:60],
        cost=_money(operation, f"{path}.shipping_cost", _field(operation, entry, "shipping_cost")),
        days=_days(entry.get("delivery_time")),
    )
    threshold = entry.get("free_shipping")
    above = None if threshold in (None, "") else _decimal(operation, f"{path}.free_shipping", threshold)
    return quote, above or None


def _same_number(supplier_number: str, entry: dict[str, Any]) -> bool:
    """Say whether an entry speaks of this order; one without a number does."""
    return str(entry.get("order_number") or supplier_number).strip() == supplier_number.strip()


def _field(operation: str, document: Any, name: str) -> Any:
    if not isinstance(document, dict) or name not in document:
        raise _unexpected(operation, name, "is missing")
    return document[name]


def _mapping(operation: str, path: str, value: Any) -> dict[str, Any]:
    if value == []:  # PHP writes an empty object so
        return {}
    if not isinstance(value, dict):
        raise _unexpected(operation, path, "is not an object")
    return value


def _whole(operation: str, path: str, value: Any) -> int:
    number = _decimal(operation, path, value)
    if number != number.to_integral_value():
        raise _unexpected(operation, path, "is not a whole number")
    return int(number)


def _money(operation: str, path: str, value: Any) -> Money:
    amount = _decimal(operation, path, value)
    try:
        return Money(amount=amount.quantize(_CENT_FRACTION), currency=CURRENCY)
    except (ValidationError, InvalidOperation):
        raise _unexpected(operation, path, "is no amount") from None


def _decimal(operation: str, path: str, value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise _unexpected(operation, path, "is not a number") from None
    if isinstance(value, bool) or not number.is_finite() or number.adjusted() > _LARGEST_EXPONENT:
        raise _unexpected(operation, path, "is not a number")
    return number


def _total(value: Any) -> Money | None:
    """Read the total if it can be read: an order that exists is not made doubtful by a total nobody understands."""
    try:
        return None if value is None else _money("setCreateOrder", "order_total", value)
    except UnexpectedReply:
        return None


def _days(value: Any) -> int | None:
    """Read business days from a number, or from a text such as "24/48" or "2-3 days", where the later one counts."""
    numbers = re.findall(r"\d{1,4}", str(value or ""))
    return int(numbers[-1]) if numbers else None


def _latest_date(*values: Any) -> datetime | None:
    dates = [date for date in map(_date, values) if date is not None]
    return max(dates, default=None)


def _date(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)
    except ValueError:
        return None


def _status_text(text: str) -> str:
    return " ".join(text.split())[:60]


def _is_reference(text: str) -> bool:
    try:
        _REFERENCE.validate_python(text)
    except ValidationError:
        return False
    return True


def _unexpected(operation: str, path: str, problem: str) -> UnexpectedReply:
    return UnexpectedReply(f"{operation}: {path} {problem}", code="unexpected_shape")
