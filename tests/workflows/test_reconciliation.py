"""Comparisons, with activities that answer as told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from models.identifiers import (
    SYNC_QUEUE,
    publication_workflow_id,
    publish_queue,
    reconciliation_workflow_id,
    supplier_queue,
)
from models.sync import (
    Compared,
    Prepared,
    PublicationRequest,
    ReconciliationOutcome,
    ReconciliationRequest,
    ReconciliationStep,
    Side,
)
from starter.temporal_server import TemporalServer
from tests.workflows.namespaces import client_of_new_namespace
from worker import workflow_runner
from workflows.publication import PublicationWorkflow
from workflows.reconciliation import ReconciliationWorkflow

SUPPLIER = ReconciliationRequest(side=Side.SUPPLIER, name="bts")
CHANNEL = ReconciliationRequest(side=Side.CHANNEL, name="main")


@dataclass
class Comparing:
    """What is found, and who is asked to publish."""

    outcome: ReconciliationOutcome = field(default_factory=ReconciliationOutcome)
    told: list[str] = field(default_factory=list)
    gives_up: bool = False
    looking: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn
    async def compare_supplier(self, request: ReconciliationRequest) -> Compared:
        self.told.append(f"supplier {request.name}")
        if self.gives_up:
            raise ApplicationError("no", non_retryable=True)
        return Compared(reconciliation_id=7, compared=20)

    @activity.defn
    async def compare_channel(self, request: ReconciliationRequest) -> Compared:
        self.told.append(f"channel {request.name}")
        return Compared(reconciliation_id=7, compared=20)

    @activity.defn
    async def settle_reconciliation(self, step: ReconciliationStep) -> ReconciliationOutcome:
        self.told.append(f"settle {step.reconciliation_id}")
        return self.outcome

    @activity.defn
    async def prepare_publication(self, request: PublicationRequest) -> Prepared:
        self.told.append(f"publish {request.channel}")
        self.looking.set()
        await self.hold.wait()
        return Prepared(publication_id=None)


@pytest.fixture
async def client(temporal_server: TemporalServer) -> Client:
    return await client_of_new_namespace(temporal_server.address)


@asynccontextmanager
async def comparing(client: Client, found: Comparing) -> AsyncIterator[None]:
    activities: list[Callable[..., Any]] = [
        found.compare_supplier,
        found.compare_channel,
        found.settle_reconciliation,
        found.prepare_publication,
    ]
    workflows = [ReconciliationWorkflow, PublicationWorkflow]
    runner = workflow_runner()
    async with (
        Worker(client, task_queue=SYNC_QUEUE, workflows=workflows, activities=activities, workflow_runner=runner),
        Worker(client, task_queue=publish_queue("main"), activities=activities),
        Worker(client, task_queue=supplier_queue("bts"), activities=activities),
    ):
        yield


async def reconcile(client: Client, request: ReconciliationRequest) -> ReconciliationOutcome:
    return await client.execute_workflow(
        ReconciliationWorkflow.run,
        request,
        id=reconciliation_workflow_id(request.side, request.name),
        task_queue=SYNC_QUEUE,
    )


async def test_what_agrees_asks_nobody(client: Client) -> None:
    found = Comparing(ReconciliationOutcome(compared=20))
    async with comparing(client, found):
        assert await reconcile(client, SUPPLIER) == found.outcome
    assert found.told == ["supplier bts", "settle 7"]


@pytest.mark.parametrize("request_", [SUPPLIER, CHANNEL])
async def test_a_repair_asks_the_shops_that_show_it_to_look(client: Client, request_: ReconciliationRequest) -> None:
    found = Comparing(ReconciliationOutcome(compared=20, drifted=1, repaired=1, channels=("main",)))
    found.hold.set()
    async with comparing(client, found):
        await reconcile(client, request_)
        await client.get_workflow_handle(publication_workflow_id("main")).result()
    assert found.told[1:] == ["settle 7", "publish main"]


async def test_a_publisher_that_is_at_work_is_asked_to_look_again(client: Client) -> None:
    found = Comparing(ReconciliationOutcome(compared=20, drifted=1, repaired=1, channels=("main",)))
    async with comparing(client, found):
        publisher = await client.start_workflow(
            PublicationWorkflow.run,
            PublicationRequest(channel="main"),
            id=publication_workflow_id("main"),
            task_queue=SYNC_QUEUE,
        )
        await found.looking.wait()
        await reconcile(client, CHANNEL)
        assert (await publisher.describe()).status is WorkflowExecutionStatus.RUNNING
        found.hold.set()
        await publisher.result()
    assert found.told.count("publish main") == 2


async def test_a_comparison_that_gives_up_ends_without_a_result(client: Client) -> None:
    found = Comparing(gives_up=True)
    async with comparing(client, found):
        assert await reconcile(client, SUPPLIER) == ReconciliationOutcome()
    assert found.told == ["supplier bts"]
