import os
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.exceptions import ApplicationError

from activities.feed_writer import RowWriter
from adapters.database import feed_applying, feed_chunks, offers
from models.suppliers import Offer
from models.sync import RunState
from tests.activities.feed_world import MINUTE, START, FeedWorld, article, ean_of

TEN = [article(number) for number in range(10)]


def empty(feed: FeedWorld, *tables: str) -> None:
    """Do what a crash of the database does to unlogged tables."""
    with feed.database.begin() as tx:
        tx.execute(text(f"TRUNCATE {', '.join(tables)}"))


# The same bytes again.


def test_a_row_that_was_older_than_what_the_supplier_said_counts_when_a_newer_file_repeats_it(feed: FeedWorld) -> None:
    feed.write(TEN)
    feed.sync()
    later = [*TEN[:9], article(9, 3)]
    feed.write(later)
    feed.ask_supplier(ean_of(9), 10)  # as it was: nothing differs, and the word is newer than the file's
    feed.sync()
    assert feed.quantities()["S000009"] == 10
    feed.write(later)
    assert feed.sync().state is RunState.APPLIED
    assert feed.quantities()["S000009"] == 3


def test_an_absence_that_was_older_than_what_the_supplier_said_counts_when_a_newer_file_repeats_it(
    feed: FeedWorld,
) -> None:
    feed.configure(stock={"absent": "zero"})
    feed.write(TEN)
    feed.sync()
    feed.write(TEN[:9])
    feed.ask_supplier(ean_of(9), 10)
    feed.sync()
    assert feed.quantities()["S000009"] == 10
    feed.write(TEN[:9])
    feed.sync()
    assert feed.quantities()["S000009"] == 0


# Clocks.


def test_a_file_that_was_delivered_late_is_not_older_than_one_that_was_looked_at_in_vain(feed: FeedWorld) -> None:
    feed.write(TEN)
    feed.sync()
    feed.now += 30 * MINUTE
    assert feed.sync().state is RunState.UNCHANGED
    feed.write([article(0, 4), *TEN[1:]])
    os.utime(feed.folder / "stock.csv", ((feed.now - 20 * MINUTE).timestamp(),) * 2)
    assert feed.sync().state is RunState.APPLIED
    assert feed.quantities()["S000000"] == 4


def test_a_file_that_nobody_renews_is_as_old_as_it_is_however_often_it_is_looked_at(feed: FeedWorld) -> None:
    feed.write(TEN)
    feed.sync()
    feed.now += timedelta(days=5)
    assert feed.sync().state is RunState.UNCHANGED
    spoke = feed.only("SELECT source_time FROM feed_runs ORDER BY id DESC LIMIT 1")
    assert spoke["source_time"] == START + MINUTE


def test_a_suppliers_clock_that_is_ahead_fences_nothing_off(feed: FeedWorld) -> None:
    feed.write(TEN)
    path = feed.folder / "stock.csv"
    os.utime(path, ((feed.now + timedelta(days=3650)).timestamp(),) * 2)
    feed.sync()
    feed.ask_supplier(ean_of(9), 2)
    assert feed.quantities()["S000009"] == 2
    feed.write([*TEN[:8], article(8, 5), article(9, 7)])
    assert feed.sync().state is RunState.APPLIED
    assert (feed.quantities()["S000008"], feed.quantities()["S000009"]) == (5, 7)


def test_a_row_of_the_future_is_as_old_as_the_run_that_brought_it(feed: FeedWorld) -> None:
    feed.configure(stock={"columns": {"sku": "sku", "ean": "ean", "quantity": "quantity", "observed_at": "at"}})
    feed.write([(*TEN[9][:3], "2036-01-01T00:00:00Z")], header=("sku", "ean", "quantity", "at"))
    feed.sync()
    assert feed.offer("S000009")["observed_at"] == feed.now
    feed.ask_supplier(ean_of(9), 2)
    assert feed.quantities()["S000009"] == 2


def test_of_two_files_of_changes_of_one_second_the_one_that_came_later_is_read_once(feed: FeedWorld) -> None:
    feed.configure(hot={"scope": "changes", "source": feed.folder.as_uri(), "files": "hot_*.csv"})

    def put(name: str, number: int) -> None:
        path = feed.folder / name
        path.write_text("sku,ean,quantity,cost\n" + ",".join(map(str, article(number))) + "\n")
        os.utime(path, (START.timestamp(),) * 2)

    put("hot_a.csv", 1)
    assert feed.sync("hot").state is RunState.APPLIED
    put("hot_b.csv", 2)
    assert feed.sync("hot").state is RunState.APPLIED
    assert set(feed.quantities()) == {"S000001", "S000002"}
    assert feed.sync("hot").state is RunState.NOTHING_THERE


# A crash of the database in the middle.


@pytest.mark.parametrize("table", ["feed_staged", "feed_chunks"])
def test_what_is_lost_while_a_feed_is_read_is_no_absence(
    feed: FeedWorld, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.configure(stock={"absent": "zero"})
    feed.write(TEN)
    feed.sync()
    feed.write([*TEN[:7], *(article(number, 5) for number in (7, 8, 9))])
    step = feed.until("stage")
    finish = RowWriter.finish

    def crash(writer: RowWriter) -> None:
        finish(writer)
        empty(feed, table)

    monkeypatch.setattr(RowWriter, "finish", crash)
    with pytest.raises(ApplicationError) as gone:
        feed.run(feed.stages.stage_feed, step)
    assert (gone.value.type, gone.value.non_retryable) == ("BytesGone", True)
    monkeypatch.undo()
    assert feed.sync().state is RunState.APPLIED
    assert feed.quantities() == {row[0]: 5 if row[0] >= "S000007" else 10 for row in TEN}


def test_what_is_lost_while_a_feed_is_applied_is_applied_by_the_next_run(
    feed: FeedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_applying, "BATCH", 4)
    feed.write(TEN)
    step = feed.until("apply")
    apply, batches = feed_applying.Applier.apply, iter(range(10))

    def crash(applier: Any, tx: Any, after: str, upto: str) -> Any:
        if next(batches) == 2:
            tx.execute(text("DELETE FROM feed_staged"))
        return apply(applier, tx, after, upto)

    monkeypatch.setattr(feed_applying.Applier, "apply", crash)
    with pytest.raises(ApplicationError, match="no longer in the database"):
        feed.run(feed.stages.apply_feed, step)
    monkeypatch.undo()
    assert feed.sync().state is RunState.APPLIED
    assert len(feed.quantities()) == 10


def test_pages_that_are_lost_while_others_are_fetched_fail_the_run(feed: FeedWorld) -> None:
    feed.configure(api={"source": "api", "columns": {}})
    feed.supplier.pages = [[{"sku": f"S{number}", "quantity": 1}] for number in range(4)]
    feed.supplier.on_page = lambda page: empty(feed, "feed_chunks") if page == 2 else None
    with pytest.raises(ApplicationError, match="no longer in the database"):
        feed.sync("api")
    assert feed.rows("SELECT 1 FROM offers") == []


def test_a_file_whose_first_pieces_are_lost_while_it_is_fetched_fails_the_run(
    feed: FeedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.write(TEN)
    keep = feed_chunks.keep

    def crash(tx: Any, *piece: Any) -> None:
        keep(tx, *piece)
        tx.execute(text("DELETE FROM feed_chunks"))

    monkeypatch.setattr(feed_chunks, "keep", crash)
    with pytest.raises(ApplicationError, match="no longer in the database"):
        feed.sync()
    monkeypatch.undo()
    assert feed.sync().state is RunState.APPLIED


# Pushes.


@pytest.fixture
def pushed(feed: FeedWorld) -> FeedWorld:
    columns = {"sku": "sku", "ean": "ean", "quantity": "quantity"}
    secret = {"push_secret_env": "PUSH_SECRET", "debounce": "10s"}
    feed.configure(hot={"source": "push", "scope": "changes", "format": "ndjson", "columns": columns, **secret})
    return feed


def push(feed: FeedWorld, quantity: int, **ago: float) -> None:
    row = f'{{"sku": "A", "ean": "{ean_of(1)}", "quantity": {quantity}}}'.encode()
    with feed.database.begin() as tx:
        tx.execute(
            text("""
                INSERT INTO feed_pushes (supplier, feed, delivery_id, body, received_at)
                VALUES ('bts', 'hot', :delivery, :body, :at)
            """),
            {"delivery": f"d{quantity}", "body": row, "at": feed.now - timedelta(**ago)},
        )


def test_a_supplier_that_never_pauses_is_heard_all_the_same(pushed: FeedWorld) -> None:
    request = pushed.request("hot")
    push(pushed, 1)
    with pytest.raises(ApplicationError, match="more may be pushed"):
        pushed.run(pushed.stages.fetch_feed, request)
    pushed.now += timedelta(seconds=101)
    push(pushed, 2, seconds=1)
    assert pushed.go_on(request).state is RunState.APPLIED
    assert pushed.quantities() == {"A": 2}


def test_a_push_that_was_committed_late_is_not_thrown_away_as_an_older_one(pushed: FeedWorld) -> None:
    push(pushed, 1, seconds=20)
    assert pushed.sync("hot").state is RunState.APPLIED
    push(pushed, 2, seconds=25)
    assert pushed.sync("hot").state is RunState.APPLIED
    assert pushed.quantities() == {"A": 2}


# What else writes offers.


def test_an_answer_without_a_cost_leaves_the_cost_in_its_currency(feed: FeedWorld) -> None:
    feed.configure(stock={"currency": "USD"})
    feed.write(TEN)
    feed.sync()
    feed.now += MINUTE
    answer = Offer(supplier="bts", ean=ean_of(9), known=True, quantity=2, observed_at=feed.now)
    with feed.database.begin() as tx:
        offers.keep(tx, [answer])
    offer = feed.offer("S000009")
    assert (offer["quantity"], offer["currency"]) == (2, "USD")


@pytest.mark.parametrize(("answer", "left"), [(7, {"A": 7, "B": 3}), (1, {"A": 1, "B": 1}), (0, {"A": 0, "B": 0})])
def test_an_answer_about_an_article_of_two_skus_is_not_counted_twice(
    feed: FeedWorld, answer: int, left: dict[str, int]
) -> None:
    feed.write([("A", ean_of(1), 5, "10.00"), ("B", ean_of(1), 3, "11.00")])
    feed.sync()
    feed.ask_supplier(ean_of(1), answer, "9")
    assert feed.quantities() == left
    assert (feed.offer("A")["unit_cost"], feed.offer("B")["unit_cost"]) == (9, 11)


def test_a_cost_that_is_held_is_not_let_in_by_an_orders_question(feed: FeedWorld) -> None:
    feed.write(TEN)
    feed.sync()
    feed.write([*TEN[:9], article(9, 10, "1.00")])
    assert feed.sync().held == 1
    feed.ask_supplier(ean_of(9), 4, "1")
    offer = feed.offer("S000009")
    assert (offer["quantity"], offer["unit_cost"]) == (4, 10)


def test_rows_that_contradict_each_other_over_thousands_of_others_are_taken_out_again(feed: FeedWorld) -> None:
    rows = [article(number) for number in range(21_000)]
    feed.write([*rows, article(0, 77)])
    outcome = feed.sync()
    assert (outcome.state, outcome.offers) == (RunState.APPLIED, 20_999)
    assert "S000000" not in feed.quantities()
