import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.database.engine import Database
from tests.starter.feed_runs import Runs, with_feeds
from tests.starter.test_processes import running
from tests.starter.world import CommandLine, apply_configuration

ROWS = 200
COLUMNS = {"sku": "SKU", "ean": "EAN", "quantity": "QTY", "unit_cost": "COST"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "feeds"
    folder.mkdir()
    return folder


@pytest.fixture
def desk(own_temporal: CommandLine, database: Database, folder: Path, tmp_path: Path) -> Iterator[CommandLine]:
    """The command line beside a worker, and a feed that is a file in a folder."""
    feed = {"kind": "stock", "source": f"file://{folder}/stock.csv", "columns": COLUMNS}
    apply_configuration(database, **with_feeds(stock=feed))
    with running('"queue": "sync"', tmp_path / "log", "worker", "--json") as process:
        yield own_temporal
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def write(folder: Path, rows: int, quantity: int, *, later: int) -> None:
    """Put a file in the folder, as a supplier does: under another name first. ``later`` in seconds."""
    lines = [f"S-{number},{8411061000000 + number},{quantity},4.50" for number in range(rows)]
    part = folder / "stock.part"
    part.write_text("\n".join(["SKU,EAN,QTY,COST", *lines, ""]))
    at = part.stat().st_mtime + later
    os.utime(part, (at, at))
    part.rename(folder / "stock.csv")


def sync(desk: CommandLine, *, code: int = 0) -> dict[str, Any]:
    shape: dict[str, Any] = desk.json("sync", "run", "bts", "stock", "--wait", code=code)
    return shape


def test_a_feed_is_applied_a_bad_one_is_set_aside_and_counts_once_a_person_says_so(
    desk: CommandLine, folder: Path, database: Database
) -> None:
    runs = Runs(database)
    write(folder, ROWS, 7, later=-60)
    first = sync(desk)
    write(folder, 20, 3, later=-30)
    bad = sync(desk, code=1)
    kept = runs.only("SELECT count(*) AS offers, sum(quantity) AS units FROM offers WHERE supplier = 'bts'")
    (task,) = desk.json("tasks", "--category", "feed_quarantined")

    (answer,) = desk.json("task", "answer", str(task["task"]), "accept-stock", "--as", "ana")
    sync(desk)

    assert (first["state"], first["rows"], first["changed"]) == ("applied", ROWS, ROWS)
    assert (bad["state"], bool(bad["reasons"])) == ("quarantined", True)
    assert kept == {"offers": ROWS, "units": 7 * ROWS}
    assert answer["message"].endswith("it is being applied")
    accepted = desk.json("sync", "show", str(bad["run"]))
    assert (accepted["state"], accepted["decision"], accepted["decided_by"]) == ("applied", "stock_only", "ana")
    changed = runs.only("SELECT count(*) AS offers FROM offers WHERE supplier = 'bts' AND quantity = 3")
    assert changed == {"offers": 20}
