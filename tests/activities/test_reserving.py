"""Planning reserves what it plans: nothing is promised twice, whoever plans at the same time, and whatever is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from temporalio.exceptions import ApplicationError

from activities import planning as planning_activity
from adapters.database import purchase_orders, reservations, route_views
from adapters.database.configurations import apply
from adapters.database.planning import Pins
from models.configuration import Configuration
from models.contracts import OrderRequest, PlanResult, PlanVerdict, PurchaseOrderEnding
from models.suppliers import SupplierOrderStatus, SupplierState, TrackedParcel
from tests.activities.broken_commit import BrokenCommit
from tests.activities.world import ARTICLE, START, World, eur, fulfil, poll, ref

OTHER = "8411061000009"
THIRD = "8411061000016"


def sold(world: World, *lines: tuple[str, int], **more: Any) -> OrderRequest:
    """Take in an order with these articles and quantities, and screen it."""
    order = world.sell(*(quantity for _, quantity in lines), **more)
    world.screen(order)
    names = world.rows("SELECT line_id FROM order_lines WHERE order_id = :id ORDER BY position", id=order.order_id)
    with world.database.begin() as tx:
        for name, (ean, _) in zip(names, lines, strict=True):
            given = {"ean": ean, "line": name["line_id"]}
            tx.execute(text("UPDATE order_lines SET ean = :ean WHERE line_id = :line"), given)
    return order


def stock(world: World, supplier: str, **units: int) -> None:
    """Have a supplier keep exactly these units, and no live stock."""
    world.suppliers[supplier].live = False
    with world.database.begin() as tx:
        for ean, quantity in units.items():
            tx.execute(
                text(
                    "INSERT INTO offers (supplier, sku, ean, known, quantity, currency, observed_at) "
                    "VALUES (:supplier, :sku, :ean, true, :quantity, 'EUR', :at) "
                    "ON CONFLICT (supplier, sku) DO UPDATE SET quantity = excluded.quantity"
                ),
                {
                    "supplier": supplier,
                    "sku": f"{supplier}-{ean[1:]}",
                    "ean": ean[1:],
                    "quantity": quantity,
                    "at": START,
                },
            )


def e(ean: str) -> str:
    """Name an article as a keyword."""
    return f"e{ean}"


def reserved(world: World) -> dict[tuple[str, str], int]:
    rows = world.rows("SELECT supplier, ean, reserved FROM offers WHERE reserved > 0")
    return {(row["supplier"], row["ean"]): row["reserved"] for row in rows}


def held(world: World) -> int:
    return int(world.only("SELECT coalesce(sum(quantity), 0) AS n FROM reservations WHERE state = 'held'")["n"])


def test_the_last_unit_is_planned_once(world: World) -> None:
    for name in world.suppliers:
        stock(world, name, **{e(ARTICLE): 1 if name == "bts" else 0})
    orders = [sold(world, (ARTICLE, 1)) for _ in range(8)]
    together = Barrier(8, timeout=20)

    def plan(order: OrderRequest) -> PlanResult:
        together.wait()
        return world.plan(order)

    with ThreadPoolExecutor(8) as threads:
        verdicts = [result.verdict for result in threads.map(plan, orders)]
    assert sorted(verdicts) == [PlanVerdict.PLANNED] + [PlanVerdict.SHORT] * 7
    assert reserved(world) == {("bts", ARTICLE): 1}
    assert held(world) == 1


def test_an_order_is_reserved_as_a_whole_or_waits_as_a_whole(world: World) -> None:
    for name in world.suppliers:
        stock(world, name, **{e(ARTICLE): 5, e(OTHER): 0})
    assert world.plan(sold(world, (ARTICLE, 2), (OTHER, 1))).verdict is PlanVerdict.SHORT
    assert reserved(world) == {}


def test_a_bundle_is_reserved_as_its_parts_from_whoever_has_them(world: World) -> None:
    world.configure(stock={"bundles": {"BUNDLE1": {ARTICLE: 2, OTHER: 1}}})
    stock(world, "bts", **{e(ARTICLE): 6, e(OTHER): 0})
    stock(world, "nova", **{e(ARTICLE): 0, e(OTHER): 9})
    order = sold(world, ("BUNDLE1", 3))
    result = world.plan(order)
    assert {one.profile.supplier: one.units for one in result.purchase_orders} == {"bts": 6, "nova": 3}
    assert reserved(world) == {("bts", ARTICLE): 6, ("nova", OTHER): 3}
    parts = world.rows("SELECT ean, per_unit FROM order_line_parts ORDER BY per_unit DESC")
    assert [(part["ean"], part["per_unit"]) for part in parts] == [(ARTICLE, 2), (OTHER, 1)]


def test_a_split_line_of_thirteen_takes_ten_of_ten_and_three_of_fifteen(world: World) -> None:
    world.configure(routing={"choose": "priority", "split_lines": True})
    stock(world, "bts", **{e(ARTICLE): 10})
    stock(world, "nova", **{e(ARTICLE): 15})
    order = sold(world, (ARTICLE, 13))
    assert {one.profile.supplier: one.units for one in world.plan(order).purchase_orders} == {"bts": 10, "nova": 3}
    assert reserved(world) == {("bts", ARTICLE): 10, ("nova", ARTICLE): 3}
    assert world.plan(order, 2).verdict is PlanVerdict.NOTHING_OPEN


def test_two_bundles_share_a_part_and_only_as_many_are_planned_as_there_are_parts(world: World) -> None:
    world.configure(stock={"bundles": {"BUNDLE1": {ARTICLE: 2}, "BUNDLE2": {ARTICLE: 1, OTHER: 1}}})
    stock(world, "bts", **{e(ARTICLE): 4, e(OTHER): 9})
    stock(world, "nova", **{e(ARTICLE): 0, e(OTHER): 0})
    assert world.plan(sold(world, ("BUNDLE1", 1), ("BUNDLE2", 2))).verdict is PlanVerdict.PLANNED
    assert world.plan(sold(world, ("BUNDLE2", 1))).verdict is PlanVerdict.SHORT
    assert reserved(world) == {("bts", ARTICLE): 4, ("bts", OTHER): 2}


def test_who_finds_the_stock_gone_plans_again_with_what_is_left(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stock(world, "bts", **{e(ARTICLE): 2})
    stock(world, "nova", **{e(ARTICLE): 2})
    order = sold(world, (ARTICLE, 2))

    def quicker() -> None:
        with world.database.begin() as tx:
            tx.execute(text("UPDATE offers SET reserved = 1 WHERE supplier = 'bts'"))

    _before_reserving(monkeypatch, [quicker])
    (planned,) = world.plan(order).purchase_orders
    assert planned.profile.supplier == "nova"


def test_who_is_beaten_again_and_again_is_attempted_again_and_holds_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(world, "bts", **{e(ARTICLE): 20})
    stock(world, "nova", **{e(ARTICLE): 0})
    order = sold(world, (ARTICLE, 2))

    def leave(left: int) -> None:
        with world.database.begin() as tx:
            tx.execute(text("UPDATE offers SET quantity = :left WHERE supplier = 'bts'"), {"left": left})

    # each time what was counted on is gone before it is reserved, and back before it is looked at again
    tries = _before_reserving(monkeypatch, [lambda: leave(1)] * planning_activity.TRIES)
    read = planning_activity.stock_views.offers_of
    monkeypatch.setattr(planning_activity.stock_views, "offers_of", lambda *a, **b: (leave(20), read(*a, **b))[1])
    with pytest.raises(ApplicationError, match="stock was taken"):
        world.plan(order)
    assert len(tries) == planning_activity.TRIES
    assert (reserved(world), held(world), world.rows("SELECT 1 FROM plans")) == ({}, 0, [])
    assert world.plan(order).verdict is PlanVerdict.PLANNED


def _before_reserving(patch: pytest.MonkeyPatch, happen: list[Callable[[], None]]) -> list[int]:
    tries: list[int] = []
    real = reservations.take

    def take(*args: Any, **more: Any) -> bool:
        if len(tries) < len(happen):
            happen[len(tries)]()
        tries.append(1)
        return real(*args, **more)

    patch.setattr(planning_activity.reservations, "take", take)
    return tries


@pytest.mark.parametrize("mode", ["observe", "test order"])
def test_what_never_leaves_takes_nobodys_stock(world: World, mode: str) -> None:
    if mode == "observe":
        world.configure(channels={"main": {"mode": "observe"}})
    stock(world, "bts", **{e(ARTICLE): 3})
    assert world.plan(sold(world, (ARTICLE, 2), test=mode == "test order")).verdict is PlanVerdict.PLANNED
    assert reserved(world) == {}
    assert world.rows("SELECT 1 FROM reservations") == []


def test_what_a_running_purchase_order_covers_is_not_planned_again(world: World) -> None:
    stock(world, "bts", **{e(ARTICLE): 2, e(OTHER): 0})
    stock(world, "nova", **{e(ARTICLE): 9, e(OTHER): 9})
    order = sold(world, (ARTICLE, 2), (OTHER, 1))
    first = world.plan(order).purchase_orders
    assert {one.profile.supplier: one.units for one in first} == {"bts": 2, "nova": 1}
    refused = next(one for one in first if one.profile.supplier == "bts")
    world.run(world.ends.end_purchase_order, PurchaseOrderEnding(**ref(refused).model_dump(), ending="rejected"))
    (second,) = world.plan(order, 2, excluded=("bts",)).purchase_orders
    assert (second.profile.supplier, second.units, second.attempt) == ("nova", 2, 2)
    assert world.plan(order, 3).verdict is PlanVerdict.NOTHING_OPEN
    assert reserved(world) == {("nova", ARTICLE): 2, ("nova", OTHER): 1}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_lost_commit_of_a_plan_reserves_and_mints_once(world: World, after: bool) -> None:
    stock(world, "bts", **{e(ARTICLE): 5})
    order = sold(world, (ARTICLE, 2))
    # reading the order, reading the offers, writing the plan
    with BrokenCommit(world.database, 3, after=after), pytest.raises(OperationalError):
        world.plan(order)
    assert world.plan(order).verdict is PlanVerdict.PLANNED
    assert reserved(world) == {("bts", ARTICLE): 2}
    assert len(world.rows("SELECT 1 FROM purchase_orders")) == 1
    assert held(world) == 2


def test_ten_lines_are_planned_and_reserved_in_six_statements(world: World) -> None:
    articles = [f"84110610001{number:02}" for number in range(10)]
    stock(world, "bts", **{e(ean): 9 for ean in articles})
    stock(world, "nova", **{e(ean): 9 for ean in articles})
    order = sold(world, *((ean, 2) for ean in articles))
    statements: list[str] = []
    note = lambda *args: statements.append(args[2])  # noqa: E731 - SQLAlchemy gives statement as the third argument
    event.listen(world.database.engine, "before_cursor_execute", note)
    try:
        (planned,) = world.plan(order).purchase_orders
    finally:
        event.remove(world.database.engine, "before_cursor_execute", note)
    assert planned.units == 20
    assert len(statements) <= 6, statements


def test_a_persons_pins_outrank_the_rules(world: World) -> None:
    stock(world, "bts", **{e(ARTICLE): 9})
    stock(world, "nova", **{e(ARTICLE): 9})
    only, without = sold(world, (ARTICLE, 1)), sold(world, (ARTICLE, 1))
    with world.database.begin() as tx:
        route_views.pin(tx, only.order_id, Pins(only_supplier="nova"), by="ana", now=START)
        route_views.pin(tx, without.order_id, Pins(excluded=frozenset({"bts", "nova"})), by="ana", now=START)
    assert [one.profile.supplier for one in world.plan(only).purchase_orders] == ["nova"]
    assert world.plan(without).verdict is PlanVerdict.SHORT


def test_costs_in_other_currencies_are_compared_by_the_newest_rate_and_the_rate_is_kept(world: World) -> None:
    world.configure(routing={"choose": "cost"}, suppliers={"nova": {"terms": {"currency": "USD"}}})
    world.bts.costs[ARTICLE], world.suppliers["nova"].costs[ARTICLE] = (
        eur("10.00"),
        eur("10.40").model_copy(update={"currency": "USD"}),
    )
    with world.database.begin() as tx:
        tx.execute(
            text(
                'INSERT INTO exchange_rates (base, currency, "on", source, rate, captured_at) '
                "VALUES ('EUR', 'USD', '2026-03-01', 'ecb', 1.08, :at)"
            ),
            {"at": START},
        )
    order = sold(world, (ARTICLE, 1))
    (planned,) = world.plan(order).purchase_orders
    assert planned.profile.supplier == "nova"
    reasons = world.only("SELECT reasons FROM plans")["reasons"]
    assert Decimal(reasons["rates"]["USD"]) == Decimal("1.08")
    costs = {one["supplier"]: Decimal(one["cost"]["item"]) for one in reasons["lines"][0]["candidates"]}
    assert costs["bts"] == 10
    assert Decimal("9.62") < costs["nova"] < Decimal("9.64")


def test_an_order_that_was_planned_too_often_is_a_persons(world: World) -> None:
    world.configure(routing={"max_plans": 2})
    stock(world, "bts", **{e(ARTICLE): 9})
    order = sold(world, (ARTICLE, 1))
    for plan_no in (1, 2):
        (planned,) = world.plan(order, plan_no).purchase_orders
        world.run(world.ends.end_purchase_order, PurchaseOrderEnding(**ref(planned).model_dump(), ending="rejected"))
    result = world.plan(order, 3)
    assert (result.verdict, result.purchase_orders) == (PlanVerdict.SHORT, ())
    assert world.tasks() == ["unroutable"]


def test_a_repeated_plan_returns_its_shortage_too(world: World) -> None:
    world.configure(backorders={"action": "wait", "ship_available": True})
    stock(world, "bts", **{e(ARTICLE): 9, e(OTHER): 0})
    stock(world, "nova", **{e(ARTICLE): 0, e(OTHER): 0})
    order = sold(world, (ARTICLE, 1), (OTHER, 2))
    first = world.plan(order)
    assert (first.verdict, first.shortage.units if first.shortage else 0) == (PlanVerdict.PLANNED, 2)
    assert world.plan(order) == first


def test_what_suppliers_said_is_kept_before_the_plan_is_made(world: World) -> None:
    world.bts.stock[ARTICLE] = 7
    order = sold(world, (ARTICLE, 2))
    world.plan(order)
    offer = world.only("SELECT quantity, reserved FROM offers WHERE supplier = 'bts'")
    assert offer == {"quantity": 7, "reserved": 2}
    with world.database.begin() as tx:
        assert purchase_orders.of_plan(tx, order.order_id, 1).shortage is None


def test_an_article_that_becomes_a_bundle_while_it_is_on_order_is_not_ordered_once_more(world: World) -> None:
    stock(world, "bts", **{e(ARTICLE): 2, e(OTHER): 9})
    stock(world, "nova", **{e(ARTICLE): 0, e(THIRD): 9})
    order = sold(world, (ARTICLE, 2))
    (first,) = world.plan(order).purchase_orders
    world.configure(stock={"bundles": {ARTICLE: {OTHER: 2, THIRD: 1}}})
    assert world.plan(order, 2).verdict is PlanVerdict.NOTHING_OPEN
    world.run(world.ends.end_purchase_order, PurchaseOrderEnding(**ref(first).model_dump(), ending="rejected"))
    again = world.plan(order, 2).purchase_orders
    assert {one.profile.supplier: one.units for one in again} == {"bts": 4, "nova": 2}


def test_an_order_is_asked_about_though_the_supplier_that_cancelled_it_was_taken_out_since(world: World) -> None:
    stock(world, "bts", **{e(ARTICLE): 2})
    stock(world, "nova", **{e(ARTICLE): 0})
    order = sold(world, (ARTICLE, 2))
    (first,) = world.plan(order).purchase_orders
    ending = PurchaseOrderEnding(**ref(first).model_dump(), ending="cancelled_by_supplier")
    world.run(world.ends.end_purchase_order, ending)
    document = world.configurations.current().configuration.model_dump(mode="json")
    del document["suppliers"]["bts"]
    document["routing"]["priority"] = ["nova"]
    apply(world.database, Configuration.model_validate(document), by="test", now=START)
    world.configurations._read_at = float("-inf")
    assert world.plan(order, 2, excluded=("bts",)).verdict is PlanVerdict.SHORT
    assert world.tasks() == ["cancelled_by_supplier"]


@pytest.mark.parametrize(("shelf", "state"), [(True, "held"), (False, "consumed")])
def test_units_on_a_shelf_stay_held_until_they_have_left_it(world: World, *, shelf: bool, state: str) -> None:
    world.bts.leaves_when_shipped = shelf
    one = world.placed(2)
    world.run(world.choosing.await_acknowledgement, poll(one))
    assert [row["state"] for row in world.rows("SELECT state FROM reservations")] == [state]
    parcel = TrackedParcel(tracking_number="T-1", carrier="GLS")
    world.bts.status = SupplierOrderStatus(state=SupplierState.SHIPPED, parcels=(parcel,))
    world.run(world.choosing.check_tracking, poll(one), at=START.replace(day=4))
    world.run(world.storefronts.fulfil, fulfil(one))
    assert [row["state"] for row in world.rows("SELECT state FROM reservations")] == ["consumed"]
