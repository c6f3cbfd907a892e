"""BigBuy's errors, wherever it puts them. Pure: a response in, its meaning out.

Format: BigBuy API, and what its clients have met: errors with HTTP 200 and ``{"code": 409}``, whole HTTP responses inside
a body, messages that are JSON texts of their own, and 429 as a bare sentence.
"""

import re
from dataclasses import dataclass
from typing import Any, NoReturn

from adapters.errors import AccountHold, AuthenticationFailed, Refused, Throttled, Unavailable, UnexpectedReply
from adapters.suppliers.json_answers import loads, reference

RATE_LIMITED = "You exceeded the rate limit"
EXISTS, TEMPORARY, VALIDATION, WAREHOUSES, NOT_FOUND = "ER008", "ER009", "validation", "warehouses", "order_not_found"
# What each says in words that every supplier's lifecycle understands; the vendor's own code where it has none.
REFUSALS = {
    "ER001": "product_error",  # not found
    "ER002": "product_error",  # wrong reference
    "ER003": "no_stock",
    "ER004": "ER004",  # postcode
    "ER007": "ER007",  # below the least amount of an order
    "ER010": "shipping_cost_code_error",  # none of the carriers named: another quote may do
    "ER011": "ER011",  # way of payment
    "ER012": "ER012",  # below the least amount of a transfer
    "ER013": "ER013",  # not exported there
    "ER014": "ER014",  # the account's pack does not include it
    VALIDATION: VALIDATION,
    "products": "product_error",  # an inactive article, without a code of its own
}
ACCOUNT_CODES = ("ER005",)  # the money box is too low
KNOWN = frozenset({*REFUSALS, *ACCOUNT_CODES, EXISTS, TEMPORARY, WAREHOUSES})
_CODE = re.compile(r"ER\d{3}")
_EMBEDDED = re.compile(r"HTTP/\d(?:\.\d)? (\d{3})[^\r\n]*\r?\n")
_ORDER_PATH = re.compile(r"/rest/order/([A-Za-z0-9]+)(?:\.json)?/?$")
_DEEPEST = 6


@dataclass(frozen=True)
class Reply:
    """An answer, unwrapped: the status it means, its JSON (None where it is none), and the order its Location names."""

    status: int
    body: Any = None
    text: str = ""
    order_id: str = ""

    @property
    def good(self) -> bool:
        """Whether it claims success and names no error."""
        return 200 <= self.status < 300 and not problem_codes(self)


def unwrap(status: int, text: str, location: str = "") -> Reply:
    """Take an answer out of what it is wrapped in. Never raises."""
    inner = _EMBEDDED.match(text.lstrip())
    if inner:
        _, _, body = text.lstrip().replace("\r\n", "\n").partition("\n\n")
        status, text, location = int(inner[1]), body, ""
    body = _json(text)
    if isinstance(body, dict) and "message" in body and (soft := _soft_status(body.get("code"))):
        status = soft
    if text.strip().strip('"') == RATE_LIMITED:
        status = 429
    named = _ORDER_PATH.search(location)
    return Reply(status, body, text, named[1] if named else "")


def problem_codes(reply: Reply) -> list[str]:
    """List the errors an answer names, each once, in the order of the answer."""
    if not isinstance(reply.body, dict):
        return []
    found = _codes(reply.body, 0)
    if _warehouses(reply.body):
        found.append(WAREHOUSES)
    if not found and _names_fields(reply.body):
        found.append(VALIDATION)
    if not found and "Products error" in reply.text:
        found.append("products")
    return list(dict.fromkeys(found))


def existing_order(reply: Reply) -> str:
    """Read which order there is already (ER008, ``data.orderId``); empty where it is not said."""
    return reference(_find(reply.body, "orderId", 0))


def wrong_fields(reply: Reply) -> str:
    """Name the fields that did not pass the vendor's validation, without what was in them."""
    errors = reply.body.get("errors") if isinstance(reply.body, dict) else None
    return ", ".join(_field_names(errors, "", 0))[:120]


def raise_general(operation: str, reply: Reply) -> None:
    """Raise what holds for every call: not our credentials, too many calls."""
    if reply.status == 401:
        raise AuthenticationFailed(f"{operation}: our token is not accepted")
    if reply.status == 429:
        raise Throttled(f"{operation}: we are asked to wait", retry_after=None)


def raise_refusal(operation: str, reply: Reply) -> None:
    """Raise Refused or AccountHold where an answer names a known reason; do nothing otherwise."""
    codes = problem_codes(reply)
    for code in codes:
        if code in ACCOUNT_CODES:
            raise AccountHold(f"{operation}: refused with {code}", code=code)
    for code in codes:
        if code == VALIDATION:
            raise Refused(f"{operation}: not accepted: {wrong_fields(reply)}", code=VALIDATION)
        if code in REFUSALS:
            raise Refused(f"{operation}: refused with {code}", code=REFUSALS[code])


def raise_unanswered(operation: str, reply: Reply) -> NoReturn:
    """Raise what a question's failed answer means, whatever it is."""
    raise_general(operation, reply)
    raise_refusal(operation, reply)
    if reply.status >= 500 or TEMPORARY in problem_codes(reply):
        raise Unavailable(f"{operation}: answered {reply.status}", code=f"http_{reply.status}")
    raise UnexpectedReply(f"{operation}: answered {reply.status}", code=f"http_{reply.status}")


def _json(text: str) -> Any:
    try:
        return loads(text, lenient=True)
    except ValueError:
        return None


def _soft_status(code: Any) -> int:
    text = str(code)
    return int(text) if re.fullmatch(r"[45]\d\d", text) else 0


def _codes(value: Any, depth: int) -> list[str]:
    """Look for codes where the vendor puts them: ``code``, a message that is JSON, entries of ``errors``."""
    if depth > _DEEPEST:
        return []
    if isinstance(value, list):
        return [code for entry in value for code in _codes(entry, depth + 1)]
    if not isinstance(value, dict):
        return []
    own = str(value.get("code", ""))
    nested = (_inner(value.get("message")), value.get("errors"), value.get("error_detail"), value.get("data"))
    found = [own] if _CODE.fullmatch(own) else []
    return found + [code for inner in nested for code in _codes(inner, depth + 1)]


def _inner(message: Any) -> Any:
    return _json(message) if isinstance(message, str) and message.lstrip()[:1] == "{" else message


def _find(value: Any, name: str, depth: int) -> Any:
    if depth > _DEEPEST:
        return None
    if isinstance(value, dict):
        if name in value:
            return value[name]
        value = [_inner(inner) for inner in value.values()]
    if not isinstance(value, list):
        return None
    return next((found for entry in value if (found := _find(entry, name, depth + 1)) is not None), None)


def _warehouses(body: dict[str, Any]) -> bool:
    detail = _find(body, "error_detail", 0)
    return isinstance(detail, dict) and isinstance(detail.get("warehouses"), list) and bool(detail["warehouses"])


def _names_fields(body: dict[str, Any]) -> bool:
    errors = body.get("errors")
    return isinstance(errors, dict) and "children" in errors


def _field_names(errors: Any, path: str, depth: int) -> list[str]:
    if depth > _DEEPEST or not isinstance(errors, dict):
        return []
    own = [path or "(whole)"] if errors.get("errors") else []
    children = errors.get("children")
    named = children.items() if isinstance(children, dict) else []
    inner = [found for name, child in named for found in _field_names(child, f"{path}.{name}".strip("."), depth + 1)]
    return own + inner
