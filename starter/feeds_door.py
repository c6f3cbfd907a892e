"""What a supplier may push to us: signed, of bounded size, for a feed that is pushed, and readable at first sight.

    POST /feeds/{supplier}/{feed}
    X-Dropwright-Signature: sha256=HEX   HMAC-SHA256 of the raw body with the feed's secret (push_auth = "hmac")
    Authorization: Bearer SECRET         instead, where push_auth = "token"
    X-Delivery-Id: …                     the sender's own id; without it the body is recognised by its hash

202 says that it is stored and will be read; whether its rows are believed is judged afterwards, as with every feed.
"""

import hmac
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from adapters.database import pushes
from adapters.database.configurations import ConfigurationStore, NoConfigurationError
from adapters.database.engine import Database
from adapters.database.pushes import Push, PushOutcome
from models.feeds import Feed
from starter.feed_requests import pushed_feed
from starter.first_sight import UnreadablePushError, look_at
from starter.webhooks import RefusedRequestError, read_body

MAX_BODY = 10 * 1024 * 1024
BODY_SECONDS = 60.0
LONGEST_ID = 128
_SIGNATURE = re.compile(r"sha256=[0-9A-Fa-f]{64}")
_HMAC_PREFIX, _TOKEN_PREFIX = "sha256=", "Bearer "

log = structlog.get_logger(__name__)


async def read_push(request: Request) -> bytes:
    """Read a body of at most 10 MiB, declared or chunked, within a minute. Raises RefusedRequestError 413, 408 or 400."""
    return await read_body(request, MAX_BODY, BODY_SECONDS)


class FeedsDoor:
    """Lets genuine pushes into the database. Blocking: call it on a thread."""

    def __init__(self, database: Database, configurations: ConfigurationStore, secrets: Callable[[str], str]) -> None:
        """Judge by the newest configuration; ``secrets`` reads a named secret, "" where it is not set."""
        self._database = database
        self._configurations = configurations
        self._secrets = secrets
        self.refusals: Counter[str] = Counter()  # all that is kept of what is refused

    def knock(self, supplier: str, feed: str, headers: Mapping[str, str]) -> None:
        """Turn away who can't be genuine before a byte of the body is read, so that strangers take no room.

        Raises RefusedRequestError: 404, 401; 503 while the database is away.
        """
        with self._answering(supplier, feed):
            settings = self._settings(supplier, feed)
            if settings.push_auth == "token":
                self._require_sender(supplier, feed, settings, headers, b"")
            elif not _SIGNATURE.fullmatch(headers.get("x-dropwright-signature", "").strip()):
                raise RefusedRequestError(401, "bad_signature")

    def admit(self, supplier: str, feed: str, headers: Mapping[str, str], body: bytes) -> PushOutcome:
        """Store a push, once. Raises RefusedRequestError: 404, 401, 400, 409; 503 while the database is away."""
        with self._answering(supplier, feed):
            settings = self._settings(supplier, feed)
            self._require_sender(supplier, feed, settings, headers, body)
            return self._store(Push(supplier, feed, _delivery_id(headers, body), body), settings)

    @contextmanager
    def _answering(self, supplier: str, feed: str) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, NoConfigurationError) as error:
            log.warning("push_not_stored", supplier=supplier, feed=feed, reason=type(error).__name__)
            raise RefusedRequestError(503, "unavailable") from None
        except RefusedRequestError as refusal:
            self.refusals[refusal.reason] += 1
            raise

    def _settings(self, supplier: str, feed: str) -> Feed:
        settings = pushed_feed(self._configurations.current().configuration, supplier, feed)
        if settings is None:
            raise RefusedRequestError(404, "no_such_feed")
        return settings

    def _require_sender(
        self, supplier: str, feed: str, settings: Feed, headers: Mapping[str, str], body: bytes
    ) -> None:
        secret = self._secrets(settings.push_secret_env or "")
        if not secret:
            log.error("push_secret_missing", supplier=supplier, feed=feed, variable=settings.push_secret_env)
        genuine = _has_token if settings.push_auth == "token" else _is_signed
        if not secret or not genuine(headers, body, secret.encode()):
            raise RefusedRequestError(401, "bad_signature")

    def _store(self, push: Push, settings: Feed) -> PushOutcome:
        try:
            look_at(push.body, settings)
        except UnreadablePushError as error:
            raise RefusedRequestError(400, error.reason) from None
        with self._database.begin() as tx:
            outcome = pushes.store(tx, push, now=datetime.now(UTC))
        if outcome is PushOutcome.CONTRADICTS:
            raise RefusedRequestError(409, "same_id_other_body")
        return outcome


def _is_signed(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    given = headers.get("x-dropwright-signature", "").strip()
    expected = hmac.new(secret, body, sha256).hexdigest()
    named = given.startswith(_HMAC_PREFIX)
    # Bytes, because compare_digest takes no text beyond ASCII and a header may hold any.
    return named and hmac.compare_digest(given.removeprefix(_HMAC_PREFIX).lower().encode(), expected.encode())


def _has_token(headers: Mapping[str, str], _body: bytes, secret: bytes) -> bool:
    given = headers.get("authorization", "").strip()
    named = given.startswith(_TOKEN_PREFIX)
    return named and hmac.compare_digest(given.removeprefix(_TOKEN_PREFIX).strip().encode(), secret)


def _delivery_id(headers: Mapping[str, str], body: bytes) -> str:
    given = headers.get("x-delivery-id", "").strip()
    if len(given) > LONGEST_ID:
        raise RefusedRequestError(400, "delivery_id_too_long")
    return given or f"body:{sha256(body).hexdigest()}"
