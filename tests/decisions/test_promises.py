from datetime import UTC, date, datetime, time, timedelta

import pytest

from models.terms import WorkingCalendar
from workflows.decisions.promises import due

HOUR = timedelta(hours=1)
DAY = 24 * HOUR
PLAIN = WorkingCalendar()
HOLIDAY = WorkingCalendar(holidays=(date(2026, 3, 9),))
CUT_OFF = WorkingCalendar(cut_off=time(15))
MADRID = WorkingCalendar(time_zone="Europe/Madrid")


def at(day: int, hour: int) -> datetime:
    """An instant in March 2026, which began on a Sunday."""
    return datetime(2026, 3, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ordered", "within", "calendar", "expected"),
    [
        (at(2, 9), 4 * HOUR, PLAIN, at(2, 13)),
        (at(2, 9), DAY, PLAIN, at(3, 9)),
        (at(6, 17), DAY, PLAIN, at(9, 17)),
        (at(6, 22), 4 * HOUR, PLAIN, at(9, 2)),
        (at(7, 9), 4 * HOUR, PLAIN, at(9, 13)),
        (at(6, 17), DAY, HOLIDAY, at(10, 17)),
        (at(5, 9), 3 * DAY, PLAIN, at(10, 9)),
        (at(2, 14), 4 * HOUR, CUT_OFF, at(2, 18)),
        (at(2, 16), 4 * HOUR, CUT_OFF, at(3, 20)),
        # In Madrid the clocks are set forward on the 29th: half past midnight is an hour earlier by UTC from then on.
        (datetime(2026, 3, 26, 23, 30, tzinfo=UTC), DAY, MADRID, datetime(2026, 3, 29, 22, 30, tzinfo=UTC)),
    ],
)
def test_a_promise_is_due_in_the_suppliers_working_days(
    ordered: datetime, within: timedelta, calendar: WorkingCalendar, expected: datetime
) -> None:
    assert due(ordered, within, calendar) == expected
