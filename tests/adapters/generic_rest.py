"""The generic REST adapter against its made-up supplier, configured as its page in docs/ says."""

import re
import tomllib
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from adapters.suppliers.generic_rest.adapter import GenericRest, build
from models.calls import CallRecord
from models.configuration import Supplier
from sandbox.anyrest import API, CLIENT_ID, DEFAULT_TOKEN, WEBHOOK_SECRET

PAGE = Path(__file__).parents[2] / "docs" / "suppliers" / "generic-rest.md"


def documented() -> dict[str, Any]:
    """Read the page's example: the supplier's whole table."""
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    table: dict[str, Any] = tomllib.loads(found[1])["suppliers"]["acme"]
    return table


def profile(**changes: Any) -> dict[str, Any]:
    """Take the page's profile with some of its settings changed; None takes one out."""
    whole = deepcopy(documented()["profile"]) | changes
    return {name: value for name, value in whole.items() if value is not None}


AUTHENTICATIONS: dict[str, dict[str, Any]] = {
    "bearer": {"kind": "bearer"},
    "basic": {"kind": "basic", "username": CLIENT_ID},
    "header": {"kind": "header"},
    "query": {"kind": "query"},
    "oauth2": {"kind": "oauth2", "token_url": "/token", "client_id": CLIENT_ID},
}


def by_look_up() -> dict[str, Any]:
    """Take a profile for a supplier that does not know keys, but finds orders by our number; with lent tokens."""
    changed = profile(doubt="look_up", visibility_delay="1m", authentication=AUTHENTICATIONS["oauth2"])
    del changed["operations"]["place_order"]["headers"]
    return changed


def settings(url: str, described: dict[str, Any] | None = None, **changes: Any) -> Supplier:
    """Configure the supplier at this address."""
    fast = {"base_url": f"{url}{API}", "submit_timeout": "1.5s", "read_timeout": "1.2s", "calls_per_second": 1000}
    table = documented() | fast | {"profile": described or profile()} | changes
    return Supplier.model_validate(table)


def port(
    url: str,
    described: dict[str, Any] | None = None,
    *,
    token: str = DEFAULT_TOKEN,
    sink: Callable[[CallRecord], None] = lambda _call: None,
) -> GenericRest:
    """Build the port to the supplier at this address."""
    secrets = {"ACME_TOKEN": token, "ACME_WEBHOOK_SECRET": WEBHOOK_SECRET}
    return build(settings=settings(url, described), supplier_id="acme", secrets=secrets.__getitem__, sink=sink)
