"""Purchase orders that are taken back from their supplier: asked to be stopped there, or watched once given up."""

from dataclasses import replace
from datetime import timedelta

from temporalio import activity

from activities import outages, placement
from activities.common import Dependencies, ask_about, now, subject
from activities.failures import unanswered, wait
from activities.journal import Entries
from activities.polling import Answer, clock, given, is_unanswered
from adapters.database import following, purchase_orders, timeline, withdrawals
from adapters.database.engine import Transaction
from adapters.database.following import Check
from adapters.database.purchase_orders import PurchaseOrderView
from adapters.errors import AdapterError, Refused
from models.contracts import CancelRequest, PollRequest, StepResult, StepVerdict
from models.suppliers import Cancellation, SupplierOrderStatus, SupplierState
from models.tasks import TaskCategory
from workflows.decisions import tracking_plan

CANCEL_LOOKS = 8  # times a supplier is asked whether it has cancelled, spread evenly over its deadline

_VERDICTS = {Cancellation.CANCELLED: StepVerdict.DONE, Cancellation.TOO_LATE: StepVerdict.TOO_LATE}


class WithdrawalActivities:
    """One supplier's side of a purchase order that is to end there, on that supplier's own task queue."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    # Asking it to stop.

    @activity.defn(no_thread_cancel_exception=True)
    def cancel_at_supplier(self, request: CancelRequest) -> StepResult:
        """Ask the supplier to stop the order, by retry, until it has said yes or too late, or time is up."""
        return given(self._stop(request))

    def _stop(self, request: CancelRequest) -> Answer:
        with self._deps.database.begin() as tx:
            order = purchase_orders.load(tx, request.purchase_order_id)
            if any(not parcel.told for parcel in following.known_parcels(tx, order.id)):
                return self._said(tx, order, StepVerdict.TOO_LATE, "it has shipped")
            pause = outages.pause(tx, self._deps, order, [request.until], timedelta(0))
        if pause is not None and pause.delay is not None:
            return wait(pause.message, pause.delay)
        with self._deps.journal.about(subject(order.order_id, order.id)) as entries:
            try:
                answer = self._ask_to_stop(order)
            except Refused as refusal:
                return self._concluded(order, entries, StepVerdict.EXHAUSTED, refusal.code)
            except AdapterError as error:
                return self._not_reached(order, entries, request, error)
            if answer in _VERDICTS:
                return self._concluded(order, entries, _VERDICTS[answer], answer)
            if now() >= request.until:
                return self._concluded(order, entries, StepVerdict.EXHAUSTED, "it has not answered in time")
            with self._deps.database.begin() as tx:
                entries.save(tx)
                outages.note_success(tx, self._deps, order.supplier, entries)
        return wait(f"asked to cancel; awaited until {clock(request.until)}", _until_next_look(request))

    def _ask_to_stop(self, order: PurchaseOrderView) -> Cancellation:
        """Ask; one that only took note of the wish tells by the state of its order."""
        assert order.supplier_number is not None
        port = placement.port_of(self._deps, order)
        answer = port.cancel_order(order.supplier_number)
        if answer is not Cancellation.REQUESTED:
            return answer
        match port.fetch_order(order.supplier_number).state:
            case SupplierState.CANCELLED:
                return Cancellation.CANCELLED
            case SupplierState.SHIPPED:
                return Cancellation.TOO_LATE
        return answer

    def _not_reached(
        self, order: PurchaseOrderView, entries: Entries, request: CancelRequest, error: AdapterError
    ) -> Answer:
        if now() >= request.until:
            return self._concluded(order, entries, StepVerdict.EXHAUSTED, f"unreachable: {error.code}")
        with self._deps.database.begin() as tx:
            entries.save(tx)
            outages.note_failure(tx, self._deps, order, error, entries)
        return unanswered(error, activity.info().attempt)

    def _concluded(self, order: PurchaseOrderView, entries: Entries, verdict: StepVerdict, said: str) -> StepResult:
        with self._deps.database.begin() as tx:
            entries.save(tx)
            return self._said(tx, order, verdict, said)

    def _said(self, tx: Transaction, order: PurchaseOrderView, verdict: StepVerdict, said: str) -> StepResult:
        outcome = {StepVerdict.DONE: "cancelled", StepVerdict.TOO_LATE: "too late"}.get(verdict, "no clear answer")
        timeline.tell(
            tx,
            order.order_id,
            "purchase_order.cancel_asked",
            at=now(),
            purchase_order_id=order.id,
            key=f"{order.id}:cancel:{activity.info().activity_id}",
            supplier=order.supplier,
            outcome=outcome,
            said=said,
        )
        return StepResult(verdict=verdict)

    # Watching one that was given up.

    @activity.defn(no_thread_cancel_exception=True)
    def watch_straggler(self, request: PollRequest) -> StepResult:
        """Look, by retry, whether a supplier delivers what was ordered elsewhere meanwhile; a person is told, once."""
        return given(self._watch(request))

    def _watch(self, request: PollRequest) -> Answer:
        checks = tracking_plan.instants(request.confirmed_at, request.plan)
        due = tracking_plan.due_check(now(), checks)
        with self._deps.database.begin() as tx:
            order = purchase_orders.load(tx, request.purchase_order_id)
            if any(not parcel.told for parcel in following.known_parcels(tx, order.id)):
                return self._delivers(tx, order, "shipped")
            look = Check(order.id, "straggler", due, activity.info().scheduled_time, now())
            look_now = request.look_now and is_unanswered(tx, look)
            if due == 0 and not look_now:
                return wait(f"given up; first of {len(checks)} looks {clock(checks[0])}", checks[0] - now())
            if pause := outages.pause(tx, self._deps, order, checks, request.final_grace):
                if pause.delay is None:
                    return self._delivers(tx, order, pause.message)
                return wait(pause.message, pause.delay)
        check = look if look_now else replace(look, due_at=checks[due - 1])
        with self._deps.journal.about(subject(order.order_id, order.id)) as entries:
            assert order.supplier_number is not None
            try:
                status = placement.port_of(self._deps, order).fetch_order(order.supplier_number)
            except AdapterError as error:
                with self._deps.database.begin() as tx:
                    entries.save(tx)
                    answer = self._unanswered(tx, order, request, check, error)
                    outages.note_failure(tx, self._deps, order, error, entries)
                    return answer
            with self._deps.database.begin() as tx:
                entries.save(tx)
                following.keep_check(tx, check, status.status_text or status.state)
                answer = self._judge(tx, order, request, status)
                outages.note_success(tx, self._deps, order.supplier, entries)
                return answer

    def _judge(
        self, tx: Transaction, order: PurchaseOrderView, request: PollRequest, status: SupplierOrderStatus
    ) -> Answer:
        """Whatever shipped is kept with its purchase order, and the storefront is not told of it.

        Parcels that it was told of left before the order was given up.
        """
        following.keep_parcels(tx, order.id, status.parcels, source="check", now=now())
        said = status.status_text or status.state
        if status.state is SupplierState.CANCELLED:
            return StepResult(verdict=StepVerdict.CANCELLED)
        late = any(not parcel.told for parcel in following.known_parcels(tx, order.id))
        if late or status.state is SupplierState.SHIPPED:
            return self._delivers(tx, order, said)
        if status.state is SupplierState.ACKNOWLEDGED and not order.acknowledged:  # it was given up for its silence
            self._delivers(tx, order, said)
        return self._next_look(tx, order, request, said)

    def _unanswered(
        self, tx: Transaction, order: PurchaseOrderView, request: PollRequest, check: Check, error: AdapterError
    ) -> Answer:
        errors = following.keep_check(tx, check, None)
        checks = tracking_plan.instants(request.confirmed_at, request.plan)
        delay = tracking_plan.wait_after_error(now(), checks, errors, request.final_grace)
        if delay is None:
            return self._delivers(tx, order, f"unreachable: {error.code}")
        return wait(f"given up; no answer ({error.code}), asked {errors} times", delay)

    def _next_look(self, tx: Transaction, order: PurchaseOrderView, request: PollRequest, said: str) -> Answer:
        checks = tracking_plan.instants(request.confirmed_at, request.plan)
        delay = tracking_plan.wait_for_next(now(), checks)
        if delay is None:  # it was never cancelled there: who knows what still comes
            return self._delivers(tx, order, said)
        return wait(f"given up; it says {said}; next look {clock(now() + delay)}", delay)

    def _delivers(self, tx: Transaction, order: PurchaseOrderView, said: str) -> StepResult:
        if not withdrawals.told_of_twice(tx, order.id):
            category, facts = TaskCategory.TWICE_DELIVERED, {"status": said}
            task = ask_about(tx, self._deps, category, order, waited_for=False, facts=facts, status=said)
            timeline.tell(
                tx,
                order.order_id,
                "purchase_order.delivered_after_all",
                at=now(),
                purchase_order_id=order.id,
                key=f"{order.id}:twice",
                supplier=order.supplier,
                status=said,
                task=task.task_id,
            )
        return StepResult(verdict=StepVerdict.DONE)


def _until_next_look(request: CancelRequest) -> timedelta:
    interval = (request.until - activity.info().scheduled_time) / CANCEL_LOOKS
    return min(interval, request.until - now())
