from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from temporalio.exceptions import ApplicationError

from adapters.errors import Unavailable
from models.contracts import (
    PlanRequest,
    PlanResult,
    PlanVerdict,
    PurchaseOrderEnding,
    ScreenRequest,
    ScreenVerdict,
    TaskRequest,
)
from models.statuses import Mode, PurchaseOrderState
from models.tasks import TaskCategory
from tests.activities.world import ARTICLE, START, World, ref


def unanswered() -> None:
    raise Unavailable("getProductStock: no answer", code="ReadTimeout")


# Screening.


def test_an_order_belongs_to_the_first_chain_of_runs_that_claims_it(world: World) -> None:
    order = world.sell()
    verdicts = [
        world.run(
            world.storefronts.screen_order,
            ScreenRequest(order_id=order.order_id, channel="main", first_run_id=run),
        ).verdict
        for run in ("run-1", "run-1", "run-2")
    ]
    assert verdicts == [ScreenVerdict.CLEAR, ScreenVerdict.CLEAR, ScreenVerdict.FOREIGN_RUN]
    assert world.only("SELECT first_run_id, state FROM orders") == {"first_run_id": "run-1", "state": "open"}


def test_an_order_that_has_ended_is_nobodys_to_claim(world: World) -> None:
    order = world.sell()
    with world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE orders SET state = 'shipped'")
    request = ScreenRequest(order_id=order.order_id, channel="main", first_run_id="run-1")
    assert world.run(world.storefronts.screen_order, request).verdict is ScreenVerdict.FOREIGN_RUN


def test_what_stands_in_an_orders_way_is_asked_once_however_often_it_is_screened(world: World) -> None:
    order = world.sell()
    world.shop.paid = False
    request = ScreenRequest(order_id=order.order_id, channel="main", first_run_id="run-1")
    tasks = {world.run(world.storefronts.screen_order, request, attempt=n).task.task_id for n in (1, 2)}  # type: ignore[union-attr]
    assert len(tasks) == 1
    assert world.tasks() == ["not_paid"]


# Planning.


def test_a_plan_mints_numbers_units_and_reasons(world: World) -> None:
    world.bts.stock[ARTICLE] = 3
    first, second = world.planned(3, 2)
    assert [(one.profile.supplier, one.units, one.attempt, one.mode) for one in (first, second)] == [
        ("bts", 3, 1, Mode.LIVE),
        ("nova", 2, 1, Mode.LIVE),
    ]
    assert first.number != second.number
    lines = world.only("SELECT reasons FROM plans")["reasons"]["lines"]
    assert [[one["because"] for one in line["candidates"]] for line in lines] == [
        ["chosen", "lower priority"],
        ["not enough stock", "chosen"],
    ]


def test_the_same_plan_number_always_gives_the_same_purchase_orders(world: World) -> None:
    order = world.sell(2)
    world.screen(order)
    first = world.plan(order)
    world.bts.stock[ARTICLE] = 0  # the world has moved on: a repeated plan does not notice
    assert world.plan(order) == first
    assert len(world.rows("SELECT 1 FROM purchase_orders")) == 1


def test_planners_at_once_mint_one_plan(world: World) -> None:
    order = world.sell(2, 3)
    world.screen(order)
    together = Barrier(4, timeout=20)
    world.bts.on_stock = together.wait  # all have read that there is no plan before any writes one

    def plan(_: int) -> PlanResult:
        return world.plan(order)

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(plan, range(4)))
    assert all(result == results[0] for result in results)
    assert len(results[0].purchase_orders) == 1
    assert len(world.rows("SELECT 1 FROM plans")) == 1
    assert len(world.rows("SELECT 1 FROM timeline WHERE event = 'order.planned'")) == 1


def test_a_second_plan_leaves_out_who_failed_and_counts_its_attempts(world: World) -> None:
    order = world.sell(2)
    world.screen(order)
    (first,) = world.plan(order).purchase_orders
    world.run(world.ends.end_purchase_order, PurchaseOrderEnding(**ref(first).model_dump(), ending="returned"))
    (second,) = world.plan(order, 2, excluded=("bts",)).purchase_orders
    world.run(world.ends.end_purchase_order, PurchaseOrderEnding(**ref(second).model_dump(), ending="returned"))
    (third,) = world.plan(order, 3).purchase_orders
    assert [(one.profile.supplier, one.attempt) for one in (first, second, third)] == [
        ("bts", 1),
        ("nova", 1),
        ("bts", 2),
    ]
    assert len({one.number for one in (first, second, third)}) == 3


def test_a_line_that_nobody_has_is_asked_about_once(world: World) -> None:
    world.bts.stock[ARTICLE] = world.suppliers["nova"].stock[ARTICLE] = 1
    order = world.sell(2)
    world.screen(order)
    for _ in range(2):
        result = world.plan(order)
        assert (result.verdict, result.purchase_orders) == (PlanVerdict.SHORT, ())
    assert world.tasks() == ["unroutable"]
    assert world.rows("SELECT 1 FROM plans") == []


def test_an_article_that_nobody_knows_is_asked_about_as_such(world: World) -> None:
    world.bts.stock.clear()
    world.suppliers["nova"].stock.clear()
    order = world.sell(2)
    world.screen(order)
    assert world.plan(order).verdict is PlanVerdict.ASK
    assert world.tasks() == ["article_unknown"]


def test_a_supplier_that_gives_no_answer_stands_with_its_last_word(world: World) -> None:
    world.planned(1)
    world.bts.on_stock = unanswered
    (second,) = world.planned(1)
    assert second.profile.supplier == "bts"


def test_a_supplier_that_can_not_even_be_built_stops_nobody_elses_orders(world: World) -> None:
    del world.suppliers["nova"]
    (order,) = world.planned(2)
    assert order.profile.supplier == "bts"


def test_while_a_supplier_that_might_have_it_is_silent_planning_waits(world: World) -> None:
    world.bts.on_stock = unanswered
    world.suppliers["nova"].stock[ARTICLE] = 0
    order = world.sell(1)
    world.screen(order)
    with pytest.raises(ApplicationError, match="no supplier has answered yet"):
        world.plan(order)
    assert world.tasks() == []
    assert len(world.rows("SELECT 1 FROM offers")) == 1  # what nova said is kept, although the attempt failed


def test_a_cancelled_order_is_not_planned(world: World) -> None:
    order = world.sell(1)
    world.screen(order)
    with world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE orders SET cancel_requested_at = now()")
    assert world.plan(order).verdict is PlanVerdict.CANCELLED
    assert world.rows("SELECT 1 FROM purchase_orders") == []


def test_following_another_runs_purchase_order_waits_for_its_end(world: World) -> None:
    (order,) = world.planned(1)
    with pytest.raises(ApplicationError, match="still being followed"):
        world.run(world.orders.follow_purchase_order, ref(order))
    ending = PurchaseOrderEnding(**ref(order).model_dump(), ending=PurchaseOrderState.REJECTED)
    world.run(world.ends.end_purchase_order, ending)
    outcome = world.run(world.orders.follow_purchase_order, ref(order))
    assert (outcome.ending, outcome.order_ending) == (PurchaseOrderState.REJECTED, None)


def test_an_order_without_open_units_needs_no_plan(world: World) -> None:
    order = world.sell(1)
    world.screen(order)
    with world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE order_lines SET cancelled = quantity")
    request = PlanRequest(order_id=order.order_id, channel="main", plan_no=1)
    assert world.run(world.orders.plan_order, request).verdict is PlanVerdict.NOTHING_OPEN


# What a lifecycle asks by itself.


@pytest.mark.parametrize(
    ("category", "facts"),
    [
        (TaskCategory.CHECKS_SPENT, {}),
        (TaskCategory.CANCEL_AT_SUPPLIER, {}),
        (TaskCategory.STOREFRONT_REFUSED, {"what": "the cost id", "code": "no answer"}),
        (TaskCategory.SUPPLIER_UNREACHABLE, {"what": "rates", "code": "no answer"}),
        (TaskCategory.HELD, {"reason": "a person asked to hold it"}),
    ],
)
def test_every_question_that_a_purchase_order_asks_by_itself_can_be_worded(
    world: World, category: TaskCategory, facts: dict[str, str]
) -> None:
    order = world.placed(1)
    request = TaskRequest(
        order_id=order.order_id, purchase_order_id=order.purchase_order_id, category=category, facts=facts
    )
    task = world.run(world.people.open_task, request, workflow_id="purchase-order/main/1/bts/1")
    assert order.order_name in task.question
    assert world.tasks() == [category]


@pytest.mark.parametrize(
    ("category", "facts"),
    [
        (TaskCategory.STOREFRONT_REFUSED, {"what": "the check", "code": "no answer"}),
        (TaskCategory.HELD, {"reason": "a person asked to hold it"}),
        (TaskCategory.PURCHASE_ORDER_LOST, {"number": "DW-1-11", "supplier": "Nova", "problem": "TerminatedError"}),
    ],
)
def test_every_question_that_an_order_asks_by_itself_can_be_worded(
    world: World, category: TaskCategory, facts: dict[str, str]
) -> None:
    order = world.sell(1)
    task = world.run(world.people.open_task, TaskRequest(order_id=order.order_id, category=category, facts=facts))
    assert order.name in task.question
    opened = world.only("SELECT remind_at, opened_at FROM tasks")
    assert opened["opened_at"] == START
    assert opened["remind_at"] > START
