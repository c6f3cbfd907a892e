"""The publisher of a channel, with activities that answer as told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from models.identifiers import SYNC_QUEUE, publication_workflow_id, publish_queue
from models.sync import Prepared, PublicationOutcome, PublicationRequest, PublicationStep, Published
from starter.temporal_server import TemporalServer
from tests.workflows.namespaces import client_of_new_namespace
from worker import workflow_runner
from workflows import publication
from workflows.publication import PublicationWorkflow

NOTHING = Prepared(publication_id=None)
Prepare = Callable[[], Prepared]


@dataclass
class Stages:
    """The four activities; ``prepared`` is what is found at each look, then nothing more."""

    prepared: list[Prepared] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    on_send: Callable[[], Any] = lambda: None
    looks: int = 0

    @activity.defn
    async def refresh_listings(self, request: PublicationRequest) -> int:
        self.told.append(f"refresh {request.channel}")
        return 1

    @activity.defn
    async def prepare_publication(self, request: PublicationRequest) -> Prepared:
        self.looks += 1
        return self.prepared.pop(0) if self.prepared else NOTHING

    @activity.defn
    async def send_publication(self, step: PublicationStep) -> Published:
        self.told.append(f"send {step.publication_id}")
        await asyncio.sleep(0)
        result = self.on_send()
        if asyncio.iscoroutine(result):
            await result
        return Published(sent=2, refused=1)

    @activity.defn
    async def await_bulk_publication(self, step: PublicationStep) -> Published:
        self.told.append(f"await {step.publication_id}")
        return Published(sent=10, refused=0)


@pytest.fixture
async def client(temporal_server: TemporalServer) -> Client:
    return await client_of_new_namespace(temporal_server.address)


@asynccontextmanager
async def publishing(client: Client, stages: Stages) -> AsyncIterator[None]:
    activities: list[Callable[..., Any]] = [
        stages.refresh_listings,
        stages.prepare_publication,
        stages.send_publication,
        stages.await_bulk_publication,
    ]
    # The same names on both queues: which of them an activity is asked for on is told by ``registry``.
    workflows = [PublicationWorkflow]
    runner = workflow_runner()
    async with (
        Worker(client, task_queue=SYNC_QUEUE, workflows=workflows, activities=activities, workflow_runner=runner),
        Worker(client, task_queue=publish_queue("main"), activities=activities),
    ):
        yield


async def start(client: Client) -> WorkflowHandle[PublicationWorkflow, PublicationOutcome]:
    """Ask for a publication as the product does."""
    return await client.start_workflow(
        PublicationWorkflow.run,
        PublicationRequest(channel="main"),
        id=publication_workflow_id("main"),
        task_queue=SYNC_QUEUE,
        start_signal="publication_requested",
    )


async def events(handle: WorkflowHandle[Any, Any]) -> int:
    return len([event async for event in handle.fetch_history_events()])


async def test_a_look_that_finds_nothing_ends(client: Client) -> None:
    stages = Stages()
    async with publishing(client, stages):
        handle = await start(client)
        assert await handle.result() == PublicationOutcome(publications=0, sent=0, refused=0)
    assert stages.looks == 1  # the signal that started it asks for no second one


async def test_a_few_changes_are_sent_and_the_run_ends(client: Client) -> None:
    stages = Stages([Prepared(publication_id=1, items=3)])
    async with publishing(client, stages):
        handle = await start(client)
        assert await handle.result() == PublicationOutcome(publications=1, sent=2, refused=1)
    assert stages.told == ["send 1"]
    assert stages.looks == 1
    assert await events(handle) <= 24


async def test_many_changes_go_in_bulk_and_more_of_them_in_a_second_publication(client: Client) -> None:
    stages = Stages([Prepared(publication_id=1, items=9, bulk=True, more=True), Prepared(publication_id=2, items=1)])
    async with publishing(client, stages):
        outcome = await (await start(client)).result()
    assert stages.told == ["send 1", "await 1", "send 2"]
    assert outcome == PublicationOutcome(publications=2, sent=12, refused=1)


async def test_the_first_publication_ever_reads_the_shop_and_costs_few_events(client: Client) -> None:
    stages = Stages(
        [Prepared(publication_id=None, needs_listings=True), Prepared(publication_id=1, items=9, bulk=True)]
    )
    async with publishing(client, stages):
        handle = await start(client)
        await handle.result()
    assert stages.told == ["refresh main", "send 1", "await 1"]
    assert await events(handle) <= 36


async def test_a_shop_with_nothing_on_sale_is_read_once(client: Client) -> None:
    stages = Stages([Prepared(publication_id=None, needs_listings=True)] * 2)
    async with publishing(client, stages):
        await (await start(client)).result()
    assert stages.told == ["refresh main"]


async def test_a_request_during_a_run_means_one_more_look(client: Client) -> None:
    stages = Stages([Prepared(publication_id=1, items=3), Prepared(publication_id=2, items=3)])

    async def ask_twice() -> None:
        handle = client.get_workflow_handle(publication_workflow_id("main"))
        if stages.told == ["send 1"]:
            await handle.signal("publication_requested", args=["anything", 1])
            await handle.signal("publication_requested")

    stages.on_send = ask_twice
    async with publishing(client, stages):
        outcome = await (await start(client)).result()
    assert stages.told == ["send 1", "send 2"]
    assert (outcome.publications, stages.looks) == (2, 2)


async def test_a_long_run_goes_on_in_a_new_history(client: Client) -> None:
    count = publication.PUBLICATIONS_PER_RUN + 1
    stages = Stages([Prepared(publication_id=number, items=1, more=True) for number in range(count)])
    async with publishing(client, stages):
        handle = await start(client)
        outcome = await handle.result()
    assert len(stages.told) == count
    assert outcome.publications == 1  # of the second run
    first_run = client.get_workflow_handle(handle.id, run_id=handle.result_run_id)
    first = [event.event_type async for event in first_run.fetch_history_events()]
    assert first[-1] == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW


async def test_a_stage_that_gives_up_ends_the_run_and_the_next_one_goes_on(client: Client) -> None:
    stages = Stages([Prepared(publication_id=1, items=3), Prepared(publication_id=1, items=3)])

    def give_up() -> None:
        raise ApplicationError("no", non_retryable=True)

    stages.on_send = give_up
    async with publishing(client, stages):
        assert (await (await start(client)).result()).publications == 0
        stages.on_send = lambda: None
        assert (await (await start(client)).result()).publications == 1
