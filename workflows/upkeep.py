"""What runs by the clock without an order or a feed behind it: exchange rates, stock watch, scorecards."""

from collections.abc import Awaitable
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from activities.scorecards import ScorecardActivities
from activities.stock_watch import StockWatchActivities
from activities.upkeep import UpkeepActivities
from models.sync import StockWatchOutcome
from workflows import options

Result = TypeVar("Result")


@workflow.defn(name="ExchangeRatesWorkflow")
class ExchangeRatesWorkflow:
    """Captures the day's exchange rates. ``rates/ecb``."""

    @workflow.run
    async def run(self, *_: Any) -> int:
        """Ask, and keep what is new. Takes no input; whatever comes along is not needed."""
        # Without any today tomorrow's are as good; prices that need a rate stand still once the last one is too old.
        captured = await _unless_it_fails(
            workflow.execute_activity_method(
                UpkeepActivities.capture_rates, **options.feed_step("Ask for the newest exchange rates")
            )
        )
        return captured or 0


@workflow.defn(name="StockWatchWorkflow")
class StockWatchWorkflow:
    """Tells of stock that will not last, proposes reorders, and clears what is past its time. ``stock/watch``."""

    @workflow.run
    async def run(self, *_: Any) -> StockWatchOutcome:
        """Watch, then prune. Takes no input. A step that fails is left to tomorrow."""
        watched = await _unless_it_fails(
            workflow.execute_activity_method(
                StockWatchActivities.watch_stock, **options.feed_step("What sells out soon? Propose what to reorder")
            )
        )
        await _unless_it_fails(
            workflow.execute_activity_method(
                UpkeepActivities.prune_history, **options.feed_step("Delete what is past its time")
            )
        )
        return watched or StockWatchOutcome()


@workflow.defn(name="ScorecardsWorkflow")
class ScorecardsWorkflow:
    """Figures out how each supplier did lately; the router reads it. ``scorecards``."""

    @workflow.run
    async def run(self, *_: Any) -> int:
        """Figure it out. Takes no input. Returns how many suppliers have a card; where it fails the old ones stand."""
        counted = await _unless_it_fails(
            workflow.execute_activity_method(
                ScorecardActivities.refresh_scorecards, **options.feed_step("How did each supplier do lately?")
            )
        )
        return counted or 0


async def _unless_it_fails(step: Awaitable[Result]) -> Result | None:
    try:
        return await step
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
        workflow.logger.warning("%s failed; the next run repeats it", error.activity_type)
        return None
