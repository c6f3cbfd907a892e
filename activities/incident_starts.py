"""Starting the workflow that sees an incident through: once the activity that opened it has ended, or by the sweep."""

from datetime import timedelta
from typing import Any

import structlog
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import TemporalError
from temporalio.service import RPCError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.outages import opened_here
from models.identifiers import ORDERS_QUEUE, incident_workflow_id
from models.incidents import IncidentRequest
from workflows.options import URGENT
from workflows.search_attributes import incident_attributes, incident_summary

RPC_TIMEOUT = timedelta(seconds=10)
LOOK = "incident_changed"  # its signals
PROBE = "probe_now"

log = structlog.get_logger(__name__)


async def start_incident_workflow(client: Client, request: IncidentRequest, *, signal: str | None = None) -> None:
    """Start an incident's workflow where none runs. Raises RPCError while Temporal is away.

    One that runs hears the ``signal``: it may be about to end with an earlier incident.
    """
    await client.start_workflow(
        "IncidentWorkflow",
        request,
        id=incident_workflow_id(request.supplier, request.kind),
        task_queue=ORDERS_QUEUE,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        start_signal=signal,
        static_summary=incident_summary(request),
        search_attributes=incident_attributes(request),
        priority=URGENT,
        rpc_timeout=RPC_TIMEOUT,
    )


class StartIncidents(Interceptor):
    """Starts the workflows of incidents that an activity has opened, however it ended. The sweep starts what this misses."""

    def __init__(self, client: Client) -> None:
        """Speak to Temporal through ``client``."""
        self._client = client

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Wrap every activity of the worker."""
        return _Starting(next, self._client)


class _Starting(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, client: Client) -> None:
        super().__init__(following)
        self._client = client

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        opened: list[IncidentRequest] = []  # an activity on a thread of its own sees this same list
        token = opened_here.set(opened)
        try:
            return await super().execute_activity(input)
        finally:
            opened_here.reset(token)
            for request in dict.fromkeys(opened):
                await self._start(request)

    async def _start(self, request: IncidentRequest) -> None:
        try:
            await start_incident_workflow(self._client, request, signal=LOOK)
        except (RPCError, TemporalError) as error:
            log.warning("incident_not_started", supplier=request.supplier, reason=type(error).__name__)
