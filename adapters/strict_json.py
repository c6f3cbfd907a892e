"""Reading JSON from outside: what two readers could understand differently is refused."""

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 64


class BadJsonError(ValueError):
    """The bytes are not JSON that everybody reads alike. The message holds nothing of the content."""


def read_json(body: bytes) -> Any:
    """Parse UTF-8 JSON. Raises BadJsonError for NaN, overflowing numbers, duplicate keys and more than 64 levels."""
    try:
        document = json.loads(
            body.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_read_float,
            object_pairs_hook=_unique_keys,
        )
    except UnicodeDecodeError:
        raise BadJsonError("the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise BadJsonError(f"the body is not JSON (at character {error.pos})") from None
    except RecursionError:
        raise BadJsonError(f"the body is nested more than {MAX_DEPTH} levels deep") from None
    except BadJsonError:
        raise
    except ValueError:  # an integer of more digits than Python reads
        raise BadJsonError("the body holds a number that is too long") from None
    if _deeper_than(document, MAX_DEPTH):
        raise BadJsonError(f"the body is nested more than {MAX_DEPTH} levels deep")
    return document


def _refuse_constant(_: str) -> NoReturn:
    raise BadJsonError("the body holds NaN or Infinity, which are not JSON")


def _read_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise BadJsonError("the body holds a number that is too large")
    return number


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise BadJsonError("the body names the same key twice in one object")
    return document


def _deeper_than(document: Any, limit: int) -> bool:
    level = [document]
    for _ in range(limit):
        level = [child for node in level for child in _children(node) if isinstance(child, (dict, list))]
        if not level:
            return False
    return True


def _children(node: Any) -> Any:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()
