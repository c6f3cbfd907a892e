"""ReconciliationWorkflow: one comparison of our word with a supplier's or a shop's."""

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    FailureError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

from activities.reconciliation import ReconciliationActivities
from models.identifiers import SYNC_QUEUE, publication_workflow_id
from models.sync import (
    Compared,
    PublicationRequest,
    ReconciliationOutcome,
    ReconciliationRequest,
    ReconciliationStep,
    Side,
)
from workflows import options
from workflows.publication import PublicationWorkflow
from workflows.steering import start_input

_FOOT = "\u00a0"  # the UI's frame for details is two lines too low: this line takes the loss


@workflow.defn(name="ReconciliationWorkflow")
class ReconciliationWorkflow:
    """Compares, repairs what is small, asks about what is large. ``reconcile/{side}/{name}``."""

    @workflow.init
    def __init__(self, request: ReconciliationRequest | None = None) -> None:
        self._request = start_input(request)

    @workflow.run
    async def run(self, request: ReconciliationRequest | None = None) -> ReconciliationOutcome:  # noqa: ARG002 - held since __init__
        """Compare, settle, and have the shops told of what was repaired."""
        try:
            compared = await self._compare()
            outcome = await self._settle(compared)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._show(f"{error.activity_type} gave up; the next comparison begins anew")
            return ReconciliationOutcome()
        for channel in self._marked(outcome):
            await self._request_publication(channel)
        self._show(f"{outcome.drifted} of {outcome.compared} differ, {outcome.repaired} repaired{_asked(outcome)}")
        return outcome

    async def _compare(self) -> Compared:
        self._show("comparing")
        name = self._request.name
        if self._request.side is Side.SUPPLIER:
            return await workflow.execute_activity_method(
                ReconciliationActivities.compare_supplier,
                self._request,
                **options.compare_with_supplier(name, f"Ask {name} about a sample of its offers and our open orders"),
            )
        return await workflow.execute_activity_method(
            ReconciliationActivities.compare_channel,
            self._request,
            **options.publish_step(name, f"Compare what {name} shows with what it was told"),
        )

    async def _settle(self, compared: Compared) -> ReconciliationOutcome:
        what = "ask a person" if compared.large else "repair it"
        self._show(f"{compared.drifted} of {compared.compared} differ: {what}")
        step = ReconciliationStep(
            reconciliation_id=compared.reconciliation_id, side=self._request.side, name=self._request.name
        )
        return await workflow.execute_activity_method(
            ReconciliationActivities.settle_reconciliation,
            step,
            **options.feed_step(f"{compared.drifted} of {compared.compared} differ: {what}"),
        )

    def _marked(self, outcome: ReconciliationOutcome) -> tuple[str, ...]:
        if self._request.side is Side.CHANNEL and outcome.repaired:
            return (self._request.name,)
        return outcome.channels

    async def _request_publication(self, channel: str) -> None:
        """Have a channel's publisher look: started where it is idle, asked to look again where it is at work."""
        workflow_id = publication_workflow_id(channel)
        try:
            await workflow.start_child_workflow(
                PublicationWorkflow.run,
                PublicationRequest(channel=channel),
                id=workflow_id,
                task_queue=SYNC_QUEUE,
                parent_close_policy=options.CHILDREN_GO_ON,
                static_summary=f"What {channel} shows",
                priority=options.STOCK,
            )
        except WorkflowAlreadyStartedError:
            await self._signal(workflow_id)

    async def _signal(self, workflow_id: str) -> None:
        handle = workflow.get_external_workflow_handle(workflow_id)
        try:
            await handle.signal("publication_requested")
        except FailureError:  # it has ended meanwhile: its schedule's next run looks
            workflow.logger.info("%s ended before it could be asked", workflow_id)

    def _show(self, stage: str) -> None:
        heading = f"**{self._request.side} {self._request.name}:** {stage}"
        workflow.set_current_details("\n\n".join([heading, _FOOT]))


def _asked(outcome: ReconciliationOutcome) -> str:
    return f"; a person is asked (task {outcome.task_id})" if outcome.task_id is not None else ""
