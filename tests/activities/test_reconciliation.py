from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from activities import reconciliation
from adapters.database import reconciliations
from adapters.errors import Refused, Unavailable
from models.suppliers import SupplierOrderStatus, SupplierState
from models.sync import ReconciliationRequest, Side
from tests.activities.supply_world import MINUTE, NOW, SupplyWorld, ean

DAY = timedelta(days=1)
PRICING = {"currency": "EUR", "rules": [{"name": "all", "markup": "0.5"}]}


@pytest.fixture
def world(database_url: str) -> Iterator[SupplyWorld]:
    built = SupplyWorld(database_url)
    yield built
    built.database.close()


def published(world: SupplyWorld, count: int) -> None:
    """Have a shop that shows what it should, of this many articles."""
    for number in range(1, count + 1):
        world.shop.put(number, ean(number))
        world.offer(ean(number), 5)
    world.refresh()
    world.publish()


def stocked(world: SupplyWorld, count: int) -> None:
    """Have a supplier that has what its offers say, of this many articles."""
    for number in range(1, count + 1):
        world.offer(ean(number), 5, "10.00")
        world.supplier.stock[ean(number)] = (5, "10.00")


def test_a_shop_that_shows_what_it_was_told_agrees(world: SupplyWorld) -> None:
    published(world, 3)
    compared, outcome = world.reconcile(at=NOW + DAY)
    assert (compared.compared, compared.drifted, outcome.repaired, outcome.task_id) == (3, 0, 0, None)
    assert world.rows("SELECT state FROM reconciliations") == [{"state": "agreed"}]


def test_what_a_shop_shows_otherwise_is_told_again_and_then_agrees(world: SupplyWorld) -> None:
    world.configure(prices=True, pricing=PRICING)
    published(world, 4)
    world.shop.put(2, ean(2), quantity=77, price=Decimal("15.00"), words="in stock")
    world.shop.put(3, ean(3), quantity=5, price=Decimal("1.00"), words="gone")

    compared, outcome = world.reconcile(at=NOW + DAY)
    assert (compared.drifted, compared.large) == (2, False)
    assert (outcome.repaired, outcome.channels) == (2, ("main",))
    kinds = [(row["kind"], row["ours"], row["theirs"]) for row in world.rows("SELECT * FROM drifts ORDER BY kind")]
    assert kinds == [("price", "15", "1"), ("quantity", "5", "77"), ("words", "in stock", "gone")]

    world.publish(NOW + DAY + MINUTE)
    assert world.shop.shows(2) == world.shop.shows(3) == (5, Decimal("15.00"), "in stock")
    assert world.reconcile(at=NOW + 2 * DAY)[0].drifted == 0


def test_what_we_never_published_although_a_supplier_has_it_is_found(world: SupplyWorld) -> None:
    published(world, 2)
    world.execute("UPDATE listings SET published_quantity = NULL WHERE variant_id = '0001'")
    compared, _ = world.reconcile(at=NOW + DAY)
    assert [row["kind"] for row in world.rows("SELECT kind FROM drifts")] == ["missing"]
    assert compared.drifted == 1
    known = world.rows("SELECT published_quantity FROM listings WHERE variant_id = '0001'")
    assert known == [{"published_quantity": 5}]


def test_what_customers_bought_meanwhile_is_no_drift(world: SupplyWorld) -> None:
    published(world, 2)
    world.sell(ean(1), 1, variant="0001", at=NOW + MINUTE)
    world.shop.put(1, ean(1), quantity=4, words="in stock")
    assert world.reconcile(at=NOW + DAY)[0].drifted == 0


def test_what_is_being_published_is_no_drift(world: SupplyWorld) -> None:
    published(world, 2)
    world.offer(ean(1), 9)
    world.prepare(NOW + MINUTE)
    world.shop.put(1, ean(1), quantity=9, words="in stock")  # taken, and its outcome not kept yet
    assert world.reconcile(at=NOW + 2 * MINUTE)[0].drifted == 0


def test_large_drift_asks_a_person_and_is_repaired_on_the_answer(world: SupplyWorld) -> None:
    published(world, 12)
    for number in range(1, 12):
        world.shop.put(number, ean(number), quantity=50, words="in stock")

    compared, outcome = world.reconcile(at=NOW + DAY)
    assert compared.large
    assert (outcome.repaired, outcome.channels) == (0, ())
    [task] = world.rows("SELECT * FROM tasks")
    assert (task["id"], task["category"], task["key"]) == (outcome.task_id, "drift_large", "drift:channel:main")
    assert task["question"].startswith("11 of 12 differ between us and channel main (0001 quantity 5, there 50;")
    assert world.publish(NOW + DAY + MINUTE) is None

    with world.database.begin() as tx:
        assert reconciliations.repair(tx, task["evidence"]["reconciliation_id"], NOW + DAY + 2 * MINUTE) == 11
    world.publish(NOW + DAY + 3 * MINUTE)
    assert {world.shop.shows(number)[0] for number in range(1, 13)} == {5}


def test_a_later_comparison_that_agrees_closes_the_task(world: SupplyWorld) -> None:
    published(world, 12)
    for number in range(1, 12):
        world.shop.put(number, ean(number), quantity=50, words="in stock")
    world.reconcile(at=NOW + DAY)
    for number in range(1, 12):
        world.shop.put(number, ean(number), quantity=5, words="in stock")
    world.reconcile(at=NOW + 2 * DAY)
    assert world.rows("SELECT state FROM tasks") == [{"state": "obsolete"}]


def test_a_killed_comparison_with_a_shop_goes_on_with_its_page(world: SupplyWorld) -> None:
    published(world, 5)
    world.shop.page = 2
    world.shop.put(1, ean(1), quantity=1, words="in stock")
    world.shop.put(5, ean(5), quantity=1, words="in stock")
    request = ReconciliationRequest(side=Side.CHANNEL, name="main")
    first = world.run(world.reconciling.compare_channel, request, at=NOW + DAY)
    place = world.beats[0]

    again = world.run(world.reconciling.compare_channel, request, at=NOW + DAY + MINUTE, place=place)
    assert (again.reconciliation_id, again.compared, again.drifted) == (first.reconciliation_id, 5, 2)


def test_an_offer_takes_the_suppliers_word_where_few_differ(world: SupplyWorld) -> None:
    stocked(world, 3)
    world.shop.put(1, ean(1))
    world.refresh()
    world.execute("UPDATE listings SET dirty_since = NULL")
    world.execute("INSERT INTO feed_rows (supplier, feed, sku, hash) VALUES ('bts', 'stock', :s, 1)", s=f"bts-{ean(1)}")
    world.supplier.stock[ean(1)] = (2, "11.00")
    del world.supplier.stock[ean(2)]

    compared, outcome = world.reconcile(Side.SUPPLIER)

    assert (compared.compared, compared.drifted) == (3, 2)
    assert (outcome.repaired, outcome.channels) == (2, ("main",))
    offers = world.rows("SELECT quantity, unit_cost, known FROM offers ORDER BY ean")
    assert [(row["quantity"], row["unit_cost"], row["known"]) for row in offers] == [
        (2, Decimal("11.0000"), True),
        (0, Decimal("10.0000"), False),
        (5, Decimal("10.0000"), True),
    ]
    assert world.rows("SELECT hash FROM feed_rows") == [{"hash": 0}]
    history = world.rows("SELECT quantity, unit_cost, source FROM offer_changes ORDER BY sku")
    assert history[0] == {"quantity": 5, "unit_cost": Decimal("10.0000"), "source": "reconciliation"}
    assert world.reconcile(Side.SUPPLIER, at=NOW + DAY)[0].drifted == 0


def test_what_was_heard_since_the_question_stays(world: SupplyWorld) -> None:
    stocked(world, 1)
    world.supplier.stock[ean(1)] = (2, "10.00")

    def a_newer_word_arrives() -> None:
        world.offer(ean(1), 8, observed_at=NOW + MINUTE)

    asked = world.run(world.reconciling.compare_supplier, ReconciliationRequest(side=Side.SUPPLIER, name="bts"))
    a_newer_word_arrives()
    with world.database.begin() as tx:
        assert reconciliations.repair(tx, asked.reconciliation_id, NOW + 2 * MINUTE) == 0
    assert world.rows("SELECT quantity FROM offers") == [{"quantity": 8}]


def test_a_cost_that_moved_by_too_much_waits_for_a_person_and_its_stock_does_not(world: SupplyWorld) -> None:
    stocked(world, 2)
    world.supplier.stock[ean(1)] = (3, "100.00")
    _, outcome = world.reconcile(Side.SUPPLIER)
    assert outcome.task_id is not None
    [offer] = world.rows("SELECT quantity, unit_cost FROM offers WHERE ean = :ean", ean=ean(1))
    assert offer == {"quantity": 3, "unit_cost": Decimal("10.0000")}

    with world.database.begin() as tx:
        reconciliations.repair(tx, 1 * world.rows("SELECT id FROM reconciliations")[0]["id"], NOW + MINUTE)
    assert world.rows("SELECT repaired_at FROM drifts WHERE repaired_at IS NULL") == []


def test_a_cost_that_is_held_is_not_compared(world: SupplyWorld) -> None:
    stocked(world, 1)
    world.supplier.stock[ean(1)] = (5, "30.00")
    world.execute(
        "INSERT INTO cost_holds (supplier, sku, old_cost, new_cost, currency, old_currency, run_id, held_at, state) "
        "VALUES ('bts', :sku, 10, 30, 'EUR', 'EUR', 1, :at, 'held')",
        sku=f"bts-{ean(1)}",
        at=NOW,
    )
    assert world.reconcile(Side.SUPPLIER)[0].drifted == 0


def test_half_of_the_sample_is_what_sells_best(world: SupplyWorld) -> None:
    world.document["reconciling"] = {"sample": 10}
    world.apply()
    stocked(world, 40)
    for number in range(30, 36):
        world.sell(ean(number), number, at=NOW - DAY)
    world.reconcile(Side.SUPPLIER)
    asked = [code for codes in world.supplier.asked for code in codes]
    assert len(asked) == len(set(asked)) == 10
    assert asked[:5] == [ean(number) for number in (35, 34, 33, 32, 31)]


def test_a_killed_comparison_with_a_supplier_asks_only_for_the_rest(
    world: SupplyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "ASKED_AT_ONCE", 2)
    stocked(world, 5)
    times = iter([None, Unavailable("getProductStock: 503")])

    def fail_once() -> None:
        if error := next(times, None):
            raise error

    world.supplier.on_ask = fail_once
    request = ReconciliationRequest(side=Side.SUPPLIER, name="bts")
    with pytest.raises(Unavailable):
        world.run(world.reconciling.compare_supplier, request)
    place = world.beats[-1]

    compared = world.run(world.reconciling.compare_supplier, request, at=NOW + MINUTE, place=place)
    assert (compared.reconciliation_id, compared.compared) == (place[0], 5)
    assert sorted(code for codes in world.supplier.asked for code in codes) == [ean(number) for number in range(1, 6)]


def test_a_supplier_that_answers_no_such_questions_is_asked_about_orders_only(world: SupplyWorld) -> None:
    stocked(world, 2)

    def refuse() -> None:
        raise Refused("fetch_stock: not offered", code="not_offered")

    world.supplier.on_ask = refuse
    compared, outcome = world.reconcile(Side.SUPPLIER)
    assert (compared.compared, outcome.drifted) == (0, 0)


def test_an_order_that_stands_otherwise_at_its_supplier_is_a_question_and_never_changed(world: SupplyWorld) -> None:
    stocked(world, 1)
    cancelled = world.order_at_supplier(world.sell(ean(1), 1), ean(1), 1)
    world.order_at_supplier(world.sell(ean(1), 1), ean(1), 1)
    world.supplier.orders[cancelled] = SupplierOrderStatus(state=SupplierState.CANCELLED, status_text="Cancelled")

    compared, outcome = world.reconcile(Side.SUPPLIER)

    assert (compared.compared, compared.drifted, outcome.repaired) == (3, 1, 0)
    [task] = world.rows("SELECT * FROM tasks")
    assert "1 purchase orders stand otherwise at bts" in task["question"]
    assert "is placed here, Cancelled there" in task["question"]
    assert [one["command"] for one in task["alternatives"]] == [None]
    assert {row["state"] for row in world.rows("SELECT state FROM purchase_orders")} == {"placed"}


def test_snapshots_are_kept_for_their_time(world: SupplyWorld) -> None:
    world.document["reconciling"] = {"kept": "10d"}
    world.apply()
    published(world, 1)
    for days in (1, 2, 12):
        world.reconcile(at=NOW + days * DAY)
    starts = [row["started_at"] - NOW for row in world.rows("SELECT started_at FROM reconciliations ORDER BY id")]
    assert starts == [2 * DAY, 12 * DAY]
