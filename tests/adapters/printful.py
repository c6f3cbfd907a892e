"""Printful's adapter against its simulator."""

from collections.abc import Callable
from typing import Any

from adapters.suppliers.printful.adapter import Printful, build
from models.calls import CallRecord
from models.configuration import Supplier
from sandbox.printful import DEFAULT_TOKEN

PATH_SECRET = "gx81-hook"


def settings(url: str, **changes: Any) -> Supplier:
    """Configure the supplier at this address."""
    values = {
        "adapter": "printful",
        "display_name": "Printful",
        "base_url": url,
        "token_env": "PRINTFUL_TOKEN",
        "webhook_secret_env": "PRINTFUL_HOOK",
        "metafield_namespace": "printful",
        "submit_timeout": "1.5s",
        "read_timeout": "1.2s",
        "calls_per_second": 1000,
    }
    return Supplier.model_validate(values | changes)


def port(
    url: str,
    *,
    token: str = DEFAULT_TOKEN,
    webhook_secret: str = PATH_SECRET,
    sink: Callable[[CallRecord], None] = lambda _call: None,
    **profile: Any,
) -> Printful:
    """Build the port to the supplier at this address."""
    secrets = {"PRINTFUL_TOKEN": token, "PRINTFUL_HOOK": webhook_secret}
    return build(settings=settings(url, profile=profile), supplier_id="pf", secrets=secrets.__getitem__, sink=sink)
