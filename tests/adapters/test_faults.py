import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sandbox.faults import FaultLayer, Kind, Plan, Rule
from tests.adapters.loopback import HTTP, Stage, stage


class Counting:
    """A server that counts what it processed, behind a fault layer that names calls by path and body."""

    def __init__(self) -> None:
        self.processed: list[str] = []
        app = Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "POST"])])
        self.app = FaultLayer(app, name_operation=lambda scope, body: f"{scope['path']} {body.decode()}")

    async def answer(self, request: Request) -> JSONResponse:
        self.processed.append((await request.body()).decode())
        return JSONResponse({"answer": "x" * 1_000})


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as served:
        yield served


@pytest.fixture
def world(server: Stage) -> tuple[str, Counting]:
    counting = Counting()
    return server.put_on(counting.app), counting


def plan(url: str, *rules: dict[str, Any], **options: Any) -> httpx.Response:
    return HTTP.post(f"{url}/_sandbox/faults", json={"rules": list(rules), **options})


def call(url: str, body: str = "hello") -> httpx.Response:
    return HTTP.post(f"{url}/call", content=body, timeout=2)


def test_without_rules_nothing_is_spoilt(world: tuple[str, Counting]) -> None:
    url, counting = world
    assert call(url).json() == {"answer": "x" * 1_000}
    assert counting.processed == ["hello"]


@pytest.mark.parametrize(
    ("rule", "failure", "processed"),
    [
        ({"kind": "reset_before"}, httpx.ReadError, 0),
        ({"kind": "reset_after"}, httpx.ReadError, 1),
        ({"kind": "hang"}, httpx.ReadTimeout, 0),
        ({"kind": "hang", "processed": True}, httpx.ReadTimeout, 1),
        ({"kind": "cut_off"}, httpx.RemoteProtocolError, 1),
        ({"kind": "latency", "milliseconds": 2_700}, httpx.ReadTimeout, 0),
    ],
)
def test_a_client_sees_the_connection_fail_as_in_the_world(
    world: tuple[str, Counting], rule: dict[str, Any], failure: type[Exception], processed: int
) -> None:
    url, counting = world
    plan(url, rule | {"times": 1})
    with pytest.raises(failure):
        call(url)
    assert len(counting.processed) == processed
    assert call(url).status_code == 200


def test_a_late_request_is_processed_although_its_client_has_gone(world: tuple[str, Counting]) -> None:
    url, counting = world
    plan(url, {"kind": "latency", "milliseconds": 2_700, "times": 1})
    with pytest.raises(httpx.ReadTimeout):
        call(url)
    deadline = time.monotonic() + 30
    while not counting.processed:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("rule", "status", "content_type", "processed"),
    [
        ({"kind": "throttled", "retry_after": 9}, 429, "application/json", 0),
        ({"kind": "error"}, 503, "text/html", 0),
        ({"kind": "error", "status": 500, "processed": True}, 500, "text/html", 1),
        ({"kind": "truncated"}, 200, "application/json", 1),
        ({"kind": "invalid_json"}, 200, "application/json", 1),
        ({"kind": "wrong_content_type"}, 200, "text/html", 1),
    ],
)
def test_an_answer_can_be_spoilt(
    world: tuple[str, Counting], rule: dict[str, Any], status: int, content_type: str, processed: int
) -> None:
    url, counting = world
    plan(url, rule)
    answer = call(url)
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (status, content_type)
    assert answer.headers.get("Retry-After") == ("9" if status == 429 else None)
    assert len(counting.processed) == processed
    with (
        pytest.raises(ValueError, match=r"Expecting|Unterminated") if status == 200 else pytest.raises(httpx.HTTPError)
    ):
        answer.raise_for_status().json()


def test_rules_match_operations_skip_calls_and_run_out(world: tuple[str, Counting]) -> None:
    url, _ = world
    plan(url, {"operation": "call order", "kind": "error", "skip": 1, "times": 2})
    statuses = [call(url, body).status_code for body in ("order", "other", "order", "other", "order", "order")]
    assert statuses == [200, 200, 503, 200, 503, 200]
    rule = HTTP.get(f"{url}/_sandbox/faults").json()["rules"][0]
    assert (rule["seen"], rule["fired"]) == (3, 2)


def test_a_first_rule_hides_its_calls_from_the_next_and_latencies_add_up() -> None:
    late = [Rule(kind=Kind.LATENCY, milliseconds=200), Rule(kind=Kind.LATENCY, milliseconds=300)]
    rules = Plan([*late, Rule(kind=Kind.ERROR, times=1), Rule(kind=Kind.HANG, times=1)])
    picked = [rules.pick("call") for _ in range(3)]
    assert [(seconds, rule and rule.kind) for seconds, rule in picked] == [
        (0.5, Kind.ERROR),
        (0.5, Kind.HANG),
        (0.5, None),
    ]


@given(st.integers(), st.floats(0, 1), st.integers(1, 60))
def test_the_same_seed_spoils_the_same_calls(seed: int, probability: float, calls: int) -> None:
    def fate() -> list[bool]:
        rules = Plan([Rule(kind=Kind.ERROR, probability=probability)], seed)
        return [rules.pick("call")[1] is not None for _ in range(calls)]

    assert fate() == fate()


def test_rules_are_added_replaced_and_deleted(world: tuple[str, Counting]) -> None:
    url, _ = world
    plan(url, {"operation": "a", "kind": "error"})
    assert len(plan(url, {"operation": "b", "kind": "error"}, add=True).json()["rules"]) == 2
    assert len(plan(url, {"operation": "c", "kind": "error"}).json()["rules"]) == 1
    assert HTTP.delete(f"{url}/_sandbox/faults").json()["rules"] == []


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"rules": [{"kind": "flood"}]},
        {"rules": [{"kind": "error", "staus": 500}]},
        {"rules": [{"kind": "error", "operation": "("}]},
        {"rules": [7]},
    ],
)
def test_a_wrong_plan_is_refused_and_the_old_one_stays(world: tuple[str, Counting], document: Any) -> None:
    url, _ = world
    plan(url, {"kind": "error"})
    assert HTTP.post(f"{url}/_sandbox/faults", json=document).status_code == 400
    assert call(url).status_code == 503


def test_administration_is_never_spoilt(world: tuple[str, Counting]) -> None:
    url, _ = world
    plan(url, {"operation": "", "kind": "reset_before"})
    assert HTTP.get(f"{url}/_sandbox/anything").status_code == 200


async def test_a_hanging_call_holds_up_no_other(world: tuple[str, Counting]) -> None:
    url, _ = world
    plan(url, {"kind": "hang", "times": 1})
    async with httpx.AsyncClient(timeout=2) as client:
        hanging = asyncio.create_task(client.post(f"{url}/call"))
        await asyncio.sleep(0.1)
        assert (await client.post(f"{url}/call")).status_code == 200
        with pytest.raises(httpx.ReadTimeout):
            await hanging
