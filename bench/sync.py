"""A million articles from a supplier's file: first load, 5 % changed, nothing changed, beside a bare COPY of the rows.

The real activities, each stage as the worker runs it, in a process of its own whose peak of memory is measured.
Alone: ``python -m bench.sync --rows 1000000``.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import text
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

SUPPLIER, FEED = "bench", "stock"
COLUMNS = ("sku", "ean", "quantity", "lead_days", "unit_cost", "currency", "recommended_price")
BARE = """
CREATE TABLE bare_copy (sku text, ean text, quantity integer, lead_days integer, unit_cost numeric(14, 4), currency text,
    recommended_price numeric(14, 4))
"""
ROUNDS = ("first", "changed", "unchanged", "same_bytes")
Result = TypeVar("Result")


def measure(database_url: str, rows: int = 1_000_000) -> dict[str, Any]:
    """Measure all rounds on a database that has our tables; whatever it holds of feeds and offers is emptied."""
    database = Database(database_url)
    try:
        with TemporaryDirectory() as folder:
            return _measure(database, database_url, Path(folder) / "stock.csv", rows)
    finally:
        database.close()


def _measure(database: Database, url: str, path: Path, rows: int) -> dict[str, Any]:
    _prepare(database, path)
    measured: dict[str, Any] = {"sync_rows": rows}
    bare: list[float] = []
    started = datetime.now(UTC) - timedelta(hours=1)
    for number, name in enumerate(ROUNDS):
        write_feed(path, rows, name)
        os.utime(path, (started.timestamp() + number * 60,) * 2)
        if name == "changed":  # just before what it is compared with
            bare = [_bare_copy(database, path) for _ in range(3)]
        measured |= {f"sync_{name}_{key}": value for key, value in _run_alone(url, name).items()}
    seconds = measured["sync_changed_seconds"]
    peaks = [measured[f"sync_{name}_peak_mb"] for name in ROUNDS]
    return measured | {
        "sync_1m_seconds": seconds,
        "sync_copy_seconds": round(sorted(bare)[1], 3),
        "sync_copy_ratio": round(seconds / sorted(bare)[1], 2),
        "sync_peak_mb": max(peaks),
        "sync_wal_unchanged": round(measured["sync_unchanged_wal"] / rows, 4),
        **{f"sync_{name}_rows_per_second": round(rows / measured[f"sync_{name}_seconds"]) for name in ROUNDS[:3]},
    }


def _prepare(database: Database, path: Path) -> None:
    with database.begin() as tx:
        tables = "offers, offer_changes, feed_rows, feed_runs, feed_states, feed_chunks, feed_staged, cost_holds"
        tx.execute(text(f"TRUNCATE {tables} CASCADE"))
    configurations.apply(database, configuration(path), by="bench", now=datetime.now(UTC))


def write_feed(path: Path, rows: int, name: str) -> None:
    """Write the round's file. ``unchanged`` has the same rows as before in another order: every one is looked at."""
    changed = name != "first"
    numbers = range(rows)
    lines = [_row(number, moved=changed and number % 20 == 7) for number in numbers]
    if name in ("unchanged", "same_bytes"):
        lines = lines[rows // 2 :] + lines[: rows // 2]
    path.write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")


def _row(number: int, *, moved: bool) -> str:
    mixed = number * 2_654_435_761 % 4_294_967_296
    quantity, cents = mixed % 400, 300 + mixed % 9_000
    if moved:
        quantity, cents = quantity + 3, cents + cents // 20
    body = f"84{mixed % 10_000_000_000:010d}"
    price = f"{cents * 18 // 1000}.{cents * 18 // 10 % 100:02d}"
    return f"SKU-{number:07d},{body}{_check_digit(body)},{quantity},{mixed % 5},{cents // 100}.{cents % 100:02d},EUR,{price}"


def _check_digit(body: str) -> int:
    """GS1's check digit of a GTIN-13."""
    return -sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body)) % 10


def _bare_copy(database: Database, path: Path) -> float:
    """The floor: the same rows into a table without an index, logged as our offers are."""
    body = BytesIO(path.read_bytes())
    with database.begin() as tx:
        tx.execute(text("DROP TABLE IF EXISTS bare_copy"))
        tx.execute(text(BARE))
    begun = time.perf_counter()
    with database.begin() as tx:
        connection: Any = tx.connection.driver_connection
        connection.cursor().copy_expert("COPY bare_copy FROM STDIN (FORMAT csv, HEADER)", body)
    seconds = time.perf_counter() - begun
    with database.begin() as tx:
        tx.execute(text("DROP TABLE bare_copy"))
    return seconds


def _run_alone(url: str, name: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.sync", "--round", name]
    finished = subprocess.run(command, env={**os.environ, "BENCH_DATABASE_URL": url}, capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(finished.stderr)
    answer: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return answer


# One round, in a process of its own.


def run_round(url: str, name: str) -> dict[str, Any]:
    """Run the stages of one run, one after the other, and say what each took."""
    database = Database(url)
    stages = FeedActivities(build_dependencies(database, lambda _name: "secret"))
    begun, wal = time.perf_counter(), _wal(database)
    spent: dict[str, float] = {}
    for stage, step in _stages(stages, name):
        at = time.perf_counter()
        state = step()
        spent[f"{stage}_seconds"] = round(time.perf_counter() - at, 3)
        if state is not None:
            break
    seconds = time.perf_counter() - begun
    written = _wal(database) - wal
    database.close()
    return {"seconds": round(seconds, 3), "peak_mb": _peak_mb(), "wal": written, **spent}


def _peak_mb() -> int:
    """The most memory that this process ever held. (What getrusage calls so begins with that of its parent.)"""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


def _stages(stages: FeedActivities, name: str) -> Iterator[tuple[str, Callable[[], RunState | None]]]:
    request = FetchRequest(request=SyncRequest(supplier=SUPPLIER, feed=FEED), workflow_run_id=str(uuid4()))
    fetched = []

    def fetch() -> RunState | None:
        fetched.append(_attempt(stages.fetch_feed, request))
        return _expected(fetched[0].state, RunState.FETCHED, RunState.UNCHANGED if name == "same_bytes" else None)

    yield "fetch", fetch
    step = SyncStep(run_id=fetched[0].run_id, supplier=SUPPLIER, feed=FEED)
    ending = RunState.UNCHANGED if name == "unchanged" else None
    yield "stage", lambda: _expected(_attempt(stages.stage_feed, step).state, RunState.STAGED, ending)
    yield "judge", lambda: _expected(_attempt(stages.judge_feed, step).state, RunState.JUDGED, None)

    def apply() -> None:
        assert _attempt(stages.apply_feed, step).offers

    yield "apply", apply


def _expected(state: RunState, usual: RunState, ending: RunState | None) -> RunState | None:
    """Return the state at which the round ends; an unforeseen one would measure something else."""
    assert state is (ending or usual), state
    return ending


def _attempt(stage: Callable[[Any], Result], request: object) -> Result:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=datetime.now(UTC))
    return environment.run(stage, request)


def _wal(database: Database) -> int:
    with database.begin() as tx:
        return int(tx.execute(text("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")).scalar_one())


def configuration(path: Path) -> Configuration:
    """Describe one supplier whose feed is this file."""
    supplier = {
        "adapter": "btswholesaler",
        "display_name": "Bench",
        "base_url": "http://127.0.0.1:9/v1/api",
        "token_env": "BENCH_SUPPLIER_TOKEN",
        "metafield_namespace": "bench",
        "feeds": {
            FEED: {"kind": "stock", "source": path.as_uri(), "columns": {name: name for name in COLUMNS}},
        },
    }
    channel = {
        "shop_domain": "bench.example",
        "webhook_secret_env": "BENCH_SHOP_SECRET",
        "token_env": "BENCH_SHOP_TOKEN",
        "start_watermark": "2020-01-01T00:00:00Z",
    }
    mail = {"host": "127.0.0.1", "port": 25, "sender": "shop@bench.example", "alerts_to": "operations@bench.example"}
    return Configuration.model_validate(
        {
            "channels": {"bench": channel},
            "suppliers": {SUPPLIER: supplier},
            "routing": {"priority": [SUPPLIER]},
            "mail": mail,
        }
    )


def main() -> None:
    """Measure on a throw-away PostgreSQL, and print what was measured as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.sync", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--round", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.round:
        print(json.dumps(run_round(os.environ["BENCH_DATABASE_URL"], options.round)))
        return
    with run_directory("bench-sync") as folder, embedded_postgres(folder / "postgres", print, durable=False) as server:
        upgrade(server.url)
        print(json.dumps(measure(server.url, options.rows), indent=2))


if __name__ == "__main__":
    main()
