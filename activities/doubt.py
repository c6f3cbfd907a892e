"""A submission in doubt, settled by its supplier's own means: one way for every channel.

It left, and nobody knows what became of it. A supplier that takes our number as a key is sent it again, and answers with
the first one. One that can be asked, or whose documents tell, is asked once the order must be visible there: found, it is
placed; proven absent, it may be sent again; and where that stays unsure, a person decides. Until one of them has spoken
the order stays in doubt: nobody takes it back, or orders it elsewhere.
"""

from datetime import datetime, timedelta

from temporalio import activity

from activities import outages, placement
from activities.common import Dependencies, now, subject
from activities.failures import wait
from activities.journal import Entries
from activities.polling import clock
from adapters.database import submissions, timeline
from adapters.database.engine import Transaction
from adapters.database.purchase_orders import PurchaseOrderView
from adapters.errors import AccountHold, AdapterError, Refused
from models.contracts import DoubtRequest, StepVerdict, Submission
from models.statuses import Mode, SubmissionState
from models.suppliers import DoubtMeans, Lookup, LookupVerdict, PlacedOrder

MOST_SENDINGS = 3  # of one order by itself; then a person decides
SPARE = timedelta(seconds=12)  # of a submission's time, beside its question and its request: see workflows.options
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
            visible_at = self._visible_at(tx, order)
            pause = outages.pause(tx, self._deps, order, [request.until], timedelta(0))
        if pause is not None and pause.delay is not None:  # past the deadline it is asked about all the same
            raise wait(pause.message, pause.delay)
        again = request.may_send and self._may_send_again(order)
        if now() < visible_at and not (request.look_now or again):
            raise wait(f"in doubt: it is visible there from {clock(visible_at)} on", visible_at - now())
        return self._look(order, request, again=again, surely=now() >= visible_at)

    def _visible_at(self, tx: Transaction, order: PurchaseOrderView) -> datetime:
        """Say when an order that left must be visible there: counted from when its attempt surely was over."""
        attempt = submissions.latest_attempt(tx, order.id)
        assert attempt is not None
        settings = self._deps.outside.supplier_settings(order.supplier)
        cut_off: datetime = attempt["claimed_at"] + settings.read_timeout + settings.submit_timeout + SPARE
        ended: datetime = attempt["ended_at"] or cut_off
        return ended + placement.port_of(self._deps, order).capabilities.visibility_delay

    def _may_send_again(self, order: PurchaseOrderView) -> bool:
        """Say whether sending it again tells: not where an order that is not there must not come to be, either."""
        by_key = placement.port_of(self._deps, order).capabilities.doubt is DoubtMeans.KEY
        observed = self._deps.outside.mode(order.channel, order.supplier) is Mode.OBSERVE
        return by_key and not observed and not order.cancel_requested

    def _look(self, order: PurchaseOrderView, request: DoubtRequest, *, again: bool, surely: bool) -> Submission:
        with self._deps.journal.about(subject(order.order_id, order.id)) as entries:
            try:
                found = self._sent_again(order) if again else self._looked_for(order)
            except AdapterError as error:
                return self._unanswered(order, request, error, entries)
            with self._deps.database.begin() as tx:
                entries.save(tx)
                order = submissions.lock(tx, order.id)
                if order.submission is not SubmissionState.UNKNOWN:  # a person was quicker
                    return placement.resolved(tx, self._deps, order)
                if found.verdict is LookupVerdict.FOUND and found.placed is not None:
                    placement.close_question(tx, order, "it was found there", now=now())
                    return self._adopt(tx, order, found.placed)
                if found.verdict is LookupVerdict.ABSENT and surely:
                    return self._absent(tx, order, found)
                if again or now() >= request.until:  # sent again, it would be refused again
                    return placement.in_doubt(tx, self._deps, order, found.said)
                outages.note_success(tx, self._deps, order.supplier, entries)
        raise wait(f"in doubt: {found.said or found.verdict}; looked at again", _until_next_look(request))

    def _looked_for(self, order: PurchaseOrderView) -> Lookup:
        return placement.port_of(self._deps, order).find_order(placement.document(order))

    def _sent_again(self, order: PurchaseOrderView) -> Lookup:
        """Send it under the same number. A refusal does not say whether there is a first one: it may be refused for that."""
        try:
            placed = placement.port_of(self._deps, order).place_order(placement.document(order))
        except AccountHold:
            raise
        except Refused as refusal:
            return Lookup(verdict=LookupVerdict.UNSURE, said=f"sent again, refused: {refusal.code}"[:60])
        return Lookup(verdict=LookupVerdict.FOUND, placed=placed, said="sent again under our number")

    def _adopt(self, tx: Transaction, order: PurchaseOrderView, placed: PlacedOrder) -> Submission:
        submissions.confirm(tx, order.id, placed.supplier_number, now=now())
        return placement.keep(tx, self._deps, order, placed)

    def _absent(self, tx: Transaction, order: PurchaseOrderView, found: Lookup) -> Submission:
        if submissions.attempts(tx, order.id) >= MOST_SENDINGS:
            return placement.in_doubt(tx, self._deps, order, f"not there, after {MOST_SENDINGS} sendings")
        return self._send_again(tx, order, found.said or "it is not there")

    def _send_again(self, tx: Transaction, order: PurchaseOrderView, why: str) -> Submission:
        submissions.reopen(tx, order.id)
        placement.close_question(tx, order, why, now=now())
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
            order = submissions.lock(tx, order.id)
            if order.submission is not SubmissionState.UNKNOWN:
                return placement.resolved(tx, self._deps, order)
            over = now() >= request.until
            asked = placement.in_doubt(tx, self._deps, order, f"no answer: {error.code}") if over else None
            outages.note_failure(tx, self._deps, order, error, entries)
        if asked is not None:
            return asked
        asked_to_wait = min(error.retry_after or timedelta(0), request.until - now())  # a person is asked in time
        delay = max(_until_next_look(request), asked_to_wait)
        raise wait(f"in doubt: no answer ({error.code})", delay)


def _until_next_look(request: DoubtRequest) -> timedelta:
    whole: timedelta = request.until - activity.info().scheduled_time
    left: timedelta = request.until - now()
    return max(min(whole / LOOKS, left), timedelta(seconds=1))
