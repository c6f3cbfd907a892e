"""The worker: one Temporal worker per task queue, kept in step with the configuration, drained on SIGTERM."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

import structlog
from pydantic import ValidationError
from temporalio.client import Client
from temporalio.worker import PollerBehaviorSimpleMaximum, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.failures import TranslateFailures
from activities.incident_starts import StartIncidents
from activities.outside import Outside
from activities.registry import Registry
from models.configuration import Supplier
from models.identifiers import MAIL_QUEUE, ORDERS_QUEUE, SYNC_QUEUE, publish_queue, storefront_queue, supplier_queue
from models.suppliers import Capabilities
from workflows.exchange import ExchangeWorkflow
from workflows.incident import IncidentWorkflow
from workflows.order import OrderWorkflow
from workflows.outbox import MailDispatchWorkflow
from workflows.publication import PublicationWorkflow
from workflows.purchase_order import PurchaseOrderWorkflow
from workflows.reconciliation import ReconciliationWorkflow
from workflows.scheduled import ScheduledStartWorkflow
from workflows.straggler import StragglerWorkflow
from workflows.supplier_sync import SupplierSyncWorkflow
from workflows.sweep import SweepWorkflow
from workflows.upkeep import ExchangeRatesWorkflow, ScorecardsWorkflow, StockWatchWorkflow

log = structlog.get_logger()

ORDER_WORKFLOWS: list[type] = [
    OrderWorkflow,
    PurchaseOrderWorkflow,
    StragglerWorkflow,
    IncidentWorkflow,
    MailDispatchWorkflow,
    SweepWorkflow,
    ExchangeWorkflow,
]
SUPPLY_WORKFLOWS: list[type] = [
    ScheduledStartWorkflow,
    SupplierSyncWorkflow,
    PublicationWorkflow,
    ReconciliationWorkflow,
    ExchangeRatesWorkflow,
    StockWatchWorkflow,
    ScorecardsWorkflow,
]
WORKFLOWS = ORDER_WORKFLOWS + SUPPLY_WORKFLOWS
DRAIN = timedelta(seconds=20)
RECONCILE_EVERY = 10.0  # seconds
STOREFRONT_SLOTS = 20
SYNC_SLOTS = 4  # feeds in work at once; each holds a connection and up to 300 MB
PUBLISH_SLOTS = 2
ACTIVITIES_PER_CALL = 2.0  # many activities of a supplier's queue find that nothing is due, and make no call
# Fixed numbers: with autoscaling pollers tasks were seen to be lost under load until their time-out (docs/speed.md).
# A fifth of the workflow pollers serves new and evicted workflows, so there must be more than one of those.
WORKFLOW_POLLERS = PollerBehaviorSimpleMaximum(maximum=10)
ACTIVITY_POLLERS = PollerBehaviorSimpleMaximum(maximum=5)
CACHED_WORKFLOWS = 1000

# Loaded once per process instead of once per run, and never policed: so only what holds no clock and no chance of its
# own. `workflows` stays out: its files and their decisions are what the sandbox is there to police.
_PASSED_THROUGH = (
    "models",
    "activities",
    "adapters",
    "pydantic",
    "pydantic_core",
    "sqlalchemy",
    "httpx",
    "structlog",
    "annotated_types",
    # Of the workflows only what holds no decision: names, time-outs, retry policies.
    "workflows.options",
    "workflows.search_attributes",
)


def workflow_runner() -> SandboxedWorkflowRunner:
    """The sandbox that workflows run in: the same for the worker, the tests and the replayer."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*_PASSED_THROUGH))


def build_worker(
    client: Client,
    queue: str,
    activities: Sequence[Callable[..., Any]],
    threads: ThreadPoolExecutor,
    *,
    workflows: Sequence[type] = (),
    slots: int,
    cached_workflows: int = CACHED_WORKFLOWS,
    rate: float | None = None,
) -> Worker:
    """Build the worker of one task queue, as production, tests and benchmarks run it.

    ``rate``: activities per second that the server hands out from this queue, to all workers together.
    """
    return Worker(
        client,
        task_queue=queue,
        workflows=list(workflows),
        activities=list(activities),
        activity_executor=threads,
        workflow_runner=workflow_runner(),
        interceptors=[TranslateFailures(), StartIncidents(client)],
        # A malformed start input fails its workflow instead of being retried for ever. Nothing else does.
        workflow_failure_exception_types=[ValidationError],
        max_concurrent_activities=slots,
        max_task_queue_activities_per_second=rate,
        max_cached_workflows=cached_workflows,
        workflow_task_poller_behavior=WORKFLOW_POLLERS,
        activity_task_poller_behavior=ACTIVITY_POLLERS,
        graceful_shutdown_timeout=DRAIN,
    )


class Serve(StrEnum):
    """Which queues a process serves. Apart, a million rows never hold up an order's thread."""

    ALL = "all"
    ORDERS = "orders"
    BACKGROUND = "background"  # reading, judging and applying feeds, and publishing


@dataclass
class Fleet:
    """Every worker of this process: those for orders and mail, and one per supplier and channel as configured now."""

    client: Client
    registry: Registry
    outside: Outside
    order_slots: int = 32  # activities on our own database at once
    cached_workflows: int = CACHED_WORKFLOWS  # kept in memory between their tasks; the others are replayed
    serves: Serve = Serve.ALL
    _running: dict[str, "_Served"] = field(default_factory=dict)
    _not_built: dict[str, str] = field(default_factory=dict)  # suppliers whose adapters can't be built, as was told

    def wanted(self) -> dict[str, int]:
        """List the task queues to serve, with how many activities each may run at once."""
        configuration = self.outside.configuration
        queues: dict[str, int] = {}
        if self.serves is not Serve.BACKGROUND:
            queues |= {ORDERS_QUEUE: self.order_slots, MAIL_QUEUE: 2}
            queues |= {storefront_queue(name): STOREFRONT_SLOTS for name in configuration.channels}
            queues |= {supplier_queue(name): self._slots(name, one) for name, one in configuration.suppliers.items()}
        if self.serves is not Serve.ORDERS:
            queues |= {SYNC_QUEUE: SYNC_SLOTS}
            queues |= {publish_queue(name): PUBLISH_SLOTS for name in configuration.channels}
        return queues

    def rates(self) -> dict[str, float]:
        """List how many activities a second the server may hand out from suppliers' queues that have a limit.

        A coarse bound for all processes together: each process also counts its own calls.
        """
        if self.serves is Serve.BACKGROUND:
            return {}
        limits = {name: self._calls_per_second(name, one) for name, one in self.outside.configuration.suppliers.items()}
        return {supplier_queue(name): limit * ACTIVITIES_PER_CALL for name, limit in limits.items() if limit}

    def _slots(self, name: str, supplier: Supplier) -> int:
        """Count a supplier's slots: as configured, or fewer where its adapter declares fewer calls at once.

        Feeds and a comparison are at work for hours beside its orders, and must not take their slots.
        """
        declared = self._declared(name)
        most = declared.concurrent_calls if declared else None
        return min(supplier.max_concurrent_calls, most or supplier.max_concurrent_calls) + len(supplier.feeds) + 1

    def _calls_per_second(self, name: str, supplier: Supplier) -> float | None:
        """Read a supplier's limit as configured, else as its adapter declares it."""
        if supplier.calls_per_second is not None:
            return supplier.calls_per_second
        declared = self._declared(name)
        return declared.calls_per_second if declared else None

    def _declared(self, name: str) -> Capabilities | None:
        """Read what its adapter declares; None where it can't be built, which is told once."""
        try:
            declared = self.outside.supplier(name).capabilities
        except Exception as error:  # noqa: BLE001 - a plugin or credential is missing: doctor says so, orders ask
            why = type(error).__name__
            if self._not_built.get(name) != why:
                log.warning("supplier_not_built", supplier=name, error=why)
            self._not_built[name] = why
            return None
        self._not_built.pop(name, None)
        return declared

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, following the configuration; then let running activities finish."""
        try:
            while not stop.is_set():
                await self._reconcile()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RECONCILE_EVERY)
        finally:
            await asyncio.gather(*(self._stop(queue) for queue in list(self._running)))

    async def _reconcile(self) -> None:
        try:
            wanted, rates = await asyncio.to_thread(lambda: (self.wanted(), self.rates()))
        except Exception as error:  # noqa: BLE001 - the database is away: what runs goes on running
            log.warning("configuration not read", error=type(error).__name__)
            return
        for queue, served in list(self._running.items()):
            if (wanted.get(queue), rates.get(queue)) != (served.slots, served.rate) or served.task.done():
                await self._stop(queue)
        for queue in wanted.keys() - self._running.keys():
            self._start(queue, wanted[queue], rates.get(queue))

    def _start(self, queue: str, slots: int, rate: float | None) -> None:
        # Threads of its own: a supplier that answers slowly holds up nobody else.
        threads = ThreadPoolExecutor(slots, thread_name_prefix=queue)
        workflows = {ORDERS_QUEUE: ORDER_WORKFLOWS, SYNC_QUEUE: SUPPLY_WORKFLOWS}.get(queue, [])
        worker = build_worker(
            self.client,
            queue,
            self._activities_of(queue),
            threads,
            workflows=workflows,
            slots=slots,
            cached_workflows=self.cached_workflows,
            rate=rate,
        )
        self._running[queue] = _Served(slots, rate, threads, worker, asyncio.create_task(worker.run()))
        log.info("serving", queue=queue, slots=slots)

    def _activities_of(self, queue: str) -> Sequence[Callable[..., Any]]:
        named = {ORDERS_QUEUE: self.registry.orders, MAIL_QUEUE: self.registry.mail, SYNC_QUEUE: self.registry.sync}
        if queue in named:
            return named[queue]
        kind, _, _ = queue.partition("-")
        by_kind = {
            "supplier": self.registry.supplier,
            "storefront": self.registry.storefront,
            "publish": self.registry.publish,
        }
        return by_kind[kind]

    async def _stop(self, queue: str) -> None:
        served = self._running.pop(queue)
        if not served.task.done():
            await served.worker.shutdown()
        try:
            await served.task
        except Exception as error:  # noqa: BLE001 - it is started anew at the next round
            log.error("worker stopped", queue=queue, error=type(error).__name__)  # noqa: TRY400
        served.threads.shutdown(wait=False)


@dataclass(frozen=True)
class _Served:
    """One task queue in service."""

    slots: int
    rate: float | None
    threads: ThreadPoolExecutor
    worker: Worker
    task: asyncio.Task[None]
