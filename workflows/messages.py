"""Reading what is sent to a lifecycle: a message carries one JSON object, and one that can't be read is described.

A description stands in histories and on timelines, so it repeats nothing that the message held.
"""

from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from models.commands import (
    Command,
    CustomerAnswered,
    StockArrived,
    StorefrontEvent,
    SupplierRecovered,
    SupplierReported,
    UnitsReturned,
)

Event = TypeVar(
    "Event", StorefrontEvent, SupplierReported, SupplierRecovered, StockArrived, CustomerAnswered, UnitsReturned
)

_FIELDS = {name for message in (Command, *Event.__constraints__) for name in message.model_fields}


def only_argument(args: tuple[Any, ...]) -> Any:
    """Return the one argument a message must carry. Raises ValueError for none and for too many."""
    if len(args) != 1:
        raise ValueError(f"expected one JSON object, got {len(args)} arguments")
    return args[0]


def describe_malformed(error: Exception) -> str:
    """Say what was wrong with a message without repeating anything it held: a name it made up is content too."""
    if isinstance(error, ValidationError):
        return "; ".join(map(_describe, error.errors(include_url=False, include_input=False, include_context=False)))
    return str(error) if isinstance(error, ValueError) else type(error).__name__


def _describe(problem: ErrorDetails) -> str:
    place = ".".join(str(part) for part in problem["loc"] if part in _FIELDS) or "message"
    own_words = problem["type"] == "value_error"  # of a validator of ours: it names commands and fields only
    return f"{place}: {problem['msg'] if own_words else problem['type']}"
