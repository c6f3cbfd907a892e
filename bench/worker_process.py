"""A worker as a process of its own: ``python -m bench.worker_process product|floor``.

The product's is the one that ``dropwright worker`` runs, with a counter beside it. The floor's has the same settings.
"""

import asyncio
import json
import os
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from temporalio import activity

from bench import floor
from starter.logs import configure_logs
from starter.opening import connect_temporal
from starter.run_worker import run_worker
from starter.settings import Settings
from starter.signals import StopSignals
from worker import STOREFRONT_SLOTS, build_worker

WRITE_EVERY = 0.2  # seconds
ORDER_SLOTS, SUPPLIER_SLOTS = 64, 50  # as the product's worker runs under the bench's configuration


def main() -> int:
    """Run one worker until SIGTERM."""
    settings = Settings()
    configure_logs("json", settings.log_level)
    if sys.argv[1] == "floor":
        return asyncio.run(_run_floor())
    _count_statements(Path(os.environ["BENCH_COUNTS"]))
    return asyncio.run(run_worker(settings))


def _count_statements(path: Path) -> None:
    """Count what any engine of this process sends, in all and by activity.

    An executemany is one statement, BEGIN and COMMIT are none.
    """
    counts: Counter[str] = Counter(statements=0, commits=0)

    def on_statement(*_: Any) -> None:
        counts["statements"] += 1
        counts[activity.info().activity_type if activity.in_activity() else "outside activities"] += 1

    def on_commit(_: Any) -> None:
        counts["commits"] += 1

    event.listen(Engine, "before_cursor_execute", on_statement)
    event.listen(Engine, "commit", on_commit)
    threading.Thread(target=_keep_writing, args=(counts, path), daemon=True).start()


def _keep_writing(counts: Counter[str], path: Path) -> None:
    pause = threading.Event()
    fresh = path.with_suffix(".new")
    while not pause.wait(WRITE_EVERY):
        fresh.write_text(json.dumps(counts))
        fresh.rename(path)


async def _run_floor() -> int:
    signals = StopSignals()
    client = await connect_temporal()
    activities = floor.FloorActivities(
        os.environ["BENCH_SHOP_URL"],
        os.environ["BENCH_SHOP_TOKEN"],
        os.environ["BENCH_SUPPLIER_URL"],
        os.environ["BENCH_SUPPLIER_TOKEN"],
        os.environ["BENCH_MAIL_URL"],
    )
    slots = {
        floor.ORDERS_QUEUE: ORDER_SLOTS,
        floor.STOREFRONT_QUEUE: STOREFRONT_SLOTS,
        floor.SUPPLIER_QUEUE: SUPPLIER_SLOTS,
    }
    workers = [
        build_worker(
            client,
            queue,
            activities.of(queue),
            ThreadPoolExecutor(count),
            workflows=[floor.FloorOrderWorkflow, floor.FloorPurchaseOrderWorkflow]
            if queue == floor.ORDERS_QUEUE
            else [],
            slots=count,
        )
        for queue, count in slots.items()
    ]
    running = [asyncio.create_task(worker.run()) for worker in workers]
    await signals.stop.wait()
    await asyncio.gather(*(worker.shutdown() for worker in workers))
    await asyncio.gather(*running)
    return 0


if __name__ == "__main__":
    sys.exit(main())
