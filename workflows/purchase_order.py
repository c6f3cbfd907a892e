"""PurchaseOrderWorkflow: one supplier's share of an order, from the choice of shipping to the carrier's hands.

It is a workflow of its own, because operators look for, and act on, everything that waits at one supplier.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.storefronts import StorefrontActivities
from activities.suppliers import SupplierActivities
from models.commands import Command, CommandName, SupplierReported
from models.contracts import (
    FulfilmentResult,
    FulfilRequest,
    PollRequest,
    PurchaseOrderOutcome,
    PurchaseOrderRequest,
    StepResult,
    StepVerdict,
)
from models.statuses import PurchaseOrderState
from models.suppliers import Arrival
from models.tasks import TaskCategory
from workflows import options
from workflows.decisions import acknowledgement, presentation, tracking_plan
from workflows.steering import Ended, start_input
from workflows.withdrawing import Withdrawing


@workflow.defn(name="PurchaseOrderWorkflow")
class PurchaseOrderWorkflow(Withdrawing):
    """One purchase order at one supplier: placed at most once, followed until it ships, with a person where it must."""

    @workflow.init
    def __init__(self, request: PurchaseOrderRequest | None = None) -> None:
        request = start_input(request)
        super().__init__(request)
        self._plan: tuple[timedelta, ...] = request.profile.tracking_plan
        self._looks = acknowledgement.looks(request.profile.acknowledgement_deadline)

    @workflow.run
    async def run(self, request: PurchaseOrderRequest | None = None) -> PurchaseOrderOutcome:  # noqa: ARG002 - held since __init__
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

    @workflow.signal(description="The supplier has sent something about this order; it is in the database already.")
    async def supplier_reported(self, *args: Any) -> None:
        """End the wait for the next check: there is news to look at."""
        if await self._read("supplier_reported", SupplierReported, args):
            self._look_wanted = True
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

    async def _on_taken(self, command: Command, *, answered: bool) -> None:
        if command.command is CommandName.EXTEND_TRACKING and command.extend_by and self._submission:
            self._extend(command.extend_by)
        if command.command is CommandName.REROUTE and not answered:
            self._reroute_wanted = True
        self._news += 1

    def _extend(self, extend_by: timedelta) -> None:
        spent = workflow.now() - self._confirmed_at()
        if self._stage == "AwaitingAcknowledgement":
            self._looks = tracking_plan.extended_plan(self._looks, spent, extend_by)
        else:
            self._plan = tracking_plan.extended_plan(self._profile.tracking_plan, spent, extend_by)

    # Following.

    async def _write_supplier_number(self) -> None:
        config = options.storefront(self._request.channel, "Write the supplier's number to the storefront order")
        await self._step(StorefrontActivities.write_supplier_number, config)
        if self._request.test:
            raise Ended(PurchaseOrderState.TEST_PLACED)

    async def _await_acknowledgement(self) -> None:
        assert self._submission is not None
        acknowledged = self._submission.acknowledged or self._profile.capabilities.acknowledgement is Arrival.NONE
        if self._submission.task is not None:  # it was taken otherwise than ordered
            await self._decide_on(StepResult(verdict=StepVerdict.UNCLEAR, task=self._submission.task))
        while not acknowledged:
            await self._heed_wishes()
            unasked = self._profile.reroute_silent and self._profile.capabilities.cancel and not self._cancel_wanted
            result = await self._poll(
                SupplierActivities.await_acknowledgement, self._looks, "Await the acknowledgement", unasked=unasked
            )
            if result.verdict is StepVerdict.EXHAUSTED and result.task is None and not self._stop_is_asked():
                result = await self._withdraw_in_silence()
            acknowledged = await self._decide_on(result)
        self._expect(self._submission)
        self._show(stage="Tracking")

    async def _follow_until_shipped(self) -> PurchaseOrderOutcome:
        while True:
            await self._heed_wishes()
            result = await self._poll(SupplierActivities.check_tracking, self._plan, self._checks_summary())
            if result.verdict in (StepVerdict.DONE, StepVerdict.PARTIAL):
                fulfilled = await self._fulfil(complete=result.verdict is StepVerdict.DONE)
                if result.verdict is StepVerdict.DONE:
                    self._show(stage="Shipped")
                    return self._outcome(PurchaseOrderState.SHIPPED, fulfilled.order_ending)
                self._partly_shipped = True
            else:
                await self._decide_on(result)

    async def _poll(
        self, check: Any, plan: tuple[timedelta, ...], summary: str, *, unasked: bool = False
    ) -> StepResult:
        """Follow the supplier order by retry on a plan; ``INTERRUPTED`` where news or a cancel ended the wait."""
        request = PollRequest(
            **self._ref.model_dump(),
            confirmed_at=self._confirmed_at(),
            plan=plan,
            final_grace=self._profile.final_check_grace,
            declined=self._declined,
            look_now=self._take_look(),
            unasked=unasked or self._stop_is_asked(),
        )
        ends_in = tracking_plan.instants(request.confirmed_at, plan)[-1] - workflow.now()
        config = options.supplier_poll(self._profile, ends_in, summary)
        try:
            result: StepResult | None = await self._taken_up(
                lambda: workflow.start_activity_method(check, request, **config), news=True
            )
        except ActivityError:  # only the backstop ends a poll so; what it last heard is in the database
            task = await self._open(TaskCategory.CHECKS_SPENT)
            return StepResult(verdict=StepVerdict.EXHAUSTED, task=task)
        result = result or StepResult(verdict=StepVerdict.INTERRUPTED)
        self._expect(result)
        if result.verdict is not StepVerdict.REJECTED:  # else the order hears of all of it at once
            await self._tell_of_declined(result)
        return result

    def _expect(self, result: StepResult) -> None:
        """Look on for as long as the supplier says that it takes."""
        if result.expected_on is not None:
            day_after = datetime.combine(result.expected_on + timedelta(days=1), time(), UTC)
            self._plan = tracking_plan.reaching(self._plan, day_after - self._confirmed_at())

    async def _fulfil(self, *, complete: bool) -> FulfilmentResult:
        """Tell the storefront of what shipped; this can't be called off. Its transaction also writes the customer's mail."""
        request = FulfilRequest(**self._ref.model_dump(), complete=complete)
        config = options.storefront(self._request.channel, "Tell the storefront what ships")
        while True:
            result = await self._attempt(StorefrontActivities.fulfil, request, config)
            if isinstance(result, FulfilmentResult) and result.verdict is StepVerdict.DONE:
                return result
            if result.verdict is StepVerdict.PARTIAL:  # the next parcel, which the storefront may take again
                request = request.model_copy(update={"by_hand": False})
                continue
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
        if result.verdict is StepVerdict.REJECTED:
            raise Ended(PurchaseOrderState.REJECTED)
        if self._has_news_of_wishes():  # they came with the answer; this question comes back with the next look
            return self._answered_to_stop()
        if self._stop_is_asked():  # and so it does where another one is to be answered first
            return await self._ask_whether_it_stops(result)
        assert result.task is not None
        return await self._heed_word(await self._ask(result.task))

    async def _heed_word(self, answer: Command | None) -> bool:
        """Do what a person has decided of it. True: this wait is over."""
        match answer and answer.command:
            case CommandName.REROUTE if self._cancel_wanted:  # the order ends: nothing is to go elsewhere any more
                self._given_up = True
                raise Ended(PurchaseOrderState.CANCELLED)
            case CommandName.REROUTE:
                self._reroute_wanted = True
                await self._heed_wishes()
            case CommandName.CANCEL:
                raise Ended(PurchaseOrderState.CANCELLED)
            case CommandName.APPROVE:  # what it said is taken: hear it again
                self._look_wanted = True
                self._look_on()
            case CommandName.RELEASE | CommandName.MARK_SHIPPED:
                self._look_on()
                return True
        return False

    def _look_on(self) -> None:
        """Give the supplier all of its time from now on: what a person needs to decide is none of it."""
        spent = workflow.now() - self._confirmed_at()
        self._looks = tracking_plan.reaching(self._looks, spent + self._profile.acknowledgement_deadline)
        self._plan = tracking_plan.reaching(self._plan, spent + sum(self._profile.tracking_plan, timedelta()))

    def _answered_to_stop(self) -> bool:
        return False if self._answer is None else self._heed_answer_to_stop(self._lay_aside())

    async def _ask_whether_it_stops(self, result: StepResult) -> bool:
        """Wait for people's word on it. A look that has opened a question of its own has closed this one."""
        task = result.task or self._question
        if task is None or task.category is not TaskCategory.CANCEL_AT_SUPPLIER:
            task = await self._open(TaskCategory.CANCEL_AT_SUPPLIER)
        if self._answer is not None:  # meanwhile
            return self._answered_to_stop()
        return self._heed_answer_to_stop(await self._ask(task))

    def _heed_answer_to_stop(self, answer: Command | None) -> bool:
        self._stop_answered |= answer is not None
        if answer is not None and answer.command is CommandName.CANCEL:
            raise Ended(PurchaseOrderState.CANCELLED)
        return False

    def _checks_summary(self) -> str:
        return f"Tracking checks at {self._profile.display_name}, plan {presentation.plan_text(self._plan)}"

    def _render(self) -> str:
        supplier_number = self._submission.supplier_number if self._submission else None
        checks = tracking_plan.instants(self._confirmed_at(), self._plan) if self._submission else []
        return presentation.purchase_order_details(
            self._request,
            self._stage,
            self._question,
            supplier_number,
            checks,
            held=self._held,
            down_since=self._down_since,
        )
