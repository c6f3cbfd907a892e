"""The simulated shop behind the Shopify plugin: the contract of every storefront, then what only Shopify does."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from adapters.errors import AuthenticationFailed, Refused, Throttled, Unavailable
from adapters.http import http_client
from adapters.plugin import load_plugins
from adapters.storefronts.shopify import adapter
from adapters.storefronts.shopify.adapter import PLUGIN, ShopifyStorefront, build
from adapters.storefronts.shopify.signature import sign
from models.calls import CallRecord
from models.findings import Severity
from sandbox.catalogue import named_eans
from sandbox.serving import listen, serving
from sandbox.shopify_world import ALL_SCOPES
from tests.adapters.shopify_shop import LOCATION, TOKEN, Admin, Door, channel
from tests.adapters.storefront_contract import LONG_AGO, StorefrontContract, StorefrontWorld, shipment

PERSON = {
    "email": "zaphyra@quillfeather.example",
    "address": {
        "first_name": "Zaphyra",
        "last_name": "Quillfeather",
        "address1": "17 Gingerbread Steps",
        "city": "Madrid",
        "zip": "28001",
        "country_code": "ES",
        "phone": "+34600999888",
    },
}


@pytest.fixture(scope="module")
def door() -> Iterator[tuple[Door, str]]:
    door = Door()
    with serving(door) as url:
        yield door, url


@pytest.fixture
def admin(door: tuple[Door, str]) -> Admin:
    door[0].open_new_shop()
    return Admin(door[1])


@pytest.fixture
def world(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> Iterator[StorefrontWorld]:
    monkeypatch.setattr(adapter, "READ_TIMEOUT", timedelta(seconds=2))
    calls: list[CallRecord] = []
    with listen(0) as taken:
        closed_port = taken.getsockname()[1]
    ports = [
        build(settings=channel(url), channel_id="main", secrets=lambda _name, token=token: token, sink=calls.append)
        for url, token in (
            (admin.url, TOKEN),
            (admin.url, "another-token"),
            (f"http://127.0.0.1:{closed_port}", TOKEN),
        )
    ]
    yield StorefrontWorld(
        port=ports[0],
        stranger=ports[1],
        nowhere=ports[2],
        calls=calls,
        token=TOKEN,
        namespace="btswholesaler",
        location=LOCATION,
        place=admin.place,
        pay=lambda order_id: admin.change(order_id, "pay"),
        cancel=lambda order_id: admin.change(order_id, "cancel"),
        fulfil_by_hand=lambda order_id: admin.change(order_id, "fulfil", tracking_numbers=["BY-HAND"]),
        cancel_fulfilment=lambda order_id: admin.change(order_id, "cancel-fulfilment"),
        spoil=admin.spoil,
        books=admin.books,
        sign=lambda body, secret: {"x-shopify-hmac-sha256": sign(body, secret)},
        unusable=lambda document: document | {"currency": "Zaphyra Quillfeather"},
        people=PERSON,
    )
    for port in ports:
        port.close()


class TestShopify(StorefrontContract):
    pass


def test_the_plugin_is_found_by_its_entry_point() -> None:
    assert load_plugins("storefronts")["shopify"] is PLUGIN


def test_each_location_gets_a_fulfilment_of_its_own(world: StorefrontWorld, admin: Admin) -> None:
    eans = named_eans()
    lines = [[eans[0], 2], {"ean": eans[1], "location": "North"}, {"ean": eans[2], "location": "North"}]
    order = world.port.read_order(admin.post("orders", {"lines": lines})["order"])
    told = world.port.fulfil(shipment(order))
    booked = admin.books(order.storefront_order_id).fulfilments
    assert booked[0].id == told
    assert [len(fulfilment.lines) for fulfilment in booked] == [1, 2]


def test_a_call_that_died_between_two_locations_is_completed_and_not_repeated(
    world: StorefrontWorld, admin: Admin
) -> None:
    eans = named_eans()
    lines = [[eans[0], 2], {"ean": eans[1], "location": "North"}]
    order = world.port.read_order(admin.post("orders", {"lines": lines})["order"])
    admin.spoil("fulfil", "reset_before", skip=1, times=1)
    with pytest.raises(Unavailable):
        world.port.fulfil(shipment(order))
    world.port.fulfil(shipment(order))
    world.port.fulfil(shipment(order))
    booked = admin.books(order.storefront_order_id).fulfilments
    assert [fulfilment.lines for fulfilment in booked] == [{line.line_id: line.quantity} for line in order.lines]


def test_more_locations_and_lines_than_one_page_are_all_fulfilled(world: StorefrontWorld, admin: Admin) -> None:
    eans = named_eans() * 2
    lines = [{"ean": ean, "location": f"Place {position % 7}"} for position, ean in enumerate(eans[:21])]
    lines += [{"ean": ean, "location": "Main"} for ean in eans[:55]]
    order = world.port.read_order(admin.post("orders", {"lines": lines})["order"])
    world.port.fulfil(shipment(order))
    booked = admin.books(order.storefront_order_id).fulfilments
    assert len(booked) == 8
    assert sum(sum(fulfilment.lines.values()) for fulfilment in booked) == 76
    world.port.fulfil(shipment(order))
    assert len(admin.books(order.storefront_order_id).fulfilments) == 8


@pytest.mark.parametrize("status", ["ON_HOLD", "SCHEDULED"])
def test_lines_that_wait_in_shopify_are_refused_by_code(world: StorefrontWorld, admin: Admin, status: str) -> None:
    order = world.order()
    admin.change(order.storefront_order_id, "hold", status=status)
    with pytest.raises(Refused) as refusal:
        world.port.fulfil(shipment(order))
    assert refusal.value.code == f"fulfillment_order_{status.lower()}"
    admin.change(order.storefront_order_id, "hold", status="OPEN")
    world.port.fulfil(shipment(order))
    assert len(admin.books(order.storefront_order_id).fulfilments) == 1


def test_only_what_is_still_open_of_a_line_is_fulfilled(world: StorefrontWorld, admin: Admin) -> None:
    order = world.order()
    second = order.lines[1]
    assert second.quantity == 2
    admin.change(order.storefront_order_id, "edit", lines=[{"id": second.line_id, "current_quantity": 1}])
    world.port.fulfil(shipment(order))
    assert admin.books(order.storefront_order_id).fulfilments[0].lines[second.line_id] == 1


def test_links_stay_with_their_numbers_when_another_number_joins(world: StorefrontWorld, admin: Admin) -> None:
    order = world.order()
    told = world.port.fulfil(shipment(order, "GLS1", urls=("https://tracking.example/GLS1",)))
    world.port.fulfil(shipment(order, "GLS2", fulfilment_id=told))
    entry = admin.ledger()["orders"][0]["fulfillments"][0]
    assert entry["tracking_numbers"] == ["GLS1", "GLS2"]
    assert entry["urls"] == ["https://tracking.example/GLS1", None]


def test_points_that_ran_out_are_waited_for(world: StorefrontWorld, admin: Admin) -> None:
    order = world.order()
    admin.settings(points_per_second=10)
    with pytest.raises(Throttled) as failure:
        world.port.fulfil(shipment(order))
    assert failure.value.code == "THROTTLED"
    assert failure.value.retry_after is not None
    assert timedelta(seconds=1) <= failure.value.retry_after <= timedelta(minutes=1)


@pytest.mark.parametrize(
    ("scope", "method"),
    [("read_products", "fetch_catalogue"), ("write_orders", "write_note"), ("read_orders", "fetch_facts")],
)
def test_a_scope_that_is_missing_is_found_before_it_is_missed(
    world: StorefrontWorld, admin: Admin, scope: str, method: str
) -> None:
    order = world.order()
    missing = {scope, scope.replace("read_", "write_")}
    admin.settings(scopes=sorted(ALL_SCOPES - missing))
    with pytest.raises(AuthenticationFailed):
        world.call(method, order)
    named = [finding.message for finding in world.port.check([]) if finding.severity is Severity.ERROR]
    assert any(message.startswith(f"{scope} is missing") for message in named)


def test_permission_to_write_orders_is_permission_to_read_them(world: StorefrontWorld, admin: Admin) -> None:
    admin.settings(scopes=sorted(ALL_SCOPES - {"read_orders", "read_merchant_managed_fulfillment_orders"}))
    assert [finding.severity for finding in world.port.check([])] == [Severity.OK]


def test_a_namespace_in_another_spelling_is_named_and_not_created_beside(world: StorefrontWorld, admin: Admin) -> None:
    spelling = [
        {"namespace": "BTSWholesaler", "key": key, "type": "single_line_text_field"} for key in ("order_number",)
    ]
    admin.settings(metafield_definitions=spelling)
    finding = next(one for one in world.port.check(["btswholesaler"]) if one.subject.endswith("order_number"))
    assert finding.severity is Severity.ERROR
    assert "BTSWholesaler.order_number" in finding.message
    assert 'metafield_namespace = "BTSWholesaler"' in finding.remedy
    assert not finding.fixable
    assert [one.subject for one in world.port.fix(["btswholesaler"])] == ["metafield btswholesaler.shipping_cost_id"]


def test_a_definition_of_another_type_is_found_and_the_note_refused(world: StorefrontWorld, admin: Admin) -> None:
    admin.settings(
        metafield_definitions=[{"namespace": "btswholesaler", "key": "order_number", "type": "number_integer"}]
    )
    finding = next(one for one in world.port.check(["btswholesaler"]) if one.subject.endswith("order_number"))
    assert "number_integer" in finding.message
    assert not finding.fixable
    with pytest.raises(Refused) as refusal:
        world.port.write_note(world.order().storefront_order_id, world.note())
    assert refusal.value.code == "INVALID_TYPE"


def test_a_note_for_an_order_that_is_gone_is_refused(world: StorefrontWorld) -> None:
    with pytest.raises(Refused) as refusal:
        world.port.write_note("404", world.note())
    assert refusal.value.code == "INVALID"
    assert "A1001" not in str(refusal.value)


def test_the_default_address_is_the_shops_own_over_tls() -> None:
    settings = channel("http://127.0.0.1:1").model_copy(update={"api_url": None})
    port = build(settings=settings, channel_id="main", secrets=lambda _name: TOKEN, sink=lambda _call: None)
    assert isinstance(port, ShopifyStorefront)
    assert str(port.api.http.client.base_url) == "https://demo.myshopify.com"
    port.close()


def test_a_sweep_asks_in_utc_whatever_zone_it_is_given(world: StorefrontWorld) -> None:
    world.order()
    world.port.fetch_paid_orders(LONG_AGO)
    request = json.loads(world.calls[-1].request)
    assert "updated_at:>='2020-01-01T00:00:00Z'" in request["variables"]["query"]


def test_the_client_follows_no_redirect_with_our_token() -> None:
    client = http_client("https://demo.myshopify.com", {}, timedelta(seconds=1))
    assert not client.follow_redirects
    client.close()
