"""Routing as it runs in earnest: worker and API processes beside three suppliers, three shelves, three shops and a mailbox."""

import asyncio
import csv
import itertools
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.requests import request_sync
from adapters.database import configurations, picks
from adapters.database.engine import Transaction
from models.commands import SupplierReported
from models.configuration import Configuration
from models.identifiers import sync_workflow_id
from models.picks import Picked
from models.sync import RunState, SyncOutcome, Trigger
from sandbox.btswholesaler import create_app as create_supplier
from sandbox.mailbox import create_app as create_mailbox
from sandbox.mailbox import smtp_port
from sandbox.serving import serving
from sandbox.shopify import create_app as create_shop
from starter.embedded import embedded_stack
from starter.places import Announce, project_dir
from starter.processes import free_port
from tests.e2e import harness
from tests.e2e.harness import Scene, Systems
from tests.e2e.routing_sales import (
    ARTICLES,
    ASKS,
    BROUGHT,
    BUNDLE,
    CHANNELS,
    FILLERS,
    FLASH,
    SHELVES,
    SIMULATED,
    STOCK,
    Sale,
)

SECRETS = harness.SECRETS | {"E2E_LINK_SECRET": "a-secret-that-signs-customers-links-in-tests"}
COUNT = "count"
SHIPS_AFTER = 3.0  # seconds, at the simulated suppliers
TRACKING_PLAN = ("5s", "4s", "4s", "6s", "12s", "30s", "30s")
SYNCED_WITHIN, MAILED_WITHIN = 90.0, 120.0
_ORDER_IDS = itertools.count(8_000_000_000_001)
LINK = re.compile(r"http://\S+/c/\S+")


@dataclass
class World:
    """Everything that runs, and what customers and the people at our shelves do."""

    scene: Scene
    suppliers: dict[str, str]  # where each simulated one answers
    shops: dict[str, str]
    folder: Path
    placed: dict[str, Sale] = field(default_factory=dict)  # by the shop's order id
    picked: Counter[tuple[str, str]] = field(default_factory=Counter)  # units that were sent, by warehouse and EAN
    gone: Counter[tuple[str, str]] = field(default_factory=Counter)  # and units that are no longer on the shelf

    # Customers.

    async def sell(self, sales: Iterable[Sale]) -> None:
        """Let customers order, all at once."""
        await asyncio.gather(*(self._sell(sale) for sale in sales))

    async def _sell(self, sale: Sale) -> None:
        order_id = next(_ORDER_IDS)  # given, because three shops would count alike
        self.placed[str(order_id)] = sale
        form = sale.form() | {"id": order_id}
        await self.scene.systems.post(f"{self.shops[sale.channel]}/_sandbox/orders", **form)

    async def link(self, sale: Sale) -> str:
        """Wait for the mail that asks a customer, and take the link out of it."""
        deadline = time.monotonic() + MAILED_WITHIN
        while True:
            for message in await self.scene.systems.messages():
                if message["to"] == [sale.email] and (found := LINK.search(message["body"])):
                    return found[0]
            assert time.monotonic() < deadline, f"no question was mailed for {sale.key}"
            await asyncio.sleep(0.2)

    async def answer(self, sale: Sale, link: str) -> int | None:
        """Look at the page, and answer it by its form. Returns the status, None where nobody was there to give one."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            try:
                assert (await http.get(link)).status_code == httpx.codes.OK
                return (await http.post(link, data={"line-0": sale.answer})).status_code
            except httpx.TransportError:
                return None

    # The people of our own warehouses.

    async def pick(self) -> None:
        """Pack and send what is to be picked, until cancelled. Of one article a piece is missing on its shelf."""
        while True:
            for number, workflow_id in await asyncio.to_thread(self._pack):
                news = SupplierReported(event_id=f"pick:{number}")
                await self.scene.client.get_workflow_handle(workflow_id).signal("supplier_reported", news)
            await asyncio.sleep(0.3)

    def _pack(self) -> list[tuple[str, str]]:
        told = []
        with self.scene.database.begin() as tx:
            waiting = picks.list_open(tx, warehouse=None, today=datetime.now(UTC), limit=100)
        for row in waiting:
            with self.scene.database.begin() as tx:
                if workflow_id := self._send(tx, row["number"], row["warehouse"]):
                    told.append((row["number"], workflow_id))
        return told

    def _send(self, tx: Transaction, number: str, warehouse: str) -> str | None:
        task = picks.find(tx, number)
        assert task is not None
        short = {line.ean: 1 for line in task.lines if line.ean == ARTICLES["short_pick"]}
        picks.ship(
            tx,
            number,
            Picked(tracking_number=f"OWN-{number}", carrier="GLS", short=short, by="packer"),
            now=datetime.now(UTC),
        )
        for line in task.lines:
            self.picked[warehouse, line.ean] += line.quantity - short.get(line.ean, 0)
            self.gone[warehouse, line.ean] += line.quantity
        return picks.workflow_of(tx, number)

    def count_shelves(self, brought: Mapping[str, int]) -> None:
        """Write down what lies on each shelf now, with what was delivered to the yard meanwhile."""
        for shelf in SHELVES:
            units = {ARTICLES[name]: there[shelf] for name, there in STOCK.items() if shelf in there}
            rows = [(ean, count - self.gone[shelf, ean], cost) for ean, (count, cost) in units.items()]
            rows += [(ean, 50, "9.00") for ean in FILLERS]
            if shelf == "yard":
                rows += [(ARTICLES[name], brought.get(name, 0), "5.00") for name in BROUGHT]
            self._write(shelf, rows)

    def _write(self, shelf: str, rows: Iterable[tuple[str, int, str]]) -> None:
        fresh = self.folder / f"{shelf}.part"
        with fresh.open("w", newline="") as file:
            csv.writer(file).writerows(
                [("SKU", "EAN", "QTY", "COST"), *((f"S{ean}", ean, *rest) for ean, *rest in rows)]
            )
        fresh.replace(self.folder / f"{shelf}.csv")

    async def sync(self, *shelves: str) -> None:
        """Bring what was counted in, and wait until it is applied."""
        for shelf in shelves:
            await request_sync(self.scene.client, shelf, COUNT, Trigger.OPERATOR)
        async with asyncio.timeout(SYNCED_WITHIN):
            for shelf in shelves:
                name = sync_workflow_id(shelf, COUNT)
                outcome = await self.scene.client.get_workflow_handle(name, result_type=SyncOutcome).result()
                assert outcome.state is RunState.APPLIED, (shelf, outcome)

    # Looking.

    async def ledgers(self) -> dict[str, list[dict[str, Any]]]:
        """Read what each simulated supplier really has."""
        get = self.scene.systems.get
        return {name: list((await get(f"{url}/_sandbox/ledger"))["orders"]) for name, url in self.suppliers.items()}

    async def shop_orders(self) -> dict[str, dict[str, Any]]:
        """Read what the shops know, by order id."""
        get = self.scene.systems.get
        found = [order for url in self.shops.values() for order in (await get(f"{url}/_sandbox/ledger"))["orders"]]
        return {str(order["id"]): order for order in found}


@asynccontextmanager
async def running_world(workdir: Path, announce: Announce, seed: int) -> AsyncIterator[World]:
    """Start servers and simulated systems, with tables and configuration; our own processes are the caller's to start."""
    folder = workdir / "counts"
    folder.mkdir()
    with embedded_stack(workdir, announce, ui=False) as stack, ExitStack() as systems:
        database = systems.enter_context(harness.migrated(stack))
        api_port, mailbox = free_port(), create_mailbox()
        token = SECRETS["E2E_BTS_TOKEN"]
        suppliers = {
            name: systems.enter_context(serving(create_supplier(seed=seed + number, token=token)))
            for number, name in enumerate(SIMULATED)
        }
        shops = {name: systems.enter_context(serving(_shop(name, api_port, seed))) for name in CHANNELS}
        mail_url = systems.enter_context(serving(mailbox))
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            steering = Systems(suppliers["alpha"], shops["main"], mail_url, smtp_port(mailbox), http)
            await _stock_up(steering, suppliers)
            configurations.apply(
                database,
                _configuration(suppliers, shops, folder, steering.mail_port, api_port),
                by="test",
                now=datetime.now(UTC),
            )
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
            yield World(scene, suppliers, shops, folder)


def _shop(channel: str, api_port: int, seed: int) -> Any:
    return create_shop(
        shop_domain=f"{channel}.routing.example",
        secret=SECRETS["E2E_SHOP_SECRET"],
        token=SECRETS["E2E_SHOP_TOKEN"],
        webhook_url=f"http://127.0.0.1:{api_port}/webhooks/shopify/{channel}",
        seed=seed,
        retry_base=0.5,
    )


async def _stock_up(systems: Systems, suppliers: Mapping[str, str]) -> None:
    """Give each supplier what it has by the script, and nothing else that is sold here."""
    for name, url in suppliers.items():
        offers = {ARTICLES[article]: there.get(name, (0, "5.00")) for article, there in STOCK.items()}
        units = dict.fromkeys(ARTICLES.values(), 0) | {ean: count for ean, (count, _) in offers.items()}
        await systems.post(f"{url}/_sandbox/stock", **units)
        await systems.post(f"{url}/_sandbox/prices", **{ean: cost for ean, (_, cost) in offers.items()})
        await systems.post(f"{url}/_sandbox/settings", ship_after=SHIPS_AFTER)
    refusal = {"ean": ARTICLES["refused"], "script": {"refuse": "no_stock"}}
    await systems.post(f"{suppliers['alpha']}/_sandbox/script", **refusal)
    cancelled = {"ean": ARTICLES["cancelled"], "script": {"steps": [{"after": 2, "status": "Cancelled"}]}}
    await systems.post(f"{suppliers['alpha']}/_sandbox/script", **cancelled)


def _configuration(
    suppliers: Mapping[str, str], shops: Mapping[str, str], folder: Path, mail_port: int, api_port: int
) -> Configuration:
    return Configuration.model_validate(
        {
            "channels": {name: _channel(name, url) for name, url in shops.items()},
            "suppliers": {
                **{name: _shelf(name, folder) for name in SHELVES},
                **{name: _supplier(name, url) for name, url in suppliers.items()},
            },
            "routing": {"priority": [*SHELVES, *SIMULATED], "choose": "cost", "weights": {"split": "1"}},
            "stock": {
                "bundles": {ARTICLES["bundle"]: BUNDLE},
                "substitutes": {ARTICLES["nobody_has"]: [ARTICLES["alternative"]]},
            },
            "backorders": {
                "action": "wait",
                "rules": [
                    {"name": "what is gone is gone", "channels": [FLASH], "action": "cancel"},
                    {"name": "customers decide", "channels": [ASKS], "action": "ask_customer"},
                ],
            },
            "customers": {"public_url": f"http://127.0.0.1:{api_port}", "link_secret_env": "E2E_LINK_SECRET"},
            "supply": {"rates_every": None},
            "reconciling": {"every": None},
            "low_stock": {"every": None},
            "mail": {
                "host": "127.0.0.1",
                "port": mail_port,
                "starttls": False,
                "sender": "orders@routing.example",
                "alerts_to": "operations@routing.example",
            },
        }
    )


def _channel(name: str, url: str) -> dict[str, Any]:
    return {
        "shop_domain": f"{name}.routing.example",
        "api_url": url,
        "webhook_secret_env": "E2E_SHOP_SECRET",
        "token_env": "E2E_SHOP_TOKEN",
        "mode": "live",
        "start_watermark": "2020-01-01T00:00:00Z",
        "customer_messages": "dropwright",
    }


def _common(name: str) -> dict[str, Any]:
    return {
        "display_name": name.title(),
        "mode": "live",
        "metafield_namespace": f"supplier_{name}",
        "tracking_plan": TRACKING_PLAN,
        "final_check_grace": timedelta(seconds=30),
        "read_timeout": timedelta(seconds=3),
        "submit_timeout": timedelta(seconds=2),
        "acknowledgement_deadline": timedelta(seconds=60),
        "outages": harness.OUTAGES,
    }


def _supplier(name: str, url: str) -> dict[str, Any]:
    terms = {"shipping": [{"cost": "4.00"}]}
    reached = {"base_url": f"{url}/v1/api", "token_env": "E2E_BTS_TOKEN", "terms": terms}
    return _common(name) | {"adapter": "btswholesaler"} | reached


def _shelf(name: str, folder: Path) -> dict[str, Any]:
    columns = {"sku": "SKU", "ean": "EAN", "quantity": "QTY", "unit_cost": "COST"}
    count = {"kind": "stock", "source": f"file://{folder / name}.csv", "absent": "zero", "columns": columns}
    return _common(name) | {"adapter": "warehouse", "feeds": {COUNT: count}, "terms": {"shipping": [{"cost": "3.00"}]}}
