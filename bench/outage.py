"""Other suppliers' orders while one supplier is down: from an order's start to its supplier's answer, in both states.

python -m bench.outage --orders 30 --rounds 3
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
from sqlalchemy import text
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.delivery import start_order_workflow
from activities.dependencies import build_dependencies
from activities.intake import Intake
from adapters.database import configurations
from bench.stage import CHANNEL, SECRETS, Stage, set_stage
from models.configuration import Configuration
from models.contracts import OrderRequest
from sandbox import btswholesaler
from sandbox.catalogue import plain_eans
from sandbox.serving import serving
from starter import search_attributes
from starter.places import run_directory

HERE, THERE = plain_eans()[:2]  # articles: one only at the supplier that stays up, one only at the other
FALTERING = "faltering"
HANGS = {"operation": "", "kind": "hang"}  # the worst way to be down: every call lasts until it is given up
PER_SECOND = 3  # orders of each article
WORKER_START = 6.0  # seconds
SETTLES_WITHIN = 180.0

_LATENCY = text("""
SELECT extract(epoch FROM c.started_at + c.duration_ms * interval '1 millisecond')
FROM calls c WHERE c.order_id = :order AND c.operation = 'setCreateOrder' AND c.status = 200
""")
_INCIDENT = text("SELECT count(*) FROM incidents WHERE closed_at IS NULL")


def main() -> int:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.outage", description=__doc__)
    parser.add_argument("--orders", type=int, default=30, help="orders of each article in each state and round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; in each, both states come one after the other")
    options = parser.parse_args()
    with run_directory("bench") as workdir, set_stage(workdir, _say) as stage:
        measured = asyncio.run(measure(stage, options.orders, options.rounds))
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")
    return 0


async def measure(stage: Stage, orders: int = 30, rounds: int = 3) -> dict[str, Any]:
    """Return both medians in milliseconds, and their ratio."""
    client = await Client.connect(
        stage.stack.temporal_address, namespace=stage.stack.namespace, data_converter=pydantic_data_converter
    )
    await search_attributes.ensure(client)
    seconds: dict[str, list[float]] = {"normal": [], "outage": []}
    with _second_supplier(stage) as url:
        stage.start_serving("all")
        await asyncio.sleep(WORKER_START)
        await _order(stage, client, 10)  # the first ones load code
        for number in range(1, rounds + 1):
            seconds["normal"] += await _order(stage, client, orders)
            await _goes_down(stage, client, url)
            seconds["outage"] += await _order(stage, client, orders)
            await _comes_back(stage, url)
            medians = {state: round(statistics.median(found), 2) for state, found in seconds.items()}
            _say(f"outage, round {number}: seconds to submission {medians}")
    normal, outage = (statistics.median(seconds[state]) * 1000 for state in ("normal", "outage"))
    return {
        "outage_normal_ms": round(normal),
        "outage_beside_ms": round(outage),
        "outage_ratio": round(outage / normal, 2),
        "outage_orders": len(seconds["outage"]),
    }


@contextmanager
def _second_supplier(stage: Stage) -> Iterator[str]:
    """Serve a supplier that will falter, with an article that nobody else has."""
    with serving(btswholesaler.create_app(token=SECRETS["BENCH_SUPPLIER_TOKEN"])) as url:
        _steer(stage.supplier_url, "stock", {THERE: 0})
        _steer(url, "stock", {HERE: 0})
        known = configurations.ConfigurationStore(stage.database).current().configuration.model_dump(mode="json")
        outages = {"failures": 3, "within_at_least": "1s", "probe_every": "10s", "calm_for": "0s", "drain": 20}
        first = {**known["suppliers"]["bts"], "read_timeout": "3s"}
        second = {"display_name": "Faltering", "base_url": f"{url}/v1/api", "outages": outages}
        known["suppliers"] = {"bts": first, FALTERING: {**first, **second}}
        known["routing"]["priority"] = ["bts", FALTERING]
        changed = Configuration.model_validate(known)
        configurations.apply(stage.database, changed, by="bench", now=datetime.now(UTC))
        yield url


def _steer(url: str, path: str, document: dict[str, Any]) -> None:
    httpx.post(f"{url}/_sandbox/{path}", json=document).raise_for_status()


async def _order(stage: Stage, client: Client, count: int) -> list[float]:
    """Let customers order both articles at a steady pace; return how long those of the healthy supplier took."""
    here = await asyncio.to_thread(_store, stage, HERE, count)
    there = await asyncio.to_thread(_store, stage, THERE, count)
    began: dict[int, float] = {}
    for mine, others in zip(here, there, strict=True):
        began[mine.order_id] = time.time()
        await asyncio.gather(*(start_order_workflow(client, request) for request in (mine, others)))
        await asyncio.sleep(1 / PER_SECOND)
    return [await _submitted(stage, order_id) - at for order_id, at in began.items()]


def _store(stage: Stage, article: str, count: int) -> list[OrderRequest]:
    deps = build_dependencies(stage.database, SECRETS.__getitem__)
    intake = Intake(stage.database, deps.outside._configurations, deps.outside.storefront)
    try:
        with httpx.Client(base_url=stage.shop_url, timeout=30) as shop:
            return [_store_one(shop, intake, article) for _ in range(count)]
    finally:
        deps.outside.close()


def _store_one(shop: httpx.Client, intake: Intake, article: str) -> OrderRequest:
    form = {"lines": [[article, 1]], "email": "customer@bench.example"}
    document = shop.post("/_sandbox/orders", json=form).raise_for_status().json()["order"]
    request = intake.import_document(CHANNEL, document).order_request
    assert request is not None, "the order was not startable"
    return request


async def _submitted(stage: Stage, order_id: int) -> float:
    """Wait until the supplier has an order, and say when it answered."""
    found = await _until(lambda: _read(stage, _LATENCY, order=order_id), f"order {order_id} was not submitted")
    return float(found[0])


async def _goes_down(stage: Stage, client: Client, url: str) -> None:
    """Let the second supplier fall silent, and some of its orders find out."""
    _steer(url, "faults", {"rules": [HANGS]})
    for request in await asyncio.to_thread(_store, stage, THERE, 3):
        await start_order_workflow(client, request)
    await _until(lambda: _read(stage, _INCIDENT) != [0], "no incident was opened")


async def _comes_back(stage: Stage, url: str) -> None:
    _steer(url, "faults", {"rules": []})
    await _until(lambda: _read(stage, _INCIDENT) == [0], "the incident was not closed")


def _read(stage: Stage, query: Any, **values: Any) -> Sequence[Any]:
    with stage.database.begin() as tx:
        return list(tx.execute(query, values).scalars())


async def _until(look: Any, otherwise: str) -> Any:
    deadline = time.monotonic() + SETTLES_WITHIN
    while not (found := await asyncio.to_thread(look)):
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise)
        await asyncio.sleep(0.25)
    return found


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")


if __name__ == "__main__":
    sys.exit(main())
