"""The demo's world: the product's own processes beside simulated suppliers, a shop and a mail server, on free ports."""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from adapters.database import configurations, migrate
from adapters.database.engine import Database
from models.configuration import Configuration
from starter.configuration_files import read_file
from starter.demo_configuration import CHANNEL, ON_SALE, SECRETS, SHOP_DOMAIN, configuration_text
from starter.demo_scenarios import SHIPS_AFTER
from starter.demo_story import PARTNERS, SUPPLIERS, Tell
from starter.embedded import Stack
from starter.processes import ProcessError, free_port

MARKET = "market"  # the process in which all partners live
WIRES = ("northwind_sftp", "alba_sftp", "rosa_smtp", "rosa_imap")  # ports of partners that speak something besides HTTP
START_SECONDS = 60.0
POLL_SECONDS = 0.1
WORKER_READY = "worker_started"


@dataclass(kw_only=True)
class World:
    """What runs, and how to steer and look at what is simulated."""

    stack: Stack
    folder: Path
    seed: int
    ports: Mapping[str, int]
    environment: Mapping[str, str]
    database: Database
    configuration: Configuration | None = None
    http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=10, trust_env=False))

    def url(self, name: str) -> str:
        """Say where a part answers over HTTP."""
        return f"http://127.0.0.1:{self.ports[name]}"

    async def post(self, part: str, path: str, document: Any) -> Any:
        """Steer a simulated part. Raises httpx.HTTPError where it does not take it."""
        reply = await self.http.post(f"{self.url(part)}/_sandbox/{path}", json=document)
        reply.raise_for_status()
        return reply.json()

    async def ledger(self, part: str) -> dict[str, Any]:
        """Ask a supplier or the shop what really happened there."""
        found: dict[str, Any] = (await self.http.get(f"{self.url(part)}/_sandbox/ledger")).json()
        return found

    async def mails(self) -> list[dict[str, Any]]:
        """List every mail that arrived."""
        found: list[dict[str, Any]] = (await self.http.get(f"{self.url('mailbox')}/_sandbox/messages")).json()[
            "messages"
        ]
        return found

    async def switch(self, supplier: str, *, on: bool) -> None:
        """Start a supplier's process again, or end it; what it knows is in its journal."""
        if on:
            await asyncio.to_thread(self._start_supplier, supplier)
            await self._await_answer(supplier)
        else:
            await asyncio.to_thread(self.stack.processes.stop, supplier)

    def start_simulators(self) -> None:
        """Start suppliers, partners, shop and mail server, all at once."""
        for supplier in SUPPLIERS:
            self._start_supplier(supplier)
        webhooks = f"{self.url('api')}/webhooks/shopify/{CHANNEL}"
        shop = ["--secret-env", "DEMO_SHOP_SECRET", "--token-env", "DEMO_SHOP_TOKEN", "--webhook-url", webhooks]
        shop += ["--shop", SHOP_DOMAIN, "--seed", str(self.seed), "--articles", str(ON_SALE)]
        self._start("shop", "sandbox.shopify", "--port", str(self.ports["shop"]), *shop)
        ports = ["--port", str(self.ports["smtp"]), "--http-port", str(self.ports["mailbox"])]
        self._start("mailbox", "sandbox.mailbox", *ports)
        listed = self.folder / "ports.json"
        listed.write_text(json.dumps({name: self.ports[name] for name in (*PARTNERS, *WIRES)}), "utf-8")
        self._start(MARKET, "sandbox.market", "--folder", str(self.folder / MARKET), "--ports", str(listed))

    def prepare_database(self) -> None:
        """Create the tables, and apply the configuration from its file, as `dropwright config apply` does."""
        migrate.upgrade(self.stack.database_url)
        path = self.folder / "dropwright.toml"
        path.write_text(configuration_text(self.ports, self.folder), "utf-8")
        self.configuration = read_file(path)
        configurations.apply(self.database, self.configuration, by="demo", now=datetime.now(UTC))

    def start_product(self) -> None:
        """Start the API and the worker, as anybody would."""
        self._start("api", "starter.cli", "api", "--port", str(self.ports["api"]), "--json")
        self._start("worker", "starter.cli", "worker", "--json")

    async def await_simulators(self) -> None:
        """Wait until every simulated part answers."""
        await asyncio.gather(*(self._await_answer(part) for part in (*SUPPLIERS, *PARTNERS, "shop", "mailbox")))

    async def await_product(self) -> None:
        """Wait until webhooks can be stored and orders are worked on."""
        await self._await_answer("api", "/readyz")
        log, process = self.folder / "worker.log", self.stack.processes["worker"]
        deadline = time.monotonic() + START_SECONDS
        while WORKER_READY not in (log.read_text(errors="replace") if log.exists() else ""):
            self._require("worker", running=process.running and time.monotonic() < deadline)
            await asyncio.sleep(POLL_SECONDS)

    def require_all_running(self, away: set[str]) -> None:
        """Raise ProcessError with its last lines where a process has ended that should not have."""
        for name in (*SUPPLIERS, MARKET, "shop", "mailbox", "api", "worker"):
            if name not in away:
                self._require(name, running=self.stack.processes[name].running)

    def start_command(self, number: int, *arguments: str) -> None:
        """Start one `dropwright` command of a person."""
        self._start(f"command-{number}", "starter.cli", *arguments)

    async def prepare_shop(self) -> None:
        """Have the shop's webhooks and metafields set up, as anybody would before the first order."""
        self.start_command(0, "doctor", "--fix", "--no-catalogue")
        doctor = self.stack.processes["command-0"]
        if code := await asyncio.to_thread(doctor.wait, START_SECONDS):
            raise ProcessError(f"dropwright doctor --fix ended with {code}: {doctor.last_lines(5)}")

    async def close(self) -> None:
        """Give connections back."""
        await self.http.aclose()

    def _start_supplier(self, supplier: str) -> None:
        options = {
            "--port": self.ports[supplier],
            "--seed": self.seed * 10 + list(SUPPLIERS).index(supplier),
            "--token": SECRETS["DEMO_SUPPLIER_TOKEN"],
            "--state": self.folder / f"{supplier}.jsonl",
            "--ship-after": SHIPS_AFTER,
        }
        self._start(supplier, "sandbox.btswholesaler", *(str(part) for pair in options.items() for part in pair))

    def _start(self, name: str, module: str, *arguments: str) -> None:
        command = [sys.executable, "-m", module, *arguments]
        self.stack.processes.start(name, command, self.environment, self.folder / f"{name}.log")

    async def _await_answer(self, part: str, path: str = "") -> None:
        path = path or ("/_sandbox/messages" if part == "mailbox" else "/_sandbox/ledger")
        deadline = time.monotonic() + START_SECONDS
        while not await self._answers(self.url(part) + path):
            process = MARKET if part in PARTNERS else part
            self._require(process, running=self.stack.processes[process].running and time.monotonic() < deadline)
            await asyncio.sleep(POLL_SECONDS)

    async def _answers(self, url: str) -> bool:
        try:
            return (await self.http.get(url)).is_success
        except httpx.HTTPError:
            return False

    def _require(self, name: str, *, running: bool) -> None:
        if not running:
            raise ProcessError(f"{name} does not run:\n{self.stack.processes[name].last_lines()}")


async def use_own_namespace(stack: Stack) -> None:
    """On a Temporal server that is not ours, work in a namespace of the demo's own: others may be in use."""
    if stack.temporal.ours:
        return
    stack.temporal.namespace = f"dropwright-demo-{secrets.token_hex(4)}"
    client = await Client.connect(stack.temporal_address)
    request = RegisterNamespaceRequest(namespace=stack.namespace)
    request.workflow_execution_retention_period.FromTimedelta(timedelta(days=1))
    try:
        await client.workflow_service.register_namespace(request)
    except RPCError as error:
        raise ProcessError(
            f"the Temporal server at {stack.temporal_address} gives the demo no namespace of its own "
            f"({error.status.name}): unset TEMPORAL_ADDRESS, and the demo starts a server itself"
        ) from None


def build_world(stack: Stack, folder: Path, seed: int) -> World:
    """Choose ports, write down the environment, and open the database; nothing is started yet."""
    parts = (*SUPPLIERS, *PARTNERS, *WIRES, "shop", "mailbox", "smtp", "api")
    ports: dict[str, int] = {}
    while len(set(ports.values())) < len(parts):
        ports = {part: free_port() for part in parts}
    environment = {
        "DROPWRIGHT_DATABASE_URL": stack.database_url,
        "DROPWRIGHT_API_PORT": str(ports["api"]),
        "DROPWRIGHT_LOG_FORMAT": "json",
        "DROPWRIGHT_LOG_LEVEL": "info",
        "DROPWRIGHT_SWEEP_EVERY": "5",
        "DROPWRIGHT_MAIL_EVERY": "1",
        "TEMPORAL_ADDRESS": stack.temporal_address,
        "TEMPORAL_NAMESPACE": stack.namespace,
        **SECRETS,
    }
    return World(
        stack=stack,
        folder=folder,
        seed=seed,
        ports=ports,
        environment=environment,
        database=Database(stack.database_url, pool_size=4),
    )


async def bring_up(world: World, tell: Tell) -> None:
    """Start everything, in an order in which nothing waits for long."""
    tell(f"starting {len(SUPPLIERS) + len(PARTNERS)} simulated suppliers, a shop and a mail server")
    world.start_simulators()
    tell("creating the tables and applying the configuration")
    await asyncio.to_thread(world.prepare_database)
    await world.await_simulators()
    tell("preparing the shop: dropwright doctor --fix")
    await world.prepare_shop()
    tell("starting the API and the worker")
    world.start_product()
    await world.await_product()
