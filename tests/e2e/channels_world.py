"""A supplier over each channel, as it runs in earnest: worker and API processes beside eight partners and a shop."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from adapters.database import configurations
from adapters.database.engine import Database
from models.statuses import OrderState
from sandbox.mailbox import create_app as create_mailbox
from sandbox.mailbox import smtp_port
from sandbox.serving import serving
from sandbox.shopify import create_app as create_shop
from starter.embedded import embedded_stack
from starter.places import Announce, project_dir
from starter.processes import free_port
from tests.e2e import harness
from tests.e2e.channels_partners import Partners, serving_partners
from tests.e2e.channels_points import CHANNELS
from tests.e2e.channels_settings import ARTICLES, SECRETS, SHOP_DOMAIN, configuration, sku_of
from tests.e2e.harness import Scene, Systems
from tests.e2e.sales import PLANTED

UNITS = 1_000
_ORDER_IDS = itertools.count(8_100_000_000_001)


@dataclass(frozen=True)
class Sale:
    """One order of one article, which one channel's supplier has; no other sale has as many of it."""

    channel: str
    units: int
    ending: OrderState = OrderState.SHIPPED

    @property
    def key(self) -> str:
        """Name it."""
        return f"{self.channel}_{self.units}"

    def form(self) -> dict[str, Any]:
        """Write the order as the simulated shop takes it."""
        lines = [[ARTICLES[self.channel], self.units]]
        return {"lines": lines, "address": PLANTED | {"zip": "28001"}, "email": f"{self.key}@planted.example"}


@dataclass
class World:
    """Everything that runs, and what customers and partners do."""

    scene: Scene
    partners: Partners
    placed: dict[str, Sale] = field(default_factory=dict)  # by the shop's order id

    async def sell(self, sales: Iterable[Sale]) -> None:
        """Let customers order, all at once."""
        await asyncio.gather(*(self._sell(sale) for sale in sales))

    async def _sell(self, sale: Sale) -> None:
        order_id = next(_ORDER_IDS)
        self.placed[str(order_id)] = sale
        form = sale.form() | {"id": order_id}
        await self.scene.systems.post(f"{self.scene.systems.shop_url}/_sandbox/orders", **form)

    async def trade(self) -> None:
        """Let the partners behind folders work, until cancelled."""
        while True:
            for side in self.partners.files.values():
                await asyncio.to_thread(side.work)
            await asyncio.sleep(0.3)


@asynccontextmanager
async def running_world(workdir: Path, announce: Announce, seed: int) -> AsyncIterator[World]:
    """Start servers and partners, with tables and configuration; our own processes are the caller's to start."""
    keeps_sent = random.Random(f"sent:{seed}").random() < 0.5
    with embedded_stack(workdir, announce, ui=False) as stack, ExitStack() as systems:
        database = systems.enter_context(harness.migrated(stack))
        api_port, mailbox = free_port(), create_mailbox()
        partners = systems.enter_context(serving_partners(workdir / "partners", seed, keeps_sent=keeps_sent))
        shop_url = systems.enter_context(serving(_shop(api_port, seed)))
        mail_url = systems.enter_context(serving(mailbox))
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            steering = Systems("", shop_url, mail_url, smtp_port(mailbox), http)
            document = configuration(partners, shop_url, smtp_port(mailbox))
            configurations.apply(database, document, by="test", now=datetime.now(UTC))
            _stock_up(database)
            client = await Client.connect(
                stack.temporal_address, namespace=stack.namespace, data_converter=pydantic_data_converter
            )
            environment = SECRETS | {
                "DROPWRIGHT_DATABASE_URL": stack.database_url,
                "DROPWRIGHT_SWEEP_EVERY": "5",
                "DROPWRIGHT_MAIL_EVERY": "1",
                "TEMPORAL_ADDRESS": stack.temporal_address,
                "TEMPORAL_NAMESPACE": stack.namespace,
                "PYTHONPATH": str(project_dir()),
            }
            scene = Scene(stack, steering, client, database, workdir, environment, api_port)
            yield World(scene, partners)


def _shop(api_port: int, seed: int) -> Any:
    return create_shop(
        shop_domain=SHOP_DOMAIN,
        secret=SECRETS["E2E_SHOP_SECRET"],
        token=SECRETS["E2E_SHOP_TOKEN"],
        webhook_url=f"http://127.0.0.1:{api_port}/webhooks/shopify/main",
        seed=seed,
        retry_base=0.5,
    )


def _stock_up(database: Database) -> None:
    """Write down what feeds would have brought: each supplier has its one article."""
    rows = [
        {
            "supplier": channel,
            "sku": sku_of(channel),
            "ean": ARTICLES[channel],
            "quantity": UNITS,
            "now": datetime.now(UTC),
        }
        for channel in CHANNELS
    ]
    insertion = text(
        "INSERT INTO offers (supplier, sku, ean, known, quantity, unit_cost, currency, observed_at, cost_observed_at)"
        " VALUES (:supplier, :sku, :ean, true, :quantity, 5, 'EUR', :now, :now)"
    )
    rates = text(
        'INSERT INTO exchange_rates (base, currency, "on", source, rate, captured_at)'
        " VALUES ('EUR', 'USD', CAST(:now AS date), 'ecb', 1.1, :now)"
    )
    with database.begin() as tx:
        tx.execute(insertion, rows)
        tx.execute(rates, {"now": datetime.now(UTC)})
