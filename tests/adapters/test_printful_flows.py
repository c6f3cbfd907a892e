from collections.abc import Iterator
from typing import Any

import pytest

from adapters.errors import AccountHold, AuthenticationFailed, Doubtful, NotSent, Refused, UnexpectedReply
from adapters.suppliers.printful.adapter import Printful, build
from dropwright.testing.contract import CUSTOMER, MADRID
from models.suppliers import Cancellation, LookupVerdict, SupplierLine, SupplierOrder, SupplierState
from sandbox.catalogue import plain_eans
from sandbox.printful import DEFAULT_TOKEN, STORE_ID, create_app
from tests.adapters import printful
from tests.adapters.loopback import HTTP, Stage, stage

FIRST, SECOND = plain_eans()[:2]


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as served:
        yield served


@pytest.fixture
def url(server: Stage) -> str:
    return server.put_on(create_app(ship_after=None))


@pytest.fixture
def port(url: str) -> Iterator[Printful]:
    port = printful.port(url)
    yield port
    port.close()


def order(number: str = "DW-1-11", **changes: Any) -> SupplierOrder:
    lines = (SupplierLine(ean=FIRST, quantity=2), SupplierLine(ean=SECOND, quantity=1))
    values: dict[str, Any] = {"quote_id": "STANDARD", "address": CUSTOMER, "test": False} | changes
    return SupplierOrder(number=number, lines=lines, **values)


def ledger(url: str) -> dict[str, Any]:
    found: dict[str, Any] = HTTP.get(f"{url}/_sandbox/ledger").json()
    return found


def change(url: str, number: str, **document: Any) -> None:
    HTTP.post(f"{url}/_sandbox/orders/{number}", json=document).raise_for_status()


def sandbox(url: str, **document: Any) -> None:
    HTTP.post(f"{url}/_sandbox/settings", json=document).raise_for_status()


def test_an_order_takes_two_calls(url: str, port: Printful) -> None:
    port.place_order(order())
    assert ledger(url)["calls"] == {"POST /orders": 1, "POST /orders/{name}/confirm": 1}


def test_an_order_sent_again_is_the_one_that_is_there(url: str, port: Printful) -> None:
    first = port.place_order(order())
    assert port.place_order(order()).supplier_number == first.supplier_number
    assert len(ledger(url)["orders"]) == 1


def test_an_account_that_can_not_pay_keeps_its_draft_and_orders_later(url: str, port: Printful) -> None:
    sandbox(url, refuse=[402, "PaymentRequired", "No billing method"])
    with pytest.raises(AccountHold):
        port.place_order(order())
    assert port.find_order(order()).verdict is LookupVerdict.ABSENT
    assert ledger(url)["drafts"] == ["DW-1-11"]
    sandbox(url, refuse=None)
    assert port.place_order(order()).state is SupplierState.ACKNOWLEDGED
    assert [one["number"] for one in ledger(url)["orders"]] == ["DW-1-11"]


def test_a_draft_that_took_all_the_time_there_was_is_not_confirmed_any_more(url: str) -> None:
    hasty = printful.settings(url, submit_timeout="200ms", read_timeout="2s")
    secrets = {"PRINTFUL_TOKEN": DEFAULT_TOKEN, "PRINTFUL_HOOK": printful.PATH_SECRET}
    port = build(settings=hasty, supplier_id="pf", secrets=secrets.__getitem__, sink=lambda _call: None)
    sandbox(url, refuse=[402, "PaymentRequired", "No billing method"])
    with pytest.raises(AccountHold):
        port.place_order(order())
    sandbox(url, refuse=None)
    rule = {"operation": "GET /orders/@", "kind": "latency", "milliseconds": 300, "times": 1}
    HTTP.post(f"{url}/_sandbox/faults", json={"rules": [rule]}).raise_for_status()
    with pytest.raises(NotSent) as caught:
        port.place_order(order())
    port.close()

    assert caught.value.code == "out_of_time"
    assert ledger(url)["orders"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"address": CUSTOMER.model_copy(update={"address1": "2 Other Lane"})},
        {"address": CUSTOMER.model_copy(update={"postal_code": "28002"})},
        {"quote_id": "EXPRESS"},
        {"lines": (SupplierLine(ean=FIRST, quantity=1),)},
    ],
)
def test_a_draft_that_is_no_longer_what_is_wanted_is_never_confirmed(
    url: str, port: Printful, changes: dict[str, Any]
) -> None:
    sandbox(url, refuse=[402, "PaymentRequired", "No billing method"])
    with pytest.raises(AccountHold):
        port.place_order(order())
    sandbox(url, refuse=None)
    with pytest.raises(Refused) as caught:
        port.place_order(order().model_copy(update=changes))
    assert caught.value.code == "draft_differs"
    assert ledger(url)["orders"] == []
    assert port.place_order(order()).state is SupplierState.ACKNOWLEDGED


def test_a_page_of_some_web_server_does_not_prove_that_there_is_no_order(url: str, port: Printful) -> None:
    port.place_order(order())
    rule = {"operation": "GET /orders/@", "kind": "error", "status": 404}
    HTTP.post(f"{url}/_sandbox/faults", json={"rules": [rule]}).raise_for_status()
    with pytest.raises(UnexpectedReply):
        port.find_order(order())
    with pytest.raises(Doubtful):
        port.place_order(order())


def test_a_draft_that_is_refused_orders_nothing(url: str, port: Printful) -> None:
    sandbox(url, unavailable=[FIRST])
    with pytest.raises(Refused) as caught:
        port.place_order(order())
    assert caught.value.code == "no_stock"
    assert port.fetch_stock([FIRST])[0].quantity == 0
    assert ledger(url)["drafts"] == []


def test_a_refusal_behind_which_nobody_can_look_is_doubt(url: str, port: Printful) -> None:
    port.place_order(order())
    rule = {"operation": "GET /orders/@", "kind": "reset_before", "times": 1}
    HTTP.post(f"{url}/_sandbox/faults", json={"rules": [rule]}).raise_for_status()
    with pytest.raises(Doubtful):
        port.place_order(order())


def test_a_test_order_stays_a_draft_and_is_found_as_one(url: str, port: Printful) -> None:
    port.place_order(order(test=True))
    assert ledger(url)["orders"] == []
    assert port.find_order(order(test=True)).verdict is LookupVerdict.FOUND


def test_parcels_name_the_units_that_have_left(url: str, port: Printful) -> None:
    number = port.place_order(order()).supplier_number
    change(url, number, tracking=["PF1"], units={FIRST: 1})
    told = port.fetch_order(number)
    assert (told.state, told.status_text) == (SupplierState.ACKNOWLEDGED, "partial")
    change(url, number, tracking=["PF2"])
    told = port.fetch_order(number)
    assert told.state is SupplierState.SHIPPED
    packed = [{line.ean: line.quantity for line in parcel.lines} for parcel in told.parcels]
    assert packed == [{FIRST: 1}, {FIRST: 1, SECOND: 1}]


def test_an_order_on_hold_is_a_persons_and_can_still_be_cancelled(url: str, port: Printful) -> None:
    number = port.place_order(order()).supplier_number
    change(url, number, status="onhold")
    told = port.fetch_order(number)
    assert (told.state, told.status_text) == (SupplierState.UNKNOWN, "onhold")
    assert port.cancel_order(number) is Cancellation.CANCELLED


def test_what_is_being_made_can_not_be_cancelled(url: str, port: Printful) -> None:
    number = port.place_order(order()).supplier_number
    change(url, number, status="inprocess")
    assert port.cancel_order(number) is Cancellation.TOO_LATE


def test_a_store_is_named_in_every_call_and_a_strange_one_is_no_access(url: str) -> None:
    known, strange = printful.port(url, store_id=STORE_ID), printful.port(url, store_id="1")
    assert known.quote_shipping(MADRID, [SupplierLine(ean=FIRST, quantity=1)])
    with pytest.raises(AuthenticationFailed):
        strange.place_order(order())
    known.close()
    strange.close()


def test_articles_named_by_sku_have_no_live_stock(url: str) -> None:
    port = printful.port(url, items_by="sku")
    assert not port.capabilities.live_stock
    assert not port.fetch_stock([FIRST])[0].known
    port.close()


def test_without_a_secret_no_webhook_is_believed(url: str) -> None:
    port = printful.port(url, webhook_secret="")
    with pytest.raises(AuthenticationFailed):
        port.read_webhook({}, b"{}", path_secret="")
    port.close()
