"""Shortages and customers' answers where a commit is lost, or two things happen at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from models.backordering import CustomerChoice
from models.contracts import OrderRequest
from tests.activities.broken_commit import BrokenCommit
from tests.activities.shortage_world import ARTICLE, OTHER, Shop
from tests.activities.world import World, build_world

AFTER = pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after the commit"])


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = build_world(database_url)
    yield world
    world.database.close()


def commits_of_a_plan(shop: Shop, order: OrderRequest) -> int:
    """Count the transactions of planning; the last one writes."""
    commits: list[object] = []

    def note(connection: object) -> None:
        commits.append(connection)

    event.listen(shop.world.database.engine, "commit", note)
    shop.plan(order)
    event.remove(shop.world.database.engine, "commit", note)
    return len(commits)


@AFTER
def test_a_customer_is_written_to_once_though_the_plans_commit_is_lost(world: World, after: bool) -> None:
    shop = Shop(world, action="ask_customer")
    last = commits_of_a_plan(shop, shop.order(1))
    order = shop.order(2)

    with BrokenCommit(world.database, last, after=after), suppress(DBAPIError):
        shop.plan(order)
    again = shop.short(order)

    assert again.question_id is not None
    assert [mail["order_id"] for mail in shop.mails()].count(order.order_id) == 1
    assert [row["units"] for row in shop.backorders() if row["order_id"] == order.order_id] == [2]


@AFTER
def test_units_are_cancelled_once_though_the_plans_commit_is_lost(world: World, after: bool) -> None:
    shop = Shop(world, action="cancel")
    last = commits_of_a_plan(shop, shop.order(1))
    shop.stock(5, OTHER)
    order = shop.order(3, 1, articles=(ARTICLE, OTHER))

    with BrokenCommit(world.database, last, after=after), suppress(DBAPIError):
        shop.plan(order)
    planned = shop.plan(order)

    assert [line["cancelled"] for line in shop.lines(order)] == [3, 0]
    assert [one.units for one in planned.purchase_orders] == [1]
    assert shop.events(order).count("order.units_cancelled") == 1


@AFTER
@pytest.mark.parametrize(("word", "cancelled"), [("cancel", 2), ("wait", 0), ("all", 0)])
def test_a_question_whose_settlement_was_lost_is_settled_alike(
    world: World, after: bool, word: str, cancelled: int
) -> None:
    shop = Shop(world, action="ask_customer")
    order, question = shop.asked(2)
    shop.answer(question, word)

    with BrokenCommit(world.database, 1, after=after), suppress(DBAPIError):
        shop.settle(order, question)
    settled, again = shop.settle(order, question), shop.settle(order, question)

    assert settled == again
    assert [line["cancelled"] for line in shop.lines(order)] == [cancelled]
    assert shop.events(order).count("customer.answered") == 1


def test_an_answer_at_the_moment_of_the_deadline_is_taken_or_refused_but_never_lost(world: World) -> None:
    shop = Shop(world, action="ask_customer", when_silent="wait")
    for _ in range(10):
        order, question = shop.asked(1)
        with ThreadPoolExecutor(2) as both:
            answering = both.submit(shop.answer, question, "cancel")
            settling = both.submit(shop.settle, order, question)
            taken, settled = answering.result(), settling.result()

        assert settled.choice is (CustomerChoice.CANCEL_LINE if taken else CustomerChoice.WAIT)
        assert settled.silent is not taken
        assert [line["cancelled"] for line in shop.lines(order)] == [int(taken)]


def test_of_two_answers_at_once_one_counts(world: World) -> None:
    shop = Shop(world, action="ask_customer")
    _, question = shop.asked(1)

    with ThreadPoolExecutor(8) as customers:
        taken = list(customers.map(lambda word: shop.answer(question, word), ["cancel", "wait"] * 4))

    assert taken.count(True) == 1
