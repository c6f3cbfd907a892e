"""Questions to a supplier: what shipping costs, whether it has acknowledged, whether it has shipped.

Waiting is one activity that asks and says "not yet": its retries cost no events. What each check heard is kept.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Literal

from temporalio import activity

from activities import answers, escalations, outages, placement, refusals, shipping
from activities.common import Dependencies, ask_about, now, subject
from activities.failures import wait
from activities.polling import Answer, clock, given, is_unanswered
from adapters.database import following, purchase_orders, tasks, timeline, withdrawals
from adapters.database.engine import Transaction
from adapters.database.following import Check, Parcel
from adapters.database.purchase_orders import PurchaseOrderView
from adapters.errors import AdapterError
from models.base import format_duration
from models.commands import CommandName
from models.configuration import Supplier
from models.contracts import PollRequest, PurchaseOrderRef, StepResult, StepVerdict
from models.statuses import Mode
from models.suppliers import ACKNOWLEDGING, ShippingQuote, SupplierOrderStatus, SupplierState
from models.tasks import TaskCategory
from workflows.decisions import destinations, screening, shipping_choice, tracking_plan

Kind = Literal["tracking", "acknowledgement"]


class SupplierActivities:
    """One supplier's side of a purchase order, on that supplier's own task queue."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    # Choosing how to ship.

    @activity.defn(no_thread_cancel_exception=True)
    def choose_shipping(self, request: PurchaseOrderRef) -> StepResult:
        """Ask for live rates and keep the choice: the preferred carrier, else the fallback rule."""
        with self._deps.database.begin() as tx:
            order = purchase_orders.load(tx, request.purchase_order_id)
            down = None if order.cancel_requested else outages.gate(tx, order)
        if order.cancel_requested:
            return StepResult(verdict=StepVerdict.WITHDRAWN)
        if down is not None:
            return down
        if problem := screening.address_problem(order.address):
            return self._ask_for_address(order, problem)
        assert order.address is not None
        with self._deps.journal.about(subject(order.order_id, order.id)) as entries:
            try:
                supplier = placement.port_to(self._deps, order.supplier)  # in the version that new orders go by
                quotes = supplier.quote_shipping(destinations.destination(order.address), order.supplier_lines)
            except AdapterError as error:
                give_up_at = activity.info().scheduled_time + self._settings(order).unreachable_deadline
                return refusals.question_failed(self._deps, order, error, entries, give_up_at=give_up_at)
            with self._deps.database.begin() as tx:
                entries.save(tx)
                choice = self._keep_choice(tx, order, quotes)
                outages.note_success(tx, self._deps, order.supplier, entries)
                return choice

    def _ask_for_address(self, order: PurchaseOrderView, problem: str) -> StepResult:
        """The address was changed since it was screened, and can't be shipped to any more."""
        with self._deps.database.begin() as tx:
            facts = {"problem": problem}
            task = ask_about(tx, self._deps, TaskCategory.ADDRESS_INCOMPLETE, order, facts=facts, problem=problem)
        return StepResult(verdict=StepVerdict.ASK, task=task)

    def _keep_choice(self, tx: Transaction, order: PurchaseOrderView, quotes: list[ShippingQuote]) -> StepResult:
        settings = self._settings(order)
        choice = shipping_choice.choose(quotes, settings.preferred_carriers, settings.promise_days)
        if choice is None:
            return StepResult(
                verdict=StepVerdict.ASK, task=ask_about(tx, self._deps, TaskCategory.NO_SHIPPING_RATE, order, offered=0)
            )
        assert order.address is not None
        version = self._deps.outside.api_version(order.supplier)
        purchase_orders.keep_quote(tx, order.id, choice.quote, destinations.key(order.address), api_version=version)
        timeline.tell(
            tx,
            order.order_id,
            "purchase_order.shipping_chosen",
            at=now(),
            purchase_order_id=order.id,
            key=f"{order.id}:quote:{choice.quote.quote_id}",
            carrier=choice.quote.carrier,
            cost=str(choice.quote.cost),
            reason=choice.reason,
            offered=len(quotes),
        )
        # A shop's test order would be a real one at a supplier that takes no tests.
        can_be_sent = not order.test or placement.port_of(self._deps, order).capabilities.test_orders
        observed = order.mode is Mode.OBSERVE or not can_be_sent
        return StepResult(verdict=StepVerdict.OBSERVED if observed else StepVerdict.DONE)

    # Following a placed order.

    @activity.defn(no_thread_cancel_exception=True)
    def await_acknowledgement(self, request: PollRequest) -> StepResult:
        """Look for the supplier's acknowledgement, by retry, until the plan is spent."""
        return self._follow(request, "acknowledgement")

    @activity.defn(no_thread_cancel_exception=True)
    def check_tracking(self, request: PollRequest) -> StepResult:
        """Look whether the order has shipped, by retry, at the plan's instants and at no other time."""
        return self._follow(request, "tracking")

    def _follow(self, request: PollRequest, kind: Kind) -> StepResult:
        return given(self._answer(request, kind))

    def _answer(self, request: PollRequest, kind: Kind) -> Answer:
        checks = tracking_plan.instants(request.confirmed_at, request.plan)
        due = tracking_plan.due_check(now(), checks)
        with self._deps.database.begin() as tx:
            order = purchase_orders.load(tx, request.purchase_order_id)
            untold = [parcel for parcel in following.known_parcels(tx, order.id) if not parcel.told]
            if self._already_known(tx, order, kind, untold):
                return StepResult(verdict=StepVerdict.DONE, declined=order.declined)
            if order.declined > request.declined:  # a push said so, or an attempt whose answer was lost
                verdict = StepVerdict.REJECTED if order.declined >= order.units else StepVerdict.INTERRUPTED
                return StepResult(verdict=verdict, declined=order.declined)
            tellable = bool(untold) and not order.bundled  # a bundle's parts are told once all of them have left
            look = Check(order.id, kind, due, activity.info().scheduled_time, now())
            look_now = request.look_now and is_unanswered(tx, look)
            if due == 0 and tellable and not look_now:
                return StepResult(verdict=StepVerdict.PARTIAL)
            if due == 0 and not look_now:
                return wait(f"{kind}: first of {len(checks)} checks {clock(checks[0])}", checks[0] - now())
            check = look if look_now else replace(look, due_at=checks[due - 1])
            heard = following.answer_to(tx, check)
            # A repeated attempt that finds its check answered: that answer was lost on its way to the lifecycle.
            if heard and not tellable and not look_now and activity.info().attempt == 1:
                return self._not_yet(tx, order, request, check, heard)
            if pause := outages.pause(tx, self._deps, order, checks, request.final_grace):
                return self._rests(tx, order, request, check, pause)
        return self._look(order, request, check)

    def _already_known(self, tx: Transaction, order: PurchaseOrderView, kind: Kind, untold: Sequence[Parcel]) -> bool:
        """Read the database first: a push, or a person, may have told us already.

        A parcel that a check found says only that something left: whether that was all, the supplier must say again.
        """
        if kind == "acknowledgement":
            return order.acknowledged or bool(untold)
        pushed = any(parcel.source != "check" for parcel in untold)
        return pushed and following.are_whole(following.known_parcels(tx, order.id), order.supplier_lines)

    def _look(self, order: PurchaseOrderView, request: PollRequest, check: Check) -> Answer:
        assert order.supplier_number is not None
        with self._deps.journal.about(subject(order.order_id, order.id)) as entries:
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
                answer = self._judge_with_declined(tx, order, request, check, status)
                outages.note_success(tx, self._deps, order.supplier, entries)
                return answer

    def _judge_with_declined(
        self, tx: Transaction, order: PurchaseOrderView, request: PollRequest, check: Check, status: SupplierOrderStatus
    ) -> Answer:
        """Tell at once of units that will not come; the wait for the others begins anew then."""
        said = answers.take(tx, self._deps, order, status)
        if said.declined > order.declined:
            order = purchase_orders.load(tx, order.id)
        if said.declined >= order.units:
            return StepResult(verdict=StepVerdict.REJECTED, declined=said.declined)
        told = {"declined": said.declined, "expected_on": said.expected_on}
        if said.task is not None:
            return StepResult(verdict=StepVerdict.UNCLEAR, task=said.task, **told)
        answer = self._judge(tx, order, request, check, status)
        if isinstance(answer, StepResult):
            return answer.model_copy(update=told)
        plan_is_too_short = check.kind == "tracking" and _ends_before(request, said.expected_on)
        anew = said.declined > request.declined or plan_is_too_short
        return StepResult(verdict=StepVerdict.INTERRUPTED, **told) if anew else answer

    def _judge(
        self, tx: Transaction, order: PurchaseOrderView, request: PollRequest, check: Check, status: SupplierOrderStatus
    ) -> Answer:
        following.keep_parcels(tx, order.id, shipping.as_ordered(order, status), source="check", now=now())
        parcels = following.known_parcels(tx, order.id)
        untold = [parcel for parcel in parcels if not parcel.told]
        if status.state in ACKNOWLEDGING:
            leaves_later = placement.port_of(self._deps, order).capabilities.stock_leaves_when_shipped
            purchase_orders.acknowledge(tx, order.id, takes_stock=not leaves_later, now=now())
        if status.state is SupplierState.CANCELLED:
            return StepResult(verdict=StepVerdict.CANCELLED)
        whole = bool(parcels) and following.are_whole(parcels, order.supplier_lines)
        if whole and (status.state is SupplierState.SHIPPED or all(parcel.lines for parcel in parcels)):
            return StepResult(verdict=StepVerdict.DONE)
        if check.kind == "tracking" and self._already_known(tx, order, "tracking", untold):  # a push came meanwhile
            return StepResult(verdict=StepVerdict.DONE)
        if check.kind == "acknowledgement" and (untold or status.state in ACKNOWLEDGING):
            return StepResult(verdict=StepVerdict.DONE)
        if untold and not order.bundled:
            return StepResult(verdict=StepVerdict.PARTIAL)
        if status.state is SupplierState.UNKNOWN:
            return self._unclear(tx, order, request, check, status)
        return self._not_yet(tx, order, request, check, status.status_text or status.state)

    def _unclear(
        self, tx: Transaction, order: PurchaseOrderView, request: PollRequest, check: Check, status: SupplierOrderStatus
    ) -> Answer:
        """An unknown status opens a task, unless a person has said of it, for this order, that it is in progress."""
        heard = status.status_text or "no status"
        accepted = TaskCategory.STATUS_UNKNOWN, CommandName.RELEASE, {"status": heard}
        if tasks.answered_before(tx, *accepted, purchase_order_id=order.id):
            return self._not_yet(tx, order, request, check, heard)
        withdrawals.count_trouble(tx, order.id)
        task = ask_about(tx, self._deps, TaskCategory.STATUS_UNKNOWN, order, facts={"status": heard}, status=heard)
        return StepResult(verdict=StepVerdict.UNCLEAR, task=task)

    def _not_yet(
        self, tx: Transaction, order: PurchaseOrderView, request: PollRequest, check: Check, heard: str
    ) -> Answer:
        checks = tracking_plan.instants(request.confirmed_at, request.plan)
        delay = tracking_plan.wait_for_next(now(), checks)
        if delay is None:
            return self._exhausted(tx, order, request, check, heard)
        return wait(f"check {check.number} of {len(checks)}: {heard}; next {clock(checks[check.number])}", delay)

    def _unanswered(
        self, tx: Transaction, order: PurchaseOrderView, request: PollRequest, check: Check, error: AdapterError
    ) -> Answer:
        """A check that meets an error is repeated until the next instant; the last one for a while longer."""
        errors = following.keep_check(tx, check, None)
        checks = tracking_plan.instants(request.confirmed_at, request.plan)
        delay = tracking_plan.wait_after_error(now(), checks, errors, request.final_grace)
        if delay is None:
            return self._exhausted(tx, order, request, check, f"unreachable: {error.code}")
        if error.retry_after is not None:
            following_instant = tracking_plan.wait_for_next(now(), checks)
            delay = min(max(delay, error.retry_after), following_instant or error.retry_after)
        return wait(f"check {check.number} of {len(checks)}: no answer ({error.code}), asked {errors} times", delay)

    def _exhausted(
        self, tx: Transaction, order: PurchaseOrderView, request: PollRequest, check: Check, heard: str
    ) -> StepResult:
        """The plan is spent: one alert with everything, and one task. Parcels told so far make it complete instead."""
        parcels = following.known_parcels(tx, order.id)
        if check.kind == "tracking" and parcels and following.are_whole(parcels, order.supplier_lines):
            return StepResult(verdict=StepVerdict.DONE)
        if request.unasked:
            return StepResult(verdict=StepVerdict.EXHAUSTED)
        waited = now() - request.confirmed_at
        if check.kind == "tracking":
            task = escalations.checks_spent(tx, self._deps, order, heard=heard, checks=len(request.plan), waited=waited)
        else:
            facts = {"waited": format_duration(waited)}
            task = ask_about(
                tx, self._deps, TaskCategory.ACKNOWLEDGEMENT_OVERDUE, order, facts=facts, last_answer=heard
            )
        return StepResult(verdict=StepVerdict.EXHAUSTED, task=task)

    def _rests(
        self, tx: Transaction, order: PurchaseOrderView, request: PollRequest, check: Check, pause: outages.Pause
    ) -> Answer:
        """The supplier is down: it is not asked, and no check counts; the plan ends when it would have ended."""
        if pause.delay is None:
            return self._exhausted(tx, order, request, check, pause.message)
        return wait(pause.message, pause.delay)

    def _settings(self, order: PurchaseOrderView) -> Supplier:
        return self._deps.outside.supplier_settings(order.supplier)


def _ends_before(request: PollRequest, expected_on: date | None) -> bool:
    """Say whether the plan's last look comes before the day on which it shall ship is over."""
    last = tracking_plan.instants(request.confirmed_at, request.plan)[-1]
    return expected_on is not None and last.date() <= expected_on
