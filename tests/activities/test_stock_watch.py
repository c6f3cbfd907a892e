"""The low-stock watch on a real database: what sold, what is left, one task, one mail a day, and proposals."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.common import Dependencies
from activities.dependencies import build_dependencies
from activities.stock_watch import StockWatchActivities
from adapters.database import configurations
from adapters.database.engine import Database
from models.configuration import Configuration
from models.sync import StockWatchOutcome
from tests.starter.world import document

NOW = datetime(2026, 3, 20, 6, tzinfo=UTC)
_ids = itertools.count(1)


@pytest.fixture(scope="module")
def deps(database_url: str) -> Iterator[Dependencies]:
    database = Database(database_url)
    settings = document(low_stock={"own": ["other"], "cover_days": "7", "sales_window": "28d", "reorder_days": "30"})
    configurations.apply(database, Configuration.model_validate(settings), by="test", now=NOW)
    yield build_dependencies(database, secrets=lambda name: name)
    database.close()


@pytest.fixture(autouse=True)
def _empty(deps: Dependencies) -> None:
    with deps.database.begin() as tx:
        for table in ("order_lines", "orders", "offers", "tasks", "mails", "reorder_proposals"):
            tx.execute(text(f"DELETE FROM {table}"))


def sell(
    deps: Dependencies, ean: str, quantity: int, *, ago: timedelta = timedelta(days=1), test: bool = False
) -> None:
    number = next(_ids)
    order = {"id": number, "channel": "main", "name": f"#{number}", "test": test, "at": NOW - ago}
    with deps.database.begin() as tx:
        tx.execute(
            text(
                "INSERT INTO orders (id, channel, storefront_order_id, name, state, currency, total, test, paid, placed_at, "
                "storefront_updated_at, content_key, received_at) VALUES (:id, :channel, :id, :name, 'open', 'EUR', 1, :test, "
                "true, :at, :at, '', :at)"
            ),
            order,
        )
        tx.execute(
            text(
                "INSERT INTO order_lines (order_id, line_id, position, sku, variant_id, title, quantity, unit_price, "
                "requires_shipping, ean) VALUES (:id, '1', 1, :sku, '1', '', :quantity, 1, true, :ean)"
            ),
            {"id": number, "sku": f"SKU-{ean}", "quantity": quantity, "ean": ean},
        )


def offer(deps: Dependencies, supplier: str, ean: str, quantity: int, **more: Any) -> None:
    row = {"supplier": supplier, "ean": ean, "quantity": quantity, "pack": None, "at": NOW, **more}
    with deps.database.begin() as tx:
        tx.execute(
            text(
                "INSERT INTO offers (supplier, sku, ean, known, quantity, pack, currency, observed_at) "
                "VALUES (:supplier, 'S' || :ean, :ean, true, :quantity, :pack, 'EUR', :at)"
            ),
            row,
        )


def watch(deps: Dependencies, at: datetime = NOW) -> StockWatchOutcome:
    environment = ActivityEnvironment()
    environment.info = environment.default_info().__class__(**{**vars(environment.info), "started_time": at})
    outcome: StockWatchOutcome = environment.run(StockWatchActivities(deps).watch_stock)
    return outcome


def rows(deps: Dependencies, query: str) -> list[Any]:
    with deps.database.begin() as tx:
        return list(tx.execute(text(query)))


def test_the_pools_of_all_suppliers_count_together(deps: Dependencies) -> None:
    sell(deps, "1", 28)
    offer(deps, "bts", "1", 4)
    offer(deps, "other", "1", 4)
    assert watch(deps) == StockWatchOutcome(low=0, proposals=0)


def test_all_that_runs_out_is_one_task_and_one_mail_a_day(deps: Dependencies) -> None:
    for ean in ("1", "2", "3"):
        sell(deps, ean, 28)
        offer(deps, "bts", ean, 2)
    assert watch(deps).low == watch(deps).low == 3
    [(question, evidence)] = rows(deps, "SELECT question, evidence FROM tasks WHERE state = 'open'")
    assert question.startswith("3 articles sell out within 7 days")
    assert [row["days"] for row in evidence["articles"]] == ["2.0"] * 3
    assert len(rows(deps, "SELECT 1 FROM mails")) == 1
    watch(deps, NOW + timedelta(days=1))
    assert len(rows(deps, "SELECT 1 FROM mails")) == 2


def test_enough_of_everything_closes_the_task(deps: Dependencies) -> None:
    sell(deps, "1", 28)
    watch(deps)
    offer(deps, "bts", "1", 100)
    watch(deps)
    assert rows(deps, "SELECT state FROM tasks") == [("obsolete",)]


def test_only_our_own_stock_is_proposed_to_be_ordered_again(deps: Dependencies) -> None:
    sell(deps, "1", 28)
    sell(deps, "2", 28)
    offer(deps, "bts", "1", 0)
    offer(deps, "other", "2", 5, pack=12)
    for _ in range(2):
        assert watch(deps) == StockWatchOutcome(low=2, proposals=1)
    assert rows(deps, "SELECT supplier, sku, quantity, state FROM reorder_proposals") == [("other", "S2", 36, "open")]


def test_old_sales_and_test_orders_do_not_count(deps: Dependencies) -> None:
    sell(deps, "1", 280, ago=timedelta(days=40))
    sell(deps, "2", 280, test=True)
    assert watch(deps).low == 0


def test_what_orders_hold_is_no_longer_there(deps: Dependencies) -> None:
    sell(deps, "1", 28)
    offer(deps, "bts", "1", 8)
    assert watch(deps).low == 0
    with deps.database.begin() as tx:
        tx.execute(text("UPDATE offers SET reserved = 4"))
    assert watch(deps).low == 1


def test_reservations_that_do_not_agree_are_told_of_until_they_do(deps: Dependencies) -> None:
    offer(deps, "bts", "1", 100)
    with deps.database.begin() as tx:
        tx.execute(text("UPDATE offers SET reserved = 4"))
    for _ in range(2):
        watch(deps)
    [(category, question, evidence)] = rows(deps, "SELECT category, question, evidence FROM tasks WHERE state = 'open'")
    assert (category, evidence["drifts"][0]["kind"]) == ("reservations_drifted", "sum")
    assert "bts S1: 4, not 0" in question

    with deps.database.begin() as tx:
        tx.execute(text("UPDATE offers SET reserved = 0"))
    watch(deps)
    assert rows(deps, "SELECT state FROM tasks") == [("obsolete",)]
