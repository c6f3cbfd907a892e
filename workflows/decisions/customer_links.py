"""The links that customers answer by: signed, so that nobody answers a question that was not put to them.

A token is the question's number and when it runs out, 8 bytes each, big-endian, with their HMAC-SHA256, in URL-safe
base64 without padding: 64 characters. It names no order and no person.
"""

import base64
import binascii
import hmac
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256

SHORTEST_SECRET = 16  # characters
TOKEN_LENGTH = 64
_CONTENT = struct.Struct(">QQ")
_PURPOSE = b"dropwright customer question v1\0"  # a secret that signs other things too signs no link by accident


class BadLinkError(ValueError):
    """A token that we have not signed."""


class ExpiredLinkError(ValueError):
    """A token of ours whose time is over."""


def sign_link(question_id: int, expires_at: datetime, secret: str) -> str:
    """Write the token of a question."""
    content = _CONTENT.pack(question_id, int(expires_at.timestamp()))
    return base64.urlsafe_b64encode(content + _mac(content, secret)).decode()


def read_link(token: str, secrets: Sequence[str], *, now: datetime) -> int:
    """Return the question's id. ``secrets`` are the present one and the one before it. Raises one of the two errors."""
    content, mac = _taken_apart(token)
    genuine = [hmac.compare_digest(mac, _mac(content, secret)) for secret in secrets if usable(secret)]
    if not any(genuine):
        raise BadLinkError
    question_id, expires_at = _CONTENT.unpack(content)
    if now >= datetime.fromtimestamp(expires_at, UTC):
        raise ExpiredLinkError
    return int(question_id)


def usable(secret: str) -> bool:
    """Say whether a secret is there, and long enough not to be guessed."""
    return len(secret) >= SHORTEST_SECRET


def _mac(content: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), _PURPOSE + content, sha256)


def _taken_apart(token: str) -> tuple[bytes, bytes]:
    # The decoder takes the other alphabet's signs too; a token has one spelling.
    if len(token) != TOKEN_LENGTH or not token.isascii() or "+" in token or "/" in token:
        raise BadLinkError
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except binascii.Error:
        raise BadLinkError from None
    return raw[: _CONTENT.size], raw[_CONTENT.size :]
