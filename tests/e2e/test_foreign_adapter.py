"""A new supplier needs no change to ours: a scaffolded package, installed beside us while we run, fulfils an order."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from adapters.database import configurations
from models.configuration import Configuration
from models.statuses import OrderState
from starter.places import Announce, project_dir, run_directory
from starter.processes import free_port
from tests.e2e import harness
from tests.e2e.harness import Scene, answering, running_scene
from tests.e2e.sales import PLANTED
from tests.foreign_adapter.installing import install_scaffold

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

ADAPTER, MODULE = "acme-trade", "dropwright_acme_trade"
TOKEN = "the-right-token"
ARTICLE, TRACKING = "4006381333931", "GLS-0000000042"
WITHIN = 90.0
WORKER = harness.WORKERS[0]


@dataclass
class Foreign:
    """A scene in which the foreign supplier was installed and applied after the worker had started."""

    scene: Scene
    url: str
    worker_pid: int

    async def orders(self) -> list[dict[str, Any]]:
        """Read the foreign supplier's own books."""
        return list((await self.scene.systems.get(f"{self.url}/_sandbox/ledger"))["orders"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def foreign(announce: Announce) -> AsyncIterator[Foreign]:
    with run_directory("foreign-adapter") as workdir:
        (site := workdir / "site").mkdir()
        async with running_scene(workdir, announce, seed=1) as scene:
            scene.environment["PYTHONPATH"] = f"{site}{os.pathsep}{project_dir()}"
            scene.environment["ACME_TOKEN"] = TOKEN
            worker = scene.start(WORKER)
            scene.start("api")
            await answering(f"http://127.0.0.1:{scene.api_port}/healthz", scene.processes, "api")
            await until(lambda: has_started(scene))
            install_scaffold(ADAPTER, workdir)
            url = await start_supplier(scene, workdir)
            apply_supplier(scene, url)
            await until(lambda: serves_the_supplier(scene))
            yield Foreign(scene, url, worker.pid)


async def start_supplier(scene: Scene, workdir: Path) -> str:
    port = free_port()
    command = [sys.executable, "-m", f"{MODULE}.simulator", "--port", str(port), "--token", TOKEN]
    scene.processes.start("acme", command, scene.environment, workdir / "acme.log")
    await answering(f"http://127.0.0.1:{port}/_sandbox/ledger", scene.processes, "acme")
    return f"http://127.0.0.1:{port}"


async def has_started(scene: Scene) -> bool:
    log = scene.logs()[WORKER]
    return log.exists() and b'"worker_started"' in log.read_bytes()


async def serves_the_supplier(scene: Scene) -> bool:
    """See that the change has reached the worker: until then an order is routed by the version before."""
    return b'"queue": "supplier-acme"' in scene.logs()[WORKER].read_bytes()


def apply_supplier(scene: Scene, url: str) -> None:
    """Make the foreign supplier the one that is routed to; the one that was there is called no more."""
    document = harness._configuration(scene.systems).model_dump(mode="json")
    document["suppliers"]["acme"] = document["suppliers"]["bts"] | {
        "adapter": ADAPTER,
        "display_name": "Acme Trade",
        "base_url": f"{url}/v1",
        "token_env": "ACME_TOKEN",
        "metafield_namespace": "acme",
        "tracking_plan": ["1s", "1s", "1s", "2s", "5s", "30s", "30s"],
    }
    document["routing"]["priority"] = ["acme"]
    settings = Configuration.model_validate(document)
    configurations.apply(scene.database, settings, by="test", now=datetime.now(UTC))


async def until(holds: Callable[[], Awaitable[Any]]) -> Any:
    deadline = time.monotonic() + WITHIN
    while not (found := await holds()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
    return found


async def test_an_order_is_fulfilled_by_a_supplier_of_another_distribution(foreign: Foreign) -> None:
    scene, shop = foreign.scene, foreign.scene.systems.shop_url
    form = {"lines": [[ARTICLE, 2]], "address": PLANTED | {"zip": "28001"}, "email": "p@planted.example"}
    sale = str((await scene.systems.post(f"{shop}/_sandbox/orders", **form, financial_status="paid"))["id"])
    (placed,) = await until(foreign.orders)
    assert placed["lines"] == [{"ean": ARTICLE, "quantity": 2}]
    change = {"status": "shipped", "tracking": [TRACKING]}
    await scene.systems.post(f"{foreign.url}/_sandbox/orders/{placed['order_number']}", **change)

    async def fulfilments() -> list[dict[str, Any]]:
        return [
            one
            for order in await scene.systems.shop_orders()
            if str(order["id"]) == sale
            for one in order["fulfillments"]
        ]

    assert [one["tracking_numbers"] for one in await until(fulfilments)] == [[TRACKING]]

    async def ended() -> bool:
        states = scene.rows("SELECT state FROM orders")
        return [row["state"] for row in states] == [OrderState.SHIPPED]

    assert await until(ended)
    assert len(await foreign.orders()) == 1


async def test_the_worker_that_served_it_had_started_before_it_was_installed(foreign: Foreign) -> None:
    worker = foreign.scene.processes[WORKER]
    assert worker.running
    assert worker.pid == foreign.worker_pid
    (order,) = foreign.scene.rows("SELECT supplier FROM purchase_orders")
    assert order["supplier"] == "acme"
