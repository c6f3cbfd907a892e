"""OrderWorkflow: the whole life of a customer's order. Read ``_story``; every line of it is a stage below."""

import asyncio
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.orders import OrderActivities
from activities.purchase_orders import PurchaseOrderActivities
from activities.storefronts import StorefrontActivities
from models.commands import Command, CommandName, StorefrontEvent, StorefrontEventKind
from models.contracts import (
    OrderEnding,
    OrderOutcome,
    OrderRequest,
    PlanRequest,
    PlanResult,
    PlanVerdict,
    PurchaseOrderEnding,
    Screening,
    ScreenRequest,
    ScreenVerdict,
)
from models.statuses import OrderState, PurchaseOrderState
from models.tasks import TaskCategory
from workflows import options
from workflows.decisions import presentation
from workflows.shortages import Shortages
from workflows.steering import Ended, start_input


@workflow.defn(name="OrderWorkflow")
class OrderWorkflow(Shortages):
    """A paid customer order: screened, planned, ordered at its suppliers, and settled once its last parcel has left."""

    @workflow.init
    def __init__(self, request: OrderRequest | None = None) -> None:
        super().__init__(start_input(request))
        self._stage = "Screening"
        self._plan_no = 1

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderOutcome:  # noqa: ARG002 - held since __init__
        """Screen, plan, order at the suppliers, plan again what they do not deliver, settle."""
        return await self._guarded(self._story())

    async def _story(self) -> OrderOutcome:
        relay = asyncio.create_task(self._relay_cancel())
        ending = None
        try:
            await self._screen()
            await self._see_it_delivered()
        except Ended as end:
            ending = end.state
            await self._take_the_question_back()
        await self._see_them_end()
        relay.cancel()
        return await self._settle(ending or self._ending)

    async def _see_it_delivered(self) -> None:
        """Plan and order what is open, again whenever something comes back, until nothing is left to wait for."""
        while True:
            self._collect()
            if self._lost:
                await self._ask_about_a_lost_one()
                self._uncovered |= self._shortage is not None  # that question took the place of the shortage's
            elif self._uncovered or (self._shortage and self._stock_came):
                await self._plan_and_order()
            elif self._shortage:
                await self._await_what_is_short(self._shortage)
            elif self._running:
                self._show(stage="Ordering")
                await workflow.wait_condition(lambda: self._one_has_ended() or self._uncovered or bool(self._lost))
            else:
                return

    # Messages.

    @workflow.signal(description="The storefront's order changed (cancelled, address); the change is stored already.")
    async def storefront_changed(self, *args: Any) -> None:
        """Take a stored fact from the storefront, each once."""
        event = await self._read("storefront_changed", StorefrontEvent, args)
        if event:
            self._cancel_wanted |= event.kind is StorefrontEventKind.CANCELLED
            self._news += 1

    def _refusal_of(self, command: Command) -> str | None:
        if command.command is CommandName.CHANGE_ADDRESS:
            return None
        return super()._refusal_of(command)

    def _next_step(self, command: Command) -> str:
        if command.command is CommandName.CHANGE_ADDRESS and self._running:
            return "the new address is used where nothing was ordered yet; where it was, a task asks for a call to the supplier"
        return super()._next_step(command)

    # Stages, in the order of the story.

    async def _screen(self) -> None:
        """Claim the order, and check payment, address and articles; a person repairs what is missing."""
        request = ScreenRequest(**self._ref.model_dump(), first_run_id=workflow.info().first_execution_run_id)
        while True:
            await self._leave_if_cancelled()
            screening = await self._screen_once(request)
            match screening.verdict:
                case ScreenVerdict.CLEAR:
                    return
                case ScreenVerdict.CANCELLED:
                    raise Ended(None)
                case ScreenVerdict.FOREIGN_RUN:
                    raise Ended(OrderState.STORED)
                case ScreenVerdict.ASK:
                    await self._ask_about(screening.task)
            request = request.model_copy(update={"screened_before": True})

    async def _screen_once(self, request: ScreenRequest) -> Screening:
        summary = "Ask the storefront: still paid, address complete, articles known?"
        config = options.storefront(self._request.channel, summary)
        try:
            screening: Screening | None = await self._taken_up(
                lambda: workflow.start_activity_method(StorefrontActivities.screen_order, request, **config)
            )
        except ActivityError:  # a day without an answer
            task = await self._open(TaskCategory.STOREFRONT_REFUSED, what="the check", code="no answer")
            return Screening(verdict=ScreenVerdict.ASK, task=task)
        return screening or Screening(verdict=ScreenVerdict.INTERRUPTED)

    async def _plan_and_order(self) -> None:
        """Plan what no running purchase order covers; place what the plan gives each supplier, once it is released."""
        plan = await self._plan()
        self._take_stock_of(plan)
        if plan and plan.purchase_orders and await self._is_released(plan):
            self._launch(plan.purchase_orders)
            # One question at a time: that for the release has taken the place of the shortage's.
            self._uncovered |= plan.task is not None and self._shortage is not None

    async def _plan(self) -> PlanResult | None:
        """Plan the open quantity; None where nothing is open that no purchase order covers."""
        while True:
            await self._leave_if_cancelled()
            plan = await self._plan_once()
            match plan.verdict if plan else None:
                case PlanVerdict.PLANNED:
                    self._plan_no += 1
                    return plan
                case PlanVerdict.SHORT:
                    return plan
                case PlanVerdict.NOTHING_OPEN:
                    return None
                case PlanVerdict.CANCELLED:
                    raise Ended(None)
                case PlanVerdict.ASK:
                    await self._ask_for_articles(plan)

    async def _plan_once(self) -> PlanResult | None:
        """Plan once; None where a cancel came first. What is told from now on may be too late for this plan."""
        self._show(stage="Planning")
        self._stock_had_come = self._stock_came
        self._uncovered = self._stock_came = False
        request = PlanRequest(
            **self._ref.model_dump(),
            plan_no=self._plan_no,
            excluded=tuple(self._excluded),
            word=self._word,
            ship_available=self._ship_available,
        )
        activity = workflow.start_activity_method(
            OrderActivities.plan_order, request, **options.plan(f"Plan {self._plan_no}: who gets which line")
        )
        return await self._unless_interrupted(activity)

    async def _ask_for_articles(self, plan: PlanResult | None) -> None:
        """A person says which article a line is; screening reads it then."""
        answer = await self._ask_about(plan.task if plan else None)
        if answer and answer.command is CommandName.RELEASE:
            self._consider_all_again()
            await self._screen()

    async def _is_released(self, plan: PlanResult) -> bool:
        """In approve mode a person releases the plan, once. False where it is to be planned anew."""
        try:
            answer = await self._answer_to_release(plan)
        except Ended:
            if self._running:  # else settling ends them at once
                await self._withdraw(plan, PurchaseOrderState.CANCELLED)
            raise
        if answer is CommandName.REROUTE:
            await self._withdraw(plan, PurchaseOrderState.RETURNED)
            self._uncovered = True
        return answer is not CommandName.REROUTE

    async def _answer_to_release(self, plan: PlanResult) -> CommandName:
        answer = None if plan.task else CommandName.RELEASE
        while answer not in (CommandName.APPROVE, CommandName.RELEASE, CommandName.REROUTE):
            self._show(stage="AwaitingRelease")
            said = await self._ask_about(plan.task)
            answer = said.command if said else None
            if answer is CommandName.REJECT:
                raise Ended(None)
        await self._leave_if_cancelled()
        return answer

    async def _withdraw(self, plan: PlanResult, state: PurchaseOrderState) -> None:
        """End purchase orders that were planned and never begun."""
        for order in plan.purchase_orders:
            ending = PurchaseOrderEnding(
                **self._ref.model_dump(), purchase_order_id=order.purchase_order_id, ending=state
            )
            await workflow.execute_activity_method(
                PurchaseOrderActivities.end_purchase_order, ending, **options.record(f"Withdraw {order.number}")
            )

    async def _settle(self, ending: OrderState | None) -> OrderOutcome:
        """Close the books. The transaction that shipped the last open unit has done so already; other endings do it here."""
        if ending is None:
            ending = await workflow.execute_activity_method(
                OrderActivities.settle_order,
                OrderEnding(**self._ref.model_dump()),
                **options.record("Close the books"),
            )
        self._show(stage=ending.replace("_", " ").title().replace(" ", ""))
        return OrderOutcome(
            ending=ending,
            purchase_orders=tuple(self._purchase_orders),
            foreign_run=ending is OrderState.STORED,
        )

    def _render(self) -> str:
        rows = [(order, self._states[number]) for number, order in self._purchase_orders.items()]
        return presentation.order_details(
            self._request, self._stage, self._question, rows, held=self._held, shortage=self._shortage
        )
