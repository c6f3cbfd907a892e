from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from models.contracts import FulfilmentResult, OrderEnding, PurchaseOrderEnding, PurchaseOrderRequest, StepVerdict
from models.statuses import OrderState, PurchaseOrderState
from models.suppliers import SupplierOrderStatus, SupplierState, TrackedParcel
from tests.activities.world import ARTICLE, HOUR, START, World, fulfil, poll, ref, submit

BALANCE = """
    SELECT sum(quantity) AS ordered, sum(shipped) AS shipped, sum(cancelled) AS cancelled,
           sum(quantity - shipped - cancelled - refunded) AS open
    FROM order_lines WHERE order_id = :order
"""


def balance(world: World, order_id: int) -> tuple[int, int, int, int]:
    row = world.only(BALANCE, order=order_id)
    return row["ordered"], row["shipped"], row["cancelled"], row["open"]


def ships(world: World, order: PurchaseOrderRequest, *tracking: str, at_hour: int = 24) -> None:
    parcels = tuple(TrackedParcel(tracking_number=number, carrier="GLS") for number in tracking or ("GLS-1",))
    for supplier in world.suppliers.values():
        supplier.status = SupplierOrderStatus(state=SupplierState.SHIPPED, status_text="Shipped", parcels=parcels)
    result = world.run(world.choosing.check_tracking, poll(order), at=START + at_hour * HOUR)
    assert result.verdict is StepVerdict.DONE


def settle(world: World, order_id: int) -> OrderState:
    return world.run(world.orders.settle_order, OrderEnding(order_id=order_id, channel="main"))


def two_suppliers(world: World) -> list[PurchaseOrderRequest]:
    """One order at two suppliers, both of which have shipped."""
    world.bts.stock[ARTICLE] = 3
    first, second = world.planned(3, 2)
    for order in (first, second):
        world.run(world.choosing.choose_shipping, ref(order))
        world.run(world.submission.submit_purchase_order, submit(order))
        ships(world, order, f"GLS-{order.number}")
    return [first, second]


def test_the_shipment_of_the_last_open_unit_closes_the_order(world: World) -> None:
    order = world.placed(2, 3)
    ships(world, order)
    result = world.run(world.storefronts.fulfil, fulfil(order))
    assert result.order_ending is OrderState.SHIPPED
    assert balance(world, order.order_id) == (5, 5, 0, 0)
    assert world.purchase_order(order)["state"] == "shipped"


def test_of_two_purchase_orders_that_end_at_once_exactly_one_settles_the_order(world: World) -> None:
    orders = two_suppliers(world)
    together = Barrier(2, timeout=20)

    def end(order: PurchaseOrderRequest) -> FulfilmentResult:
        together.wait()
        return world.run(world.storefronts.fulfil, fulfil(order))

    with ThreadPoolExecutor(2) as threads:
        endings = [result.order_ending for result in threads.map(end, orders)]
    assert sorted(endings, key=str) == [None, OrderState.SHIPPED]
    assert balance(world, orders[0].order_id) == (5, 5, 0, 0)
    assert len(world.rows("SELECT 1 FROM timeline WHERE event = 'order.shipped'")) == 1


def test_a_repeated_fulfilment_counts_tells_and_mails_once(world: World) -> None:
    order = world.placed(2)
    ships(world, order, "GLS-1", "GLS-2")
    endings = [
        world.run(world.storefronts.fulfil, fulfil(order), attempt=attempt).order_ending for attempt in (1, 2, 3)
    ]
    assert endings == [OrderState.SHIPPED] * 3
    assert balance(world, order.order_id) == (2, 2, 0, 0)
    assert len(world.shop.fulfilments) == 1
    customer = world.rows("SELECT key FROM mails WHERE audience = 'customer'")
    assert len(customer) == 2  # one per parcel
    assert len(world.rows("SELECT 1 FROM timeline WHERE event = 'purchase_order.shipped'")) == 1


def test_a_later_parcel_joins_the_fulfilment_and_is_told_alone(world: World) -> None:
    order = world.placed(2)
    ships(world, order, "GLS-1")
    world.run(world.storefronts.fulfil, fulfil(order, complete=False))
    ships(world, order, "GLS-1", "GLS-2", at_hour=30)
    world.run(world.storefronts.fulfil, fulfil(order))
    first, second = world.shop.fulfilments
    assert (first.tracking_numbers, first.fulfilment_id) == (("GLS-1",), "")
    assert (second.tracking_numbers, second.fulfilment_id) == (("GLS-1", "GLS-2"), "F1")
    assert balance(world, order.order_id) == (2, 2, 0, 0)
    assert len(world.rows("SELECT 1 FROM mails WHERE audience = 'customer'")) == 2


def test_a_customer_without_an_address_for_mail_gets_none(world: World) -> None:
    order = world.placed(1, email="")
    ships(world, order)
    assert world.run(world.storefronts.fulfil, fulfil(order)).order_ending is OrderState.SHIPPED
    assert world.rows("SELECT 1 FROM mails") == []


def test_an_order_that_nothing_came_of_is_cancelled_whole_and_a_refund_is_asked_for_once(world: World) -> None:
    order = world.quoted(2, 3)
    ending = PurchaseOrderEnding(**ref(order).model_dump(), ending=PurchaseOrderState.CANCELLED)
    for attempt in (1, 2):
        world.run(world.ends.end_purchase_order, ending, attempt=attempt)
    assert [settle(world, order.order_id) for _ in range(3)] == [OrderState.CANCELLED] * 3
    assert balance(world, order.order_id) == (5, 0, 5, 0)
    assert world.tasks() == ["refund_due"]
    assert "5 units" in world.only("SELECT question FROM tasks")["question"]


def test_an_order_of_which_only_a_part_shipped_says_so(world: World) -> None:
    world.bts.stock[ARTICLE] = 3
    first, second = world.planned(3, 2)
    world.run(world.choosing.choose_shipping, ref(first))
    world.run(world.submission.submit_purchase_order, submit(first))
    ships(world, first)
    assert world.run(world.storefronts.fulfil, fulfil(first)).order_ending is None
    ending = PurchaseOrderEnding(**ref(second).model_dump(), ending=PurchaseOrderState.CANCELLED)
    world.run(world.ends.end_purchase_order, ending)
    assert settle(world, first.order_id) is OrderState.PARTIALLY_SHIPPED
    assert balance(world, first.order_id) == (5, 3, 2, 0)
    assert world.tasks() == ["refund_due"]


def test_a_parcel_that_closes_the_books_leaves_no_refund_unasked_for(world: World) -> None:
    world.bts.stock[ARTICLE] = 3
    first, second = world.planned(3, 2)
    world.run(world.choosing.choose_shipping, ref(first))
    world.run(world.submission.submit_purchase_order, submit(first))
    ships(world, first)
    ending = PurchaseOrderEnding(**ref(second).model_dump(), ending=PurchaseOrderState.CANCELLED)
    world.run(world.ends.end_purchase_order, ending)

    for attempt in (1, 2):
        closed = world.run(world.storefronts.fulfil, fulfil(first), attempt=attempt)
        assert closed.order_ending is OrderState.PARTIALLY_SHIPPED

    assert world.tasks() == ["refund_due"]
    assert "2 units" in world.only("SELECT question FROM tasks")["question"]


@pytest.mark.parametrize(
    ("state", "ending"),
    [(PurchaseOrderState.TEST_PLACED, OrderState.TEST_PLACED), (PurchaseOrderState.OBSERVED, OrderState.OBSERVED)],
)
def test_an_order_that_was_only_tried_or_watched_owes_nobody_anything(
    world: World, state: PurchaseOrderState, ending: OrderState
) -> None:
    order = world.quoted(2)
    world.run(world.ends.end_purchase_order, PurchaseOrderEnding(**ref(order).model_dump(), ending=state))
    assert settle(world, order.order_id) is ending
    assert balance(world, order.order_id) == (2, 0, 0, 2)
    assert world.tasks() == []


def test_a_supplier_that_cancels_is_told_of_in_one_mail(world: World) -> None:
    order = world.placed(2)
    ending = PurchaseOrderEnding(**ref(order).model_dump(), ending=PurchaseOrderState.CANCELLED_BY_SUPPLIER)
    for attempt in (1, 2):
        world.run(world.ends.end_purchase_order, ending, attempt=attempt)
    alerts = world.rows("SELECT subject, recipient FROM mails WHERE audience = 'internal'")
    assert [alert["recipient"] for alert in alerts] == ["operations@planted.example"]
    assert "cancelled by BTSWholesaler" in alerts[0]["subject"]
    assert balance(world, order.order_id) == (2, 0, 0, 2)  # open, to be planned again


def test_what_shipped_by_hand_is_recorded_and_not_told_to_the_shop(world: World) -> None:
    order = world.placed(2)
    ships(world, order)
    by_hand = fulfil(order).model_copy(update={"by_hand": True})
    assert world.run(world.storefronts.fulfil, by_hand).order_ending is OrderState.SHIPPED
    assert world.shop.fulfilments == []
    assert balance(world, order.order_id) == (2, 2, 0, 0)
