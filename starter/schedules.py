"""What runs without an order behind it: the intake sweep's schedule, and the one dispatcher of the outbox."""

from dataclasses import replace
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from models.identifiers import MAIL_WORKFLOW_ID, ORDERS_QUEUE, SWEEP_WORKFLOW_ID

SWEEP_SCHEDULE_ID = "sweep/intake"
CATCHUP_WINDOW = timedelta(minutes=10)  # after an outage one sweep is enough: it looks at all that waits
_NOTE = "Starts stored orders, delivers stored events, fetches orders whose webhook was lost. Safe to trigger by hand."


async def ensure_sweep_schedule(client: Client, every: timedelta) -> None:
    """Create the sweep's schedule, or bring it to this interval. Applying it again changes nothing; a pause stays."""
    schedule = sweep_schedule(every)
    try:
        await client.create_schedule(SWEEP_SCHEDULE_ID, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(SWEEP_SCHEDULE_ID).update(lambda found: _updated(found, schedule))


def sweep_schedule(every: timedelta) -> Schedule:
    """Describe the schedule: one sweep at a time, never two beside each other."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            "SweepWorkflow",
            id=SWEEP_WORKFLOW_ID,
            task_queue=ORDERS_QUEUE,
            static_summary="Look for what did not arrive",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCHUP_WINDOW),
        state=ScheduleState(note=_NOTE),
    )


def _updated(found: ScheduleUpdateInput, wanted: Schedule) -> ScheduleUpdate | None:
    current = found.description.schedule
    if current.spec.intervals == wanted.spec.intervals and current.policy == wanted.policy:
        return None
    return ScheduleUpdate(schedule=replace(wanted, state=current.state))


async def ensure_mail_dispatcher(client: Client) -> None:
    """Start the outbox's dispatcher where it does not run."""
    await client.start_workflow(
        "MailDispatchWorkflow",
        id=MAIL_WORKFLOW_ID,
        task_queue=ORDERS_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary="Sends what is in the outbox",
    )
