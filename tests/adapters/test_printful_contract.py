import time
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.plugin import load_plugins
from adapters.suppliers.printful.adapter import PLUGIN
from dropwright.testing.contract import HTTP_DOUBTS, Doubt, SupplierContract, SupplierWorld, Webhook
from models.calls import CallRecord
from sandbox.catalogue import UNKNOWN_EAN, plain_eans
from sandbox.printful import DEFAULT_TOKEN, create_app
from sandbox.serving import listen
from tests.adapters import printful
from tests.adapters.loopback import HTTP, Stage, stage

OPERATIONS = {
    "fetch_stock": "GET /(store|products)/",
    "quote_shipping": "POST /shipping/rates",
    "fetch_order": r"GET /orders/\d",
    "find_order": "GET /orders/@",
    "place_order": "POST /orders/.*/confirm",
    "draft": "POST /orders$",
    "probe": "GET /stores$",
    "check": "",
}
# However a draft gets lost, nothing is ordered: what counts is the confirmation.
LOST_DRAFTS = tuple(Doubt(one.kind, {**one.options, "step": "draft"}, placed=False) for one in HTTP_DOUBTS)


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as served:
        yield served


@pytest.fixture
def url(server: Stage) -> str:
    return server.put_on(create_app(ship_after=None))


@pytest.fixture
def world(url: str) -> Iterator[SupplierWorld]:
    calls: list[CallRecord] = []
    with listen(0) as taken:
        closed_port = taken.getsockname()[1]
    addresses = ((url, DEFAULT_TOKEN), (url, "another-token"), (f"http://127.0.0.1:{closed_port}", DEFAULT_TOKEN))
    ports = [printful.port(address, token=token, sink=calls.append) for address, token in addresses]

    def spoil(method: str, kind: str, *, step: str = "", **options: Any) -> None:
        rule = {"operation": OPERATIONS[step or method], "kind": kind, **options}
        HTTP.post(f"{url}/_sandbox/faults", json={"rules": [rule]}).raise_for_status()

    def supplier_orders() -> list[dict[str, Any]]:
        return list(HTTP.get(f"{url}/_sandbox/ledger").json()["orders"])

    def ship(number: str, tracking: list[str]) -> None:
        HTTP.post(f"{url}/_sandbox/orders/{number}", json={"tracking": tracking}).raise_for_status()

    def wait_for_orders(count: int) -> None:
        deadline = time.monotonic() + 30
        while len(supplier_orders()) < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)

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
        ship=ship,
        wait_for_orders=wait_for_orders,
        doubts=(*HTTP_DOUBTS, *LOST_DRAFTS),
        feeds=frozenset(),
        ways_to_ship=2,
        webhook=lambda number: Webhook({}, HTTP.get(f"{url}/_sandbox/webhooks/{number}").content, printful.PATH_SECRET),
        plugin=PLUGIN,
    )
    for port in ports:
        port.close()


class TestPrintful(SupplierContract):
    pass


def test_the_plugin_is_found_by_its_entry_point() -> None:
    assert load_plugins("suppliers")["printful"] is PLUGIN
