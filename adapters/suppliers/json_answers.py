"""Reading suppliers' JSON, field by field: what is not as expected is an UnexpectedReply that names the field.

Amounts become Decimal, numbers may come as text, and no value that was sent is ever repeated in a message.
"""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adapters.errors import UnexpectedReply
from models.base import Identifier, Reference
from models.money import Money

_LARGEST_EXPONENT = 9  # no amount and no quantity has more digits; "1e999999999" would fill the memory
_FRACTION = Decimal("0.0001")
_BYTE_ORDER_MARK = "\ufeff"  # PHP files saved with one put it before every answer
_REFERENCE = TypeAdapter[str](Reference)
_IDENTIFIER = TypeAdapter[str](Identifier)


def loads(text: str, *, amounts: type = Decimal, lenient: bool = False) -> Any:
    """Read JSON with exact numbers, also behind a byte order mark. Raises ValueError, whatever is wrong with it.

    NaN and Infinity are no JSON; ``lenient`` reads them as null.
    """
    constant = _nothing if lenient else _refuse
    try:
        return json.loads(text.removeprefix(_BYTE_ORDER_MARK), parse_float=amounts, parse_constant=constant)
    except (ArithmeticError, RecursionError):  # an exponent beyond Decimal's, or nesting without end
        raise ValueError("no JSON that can be read") from None


def parse(operation: str, text: str, *, amounts: type = Decimal) -> Any:
    """Parse JSON. Raises UnexpectedReply("not_json"); NaN and Infinity are no JSON."""
    try:
        return loads(text, amounts=amounts)
    except ValueError:
        raise UnexpectedReply(f"{operation}: the answer is no JSON", code="not_json") from None


def unexpected(operation: str, path: str, problem: str) -> UnexpectedReply:
    """Name a field that is not as expected."""
    return UnexpectedReply(f"{operation}: {path} {problem}", code="unexpected_shape")


def member(operation: str, document: Any, name: str) -> Any:
    """Read a field that must be there."""
    if not isinstance(document, dict) or name not in document:
        raise unexpected(operation, name, "is missing")
    return document[name]


def objects(operation: str, path: str, value: Any) -> list[dict[str, Any]]:
    """Read a list of objects; PHP's null for an empty list is one too."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise unexpected(operation, path, "is not a list of objects")
    return value


def decimal(operation: str, path: str, value: Any) -> Decimal:
    """Read a number, also one written as text."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise unexpected(operation, path, "is not a number") from None
    if isinstance(value, bool) or not number.is_finite() or number.adjusted() > _LARGEST_EXPONENT:
        raise unexpected(operation, path, "is not a number")
    return number


def whole(operation: str, path: str, value: Any) -> int:
    """Read a whole number."""
    number = decimal(operation, path, value)
    if number != number.to_integral_value():
        raise unexpected(operation, path, "is not a whole number")
    return int(number)


def money(operation: str, path: str, value: Any, currency: str) -> Money:
    """Read an amount, to a hundredth of a cent."""
    amount = decimal(operation, path, value)
    try:
        return Money(amount=amount.quantize(_FRACTION), currency=currency)
    except (ValidationError, InvalidOperation):
        raise unexpected(operation, path, "is no amount") from None


def money_if_readable(value: Any, currency: str) -> Money | None:
    """Read an amount nothing depends on: an order that exists is not made doubtful by a total nobody understands."""
    try:
        return None if value is None else money("", "", value, currency)
    except UnexpectedReply:
        return None


def reference(value: Any) -> str:
    """Read a number another system gave; empty where it can't be one."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    try:
        return _REFERENCE.validate_python(text)
    except ValidationError:
        return ""


def identifier(operation: str, path: str, value: Any) -> str:
    """Read an id of a quote."""
    try:
        return _IDENTIFIER.validate_python(str(value))
    except ValidationError:
        raise unexpected(operation, path, "is no id") from None


def short(value: Any, length: int = 60) -> str:
    """Read a text for people: one line, bounded; empty where there is none."""
    return " ".join(value.split())[:length] if isinstance(value, str) else ""


def _refuse(_constant: str) -> Any:
    raise ValueError


def _nothing(_constant: str) -> None:
    return None
