"""Our own warehouse as a supplier, with its pick desk on a real database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, select

from adapters.database import picks
from adapters.database.engine import Database
from adapters.errors import AdapterError, Doubtful, NotSent, Refused, Unavailable
from adapters.plugin import load_plugins
from adapters.suppliers.warehouse.adapter import PLUGIN, Warehouse, build
from dropwright.testing.contract import CUSTOMER, MADRID, PERSONAL, OrderingContract, OrderingWorld
from models.configuration import Supplier
from models.feeds import FeedKind
from models.findings import Severity
from models.picks import Picked, PickState
from models.suppliers import Cancellation, SupplierLine, SupplierState
from models.supply_tables import offers
from models.tables import pick_lines, pick_tasks
from tests.activities.broken_commit import BrokenCommit

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
EANS = ("4006381333931", "8411061123456", "5901234123457", "4012345678901", "7612345678900")
UNKNOWN = "0000000000000"
SHIPPING = [
    {"countries": ["DE"], "cost": "3.90", "days": 1},
    {"countries": ["ES", "FR"], "up_to_kg": "5", "cost": "7.50", "per_item": "0.20", "per_kg": "1", "days": 3},
]


def settings(**changes: Any) -> Supplier:
    values = {
        "adapter": "warehouse",
        "display_name": "Own warehouse",
        "metafield_namespace": "own",
        "terms": {"currency": "EUR", "shipping": SHIPPING},
    }
    return Supplier.model_validate(values | changes)


def port_on(database: Database, supplier_id: str = "own", **changes: Any) -> Warehouse:
    return build(
        settings=settings(**changes),
        supplier_id=supplier_id,
        secrets=lambda _name: "",
        sink=lambda _call: None,
        desk=picks.Desk(database),
    )


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    with opened.begin() as tx:
        row = {"supplier": "own", "known": True, "quantity": 9, "unit_cost": 4, "currency": "EUR", "observed_at": NOW}
        tx.execute(insert(offers), [{**row, "sku": f"S{ean}", "ean": ean} for ean in EANS])
    yield opened
    opened.close()


@pytest.fixture
def world(database: Database) -> Iterator[OrderingWorld]:
    with database.begin() as tx:
        tx.execute(pick_lines.delete())
        tx.execute(pick_tasks.delete())
    away = Database("postgresql+psycopg2://nobody@127.0.0.1:9/none")

    def books() -> list[dict[str, Any]]:
        with database.begin() as tx:
            rows = tx.execute(select(pick_tasks).order_by(pick_tasks.c.id)).all()
            lines = {row.id: tx.execute(select(pick_lines).where(pick_lines.c.pick_id == row.id)).all() for row in rows}
        return [
            {
                "order_number": row.number,
                "lines": [{"ean": line.ean, "quantity": line.quantity} for line in lines[row.id]],
            }
            for row in rows
        ]

    def ship(number: str, tracking: list[str], short: dict[str, int] | None = None) -> None:
        picked = Picked(tracking_number=tracking[0], carrier="GLS", short=short or {}, by="ana")
        with database.begin() as tx:
            picks.ship(tx, number, picked, now=NOW)

    yield OrderingWorld(
        port=port_on(database),
        nowhere=port_on(away),
        eans=EANS,
        unknown_ean=UNKNOWN,
        supplier_orders=books,
        ship=ship,
        decline=lambda number, short: ship(number, ["GLS-0000000001"], short),
        parcels=1,
        knows_stock=True,
    )
    away.close()


class TestWarehouse(OrderingContract):
    pass


def test_the_plugin_is_found_by_its_entry_point_and_needs_neither_address_nor_credential() -> None:
    assert load_plugins("suppliers")["warehouse"] is PLUGIN
    assert PLUGIN.requires == ()
    assert PLUGIN.picks


def test_an_option_is_refused_by_name(database: Database) -> None:
    with pytest.raises(ValueError, match="shelf"):
        port_on(database, options={"shelf": "A"})


def test_shipping_costs_what_the_table_says(world: OrderingWorld) -> None:
    (quote,) = world.port.quote_shipping(MADRID, [SupplierLine(ean=EANS[0], quantity=3)])
    assert (quote.carrier, str(quote.cost), quote.days) == ("GLS", "8.10 EUR", 3)


def test_without_a_table_shipping_is_free_by_any_carrier(database: Database) -> None:
    port = port_on(database, terms={"currency": "PLN"}, preferred_carriers=[])
    (quote,) = port.quote_shipping(MADRID, [SupplierLine(ean=EANS[0], quantity=3)])
    assert (quote.carrier, quote.cost.amount, quote.cost.currency, quote.days) == ("own", Decimal(0), "PLN", 2)


def test_a_pick_task_holds_the_address_of_the_order(world: OrderingWorld, database: Database) -> None:
    world.port.place_order(world.order())
    with database.begin() as tx:
        slip = picks.slip(tx, "DW-1-11")
    assert slip is not None
    assert slip["address"]["address1"] == CUSTOMER.address1


def test_a_test_order_is_nobodys_to_pick(world: OrderingWorld, database: Database) -> None:
    world.port.place_order(world.order(test=True))
    with database.begin() as tx:
        assert picks.list_open(tx, warehouse=None, today=NOW, limit=10) == []
    assert world.port.fetch_order("DW-1-11").state is SupplierState.AWAITING_PAYMENT


def test_another_warehouses_tasks_are_not_ours(world: OrderingWorld, database: Database) -> None:
    placed = world.port.place_order(world.order())
    other = port_on(database, "other")
    for ask in (other.fetch_order, other.cancel_order):
        with pytest.raises(Refused):
            ask(placed.supplier_number)
    assert world.port.fetch_order(placed.supplier_number).state is SupplierState.ACKNOWLEDGED


def test_what_the_warehouse_refuses_is_cancelled_there(world: OrderingWorld, database: Database) -> None:
    placed = world.port.place_order(world.order())
    with database.begin() as tx:
        assert picks.refuse(tx, placed.supplier_number, reason="water damage", by="ana", now=NOW)
        assert not picks.refuse(tx, placed.supplier_number, reason="water damage", by="ana", now=NOW)
    assert world.port.fetch_order(placed.supplier_number).state is SupplierState.CANCELLED
    assert "water" not in world.port.fetch_order(placed.supplier_number).status_text
    assert world.port.cancel_order(placed.supplier_number) is Cancellation.CANCELLED


def test_of_a_cancellation_and_a_parcel_at_the_same_moment_one_wins(world: OrderingWorld) -> None:
    for number in range(8):
        placed = world.port.place_order(world.order(number=f"DW-{number}-11"))

        def ship(number: str = placed.supplier_number) -> bool:
            try:
                world.ship(number, ["GLS-0000000001"])
            except picks.PickRefusedError:
                return False
            return True

        with ThreadPoolExecutor(2) as threads:
            shipped = threads.submit(ship)
            cancelled = threads.submit(world.port.cancel_order, placed.supplier_number)
        state = world.port.fetch_order(placed.supplier_number).state
        assert (shipped.result(), cancelled.result(), state) in [
            (True, Cancellation.TOO_LATE, SupplierState.SHIPPED),
            (False, Cancellation.CANCELLED, SupplierState.CANCELLED),
        ]


def test_the_same_order_sent_by_many_at_once_is_opened_once(world: OrderingWorld) -> None:
    order = world.order()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: world.port.place_order(order), range(8)))
    assert len({answer.supplier_number for answer in answers}) == 1
    assert len(world.supplier_orders()) == 1
    assert len(world.supplier_orders()[0]["lines"]) == 2


@pytest.mark.parametrize(
    ("number", "short", "message"),
    [
        ("DW-9-99", {}, "there is no pick task DW-9-99"),
        ("DW-1-11", {EANS[0]: 3}, f"can't be short of {EANS[0]}"),
        ("DW-1-11", {UNKNOWN: 1}, f"can't be short of {UNKNOWN}"),
        ("DW-1-11", {EANS[0]: 2, EANS[1]: 1}, "say `dropwright picks refuse` instead"),
    ],
)
def test_what_can_not_be_is_refused_and_changes_nothing(
    world: OrderingWorld, database: Database, number: str, short: dict[str, int], message: str
) -> None:
    world.port.place_order(world.order())
    picked = Picked(tracking_number="T-1", carrier="GLS", short=short, by="ana")
    with pytest.raises(picks.PickRefusedError, match=message), database.begin() as tx:
        picks.ship(tx, number, picked, now=NOW)
    with database.begin() as tx:
        task = picks.find(tx, "DW-1-11")
    assert task is not None
    assert task.state is PickState.OPEN


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("cancel", "put it back on the shelf"),
        ("refuse", "don't send it"),
        ("ship", "has left the house"),
    ],
)
def test_what_has_ended_is_not_sent_again(world: OrderingWorld, database: Database, end: str, message: str) -> None:
    number = world.port.place_order(world.order()).supplier_number
    with database.begin() as tx:
        if end == "cancel":
            picks.cancel(tx, number, now=NOW)
        elif end == "refuse":
            picks.refuse(tx, number, reason="", by="ana", now=NOW)
        else:
            picks.ship(tx, number, Picked(tracking_number="T-1", carrier="GLS", by="ana"), now=NOW)
    again = Picked(tracking_number="T-2", carrier="GLS", by="ben")
    with pytest.raises(picks.PickRefusedError, match=message), database.begin() as tx:
        picks.ship(tx, number, again, now=NOW)


@pytest.mark.parametrize("after", [False, True])
def test_an_order_whose_commit_got_no_answer_is_opened_once(
    world: OrderingWorld, database: Database, *, after: bool
) -> None:
    order = world.order()
    with BrokenCommit(database, 1, after=after):
        assert world.port.place_order(order).state is SupplierState.ACKNOWLEDGED
    assert len(world.supplier_orders()) == 1


def test_a_database_that_goes_away_for_good_leaves_doubt(world: OrderingWorld, database: Database) -> None:
    order = world.order()
    with BrokenCommit(database, 1, after=True), BrokenCommit(database, 1, after=True), pytest.raises(Doubtful):
        world.port.place_order(order)
    assert len(world.supplier_orders()) == 1


def test_a_question_without_an_answer_may_be_asked_again(world: OrderingWorld, database: Database) -> None:
    number = world.port.place_order(world.order()).supplier_number
    with BrokenCommit(database, 1, after=False), pytest.raises(Unavailable):
        world.port.fetch_order(number)
    assert world.port.fetch_order(number).state is SupplierState.ACKNOWLEDGED


def test_a_warehouse_has_no_feed_of_its_own(world: OrderingWorld) -> None:
    with pytest.raises(Refused) as caught:
        world.port.fetch_feed(FeedKind.STOCK, since="", cursor="")
    assert caught.value.code == "no_feed"
    assert world.port.feed_columns(FeedKind.STOCK) == {}


def test_checking_counts_what_waits(world: OrderingWorld) -> None:
    world.port.place_order(world.order())
    (finding,) = world.port.check(())
    assert (finding.severity, finding.message) == (Severity.OK, "1 orders to pick")


def test_no_failure_message_holds_personal_data(world: OrderingWorld) -> None:
    with pytest.raises(AdapterError) as caught:
        world.nowhere.place_order(world.order())
    assert isinstance(caught.value, NotSent | Unavailable)
    assert not any(word in f"{caught.value!r} {caught.value.code}" for word in PERSONAL)
