"""Feeds in a configuration, and runs of them in the database, as the stages leave them there."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from adapters.database import tasks
from adapters.database.engine import Database
from models.configuration import Configuration
from models.tasks import TaskCategory
from tests.starter.world import document
from workflows.decisions import questions

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
FINDING = {
    "code": "too_few_rows",
    "text": "2 rows, where the last one had 100",
    "numbers": {"rows": 2, "last": 100},
    "samples": ["A-1;8411061123456;4", "A-2;8411061123457;0"],
}


def feed(**changes: Any) -> dict[str, Any]:
    """A feed as TOML holds it."""
    usual = {"kind": "stock", "source": "https://feeds.example/stock.csv", "columns": {"sku": "SKU", "quantity": "QTY"}}
    return usual | {"every": "15m"} | changes


def with_feeds(
    *, publishing: dict[str, Any] | None = None, supplier: dict[str, Any] | None = None, **feeds: Any
) -> dict[str, Any]:
    """A configuration whose supplier bts has these feeds."""
    usual = document()
    usual["suppliers"]["bts"] |= {"feeds": feeds} | (supplier or {})
    usual["channels"]["main"] |= {"publishing": publishing or {}}
    return {name: usual[name] for name in ("suppliers", "channels")}


def configuration(**sections: Any) -> Configuration:
    """The same, read."""
    return Configuration.model_validate(document(**with_feeds(**sections)))


class Runs:
    """Writes runs as the stages would."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def run(self, feed: str = "stock", *, state: str = "applied", ago: timedelta = timedelta(0), **more: Any) -> int:
        """Write one run of bts, ended so long ago."""
        at = datetime.now(UTC) - ago
        row = {
            "supplier": "bts",
            "feed": feed,
            "kind": "stock",
            "trigger": "schedule",
            "state": state,
            "full": True,
            "bytes": 2_500_000,
            "rows": 100,
            "staged": 5,
            "started_at": at,
            "ended_at": at,
            "findings": [],
            **more,
        }
        row["findings"] = json.dumps(row["findings"])
        columns = ", ".join(f'"{name}"' for name in row)
        values = ", ".join(f":{name}" for name in row)
        statement = f"INSERT INTO feed_runs ({columns}, workflow_run_id) VALUES ({values}, gen_random_uuid()::text) RETURNING id"
        with self.database.begin() as tx:
            run_id: int = tx.execute(text(statement), row).scalar_one()
        return run_id

    def failed(self, times: int, feed: str = "stock", *, ago: timedelta = timedelta(0)) -> None:
        """Have a feed failed so often in a row, the last time so long ago."""
        self.run(feed, state="failed", ago=ago)
        statement = """
        INSERT INTO feed_states (supplier, feed, failures) VALUES ('bts', :feed, :times)
        ON CONFLICT (supplier, feed) DO UPDATE SET failures = :times
        """
        with self.database.begin() as tx:
            tx.execute(text(statement), {"feed": feed, "times": times})

    def set_aside(self, feed: str = "stock", **more: Any) -> tuple[int, int]:
        """Write a quarantined run with its question and its bytes. Returns the run and the task."""
        run_id = self.run(feed, state="quarantined", findings=[FINDING], **more)
        task_id = self.ask(TaskCategory.FEED_QUARANTINED, f"feed:bts/{feed}")
        with self.database.begin() as tx:
            tx.execute(text("UPDATE feed_runs SET task_id = :task WHERE id = :run"), {"task": task_id, "run": run_id})
            tx.execute(text("INSERT INTO feed_chunks (run_id, part, seq, bytes) VALUES (:r, 0, 0, 'x')"), {"r": run_id})
        return run_id, task_id

    def ask(self, category: TaskCategory, key: str) -> int:
        """Open a task that no order waits for."""
        draft = questions.draft(category, _AnyFact())
        people = Configuration.model_validate(document()).people
        with self.database.begin() as tx:
            about = tasks.About(key=key)
            return tasks.open_task(tx, about, draft, {}, people=people, now=datetime.now(UTC)).task_id

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Look into the database."""
        with self.database.begin() as tx:
            return [dict(row._mapping) for row in tx.execute(text(statement), values)]

    def only(self, statement: str, **values: Any) -> dict[str, Any]:
        """Look at one row."""
        (row,) = self.rows(statement, **values)
        return row

    def empty(self) -> None:
        """Forget every run."""
        with self.database.begin() as tx:
            tx.execute(text("TRUNCATE feed_runs, feed_states, feed_chunks, feed_staged, tasks, mails CASCADE"))


class _AnyFact(dict[str, str]):
    """Every fact a question may name."""

    def __missing__(self, key: str) -> str:
        return f"<{key}>"
