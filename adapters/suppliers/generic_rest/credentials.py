"""How we show who we are: by a key of ours, or by a token that the supplier lends us for a while (OAuth 2.0)."""

import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import timedelta
from threading import Lock
from typing import Any, Protocol
from urllib.parse import quote, quote_plus

from adapters.errors import AuthenticationFailed, Unavailable, UnexpectedReply
from adapters.http import HttpApi
from adapters.suppliers.generic_rest.authentication import (
    Authentication,
    Basic,
    Bearer,
    ClientCredentials,
    HeaderKey,
    QueryKey,
)
from adapters.suppliers.generic_rest.expressions import read_json

AUTHORIZATION = "Authorization"
WITHHELD = "[credential]"
_EARLY = 30.0  # seconds before its end in which a token is no longer used
_JUST_LENT = 5.0  # seconds: a token that is refused so soon is no old one


class Credentials(Protocol):
    """What every call carries."""

    def headers(self) -> dict[str, str]:
        """Give the headers that say who we are. Raises what questions raise."""

    def query(self) -> list[tuple[str, str]]:
        """Give the parameters that say who we are."""

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forget what was refused, by the headers that carried it; say whether another attempt may carry something new."""


class Key:
    """A key that never changes."""

    def __init__(self, *, headers: dict[str, str] | None = None, query: list[tuple[str, str]] | None = None) -> None:
        self._headers = headers or {}
        self._query = query or []

    def headers(self) -> dict[str, str]:
        """Give the key's header, where it has one."""
        return self._headers

    def query(self) -> list[tuple[str, str]]:
        """Give the key's parameter, where it has one."""
        return self._query

    def renew(self, refused: Mapping[str, str]) -> bool:  # noqa: ARG002 - the protocol's
        """Say no: it is the only one."""
        return False


class LentToken:
    """A token that is fetched when it is needed, and again before it ends. Safe to share between threads."""

    def __init__(
        self, terms: ClientCredentials, secret: str, api: HttpApi, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._terms = terms
        self._secret = secret
        self._api = api  # which keeps nothing of these calls but that they were made
        self._clock = clock
        self._lock = Lock()
        self._token = ""
        self._lent_at = self._ends_at = 0.0

    def headers(self) -> dict[str, str]:
        """Give the token, fetched before where there is none that lasts."""
        with self._lock:
            if not self._token or self._clock() >= self._ends_at:
                self._fetch()
            return {AUTHORIZATION: _bearer(self._token)}

    def query(self) -> list[tuple[str, str]]:
        """Give nothing: a token stands in a header."""
        return []

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forget the token, unless another thread has a new one already; one that was just lent would be refused again."""
        with self._lock:
            if self._token and refused.get(AUTHORIZATION) != _bearer(self._token):
                return True
            self._token = ""
            return self._clock() - self._lent_at > _JUST_LENT

    def _fetch(self) -> None:
        now = self._clock()
        response = self._api.ask("token", "POST", self._terms.token_url, **self._form())
        if response.status_code in (400, 401, 403):
            raise AuthenticationFailed("token: the client's id or secret is not accepted")
        if not response.is_success:
            raise Unavailable(f"token: answered {response.status_code}")
        document = read_json("token", response.text)
        token = document.get("access_token") if isinstance(document, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise UnexpectedReply("token: access_token is missing", code="unexpected_shape")
        self._token, self._lent_at = token, now
        self._ends_at = now + max(self._lifetime(document.get("expires_in")) - _EARLY, 1.0)

    def _form(self) -> dict[str, Any]:
        terms = self._terms
        form = {"grant_type": "client_credentials", "scope": terms.scope, "audience": terms.audience}
        headers = {}
        if terms.send == "basic":
            headers = {"Authorization": basic(quote_plus(terms.client_id), quote_plus(self._secret))}
        else:
            form |= {"client_id": terms.client_id, "client_secret": self._secret}
        return {"data": {name: text for name, text in form.items() if text}, "headers": headers}

    def _lifetime(self, said: Any) -> float:
        seconds = int(said) if isinstance(said, int | str) and str(said).isdecimal() and len(str(said)) < 9 else 0
        return float(seconds) or self._terms.lifetime / timedelta(seconds=1)


def key_of(terms: Bearer | Basic | HeaderKey | QueryKey, secret: str) -> Key:
    """Build what a profile describes."""
    match terms:
        case Bearer():
            return Key(headers={AUTHORIZATION: _bearer(secret)})
        case Basic():
            return Key(headers={"Authorization": basic(terms.username, secret)})
        case HeaderKey():
            return Key(headers={terms.header: f"{terms.prefix}{secret}"})
        case QueryKey():
            return Key(query=[(terms.parameter, secret)])


def _bearer(token: str) -> str:
    return f"Bearer {token}"


def redaction(terms: Authentication, secret: str) -> Callable[[str], str]:
    """Build what takes a credential out of records, however it was written."""
    written = {secret, quote(secret, safe=""), quote_plus(secret)}
    if isinstance(terms, Basic):
        written.add(basic(terms.username, secret).removeprefix("Basic "))

    def redact(text: str) -> str:
        for one in sorted(filter(None, written), key=len, reverse=True):
            text = text.replace(one, WITHHELD)
        return text

    return redact


def basic(username: str, password: str) -> str:
    """Write an ``Authorization`` header for HTTP Basic (RFC 7617)."""
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"
