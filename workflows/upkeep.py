"""What runs daily without an order or a feed behind it: exchange rates, stock that will not last."""

from temporalio import workflow

from models.sync import StockWatchOutcome


@workflow.defn(name="ExchangeRatesWorkflow")
class ExchangeRatesWorkflow:
    """Captures the day's exchange rates. ``rates/ecb``."""

    @workflow.run
    async def run(self) -> int:
        """Ask, and keep what is new."""
        raise NotImplementedError


@workflow.defn(name="StockWatchWorkflow")
class StockWatchWorkflow:
    """Tells of stock that will not last, proposes reorders, and clears what is past its time. ``stock/watch``."""

    @workflow.run
    async def run(self) -> StockWatchOutcome:
        """Watch, then prune."""
        raise NotImplementedError
