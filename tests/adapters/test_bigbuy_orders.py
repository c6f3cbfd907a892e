import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.errors import AccountHold, Doubtful, NotSent, Refused, Throttled, UnexpectedReply
from adapters.http import HttpApi
from adapters.suppliers.bigbuy.adapter import PLUGIN, BigBuy, build
from dropwright.testing.contract import CUSTOMER
from dropwright.testing.stage import nowhere
from models.calls import CallRecord
from models.configuration import Supplier
from models.findings import Severity
from models.suppliers import LookupVerdict, SupplierLine, SupplierOrder, SupplierState
from sandbox.bigbuy import DEFAULT_TOKEN, create_app
from sandbox.catalogue import plain_eans
from tests.adapters.loopback import HTTP, Stage, stage
from tests.adapters.placing_child import ENDED

NEAR, ALSO_NEAR, FAR = "S0010000", "S0010001", "S0010009"
EANS = {f"S{10_000 + place:07d}": ean for place, ean in enumerate(plain_eans())}
VERSIONS = ("1", "2")


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as served:
        yield served


@pytest.fixture
def url(server: Stage) -> str:
    return server.put_on(create_app(articles=60, settings={"ship_after": None}))


def settings(url: str, version: str) -> dict[str, Any]:
    return {
        "adapter": "bigbuy",
        "display_name": "BigBuy",
        "base_url": url,
        "token_env": "BIGBUY_TOKEN",
        "metafield_namespace": "bigbuy",
        "submit_timeout": "2s",
        "read_timeout": "2s",
        "api_version": version,
    }


Ports = Callable[[str], BigBuy]


@pytest.fixture
def ports(url: str) -> Iterator[Ports]:
    made: list[BigBuy] = []

    def make(version: str) -> BigBuy:
        supplier = Supplier.model_validate(settings(url, version))
        made.append(
            build(settings=supplier, supplier_id="bigbuy", secrets=lambda _n: DEFAULT_TOKEN, sink=lambda _c: None)
        )
        return made[-1]

    yield make
    for port in made:
        port.close()


def order(*references: str, number: str = "DW-1-11", **changes: Any) -> SupplierOrder:
    lines = tuple(SupplierLine(ean=EANS[code], quantity=2, sku=code) for code in references or (NEAR, ALSO_NEAR))
    values = {"number": number, "lines": lines, "quote_id": "43", "carrier": "GLS", "address": CUSTOMER, "test": False}
    return SupplierOrder.model_validate(values | changes)


def change(url: str, what: str, document: dict[str, Any]) -> None:
    HTTP.post(f"{url}/_sandbox/{what}", json=document).raise_for_status()


def books(url: str) -> list[dict[str, Any]]:
    return list(HTTP.get(f"{url}/_sandbox/ledger").json()["orders"])


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_over_two_warehouses_becomes_two_of_theirs_and_stays_one_of_ours(
    ports: Ports, url: str, version: str
) -> None:
    placed = ports(version).place_order(order(NEAR, FAR))
    first, second = books(url)
    assert placed.supplier_number == f"{first['order_number']}/{second['order_number']}"
    assert {first["number"], second["number"]} == {"DW-1-11"}
    assert sorted(line["ean"] for one in (first, second) for line in one["lines"]) == sorted((EANS[NEAR], EANS[FAR]))
    assert placed.state is SupplierState.ACKNOWLEDGED
    assert placed.total is not None
    status = ports(version).fetch_order(placed.supplier_number)
    assert status.state is SupplierState.ACKNOWLEDGED
    assert first["order_number"] in status.status_text


def test_once_an_order_is_made_nothing_more_is_asked_that_could_fail(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.suppliers.bigbuy.feeds.LASTING", -1.0)  # the price list is always too old
    calls = list[CallRecord]()
    supplier = Supplier.model_validate(settings(url, "2"))
    port = build(settings=supplier, supplier_id="bigbuy", secrets=lambda _n: DEFAULT_TOKEN, sink=calls.append)
    unnamed = (SupplierLine(ean=EANS[NEAR], quantity=1),)  # without a reference: the list says which it is
    port.place_order(order().model_copy(update={"lines": unnamed}))
    port.close()
    assert calls[-1].operation == "order/create/multishipping"


def test_stock_that_moves_between_check_and_create_splits_the_order_all_the_same(ports: Ports, url: str) -> None:
    change(url, "settings", {"moved": [ALSO_NEAR]})
    placed = ports("1").place_order(order())
    assert placed.supplier_number == "/".join(one["order_number"] for one in books(url))
    assert len(books(url)) == 2


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_that_was_split_unseen_is_never_made_a_second_time(ports: Ports, url: str, version: str) -> None:
    change(url, "settings", {"moved": [ALSO_NEAR], "check_knows_references": False})
    rule = {"operation": "order/create/multishipping", "kind": "reset_after", "times": 1}
    HTTP.post(f"{url}/_sandbox/faults", json={"rules": [rule]}).raise_for_status()
    with pytest.raises(Doubtful):
        ports(version).place_order(order())
    for _ in range(2):  # the look-up can't see it, and a check knows nothing of the move; its number is taken, though
        assert ports(version).find_order(order()).verdict is LookupVerdict.ABSENT
        with pytest.raises(Doubtful):
            ports(version).place_order(order())
    assert [one["number"] for one in books(url)] == ["DW-1-11", "DW-1-11"]


def test_parts_ship_one_by_one_and_each_parcel_says_what_is_in_it(ports: Ports, url: str) -> None:
    port = ports("2")
    number = port.place_order(order(NEAR, FAR)).supplier_number
    first, second = number.split("/")
    change(url, f"orders/{first}", {"status": "Shipped", "tracking": ["GLS-1"]})
    half = port.fetch_order(number)
    assert half.state is SupplierState.ACKNOWLEDGED
    assert [(one.tracking_number, [line.ean for line in one.lines]) for one in half.parcels] == [
        ("GLS-1", [EANS[NEAR]])
    ]
    change(url, f"orders/{second}", {"status": "Shipped", "tracking": ["GLS-2"]})
    whole = port.fetch_order(number)
    assert whole.state is SupplierState.SHIPPED
    assert [one.tracking_number for one in whole.parcels] == ["GLS-1", "GLS-2"]


def test_a_part_that_is_cancelled_is_units_declined(ports: Ports, url: str) -> None:
    port = ports("2")
    number = port.place_order(order(NEAR, FAR)).supplier_number
    change(url, f"orders/{number.split('/')[1]}", {"status": "Canceled"})
    status = port.fetch_order(number)
    assert status.state is SupplierState.ACKNOWLEDGED
    assert [(line.ean, line.quantity) for line in status.declined] == [(EANS[FAR], 2)]


def test_an_order_made_in_part_declines_the_rest(ports: Ports, url: str) -> None:
    change(url, "settings", {"refuse_references": {ALSO_NEAR: "ER003"}})
    placed = ports("2").place_order(order())
    assert [one["order_number"] for one in books(url)] == [placed.supplier_number]
    assert [(line.ean, line.quantity) for line in placed.declined] == [(EANS[ALSO_NEAR], 2)]
    assert placed.lines[0].reason == "ER003"


@pytest.mark.parametrize("style", ["coded", "soft", "embedded"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_refusal_orders_nothing_in_whatever_style_it_comes(ports: Ports, url: str, version: str, style: str) -> None:
    change(url, "settings", {"style": style, "refuse": "ER013"})
    with pytest.raises(Refused) as caught:
        ports(version).place_order(order())
    assert caught.value.code == "ER013"
    assert books(url) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_an_empty_money_box_holds_the_account_before_anything_is_sent(ports: Ports, url: str, version: str) -> None:
    change(url, "settings", {"moneybox": "1"})
    with pytest.raises(AccountHold) as caught:
        ports(version).place_order(order())
    assert caught.value.code == "ER005"
    calls = HTTP.get(f"{url}/_sandbox/ledger").json()["calls"]
    assert not [name for name in calls if "create" in name]


def test_no_stock_is_said_in_the_lifecycles_word(ports: Ports, url: str) -> None:
    change(url, "stock", {NEAR: 1})
    with pytest.raises(Refused) as caught:
        ports("1").place_order(order())
    assert caught.value.code == "no_stock"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_temporary_error_is_doubtful_and_look_up_proves_that_nothing_is_there(
    ports: Ports, url: str, version: str
) -> None:
    change(url, "settings", {"refuse": "ER009"})
    with pytest.raises(Doubtful) as caught:
        ports(version).place_order(order())
    assert caught.value.code == "ER009"
    assert ports(version).find_order(order()).verdict is LookupVerdict.ABSENT


@pytest.mark.parametrize("check_knows", [True, False])
@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_that_exists_already_is_taken_over(ports: Ports, url: str, version: str, *, check_knows: bool) -> None:
    change(url, "settings", {"check_knows_references": check_knows})
    first = ports(version).place_order(order())
    again = ports(version).place_order(order())
    assert again.supplier_number == first.supplier_number
    assert len(books(url)) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_of_an_order_that_was_split_a_person_must_say_what_became_of_it(ports: Ports, url: str, version: str) -> None:
    ports(version).place_order(order(NEAR, FAR))
    assert ports(version).find_order(order(NEAR, FAR)).verdict is LookupVerdict.UNSURE
    with pytest.raises(Doubtful):
        ports(version).place_order(order(NEAR, FAR))
    assert len(books(url)) == 2


@pytest.mark.parametrize("version", VERSIONS)
def test_what_would_be_split_is_never_said_to_be_absent(ports: Ports, url: str, version: str) -> None:
    lookup = ports(version).find_order(order(NEAR, FAR))
    assert lookup.verdict is LookupVerdict.UNSURE
    change(url, "stock", {NEAR: 0})
    assert ports(version).find_order(order(NEAR)).verdict is LookupVerdict.UNSURE


def test_an_order_is_hidden_for_the_declared_delay_and_found_then(ports: Ports, url: str) -> None:
    change(url, "settings", {"visibility_seconds": 60})
    port = ports("2")
    placed = port.place_order(order())
    assert port.find_order(order()).verdict is LookupVerdict.ABSENT
    change(url, "clock", {"advance": port.capabilities.visibility_delay.total_seconds()})
    found = port.find_order(order())
    assert found.verdict is LookupVerdict.FOUND
    assert found.placed is not None
    assert found.placed.supplier_number == placed.supplier_number


def test_an_order_that_does_not_say_what_is_in_it_is_taken_for_ours_only_where_it_was_not_split(
    ports: Ports, url: str
) -> None:
    change(url, "settings", {"names_articles": False})
    ports("1").place_order(order())
    assert ports("1").find_order(order()).verdict is LookupVerdict.FOUND
    assert ports("2").find_order(order()).verdict is LookupVerdict.UNSURE


def test_the_rate_limits_reset_says_when_to_come_back(ports: Ports, url: str) -> None:
    change(url, "settings", {"limited_until": time.time() + 90})
    for ask in (ports("2").probe, lambda: ports("2").place_order(order())):
        with pytest.raises(Throttled) as caught:
            ask()
        assert caught.value.retry_after is not None
        assert timedelta(seconds=80) < caught.value.retry_after <= timedelta(seconds=90)
    assert books(url) == []


@pytest.mark.parametrize(
    ("value", "seconds"), [("17", 17), ("0", 0), ("1000000000000000", None), ("soon", None), ("", None)]
)
def test_a_reset_that_is_no_instant_is_a_length_of_time(value: str, seconds: int | None) -> None:
    answer = httpx.Response(429, headers={"X-RateLimit-Reset": value})
    client = httpx.Client(base_url="http://bigbuy.invalid", transport=httpx.MockTransport(lambda _request: answer))
    with pytest.raises(Throttled) as caught:
        HttpApi(system="bigbuy", client=client, sink=lambda _call: None).ask("probe", "GET", "rest")
    assert caught.value.retry_after == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize("kind", ["error", "reset_before", "truncated", "invalid_json", "wrong_content_type"])
def test_a_check_without_an_answer_orders_nothing_and_may_be_repeated(ports: Ports, url: str, kind: str) -> None:
    rule = {"operation": "order/check", "kind": kind, "times": 1}
    HTTP.post(f"{url}/_sandbox/faults", json={"rules": [rule]}).raise_for_status()
    with pytest.raises(NotSent):
        ports("2").place_order(order())
    assert books(url) == []


def test_a_check_that_nobody_can_read_is_told_as_a_change_and_not_as_silence(ports: Ports, url: str) -> None:
    rule = {"operation": "order/check", "kind": "invalid_json", "times": 1}
    HTTP.post(f"{url}/_sandbox/faults", json={"rules": [rule]}).raise_for_status()
    with pytest.raises(NotSent) as caught:
        ports("2").place_order(order())
    assert isinstance(caught.value.__cause__, UnexpectedReply)


def test_a_check_that_took_all_the_time_there_was_orders_nothing(ports: Ports, url: str) -> None:
    rule = {"operation": "order/check", "kind": "latency", "milliseconds": 150, "times": 1}
    HTTP.post(f"{url}/_sandbox/faults", json={"rules": [rule]}).raise_for_status()
    hasty = Supplier.model_validate(settings(url, "2") | {"submit_timeout": "100ms"})
    port = build(settings=hasty, supplier_id="bigbuy", secrets=lambda _name: DEFAULT_TOKEN, sink=lambda _call: None)
    with pytest.raises(NotSent) as caught:
        port.place_order(order())
    port.close()
    assert caught.value.code == "out_of_time"
    assert books(url) == []


def test_a_word_for_a_state_that_nobody_knows_is_found_before_it_matters(
    ports: Ports, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {finding.severity for finding in ports("2").check([EANS[NEAR]])} == {Severity.OK}
    monkeypatch.setattr("sandbox.bigbuy.STATUSES", ("Shipped", "Held by customs"))
    (finding,) = [one for one in ports("2").check([EANS[NEAR]]) if one.severity is Severity.WARNING]
    assert "held by customs" in finding.message
    assert "profile.statuses" in finding.remedy


def test_a_version_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="api_version"):
        build(
            settings=Supplier.model_validate(settings(nowhere(), "3")),
            supplier_id="bigbuy",
            secrets=lambda _name: "",
            sink=lambda _call: None,
        )
    assert PLUGIN.versions == ("2", "1")


def test_both_versions_live_side_by_side(ports: Ports, url: str) -> None:
    old, new = ports("1"), ports("2")
    numbers = [
        port.place_order(order(number=number)).supplier_number for port, number in ((old, "DW-1-11"), (new, "DW-2-11"))
    ]
    assert [port.fetch_order(name).state for name in numbers for port in (old, new)] == [SupplierState.ACKNOWLEDGED] * 4
    assert (old.capabilities.api_version, new.capabilities.api_version) == ("1", "2")


# What a process leaves behind that ends between two steps; a fresh one goes on.

ENDINGS = [
    *((version, (NEAR, ALSO_NEAR), 0, when) for version in VERSIONS for when in ("before", "after")),
    ("2", (NEAR, FAR), 0, "after"),
]


@pytest.mark.parametrize(("version", "references", "place", "when"), ENDINGS)
def test_a_process_that_ends_around_sending_leaves_one_order_or_a_question(
    ports: Ports, url: str, version: str, references: tuple[str, ...], place: int, when: str
) -> None:
    wanted = order(*references)
    supplier = Supplier.model_validate(settings(url, version)).model_dump_json()
    arguments = ["bigbuy", supplier, wanted.model_dump_json(), DEFAULT_TOKEN, "POST", "order/create", str(place), when]
    ended = subprocess.run([sys.executable, "-m", "tests.adapters.placing_child", *arguments], check=False, timeout=60)
    assert ended.returncode == ENDED
    lookup = ports(version).find_order(wanted)
    if lookup.verdict is LookupVerdict.ABSENT:
        ports(version).place_order(wanted)
    assert (lookup.verdict is LookupVerdict.UNSURE) == (FAR in references)
    assert len(books(url)) == (len(references) if FAR in references else 1)
    assert {one["number"] for one in books(url)} == {wanted.number}


def test_calls_are_recorded_without_the_token(url: str) -> None:
    calls: list[CallRecord] = []
    port = build(
        settings=Supplier.model_validate(settings(url, "2")),
        supplier_id="bigbuy",
        secrets=lambda _name: DEFAULT_TOKEN,
        sink=calls.append,
    )
    port.place_order(order())
    port.close()
    assert [call.operation for call in calls] == ["order/check/multishipping", "order/create/multishipping"]
    assert all(DEFAULT_TOKEN not in call.model_dump_json() for call in calls)
