"""Lifecycles beside scripted activities: what planners, suppliers and customers say is data, and time is skipped."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Event
from typing import Any

from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import WorkflowEnvironment

from models.commands import Command, CommandName, CommandReceipt
from models.contracts import (
    CancelRequest,
    CommandRecord,
    ConfirmRequest,
    DoubtRequest,
    FulfilmentResult,
    FulfilRequest,
    MalformedCommand,
    OrderEnding,
    OrderOutcome,
    OrderRequest,
    PlanRequest,
    PlanResult,
    PlanVerdict,
    PollRequest,
    PurchaseOrderEnding,
    PurchaseOrderRef,
    PurchaseOrderRequest,
    QuestionEnding,
    QuestionSettled,
    Screening,
    ScreenRequest,
    ScreenVerdict,
    Shortage,
    StepResult,
    StepVerdict,
    StragglerRequest,
    Submission,
    SubmitRequest,
    TaskReminder,
    TaskRequest,
)
from models.identifiers import (
    ORDERS_QUEUE,
    order_workflow_id,
    purchase_order_workflow_id,
    storefront_queue,
    supplier_queue,
)
from models.money import Money
from models.statuses import Mode, OrderState
from models.suppliers import Arrival, Capabilities, DoubtMeans, SupplierProfile
from models.tasks import OpenTask, TaskCategory
from starter.search_attributes import wanted
from worker import ORDER_WORKFLOWS, build_worker
from workflows.decisions import questions
from workflows.order import OrderWorkflow
from workflows.search_attributes import order_attributes, order_summary

HOUR = timedelta(hours=1)
PATIENCE = 60  # seconds, of everybody's clock
SUPPLIERS = ("a", "b", "c")
COMPLETED = EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
DONE = StepResult(verdict=StepVerdict.DONE)
NUMBERS = itertools.count(1)
TASKS = itertools.count(1)
FACTS = {"order": "#1", "number": "DW-1", "supplier": "A", "supplier_number": "A1", "waited": "24 h", "checks": "7"}
MORE_FACTS = {
    "last_answer": "Paid",
    "sent_at": "now",
    "changes": "3 x 1: later",
    "articles": "an article",
    "problem": "none has it",
    "plan": "as planned",
}


def task(category: TaskCategory) -> OpenTask:
    """Open a task as an activity would."""
    facts = {**FACTS, **MORE_FACTS, "reason": "a person asked", "code": "none", "status": "Paid", "what": "it"}
    draft = questions.draft(category, facts)
    return OpenTask(
        task_id=next(TASKS),
        category=category,
        question=draft.question,
        priority=draft.priority,
        answers=tuple(one.command for one in draft.alternatives if isinstance(one.command, CommandName)),
        remind_after=timedelta(days=300),
        escalate_after=timedelta(days=300),
    )


@dataclass
class Part:
    """What one supplier says of one order. Polls answer once so much time has passed since the supplier's confirmation."""

    cancels: bool = False
    acknowledgement: Arrival = Arrival.POLL
    reroute_silent: bool = False
    reroute_down_after: timedelta | None = None
    unreachable: timedelta = timedelta(0)
    submission: Submission | None = None
    doubts: list[tuple[timedelta, Submission]] = field(default_factory=list)  # what looking for it finds, and when
    looked_now: list[bool] = field(default_factory=list)
    may_be_sent: list[bool] = field(default_factory=list)  # at each look
    sends_after: timedelta = timedelta(0)
    taken: str = ""  # a number that it has given to another order
    acknowledges: tuple[timedelta, StepResult] = (HOUR, DONE)
    tracking: tuple[tuple[timedelta, StepResult], ...] = ((48 * HOUR, DONE),)  # one after the other
    on_cancel: tuple[timedelta, StepVerdict] = (timedelta(0), StepVerdict.DONE)
    straggler: tuple[timedelta, StepVerdict] = (24 * HOUR, StepVerdict.CANCELLED)
    tracked: int = 0
    quotes: list[StepResult] = field(default_factory=list)  # one after the other, then a rate is chosen

    def profile(self, supplier: str) -> SupplierProfile:
        """Describe this supplier as planning does."""
        return SupplierProfile(
            supplier=supplier,
            display_name=supplier.upper(),
            capabilities=Capabilities(
                live_rates=False,
                live_stock=False,
                doubt=DoubtMeans.NONE,
                cancel=self.cancels,
                acknowledgement=self.acknowledgement,
                test_orders=False,
            ),
            tracking_plan=(24 * HOUR,) * 4,
            final_check_grace=HOUR,
            acknowledgement_deadline=24 * HOUR,
            submit_timeout=timedelta(seconds=30),
            read_timeout=timedelta(seconds=10),
            unreachable_deadline=24 * HOUR,
            cancel_deadline=24 * HOUR,
            reroute_silent=self.reroute_silent,
            reroute_down_after=self.reroute_down_after,
            remind_after=timedelta(days=300),
            escalate_after=timedelta(days=300),
        )


@dataclass
class Play:
    """One order's script, and what was asked of the world while it ran."""

    parts: dict[str, Part] = field(default_factory=dict)
    plans: list[PlanResult] = field(default_factory=list)  # answers in turn; then nothing is open
    settled: list[QuestionSettled] = field(default_factory=list)
    order_id: int = field(default_factory=lambda: next(NUMBERS))
    planned: list[tuple[datetime, PlanRequest]] = field(default_factory=list)
    ended: list[PurchaseOrderEnding] = field(default_factory=list)
    asked: list[OpenTask] = field(default_factory=list)
    questions: list[QuestionEnding] = field(default_factory=list)
    commands: list[CommandRecord] = field(default_factory=list)
    unreadable: list[MalformedCommand] = field(default_factory=list)
    orders: dict[int, PurchaseOrderRequest] = field(default_factory=dict)
    fulfilled: list[tuple[datetime, int]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    gates: dict[str, Event] = field(default_factory=dict)  # an activity of this name goes on when its gate opens

    @property
    def request(self) -> OrderRequest:
        """Its workflow's input."""
        total = Money(amount=Decimal("9.90"), currency="EUR")
        name, number = f"#{self.order_id}", str(self.order_id)
        return OrderRequest(
            order_id=self.order_id, channel="main", storefront_order_id=number, name=name, total=total, lines=1
        )

    def plan(self, *suppliers: str, shortage: Shortage | None = None, release: bool = False) -> "Play":
        """Let the next planning place one purchase order at each supplier, or nothing where there is only a shortage."""
        number = len(self.plans) + 1
        made = tuple(self._purchase_order(supplier, number, place) for place, supplier in enumerate(suppliers, 1))
        self.plans.append(
            PlanResult(
                verdict=PlanVerdict.PLANNED if made else PlanVerdict.SHORT,
                mode=Mode.APPROVE if release else Mode.LIVE,
                purchase_orders=made,
                task=task(TaskCategory.APPROVAL) if release else None,
                shortage=shortage,
            )
        )
        return self

    def _purchase_order(self, supplier: str, plan_no: int, place: int) -> PurchaseOrderRequest:
        part = self.parts.setdefault(supplier, Part())
        key = self.order_id * 1000 + plan_no * 10 + place
        order = PurchaseOrderRequest(
            purchase_order_id=key,
            order_id=self.order_id,
            channel="main",
            storefront_order_id=str(self.order_id),
            order_name=f"#{self.order_id}",
            number=f"DW-{self.order_id}-{plan_no}{place}",
            attempt=plan_no,
            units=3,
            test=False,
            mode=Mode.LIVE,
            profile=part.profile(supplier),
        )
        self.orders[key] = order
        return order

    def workflow_id(self, supplier: str, plan_no: int = 1) -> str:
        """Name the workflow of a supplier's purchase order."""
        return purchase_order_workflow_id("main", str(self.order_id), supplier, plan_no)

    def open_task(self, category: TaskCategory) -> OpenTask | None:
        """Find the newest task of this category."""
        return next((one for one in reversed(self.asked) if one.category is category), None)


class Stubs:
    """Every activity of an order's lifecycles, answering by the script of its order."""

    def __init__(self) -> None:
        self.plays: dict[int, Play] = {}

    def _play(self, request: Any) -> Play:
        play = self.plays[request.order_id]
        name = activity.info().activity_type
        play.calls.append(name)
        if name in play.gates:
            play.gates[name].wait(PATIENCE)
        return play

    def _part(self, request: PurchaseOrderRef) -> Part:
        play = self._play(request)
        return play.parts[play.orders[request.purchase_order_id].profile.supplier]

    # The order's own.

    @activity.defn
    def screen_order(self, request: ScreenRequest) -> Screening:
        self._play(request)
        return Screening(verdict=ScreenVerdict.CLEAR)

    @activity.defn
    def plan_order(self, request: PlanRequest) -> PlanResult:
        play = self._play(request)
        play.planned.append((activity.info().started_time, request))
        turn = len(play.planned)
        if turn > len(play.plans):
            return PlanResult(verdict=PlanVerdict.NOTHING_OPEN)
        result = play.plans[turn - 1]
        for asked in (result.shortage.task if result.shortage else None, result.task):
            play.asked.extend([asked] if asked else [])
        return result

    @activity.defn
    def settle_question(self, request: QuestionEnding) -> QuestionSettled:
        play = self._play(request)
        play.questions.append(request)
        return QuestionSettled() if request.overtaken else play.settled.pop(0)

    @activity.defn
    def settle_order(self, request: OrderEnding) -> OrderState:
        return OrderState.SHIPPED if self._play(request).fulfilled else OrderState.CANCELLED

    @activity.defn
    def follow_purchase_order(self, request: PurchaseOrderRef) -> None:
        self._play(request)
        raise AssertionError("nothing is followed here")

    @activity.defn
    def end_purchase_order(self, request: PurchaseOrderEnding) -> StragglerRequest | None:
        play = self._play(request)
        play.ended.append(request)
        if not request.given_up:
            return None
        order, now = play.orders[request.purchase_order_id], activity.info().started_time
        ref = {name: getattr(request, name) for name in PurchaseOrderRef.model_fields}
        watch = {"confirmed_at": now - HOUR, "until": now + timedelta(days=14)}
        return StragglerRequest(**ref, number=order.number, profile=order.profile, **watch)

    @activity.defn
    def open_task(self, request: TaskRequest) -> OpenTask:
        play = self._play(request)
        play.asked.append(task(request.category))
        return play.asked[-1]

    @activity.defn
    def record_command(self, record: CommandRecord) -> None:
        self._play(record).commands.append(record)

    @activity.defn
    def record_malformed(self, record: MalformedCommand) -> None:
        self._play(record).unreadable.append(record)

    @activity.defn
    def remind(self, reminder: TaskReminder) -> None:
        """Nobody is reminded here."""

    # At the storefront and the suppliers.

    @activity.defn
    def choose_shipping(self, request: PurchaseOrderRef) -> StepResult:
        part = self._part(request)
        _not_before(activity.info().scheduled_time + part.unreachable)
        return part.quotes.pop(0) if part.quotes else DONE

    @activity.defn
    def write_shipping_choice(self, request: PurchaseOrderRef) -> StepResult:
        self._play(request)
        return DONE

    @activity.defn
    def write_supplier_number(self, request: PurchaseOrderRef) -> StepResult:
        self._play(request)
        return DONE

    @activity.defn
    def submit_purchase_order(self, request: SubmitRequest) -> Submission:
        now, number = activity.info().started_time, f"S{request.purchase_order_id}"
        placed = Submission(verdict=StepVerdict.DONE, supplier_number=number, confirmed_at=now)
        part = self._part(request)
        _not_before(activity.info().scheduled_time + part.sends_after)
        return part.submission or placed

    @activity.defn
    def resolve_submission(self, request: PurchaseOrderRef) -> Submission:
        self._play(request)
        return Submission(verdict=StepVerdict.INTERRUPTED)

    @activity.defn
    def settle_doubt(self, request: DoubtRequest) -> Submission:
        part = self._part(request)
        part.looked_now.append(request.look_now)
        part.may_be_sent.append(request.may_send)
        after, found = part.doubts[0]
        _not_before(activity.info().scheduled_time + (timedelta(0) if request.look_now else after))
        part.doubts.pop(0)
        self._play(request).asked.extend([found.task] if found.task else [])
        if found.verdict is StepVerdict.INTERRUPTED:
            part.submission = None
        return found

    @activity.defn
    def confirm_submission(self, request: ConfirmRequest) -> Submission:
        play, now = self._play(request), activity.info().started_time
        part = play.parts[play.orders[request.purchase_order_id].profile.supplier]
        if request.supplier_number == part.taken:
            play.asked.append(task(TaskCategory.SUBMIT_UNKNOWN))
            return Submission(verdict=StepVerdict.UNKNOWN, task=play.asked[-1])
        return Submission(verdict=StepVerdict.DONE, supplier_number=request.supplier_number, confirmed_at=now)

    @activity.defn
    def reopen_submission(self, request: PurchaseOrderRef) -> None:
        self._part(request).submission = None

    @activity.defn
    def await_acknowledgement(self, request: PollRequest) -> StepResult:
        after, result = self._part(request).acknowledges
        return self._poll(request, after, result, TaskCategory.ACKNOWLEDGEMENT_OVERDUE)

    @activity.defn
    def check_tracking(self, request: PollRequest) -> StepResult:
        part = self._part(request)
        after, result = part.tracking[min(part.tracked, len(part.tracking) - 1)]
        result = self._poll(request, after, result, TaskCategory.CHECKS_SPENT)
        part.tracked += 1
        return result

    def _poll(self, request: PollRequest, after: timedelta, result: StepResult, spent: TaskCategory) -> StepResult:
        """Answer when it is time, or ask a person at the end of the plan."""
        ends = sum(request.plan, timedelta(0))
        _not_before(request.confirmed_at + min(after, ends))
        if after <= ends:
            return result
        overdue = None if request.unasked else task(spent)
        self._play(request).asked.extend([overdue] if overdue else [])
        return StepResult(verdict=StepVerdict.EXHAUSTED, task=overdue)

    @activity.defn
    def cancel_at_supplier(self, request: CancelRequest) -> StepResult:
        after, verdict = self._part(request).on_cancel
        _not_before(activity.info().scheduled_time + after)
        return StepResult(verdict=verdict)

    @activity.defn
    def watch_straggler(self, request: PollRequest) -> StepResult:
        after, verdict = self._part(request).straggler
        _not_before(request.confirmed_at + after)
        return StepResult(verdict=verdict)

    @activity.defn
    def fulfil(self, request: FulfilRequest) -> FulfilmentResult:
        self._play(request).fulfilled.append((activity.info().started_time, request.purchase_order_id))
        return FulfilmentResult(verdict=StepVerdict.DONE)

    def every(self) -> Sequence[Callable[..., Any]]:
        """List them all."""
        members = [getattr(self, name) for name in dir(self) if not name.startswith("_")]
        return [one for one in members if hasattr(one, "__temporal_activity_definition")]


def _not_before(instant: datetime) -> None:
    left = instant - activity.info().started_time
    if left > timedelta(0):
        benign = ApplicationErrorCategory.BENIGN
        raise ApplicationError("not yet", type="NotYet", next_retry_delay=left, category=benign)


@dataclass
class Stage:
    """Where plays are performed: one clock, which jumps."""

    env: WorkflowEnvironment
    stubs: Stubs

    async def begin(self, play: Play) -> WorkflowHandle[OrderWorkflow, OrderOutcome]:
        """Start an order."""
        self.stubs.plays[play.order_id] = play
        return await self.env.client.start_workflow(
            OrderWorkflow.run,
            play.request,
            id=order_workflow_id("main", str(play.order_id)),
            task_queue=ORDERS_QUEUE,
            search_attributes=order_attributes(play.request),
            static_summary=order_summary(play.request),
        )

    async def ending(self, handle: WorkflowHandle[OrderWorkflow, OrderOutcome], play: Play) -> OrderState:
        """Wait for an order's end, and return it; no workflow task of it may have failed."""
        async with asyncio.timeout(PATIENCE):
            outcome = await handle.result()
        await self.never_stumbled(play)
        return outcome.ending

    async def until(self, what: Callable[[], Any], *, step: timedelta = HOUR, steps: int = 800) -> Any:
        """Let time pass until something is true, and return it. The first looks cost no time of the skipped clock."""
        for look in range(steps):
            if found := what():
                return found
            if look < 20:
                await asyncio.sleep(0.02)
            else:
                await self.env.sleep(step)
        raise AssertionError("it never came")

    async def asked(self, play: Play, category: TaskCategory) -> OpenTask:
        """Wait until a person is asked this."""
        found: OpenTask = await self.until(lambda: play.open_task(category))
        return found

    async def say(self, workflow_id: str, command: CommandName, **fields: Any) -> CommandReceipt:
        """Send a command; refusals are raised."""
        handle = self.env.client.get_workflow_handle(workflow_id)
        message = Command(command=command, actor="ops", **fields)
        receipt: CommandReceipt = await handle.execute_update("command", message, result_type=CommandReceipt)
        return receipt

    async def signal(self, play: Play, name: str, **document: Any) -> None:
        """Signal the order."""
        handle = self.env.client.get_workflow_handle(order_workflow_id("main", str(play.order_id)))
        await handle.signal(name, document)

    async def stage_of(self, workflow_id: str) -> str:
        """Ask a lifecycle where it is."""
        return str((await self.env.client.get_workflow_handle(workflow_id).query("status"))["stage"])

    async def has_heard(self, workflow_id: str, step: str, *, times: int = 1) -> None:
        """Wait until a lifecycle has an activity's answer: a command that crosses it makes the test server lose both."""
        handle = self.env.client.get_workflow_handle(workflow_id)
        for _ in range(400):
            events = {event.event_id: event for event in (await handle.fetch_history()).events}
            answers = [
                one.activity_task_completed_event_attributes for one in events.values() if one.event_type == COMPLETED
            ]
            asked = [events[one.scheduled_event_id].activity_task_scheduled_event_attributes for one in answers]
            if sum(one.activity_type.name == step for one in asked) >= times:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{workflow_id} has no answer of {step}")

    async def reaches(self, workflow_id: str, name: str) -> None:
        """Wait until a lifecycle is there."""
        for _ in range(400):
            if await self.stage_of(workflow_id) == name:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{workflow_id} is at {await self.stage_of(workflow_id)}, not at {name}")

    async def never_stumbled(self, play: Play) -> None:
        """No workflow task of this order's workflows has failed."""
        ids = [order_workflow_id("main", str(play.order_id))]
        ids += [play.workflow_id(one.profile.supplier, one.attempt) for one in play.orders.values()]
        for workflow_id in ids:
            try:
                history = await self.env.client.get_workflow_handle(workflow_id).fetch_history()
            except Exception:  # noqa: BLE001 - planned, and never begun
                continue
            kinds = {event.event_type for event in history.events}
            assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED not in kinds, workflow_id


@asynccontextmanager
async def performing(env: WorkflowEnvironment, cached_workflows: int) -> AsyncIterator[Stage]:
    """Run the lifecycles with scripted activities on every queue they name."""
    stubs = Stubs()
    queues = [ORDERS_QUEUE, storefront_queue("main"), *map(supplier_queue, SUPPLIERS)]
    async with AsyncExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(16))
        for queue in queues:
            workflows = ORDER_WORKFLOWS if queue == ORDERS_QUEUE else []
            worker = build_worker(
                env.client,
                queue,
                stubs.every(),
                threads,
                workflows=workflows,
                slots=8,
                cached_workflows=cached_workflows,
            )
            await stack.enter_async_context(worker)
        yield Stage(env, stubs)


async def know_search_attributes(env: WorkflowEnvironment) -> None:
    """Register them where no visibility query could await them."""
    request = AddSearchAttributesRequest(search_attributes=wanted())  # type: ignore[arg-type]
    await env.client.operator_service.add_search_attributes(request)
