"""Orders first: from webhook to supplier order, on an idle system and while a million rows are published.

python -m bench.orders_first --rows 1000000
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from datetime import UTC, datetime
from typing import Any

import httpx
from sqlalchemy import text
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from adapters.database import configurations
from bench import intake_load
from bench.stage import CHANNEL, LOCATION, Stage, set_stage
from models.identifiers import SYNC_QUEUE, publication_workflow_id
from models.sync import PublicationRequest
from starter import search_attributes
from starter.places import run_directory

ORDERS = 60
PER_SECOND = 1
WORKER_START = 6.0  # seconds
ARRIVES_WITHIN = 120.0
SETTLES = 5.0  # seconds for the publication to be well under way

_LATENCIES = text("""
SELECT extract(epoch FROM c.started_at + c.duration_ms * interval '1 millisecond' - w.received_at) * 1000
FROM webhooks w JOIN calls c ON c.order_id = w.order_id AND c.operation = 'setCreateOrder'
WHERE w.received_at >= :since ORDER BY w.received_at
""")

# The catalogue as the simulated shop and supplier have it, with a quantity that the shop does not show yet.
_LISTINGS = text("""
INSERT INTO listings (channel, variant_id, product_id, inventory_item_id, sku, ean, tracked, seen_at, dirty_since,
    published_quantity)
SELECT :channel, v.variant_id, v.product_id, v.inventory_item_id, v.sku, v.barcode, true, now(), now(), 0
FROM jsonb_to_recordset(CAST(:rows AS jsonb))
    AS v (variant_id text, product_id text, inventory_item_id text, sku text, barcode text)
ON CONFLICT DO NOTHING
""")
_OFFERS = text("""
INSERT INTO offers (supplier, sku, ean, known, quantity, unit_cost, currency, observed_at)
SELECT 'bts', ean, ean, true, 1 + abs(hashtext(ean)) % 50, 5, 'EUR', now() FROM listings
WHERE channel = :channel AND ean IS NOT NULL
ON CONFLICT DO NOTHING
""")


def main() -> int:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.orders_first", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="listings to publish")
    parser.add_argument("--orders", type=int, default=ORDERS, help="orders measured in each state")
    options = parser.parse_args()
    with run_directory("bench") as workdir, set_stage(workdir, _say, shop_articles=options.rows) as stage:
        measured = asyncio.run(measure(stage, options.rows, options.orders))
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")
    return 0


async def measure(stage: Stage, rows: int, orders: int = ORDERS) -> dict[str, Any]:
    """Return both medians in milliseconds, their ratio, and how much was published meanwhile."""
    client = await Client.connect(
        stage.stack.temporal_address, namespace=stage.stack.namespace, data_converter=pydantic_data_converter
    )
    await search_attributes.ensure(client)
    await asyncio.to_thread(fill, stage, rows)
    api = await asyncio.to_thread(stage.start_api)
    stage.start_serving("orders")
    stage.start_serving("background")
    await asyncio.sleep(WORKER_START)
    await _order(stage, api, 10)  # the first ones load code
    idle = await _order(stage, api, orders)
    await client.start_workflow(
        "PublicationWorkflow",
        PublicationRequest(channel=CHANNEL),
        id=publication_workflow_id(CHANNEL),
        task_queue=SYNC_QUEUE,
    )
    await asyncio.sleep(SETTLES)
    before = await asyncio.to_thread(_published, stage)
    busy = await _order(stage, api, orders)
    after = await asyncio.to_thread(_published, stage)
    description = await client.get_workflow_handle(publication_workflow_id(CHANNEL)).describe()
    return {
        "orders_first_rows": rows,
        "orders_first_idle_ms": round(statistics.median(idle)),
        "orders_first_busy_ms": round(statistics.median(busy)),
        "orders_first_ratio": round(statistics.median(busy) / statistics.median(idle), 2),
        "orders_first_published_meanwhile": after - before,
        "orders_first_still_publishing": description.status is not None and description.status.name == "RUNNING",
    }


def fill(stage: Stage, rows: int) -> None:
    """Take the simulated shop's catalogue into our tables, with offers that differ from what it shows."""
    cursor, taken = "", 0
    with httpx.Client(base_url=stage.shop_url, timeout=120) as shop:
        while taken < rows and (cursor or not taken):
            page = shop.get("/_sandbox/listings", params={"cursor": cursor, "limit": 20_000}).raise_for_status().json()
            with stage.database.begin() as tx:
                tx.execute(_LISTINGS, {"channel": CHANNEL, "rows": json.dumps(page["listings"])})
            taken += len(page["listings"])
            cursor = page["cursor"]
    with stage.database.begin() as tx:
        tx.execute(_OFFERS, {"channel": CHANNEL})
    with stage.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE listings"))
        connection.execute(text("VACUUM ANALYZE offers"))
    configuration = configurations.ConfigurationStore(stage.database).current().configuration
    channel = configuration.channels[CHANNEL]
    publishing = channel.publishing.model_copy(update={"quantities": True, "location": LOCATION})
    channels = {CHANNEL: channel.model_copy(update={"publishing": publishing})}
    configurations.apply(
        stage.database, configuration.model_copy(update={"channels": channels}), by="bench", now=datetime.now(UTC)
    )


async def _order(stage: Stage, api: str, count: int) -> list[float]:
    """Let so many customers order, one after the other, and return how long each took to reach the supplier."""
    bodies = await asyncio.to_thread(intake_load.documents, stage.shop_url, count)
    since = datetime.now(UTC)
    await intake_load.load(api, bodies, PER_SECOND)
    deadline = time.monotonic() + ARRIVES_WITHIN
    while len(found := await asyncio.to_thread(_latencies, stage, since)) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"only {len(found)} of {count} orders reached the supplier")
        await asyncio.sleep(0.5)
    return found


def _latencies(stage: Stage, since: datetime) -> list[float]:
    with stage.database.begin() as tx:
        return [float(value) for value in tx.execute(_LATENCIES, {"since": since}).scalars()]


def _published(stage: Stage) -> int:
    with stage.database.begin() as tx:
        query = text("SELECT count(*) FROM listings WHERE published_at IS NOT NULL")
        return int(tx.execute(query).scalar_one())


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")


if __name__ == "__main__":
    sys.exit(main())
