import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.plugin import load_plugins
from adapters.suppliers.bigbuy.adapter import PLUGIN
from dropwright.testing.contract import SupplierContract, SupplierWorld
from dropwright.testing.simulated import http_world
from models.configuration import Supplier
from sandbox.bigbuy import DEFAULT_TOKEN, create_app
from sandbox.catalogue import UNKNOWN_EAN, plain_eans
from tests.adapters.loopback import HTTP, Stage, stage

OPERATIONS = {
    "fetch_stock": "productsstockbyreference",
    "quote_shipping": "shipping/orders",
    "fetch_order": r"rest/(tracking/)?order/\d+",
    "find_order": "order/reference",
    "place_order": "order/create",
    "fetch_feed": "productsinformation",
    "probe": "orderstatuses",
    "check": "",
}
DELAY = 90.0  # seconds until the simulator's look-ups find a new order


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as served:
        yield served


def world_of(server: Stage, version: str) -> Iterator[SupplierWorld]:
    url = server.put_on(create_app(settings={"ship_after": None}))

    def pass_time() -> None:
        HTTP.post(f"{url}/_sandbox/clock", json={"advance": DELAY}).raise_for_status()

    with http_world(
        PLUGIN,
        url,
        operations=OPERATIONS,
        eans=plain_eans()[:5],
        unknown_ean=UNKNOWN_EAN,
        secret=DEFAULT_TOKEN,
        settings={"api_version": version, "profile": {"visibility_delay": f"{DELAY}s"}},
        shipped="Shipped",
        after_visibility=pass_time,
        knows_stock=True,
        ways_to_ship=2,
    ) as built:
        yield built


class TestSplitCalls(SupplierContract):
    @pytest.fixture
    def world(self, server: Stage) -> Iterator[SupplierWorld]:
        yield from world_of(server, "2")


class TestPlainCalls(SupplierContract):
    @pytest.fixture
    def world(self, server: Stage) -> Iterator[SupplierWorld]:
        yield from world_of(server, "1")


def test_the_plugin_is_found_by_its_entry_point() -> None:
    assert load_plugins("suppliers")["bigbuy"] is PLUGIN


def test_the_documented_configuration_is_one_that_is_accepted() -> None:
    page = (Path(__file__).parents[2] / "docs/suppliers/bigbuy.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    supplier = Supplier.model_validate(tomllib.loads(example)["suppliers"]["bigbuy"])
    assert supplier.adapter == PLUGIN.id
    assert PLUGIN.profile is not None
    assert PLUGIN.profile.model_validate(supplier.profile)
