"""What Printful answers, in our words. Pure: text in, models or adapter errors out.

Format: Printful API v1 (vendor's PHP SDK): ``{code, result, extra, error {reason, message}}``. Its error texts are not
documented: what they are read as is not confirmed by the vendor.
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from adapters.errors import AccountHold, AdapterError, Refused, UnexpectedReply
from adapters.suppliers.json_answers import loads
from models.base import Identifier, Reference
from models.exchange import LookAgain
from models.money import Money
from models.suppliers import (
    PlacedOrder,
    ShippingQuote,
    SupplierLine,
    SupplierOrderStatus,
    SupplierState,
    TrackedParcel,
)

DRAFT = "draft"
STATES = {
    DRAFT: SupplierState.AWAITING_PAYMENT,  # it is not made until it is confirmed
    "pending": SupplierState.ACKNOWLEDGED,
    "inprocess": SupplierState.ACKNOWLEDGED,
    "partial": SupplierState.ACKNOWLEDGED,  # its parcels say which lines have left
    "fulfilled": SupplierState.SHIPPED,
    "canceled": SupplierState.CANCELLED,
    # "failed" and "onhold" wait for a person at the vendor's: unknown to us, which opens a task with that word.
}
UNREADABLE_TRACKING = "unreadable tracking"
ORDER_EVENTS = frozenset(
    {
        "package_shipped",
        "package_returned",
        "order_created",
        "order_updated",
        "order_failed",
        "order_canceled",
        "order_put_hold",
        "order_put_hold_approval",
        "order_remove_hold",
        "order_refunded",
    }
)
_REFUSALS = (  # in an error's text -> code
    (re.compile(r"shipping (method|rate|service)", re.IGNORECASE), "shipping_cost_code_error"),
    (re.compile(r"variant|product", re.IGNORECASE), "product_error"),
)
_NO_STOCK = re.compile(r"out of stock|discontinued|(insufficient|not enough) (stock|inventory|items)", re.IGNORECASE)
# Of the account, and not of an article whose name an error repeats, such as a wallet.
_ACCOUNT = re.compile(r"billing|payment method|insufficient|not enough|your wallet|wallet balance", re.IGNORECASE)
_SAME_PLACE = ("name", "address1", "address2", "city", "zip", "country_code")  # that tell one recipient from another
_GONE = ("discontinued", "out_of_stock", "temporary_out_of_stock")
_CENT_FRACTION = Decimal("0.0001")
_LARGEST_EXPONENT = 9  # "1e999999999" would fill the memory
_REFERENCE = TypeAdapter[str](Reference)


def _decimal(value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("is not a number") from None
    if isinstance(value, bool) or not number.is_finite() or number.adjusted() > _LARGEST_EXPONENT:
        raise ValueError("is not a number")
    return number.quantize(_CENT_FRACTION)


Exact = Annotated[Decimal, BeforeValidator(_decimal)]


Items = TypeVar("Items")
Listed = Annotated[tuple[Items, ...], BeforeValidator(lambda value: () if value is None else value)]  # null for none


class _Reply(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


class _Item(_Reply):
    id: str
    external_id: str | None = None
    external_variant_id: str | None = None
    quantity: int = Field(gt=0)


class _Packed(_Reply):
    item_id: str
    quantity: int = Field(gt=0)


class _Shipment(_Reply):
    carrier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    reshipment: bool = False
    items: Listed[_Packed] = ()


class OrderReply(_Reply):
    """An order as the vendor tells it."""

    id: Reference
    external_id: str | None = None
    status: str
    shipping: str | None = None
    recipient: Any = None  # compared, where it is said
    costs: Any = None  # of use, but no reason to doubt an order
    items: Listed[_Item] = ()
    shipments: Listed[_Shipment] = ()

    @property
    def is_draft(self) -> bool:
        """Whether nobody has ordered it yet."""
        return _words(self.status) == DRAFT


class VariantReply(_Reply):
    """One of the store's articles; ``variant_id`` is the vendor's own number of what it is made of."""

    variant_id: str
    availability_status: str = "active"
    is_ignored: bool = False

    @property
    def available(self) -> bool:
        """Whether it can be ordered now."""
        return not self.is_ignored and self.availability_status not in _GONE


class _Blank(_Reply):
    price: Exact


class _BlankProduct(_Reply):
    currency: str = "USD"


class _CatalogueReply(_Reply):
    variant: _Blank
    product: _BlankProduct = _BlankProduct()


class _RateReply(_Reply):
    id: Identifier
    name: str
    rate: Exact
    currency: str
    days: int | None = Field(default=None, alias="maxDeliveryDays")


class _StoreReply(_Reply):
    id: str


Reply = TypeVar("Reply")
_ORDER = TypeAdapter(OrderReply)
_VARIANT = TypeAdapter(VariantReply)
_CATALOGUE = TypeAdapter(_CatalogueReply)
_RATES = TypeAdapter(list[_RateReply])
_STORES = TypeAdapter(list[_StoreReply])


def result_of(operation: str, status: int, text: str) -> Any:
    """Take a success's result out of its envelope. Raises UnexpectedReply where it is none."""
    if not 200 <= status < 300:
        raise UnexpectedReply(f"{operation}: answered {status}", code=f"http_{status}")
    document = _document(text)
    if document is None:
        raise UnexpectedReply(f"{operation}: the answer is no JSON object", code="not_json")
    if "result" not in document or document.get("code", status) != status:
        raise UnexpectedReply(f"{operation}: result is missing", code="unexpected_shape")
    return document["result"]


def refusal(operation: str, status: int, text: str) -> AdapterError | None:
    """Read an error that proves that this call did nothing; None where it proves nothing."""
    document = _document(text) or {}
    error = document.get("error")
    if not 400 <= status < 500 or document.get("code") != status or not isinstance(error, Mapping):
        return None
    said = f"{error.get('reason') or ''} {error.get('message') or ''}"
    if status != 402 and _NO_STOCK.search(said):
        return Refused(f"{operation}: refused with no_stock", code="no_stock")
    if status == 402 or _ACCOUNT.search(said):
        return AccountHold(f"{operation}: the account can't pay", code="billing")
    code = next((code for pattern, code in _REFUSALS if pattern.search(said)), f"http_{status}")
    return Refused(f"{operation}: refused with {code}", code=code)


def is_missing(status: int, text: str) -> bool:
    """Say whether the vendor knows no such thing. It says so in its envelope: a web server's own page proves nothing."""
    return status == 404 and (_document(text) or {}).get("code") == 404


def same_order(there: OrderReply, wanted: Mapping[str, Any]) -> bool:
    """Say whether a draft under our number is what we would draft now (``requests.draft``); what it leaves out is."""
    recipient = there.recipient if isinstance(there.recipient, Mapping) else {}
    said = [(recipient[name], wanted["recipient"].get(name, "")) for name in _SAME_PLACE if name in recipient]
    has = sorted((item.external_id or item.external_variant_id or "", item.quantity) for item in there.items)
    wants = sorted((item["external_id"], item["quantity"]) for item in wanted["items"])
    return (
        there.shipping in (None, wanted["shipping"])
        and all(_words(str(text or "")) == _words(ours) for text, ours in said)
        and has in ([], wants)
    )


def read_order(operation: str, status: int, text: str) -> OrderReply:
    """Read an order. Raises UnexpectedReply naming the field that is not as documented."""
    return _read(operation, _ORDER, result_of(operation, status, text))


def placed(order: OrderReply) -> PlacedOrder:
    """Say how an order stands, to who has just placed or found it."""
    return PlacedOrder(
        supplier_number=order.id, state=state_of(order.status), status_text=_text(order.status), total=_total(order)
    )


def order_status(order: OrderReply) -> SupplierOrderStatus:
    """Say how an order stands, with its parcels line by line."""
    shipments = [one for one in order.shipments if (one.tracking_number or "").strip() and not one.reshipment]
    numbers = [(one.tracking_number or "").strip() for one in shipments]
    if not all(map(_is_reference, numbers)):
        text = f"{order.status[:38]}: {UNREADABLE_TRACKING}"
        return SupplierOrderStatus(state=SupplierState.UNKNOWN, status_text=_text(text))
    eans = {item.id: item.external_id or item.external_variant_id or "" for item in order.items}
    parcels = tuple(_parcel(number, one, eans) for number, one in zip(numbers, shipments, strict=True))
    return SupplierOrderStatus(state=state_of(order.status), status_text=_text(order.status), parcels=parcels)


def state_of(text: str) -> SupplierState:
    """Translate a status. One that we have not seen before is UNKNOWN, never a guess."""
    return STATES.get(_words(text), SupplierState.UNKNOWN)


def read_variant(result: Any) -> VariantReply:
    """Read one of the store's variants."""
    inner = result.get("sync_variant", result) if isinstance(result, Mapping) else result
    return _read("variant", _VARIANT, inner)


def read_cost(result: Any) -> Money:
    """Read what an article costs us, from the vendor's catalogue."""
    found = _read("catalogue", _CATALOGUE, result)
    return _money("catalogue", found.variant.price, found.product.currency)


def read_quotes(result: Any) -> list[ShippingQuote]:
    """Read the ways to ship."""
    return [
        ShippingQuote(
            quote_id=one.id, carrier=one.name[:60], cost=_money("rates", one.rate, one.currency), days=one.days
        )
        for one in _read("rates", _RATES, result)
    ]


def read_stores(result: Any) -> int:
    """Count the stores that the token opens."""
    return len(_read("stores", _STORES, result))


def read_event(body: bytes) -> list[LookAgain]:
    """Read which order of ours an unsigned webhook is about: nothing else of it is believed."""
    document = _document(body.decode("utf-8", "replace"))
    if document is None or not isinstance(document.get("type"), str):
        raise UnexpectedReply("webhook: type is missing", code="unexpected_shape")
    if document["type"] not in ORDER_EVENTS:
        return []
    data = document.get("data")
    order = data.get("order") if isinstance(data, Mapping) else None
    if not isinstance(order, Mapping):
        raise UnexpectedReply("webhook: data.order is missing", code="unexpected_shape")
    number = order.get("external_id")
    if isinstance(number, list | dict):
        raise UnexpectedReply("webhook: data.order.external_id is no number", code="unexpected_shape")
    if not isinstance(number, str) or not _is_reference(number):
        return []  # an order that was entered by hand, or came from another shop: ours are never written so
    return [LookAgain(number=number)]


def _document(text: str) -> dict[str, Any] | None:
    try:
        document = loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _read(operation: str, kind: TypeAdapter[Reply], value: Any) -> Reply:
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        path = ".".join(map(str, first["loc"])) or "(whole)"
        raise UnexpectedReply(f"{operation}: {path} is not as documented", code="unexpected_shape") from None


def _parcel(number: str, shipment: _Shipment, eans: Mapping[str, str]) -> TrackedParcel:
    lines = [(eans.get(one.item_id, ""), one.quantity) for one in shipment.items]
    known = all(0 < len(ean) <= 40 for ean, _ in lines)  # else it covers whatever is open
    return TrackedParcel(
        tracking_number=number,
        carrier=(shipment.carrier or "")[:60],
        url=(shipment.tracking_url or "")[:300],
        lines=tuple(SupplierLine(ean=ean, quantity=quantity) for ean, quantity in lines) if known else (),
    )


def _total(order: OrderReply) -> Money | None:
    """Read the total if it can be read: an order that exists is not made doubtful by a total nobody understands."""
    costs = order.costs if isinstance(order.costs, Mapping) else {}
    try:
        return Money(amount=_decimal(costs.get("total")), currency=costs.get("currency", ""))
    except (ValueError, InvalidOperation):
        return None


def _money(operation: str, amount: Decimal, currency: str) -> Money:
    try:
        return Money(amount=amount, currency=currency)
    except ValidationError:
        raise UnexpectedReply(f"{operation}: amount or currency can't be read", code="unexpected_shape") from None


def _words(text: str) -> str:
    return " ".join(text.split()).casefold()


def _text(text: str) -> str:
    return " ".join(text.split())[:60]


def _is_reference(text: str) -> bool:
    try:
        _REFERENCE.validate_python(text)
    except ValidationError:
        return False
    return True
