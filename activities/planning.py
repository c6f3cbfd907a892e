"""Planning an order: facts read without locks, suppliers asked, a pure plan, and one short transaction that reserves it.

Whoever finds on reserving that somebody was quicker reads and plans again.
"""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from temporalio import activity

from activities import outages, shortages
from activities.common import Dependencies, ask, now, subject
from activities.failures import wait
from adapters.database import incidents, offers, planning, purchase_orders, reservations, stock_views, tasks, timeline
from adapters.database.configurations import Version
from adapters.database.engine import Transaction
from adapters.database.planning import Minting, PlanningOrder
from adapters.database.reservations import Want
from adapters.database.stock_views import StandingOffer
from adapters.errors import AdapterError
from adapters.ports import SupplierPort
from models.articles import normalise_ean
from models.backordering import ShortageAction
from models.commands import CommandName
from models.contracts import PlanRequest, PlanResult, PlanVerdict, PurchaseOrderRequest, Shortage, ShortageWord
from models.routing import LiveRate, RoutingPlan, WantedLine
from models.statuses import ORDER_ENDINGS, Mode
from models.suppliers import Destination, Offer, StockAnswer, SupplierLine
from models.tasks import OpenTask, TaskCategory
from workflows.decisions import planning_facts, routing, shipping_choice

log = logging.getLogger(__name__)

TRIES = 10  # at reserving what a plan counts on, within one attempt
TAKEN_AGAIN = timedelta(seconds=1)
ASK_AGAIN = timedelta(seconds=30)  # suppliers that gave no answer
AT_ONCE = 8  # suppliers asked for live stock


class OutOfStockError(Exception):
    """Somebody reserved what this plan counted on; its transaction is rolled back."""


@dataclass(frozen=True)
class Heard:
    """What suppliers said just before the plan."""

    offers: Sequence[Offer] = ()
    silent: frozenset[str] = frozenset()
    rates: Mapping[str, LiveRate] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """One planning: what was asked for, of which order, by which configuration, and what suppliers said."""

    request: PlanRequest
    order: PlanningOrder
    parts: Sequence[WantedLine]
    version: Version
    heard: Heard = Heard()

    @property
    def eans(self) -> list[str]:
        """Name every article that is wanted."""
        return sorted({part.ean for part in self.parts})

    @property
    def to_ask_for(self) -> list[str]:
        """Name every article that suppliers are asked about: what is wanted, and what its buyer might take instead."""
        stock, wanted = self.version.configuration.stock, {part.line_id for part in self.parts}
        sold = {line.ean for line in self.order.lines if line.line_id in wanted}
        instead = {leaf for ean in sold for one in stock.substitutes.get(ean, ()) for leaf in stock.parts_of(one)}
        return sorted(instead.union(self.eans))

    @property
    def suppliers(self) -> tuple[str, ...]:
        """Name every supplier that may be ordered from."""
        return self.version.configuration.routing.priority

    @property
    def left_out(self) -> frozenset[str]:
        """Name the suppliers that did not deliver, or that a person has excluded."""
        return frozenset(self.request.excluded) | self.order.pins.excluded


class Planner:
    """Plans one order at a time. Thread-safe: it holds nothing but its dependencies."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    def plan(self, request: PlanRequest) -> PlanResult:
        """Decide who gets what is open, reserve it, and mint the purchase orders, once per plan number."""
        with self._deps.journal.about(subject(request.order_id)) as entries:
            result = self._begin(request)
            if isinstance(result, PlanResult):
                return result
            work = self._ask_suppliers(result)
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
            profile=self._deps.outside.profile(supplier),
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

    # Suppliers, asked beside every transaction.

    def _ask_suppliers(self, work: Work) -> Work:
        """Ask each candidate that has live stock; one that gives no answer stands with its last word, or not at all."""
        candidates = [name for name in work.suppliers if self._worth_asking(work, name)]
        if not candidates:
            return work
        with self._deps.database.begin() as tx:
            down = incidents.down(tx, candidates)
        with ThreadPoolExecutor(min(AT_ONCE, len(candidates)), thread_name_prefix="live-stock") as askers:
            up = [name for name in candidates if name not in down]
            asked = {name: askers.submit(copy_context().run, self._ask, work, name) for name in up}
            answers = {name: future.result() for name, future in asked.items()}
        heard = Heard(
            offers=[offer for found, _ in answers.values() for offer in found or ()],
            silent=down | {name for name, (found, _) in answers.items() if found is None},
            rates={name: rate for name, (_, rate) in answers.items() if rate is not None},
        )
        return Work(work.request, work.order, work.parts, work.version, heard)

    def _worth_asking(self, work: Work, supplier: str) -> bool:
        settings = self._deps.outside.supplier_settings(supplier)
        only = work.order.pins.only_supplier
        if not settings.enabled or supplier in work.left_out or only not in (None, supplier):
            return False
        port = self._port(supplier)
        return port is None or port.capabilities.live_stock or settings.terms.live_rates

    def _port(self, supplier: str) -> SupplierPort | None:
        """Return the port; None where it can't be built: one supplier's mistake must not stop what others can deliver."""
        try:
            return self._deps.outside.supplier(supplier)
        except Exception as error:  # noqa: BLE001 - a credential that is not set, or whatever a plugin raises
            log.warning("supplier %s can't be used: %s; see dropwright doctor", supplier, type(error).__name__)
            return None

    def _ask(self, work: Work, supplier: str) -> tuple[list[Offer] | None, LiveRate | None]:
        """Return its offers (none that it has no live word of, None where it gave no answer), and its shipping rate."""
        port = self._port(supplier)
        if port is None:
            return None, None
        found: list[Offer] | None = []
        if port.capabilities.live_stock:
            try:
                found = [_offer(supplier, answer) for answer in port.fetch_stock(work.to_ask_for)]
            except AdapterError as error:
                with self._deps.database.begin() as tx:
                    outages.note_exchange_failure(tx, self._deps, supplier, error)
                return None, None
        return found, self._live_rate(work, supplier, found or ())

    def _live_rate(self, work: Work, supplier: str, found: Sequence[Offer]) -> LiveRate | None:
        """Ask what shipping all that it could deliver costs. None where it is not asked, or gives no answer."""
        settings, order = self._deps.outside.supplier_settings(supplier), work.order
        if not settings.terms.live_rates or not order.ship_country:
            return None
        there = {offer.ean: offer.quantity for offer in found}
        units: dict[str, int] = {}
        for part in work.parts:
            units[part.ean] = units.get(part.ean, 0) + part.quantity
        lines = [
            SupplierLine(ean=ean, quantity=quantity)
            for ean, quantity in units.items()
            if there.get(ean, quantity) >= quantity
        ]
        if not lines:
            return None
        destination = Destination(country_code=order.ship_country, postal_code=order.postal_code[:20])
        try:
            quotes = self._deps.outside.supplier(supplier).quote_shipping(destination, lines)
        except AdapterError:
            return None
        choice = shipping_choice.choose(quotes, settings.preferred_carriers, settings.promise_days)
        if choice is None:
            return None
        cost = choice.quote.cost
        rate = planning_facts.conversion(order.rates, cost.currency, order.currency)
        return None if rate is None else LiveRate(cost=cost.amount * rate, days=choice.quote.days)


def _offer(supplier: str, answer: StockAnswer) -> Offer:
    cost = answer.unit_cost
    return Offer(
        supplier=supplier,
        ean=normalise_ean(answer.ean),
        known=answer.known,
        quantity=answer.quantity,
        unit_cost=cost.amount if cost else None,
        currency=cost.currency if cost else "EUR",
        observed_at=now(),
    )


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
