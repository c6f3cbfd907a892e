"""Which answers are successes, and what the others mean. Pure: text in, JSON or adapter errors out.

For an order only an answer that a rule of the profile explains proves that nothing was ordered; all else is doubt.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from adapters.errors import (
    AccountHold,
    AdapterError,
    AuthenticationFailed,
    Doubtful,
    NotSent,
    Refused,
    Throttled,
    Unavailable,
    UnexpectedReply,
)
from adapters.suppliers.generic_rest.expressions import evaluate, read_json
from adapters.suppliers.generic_rest.profile import ErrorRule, RestProfile

NOT_FOUND, TOO_LATE = "order_not_found", "too_late"
PLACING = "place_order"
_MAY_BE_EMPTY = frozenset({"cancel_order", "probe"})
_MUST_BE_PROVEN = frozenset(
    {"find_order", "fetch_stock", "quote_shipping"}
)  # else an order is sent again, or elsewhere
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_LONGEST_WAIT = 86_400  # seconds
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


def success(profile: RestProfile, operation: str, status: int, text: str) -> Any:
    """Return a success's JSON; raise what any other answer means, of ``adapters.errors``."""
    try:
        document, readable = read_json(operation, text), True
    except UnexpectedReply:
        document, readable = None, not text.strip() and (operation in _MAY_BE_EMPTY or not 200 <= status < 300)
    if readable and (failure := _by_rule(profile, operation, status, document)):
        raise failure
    if failure := _by_status(operation, status, readable=readable):
        raise failure
    if not readable:
        raise _unknown(operation, "the answer is no JSON", "not_json")
    if profile.success and not evaluate_safely(operation, "success", profile.success, document):
        raise _unknown(operation, "it says that it is no success", "no_success")
    return document


def evaluate_safely(operation: str, name: str, expression: str, document: Any) -> Any:
    """Evaluate; what can't be evaluated is null."""
    try:
        return evaluate(operation, name, expression, document)
    except UnexpectedReply:
        return None


def _by_rule(profile: RestProfile, operation: str, status: int, document: Any) -> AdapterError | None:
    rule = next(_fitting(profile, operation, status, document), None)
    if rule is None:
        return None
    code = _code(rule, operation, document)
    failure = _failure(rule.means, operation, code)
    failure.retry_after = _wait(rule, operation, document)
    return failure


def _fitting(profile: RestProfile, operation: str, status: int, document: Any) -> Iterator[ErrorRule]:
    for rule in profile.errors:
        if (rule.status and status not in rule.status) or (rule.operations and operation not in rule.operations):
            continue
        if rule.when is None or evaluate_safely(operation, "when", rule.when, document):
            yield rule


def _failure(means: str, operation: str, code: str) -> AdapterError:
    said = f"{operation}: answered with {code or means}"
    match means:
        case "account_hold":
            return AccountHold(said, code=code or means)
        case "refused":
            return Refused(said, code=code or means)
        case "authentication":
            return AuthenticationFailed(said, code=code)
        case "not_sent":
            return NotSent(said, code=code)
        case "throttled":
            return Throttled(said, code=code)
    if operation == PLACING:
        return Doubtful(said, code=code or means)
    if means == "not_found":
        return Refused(said, code=NOT_FOUND)
    return Refused(said, code=TOO_LATE) if means == "too_late" else Unavailable(said, code=code)


def _by_status(operation: str, status: int, *, readable: bool) -> AdapterError | None:
    """Say what a status means without a rule. Where orders depend on it, a web server's own 404 proves no absence."""
    if status == _UNAUTHORIZED or (status == _FORBIDDEN and operation != PLACING):
        return AuthenticationFailed(f"{operation}: our credential is not accepted")
    if status == _NOT_FOUND and operation != PLACING and (readable or operation not in _MUST_BE_PROVEN):
        return Refused(f"{operation}: there is no such thing", code=NOT_FOUND)
    return None if 200 <= status < 300 else _unknown(operation, f"answered {status}", f"http_{status}")


def _unknown(operation: str, problem: str, code: str) -> AdapterError:
    kind = Doubtful if operation == PLACING else UnexpectedReply
    return kind(f"{operation}: {problem}", code=code)


def _code(rule: ErrorRule, operation: str, document: Any) -> str:
    said = evaluate_safely(operation, "code_from", rule.code_from, document) if rule.code_from else None
    text = str(said) if isinstance(said, str | int) else ""
    if text in rule.codes:
        return rule.codes[text]
    return text if rule.code is None and _CODE.fullmatch(text) else rule.code or ""


def _wait(rule: ErrorRule, operation: str, document: Any) -> timedelta | None:
    said = evaluate_safely(operation, "retry_after", rule.retry_after, document) if rule.retry_after else None
    try:
        seconds = float(str(said))
    except ValueError:
        return None
    return timedelta(seconds=min(seconds, _LONGEST_WAIT)) if seconds >= 0 else None
