"""Activities on customer orders: plan who gets which line, follow what others started, close the books."""

from datetime import timedelta

from temporalio import activity

from activities.common import Dependencies, now
from activities.failures import wait
from activities.heartbeat import beating
from activities.planning import Planner
from activities.refunds import ask_for_refund
from adapters.database import orders, purchase_orders
from models.contracts import OrderEnding, PlanRequest, PlanResult, PurchaseOrderOutcome, PurchaseOrderRef
from models.statuses import ORDER_ENDINGS, OrderState, PurchaseOrderState

LOOK_AGAIN = timedelta(seconds=30)  # for the outcome of a purchase order that another run started


class OrderActivities:
    """Planning, and the end of an order's books."""

    def __init__(self, deps: Dependencies, *, look_again: timedelta = LOOK_AGAIN) -> None:
        """``look_again`` is how often an adopted purchase order is looked at."""
        self._deps = deps
        self._planner = Planner(deps)
        self._look_again = look_again

    @activity.defn(no_thread_cancel_exception=True)
    def plan_order(self, request: PlanRequest) -> PlanResult:
        """Decide who gets what is open, reserve it, and mint the purchase orders, once per plan number."""
        with beating():
            return self._planner.plan(request)

    @activity.defn(no_thread_cancel_exception=True)
    def follow_purchase_order(self, request: PurchaseOrderRef) -> PurchaseOrderOutcome:
        """Wait, by retry, for the outcome of a purchase order that another run of this order started."""
        with self._deps.database.begin() as tx:
            row = purchase_orders.outcome(tx, request.purchase_order_id)
        if row.ended_at is None:
            raise wait("the purchase order is still being followed by its own workflow", self._look_again)
        ending = OrderState(row.order_state)
        return PurchaseOrderOutcome(
            purchase_order_id=request.purchase_order_id,
            supplier=row.supplier,
            ending=PurchaseOrderState(row.state),
            order_ending=ending if ending in ORDER_ENDINGS else None,
        )

    @activity.defn(no_thread_cancel_exception=True)
    def settle_order(self, request: OrderEnding) -> OrderState:
        """Close the books: what is open is cancelled, and money that may be owed to the customer becomes a task."""
        with self._deps.database.begin() as tx:
            ending = orders.settle(tx, request.order_id, now=now())
            never_begun = purchase_orders.open_ones(tx, request.order_id)  # planned, then not released
            purchase_orders.end_all(tx, never_begun, PurchaseOrderState.CANCELLED, now=now())
            ask_for_refund(tx, self._deps, request.order_id, ending)
        return ending
