"""What a supplier sends by itself: who it is from, and which news it is. Pure but for the clock it is given."""

import hashlib
import hmac
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from adapters.errors import AuthenticationFailed
from adapters.suppliers.configured import is_secret
from adapters.suppliers.generic_rest.expressions import read_json
from adapters.suppliers.generic_rest.profile import RestProfile, Signature, Webhook
from adapters.suppliers.generic_rest.replies import Reader
from adapters.suppliers.generic_rest.values import Source
from models.base import Reference
from models.exchange import LookAgain, OrderAcknowledged, OrderShipped, PartnerNews
from models.suppliers import SupplierOrderStatus, SupplierState

OPERATION = "webhook"
_MILLISECONDS = 10**11  # a number above is no time in seconds before the year 5138
_REFERENCE = TypeAdapter[str](Reference)


def verify(
    webhook: Webhook, secret: str, headers: Mapping[str, str], body: bytes, path_secret: str, now: datetime
) -> None:
    """Check who sent it, in constant time. Raises AuthenticationFailed."""
    if not secret:
        raise AuthenticationFailed("webhook: webhook_secret_env is not configured", code="no_secret")
    if webhook.signature is not None:
        _verify_signature(webhook.signature, secret.encode(), headers, body, now)
    elif not is_secret(path_secret, secret):
        raise AuthenticationFailed("webhook: the end of its address is not the secret", code="wrong_secret")


def read(profile: RestProfile, webhook: Webhook, body: bytes) -> Sequence[PartnerNews]:
    """Say what it means. One that names no order of ours is about nothing. Raises UnexpectedReply."""
    document = Source(OPERATION, read_json(OPERATION, body.decode("utf-8", "replace")))
    number = document.get("number", webhook.number)
    if number is None or number == "":
        return []
    try:
        number = _REFERENCE.validate_python(number)
    except ValidationError:
        if isinstance(number, str | int) and not webhook.trusted:  # a hint about another shop's order, or one by hand
            return []
        raise document.wrong("number", "is no number of an order") from None
    if not webhook.trusted:
        return [LookAgain(number=number)]
    order = document.get("order", webhook.order)
    reader = Reader(profile, OPERATION, webhook.reading or profile.order)
    return _news(number, reader.status(order), Source(OPERATION, order).text("number", reader.reading.number))


def _news(number: str, status: SupplierOrderStatus, supplier_number: str) -> list[PartnerNews]:
    """Say of an order what its state proves; whatever else it says is a reason to ask."""
    if status.state in (SupplierState.ACKNOWLEDGED, SupplierState.CANCELLED) and not status.parcels:
        news: PartnerNews = OrderAcknowledged(
            number=number,
            supplier_number=supplier_number,
            state=status.state,
            status_text=status.status_text,
            lines=status.lines,
        )
        return [news]
    if status.state is SupplierState.SHIPPED and status.parcels:
        return [OrderShipped(number=number, supplier_number=supplier_number, parcels=status.parcels, complete=True)]
    return [LookAgain(number=number)]


def _verify_signature(
    signature: Signature, secret: bytes, headers: Mapping[str, str], body: bytes, now: datetime
) -> None:
    stamp = headers.get((signature.timestamp_header or "").lower(), "")
    before, _, after = signature.signed.partition("{body}")
    signed = b"".join(
        (before.replace("{timestamp}", stamp).encode(), body, after.replace("{timestamp}", stamp).encode())
    )
    expected = hmac.new(secret, signed, hashlib.sha256).digest()
    sent = headers.get(signature.header.lower(), "").removeprefix(signature.prefix)
    if not hmac.compare_digest(expected, _decoded(sent, signature.encoding)):
        raise AuthenticationFailed("webhook: its signature is wrong", code="wrong_signature")
    if signature.timestamp_header and not _is_fresh(stamp, signature, now):
        raise AuthenticationFailed("webhook: it was signed too long ago, or in the future", code="stale")


def _decoded(text: str, encoding: str) -> bytes:
    try:
        return bytes.fromhex(text) if encoding == "hex" else b64decode(text, validate=True)
    except ValueError:
        return b""


def _is_fresh(stamp: str, signature: Signature, now: datetime) -> bool:
    try:
        moment = _moment(stamp)
    except (ValueError, OverflowError, OSError):
        return False
    return abs(now - moment) <= signature.tolerance


def _moment(stamp: str) -> datetime:
    if stamp.isdecimal():
        seconds = int(stamp)
        return datetime.fromtimestamp(seconds / 1000 if seconds > _MILLISECONDS else seconds, UTC)
    moment = datetime.fromisoformat(stamp)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
