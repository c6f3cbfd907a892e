import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adapters.errors import AccountHold, AuthenticationFailed, Doubtful, Refused, Throttled, UnexpectedReply
from adapters.suppliers.cjdropshipping.adapter import CjDropshipping, build
from dropwright.testing.contract import CUSTOMER
from models.calls import CallRecord
from models.configuration import Supplier
from models.exchange import LookAgain
from models.suppliers import Arrival, Cancellation, LookupVerdict, SupplierLine, SupplierOrder, SupplierState
from sandbox.catalogue import plain_eans
from sandbox.cjdropshipping import API, DEFAULT_KEY, create_app
from tests.adapters.loopback import HTTP, Stage, stage
from tests.adapters.placing_child import ENDED

EANS = plain_eans()
SECRETS = {"CJ_KEY": DEFAULT_KEY, "CJ_HOOK": "the-end-of-the-address"}
STEPS = ("createOrderV2", "confirmOrder", "payBalance")


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as served:
        yield served


@pytest.fixture
def url(server: Stage) -> str:
    return server.put_on(create_app(articles=60, settings={"ship_after": None}))


def settings(url: str, **profile: Any) -> dict[str, Any]:
    return {
        "adapter": "cjdropshipping",
        "display_name": "CJ",
        "base_url": f"{url}{API}",
        "token_env": "CJ_KEY",
        "webhook_secret_env": "CJ_HOOK",
        "metafield_namespace": "cjdropshipping",
        "submit_timeout": "2s",
        "read_timeout": "2s",
        "calls_per_second": 1000,
        "profile": profile,
    }


Ports = Callable[..., CjDropshipping]


@pytest.fixture
def calls() -> list[CallRecord]:
    return []


@pytest.fixture
def ports(url: str, calls: list[CallRecord]) -> Iterator[Ports]:
    made: list[CjDropshipping] = []

    def make(**profile: Any) -> CjDropshipping:
        supplier = Supplier.model_validate(settings(url, **profile))
        made.append(build(settings=supplier, supplier_id="cj", secrets=SECRETS.__getitem__, sink=calls.append))
        return made[-1]

    yield make
    for port in made:
        port.close()


def order(number: str = "DW-1-11", **changes: Any) -> SupplierOrder:
    lines = (SupplierLine(ean="own-1", quantity=2, sku=EANS[0]), SupplierLine(ean=EANS[1], quantity=1))
    values = {
        "number": number,
        "lines": lines,
        "quote_id": "USPS_",
        "carrier": "USPS+",
        "address": CUSTOMER,
        "test": False,
    }
    return SupplierOrder.model_validate(values | changes)


def change(url: str, what: str, document: dict[str, Any]) -> None:
    HTTP.post(f"{url}/_sandbox/{what}", json=document).raise_for_status()


def ledger(url: str) -> dict[str, Any]:
    document: dict[str, Any] = HTTP.get(f"{url}/_sandbox/ledger").json()
    return document


def spoil(url: str, operation: str, kind: str, **options: Any) -> None:
    rule = {"operation": operation, "kind": kind, "times": 1, **options}
    HTTP.post(f"{url}/_sandbox/faults", json={"rules": [rule]}).raise_for_status()


@pytest.mark.parametrize("created_as", ["CREATED", "IN_CART", "UNPAID"])
def test_an_order_is_created_confirmed_and_paid_once_each(
    ports: Ports, url: str, calls: list[CallRecord], created_as: str
) -> None:
    change(url, "settings", {"created_as": created_as})
    placed = ports().place_order(order())
    assert placed.state is SupplierState.ACKNOWLEDGED
    assert [one["order_number"] for one in ledger(url)["orders"]] == [placed.supplier_number]
    instructions = [call.operation for call in calls if call.operation in STEPS]
    assert instructions == list(STEPS)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_what_an_attempt_left_behind_is_gone_on_with(ports: Ports, url: str, step: str, kind: str) -> None:
    spoil(url, step, kind)
    with pytest.raises(Doubtful):
        ports().place_order(order())
    lookup = ports().find_order(order())
    paid = step == "payBalance" and kind == "reset_after"
    assert lookup.verdict is (LookupVerdict.FOUND if paid else LookupVerdict.ABSENT)
    placed = ports().place_order(order())
    assert placed.state is SupplierState.ACKNOWLEDGED
    assert [one["order_number"] for one in ledger(url)["orders"]] == [placed.supplier_number]
    assert ledger(url)["drafts"] == []


def test_all_steps_together_take_no_longer_than_one_may(ports: Ports, url: str) -> None:
    spoil(url, "createOrderV2|confirmOrder", "latency", milliseconds=250, times=2)
    slow = Supplier.model_validate(settings(url) | {"submit_timeout": "400ms"})
    port = build(settings=slow, supplier_id="cj", secrets=SECRETS.__getitem__, sink=lambda _call: None)
    with pytest.raises(Doubtful):  # the second step alone would have been in time
        port.place_order(order())
    port.close()
    assert ledger(url)["orders"] == []
    assert ports().place_order(order()).state is SupplierState.ACKNOWLEDGED


def test_placing_it_again_pays_nothing_twice(ports: Ports, url: str) -> None:
    first = ports().place_order(order())
    balance = ledger(url)["balance"]
    assert ports().place_order(order()).supplier_number == first.supplier_number
    assert (ledger(url)["balance"], len(ledger(url)["orders"])) == (balance, 1)


def test_an_empty_balance_holds_the_account_and_the_draft_is_paid_once_it_is_filled(ports: Ports, url: str) -> None:
    change(url, "settings", {"balance": "1"})
    for _ in range(2):
        with pytest.raises(AccountHold):
            ports().place_order(order())
    assert ledger(url)["orders"] == []
    change(url, "settings", {"balance": "1000"})
    assert ports().place_order(order()).state is SupplierState.ACKNOWLEDGED
    assert len(ledger(url)["orders"]) == 1


def test_a_draft_that_goes_elsewhere_is_never_gone_on_with(ports: Ports, url: str) -> None:
    spoil(url, "confirmOrder", "reset_before")
    with pytest.raises(Doubtful):
        ports().place_order(order())
    moved = CUSTOMER.model_copy(update={"address1": "2 Other Lane"})
    with pytest.raises(Refused) as caught:
        ports().place_order(order(address=moved))
    assert caught.value.code == "draft_differs"
    assert ledger(url)["orders"] == []


def test_an_intercepted_order_is_neither_confirmed_nor_paid_and_a_person_is_told_why(
    ports: Ports, url: str, calls: list[CallRecord]
) -> None:
    change(url, "settings", {"intercept": ["1001"]})
    placed = ports().place_order(order())
    assert (placed.state, placed.status_text) == (SupplierState.UNKNOWN, "intercepted: 1001")
    assert [call.operation for call in calls if call.operation in STEPS] == ["createOrderV2"]
    assert ports().fetch_order(placed.supplier_number).state is SupplierState.UNKNOWN


def test_a_taken_number_that_is_not_visible_yet_is_doubtful(ports: Ports, url: str) -> None:
    change(url, "settings", {"visibility_seconds": 30})
    ports().place_order(order())
    with pytest.raises(Doubtful):
        ports().place_order(order())
    change(url, "clock", {"advance": 30})
    assert ports().find_order(order()).verdict is LookupVerdict.FOUND


@pytest.mark.parametrize("instructing", [True, False])
def test_a_token_that_expired_is_replaced_and_the_call_made_once(
    ports: Ports, url: str, calls: list[CallRecord], *, instructing: bool
) -> None:
    port = ports()
    port.probe()
    change(url, "tokens", {"revoke": True})
    if instructing:
        port.place_order(order())
        assert len(ledger(url)["orders"]) == 1
    else:
        port.probe()
    assert [call.operation for call in calls].count("getAccessToken") == 2


def test_a_token_that_is_refused_again_is_a_credential_not_accepted(ports: Ports, url: str) -> None:
    port = ports()
    port.probe()
    change(url, "settings", {"refuse": 1600001})
    with pytest.raises(AuthenticationFailed):
        port.place_order(order())
    assert ledger(url)["orders"] == ledger(url)["drafts"] == []


def test_neither_key_nor_token_is_on_record(ports: Ports, calls: list[CallRecord]) -> None:
    ports().place_order(order())
    written = "".join(call.model_dump_json() for call in calls)
    assert DEFAULT_KEY not in written
    assert "token-" not in written


def test_too_many_calls_in_an_envelope_are_throttling(ports: Ports, url: str) -> None:
    change(url, "settings", {"refuse": 1600200})
    with pytest.raises(Throttled):
        ports().place_order(order())


def test_without_our_payment_an_order_waits_for_a_persons_and_can_be_called_off(ports: Ports, url: str) -> None:
    port = ports(payment="manual")
    placed = port.place_order(order())
    assert (placed.state, placed.status_text) == (SupplierState.AWAITING_PAYMENT, "UNPAID")
    assert port.find_order(order()).verdict is LookupVerdict.FOUND
    assert port.capabilities.cancel
    assert [port.cancel_order(placed.supplier_number) for _ in range(2)] == [Cancellation.CANCELLED] * 2
    assert port.fetch_order(placed.supplier_number).state is SupplierState.CANCELLED
    assert ledger(url)["orders"] == []


def test_an_order_that_is_not_seen_yet_is_called_off_all_the_same(ports: Ports, url: str) -> None:
    port = ports(payment="manual")
    change(url, "settings", {"visibility_seconds": 60})
    placed = port.place_order(order())
    assert [port.cancel_order(placed.supplier_number) for _ in range(2)] == [Cancellation.CANCELLED] * 2
    assert [one["status"] for one in ledger(url)["drafts"]] == ["CANCELLED"]


def test_an_order_that_is_neither_seen_nor_deleted_is_not_called_off(ports: Ports, url: str) -> None:
    port = ports(payment="manual")
    change(url, "settings", {"visibility_seconds": 60})
    placed = port.place_order(order())
    change(url, f"orders/{placed.supplier_number}", {"status": "UNSHIPPED"})
    assert port.cancel_order(placed.supplier_number) is Cancellation.REQUESTED


def test_what_a_person_has_paid_can_not_be_called_off(ports: Ports, url: str) -> None:
    port = ports(payment="manual")
    placed = port.place_order(order())
    change(url, f"orders/{placed.supplier_number}", {"status": "UNSHIPPED"})
    assert port.cancel_order(placed.supplier_number) is Cancellation.TOO_LATE


def test_a_test_order_is_the_sandboxes_and_costs_nothing(ports: Ports, url: str) -> None:
    before = ledger(url)["balance"]
    placed = ports().place_order(order(test=True))
    assert placed.state is SupplierState.AWAITING_PAYMENT
    (draft,) = ledger(url)["drafts"]
    assert (draft["test"], ledger(url)["balance"]) == (True, before)


def test_webhooks_are_reasons_to_look_and_carry_no_news(ports: Ports) -> None:
    port = ports()
    assert port.capabilities.shipment is Arrival.BOTH
    body = {"type": "ORDER", "params": {"orderNumber": "DW-1-11", "orderStatus": "CANCELLED"}}
    news = port.read_webhook({}, json.dumps(body).encode(), path_secret=SECRETS["CJ_HOOK"])
    assert news == [LookAgain(number="DW-1-11")]
    stock = json.dumps({"type": "STOCK", "params": {"V1": [{"storageNum": 3}]}}).encode()
    assert port.read_webhook({}, stock, path_secret=SECRETS["CJ_HOOK"]) == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'"x"', b"\xff", b'{"type": "ORDER"}', b"[" * 100_000])
def test_a_webhook_that_can_not_be_read_is_said_so(ports: Ports, body: bytes) -> None:
    with pytest.raises(UnexpectedReply):
        ports().read_webhook({}, body, path_secret=SECRETS["CJ_HOOK"])


def test_nobody_is_believed_where_no_secret_was_agreed(url: str) -> None:
    supplier = Supplier.model_validate(settings(url) | {"webhook_secret_env": None})
    port = build(settings=supplier, supplier_id="cj", secrets=SECRETS.__getitem__, sink=lambda _call: None)
    assert port.capabilities.shipment is Arrival.POLL
    with pytest.raises(AuthenticationFailed):
        port.read_webhook({}, b"{}", path_secret="")
    port.close()


# What a process leaves behind that ends between two steps; a fresh one goes on.

ENDINGS = [(0, "before"), (1, "before"), (2, "before"), (2, "after")]


@pytest.mark.parametrize(("place", "when"), ENDINGS)
def test_a_process_that_ends_between_two_steps_leaves_one_order(ports: Ports, url: str, place: int, when: str) -> None:
    wanted = order()
    supplier = Supplier.model_validate(settings(url) | {"webhook_secret_env": None}).model_dump_json()
    arguments = ["cjdropshipping", supplier, wanted.model_dump_json(), DEFAULT_KEY, "POST,PATCH", "shopping/"]
    command = [sys.executable, "-m", "tests.adapters.placing_child", *arguments, str(place), when]
    assert subprocess.run(command, check=False, timeout=60).returncode == ENDED
    assert len(ledger(url)["orders"]) == (1 if when == "after" else 0)
    if ports().find_order(wanted).verdict is LookupVerdict.ABSENT:
        ports().place_order(wanted)
    assert len(ledger(url)["orders"]) == 1
    assert ledger(url)["drafts"] == []
