"""Activities on customer orders: plan who gets which line, close the books."""

from collections.abc import Sequence
from datetime import timedelta

from temporalio import activity

from activities.common import Dependencies, ask, now, subject
from activities.failures import wait
from adapters.database import offers, orders, purchase_orders, tasks, timeline
from adapters.database.configurations import Version
from adapters.database.engine import Transaction
from adapters.database.orders import OrderView
from adapters.errors import AdapterError
from models.articles import normalise_ean
from models.commands import CommandName
from models.contracts import (
    OrderEnding,
    PlanRequest,
    PlanResult,
    PlanVerdict,
    PurchaseOrderOutcome,
    PurchaseOrderRef,
    PurchaseOrderRequest,
)
from models.routing import RoutingPlan, Rules, WantedLine
from models.statuses import ORDER_ENDINGS, Mode, OrderState, PurchaseOrderState
from models.suppliers import Offer, StockAnswer
from models.tasks import OpenTask, TaskCategory
from workflows.decisions import questions, routing

ASK_AGAIN = timedelta(seconds=30)  # suppliers that gave no answer
LOOK_AGAIN = timedelta(seconds=30)  # for the outcome of a purchase order that another run started


class OrderActivities:
    """Plan outside, write inside: suppliers are asked before the transaction, never within it."""

    def __init__(self, deps: Dependencies, *, look_again: timedelta = LOOK_AGAIN) -> None:
        """``look_again`` is how often an adopted purchase order is looked at."""
        self._deps = deps
        self._look_again = look_again

    # Planning.

    @activity.defn(no_thread_cancel_exception=True)
    def plan_order(self, request: PlanRequest) -> PlanResult:
        """Ask suppliers what they have, decide who gets which line, and mint the purchase orders, once per plan number."""
        with self._deps.database.begin() as tx:
            order = orders.load(tx, request.order_id)
            if minted := self._minted_before(tx, order, request):
                return minted
            wanted = orders.open_lines(tx, order.id)
        if not wanted:
            return PlanResult(verdict=PlanVerdict.NOTHING_OPEN)
        version = self._deps.outside.version()
        with self._deps.journal.about(subject(order.id)) as entries:
            known = self._ask_suppliers(version, request, wanted)
            plan = routing.route(wanted, known, self._rules(version, request))
            with self._deps.database.begin() as tx:
                entries.save(tx)
                offers.keep(tx, [offer for supplier in known.values() for offer in supplier.values()])
                result = self._write_plan(tx, request, version, plan)
        if result is None:  # raised only now, after what suppliers said is committed
            raise wait("no supplier has answered yet for some lines", ASK_AGAIN)
        return result

    def _rules(self, version: Version, request: PlanRequest) -> Rules:
        suppliers = version.configuration.suppliers
        return Rules(
            priority=version.configuration.routing.priority,
            excluded=frozenset(request.excluded),
            disabled=frozenset(name for name, supplier in suppliers.items() if not supplier.enabled),
        )

    def _ask_suppliers(
        self, version: Version, request: PlanRequest, wanted: Sequence[WantedLine]
    ) -> dict[str, dict[str, Offer]]:
        """Ask each candidate for live stock; one that gives no answer stands with its last word, or not at all."""
        rules = self._rules(version, request)
        eans = sorted({line.ean for line in wanted})
        known: dict[str, dict[str, Offer]] = {}
        for supplier in rules.priority:
            if supplier in rules.excluded or supplier in rules.disabled:
                continue
            try:
                answers = self._deps.outside.supplier(supplier).fetch_stock(eans)
                found = [self._offer(supplier, answer) for answer in answers]
            except AdapterError:
                with self._deps.database.begin() as tx:
                    found = offers.kept(tx, supplier, eans)
                if len(found) < len(eans):
                    continue
            known[supplier] = {normalise_ean(offer.ean): offer for offer in found}
        return known

    def _offer(self, supplier: str, answer: StockAnswer) -> Offer:
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

    def _write_plan(
        self, tx: Transaction, request: PlanRequest, version: Version, plan: RoutingPlan
    ) -> PlanResult | None:
        order = orders.load(tx, request.order_id, lock=True)
        if minted := self._minted_before(tx, order, request):
            return minted
        if order.cancel_requested or order.state in ORDER_ENDINGS:
            return PlanResult(verdict=PlanVerdict.CANCELLED)
        if plan.unroutable:
            return self._unroutable(tx, order, request, plan)
        mode = self._deps.outside.mode(order.channel, *plan.shares)
        minting = purchase_orders.Minting(
            order_id=order.id,
            channel=order.channel,
            storefront_order_id=order.storefront_order_id,
            plan_no=request.plan_no,
            mode=mode,
            test=order.test,
            configuration_id=version.id,
        )
        purchase_orders.mint(tx, minting, plan, now=now())
        timeline.tell(
            tx,
            order.id,
            "order.planned",
            at=now(),
            plan=request.plan_no,
            mode=mode,
            configuration=version.id,
            shares={supplier: len(lines) for supplier, lines in plan.shares.items()},
            reasons=plan.reasons,
        )
        return self._minted_before(tx, order, request)

    def _minted_before(self, tx: Transaction, order: OrderView, request: PlanRequest) -> PlanResult | None:
        """Return what this plan number has minted: a repeated or reset planning gets the same purchase orders."""
        rows = purchase_orders.of_plan(tx, order.id, request.plan_no)
        if rows is None:
            return None
        requests = tuple(
            PurchaseOrderRequest(
                purchase_order_id=row.id,
                order_id=order.id,
                channel=order.channel,
                storefront_order_id=order.storefront_order_id,
                order_name=order.name,
                number=row.number,
                attempt=row.attempt,
                units=row.units,
                test=row.test,
                mode=Mode(row.mode),
                ship_country=order.ship_country,
                profile=self._deps.outside.profile(row.supplier),
            )
            for row in rows
        )
        task = self._ask_for_release(tx, order, request, requests) if requests[0].mode is Mode.APPROVE else None
        return PlanResult(verdict=PlanVerdict.PLANNED, mode=requests[0].mode, purchase_orders=requests, task=task)

    def _ask_for_release(
        self, tx: Transaction, order: OrderView, request: PlanRequest, planned: Sequence[PurchaseOrderRequest]
    ) -> OpenTask | None:
        """In approve mode a person releases the plan, unless one has done so before a reset."""
        evidence = {"plan": request.plan_no}
        if tasks.answered_before(tx, TaskCategory.APPROVAL, CommandName.APPROVE, evidence, order_id=order.id):
            return None
        plan = ", ".join(f"{one.units} units at {one.profile.display_name}" for one in planned)
        facts = {"order": order.name, "plan": plan}
        return ask(tx, self._deps, TaskCategory.APPROVAL, facts, order_id=order.id, **evidence)

    def _unroutable(
        self, tx: Transaction, order: OrderView, request: PlanRequest, plan: RoutingPlan
    ) -> PlanResult | None:
        """Ask a person about lines that nobody takes; None where a supplier that has not answered still might."""
        if plan.unanswered():
            return None
        facts, category = self._why_unroutable(order, plan)
        cancelled_by = [one for one in purchase_orders.cancelled_by(tx, order.id) if one in request.excluded]
        if cancelled_by and category is TaskCategory.UNROUTABLE:
            category = TaskCategory.CANCELLED_BY_SUPPLIER
            names = [self._deps.outside.supplier_settings(supplier).display_name for supplier in cancelled_by]
            facts["supplier"] = ", ".join(names)
        task = ask(tx, self._deps, category, facts, order_id=order.id, candidates=plan.reasons)
        timeline.tell(tx, order.id, "order.needs_person", at=now(), category=category, task=task.task_id)
        return PlanResult(verdict=PlanVerdict.ASK, task=task)

    def _why_unroutable(self, order: OrderView, plan: RoutingPlan) -> tuple[dict[str, str], TaskCategory]:
        unknown = plan.unknown_everywhere()
        lines = unknown or plan.unroutable
        articles = ", ".join(sorted({line.ean for line in lines}))
        left_out = any("excluded" in plan.reasons[line.line_id].values() for line in lines)
        stock = "nobody else has enough of it" if left_out else "not enough stock anywhere"
        problem = "no supplier knows it" if unknown else stock
        category = TaskCategory.ARTICLE_UNKNOWN if unknown else TaskCategory.UNROUTABLE
        return {"order": order.name, "articles": articles, "problem": problem}, category

    # Following and settling.

    @activity.defn(no_thread_cancel_exception=True)
    def follow_purchase_order(self, request: PurchaseOrderRef) -> PurchaseOrderOutcome:
        """Wait, by retry, for the outcome of a purchase order that another run of this order started."""
        with self._deps.database.begin() as tx:
            row = purchase_orders.outcome(tx, request.purchase_order_id)
        if row.ended_at is None:
            raise wait("the purchase order is still being followed by its own workflow", self._look_again)
        ending = OrderState(row.order_state)
        return PurchaseOrderOutcome(
            purchase_order_id=request.purchase_order_id,
            supplier=row.supplier,
            ending=PurchaseOrderState(row.state),
            order_ending=ending if ending in ORDER_ENDINGS else None,
        )

    @activity.defn(no_thread_cancel_exception=True)
    def settle_order(self, request: OrderEnding) -> OrderState:
        """Close the books: what is open is cancelled, and money that may be owed to the customer becomes a task."""
        with self._deps.database.begin() as tx:
            ending = orders.settle(tx, request.order_id, now=now())
            for never_begun in purchase_orders.open_ones(tx, request.order_id):  # planned, then not released
                purchase_orders.end(tx, never_begun, PurchaseOrderState.CANCELLED, now=now())
            units = orders.cancelled_here(tx, request.order_id)
            if units:
                order = orders.load(tx, request.order_id)
                facts = {"order": order.name, "state": ending.replace("_", " "), "units": str(units)}
                draft = questions.draft(TaskCategory.REFUND_DUE, facts)
                about = tasks.About(key=f"order:{order.id}:refund", order_id=order.id)
                tasks.open_task(tx, about, draft, facts, people=self._deps.outside.people, now=now())
        return ending
