from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.feed_rows import FeedFinding
from models.feeds import Scope, Thresholds
from models.sync import Acceptance
from workflows.decisions import feed_judgement
from workflows.decisions.feed_judgement import FEWEST, FeedNumbers, Previous

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIMITS = Thresholds()
NEVER = Previous()


def codes(
    numbers: FeedNumbers, last: Previous = NEVER, scope: Scope = Scope.FULL, read: tuple[FeedFinding, ...] = ()
) -> list[str]:
    found = feed_judgement.judge(numbers, LIMITS, scope=scope, source_time=NOON, last=last, read=read)
    return [finding.code for finding in found]


def finding(code: str) -> FeedFinding:
    return FeedFinding(code=code, text="as its reader says")


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({"rows": 100}, []),
        ({"rows": 80}, []),
        ({"rows": 79}, ["far_fewer_rows"]),
        ({"rows": 0}, ["few_rows", "far_fewer_rows"]),
        ({"rows": 100, "unreadable": 2}, []),
        ({"rows": 100, "unreadable": 3}, ["unreadable"]),
        ({"rows": 100, "to_zero": 30, "stocked": 100}, []),
        ({"rows": 100, "to_zero": 31, "stocked": 100}, ["to_zero"]),
        ({"rows": 100, "maxed": 50}, []),
        ({"rows": 100, "maxed": 51}, ["maxed"]),
        ({"rows": 100, "price_moves": 20, "costed": 100}, []),
        ({"rows": 100, "price_moves": 21, "costed": 100}, ["price_moves"]),
        ({"rows": 100, "switched": 21, "costed": 100}, ["currency_switched"]),
        ({"rows": 100, "to_zero": FEWEST - 1, "stocked": FEWEST - 1}, []),
        ({"rows": 100, "to_zero": FEWEST, "stocked": FEWEST}, ["to_zero"]),
    ],
)
def test_every_threshold_holds_up_to_its_limit_and_no_further(numbers: dict[str, int], expected: list[str]) -> None:
    assert codes(FeedNumbers(**numbers), Previous(rows=100)) == expected


def test_a_first_load_has_nothing_to_be_compared_with() -> None:
    assert codes(FeedNumbers(rows=3, new=3)) == []


def test_changes_may_be_few_or_none() -> None:
    few = FeedNumbers(rows=0)
    assert codes(few, Previous(rows=1000), Scope.CHANGES, (finding("no_rows"),)) == []
    assert "far_fewer_rows" in codes(few, Previous(rows=1000))


@pytest.mark.parametrize(("age", "expected"), [(-HOUR, []), (timedelta(0), []), (HOUR, ["older"])])
def test_only_what_is_older_than_what_counts_is_too_old(age: timedelta, expected: list[str]) -> None:
    assert codes(FeedNumbers(rows=1), Previous(source_time=NOON + age)) == expected


def test_of_a_feed_that_cant_be_read_nothing_else_is_said() -> None:
    assert codes(FeedNumbers(rows=0), Previous(rows=100), read=(finding("truncated"),)) == ["truncated"]


def test_a_code_is_said_once() -> None:
    numbers = FeedNumbers(rows=10, unreadable=9, maxed=10)
    assert codes(numbers, read=(finding("unreadable"), finding("maxed"), finding("scientific_notation"))) == [
        "scientific_notation",
        "unreadable",
        "maxed",
    ]


@pytest.mark.parametrize("acceptance", list(Acceptance))
def test_a_person_excuses_what_looks_unlikely_and_nothing_else(acceptance: Acceptance) -> None:
    findings = [finding(code) for code in ("to_zero", "older", "truncated", "shape_grew")]
    left = feed_judgement.stands_after(findings, acceptance)
    assert [one.code for one in left] == ["older", "truncated"]
    assert [one.code for one in feed_judgement.stands_after(findings, None)] == ["to_zero", "older", "truncated"]


def test_costs_are_accepted_only_by_whoever_was_told_of_them() -> None:
    costs, stock = [finding("price_moves")], [finding("to_zero")]
    assert feed_judgement.costs_accepted(costs, Acceptance.ALL)
    assert not feed_judgement.costs_accepted(stock, Acceptance.ALL)
    assert not feed_judgement.costs_accepted(costs, Acceptance.STOCK_ONLY)
    assert not feed_judgement.costs_accepted(costs, None)


@pytest.mark.parametrize(
    ("now", "rows", "expected"),
    [
        (["sku", "stock"], 100, []),
        (["sku", "stock", "colour"], 100, ["shape_grew"]),
        (["sku", "qty"], 100, ["shape_changed"]),
        (["sku", "qty"], 19, ["shape_grew"]),
        (["sku"], 100, ["shape_changed"]),
        ([], 0, []),
    ],
)
def test_names_that_we_read_must_not_vanish(now: list[str], rows: int, expected: list[str]) -> None:
    found = feed_judgement.shape(now, ["sku", "stock"], {"sku", "stock"}, rows)
    assert [one.code for one in found] == expected


def test_the_alarm_shows_the_whole_difference() -> None:
    (alarm,) = feed_judgement.shape(["sku", "qty"], ["sku", "stock", "note"], {"sku", "stock"}, 100)
    assert alarm.text == "names that we read are gone: stock"
    assert alarm.samples == ("gone: note", "gone: stock", "new: qty")


def test_a_name_that_nobody_reads_may_vanish() -> None:
    assert feed_judgement.shape(["sku"], ["sku", "note"], {"sku"}, 100) == []


def test_a_schedule_is_paused_after_the_fifth_failure_in_a_row() -> None:
    assert [feed_judgement.must_pause(failures) for failures in (1, 4, 5, 6)] == [False, False, True, True]


counts = st.integers(min_value=0, max_value=2_000_000)


@given(rows=counts, unreadable=counts, to_zero=counts, stocked=counts, maxed=counts, moves=counts, costed=counts)
def test_whatever_the_numbers_are_a_finding_names_what_it_is_about(
    rows: int, unreadable: int, to_zero: int, stocked: int, maxed: int, moves: int, costed: int
) -> None:
    numbers = FeedNumbers(
        rows=rows,
        unreadable=unreadable,
        to_zero=to_zero,
        stocked=stocked,
        maxed=maxed,
        price_moves=moves,
        costed=costed,
    )
    found = feed_judgement.judge(numbers, LIMITS, scope=Scope.FULL, source_time=NOON, last=Previous(rows=100), read=[])
    assert len({one.code for one in found}) == len(found)
    assert all(one.numbers and one.text for one in found)
    assert any(one.code == "far_fewer_rows" for one in found) == (rows < 80)
