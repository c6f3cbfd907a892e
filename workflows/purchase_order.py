"""PurchaseOrderWorkflow: one supplier's share of an order, from the choice of shipping to the carrier's hands.

It is a workflow of its own, because operators look for, and act on, everything that waits at one supplier.
"""

from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError
from temporalio.workflow import ActivityConfig

from activities.purchase_orders import PurchaseOrderActivities
from activities.storefronts import StorefrontActivities
from activities.submission import SubmissionActivities
from activities.suppliers import SupplierActivities
from models.commands import Command, CommandName, ShipmentReported
from models.contracts import (
    ConfirmRequest,
    FulfilmentResult,
    FulfilRequest,
    PollRequest,
    PurchaseOrderEnding,
    PurchaseOrderOutcome,
    PurchaseOrderRef,
    PurchaseOrderRequest,
    StepResult,
    StepVerdict,
    Submission,
    SubmitRequest,
)
from models.identifiers import storefront_queue
from models.statuses import OrderState, PurchaseOrderState
from models.tasks import TaskCategory
from workflows import options, search_attributes
from workflows.decisions import presentation, tracking_plan
from workflows.manual_review import Ended, Steerable, describe_malformed, only_argument

ACKNOWLEDGEMENT_CHECKS = 8  # looks for an acknowledgement, spread evenly over its deadline

_ENDINGS = {
    StepVerdict.OBSERVED: PurchaseOrderState.OBSERVED,
    StepVerdict.WITHDRAWN: PurchaseOrderState.CANCELLED,
    StepVerdict.REJECTED: PurchaseOrderState.REJECTED,
    StepVerdict.CANCELLED: PurchaseOrderState.CANCELLED_BY_SUPPLIER,
}


@workflow.defn(name="PurchaseOrderWorkflow")
class PurchaseOrderWorkflow(Steerable):
    """One purchase order at one supplier: placed at most once, followed until it ships, with a person where it must."""

    @workflow.init
    def __init__(self, request: PurchaseOrderRequest) -> None:
        super().__init__(request.order_id, request.purchase_order_id)
        self._request = request
        self._profile = request.profile
        self._ref = PurchaseOrderRef(
            purchase_order_id=request.purchase_order_id, order_id=request.order_id, channel=request.channel
        )
        self._stage = "ChoosingShipping"
        self._asked_to_cancel = False
        self._submission: Submission | None = None
        self._plan: tuple[timedelta, ...] = request.profile.tracking_plan

    @workflow.run
    async def run(self, request: PurchaseOrderRequest) -> PurchaseOrderOutcome:  # noqa: ARG002 - held since __init__
        """Choose shipping, place, write back, await the acknowledgement, follow until shipped."""
        return await self._guarded(self._story())

    async def _story(self) -> PurchaseOrderOutcome:
        try:
            await self._place()
            await self._write_supplier_number()
            await self._await_acknowledgement()
            return await self._follow_until_shipped()
        except Ended as end:
            return await self._end(end.state)

    # Messages.

    @workflow.signal(description="The supplier's push said that something shipped; the parcels are stored already.")
    async def shipment_reported(self, *args: Any) -> None:
        """End the wait for the next check: there is news in the database."""
        try:
            event = ShipmentReported.model_validate(only_argument(args))
        except (ValueError, TypeError) as error:
            await self._record_malformed("shipment_reported", describe_malformed(error))
            return
        if not self._heard(event.event_id):
            self._news += 1

    @workflow.signal(
        description="The order is to be cancelled: stop before ordering, or ask who can stop the supplier."
    )
    def cancel_requested(self, *args: Any) -> None:  # noqa: ARG002 - whatever comes along is not needed
        """Take the order's cancellation; it ends this purchase order only where nothing was ordered yet."""
        self._cancel_wanted = True

    def _refusal_of(self, command: Command) -> str | None:
        if command.command in (CommandName.MARK_SHIPPED, CommandName.EXTEND_TRACKING):
            return None if self._submission else "the supplier does not have it yet"
        return super()._refusal_of(command)

    def _refusal_to_hold(self) -> str | None:
        return "the supplier has it already: a hold would stop nothing" if self._submission else None

    async def _on_taken(self, command: Command, *, answered: bool) -> None:  # noqa: ARG002
        if command.command is CommandName.EXTEND_TRACKING and command.extend_by and self._submission:
            spent = workflow.now() - self._confirmed_at()
            self._plan = tracking_plan.extended_plan(self._profile.tracking_plan, spent, command.extend_by)
        self._news += 1

    # Placing, repeated while the destination changes under the quote.

    async def _place(self) -> None:
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
            submission = await self._submit_once(workflow.now() + self._profile.unreachable_deadline)
            match submission.verdict:
                case StepVerdict.DONE:
                    self._placed(submission)
                case StepVerdict.REQUOTE:
                    return False
                case StepVerdict.UNKNOWN:
                    await self._settle_doubt(submission)
                case StepVerdict.ASK:
                    await self._ask_how_to_go_on(submission)
                case StepVerdict.INTERRUPTED:  # nothing was sent: look at what came in between, then go on
                    continue
                case _:
                    raise Ended(_ENDINGS[submission.verdict])
        return True

    async def _submit_once(self, give_up_at: datetime) -> Submission:
        request = SubmitRequest(**self._ref.model_dump(), give_up_at=give_up_at)
        activity = workflow.start_activity_method(
            SubmissionActivities.submit_purchase_order,
            request,
            **options.submission(self._profile, f"Order at {self._profile.display_name} as {self._request.number}"),
        )
        try:
            submission: Submission | None = await self._unless_interrupted(activity)
        except ActivityError:
            submission = None  # it ran out of time: only the fence knows what became of it
        if submission is not None:
            return submission
        return await workflow.execute_activity_method(
            SubmissionActivities.resolve_submission, self._ref, **options.record("Did the request leave?")
        )

    async def _settle_doubt(self, submission: Submission) -> None:
        """Ask a person whether the supplier has it, and act on the answer. Nothing else may end this wait."""
        assert submission.task is not None
        answer = await self._ask(submission.task, whatever_happens=True)
        assert answer is not None
        if answer.command is CommandName.CONFIRM_SUBMISSION:
            assert answer.supplier_number is not None
            request = ConfirmRequest(**self._ref.model_dump(), supplier_number=answer.supplier_number)
            summary = "Keep the number that the person found"
            self._placed(
                await workflow.execute_activity_method(
                    SubmissionActivities.confirm_submission, request, **options.record(summary)
                )
            )
        elif answer.command is CommandName.RESUBMIT:
            summary = "Allow one more submission"
            await workflow.execute_activity_method(
                SubmissionActivities.reopen_submission, self._ref, **options.record(summary)
            )
        else:
            raise Ended(PurchaseOrderState.CANCELLED)

    def _placed(self, submission: Submission) -> None:
        assert submission.supplier_number is not None
        self._submission = submission
        stage = "Tracking" if submission.acknowledged else "AwaitingAcknowledgement"
        self._show(search_attributes.SUPPLIER_ORDERS.value_set([submission.supplier_number]), stage=stage)

    # Following.

    async def _write_supplier_number(self) -> None:
        config = options.storefront(self._request.channel, "Write the supplier's number to the storefront order")
        await self._step(StorefrontActivities.write_supplier_number, config)
        if self._request.test:
            raise Ended(PurchaseOrderState.TEST_PLACED)

    async def _await_acknowledgement(self) -> None:
        assert self._submission is not None
        acknowledged = self._submission.acknowledged
        interval = self._profile.acknowledgement_deadline / ACKNOWLEDGEMENT_CHECKS
        while not acknowledged:
            await self._pose_cancel_question()
            result = await self._poll(
                SupplierActivities.await_acknowledgement,
                (interval,) * ACKNOWLEDGEMENT_CHECKS,
                "Await the acknowledgement",
            )
            acknowledged = await self._decide_on(result)
        self._show(stage="Tracking")

    async def _follow_until_shipped(self) -> PurchaseOrderOutcome:
        while True:
            await self._pose_cancel_question()
            result = await self._poll(SupplierActivities.check_tracking, self._plan, self._checks_summary())
            if result.verdict in (StepVerdict.DONE, StepVerdict.PARTIAL):
                fulfilled = await self._fulfil(complete=result.verdict is StepVerdict.DONE)
                if result.verdict is StepVerdict.DONE:
                    self._show(stage="Shipped")
                    return self._outcome(PurchaseOrderState.SHIPPED, fulfilled.order_ending)
            else:
                await self._decide_on(result)

    async def _poll(self, check: Any, plan: tuple[timedelta, ...], summary: str) -> StepResult:
        """Follow the supplier order by retry on a plan; ``INTERRUPTED`` where news or a cancel ended the wait."""
        request = PollRequest(
            **self._ref.model_dump(),
            confirmed_at=self._confirmed_at(),
            plan=plan,
            final_grace=self._profile.final_check_grace,
        )
        ends_in = tracking_plan.instants(request.confirmed_at, plan)[-1] - workflow.now()
        activity = workflow.start_activity_method(
            check, request, **options.supplier_poll(self._profile, ends_in, summary)
        )
        try:
            result: StepResult | None = await self._unless_interrupted(activity, news=True)
        except ActivityError:  # only the backstop ends a poll so; what it last heard is in the database
            task = await self._open(TaskCategory.CHECKS_SPENT)
            return StepResult(verdict=StepVerdict.EXHAUSTED, task=task)
        return result or StepResult(verdict=StepVerdict.INTERRUPTED)

    async def _fulfil(self, *, complete: bool) -> FulfilmentResult:
        """Tell the storefront of what shipped; this can't be called off. Its transaction also writes the customer's mail."""
        request = FulfilRequest(**self._ref.model_dump(), complete=complete)
        config = options.storefront(self._request.channel, "Tell the storefront what ships")
        while True:
            result = await self._attempt(StorefrontActivities.fulfil, request, config)
            if isinstance(result, FulfilmentResult) and result.verdict is StepVerdict.DONE:
                return result
            if result.task is not None:
                answer = await self._ask(result.task, whatever_happens=True)
                by_hand = answer is not None and answer.command is CommandName.APPROVE
                request = request.model_copy(update={"by_hand": by_hand})

    async def _decide_on(self, result: StepResult) -> bool:
        """Let a person decide where a supplier order does not go by itself. True: this wait is over."""
        if result.verdict in (StepVerdict.DONE, StepVerdict.INTERRUPTED):
            return result.verdict is StepVerdict.DONE or self._answered_to_stop()
        if result.verdict is StepVerdict.CANCELLED:
            raise Ended(PurchaseOrderState.CANCELLED_BY_SUPPLIER)
        assert result.task is not None
        answer = await self._ask(result.task)
        if answer is not None and answer.command is CommandName.REROUTE:
            raise Ended(PurchaseOrderState.RETURNED)
        if answer is not None and answer.command is CommandName.CANCEL:
            raise Ended(PurchaseOrderState.CANCELLED)
        return answer is not None and answer.command in (CommandName.RELEASE, CommandName.MARK_SHIPPED)

    async def _pose_cancel_question(self) -> None:
        """Once a cancel is wanted, ask who can stop the supplier, and go on looking: it may ship first."""
        if self._cancel_wanted and not self._asked_to_cancel:
            self._asked_to_cancel = True
            self._pose(await self._open(TaskCategory.CANCEL_AT_SUPPLIER))

    def _answered_to_stop(self) -> bool:
        if self._answer is not None:
            answer = self._lay_aside()
            if answer is not None and answer.command is CommandName.CANCEL:
                raise Ended(PurchaseOrderState.CANCELLED)
        return False

    # What every step shares.

    async def _step(self, activity: Any, config: ActivityConfig) -> None:
        """Take one step; where a person must answer, ask, and take it again."""
        while True:
            await self._leave_if_cancelled()
            result = await self._attempt(activity, self._ref, config)
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
        handle = workflow.start_activity_method(activity, request, **config)
        try:
            result: StepResult | None = await self._unless_interrupted(handle)
        except ActivityError:
            at_storefront = config["task_queue"] == storefront_queue(self._request.channel)
            category = TaskCategory.STOREFRONT_REFUSED if at_storefront else TaskCategory.SUPPLIER_UNREACHABLE
            task = await self._open(category, what=config["summary"] or "", code="no answer")
            return StepResult(verdict=StepVerdict.ASK, task=task)
        return result or StepResult(verdict=StepVerdict.INTERRUPTED)

    async def _ask_how_to_go_on(self, result: StepResult) -> bool:
        """Ask about a step that can't be taken as things stand. True: go on without it."""
        await self._leave_if_cancelled()
        assert result.task is not None
        answer = await self._ask(result.task)
        command = answer.command if answer else None
        if command is CommandName.REROUTE and self._submission is None:
            raise Ended(PurchaseOrderState.RETURNED)
        if command is CommandName.CANCEL:
            self._cancel_wanted = True
        return command is CommandName.APPROVE

    async def _leave_if_cancelled(self) -> None:
        """Before anything was ordered a cancel ends the story, and a hold stops it; afterwards neither does."""
        if self._submission is None:
            await self._gate()
            if self._cancel_wanted:
                raise Ended(PurchaseOrderState.CANCELLED)

    async def _end(self, state: PurchaseOrderState) -> PurchaseOrderOutcome:
        """Record an ending without shipment, and close the fence, so that no straggler can send."""
        ending = PurchaseOrderEnding(**self._ref.model_dump(), ending=state)
        summary = f"Record: {state.replace('_', ' ')}"
        await workflow.execute_activity_method(
            PurchaseOrderActivities.end_purchase_order, ending, **options.record(summary)
        )
        self._show(stage=state.replace("_", " ").title().replace(" ", ""))
        return self._outcome(state, None)

    def _outcome(self, state: PurchaseOrderState, order_ending: OrderState | None) -> PurchaseOrderOutcome:
        return PurchaseOrderOutcome(
            purchase_order_id=self._request.purchase_order_id,
            supplier=self._profile.supplier,
            ending=state,
            order_ending=order_ending,
        )

    def _confirmed_at(self) -> datetime:
        assert self._submission is not None
        assert self._submission.confirmed_at is not None
        return self._submission.confirmed_at

    def _checks_summary(self) -> str:
        return f"Tracking checks at {self._profile.display_name}, plan {presentation.plan_text(self._plan)}"

    def _render(self) -> str:
        supplier_number = self._submission.supplier_number if self._submission else None
        checks = tracking_plan.instants(self._confirmed_at(), self._plan) if self._submission else []
        return presentation.purchase_order_details(
            self._request, self._stage, self._question, supplier_number, checks, held=self._held
        )
