"""Suppliers' scorecards: figured out each hour, and on command, from what became of their purchase orders."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from temporalio import activity

from activities.common import Dependencies, now
from adapters.database import scorecards
from adapters.database.engine import Transaction
from models.configuration import Configuration
from workflows.decisions.scorecard import QUALITY_WINDOW, SHARE_WINDOW


class ScorecardActivities:
    """The step of ``ScorecardsWorkflow``."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def refresh_scorecards(self) -> int:
        """Figure out how every supplier did lately, in one statement. Returns how many suppliers have a card."""
        with self._deps.database.begin() as tx:
            return refresh(tx, self._deps.outside.configuration, at=now())


def refresh(tx: Transaction, configuration: Configuration, *, at: datetime) -> int:
    """Figure out the cards as of now, each supplier's days ending in its own time zone."""
    ahead = {name: _ahead_of_utc(one.terms.calendar.time_zone, at) for name, one in configuration.suppliers.items()}
    return scorecards.refresh(tx, ahead, quality=QUALITY_WINDOW, share=SHARE_WINDOW, now=at)


def _ahead_of_utc(time_zone: str, at: datetime) -> timedelta:
    return at.astimezone(ZoneInfo(time_zone)).utcoffset() or timedelta(0)
