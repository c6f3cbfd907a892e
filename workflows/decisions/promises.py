"""When a supplier's promise falls due: days on which it does not work do not count."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from models.terms import WorkingCalendar
from workflows.decisions.delivery import ship_date

_DAY = timedelta(days=1)


def due(now: datetime, within: timedelta, calendar: WorkingCalendar) -> datetime:
    """Say when a promise is due for what is ordered ``now``, e.g. "acknowledged within a day".

    What is ordered after the cut-off, or on a day off, counts from the next working day.
    """
    whole_days, rest = divmod(within, _DAY)
    at = _on(now, calendar, whole_days)
    return _on(at + rest, calendar.model_copy(update={"cut_off": None}), 0)


def _on(now: datetime, calendar: WorkingCalendar, working_days: int) -> datetime:
    """Move an instant to the working day so many later, at the same time of day."""
    here = now.astimezone(ZoneInfo(calendar.time_zone))
    return (here + (ship_date(now, calendar, working_days=working_days) - here.date())).astimezone(UTC)
