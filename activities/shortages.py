"""Units that nobody can deliver: who is asked about them, how long stock is waited for, and what an answer leads to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities import letters
from activities.common import Dependencies, ask, now
from activities.substitutes import asked_lines
from adapters.database import backorders, customer_questions, mails, orders, purchase_orders, tasks, timeline
from adapters.database.backorders import ShortPart, Standing
from adapters.database.customer_questions import NewQuestion, Question
from adapters.database.engine import Transaction
from adapters.database.planning import PlanningOrder
from models.backordering import Answer, AskedLine, CustomerChoice, ShortageAction
from models.contracts import PlanRequest, QuestionEnding, QuestionSettled, Shortage, ShortageWord
from models.orders import Address
from models.routing import Because, RoutingPlan
from models.statuses import Mode
from models.tasks import OpenTask, TaskCategory
from workflows.decisions import backorder, questions
from workflows.decisions.backorder import ShortageDecision, ShortLineFacts

# Whatever stock such a supplier may get, this order is not ordered there.
_OUT_FOR_GOOD: frozenset[Because] = frozenset(
    {
        "excluded by rule",
        "switched off",
        "restricted",
        "no shipping",
        "lacks a capability",
        "below margin floor",
        "no cost",
        "too late",
    }
)
MOST_NAMED = 5  # articles in a workflow's details
_PERSONS_QUESTIONS = (TaskCategory.UNROUTABLE, TaskCategory.CANCELLED_BY_SUPPLIER)


@dataclass(frozen=True, slots=True)
class _Case:
    """A plan's leftovers, with what may be done about them."""

    order: PlanningOrder
    request: PlanRequest
    plan: RoutingPlan
    decision: ShortageDecision
    address: Address | None
    ships: bool


def open_shortage(
    tx: Transaction, deps: Dependencies, order: PlanningOrder, request: PlanRequest, plan: RoutingPlan
) -> Shortage:
    """Decide about a plan's unroutable units, of which there are some, and write it all: what waits, who is asked.

    Planned again with the same outcome, it keeps the same question and the same task. The order's row is locked by
    this transaction.
    """
    standing = backorders.standing(tx, order.id)
    address = customer_questions.address_of(tx, order.id)
    decision = _decide(tx, deps, order, request, plan, standing, address)
    ships = decision.ship_available and bool(plan.shares)
    if not ships:  # what is ordered keeps its reasons with the plan
        reasons = plan.as_document()
        timeline.tell(tx, order.id, "order.short", at=now(), units=_units(plan), reasons=reasons)
    case = _Case(order, request, plan, decision, address, ships)
    if decision.action is ShortageAction.CANCEL:
        return _cancel(tx, deps, case)
    until = decision.until if decision.action is ShortageAction.WAIT else None
    backorders.keep(tx, order.id, _short_parts(case), until=until, now=now())
    if decision.action is ShortageAction.ASK_CUSTOMER:
        return _ask_customer(tx, deps, case)
    _take_back_customers_question(tx, deps, order)
    if decision.action is ShortageAction.WAIT:
        return _wait(tx, case, standing)
    return _shortage(case, task=_ask_person(tx, deps, case))


def may_ship_available(
    deps: Dependencies, order: PlanningOrder, request: PlanRequest, plan: RoutingPlan, shortage: Shortage
) -> bool:
    """Say whether what can be had is ordered although the rest can't be: by policy, by a person, or the rest is given up."""
    if request.ship_available or shortage.action is ShortageAction.CANCEL:
        return True
    settings = deps.outside.configuration.backorders
    return all(backorder.policy_for(order.channel, line.category, settings).ship_available for line in plan.unroutable)


def close_shortage(tx: Transaction, deps: Dependencies, order: PlanningOrder) -> None:
    """Nothing is short any more: what was asked about it is taken back."""
    if backorders.end(tx, order.id, now=now()):
        timeline.tell(tx, order.id, "order.stock_found", at=now())
    _take_back_customers_question(tx, deps, order)
    _take_back_persons_question(tx, order.id, "stock arrived")


def _decide(
    tx: Transaction,
    deps: Dependencies,
    order: PlanningOrder,
    request: PlanRequest,
    plan: RoutingPlan,
    standing: Standing,
    address: Address | None,
) -> ShortageDecision:
    mode = deps.outside.mode(order.channel)
    reachable = address is not None and bool(address.email) and deps.outside.customer_link(0, now()) is not None
    return backorder.decide(
        [ShortLineFacts(line.line_id, line.ean, line.quantity, line.category) for line in plan.unroutable],
        deps.outside.configuration.backorders,
        channel=order.channel,
        now=now(),
        since=standing.since,
        word=request.word or _standing_word(standing),
        can_ask=reachable and not order.test and mode is not Mode.OBSERVE,
        unasked=mode is Mode.LIVE,
        asked=customer_questions.asked_before(tx, order.id, sorted({line.line_id for line in plan.unroutable})),
        ship_available=request.ship_available,
    )


def _standing_word(standing: Standing) -> ShortageWord | None:
    """Who has been told to wait until a date waits until then, however often it is planned meanwhile."""
    if standing.until is None or standing.until <= now():
        return None
    return ShortageWord(action=ShortageAction.WAIT, until=standing.until)


def _short_parts(case: _Case) -> list[ShortPart]:
    return [_short_part(case, line.line_id, line.ean, line.quantity) for line in case.plan.unroutable]


def _short_part(case: _Case, line_id: str, ean: str, units: int) -> ShortPart:
    """Count what the plan saw and left: stock that came after its look then counts as new."""
    pins, reasons = case.order.pins, case.plan.reasons
    verdicts = [one for line in reasons if (line.line_id, line.ean) == (line_id, ean) for one in line.verdicts]
    out = {one.supplier for one in verdicts if one.because in _OUT_FOR_GOOD} | pins.excluded
    if pins.only_supplier is not None:
        out |= {one.supplier for one in verdicts if one.supplier != pins.only_supplier}
    had = sum(one.available or 0 for one in verdicts if one.supplier not in out and one.because != "stale")
    taken = sum(
        one.quantity
        for supplier, share in case.plan.shares.items()
        for one in share.allotments
        if case.ships and one.ean == ean and supplier not in out
    )
    return ShortPart(line_id, ean, units, max(0, had - taken), sorted(out), case.decision.ship_available)


def _units(plan: RoutingPlan) -> dict[str, int]:
    """Count by line the units that lack something; a bundle lacks as many as its scarcest part."""
    units: dict[str, int] = {}
    for line in plan.unroutable:
        units[line.line_id] = max(units.get(line.line_id, 0), -(-line.quantity // line.per_unit))
    return units


def _shortage(
    case: _Case, *, question_id: int | None = None, task: OpenTask | None = None, until: datetime | None = None
) -> Shortage:
    return Shortage(
        action=case.decision.action,
        units=sum(_units(case.plan).values()),
        missing=tuple(f"{line.quantity} x {line.ean}" for line in case.plan.unroutable[:MOST_NAMED]),
        until=until or case.decision.until,
        then=case.decision.then,
        question_id=question_id,
        task=task,
    )


# Giving up, waiting.


def _cancel(tx: Transaction, deps: Dependencies, case: _Case) -> Shortage:
    backorders.cancel_units(tx, case.order.id, _units(case.plan), now=now(), because="not to be had")
    backorders.end(tx, case.order.id, now=now())
    _take_back_customers_question(tx, deps, case.order)
    _take_back_persons_question(tx, case.order.id, "the units were cancelled")
    return _shortage(case)


def _wait(tx: Transaction, case: _Case, before: Standing) -> Shortage:
    _take_back_persons_question(tx, case.order.id, "stock is waited for")
    until = case.decision.until
    assert until is not None
    if before.until != until or not before.open:
        timeline.tell(
            tx,
            case.order.id,
            "order.awaits_stock",
            at=now(),
            units=_units(case.plan),
            until=until.isoformat(),
            then=case.decision.then,
        )
    return _shortage(case)


# Asking a person.


def _ask_person(tx: Transaction, deps: Dependencies, case: _Case) -> OpenTask:
    order, category = case.order, TaskCategory.UNROUTABLE
    facts = {
        "order": order.name,
        "articles": ", ".join(sorted({line.ean for line in case.plan.unroutable})),
        "problem": "nobody else has enough of it" if case.request.excluded else "not enough stock anywhere",
    }
    cancelled_by = [one for one in purchase_orders.cancelled_by(tx, order.id) if one in case.request.excluded]
    if cancelled_by:
        category = TaskCategory.CANCELLED_BY_SUPPLIER
        known = deps.outside.configuration.suppliers  # one that was taken out since may have cancelled it
        names = [known[supplier].display_name if supplier in known else supplier for supplier in cancelled_by]
        facts["supplier"] = ", ".join(names)
    task = ask(tx, deps, category, facts, order_id=order.id, candidates=case.plan.as_document()["lines"])
    timeline.tell(tx, order.id, "order.needs_person", at=now(), category=category, task=task.task_id)
    return task


def _take_back_persons_question(tx: Transaction, order_id: int, answer: str) -> None:
    for category in _PERSONS_QUESTIONS:
        tasks.close_for(tx, f"order:{order_id}:{category}", answer=answer, now=now())


# Asking the customer.


def _ask_customer(tx: Transaction, deps: Dependencies, case: _Case) -> Shortage:
    order = case.order
    lines = asked_lines(tx, deps, order, _units(case.plan), now=now())
    question = customer_questions.go_on(tx, order.id, lines, now=now())
    if question is None:
        question = _ask_anew(tx, deps, case, lines)
    _take_back_persons_question(tx, order.id, "the customer was asked")
    return _shortage(case, question_id=question.id, until=question.answer_by)


def _ask_anew(tx: Transaction, deps: Dependencies, case: _Case, lines: Sequence[AskedLine]) -> Question:
    decision = case.decision
    assert decision.until is not None
    _take_back_customers_question(tx, deps, case.order)
    new = NewQuestion(
        lines=lines, when_silent=decision.when_silent, answer_by=decision.until, wait_until=decision.wait_until
    )
    question = customer_questions.put(tx, case.order.id, new, now=now())
    _write_to_customer(tx, deps, case, question)
    return question


def _write_to_customer(tx: Transaction, deps: Dependencies, case: _Case, question: Question) -> None:
    link = deps.outside.customer_link(question.id, question.answer_by)
    assert case.address is not None
    assert link is not None
    mails.write(tx, [letters.question(case.order.id, case.address, question, link)], now=now())
    timeline.tell(
        tx,
        case.order.id,
        "customer.asked",
        at=now(),
        question=question.id,
        answer_by=question.answer_by.isoformat(),
        when_silent=question.when_silent,
    )


def _take_back_customers_question(tx: Transaction, deps: Dependencies, order: PlanningOrder) -> None:
    """End it. An answer that came too late to be acted on, and asks for something else, is brought to a person."""
    for late in customer_questions.overtake(tx, order.id, now=now()):
        if late.choice is CustomerChoice.WAIT:
            continue
        category = TaskCategory.CUSTOMER_CHANGED_MIND
        problem = "it was planned anew before the answer was read"
        facts = {"order": order.name, "choice": late.choice.replace("_", " "), "problem": problem}
        about = tasks.About(key=f"order:{order.id}:{category}", order_id=order.id)
        evidence = late.model_dump(mode="json", exclude_none=True)
        draft = questions.draft(category, facts)
        tasks.open_task(tx, about, draft, evidence, people=deps.outside.people, now=now())


class ShortageActivities:
    """Ends what customers are asked."""

    def __init__(self, deps: Dependencies) -> None:
        """Read and write through ``deps``."""
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def settle_question(self, request: QuestionEnding) -> QuestionSettled:
        """Act on the customer's answer, or on silence once its time is over. Repeated, it says the same."""
        with self._deps.database.begin() as tx:
            orders.lock(tx, request.order_id)
            question = customer_questions.lock(tx, request.question_id)
            silent = question.answer is None
            if silent and request.overtaken and question.ending is None:
                customer_questions.end(tx, question.id, "overtaken", now=now())
                return QuestionSettled()
            given = question.answer or _default(question)
            if question.ending is None:
                self._act(tx, question, given, silent=silent)
        return QuestionSettled() if question.ending == "overtaken" else _settled(question, given)

    def _act(self, tx: Transaction, question: Question, given: Answer, *, silent: bool) -> None:
        event, actor = ("customer.silent", "dropwright") if silent else ("customer.answered", "customer")
        customer_questions.end(tx, question.id, "silent" if silent else "answered", now=now())
        timeline.tell(
            tx,
            question.order_id,
            event,
            at=now(),
            actor=actor,
            key=f"question:{question.id}",
            question=question.id,
            **given.model_dump(mode="json", exclude_none=True, exclude_defaults=True),
        )
        if not given.cancel_all:
            self._act_on_lines(tx, question, given)

    def _act_on_lines(self, tx: Transaction, question: Question, given: Answer) -> None:
        units = {line.line_id: line.units for line in question.lines}
        given_up = {one.line_id: units[one.line_id] for one in given.lines if one.choice is CustomerChoice.CANCEL_LINE}
        backorders.cancel_units(tx, question.order_id, given_up, now=now(), because="the customer's wish")
        settled = [one.line_id for one in given.lines if one.choice is not CustomerChoice.WAIT]
        backorders.end_lines(tx, question.order_id, settled, now=now())
        for one in given.lines:
            if one.choice is CustomerChoice.ALTERNATIVE and one.ean is not None:
                customer_questions.substitute(tx, question.order_id, one.line_id, one.ean)


def _default(question: Question) -> Answer:
    """What silence means, by the policy as it was when the customer was asked."""
    if question.when_silent == "cancel_all":
        return Answer(cancel_all=True)
    if question.when_silent == "cancel_line":
        return Answer.to_all(question.lines, CustomerChoice.CANCEL_LINE)
    return Answer.to_all(question.lines, CustomerChoice.WAIT)


def _settled(question: Question, given: Answer) -> QuestionSettled:
    chosen = [line.choice for line in given.lines]
    waits = given.choice is CustomerChoice.WAIT
    return QuestionSettled(
        choice=given.choice,
        silent=question.answer is None,
        cancelled=chosen.count(CustomerChoice.CANCEL_LINE),
        changed=chosen.count(CustomerChoice.ALTERNATIVE),
        word=ShortageWord(action=ShortageAction.WAIT, until=question.wait_until) if waits else None,
    )
