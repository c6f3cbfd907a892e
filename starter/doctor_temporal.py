"""The doctor's look at Temporal: namespace, search attributes, workers on every queue, and whether priorities count."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    PollWorkflowTaskQueueRequest,
)
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import Priority
from temporalio.service import RPCError, RPCStatusCode

from models.configuration import Configuration
from models.findings import Finding, Severity
from models.identifiers import (
    MAIL_QUEUE,
    MAIL_WORKFLOW_ID,
    ORDERS_QUEUE,
    SYNC_QUEUE,
    publish_queue,
    storefront_queue,
    supplier_queue,
)
from starter import search_attributes
from starter.doctor_feeds import schedule_findings
from starter.schedules import SWEEP_SCHEDULE_ID
from starter.search_attributes import SearchAttributesError

AREA = "temporal"
START_WORKER = "start `dropwright worker`"
PROBE_SECONDS = timedelta(seconds=20)
SETTLE_SECONDS = 0.5  # a task just queued may not have reached the backlog that is sorted
_ACTIVITY = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
_WORKFLOW = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW


async def temporal_findings(client: Client, configuration: Configuration | None, *, fix: bool) -> list[Finding]:
    """Look at everything of ours in the namespace. Raises RPCError where the server goes away meanwhile."""
    findings = [await _namespace(client), *await _search_attributes(client, fix=fix)]
    if configuration is not None:
        findings += await _pollers(client, configuration)
        findings += [await _dispatcher(client), await _sweep(client)]
        findings += await schedule_findings(client, configuration)
    return [*findings, await _priorities(client)]


async def _namespace(client: Client) -> Finding:
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        remedy = f"create it (temporal operator namespace create {client.namespace}) or set TEMPORAL_NAMESPACE"
        return _finding(Severity.ERROR, f"namespace {client.namespace}", "does not exist", remedy)
    return _finding(Severity.OK, f"namespace {client.namespace}", "exists")


async def _search_attributes(client: Client, *, fix: bool) -> list[Finding]:
    if fix:
        try:
            await search_attributes.ensure(client)
        except SearchAttributesError as error:
            return [_finding(Severity.ERROR, "search attributes", str(error), "as said")]
    comparison = await search_attributes.compare(client)
    findings = [
        _finding(
            Severity.ERROR,
            f"search attribute {name}",
            "is not registered",
            "run `dropwright doctor --fix`, or start the worker",
            fixable=True,
        )
        for name in comparison.missing
    ]
    for name, there in comparison.wrong.items():
        ours = search_attributes.type_name(search_attributes.wanted()[name])
        remedy = (
            f"temporal operator search-attribute remove --name {name} --yes, then "
            f"temporal operator search-attribute create --name {name} --type {ours}"
        )
        findings.append(_finding(Severity.ERROR, f"search attribute {name}", f"has type {there}, not {ours}", remedy))
    return findings or [_finding(Severity.OK, "search attributes", f"all {len(search_attributes.wanted())} registered")]


def wanted_queues(configuration: Configuration) -> list[tuple[str, Sequence[TaskQueueType.ValueType]]]:
    """List the task queues that a worker must serve, with what it must poll for there."""
    queues: list[tuple[str, Sequence[TaskQueueType.ValueType]]] = [
        (ORDERS_QUEUE, (_WORKFLOW, _ACTIVITY)),
        (MAIL_QUEUE, (_ACTIVITY,)),
        (SYNC_QUEUE, (_WORKFLOW, _ACTIVITY)),
    ]
    for name in configuration.channels:
        queues += [(storefront_queue(name), (_ACTIVITY,)), (publish_queue(name), (_ACTIVITY,))]
    return queues + [(supplier_queue(name), (_ACTIVITY,)) for name in configuration.suppliers]


async def _pollers(client: Client, configuration: Configuration) -> list[Finding]:
    findings = []
    for queue, kinds in wanted_queues(configuration):
        idle = [await _without_poller(client, queue, kind) for kind in kinds]
        findings += [finding for finding in idle if finding]
    served = len(wanted_queues(configuration))
    return findings or [_finding(Severity.OK, "workers", f"poll on all {served} task queues")]


async def _without_poller(client: Client, queue: str, kind: TaskQueueType.ValueType) -> Finding | None:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind, report_stats=True
    )
    reply = await client.workflow_service.describe_task_queue(request)
    if reply.pollers:
        return None
    waiting = reply.stats.approximate_backlog_count
    severity = Severity.ERROR if waiting else Severity.WARNING
    what = "workflows" if kind == _WORKFLOW else "activities"
    message = f"no worker takes {what} there" + (f", and {waiting} wait" if waiting else "")
    return _finding(severity, f"task queue {queue}", message, START_WORKER)


async def _dispatcher(client: Client) -> Finding:
    try:
        description = await client.get_workflow_handle(MAIL_WORKFLOW_ID).describe()
        runs = description.status is WorkflowExecutionStatus.RUNNING
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        runs = False
    if runs:
        return _finding(Severity.OK, "mail dispatcher", "runs")
    return _finding(Severity.WARNING, "mail dispatcher", "does not run: no mail leaves", START_WORKER)


async def _sweep(client: Client) -> Finding:
    try:
        description = await client.get_schedule_handle(SWEEP_SCHEDULE_ID).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return _finding(Severity.WARNING, "intake sweep", "has no schedule: lost webhooks stay lost", START_WORKER)
    if description.schedule.state.paused:
        remedy = f"temporal schedule toggle --unpause --schedule-id {SWEEP_SCHEDULE_ID} --reason …"
        return _finding(Severity.WARNING, "intake sweep", "is paused: lost webhooks stay lost", remedy)
    return _finding(Severity.OK, "intake sweep", "is scheduled")


async def _priorities(client: Client) -> Finding:
    """Queue a task of low and one of high priority where nobody polls, and see which is handed out first."""
    queue = f"doctor-{uuid4().hex[:12]}"
    probes: list[WorkflowHandle[object, object]] = []
    try:
        for key in (5, 1):
            probes.append(await _start_probe(client, queue, key))  # noqa: PERF401 - what was started must be removed
        await asyncio.sleep(SETTLE_SECONDS)
        request = PollWorkflowTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=queue), identity="dropwright doctor"
        )
        first = await client.workflow_service.poll_workflow_task_queue(request, timeout=PROBE_SECONDS)
    except RPCError as error:
        return _finding(
            Severity.WARNING, "priorities", f"could not be probed ({error.status.name})", "run doctor again"
        )
    finally:
        for probe in probes:
            await _remove(client, probe)
    if first.workflow_execution.workflow_id == probes[-1].id:
        return _finding(Severity.OK, "priorities", "count")
    remedy = "set matching.useNewMatcher and matching.enableFairness to true in the server's dynamic configuration"
    return _finding(Severity.WARNING, "priorities", "do not count: what is urgent waits behind what is not", remedy)


async def _start_probe(client: Client, queue: str, key: int) -> WorkflowHandle[object, object]:
    return await client.start_workflow(
        "DoctorProbe",
        id=f"{queue}/{key}",
        task_queue=queue,
        priority=Priority(priority_key=key),
        execution_timeout=timedelta(minutes=1),
    )


async def _remove(client: Client, probe: WorkflowHandle[object, object]) -> None:
    request = DeleteWorkflowExecutionRequest(
        namespace=client.namespace, workflow_execution=WorkflowExecution(workflow_id=probe.id)
    )
    with contextlib.suppress(RPCError):
        await client.workflow_service.delete_workflow_execution(request)


def _finding(severity: Severity, subject: str, message: str, remedy: str = "", *, fixable: bool = False) -> Finding:
    return Finding(area=AREA, severity=severity, subject=subject, message=message, remedy=remedy, fixable=fixable)
