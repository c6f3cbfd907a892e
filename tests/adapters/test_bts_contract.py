import time
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.plugin import Plugin, load_plugins
from adapters.suppliers.btswholesaler.adapter import PLUGIN, build
from dropwright.testing.contract import SupplierContract, SupplierWorld
from models.calls import CallRecord
from models.configuration import Supplier
from sandbox.btswholesaler import DEFAULT_TOKEN, create_app
from sandbox.catalogue import UNKNOWN_EAN, plain_eans
from sandbox.serving import listen
from tests.adapters.loopback import HTTP, Stage, stage

OPERATIONS = {
    "fetch_stock": "getProductStock",
    "quote_shipping": "getShippingPrices",
    "fetch_order": "getOrder|getTrackings",
    "place_order": "setCreateOrder",
    "fetch_feed": "getListProducts",
    "check": "",
    "probe": "getFeedStatus",
}


def settings(url: str, **changes: Any) -> Supplier:
    values = {
        "adapter": "btswholesaler",
        "display_name": "BTSWholesaler",
        "base_url": f"{url}/v1/api",
        "token_env": "BTS_TOKEN",
        "metafield_namespace": "btswholesaler",
        "submit_timeout": "1.5s",
        "read_timeout": "1.2s",
    }
    return Supplier.model_validate(values | changes)


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as served:
        yield served


@pytest.fixture
def url(server: Stage) -> str:
    return server.put_on(create_app(articles=1_200, settings={"ship_after": None}))


@pytest.fixture
def world(url: str) -> Iterator[SupplierWorld]:
    calls: list[CallRecord] = []
    with listen(0) as taken:
        closed_port = taken.getsockname()[1]
    ports = [
        build(
            settings=settings(address), supplier_id="bts", secrets=lambda _name, token=token: token, sink=calls.append
        )
        for address, token in (
            (url, DEFAULT_TOKEN),
            (url, "another-token"),
            (f"http://127.0.0.1:{closed_port}", DEFAULT_TOKEN),
        )
    ]

    def spoil(method: str, kind: str, **options: Any) -> None:
        rule = {"operation": OPERATIONS[method], "kind": kind, **options}
        HTTP.post(f"{url}/_sandbox/faults", json={"rules": [rule]}).raise_for_status()

    def supplier_orders() -> list[dict[str, Any]]:
        return list(HTTP.get(f"{url}/_sandbox/ledger").json()["orders"])

    def ship(number: str, tracking: list[str]) -> None:
        change = {"status": "Shipped", "tracking": tracking}
        HTTP.post(f"{url}/_sandbox/orders/{number}", json=change).raise_for_status()

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
        supplier_orders=supplier_orders,
        ship=ship,
        wait_for_orders=wait_for_orders,
        ways_to_ship=2,
        plugin=PLUGIN,
    )
    for port in ports:
        port.close()


class TestBtswholesaler(SupplierContract):
    pass


def test_the_plugin_is_found_by_its_entry_point() -> None:
    plugin = load_plugins("suppliers")["btswholesaler"]
    assert isinstance(plugin, Plugin)
    assert plugin is PLUGIN


@pytest.mark.parametrize("options", [{"payment_method": "cheque"}, {"payment_metod": "wallet"}])
def test_an_option_there_is_not_is_refused_by_name(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="payment_met"):
        build(
            settings=settings("http://127.0.0.1:1", options=options),
            supplier_id="bts",
            secrets=lambda _name: "",
            sink=lambda _call: None,
        )
