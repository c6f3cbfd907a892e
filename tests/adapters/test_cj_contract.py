import json
import re
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.plugin import load_plugins
from adapters.suppliers.cjdropshipping.adapter import PLUGIN
from dropwright.testing.contract import HTTP_DOUBTS, Doubt, SupplierContract, SupplierWorld, Webhook
from dropwright.testing.simulated import http_world
from models.configuration import Supplier
from sandbox.catalogue import UNKNOWN_EAN, plain_eans
from sandbox.cjdropshipping import API, DEFAULT_KEY, create_app
from tests.adapters.loopback import HTTP, Stage, stage

OPERATIONS = {
    "fetch_stock": "queryByVid",
    "quote_shipping": "freightCalculate",
    "fetch_order": "getOrderDetail",
    "find_order": "getOrderDetail",
    "place_order": "createOrderV2|confirmOrder|payBalance",
    "probe": "getBalance",
    "check": "",
}
CREATING, CONFIRMING, PAYING = 0, 1, 2  # what a fault lets pass before it strikes
BRIEF = [doubt for doubt in HTTP_DOUBTS if doubt.kind in ("error", "reset_before", "reset_after", "cut_off")]
DOUBTS = [
    *(Doubt(one.kind, {**one.options, "skip": PAYING}, placed=one.placed) for one in HTTP_DOUBTS),
    *(Doubt(one.kind, {**one.options, "skip": step}) for step in (CREATING, CONFIRMING) for one in BRIEF),
]
DELAY = 45.0  # seconds until the simulator's look-ups find a new order
PATH_SECRET = DEFAULT_KEY  # the kit gives every secret the same value


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as served:
        yield served


@pytest.fixture
def world(server: Stage) -> Iterator[SupplierWorld]:
    url = server.put_on(create_app(settings={"ship_after": None}))

    def pass_time() -> None:
        HTTP.post(f"{url}/_sandbox/clock", json={"advance": DELAY}).raise_for_status()

    def wait_for_drafts(count: int) -> None:
        """An answer to the first step that comes too late leaves a draft, never an order."""
        deadline = time.monotonic() + 30
        while len(HTTP.get(f"{url}/_sandbox/ledger").json()["drafts"]) < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def webhook(number: str) -> Webhook:
        ours = next(
            one["number"]
            for one in HTTP.get(f"{url}/_sandbox/ledger").json()["orders"]
            if one["order_number"] == number
        )
        params = {"orderNumber": ours, "cjOrderId": number, "orderStatus": "SHIPPED"}
        body = {"messageId": "7", "type": "ORDER", "messageType": "UPDATE", "params": params}
        return Webhook({}, json.dumps(body).encode(), path_secret=PATH_SECRET)

    with http_world(
        PLUGIN,
        url,
        path=API,
        operations=OPERATIONS,
        eans=plain_eans()[:5],
        unknown_ean=UNKNOWN_EAN,
        secret=DEFAULT_KEY,
        settings={
            "calls_per_second": 1000,
            "webhook_secret_env": "CJ_HOOK",
            "profile": {"visibility_delay": f"{DELAY}s"},
        },
        shipped="SHIPPED",
        after_visibility=pass_time,
        wait_for_orders=wait_for_drafts,
        doubts=DOUBTS,
        feeds=frozenset(),
        knows_stock=True,
        ways_to_ship=2,
        webhook=webhook,
    ) as built:
        yield built


class TestCjDropshipping(SupplierContract):
    pass


def test_the_plugin_is_found_by_its_entry_point() -> None:
    assert load_plugins("suppliers")["cjdropshipping"] is PLUGIN


def test_the_documented_configuration_is_one_that_is_accepted() -> None:
    page = (Path(__file__).parents[2] / "docs/suppliers/cjdropshipping.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    supplier = Supplier.model_validate(tomllib.loads(example)["suppliers"]["cj"])
    assert supplier.adapter == PLUGIN.id
    assert PLUGIN.profile is not None
    assert PLUGIN.profile.model_validate(supplier.profile)
