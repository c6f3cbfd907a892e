from datetime import timedelta

from adapters.errors import AccountHold
from models.contracts import StepVerdict
from tests.activities.incident_desk import HELD, PROBE, TRY, Desk, attempt, goes_down, out_of_money
from tests.activities.world import START, World, ref


def test_an_account_hold_is_one_incident_one_alert_and_one_task_for_many_orders(world: World, desk: Desk) -> None:
    orders = [world.quoted(1) for _ in range(5)]
    world.bts.on_place = out_of_money
    verdicts = [attempt(world, order, START + timedelta(seconds=number)) for number, order in enumerate(orders)]
    assert verdicts == [StepVerdict.DOWN] * 5
    assert len(world.bts.placed) == 1, "one order has tried; the others wait for what it finds"
    assert len(world.rows("SELECT 1 FROM incidents")) == 1
    assert desk.alerts() == ["BTSWholesaler: account hold (no_enough_money)"]
    assert world.tasks() == ["account_hold"]


def test_while_the_account_is_held_quotes_are_asked_for_as_ever(world: World) -> None:
    order, other = world.quoted(1), world.planned(1)[0]
    world.bts.on_place = out_of_money
    attempt(world, order)
    assert world.run(world.choosing.choose_shipping, ref(other)).verdict is StepVerdict.DONE


def suspended() -> None:
    raise AccountHold("asked: suspended", code="suspended")


def test_an_account_that_gets_no_quotes_either_is_one_incident_and_tried_by_one_order(world: World, desk: Desk) -> None:
    orders = [world.planned(1)[0] for _ in range(3)]
    world.bts.on_quote = suspended
    for order in orders:
        assert world.run(world.choosing.choose_shipping, ref(order)).verdict is StepVerdict.DOWN
    assert desk.alerts() == ["BTSWholesaler: account hold (suspended)"]
    assert (world.tasks(), desk.waiting()) == (["account_hold"], 3)

    world.bts.on_quote, at = lambda: None, START + TRY
    desk.let_one_try(at)
    assert world.run(world.choosing.choose_shipping, ref(orders[0]), at=at).verdict is StepVerdict.DONE
    assert attempt(world, orders[0], at) is StepVerdict.DONE
    assert desk.let_one_try(at) == ""
    assert desk.drain(at, HELD) == ""
    assert desk.waiting() == 0


def test_an_account_that_is_told_no_stock_either_holds_its_orders(world: World, desk: Desk) -> None:
    order = world.quoted(1)
    world.bts.on_stock = suspended
    assert attempt(world, order) is StepVerdict.DOWN
    assert desk.alerts() == ["BTSWholesaler: account hold (suspended)"]


def test_a_supplier_that_is_back_with_our_account_held_is_reachable(world: World, desk: Desk) -> None:
    goes_down(world, world.quoted(1))
    world.bts.on_probe = suspended
    desk.probe(START + 2 * PROBE)
    assert desk.tend(at=START + 2 * PROBE).down is False


def test_while_the_account_is_held_one_order_per_interval_tries_it(world: World, desk: Desk) -> None:
    orders = [world.quoted(1) for _ in range(3)]
    ids = [world.purchase_order(order)["workflow_id"] for order in orders]
    world.bts.on_place = out_of_money
    for order in orders:
        attempt(world, order)
    for interval in range(1, 4):
        at = START + interval * TRY
        assert desk.let_one_try(at) == "one order tries whether orders are taken again"
        for order in orders:
            assert attempt(world, order, at) is StepVerdict.DOWN
        assert desk.let_one_try(at + timedelta(seconds=2)) == ""
    assert len(world.bts.placed) == 4
    assert desk.temporal.told == [ids[0]] * 3
    assert len(desk.alerts()) == 1


def test_once_the_one_that_tries_is_taken_the_others_follow(world: World, desk: Desk) -> None:
    orders = [world.quoted(1) for _ in range(3)]
    world.bts.on_place = out_of_money
    for order in orders:
        attempt(world, order)
    world.bts.on_place = lambda _order: None
    at = START + TRY
    desk.let_one_try(at)
    assert [attempt(world, order, at) for order in orders] == [StepVerdict.DONE] * 3
    assert desk.let_one_try(at) == ""
    assert desk.drain(at, HELD) == ""
    assert desk.tend(HELD, at=at).open is False
    assert world.tasks() == []


def test_an_order_that_is_quicker_than_our_books_tries_the_account_all_the_same(world: World, desk: Desk) -> None:
    order = world.quoted(1)
    world.bts.on_place = out_of_money
    attempt(world, order)
    world.bts.on_place = lambda _order: None
    tried: list[StepVerdict] = []
    desk.temporal.on_signal = lambda _workflow: tried.append(attempt(world, order, START + TRY))
    assert desk.let_one_try(START + TRY) == ""
    assert tried == [StepVerdict.DONE]
    assert desk.tend(HELD, at=START + TRY).open is False


def test_an_account_that_nobody_waits_for_any_more_is_tried_by_the_next_order(world: World, desk: Desk) -> None:
    order = world.quoted(1)
    world.bts.on_place = out_of_money
    attempt(world, order)
    with world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE purchase_orders SET ended_at = now()")
    assert desk.let_one_try(START + TRY) == ""
    assert desk.tend(HELD, at=START + TRY).open is False


def test_a_second_hold_is_a_second_incident_with_an_alert_of_its_own(world: World, desk: Desk) -> None:
    first, second = world.quoted(1), world.quoted(1)
    world.bts.on_place = out_of_money
    attempt(world, first)
    world.bts.on_place = lambda _order: None
    desk.let_one_try(START + TRY)
    attempt(world, first, START + TRY)
    desk.tend(HELD, at=START + TRY)
    world.bts.on_place = out_of_money
    attempt(world, second, START + 2 * TRY)
    assert len(world.rows("SELECT 1 FROM incidents")) == 2
    assert [subject for subject in desk.alerts() if "account hold" in subject] == [
        "BTSWholesaler: account hold (no_enough_money)"
    ] * 2
