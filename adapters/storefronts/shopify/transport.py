"""One GraphQL call to Shopify: sent, judged, and turned into the model of its answer."""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from adapters.errors import AccountHold, AdapterError, AuthenticationFailed, Throttled, Unavailable, UnexpectedReply
from adapters.http import HttpApi
from adapters.storefronts.shopify.documents import API_VERSION
from adapters.storefronts.shopify.replies import Page

ReplyModel = TypeVar("ReplyModel", bound=BaseModel)
Node = TypeVar("Node")
FALLBACK_WAIT = timedelta(seconds=2)
_UNAVAILABLE_CODES = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT"})
_SHOP_CLOSED = {402: "shop_frozen", 423: "shop_locked"}


@dataclass(frozen=True)
class ShopifyApi:
    """The Admin API of one shop. All our calls may be repeated: questions, and writes that end in the same state."""

    http: HttpApi

    def run(self, document: str, reply: type[ReplyModel], **variables: Any) -> ReplyModel:
        """Run one document and read its answer. Raises errors of ``adapters.errors``, never with a value in them."""
        operation = operation_name(document)
        body = {"query": document, "operationName": operation, "variables": variables}
        response = self.http.ask(operation, "POST", f"/admin/api/{API_VERSION}/graphql.json", json=body)
        _raise_for_status(operation, response)
        answer = _parse(operation, response)
        if answer.get("errors"):
            raise _failure(operation, answer)
        try:
            return reply.model_validate(answer.get("data"))
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
            raise UnexpectedReply(f"{operation}: data.{where} is not as expected", code="reply_unreadable") from None


def rest_of(first: Page[Node], fetch: Callable[[str | None], Page[Node]]) -> Iterator[Node]:
    """Walk a connection to its end, from a first page that is already here."""
    page = first
    yield from page.nodes
    while page.page_info.has_next_page:
        page = fetch(page.page_info.end_cursor)
        yield from page.nodes


def all_of(fetch: Callable[[str | None], Page[Node]]) -> Iterator[Node]:
    """Walk a connection from its start to its end."""
    return rest_of(fetch(None), fetch)


def gid(kind: str, number: str) -> str:
    """Write an id as GraphQL takes it: ``gid://shopify/Order/1``."""
    return f"gid://shopify/{kind}/{number}"


def number_of(global_id: str) -> str:
    """Take the REST id out of a global one: its last part, without parameters."""
    return global_id.rpartition("/")[2].partition("?")[0]


@cache
def operation_name(document: str) -> str:
    """Find the name of a document's operation: it stands in records, and rules of the simulator match it."""
    found = re.search(r"^(?:query|mutation) (\w+)", document, re.MULTILINE)
    if found is None:
        raise ValueError("every document has a named operation")
    return found[1]


def _raise_for_status(operation: str, response: httpx.Response) -> None:
    status = response.status_code
    if status in (401, 403):
        raise AuthenticationFailed(
            f"{operation}: Shopify does not accept our access token ({status})", code=f"http_{status}"
        )
    if status in _SHOP_CLOSED:
        raise AccountHold(f"{operation}: the shop is closed ({status})", code=_SHOP_CLOSED[status])
    if status != httpx.codes.OK:
        raise UnexpectedReply(f"{operation}: Shopify answered {status}", code=f"http_{status}")


def _parse(operation: str, response: httpx.Response) -> dict[str, Any]:
    try:
        answer = json.loads(response.content)
    except ValueError:
        raise Unavailable(f"{operation}: Shopify's answer is not JSON", code="reply_broken") from None
    if not isinstance(answer, dict):
        raise UnexpectedReply(f"{operation}: Shopify's answer is not an object", code="reply_unreadable")
    return answer


def _failure(operation: str, answer: dict[str, Any]) -> AdapterError:
    """Judge top-level errors by their code; their messages may repeat what was sent, and are not read."""
    code = _error_code(answer["errors"])
    if code == "THROTTLED":
        return Throttled(
            f"{operation}: Shopify asks us to wait", code=code, retry_after=_wait(answer.get("extensions"))
        )
    if code == "ACCESS_DENIED":
        return AuthenticationFailed(f"{operation}: our access token lacks a scope", code=code)
    if code in _UNAVAILABLE_CODES:
        # Whether a write was done is open, and harmless: every write of ours may be repeated.
        return Unavailable(f"{operation}: Shopify failed ({code})", code=code)
    return UnexpectedReply(f"{operation}: Shopify answered with an error ({code})", code=code)


def _error_code(errors: object) -> str:
    first = errors[0] if isinstance(errors, list) and errors else {}
    extensions = first.get("extensions") if isinstance(first, dict) else None
    code = extensions.get("code") if isinstance(extensions, dict) else None
    if isinstance(code, str) and re.fullmatch(r"[A-Za-z_]{1,60}", code):
        return code
    throttled = isinstance(first, dict) and first.get("message") == "Throttled"
    return "THROTTLED" if throttled else "graphql_error"


def _wait(extensions: object) -> timedelta:
    """Work out when the leaky bucket holds enough points for the refused call again."""
    try:
        cost = extensions["cost"]  # type: ignore[index]
        status = cost["throttleStatus"]
        missing = float(cost["requestedQueryCost"]) - float(status["currentlyAvailable"])
        seconds = math.ceil(missing / float(status["restoreRate"]))
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return FALLBACK_WAIT
    return timedelta(seconds=min(max(seconds, 1), 3600))
