from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.terms import WEEKDAYS, WorkingCalendar
from workflows.decisions.delivery import arrival_date, ship_date

BERLIN = "Europe/Berlin"
FRIDAY = date(2026, 6, 26)


def calendar(**settings: Any) -> WorkingCalendar:
    return WorkingCalendar(time_zone=BERLIN, cut_off=time(14, 0), **settings)


def berlin(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(BERLIN)).astimezone(UTC)


@pytest.mark.parametrize(
    ("ordered", "working_days", "shipped"),
    [
        ("2026-06-24T09:00", 0, "2026-06-24"),
        ("2026-06-24T14:00", 0, "2026-06-24"),  # at the cut-off, not after it
        ("2026-06-24T14:00:01", 0, "2026-06-25"),
        ("2026-06-26T15:00", 0, "2026-06-29"),  # a Friday afternoon
        ("2026-06-27T09:00", 0, "2026-06-29"),
        ("2026-06-27T15:00", 0, "2026-06-29"),
        ("2026-06-28T23:59", 0, "2026-06-29"),  # a Sunday is not after Sunday's cut-off
        ("2026-06-26T09:00", 1, "2026-06-29"),
        ("2026-06-26T15:00", 1, "2026-06-30"),
        ("2026-06-24T09:00", 5, "2026-07-01"),
    ],
)
def test_what_comes_after_the_cut_off_or_on_a_day_off_counts_from_the_next_working_day(
    ordered: str, working_days: int, shipped: str
) -> None:
    assert ship_date(berlin(ordered), calendar(), working_days=working_days) == date.fromisoformat(shipped)


def test_the_day_is_the_suppliers_and_not_ours() -> None:
    late = datetime(2026, 6, 24, 22, 30, tzinfo=UTC)
    assert ship_date(late, WorkingCalendar(time_zone=BERLIN), working_days=0) == date(2026, 6, 25)
    assert ship_date(late, WorkingCalendar(time_zone="America/Los_Angeles"), working_days=0) == date(2026, 6, 24)


@pytest.mark.parametrize(
    ("ordered", "shipped"),
    [
        ("2026-03-29T00:59:59+00:00", "2026-03-29"),  # 01:59:59; an hour that is skipped holds the cut-off
        ("2026-03-29T01:31:00+00:00", "2026-03-30"),
        ("2026-10-25T00:29:00+00:00", "2026-10-25"),  # 02:29 for the first time
        ("2026-10-25T00:31:00+00:00", "2026-10-26"),
        ("2026-10-25T01:29:00+00:00", "2026-10-26"),  # 02:29 again, an hour after the cut-off
    ],
)
def test_the_nights_on_which_clocks_change_have_one_cut_off(ordered: str, shipped: str) -> None:
    nightly = WorkingCalendar(time_zone=BERLIN, cut_off=time(2, 30), working_days=WEEKDAYS)
    assert ship_date(datetime.fromisoformat(ordered), nightly, working_days=0) == date.fromisoformat(shipped)


def test_holidays_and_the_years_end_are_stepped_over() -> None:
    christmas = calendar(holidays=(date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 31), date(2027, 1, 1)))
    assert ship_date(berlin("2026-12-23T15:00"), christmas, working_days=0) == date(2026, 12, 28)
    assert ship_date(berlin("2026-12-30T09:00"), christmas, working_days=1) == date(2027, 1, 4)


def test_a_supplier_may_work_at_weekends_only() -> None:
    weekends = calendar(working_days=("sat", "sun"))
    assert ship_date(berlin("2026-06-24T09:00"), weekends, working_days=0) == date(2026, 6, 27)
    assert ship_date(berlin("2026-06-28T15:00"), weekends, working_days=2) == date(2026, 7, 11)


@pytest.mark.parametrize(
    ("not_before", "shipped"),
    [("2026-06-01", "2026-06-25"), ("2026-06-25", "2026-06-25"), ("2026-06-27", "2026-06-29"), ("9999-12-31", None)],
)
def test_nothing_ships_before_stock_is_there(not_before: str, shipped: str | None) -> None:
    found = ship_date(berlin("2026-06-24T09:00"), calendar(), working_days=1, not_before=date.fromisoformat(not_before))
    assert found == (date.fromisoformat(shipped) if shipped else date.max)


def test_a_parcel_travels_on_working_days() -> None:
    assert arrival_date(FRIDAY, calendar(), days=0) == FRIDAY
    assert arrival_date(FRIDAY, calendar(), days=1) == date(2026, 6, 29)
    assert arrival_date(FRIDAY, calendar(holidays=(date(2026, 6, 29),)), days=2) == date(2026, 7, 1)


def test_a_number_of_days_that_nobody_means_ends_somewhere() -> None:
    assert ship_date(berlin("2026-06-24T09:00"), calendar(), working_days=2**31) < date(2045, 1, 1)
    assert arrival_date(date.max, calendar(working_days=("mon",)), days=3) == date.max


def test_a_calendar_without_a_working_day_is_refused() -> None:
    every_day = tuple(date(2026, 1, 1) + timedelta(days=passed) for passed in range(400))
    with pytest.raises(ValidationError, match="no working day is left in the year after 2026-"):
        calendar(holidays=every_day)
    every_monday = tuple(date(2026, 1, 5) + timedelta(weeks=passed) for passed in range(60))
    with pytest.raises(ValidationError, match="no working day is left"):
        calendar(working_days=("mon",), holidays=every_monday)
    assert calendar(holidays=every_monday).holidays == every_monday


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cut_off": "14:00+02:00"}, "leave the offset out"),
        ({"time_zone": "Berlin"}, "is no time zone"),
        ({"working_days": []}, "at least 1"),
        ({"holidays": ["1926-01-01"]}, "greater than or equal to"),
    ],
)
def test_a_calendar_that_cannot_be_read_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WorkingCalendar.model_validate(settings)


MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
CALENDARS = st.builds(
    WorkingCalendar,
    time_zone=st.sampled_from([BERLIN, "UTC", "America/New_York", "Pacific/Kiritimati", "Asia/Kathmandu"]),
    working_days=st.sets(st.sampled_from(WEEKDAYS), min_size=1).map(tuple),
    holidays=st.sets(st.dates(date(2024, 1, 1), date(2030, 12, 31)), max_size=20).map(tuple),
    cut_off=st.none() | st.times(),
)
DAYS = st.integers(0, 30)


@given(MOMENTS, CALENDARS, DAYS, st.none() | st.dates(date(2023, 1, 1), date(2031, 1, 1)))
def test_a_parcel_leaves_on_a_working_day_that_is_not_past(
    now: datetime, works: WorkingCalendar, days: int, not_before: date | None
) -> None:
    shipped = ship_date(now, works, working_days=days, not_before=not_before)
    assert shipped >= now.astimezone(ZoneInfo(works.time_zone)).date()
    assert not_before is None or shipped >= not_before
    assert WEEKDAYS[shipped.weekday()] in works.working_days
    assert shipped not in works.holidays


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(days=9)), CALENDARS, DAYS, DAYS)
def test_who_orders_later_or_waits_longer_gets_it_no_sooner(
    now: datetime, passed: timedelta, works: WorkingCalendar, days: int, more: int
) -> None:
    shipped = ship_date(now, works, working_days=days)
    later = ship_date(now + passed, works, working_days=days + more)
    assert later >= shipped
    assert arrival_date(later, works, days=days + more) >= arrival_date(shipped, works, days=days) >= shipped
