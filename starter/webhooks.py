"""What an HTTP request must be before intake sees it: bounded, signed, from a known shop, and JSON.

Everything after that is answered with 2xx: a storefront that gets errors stops sending.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.requests import ClientDisconnect, Request

from activities.intake import Intake, Storefronts
from adapters.database.configurations import ConfigurationStore, NoConfigurationError
from adapters.database.engine import lost_connection
from adapters.ports import StorefrontPort
from adapters.strict_json import BadJsonError, read_json
from models.configuration import Channel, Configuration
from models.intake import TOPIC_PAID, Received

MAX_BODY = 1024 * 1024
MAX_DRAINED = 16 * MAX_BODY  # read and thrown away, so that the sender can hear that it was too much
BODY_SECONDS = 10.0
SHOPIFY = "shopify"

log = structlog.get_logger(__name__)


class RefusedRequestError(Exception):
    """The request is answered with this status and nothing is stored. ``reason`` is a word of a closed vocabulary."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


async def read_body(request: Request, limit: int = MAX_BODY, seconds: float | None = None) -> bytes:
    """Read a body of at most ``limit`` bytes, declared or chunked, within ``seconds``.

    Raises RefusedRequestError 413, 408 or 400.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit and "expect" in request.headers:
        raise RefusedRequestError(413, "too_large")
    try:
        async with asyncio.timeout(BODY_SECONDS if seconds is None else seconds):
            return await _bounded_body(request, limit)
    except TimeoutError:
        raise RefusedRequestError(408, "too_slow") from None
    except ClientDisconnect:
        raise RefusedRequestError(400, "incomplete") from None


async def _bounded_body(request: Request, limit: int) -> bytes:
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            body += chunk
        elif size > max(MAX_DRAINED, 4 * limit):
            break
        else:
            body.clear()
    if size > limit:
        raise RefusedRequestError(413, "too_large")
    return bytes(body)


@dataclass(frozen=True)
class _Headers:
    """The headers that Shopify puts beside a delivery (names lower case)."""

    values: Mapping[str, str]

    def text(self, name: str, limit: int = 128) -> str:
        """Take a header, bounded: an unsigned header must not fill a column or an index."""
        return self.values.get(f"x-shopify-{name}", "").strip()[:limit]

    @property
    def paid_at(self) -> datetime | None:
        """When the payment came, where this delivery tells of one."""
        if self.text("topic") != TOPIC_PAID:
            return None
        with suppress(ValueError):
            moment = datetime.fromisoformat(self.text("triggered-at"))
            return moment if moment.tzinfo is not None else None
        return None


class ShopifyDoor:
    """Lets genuine deliveries through to intake. Blocking: call it on a thread."""

    def __init__(
        self,
        intake: Intake,
        configurations: ConfigurationStore,
        storefronts: Storefronts,
        secrets: Callable[[str], str],
    ) -> None:
        """Judge by the newest configuration; ``secrets`` reads a named secret, "" where it is not set."""
        self._intake = intake
        self._configurations = configurations
        self._storefronts = storefronts
        self._secrets = secrets
        self.refusals: Counter[str] = Counter()  # all that is kept of what is refused

    def admit(self, channel: str, headers: Mapping[str, str], body: bytes) -> Received:
        """Take in one delivery. Raises RefusedRequestError for what is not ours; 503 while the database is away."""
        try:
            return self._admit(channel, _Headers(headers), body)
        except (SQLAlchemyError, NoConfigurationError) as error:
            log.warning("webhook_not_stored", channel=channel, reason=type(error).__name__)
            raise RefusedRequestError(503, "unavailable") from None
        except RefusedRequestError as refusal:
            self.refusals[refusal.reason] += 1
            raise

    def _admit(self, channel: str, headers: _Headers, body: bytes) -> Received:
        settings = self._current().channels.get(channel)
        if settings is None or settings.storefront != SHOPIFY:
            raise RefusedRequestError(404, "unknown_channel")
        self._require_signature(channel, settings, headers, body)
        if headers.text("shop-domain").lower() != settings.shop_domain:
            raise RefusedRequestError(404, "unknown_shop")
        document = _parse(body)
        return self._intake.receive(
            channel,
            topic=headers.text("topic"),
            delivery_id=headers.text("webhook-id") or f"body:{sha256(body).hexdigest()}",
            event_id=headers.text("event-id") or None,
            body=body,
            document=document,
            paid_at=headers.paid_at,
        )

    def _current(self) -> Configuration:
        try:
            return self._configurations.current().configuration
        except DBAPIError as error:
            if not lost_connection(error):
                raise
        return self._configurations.current().configuration  # the database was restarted: on a fresh connection

    def _require_signature(self, channel: str, settings: Channel, headers: _Headers, body: bytes) -> None:
        names = (settings.webhook_secret_env, settings.previous_webhook_secret_env)
        secrets = [secret for name in names if name and (secret := self._secrets(name))]
        if not secrets:
            log.error("webhook_secret_missing", channel=channel, variable=settings.webhook_secret_env)
        if not self._storefront(channel).verify_signature(dict(headers.values), body, secrets):
            raise RefusedRequestError(401, "bad_signature")

    def _storefront(self, channel: str) -> StorefrontPort:
        try:
            return self._storefronts(channel)
        except (RuntimeError, LookupError) as error:  # a credential or a plugin is missing: the delivery is repeated
            log.warning("storefront_not_usable", channel=channel, reason=type(error).__name__)
            raise RefusedRequestError(503, "storefront_not_usable") from None


def _parse(body: bytes) -> Any:
    try:
        return read_json(body)
    except BadJsonError:
        raise RefusedRequestError(400, "bad_json") from None
