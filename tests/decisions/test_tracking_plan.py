from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.configuration import SEVEN_CHECKS
from workflows.decisions.tracking_plan import (
    ERROR_BACKOFF_CEILING,
    due_check,
    extended_plan,
    instants,
    wait_after_error,
    wait_for_next,
)

CONFIRMED = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)  # the night before Europe's clocks change
HOUR = timedelta(hours=1)
GRACE = HOUR
PLANS = st.lists(st.timedeltas(timedelta(seconds=1), timedelta(days=30)), min_size=1, max_size=50)
MOMENTS = st.timedeltas(timedelta(0), timedelta(days=1600)).map(lambda passed: CONFIRMED + passed)


def test_seven_checks_are_due_at_24_30_42_54_78_102_and_126_hours() -> None:
    checks = instants(CONFIRMED, SEVEN_CHECKS)
    assert [(check - CONFIRMED) / HOUR for check in checks] == [24, 30, 42, 54, 78, 102, 126]


@given(PLANS)
def test_every_instant_lies_one_interval_after_the_one_before(plan: list[timedelta]) -> None:
    checks = [CONFIRMED, *instants(CONFIRMED, plan)]
    assert [later - earlier for earlier, later in pairwise(checks)] == plan


@pytest.mark.parametrize(
    ("hours", "due"),
    [
        (0, 0),
        (23.999, 0),
        (24, 1),
        (29.9, 1),
        (30, 2),
        (41, 2),
        (42, 3),
        (54, 4),
        (78, 5),
        (102, 6),
        (126, 7),
        (900, 7),
    ],
)
def test_the_check_that_is_due_is_the_last_instant_that_has_passed(hours: float, due: int) -> None:
    assert due_check(CONFIRMED + hours * HOUR, instants(CONFIRMED, SEVEN_CHECKS)) == due


@given(PLANS, MOMENTS)
def test_a_due_check_has_passed_and_the_next_one_has_not(plan: list[timedelta], now: datetime) -> None:
    checks = instants(CONFIRMED, plan)
    due = due_check(now, checks)
    assert due == 0 or checks[due - 1] <= now
    assert due == len(checks) or checks[due] > now


@given(PLANS, MOMENTS)
def test_waiting_ends_at_the_next_instant_and_nowhere_else(plan: list[timedelta], now: datetime) -> None:
    checks = instants(CONFIRMED, plan)
    wait = wait_for_next(now, checks)
    assert (wait is None) == (now >= checks[-1])
    if wait is not None:
        assert wait > timedelta(0)
        assert now + wait == checks[due_check(now, checks)]


@given(PLANS, MOMENTS, st.integers(1, 10_000), st.timedeltas(timedelta(0), timedelta(days=3)))
def test_an_unanswered_check_is_repeated_before_the_next_instant_or_within_the_final_grace(
    plan: list[timedelta], now: datetime, errors: int, grace: timedelta
) -> None:
    checks = instants(CONFIRMED, plan)
    pause = wait_after_error(now, checks, errors, grace)
    if pause is None:
        assert now >= checks[-1] + grace
        return
    assert timedelta(0) < pause <= ERROR_BACKOFF_CEILING
    following = next((check for check in checks if check > now), checks[-1] + grace)
    assert now + pause <= following


@pytest.mark.parametrize(
    ("errors", "seconds"), [(1, 10), (2, 20), (3, 40), (4, 80), (7, 640), (8, 900), (9, 900), (500, 900)]
)
def test_the_pause_after_an_error_doubles_up_to_a_quarter_of_an_hour(errors: int, seconds: int) -> None:
    checks = instants(CONFIRMED, SEVEN_CHECKS)
    assert wait_after_error(checks[0], checks, errors, GRACE) == timedelta(seconds=seconds)


def test_an_error_just_before_an_instant_waits_for_that_instant() -> None:
    checks = instants(CONFIRMED, SEVEN_CHECKS)
    now = checks[1] - timedelta(seconds=3)
    assert wait_after_error(now, checks, 5, GRACE) == timedelta(seconds=3)


def test_the_last_check_is_repeated_for_its_grace_and_then_given_up() -> None:
    checks = instants(CONFIRMED, SEVEN_CHECKS)
    assert wait_after_error(checks[-1], checks, 1, GRACE) == timedelta(seconds=10)
    assert wait_after_error(checks[-1] + GRACE - timedelta(seconds=4), checks, 9, GRACE) == timedelta(seconds=4)
    assert wait_after_error(checks[-1] + GRACE, checks, 9, GRACE) is None


@given(
    PLANS,
    st.timedeltas(timedelta(0), timedelta(days=400)),
    st.timedeltas(timedelta(milliseconds=1), timedelta(days=366)),
)
def test_an_extension_starts_after_what_is_spent_and_covers_all_that_was_asked_for(
    plan: list[timedelta], spent: timedelta, extend_by: timedelta
) -> None:
    further = extended_plan(plan, spent, extend_by)
    checks = instants(CONFIRMED, further)
    rounding = timedelta(microseconds=50)
    assert 1 <= len(further) <= 50
    assert all(interval > timedelta(0) for interval in further)
    assert checks[0] > CONFIRMED + spent
    assert checks[-1] >= CONFIRMED + spent + extend_by - rounding


def test_an_extension_checks_on_the_last_interval_of_the_plan() -> None:
    further = extended_plan(SEVEN_CHECKS, 130 * HOUR, 48 * HOUR)
    assert [(check - CONFIRMED) / HOUR for check in instants(CONFIRMED, further)] == [154, 178]


def test_an_extension_shorter_than_the_last_interval_is_checked_at_its_end() -> None:
    assert extended_plan(SEVEN_CHECKS, 130 * HOUR, 2 * HOUR) == (132 * HOUR,)
