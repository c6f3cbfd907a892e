"""What the simulated shop tells, how, and how often."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.storefronts.shopify.signature import HEADER, is_signed
from sandbox.catalogue import named_eans
from sandbox.serving import LOOPBACK, listen, serving
from sandbox.shopify import create_app
from sandbox.shopify_webhooks import RETRIES, RETRY_BASE

SECRET = "hush"
EANS = named_eans()
LINES = {"lines": [[EANS[0], 2]]}


class Receiver:
    """Stands where our API stands: keeps what it gets, and answers as it is told to."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.seconds = 0.0
        self.present = self.most_present = 0
        self.app = Starlette(routes=[Route("/hook", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        self.present += 1
        self.most_present = max(self.most_present, self.present)
        self.got.append((dict(request.headers), await request.body()))
        await asyncio.sleep(self.seconds)
        self.present -= 1
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    @property
    def topics(self) -> list[str]:
        return [headers["x-shopify-topic"] for headers, _ in self.got]


class World:
    def __init__(self, shop: str, receiver: Receiver) -> None:
        self.shop = shop
        self.receiver = receiver

    def post(self, path: str, form: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(f"{self.shop}/_sandbox/{path}", json=form)
        assert answer.is_success, answer.text
        return answer.json()

    def ledger(self) -> dict[str, Any]:
        return httpx.get(f"{self.shop}/_sandbox/ledger").json()

    def deliveries(self) -> list[dict[str, Any]]:
        return self.ledger()["orders"][0]["deliveries"]

    def settled(self) -> list[dict[str, Any]]:
        eventually(lambda: all(one["outcome"] != "pending" for one in self.deliveries()))
        return self.deliveries()


def eventually(true: Callable[[], object], seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def world_of(**options: Any) -> Iterator[World]:
    receiver = Receiver()
    with serving(receiver.app) as ours:
        settings = {
            "shop_domain": "demo.myshopify.com",
            "token": "t",
            "webhook_url": f"{ours}/hook",
            "retry_base": 0.005,
        }
        with serving(create_app(secret=SECRET, **(settings | options))) as shop:
            yield World(shop, receiver)


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    with world_of() as world:
        yield world


@pytest.fixture
def world() -> Iterator[World]:
    with world_of() as world:
        yield world


def test_a_webhook_is_signed_over_the_bytes_it_carries_with_shopifys_headers(world: World) -> None:
    placed = world.post("orders", {**LINES, "email": "ñ@example.com"})
    world.settled()
    ((headers, body),) = world.receiver.got
    assert is_signed(headers, body, [SECRET])
    assert json.loads(body) == placed["order"]
    assert headers["x-shopify-topic"] == "orders/paid"
    assert headers["x-shopify-shop-domain"] == "demo.myshopify.com"
    assert headers["x-shopify-api-version"] == "2026-10"
    assert headers["x-shopify-webhook-id"] != headers["x-shopify-event-id"]
    assert {"x-shopify-triggered-at", HEADER} <= set(headers)


def test_what_happens_to_an_order_is_told_by_its_topic(world: World) -> None:
    placed = world.post("orders", {**LINES, "financial_status": "pending"})
    for event, form in (
        ("pay", {}),
        ("address", {"address": {"zip": "28002"}}),
        ("edit", {"lines": [{"id": placed["order"]["line_items"][0]["id"], "current_quantity": 1}]}),
        ("cancel", {}),
    ):
        world.settled()
        order = world.post(f"orders/{placed['id']}/{event}", form)["order"]
    world.settled()
    assert world.receiver.topics == [
        "orders/updated",
        "orders/paid",
        "orders/updated",
        "orders/updated",
        "orders/cancelled",
    ]
    assert order["cancelled_at"]
    assert order["shipping_address"]["zip"] == "28002"
    assert order["line_items"][0]["current_quantity"] == 0
    assert order["financial_status"] == "refunded"


def test_duplicates_carry_the_same_ids(world: World) -> None:
    world.post("orders", {**LINES, "webhooks": {"times": 3}})
    world.settled()
    assert len(world.receiver.got) == 3
    assert len({headers["x-shopify-webhook-id"] for headers, _ in world.receiver.got}) == 1
    assert len({body for _, body in world.receiver.got}) == 1


def test_one_event_may_come_under_several_webhook_ids(world: World) -> None:
    world.post("orders", {**LINES, "webhooks": {"times": 2, "fresh_ids": True}})
    world.settled()
    assert len({headers["x-shopify-webhook-id"] for headers, _ in world.receiver.got}) == 2
    assert len({headers["x-shopify-event-id"] for headers, _ in world.receiver.got}) == 1


def test_a_refused_webhook_is_retried_until_it_is_taken(world: World) -> None:
    world.receiver.answers = [500, 404, 200]
    world.post("orders", LINES)
    (delivery,) = world.settled()
    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 404, 200]
    assert delivery["outcome"] == "delivered"


def test_after_eight_retries_shopify_gives_up(world: World) -> None:
    world.receiver.answers = [503] * 20
    world.post("orders", LINES)
    (delivery,) = world.settled()
    assert len(delivery["attempts"]) == RETRIES + 1
    assert delivery["outcome"] == "given up"


def test_the_eight_retries_take_four_hours_by_default() -> None:
    assert sum(RETRY_BASE * 2**retry for retry in range(RETRIES)) == pytest.approx(4 * 3600, rel=0.01)


def test_a_closed_door_is_an_attempt_too(world: World) -> None:
    with listen(0) as taken:
        closed = taken.getsockname()[1]
    world.post("settings", {"webhook_url": f"http://{LOOPBACK}:{closed}/hook"})
    world.post("orders", LINES)
    eventually(lambda: first_attempts(world))
    assert world.deliveries()[0]["attempts"][0]["error"] == "ConnectError"


def first_attempts(world: World) -> list[Any]:
    return world.deliveries()[0]["attempts"]


def test_a_forged_webhook_has_a_wrong_signature_and_is_not_retried(world: World) -> None:
    world.receiver.answers = [401, 401]
    world.post("orders", {**LINES, "webhooks": {"forged": True}})
    (delivery,) = world.settled()
    ((headers, body),) = world.receiver.got
    assert not is_signed(headers, body, [SECRET])
    assert [attempt["status"] for attempt in delivery["attempts"]] == [401]


def test_a_lost_webhook_is_never_sent_though_the_order_is_there(world: World) -> None:
    world.post("orders", {**LINES, "webhooks": {"lost": True}})
    (delivery,) = world.settled()
    assert delivery["outcome"] == "lost"
    assert world.receiver.got == []


def test_a_webhook_can_be_overtaken_by_a_later_one(world: World) -> None:
    placed = world.post("orders", {**LINES, "webhooks": {"after": "orders/cancelled"}})
    world.post(f"orders/{placed['id']}/cancel", {"webhooks": {"delay": 0.05}})
    world.settled()
    assert world.receiver.topics == ["orders/cancelled", "orders/paid"]


def test_any_body_can_be_sent_signed(world: World) -> None:
    world.post("webhooks", {"topic": "orders/paid", "raw": "{not json"})
    eventually(lambda: world.receiver.got)
    headers, body = world.receiver.got[0]
    assert body == b"{not json"
    assert is_signed(headers, body, [SECRET])
    eventually(lambda: world.ledger()["other_deliveries"][0]["outcome"] == "delivered")


def test_a_chatty_shop_tells_of_an_update_beside_every_event() -> None:
    with world_of(chatty=True) as world:
        world.post("orders", LINES)
        world.settled()
        assert sorted(world.receiver.topics) == ["orders/paid", "orders/updated"]


def test_the_same_seed_sends_the_same_ids() -> None:
    seen = []
    for seed in (7, 7, 8):
        with world_of(seed=seed) as world:
            world.post("orders", LINES)
            world.settled()
            seen.append(world.receiver.got[0][0]["x-shopify-webhook-id"])
    assert seen[0] == seen[1] != seen[2]


def test_no_more_than_eight_webhooks_are_on_their_way_at_once(world: World) -> None:
    world.receiver.seconds = 0.1
    world.post("orders", {**LINES, "webhooks": {"times": 30}})
    world.settled()
    assert len(world.receiver.got) == 30
    assert 1 < world.receiver.most_present <= 8
