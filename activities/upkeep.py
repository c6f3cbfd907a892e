"""What is looked after daily: exchange rates, stock that will not last, history past its time."""

from temporalio import activity

from activities.common import Dependencies
from models.sync import StockWatchOutcome


class UpkeepActivities:
    """The steps of ``ExchangeRatesWorkflow`` and ``StockWatchWorkflow``."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def capture_rates(self) -> int:
        """Ask for the newest exchange rates and keep them. Returns how many are new."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def watch_stock(self) -> StockWatchOutcome:
        """Find what will sell out within the days of cover, tell of it once, and propose reorders of our own stock."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def prune_history(self) -> int:
        """Delete offer history, runs and snapshots past the time they are kept. Returns how many rows."""
        raise NotImplementedError
