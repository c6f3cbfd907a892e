"""Task queues, and every timeout and retry policy, named. Nowhere else."""

from datetime import timedelta

from temporalio.common import Priority, RetryPolicy, WorkflowIDReusePolicy
from temporalio.workflow import (
    ActivityCancellationType,
    ActivityConfig,
    ChildWorkflowCancellationType,
    ParentClosePolicy,
)

from models.identifiers import MAIL_QUEUE, ORDERS_QUEUE, SYNC_QUEUE, publish_queue, storefront_queue, supplier_queue
from models.suppliers import SupplierProfile

URGENT = Priority(priority_key=1)  # submissions and people
TRACKING = Priority(priority_key=3)
STOCK = Priority(priority_key=4)
CATALOGUE = Priority(priority_key=5)

# A purchase order outlives its order, is never started twice, and hears of a cancel by signal only.
NEVER_TWICE = WorkflowIDReusePolicy.REJECT_DUPLICATE
CHILDREN_GO_ON = ParentClosePolicy.ABANDON
CHILDREN_ARE_TOLD = ChildWorkflowCancellationType.ABANDON

# A database that restarts is back in seconds; a bug in a query should not spin.
_PATIENT = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(minutes=1)
)
# Paid or limited interfaces are asked politely; Retry-After overrides it.
_POLITE = RetryPolicy(
    initial_interval=timedelta(seconds=5), backoff_coefficient=2, maximum_interval=timedelta(minutes=5)
)
# Waiting by retry: the activity itself says when it wants to be asked again. This is for attempts that were lost.
_POLLING = RetryPolicy(
    initial_interval=timedelta(seconds=10), backoff_coefficient=1, maximum_interval=timedelta(seconds=10)
)

LONGEST_SHORTAGE = timedelta(days=14)  # a wait for stock or a customer whose end nobody has set
EARLY_ANSWER = timedelta(seconds=10)  # how long an answer waits for the question it answers

_MARGIN = timedelta(seconds=12)
_BACKSTOP = timedelta(days=1)


def record(summary: str) -> ActivityConfig:
    """Only our own database is touched. Every summary is written for an operator who reads the event list."""
    return ActivityConfig(
        task_queue=ORDERS_QUEUE,
        start_to_close_timeout=timedelta(seconds=15),
        retry_policy=_PATIENT,
        priority=URGENT,
        summary=summary,
    )


def plan(summary: str) -> ActivityConfig:
    """Suppliers are asked for stock, eight at a time, then one transaction.

    Many silent ones take minutes; a worker that died is noticed by its heartbeat. Two attempts at once plan only once.
    """
    return ActivityConfig(
        task_queue=ORDERS_QUEUE,
        start_to_close_timeout=timedelta(minutes=5),
        heartbeat_timeout=timedelta(seconds=30),
        retry_policy=_POLITE,
        # What it has written by then, purchase orders or a question to the customer, must be known to be taken back.
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        priority=URGENT,
        summary=summary,
    )


def dispatch_mail() -> ActivityConfig:
    """The outbox is emptied mail by mail; an idle dispatcher waits by retry."""
    return ActivityConfig(
        task_queue=MAIL_QUEUE,
        start_to_close_timeout=timedelta(minutes=5),
        heartbeat_timeout=timedelta(seconds=45),
        retry_policy=_POLLING,
        summary="Send what is in the outbox",
    )


def follow_outcome(summary: str) -> ActivityConfig:
    """Wait by retry for the outcome of a purchase order that another run had started."""
    return ActivityConfig(
        task_queue=ORDERS_QUEUE,
        start_to_close_timeout=timedelta(seconds=15),
        retry_policy=_POLLING,
        priority=TRACKING,
        summary=summary,
    )


def storefront(channel: str, summary: str) -> ActivityConfig:
    """One call to a channel's storefront and the transaction that records it. A day without success asks a person."""
    return ActivityConfig(
        task_queue=storefront_queue(channel),
        start_to_close_timeout=timedelta(minutes=1),
        schedule_to_close_timeout=timedelta(days=1),
        retry_policy=_POLITE,
        # A write that is under way when we lose interest ends before anything else is written.
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        priority=URGENT,
        summary=summary,
    )


def supplier_question(profile: SupplierProfile, summary: str) -> ActivityConfig:
    """Questions to a supplier. The activity itself gives up at the supplier's deadline; the backstop is only that."""
    return ActivityConfig(
        task_queue=supplier_queue(profile.supplier),
        start_to_close_timeout=timedelta(minutes=1),
        schedule_to_close_timeout=profile.unreachable_deadline + _BACKSTOP,
        retry_policy=_POLITE,
        priority=URGENT,
        summary=summary,
    )


def submission(profile: SupplierProfile, summary: str) -> ActivityConfig:
    """The one request that must not leave twice. Longer than its question and its own timeout, and without a heartbeat.

    A second attempt must never begin while a stalled first one could still send (see docs/decisions/0002).
    """
    return ActivityConfig(
        task_queue=supplier_queue(profile.supplier),
        start_to_close_timeout=profile.read_timeout + profile.submit_timeout + _MARGIN,
        schedule_to_close_timeout=profile.unreachable_deadline + _BACKSTOP,
        retry_policy=_POLITE,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        priority=URGENT,
        summary=summary,
    )


def supplier_poll(profile: SupplierProfile, plan_ends_in: timedelta, summary: str) -> ActivityConfig:
    """Follow a supplier order on its plan, by retry. A "shipped" that arrives while we cancel it is not lost."""
    return ActivityConfig(
        task_queue=supplier_queue(profile.supplier),
        start_to_close_timeout=2 * profile.read_timeout + _MARGIN,  # its order, and its parcels
        schedule_to_close_timeout=max(plan_ends_in, timedelta(0)) + profile.final_check_grace + _BACKSTOP,
        retry_policy=_POLLING,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        priority=TRACKING,
        summary=summary,
    )


def supplier_doubt(profile: SupplierProfile, summary: str) -> ActivityConfig:
    """Look, by retry, whether a supplier has an order, or send it again. What is found while we lose interest is kept."""
    return ActivityConfig(
        task_queue=supplier_queue(profile.supplier),
        start_to_close_timeout=max(2 * profile.read_timeout, profile.submit_timeout) + _MARGIN,
        schedule_to_close_timeout=profile.capabilities.visibility_delay + profile.doubt_deadline + _BACKSTOP,
        retry_policy=_POLLING,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        priority=URGENT,
        summary=summary,
    )


def supplier_cancel(profile: SupplierProfile, summary: str) -> ActivityConfig:
    """Ask a supplier to stop an order, by retry. An answer that arrives while we lose interest is not lost."""
    return ActivityConfig(
        task_queue=supplier_queue(profile.supplier),
        start_to_close_timeout=2 * profile.read_timeout + _MARGIN,  # the wish, and how the order stands
        schedule_to_close_timeout=profile.cancel_deadline + _BACKSTOP,
        retry_policy=_POLLING,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        priority=URGENT,
        summary=summary,
    )


def probe(supplier: str, summary: str) -> ActivityConfig:
    """Try a supplier that is down, on its own queue: one call. What is lost is tried at the next interval."""
    return ActivityConfig(
        task_queue=supplier_queue(supplier),
        start_to_close_timeout=timedelta(minutes=2),
        schedule_to_close_timeout=timedelta(hours=1),
        retry_policy=_POLITE,
        priority=URGENT,
        summary=summary,
    )


def release_orders(summary: str) -> ActivityConfig:
    """Tell waiting orders to go on, by retry until none waits."""
    return ActivityConfig(
        task_queue=ORDERS_QUEUE,
        start_to_close_timeout=timedelta(minutes=1),
        retry_policy=_POLLING,
        priority=URGENT,
        summary=summary,
    )


# --- Intake sweeps: overlap-safe, and the next one repeats what this one could not do ---
_SWEEPING = RetryPolicy(initial_interval=timedelta(seconds=2), backoff_coefficient=2, maximum_attempts=3)
SWEEP = ActivityConfig(task_queue=ORDERS_QUEUE, start_to_close_timeout=timedelta(minutes=2), retry_policy=_SWEEPING)


# --- Feeds, publications, reconciliations: long work, with a heartbeat that holds where it is ---
_HEARTBEAT = timedelta(seconds=45)
SOURCE_DEADLINE = timedelta(hours=1)  # a source that is away for longer fails the run; the next one begins anew


def fetch_feed(supplier: str, summary: str) -> ActivityConfig:
    """Read a source to its end, on its supplier's queue: page after page, behind the supplier's orders."""
    return ActivityConfig(
        task_queue=supplier_queue(supplier),
        start_to_close_timeout=timedelta(hours=2),
        schedule_to_close_timeout=SOURCE_DEADLINE + timedelta(hours=2),
        heartbeat_timeout=_HEARTBEAT,
        retry_policy=_POLITE,
        priority=STOCK,
        summary=summary,
    )


def feed_step(summary: str) -> ActivityConfig:
    """Work on what was fetched, in our database alone; may take minutes for a million rows."""
    return ActivityConfig(
        task_queue=SYNC_QUEUE,
        start_to_close_timeout=timedelta(minutes=30),
        schedule_to_close_timeout=timedelta(hours=6),
        heartbeat_timeout=_HEARTBEAT,
        retry_policy=_PATIENT,
        priority=STOCK,
        summary=summary,
    )


def publish_step(channel: str, summary: str) -> ActivityConfig:
    """Tell a channel's storefront what to show: many calls, throttled by the shop."""
    return ActivityConfig(
        task_queue=publish_queue(channel),
        start_to_close_timeout=timedelta(hours=4),
        schedule_to_close_timeout=timedelta(days=1),
        heartbeat_timeout=_HEARTBEAT,
        retry_policy=_POLITE,
        priority=STOCK,
        summary=summary,
    )


def await_bulk(channel: str, summary: str) -> ActivityConfig:
    """Wait, by retry, for the shop's bulk operation; the shop itself gives up after a day."""
    return ActivityConfig(
        task_queue=publish_queue(channel),
        start_to_close_timeout=timedelta(minutes=10),
        schedule_to_close_timeout=timedelta(hours=26),
        heartbeat_timeout=_HEARTBEAT,
        retry_policy=_POLLING,
        priority=STOCK,
        summary=summary,
    )


def exchange_round(supplier: str, summary: str) -> ActivityConfig:
    """Exchange documents, on their supplier's queue, and wait for the next round by retry. A round under way ends first."""
    return ActivityConfig(
        task_queue=supplier_queue(supplier),
        start_to_close_timeout=timedelta(minutes=30),
        heartbeat_timeout=_HEARTBEAT,
        retry_policy=_POLLING,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        priority=TRACKING,
        summary=summary,
    )


def tell_of_exchange(summary: str) -> ActivityConfig:
    """Signal the lifecycles that documents were about."""
    return ActivityConfig(
        task_queue=ORDERS_QUEUE,
        start_to_close_timeout=timedelta(minutes=10),
        heartbeat_timeout=_HEARTBEAT,
        retry_policy=_PATIENT,
        priority=TRACKING,
        summary=summary,
    )


def compare_with_supplier(supplier: str, summary: str) -> ActivityConfig:
    """Ask a supplier for a sample of what it offers, behind its orders."""
    return fetch_feed(supplier, summary) | ActivityConfig(priority=CATALOGUE)
