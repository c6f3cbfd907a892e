"""A shop's deliveries and the API that takes them: real uvicorn, real PostgreSQL, the real Shopify adapter."""

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import text
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.delivery import OrderDelivery
from activities.intake import Intake
from adapters.database.configurations import ConfigurationStore, apply
from adapters.database.engine import Database
from adapters.ports import StorefrontPort
from adapters.storefronts.shopify.adapter import build
from adapters.storefronts.shopify.signature import sign
from models.configuration import Configuration
from models.intake import Received
from starter.api import build_server, create_app, listen
from starter.delivery import Deliverer

NOBODY = "127.0.0.1:9"  # no Temporal server listens here
PATIENT = 60.0  # seconds: a slow machine is no failure
SHOP = "planted.example"
SECRETS = {"SHOP_SECRET": "new secret", "SHOP_OLD_SECRET": "old secret", "SHOP_TOKEN": "token"}
WATERMARK = datetime(2026, 1, 1, tzinfo=UTC)
PAID_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
IDS = itertools.count(5_000_000_001)


def configuration(**channel: Any) -> Configuration:
    """One Shopify channel, ``main``."""
    main = {
        "shop_domain": SHOP,
        "webhook_secret_env": "SHOP_SECRET",
        "previous_webhook_secret_env": "SHOP_OLD_SECRET",
        "token_env": "SHOP_TOKEN",
        "start_watermark": WATERMARK,
        **channel,
    }
    supplier = {
        "adapter": "btswholesaler",
        "display_name": "BTSWholesaler",
        "base_url": "http://127.0.0.1:9",
        "token_env": "BTS_TOKEN",
        "metafield_namespace": "btswholesaler",
    }
    mail = {"host": "127.0.0.1", "port": 25, "sender": "shop@planted.example", "alerts_to": "ops@planted.example"}
    return Configuration.model_validate(
        {"channels": {"main": main}, "suppliers": {"bts": supplier}, "routing": {"priority": ["bts"]}, "mail": mail}
    )


def address(**changes: Any) -> dict[str, Any]:
    """A shipping address in the REST shape."""
    return {
        "first_name": "Planted",
        "last_name": "Person",
        "address1": "Planted Street 1",
        "city": "Madrid",
        "zip": "28001",
        "country_code": "ES",
        **changes,
    }


def line(**changes: Any) -> dict[str, Any]:
    """A line in the REST shape."""
    return {
        "id": 11,
        "sku": "SKU-1",
        "variant_id": 900,
        "title": "Cream",
        "quantity": 2,
        "price": "12.50",
        "requires_shipping": True,
        **changes,
    }


def order(order_id: int | None = None, *, minute: int = 0, **changes: Any) -> dict[str, Any]:
    """A paid order in the REST shape; ``minute`` says how long after the payment it was updated."""
    number = order_id or next(IDS)
    return {
        "id": number,
        "name": f"#{number % 100_000}",
        "currency": "EUR",
        "total_price": "25.00",
        "financial_status": "paid",
        "cancelled_at": None,
        "test": False,
        "created_at": PAID_AT.isoformat(),
        "processed_at": PAID_AT.isoformat(),
        "updated_at": (PAID_AT + timedelta(minutes=minute)).isoformat(),
        "email": "planted@planted.example",
        "shipping_address": address(),
        "line_items": [line()],
        **changes,
    }


@dataclass
class World:
    """A database with one channel configured, and intake in front of it."""

    database: Database
    configurations: ConfigurationStore
    storefronts: dict[str, StorefrontPort]
    deliveries: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def intake(self) -> Intake:
        """Intake as the API has it."""
        return Intake(self.database, self.configurations, self.storefronts.__getitem__)

    def receive(self, document: Any, topic: str = "orders/paid", **changes: Any) -> Received:
        """Deliver past the HTTP layer."""
        delivery: dict[str, Any] = {
            "topic": topic,
            "delivery_id": f"delivery-{next(self.deliveries)}-{id(self)}",
            "event_id": None,
            "body": json.dumps(document).encode(),
            "document": document,
            "paid_at": PAID_AT if topic == "orders/paid" else None,
        }
        return self.intake.receive("main", **delivery | changes)

    def rows(self, query: str, **values: Any) -> Sequence[Any]:
        """Look into the database."""
        with self.database.begin() as tx:
            return tx.execute(text(query), values).all()

    def order_row(self, document: dict[str, Any]) -> Any:
        """Read an order's row."""
        (row,) = self.rows("SELECT * FROM orders WHERE storefront_order_id = :id", id=str(document["id"]))
        return row

    def tasks(self, order_id: int | None = None) -> list[str]:
        """List the categories of the open tasks, of one order or of all."""
        query = "SELECT category FROM tasks WHERE state = 'open' AND coalesce(order_id = :id, :id IS NULL) ORDER BY id"
        return [row.category for row in self.rows(query.replace(":id", "CAST(:id AS bigint)"), id=order_id)]

    def events(self, order_id: int) -> list[str]:
        """List what the timeline tells."""
        return [
            row.event for row in self.rows("SELECT event FROM timeline WHERE order_id = :id ORDER BY id", id=order_id)
        ]


def build_world(url: str, **channel: Any) -> World:
    """Apply the configuration and build what stands in front of it."""
    database = Database(url)
    settings = configuration(**channel)
    apply(database, settings, by="test", now=datetime.now(UTC))
    storefront = build(
        settings=settings.channels["main"], channel_id="main", secrets=SECRETS.__getitem__, sink=lambda record: None
    )
    return World(database, ConfigurationStore(database, max_age=0.05), {"main": storefront})


@contextmanager
def serving(world: World, temporal_address: str = NOBODY, answer_seconds: float = PATIENT) -> Iterator[httpx.Client]:
    """The API on loopback, in a thread; yields a client of it."""
    listener = listen("127.0.0.1", 0)
    servers: list[uvicorn.Server] = []
    thread = threading.Thread(
        target=lambda: asyncio.run(_serve(world, temporal_address, answer_seconds, listener, servers))
    )
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=90) as client:
            client.get("/healthz").raise_for_status()
            yield client
    finally:
        servers[0].should_exit = True
        thread.join(30)


def logged_until(capfd: pytest.CaptureFixture[str], route: str, wanted: set[tuple[str, str]]) -> str:
    """Return what was logged once the route's answers, by method and status, are in it.

    A line is written when its answer is on its way: ours may come late, and so may one of the test before.
    """
    logged, deadline = "", time.monotonic() + 30
    while not wanted <= (seen := _answers(logged, route)) and time.monotonic() < deadline:
        time.sleep(0.01)
        logged += "".join(capfd.readouterr())
    assert wanted <= seen, logged
    return logged


def _answers(logged: str, route: str) -> set[tuple[str, str]]:
    lines = [line for line in logged.splitlines() if f"route={route}" in line]
    return {(line.partition("method=")[2].split()[0], line.partition("status=")[2].split()[0]) for line in lines}


async def _serve(
    world: World, temporal_address: str, answer_seconds: float, listener: Any, servers: list[uvicorn.Server]
) -> None:
    temporal = await Client.connect(temporal_address, lazy=True, data_converter=pydantic_data_converter)
    app = create_app(
        database=world.database,
        configurations=world.configurations,
        storefronts=world.storefronts.__getitem__,
        secrets=lambda name: SECRETS.get(name, ""),
        deliverer=Deliverer(OrderDelivery(temporal, world.database, world.configurations)),
        answer_seconds=answer_seconds,
    )
    servers.append(build_server(app))
    await servers[0].serve(sockets=[listener])


def headers(body: bytes, topic: str = "orders/paid", secret: str = "new secret", **changes: str) -> dict[str, str]:
    """The headers Shopify puts beside a body."""
    return {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": sign(body, secret),
        "X-Shopify-Shop-Domain": SHOP,
        "X-Shopify-Webhook-Id": f"webhook-{next(IDS)}",
        "X-Shopify-Triggered-At": PAID_AT.isoformat(),
        **changes,
    }


def post(
    client: httpx.Client, document: Any, topic: str = "orders/paid", *, body: bytes | None = None, **changes: str
) -> httpx.Response:
    """Deliver as Shopify does."""
    content = json.dumps(document).encode() if body is None else body
    return client.post("/webhooks/shopify/main", content=content, headers=headers(content, topic, **changes))
