"""When a parcel leaves a supplier and when it arrives: working days, counted in the supplier's calendar."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from models.terms import WEEKDAYS, WorkingCalendar

MOST_DAYS = 3650  # a feed may write any number; nobody plans further
_DAY = timedelta(days=1)


def ship_date(now: datetime, calendar: WorkingCalendar, *, working_days: int, not_before: date | None = None) -> date:
    """Say on which of its days a supplier ships what it is sent ``now``, ``working_days`` after the day it counts from.

    What comes after the cut-off, or on a day off, counts from the next working day. ``not_before``, e.g. when stock is
    expected, moves the day to the next working day from there on.
    """
    counted_from = _working_day(_received(now, calendar), calendar)
    shipped = _later(counted_from, working_days, calendar)
    return shipped if not_before is None or not_before <= shipped else _working_day(not_before, calendar)


def arrival_date(shipped: date, calendar: WorkingCalendar, *, days: int) -> date:
    """Say when a parcel that leaves on ``shipped`` is there, after ``days`` working days on the way."""
    return _later(shipped, days, calendar)


def _received(now: datetime, calendar: WorkingCalendar) -> date:
    zone = ZoneInfo(calendar.time_zone)
    today = now.astimezone(zone).date()
    if calendar.cut_off is None:
        return today
    # Compared as instants: on the night the clocks go back, the same wall time passes twice.
    cut_off = datetime.combine(today, calendar.cut_off, tzinfo=zone).astimezone(UTC)
    return _next(today) if now.astimezone(UTC) > cut_off else today


def _later(day: date, working_days: int, calendar: WorkingCalendar) -> date:
    for _ in range(min(working_days, MOST_DAYS)):
        day = _working_day(_next(day), calendar)
    return day


def _working_day(day: date, calendar: WorkingCalendar) -> date:
    """Find the first working day from ``day`` on: holidays are a finite list, and some weekday is worked."""
    while day < date.max and (WEEKDAYS[day.weekday()] not in calendar.working_days or day in calendar.holidays):
        day = _next(day)
    return day


def _next(day: date) -> date:
    # A feed that means "never again" says 9999-12-31.
    return day if day == date.max else day + _DAY
