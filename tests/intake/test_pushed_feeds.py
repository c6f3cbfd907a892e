"""Pushed stock at the door: who may push what, and that everything that got a 202 is asked for."""

import asyncio
import gzip
import hmac
import io
import json
import socket
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import httpx
import pytest
import uvicorn
from temporalio import workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.delivery import OrderDelivery
from adapters.database.configurations import ConfigurationStore, apply
from adapters.database.engine import Database
from models.configuration import Configuration
from models.identifiers import SYNC_QUEUE, sync_workflow_id
from models.sync import SyncRequest
from starter import feeds_door
from starter.api import build_server, create_app, listen
from starter.delivery import Deliverer
from starter.feed_requests import FeedRequests, push_requests
from tests.intake.temporal import until
from tests.intake.world import NOBODY, SECRETS, World, configuration

SECRET = "pushing secret"
PUSH = {"kind": "stock", "source": "push", "push_secret_env": "PUSH_SECRET", "debounce": "0s"}
COLUMNS = {"sku": "SKU", "quantity": "Stock"}
FEEDS: dict[str, dict[str, Any]] = {
    "lines": {**PUSH, "format": "ndjson"},
    "token": {**PUSH, "format": "ndjson", "push_auth": "token"},
    "sheet": {**PUSH, "delimiter": ";", "skip_lines": 1, "columns": COLUMNS},
    "latin": {**PUSH, "encoding": "latin-1", "columns": COLUMNS},
    "tree": {**PUSH, "format": "xml", "record": "product"},
    "advice": {**PUSH, "format": "x12", "columns": {"sku": "LIN.VN", "quantity": "QTY.33"}},
    "no-secret": {**PUSH, "push_secret_env": "NOBODY_SET_THIS"},
    "switched-off": {**PUSH, "enabled": False},
    "polled": {"kind": "stock", "source": "api"},
}
LINES = b'{"sku": "A-1", "quantity": 3}\n{"sku": "A-2", "quantity": 0}\n'
SHEET = b"Stock of today\nSKU;Stock\nA-1;3\n"


def configured() -> Configuration:
    document = configuration().model_dump(mode="json")
    document["suppliers"]["bts"]["feeds"] = FEEDS
    return Configuration.model_validate(document)


@pytest.fixture(scope="module")
def world(database_url: str) -> Iterator[World]:
    database = Database(database_url)
    apply(database, configured(), by="test", now=datetime.now(UTC))
    yield World(database, ConfigurationStore(database, max_age=0.05), {})
    database.close()


@pytest.fixture(scope="module")
def api(world: World) -> Iterator[httpx.Client]:
    with serving(world) as client:
        yield client


@contextmanager
def serving(world: World, temporal_address: str = NOBODY) -> Iterator[httpx.Client]:
    """The API on loopback, in a thread, as its process builds it."""
    listener = listen("127.0.0.1", 0)
    servers: list[uvicorn.Server] = []

    async def serve() -> None:
        temporal = await Client.connect(temporal_address, lazy=True, data_converter=pydantic_data_converter)
        app = create_app(
            database=world.database,
            configurations=world.configurations,
            storefronts=world.storefronts.__getitem__,
            secrets=lambda name: {**SECRETS, "PUSH_SECRET": SECRET}.get(name, ""),
            deliverer=Deliverer(OrderDelivery(temporal, world.database, world.configurations)),
            feed_requests=push_requests(temporal, world.database, world.configurations),
        )
        servers.append(build_server(app))
        await servers[0].serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30) as client:
            client.get("/healthz").raise_for_status()
            yield client
    finally:
        servers[0].should_exit = True
        thread.join(30)


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Dropwright-Signature": f"sha256={hmac.new(secret.encode(), body, sha256).hexdigest()}"}


def push(api: httpx.Client, body: bytes, feed: str = "lines", **headers: str) -> httpx.Response:
    return api.post(f"/feeds/bts/{feed}", content=body, headers={**signed(body), **headers})


def stored(world: World) -> int:
    return int(world.rows("SELECT count(*) AS n FROM feed_pushes")[0].n)


def fresh() -> bytes:
    """A body that was never pushed before."""
    return json.dumps({"sku": "A-1", "quantity": 1, "at": time.monotonic_ns()}).encode()


def test_a_signed_push_is_stored_as_it_came(api: httpx.Client, world: World) -> None:
    reply = push(api, LINES, **{"X-Delivery-Id": "delivery-1"})

    assert (reply.status_code, reply.json()) == (202, {"outcome": "stored"})
    (row,) = world.rows("SELECT * FROM feed_pushes WHERE delivery_id = 'delivery-1'")
    assert (row.supplier, row.feed, bytes(row.body), row.run_id) == ("bts", "lines", LINES, None)


def test_a_token_opens_where_the_feed_says_so(api: httpx.Client) -> None:
    body = fresh()
    replies = [
        api.post("/feeds/bts/token", content=body, headers=headers)
        for headers in (
            {"Authorization": f"Bearer {SECRET}"},
            {"Authorization": f"Bearer {SECRET}x"},
            {"Authorization": SECRET},
            signed(body),
            {},
        )
    ]
    assert [reply.status_code for reply in replies] == [202, 401, 401, 401, 401]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Dropwright-Signature": ""},
        {"X-Dropwright-Signature": "sha256="},
        {"X-Dropwright-Signature": signed(LINES)["X-Dropwright-Signature"].removeprefix("sha256=")},
        {"X-Dropwright-Signature": "sha256=ü"},
        {"Authorization": f"Bearer {SECRET}"},
        signed(LINES, "another secret"),
        signed(LINES + b" "),
    ],
)
def test_what_is_not_signed_is_refused_and_nothing_is_stored(
    api: httpx.Client, world: World, headers: dict[str, str]
) -> None:
    before = stored(world)

    reply = api.post(
        "/feeds/bts/lines",
        content=LINES,
        headers={name: value.encode("latin-1") for name, value in headers.items()},
    )

    assert (reply.status_code, reply.json(), stored(world)) == (401, {"error": "bad_signature"}, before)


@pytest.mark.parametrize("secret", ["", SECRET])
def test_a_feed_whose_secret_is_not_set_opens_to_nobody(api: httpx.Client, secret: str) -> None:
    body = fresh()
    assert api.post("/feeds/bts/no-secret", content=body, headers=signed(body, secret)).status_code == 401


@pytest.mark.parametrize("path", ["bts/polled", "bts/switched-off", "bts/none", "nobody/lines"])
def test_only_feeds_that_are_pushed_can_be_pushed_to(api: httpx.Client, world: World, path: str) -> None:
    before = stored(world)
    assert api.post(f"/feeds/{path}", content=LINES, headers=signed(LINES)).status_code == 404
    assert stored(world) == before


def test_the_same_delivery_again_is_nothing_new_and_another_body_under_its_id_is_refused(
    api: httpx.Client, world: World
) -> None:
    body, other = fresh(), fresh()
    replies = [push(api, content, **{"X-Delivery-Id": "twice"}) for content in (body, body, other)]
    assert [reply.status_code for reply in replies] == [202, 200, 409]
    assert replies[1].json() == {"outcome": "repeated"}
    (row,) = world.rows("SELECT body FROM feed_pushes WHERE delivery_id = 'twice'")
    assert bytes(row.body) == body


def test_without_an_id_the_body_itself_is_recognised(api: httpx.Client) -> None:
    body = fresh()
    assert [push(api, body).status_code for _ in range(2)] == [202, 200]
    assert push(api, body, "token", Authorization=f"Bearer {SECRET}").status_code == 202


def test_the_same_delivery_twice_at_once_is_stored_once(api: httpx.Client, world: World) -> None:
    body, statuses = fresh(), []

    def deliver() -> None:
        statuses.append(push(api, body, **{"X-Delivery-Id": "at once"}).status_code)

    threads = [threading.Thread(target=deliver) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(statuses) == [200] * 5 + [202]
    assert len(world.rows("SELECT id FROM feed_pushes WHERE delivery_id = 'at once'")) == 1


def packed(body: bytes) -> bytes:
    """Gzip without a time: tests of several processes have to have the same names."""
    return gzip.compress(body, mtime=0)


def zipped(body: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("stock.csv", body)
    return archive.getvalue()


@pytest.mark.parametrize(
    ("feed", "body", "reason"),
    [
        ("lines", b"", "empty"),
        ("lines", b" \r\n", "empty"),
        ("lines", b'{"sku": "A-1"', "bad_json_lines"),
        ("lines", LINES + b"A-3;4\n", "bad_json_lines"),
        ("lines", b'["A-1", 3]\n', "bad_json_lines"),
        ("lines", b"[" * 100_000, "bad_json_lines"),
        ("lines", b'{"sku": "\xff"}', "bad_encoding"),
        ("lines", b"\x1f\x8b not gzip", "no_gzip"),
        ("lines", packed(b"A-3;4\n" * 20_000), "bad_json_lines"),
        ("sheet", b"Stock of today\nSKU,Stock\nA-1,3\n", "bad_header"),
        ("sheet", b"SKU;Stock\nA-1;3\n", "bad_header"),
        ("sheet", b"Stock of today\n", "bad_header"),
        ("sheet", "Stock of today\nSKU;Stock\nA-1;3\n".encode("utf-16"), "bad_encoding"),
        ("tree", b"SKU;Stock\n", "no_xml"),
        ("advice", b"SKU;Stock\n", "no_x12"),
    ],
)
def test_what_no_reader_could_read_is_refused_with_the_reason(
    api: httpx.Client, world: World, feed: str, body: bytes, reason: str
) -> None:
    before = stored(world)
    reply = push(api, body, feed)
    assert (reply.status_code, reply.json(), stored(world)) == (400, {"error": reason}, before)


@pytest.mark.parametrize(
    ("feed", "body"),
    [
        ("lines", b"\xef\xbb\xbf\r\n" + LINES),
        ("lines", packed(LINES * 9_000)),
        ("advice", b"\r\nISA*00*"),
        ("sheet", SHEET),
        ("sheet", b"\xef\xbb\xbf" + SHEET),
        ("sheet", zipped(SHEET)),
        ("sheet", packed(SHEET)),
        ("latin", "SKU,Stock\nÄ-1,3\n".encode("latin-1")),
        ("tree", b"\xef\xbb\xbf<?xml version='1.0'?>\n<products/>"),
    ],
)
def test_what_a_reader_may_read_is_taken(api: httpx.Client, feed: str, body: bytes) -> None:
    assert push(api, body, feed).status_code == 202


def test_ten_mebibytes_are_taken_and_one_byte_more_is_not(api: httpx.Client, world: World) -> None:
    body = LINES + b" " * (feeds_door.MAX_BODY - len(LINES))
    before = stored(world)
    assert push(api, body + b" ").status_code == 413
    assert stored(world) == before
    assert push(api, body).status_code == 202


def test_too_much_in_chunks_without_a_length_is_refused(api: httpx.Client) -> None:
    body = b" " * (feeds_door.MAX_BODY + 1)
    chunks = (body[start : start + 65_536] for start in range(0, len(body), 65_536))
    reply = api.post("/feeds/bts/lines", content=chunks, headers=signed(body))
    assert (reply.status_code, reply.json()) == (413, {"error": "too_large"})


def test_a_push_that_trickles_is_given_up(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds_door, "BODY_SECONDS", 0.3)
    with socket.create_connection((api.base_url.host, api.base_url.port or 0), timeout=30) as connection:
        signature = b"X-Dropwright-Signature: sha256=" + b"0" * 64
        connection.sendall(
            b"POST /feeds/bts/lines HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n" + signature + b"\r\n\r\n{"
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("feed", ["bts/lines", "bts/no-such-feed"])
def test_who_can_not_be_genuine_is_turned_away_before_the_body_is_read(api: httpx.Client, feed: str) -> None:
    with socket.create_connection((api.base_url.host, api.base_url.port or 0), timeout=30) as connection:
        connection.sendall(f"POST /feeds/{feed} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
        assert connection.recv(4096).split(b" ")[1] in (b"401", b"404")


def test_an_id_longer_than_we_keep_is_refused(api: httpx.Client) -> None:
    reply = push(api, fresh(), **{"X-Delivery-Id": "x" * 129})
    assert (reply.status_code, reply.json()) == (400, {"error": "delivery_id_too_long"})


@workflow.defn(name="SupplierSyncWorkflow", sandboxed=False)
class StandInSync:
    """Runs until it is told to end, and counts what it was asked."""

    def __init__(self) -> None:
        self._asked = 0
        self._over = False

    @workflow.run
    async def run(self, request: SyncRequest) -> str:
        await workflow.wait_condition(lambda: self._over)
        return f"{request.supplier}/{request.feed} {request.trigger}"

    @workflow.signal
    def sync_requested(self) -> None:
        self._asked += 1

    @workflow.signal
    def end(self) -> None:
        self._over = True

    @workflow.query
    def asked(self) -> int:
        return self._asked


async def test_a_push_has_its_feed_run_and_so_has_what_waited_before(temporal_client: Client, world: World) -> None:
    with world.database.begin() as tx:
        tx.exec_driver_sql("DELETE FROM feed_pushes")
        tx.exec_driver_sql(
            "INSERT INTO feed_pushes (supplier, feed, delivery_id, body, received_at, run_id) VALUES"
            " ('bts', 'sheet', '1', '', now(), NULL), ('bts', 'tree', '1', '', now(), 7),"
            " ('bts', 'polled', '1', '', now(), NULL), ('gone', 'sheet', '1', '', now(), NULL)"
        )
    runs = {
        feed: temporal_client.get_workflow_handle(sync_workflow_id(supplier, feed))
        for supplier, feed in (("bts", "sheet"), ("bts", "lines"), ("bts", "tree"), ("bts", "polled"))
    }

    async def asked(feed: str) -> int:
        return int(await runs[feed].query("asked"))

    async with Worker(temporal_client, task_queue=SYNC_QUEUE, workflows=[StandInSync]):
        address = temporal_client.service_client.config.target_host
        with serving(world, address) as api:
            await until(lambda: _true(lambda: asked("sheet"), 1))
            body = fresh()
            for content in (body, body, fresh()):
                await asyncio.to_thread(push, api, content)
            await until(lambda: _true(lambda: asked("lines"), 2))
        for feed in ("sheet", "lines"):
            await runs[feed].signal("end")
            assert await runs[feed].result() == f"bts/{feed} push"
        for feed in ("tree", "polled"):
            with pytest.raises(RPCError, match="not found"):
                await runs[feed].describe()


async def _true(ask: Callable[[], Any], expected: int) -> bool:
    try:
        return bool(await ask() == expected)
    except Exception:  # noqa: BLE001 - it does not run yet
        return False


async def test_what_temporal_did_not_hear_is_asked_for_again_and_once_only() -> None:
    heard: list[str] = []
    away = {"lines": 2}

    async def ask(_supplier: str, feed: str) -> None:
        if away.get(feed, 0) > 0:
            away[feed] -= 1
            raise ConnectionError
        heard.append(feed)

    async with FeedRequests(ask, list) as requests:
        for feed in ("lines", "sheet", "lines", "lines"):
            requests.submit("bts", feed)
        await until(lambda: heard == ["sheet", "lines"])
    assert heard == ["sheet", "lines"]


async def test_a_database_that_is_away_at_the_start_is_looked_at_again() -> None:
    heard: list[str] = []
    looks = iter([ConnectionError(), [("bts", "sheet")]])

    def waiting() -> list[tuple[str, str]]:
        found = next(looks)
        if isinstance(found, Exception):
            raise found
        return found

    async def ask(_supplier: str, feed: str) -> None:
        heard.append(feed)

    async with FeedRequests(ask, waiting) as requests:
        requests.submit("bts", "lines")
        await until(lambda: sorted(heard) == ["lines", "sheet"])
