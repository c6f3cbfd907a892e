"""StragglerWorkflow: the watch over a purchase order that was given up at a supplier which may still deliver it.

Its units were ordered elsewhere, so nothing here tells the storefront of what still comes: a person is told, once.
"""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError

from activities.withdrawals import WithdrawalActivities
from models.contracts import PollRequest, PurchaseOrderRef, StepVerdict, StragglerOutcome, StragglerRequest
from models.identifiers import ORDERS_QUEUE, straggler_workflow_id
from workflows import options, search_attributes
from workflows.decisions import presentation, tracking_plan
from workflows.steering import nobody_came, start_input


@workflow.defn(name="StragglerWorkflow")
class StragglerWorkflow:
    """Looks on at a supplier that was given up, until it has cancelled, delivered after all, or long enough said nothing."""

    @workflow.init
    def __init__(self, request: StragglerRequest | None = None) -> None:
        self._request = start_input(request)
        self._news = 0
        self._unseen = False

    @workflow.run
    async def run(self, request: StragglerRequest | None = None) -> StragglerOutcome:  # noqa: ARG002 - held since __init__
        """Look by retry until the supplier's answer is final."""
        workflow.set_current_details(presentation.straggler_details(self._request))
        verdict = StepVerdict.INTERRUPTED
        while verdict is StepVerdict.INTERRUPTED:
            verdict = await self._look()
        return StragglerOutcome(late=verdict is StepVerdict.DONE)

    @workflow.signal(description="The supplier has sent something about this order; it is in the database already.")
    def supplier_reported(self, *args: Any) -> None:  # noqa: ARG002 - whatever comes along is not needed
        """Look at once: there is news in the database."""
        self._news += 1

    async def _look(self) -> StepVerdict:
        news, profile = self._news, self._request.profile
        left = max(self._request.until - workflow.now(), timedelta(seconds=1))
        plan = tracking_plan.extended_plan(profile.tracking_plan, workflow.now() - self._request.confirmed_at, left)
        ref = {name: getattr(self._request, name) for name in PurchaseOrderRef.model_fields}
        poll = PollRequest(
            **ref,
            confirmed_at=self._request.confirmed_at,
            plan=plan,
            final_grace=profile.final_check_grace,
            look_now=news > 0,
        )
        summary = f"Does {profile.display_name} deliver {self._request.number} after all?"
        activity = workflow.start_activity_method(
            WithdrawalActivities.watch_straggler, poll, **options.supplier_poll(profile, left, summary)
        )
        await workflow.wait_condition(lambda: activity.done() or self._news > news)
        interrupted = not activity.done()
        if interrupted:
            activity.cancel()
        try:
            return (await activity).verdict
        except ActivityError as error:  # cancelled for news, or only the backstop has ended it
            again = nobody_came(error) and not self._unseen  # our workers were away: it is looked at once more
            self._unseen |= nobody_came(error)
            return StepVerdict.INTERRUPTED if interrupted or again else StepVerdict.EXHAUSTED


async def start_watch(request: StragglerRequest) -> None:
    """Start the watch, once per purchase order, and leave it to itself."""
    try:
        await workflow.start_child_workflow(
            StragglerWorkflow.run,
            request,
            id=straggler_workflow_id(request.number),
            task_queue=ORDERS_QUEUE,
            search_attributes=search_attributes.straggler_attributes(request),
            static_summary=search_attributes.straggler_summary(request),
            id_reuse_policy=options.NEVER_TWICE,
            parent_close_policy=options.CHILDREN_GO_ON,
            cancellation_type=options.CHILDREN_ARE_TOLD,
            priority=options.TRACKING,
        )
    except WorkflowAlreadyStartedError:
        return
