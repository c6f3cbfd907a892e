"""Activities that end a purchase order in our books."""

from datetime import timedelta

from temporalio import activity

from activities import escalations
from activities.common import Dependencies, now
from adapters.database import purchase_orders, submissions, timeline, withdrawals
from adapters.database.engine import Transaction
from adapters.database.purchase_orders import PurchaseOrderView
from models.contracts import PurchaseOrderEnding, StragglerRequest
from models.statuses import PurchaseOrderState, SubmissionState
from workflows.decisions import tracking_plan

LEAST_WATCH = timedelta(days=14)  # over a supplier that may still deliver what was ordered elsewhere


class PurchaseOrderActivities:
    """One transaction each; no outside call."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def end_purchase_order(self, request: PurchaseOrderEnding) -> StragglerRequest | None:
        """Record an ending without shipment, close the fence where nothing was placed, and alert where a supplier cancelled.

        Returns how to watch the supplier, where it was given up and may still deliver. One that is no longer configured
        can't be looked at.
        """
        with self._deps.database.begin() as tx:
            order = submissions.lock(tx, request.purchase_order_id)
            if purchase_orders.end(tx, order.id, request.ending, now=now()):
                self._tell(tx, order, request.ending)
            if not request.given_up or order.submission is not SubmissionState.PLACED:
                return None
            withdrawals.give_up(tx, order.id, now=now())
            known = order.supplier in self._deps.outside.configuration.suppliers
            return self._straggler(order) if known else None

    def _tell(self, tx: Transaction, order: PurchaseOrderView, ending: PurchaseOrderState) -> None:
        timeline.tell(
            tx,
            order.order_id,
            f"purchase_order.{ending}",
            at=now(),
            purchase_order_id=order.id,
            key=f"{order.id}:ended",
            supplier=order.supplier,
        )
        if ending is PurchaseOrderState.CANCELLED:
            purchase_orders.cancel_open_lines(tx, order.id, order.order_id)
        if ending is PurchaseOrderState.CANCELLED_BY_SUPPLIER:
            escalations.cancelled_by_supplier(tx, self._deps, order)
        if ending is PurchaseOrderState.TEST_PLACED:
            note = f"test order: have {order.supplier_number} cancelled at {order.supplier}"
            timeline.tell(tx, order.order_id, "purchase_order.note", at=now(), purchase_order_id=order.id, note=note)

    def _straggler(self, order: PurchaseOrderView) -> StragglerRequest:
        """Watch it to the end of its plan, and for two weeks at least."""
        profile = self._deps.outside.profile(order.supplier, now())
        assert order.confirmed_at is not None
        planned = tracking_plan.instants(order.confirmed_at, profile.tracking_plan)[-1]
        return StragglerRequest(
            purchase_order_id=order.id,
            order_id=order.order_id,
            channel=order.channel,
            number=order.number,
            profile=profile,
            confirmed_at=order.confirmed_at,
            until=max(planned, now() + LEAST_WATCH),
        )
