"""The product as it runs in earnest: worker and API processes beside simulated systems, each killed at will."""

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from adapters.database import configurations
from adapters.database.engine import Database
from adapters.database.migrate import upgrade
from models.configuration import Configuration
from starter.embedded import Stack, embedded_stack
from starter.places import Announce, project_dir
from starter.processes import Process, ProcessGroup, free_port
from tests.e2e import weather
from tests.e2e.kill_points import Held, KillPoint, Target
from tests.e2e.sales import POSTCODES, SUPPLIER_SCRIPTS, Sale

SHOP_DOMAIN = "shop.under-fire.example"
SECRETS = {"E2E_SHOP_SECRET": "signing-secret", "E2E_SHOP_TOKEN": "shop-token", "E2E_BTS_TOKEN": "bts-token"}
WORKERS = ("worker-1", "worker-2")
KILLED = 128 + signal.SIGKILL  # how a shell, and our process group, report an end by SIGKILL (-9)
SUBMIT_TIMEOUT = timedelta(seconds=2)
# Squeezed so far that a kill can cost a check or two: no script's end depends on which check sees it.
TRACKING_PLAN = ("8s", "6s", "10s", "14s", "30s", "30s", "30s")
# Three calls in a row that no killed worker waited for may look like an outage: on a busy machine, and briefly.
OUTAGES = {"probe_every": timedelta(seconds=5)}
HELD_WITHIN = 180.0  # seconds for a held call to come; less than 20 where nothing else runs
UP_WITHIN = 60.0
BETWEEN_KILLS = 2.0


class NoCallError(AssertionError):
    """The call at which a kill was to strike never came."""


@dataclass
class Systems:
    """Where the simulated systems answer, and what steers them."""

    supplier_url: str
    shop_url: str
    mail_url: str
    mail_port: int
    http: httpx.AsyncClient

    async def post(self, url: str, **document: Any) -> dict[str, Any]:
        """Steer a system."""
        answer = await self.http.post(url, json=document)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def get(self, url: str) -> dict[str, Any]:
        """Look at a system."""
        answer = await self.http.get(url)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def url_of(self, system: str) -> str:
        """Find a system by its name in kill points."""
        return {"supplier": self.supplier_url, "shop": self.shop_url, "mail": self.mail_url}[system]

    async def supplier_orders(self) -> list[dict[str, Any]]:
        """List what the supplier really has."""
        ledger = await self.get(f"{self.supplier_url}/_sandbox/ledger")
        return list(ledger["orders"])

    async def shop_orders(self) -> list[dict[str, Any]]:
        """List what the shop knows of its orders."""
        ledger = await self.get(f"{self.shop_url}/_sandbox/ledger")
        return list(ledger["orders"])

    async def messages(self) -> list[dict[str, Any]]:
        """List the mails that arrived."""
        inbox = await self.get(f"{self.mail_url}/_sandbox/messages")
        return list(inbox["messages"])

    async def read_the_scripts(self) -> None:
        """Tell the supplier which life each kind of order has there."""
        for script, document in SUPPLIER_SCRIPTS.items():
            rule = {"where": {"postal_code": f"^{POSTCODES[script]}$"}, "script": document}
            await self.post(f"{self.supplier_url}/_sandbox/script", **rule)

    async def let_it_rain(self, seed: int) -> None:
        """Switch the faults on everywhere."""
        for url, rules in (
            (self.supplier_url, weather.SUPPLIER),
            (self.shop_url, weather.SHOP),
            (self.mail_url, weather.MAIL),
        ):
            await self.post(f"{url}/_sandbox/faults", rules=rules, seed=seed)


@dataclass
class Scene:
    """Everything that runs, what was done to it, and what it keeps."""

    stack: Stack
    systems: Systems
    client: Client
    database: Database
    workdir: Path
    environment: dict[str, str]
    api_port: int
    kills: list[tuple[KillPoint, list[int]]] = field(default_factory=list)  # with the killed processes' exit codes
    deaths: list[str] = field(default_factory=list)  # processes that ended without being killed
    placed: dict[str, Sale] = field(default_factory=dict)  # by the shop's order id
    restarts: Counter[str] = field(default_factory=Counter)
    _log_began: dict[str, int] = field(default_factory=dict)  # where in its log a process began

    @property
    def processes(self) -> ProcessGroup:
        """Every child process of the run."""
        return self.stack.processes

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Read from our database."""
        with self.database.begin() as tx:
            return [dict(row._mapping) for row in tx.execute(text(statement), values)]

    def logs(self) -> dict[str, Path]:
        """Find the logs of our own processes."""
        return {name: self.workdir / f"{name}.log" for name in (*WORKERS, "api")}

    # The product's processes.

    def start(self, name: str) -> Process:
        """Start one of our processes, again or for the first time."""
        command = ["worker"] if name in WORKERS else ["api", "--port", str(self.api_port)]
        argv = [sys.executable, "-m", "starter.cli", *command, "--json"]
        log = self.logs()[name]
        self._log_began[name] = log.stat().st_size if log.exists() else 0
        return self.processes.start(name, argv, self.environment, log)

    async def start_everything(self) -> None:
        """Start the workers and the API, and wait until the API answers."""
        for name in (*WORKERS, "api"):
            self.start(name)
        await self._until_the_api_answers()

    async def _until_the_api_answers(self) -> None:
        await answering(f"http://127.0.0.1:{self.api_port}/healthz", self.processes, "api")

    async def _until_the_workers_work(self) -> None:
        """Wait until each worker has started: one that finds no database refuses to, and a supervisor repeats it."""
        deadline = time.monotonic() + UP_WITHIN
        for name in WORKERS:
            while b'"worker_started"' not in self.logs()[name].read_bytes()[self._log_began[name] :]:
                assert time.monotonic() < deadline, f"{name} does not start: {self.processes[name].last_lines()}"
                await asyncio.sleep(0.1)

    def revive(self) -> None:
        """Start what ended by itself, as a supervisor would, and remember that it did."""
        for name in WORKERS:
            process = self.processes[name]
            if process.running:
                continue
            self.deaths.append(f"{name} ended with {process.returncode}: {process.last_lines(3)}")
            self.start(name)

    # Kills.

    async def strike(self, point: KillPoint) -> None:
        """Wait for a kill point's moment, kill, and bring back what was killed."""
        if point.held is not None:
            await self._hold(point.held)
        else:
            await asyncio.sleep(point.after)
        match point.target:
            case Target.POSTGRES:
                await self._until_the_workers_work()
                await asyncio.to_thread(self._crash_postgres)
            case Target.API:
                self._kill(point, ["api"])
                self.start("api")
            case Target.ONE_WORKER:
                self._kill(point, [WORKERS[len(self.kills) % len(WORKERS)]])
            case Target.EVERY_WORKER:
                self._kill(point, list(WORKERS))
        self.restarts[point.target] += 1
        if point.target.is_worker:
            self._bring_back()

    def _kill(self, point: KillPoint, names: list[str]) -> None:
        codes = []
        for name in names:
            self.processes.kill(name)
            codes.append(self.processes[name].returncode or 0)
        if point.target.is_worker:
            self.kills.append((point, codes))

    def _bring_back(self) -> None:
        for name in WORKERS:
            if not self.processes[name].running:
                self.start(name)

    def _crash_postgres(self) -> None:
        self.stack.postgres.kill()
        self.stack.postgres.start()

    async def _hold(self, held: Held) -> None:
        """Arm a fault that holds one call, and wait until that call is held."""
        url = f"{self.systems.url_of(held.system)}/_sandbox/faults"
        armed = await self.systems.post(url, rules=[held.rule()], add=True)
        position = len(armed["rules"]) - 1
        deadline = time.monotonic() + HELD_WITHIN
        while not (await self.systems.get(url))["rules"][position]["fired"]:
            if time.monotonic() > deadline:
                raise NoCallError(held)
            await asyncio.sleep(0.03)
        # Fired is counted as the call is read: what is processed first needs a moment.
        await asyncio.sleep(0.1)

    # The world's doings.

    async def sell(self, sale: Sale) -> None:
        """Let a customer order, and do later what becomes of the order in the shop."""
        answer = await self.systems.post(f"{self.systems.shop_url}/_sandbox/orders", **sale.form())
        order_id = str(answer["id"])
        self.placed[order_id] = sale
        if sale.follow_up:
            await asyncio.sleep(sale.follow_up_after)
            manner = sale.manner if sale.follow_up == "pay" else {}
            url = f"{self.systems.shop_url}/_sandbox/orders/{order_id}/{sale.follow_up}"
            await self.systems.post(url, webhooks=manner)


async def answering(url: str, processes: ProcessGroup, name: str) -> None:
    """Wait until a process of ours answers."""
    deadline = time.monotonic() + UP_WITHIN
    async with httpx.AsyncClient(trust_env=False) as http:
        while True:
            try:
                await http.get(url)
            except httpx.TransportError:
                assert processes[name].running, f"{name} ended: {processes[name].last_lines()}"
                assert time.monotonic() < deadline, f"{name} does not answer: {processes[name].last_lines()}"
                await asyncio.sleep(0.1)
            else:
                return


@asynccontextmanager
async def running_scene(workdir: Path, announce: Announce, seed: int) -> AsyncIterator[Scene]:
    """Start servers and simulated systems, with tables and configuration; our own processes are the caller's to start."""
    with embedded_stack(workdir, announce, ui=False) as stack, migrated(stack) as database:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            api_port = free_port()
            systems = await _start_systems(stack.processes, workdir, api_port, seed, http)
            document = _configuration(systems)
            configurations.apply(database, document, by="test", now=datetime.now(UTC))
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
            yield Scene(stack, systems, client, database, workdir, environment, api_port)


@contextmanager
def migrated(stack: Stack) -> Iterator[Database]:
    """Make the tables, and open the database."""
    upgrade(stack.database_url)
    database = Database(stack.database_url, pool_size=4)
    try:
        yield database
    finally:
        database.close()


async def _start_systems(
    processes: ProcessGroup, workdir: Path, api_port: int, seed: int, http: httpx.AsyncClient
) -> Systems:
    supplier, shop, mail, smtp = (free_port() for _ in range(4))
    webhooks = f"http://127.0.0.1:{api_port}/webhooks/shopify/main"
    commands = {
        "supplier": f"btswholesaler --port {supplier} --seed {seed} --token {SECRETS['E2E_BTS_TOKEN']}",
        "shop": f"shopify --port {shop} --seed {seed} --shop {SHOP_DOMAIN} --secret-env E2E_SHOP_SECRET"
        f" --token-env E2E_SHOP_TOKEN --chatty --retry-base 0.5 --webhook-url {webhooks}",
        "mail": f"mailbox --port {smtp} --http-port {mail}",
    }
    environment = {**SECRETS, "PYTHONPATH": str(project_dir())}
    for name, command in commands.items():
        module, *options = command.split()
        argv = [sys.executable, "-m", f"sandbox.{module}", *options]
        processes.start(name, argv, environment, workdir / f"{name}.log")
    supplier_url, shop_url, mail_url = (f"http://127.0.0.1:{port}" for port in (supplier, shop, mail))
    for name, url in (("supplier", supplier_url), ("shop", shop_url), ("mail", mail_url)):
        await answering(f"{url}/_sandbox/faults", processes, name)
    systems = Systems(supplier_url, shop_url, mail_url, smtp, http)
    await systems.read_the_scripts()
    return systems


def _configuration(systems: Systems) -> Configuration:
    return Configuration.model_validate(
        {
            "channels": {
                "main": {
                    "shop_domain": SHOP_DOMAIN,
                    "api_url": systems.shop_url,
                    "webhook_secret_env": "E2E_SHOP_SECRET",
                    "token_env": "E2E_SHOP_TOKEN",
                    "mode": "live",
                    "start_watermark": "2020-01-01T00:00:00Z",
                    "customer_messages": "dropwright",
                }
            },
            "suppliers": {
                "bts": {
                    "adapter": "btswholesaler",
                    "display_name": "BTSWholesaler",
                    "base_url": f"{systems.supplier_url}/v1/api",
                    "token_env": "E2E_BTS_TOKEN",
                    "mode": "live",
                    "metafield_namespace": "btswholesaler",
                    "submit_timeout": SUBMIT_TIMEOUT,
                    "read_timeout": timedelta(seconds=5),
                    "acknowledgement_deadline": timedelta(seconds=40),
                    "tracking_plan": TRACKING_PLAN,
                    "final_check_grace": timedelta(seconds=30),
                    "outages": OUTAGES,
                }
            },
            "routing": {"priority": ["bts"]},
            "mail": {
                "host": "127.0.0.1",
                "port": systems.mail_port,
                "starttls": False,
                "sender": "orders@under-fire.example",
                "alerts_to": "operations@under-fire.example",
            },
        }
    )


def seed() -> int:
    """The seed of the whole run: ``DROPWRIGHT_E2E_SEED``, else a fixed one."""
    return int(os.environ.get("DROPWRIGHT_E2E_SEED", "1"))


def order_count() -> int:
    """How many orders are placed: ``DROPWRIGHT_E2E_ORDERS``."""
    return int(os.environ.get("DROPWRIGHT_E2E_ORDERS", "200"))
