import gzip
from collections.abc import Iterator
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.errors import Doubtful, Unavailable
from adapters.http import HttpApi, http_client
from models.calls import CallRecord
from tests.adapters.loopback import stage

BOMB = gzip.compress(bytes(4_000_000))
GZIP = {"Content-Encoding": "gzip"}


async def bomb(_: Request) -> Response:
    return Response(BOMB, headers=GZIP)


async def twice(_: Request) -> Response:
    packed = gzip.compress(gzip.compress(b"{}"))
    return Response(packed, headers={"Content-Encoding": "gzip, gzip"}, media_type="application/json")


async def small(_: Request) -> Response:
    return Response(gzip.compress("größer".encode()), headers=GZIP | {"X-Kept": "yes"}, media_type="text/plain")


@pytest.fixture
def calls() -> list[CallRecord]:
    return []


@pytest.fixture
def api(calls: list[CallRecord], monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpApi]:
    monkeypatch.setattr("adapters.http.LARGEST_REPLY", 1_000_000)
    app = Starlette(
        routes=[Route("/twice", twice), Route("/bomb", bomb, methods=["GET", "POST"]), Route("/small", small)]
    )
    with stage() as server:
        client = http_client(server.put_on(app), {}, timedelta(seconds=5))
        yield HttpApi(system="acme", client=client, sink=calls.append)
        client.close()


def test_a_reply_that_unpacks_beyond_all_bounds_is_no_answer(api: HttpApi, calls: list[CallRecord]) -> None:
    with pytest.raises(Unavailable):
        api.ask("stock", "GET", "/bomb")
    with pytest.raises(Doubtful):
        api.instruct("order", "POST", "/bomb", timeout=timedelta(seconds=5))
    assert [(call.error, call.status, call.reply) for call in calls] == [("DecodingError", None, "")] * 2


def test_a_reply_that_is_packed_twice_is_no_answer_before_it_is_unpacked(api: HttpApi) -> None:
    with pytest.raises(Unavailable):
        api.ask("stock", "GET", "/twice")


def test_a_packed_reply_is_read_as_it_was_meant(api: HttpApi, calls: list[CallRecord]) -> None:
    response = api.ask("stock", "GET", "/small")
    assert (response.text, response.headers["X-Kept"]) == ("größer", "yes")
    assert (calls[0].reply, calls[0].status) == ("größer", 200)
