"""Placing a purchase order at its supplier: at most once, whatever dies in between.

Every attempt begins by reading the fence. ``ready``: it may claim and send. A stranger's ``sending``: an earlier
attempt died or was cut off after its claim, so the order is in doubt. Settled: the recorded answer is returned.
That makes repeating the activity safe, so a supplier that can't be reached costs no events.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from sqlalchemy.exc import DBAPIError
from temporalio import activity

from activities import outages, placement, refusals
from activities.common import Dependencies, ask_about, now, stopped_by_mode, subject
from activities.journal import Entries
from adapters.database import orders, purchase_orders, submissions, tasks, withdrawals
from adapters.database.engine import Transaction, lost_connection
from adapters.database.purchase_orders import PurchaseOrderView
from adapters.database.submissions import Claim
from adapters.errors import AccountHold, AdapterError, AuthenticationFailed, Doubtful, NotSent, Refused
from adapters.ports import ExchangingPort
from models.articles import normalise_ean
from models.commands import CommandName
from models.contracts import ConfirmRequest, PurchaseOrderRef, StepResult, StepVerdict, Submission, SubmitRequest
from models.statuses import SubmissionState
from models.suppliers import PlacedOrder, StockAnswer, SupplierOrder
from models.tasks import TaskCategory
from workflows.decisions import destinations

MOST_QUOTES = 3  # a supplier that refuses its own quotes this often is asked about, not asked again
QUOTE_EXPIRED = "shipping_cost_code_error"
SEND_WITHIN = 5.0  # seconds from the claim to the request
PERSIST_SECONDS = 8.0  # within the activity's margin over the request's own time-out


@dataclass(frozen=True)
class _Sending:
    """What is about to leave, and the right to send it."""

    claim: Claim
    order: PurchaseOrderView
    document: SupplierOrder
    leave_before: float  # on the wall clock: later than this, another attempt may have declared it in doubt
    began: float  # on the wall clock, as Temporal's time of this attempt


class SubmissionActivities:
    """The one request that must not leave twice, and what people decide about it."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def submit_purchase_order(self, request: SubmitRequest) -> Submission:
        """Ask for stock once more, claim the fence, send, and keep the answer."""
        began = time.time()
        with self._deps.database.begin() as tx:
            order = purchase_orders.load(tx, request.purchase_order_id)
            wanted = order.submission is SubmissionState.READY and not order.cancel_requested
            down = outages.gate(tx, order, ordering=True) if wanted else None
        if order.submission is not SubmissionState.READY:
            return self.resolve(request)
        if down is not None:
            return _as_submission(down)
        with self._deps.journal.about(subject(order.order_id, order.id)) as entries:
            try:
                short = self._short_of(order)
            except AdapterError as error:
                return _as_submission(
                    refusals.question_failed(self._deps, order, error, entries, give_up_at=request.give_up_at)
                )
            sending = self._claim(order, short, began)
            return self._send(sending, request, entries) if isinstance(sending, _Sending) else sending

    def _short_of(self, order: PurchaseOrderView) -> list[str]:
        """List the articles that the supplier has not enough of now, as far as it can say."""
        wanted, port = order.supplier_lines, placement.port_of(self._deps, order)
        if not port.capabilities.live_stock:
            return []
        answers = port.fetch_stock([line.ean for line in wanted])
        stock = {normalise_ean(answer.ean): answer for answer in answers}
        missing = StockAnswer(ean="-", known=False, quantity=0)
        return [line.ean for line in wanted if stock.get(line.ean, missing).quantity < line.quantity]

    def _room(self, order: PurchaseOrderView) -> float:
        """Say within how many seconds of its beginning an attempt may send: its answer, too, must come before its end."""
        whole = activity.info().start_to_close_timeout
        assert whole is not None
        submit_timeout = self._deps.outside.supplier_settings(order.supplier).submit_timeout
        return (whole - submit_timeout).total_seconds() - PERSIST_SECONDS

    def _claim(self, order: PurchaseOrderView, short: list[str], began: float) -> _Sending | Submission:
        """Check everything once more under the lock, then commit the right to send."""
        leave_before = began + self._room(order)
        with self._deps.database.begin() as tx:
            order = submissions.lock(tx, order.id)
            if order.submission is not SubmissionState.READY:
                return placement.resolved(tx, self._deps, order)
            if order.cancel_requested:
                return Submission(verdict=StepVerdict.WITHDRAWN)
            if short:
                return _as_submission(refusals.rejected(tx, order, "no_stock", articles=short))
            if task := stopped_by_mode(tx, self._deps, order):
                return Submission(verdict=StepVerdict.ASK, task=task)
            if order.address is None or destinations.key(order.address) != order.quoted_for:
                return Submission(verdict=StepVerdict.REQUOTE)
            if down := outages.gate(tx, order, ordering=True):
                return _as_submission(down)
            document = placement.document(order)
            lines = [line.model_dump(mode="json") for line in document.lines]
            kept = {"quote_id": document.quote_id, "lines": lines, "test": document.test, "number": order.number}
            claim = submissions.claim(tx, order, uuid4().hex, kept, now())
        return _Sending(claim, order, document, min(leave_before, time.time() + SEND_WITHIN), began)

    def _send(self, sending: _Sending, request: SubmitRequest, entries: Entries) -> Submission:
        order, claim = sending.order, sending.claim
        try:
            placed = self._place(sending)
        except AccountHold as hold:
            self._give_back(claim, "refused", hold.code)
            return _as_submission(outages.account_held(self._deps, order, hold.code, entries))
        except Refused as refusal:
            refused = refusal  # the name of an except clause does not outlive it
            return self._persist(lambda tx: self._refused(tx, order, claim, refused, entries))
        except (NotSent, AuthenticationFailed) as error:
            self._give_back(claim, "not_sent", error.code)
            return _as_submission(outages.not_reached(self._deps, order, error, entries, give_up_at=request.give_up_at))
        except Exception as error:  # noqa: BLE001 - after the request left, anything unforeseen is doubt
            doubt = error
            return self._persist(lambda tx: self._in_doubt(tx, sending, doubt, entries))
        return self._persist(lambda tx: self._placed(tx, sending, placed, entries))

    def _place(self, sending: _Sending) -> PlacedOrder:
        if time.time() > sending.leave_before:  # we were stalled, or the question took too long: from the start, then
            raise NotSent("submit: too late to send in this attempt", code="stalled")
        return placement.port_of(self._deps, sending.order).place_order(sending.document)

    def _persist(self, work: Callable[[Transaction], Submission]) -> Submission:
        """Write what the supplier said. We alone know it: a database that is away for a moment is asked again."""
        deadline = time.monotonic() + PERSIST_SECONDS
        while True:
            try:
                with self._deps.database.begin() as tx:
                    return work(tx)
            except DBAPIError as error:
                if not lost_connection(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def _give_back(self, claim: Claim, outcome: str, code: str) -> None:
        def work(tx: Transaction) -> Submission:
            submissions.give_back(tx, claim, outcome=outcome, detail=code, now=now())
            return Submission(verdict=StepVerdict.INTERRUPTED)

        self._persist(work)

    def _placed(self, tx: Transaction, sending: _Sending, placed: PlacedOrder, entries: Entries) -> Submission:
        order = sending.order
        entries.save(tx)
        if placed.declined:  # counted on the order's lines, too: the order is locked before its purchase order
            orders.lock(tx, order.order_id)
        if not submissions.place(tx, sending.claim, placed, now=now()):
            return self._too_late(tx, order, placed)
        submission = placement.keep(tx, self._deps, order, placed)
        outages.note_success(tx, self._deps, order.supplier, entries, ordered=True)
        return submission

    def _too_late(self, tx: Transaction, order: PurchaseOrderView, placed: PlacedOrder) -> Submission:
        """Tell a person beside the question that stays open: whether it exists is theirs to say."""
        number = {"supplier_number": placed.supplier_number}
        ask_about(tx, self._deps, TaskCategory.LATE_REPLY, order, waited_for=False, facts=number, **number)
        return placement.resolved(tx, self._deps, submissions.lock(tx, order.id))

    def _refused(
        self, tx: Transaction, order: PurchaseOrderView, claim: Claim, refusal: Refused, entries: Entries
    ) -> Submission:
        entries.save(tx)
        submissions.give_back(tx, claim, outcome="refused", detail=refusal.code, now=now())
        outages.note_success(tx, self._deps, order.supplier, entries)
        if refusal.code == QUOTE_EXPIRED and claim.fence < MOST_QUOTES:
            return Submission(verdict=StepVerdict.REQUOTE)
        return _as_submission(refusals.refused(tx, self._deps, order, refusal.code))

    def _in_doubt(self, tx: Transaction, sending: _Sending, error: Exception, entries: Entries) -> Submission:
        """The request left and no answer came: keep what is known. The supplier's own means come first, then a person.

        When it ended counts: from then on a look must find the order. Temporal tells only when the attempt began.
        """
        entries.save(tx)
        order, took = sending.order, timedelta(seconds=int(time.time() - sending.began))
        code = error.code if isinstance(error, Doubtful) else type(error).__name__
        submissions.doubt(tx, sending.claim, detail=code, now=now() + took)
        withdrawals.count_trouble(tx, order.id)
        submission = placement.resolved(tx, self._deps, submissions.lock(tx, order.id))
        outages.note_doubt(tx, self._deps, order, error, entries)
        return submission

    # After the attempt: what the fence says, and what people decide.

    @activity.defn(no_thread_cancel_exception=True)
    def resolve_submission(self, request: PurchaseOrderRef) -> Submission:
        """Say what became of a submission whose activity gave no answer; one that was claimed is in doubt."""
        return self.resolve(request)

    def resolve(self, request: PurchaseOrderRef) -> Submission:
        """Read the fence, raise it where a claim was left behind, and return what it means for the order."""
        with self._deps.database.begin() as tx:
            return placement.resolved(tx, self._deps, submissions.lock(tx, request.purchase_order_id))

    @activity.defn(no_thread_cancel_exception=True)
    def confirm_submission(self, request: ConfirmRequest) -> Submission:
        """A person found the order at the supplier: it is placed, and its plan counts from now.

        A number that another order has there is believed only when it is said again.
        """
        with self._deps.database.begin() as tx:
            order = submissions.lock(tx, request.purchase_order_id)
            by_documents = isinstance(placement.port_of(self._deps, order), ExchangingPort)
            number = order.number if by_documents else request.supplier_number  # what its documents name it by
            placement.close_question(tx, order, "a person has answered", now=now())
            if doubt := self._mistaken(tx, order, number):
                return placement.in_doubt(tx, self._deps, order, doubt)
            submissions.confirm(tx, order.id, number, now=now())
            placement.tell_placed(tx, order, request.supplier_number, "confirmed by a person")
            return placement.resolved(tx, self._deps, submissions.lock(tx, order.id))

    def _mistaken(self, tx: Transaction, order: PurchaseOrderView, number: str) -> str:
        """Say whose number it is where it is another order's; "" where nobody has it, or the person insists."""
        other = submissions.number_of(tx, order, number)
        if other is None or order.submission not in (SubmissionState.UNKNOWN, SubmissionState.READY):
            return ""
        doubt = f"{number} is what they call {other}: enter it once more if it is this order's all the same"
        category, answer = TaskCategory.SUBMIT_UNKNOWN, CommandName.CONFIRM_SUBMISSION
        insists = tasks.answered_before(tx, category, answer, {"looked": doubt}, purchase_order_id=order.id)
        return "" if insists else doubt

    @activity.defn(no_thread_cancel_exception=True)
    def reopen_submission(self, request: PurchaseOrderRef) -> None:
        """A person looked and the supplier does not have it: one more submission is allowed.

        No earlier attempt can still send: doubt is declared only after its answer, or after its activity's time-out,
        which is longer than the request's own.
        """
        with self._deps.database.begin() as tx:
            order = submissions.lock(tx, request.purchase_order_id)
            placement.close_question(tx, order, "a person has answered", now=now())
            submissions.reopen(tx, request.purchase_order_id)


def _as_submission(result: StepResult) -> Submission:
    """Hand on what keeps an order from leaving."""
    return Submission.model_validate(result.model_dump())
