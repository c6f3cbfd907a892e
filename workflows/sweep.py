"""The sweep: whatever intake could not bring to its workflow at once gets there now. Started by a schedule."""

from collections.abc import Awaitable

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from activities.sweeps import SweepActivities
from models.contracts import SweepReport
from workflows.options import SWEEP


@workflow.defn
class SweepWorkflow:
    """Finds orders and events that did not arrive, orders that run no longer, and those that stock has come for."""

    @workflow.run
    async def run(self) -> SweepReport:
        """Look everywhere once. A step that fails is left to the next sweep."""
        return SweepReport(
            fetched=await self._fetch_missing_orders(),
            started=await self._start_stored_orders(),
            delivered=await self._deliver_stored_events(),
            stalled=await self._find_stalled_orders(),
            woken=await self._wake_waiting_orders(),
        )

    async def _fetch_missing_orders(self) -> int:
        options = SWEEP | {"summary": "Paid orders that never arrived"}
        return await _attempt(workflow.execute_activity_method(SweepActivities.fetch_missing_orders, **options))

    async def _start_stored_orders(self) -> int:
        options = SWEEP | {"summary": "Orders that no start has reached"}
        return await _attempt(workflow.execute_activity_method(SweepActivities.start_stored_orders, **options))

    async def _deliver_stored_events(self) -> int:
        options = SWEEP | {"summary": "Events that no workflow has heard"}
        return await _attempt(workflow.execute_activity_method(SweepActivities.deliver_stored_events, **options))

    async def _find_stalled_orders(self) -> int:
        options = SWEEP | {"summary": "Open orders without a workflow"}
        return await _attempt(workflow.execute_activity_method(SweepActivities.find_stalled_orders, **options))

    async def _wake_waiting_orders(self) -> int:
        options = SWEEP | {"summary": "Orders that wait for stock which is there"}
        return await _attempt(workflow.execute_activity_method(SweepActivities.wake_waiting_orders, **options))


async def _attempt(step: Awaitable[int]) -> int:
    try:
        return await step
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
        workflow.logger.warning("%s failed; the next sweep repeats it", error.activity_type)
        return 0
