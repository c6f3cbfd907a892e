"""A submission in doubt, settled by its supplier's own means: one way for every channel.

It left, and nobody knows what became of it. A supplier that takes our number as a key is sent it again. One that can be
asked, or whose documents tell, is asked once the order must be visible there: found, it is placed; proven absent, it
may be sent again; and where that stays unsure, a person decides.
"""

from datetime import datetime, timedelta

from temporalio import activity

from activities import outages, placement
from activities.common import Dependencies, now, subject
from activities.failures import wait
from activities.journal import Entries
from activities.polling import clock
from adapters.database import orders, submissions, timeline
from adapters.database.engine import Transaction
from adapters.database.purchase_orders import PurchaseOrderView
from adapters.errors import AdapterError
from models.contracts import DoubtRequest, StepVerdict, Submission
from models.statuses import SubmissionState
from models.suppliers import DoubtMeans, Lookup, LookupVerdict, PlacedOrder

MOST_SENDINGS = 3  # of one order by itself; then a person decides
LOOKS = 8  # spread evenly over the supplier's doubt_deadline


class DoubtActivities:
    """Looks at one supplier for orders that may or may not exist there, on that supplier's own task queue."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def settle_doubt(self, request: DoubtRequest) -> Submission:
        """Find out, by retry: ``DONE`` where it exists, ``INTERRUPTED`` where it may be sent again, else a question."""
        with self._deps.database.begin() as tx:
            order = submissions.lock(tx, request.purchase_order_id)
            if order.submission is not SubmissionState.UNKNOWN:
                return placement.resolved(tx, self._deps, order)
            attempt = submissions.latest_attempt(tx, order.id)
            assert attempt is not None
            means = placement.port_of(self._deps, order).capabilities
            if submissions.attempts(tx, order.id) >= MOST_SENDINGS and means.doubt is DoubtMeans.KEY:
                return placement.in_doubt(tx, self._deps, order, f"sent {MOST_SENDINGS} times under our number")
            if means.doubt is DoubtMeans.KEY:
                return self._send_again(tx, order, "it takes our number as a key")
        visible_at: datetime = (attempt["ended_at"] or attempt["claimed_at"]) + means.visibility_delay
        if now() < visible_at and not request.look_now:
            raise wait(f"in doubt: it is visible there from {clock(visible_at)} on", visible_at - now())
        return self._look(order, request, surely=now() >= visible_at)

    def _look(self, order: PurchaseOrderView, request: DoubtRequest, *, surely: bool) -> Submission:
        with self._deps.journal.about(subject(order.order_id, order.id)) as entries:
            try:
                found = placement.port_of(self._deps, order).find_order(placement.document(order))
            except AdapterError as error:
                return self._unanswered(order, request, error, entries)
            with self._deps.database.begin() as tx:
                entries.save(tx)
                orders.lock(tx, order.order_id)
                order = submissions.lock(tx, order.id)
                if order.submission is not SubmissionState.UNKNOWN:  # a person was quicker
                    return placement.resolved(tx, self._deps, order)
                if found.verdict is LookupVerdict.FOUND and found.placed is not None:
                    return self._adopt(tx, order, found.placed)
                if found.verdict is LookupVerdict.ABSENT and surely:
                    return self._absent(tx, order, found)
                if now() >= request.until:
                    return placement.in_doubt(tx, self._deps, order, found.said)
        raise wait(f"in doubt: {found.said or found.verdict}; looked at again", _until_next_look(request))

    def _adopt(self, tx: Transaction, order: PurchaseOrderView, placed: PlacedOrder) -> Submission:
        submissions.confirm(tx, order.id, placed.supplier_number, now=now())
        return placement.keep(tx, self._deps, order, placed)

    def _absent(self, tx: Transaction, order: PurchaseOrderView, found: Lookup) -> Submission:
        if submissions.attempts(tx, order.id) >= MOST_SENDINGS:
            return placement.in_doubt(tx, self._deps, order, f"not there, after {MOST_SENDINGS} sendings")
        return self._send_again(tx, order, found.said or "it is not there")

    def _send_again(self, tx: Transaction, order: PurchaseOrderView, why: str) -> Submission:
        submissions.reopen(tx, order.id)
        timeline.tell(
            tx,
            order.order_id,
            "purchase_order.sent_again",
            at=now(),
            purchase_order_id=order.id,
            key=f"{order.id}:again:{order.fence}",
            supplier=order.supplier,
            why=why,
        )
        return Submission(verdict=StepVerdict.INTERRUPTED)

    def _unanswered(
        self, order: PurchaseOrderView, request: DoubtRequest, error: AdapterError, entries: Entries
    ) -> Submission:
        with self._deps.database.begin() as tx:
            entries.save(tx)
            outages.note_failure(tx, self._deps, order, error)
            if now() >= request.until:
                return placement.in_doubt(tx, self._deps, submissions.lock(tx, order.id), f"no answer: {error.code}")
        delay = max(_until_next_look(request), error.retry_after or timedelta(0))
        raise wait(f"in doubt: no answer ({error.code})", delay)


def _until_next_look(request: DoubtRequest) -> timedelta:
    whole: timedelta = request.until - activity.info().scheduled_time
    left: timedelta = request.until - now()
    return max(min(whole / LOOKS, left), timedelta(seconds=1))
