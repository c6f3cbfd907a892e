import json
from datetime import timedelta

import pytest
from sqlalchemy import text
from temporalio.exceptions import ApplicationError

from adapters.errors import Refused, Unavailable
from models.sync import RunState
from tests.activities.feed_world import START, FeedWorld, article, ean_of


def page(*numbers: int, quantity: int = 10) -> list[dict[str, object]]:
    return [
        {"sku": row[0], "ean": row[1], "quantity": row[2], "cost": row[3], "seen": "never the same"}
        for row in (article(number, quantity) for number in numbers)
    ]


def push(feed: FeedWorld, quantity: int, *numbers: int) -> None:
    feed.now += timedelta(minutes=1)
    body = "\n".join(json.dumps(row) for row in page(*numbers, quantity=quantity))
    with feed.database.begin() as tx:
        storing = text("""
            INSERT INTO feed_pushes (supplier, feed, delivery_id, body, received_at)
            VALUES ('bts', 'pushed', :id, :body, :at)
        """)
        tx.execute(storing, {"id": str(feed.now), "body": body.encode(), "at": feed.now})


@pytest.fixture
def api(feed: FeedWorld) -> FeedWorld:
    feed.configure(api={"source": "api", "columns": {}}, hot={"source": "api", "columns": {}, "scope": "changes"})
    feed.supplier.pages = [page(0, 1, 2), page(3, 4), page(5)]
    return feed


def test_an_interface_is_read_page_by_page(api: FeedWorld) -> None:
    outcome = api.sync("api")
    assert (outcome.state, outcome.rows, outcome.offers) == (RunState.APPLIED, 6, 6)
    assert api.sync("api").state is RunState.UNCHANGED


def test_a_broken_fetch_goes_on_after_the_last_page_that_arrived(api: FeedWorld) -> None:
    def fail_once(number: int) -> None:
        if number == 2 and len(api.supplier.asked) == 1:
            raise Unavailable("fetch_feed: no answer")

    api.supplier.on_page = fail_once
    request = api.request("api")
    with pytest.raises(Unavailable):
        api.run(api.stages.fetch_feed, request)
    outcome = api.go_on(request)
    assert api.supplier.asked == [("", ""), ("", "2")]
    assert (outcome.state, len(api.quantities())) == (RunState.APPLIED, 6)


def test_changes_begin_where_the_last_applied_run_said(api: FeedWorld) -> None:
    for quantity in (10, 9):
        api.supplier.pages = [page(0, 1, quantity=quantity)]
        api.sync("hot")
    assert [since for since, _ in api.supplier.asked] == ["", "since-1"]
    api.sync("hot", full=True)
    assert api.supplier.asked[-1] == ("", "")


def test_no_changes_are_an_ordinary_end(api: FeedWorld) -> None:
    api.sync("hot")
    api.supplier.pages = [[]]
    assert api.sync("hot").state is RunState.UNCHANGED
    assert len(api.quantities()) == 6


def test_a_point_that_the_supplier_has_forgotten_is_read_from_the_beginning(api: FeedWorld) -> None:
    api.sync("hot")

    def refuse(_: int) -> None:
        if api.supplier.asked[-1][0]:
            raise Refused("getProductChanges: too old", code="since_too_old")

    api.supplier.on_page = refuse
    assert api.sync("hot").state is RunState.UNCHANGED
    assert [since for since, _ in api.supplier.asked] == ["", "since-1", ""]


def test_a_name_that_is_gone_from_the_interface_raises_an_alarm_with_the_difference(api: FeedWorld) -> None:
    api.supplier.pages = [page(*range(30))]
    api.sync("api")
    renamed = [{**row, "price": row["cost"]} for row in page(*range(30), quantity=8)]
    api.supplier.pages = [[{name: value for name, value in row.items() if name != "cost"} for row in renamed]]
    outcome = api.sync("api")
    assert outcome.state is RunState.QUARANTINED
    assert api.quantities()["S000000"] == 10


def test_best_sellers_are_asked_for_in_lists(feed: FeedWorld) -> None:
    feed.write([article(number) for number in range(3)])
    feed.sync()
    feed.configure(stock={}, best={"source": "api", "columns": {}, "scope": "fast-sellers"})
    with feed.database.begin() as tx:
        tx.execute(
            text("""
            INSERT INTO orders (channel, storefront_order_id, name, state, received_at, currency, total, paid, test,
                storefront_updated_at, placed_at, content_key)
            VALUES ('main', '1', '#1', 'done', :at, 'EUR', 1, true, false, :at, :at, '')
        """),
            {"at": START},
        )
        tx.execute(
            text("""
            INSERT INTO order_lines (order_id, line_id, position, sku, variant_id, title, quantity, unit_price,
                requires_shipping, ean)
            SELECT id, '1', 1, 'OURS', '900', '', 2, 1, true, :ean FROM orders
        """),
            {"ean": ean_of(1)},
        )
    feed.supplier.stock = {ean_of(1): 3}
    feed.sync("best")
    assert feed.supplier.asked == [("stock", ean_of(1))]
    assert feed.quantities() == {"S000000": 10, "S000001": 3, "S000002": 10}


@pytest.fixture
def pushed(feed: FeedWorld) -> FeedWorld:
    source = {"source": "push", "push_secret_env": "PUSH_SECRET", "format": "ndjson", "scope": "changes"}
    feed.configure(pushed=source)
    return feed


def test_what_was_pushed_is_taken_in_together_and_the_later_word_counts(pushed: FeedWorld) -> None:
    push(pushed, 10, 1, 2)
    push(pushed, 7, 2, 3)
    pushed.now += timedelta(minutes=1)
    outcome = pushed.sync("pushed")
    assert (outcome.state, outcome.rows) == (RunState.APPLIED, 4)
    assert pushed.quantities() == {"S000001": 10, "S000002": 7, "S000003": 7}
    assert pushed.sync("pushed").state is RunState.NOTHING_THERE


def test_a_word_that_was_taken_back_counts_though_its_bytes_are_known(pushed: FeedWorld) -> None:
    for quantity in (10, 7, 10):
        push(pushed, quantity, 1)
        pushed.now += timedelta(minutes=1)
        pushed.sync("pushed")
    push(pushed, 3, 1)
    push(pushed, 10, 1)
    pushed.now += timedelta(minutes=1)
    pushed.sync("pushed")
    assert pushed.quantities() == {"S000001": 10}


def test_a_push_waits_until_no_more_come(pushed: FeedWorld) -> None:
    push(pushed, 10, 1)
    with pytest.raises(ApplicationError) as waiting:
        pushed.run(pushed.stages.fetch_feed, pushed.request("pushed"))
    assert (waiting.value.type, waiting.value.next_retry_delay) == ("NotYet", timedelta(seconds=5))


def test_what_a_failed_run_had_taken_in_is_taken_by_the_next_one(pushed: FeedWorld) -> None:
    push(pushed, 10, 1)
    pushed.now += timedelta(minutes=1)
    request = pushed.request("pushed")
    pushed.run(pushed.stages.fetch_feed, request)
    pushed.run(pushed.stages.fail_feed, request, "stage_feed")
    assert pushed.sync("pushed").state is RunState.APPLIED
    assert pushed.quantities() == {"S000001": 10}
