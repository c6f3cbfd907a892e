"""Placing a purchase order: choose shipping, write the cost id, submit at most once, and settle what is in doubt."""

from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError
from temporalio.workflow import ActivityConfig

from activities.storefronts import StorefrontActivities
from activities.submission import SubmissionActivities
from activities.suppliers import SupplierActivities
from models.base import format_duration
from models.commands import CommandName, UnitsReturned
from models.contracts import (
    PurchaseOrderRef,
    PurchaseOrderRequest,
    StepResult,
    StepVerdict,
    Submission,
    SubmitRequest,
)
from models.identifiers import order_workflow_id, storefront_queue
from models.statuses import PurchaseOrderState
from models.tasks import TaskCategory
from workflows import options, search_attributes
from workflows.doubting import Doubting
from workflows.steering import Ended

_ENDINGS = {
    StepVerdict.OBSERVED: PurchaseOrderState.OBSERVED,
    StepVerdict.WITHDRAWN: PurchaseOrderState.CANCELLED,
    StepVerdict.REJECTED: PurchaseOrderState.REJECTED,
    StepVerdict.CANCELLED: PurchaseOrderState.CANCELLED_BY_SUPPLIER,
}


class Placing(Doubting):
    """The first half of a purchase order's life. Nothing is ordered until ``_submission`` is set."""

    def __init__(self, request: PurchaseOrderRequest) -> None:
        super().__init__(request)
        self._stage = "ChoosingShipping"
        self._submission: Submission | None = None
        self._reroute_wanted = False
        self._declined = 0  # units that the order knows to be declined

    def _called_off(self) -> bool:
        return self._cancel_wanted or self._reroute_wanted

    async def _place(self) -> None:
        """Quote, announce and order; again from the start while the destination changes under the quote."""
        placed = False
        while not placed:
            await self._choose_shipping()
            await self._write_shipping_choice()
            placed = await self._submit()

    async def _choose_shipping(self) -> None:
        self._show(stage="ChoosingShipping")
        summary = f"Rates of {self._profile.display_name}: preferred carrier, else the fallback rule"
        await self._step(SupplierActivities.choose_shipping, options.supplier_question(self._profile, summary))

    async def _write_shipping_choice(self) -> None:
        config = options.storefront(self._request.channel, "Write the cost id to the storefront order")
        await self._step(StorefrontActivities.write_shipping_choice, config)

    async def _submit(self) -> bool:
        """Place the order at the supplier. False where the destination changed and shipping must be chosen again."""
        while self._submission is None:
            await self._leave_if_cancelled()
            recoveries = self._recoveries
            submission = await self._submit_once(workflow.now() + self._profile.unreachable_deadline)
            if await self._waited_out(submission, recoveries):
                continue
            match submission.verdict:
                case StepVerdict.DONE:
                    await self._placed(submission)
                case StepVerdict.REQUOTE:
                    return False
                case StepVerdict.UNKNOWN:
                    await self._go_on_after_doubt(await self._settle_doubt(submission))
                case StepVerdict.ASK:
                    await self._ask_how_to_go_on(submission)
                case StepVerdict.INTERRUPTED:  # nothing was sent: look at what came in between, then go on
                    continue
                case _:
                    raise Ended(_ENDINGS[submission.verdict])
        return True

    async def _submit_once(self, give_up_at: datetime) -> Submission:
        request, began = SubmitRequest(**self._ref.model_dump(), give_up_at=give_up_at), workflow.now()
        config = options.submission(self._profile, f"Order at {self._profile.display_name} as {self._request.number}")
        ran_out = False
        try:
            submission: Submission | None = await self._taken_up(
                lambda: workflow.start_activity_method(SubmissionActivities.submit_purchase_order, request, **config)
            )
        except ActivityError:
            submission, ran_out = None, True  # only the fence knows what became of it
        if submission is not None:
            return submission
        submission = await workflow.execute_activity_method(
            SubmissionActivities.resolve_submission, self._ref, **options.record("Did the request leave?")
        )
        if ran_out and submission.verdict is StepVerdict.INTERRUPTED:  # nothing left, and nobody could make it leave
            waited = format_duration(workflow.now() - began)
            task = await self._open(TaskCategory.SUPPLIER_UNREACHABLE, waited=waited, code="no answer")
            return Submission(verdict=StepVerdict.ASK, task=task)
        return submission

    async def _go_on_after_doubt(self, submission: Submission) -> None:
        if submission.verdict is StepVerdict.DONE:
            self._look_wanted = True  # what it has sent meanwhile was news of the doubt only
            await self._placed(submission)
        elif submission.verdict is not StepVerdict.INTERRUPTED:  # else nothing was ordered: once more, then
            raise Ended(_ENDINGS[submission.verdict])

    async def _placed(self, submission: Submission) -> None:
        assert submission.supplier_number is not None
        self._submission = submission
        stage = "Tracking" if submission.acknowledged else "AwaitingAcknowledgement"
        changes: list[Any] = [search_attributes.SUPPLIER_ORDERS.value_set([submission.supplier_number])]
        if submission.promised_by is not None:
            changes.append(search_attributes.PROMISED_BY.value_set(submission.promised_by))
        self._show(*changes, stage=stage)
        await self._tell_of_declined(submission)

    async def _tell_of_declined(self, result: StepResult) -> None:
        """Tell the order at once of units that the supplier will not deliver, each once; the rest goes on here."""
        units = result.declined - self._declined
        if units <= 0:
            return
        self._declined = result.declined
        event_id = f"{self._request.number}:declined:{result.declined}"
        event = UnitsReturned(event_id=event_id, supplier=self._profile.supplier, units=units)
        order = order_workflow_id(self._request.channel, self._request.storefront_order_id)
        try:
            await workflow.get_external_workflow_handle(order).signal("units_returned", event)
        except Exception as error:  # noqa: BLE001 - an order that was terminated plans nothing any more
            workflow.logger.info("not told: %s (%s)", order, type(error).__name__)

    # What every step shares.

    async def _step(self, activity: Any, config: ActivityConfig) -> None:
        """Take one step; where a person must answer, ask, and take it again."""
        while True:
            await self._leave_if_cancelled()
            recoveries = self._recoveries
            result = await self._attempt(activity, self._ref, config)
            if await self._waited_out(result, recoveries):
                continue
            match result.verdict:
                case StepVerdict.DONE:
                    return
                case StepVerdict.INTERRUPTED:
                    continue
                case StepVerdict.ASK:
                    if await self._ask_how_to_go_on(result):
                        return
                case _:
                    raise Ended(_ENDINGS[result.verdict])

    async def _attempt(self, activity: Any, request: PurchaseOrderRef, config: ActivityConfig) -> StepResult:
        """Take a step once. One that its retries could not bring to an end becomes a question to a person."""
        try:
            result: StepResult | None = await self._taken_up(
                lambda: workflow.start_activity_method(activity, request, **config)
            )
        except ActivityError:
            at_storefront = config["task_queue"] == storefront_queue(self._request.channel)
            category = TaskCategory.STOREFRONT_REFUSED if at_storefront else TaskCategory.SUPPLIER_UNREACHABLE
            task = await self._open(category, what=config["summary"] or "", code="no answer")
            return StepResult(verdict=StepVerdict.ASK, task=task)
        return result or StepResult(verdict=StepVerdict.INTERRUPTED)

    async def _waited_out(self, result: StepResult, recoveries: int) -> bool:
        """Where the supplier is down, wait for it, or for a person once that has taken too long. True: try again."""
        if result.verdict is not StepVerdict.DOWN:
            self._is_served()
            return False
        if task := await self._wait_until_recovered(result, recoveries):
            await self._ask_how_to_go_on(StepResult(verdict=StepVerdict.ASK, task=task))
        return True

    async def _ask_how_to_go_on(self, result: StepResult) -> bool:
        """Ask about a step that can't be taken as things stand. True: go on without it."""
        self._leave_if_called_off()
        assert result.task is not None
        # The question of a hold would take this one's place for good: it is asked before the next step.
        answer = await self._ask(result.task)
        command = answer.command if answer else None
        if command is CommandName.REROUTE and self._submission is None:
            raise Ended(PurchaseOrderState.RETURNED)
        if command is CommandName.CANCEL:
            self._cancel_wanted = True
        return command is CommandName.APPROVE

    async def _leave_if_cancelled(self) -> None:
        """Before anything was ordered a cancel or a reroute ends the story, and a hold stops it; later none does."""
        if self._submission is None:
            await self._gate()
            self._leave_if_called_off()

    def _leave_if_called_off(self) -> None:
        if self._submission is None:
            if self._cancel_wanted:
                raise Ended(PurchaseOrderState.CANCELLED)
            if self._reroute_wanted:
                raise Ended(PurchaseOrderState.RETURNED)

    def _confirmed_at(self) -> datetime:
        assert self._submission is not None
        assert self._submission.confirmed_at is not None
        return self._submission.confirmed_at
