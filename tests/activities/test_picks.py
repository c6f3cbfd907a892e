"""What people say of a pick task is what the purchase order's next look finds, without waiting for a check."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import insert
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.common import Dependencies
from activities.dependencies import build_dependencies
from activities.suppliers import SupplierActivities
from adapters.database import configurations, picks
from adapters.database.engine import Database
from adapters.suppliers.warehouse.adapter import PLUGIN
from models.configuration import Configuration
from models.contracts import PlanRequest, PollRequest, StepResult, StepVerdict
from models.picks import Picked
from models.supply_tables import offers
from tests.activities.world import ARTICLE, START, World, fulfil, poll
from tests.starter.picking import EAN, NOW, OWN, Picking
from tests.starter.world import document

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def deps(database_url: str) -> Iterator[Dependencies]:
    database = Database(database_url)
    settings = document(routing={"priority": ["own"]})
    settings["suppliers"]["own"] = OWN
    configurations.apply(database, Configuration.model_validate(settings), by="test", now=NOW)
    yield build_dependencies(database, secrets=lambda name: name)
    database.close()


@pytest.fixture
def picking(deps: Dependencies) -> Iterator[Picking]:
    made = Picking(deps.database)
    yield made
    made.clear()


def look(deps: Dependencies, *, hours: float = 1, known: int = 0) -> StepResult:
    """Look at the purchase order, so long after it was placed; the first check is due after a day."""
    environment = ActivityEnvironment()
    started = {"started_time": NOW + hours * HOUR}
    environment.info = environment.default_info().__class__(**{**vars(environment.info), **started})
    request = PollRequest(
        order_id=1,
        channel="main",
        purchase_order_id=1,
        confirmed_at=NOW,
        plan=(24 * HOUR, 24 * HOUR),
        final_grace=HOUR,
        declined=known,
    )
    found: StepResult = environment.run(SupplierActivities(deps).check_tracking, request)
    return found


def pick(deps: Dependencies, number: str, *, short: int = 0) -> None:
    missing = {EAN: short} if short else {}
    picked = Picked(tracking_number="T-1", carrier="GLS", short=missing, by="ana")
    with deps.database.begin() as tx:
        picks.ship(tx, number, picked, now=NOW)


def test_nothing_said_is_waited_for(deps: Dependencies, picking: Picking) -> None:
    picking.open()
    with pytest.raises(ApplicationError, match="first of 2 checks"):
        look(deps)
    with pytest.raises(ApplicationError, match="to be picked"):
        look(deps, hours=25)


def test_what_was_sent_is_known_at_once(deps: Dependencies, picking: Picking) -> None:
    pick(deps, picking.open())
    assert look(deps) == StepResult(verdict=StepVerdict.DONE)


def test_units_that_were_short_are_given_back_with_the_parcel(deps: Dependencies, picking: Picking) -> None:
    pick(deps, picking.open(), short=2)
    assert look(deps) == StepResult(verdict=StepVerdict.DONE, declined=2)


def test_what_the_warehouse_refuses_is_planned_elsewhere_at_once(deps: Dependencies, picking: Picking) -> None:
    number = picking.open()
    with deps.database.begin() as tx:
        picks.refuse(tx, number, reason="water damage", by="ana", now=NOW)
    assert look(deps) == StepResult(verdict=StepVerdict.REJECTED, declined=4)


def test_a_check_that_is_due_sees_the_same(deps: Dependencies, picking: Picking) -> None:
    pick(deps, picking.open(), short=1)
    with deps.database.begin() as tx:
        tx.exec_driver_sql("UPDATE parcels SET fulfilled_at = now()")
    answer = look(deps, hours=25, known=1)
    assert (answer.verdict, answer.declined) == (StepVerdict.DONE, 1)


@pytest.fixture
def own_first(world: World) -> World:
    """A shop that sends from its own shelves first: three units of the article are there."""
    world.deps.outside._plugins["suppliers"]["warehouse"] = PLUGIN  # type: ignore[index]
    world.deps.outside._desk = picks.Desk(world.database)
    world.configure(suppliers={"own": OWN}, routing={"priority": ["own", "bts"]})
    offer = {"supplier": "own", "sku": "SHELF-1", "ean": ARTICLE, "known": True, "quantity": 3, "currency": "EUR"}
    with world.database.begin() as tx:
        tx.execute(insert(offers), {**offer, "unit_cost": 3, "observed_at": START})
    return world


def test_an_order_is_picked_and_what_was_not_on_the_shelf_goes_to_the_next_supplier(own_first: World) -> None:
    order = own_first.placed(2)
    assert own_first.purchase_order(order)["supplier"] == "own"
    assert own_first.purchase_order(order)["state"] == "acknowledged"
    assert own_first.only("SELECT number, state FROM pick_tasks") == {"number": order.number, "state": "open"}

    missing = Picked(tracking_number="T-1", carrier="GLS", short={ARTICLE: 1}, by="ana")
    with own_first.database.begin() as tx:
        picks.ship(tx, order.number, missing, now=START)
    heard = own_first.run(own_first.choosing.check_tracking, poll(order), at=START + HOUR)
    assert heard == StepResult(verdict=StepVerdict.DONE, declined=1)

    request = PlanRequest(order_id=order.order_id, channel="main", plan_no=2, excluded=("own",))
    (rest,) = own_first.run(own_first.orders.plan_order, request).purchase_orders
    assert (rest.profile.supplier, rest.units) == ("bts", 1)
    own_first.run(own_first.storefronts.fulfil, fulfil(order), at=START + HOUR)
    assert own_first.purchase_order(order)["state"] == "shipped"
    assert own_first.only("SELECT shipped FROM order_lines") == {"shipped": 1}


def test_an_order_that_the_shelves_can_not_fill_is_not_sent_there(own_first: World) -> None:
    (order,) = own_first.planned(4)
    assert order.profile.supplier == "bts"
    assert own_first.rows("SELECT * FROM pick_tasks") == []
