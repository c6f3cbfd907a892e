"""Single values out of a supplier's answer: texts, numbers, amounts, times. Pure; a value is never in a message."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from adapters.errors import UnexpectedReply
from adapters.suppliers.generic_rest.expressions import evaluate
from models.base import Identifier, Reference
from models.money import Money

Amounts = Literal["decimal", "cents"]
MOST_UNITS = 10_000_000
_LARGEST_EXPONENT = 9  # no amount and no quantity has more digits; "1e999999999" would fill the memory
_CENT_FRACTION = Decimal("0.0001")
_REFERENCE = TypeAdapter[str](Reference)
_IDENTIFIER = TypeAdapter[str](Identifier)


class Source:
    """A part of an answer, and which operation it is of: what is wrong with it is said by the setting's name."""

    def __init__(self, operation: str, document: Any) -> None:
        self.operation = operation
        self.document = document

    def get(self, name: str, expression: str | None) -> Any:
        """Evaluate; None where there is no expression, or nothing at it."""
        return None if expression is None else evaluate(self.operation, name, expression, self.document)

    def each(self, name: str, expression: str) -> list["Source"]:
        """Evaluate to a list; nothing is an empty one."""
        found = self.get(name, expression)
        if found is None:
            return []
        if not isinstance(found, list):
            raise self.wrong(name, "is no list")
        return [Source(f"{self.operation}: {name}[{position}]", item) for position, item in enumerate(found)]

    def listed(self, name: str, expression: str) -> list["Source"]:
        """Evaluate to a list that must be there: without it nobody knows whether it is empty or has another name now."""
        if self.get(name, expression) is None:
            raise self.wrong(name, "is missing")
        return self.each(name, expression)

    def text(self, name: str, expression: str | None, limit: int = 60) -> str:
        """Read a text or a whole number as one line; "" where there is none."""
        found = self.get(name, expression)
        if not isinstance(found, str | int) or isinstance(found, bool):
            return ""
        return " ".join(str(found).split())[:limit]

    def reference(self, name: str, expression: str) -> str:
        """Read a number that another system gave."""
        return self._checked(name, expression, _REFERENCE)

    def identifier(self, name: str, expression: str) -> str:
        """Read an id that we give back as it is."""
        return self._checked(name, expression, _IDENTIFIER)

    def whole(self, name: str, expression: str) -> int:
        """Read a quantity; less than nothing is nothing."""
        number = self._decimal(name, self.get(name, expression))
        if number != number.to_integral_value() or number > MOST_UNITS:
            raise self.wrong(name, "is no quantity")
        return max(int(number), 0)

    def money(self, name: str, expression: str, currency: str, amounts: Amounts) -> Money:
        """Read an amount."""
        number = self._decimal(name, self.get(name, expression))
        try:
            exact = number / 100 if amounts == "cents" else number
            if exact != exact.quantize(_CENT_FRACTION):
                exact = exact.quantize(_CENT_FRACTION)
            return Money(amount=exact, currency=currency)
        except (ValidationError, InvalidOperation):
            raise self.wrong(name, "is no amount, or its currency no currency") from None

    def moment(self, name: str, expression: str | None) -> datetime | None:
        """Read a time or a date (ISO 8601), in UTC where it names no zone; None where it is none."""
        text = self.text(name, expression)
        try:
            moment = datetime.fromisoformat(text)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            return None

    def day(self, name: str, expression: str | None) -> date | None:
        """Read a date; None where it is none."""
        moment = self.moment(name, expression)
        return moment.date() if moment else None

    def wrong(self, name: str, problem: str) -> UnexpectedReply:
        """Say what is wrong with a setting's value."""
        return UnexpectedReply(f"{self.operation}: {name} {problem}", code="unexpected_shape")

    def _checked(self, name: str, expression: str, kind: TypeAdapter[str]) -> str:
        try:
            return kind.validate_python(self.text(name, expression, limit=200))
        except ValidationError:
            raise self.wrong(name, "is missing, or no number as they are given") from None

    def _decimal(self, name: str, value: Any) -> Decimal:
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            raise self.wrong(name, "is no number") from None
        if isinstance(value, bool) or not number.is_finite() or number.adjusted() > _LARGEST_EXPONENT:
            raise self.wrong(name, "is no number")
        return number


def translated(words: Mapping[str, Any], text: str) -> Any:
    """Look a supplier's word up, without case and runs of spaces; None where it is not known."""
    return {_folded(word): meaning for word, meaning in words.items()}.get(_folded(text))


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
