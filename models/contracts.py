"""Inputs and results of workflows and activities: ids, quantities, amounts and decisions, never personal data.

They stay readable for 90 days, because a poll that waits by retry outlives deployments: fields are added, never changed.
"""

from datetime import date, timedelta
from enum import StrEnum

from pydantic import Field

from models.backordering import CustomerChoice, ShortageAction
from models.base import Contract, CountryCode, Identifier, Reference, Slug, Timestamp
from models.commands import Command
from models.money import Money
from models.statuses import Mode, OrderState, PurchaseOrderState
from models.suppliers import SupplierProfile
from models.tasks import OpenTask, TaskCategory


class OrderRequest(Contract):
    """Input of ``OrderWorkflow``: which stored order to fulfil, and what the operator's list shows of it."""

    order_id: int = Field(ge=1)
    channel: Slug
    storefront_order_id: Identifier
    name: str = Field(min_length=1, max_length=40)
    total: Money
    lines: int = Field(ge=1)
    ship_country: CountryCode | None = None
    test: bool = False


class OrderOutcome(Contract):
    """Result of ``OrderWorkflow``."""

    ending: OrderState
    purchase_orders: tuple[str, ...] = ()
    foreign_run: bool = False  # another run had claimed this order: nothing was done here


class OrderRef(Contract):
    """Which order an activity works on."""

    order_id: int
    channel: Slug


class ScreenRequest(OrderRef):
    """Claim the order for this chain of runs, and judge whether it can be fulfilled as it stands."""

    first_run_id: str
    screened_before: bool = False


class ScreenVerdict(StrEnum):
    """What screening found."""

    CLEAR = "clear"
    ASK = "ask"
    CANCELLED = "cancelled"
    FOREIGN_RUN = "foreign_run"
    INTERRUPTED = "interrupted"  # a cancel came first: look again


class Screening(Contract):
    """Result of screening; ``task`` is set where a person must answer before it is repeated."""

    verdict: ScreenVerdict
    task: OpenTask | None = None


class ShortageWord(Contract):
    """What a person, a customer or a deadline has decided about units that nobody can deliver."""

    action: ShortageAction
    until: Timestamp | None = None  # for waiting
    then: ShortageAction | None = None  # when that is over; else as the policy says


class PlanRequest(OrderRef):
    """Plan the open quantity. The same plan number always returns the same purchase orders."""

    plan_no: int = Field(ge=1)
    excluded: tuple[Identifier, ...] = ()  # suppliers that did not deliver their share
    word: ShortageWord | None = None  # overrules the policy for what can't be routed this time
    ship_available: bool = False  # a person's word: deliver what is there


class PurchaseOrderRequest(Contract):
    """Input of ``PurchaseOrderWorkflow``: one supplier's share, as the plan's transaction minted it."""

    purchase_order_id: int = Field(ge=1)
    order_id: int = Field(ge=1)
    channel: Slug
    storefront_order_id: Identifier
    order_name: str = Field(min_length=1, max_length=40)
    number: Reference
    attempt: int = Field(ge=1)
    units: int = Field(ge=1)
    test: bool
    mode: Mode
    ship_country: CountryCode | None = None
    profile: SupplierProfile


class PlanVerdict(StrEnum):
    """What planning found."""

    PLANNED = "planned"  # purchase orders to place; a shortage beside them is possible
    SHORT = "short"  # nothing to place, and units that nobody can deliver
    ASK = "ask"  # a person must say which article a line is
    NOTHING_OPEN = "nothing_open"  # nothing is open that no purchase order covers
    CANCELLED = "cancelled"


class Shortage(Contract):
    """Units that nobody can deliver now, and what is done about them until stock arrives.

    ``WAIT`` and ``ASK_CUSTOMER`` end at ``until``; then the order is planned again with ``then`` as its word. The
    customer's answer, stored by the page, arrives as a signal that names ``question_id``. ``ASK_PERSON`` has its task.
    ``CANCEL`` has been done: the units count as cancelled.
    """

    action: ShortageAction
    units: int = Field(ge=1)
    missing: tuple[str, ...] = ()  # the first of them, as people read it: "2 x 4006381333931"
    until: Timestamp | None = None
    then: ShortageAction = ShortageAction.ASK_PERSON
    question_id: int | None = None
    task: OpenTask | None = None


class PlanResult(Contract):
    """Result of planning: the purchase orders to place, the task in their way, what nobody can deliver, or several."""

    verdict: PlanVerdict
    mode: Mode = Mode.LIVE
    purchase_orders: tuple[PurchaseOrderRequest, ...] = ()
    task: OpenTask | None = None
    shortage: Shortage | None = None


class QuestionEnding(OrderRef):
    """A customer's question is over: answered, silent until its deadline, or overtaken by stock or a cancel."""

    question_id: int
    overtaken: bool = False


class QuestionSettled(Contract):
    """Result of ending a question: what follows. ``cancelled`` and ``changed`` count lines; both lead to a new plan."""

    choice: CustomerChoice | None = None  # None: it was overtaken
    silent: bool = False
    cancelled: int = 0
    changed: int = 0
    word: ShortageWord | None = None  # for the next plan: what the customer will have for the rest


class PurchaseOrderOutcome(Contract):
    """Result of ``PurchaseOrderWorkflow``, also kept on its row for a parent that adopts it after a reset."""

    purchase_order_id: int
    supplier: Identifier
    ending: PurchaseOrderState
    order_ending: OrderState | None = None  # set where this purchase order's last transaction closed the whole order


class PurchaseOrderRef(Contract):
    """Which purchase order an activity works on."""

    purchase_order_id: int
    order_id: int
    channel: Slug


class StepVerdict(StrEnum):
    """How a step of a purchase order ended. Every value leads somewhere in ``PurchaseOrderWorkflow``."""

    DONE = "done"
    ASK = "ask"  # a person must answer; then the step is repeated or left
    OBSERVED = "observed"  # the mode says that nothing may leave
    WITHDRAWN = "withdrawn"  # cancelled before anything was sent
    REQUOTE = "requote"  # the destination changed after the quote
    REJECTED = "rejected"  # the supplier will not take it: plan again elsewhere
    UNKNOWN = "unknown"  # the request left and nobody knows what became of it
    CANCELLED = "cancelled"  # the supplier cancelled it
    TOO_LATE = "too_late"  # the supplier can't stop it any more
    PARTIAL = "partial"  # something shipped, more is to come
    EXHAUSTED = "exhausted"  # the plan is spent
    UNCLEAR = "unclear"  # the supplier says something nobody knows
    INTERRUPTED = "interrupted"  # news or a cancel came first: look again
    DOWN = "down"  # the supplier is down: its incident says when it is back


class StepResult(Contract):
    """Result of a purchase order's step: the verdict, and the task where a person must answer."""

    verdict: StepVerdict
    task: OpenTask | None = None
    declined: int = 0  # units that the supplier has declined in all so far: the order plans them again
    expected_on: date | None = None  # when the last of it shall ship, as the supplier now says
    down_since: Timestamp | None = None  # where the supplier is down


class SubmitRequest(PurchaseOrderRef):
    """Place the purchase order at the supplier, at most once; give up asking an unreachable one at ``give_up_at``."""

    give_up_at: Timestamp


class Submission(StepResult):
    """Result of placing: where ``verdict`` is done, the supplier has the order under ``supplier_number``."""

    supplier_number: Reference | None = None
    acknowledged: bool = False
    promised_by: Timestamp | None = None
    confirmed_at: Timestamp | None = None


class PollRequest(PurchaseOrderRef):
    """Follow a placed purchase order on a plan of intervals after ``confirmed_at``; errors move none of its instants."""

    confirmed_at: Timestamp
    plan: tuple[timedelta, ...]
    final_grace: timedelta
    declined: int = 0  # units that the lifecycle knows to be declined: more of them end the poll
    look_now: bool = False  # the supplier has sent something: ask once, whatever the plan says
    unasked: bool = False  # where the plan is spent, nobody is asked: the lifecycle knows what to do


class DoubtRequest(PurchaseOrderRef):
    """Find out by the supplier's own means whether a doubtful submission has arrived; ask a person at ``until``."""

    until: Timestamp
    look_now: bool = False  # something was heard of it: look at once
    may_send: bool = True  # false where it is held, or wanted no more: it is looked for, and not sent again


class CancelRequest(PurchaseOrderRef):
    """Ask the supplier to stop a placed purchase order; without a clear answer, stop asking at ``until``."""

    until: Timestamp


class ConfirmRequest(PurchaseOrderRef):
    """A person found the order at the supplier, under this number."""

    supplier_number: Reference


class FulfilRequest(PurchaseOrderRef):
    """Tell the storefront of every parcel not told yet; ``complete`` ends the purchase order in the same transaction.

    ``by_hand``: the storefront won't take it, and a person has seen to it there: only our record is kept.
    """

    complete: bool
    by_hand: bool = False


class FulfilmentResult(StepResult):
    """Result of telling the storefront of a shipment."""

    order_ending: OrderState | None = None


class PurchaseOrderEnding(PurchaseOrderRef):
    """Record how a purchase order ended, and release what it held.

    ``given_up``: its supplier may still deliver it. Where it was placed there, the answer says how to watch it.
    """

    ending: PurchaseOrderState
    given_up: bool = False


class OrderEnding(OrderRef):
    """Close an order's books: what is still open is cancelled, and the ending follows from the quantities."""


class CommandRecord(Contract):
    """Put a person's command, taken or refused, on the timeline, and close the task it answers."""

    order_id: int
    purchase_order_id: int | None = None
    command: Command
    command_id: Identifier
    task_id: int | None = None
    refused: str | None = None


class MalformedCommand(Contract):
    """A message no handler could read; only its shape is kept."""

    order_id: int
    purchase_order_id: int | None = None
    handler: str
    reason: str


class TaskReminder(Contract):
    """Remind the task's owner; ``round`` 1 is the reminder, from 2 on it is escalated."""

    task_id: int
    round: int


class TaskRequest(Contract):
    """Open a task for something the lifecycle itself noticed."""

    order_id: int
    purchase_order_id: int | None = None
    category: TaskCategory
    facts: dict[str, str] = Field(default_factory=dict)


class MailBatch(Contract):
    """Result of one round of the outbox dispatcher."""

    sent: int


class SweepReport(Contract):
    """What the intake sweeps found and did."""

    started: int = 0
    delivered: int = 0
    fetched: int = 0
    stalled: int = 0
    woken: int = 0  # orders that waited for stock which is there now


class StragglerRequest(PurchaseOrderRef):
    """Input of ``StragglerWorkflow``: a purchase order given up at a supplier that may still deliver it."""

    number: Reference
    profile: SupplierProfile
    confirmed_at: Timestamp
    until: Timestamp  # then nobody looks any more


class StragglerOutcome(Contract):
    """Result of ``StragglerWorkflow``: whether the supplier delivered after all, which is then a person's to sort out."""

    late: bool
