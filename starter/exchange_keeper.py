"""Keeps one exchange of documents running per supplier that speaks by them, in step with the configuration."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import cache

import structlog
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from adapters.database import exchange_views
from adapters.database.engine import Database
from adapters.plugin import InstalledPlugins, PluginError
from models.configuration import Configuration
from models.exchange_steps import ExchangeRequest
from models.identifiers import ORDERS_QUEUE, exchange_workflow_id
from workflows.options import TRACKING

RPC_TIMEOUT = timedelta(seconds=10)
_RUNNING = "WorkflowType = 'ExchangeWorkflow' AND ExecutionStatus = 'Running'"

log = structlog.get_logger(__name__)


def speaks_by_documents(adapter: str) -> bool:
    """Say whether an adapter asks for a document desk; one that can't be used asks for nothing, and stops no other."""
    installed = _installed()
    try:
        plugin = installed.get(adapter)
    except PluginError as error:
        log.warning("adapter_unusable", adapter=adapter, reason=str(error))
        return False
    return plugin is not None and plugin.documents


@cache
def _installed() -> InstalledPlugins:
    return InstalledPlugins("suppliers")


class ExchangeKeeper:
    """Starts and ends exchanges. Several workers may do so beside each other."""

    def __init__(self, client: Client, database: Database, speaks: Callable[[str], bool] = speaks_by_documents) -> None:
        """Compare what is configured in ``database`` with what ``client``'s server runs."""
        self._client = client
        self._database = database
        self._speaks = speaks
        self._known: set[str] | None = None  # exchanges that may be running

    async def keep(self, configuration: Configuration) -> None:
        """Do one round. Raises RPCError while Temporal is away."""
        wanted = await asyncio.to_thread(self._wanted, configuration)
        if self._known is None:
            self._known = {one.id async for one in self._client.list_workflows(_RUNNING)}
        for supplier in sorted(wanted):
            await start_exchange(self._client, supplier)
        ids = {exchange_workflow_id(supplier) for supplier in wanted}
        for workflow_id in sorted(self._known - ids):
            await self._stop(workflow_id)
        self._known = ids

    def _wanted(self, configuration: Configuration) -> set[str]:
        """Name the suppliers to exchange documents with: one that gets no new orders still answers for the old ones."""
        speaking = {name for name, one in configuration.suppliers.items() if self._speaks(one.adapter)}
        enabled = {name for name in speaking if configuration.suppliers[name].enabled}
        if enabled == speaking:
            return enabled
        with self._database.begin() as tx:
            return enabled | (speaking & exchange_views.suppliers_with_open_orders(tx))

    async def _stop(self, workflow_id: str) -> None:
        try:
            await self._client.get_workflow_handle(workflow_id).signal("stop", rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return
        log.info("exchange_ended", workflow=workflow_id)


async def start_exchange(client: Client, supplier: str, *, look_now: bool = False) -> str:
    """Start a supplier's exchange where it does not run; ``look_now`` ends its wait. Returns its workflow id."""
    workflow_id = exchange_workflow_id(supplier)
    await client.start_workflow(
        "ExchangeWorkflow",
        ExchangeRequest(supplier=supplier),
        id=workflow_id,
        task_queue=ORDERS_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        start_signal="look_now" if look_now else None,
        static_summary=f"Documents of {supplier}",
        priority=TRACKING,
        rpc_timeout=RPC_TIMEOUT,
    )
    return workflow_id
