"""A million articles from a supplier's own API, pages of 500 over HTTP: first load, 5 % changed since, nothing changed.

Real activities against the simulated BTSWholesaler. Alone: ``python -m bench.sync_pages --articles 1000000``.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from temporalio.testing import ActivityEnvironment

from activities.dependencies import build_dependencies
from activities.feeds import FeedActivities
from adapters.database import configurations
from adapters.database.engine import Database
from adapters.database.migrate import upgrade
from models.configuration import Configuration
from models.sync import FetchRequest, RunState, SyncRequest, SyncStep
from starter.places import run_directory
from starter.postgres import embedded_postgres
from starter.processes import ProcessGroup, free_port

SUPPLIER, FEED, TOKEN = "pages", "changes", "bench-token"
READY_SECONDS = 60.0


def main() -> int:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.sync_pages", description=__doc__)
    parser.add_argument("--articles", type=int, default=1_000_000)
    options = parser.parse_args()
    with run_directory("bench") as folder, embedded_postgres(folder / "postgres", _say) as server:
        upgrade(server.url)
        measured = measure(server.url, folder, options.articles)
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")
    return 0


def measure(database_url: str, folder: Path, articles: int = 1_000_000) -> dict[str, Any]:
    """Walk the whole catalogue, then what changed since, then what changed since again, which is nothing."""
    database = Database(database_url)
    with ProcessGroup() as processes:
        url = _start_supplier(processes, folder, articles)
        configurations.apply(database, _configuration(url), by="bench", now=datetime.now(UTC))
        stages = FeedActivities(build_dependencies(database, lambda _name: TOKEN))
        first = _run(stages)  # a feed of changes that never ran reads everything
        httpx.post(f"{url}/_sandbox/stock", json={"change": articles // 20, "seed": 2}, timeout=60).raise_for_status()
        changed, unchanged = _run(stages), _run(stages)
        database.close()
        return {
            "sync_pages_articles": articles,
            "sync_pages_first_seconds": first,
            "sync_pages_first_per_second": round(articles / first),
            "sync_pages_changed_seconds": changed,
            "sync_pages_unchanged_seconds": unchanged,
        }


def _start_supplier(processes: ProcessGroup, folder: Path, articles: int) -> str:
    port = free_port()
    command = [sys.executable, "-m", "sandbox.btswholesaler", "--port", str(port), "--token", TOKEN]
    processes.start("pages", [*command, "--articles", str(articles)], {}, folder / "pages.log")
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/_sandbox/faults", timeout=5).is_success:
                return url
        except httpx.TransportError:
            time.sleep(0.2)
    raise TimeoutError("the simulated supplier did not start")


def _configuration(url: str) -> Configuration:
    supplier = {
        "adapter": "btswholesaler",
        "display_name": "Pages",
        "base_url": f"{url}/v1/api",
        "token_env": "PAGES_TOKEN",
        "metafield_namespace": "pages",
        "feeds": {FEED: {"kind": "stock", "source": "api", "scope": "changes"}},
    }
    channel = {
        "shop_domain": "bench.example",
        "webhook_secret_env": "BENCH_SHOP_SECRET",
        "token_env": "BENCH_SHOP_TOKEN",
        "start_watermark": "2020-01-01T00:00:00Z",
    }
    mail = {"host": "127.0.0.1", "port": 9, "sender": "shop@bench.example", "alerts_to": "operations@bench.example"}
    return Configuration.model_validate(
        {
            "channels": {"bench": channel},
            "suppliers": {SUPPLIER: supplier},
            "routing": {"priority": [SUPPLIER]},
            "mail": mail,
        }
    )


def _run(stages: FeedActivities) -> float:
    """Run the stages of one run, one after the other; returns the seconds."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=datetime.now(UTC))
    request = FetchRequest(request=SyncRequest(supplier=SUPPLIER, feed=FEED), workflow_run_id=uuid4().hex)
    begun = time.perf_counter()
    fetched = environment.run(stages.fetch_feed, request)
    step = SyncStep(run_id=fetched.run_id, supplier=SUPPLIER, feed=FEED)
    goes_on = fetched.state is RunState.FETCHED
    if goes_on and environment.run(stages.stage_feed, step).state is RunState.STAGED:
        judged = environment.run(stages.judge_feed, step)
        if judged.state is RunState.JUDGED:
            environment.run(stages.apply_feed, step)
        elif judged.state is RunState.QUARANTINED:
            raise RuntimeError(f"the run was quarantined: {', '.join(judged.reasons)}")
    return round(time.perf_counter() - begun, 2)


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")


if __name__ == "__main__":
    sys.exit(main())
