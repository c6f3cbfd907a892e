"""The bench's stage: PostgreSQL, Temporal, simulators, API and workers, each as a process of its own on loopback."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from adapters.database import configurations
from adapters.database.engine import Database
from adapters.database.migrate import upgrade
from models.configuration import Configuration
from sandbox.shopify_world import MAIN_LOCATION, location_id
from starter.embedded import Stack, embedded_stack
from starter.places import Announce
from starter.processes import Process, ProcessError, free_port

SHOP = "bench-shop.example"
CHANNEL = "bench"
LOCATION = location_id(MAIN_LOCATION)
SECRETS = {
    "BENCH_SHOP_SECRET": "bench-signing-secret",
    "BENCH_SHOP_TOKEN": "bench-shop-token",
    "BENCH_SUPPLIER_TOKEN": "bench-supplier-token",
}
CHECK_EVERY = "1s"  # timers shorter than a second are not exact on a server with an SQL store
READY_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What runs, and where it answers."""

    stack: Stack
    workdir: Path
    database: Database
    shop_url: str
    supplier_url: str
    mail_url: str

    @property
    def environment(self) -> dict[str, str]:
        """Everything a child process must know."""
        return {
            **SECRETS,
            # Without stored bytecode the sandbox compiles every workflow file again for every run.
            "PYTHONDONTWRITEBYTECODE": "",
            "DROPWRIGHT_DATABASE_URL": self.stack.database_url,
            "DROPWRIGHT_SWEEP_EVERY": "3600",
            "DROPWRIGHT_MAIL_EVERY": "1",
            "DROPWRIGHT_LOG_LEVEL": "warning",
            "TEMPORAL_ADDRESS": self.stack.temporal_address,
            "TEMPORAL_NAMESPACE": self.stack.namespace,
            "BENCH_SHOP_URL": self.shop_url,
            "BENCH_SUPPLIER_URL": self.supplier_url,
            "BENCH_MAIL_URL": self.mail_url,
            "BENCH_COUNTS": str(self.counts_path),
        }

    @property
    def counts_path(self) -> Path:
        """Where the product's worker writes how many statements it has sent."""
        return self.workdir / "counts.json"

    def start_worker(self, kind: str) -> Process:
        """Start the product's worker, or the floor's."""
        return self._start(f"{kind}-worker", [sys.executable, "-m", "bench.worker_process", kind])

    def start_serving(self, part: str) -> Process:
        """Start ``dropwright worker`` for all, for orders, or for the background."""
        command = [sys.executable, "-c", "from starter.cli import main; main()", "worker", "--serve", part]
        return self._start(f"{part}-worker", command)

    def start_api(self) -> str:
        """Start the API; returns its address once it can store."""
        port = free_port()
        command = [sys.executable, "-c", "from starter.cli import main; main()", "api", "--port", str(port)]
        process = self._start("api", command)
        url = f"http://127.0.0.1:{port}"
        _await_answer(f"{url}/readyz", process)
        return url

    def stop(self, name: str) -> None:
        """Stop one process."""
        self.stack.processes.stop(name)

    def _start(self, name: str, command: list[str]) -> Process:
        return self.stack.processes.start(name, command, self.environment, self.workdir / f"{name}.log")


@contextmanager
def set_stage(workdir: Path, announce: Announce, *, shop_articles: int = 0) -> Iterator[Stage]:
    """Start everything but API and workers, with a configuration under which an order ships at its first check.

    ``shop_articles``: how many variants the shop has on sale; 0 leaves it at its usual few.
    """
    os.environ.pop("TEMPORAL_ADDRESS", None)  # measured is the server that is started here
    with embedded_stack(workdir, announce, ui=False) as stack:
        upgrade(stack.database_url)
        database = Database(stack.database_url)
        try:
            shop, supplier, mail, smtp_port = _start_simulators(stack, workdir)
            if shop_articles:
                catalogue = {"count": shop_articles, "seed": 1}
                httpx.post(f"{shop}/_sandbox/catalogue", json=catalogue, timeout=300).raise_for_status()
            settings = _configuration(shop, supplier, smtp_port)
            configurations.apply(database, settings, by="bench", now=datetime.now(UTC))
            yield Stage(
                stack=stack, workdir=workdir, database=database, shop_url=shop, supplier_url=supplier, mail_url=mail
            )
        finally:
            database.close()


def _start_simulators(stack: Stack, workdir: Path) -> tuple[str, str, str, int]:
    shop_port, supplier_port, mail_port, smtp_port = (free_port() for _ in range(4))
    secrets = ["--secret-env", "BENCH_SHOP_SECRET", "--token-env", "BENCH_SHOP_TOKEN"]
    commands = {
        "shop": ["sandbox.shopify", "--port", str(shop_port), "--shop", SHOP, *secrets],
        "supplier": [
            *("sandbox.btswholesaler", "--port", str(supplier_port), "--ship-after", "0"),
            *("--token", SECRETS["BENCH_SUPPLIER_TOKEN"]),
        ],
        "mailbox": ["sandbox.mailbox", "--port", str(smtp_port), "--http-port", str(mail_port)],
    }
    urls = [f"http://127.0.0.1:{port}" for port in (shop_port, supplier_port, mail_port)]
    for (name, command), url in zip(commands.items(), urls, strict=True):
        process = stack.processes.start(name, [sys.executable, "-m", *command], SECRETS, workdir / f"{name}.log")
        _await_answer(f"{url}/_sandbox/faults", process)
    return urls[0], urls[1], urls[2], smtp_port


def _await_answer(url: str, process: Process) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            if httpx.get(url, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        if not process.running or time.monotonic() > deadline:
            raise ProcessError(f"{process.name} did not start:\n{process.last_lines()}")
        time.sleep(0.1)


def _configuration(shop_url: str, supplier_url: str, smtp_port: int) -> Configuration:
    return Configuration.model_validate(
        {
            "channels": {
                CHANNEL: {
                    "shop_domain": SHOP,
                    "api_url": shop_url,
                    "webhook_secret_env": "BENCH_SHOP_SECRET",
                    "token_env": "BENCH_SHOP_TOKEN",
                    "mode": "live",
                    "start_watermark": "2020-01-01T00:00:00Z",
                    "customer_messages": "dropwright",
                }
            },
            "suppliers": {
                "bts": {
                    "adapter": "btswholesaler",
                    "display_name": "BTSWholesaler",
                    "base_url": f"{supplier_url}/v1/api",
                    "token_env": "BENCH_SUPPLIER_TOKEN",
                    "mode": "live",
                    "metafield_namespace": "btswholesaler",
                    "tracking_plan": [CHECK_EVERY] * 7,
                    "max_concurrent_calls": 50,
                }
            },
            "routing": {"priority": ["bts"]},
            "mail": {
                "host": "127.0.0.1",
                "port": smtp_port,
                "starttls": False,
                "sender": "shop@bench.example",
                "alerts_to": "operations@bench.example",
            },
        }
    )
