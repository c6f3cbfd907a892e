"""ExchangeWorkflow: documents of one supplier, picked up and sent round after round, for as long as it is configured."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.exchange import ExchangeActivities, ExchangeNewsActivities
from models.exchange_steps import ExchangeRequest, ExchangeRound
from workflows import options
from workflows.steering import start_input

ROUNDS_PER_RUN = 200  # of those that brought news or were asked for; then it continues as new: its history stays short


@workflow.defn(name="ExchangeWorkflow")
class ExchangeWorkflow:
    """Exchanges documents with a supplier. ``exchange/{supplier}``, started and ended in step with the configuration."""

    @workflow.init
    def __init__(self, request: ExchangeRequest | None = None) -> None:
        self._request = start_input(request)
        self._asked = 0
        self._stopped = False

    @workflow.run
    async def run(self, request: ExchangeRequest | None = None) -> None:  # noqa: ARG002 - held since __init__
        """Run rounds, each by retry until there is news, and tell the lifecycles that it is about."""
        workflow.set_current_details(
            f"Documents of **{self._request.supplier}**: the pending activity says how it goes."
        )
        for _ in range(ROUNDS_PER_RUN):
            done = await self._round()
            if done is not None and done.untold:
                await self._tell()
            if self._stopped or (done is not None and done.ended):
                return
        workflow.continue_as_new(self._request)

    @workflow.signal(description="Run the next round at once.")
    def look_now(self, *args: Any) -> None:  # noqa: ARG002 - whatever comes along is not needed
        """End the wait for the next round."""
        self._asked += 1

    @workflow.signal(description="No documents are exchanged with this supplier any more: end after this round.")
    def stop(self, *args: Any) -> None:  # noqa: ARG002 - likewise
        """End the exchange; what is kept and not told yet is told by the next one."""
        self._stopped = True

    async def _round(self) -> ExchangeRound | None:
        """Run rounds until one brings news; None where somebody has asked for the next one."""
        asked, supplier = self._asked, self._request.supplier
        activity = workflow.start_activity_method(
            ExchangeActivities.exchange_documents,
            self._request,
            **options.exchange_round(supplier, f"Documents of {supplier}"),
        )
        await workflow.wait_condition(lambda: activity.done() or self._asked > asked or self._stopped)
        interrupted = not activity.done()
        if interrupted:
            activity.cancel()
        try:
            return await activity
        except ActivityError:
            if interrupted:
                return None
            raise

    async def _tell(self) -> None:
        await workflow.execute_activity_method(
            ExchangeNewsActivities.tell_of_exchange,
            self._request,
            **options.tell_of_exchange(f"Tell the orders what {self._request.supplier} has sent"),
        )
