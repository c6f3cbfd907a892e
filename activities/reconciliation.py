"""Our word against the others': offers with the supplier, listings with the shop, open orders with the supplier."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from temporalio import activity

from activities import shelves
from activities.common import Dependencies, now
from activities.heartbeat import beating
from activities.shop_walk import walk
from adapters.database import looks, reconciliations, tasks
from adapters.database.engine import Transaction
from adapters.database.reconciliations import CHANNEL, SUPPLIER, Reconciliation
from adapters.errors import Refused
from adapters.pacing import in_background
from models.configuration import Supplier
from models.drift import CheckedOffer, CheckedOrder, Drift, DriftKind
from models.feeds import Thresholds
from models.listings import Listing
from models.sync import Compared, ReconciliationOutcome, ReconciliationRequest, ReconciliationStep
from models.tasks import TaskCategory
from workflows.decisions import drift, questions

ASKED_AT_ONCE = 100  # articles in one question to a supplier
SELLS_FAST = timedelta(days=28)  # sales within this time say what sells fast
SAMPLES = 20  # differences shown with a task


class ReconciliationActivities:
    """The stages of ``ReconciliationWorkflow``."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def compare_supplier(self, request: ReconciliationRequest) -> Compared:
        """Ask a supplier for a sample of its offers, weighted to fast sellers, and for the state of open orders."""
        with beating() as heartbeat, in_background():
            reconciliation_id, offers_done, orders_done = heartbeat.place or (
                self._begin(f"{SUPPLIER}:{request.name}"),
                0,
                0,
            )
            heartbeat.at(reconciliation_id, offers_done, orders_done)
            offers, orders = self._sample(request, reconciliation_id)
            compared = len(offers)
            for first in range(offers_done, len(offers), ASKED_AT_ONCE):
                if not self._compare_offers(request.name, reconciliation_id, offers[first : first + ASKED_AT_ONCE]):
                    compared = first
                    break
                heartbeat.at(reconciliation_id, first + ASKED_AT_ONCE, 0)
            for position in range(orders_done, len(orders)):
                self._compare_order(request.name, reconciliation_id, orders[position])
                heartbeat.at(reconciliation_id, len(offers), position + 1)
        return self._counted(reconciliation_id, compared + len(orders))

    @activity.defn(no_thread_cancel_exception=True)
    def compare_channel(self, request: ReconciliationRequest) -> Compared:
        """Read everything on sale in a shop, and compare quantities and prices with what we published."""
        publishing = self._deps.outside.channel(request.name).publishing
        reconciliation_id = self._begin_or_resume(request.name)

        def compare(tx: Transaction, page: Sequence[Listing], began_at: datetime) -> None:
            reconciliations.compare_page(
                tx,
                reconciliation_id,
                request.name,
                page,
                quantities=publishing.quantities,
                prices=shelves.keeps_prices(publishing),
                began_at=began_at,
            )

        with beating() as heartbeat:
            walked = walk(self._deps, request.name, heartbeat, compare)
        with self._deps.database.begin() as tx:
            compared = reconciliations.count_listings(tx, request.name, seen_since=walked.began_at)
        return self._counted(reconciliation_id, compared)

    @activity.defn(no_thread_cancel_exception=True)
    def settle_reconciliation(self, step: ReconciliationStep) -> ReconciliationOutcome:
        """Repair small drift, ask a person about large drift, and close the snapshot."""
        with self._deps.database.begin() as tx:
            about = reconciliations.load(tx, step.reconciliation_id)
            if not about.ended:
                self._settle(tx, about)
                about = reconciliations.load(tx, step.reconciliation_id)
            channels = reconciliations.marked_channels(tx, about) if about.repaired else []
        return ReconciliationOutcome(
            compared=about.compared,
            drifted=about.drifted,
            repaired=about.repaired,
            task_id=about.task_id,
            channels=tuple(channels),
        )

    # Comparing.

    def _begin(self, subject: str) -> int:
        with self._deps.database.begin() as tx:
            return reconciliations.begin(tx, subject, now=now())

    def _begin_or_resume(self, channel: str) -> int:
        """Begin, unless an earlier attempt was under way; what the shop sold by itself is no drift, and noted first."""
        subject = f"{CHANNEL}:{channel}"
        with self._deps.database.begin() as tx:
            look = looks.last_look(tx, channel)
            if look is not None:
                looks.mark_moved(tx, channel, since=look.looked_at, now=now())
            resumed = reconciliations.find_open(tx, subject) if activity.info().heartbeat_details else None
            return resumed or reconciliations.begin(tx, subject, now=now())

    def _sample(
        self, request: ReconciliationRequest, reconciliation_id: int
    ) -> tuple[list[CheckedOffer], list[CheckedOrder]]:
        limit = None if request.full else self._deps.outside.configuration.reconciling.sample
        asks_stock = self._deps.outside.supplier(request.name).capabilities.live_stock
        with self._deps.database.begin() as tx:
            begun = reconciliations.load(tx, reconciliation_id).started_at
            since = begun - SELLS_FAST
            offers = reconciliations.offers_to_check(
                tx, request.name, sold_since=since, seed=reconciliation_id, limit=limit if asks_stock else 0
            )
            return offers, reconciliations.orders_to_check(tx, request.name, limit=limit)

    def _compare_offers(self, supplier: str, reconciliation_id: int, offers: Sequence[CheckedOffer]) -> bool:
        """Ask about some articles. Returns False where the supplier answers no such questions."""
        try:
            answers = self._deps.outside.supplier(supplier).fetch_stock([offer.ean for offer in offers])
        except Refused:
            return False
        found = [one for offer, answer in zip(offers, answers, strict=True) for one in drift.offer_drift(offer, answer)]
        self._keep(reconciliation_id, found)
        return True

    def _compare_order(self, supplier: str, reconciliation_id: int, order: CheckedOrder) -> None:
        settings = self._deps.outside.supplier_settings(supplier)
        try:
            status = self._deps.outside.supplier(supplier).fetch_order(order.supplier_number)
        except Refused as refusal:
            # A young order may not be listed yet.
            young = now() - order.confirmed_at < settings.tracking_plan[0]
            found = None if young else Drift(DriftKind.ORDER_STATE, order.number, order.state, refusal.code)
        else:
            ends = drift.checks_end(order.confirmed_at, settings.tracking_plan, settings.final_check_grace)
            found = drift.order_drift(order.number, order.state, status, checks_end=ends, now=now())
        self._keep(reconciliation_id, [found] if found else [])

    def _keep(self, reconciliation_id: int, found: Sequence[Drift]) -> None:
        if found:
            with self._deps.database.begin() as tx:
                reconciliations.keep_drifts(tx, reconciliation_id, found)

    def _counted(self, reconciliation_id: int, compared: int) -> Compared:
        with self._deps.database.begin() as tx:
            drifted = reconciliations.count(tx, reconciliation_id, compared)
        large = drift.is_large(drifted, compared, self._deps.outside.configuration.reconciling.repair_up_to)
        return Compared(reconciliation_id=reconciliation_id, compared=compared, drifted=drifted, large=large)

    # Settling.

    def _settle(self, tx: Transaction, about: Reconciliation) -> None:
        found = reconciliations.drifts(tx, about.id)
        of_orders = [one for one in found if one.kind is DriftKind.ORDER_STATE]
        others = [one for one in found if one.kind is not DriftKind.ORDER_STATE]
        abnormal = self._abnormal(about, others)
        settings = self._deps.outside.configuration.reconciling
        large = drift.is_large(len({one.subject for one in others}), about.compared, settings.repair_up_to)
        repaired = reconciliations.repair(tx, about.id, now(), leaving=abnormal) if others and not large else 0
        task_id = self._ask(tx, about, others) if large or abnormal else None
        if task_id is None:
            tasks.close_for(tx, _key(about), answer="a later comparison found little", now=now())
        order_task = self._ask_about_orders(tx, about, of_orders)
        state = "asked" if task_id or order_task else "repaired" if repaired else "agreed"
        reconciliations.end(tx, about.id, state, repaired=repaired, task_id=task_id or order_task, now=now())
        reconciliations.forget(tx, before=now() - settings.kept)

    def _abnormal(self, about: Reconciliation, found: Sequence[Drift]) -> list[str]:
        """List the SKUs whose cost moved by more than is believed unasked, as its feeds would hold it."""
        if about.side != SUPPLIER:
            return []
        limit = _price_move(self._deps.outside.supplier_settings(about.name))
        return [one.subject for one in found if drift.is_abnormal(one, limit)]

    def _ask(self, tx: Transaction, about: Reconciliation, found: Sequence[Drift]) -> int:
        facts = {
            "drifted": str(len({one.subject for one in found})),
            "compared": str(about.compared),
            "subject": about.subject.replace(":", " "),
            "examples": drift.examples(found),
        }
        draft = questions.draft(TaskCategory.DRIFT_LARGE, facts)
        evidence = {"reconciliation_id": about.id, "subject": about.subject, "samples": _samples(found)}
        people = self._deps.outside.people
        return tasks.open_task(tx, tasks.About(key=_key(about)), draft, evidence, people=people, now=now()).task_id

    def _ask_about_orders(self, tx: Transaction, about: Reconciliation, found: Sequence[Drift]) -> int | None:
        """Purchase orders are never changed from here: their own lifecycles decide, and a person looks."""
        key = f"{_key(about)}:orders"
        if not found:
            tasks.close_for(tx, key, answer="a later comparison found none", now=now())
            return None
        facts = {"drifted": "", "compared": "", "subject": "", "examples": ""}
        draft = drift.about_orders(questions.draft(TaskCategory.DRIFT_LARGE, facts), about.name, found)
        evidence = {"reconciliation_id": about.id, "subject": about.subject, "orders": _samples(found)}
        people = self._deps.outside.people
        return tasks.open_task(tx, tasks.About(key=key), draft, evidence, people=people, now=now()).task_id


def _key(about: Reconciliation) -> str:
    return f"drift:{about.subject}"


def _samples(found: Sequence[Drift]) -> list[dict[str, str]]:
    return [
        {"kind": one.kind, "subject": one.subject, "ours": one.ours, "theirs": one.theirs} for one in found[:SAMPLES]
    ]


def _price_move(settings: Supplier) -> float:
    return min((feed.thresholds.price_move for feed in settings.feeds.values()), default=Thresholds().price_move)
