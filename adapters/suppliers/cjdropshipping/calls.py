"""Calls to CJ Dropshipping: each carries an access token that our key opens, and comes back as an envelope."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import httpx

from adapters.errors import Doubtful, NotSent, Unavailable, UnexpectedReply
from adapters.http import HttpApi
from adapters.suppliers.allowance import Allowance
from adapters.suppliers.cjdropshipping import replies
from adapters.suppliers.cjdropshipping.replies import Envelope
from adapters.suppliers.cjdropshipping.token import Token

PATHS = {
    "createOrderV2": "shopping/order/createOrderV2",
    "confirmOrder": "shopping/order/confirmOrder",
    "payBalance": "shopping/pay/payBalance",
}
_TOKENS = re.compile(r'"((?:access|refresh)Token)"\s*:\s*"[^"]*"')


class Calls:
    """The vendor's calls with our account. Safe to share between threads."""

    def __init__(self, api: HttpApi, key: str) -> None:
        self._api = api
        self._key = key
        self._token = Token(self._fetch_token)

    def close(self) -> None:
        """Give back connections."""
        self._api.client.close()

    def ask(self, operation: str, method: str, path: str, **options: Any) -> Envelope:
        """Ask a question; once more with another token where ours is refused. Raises what questions raise."""

        def call(token: str) -> httpx.Response:
            return self._api.ask(operation, method, path, headers={"CJ-Access-Token": token}, **options)

        token = self._token.value()
        envelope = _envelope_of(operation, call(token))
        if envelope.code in replies.TOKEN_CODES:
            envelope = _envelope_of(operation, call(self._token.renew(token)))
        return envelope

    def instruct(self, operation: str, method: str, document: Mapping[str, Any], allowance: Allowance) -> Envelope:
        """Give an instruction once. A refused token proves that nothing was done: it is replaced, and said again."""

        def call(token: str) -> httpx.Response:
            return self._api.instruct(
                operation,
                method,
                PATHS[operation],
                timeout=allowance.left(operation),
                headers={"CJ-Access-Token": token},
                json=document,
            )

        token = self._spare_token(operation, self._token.value)
        envelope = _said(operation, call(token))
        if envelope.code in replies.TOKEN_CODES:
            token = self._spare_token(operation, partial(self._token.renew, token))
            envelope = _said(operation, call(token))
        return envelope

    def _spare_token(self, operation: str, get: Callable[[], str]) -> str:
        """Get a token for an instruction, which has not left yet."""
        try:
            return get()
        except (Unavailable, UnexpectedReply) as error:
            raise NotSent(f"{operation}: no token: {error}", code=error.code, retry_after=error.retry_after) from error

    def _fetch_token(self) -> str:
        operation, path = "getAccessToken", "authentication/getAccessToken"
        response = self._api.ask(operation, "POST", path, json={"apiKey": self._key})
        return replies.read_token(operation, _envelope_of(operation, response))


def redacted(key: str, text: str) -> str:
    """Take the key and every token out of a record."""
    hidden = text.replace(key, "[key]") if key else text
    return _TOKENS.sub(r'"\1":"[token]"', hidden)


def _envelope_of(operation: str, response: httpx.Response) -> Envelope:
    return replies.read_envelope(operation, response.status_code, response.text)


def _said(operation: str, response: httpx.Response) -> Envelope:
    """Read the answer to an instruction: without an envelope, nobody knows what became of it."""
    try:
        return _envelope_of(operation, response)
    except UnexpectedReply as error:
        raise Doubtful(f"{operation}: {error}", code=error.code) from None
