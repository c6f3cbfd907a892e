"""Planning an order: facts read without locks, suppliers asked, a pure plan, and one short transaction that reserves it.

Whoever finds on reserving that somebody was quicker reads and plans again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from temporalio import activity

from activities import shortages
from activities.common import Dependencies, ask, now, subject
from activities.failures import wait
from activities.planning_questions import SupplierQuestions
from activities.planning_work import Work
from adapters.database import offers, planning, purchase_orders, reservations, stock_views, tasks, timeline
from adapters.database.engine import Transaction
from adapters.database.planning import Minting, PlanningOrder
from adapters.database.reservations import Want
from adapters.database.stock_views import StandingOffer
from models.backordering import ShortageAction
from models.commands import CommandName
from models.contracts import PlanRequest, PlanResult, PlanVerdict, PurchaseOrderRequest, Shortage, ShortageWord
from models.routing import RoutingPlan
from models.statuses import ORDER_ENDINGS, Mode
from models.tasks import OpenTask, TaskCategory
from workflows.decisions import planning_facts, routing

TRIES = 10  # at reserving what a plan counts on, within one attempt
TAKEN_AGAIN = timedelta(seconds=1)
ASK_AGAIN = timedelta(seconds=30)  # suppliers that gave no answer


class OutOfStockError(Exception):
    """Somebody reserved what this plan counted on; its transaction is rolled back."""


class Planner:
    """Plans one order at a time. Thread-safe: it holds nothing but its dependencies."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._questions = SupplierQuestions(deps)

    def plan(self, request: PlanRequest) -> PlanResult:
        """Decide who gets what is open, reserve it, and mint the purchase orders, once per plan number."""
        with self._deps.journal.about(subject(request.order_id)) as entries:
            result = self._begin(request)
            if isinstance(result, PlanResult):
                return result
            work = replace(result, heard=self._questions.ask(result))
            if work.heard.offers or entries.records:
                with self._deps.database.begin() as tx:
                    entries.save(tx)
                    offers.keep(tx, work.heard.offers)
            return self._plan(work)

    def _begin(self, request: PlanRequest) -> PlanResult | Work:
        with self._deps.database.begin() as tx:
            order = planning.read(tx, request.order_id, request.plan_no)
            if order.planned:
                return self._minted_before(tx, order, request)
        if order.cancel_requested or order.state in ORDER_ENDINGS:
            return PlanResult(verdict=PlanVerdict.CANCELLED)
        version = self._deps.outside.version()
        parts = planning_facts.open_parts(order.lines, version.configuration.stock)
        if not parts:
            self._close_shortage(order)
            return PlanResult(verdict=PlanVerdict.NOTHING_OPEN)
        return Work(request, order, parts, version)

    def _close_shortage(self, order: PlanningOrder) -> None:
        """What was short is cancelled, or covered by others' purchase orders."""
        if order.waits:
            with self._deps.database.begin() as tx:
                planning.lock(tx, order.id, 0)
                shortages.close_shortage(tx, self._deps, order)

    def _plan(self, work: Work) -> PlanResult:
        """Each lost race means that somebody else has got what there was, so that there is soon an end to them."""
        for _ in range(TRIES):
            try:
                return self._plan_once(work)
            except OutOfStockError:
                continue
        raise wait(f"stock was taken {TRIES} times between plan and reservation", TAKEN_AGAIN)

    def _plan_once(self, work: Work) -> PlanResult:
        with self._deps.database.begin() as tx:
            standing = stock_views.offers_of(tx, work.eans, work.suppliers, now=now())
        plan = self._route(work, standing)
        with self._deps.database.begin() as tx:
            return self._write(tx, work, plan)

    # The decision.

    def _route(self, work: Work, standing: Sequence[StandingOffer]) -> RoutingPlan:
        order, configuration = work.order, work.version.configuration
        rates, currency = order.rates, order.currency
        kept = {(offer.supplier, offer.ean) for offer in standing}
        silent = {name for name in work.heard.silent if any((name, ean) not in kept for ean in work.eans)}
        return routing.route(
            planning_facts.order_facts(order, work.parts, standing, failed=frozenset(work.request.excluded)),
            planning_facts.offer_facts(standing, configuration, rates, currency, now()),
            planning_facts.supplier_facts(
                configuration,
                rates,
                currency,
                scores=order.scores,
                silent=silent,
                live_rates=work.heard.rates,
            ),
            configuration.routing,
            now=now(),
            rate=planning_facts.conversion(rates, configuration.routing.currency, currency),
        )

    def _may_answer_yet(self, work: Work) -> bool:
        """Silence is waited out for as long as the most patient of the silent suppliers' settings say."""
        waited = now() - activity.info().scheduled_time
        silent = [self._deps.outside.supplier_settings(name) for name in work.heard.silent]
        return any(waited < settings.unreachable_deadline for settings in silent)

    # What is written.

    def _write(self, tx: Transaction, work: Work, plan: RoutingPlan) -> PlanResult:
        """Reserve and mint. Raises OutOfStockError, after which nothing of it stands."""
        request, order = work.request, work.order
        locked = planning.lock(tx, order.id, request.plan_no)
        if locked.planned:
            return self._minted_before(tx, order, request)
        if locked.cancel_requested or locked.state in ORDER_ENDINGS:
            return PlanResult(verdict=PlanVerdict.CANCELLED)
        plan, request = self._bounded(work, plan)
        shortage = None
        if plan.unroutable:
            if plan.unanswered() and self._may_answer_yet(work):
                raise wait("no supplier has answered yet for some lines", ASK_AGAIN)
            if plan.unknown_everywhere():
                return self._ask_for_articles(tx, work, plan)
            shortage = shortages.open_shortage(tx, self._deps, order, request, plan)
            if not plan.shares or not shortages.may_ship_available(self._deps, order, request, plan, shortage):
                return PlanResult(verdict=PlanVerdict.SHORT, shortage=shortage)
        elif order.waits:
            shortages.close_shortage(tx, self._deps, order)
        return self._mint(tx, work, plan, locked.attempts, shortage)

    def _bounded(self, work: Work, plan: RoutingPlan) -> tuple[RoutingPlan, PlanRequest]:
        """Attempts have an end: an order that was planned too often is a person's to look at."""
        if work.order.plans < work.version.configuration.routing.max_plans:
            return plan, work.request
        word = ShortageWord(action=ShortageAction.ASK_PERSON)
        return replace(plan, shares={}, unroutable=work.parts), work.request.model_copy(update={"word": word})

    def _mint(
        self,
        tx: Transaction,
        work: Work,
        plan: RoutingPlan,
        attempts: Mapping[str, int],
        shortage: Shortage | None,
    ) -> PlanResult:
        order, request = work.order, work.request
        mode = self._deps.outside.mode(order.channel, *plan.shares)
        leaves = mode is not Mode.OBSERVE and not order.test  # what stays here takes nobody's stock
        wants = {supplier: _wants(plan, supplier) for supplier in plan.shares}
        reasons = plan.as_document() | {"rates": {name: str(rate) for name, rate in _rates_used(work).items()}}
        minting = Minting(
            order=order,
            plan_no=request.plan_no,
            mode=mode,
            configuration_id=work.version.id,
            reasons=reasons,
            attempts=attempts,
            parts=work.parts,
            shortage=shortage,
        )
        rows = planning.mint(tx, minting, plan, now=now())
        held = [(row.id, want) for row in rows for want in wants[row.supplier]]
        kept = work.version.configuration.stock.reservations_kept
        # The offers' rows are locked last of all, and for no longer than until the commit.
        if leaves and not reservations.take(tx, order.id, held, now=now(), expires_at=now() + kept):
            raise OutOfStockError
        units = {supplier: sum(want.units for want in share) for supplier, share in wants.items()}
        minted = tuple(
            self._request(order, row.id, row.number, row.supplier, row.attempt, units[row.supplier], mode)
            for row in rows
        )
        return self._planned(tx, order, request, minted, shortage)

    def _minted_before(self, tx: Transaction, order: PlanningOrder, request: PlanRequest) -> PlanResult:
        """Return what this plan number has minted: a repeated or reset planning gets the same purchase orders."""
        planned = purchase_orders.of_plan(tx, order.id, request.plan_no)
        minted = tuple(
            self._request(order, row.id, row.number, row.supplier, row.attempt, row.units, Mode(row.mode))
            for row in planned.purchase_orders
        )
        shortage = Shortage.model_validate(planned.shortage) if planned.shortage else None
        if shortage and shortage.task and not tasks.is_open(tx, shortage.task.task_id):
            # A person answered it before a reset: nobody would see it. What is missing is planned, and asked about, anew.
            anew = {"action": ShortageAction.WAIT, "until": now(), "then": ShortageAction.ASK_PERSON, "task": None}
            shortage = shortage.model_copy(update=anew)
        return self._planned(tx, order, request, minted, shortage)

    def _planned(
        self,
        tx: Transaction,
        order: PlanningOrder,
        request: PlanRequest,
        minted: tuple[PurchaseOrderRequest, ...],
        shortage: Shortage | None,
    ) -> PlanResult:
        mode = minted[0].mode
        task = self._ask_for_release(tx, order, request, minted) if mode is Mode.APPROVE else None
        return PlanResult(verdict=PlanVerdict.PLANNED, mode=mode, purchase_orders=minted, task=task, shortage=shortage)

    def _request(
        self, order: PlanningOrder, key: int, number: str, supplier: str, attempt: int, units: int, mode: Mode
    ) -> PurchaseOrderRequest:
        return PurchaseOrderRequest(
            purchase_order_id=key,
            order_id=order.id,
            channel=order.channel,
            storefront_order_id=order.storefront_order_id,
            order_name=order.name,
            number=number,
            attempt=attempt,
            units=units,
            test=order.test,
            mode=mode,
            ship_country=order.ship_country,
            profile=self._deps.outside.profile(supplier, now()),
        )

    # Questions to a person.

    def _ask_for_release(
        self, tx: Transaction, order: PlanningOrder, request: PlanRequest, planned: Sequence[PurchaseOrderRequest]
    ) -> OpenTask | None:
        """In approve mode a person releases the plan, unless one has done so before a reset."""
        evidence = {"plan": request.plan_no}
        if tasks.answered_before(tx, TaskCategory.APPROVAL, CommandName.APPROVE, evidence, order_id=order.id):
            return None
        plan = ", ".join(f"{one.units} units at {one.profile.display_name}" for one in planned)
        facts = {"order": order.name, "plan": plan}
        return ask(tx, self._deps, TaskCategory.APPROVAL, facts, order_id=order.id, **evidence)

    def _ask_for_articles(self, tx: Transaction, work: Work, plan: RoutingPlan) -> PlanResult:
        articles = ", ".join(sorted({line.ean for line in plan.unknown_everywhere()}))
        facts = {"order": work.order.name, "articles": articles, "problem": "no supplier knows it"}
        reasons = plan.as_document()["lines"]
        category = TaskCategory.ARTICLE_UNKNOWN
        task = ask(tx, self._deps, category, facts, order_id=work.order.id, candidates=reasons)
        timeline.tell(tx, work.order.id, "order.needs_person", at=now(), category=category, task=task.task_id)
        return PlanResult(verdict=PlanVerdict.ASK, task=task)


def _wants(plan: RoutingPlan, supplier: str) -> list[Want]:
    return [
        Want(supplier=supplier, sku=one.sku, ean=one.ean, line_id=one.line_id, units=one.quantity, buffer=one.buffer)
        for one in plan.shares[supplier].allotments
    ]


def _rates_used(work: Work) -> dict[str, Decimal]:
    """Name the exchange rates that amounts of this plan were converted by, so that they can be checked later."""
    configuration = work.version.configuration
    currencies = {configuration.suppliers[name].terms.currency for name in work.suppliers} | {work.order.currency}
    return {name: work.order.rates[name] for name in sorted(currencies) if name in work.order.rates}
