"""Asking for runs of what may run once at a time: each request is a signal, and starts the run where none is."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError

from models.identifiers import SYNC_QUEUE, publication_workflow_id, reconciliation_workflow_id, sync_workflow_id
from models.sync import PublicationRequest, ReconciliationRequest, SyncRequest, Trigger
from workflows.options import STOCK

RPC_TIMEOUT = timedelta(seconds=10)


async def request_publication(client: Client, channel: str, *, actor: str | None = None) -> str:
    """Have a channel's publisher look, now or once more. Returns its workflow id; raises RPCError."""
    workflow_id = publication_workflow_id(channel)
    await client.start_workflow(
        "PublicationWorkflow",
        PublicationRequest(channel=channel, actor=actor),
        id=workflow_id,
        task_queue=SYNC_QUEUE,
        start_signal="publication_requested",
        static_summary=f"What {channel} shows",
        priority=STOCK,
        rpc_timeout=RPC_TIMEOUT,
    )
    return workflow_id


async def request_sync(client: Client, supplier: str, feed: str, trigger: Trigger, *, actor: str | None = None) -> str:
    """Have a feed run: now, or once more after the run that is under way, which then is an ordinary one.

    However often it is asked during one run, one run follows. Returns its workflow id; raises RPCError.
    """
    request = SyncRequest(supplier=supplier, feed=feed, trigger=trigger, actor=actor)
    workflow_id = sync_workflow_id(supplier, feed)
    await client.start_workflow(
        "SupplierSyncWorkflow",
        request,
        id=workflow_id,
        task_queue=SYNC_QUEUE,
        start_signal="sync_requested",
        static_summary=sync_summary(request),
        priority=STOCK,
        rpc_timeout=RPC_TIMEOUT,
    )
    return workflow_id


async def start_sync(client: Client, request: SyncRequest) -> bool:
    """Start a run that must be this one and no other: accepted, or in full. False where another one is under way."""
    try:
        await client.start_workflow(
            "SupplierSyncWorkflow",
            request,
            id=sync_workflow_id(request.supplier, request.feed),
            task_queue=SYNC_QUEUE,
            static_summary=sync_summary(request),
            priority=STOCK,
            rpc_timeout=RPC_TIMEOUT,
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


async def start_reconciliation(client: Client, request: ReconciliationRequest) -> bool:
    """Start a comparison with a supplier or a shop. False where one is under way."""
    try:
        await client.start_workflow(
            "ReconciliationWorkflow",
            request,
            id=reconciliation_workflow_id(request.side, request.name),
            task_queue=SYNC_QUEUE,
            static_summary=f"Our word against that of {request.side} {request.name}",
            priority=STOCK,
            rpc_timeout=RPC_TIMEOUT,
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


def sync_summary(request: SyncRequest) -> str:
    """Say in the list of workflows which feed a run is of, and why it runs."""
    return f"{request.supplier}/{request.feed} · {request.trigger}"
