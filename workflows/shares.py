"""The purchase orders of an order, as their order sees them: each runs in the background, to its outcome.

What one of them does not deliver is noted at once; the story plans it again while the others go on.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError

from activities.orders import OrderActivities
from activities.purchase_orders import PurchaseOrderActivities
from models.commands import Command, CommandName, UnitsReturned
from models.contracts import (
    OrderRef,
    OrderRequest,
    PurchaseOrderEnding,
    PurchaseOrderOutcome,
    PurchaseOrderRef,
    PurchaseOrderRequest,
)
from models.identifiers import ORDERS_QUEUE, purchase_order_workflow_id
from models.statuses import OrderState, PurchaseOrderState
from models.tasks import TaskCategory
from workflows import options, search_attributes
from workflows.purchase_order import PurchaseOrderWorkflow
from workflows.steering import Steerable
from workflows.straggler import start_watch

ChildHandle = workflow.ChildWorkflowHandle[PurchaseOrderWorkflow, PurchaseOrderOutcome]

# Endings after which the open quantity is planned again, without the supplier they came from.
_PLAN_AGAIN = frozenset(
    {PurchaseOrderState.REJECTED, PurchaseOrderState.CANCELLED_BY_SUPPLIER, PurchaseOrderState.RETURNED}
)


class Shares(Steerable):
    """An order with its purchase orders. ``_uncovered``: something may be open that none of them delivers."""

    def __init__(self, request: OrderRequest) -> None:
        super().__init__(request.order_id)
        self._request = request
        self._ref = OrderRef(order_id=request.order_id, channel=request.channel)
        self._uncovered = True
        self._excluded: list[str] = []  # suppliers that did not deliver their share
        self._left: set[str] = set()  # of these, who was given up, and may still deliver
        self._purchase_orders: dict[str, PurchaseOrderRequest] = {}  # by our number, all plans
        self._states: dict[str, str] = {}
        self._running: dict[str, asyncio.Task[PurchaseOrderOutcome]] = {}
        self._told_to_hold: set[str] = set()  # with the order, until it is released
        self._holding: Command | None = None  # by which it is held
        self._lost: dict[str, str] = {}  # without a result, and why; a person must say what is true
        self._verdicts: dict[str, CommandName] = {}  # what a person has said of a lost one
        self._ending: OrderState | None = None  # set by the purchase order whose last transaction closed the books

    # Messages.

    @workflow.signal(description="A supplier will not deliver some units of a purchase order that goes on.")
    async def units_returned(self, *args: Any) -> None:
        """Plan these units again, without the supplier that declined them."""
        event = await self._read("units_returned", UnitsReturned, args)
        if event:
            self._leave_out(event.supplier)

    def _refusal_of(self, command: Command) -> str | None:
        if command.command is not CommandName.REROUTE:
            return super()._refusal_of(command)
        if command.supplier is None:
            return "name the supplier whose purchase order is to be ordered elsewhere"
        if not self._running_at(command.supplier):
            return f"no purchase order of this order runs at {command.supplier}"
        return None

    async def _on_taken(self, command: Command, *, answered: bool) -> None:
        """Hand hold, release and reroute down to the purchase orders: each refuses where it would change nothing."""
        if command.command is CommandName.HOLD:
            await self._tell_of_hold(list(self._running), command)
        if command.command is CommandName.RELEASE:  # to others it would answer questions of their own
            await self._tell_of_hold([number for number in self._running if number in self._told_to_hold], command)
        if command.command is CommandName.REROUTE and command.supplier and not answered:
            for number in self._running_at(command.supplier):
                await self._tell(number, "override", command)

    # Running them.

    def _launch(self, orders: Sequence[PurchaseOrderRequest]) -> None:
        """Start one workflow per purchase order, and go on."""
        for order in orders:
            self._purchase_orders[order.number] = order
            self._states[order.number] = "started"
            self._running[order.number] = asyncio.create_task(self._run_purchase_order(order))
        suppliers = sorted({order.profile.supplier for order in self._purchase_orders.values()})
        self._show(search_attributes.SUPPLIERS.value_set(suppliers), stage="Ordering")

    async def _run_purchase_order(self, order: PurchaseOrderRequest) -> PurchaseOrderOutcome:
        try:
            child = await self._start(order)
            if self._cancel_wanted:  # since before it was there to hear of it
                await self._tell(order.number, "cancel_requested")
            if self._holding and order.number not in self._told_to_hold:  # likewise
                await self._tell_of_hold([order.number], self._holding)
            outcome = await self._outcome_of(order, child)
        except Exception:
            self._look_up()  # whatever this is, the story must meet it
            raise
        self._states[order.number] = outcome.ending.replace("_", " ")
        self._show()
        if outcome.ending in _PLAN_AGAIN:
            if outcome.ending is PurchaseOrderState.RETURNED:
                self._left.add(outcome.supplier)
            self._leave_out(outcome.supplier)
        return outcome

    def _leave_out(self, supplier: str) -> None:
        if supplier not in self._excluded:
            self._excluded.append(supplier)
        self._look_up()

    def _consider_all_again(self) -> None:
        self._excluded.clear()
        self._left.clear()

    def _consider_again_who_had_none(self) -> None:
        """Plan again with the suppliers that refused, cancelled or declined; those that were given up stay out."""
        had_none = [supplier for supplier in self._excluded if supplier not in self._left]
        if had_none:
            self._excluded = [supplier for supplier in self._excluded if supplier in self._left]
            self._look_up()

    def _look_up(self) -> None:
        """End whatever the story waits for: it must plan, or ask, at once."""
        self._uncovered = True
        self._news += 1

    def _collect(self) -> None:
        """Let go of purchase orders that have ended. What went wrong in following one is raised here."""
        for number in [number for number, task in self._running.items() if task.done()]:
            outcome = self._running.pop(number).result()
            self._ending = outcome.order_ending or self._ending

    def _one_has_ended(self) -> bool:
        return any(task.done() for task in self._running.values())

    async def _see_them_end(self) -> None:
        """The story is over: nothing is planned any more, and what suppliers have is followed to its end."""
        self._collect()
        while self._running:
            await workflow.wait_condition(lambda: self._one_has_ended() or bool(self._lost))
            if self._lost:
                await self._ask_about_a_lost_one()
            self._collect()

    async def _start(self, order: PurchaseOrderRequest) -> ChildHandle | None:
        """Start the purchase order's workflow; None where another run of this order has started it before."""
        try:
            return await workflow.start_child_workflow(
                PurchaseOrderWorkflow.run,
                order,
                id=_workflow_id(order),
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
            self._lost[order.number] = type(error.cause).__name__
        self._news += 1
        await workflow.wait_condition(lambda: order.number in self._verdicts)
        match self._verdicts.pop(order.number):
            case CommandName.RELEASE:
                return await self._follow(order)
            case CommandName.REROUTE:
                return await self._give_up(order, PurchaseOrderState.RETURNED)
            case _:
                return await self._give_up(order, PurchaseOrderState.CANCELLED)

    async def _ask_about_a_lost_one(self) -> None:
        """Ask a person what became of a purchase order whose workflow ended without a result; one after the other."""
        number, problem = next(iter(self._lost.items()))
        supplier = self._purchase_orders[number].profile.display_name
        task = await self._open(TaskCategory.PURCHASE_ORDER_LOST, number=number, supplier=supplier, problem=problem)
        answer = await self._ask(task, whatever_happens=True)
        del self._lost[number]
        self._verdicts[number] = answer.command if answer else CommandName.CANCEL

    async def _follow(self, order: PurchaseOrderRequest) -> PurchaseOrderOutcome:
        return await workflow.execute_activity_method(
            OrderActivities.follow_purchase_order,
            _ref(order),
            **options.follow_outcome(f"Follow {order.number}, started by another run"),
        )

    async def _give_up(self, order: PurchaseOrderRequest, state: PurchaseOrderState) -> PurchaseOrderOutcome:
        """End a purchase order that has no workflow. One that its supplier may have is watched from now on."""
        given_up = state is PurchaseOrderState.RETURNED
        ending = PurchaseOrderEnding(**_ref(order).model_dump(), ending=state, given_up=given_up)
        straggler = await workflow.execute_activity_method(
            PurchaseOrderActivities.end_purchase_order, ending, **options.record(f"Record: {state}")
        )
        if straggler is not None:
            await start_watch(straggler)
        return PurchaseOrderOutcome(
            purchase_order_id=order.purchase_order_id, supplier=order.profile.supplier, ending=state
        )

    # Telling them.

    async def _relay_cancel(self) -> None:
        await workflow.wait_condition(lambda: self._cancel_wanted)
        for number in list(self._running):
            await self._tell(number, "cancel_requested")

    async def _tell(self, number: str, signal: str, *args: Any) -> bool:
        """Signal a purchase order; one that has ended meanwhile needs no telling. Returns whether it is there."""
        workflow_id = _workflow_id(self._purchase_orders[number])
        try:
            await workflow.get_external_workflow_handle(workflow_id).signal(signal, args=args)
        except Exception as error:  # noqa: BLE001
            workflow.logger.info("not told: %s (%s)", workflow_id, type(error).__name__)
            return False
        return True

    async def _tell_of_hold(self, numbers: list[str], command: Command) -> None:
        self._holding = command if command.command is CommandName.HOLD else None
        self._told_to_hold -= set(numbers)
        for number in numbers:
            told = await self._tell(number, "override", command.model_copy(update={"task_id": None}))
            if told and self._holding:
                self._told_to_hold.add(number)

    def _running_at(self, supplier: str) -> list[str]:
        return [number for number in self._running if self._purchase_orders[number].profile.supplier == supplier]


def _workflow_id(order: PurchaseOrderRequest) -> str:
    supplier = order.profile.supplier
    return purchase_order_workflow_id(order.channel, order.storefront_order_id, supplier, order.attempt)


def _ref(order: PurchaseOrderRequest) -> PurchaseOrderRef:
    return PurchaseOrderRef(purchase_order_id=order.purchase_order_id, order_id=order.order_id, channel=order.channel)
