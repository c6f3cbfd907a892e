"""The exchange of documents with a supplier, with activities that answer as told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.failures import wait
from models.exchange_steps import ExchangeRequest, ExchangeRound, ExchangeTold
from models.identifiers import ORDERS_QUEUE, exchange_workflow_id, supplier_queue
from starter.exchange_keeper import start_exchange
from starter.temporal_server import TemporalServer
from tests.workflows.namespaces import client_of_new_namespace
from worker import workflow_runner
from workflows import exchange
from workflows.exchange import ExchangeWorkflow

NEWS = ExchangeRound(picked_up=1, untold=True)


@dataclass
class Stages:
    """Both activities. ``rounds`` is what is found, one after the other; then there is nothing, and it waits an hour."""

    rounds: list[ExchangeRound] = field(default_factory=list)
    looks: int = 0
    told: int = 0

    @activity.defn
    async def exchange_documents(self, request: ExchangeRequest) -> ExchangeRound:
        assert request.supplier == "acme"
        self.looks += 1
        if not self.rounds:
            raise wait("0 picked up, 0 sent", timedelta(hours=1))
        return self.rounds.pop(0)

    @activity.defn
    async def tell_of_exchange(self, _: ExchangeRequest) -> ExchangeTold:
        self.told += 1
        return ExchangeTold(told=1)


@pytest.fixture
async def client(temporal_server: TemporalServer) -> Client:
    return await client_of_new_namespace(temporal_server.address)


@asynccontextmanager
async def exchanging(
    client: Client, stages: Stages, *, sandboxed: bool = True
) -> AsyncIterator[WorkflowHandle[Any, Any]]:
    runner = workflow_runner() if sandboxed else UnsandboxedWorkflowRunner()
    workflows = [ExchangeWorkflow]
    orders, supplier = [stages.tell_of_exchange], [stages.exchange_documents]
    async with (
        Worker(client, task_queue=ORDERS_QUEUE, workflows=workflows, activities=orders, workflow_runner=runner),
        Worker(client, task_queue=supplier_queue("acme"), activities=supplier),
    ):
        yield client.get_workflow_handle(await start_exchange(client, "acme"))


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not reached():  # noqa: ASYNC110 - what is waited for happens on the worker's side
            await asyncio.sleep(0.02)


async def test_lifecycles_are_told_after_each_round_that_brought_news(client: Client) -> None:
    stages = Stages(rounds=[NEWS, NEWS])
    async with exchanging(client, stages) as handle:
        await until(lambda: stages.looks == 3)
        assert stages.told == 2
        await handle.terminate()


async def test_waiting_costs_no_events_and_a_person_who_asks_gets_the_next_round_at_once(client: Client) -> None:
    stages = Stages()
    async with exchanging(client, stages) as handle:
        await until(lambda: stages.looks == 1)
        assert await start_exchange(client, "acme", look_now=True) == handle.id
        await until(lambda: stages.looks == 2)
        await handle.signal("look_now", args=["whatever", "comes", "along"])
        await until(lambda: stages.looks == 3)
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
        await handle.terminate()


async def test_it_ends_when_it_is_told_to_and_where_there_is_nothing_to_exchange(client: Client) -> None:
    stages = Stages()
    async with exchanging(client, stages) as handle:
        await until(lambda: stages.looks == 1)
        await handle.signal("stop")
        await handle.result()
        stages.rounds = [ExchangeRound(ended=True)]
        await client.get_workflow_handle(await start_exchange(client, "acme")).result()
    assert stages.told == 0


async def test_a_long_life_is_many_short_histories(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "ROUNDS_PER_RUN", 2)
    stages = Stages(rounds=[NEWS] * 5)
    async with exchanging(client, stages, sandboxed=False) as handle:
        first = (await handle.describe()).run_id
        await until(lambda: stages.looks == 6)
        assert stages.told == 5
        old = client.get_workflow_handle(exchange_workflow_id("acme"), run_id=first)
        events = [event.event_type async for event in old.fetch_history_events()]
        assert events[-1] == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
        await client.get_workflow_handle(handle.id).terminate()
