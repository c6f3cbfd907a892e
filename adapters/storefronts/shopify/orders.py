"""Shopify's order in its REST shape, as webhooks and exports carry it, turned into our words. Pure.

Everything here comes from outside. What is wrong is refused with the path of the field and never with its value,
because the value may be a customer's name.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from adapters.errors import UnexpectedReply
from adapters.storefronts.shopify.currencies import CURRENCIES
from adapters.storefronts.shopify.wishes import Wishes, read_grams, read_wishes
from models.base import Contract
from models.orders import MAX_LINES, Address, IncomingOrder, OrderLine

MAX_TEXT = 255
PAID_STATUSES = frozenset({"paid", "partially_refunded"})
_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_COUNTRY = re.compile(r"[A-Za-z]{2}")
# Every text here is one line of a label: what would break it becomes a space; NUL, which no database takes, goes.
_CONTROL_CHARACTERS = {**dict.fromkeys([*range(1, 32), 127], " "), 0: None}
_COMPLAINTS = {
    "missing": "is missing",
    "model_type": "is not an object",
    "model_attributes_type": "is not an object",
    "tuple_type": "is not a list",
    "string_too_long": "is too long",
    "string_too_short": "is empty",
    "greater_than_equal": "is negative",
    "less_than_equal": "is too large",
    "decimal_max_places": "has more than 4 decimal places",
    "decimal_max_digits": "is too large",
    "decimal_whole_digits": "is too large",
    "bool_type": "is neither true nor false",
    "bool_parsing": "is neither true nor false",
}


def _wrong(complaint: str) -> PydanticCustomError:
    return PydanticCustomError("wrong", "{complaint}", {"complaint": complaint})


def _clean_text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong("is not text")
    # JSON may hold half a character ("\ud800"), which no database and no label printer takes.
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _wrong("is not valid Unicode") from None
    return value.translate(_CONTROL_CHARACTERS).strip()


def _whole_text(value: object) -> str:
    """Refuse what is too long: a shortened address would send the parcel elsewhere."""
    text = _clean_text(value)
    if len(text) > MAX_TEXT:
        raise _wrong(f"is longer than {MAX_TEXT} characters")
    return text


def _read_amount(value: object) -> Decimal:
    if isinstance(value, (int, float)):
        raise _wrong("is a number; amounts are strings")
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        raise _wrong("is not an amount")
    return Decimal(value)


def _read_count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong("is not a whole number")
    return value


def _read_id(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise _wrong("is not an id")
    return text


def _read_time(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _wrong("is not a time with its offset")


def _read_currency(value: object) -> str:
    if not isinstance(value, str) or value not in CURRENCIES:
        raise _wrong("is not an ISO 4217 currency")
    return value


def _read_switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong("is neither true nor false")
    return value


def _bounded_list(value: object) -> object:
    if not isinstance(value, list):
        raise _wrong("is not a list")
    if len(value) > MAX_LINES:
        raise _wrong(f"holds more than {MAX_LINES} lines")
    return value


_Text = Annotated[str, BeforeValidator(_whole_text)]
_Title = Annotated[str, BeforeValidator(lambda value: _clean_text(value)[:MAX_TEXT])]
_Id = Annotated[str, BeforeValidator(_read_id)]
_Count = Annotated[int, BeforeValidator(_read_count), Field(ge=0, le=100_000)]
_Amount = Annotated[
    Decimal, BeforeValidator(_read_amount), Field(max_digits=14, decimal_places=4, ge=0, allow_inf_nan=False)
]
_Time = Annotated[datetime, BeforeValidator(_read_time)]
_Switch = Annotated[bool, BeforeValidator(_read_switch)]


# Names below are Shopify's: a complaint's path must be found in the body as it came.
class _RestAddress(Contract):
    first_name: _Text = ""
    last_name: _Text = ""
    name: _Text = ""
    company: _Text = ""
    address1: _Text = ""
    address2: _Text = ""
    city: _Text = ""
    province_code: _Text = ""
    zip: _Text = ""
    country_code: _Text = ""
    phone: _Text = ""


class _RestLine(Contract):
    id: _Id
    sku: _Text = ""
    variant_id: _Id | None = None
    title: _Title = ""
    quantity: _Count
    current_quantity: _Count | None = None
    price: _Amount
    requires_shipping: _Switch = True
    gift_card: _Switch = False
    grams: Annotated[int, BeforeValidator(read_grams)] = 0

    @property
    def wanted(self) -> int:
        """How much of the line is still ordered: what was removed or refunded no longer counts."""
        return self.quantity if self.current_quantity is None else self.current_quantity


class _RestOrder(Contract):
    id: _Id
    name: _Text = ""
    order_number: _Id | None = None
    email: _Text = ""
    phone: _Text = ""
    currency: Annotated[str, BeforeValidator(_read_currency)]
    total_price: _Amount
    current_total_price: _Amount | None = None
    financial_status: _Text = ""
    cancelled_at: _Text = ""
    test: _Switch = False
    created_at: _Time | None = None
    processed_at: _Time | None = None
    updated_at: _Time | None = None
    shipping_address: _RestAddress | None = None
    line_items: Annotated[tuple[_RestLine, ...], BeforeValidator(_bounded_list)]


def read_order(document: object) -> IncomingOrder:
    """Normalise an order in Shopify's REST shape. Raises UnexpectedReply naming the field that is wrong.

    ``current_quantity`` and ``current_total_price`` win over ``quantity`` and ``total_price``, which never change.
    """
    try:
        order = _normalise(_RestOrder.model_validate(document))
    except ValidationError as error:
        raise _complaint(error.errors(include_url=False, include_input=False)[0]) from None
    wishes = read_wishes(document) if isinstance(document, dict) else Wishes()
    return order.model_copy(update=vars(wishes))


def _normalise(order: _RestOrder) -> IncomingOrder:
    placed_at = order.processed_at or order.created_at
    if placed_at is None:
        raise _unreadable("created_at", "is missing")
    paid, cancelled = order.financial_status in PAID_STATUSES, order.cancelled_at != ""
    return IncomingOrder(
        storefront_order_id=order.id,
        name=order.name or f"#{order.order_number or order.id}",
        currency=order.currency,
        total=order.total_price if order.current_total_price is None else order.current_total_price,
        paid=paid,
        cancelled=cancelled,
        test=order.test,
        placed_at=placed_at,
        updated_at=order.updated_at or placed_at,
        address=_address(order),
        lines=_lines(order.line_items, as_ordered=cancelled or not paid),
    )


def _lines(lines: tuple[_RestLine, ...], *, as_ordered: bool) -> tuple[OrderLine, ...]:
    """Take the lines that are still wanted.

    A cancelled or refunded order has nothing left, and must still be readable: ``as_ordered`` then keeps its lines.
    """
    _refuse_doubtful(lines)
    open_lines = tuple(_line(line, line.wanted) for line in lines if line.wanted)
    if not open_lines and as_ordered:
        open_lines = tuple(_line(line, line.quantity) for line in lines if line.quantity)
    if not open_lines:
        raise _unreadable("line_items", "holds nothing that is still wanted")
    return open_lines


def _refuse_doubtful(lines: tuple[_RestLine, ...]) -> None:
    seen: set[str] = set()
    for position, line in enumerate(lines):
        if line.id in seen:
            raise _unreadable(f"line_items[{position}].id", "is there twice")
        if line.quantity == 0 and line.current_quantity is None:
            raise _unreadable(f"line_items[{position}].quantity", "is zero")
        seen.add(line.id)


def _line(line: _RestLine, quantity: int) -> OrderLine:
    return OrderLine(
        line_id=line.id,
        sku=line.sku,
        variant_id=line.variant_id or "",
        title=line.title,
        quantity=quantity,
        unit_price=line.price,
        requires_shipping=line.requires_shipping and not line.gift_card,
        grams=line.grams,
    )


def _address(order: _RestOrder) -> Address:
    given = order.shipping_address or _RestAddress()
    name = f"{given.first_name} {given.last_name}".strip() or given.name
    if len(name) > MAX_TEXT:
        raise _unreadable("shipping_address.last_name", f"makes a name longer than {MAX_TEXT} characters")
    return Address(
        name=name,
        company=given.company,
        address1=given.address1,
        address2=given.address2,
        city=given.city,
        province_code=given.province_code,
        postal_code=given.zip,
        country_code=given.country_code if _COUNTRY.fullmatch(given.country_code) else "",
        phone=given.phone or order.phone,
        email=order.email,
    )


def _complaint(error: ErrorDetails) -> UnexpectedReply:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
    complaint = (
        error["msg"] if error["type"] == "wrong" else _COMPLAINTS.get(error["type"], f"is wrong ({error['type']})")
    )
    return _unreadable(path.removeprefix(".") or "the order", complaint)


def _unreadable(path: str, complaint: str) -> UnexpectedReply:
    return UnexpectedReply(f"{path} {complaint}", code="order_unreadable")
