"""A check whose answer was committed and never reached its lifecycle, because the worker died in between."""

import pytest
from temporalio.exceptions import ApplicationError

from models.contracts import PurchaseOrderRequest, StepResult, StepVerdict
from models.suppliers import SupplierOrderStatus, SupplierState, TrackedParcel
from tests.activities.world import HOUR, START, World, fulfil, poll

ANNOUNCED = SupplierOrderStatus(
    state=SupplierState.ACKNOWLEDGED, status_text="Paid", parcels=(TrackedParcel(tracking_number="GLS-1", carrier=""),)
)
SHIPPED = SupplierOrderStatus(
    state=SupplierState.SHIPPED,
    status_text="Shipped",
    parcels=(*ANNOUNCED.parcels, TrackedParcel(tracking_number="GLS-2", carrier="")),
)
CANCELLED = SupplierOrderStatus(state=SupplierState.CANCELLED, status_text="Cancelled")


def check(world: World, order: PurchaseOrderRequest, *, attempt: int = 1, hour: int = 24) -> StepResult:
    request = poll(order)
    return world.run(world.choosing.check_tracking, request, at=START + hour * HOUR, attempt=attempt)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(ANNOUNCED, StepVerdict.PARTIAL), (SHIPPED, StepVerdict.DONE), (CANCELLED, StepVerdict.CANCELLED)],
)
def test_the_repeated_attempt_comes_to_the_same_verdict(
    world: World, status: SupplierOrderStatus, verdict: StepVerdict
) -> None:
    order = world.placed(2)
    world.bts.status = status

    assert check(world, order).verdict is verdict
    assert check(world, order, attempt=2).verdict is verdict


def test_a_first_parcel_does_not_pass_for_the_last_one(world: World) -> None:
    order = world.placed(2)
    world.bts.status = ANNOUNCED
    check(world, order)  # and its worker dies
    last = check(world, order, attempt=2).verdict is StepVerdict.DONE
    world.run(world.storefronts.fulfil, fulfil(order, complete=last))
    assert world.purchase_order(order)["ended_at"] is None
    world.bts.status = SHIPPED

    assert check(world, order, hour=30).verdict is StepVerdict.DONE
    world.run(world.storefronts.fulfil, fulfil(order))

    assert [len(request.tracking_numbers) for request in world.shop.fulfilments] == [1, 2]
    assert world.purchase_order(order)["state"] == "shipped"


def test_a_lifecycle_that_looks_again_before_the_next_instant_asks_nobody(world: World) -> None:
    order = world.placed(2)
    world.bts.status = ANNOUNCED
    check(world, order)
    world.run(world.storefronts.fulfil, fulfil(order, complete=False))
    asked = len(world.bts.asked)

    with pytest.raises(ApplicationError, match="check 1 of 2: Paid"):
        check(world, order, hour=25)

    assert len(world.bts.asked) == asked
