"""What every adapter takes from a supplier's settings, and how it says that they can't be used: never with a value."""

import hmac
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from adapters.http import CallSink, HttpApi, http_client
from adapters.pacing import Pace
from models.configuration import Supplier

Profile = TypeVar("Profile", bound=BaseModel)


def refuse_options(settings: Supplier, supplier_id: str, known: frozenset[str] = frozenset()) -> None:
    """Raise ValueError for an option there is not."""
    if unknown := set(settings.options) - known:
        raise ValueError(f"supplier {supplier_id}: no such options: {', '.join(sorted(unknown))}")


def profile_of(model: type[Profile], settings: Supplier, supplier_id: str) -> Profile:
    """Read the adapter's part of the settings. Raises ValueError that names each field."""
    try:
        return model.model_validate(settings.profile)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ValueError(f"supplier {supplier_id}: profile: {faults}") from None


def address_and_token(settings: Supplier, supplier_id: str, secrets: Callable[[str], str]) -> tuple[str, str]:
    """Return where its interface is, and our credential. Raises ValueError where one of them is not configured."""
    if settings.base_url is None or settings.token_env is None:
        raise ValueError(f"supplier {supplier_id}: base_url and token_env are required")
    return str(settings.base_url), secrets(settings.token_env)


def webhook_secret(settings: Supplier, secrets: Callable[[str], str]) -> str:
    """Read it where it is set: who places orders needs none, and without one no webhook is believed."""
    try:
        return secrets(settings.webhook_secret_env) if settings.webhook_secret_env else ""
    except (RuntimeError, LookupError):
        return ""


def is_secret(given: str, secret: str) -> bool:
    """Compare the end of the address that a webhook was sent to, in constant time; without a secret none is right."""
    return bool(secret) and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode())


def bearer_api(
    settings: Supplier,
    supplier_id: str,
    secrets: Callable[[str], str],
    sink: CallSink,
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
    calls_per_second: float | None = None,
) -> HttpApi:
    """Build the client of an interface with a bearer token. ``calls_per_second`` holds where none is configured."""
    url, token = address_and_token(settings, supplier_id, secrets)
    sent = {"Authorization": f"Bearer {token}", "Accept": "application/json", **headers}
    rate = settings.calls_per_second or calls_per_second
    return HttpApi(
        system=supplier_id,
        client=http_client(url, sent, settings.read_timeout),
        sink=sink,
        redact=lambda text: text.replace(token, "[token]") if token else text,
        pace=Pace(rate) if rate else None,
    )
