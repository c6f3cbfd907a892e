"""The world of a supplier with an HTTP interface, from its plugin and its running simulator.

The simulator answers ``/_sandbox/faults`` (``dropwright.testing.simulator.FaultLayer`` does), ``GET /_sandbox/ledger`` with
``{"orders": [{"order_number", "number", "lines": [{"ean", "quantity"}]}]}`` in order of arrival, and ``POST
/_sandbox/orders/NUMBER`` with ``{"status", "tracking": [...]}`` to move an order on.
"""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import httpx

from adapters.plugin import Plugin
from adapters.ports import SupplierPort
from dropwright.testing.stage import nowhere
from dropwright.testing.worlds import SupplierWorld
from models.calls import CallRecord
from models.configuration import Supplier

PATIENCE = 5.0  # seconds for an order that is under way to arrive
SHORT_TIMES = {"submit_timeout": "1.5s", "read_timeout": "1.2s"}  # so that a hanging answer costs a test little
_NO_TLS = ssl.SSLContext(
    ssl.PROTOCOL_TLS_CLIENT
)  # to load certificate authorities takes longer than a call on loopback
_SECRET = "the-right-token"


class Simulated:
    """A running simulator, steered over its ``/_sandbox/`` calls."""

    def __init__(self, url: str, operations: Mapping[str, str]) -> None:
        self._url = url
        self._operations = operations
        self._call = partial(httpx.request, verify=_NO_TLS, trust_env=False)

    def spoil(self, method: str, kind: str, **options: Any) -> None:
        """Spoil the calls that a method of the port makes; whatever was spoilt before is not any more."""
        assert method in self._operations, f"which calls does {method} make? Add it to the world's `operations`"
        rule = {"operation": self._operations[method], "kind": kind, **options}
        self._call("POST", f"{self._url}/_sandbox/faults", json={"rules": [rule]}).raise_for_status()

    def unspoil(self) -> None:
        """End every fault."""
        self._call("DELETE", f"{self._url}/_sandbox/faults").raise_for_status()

    def met(self) -> bool:
        """Say whether any call was one that is to be spoilt."""
        rules = self._call("GET", f"{self._url}/_sandbox/faults").raise_for_status().json()["rules"]
        return any(rule["seen"] for rule in rules)

    def orders(self) -> list[dict[str, Any]]:
        """Read the supplier's own books."""
        books = self._call("GET", f"{self._url}/_sandbox/ledger").raise_for_status().json()
        orders = books.get("orders") if isinstance(books, dict) else None
        assert orders is not None, 'the simulator answers /_sandbox/ledger with {"orders": [...]}'
        return list(orders)

    def change(self, number: str, **changes: Any) -> None:
        """Move an order on, as the supplier's people would."""
        self._call("POST", f"{self._url}/_sandbox/orders/{number}", json=changes).raise_for_status()

    def wait_for_orders(self, count: int) -> None:
        """Wait until so many orders are in the books. Raises AssertionError where they do not come."""
        deadline = time.monotonic() + PATIENCE
        while len(self.orders()) < count:
            assert time.monotonic() < deadline, f"the supplier does not have {count} orders"
            time.sleep(0.02)


@contextmanager
def http_world(
    plugin: Plugin,
    url: str,
    *,
    operations: Mapping[str, str],
    eans: Sequence[str],
    unknown_ean: str,
    secret: str = _SECRET,
    path: str = "",
    settings: Mapping[str, Any] | None = None,
    shipped: str = "shipped",
    **fields: Any,
) -> Iterator[SupplierWorld]:
    """Build a ``SupplierWorld`` around a simulator, with three ports: ours, one behind which nobody is, one refused.

    ``operations``: for each method of the port, a regular expression over what the simulator's fault layer calls its
    operations (paths, by default). ``path`` is appended to every base URL; ``settings`` are laid over the supplier's
    block of the configuration; ``shipped`` is the simulator's status of an order that has left; ``fields`` are the
    world's own, and replace what is built here.
    """
    simulated, calls = Simulated(url, operations), list[CallRecord]()
    build = partial(_build, plugin, dict(settings or {}), calls.append)
    with ExitStack() as closing:
        ports = [build(f"{base}{path}", token) for base, token in _addresses(url, secret)]
        for port in ports:
            closing.callback(port.close)
        built: dict[str, Any] = {
            "port": ports[0],
            "stranger": ports[1],
            "nowhere": ports[2],
            "calls": calls,
            "secret": secret,
            "eans": tuple(eans),
            "unknown_ean": unknown_ean,
            "spoil": simulated.spoil,
            "unspoil": simulated.unspoil,
            "met": simulated.met,
            "supplier_orders": simulated.orders,
            "ship": lambda number, tracking: simulated.change(number, status=shipped, tracking=tracking),
            "wait_for_orders": simulated.wait_for_orders,
            "plugin": plugin,
        }
        yield SupplierWorld(**(built | fields))


def _addresses(url: str, secret: str) -> list[tuple[str, str]]:
    return [(url, secret), (url, "another-token"), (nowhere(), secret)]


def _build(
    plugin: Plugin, settings: dict[str, Any], sink: Callable[[CallRecord], None], base_url: str, token: str
) -> SupplierPort:
    values = {
        "adapter": plugin.id,
        "display_name": plugin.label or plugin.id,
        "base_url": base_url,
        "token_env": "SIMULATED_TOKEN",
        "metafield_namespace": "simulated",
        **SHORT_TIMES,
    }
    supplier = Supplier.model_validate(values | settings)
    port: SupplierPort = plugin.build(
        settings=supplier, supplier_id="simulated", secrets=lambda _name: token, sink=sink
    )
    return port
