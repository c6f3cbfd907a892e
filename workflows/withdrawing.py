"""Taking a purchase order back from a supplier that has it: the supplier is asked first, where it can be asked.

A supplier that says nothing clear may still deliver. Where its units are ordered elsewhere all the same, on a person's
word, it is watched (see ``straggler``): nothing ships twice unseen.
"""

from typing import NoReturn

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.purchase_orders import PurchaseOrderActivities
from activities.withdrawals import WithdrawalActivities
from models.base import format_duration
from models.commands import Command, CommandName
from models.contracts import (
    CancelRequest,
    PurchaseOrderEnding,
    PurchaseOrderOutcome,
    PurchaseOrderRequest,
    StepResult,
    StepVerdict,
)
from models.statuses import OrderState, PurchaseOrderState
from models.tasks import TaskCategory
from workflows import options
from workflows.placing import Placing
from workflows.steering import Ended
from workflows.straggler import start_watch


class Withdrawing(Placing):
    """A purchase order that may be cancelled, or ordered elsewhere, after its supplier has it."""

    def __init__(self, request: PurchaseOrderRequest) -> None:
        super().__init__(request)
        self._asked_to_cancel = False
        self._stop_answered = False  # a person has said whether its supplier can still be stopped
        self._partly_shipped = False
        self._given_up = False  # its units are ordered elsewhere, though the supplier may still deliver them

    # Wishes.

    def _refusal_of(self, command: Command) -> str | None:
        if command.command is not CommandName.REROUTE:
            return super()._refusal_of(command)
        if self._question is not None and self._question.category is TaskCategory.SUBMIT_UNKNOWN:
            return "nobody knows whether the supplier has it: answer that first"
        if self._partly_shipped:
            return "part of it has shipped"
        return "it is being withdrawn already" if self._called_off() else None

    def _next_step(self, command: Command) -> str:
        if command.command is CommandName.REROUTE and self._submission and self._profile.capabilities.cancel:
            return "the supplier is asked to cancel it; then its units are planned again without this supplier"
        return super()._next_step(command)

    async def _heed_wishes(self) -> None:
        """Once a cancel or a reroute is wanted, bring it to the supplier, or to who can."""
        if self._reroute_wanted and not self._cancel_wanted:
            await self._order_elsewhere()
        self._reroute_wanted = False
        if self._cancel_wanted:  # before, or meanwhile
            await self._pose_cancel_question()

    def _has_news_of_wishes(self) -> bool:
        """Say whether somebody wants, or has answered, what the story has not turned to yet."""
        unheard = self._cancel_wanted and not self._asked_to_cancel
        return unheard or self._reroute_wanted or self._answer is not None

    async def _pose_cancel_question(self) -> None:
        """Ask the supplier, then a person, to stop it, once; and go on looking meanwhile: it may ship first."""
        if not self._asked_to_cancel:
            await self._conclude_cancel(await self._ask_to_cancel())

    async def _conclude_cancel(self, answer: StepVerdict) -> None:
        self._asked_to_cancel = True
        if answer is StepVerdict.DONE:
            raise Ended(PurchaseOrderState.CANCELLED)
        self._pose(await self._open(TaskCategory.CANCEL_AT_SUPPLIER))

    def _stop_is_asked(self) -> bool:
        """Say whether people are asked if it can be stopped there: until they have said so that is the question."""
        return self._asked_to_cancel and not self._stop_answered

    async def _order_elsewhere(self) -> None:
        """Return its units to the order, unless the supplier says that it delivers them, or they are cancelled meanwhile."""
        answer = await self._ask_to_cancel()
        if self._cancel_wanted:  # meanwhile: nothing is to go elsewhere any more
            await self._conclude_cancel(answer)
        elif answer is not StepVerdict.TOO_LATE:
            self._leave_to_others(surely=answer is StepVerdict.DONE)

    def _leave_to_others(self, *, surely: bool) -> NoReturn:
        """End as returned; watched where it is not sure that the supplier will not deliver."""
        self._given_up = not surely
        raise Ended(PurchaseOrderState.RETURNED)

    async def _withdraw_in_silence(self) -> StepResult:
        """No acknowledgement came: have it cancelled there and order elsewhere, unasked.

        ``EXHAUSTED`` with a question where the supplier gives no clear answer; ``DONE`` where it says that it delivers.
        """
        answer = await self._ask_to_cancel()
        if answer is StepVerdict.DONE:
            self._leave_to_others(surely=True)
        if answer is StepVerdict.TOO_LATE:
            return StepResult(verdict=StepVerdict.DONE)
        if self._cancel_wanted:  # meanwhile: nothing is to go elsewhere any more
            self._asked_to_cancel = True
            task = await self._open(TaskCategory.CANCEL_AT_SUPPLIER)
        else:
            waited = format_duration(workflow.now() - self._confirmed_at())
            task = await self._open(TaskCategory.ACKNOWLEDGEMENT_OVERDUE, waited=waited)
        return StepResult(verdict=StepVerdict.EXHAUSTED, task=task)

    # Asking the supplier.

    async def _ask_to_cancel(self) -> StepVerdict:
        """Ask the supplier to stop it: ``DONE``, ``TOO_LATE``, or ``EXHAUSTED`` where no clear answer came in time."""
        if not self._profile.capabilities.cancel:
            return StepVerdict.EXHAUSTED
        before, until = self._stage, workflow.now() + self._profile.cancel_deadline
        self._show(stage="Cancelling")
        result = StepResult(verdict=StepVerdict.INTERRUPTED)
        while result.verdict is StepVerdict.INTERRUPTED:
            result = await self._ask_to_cancel_once(CancelRequest(**self._ref.model_dump(), until=until))
        self._show(stage=before)
        return result.verdict

    async def _ask_to_cancel_once(self, request: CancelRequest) -> StepResult:
        summary = f"Ask {self._profile.display_name} to cancel {self._request.number}"
        config = options.supplier_cancel(self._profile, summary)
        try:
            result: StepResult | None = await self._taken_up(
                lambda: workflow.start_activity_method(WithdrawalActivities.cancel_at_supplier, request, **config),
                news=True,
            )
        except ActivityError:  # only the backstop ends it so
            return StepResult(verdict=StepVerdict.EXHAUSTED)
        return result or StepResult(verdict=StepVerdict.INTERRUPTED)

    # The end.

    async def _end(self, state: PurchaseOrderState) -> PurchaseOrderOutcome:
        """Record an ending without shipment, and close the fence, so that no late attempt can send."""
        ending = PurchaseOrderEnding(**self._ref.model_dump(), ending=state, given_up=self._given_up)
        summary = f"Record: {state.replace('_', ' ')}"
        straggler = await workflow.execute_activity_method(
            PurchaseOrderActivities.end_purchase_order, ending, **options.record(summary)
        )
        if straggler is not None:
            await start_watch(straggler)
        self._show(stage=state.replace("_", " ").title().replace(" ", ""))
        return self._outcome(state, None)

    def _outcome(self, state: PurchaseOrderState, order_ending: OrderState | None) -> PurchaseOrderOutcome:
        return PurchaseOrderOutcome(
            purchase_order_id=self._request.purchase_order_id,
            supplier=self._profile.supplier,
            ending=state,
            order_ending=order_ending,
        )
