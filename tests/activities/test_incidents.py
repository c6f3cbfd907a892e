from datetime import datetime, timedelta

import pytest
from temporalio.exceptions import ApplicationError

from adapters.errors import AccountHold, Unavailable
from models.contracts import PurchaseOrderRequest, StepVerdict
from models.suppliers import SupplierOrder
from tests.activities.world import HOUR, START, World, ref, submit

PROBE = timedelta(minutes=15)  # the default of account_hold_probe


def out_of_money(_: SupplierOrder) -> None:
    raise AccountHold("setCreateOrder", code="no_enough_money")


def attempt(world: World, order: PurchaseOrderRequest, at: datetime, number: int = 1) -> str:
    """Try to place; say how it ended, or why not yet."""
    try:
        return world.run(world.submission.submit_purchase_order, submit(order), at=at, attempt=number).verdict
    except ApplicationError as error:
        if error.type != "NotYet":
            raise
        return "waits"


def test_an_account_hold_is_one_incident_one_alert_and_one_task_for_many_orders(world: World) -> None:
    orders = [world.quoted(1) for _ in range(5)]
    world.bts.on_place = out_of_money
    for number, order in enumerate(orders):
        assert attempt(world, order, START + timedelta(seconds=number)) == "waits"
    assert len(world.bts.placed) == 1, "one order has tried; the others wait for what it finds"
    assert len(world.rows("SELECT 1 FROM incidents")) == 1
    assert len(world.rows("SELECT 1 FROM mails WHERE audience = 'internal'")) == 1
    assert world.tasks() == ["account_hold"]


def test_while_the_account_is_held_one_order_per_interval_tries_it(world: World) -> None:
    orders = [world.quoted(1) for _ in range(3)]
    world.bts.on_place = out_of_money
    for interval in range(4):
        for order in orders:
            attempt(world, order, START + interval * PROBE + timedelta(seconds=1), number=interval + 1)
    assert len(world.bts.placed) == 4
    assert len(world.rows("SELECT 1 FROM mails WHERE audience = 'internal'")) == 1


def test_once_a_probe_is_taken_the_incident_is_over_and_the_others_follow(world: World) -> None:
    orders = [world.quoted(1) for _ in range(3)]
    world.bts.on_place = out_of_money
    for order in orders:
        attempt(world, order, START)
    world.bts.on_place = lambda _order: None
    later = START + PROBE + timedelta(seconds=1)
    assert [attempt(world, order, later, number=2) for order in orders] == [StepVerdict.DONE] * 3
    assert world.only("SELECT closed_at FROM incidents")["closed_at"] == later


def test_a_second_outage_is_a_second_incident_with_an_alert_of_its_own(world: World) -> None:
    first, second = world.quoted(1), world.quoted(1)
    world.bts.on_place = out_of_money
    attempt(world, first, START)
    world.bts.on_place = lambda _order: None
    attempt(world, first, START + 2 * PROBE, number=2)
    world.bts.on_place = out_of_money
    attempt(world, second, START + 3 * PROBE)
    assert len(world.rows("SELECT 1 FROM incidents")) == 2
    assert len(world.rows("SELECT 1 FROM mails WHERE audience = 'internal'")) == 2


def unreachable(world: World, order: PurchaseOrderRequest, at: datetime) -> StepVerdict:
    return world.run(world.submission.submit_purchase_order, submit(order), at=at).verdict


def silent() -> None:
    raise Unavailable("getProductStock: no answer", code="ReadTimeout")


def test_a_supplier_that_is_down_is_one_incident_however_many_orders_ask(world: World) -> None:
    orders = [world.quoted(1) for _ in range(4)]
    world.bts.on_stock = silent
    for order in orders:
        with pytest.raises(ApplicationError, match="no answer"):
            unreachable(world, order, START)
    assert len(world.rows("SELECT 1 FROM incidents WHERE kind = 'unreachable'")) == 1
    assert len(world.rows("SELECT 1 FROM mails WHERE audience = 'internal'")) == 1
    assert world.tasks() == []
    assert world.bts.placed == []


def test_past_its_deadline_a_silent_supplier_becomes_a_question(world: World) -> None:
    order = world.quoted(1)
    world.bts.on_stock = silent
    assert unreachable(world, order, START + 24 * HOUR) is StepVerdict.ASK
    assert world.tasks() == ["supplier_unreachable"]


def test_an_answer_after_an_outage_closes_the_incident(world: World) -> None:
    order = world.quoted(1)
    with world.database.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO incidents (supplier, kind, opened_at, probed_at, reason)"
            " VALUES ('bts', 'unreachable', now(), now(), 'ReadTimeout')"
        )
    world.run(world.choosing.choose_shipping, ref(order), attempt=2)
    assert world.only("SELECT closed_at FROM incidents")["closed_at"] == START
