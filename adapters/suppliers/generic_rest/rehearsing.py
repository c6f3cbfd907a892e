"""Recorded answers, read as the profile reads them: what a mapping makes of them before an order depends on it. Pure."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from adapters.errors import AdapterError, Doubtful, Throttled, Unavailable
from adapters.suppliers.generic_rest import dates, feeds, judging, placing, replies, webhooks
from adapters.suppliers.generic_rest.profile import Recorded, RestProfile, judged_by_status
from adapters.suppliers.generic_rest.replies import Reader
from adapters.suppliers.generic_rest.values import Source
from models.faults import Fault
from models.feeds import FeedKind

OUR_NUMBER = "DW-1-11"
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DATE = "turn it round, e.g. join('-', reverse(split(shipsOn, '/'))), or take the expression out"
_EXPECTATION = "correct the expressions or the rules, or what is expected"


def faults_of(profile: RestProfile) -> Iterator[Fault]:
    """Find every recorded answer that does not read as expected."""
    for position, recorded in enumerate(profile.recorded):
        place = ("recorded", position)
        if recorded.operation not in _named(profile, recorded.feed):
            yield Fault(
                (*place, "operation"), f"{recorded.operation} is not described", "describe it, or take this out"
            )
            continue
        for said in _surprises(recorded.expect, outcome(profile, recorded)):
            yield Fault((*place, "expect"), said, _EXPECTATION)
        for name in dates.unreadable(profile, recorded.operation, _text(recorded)):
            yield Fault((*place, "body"), f"{name} finds a date that is not ISO 8601, and would be ignored", _DATE)


def _surprises(expected: Mapping[str, Any], read: Mapping[str, Any]) -> Iterator[str]:
    """Say what is read otherwise than expected. A failure that nobody expects explains all that is missing."""
    if "error" in read and "error" not in expected:
        yield f"reads as {read['error']}: {read['message']}"
        return
    for path, wanted, found in differences(expected, read):
        yield f"{path or 'the answer'} reads as {found}, not as {wanted}"


def outcome(profile: RestProfile, recorded: Recorded) -> dict[str, Any]:
    """Read a recorded answer; failures are ``{"error": "refused", "code": …}``."""
    try:
        return _outcome(profile, recorded)
    except AdapterError as error:
        return {"error": _WORDS.sub("_", type(error).__name__).lower(), "code": error.code, "message": str(error)}


def differences(expected: Any, found: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Compare what is expected, key by key, with what was found: (path, expected, found) of each that differs."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for key, inner in expected.items():
            yield from differences(inner, found.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for position, (inner, other) in enumerate(zip(expected, found, strict=True)):
            yield from differences(inner, other, f"{path}[{position}]")
    elif not _equal(expected, found):
        yield path, _short(expected), _short(found)


def _outcome(profile: RestProfile, recorded: Recorded) -> dict[str, Any]:
    text = _text(recorded)
    if judged_by_status(recorded.status):
        raise _of_transport(recorded)
    if recorded.operation == "webhook":
        assert profile.webhook is not None
        news = webhooks.read(profile, profile.webhook, text.encode())
        return {"news": [item.model_dump(mode="json") for item in news]}
    if recorded.operation == "place_order":
        return _dumped(placing.read(profile, recorded.status, text, OUR_NUMBER))
    document = judging.success(profile, recorded.operation, recorded.status, text)
    return _READERS[recorded.operation](profile, document, recorded.feed)


def _of_transport(recorded: Recorded) -> AdapterError:
    """Say what an answer means of which no rule is asked."""
    said = f"{recorded.operation}: answered {recorded.status}"
    if recorded.status == 429:
        return Throttled(said)
    return (Doubtful if recorded.operation == judging.PLACING else Unavailable)(said, code=f"http_{recorded.status}")


def _found(profile: RestProfile, document: Any, _: FeedKind | None) -> dict[str, Any]:
    call = profile.operations.find_order
    assert call is not None
    return _dumped(replies.read_lookup(profile, call, document, OUR_NUMBER))


def _fetched(profile: RestProfile, document: Any, _: FeedKind | None) -> dict[str, Any]:
    order = Source("fetch_order", document).get("order", profile.operations.fetch_order.order)
    return _dumped(Reader(profile, "fetch_order", profile.order).status(order))


def _cancelled(profile: RestProfile, document: Any, _: FeedKind | None) -> dict[str, Any]:
    call = profile.operations.cancel_order
    assert call is not None
    order = Source("cancel_order", document).get("order", call.order)
    return {"answer": str(Reader(profile, "cancel_order", profile.order).cancellation(order))}


def _stock(profile: RestProfile, document: Any, _: FeedKind | None) -> dict[str, Any]:
    assert profile.operations.fetch_stock is not None
    answers = replies.read_stock(profile, profile.operations.fetch_stock, document)
    return {"stock": [_dumped(answer) for answer in answers.values()]}


def _quotes(profile: RestProfile, document: Any, _: FeedKind | None) -> dict[str, Any]:
    assert profile.operations.quote_shipping is not None
    quotes = replies.read_quotes(profile, profile.operations.quote_shipping, document)
    return {"quotes": [_dumped(quote) for quote in quotes]}


def _page(profile: RestProfile, document: Any, kind: FeedKind | None) -> dict[str, Any]:
    assert kind is not None
    page, following = feeds.read_page(profile.feeds[kind], document, feeds.Place())
    cursor = following.cursor if following else ""
    return {"rows": page.rows, "total": page.total, "more": bool(following), "cursor": cursor, "since": page.since}


_READERS: dict[str, Callable[[RestProfile, Any, FeedKind | None], dict[str, Any]]] = {
    "find_order": _found,
    "fetch_order": _fetched,
    "cancel_order": _cancelled,
    "fetch_stock": _stock,
    "quote_shipping": _quotes,
    "feed": _page,
    "probe": lambda _profile, _document, _kind: {"answer": "well"},
}


def _named(profile: RestProfile, feed: FeedKind | None) -> set[str]:
    """Name the operations that the profile describes."""
    known = {name for name in type(profile.operations).model_fields if getattr(profile.operations, name) is not None}
    return (
        known
        | ({"webhook"} if profile.webhook else set())
        | ({"feed"} if feed is not None and feed in profile.feeds else set())
    )


def _dumped(model: Any) -> dict[str, Any]:
    document: dict[str, Any] = model.model_dump(mode="json")
    return document


def _text(recorded: Recorded) -> str:
    return recorded.body if isinstance(recorded.body, str) else json.dumps(recorded.body, default=str)


def _equal(expected: Any, found: Any) -> bool:
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    try:
        return Decimal(str(expected)) == Decimal(str(found))
    except InvalidOperation:
        return str(expected) == str(found) if expected is not None and found is not None else expected == found


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
