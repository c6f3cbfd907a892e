from datetime import timedelta
from typing import Any

import pytest

from adapters.database import route_views
from models.backordering import CustomerChoice, ShortageAction
from models.contracts import OrderEnding, OrderRequest, PlanVerdict, ShortageWord
from models.tasks import TaskCategory
from tests.activities.shortage_world import ARTICLE, OTHER, Shop
from tests.activities.world import START, World, build_world

DAY = timedelta(days=1)
WAIT, PERSON = ShortageAction.WAIT, ShortageAction.ASK_PERSON


@pytest.fixture
def world(database_url: str) -> Any:
    world = build_world(database_url)
    yield world
    world.database.close()


def test_without_a_policy_a_person_is_asked_once_however_often_it_is_planned(world: World) -> None:
    shop = Shop(world)
    order = shop.order(2)

    first, second = shop.short(order), shop.short(order)

    assert first.task is not None
    assert first.task == second.task
    assert (first.action, first.units) == (PERSON, 2)
    assert world.tasks() == ["unroutable"]
    (row,) = shop.backorders()
    assert (row["ean"], row["units"], row["had"], row["until"]) == (ARTICLE, 2, 0, None)


def test_an_order_waits_until_the_same_day_with_each_plan_and_then_a_person_is_asked(world: World) -> None:
    shop = Shop(world, action="wait", wait="14d")
    order = shop.order(2)

    first = shop.short(order)
    later = shop.short(order, at=START + 9 * DAY)
    over = shop.short(order, at=START + 14 * DAY, word=ShortageWord(action=first.then))

    assert (first.action, first.until, first.then) == (WAIT, START + 14 * DAY, PERSON)
    assert later == first
    assert (over.action, over.until) == (PERSON, None)
    assert shop.events(order).count("order.awaits_stock") == 1


def test_why_nothing_could_be_ordered_is_kept_until_a_plan_stands(world: World) -> None:
    shop = Shop(world, action="wait")
    order = shop.order(2)

    assert shop.short(order).missing == (f"2 x {ARTICLE}",)
    with world.database.begin() as tx:
        short = route_views.short_of(tx, order.order_id)
    shop.stock(2)
    shop.plan(order)

    assert short is not None
    assert {one["because"] for one in short.reasons["lines"][0]["candidates"]} == {"not enough stock"}
    with world.database.begin() as tx:
        assert route_views.short_of(tx, order.order_id) is None


def test_stock_that_is_planned_after_all_takes_the_question_back(world: World) -> None:
    shop = Shop(world)
    order = shop.order(2)
    shop.plan(order)

    shop.stock(2)
    plan = shop.plan(order)

    assert (plan.verdict, plan.shortage) == (PlanVerdict.PLANNED, None)
    assert shop.backorders() == []
    assert world.tasks() == []
    assert world.only("SELECT answer FROM tasks")["answer"] == "stock arrived"


def test_what_is_there_waits_for_the_rest_unless_the_policy_ships_it(world: World) -> None:
    shop = Shop(world, action="wait")
    shop.stock(5, OTHER)

    whole = shop.plan(shop.order(1, 1, articles=(ARTICLE, OTHER)))
    world.configure(backorders={"ship_available": True})
    parted = shop.plan(shop.order(1, 1, articles=(ARTICLE, OTHER)))

    assert whole.verdict is PlanVerdict.SHORT
    assert parted.verdict is PlanVerdict.PLANNED
    assert [one.units for one in parted.purchase_orders] == [1]
    assert [row["ean"] for row in shop.backorders()] == [ARTICLE, ARTICLE]


def test_a_person_has_the_rest_shipped_and_what_lacks_is_cancelled(world: World) -> None:
    shop = Shop(world)
    shop.stock(5, OTHER)
    order = shop.order(1, 1, articles=(ARTICLE, OTHER))
    shop.plan(order)

    plan = shop.plan(order, 2, word=ShortageWord(action=ShortageAction.CANCEL), ship_available=True)

    assert plan.verdict is PlanVerdict.PLANNED
    assert plan.shortage is not None
    assert plan.shortage.action is ShortageAction.CANCEL
    assert [line["cancelled"] for line in shop.lines(order)] == [1, 0]
    assert world.tasks() == []
    assert shop.backorders() == []


def test_what_is_cancelled_once_is_not_cancelled_again_by_the_next_plan(world: World) -> None:
    shop = Shop(world, action="cancel")
    order = shop.order(3)

    assert shop.plan(order).verdict is PlanVerdict.SHORT
    assert shop.plan(order, 2).verdict is PlanVerdict.NOTHING_OPEN
    assert [line["cancelled"] for line in shop.lines(order)] == [3]


def test_a_supplier_that_cancelled_is_named_to_the_person(world: World) -> None:
    shop = Shop(world)
    shop.stock(2)
    order = shop.order(2)
    (placed,) = shop.plan(order).purchase_orders
    shop.execute(
        "UPDATE purchase_orders SET state = 'cancelled_by_supplier', ended_at = now() WHERE id = :id",
        id=placed.purchase_order_id,
    )

    shop.short(order, 2, excluded=("bts",))

    assert world.tasks() == ["cancelled_by_supplier"]
    assert "BTSWholesaler" in world.only("SELECT question FROM tasks WHERE state = 'open'")["question"]


def test_a_question_that_was_answered_before_a_reset_is_not_waited_for_again(world: World) -> None:
    shop = Shop(world, ship_available=True)
    shop.stock(5, OTHER)
    order = shop.order(1, 1, articles=(ARTICLE, OTHER))
    before = shop.plan(order)
    assert before.shortage is not None
    assert shop.plan(order) == before  # an attempt whose answer was lost

    shop.execute("UPDATE tasks SET state = 'answered', answer = 'wait', closed_at = now()")
    after = shop.plan(order)

    assert after.purchase_orders == before.purchase_orders
    assert after.shortage is not None
    assert after.shortage.task is None
    assert (after.shortage.action, after.shortage.then) == (WAIT, PERSON)
    assert after.shortage.until is not None
    assert after.shortage.until <= START + timedelta(seconds=shop.plans)


# Asking the customer.


def test_the_customer_gets_one_mail_with_the_link_and_the_articles(world: World) -> None:
    shop = Shop(world, action="ask_customer", answer_within="3d", when_silent="wait")
    order = shop.order(2)

    first, again = shop.short(order), shop.short(order, at=START + DAY)

    assert first.question_id is not None
    assert again.question_id == first.question_id
    assert (first.until, again.until, first.then) == (START + 3 * DAY, START + 3 * DAY, WAIT)
    (mail,) = shop.mails()
    assert (mail["recipient"], mail["audience"]) == ("planted@planted.example", "customer")
    assert "2 x 8411061123456" in mail["body"]
    assert f"https://orders.planted.example/dw/c/{shop.token()}" in mail["body"]
    assert "by 5 March 2026, 09:00 UTC" in mail["body"]
    assert world.tasks() == []


@pytest.mark.parametrize(
    ("changes", "sold"),
    [
        ({"customers": None}, {}),
        ({"customers": {"link_secret_env": "SHORT"}}, {}),
        ({"channels": {"main": {"mode": "observe"}}}, {}),
        ({"channels": {"main": {"mode": "approve"}}}, {}),
        ({}, {"email": ""}),
        ({}, {"test": True}),
    ],
    ids=["not configured", "secret too short", "observed", "approved by hand", "no address", "test order"],
)
def test_where_the_customer_can_not_be_asked_a_person_is(
    world: World, changes: dict[str, Any], sold: dict[str, Any]
) -> None:
    shop = Shop(world, action="ask_customer")
    world.configure(**changes)

    shortage = shop.short(shop.order(2, **sold))

    assert shortage.action is PERSON
    assert shortage.task is not None
    assert shop.mails() == []


def test_a_customer_who_waits_is_not_asked_again_before_the_day_and_then_a_person_is(world: World) -> None:
    shop = Shop(world, action="ask_customer", wait="14d")
    order, question = shop.asked(2)
    shop.answer(question, "wait")

    settled = shop.settle(order, question)
    waiting = shop.short(order, 2, word=settled.word)
    planned_again = shop.short(order, 3, at=START + 5 * DAY)
    over = shop.short(order, 4, at=START + 14 * DAY, word=ShortageWord(action=waiting.then))

    assert settled.choice is CustomerChoice.WAIT
    assert not settled.silent
    assert (waiting.action, waiting.until) == (WAIT, START + 14 * DAY)
    assert (planned_again.action, planned_again.until) == (WAIT, START + 14 * DAY)
    assert over.action is PERSON
    assert len(shop.mails()) == 1


def test_a_customer_cancels_a_line_and_the_others_go_out(world: World) -> None:
    shop = Shop(world, action="ask_customer")
    shop.stock(5, OTHER)
    order, question = shop.asked(2, 1, articles=(ARTICLE, OTHER))
    shop.answer(question, "cancel")

    settled = shop.settle(order, question)
    again = shop.settle(order, question)

    assert settled == again
    assert (settled.choice, settled.cancelled, settled.word) == (CustomerChoice.CANCEL_LINE, 1, None)
    assert [line["cancelled"] for line in shop.lines(order)] == [2, 0]
    assert shop.backorders() == []
    assert shop.plan(order, 2).verdict is PlanVerdict.PLANNED


def test_a_customer_takes_something_else_at_the_price_that_was_paid(world: World) -> None:
    shop = Shop(world, action="ask_customer")
    world.configure(stock={"substitutes": {ARTICLE: [OTHER]}})
    shop.stock(2, OTHER)
    keep_offer(shop, OTHER, 2)
    order, question = shop.asked(2)
    shop.answer(question, OTHER)

    settled = shop.settle(order, question)
    plan = shop.plan(order, 2)

    assert (settled.choice, settled.changed) == (CustomerChoice.ALTERNATIVE, 1)
    (line,) = shop.lines(order)
    assert (line["substitute_ean"], line["unit_price"]) == (OTHER, 12.5)
    assert plan.verdict is PlanVerdict.PLANNED
    assert world.only("SELECT ean, quantity FROM purchase_order_lines") == {"ean": OTHER, "quantity": 2}


@pytest.mark.parametrize(("there", "offered"), [(2, [OTHER]), (1, [])])
def test_only_what_suppliers_now_have_in_full_is_offered_instead(world: World, there: int, offered: list[str]) -> None:
    shop = Shop(world, action="ask_customer")
    world.configure(stock={"substitutes": {ARTICLE: [OTHER, "NOBODYS"]}})
    shop.stock(there, OTHER)

    shop.asked(2)

    (asked,) = world.only("SELECT lines FROM customer_questions")["lines"]
    assert [one["ean"] for one in asked["alternatives"]] == offered


def test_a_customer_cancels_the_whole_order_and_the_refund_is_somebodys_task(world: World) -> None:
    shop = Shop(world, action="ask_customer")
    order, question = shop.asked(2)
    shop.answer(question, "all")

    assert shop.settle(order, question).choice is CustomerChoice.CANCEL_ALL

    world.run(world.orders.settle_order, ending_of(order))
    assert world.tasks() == [TaskCategory.REFUND_DUE]


@pytest.mark.parametrize(
    ("silence", "choice", "cancelled"),
    [
        ("wait", CustomerChoice.WAIT, 0),
        ("cancel_line", CustomerChoice.CANCEL_LINE, 2),
        ("cancel_all", CustomerChoice.CANCEL_ALL, 0),
    ],
)
def test_silence_means_what_the_mail_said(world: World, silence: str, choice: CustomerChoice, cancelled: int) -> None:
    shop = Shop(world, action="ask_customer", when_silent=silence)
    order, question = shop.asked(2)

    settled = shop.settle(order, question, at=START + 3 * DAY)

    assert (settled.choice, settled.silent) == (choice, True)
    assert [line["cancelled"] for line in shop.lines(order)] == [cancelled]
    assert "customer.silent" in shop.events(order)


def test_an_answer_after_the_question_was_settled_is_none(world: World) -> None:
    shop = Shop(world, action="ask_customer")
    order, question = shop.asked(2)
    shop.settle(order, question)

    assert not shop.answer(question, "cancel")
    assert shop.settle(order, question).silent


def test_a_question_that_stock_cut_short_goes_on_under_its_link_when_it_was_not_enough(world: World) -> None:
    shop = Shop(world, action="ask_customer")
    order, question = shop.asked(2)

    assert shop.settle(order, question, overtaken=True).choice is None
    again = shop.short(order, 2, at=START + DAY)

    assert again.question_id == question
    assert len(shop.mails()) == 1
    assert shop.answer(question, "wait", at=START + DAY)


def test_an_answer_that_was_stored_counts_though_stock_came_at_the_same_time(world: World) -> None:
    shop = Shop(world, action="ask_customer")
    order, question = shop.asked(2)
    shop.answer(question, "cancel")

    assert shop.settle(order, question, overtaken=True).choice is CustomerChoice.CANCEL_LINE


def test_an_answer_that_nobody_acted_on_before_it_was_planned_is_brought_to_a_person(world: World) -> None:
    shop = Shop(world, action="ask_customer")
    order, question = shop.asked(2)
    shop.answer(question, "cancel")

    shop.stock(2)
    assert shop.plan(order).verdict is PlanVerdict.PLANNED

    assert world.tasks() == ["customer_changed_mind"]
    assert shop.settle(order, question).choice is None
    assert [line["cancelled"] for line in shop.lines(order)] == [0]


def test_other_units_are_another_question(world: World) -> None:
    shop = Shop(world, action="ask_customer", ship_available=True)
    world.configure(routing={"partial_lines": True, "split_lines": True})
    order, question = shop.asked(3)

    shop.stock(1)
    plan = shop.plan(order, 2)

    assert plan.shortage is not None
    assert plan.shortage.units == 2
    assert plan.shortage.question_id != question
    assert not shop.answer(question, "cancel")
    assert len(shop.mails()) == 2


def test_what_the_plan_saw_and_left_is_remembered(world: World) -> None:
    shop = Shop(world, action="wait")
    shop.stock(1)
    shop.stock(2, supplier="nova")

    shop.plan(shop.order(5))

    (row,) = shop.backorders()
    assert (row["units"], row["had"], row["left_out"], row["partial"]) == (5, 3, [], False)


BUNDLE = {"bundles": {"SET1": {ARTICLE: 2, OTHER: 1}}}


def test_a_bundle_is_asked_about_and_given_up_as_a_whole(world: World) -> None:
    shop = Shop(world, action="ask_customer")
    world.configure(stock=BUNDLE)
    shop.stock(9, OTHER)
    order, question = shop.asked(3, articles=("SET1",))
    (asked,) = world.only("SELECT lines FROM customer_questions")["lines"]
    shop.answer(question, "cancel")

    shop.settle(order, question)

    assert (asked["ean"], asked["units"]) == ("SET1", 3)
    assert [line["cancelled"] for line in shop.lines(order)] == [3]
    assert shop.plan(order, 2).verdict is PlanVerdict.NOTHING_OPEN


def test_a_bundle_that_stands_in_is_ordered_in_its_parts(world: World) -> None:
    shop = Shop(world, action="ask_customer")
    world.configure(stock={**BUNDLE, "substitutes": {"8411061555555": ["SET1"]}})
    for ean, units in ((ARTICLE, 4), (OTHER, 2)):
        keep_offer(shop, ean, units)
        shop.stock(units, ean)
    world.bts.stock["8411061555555"] = 0
    order, question = shop.asked(2, articles=("8411061555555",))
    shop.answer(question, "SET1")

    shop.settle(order, question)
    plan = shop.plan(order, 2)

    assert plan.verdict is PlanVerdict.PLANNED
    lines = world.rows("SELECT ean, quantity FROM purchase_order_lines ORDER BY ean")
    assert lines == [{"ean": ARTICLE, "quantity": 4}, {"ean": OTHER, "quantity": 2}]


def test_a_bundle_is_offered_as_often_as_its_scarcest_part_allows(world: World) -> None:
    shop = Shop(world, action="ask_customer")
    world.configure(stock={**BUNDLE, "substitutes": {"8411061555555": ["SET1"]}})
    keep_offer(shop, ARTICLE, 5)
    keep_offer(shop, OTHER, 9)
    world.bts.stock["8411061555555"] = 0

    shop.asked(2, 3, articles=("8411061555555", "8411061555555"))

    first, second = world.only("SELECT lines FROM customer_questions")["lines"]
    assert [one["available"] for one in first["alternatives"]] == [2]
    assert second["alternatives"] == []


def keep_offer(shop: Shop, ean: str, units: int) -> None:
    shop.execute(
        """
        INSERT INTO offers (supplier, sku, ean, known, quantity, currency, observed_at)
        VALUES ('bts', :ean, :ean, true, :units, 'EUR', :at)
        """,
        ean=ean,
        units=units,
        at=START,
    )


def ending_of(order: OrderRequest) -> OrderEnding:
    return OrderEnding(order_id=order.order_id, channel="main")
