"""When a placed order is looked at: absolute instants after the supplier's confirmation, whatever happens in between."""

from collections.abc import Sequence
from datetime import datetime, timedelta

ERROR_BACKOFF_START = timedelta(seconds=10)
ERROR_BACKOFF_CEILING = timedelta(minutes=15)
MOST_FURTHER_CHECKS = 50


def instants(confirmed_at: datetime, plan: Sequence[timedelta]) -> list[datetime]:
    """Turn intervals into instants: each counts from the one before, the first from the confirmation."""
    result: list[datetime] = []
    at = confirmed_at
    for interval in plan:
        at += interval
        result.append(at)
    return result


def due_check(now: datetime, checks: Sequence[datetime]) -> int:
    """Number the check that is due: 0 before the first instant, then the latest instant that has passed."""
    return sum(1 for check in checks if check <= now)


def wait_for_next(now: datetime, checks: Sequence[datetime]) -> timedelta | None:
    """Measure the time to the next instant; None where the plan is spent."""
    following = next((check for check in checks if check > now), None)
    return None if following is None else following - now


def wait_after_error(
    now: datetime, checks: Sequence[datetime], errors: int, final_grace: timedelta
) -> timedelta | None:
    """Back off after an unanswered check, never past the next instant; None where its last chance is gone.

    ``errors`` counts the failures of this check so far, this one included. The last check may be repeated for
    ``final_grace`` after its instant.
    """
    pause: timedelta = min(ERROR_BACKOFF_START * 2 ** min(errors - 1, 10), ERROR_BACKOFF_CEILING)
    following = wait_for_next(now, checks)
    if following is not None:
        return min(pause, following)
    remaining = checks[-1] + final_grace - now
    return min(pause, remaining) if remaining > timedelta(0) else None


def reaching(plan: Sequence[timedelta], span: timedelta) -> tuple[timedelta, ...]:
    """Add further checks to a plan, on its last interval, until it is at least ``span`` long after the confirmation.

    Where that would take more than 50 of them they lie further apart.
    """
    missing = span - sum(plan, timedelta(0))
    if missing <= timedelta(0):
        return tuple(plan)
    step = max(plan[-1], missing / MOST_FURTHER_CHECKS)
    return (*plan, *([step] * -(-missing // step)))


def extended_plan(plan: Sequence[timedelta], spent: timedelta, extend_by: timedelta) -> tuple[timedelta, ...]:
    """Plan further checks from ``spent`` after the confirmation on: on the plan's last interval, for ``extend_by``.

    The first interval reaches from the confirmation to the first further check, so that instants stay absolute. The
    checks reach to the end of ``extend_by``; where that would take more than 50 of them they lie further apart.
    """
    step = max(min(plan[-1], extend_by), extend_by / MOST_FURTHER_CHECKS)
    count = min(-(-extend_by // step), MOST_FURTHER_CHECKS)
    return (spent + step, *([step] * (count - 1)))
