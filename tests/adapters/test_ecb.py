"""The bank's rates over real HTTP: as it publishes them, and as nobody should believe them."""

import asyncio
import gzip
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from adapters.errors import AdapterError, NotSent, Throttled, Unavailable, UnexpectedReply
from adapters.rates import ecb
from adapters.rates.ecb import EcbRates
from models.calls import CallRecord
from models.listings import ExchangeRate
from sandbox.ecb import PATH, Bank, build_app
from sandbox.faults import Kind, Plan, Rule
from tests.adapters.loopback import Stage, stage

DAY = "2026-03-02"


@pytest.fixture(scope="module")
def served() -> Iterator[Stage]:
    with stage() as ready:
        yield ready


@pytest.fixture
def calls() -> list[CallRecord]:
    return []


@pytest.fixture
def rates(served: Stage, calls: list[CallRecord]) -> Iterator[EcbRates]:
    port = EcbRates(f"{served.url}{PATH}", calls.append, timeout=timedelta(seconds=2))
    yield port
    port.close()


def test_the_days_rates_are_read_with_their_date_and_source(
    served: Stage, rates: EcbRates, calls: list[CallRecord]
) -> None:
    served.put_on(build_app(Bank(time=DAY, rates={"USD": "1.0834", "JPY": "162.35"})))
    assert rates.fetch() == [
        ExchangeRate(base="EUR", currency="USD", rate=Decimal("1.0834"), on=date(2026, 3, 2), source="ecb"),
        ExchangeRate(base="EUR", currency="JPY", rate=Decimal("162.35"), on=date(2026, 3, 2), source="ecb"),
    ]
    assert [(call.system, call.operation, call.status) for call in calls] == [("ecb", "daily rates", 200)]


def cube(inner: str, time: str = DAY) -> str:
    return f'<e xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref"><Cube><Cube time="{time}">{inner}</Cube></Cube></e>'


BILLION_LAUGHS = '<!DOCTYPE e [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + cube("&b;")
OUTSIDE_ENTITY = '<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + cube("&x;")
WRONG = {
    "no XML": "rates",
    "nothing": "",
    "a page": "<html><body>Welcome</body></html>",
    "no rate": cube(""),
    "no date": cube('<Cube currency="USD" rate="1.08"/>', time="today"),
    "a rate of 0": cube('<Cube currency="USD" rate="0"/>'),
    "a rate below 0": cube('<Cube currency="USD" rate="-1.1"/>'),
    "a rate that is no number": cube('<Cube currency="USD" rate="1,08"/>'),
    "an endless rate": cube('<Cube currency="USD" rate="Infinity"/>'),
    "no number at all": cube('<Cube currency="USD" rate="NaN"/>'),
    "no rate beside a currency": cube('<Cube currency="USD"/>'),
    "no currency": cube('<Cube currency="dollars" rate="1.08"/>'),
    "a currency twice": cube('<Cube currency="USD" rate="1.08"/><Cube currency="USD" rate="1.09"/>'),
    "two days": cube('</Cube><Cube time="2026-03-03"><Cube currency="USD" rate="1.08"/>'),
    "entities": BILLION_LAUGHS,
    "entities from outside": OUTSIDE_ENTITY,
    "too much": cube(" " * (ecb.MOST_BYTES + 1) + '<Cube currency="USD" rate="1.08"/>'),
}


@pytest.mark.parametrize("raw", WRONG.values(), ids=WRONG)
def test_what_is_not_the_banks_document_is_refused_as_a_whole(served: Stage, rates: EcbRates, raw: str) -> None:
    served.put_on(build_app(Bank(raw=raw)))
    with pytest.raises(UnexpectedReply, match="daily rates"):
        rates.fetch()


FAULTS: list[tuple[Rule, type[AdapterError]]] = [
    (Rule(kind=Kind.ERROR, status=503), Unavailable),
    (Rule(kind=Kind.ERROR, status=404), UnexpectedReply),
    (Rule(kind=Kind.THROTTLED), Throttled),
    (Rule(kind=Kind.RESET_BEFORE), Unavailable),
    (Rule(kind=Kind.CUT_OFF), Unavailable),
    (Rule(kind=Kind.TRUNCATED), UnexpectedReply),
    (Rule(kind=Kind.WRONG_CONTENT_TYPE), UnexpectedReply),
    (Rule(kind=Kind.HANG), Unavailable),
]


@pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=[str(rule.kind) + str(rule.status) for rule, _ in FAULTS])
def test_each_fault_has_its_meaning_and_the_next_call_works(
    served: Stage, rates: EcbRates, fault: Rule, expected: type[AdapterError]
) -> None:
    fault.times = 1
    served.put_on(build_app(Bank(time=DAY), Plan([fault])))
    with pytest.raises(expected) as raised:
        rates.fetch()
    assert type(raised.value) is expected
    assert len(rates.fetch()) == 6


def test_a_body_without_end_is_given_up(served: Stage, rates: EcbRates) -> None:
    async def endless(_request: object) -> StreamingResponse:
        async def pieces() -> object:
            while True:  # until who reads it hangs up
                await asyncio.sleep(0.001)
                yield b" " * 10_000

        return StreamingResponse(pieces())  # type: ignore[arg-type]

    served.put_on(Starlette(routes=[Route(PATH, endless)]))
    with pytest.raises(UnexpectedReply, match="longer than"):
        rates.fetch()


def test_a_compressed_body_is_refused_before_it_is_unpacked(served: Stage, rates: EcbRates) -> None:
    async def packed(_request: object) -> Response:
        return Response(gzip.compress(b" " * 50_000_000), headers={"Content-Encoding": "gzip"})

    served.put_on(Starlette(routes=[Route(PATH, packed)]))
    with pytest.raises(UnexpectedReply, match="compressed"):
        rates.fetch()


def test_nobody_there_means_that_nothing_was_sent(calls: list[CallRecord]) -> None:
    port = EcbRates("http://127.0.0.1:9/", calls.append)
    with pytest.raises(NotSent):
        port.fetch()
    port.close()


def test_the_simulator_publishes_what_it_is_told(served: Stage, rates: EcbRates) -> None:
    from tests.adapters.loopback import HTTP

    served.put_on(build_app())
    HTTP.post(f"{served.url}/_sandbox/rates", json={"time": DAY, "rates": {"USD": "2"}})
    assert [(rate.currency, rate.rate) for rate in rates.fetch()] == [("USD", Decimal(2))]
