"""ScheduledStartWorkflow: what a schedule starts, so that what it is for runs under its one id, once at a time.

A schedule appends the time to the id of whatever it starts, so that its own overlap policy knows nothing of a run that
a person or a webhook asked for. As a child under the plain id, the two are the same run.
"""

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError

from models.identifiers import SYNC_QUEUE
from models.sync import ScheduledStart
from workflows import options
from workflows.steering import start_input


@workflow.defn(name="ScheduledStartWorkflow")
class ScheduledStartWorkflow:
    """Starts what is due, unless it is running already. ``due/…``."""

    @workflow.run
    async def run(self, start: ScheduledStart | None = None) -> bool:
        """Start it, and leave it to itself. Returns False where it was running."""
        wanted = start_input(start)
        try:
            await workflow.start_child_workflow(
                wanted.workflow,
                wanted.request,
                id=wanted.workflow_id,
                task_queue=SYNC_QUEUE,
                parent_close_policy=options.CHILDREN_GO_ON,
                static_summary=wanted.summary,
                priority=options.STOCK,
            )
        except WorkflowAlreadyStartedError:
            return False
        return True
