"""What a run of a feed costs in events: a real run on a real server, read from its history."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.dependencies import build_dependencies
from activities.registry import build_registry, with_client
from adapters.database import configurations
from adapters.database.engine import Database
from adapters.database.migrate import upgrade
from bench import sync
from models.identifiers import SYNC_QUEUE, supplier_queue, sync_workflow_id
from models.sync import SyncRequest
from starter.embedded import Stack
from worker import SUPPLY_WORKFLOWS, build_worker

ROWS = 20_000
_NEVER = timedelta(days=1)


async def measure(stack: Stack) -> dict[str, Any]:
    """Run a feed once, as its schedule starts it, and count its history's events."""
    upgrade(stack.database_url)
    client = await Client.connect(
        stack.temporal_address, namespace=stack.namespace, data_converter=pydantic_data_converter
    )
    database = Database(stack.database_url)
    with TemporaryDirectory() as folder, ThreadPoolExecutor(4) as threads:
        path = Path(folder) / "stock.csv"
        sync.write_feed(path, ROWS, "first")
        configurations.apply(database, sync.configuration(path), by="bench", now=datetime.now(UTC))
        deps = build_dependencies(database, lambda _name: "secret")
        registry = with_client(build_registry(deps, mail_every=_NEVER), deps, client)
        async with AsyncExitStack() as running:
            for queue, activities in ((SYNC_QUEUE, registry.sync), (supplier_queue(sync.SUPPLIER), registry.supplier)):
                workflows = SUPPLY_WORKFLOWS if queue == SYNC_QUEUE else []
                await running.enter_async_context(
                    build_worker(client, queue, activities, threads, workflows=workflows, slots=4)
                )
            handle = await client.start_workflow(
                "SupplierSyncWorkflow",
                SyncRequest(supplier=sync.SUPPLIER, feed=sync.FEED),
                id=sync_workflow_id(sync.SUPPLIER, sync.FEED),
                task_queue=SYNC_QUEUE,
            )
            outcome = await handle.result()
            assert outcome["changed"] == ROWS, outcome
            description = await handle.describe()
    database.close()
    return {"sync_events": description.history_length}
