"""Activities that end a purchase order in our books."""

from temporalio import activity

from activities import escalations
from activities.common import Dependencies, now
from adapters.database import purchase_orders, timeline
from models.contracts import PurchaseOrderEnding
from models.statuses import PurchaseOrderState


class PurchaseOrderActivities:
    """One transaction each; no outside call."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def end_purchase_order(self, request: PurchaseOrderEnding) -> None:
        """Record an ending without shipment, close the fence where nothing was placed, and alert where a supplier cancelled."""
        with self._deps.database.begin() as tx:
            order = purchase_orders.load(tx, request.purchase_order_id)
            if not purchase_orders.end(tx, order.id, request.ending, now=now()):
                return
            event = f"purchase_order.{request.ending}"
            timeline.tell(
                tx,
                order.order_id,
                event,
                at=now(),
                purchase_order_id=order.id,
                key=f"{order.id}:ended",
                supplier=order.supplier,
            )
            if request.ending is PurchaseOrderState.CANCELLED:
                purchase_orders.cancel_open_lines(tx, order.id, order.order_id)
            if request.ending is PurchaseOrderState.CANCELLED_BY_SUPPLIER:
                escalations.cancelled_by_supplier(tx, self._deps, order)
            if request.ending is PurchaseOrderState.TEST_PLACED:
                note = f"test order: have {order.supplier_number} cancelled at {order.supplier}"
                timeline.tell(
                    tx, order.order_id, "purchase_order.note", at=now(), purchase_order_id=order.id, note=note
                )
