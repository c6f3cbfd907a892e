"""Feeds on a real PostgreSQL: files in a folder, or a supplier with pages, and the stages as the lifecycle runs them."""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.common import Dependencies
from activities.feeds import FeedActivities
from activities.journal import CallJournal
from activities.outside import Outside
from adapters.database import offers, tasks
from adapters.database.configurations import ConfigurationStore, apply
from adapters.database.engine import Database
from adapters.plugin import Plugin
from models.configuration import Configuration
from models.feed_rows import FeedPage
from models.feeds import Column, FeedKind
from models.statuses import TaskState
from models.suppliers import Offer, StockAnswer
from models.sync import Acceptance, FetchRequest, RunState, SyncRequest, SyncStep, Trigger
from tests.activities.world import eur

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COLUMNS = {"sku": "sku", "ean": "ean", "quantity": "quantity", "unit_cost": "cost"}
Row = tuple[Any, ...]
Result = TypeVar("Result")
_numbers = itertools.count(1)
TABLES = {
    "offers": "supplier, sku",
    "feed_rows": "supplier, feed, sku",
    "offer_changes": "supplier, sku, until",
    "supplier_articles": "supplier, sku",
}


@dataclass
class PagedSupplier:
    """A supplier whose own feed is a list of pages; ``on_page`` runs before each is given out."""

    pages: list[list[dict[str, Any]]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    stock: dict[str, int] = field(default_factory=dict)
    on_page: Callable[[int], object] = lambda _page: None

    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:
        self.asked.append((since, cursor))
        for number in range(int(cursor or 0), len(self.pages)):
            self.on_page(number)
            more = str(number + 1) if number + 1 < len(self.pages) else ""
            yield FeedPage(self.pages[number], more, since=f"since-{len(self.asked)}")

    def feed_columns(self, kind: FeedKind) -> dict[str, Column]:
        return {name: Column(column=column) for name, column in COLUMNS.items()}

    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        self.asked.append(("stock", ",".join(eans)))
        return [
            StockAnswer(ean=ean, known=ean in self.stock, quantity=self.stock.get(ean, 0), unit_cost=eur("5"))
            for ean in eans
        ]

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Outcome:
    """How a run went, as its stages told."""

    run_id: int
    state: RunState
    rows: int = 0
    changed: int = 0
    reasons: tuple[str, ...] = ()
    offers: int = 0
    held: int = 0
    task_id: int | None = None


@dataclass
class FeedWorld:
    """The stages, a folder for files, and a supplier named bts with the feeds that a test configures."""

    database: Database
    folder: Path
    supplier: PagedSupplier
    stages: FeedActivities
    now: datetime = START

    # What there is to read.

    def configure(self, supply: dict[str, Any] | None = None, **feeds: dict[str, Any]) -> None:
        """Configure feeds of bts by name; what a test does not say is a CSV of this folder, named after the feed."""
        known = {
            name: {"kind": "stock", "source": (self.folder / f"{name}.csv").as_uri(), "columns": COLUMNS, **feed}
            for name, feed in feeds.items()
        }
        apply(self.database, _configuration(known, supply or {}), by="test", now=self.now)

    def write(
        self, rows: Sequence[Row], feed: str = "stock", header: Sequence[str] = ("sku", "ean", "quantity", "cost")
    ) -> None:
        """Write a feed's file, a minute newer than what was written before."""
        lines = [",".join(header), *(",".join(str(cell) for cell in row) for row in rows)]
        self.write_text("\n".join(lines) + "\n", feed)

    def write_text(self, content: str, feed: str = "stock", at: datetime | None = None) -> None:
        self.now += MINUTE
        path = self.folder / f"{feed}.csv"
        path.write_text(content)
        os.utime(path, ((at or self.now).timestamp(),) * 2)

    # The stages.

    def run(
        self, activity: Callable[..., Result], *args: Any, details: Sequence[Any] = (), on_beat: Any = None
    ) -> Result:
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, started_time=self.now, heartbeat_details=list(details))
        if on_beat is not None:
            environment.on_heartbeat = on_beat
        return environment.run(activity, *args)

    def request(self, feed: str = "stock", **more: Any) -> FetchRequest:
        return FetchRequest(
            request=SyncRequest(supplier="bts", feed=feed, **more), workflow_run_id=f"run-{next(_numbers)}"
        )

    def sync(self, feed: str = "stock", **more: Any) -> Outcome:
        """Run all stages of one run, as the lifecycle does."""
        self.now += timedelta(seconds=1)
        return self.go_on(self.request(feed, **more))

    def go_on(self, request: FetchRequest) -> Outcome:
        fetched = self.run(self.stages.fetch_feed, request)
        step = SyncStep(run_id=fetched.run_id, supplier="bts", feed=request.request.feed)
        if fetched.state is not RunState.FETCHED:
            return Outcome(fetched.run_id, fetched.state)
        staged = self.run(self.stages.stage_feed, step)
        outcome = Outcome(fetched.run_id, staged.state, staged.rows, staged.changed)
        if staged.state is not RunState.STAGED:
            return outcome
        judged = self.run(self.stages.judge_feed, step)
        outcome = replace(outcome, state=judged.state, reasons=judged.reasons, held=judged.held, task_id=judged.task_id)
        if judged.state is not RunState.JUDGED:
            return outcome
        applied = self.run(self.stages.apply_feed, step)
        return replace(outcome, state=RunState.APPLIED, offers=applied.offers)

    def until(self, stage: str, feed: str = "stock") -> SyncStep:
        """Run the stages before this one."""
        self.now += timedelta(seconds=1)
        fetched = self.run(self.stages.fetch_feed, self.request(feed))
        step = SyncStep(run_id=fetched.run_id, supplier="bts", feed=feed)
        for name in ("stage", "judge", "apply"):
            if name == stage:
                break
            self.run(getattr(self.stages, f"{name}_feed"), step)
        return step

    # People, and planned orders.

    def accept(self, outcome: Outcome, acceptance: Acceptance = Acceptance.ALL, feed: str = "stock") -> Outcome:
        """Let a person accept a run that was set aside."""
        with self.database.begin() as tx:
            accepting = text("UPDATE feed_runs SET decision = :decision, decided_by = 'maria' WHERE id = :run")
            tx.execute(accepting, {"decision": acceptance, "run": outcome.run_id})
            assert outcome.task_id is not None
            tasks.close(tx, outcome.task_id, TaskState.ANSWERED, answer=acceptance, by="maria", now=self.now)
        return self.sync(feed, trigger=Trigger.DECISION, accepted_run=outcome.run_id, acceptance=acceptance)

    def ask_supplier(self, ean: str, quantity: int, cost: str = "10") -> None:
        """Keep what a supplier says while an order is planned."""
        self.now += MINUTE
        answer = Offer(
            supplier="bts", ean=ean, known=True, quantity=quantity, unit_cost=Decimal(cost), observed_at=self.now
        )
        with self.database.begin() as tx:
            offers.keep(tx, [answer])

    # What came of it.

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        with self.database.begin() as tx:
            return [dict(row._mapping) for row in tx.execute(text(statement), values)]

    def only(self, statement: str, **values: Any) -> dict[str, Any]:
        (row,) = self.rows(statement, **values)
        return row

    def offer(self, sku: str) -> dict[str, Any]:
        return self.only("SELECT * FROM offers WHERE supplier = 'bts' AND sku = :sku", sku=sku)

    def quantities(self) -> dict[str, int]:
        return {row["sku"]: row["quantity"] for row in self.rows("SELECT sku, quantity FROM offers ORDER BY sku")}

    def history(self, sku: str) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM offer_changes WHERE sku = :sku ORDER BY id", sku=sku)

    def tasks(self) -> list[str]:
        return [row["category"] for row in self.rows("SELECT category FROM tasks WHERE state = 'open' ORDER BY id")]

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        """All that a run leaves behind, without the numbers that count rows and runs."""
        left: dict[str, list[dict[str, Any]]] = {}
        for table, order in TABLES.items():
            left[table] = self.rows(f"SELECT * FROM {table} ORDER BY {order}")
            for row in left[table]:
                row.pop("id", None)
                row["source"] = row.get("source", "").rpartition(":")[0]
        return left

    def wal(self) -> int:
        return int(self.only("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS bytes")["bytes"])

    def list_article(self, ean: str, variant: str = "900") -> None:
        with self.database.begin() as tx:
            values = {"ean": ean, "variant": variant, "at": START}
            tx.execute(
                text("""
                    INSERT INTO listings (channel, variant_id, product_id, inventory_item_id, sku, ean, tracked, seen_at)
                    VALUES ('main', :variant, '1', '2', 'OURS', :ean, true, :at)
                """),
                values,
            )


def article(number: int, quantity: int = 10, cost: str = "10.00") -> Row:
    """One row of a feed, with an EAN whose check digit is right."""
    body = f"84{number:010d}"
    check = -sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body)) % 10
    return f"S{number:06d}", f"{body}{check}", quantity, cost


def ean_of(number: int) -> str:
    return str(article(number)[1])


def build_feed_world(url: str, folder: Path) -> FeedWorld:
    """Build everything on an emptied database, without any feed yet."""
    database = Database(url, pool_size=10)
    with database.begin() as tx:
        names = tx.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
        tx.execute(
            text(f"TRUNCATE {', '.join(name for name in names if name != 'alembic_version')} RESTART IDENTITY CASCADE")
        )
    supplier = PagedSupplier()
    plugins = {"suppliers": {"paged": Plugin(id="paged", group="suppliers", build=lambda **_: supplier)}}
    journal = CallJournal(database)
    outside = Outside(ConfigurationStore(database, max_age=0), plugins, lambda name: name, journal.sink)
    stages = FeedActivities(Dependencies(database=database, outside=outside, journal=journal))
    return FeedWorld(database, folder, supplier, stages)


def _configuration(feeds: dict[str, Any], supply: dict[str, Any]) -> Configuration:
    channel = {
        "shop_domain": "shop.planted.example",
        "webhook_secret_env": "SHOP_SECRET",
        "token_env": "SHOP_TOKEN",
        "start_watermark": "2020-01-01T00:00:00Z",
        "publishing": {"quantities": True, "location": "1"},
    }
    supplier = {
        "adapter": "paged",
        "display_name": "BTSWholesaler",
        "base_url": "http://supplier.example",
        "token_env": "SUPPLIER_TOKEN",
        "metafield_namespace": "paged",
        "feeds": feeds,
    }
    mail = {"host": "127.0.0.1", "port": 25, "sender": "shop@planted.example", "alerts_to": "us@planted.example"}
    return Configuration.model_validate(
        {
            "channels": {"main": channel},
            "suppliers": {"bts": supplier, "nova": {**supplier, "feeds": {}}},
            "routing": {"priority": ["bts"]},
            "mail": mail,
            "supply": supply,
        }
    )
