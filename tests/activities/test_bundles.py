"""A bundle whose parts come from several suppliers: one line to the customer, told when it is complete, counted right."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from temporalio.exceptions import ApplicationError

from adapters.database import exchange_news, purchase_orders
from models.contracts import OrderRequest, PurchaseOrderEnding, PurchaseOrderRequest, StepVerdict
from models.statuses import OrderState, PurchaseOrderState
from models.suppliers import SupplierLine, SupplierOrderStatus, SupplierState, TrackedParcel
from tests.activities.test_reserving import OTHER, e, sold, stock
from tests.activities.world import ARTICLE, START, World, fulfil, poll, ref, submit


@pytest.fixture
def bundled(world: World) -> tuple[OrderRequest, PurchaseOrderRequest, PurchaseOrderRequest]:
    """Three bundles, of two units of one article at bts and one of another at nova; both purchase orders are placed."""
    world.configure(stock={"bundles": {"BUNDLE1": {ARTICLE: 2, OTHER: 1}}})
    stock(world, "bts", **{e(ARTICLE): 6, e(OTHER): 0})
    stock(world, "nova", **{e(ARTICLE): 0, e(OTHER): 9})
    order = sold(world, ("BUNDLE1", 3))
    first, second = world.plan(order).purchase_orders
    for one in (first, second):
        world.run(world.choosing.choose_shipping, ref(one))
        world.run(world.submission.submit_purchase_order, submit(one))
    return order, first, second


def ship(world: World, one: PurchaseOrderRequest) -> None:
    """Have the supplier ship it, and have us see the parcel."""
    parcel = TrackedParcel(tracking_number=f"T-{one.profile.supplier}", carrier="GLS")
    world.suppliers[one.profile.supplier].status = SupplierOrderStatus(state=SupplierState.SHIPPED, parcels=(parcel,))
    result = world.run(world.choosing.check_tracking, poll(one), at=START.replace(day=4))
    assert result.verdict is StepVerdict.DONE


def counts(world: World) -> tuple[int, int]:
    row = world.only("SELECT shipped, cancelled FROM order_lines")
    return row["shipped"], row["cancelled"]


Bundled = tuple[OrderRequest, PurchaseOrderRequest, PurchaseOrderRequest]


def test_the_shop_is_told_once_the_last_part_is_on_its_way(world: World, bundled: Bundled) -> None:
    _, first, second = bundled
    ship(world, first)
    assert world.run(world.storefronts.fulfil, fulfil(first)).order_ending is None
    assert world.shop.fulfilments == []
    assert counts(world) == (0, 0)
    ship(world, second)
    assert world.run(world.storefronts.fulfil, fulfil(second)).order_ending is OrderState.SHIPPED
    (told,) = world.shop.fulfilments
    assert [line.quantity for line in told.lines] == [3]
    assert set(told.tracking_numbers) == {"T-bts", "T-nova"}
    assert counts(world) == (3, 0)
    assert world.rows("SELECT 1 FROM parcels WHERE fulfilled_at IS NULL") == []


def test_each_parcel_is_mailed_about_once(world: World, bundled: Bundled) -> None:
    for one in bundled[1:]:
        ship(world, one)
        world.run(world.storefronts.fulfil, fulfil(one))
        world.run(world.storefronts.fulfil, fulfil(one))
    assert len(world.rows("SELECT 1 FROM mails WHERE audience = 'customer'")) == 2


def test_parts_that_ship_at_the_same_moment_tell_the_shop_together(world: World, bundled: Bundled) -> None:
    _, first, second = bundled
    for one in (first, second):
        ship(world, one)
    together = Barrier(2, timeout=20)
    waited: list[int] = []

    def both(one: PurchaseOrderRequest) -> str:
        together.wait()
        try:
            return str(world.run(world.storefronts.fulfil, fulfil(one)).order_ending)
        except ApplicationError:  # attempted again, as Temporal would
            waited.append(1)
            return str(world.run(world.storefronts.fulfil, fulfil(one), attempt=2).order_ending)

    with ThreadPoolExecutor(2) as threads:
        endings = sorted(threads.map(both, (first, second)))
    assert endings == ["None", "shipped"]
    assert sum(line.quantity for told in world.shop.fulfilments for line in told.lines) == 3
    assert counts(world) == (3, 0)
    assert len(waited) <= 1


def test_a_parcel_with_a_part_of_the_parts_waits_until_all_of_them_have_left(world: World, bundled: Bundled) -> None:
    _, first, _ = bundled
    lines = (SupplierLine(ean=ARTICLE, quantity=2),)
    parcel = TrackedParcel(tracking_number="T-1", lines=lines)
    world.bts.status = SupplierOrderStatus(state=SupplierState.ACKNOWLEDGED, parcels=(parcel,))
    for _ in range(2):
        with pytest.raises(ApplicationError, match="check 1 of"):
            world.run(world.choosing.check_tracking, poll(first), at=START.replace(day=3))
    assert world.bts.asked.count("fetch_order") == 1
    assert counts(world) == (0, 0)
    assert world.only("SELECT sum(shipped) AS units FROM purchase_order_lines")["units"] == 0


def test_parts_that_never_come_cancel_whole_bundles(world: World, bundled: Bundled) -> None:
    order, first, second = bundled
    ship(world, first)
    world.run(world.storefronts.fulfil, fulfil(first))
    ending = PurchaseOrderEnding(**ref(second).model_dump(), ending=PurchaseOrderState.CANCELLED)
    world.run(world.ends.end_purchase_order, ending)
    assert counts(world) == (0, 3)
    assert world.plan(order, 2).purchase_orders == ()


def test_what_the_shop_is_told_of_plain_lines_is_as_before(world: World) -> None:
    one = world.placed(2, 3)
    ship(world, one)
    world.run(world.storefronts.fulfil, fulfil(one))
    (told,) = world.shop.fulfilments
    assert [line.quantity for line in told.lines] == [2, 3]


def test_the_parts_of_one_line_are_ordered_in_the_sequence_in_which_answers_are_read(world: World) -> None:
    world.configure(stock={"bundles": {"BUNDLE1": {ARTICLE: 2, OTHER: 1}}})
    stock(world, "bts", **{e(ARTICLE): 9, e(OTHER): 9})
    (one,) = world.plan(sold(world, ("BUNDLE1", 1))).purchase_orders
    first, second = sorted((ARTICLE, OTHER))
    for ean in (first, second):  # a row that was written anew lies behind the others
        with world.database.begin() as tx:
            tx.exec_driver_sql("UPDATE purchase_order_lines SET unit_cost = 1 WHERE ean = %s", (ean,))
        with world.database.begin() as tx:
            written = purchase_orders.load(tx, one.purchase_order_id).supplier_lines
            read = exchange_news.order_lines(tx, "bts", one.number)
        assert [line.ean for line in written] == [line.ean for line in read] == [first, second]
