"""The links by which customers and suppliers answer: signed, so that nobody answers what was not put to them.

A token is what it is about, a row's number, and when it runs out, 8 bytes each, big-endian, with their HMAC-SHA256, in
URL-safe base64 without padding: 64 characters. It names no order and no person.
"""

import base64
import binascii
import hmac
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256

SHORTEST_SECRET = 16  # characters
TOKEN_LENGTH = 64
_CONTENT = struct.Struct(">QQ")


class Purpose(StrEnum):
    """What a link is for. It is signed too: a link for one thing is none for another, also by the same secret."""

    CUSTOMER_QUESTION = "dropwright customer question v1\0"  # names a question
    SUPPLIER_PAGE = "dropwright supplier page v1\0"  # names a purchase order


class BadLinkError(ValueError):
    """A token that we have not signed."""


class ExpiredLinkError(ValueError):
    """A token of ours whose time is over."""


def sign_link(purpose: Purpose, row_id: int, expires_at: datetime, secret: str) -> str:
    """Write the token of a row."""
    content = _CONTENT.pack(row_id, int(expires_at.timestamp()))
    return base64.urlsafe_b64encode(content + _mac(purpose, content, secret)).decode()


def read_link(purpose: Purpose, token: str, secrets: Sequence[str], *, now: datetime) -> int:
    """Return the row's id. ``secrets`` are the present one and the one before it. Raises one of the two errors."""
    content, mac = _taken_apart(token)
    genuine = [hmac.compare_digest(mac, _mac(purpose, content, secret)) for secret in secrets if usable(secret)]
    if not any(genuine):
        raise BadLinkError
    row_id, expires_at = _CONTENT.unpack(content)
    if now >= datetime.fromtimestamp(expires_at, UTC):
        raise ExpiredLinkError
    return int(row_id)


def usable(secret: str) -> bool:
    """Say whether a secret is there, and long enough not to be guessed."""
    return len(secret) >= SHORTEST_SECRET


def _mac(purpose: Purpose, content: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), purpose.encode() + content, sha256)


def _taken_apart(token: str) -> tuple[bytes, bytes]:
    # The decoder takes the other alphabet's signs too; a token has one spelling.
    if len(token) != TOKEN_LENGTH or not token.isascii() or "+" in token or "/" in token:
        raise BadLinkError
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except binascii.Error:
        raise BadLinkError from None
    return raw[: _CONTENT.size], raw[_CONTENT.size :]
