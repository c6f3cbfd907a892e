"""Activities that speak to a channel's storefront, and the transaction that records what it said."""

from datetime import timedelta

from temporalio import activity

from activities import letters, shipping
from activities.common import Dependencies, ask, ask_about, now, stopped_by_mode, subject
from activities.failures import wait
from activities.refunds import ask_for_refund
from activities.shipping import Portion
from adapters.database import following, mails, orders, purchase_orders, tasks, timeline
from adapters.database.engine import Transaction
from adapters.database.purchase_orders import PurchaseOrderView
from adapters.errors import AuthenticationFailed, Refused
from models.configuration import CustomerMessages
from models.contracts import (
    FulfilmentResult,
    FulfilRequest,
    PurchaseOrderRef,
    Screening,
    ScreenRequest,
    ScreenVerdict,
    StepResult,
    StepVerdict,
)
from models.screening import Problem
from models.statuses import PurchaseOrderState
from models.storefronts import FulfilmentLine, FulfilmentRequest, OrderNote, StorefrontFacts
from models.tasks import TaskCategory
from workflows.decisions import screening

COST_ID_KEY = "shipping_cost_id"
SUPPLIER_NUMBER_KEY = "order_number"


AT_ONCE = timedelta(seconds=1)


class StorefrontActivities:
    """One call to the storefront each. Writes are repeatable: the same value again, or looked for before it is made."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def screen_order(self, request: ScreenRequest) -> Screening:
        """Claim the order for this chain of runs, ask the storefront for its present word, and judge whether it can go on."""
        with self._deps.database.begin() as tx:
            if not orders.claim(tx, request.order_id, request.first_run_id):
                return Screening(verdict=ScreenVerdict.FOREIGN_RUN)
            order = orders.load(tx, request.order_id)
        with self._deps.journal.about(subject(order.id)) as entries:
            try:
                facts = self._deps.outside.storefront(order.channel).fetch_facts(order.storefront_order_id)
            except Refused as refusal:
                facts = None
                problem: Problem | None = Problem(
                    TaskCategory.STOREFRONT_REFUSED, {"order": order.name, "what": "the order", "code": refusal.code}
                )
            with self._deps.database.begin() as tx:
                entries.save(tx)
                if facts is not None:
                    problem = self._judge(tx, request, facts)
                if request.screened_before:
                    answer = "the order was checked again"
                    tasks.close_of_workflow(tx, activity.info().workflow_id or "", now=now(), answer=answer)
                return self._screened(tx, order.id, facts, problem)

    def _judge(self, tx: Transaction, request: ScreenRequest, facts: StorefrontFacts) -> Problem | None:
        order = orders.load(tx, request.order_id)
        lines = orders.lines_to_screen(tx, order.id, order.channel)
        known, unknown = screening.resolve_articles(lines, facts.barcodes)
        orders.set_articles(tx, order.id, known)
        return screening.find_problem(order.name, order.address, facts, lines, unknown)

    def _screened(
        self, tx: Transaction, order_id: int, facts: StorefrontFacts | None, problem: Problem | None
    ) -> Screening:
        if facts is not None and facts.cancelled:
            orders.request_cancel(tx, order_id, now=now())
            timeline.tell(tx, order_id, "order.cancelled_in_storefront", at=now())
            return Screening(verdict=ScreenVerdict.CANCELLED)
        if problem is None:
            timeline.tell(tx, order_id, "order.screened", at=now())
            return Screening(verdict=ScreenVerdict.CLEAR)
        task = ask(tx, self._deps, problem.category, problem.facts, order_id=order_id)
        timeline.tell(tx, order_id, "order.needs_person", at=now(), category=problem.category, task=task.task_id)
        return Screening(verdict=ScreenVerdict.ASK, task=task)

    @activity.defn(no_thread_cancel_exception=True)
    def write_shipping_choice(self, request: PurchaseOrderRef) -> StepResult:
        """Write the chosen rate's cost id to the storefront's order, before anything is ordered."""
        with self._deps.database.begin() as tx:
            order = purchase_orders.load(tx, request.purchase_order_id)
            if task := stopped_by_mode(tx, self._deps, order):
                return StepResult(verdict=StepVerdict.ASK, task=task)
        return self._write(order, COST_ID_KEY, order.quote_id or "", "purchase_order.cost_id_written")

    @activity.defn(no_thread_cancel_exception=True)
    def write_supplier_number(self, request: PurchaseOrderRef) -> StepResult:
        """Write the supplier's number to the storefront's order."""
        with self._deps.database.begin() as tx:
            order = purchase_orders.load(tx, request.purchase_order_id)
        return self._write(order, SUPPLIER_NUMBER_KEY, order.supplier_number or "", "purchase_order.number_written")

    def _write(self, order: PurchaseOrderView, key: str, value: str, event: str) -> StepResult:
        namespace = self._deps.outside.supplier_settings(order.supplier).metafield_namespace
        note = OrderNote(namespace=namespace, key=key, value=value)
        with self._deps.journal.about(subject(order.order_id, order.id)) as entries:
            try:
                self._deps.outside.storefront(order.channel).write_note(order.storefront_order_id, note)
            except (Refused, AuthenticationFailed) as refusal:
                return self._refused(order, f"{namespace}.{key}", refusal.code)
            with self._deps.database.begin() as tx:
                entries.save(tx)
                timeline.tell(
                    tx,
                    order.order_id,
                    event,
                    at=now(),
                    purchase_order_id=order.id,
                    key=f"{order.id}:{key}:{value}",
                    value=value,
                )
        return StepResult(verdict=StepVerdict.DONE)

    def _refused(self, order: PurchaseOrderView, what: str, code: str) -> FulfilmentResult:
        with self._deps.database.begin() as tx:
            facts = {"what": what, "code": code}
            task = ask_about(tx, self._deps, TaskCategory.STOREFRONT_REFUSED, order, facts=facts, code=code)
        return FulfilmentResult(verdict=StepVerdict.ASK, task=task)

    @activity.defn(no_thread_cancel_exception=True)
    def fulfil(self, request: FulfilRequest) -> FulfilmentResult:
        """Tell the storefront of what left together; count the units, write the mail, and close what is complete.

        Parcels whose content is known leave one by one: ``PARTIAL`` where there are more of them to tell.
        """
        with self._deps.database.begin() as tx:
            order = purchase_orders.load(tx, request.purchase_order_id)
            portion = shipping.portion(tx, order)
        fulfilment_id = order.fulfilment_id
        with self._deps.journal.about(subject(order.order_id, order.id)) as entries:
            if portion.is_to_be_told and not request.by_hand:
                try:
                    fulfilment_id = self._tell_storefront(order, portion)
                except (Refused, AuthenticationFailed) as refusal:
                    return self._refused(order, "the fulfilment", refusal.code)
            with self._deps.database.begin() as tx:
                entries.save(tx)
                orders.lock(tx, order.order_id)  # before the purchase order, as everywhere
                if order.bundled and shipping.portion(tx, order).lines != portion.lines:
                    raise wait("another part of a bundle shipped at the same moment", AT_ONCE)
                if portion.was_told_meanwhile(tx, order):  # its units would be counted twice
                    raise wait("another attempt has told it", AT_ONCE)
                return self._record_shipment(tx, order, portion, fulfilment_id, request)

    def _tell_storefront(self, order: PurchaseOrderView, portion: Portion) -> str:
        notify = self._deps.outside.channel(order.channel).customer_messages is CustomerMessages.STOREFRONT
        parcels = portion.parcels
        fulfilment = FulfilmentRequest(
            storefront_order_id=order.storefront_order_id,
            fulfilment_id=portion.joins,
            lines=tuple(FulfilmentLine(line_id=line_id, quantity=units) for line_id, units in portion.lines),
            tracking_numbers=tuple(parcel.tracking_number for parcel in parcels),
            carrier=next((parcel.carrier for parcel in parcels if parcel.carrier), order.carrier or ""),
            urls=tuple(parcel.url for parcel in parcels if parcel.url),
            notify_customer=notify,
        )
        return self._deps.outside.storefront(order.channel).fulfil(fulfilment)

    def _record_shipment(
        self, tx: Transaction, order: PurchaseOrderView, portion: Portion, fulfilment_id: str, request: FulfilRequest
    ) -> FulfilmentResult:
        if portion.new:
            purchase_orders.keep_fulfilment(tx, order.id, fulfilment_id)
            if portion.completes or request.by_hand or portion.units is not None:  # more than was ordered: no news
                following.mark_told(tx, [parcel.id for parcel in portion.new], now=now())
            units = portion.count(tx, order)
            channel = self._deps.outside.channel(order.channel)
            if channel.customer_messages is CustomerMessages.DROPWRIGHT:
                mails.write(tx, letters.shipped(order, portion.new), now=now())
            timeline.tell(
                tx,
                order.order_id,
                "purchase_order.shipped",
                at=now(),
                purchase_order_id=order.id,
                key=f"{order.id}:told:{portion.new[0].id}",
                units=units,
                tracking=[parcel.tracking_number for parcel in portion.new],
                by_hand=request.by_hand,
            )
        if portion.more:
            return FulfilmentResult(verdict=StepVerdict.PARTIAL)
        if not request.complete:
            return FulfilmentResult(verdict=StepVerdict.DONE)
        purchase_orders.end(tx, order.id, PurchaseOrderState.SHIPPED, now=now())
        ending = orders.settle_if_shipped(tx, order.order_id, now=now())
        if ending is not None:
            ask_for_refund(tx, self._deps, order.order_id, ending)
        return FulfilmentResult(verdict=StepVerdict.DONE, order_ending=ending)
