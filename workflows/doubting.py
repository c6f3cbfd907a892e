"""A submission in doubt: it left, and no answer came. First the supplier's own means find out, then a person says.

One way for every channel: what a supplier's means are stands in its profile (see ``activities.doubt``).
"""

from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.doubt import DoubtActivities
from activities.submission import SubmissionActivities
from models.commands import Command, CommandName
from models.contracts import (
    ConfirmRequest,
    DoubtRequest,
    PurchaseOrderRef,
    PurchaseOrderRequest,
    StepVerdict,
    Submission,
)
from models.statuses import PurchaseOrderState
from models.tasks import TaskCategory
from workflows import options
from workflows.steering import Ended
from workflows.waiting_out import WaitingOut


class Doubting(WaitingOut):
    """A purchase order that may be in doubt about whether its supplier has it."""

    def __init__(self, request: PurchaseOrderRequest) -> None:
        super().__init__(request)
        self._ref = PurchaseOrderRef(
            purchase_order_id=request.purchase_order_id, order_id=request.order_id, channel=request.channel
        )
        self._look_wanted = False  # the supplier has sent something: it is in the database
        self._in_doubt_since = workflow.now()

    async def _settle_doubt(self, submission: Submission) -> Submission:
        """Find out whether the supplier has it. ``DONE``, or ``INTERRUPTED`` where it may be sent again."""
        self._show(stage="SubmitUnknown")
        self._in_doubt_since = workflow.now()
        until = self._in_doubt_since + self._profile.doubt_deadline
        while submission.verdict is StepVerdict.UNKNOWN and submission.task is None:
            submission = await self._look_for_it(until)
        while submission.verdict is StepVerdict.UNKNOWN:  # an answer that can't be right is asked about once more
            submission = await self._hear_a_person(submission)
        self._show(stage="ChoosingShipping")
        return submission

    async def _look_for_it(self, until: datetime) -> Submission:
        may_send = not (self._held or self._called_off())
        request = DoubtRequest(**self._ref.model_dump(), until=until, look_now=self._take_look(), may_send=may_send)
        summary = f"Does {self._profile.display_name} have {self._request.number}?"
        config = options.supplier_doubt(self._profile, summary)
        try:
            found: Submission | None = await self._taken_up(
                lambda: workflow.start_activity_method(DoubtActivities.settle_doubt, request, **config), news=True
            )
        except ActivityError:  # only the backstop ends it so, e.g. where our own code failed on every answer
            sent_at = f"{self._in_doubt_since:%d %b %Y %H:%M:%SZ}"
            found = Submission(
                verdict=StepVerdict.UNKNOWN, task=await self._open(TaskCategory.SUBMIT_UNKNOWN, sent_at=sent_at)
            )
        return found or Submission(verdict=StepVerdict.UNKNOWN)

    def _take_look(self) -> bool:
        wanted, self._look_wanted = self._look_wanted, False
        return wanted

    async def _hear_a_person(self, submission: Submission) -> Submission:
        """Wait for a person's word. What the supplier's own means say meanwhile is as good.

        Of both at once, the person's counts, except where it is there: who wants it cancelled wants it cancelled there.
        """
        assert submission.task is not None
        self._pose(submission.task)
        found = submission
        while found.verdict is StepVerdict.UNKNOWN and not self._is_answered():
            await workflow.wait_condition(lambda: self._is_answered() or self._look_wanted)
            if not self._is_answered():
                found = await self._look_for_it(workflow.now())
                await workflow.wait_condition(lambda: self._question is not None or self._answer is not None)
        answer = self._lay_aside()
        if answer is not None and found.verdict in (StepVerdict.UNKNOWN, StepVerdict.INTERRUPTED):
            return await self._act_on(answer)
        self._cancel_wanted |= answer is not None and answer.command is CommandName.CANCEL
        return found

    def _is_answered(self) -> bool:
        return self._question is None and self._answer is not None

    async def _act_on(self, answer: Command) -> Submission:
        if answer.command is CommandName.CONFIRM_SUBMISSION:
            assert answer.supplier_number is not None
            request = ConfirmRequest(**self._ref.model_dump(), supplier_number=answer.supplier_number)
            summary = "Keep the number that the person found"
            return await workflow.execute_activity_method(
                SubmissionActivities.confirm_submission, request, **options.record(summary)
            )
        if answer.command is CommandName.RESUBMIT:
            summary = "Allow one more submission"
            await workflow.execute_activity_method(
                SubmissionActivities.reopen_submission, self._ref, **options.record(summary)
            )
            return Submission(verdict=StepVerdict.INTERRUPTED)
        raise Ended(PurchaseOrderState.CANCELLED)
