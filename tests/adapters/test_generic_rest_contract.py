import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from adapters.plugin import load_plugins
from adapters.suppliers.generic_rest.adapter import PLUGIN
from dropwright.testing.contract import SupplierContract, SupplierWorld, Webhook
from models.calls import CallRecord
from models.feeds import FeedKind
from models.suppliers import AcknowledgedLine
from sandbox.anyrest import API, DEFAULT_TOKEN, create_app
from sandbox.catalogue import UNKNOWN_EAN, plain_eans
from sandbox.serving import listen
from tests.adapters import generic_rest
from tests.adapters.loopback import HTTP, Stage, stage

OPERATIONS = {
    "fetch_stock": f"POST {API}/availability",
    "quote_shipping": f"POST {API}/shipping-options",
    "fetch_order": f"GET {API}/purchase-orders/",
    "find_order": f"GET {API}/purchase-orders$",
    "place_order": f"POST {API}/purchase-orders$",
    "fetch_feed": f"GET {API}/(stock|catalogue)",
    "probe": f"GET {API}/ping",
    "check": f"{API}/(?!token)",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as served:
        yield served


class Clock:
    """The supplier's clock: ``after_visibility`` moves it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead

    def advance(self) -> None:
        self.ahead += 61


def wire(answer: AcknowledgedLine) -> dict[str, Any]:
    words: dict[str, Any] = {"gtin": answer.ean, "units": answer.quantity, "decision": answer.status.upper()}
    if answer.unit_cost is not None:
        words["priceCents"] = int(answer.unit_cost.amount * 100)
    if answer.expected_on is not None:
        words["shipsOn"] = answer.expected_on.isoformat()
    return words | ({"replacement": answer.substitute} if answer.substitute else {})


@contextmanager
def staged(
    server: Stage, profile: dict[str, Any], clock: Clock, authentication: str, visible_after: float
) -> Iterator[SupplierWorld]:
    url = server.put_on(
        create_app(
            articles=1_200, clock=clock, authentication=authentication, settings={"visible_after": visible_after}
        )
    )
    calls: list[CallRecord] = []
    with listen(0) as taken:
        closed_port = taken.getsockname()[1]
    addresses = ((url, DEFAULT_TOKEN), (url, "another-token"), (f"http://127.0.0.1:{closed_port}", DEFAULT_TOKEN))
    ports = [generic_rest.port(address, profile, token=token, sink=calls.append) for address, token in addresses]

    def spoil(method: str, kind: str, **options: Any) -> None:
        rule = {"operation": OPERATIONS[method], "kind": kind, **options}
        HTTP.post(f"{url}/_sandbox/faults", json={"rules": [rule]}).raise_for_status()

    def supplier_orders() -> list[dict[str, Any]]:
        return list(HTTP.get(f"{url}/_sandbox/ledger").json()["orders"])

    def change(number: str, document: dict[str, Any]) -> None:
        HTTP.post(f"{url}/_sandbox/orders/{number}", json=document).raise_for_status()

    def answer(number: str, lines: Sequence[AcknowledgedLine]) -> None:
        change(number, {"answers": [wire(line) for line in lines]})

    def wait_for_orders(count: int) -> None:
        deadline = time.monotonic() + 30
        while len(supplier_orders()) < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def webhook(number: str) -> Webhook:
        sent = HTTP.get(f"{url}/_sandbox/webhooks/{number}").json()
        return Webhook(sent["headers"], sent["body"].encode())

    yield SupplierWorld(
        port=ports[0],
        stranger=ports[1],
        nowhere=ports[2],
        calls=calls,
        secret=DEFAULT_TOKEN,
        eans=plain_eans()[:5],
        unknown_ean=UNKNOWN_EAN,
        spoil=spoil,
        unspoil=lambda: HTTP.delete(f"{url}/_sandbox/faults").raise_for_status() and None,
        supplier_orders=supplier_orders,
        ship=lambda number, tracking: change(number, {"tracking": tracking}),
        decline=lambda number, units: change(number, {"tracking": ["GLS-0000000001"], "without": units}),
        answer=answer,
        settle=clock.advance,
        after_visibility=clock.advance,
        wait_for_orders=wait_for_orders,
        feeds=frozenset({FeedKind.STOCK, FeedKind.CATALOGUE}),
        ways_to_ship=2,
        webhook=webhook,
        plugin=PLUGIN,
    )
    for port in ports:
        port.close()


class TestByKey(SupplierContract):
    @pytest.fixture
    def world(self, server: Stage) -> Iterator[SupplierWorld]:
        with staged(server, generic_rest.profile(), Clock(), "bearer", 0.0) as world:
            yield world


class TestByLookUpWithLentTokens(SupplierContract):
    @pytest.fixture
    def world(self, server: Stage) -> Iterator[SupplierWorld]:
        with staged(server, generic_rest.by_look_up(), Clock(), "oauth2", 60.0) as world:
            yield world


def test_the_plugin_is_found_by_its_entry_point() -> None:
    assert load_plugins("suppliers")["generic-rest"] is PLUGIN
