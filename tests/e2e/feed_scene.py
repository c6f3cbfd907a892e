"""Feeds and shops as they run in earnest: worker processes beside simulated suppliers and shops, each killed at will."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.requests import request_sync
from adapters.database import configurations
from adapters.database.engine import Database
from adapters.database.migrate import upgrade
from models.configuration import Configuration
from models.identifiers import publication_workflow_id, sync_workflow_id
from models.sync import RunState, SyncOutcome, Trigger
from sandbox.btswholesaler import create_app as create_supplier
from sandbox.fileserver_faults import TransferFaults
from sandbox.fileserver_http import FolderOverHttp
from sandbox.fileserver_http import create_app as create_folder
from sandbox.serving import serving
from sandbox.shopify import create_app as create_shop
from sandbox.shopify_world import MAIN_LOCATION, location_id
from starter.embedded import Stack, embedded_stack
from starter.places import Announce, project_dir
from tests.e2e.feed_files import COLUMNS, NAME, Folder
from tests.e2e.feed_holds import until

SECRETS = {"FIRE_SHOP_SECRET": "signing-secret", "FIRE_SHOP_TOKEN": "shop-token", "FIRE_SUPPLIER_TOKEN": "bts-token"}
BACKGROUND = ("background-1", "background-2")
ORDERS = "orders"
FEED = "stock"
PAGES = 30  # of the supplier's own list, of 500 articles each
VARIANTS = 400  # of each shop: two slices of a publication that leaves call by call
UP_WITHIN = 60.0
ENDED_WITHIN = 300.0  # less than 60 where nothing else runs; what is asked again waits ever longer
PRICING = {"currency": "EUR", "rules": [{"name": "all", "markup": "0.5"}], "endings": ["0.99"]}
Shown = dict[str, tuple[Any, ...]]


@dataclass
class Scene:
    """Everything that runs, and what steers it."""

    stack: Stack
    database: Database
    client: Client
    workdir: Path
    folder: Folder
    slow: FolderOverHttp
    supplier_url: str
    shops: dict[str, str]  # channel -> where its shop answers
    exits: dict[str, int] = field(default_factory=dict)  # of the processes that were killed
    _log_began: dict[str, int] = field(default_factory=dict)

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Read from our database."""
        with self.database.begin() as tx:
            return [dict(row._mapping) for row in tx.execute(text(statement), values)]

    def count(self, statement: str, **values: Any) -> int:
        """Read one number."""
        with self.database.begin() as tx:
            return int(tx.execute(text(statement), values).scalar_one())

    # The product's processes.

    async def start(self, *names: str) -> None:
        """Start workers, and wait until each of them serves."""
        for name in names:
            argv = [sys.executable, "-m", "starter.cli", "worker", "--serve", name.partition("-")[0], "--json"]
            log = self._log(name)
            self._log_began[name] = log.stat().st_size if log.exists() else 0
            self.stack.processes.start(name, argv, self._environment(), log)
        for name in names:
            await until(partial(self._serves, name), f"{name} serves", UP_WITHIN)

    def kill(self, *names: str) -> None:
        """End workers by SIGKILL, at once."""
        for name in names:
            self.stack.processes.kill(name)
            self.exits[name] = self.stack.processes[name].returncode or 0

    def _serves(self, name: str) -> bool:
        assert self.stack.processes[name].running, self.stack.processes[name].last_lines()
        return b'"worker_started"' in self._log(name).read_bytes()[self._log_began[name] :]

    def _log(self, name: str) -> Path:
        return self.workdir / f"{name}.log"

    def _environment(self) -> dict[str, str]:
        return SECRETS | {
            "DROPWRIGHT_DATABASE_URL": self.stack.database_url,
            "TEMPORAL_ADDRESS": self.stack.temporal_address,
            "TEMPORAL_NAMESPACE": self.stack.namespace,
            "PYTHONPATH": str(project_dir()),
        }

    # Feeds.

    async def ask(self, *suppliers: str, trigger: Trigger = Trigger.SCHEDULE) -> None:
        """Ask for runs of these suppliers' feeds."""
        for supplier in suppliers:
            await request_sync(self.client, supplier, FEED, trigger)

    async def ended(self, *suppliers: str) -> dict[str, SyncOutcome]:
        """Wait until the runs of these suppliers' feeds have ended."""
        handles = [
            self.client.get_workflow_handle(sync_workflow_id(one, FEED), result_type=SyncOutcome) for one in suppliers
        ]
        try:
            async with asyncio.timeout(ENDED_WITHIN):
                outcomes = await asyncio.gather(*(handle.result() for handle in handles))
        except TimeoutError:
            raise AssertionError(
                "\n".join([one for name in suppliers for one in await self._waits_for(name)])
            ) from None
        return dict(zip(suppliers, outcomes, strict=True))

    async def _waits_for(self, supplier: str) -> list[str]:
        described = await self.client.get_workflow_handle(sync_workflow_id(supplier, FEED)).describe()
        pending = described.raw_description.pending_activities
        return [f"{supplier}: {one.activity_type.name} attempt {one.attempt} {one.last_failure}" for one in pending]

    async def sync(self, *suppliers: str, trigger: Trigger = Trigger.SCHEDULE) -> dict[str, SyncOutcome]:
        """Run these suppliers' feeds, at the same time."""
        await self.ask(*suppliers, trigger=trigger)
        return await self.ended(*suppliers)

    async def apply(self, *suppliers: str) -> None:
        """Run these suppliers' feeds, of which each brings something new."""
        outcomes = await self.sync(*suppliers)
        strange = {name: outcome for name, outcome in outcomes.items() if outcome.state is not RunState.APPLIED}
        assert not strange, strange

    def newest_run(self, supplier: str) -> dict[str, Any]:
        """Look at a feed's newest run."""
        (run,) = self.rows("SELECT * FROM feed_runs WHERE supplier = :one ORDER BY id DESC LIMIT 1", one=supplier)
        return run

    # Systems.

    def post(self, url: str, path: str, **document: Any) -> dict[str, Any]:
        """Steer a simulated system."""
        answer = httpx.post(f"{url}/_sandbox/{path}", json=document, timeout=20)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def fired(self, url: str) -> list[int]:
        """Count how often each fault of a system has struck."""
        return [rule["fired"] for rule in httpx.get(f"{url}/_sandbox/faults").json()["rules"]]

    def shown(self, channel: str) -> Shown:
        """Look at what a shop really shows."""
        entries = httpx.get(f"{self.shops[channel]}/_sandbox/listings", params={"limit": 5000}).json()["listings"]
        return {one["variant_id"]: (one["quantity"], float(one["price"]), one["words"]) for one in entries}

    def believed(self, channel: str) -> Shown:
        """Read what we believe that it shows, of everything a supplier offers."""
        found = self.rows(
            "SELECT variant_id, published_quantity, published_price, published_words FROM listings l "
            "WHERE channel = :channel AND EXISTS (SELECT 1 FROM offers o WHERE o.ean = l.ean)",
            channel=channel,
        )
        return {
            row["variant_id"]: (row["published_quantity"], float(row["published_price"] or -1), row["published_words"])
            for row in found
        }

    def barcodes(self, channel: str) -> list[str]:
        """List the article codes that a shop sells."""
        entries = httpx.get(f"{self.shops[channel]}/_sandbox/listings", params={"limit": 5000}).json()["listings"]
        return sorted({one["barcode"] for one in entries if one["barcode"]})

    async def published(self, *channels: str) -> None:
        """Wait until these channels' publishers have nothing left to do."""
        deadline = time.monotonic() + ENDED_WITHIN
        for channel in channels:
            while not await self._is_quiet(channel):
                assert time.monotonic() < deadline, self._unfinished(channel)
                await asyncio.sleep(0.2)

    async def _is_quiet(self, channel: str) -> bool:
        if any(self._unfinished(channel)[0].values()):
            return False
        description = await self.client.get_workflow_handle(publication_workflow_id(channel)).describe()
        return description.status is not WorkflowExecutionStatus.RUNNING

    def _unfinished(self, channel: str) -> list[dict[str, Any]]:
        return self.rows(
            "SELECT (SELECT count(*) FROM listings WHERE channel = :one AND dirty_since IS NOT NULL) AS dirty, "
            "(SELECT count(*) FROM publications WHERE channel = :one AND ended_at IS NULL) AS open",
            one=channel,
        )


@asynccontextmanager
async def running_scene(
    workdir: Path, announce: Announce, files: tuple[str, ...], pages: tuple[str, ...], channels: tuple[str, ...]
) -> AsyncIterator[Scene]:
    """Start servers and simulated systems; ``files`` and ``pages`` are suppliers, the first file's server can be slow."""
    folder = workdir / "feeds"
    folder.mkdir()
    with embedded_stack(workdir, announce, ui=False) as stack, _migrated(stack) as database, ExitStack() as systems:
        quick_app, _ = create_folder(folder)
        slow_app, slow = create_folder(folder, TransferFaults())
        quick_url, slow_url = (systems.enter_context(serving(app)) for app in (quick_app, slow_app))
        supplier_app = create_supplier(seed=3, articles=500 * PAGES, token=SECRETS["FIRE_SUPPLIER_TOKEN"])
        supplier_url = systems.enter_context(serving(supplier_app))
        shops = {name: systems.enter_context(_shop(name)) for name in channels}
        sources = {name: f"{slow_url if name == files[0] else quick_url}/{name}/{NAME}" for name in files}
        document = _configuration(sources | dict.fromkeys(pages, "api"), supplier_url, shops)
        configurations.apply(database, document, by="test", now=datetime.now(UTC))
        client = await Client.connect(
            stack.temporal_address, namespace=stack.namespace, data_converter=pydantic_data_converter
        )
        yield Scene(stack, database, client, workdir, Folder(folder), slow, supplier_url, shops)


@contextmanager
def _shop(channel: str) -> Iterator[str]:
    token, secret = SECRETS["FIRE_SHOP_TOKEN"], SECRETS["FIRE_SHOP_SECRET"]
    with serving(create_shop(shop_domain=f"{channel}.fire.example", secret=secret, token=token)) as url:
        form = {"count": VARIANTS, "variants_per_product": 4, "quantity": 3}
        httpx.post(f"{url}/_sandbox/catalogue", json=form).raise_for_status()
        yield url


@contextmanager
def _migrated(stack: Stack) -> Iterator[Database]:
    upgrade(stack.database_url)
    database = Database(stack.database_url, pool_size=4)
    try:
        yield database
    finally:
        database.close()


def _configuration(sources: dict[str, str], supplier_url: str, shops: dict[str, str]) -> Configuration:
    return Configuration.model_validate(
        {
            "channels": {name: _channel(name, url) for name, url in shops.items()},
            "suppliers": {name: _supplier(name, source, supplier_url) for name, source in sources.items()},
            "routing": {"priority": list(sources)},
            "supply": {"rates_every": None},
            "reconciling": {"every": None},
            "low_stock": {"every": None},
            "mail": {
                "host": "127.0.0.1",
                "port": 9,
                "starttls": False,
                "sender": "orders@fire.example",
                "alerts_to": "operations@fire.example",
            },
        }
    )


def _channel(name: str, url: str) -> dict[str, Any]:
    return {
        "shop_domain": f"{name}.fire.example",
        "api_url": url,
        "webhook_secret_env": "FIRE_SHOP_SECRET",
        "token_env": "FIRE_SHOP_TOKEN",
        "mode": "live",
        "start_watermark": "2020-01-01T00:00:00Z",
        "publishing": {
            "quantities": True,
            "prices": True,
            "location": location_id(MAIN_LOCATION),
            "pricing": PRICING,
            "bulk_from": 1 if name.startswith("bulk") else 100_000,
        },
    }


def _supplier(name: str, source: str, supplier_url: str) -> dict[str, Any]:
    feed: dict[str, Any] = {"kind": "stock", "source": source}
    if source != "api":
        feed |= {"columns": COLUMNS, "absent": "zero", "trust_private_hosts": True}
    return {
        "adapter": "btswholesaler",
        "display_name": name,
        "base_url": f"{supplier_url}/v1/api",
        "token_env": "FIRE_SUPPLIER_TOKEN",
        "mode": "live",
        "metafield_namespace": "btswholesaler",
        "feeds": {FEED: feed},
    }
