"""Scorecards on a real database: a set of purchase orders made by hand, one for each way that one can go."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert
from temporalio.testing import ActivityEnvironment

from activities.common import Dependencies
from activities.dependencies import build_dependencies
from activities.scorecards import ScorecardActivities
from adapters.database import configurations, scorecards
from adapters.database.engine import Database
from models.configuration import Configuration
from models.routing import Scorecard
from models.tables import (
    orders,
    parcels,
    plans,
    purchase_order_lines,
    purchase_orders,
    submission_attempts,
    tracking_checks,
)
from models.tables import scorecards as cards
from tests.starter.world import document
from workflows.decisions.scorecard import explanation

NOW = datetime(2026, 6, 24, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PLACED = NOW - 10 * DAY
PROMISED = PLACED.date()
_ids = itertools.count(1)


@pytest.fixture(scope="module")
def deps(database_url: str) -> Iterator[Dependencies]:
    database = Database(database_url)
    settings = document()
    settings["suppliers"]["other"]["terms"] = {"calendar": {"time_zone": "America/Los_Angeles"}}
    configurations.apply(database, Configuration.model_validate(settings), by="test", now=NOW)
    yield build_dependencies(database, secrets=lambda name: name)
    database.close()


@pytest.fixture(autouse=True)
def _empty(deps: Dependencies) -> None:
    with deps.database.begin() as tx:
        for table in (tracking_checks, parcels, submission_attempts, purchase_order_lines, purchase_orders, plans):
            tx.execute(table.delete())
        tx.execute(orders.delete())
        tx.execute(cards.delete())


class Books:
    """Writes purchase orders as their lifecycles would have left them."""

    def __init__(self, deps: Dependencies) -> None:
        self._database = deps.database

    def add(self, supplier: str = "bts", state: str = "shipped", *, placed: datetime = PLACED, **more: Any) -> int:
        """Write one: sent to its supplier, confirmed at once and acknowledged after two hours, unless told otherwise."""
        key, sent = next(_ids), more.pop("sent", True)
        declined, looks = more.pop("declined", 0), more.pop("looks", ())
        reported, outcome = more.pop("reported", None), more.pop("outcome", "placed")
        row = {
            "id": key,
            "order_id": key,
            "plan_no": 1,
            "number": f"DW-{key}",
            "supplier": supplier,
            "attempt": 1,
            "workflow_id": f"po/{key}",
            "state": state,
            "mode": "live",
            "test": False,
            "submission": "placed" if sent else "withdrawn",
            "fence": 1,
            "confirmed_at": placed if sent else None,
            "acknowledged_at": placed + 2 * HOUR if sent else None,
            "ship_by": None,
            "trouble": 0,
            **more,
        }
        with self._database.begin() as tx:
            tx.execute(insert(orders), _order(key, placed))
            plan = {"order_id": key, "plan_no": 1, "configuration_id": 1, "mode": "live", "reasons": {}}
            tx.execute(insert(plans), {**plan, "planned_at": placed})
            tx.execute(insert(purchase_orders), row)
            line = {"purchase_order_id": key, "line_id": "1", "ean": "1", "quantity": 4, "declined": declined}
            tx.execute(insert(purchase_order_lines), line)
            if sent:
                attempt = {"purchase_order_id": key, "fence": 1, "token": str(key), "request": {}, "claimed_at": placed}
                tx.execute(insert(submission_attempts), {**attempt, "outcome": outcome})
            for number, (asked_at, answer) in enumerate(looks, 1):
                self._look(tx, key, number, asked_at, answer)
            if reported:
                tx.execute(insert(parcels), _parcel(key, reported, "push"))
        return key

    def _look(self, tx: Any, key: int, number: int, asked_at: datetime, answer: str | None) -> None:
        check = {"purchase_order_id": key, "kind": "tracking", "due_at": asked_at, "check_no": number}
        tx.execute(insert(tracking_checks), {**check, "asked_at": asked_at, "answer": answer})
        if answer == "Shipped":
            tx.execute(insert(parcels), _parcel(key, asked_at, "check"))


def _order(key: int, at: datetime) -> dict[str, Any]:
    fixed = {"channel": "main", "state": "shipped", "currency": "EUR", "total": 1, "test": False, "paid": True}
    named = {"id": key, "storefront_order_id": str(key), "name": f"#{key}", "content_key": ""}
    return {**fixed, **named, "placed_at": at, "storefront_updated_at": at, "received_at": at}


def _parcel(key: int, at: datetime, source: str) -> dict[str, Any]:
    parcel = {"purchase_order_id": key, "tracking_number": str(key), "carrier": "", "url": ""}
    return {**parcel, "source": source, "seen_at": at}


@pytest.fixture
def books(deps: Dependencies) -> Books:
    return Books(deps)


def refreshed(deps: Dependencies, at: datetime = NOW) -> dict[str, Scorecard]:
    environment = ActivityEnvironment()
    environment.info = environment.default_info().__class__(**{**vars(environment.info), "started_time": at})
    count = environment.run(ScorecardActivities(deps).refresh_scorecards)
    with deps.database.begin() as tx:
        found = scorecards.read(tx)
    assert len(found) == count
    return found


def test_every_ending_counts_as_what_it_was(deps: Dependencies, books: Books) -> None:
    for _ in range(4):
        books.add(state="shipped")
    books.add(state="acknowledged", acknowledged_at=PLACED + 8 * HOUR)
    books.add(state="rejected", confirmed_at=None, acknowledged_at=None)
    books.add(state="cancelled_by_supplier")
    books.add(state="shipped", declined=2)
    books.add(state="cancelled")  # by the customer, after it was placed: nobody's failing
    books.add(state="returned", given_up_at=NOW, acknowledged_at=None)
    books.add(state="shipped", trouble=2)
    books.add(state="shipped", outcome="unknown")
    card = refreshed(deps)["bts"]
    assert card.purchase_orders == 12
    assert card.cancelled_share == pytest.approx(2.5 / 12)
    assert card.error_share == pytest.approx(3 / 12)
    assert card.acknowledged_hours == pytest.approx((9 * 2 + 8) / 10)
    assert card.late_share == 0.0
    assert card.share == 1.0


@pytest.mark.parametrize(
    "unheard",
    [
        {"test": True},
        {"state": "test_placed", "test": True},
        {"state": "observed", "mode": "observe", "sent": False},
        {"state": "cancelled", "sent": False},  # before it was sent
        {"state": "planned", "sent": False},
        {"state": "rejected", "placed": NOW - 91 * DAY},
    ],
    ids=lambda one: " ".join(map(str, one.values())),
)
def test_what_the_supplier_never_heard_of_says_nothing_about_it(
    deps: Dependencies, books: Books, unheard: dict[str, Any]
) -> None:
    books.add(**unheard)
    assert refreshed(deps) == {}


def test_one_that_could_not_be_reached_counts_though_nothing_was_sent(deps: Dependencies, books: Books) -> None:
    books.add(state="returned", sent=False, trouble=1)
    assert refreshed(deps)["bts"].error_share == 1.0


EVENING = datetime.combine(PROMISED, datetime.min.time(), UTC) + 20 * HOUR
NEXT_DAY = EVENING + 6 * HOUR


@pytest.mark.parametrize(
    ("late", "looks", "reported"),
    [
        (False, [(NEXT_DAY, "Shipped")], None),  # it may have left in time
        (True, [(NEXT_DAY, "Processing"), (NEXT_DAY + DAY, "Shipped")], None),
        (True, [(NEXT_DAY, "Processing")], None),  # and has not left yet
        (False, [(EVENING, "Processing"), (NEXT_DAY, "Shipped")], None),
        (False, [(NEXT_DAY, None), (NEXT_DAY + DAY, "Shipped")], None),  # no answer is nobody's lateness
        (False, [], EVENING),
        (True, [], NEXT_DAY),
    ],
)
def test_a_supplier_is_late_only_where_that_is_proven(
    deps: Dependencies, books: Books, *, late: bool, looks: list[tuple[datetime, str | None]], reported: datetime | None
) -> None:
    shipped = reported or any(answer == "Shipped" for _, answer in looks)
    books.add(state="shipped" if shipped else "acknowledged", ship_by=PROMISED, looks=looks, reported=reported)
    assert refreshed(deps)["bts"].late_share == float(late)


def test_a_promised_day_ends_in_the_suppliers_own_time_zone(deps: Dependencies, books: Books) -> None:
    for supplier in ("bts", "other"):
        books.add(supplier, ship_by=PROMISED, reported=NEXT_DAY)  # 19:00 of the promised day in Los Angeles
    found = refreshed(deps)
    assert (found["bts"].late_share, found["other"].late_share) == (1.0, 0.0)


def test_lateness_is_a_share_of_what_was_promised_and_shipped(deps: Dependencies, books: Books) -> None:
    books.add(ship_by=PROMISED, reported=NEXT_DAY)
    for _ in range(3):
        books.add(ship_by=PROMISED, reported=EVENING)
    books.add()  # nothing was promised
    books.add(state="cancelled_by_supplier", ship_by=PROMISED, looks=[(NEXT_DAY, "Processing")])
    assert refreshed(deps)["bts"].late_share == 0.25


def test_a_suppliers_part_of_all_is_that_of_the_last_thirty_days(deps: Dependencies, books: Books) -> None:
    for _ in range(3):
        books.add("bts")
    books.add("other")
    for _ in range(5):
        books.add("other", placed=NOW - 31 * DAY)
    found = refreshed(deps)
    assert (found["bts"].share, found["other"].share) == (0.75, 0.25)
    assert found["other"].purchase_orders == 6


def test_figures_follow_the_rows_and_are_forgotten_with_them(deps: Dependencies, books: Books) -> None:
    books.add("bts", state="rejected")
    books.add("other", placed=NOW - 80 * DAY)
    assert refreshed(deps)["bts"].cancelled_share == 1.0
    books.add("bts")
    assert refreshed(deps)["bts"].cancelled_share == 0.5
    assert set(refreshed(deps, NOW + 20 * DAY)) == {"bts"}


def test_the_cards_say_when_they_were_figured_out(deps: Dependencies, books: Books) -> None:
    with deps.database.begin() as tx:
        assert scorecards.computed_at(tx) is None
    books.add()
    refreshed(deps)
    with deps.database.begin() as tx:
        assert scorecards.computed_at(tx) == NOW


@pytest.mark.parametrize(
    ("card", "score", "said"),
    [
        (Scorecard("bts", 4, cancelled_share=1.0), 100.0, "too few to judge: 4 of 5 purchase orders"),
        (Scorecard("bts", 5), 100.0, "nothing went wrong"),
        (Scorecard("bts", 10, late_share=0.2, error_share=0.1), 86.0, "100 less 8 for 20 % late, 6 for 10 % errors"),
        (
            Scorecard("bts", 10, late_share=1, cancelled_share=1),
            0.0,
            "100 less 40 for 100 % late, 100 for 100 % cancelled",
        ),
    ],
)
def test_a_score_is_explained_by_what_it_is_made_of(card: Scorecard, score: float, said: str) -> None:
    assert card.score == pytest.approx(score)
    assert explanation(card) == said
