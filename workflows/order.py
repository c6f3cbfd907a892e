"""OrderWorkflow: the whole life of a customer's order. Read ``_story``; every line of it is a stage below."""

import asyncio
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ChildWorkflowError, WorkflowAlreadyStartedError

from activities.orders import OrderActivities
from activities.purchase_orders import PurchaseOrderActivities
from activities.storefronts import StorefrontActivities
from models.commands import Command, CommandName, StorefrontEvent, StorefrontEventKind
from models.contracts import (
    OrderEnding,
    OrderOutcome,
    OrderRef,
    OrderRequest,
    PlanRequest,
    PlanResult,
    PlanVerdict,
    PurchaseOrderEnding,
    PurchaseOrderOutcome,
    PurchaseOrderRef,
    PurchaseOrderRequest,
    Screening,
    ScreenRequest,
    ScreenVerdict,
)
from models.identifiers import ORDERS_QUEUE, purchase_order_workflow_id
from models.statuses import OrderState, PurchaseOrderState
from models.tasks import OpenTask, TaskCategory
from workflows import options, search_attributes
from workflows.decisions import presentation
from workflows.purchase_order import PurchaseOrderWorkflow
from workflows.steering import Ended, Steerable, describe_malformed, only_argument, start_input

ChildHandle = workflow.ChildWorkflowHandle[PurchaseOrderWorkflow, PurchaseOrderOutcome]

# Endings after which the open quantity is planned again, without the supplier they came from.
_PLAN_AGAIN = frozenset(
    {PurchaseOrderState.REJECTED, PurchaseOrderState.CANCELLED_BY_SUPPLIER, PurchaseOrderState.RETURNED}
)


@workflow.defn(name="OrderWorkflow")
class OrderWorkflow(Steerable):
    """A paid customer order: screened, planned, ordered at its suppliers, and settled once its last parcel has left."""

    @workflow.init
    def __init__(self, request: OrderRequest | None = None) -> None:
        request = start_input(request)
        super().__init__(request.order_id)
        self._request = request
        self._ref = OrderRef(order_id=request.order_id, channel=request.channel)
        self._stage = "Screening"
        self._plan_no = 1
        self._excluded: list[str] = []
        self._purchase_orders: dict[str, PurchaseOrderRequest] = {}  # by our number, all plans
        self._states: dict[str, str] = {}
        self._one_question = asyncio.Lock()
        self._running: list[str] = []  # workflow ids of purchase orders without an outcome

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderOutcome:  # noqa: ARG002 - held since __init__
        """Screen, plan, order at the suppliers, plan again for what they did not deliver, settle."""
        return await self._guarded(self._story())

    async def _story(self) -> OrderOutcome:
        try:
            await self._screen()
            ending = None
            while plan := await self._plan():
                await self._await_release(plan)
                outcomes = await self._order_at_suppliers(plan)
                ending = next((outcome.order_ending for outcome in outcomes if outcome.order_ending), None)
                if not self._must_plan_again(outcomes):
                    break
            return await self._settle(ending)
        except Ended as end:
            return await self._settle(end.state)

    # Messages.

    @workflow.signal(description="The storefront's order changed (cancelled, address); the change is stored already.")
    async def storefront_changed(self, *args: Any) -> None:
        """Take a stored fact from the storefront, each once."""
        try:
            event = StorefrontEvent.model_validate(only_argument(args))
        except (ValueError, TypeError) as error:
            await self._record_malformed("storefront_changed", describe_malformed(error))
            return
        if self._heard(event.event_id):
            return
        if event.kind is StorefrontEventKind.CANCELLED:
            self._cancel_wanted = True
        self._news += 1

    def _refusal_of(self, command: Command) -> str | None:
        if command.command is CommandName.CHANGE_ADDRESS:
            return None
        return super()._refusal_of(command)

    def _next_step(self, command: Command) -> str:
        if command.command is CommandName.CHANGE_ADDRESS and self._running:
            return "the new address is used where nothing was ordered yet; where it was, a task asks for a call to the supplier"
        return super()._next_step(command)

    async def _on_taken(self, command: Command, *, answered: bool) -> None:
        """Hand hold and release down to the purchase orders: each refuses where it would stop nothing."""
        if not answered and command.command in (CommandName.HOLD, CommandName.RELEASE):
            for workflow_id in list(self._running):
                await self._tell_child(workflow_id, "override", command)

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
        activity = workflow.start_activity_method(
            StorefrontActivities.screen_order, request, **options.storefront(self._request.channel, summary)
        )
        try:
            screening: Screening | None = await self._unless_interrupted(activity)
        except ActivityError:  # a day without an answer
            task = await self._open(TaskCategory.STOREFRONT_REFUSED, what="the check", code="no answer")
            return Screening(verdict=ScreenVerdict.ASK, task=task)
        return screening or Screening(verdict=ScreenVerdict.INTERRUPTED)

    async def _plan(self) -> PlanResult | None:
        """Plan the open quantity; None where nothing is open any more."""
        while True:
            await self._leave_if_cancelled()
            self._show(stage="Planning")
            request = PlanRequest(**self._ref.model_dump(), plan_no=self._plan_no, excluded=tuple(self._excluded))
            activity = workflow.start_activity_method(
                OrderActivities.plan_order, request, **options.plan(f"Plan {self._plan_no}: who gets which line")
            )
            plan: PlanResult | None = await self._unless_interrupted(activity)
            if plan is None:
                continue
            match plan.verdict:
                case PlanVerdict.PLANNED:
                    self._plan_no += 1
                    return plan
                case PlanVerdict.NOTHING_OPEN:
                    return None
                case PlanVerdict.CANCELLED:
                    raise Ended(None)
            answer = await self._ask_about(plan.task)
            if answer is CommandName.RELEASE:
                self._excluded.clear()
                if plan.task is not None and plan.task.category is TaskCategory.ARTICLE_UNKNOWN:
                    await self._screen()  # it reads the article that a person has named meanwhile

    async def _await_release(self, plan: PlanResult) -> None:
        """In approve mode a person releases the plan, once."""
        if plan.task is not None:
            self._show(stage="AwaitingRelease")
            answer = None
            while answer not in (CommandName.APPROVE, CommandName.RELEASE):
                answer = await self._ask_about(plan.task)
                if answer is CommandName.REJECT:
                    raise Ended(None)
        await self._leave_if_cancelled()

    async def _order_at_suppliers(self, plan: PlanResult) -> list[PurchaseOrderOutcome]:
        """Run one purchase order per supplier, in parallel, to their outcomes."""
        for order in plan.purchase_orders:
            self._purchase_orders[order.number] = order
            self._states[order.number] = "started"
        suppliers = sorted({order.profile.supplier for order in self._purchase_orders.values()})
        self._show(search_attributes.SUPPLIERS.value_set(suppliers), stage="Ordering")
        relay = asyncio.create_task(self._relay_cancel())
        outcomes = await asyncio.gather(*(self._run_purchase_order(order) for order in plan.purchase_orders))
        relay.cancel()
        return list(outcomes)

    def _must_plan_again(self, outcomes: list[PurchaseOrderOutcome]) -> bool:
        """Leave out the suppliers that did not deliver; say whether anything is left to plan."""
        failed = [outcome.supplier for outcome in outcomes if outcome.ending in _PLAN_AGAIN]
        self._excluded.extend(supplier for supplier in failed if supplier not in self._excluded)
        return bool(failed)

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

    # One purchase order's life, as its order sees it.

    async def _run_purchase_order(self, order: PurchaseOrderRequest) -> PurchaseOrderOutcome:
        workflow_id = purchase_order_workflow_id(
            order.channel, order.storefront_order_id, order.profile.supplier, order.attempt
        )
        self._running.append(workflow_id)
        try:
            outcome = await self._outcome_of(order, await self._start(order, workflow_id))
        finally:
            self._running.remove(workflow_id)
        self._states[order.number] = outcome.ending.replace("_", " ")
        self._show()
        return outcome

    async def _start(self, order: PurchaseOrderRequest, workflow_id: str) -> ChildHandle | None:
        """Start the purchase order's workflow; None where another run of this order has started it before."""
        try:
            return await workflow.start_child_workflow(
                PurchaseOrderWorkflow.run,
                order,
                id=workflow_id,
                task_queue=ORDERS_QUEUE,
                search_attributes=search_attributes.purchase_order_attributes(order),
                static_summary=search_attributes.purchase_order_summary(order),
                id_reuse_policy=options.NEVER_TWICE,
                parent_close_policy=options.CHILDREN_GO_ON,
                cancellation_type=options.CHILDREN_ARE_TOLD,
                priority=options.URGENT,
            )
        except WorkflowAlreadyStartedError:
            return None

    async def _outcome_of(self, order: PurchaseOrderRequest, child: ChildHandle | None) -> PurchaseOrderOutcome:
        """Await a purchase order's outcome: from its workflow, or, where that is not ours to await, from its row."""
        try:
            return await child if child else await self._follow(order)
        except ChildWorkflowError as error:
            problem = type(error.cause).__name__
        async with self._one_question:  # two lost at once are asked about one after the other
            facts = {"number": order.number, "supplier": order.profile.display_name, "problem": problem}
            task = await self._open(TaskCategory.PURCHASE_ORDER_LOST, **facts)
            answer = await self._ask(task, whatever_happens=True)
        match answer.command if answer else None:
            case CommandName.RELEASE:
                return await self._follow(order)
            case CommandName.REROUTE:
                return await self._give_up(order, PurchaseOrderState.RETURNED)
            case _:
                return await self._give_up(order, PurchaseOrderState.CANCELLED)

    async def _follow(self, order: PurchaseOrderRequest) -> PurchaseOrderOutcome:
        return await workflow.execute_activity_method(
            OrderActivities.follow_purchase_order,
            _ref(order),
            **options.follow_outcome(f"Follow {order.number}, started by another run"),
        )

    async def _give_up(self, order: PurchaseOrderRequest, state: PurchaseOrderState) -> PurchaseOrderOutcome:
        ending = PurchaseOrderEnding(**_ref(order).model_dump(), ending=state)
        await workflow.execute_activity_method(
            PurchaseOrderActivities.end_purchase_order, ending, **options.record(f"Record: {state}")
        )
        return PurchaseOrderOutcome(
            purchase_order_id=order.purchase_order_id, supplier=order.profile.supplier, ending=state
        )

    async def _relay_cancel(self) -> None:
        await workflow.wait_condition(lambda: self._cancel_wanted)
        for workflow_id in list(self._running):
            await self._tell_child(workflow_id, "cancel_requested")

    async def _tell_child(self, workflow_id: str, signal: str, *args: Any) -> None:
        """Signal a purchase order; one that has ended meanwhile needs no telling."""
        try:
            await workflow.get_external_workflow_handle(workflow_id).signal(signal, args=args)
        except Exception as error:  # noqa: BLE001
            workflow.logger.info("not told: %s (%s)", workflow_id, type(error).__name__)

    # What every stage shares.

    async def _ask_about(self, task: OpenTask | None) -> CommandName | None:
        """Ask; a cancel ends the story at once, whoever wants it."""
        await self._leave_if_cancelled()
        assert task is not None
        answer = await self._ask(task)
        if answer is not None and answer.command is CommandName.CANCEL:
            raise Ended(None)
        await self._leave_if_cancelled()
        return answer.command if answer else None

    async def _leave_if_cancelled(self) -> None:
        await self._gate()
        if self._cancel_wanted:
            raise Ended(None)

    def _render(self) -> str:
        rows = [(order, self._states[number]) for number, order in self._purchase_orders.items()]
        return presentation.order_details(self._request, self._stage, self._question, rows, held=self._held)


def _ref(order: PurchaseOrderRequest) -> PurchaseOrderRef:
    return PurchaseOrderRef(purchase_order_id=order.purchase_order_id, order_id=order.order_id, channel=order.channel)
