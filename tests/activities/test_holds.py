"""Held costs, captured rates and pruning, on a real database."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from activities.common import Dependencies
from activities.journal import CallJournal
from activities.outside import Outside
from activities.upkeep import UpkeepActivities
from adapters.database import holds, tasks
from adapters.plugin import Plugin
from models.listings import ExchangeRate
from models.tasks import TaskCategory
from tests.activities.world import START, World
from workflows.decisions import questions

HOUR = timedelta(hours=1)
EAN = "8411061123456"


class Shelf:
    """Offers, listings and held costs, as feeds leave them."""

    def __init__(self, world: World) -> None:
        self.world = world

    def write(self, table: str, **values: Any) -> int:
        names, places = ", ".join(f'"{name}"' for name in values), ", ".join(f":{name}" for name in values)
        returning = "RETURNING id" if table in ("cost_holds", "feed_runs", "offer_changes", "reconciliations") else ""
        with self.world.database.begin() as tx:
            written = tx.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places}) {returning}"), values)
            return int(written.scalar_one()) if returning else 0

    def run(self, feed: str = "prices", **values: Any) -> int:
        usual = {"supplier": "bts", "feed": feed, "kind": "price", "trigger": "schedule", "full": True}
        usual |= {"workflow_run_id": f"run-{next(NUMBERS)}", "state": "applied", "started_at": START - 2 * HOUR}
        return self.write("feed_runs", **(usual | {"source_time": START - 3 * HOUR} | values))

    def offer(self, sku: str, cost: str = "10", **values: Any) -> None:
        usual = {"supplier": "bts", "sku": sku, "ean": f"EAN-{sku}", "known": True, "quantity": 5, "unit_cost": cost}
        self.write("offers", **(usual | {"currency": "EUR", "observed_at": START - 5 * HOUR} | values))
        for feed in ("prices", "stock"):
            self.write("feed_rows", supplier=usual["supplier"], feed=feed, sku=sku, hash=77)
        self.write(
            "listings",
            channel="main",
            variant_id=f"v-{sku}",
            product_id="p",
            inventory_item_id="i",
            sku=f"OUR-{sku}",
            ean=f"EAN-{sku}",
            tracked=True,
            seen_at=START,
        )

    def hold(self, sku: str, new: str, run_id: int, **values: Any) -> int:
        usual: dict[str, Any] = {"supplier": "bts", "sku": sku, "old_cost": "10", "new_cost": new, "currency": "EUR"}
        usual |= {"old_currency": "EUR", "run_id": run_id, "held_at": START - HOUR, "state": "held"}
        return self.write("cost_holds", **(usual | values))

    def held_offer(self, sku: str, new: str, **values: Any) -> None:
        self.offer(sku)
        self.hold(sku, new, self.run(), **values)

    def approve(self, **chosen: Any) -> int:
        with self.world.database.begin() as tx:
            return holds.approve(tx, "bts", by="ana", now=START, **chosen)

    def reject(self, **chosen: Any) -> int:
        with self.world.database.begin() as tx:
            return holds.reject(tx, "bts", by="ana", now=START, **chosen)

    def states(self) -> dict[str, str]:
        return {row["sku"]: row["state"] for row in self.world.rows("SELECT sku, state FROM cost_holds")}

    def costs(self) -> dict[str, str]:
        rows = self.world.rows("SELECT sku, unit_cost FROM offers")
        return {row["sku"]: f"{row['unit_cost']:.2f}" for row in rows}

    def hashes(self, sku: str) -> dict[str, int]:
        rows = self.world.rows("SELECT feed, hash FROM feed_rows WHERE sku = :sku", sku=sku)
        return {row["feed"]: row["hash"] for row in rows}

    def dirty(self) -> list[str]:
        query = "SELECT sku FROM listings WHERE dirty_since IS NOT NULL ORDER BY sku"
        return [row["sku"] for row in self.world.rows(query)]


NUMBERS = iter(range(1, 10_000))


@pytest.fixture
def shelf(world: World) -> Shelf:
    return Shelf(world)


def test_an_approved_cost_counts_and_its_listings_are_looked_at_again(shelf: Shelf) -> None:
    shelf.held_offer("A", "17")
    shelf.offer("B")
    assert shelf.approve() == 1
    assert shelf.costs() == {"A": "17.00", "B": "10.00"}
    assert shelf.states() == {"A": "approved"}
    assert shelf.dirty() == ["OUR-A"]


def test_the_old_cost_is_history_with_the_name_of_who_approved(shelf: Shelf) -> None:
    shelf.held_offer("A", "17")
    shelf.approve()
    change = shelf.world.only("SELECT unit_cost, until, source FROM offer_changes")
    assert change == {"unit_cost": Decimal("10.0000"), "until": START, "source": "person:ana"}


def test_a_listing_that_is_dirty_already_is_marked_anew_so_that_a_look_under_way_does_not_miss_it(
    shelf: Shelf,
) -> None:
    shelf.held_offer("A", "17")
    shelf.world.rows("UPDATE listings SET dirty_since = :at RETURNING 1", at=START - HOUR)
    shelf.approve()
    assert shelf.world.only("SELECT dirty_since FROM listings")["dirty_since"] == START


def test_the_row_that_brought_the_cost_stays_known_and_other_feeds_read_theirs_again(shelf: Shelf) -> None:
    shelf.held_offer("A", "17")
    shelf.approve()
    assert shelf.hashes("A") == {"prices": 77, "stock": 0}


def test_where_the_currency_changed_every_feed_reads_its_row_again(shelf: Shelf) -> None:
    shelf.held_offer("A", "17", currency="USD")
    shelf.approve()
    assert shelf.hashes("A") == {"prices": 0, "stock": 0}
    assert shelf.world.only("SELECT currency FROM offers")["currency"] == "USD"


def test_the_approved_cost_is_as_old_as_its_file_and_says_nothing_of_the_stock(shelf: Shelf) -> None:
    shelf.held_offer("A", "17")
    shelf.approve()
    row = shelf.world.only("SELECT observed_at, cost_observed_at FROM offers")
    assert row == {"observed_at": START - 5 * HOUR, "cost_observed_at": START - 3 * HOUR}


def test_a_cost_that_somebody_wrote_since_is_not_overwritten(shelf: Shelf) -> None:
    shelf.held_offer("A", "17")
    shelf.world.rows("UPDATE offers SET unit_cost = 12 RETURNING 1")
    assert shelf.approve() == 0
    assert shelf.costs() == {"A": "12.00"}
    assert shelf.states() == {"A": "superseded"}
    assert shelf.dirty() == []


def test_only_what_is_chosen_is_approved(shelf: Shelf) -> None:
    shelf.held_offer("small", "15")
    shelf.held_offer("large", "30")
    shelf.held_offer("fallen", "4")
    shelf.held_offer("foreign", "10", currency="USD")
    assert shelf.approve(max_move=Decimal("0.6")) == 2
    assert shelf.states() == {"small": "approved", "fallen": "approved", "large": "held", "foreign": "held"}
    assert shelf.approve(skus=["large"]) == 1
    assert shelf.states()["foreign"] == "held"


def test_a_brand_is_chosen_without_case(shelf: Shelf) -> None:
    shelf.held_offer("A", "17")
    shelf.held_offer("B", "17")
    shelf.write("supplier_articles", supplier="bts", sku="A", brand=" Acme", first_seen_at=START, changed_at=START)
    assert shelf.approve(brand="ACME ") == 1
    assert shelf.states() == {"A": "approved", "B": "held"}


def test_another_suppliers_holds_are_left_alone(shelf: Shelf) -> None:
    shelf.held_offer("A", "17")
    shelf.hold("X", "17", shelf.run(), supplier="nova")
    shelf.approve()
    assert shelf.states() == {"A": "approved", "X": "held"}


def test_rejecting_keeps_the_old_cost_and_what_is_known_of_the_rows(shelf: Shelf) -> None:
    shelf.held_offer("A", "17")
    assert shelf.reject() == 1
    assert shelf.costs() == {"A": "10.00"}
    assert shelf.hashes("A") == {"prices": 77, "stock": 77}
    assert shelf.states() == {"A": "rejected"}
    assert shelf.dirty() == []


def test_deciding_twice_changes_nothing_more(shelf: Shelf) -> None:
    shelf.held_offer("A", "17")
    assert (shelf.approve(), shelf.approve(), shelf.reject()) == (1, 0, 0)
    assert len(shelf.world.rows("SELECT 1 FROM offer_changes")) == 1


def test_the_task_closes_with_the_last_decision(shelf: Shelf) -> None:
    shelf.held_offer("A", "17")
    shelf.held_offer("B", "17")
    facts = {"supplier": "BTS", "count": "2", "limit": "40 %", "examples": "A, B"}
    draft = questions.draft(TaskCategory.COSTS_HELD, facts)
    with shelf.world.database.begin() as tx:
        about = tasks.About(key=holds.task_key("bts"))
        tasks.open_task(tx, about, draft, {}, people=shelf.world.deps.outside.people, now=START)
    shelf.approve(skus=["A"])
    assert shelf.world.tasks() == ["costs_held"]
    shelf.reject(skus=["B"])
    assert shelf.world.tasks() == []


def test_the_largest_sums_are_listed_first(shelf: Shelf) -> None:
    shelf.held_offer("little", "11")
    shelf.held_offer("much", "30")
    with shelf.world.database.begin() as tx:
        found = holds.held(tx, "bts")
        assert holds.count(tx) == {"bts": 2}
    assert [(one.sku, one.move) for one in found] == [("much", Decimal(2)), ("little", Decimal("0.1"))]


# Rates.


@dataclass
class Bank:
    """A source of rates that answers as told."""

    rates: list[ExchangeRate] = field(default_factory=list)

    def fetch(self) -> list[ExchangeRate]:
        return self.rates


def dollars(rate: str, on: date) -> ExchangeRate:
    return ExchangeRate(base="EUR", currency="USD", rate=Decimal(rate), on=on, source="ecb")


@dataclass
class Upkeep:
    """The upkeep activities, and a source of rates."""

    world: World
    bank: Bank
    activities: UpkeepActivities

    def capture(self) -> int:
        return self.world.run(self.activities.capture_rates)

    def prune(self, at: datetime = START) -> int:
        return self.world.run(self.activities.prune_history, at=at)


@pytest.fixture
def upkeep(world: World) -> Iterator[Upkeep]:
    bank = Bank()
    plugins = {"rates": {"ecb": Plugin(id="ecb", group="rates", build=lambda **_: bank)}}
    outside = Outside(world.configurations, plugins, str, CallJournal(world.database).sink)
    deps = Dependencies(database=world.database, outside=outside, journal=CallJournal(world.database))
    yield Upkeep(replace(world, deps=deps), bank, UpkeepActivities(deps))
    outside.close()


def test_a_rate_is_kept_once_with_its_day_and_source(upkeep: Upkeep) -> None:
    upkeep.bank.rates = [dollars("1.08", date(2026, 2, 27))]
    assert (upkeep.capture(), upkeep.capture()) == (1, 0)
    upkeep.bank.rates = [dollars("1.09", date(2026, 3, 2))]
    assert upkeep.capture() == 1
    rows = upkeep.world.rows('SELECT rate, "on", source, captured_at FROM exchange_rates ORDER BY "on"')
    assert [(row["rate"], row["on"], row["source"]) for row in rows] == [
        (Decimal("1.08"), date(2026, 2, 27), "ecb"),
        (Decimal("1.09"), date(2026, 3, 2), "ecb"),
    ]


def test_the_newest_rate_of_each_currency_counts(upkeep: Upkeep) -> None:
    from adapters.database import rates

    older = ExchangeRate(base="EUR", currency="GBP", rate=Decimal("0.8"), on=date(2026, 2, 20), source="ecb")
    upkeep.bank.rates = [dollars("1.09", date(2026, 3, 2)), older]
    upkeep.capture()
    upkeep.bank.rates = [dollars("1.08", date(2026, 2, 27))]
    upkeep.capture()
    with upkeep.world.database.begin() as tx:
        newest = rates.newest(tx)
    assert {name: (rate.rate, rate.on) for name, rate in newest.items()} == {
        "USD": (Decimal("1.09"), date(2026, 3, 2)),
        "GBP": (Decimal("0.8"), date(2026, 2, 20)),
    }


# What is past its time.


def test_history_is_deleted_once_its_time_has_passed(upkeep: Upkeep) -> None:
    shelf = Shelf(upkeep.world)
    old, young = START - timedelta(days=401), START - timedelta(days=399)
    change = {"supplier": "bts", "sku": "A", "quantity": 1, "currency": "EUR", "discontinued": False, "source": "x"}
    for until in (old, old, young):
        shelf.write("offer_changes", until=until, **change)
    gone, kept = shelf.run(ended_at=old), shelf.run(ended_at=young)
    standing, holding, under_way = shelf.run(ended_at=old), shelf.run(ended_at=old), shelf.run(ended_at=None)
    shelf.write("feed_states", supplier="bts", feed="prices", applied_run_id=standing)
    shelf.hold("A", "17", holding)
    for run_id in (gone, kept):
        shelf.write("feed_problems", run_id=run_id, position=1, field="sku", code="empty")
        shelf.write("feed_chunks", run_id=run_id, part=0, seq=0, bytes=b"x")
    for days in (91, 89):
        ended = START - timedelta(days=days)
        shelf.write("reconciliations", subject="channel:main", state="done", started_at=ended, ended_at=ended)
    assert upkeep.prune() == 4
    left = [row["id"] for row in upkeep.world.rows("SELECT id FROM feed_runs ORDER BY id")]
    assert left == [kept, standing, holding, under_way]
    assert [row["run_id"] for row in upkeep.world.rows("SELECT run_id FROM feed_problems")] == [kept]
    assert [row["run_id"] for row in upkeep.world.rows("SELECT run_id FROM feed_chunks")] == [kept]
    assert len(upkeep.world.rows("SELECT 1 FROM offer_changes")) == 1
    assert len(upkeep.world.rows("SELECT 1 FROM reconciliations")) == 1
    assert upkeep.prune() == 0


def test_what_was_published_pushed_and_superseded_goes_too_and_what_may_still_count_stays(upkeep: Upkeep) -> None:
    shelf = Shelf(upkeep.world)
    at = {days: START - timedelta(days=days) for days in (89, 91, 399, 401)}
    for number, (began, ended) in enumerate([(at[91], at[91]), (at[89], at[89]), (at[91], None)]):
        about = {"id": number, "channel": "main", "state": "done", "bulk": False, "items": 1}
        shelf.write("publications", started_at=began, ended_at=ended, **about)
        item = {"product_id": "p", "inventory_item_id": "i"}
        shelf.write("publication_items", publication_id=number, variant_id="v", **item)
    for number, (received, run_id) in enumerate([(at[401], 7), (at[401], None), (at[399], 7)]):
        about = {"supplier": "bts", "feed": "hot", "delivery_id": str(number), "body": b"x"}
        shelf.write("feed_pushes", received_at=received, run_id=run_id, **about)
    for state, decided in (("superseded", at[401]), ("superseded", at[399]), ("rejected", at[401])):
        shelf.hold("A", "17", 7, state=state, decided_at=decided)
    assert upkeep.prune() == 3
    kept = "SELECT id FROM publications ORDER BY id"
    assert [row["id"] for row in upkeep.world.rows(kept)] == [1, 2]
    assert len(upkeep.world.rows("SELECT 1 FROM publication_items")) == 2
    assert [row["delivery_id"] for row in upkeep.world.rows("SELECT * FROM feed_pushes ORDER BY id")] == ["1", "2"]
    assert [row["state"] for row in upkeep.world.rows("SELECT state FROM cost_holds ORDER BY id")] == [
        "superseded",
        "rejected",
    ]


def test_much_history_goes_in_batches(upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.database.pruning.BATCH", 10)
    with upkeep.world.database.begin() as tx:
        tx.execute(
            text(
                "INSERT INTO offer_changes (supplier, sku, until, quantity, currency, discontinued, source) "
                "SELECT 'bts', 'A', :old, 1, 'EUR', false, 'x' FROM generate_series(1, 25)"
            ),
            {"old": START - timedelta(days=500)},
        )
    assert upkeep.prune() == 25
