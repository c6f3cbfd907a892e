"""What is looked after daily: exchange rates, and history past its time."""

from datetime import timedelta

from temporalio import activity

from activities.common import Dependencies, now
from adapters.database import pruning, rates


class UpkeepActivities:
    """The steps of ``ExchangeRatesWorkflow`` and ``StockWatchWorkflow``."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def capture_rates(self) -> int:
        """Ask for the newest exchange rates and keep them. Returns how many are new.

        The next publication of each channel sees them, and looks at its listings again.
        """
        published = self._deps.outside.rates().fetch()
        with self._deps.database.begin() as tx:
            return rates.keep(tx, published, now=now())

    @activity.defn(no_thread_cancel_exception=True)
    def prune_history(self) -> int:
        """Delete offer history, runs and snapshots past the time they are kept. Returns how many rows."""
        configuration = self._deps.outside.configuration
        return (
            self._prune(pruning.OFFER_CHANGES, configuration.supply.history_kept)
            + self._prune(pruning.RUNS, configuration.supply.history_kept)
            + self._prune(pruning.PUSHES, configuration.supply.history_kept)
            + self._prune(pruning.HOLDS, configuration.supply.history_kept)
            + self._prune(pruning.RECONCILIATIONS, configuration.reconciling.kept)
            + self._prune(pruning.PUBLICATIONS, configuration.reconciling.kept, at_once=pruning.FEW)
        )

    def _prune(self, kind: str, kept: timedelta, *, at_once: int | None = None) -> int:
        most = at_once or pruning.BATCH
        deleted, batch = 0, most
        while batch == most and not activity.is_cancelled():
            batch = pruning.prune_batch(self._deps.database, kind, before=now() - kept, batch=most)
            deleted += batch
            activity.heartbeat(kind, deleted)
        return deleted
