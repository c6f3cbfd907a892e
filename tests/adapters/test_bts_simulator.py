"""The simulated world must be as exact as the adapter: what it promises to tests, tests hold it to."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from adapters.errors import AccountHold, AuthenticationFailed, Refused, Throttled, Unavailable, UnexpectedReply
from adapters.suppliers.btswholesaler.adapter import Btswholesaler, build
from dropwright.testing.contract import CUSTOMER, MADRID
from models.findings import Severity
from models.suppliers import Destination, SupplierLine, SupplierOrder, SupplierState
from sandbox.btswholesaler import DEFAULT_TOKEN, create_app
from sandbox.catalogue import (
    BAD_CHECK_DIGIT,
    LAST_PIECE,
    NAMED_COUNT,
    SHORT_CODE,
    WITH_LETTERS,
    catalogue,
    named_eans,
)
from sandbox.serving import listen, serving
from tests.adapters.loopback import HTTP, Stage, stage
from tests.adapters.test_bts_contract import settings

EANS = named_eans()
AUTHORISED = {"Authorization": f"Bearer {DEFAULT_TOKEN}"}


class Clock:
    """The simulator's time, in the test's hands."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as served:
        yield served


@pytest.fixture
def url(server: Stage, clock: Clock) -> str:
    return server.put_on(create_app(clock=clock, settings={"ship_after": 60}))


@pytest.fixture
def bts(url: str) -> Iterator[Btswholesaler]:
    with _port(url) as port:
        yield port


@contextmanager
def _port(url: str) -> Iterator[Btswholesaler]:
    port = build(
        settings=settings(url), supplier_id="bts", secrets=lambda _name: DEFAULT_TOKEN, sink=lambda _call: None
    )
    yield port
    port.close()


def order_of(bts: Btswholesaler, ean: str = EANS[0], *, quantity: int = 1, postal_code: str = "28001") -> SupplierOrder:
    lines = (SupplierLine(ean=ean, quantity=quantity),)
    quote = bts.quote_shipping(Destination(country_code="ES", postal_code=postal_code), lines)[0]
    address = CUSTOMER.model_copy(update={"postal_code": postal_code})
    return SupplierOrder(number="DW-1-11", lines=lines, quote_id=quote.quote_id, address=address, test=False)


def post(url: str, path: str, document: Any) -> None:
    HTTP.post(f"{url}/_sandbox/{path}", json=document).raise_for_status()


def script(url: str, ean: str, **changes: Any) -> None:
    post(url, "script", {"ean": ean, "script": changes})


def get(url: str, operation: str, **parameters: Any) -> httpx.Response:
    return HTTP.get(f"{url}/v1/api/{operation}", params=parameters, headers=AUTHORISED)


def test_an_order_ships_when_its_time_has_come(bts: Btswholesaler, clock: Clock) -> None:
    number = bts.place_order(order_of(bts)).supplier_number
    clock.now += 59
    assert bts.fetch_order(number).state is SupplierState.ACKNOWLEDGED
    clock.now += 1
    status = bts.fetch_order(number)
    assert status.state is SupplierState.SHIPPED
    assert [(parcel.carrier, parcel.tracking_number[:4]) for parcel in status.parcels] == [("GLS", "GLS-")]


@pytest.mark.parametrize("in_rows", [False, True])
def test_a_script_gives_a_second_parcel_later(bts: Btswholesaler, url: str, clock: Clock, *, in_rows: bool) -> None:
    steps = [{"after": 2, "status": "Shipped", "tracking": "GLS1"}, {"after": 5, "tracking": ["GLS2"]}]
    script(url, EANS[1], steps=steps, tracking_rows=in_rows)
    number = bts.place_order(order_of(bts, EANS[1])).supplier_number
    clock.now += 3
    assert [parcel.tracking_number for parcel in bts.fetch_order(number).parcels] == ["GLS1"]
    clock.now += 3
    assert [parcel.tracking_number for parcel in bts.fetch_order(number).parcels] == ["GLS1", "GLS2"]


@pytest.mark.parametrize(
    ("text", "state"), [("En revisión", SupplierState.UNKNOWN), ("Cancelled", SupplierState.CANCELLED)]
)
def test_a_script_speaks_any_status(
    bts: Btswholesaler, url: str, clock: Clock, text: str, state: SupplierState
) -> None:
    script(url, EANS[2], steps=[{"after": 1, "status": text}])
    number = bts.place_order(order_of(bts, EANS[2])).supplier_number
    clock.now += 1
    status = bts.fetch_order(number)
    assert (status.state, status.status_text, status.parcels) == (state, text, ())


def test_an_order_without_steps_never_ships(bts: Btswholesaler, url: str, clock: Clock) -> None:
    script(url, EANS[3], steps=[])
    number = bts.place_order(order_of(bts, EANS[3])).supplier_number
    clock.now += 10_000_000
    assert bts.fetch_order(number).state is SupplierState.ACKNOWLEDGED


def test_a_hidden_order_is_not_found_until_it_shows(bts: Btswholesaler, url: str, clock: Clock) -> None:
    script(url, EANS[4], hidden_seconds=5)
    number = bts.place_order(order_of(bts, EANS[4])).supplier_number
    with pytest.raises(Refused) as caught:
        bts.fetch_order(number)
    assert caught.value.code == "order_not_found"
    clock.now += 5
    assert bts.fetch_order(number).state is SupplierState.ACKNOWLEDGED


def test_carriers_can_be_without_gls_or_missing(bts: Btswholesaler, url: str) -> None:
    script(url, EANS[5], carriers=["SEUR", "FedEx"])
    quotes = bts.quote_shipping(MADRID, [SupplierLine(ean=EANS[5], quantity=1)])
    assert [quote.carrier for quote in quotes] == ["SEUR", "FedEx"]
    script(url, EANS[5], carriers=[])
    assert bts.quote_shipping(MADRID, [SupplierLine(ean=EANS[5], quantity=1)]) == []


def test_stock_can_be_gone_between_rate_and_order(bts: Btswholesaler, url: str) -> None:
    script(url, EANS[6], stock_gone=True)
    order = order_of(bts, EANS[6])
    assert bts.fetch_stock([EANS[6]])[0].quantity > 0
    with pytest.raises(Refused) as caught:
        bts.place_order(order)
    assert caught.value.code == "no_stock"
    assert bts.fetch_stock([EANS[6]])[0].quantity == 0


def test_a_script_can_follow_the_address_and_the_last_one_posted_wins(bts: Btswholesaler, url: str) -> None:
    script(url, EANS[7], refuse="product_error")
    post(url, "script", {"where": {"postal_code": "^99"}, "script": {"refuse": "no_stock"}})
    with pytest.raises(Refused) as caught:
        bts.place_order(order_of(bts, EANS[7], postal_code="99001"))
    assert caught.value.code == "no_stock"


@pytest.mark.parametrize("style", ["object", "message", "errors", "nested", "plain"])
@pytest.mark.parametrize("status", [200, 400, 404])
def test_errors_are_understood_in_every_style(bts: Btswholesaler, url: str, style: str, status: int) -> None:
    order = order_of(bts)
    post(url, "settings", {"error_style": style, "error_status": status, "wallet": 1})
    with pytest.raises(AccountHold) as caught:
        bts.place_order(order)
    assert caught.value.code == "no_enough_money"
    with pytest.raises(Refused) as missing:
        bts.fetch_order("743000000000A")
    assert missing.value.code == "order_not_found"
    post(url, "settings", {"wallet": 1000})
    assert bts.fetch_order(bts.place_order(order).supplier_number).parcels == ()


def test_a_rate_belongs_to_its_postcode(bts: Btswholesaler) -> None:
    order = order_of(bts)
    elsewhere = order.model_copy(update={"address": CUSTOMER.model_copy(update={"postal_code": "08001"})})
    with pytest.raises(Refused) as caught:
        bts.place_order(elsewhere)
    assert caught.value.code == "shipping_cost_code_error"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"phone": ""}, "telephone_is_required"),
        ({"country_code": "XX"}, "country_code_is_required"),
        ({"country_code": "US"}, "state_code_error"),
    ],
)
def test_an_incomplete_address_is_refused_by_name(bts: Btswholesaler, change: dict[str, str], code: str) -> None:
    order = order_of(bts)
    with pytest.raises(Refused) as caught:
        bts.place_order(order.model_copy(update={"address": CUSTOMER.model_copy(update=change)}))
    assert caught.value.code == code


def test_goods_above_the_threshold_ship_free_and_the_bill_agrees(bts: Btswholesaler) -> None:
    lines = [SupplierLine(ean=EANS[0], quantity=17)]  # 17 × 12.50 is above 200
    quote = bts.quote_shipping(MADRID, lines)[0]
    assert (quote.carrier, quote.cost.amount) == ("GLS", 0)
    total = bts.place_order(order_of(bts, quantity=17)).total
    assert total is not None
    assert str(total) == "212.50 EUR"


def test_an_order_takes_its_stock_and_its_money(bts: Btswholesaler, url: str) -> None:
    before = HTTP.get(f"{url}/_sandbox/ledger").json()["wallet"]
    bts.place_order(order_of(bts, EANS[LAST_PIECE]))
    assert bts.fetch_stock([EANS[LAST_PIECE]])[0].quantity == 0
    assert float(HTTP.get(f"{url}/_sandbox/ledger").json()["wallet"]) < float(before)
    with pytest.raises(Refused) as caught:
        bts.place_order(order_of(bts, EANS[LAST_PIECE]))
    assert caught.value.code == "no_stock"


@pytest.mark.parametrize("position", [BAD_CHECK_DIGIT, SHORT_CODE, WITH_LETTERS])
def test_an_odd_code_is_ordered_as_it_stands(bts: Btswholesaler, position: int) -> None:
    spelling = f" {EANS[position].lower()[:5]} {EANS[position].lower()[5:]}"
    assert bts.place_order(order_of(bts, spelling)).state is SupplierState.ACKNOWLEDGED


def test_checking_warns_of_a_bad_check_digit_and_of_an_unusable_code(bts: Btswholesaler) -> None:
    findings = bts.check([EANS[0], EANS[BAD_CHECK_DIGIT], "", "x" * 60])
    warned = [finding for finding in findings if finding.severity is Severity.WARNING]
    assert [finding.message for finding in warned] == [
        "its check digit is wrong",
        "the supplier does not know it",
        "the supplier does not know it",
    ]


@pytest.mark.parametrize(
    ("status", "severity"), [("available", "ok"), ("stale", "warning"), ("not_available", "warning")]
)
def test_checking_tells_the_feeds_status(bts: Btswholesaler, url: str, status: str, severity: str) -> None:
    post(url, "settings", {"feed_status": status})
    feed = next(finding for finding in bts.check([]) if finding.subject == "feed")
    assert (feed.severity, status in feed.message) == (severity, True)


def test_calls_above_the_limit_wait_for_the_next_minute(bts: Btswholesaler, url: str, clock: Clock) -> None:
    post(url, "settings", {"per_minute": 2})
    clock.now = 1_800_000_045.0
    bts.fetch_stock(EANS[:1])
    bts.fetch_stock(EANS[:1])
    with pytest.raises(Throttled) as caught:
        bts.fetch_stock(EANS[:1])
    assert caught.value.retry_after is not None
    assert caught.value.retry_after.total_seconds() == 15
    clock.now += 15
    assert bts.fetch_stock(EANS[:1])


def test_lost_trackings_are_asked_again_and_never_read_as_no_parcels(bts: Btswholesaler, url: str) -> None:
    number = bts.place_order(order_of(bts)).supplier_number
    post(url, "faults", {"rules": [{"operation": "getTrackings", "kind": "error", "times": 1}]})
    with pytest.raises(Unavailable):
        bts.fetch_order(number)
    assert bts.fetch_order(number).parcels == ()


@pytest.mark.parametrize(
    ("status", "error", "failure"),
    [(400, "product_error", Refused), (404, "feed_disabled", UnexpectedReply), (403, "", AuthenticationFailed)],
)
def test_only_order_not_found_means_that_there_are_no_parcels_yet(
    server: Stage, status: int, error: str, failure: type[Exception]
) -> None:
    async def answer(request: Request) -> JSONResponse:
        if request.url.path.endswith("getOrder"):
            return JSONResponse({"order_status": "Paid"})
        return JSONResponse({"error": error}, status)

    url = server.put_on(Starlette(routes=[Route("/{path:path}", answer)]))
    with _port(url) as bts, pytest.raises(failure):
        bts.fetch_order("743799256961")


def test_a_restarted_simulator_knows_everything(clock: Clock, tmp_path: Path) -> None:
    def world() -> Any:
        return serving(create_app(clock=clock, state=tmp_path / "bts.jsonl", settings={"ship_after": 60}))

    with world() as url, _port(url) as bts:
        script(url, EANS[9], steps=[{"after": 3, "status": "Shipped", "tracking": "GLS9"}])
        placed = [bts.place_order(order_of(bts, EANS[place])).supplier_number for place in (0, 9)]
        post(url, f"orders/{placed[0]}", {"status": "Cancelled"})
        before = HTTP.get(f"{url}/_sandbox/ledger").json()
    clock.now += 3
    with world() as url, _port(url) as bts:
        after = HTTP.get(f"{url}/_sandbox/ledger").json()
        assert [order["order_number"] for order in after["orders"]] == placed
        assert after["wallet"] == before["wallet"]
        assert bts.fetch_order(placed[0]).state is SupplierState.CANCELLED
        assert [parcel.tracking_number for parcel in bts.fetch_order(placed[1]).parcels] == ["GLS9"]
        assert bts.place_order(order_of(bts)).supplier_number not in placed


def test_the_ledger_tells_orders_apart_without_showing_people(bts: Btswholesaler, url: str) -> None:
    for postal_code in ("28001", "28001", "28002"):
        bts.place_order(order_of(bts, postal_code=postal_code))
    ledger = HTTP.get(f"{url}/_sandbox/ledger")
    hashes = [order["address_hash"] for order in ledger.json()["orders"]]
    assert hashes[0] == hashes[1] != hashes[2]
    assert not any(word in ledger.text for word in (CUSTOMER.name, CUSTOMER.address1, CUSTOMER.phone))


def test_the_same_seed_gives_the_same_order_numbers_and_articles(clock: Clock) -> None:
    def numbers(seed: int) -> list[str]:
        with serving(create_app(seed=seed, clock=clock)) as url, _port(url) as bts:
            return [bts.place_order(order_of(bts)).supplier_number for _ in range(3)]

    first = numbers(1)
    assert first == numbers(1) != numbers(2)
    assert all(not number.isdigit() for number in first)
    assert catalogue(80, 1) == catalogue(80, 1) != catalogue(80, 2)
    assert catalogue(80, 1)[:NAMED_COUNT] == catalogue(80, 2)[:NAMED_COUNT]


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("script", {"ean": EANS[0]}),
        ("script", {"script": {"stepps": []}}),
        ("script", {"script": {"steps": [{"at": 3}]}}),
        ("script", {"where": {"city": "("}, "script": {}}),
        ("orders/none", {"status": "Shipped"}),
        ("stock", {"0": 5}),
        ("settings", {"walet": 5}),
        ("settings", []),
    ],
)
def test_a_wrong_instruction_to_the_simulator_is_refused(url: str, path: str, document: Any) -> None:
    answer = HTTP.post(f"{url}/_sandbox/{path}", json=document)
    assert (answer.status_code, "error" in answer.json()) == (400, True)


def test_it_runs_as_a_process_and_ends_on_sigterm(free_port: Callable[[], int]) -> None:
    port = free_port()
    command = [sys.executable, "-m", "sandbox.btswholesaler", "--port", str(port), "--seed", "7", "--catalogue", "60"]
    with subprocess.Popen(command) as process:
        try:
            assert _patiently(lambda: get(f"http://127.0.0.1:{port}", "getFeedStatus")).status_code == 200
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)


@pytest.fixture
def free_port() -> Callable[[], int]:
    def find() -> int:
        with listen(0) as listener:
            return int(listener.getsockname()[1])

    return find


def _patiently(ask: Callable[[], httpx.Response]) -> httpx.Response:
    deadline = time.monotonic() + 30
    while True:
        try:
            return ask()
        except httpx.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
