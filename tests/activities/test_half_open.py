"""What says that a supplier is back, and how carefully its orders then begin to go."""

from datetime import timedelta

import pytest

from activities import outages
from adapters.database import purchase_orders
from adapters.errors import AuthenticationFailed, Doubtful, NotSent
from models.contracts import StepVerdict
from models.statuses import PurchaseOrderState
from models.suppliers import SupplierOrder
from tests.activities.incident_desk import HELD, MINUTE, PROBE, TRY, Desk, attempt, goes_down, out_of_money
from tests.activities.world import HOUR, START, World, ref

SECOND = timedelta(seconds=1)


def test_what_is_answered_from_our_own_books_says_nothing_of_a_supplier(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def round_fails() -> None:
        with world.database.begin() as tx:
            outages.note_exchange_failure(tx, world.deps, "bts", NotSent("no connection"))

    order = world.planned(1)[0]
    monkeypatch.setattr(world.bts, "sink", lambda _record: None)  # as a quote from a table in the configuration
    for offset in (0 * SECOND, 30 * SECOND):
        world.run(round_fails, at=START + offset)
        world.run(world.choosing.choose_shipping, ref(order), at=START + offset)
    world.run(round_fails, at=START + 61 * SECOND)
    assert world.only("SELECT kind FROM incidents")["kind"] == "unreachable"


def test_one_order_goes_first_and_the_others_follow_once_it_is_through(world: World, desk: Desk) -> None:
    orders = [world.quoted(1) for _ in range(4)]
    ids = [world.purchase_order(order)["workflow_id"] for order in orders]
    goes_down(world, *orders)
    world.bts.on_stock = lambda: None
    at = START + MINUTE + PROBE
    desk.probe(at)
    for _ in range(2):
        assert desk.drain(at) == "3 orders wait for their turn"
    assert desk.temporal.told == ids[:1]
    attempt(world, orders[0], at)
    assert desk.drain(at) == ""
    assert desk.temporal.told == ids


def test_a_supplier_that_answers_questions_and_loses_orders_has_few_of_them_in_doubt(world: World, desk: Desk) -> None:
    def lost(_: SupplierOrder) -> None:
        raise Doubtful("setCreateOrder: no usable answer", code="ReadTimeout")

    orders = [world.quoted(1) for _ in range(6)]
    goes_down(world, *orders)
    world.bts.on_stock, world.bts.on_place, world.bts.means = lambda: None, lost, {"live_stock": False}
    at = START + MINUTE + PROBE
    desk.probe(at)
    for number, order in enumerate(orders):
        desk.drain(at + number * 3 * MINUTE)
        attempt(world, order, at + number * 3 * MINUTE)
    assert len(desk.temporal.told) == len(world.bts.placed) == 3
    assert desk.tend(at=at + HOUR).down


def test_an_order_in_doubt_holds_up_the_others_for_two_minutes(world: World, desk: Desk) -> None:
    def lost(_: SupplierOrder) -> None:
        raise Doubtful("setCreateOrder: no usable answer", code="ReadError")

    orders = [world.quoted(1) for _ in range(3)]
    goes_down(world, *orders)
    world.bts.on_stock, world.bts.on_place = lambda: None, lost
    at = START + MINUTE + PROBE
    desk.probe(at)
    desk.drain(at)
    attempt(world, orders[0], at)
    desk.drain(at + 2 * SECOND)
    assert len(desk.temporal.told) == 1
    desk.drain(at + 3 * MINUTE)
    assert len(desk.temporal.told) == 2


def test_an_order_that_was_cancelled_as_it_went_first_proves_nothing(world: World, desk: Desk) -> None:
    orders = [world.quoted(1) for _ in range(4)]
    goes_down(world, *orders)
    at = START + MINUTE + PROBE
    desk.probe(at)
    desk.drain(at)
    with world.database.begin() as tx:
        purchase_orders.end(tx, orders[0].purchase_order_id, PurchaseOrderState.CANCELLED, now=at)
    desk.drain(at + SECOND)
    assert len(desk.temporal.told) == 2


def test_an_order_that_feels_the_outage_again_before_it_was_noted_as_let_go_goes_on_waiting(
    world: World, desk: Desk
) -> None:
    def fails_again(_: str) -> None:
        with world.database.begin() as tx:
            tx.exec_driver_sql("UPDATE incidents SET recovered_at = NULL")
        assert attempt(world, order, at) is StepVerdict.DOWN

    order, at = world.quoted(1), START + MINUTE + PROBE
    goes_down(world, order)
    desk.probe(at)
    desk.temporal.on_signal = fails_again
    desk.drain(at)
    assert desk.waiting() == 1


def test_nobody_tries_a_held_account_while_nothing_at_all_can_be_asked_there(world: World, desk: Desk) -> None:
    def refused() -> None:
        with world.database.begin() as tx:
            outages.note_exchange_failure(tx, world.deps, "bts", AuthenticationFailed("401", code="unauthorized"))

    order = world.quoted(1)
    world.bts.on_place = out_of_money
    attempt(world, order)
    world.run(refused)
    for interval in range(1, 4):
        assert desk.let_one_try(START + interval * TRY) == ""
    assert desk.temporal.told == []
    assert desk.tend(HELD, at=START + 3 * TRY).probe_at == START + 4 * TRY


def test_an_incident_that_another_workers_clock_opened_a_moment_ahead_is_no_digest(world: World, desk: Desk) -> None:
    goes_down(world, world.quoted(1))
    desk.tend(at=START + MINUTE - SECOND)
    assert desk.alerts() == ["BTSWholesaler: unreachable (ReadTimeout)"]
    assert desk.tend(at=START + HOUR).down
