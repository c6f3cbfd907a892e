"""A supplier's answer per line, and parcels that say what is in them: what they come to in our books."""

from datetime import date
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from adapters.errors import Unavailable
from models.commands import Command, CommandName
from models.contracts import CommandRecord, PollRequest, PurchaseOrderRequest, StepVerdict
from models.storefronts import FulfilmentRequest
from models.suppliers import (
    AcknowledgedLine,
    LineStatus,
    SupplierLine,
    SupplierOrderStatus,
    SupplierState,
    TrackedParcel,
)
from tests.activities.world import ARTICLE, HOUR, PROCESSING, START, World, eur, fulfil, poll, ref, submit

OTHER = "4006381333931"


def said(quantity: int, **more: Any) -> AcknowledgedLine:
    return AcknowledgedLine(ean=ARTICLE, quantity=quantity, **more)


def answered(*lines: AcknowledgedLine, state: SupplierState = SupplierState.ACKNOWLEDGED) -> SupplierOrderStatus:
    return SupplierOrderStatus(state=state, status_text="855 AC", lines=lines)


def approve(world: World, order: PurchaseOrderRequest) -> None:
    task = world.only("SELECT id FROM tasks WHERE state = 'open'")["id"]
    record = CommandRecord(
        order_id=order.order_id,
        purchase_order_id=order.purchase_order_id,
        command=Command(command=CommandName.APPROVE, actor="day-shift"),
        command_id=f"approve-{task}",
        task_id=task,
    )
    world.run(world.people.record_command, record)


def looks(order: PurchaseOrderRequest, **more: Any) -> PollRequest:
    return poll(order).model_copy(update={"look_now": True, **more})


def pending(world: World, *quantities: int) -> PurchaseOrderRequest:
    """Bring an order to a supplier that has said nothing of it yet."""
    world.bts.first_state = SupplierState.SENT
    order = world.placed(*quantities)
    assert world.purchase_order(order)["acknowledged_at"] is None
    return order


def test_an_answer_as_ordered_ends_the_wait_and_is_kept(world: World) -> None:
    order = pending(world)
    world.bts.status = answered(said(2, unit_cost=eur("1")))
    result = world.run(world.choosing.await_acknowledgement, looks(order))

    assert result.verdict is StepVerdict.DONE
    assert world.purchase_order(order)["acknowledged_at"] is not None
    kept = world.only("SELECT ean, quantity, status, unit_cost FROM acknowledged_lines")
    assert (kept["ean"], kept["quantity"], kept["status"], kept["unit_cost"]) == (ARTICLE, 2, "accepted", 1)


def test_news_are_looked_at_before_the_plan_says_so_and_once(world: World) -> None:
    order = pending(world)
    world.bts.status = SupplierOrderStatus(state=SupplierState.SENT, status_text="sent")
    asked = world.bts.asked.count("fetch_order")
    for attempt in (1, 2):
        with pytest.raises(ApplicationError, match=r"check 0 of 2|first of 2 checks"):
            world.run(world.choosing.check_tracking, looks(order), attempt=attempt)
    assert world.bts.asked.count("fetch_order") == asked + 1


def test_a_changed_answer_waits_for_a_person_who_is_asked_once(world: World) -> None:
    order = pending(world)
    world.bts.status = answered(said(2, status=LineStatus.BACKORDERED, expected_on=date(2026, 4, 1)))
    results = [world.run(world.choosing.await_acknowledgement, looks(order)) for _ in range(2)]

    assert [one.verdict for one in results] == [StepVerdict.UNCLEAR] * 2
    assert world.tasks() == ["acknowledgement_changed"]
    assert world.purchase_order(order)["acknowledged_at"] is None
    assert "2026-04-01" in world.only("SELECT question FROM tasks")["question"]


def test_what_a_person_has_approved_is_not_asked_again_until_it_changes(world: World) -> None:
    order = pending(world)
    world.bts.status = answered(said(2, status=LineStatus.BACKORDERED, expected_on=date(2026, 4, 1)))
    world.run(world.choosing.await_acknowledgement, looks(order))
    approve(world, order)
    result = world.run(world.choosing.await_acknowledgement, looks(order))
    assert (result.verdict, result.expected_on) == (StepVerdict.DONE, date(2026, 4, 1))

    world.bts.status = answered(said(2, status=LineStatus.BACKORDERED, expected_on=date(2026, 5, 1)))
    assert world.run(world.choosing.check_tracking, looks(order)).verdict is StepVerdict.UNCLEAR
    assert world.tasks() == ["acknowledgement_changed"]


def test_changes_that_come_with_the_order_are_asked_about_before_it_counts_as_acknowledged(world: World) -> None:
    world.bts.lines = (said(2, status=LineStatus.SUBSTITUTED, substitute=OTHER),)
    order = world.quoted()
    result = world.run(world.submission.submit_purchase_order, submit(order))

    assert (result.verdict, result.acknowledged) == (StepVerdict.DONE, False)
    assert result.task is not None
    assert world.purchase_order(order)["acknowledged_at"] is None


def test_rejected_units_of_a_changed_answer_go_back_at_once(world: World) -> None:
    order = pending(world, 3)
    world.bts.status = answered(said(1, status=LineStatus.REJECTED, reason="R2"), said(2))
    result = world.run(world.choosing.await_acknowledgement, looks(order))

    assert (result.verdict, result.declined) == (StepVerdict.DONE, 1)
    assert world.tasks() == []
    assert world.only("SELECT sum(reserved) AS units FROM offers")["units"] == 2


def test_what_has_shipped_otherwise_is_told_of_and_holds_up_nothing(world: World) -> None:
    order = pending(world)
    parcel = TrackedParcel(tracking_number="GLS-1")
    lines = (said(2, unit_cost=eur("99")),)
    world.configure(suppliers={"bts": {"acknowledging": {"price_tolerance": 0}}})
    with world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE purchase_order_lines SET unit_cost = 1")
    world.bts.status = SupplierOrderStatus(state=SupplierState.SHIPPED, lines=lines, parcels=(parcel,))
    result = world.run(world.choosing.check_tracking, looks(order))

    assert result.verdict is StepVerdict.DONE
    assert world.tasks() == ["acknowledgement_changed"]
    (answer,) = world.only("SELECT alternatives FROM tasks")["alternatives"]
    assert answer["command"] is None  # no lifecycle waits for another
    with world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE tasks SET state = 'answered', answer = 'done', key = key || '#1'")
    world.run(world.choosing.check_tracking, looks(order))
    assert world.tasks() == []


def test_a_later_day_makes_the_plan_longer(world: World) -> None:
    world.configure(suppliers={"bts": {"acknowledging": {"later_by": "30d"}}})
    order = world.placed()
    world.bts.status = answered(said(2, expected_on=date(2026, 3, 8)))
    result = world.run(world.choosing.check_tracking, poll(order), at=START + 24 * HOUR)
    assert (result.verdict, result.expected_on) == (StepVerdict.INTERRUPTED, date(2026, 3, 8))

    longer = poll(order, 24, 6, 24, 24, 24, 24, 24)
    with pytest.raises(ApplicationError, match="check 1 of 7"):
        world.run(world.choosing.check_tracking, longer, at=START + 24 * HOUR)


def test_a_shops_test_order_never_reaches_a_supplier_that_takes_no_tests(world: World) -> None:
    world.bts.means = {"test_orders": False}
    (order,) = world.planned(2, test=True)
    assert world.run(world.choosing.choose_shipping, ref(order)).verdict is StepVerdict.OBSERVED
    assert world.bts.placed == []


# Parcels that say what is in them.


def parcel(number: str, *units: int) -> TrackedParcel:
    return TrackedParcel(
        tracking_number=number, lines=tuple(SupplierLine(ean=ARTICLE, quantity=quantity) for quantity in units)
    )


def told(world: World) -> list[tuple[list[int], tuple[str, ...]]]:
    return [([line.quantity for line in one.lines], one.tracking_numbers) for one in world.shop.fulfilments]


def shipped(world: World) -> int:
    units: int = world.only("SELECT sum(shipped) AS units FROM purchase_order_lines")["units"]
    return units


def track(world: World, order: PurchaseOrderRequest, *parcels: TrackedParcel, state: str = "acknowledged") -> str:
    world.bts.status = PROCESSING.model_copy(update={"parcels": parcels, "state": SupplierState(state)})
    return world.run(world.choosing.check_tracking, looks(order)).verdict


def test_the_storefront_is_told_of_just_the_units_in_a_parcel(world: World) -> None:
    order = world.placed(5)
    assert track(world, order, parcel("GLS-1", 1, 1)) == StepVerdict.PARTIAL
    result = world.run(world.storefronts.fulfil, fulfil(order, complete=False))

    assert result.verdict is StepVerdict.DONE
    assert told(world) == [([2], ("GLS-1",))]
    assert shipped(world) == 2
    assert world.only("SELECT shipped FROM order_lines")["shipped"] == 2


def test_several_parcels_are_told_one_by_one_and_once_each(world: World) -> None:
    order = world.placed(5)
    assert track(world, order, parcel("GLS-1", 2), parcel("GLS-2", 3)) == StepVerdict.DONE
    verdicts = [world.run(world.storefronts.fulfil, fulfil(order)).verdict for _ in range(2)]

    assert verdicts == [StepVerdict.PARTIAL, StepVerdict.DONE]
    assert told(world) == [([2], ("GLS-1",)), ([3], ("GLS-2",))]
    assert len(world.rows("SELECT id FROM mails WHERE kind = 'shipped'")) == 2
    assert world.only("SELECT state FROM orders")["state"] == "shipped"


def test_a_parcel_whose_content_nobody_names_holds_the_rest(world: World) -> None:
    order = world.placed(5)
    track(world, order, parcel("GLS-1", 2))
    world.run(world.storefronts.fulfil, fulfil(order, complete=False))
    assert track(world, order, parcel("GLS-1", 2), parcel("GLS-2"), state="shipped") == StepVerdict.DONE
    world.run(world.storefronts.fulfil, fulfil(order))

    assert told(world) == [([2], ("GLS-1",)), ([3], ("GLS-2",))]
    assert shipped(world) == 5


def test_shipped_says_the_supplier_and_its_parcels_hold_less(world: World) -> None:
    order = world.placed(5)
    assert track(world, order, parcel("GLS-1", 2), state="shipped") == StepVerdict.PARTIAL
    world.run(world.storefronts.fulfil, fulfil(order, complete=False))
    with pytest.raises(ApplicationError, match="check 0 of 2"):
        track(world, order, parcel("GLS-1", 2), state="shipped")
    last = world.run(world.choosing.check_tracking, poll(order), at=START + 30 * HOUR)
    assert last.verdict is StepVerdict.EXHAUSTED
    assert world.tasks() == ["checks_spent"]


def test_units_beyond_what_was_ordered_are_never_told(world: World) -> None:
    order = world.placed(2)
    assert track(world, order, parcel("GLS-1", 2), parcel("GLS-2", 7)) == StepVerdict.DONE
    for _ in range(2):
        world.run(world.storefronts.fulfil, fulfil(order))
    assert sum(units for lines, _ in told(world) for units in lines) == 2
    assert shipped(world) == 2


def test_a_decline_after_a_part_has_shipped_is_noticed(world: World) -> None:
    order = world.placed(5)
    track(world, order, parcel("GLS-1", 2))
    world.run(world.storefronts.fulfil, fulfil(order, complete=False))
    world.bts.status = PROCESSING.model_copy(
        update={"parcels": (parcel("GLS-1", 2),), "lines": (said(3, status=LineStatus.REJECTED), said(2))}
    )
    result = world.run(world.choosing.check_tracking, looks(order))
    assert (result.verdict, result.declined) == (StepVerdict.DONE, 3)
    assert world.only("SELECT declined, shipped FROM purchase_order_lines") == {"declined": 3, "shipped": 2}


# What proves nothing, and what would go round in circles.


def test_a_document_that_has_left_is_no_acknowledgement(world: World) -> None:
    order = pending(world)
    world.bts.status = SupplierOrderStatus(state=SupplierState.SENT, status_text="received")
    with pytest.raises(ApplicationError, match="received"):
        world.run(world.choosing.await_acknowledgement, poll(order), at=START + 24 * HOUR)
    result = world.run(world.choosing.await_acknowledgement, poll(order), at=START + 30 * HOUR)
    assert result.verdict is StepVerdict.EXHAUSTED
    assert world.tasks() == ["acknowledgement_overdue"]


def test_a_parcel_acknowledges_an_order_whose_other_part_still_waits_for_its_payment(world: World) -> None:
    order = pending(world, 5)
    world.bts.status = SupplierOrderStatus(state=SupplierState.AWAITING_PAYMENT, parcels=(parcel("GLS-1", 2),))
    assert world.run(world.choosing.await_acknowledgement, looks(order)).verdict is StepVerdict.DONE


def test_too_many_units_of_one_article_do_not_make_up_for_another(world: World) -> None:
    order = world.placed(1, 2)
    with world.database.begin() as tx:
        tx.exec_driver_sql(f"UPDATE purchase_order_lines SET ean = '{OTHER}' WHERE quantity = 1")
    assert track(world, order, parcel("GLS-1", 3)) == StepVerdict.PARTIAL
    world.run(world.storefronts.fulfil, fulfil(order, complete=False))
    assert shipped(world) == 2
    with pytest.raises(ApplicationError, match="check 0 of 2"):
        track(world, order, parcel("GLS-1", 3))


def renamed(one: TrackedParcel, ean: str) -> TrackedParcel:
    return one.model_copy(update={"lines": tuple(line.model_copy(update={"ean": ean}) for line in one.lines)})


def test_a_parcel_may_name_articles_by_the_suppliers_own_number(world: World) -> None:
    order = world.placed(2)
    with world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE purchase_order_lines SET sku = 'S-77'")
    assert track(world, order, renamed(parcel("GLS-1", 2), "s-77")) == StepVerdict.DONE
    world.run(world.storefronts.fulfil, fulfil(order))
    assert told(world) == [([2], ("GLS-1",))]


def test_a_parcel_of_nothing_that_we_know_counts_once_all_of_it_has_shipped(world: World) -> None:
    order = world.placed(2)
    strange = renamed(parcel("GLS-1", 2), "X-9")
    with pytest.raises(ApplicationError, match="check 0 of 2"):
        track(world, order, strange)
    assert track(world, order, strange, state="shipped") == StepVerdict.DONE
    world.run(world.storefronts.fulfil, fulfil(order))
    assert told(world) == [([2], ("GLS-1",))]
    assert shipped(world) == 2


def test_a_look_that_got_no_answer_is_repeated_before_the_plan_says_so(world: World) -> None:
    order = pending(world)

    def silent() -> None:
        raise Unavailable("fetch: no answer", code="ReadTimeout")

    world.bts.on_fetch = silent
    with pytest.raises(ApplicationError, match="no answer"):
        world.run(world.choosing.await_acknowledgement, looks(order))
    world.bts.on_fetch, world.bts.status = lambda: None, answered(said(2))
    assert world.run(world.choosing.await_acknowledgement, looks(order), attempt=2).verdict is StepVerdict.DONE


def test_a_change_that_is_gone_leaves_the_others_approved(world: World) -> None:
    order = pending(world, 3)
    late = said(1, status=LineStatus.BACKORDERED, expected_on=date(2026, 4, 1))
    other = said(2, status=LineStatus.SUBSTITUTED, substitute=OTHER)
    world.bts.status = answered(late, other)
    world.run(world.choosing.await_acknowledgement, looks(order))
    approve(world, order)
    world.bts.status = answered(late.model_copy(update={"expected_on": START.date()}), other)
    assert world.run(world.choosing.await_acknowledgement, looks(order)).verdict is StepVerdict.DONE


def test_a_day_that_never_comes_makes_no_plan_longer(world: World) -> None:
    order = pending(world)
    world.bts.status = answered(said(2, expected_on=date.max))
    result = world.run(world.choosing.await_acknowledgement, looks(order))
    assert (result.verdict, result.expected_on) == (StepVerdict.UNCLEAR, None)


def test_units_that_another_attempt_has_counted_are_not_counted_twice(world: World) -> None:
    order = world.placed(5)
    track(world, order, parcel("GLS-1", 2))
    tell = world.shop.fulfil
    stalled = True

    def fulfil_twice(request: FulfilmentRequest) -> str:
        nonlocal stalled
        if stalled:  # the first attempt stalls here, and a second one overtakes it
            stalled = False
            world.run(world.storefronts.fulfil, fulfil(order, complete=False), attempt=2)
        return tell(request)

    world.shop.fulfil = fulfil_twice  # type: ignore[method-assign]
    with pytest.raises(ApplicationError, match="another attempt"):
        world.run(world.storefronts.fulfil, fulfil(order, complete=False))
    assert shipped(world) == 2
