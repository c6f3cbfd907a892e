"""What operators do to a workflow from outside: reset it to a moment, delete it, let it be looked for."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest, ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from models.contracts import OrderRequest
from models.identifiers import order_workflow_id
from tests.workflows.world import World

TASK_DONE = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
CHILD_ASKED_FOR = EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED
CHILD_STARTED = EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED
ACTIVITY_DONE = EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
ACTIVITY_SCHEDULED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED

Chosen = Callable[[HistoryEvent], bool]


def order_handle(world: World, request: OrderRequest) -> WorkflowHandle[Any, Any]:
    """The order's workflow, whichever of its runs is the latest."""
    return world.client.get_workflow_handle(order_workflow_id(request.channel, request.storefront_order_id))


def of_kind(kind: "EventType.ValueType") -> Chosen:
    """Choose events by their type."""
    return lambda event: event.event_type == kind


def scheduling_of(activity_type: str) -> Chosen:
    """Choose the events that schedule an activity of this type."""
    return lambda event: event.activity_task_scheduled_event_attributes.activity_type.name == activity_type


async def reset_before(client: Client, workflow_id: str, chosen: Chosen) -> str:
    """Reset to the last workflow task that ended before the first chosen event's own. Returns the new run's id."""
    events = [event async for event in client.get_workflow_handle(workflow_id).fetch_history_events()]
    first = next(event for event in events if chosen(event))
    own_task = max(
        event.event_id for event in events if event.event_type == TASK_DONE and event.event_id < first.event_id
    )
    return await _reset(client, workflow_id, own_task)


async def reset_after(client: Client, workflow_id: str, chosen: Chosen) -> str:
    """Reset to the first workflow task that ended after the first chosen event. Returns the new run's id."""
    events = [event async for event in client.get_workflow_handle(workflow_id).fetch_history_events()]
    first = next(event for event in events if chosen(event))
    task = min(event.event_id for event in events if event.event_type == TASK_DONE and event.event_id > first.event_id)
    return await _reset(client, workflow_id, task)


async def _reset(client: Client, workflow_id: str, task_event_id: int) -> str:
    request = ResetWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=workflow_id),
        reason="a test",
        workflow_task_finish_event_id=task_event_id,
        request_id=uuid4().hex,
    )
    return (await client.workflow_service.reset_workflow_execution(request)).run_id


async def delete(world: World, workflow_id: str) -> None:
    """Let Temporal forget an execution that runs, as it does after its retention with one that has ended.

    One that has just ended would be deleted only once the server's queues have moved on, a minute later.
    """
    execution = WorkflowExecution(workflow_id=workflow_id)
    request = DeleteWorkflowExecutionRequest(namespace=world.client.namespace, workflow_execution=execution)
    await world.client.workflow_service.delete_workflow_execution(request)
    await world.until_async(lambda: is_unknown(world.client, workflow_id))


async def is_unknown(client: Client, workflow_id: str) -> bool:
    """Say whether Temporal knows no run under this id."""
    try:
        await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return True
    return False
