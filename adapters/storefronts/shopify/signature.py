"""Whether a webhook is Shopify's: base64 HMAC-SHA256 over the raw body, keyed with the app's client secret."""

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence

HEADER = "x-shopify-hmac-sha256"


def sign(body: bytes, secret: str) -> str:
    """Sign the raw bytes as Shopify does."""
    return b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def is_signed(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> bool:
    """Say whether the body carries the signature of one of the secrets: two are valid while a secret is rotated.

    Header names are lower case. An empty secret signs nothing.
    """
    given = headers.get(HEADER, "").strip().encode("utf-8", errors="replace")
    matches = [hmac.compare_digest(given, sign(body, secret).encode()) for secret in secrets if secret]
    return any(matches)
