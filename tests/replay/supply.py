"""Histories of feeds, publications, reconciliations and exchanges: every branch of their workflows, played by activities
that answer as told. What the activities really do is tested elsewhere; a history holds only what they answered.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from models.exchange_steps import ExchangeRequest, ExchangeRound, ExchangeTold
from models.identifiers import ORDERS_QUEUE, SYNC_QUEUE, publication_workflow_id, publish_queue, supplier_queue
from models.sync import (
    Applied,
    Compared,
    Fetched,
    Judged,
    Prepared,
    PublicationRequest,
    Published,
    ReconciliationOutcome,
    ReconciliationRequest,
    RunState,
    ScheduledStart,
    Side,
    Staged,
    StockWatchOutcome,
    SyncRequest,
    Told,
    Trigger,
)
from worker import SUPPLY_WORKFLOWS, workflow_runner
from workflows.exchange import ExchangeWorkflow

GIVES_UP = "gives up"
FETCHED = Fetched(run_id=7, state=RunState.FETCHED, parts=1, bytes=60_000_000, channels=("main",))
STAGED = Staged(state=RunState.STAGED, rows=1_000_000, changed=50_000)
JUDGED = Judged(state=RunState.JUDGED, new=10, changed=49_980, absent=10, held=3)
APPLIED = Applied(offers=50_000, held=3, dirty=1200)
A_FEW = Prepared(publication_id=1, items=20)
MANY = Prepared(publication_id=2, items=250_000, bulk=True, more=True)
NOTHING_LEFT = Prepared(publication_id=None)


@dataclass(frozen=True)
class Played:
    """One run: the workflow, what starts it, what each activity answers in turn, and signals sent at its start."""

    name: str
    workflow: str
    request: Any
    answers: dict[str, list[Any]]
    signals: tuple[str, ...] = ()
    leaves: str = ""  # the workflow that it starts, and leaves to itself
    waits_for_next_run: bool = False


def _sync(name: str, *answers: Any, **more: Any) -> Played:
    stages = ("fetch_feed", "stage_feed", "judge_feed", "apply_feed", "tell_of_feed")
    request = more.pop("request", SyncRequest(supplier="bts", feed="stock"))
    script: dict[str, list[Any]] = {stage: [answer] for stage, answer in zip(stages, answers, strict=False)}
    return Played(f"sync-{name}", "SupplierSyncWorkflow", request, script | more.pop("also", {}), **more)


def _publication(name: str, **answers: list[Any]) -> Played:
    return Played(f"publication-{name}", "PublicationWorkflow", PublicationRequest(channel="main"), answers)


def _comparison(name: str, side: Side, *, leaves: str = "", **answers: list[Any]) -> Played:
    request = ReconciliationRequest(side=side, name="bts" if side is Side.SUPPLIER else "main")
    return Played(f"reconciliation-{name}", "ReconciliationWorkflow", request, answers, leaves=leaves)


def _exchange(name: str, *rounds: Any, **more: Any) -> Played:
    answers = {"exchange_documents": list(rounds), "tell_of_exchange": [ExchangeTold(told=3)]}
    return Played(f"exchange-{name}", "ExchangeWorkflow", ExchangeRequest(supplier="bts"), answers, **more)


QUARANTINED = Judged(state=RunState.QUARANTINED, reasons=("share_to_zero",), task_id=3)
PLAYED: tuple[Played, ...] = (
    _sync("applied", FETCHED, STAGED, JUDGED, APPLIED, Told(channels=1, woken=2)),
    _sync("nothing-there", Fetched(run_id=7, state=RunState.NOTHING_THERE)),
    _sync("same-bytes", Fetched(run_id=7, state=RunState.UNCHANGED)),
    _sync("no-row-differs", FETCHED, Staged(state=RunState.UNCHANGED, rows=1_000_000, changed=0)),
    _sync("quarantined", FETCHED, STAGED, QUARANTINED),
    _sync(
        "accepted",
        FETCHED,
        STAGED,
        JUDGED,
        APPLIED,
        Told(),
        request=SyncRequest(supplier="bts", feed="stock", trigger=Trigger.DECISION, accepted_run=7, actor="clerk"),
    ),
    _sync("source-gives-up", GIVES_UP, also={"fail_feed": [None]}),
    _sync(
        "asked-again", FETCHED, STAGED, JUDGED, APPLIED, Told(), signals=("sync_requested",), waits_for_next_run=True
    ),
    _publication("nothing-to-do", prepare_publication=[NOTHING_LEFT]),
    _publication("a-few", prepare_publication=[A_FEW, NOTHING_LEFT], send_publication=[Published(sent=19, refused=1)]),
    _publication(
        "in-bulk",
        prepare_publication=[MANY, A_FEW, NOTHING_LEFT],
        send_publication=[Published(sent=0, refused=0), Published(sent=20, refused=0)],
        await_bulk_publication=[Published(sent=250_000, refused=0)],
    ),
    _publication(
        "first-look-at-the-shop",
        prepare_publication=[Prepared(publication_id=None, needs_listings=True), A_FEW, NOTHING_LEFT],
        refresh_listings=[500],
        send_publication=[Published(sent=20, refused=0)],
    ),
    _comparison(
        "supplier-agrees",
        Side.SUPPLIER,
        compare_supplier=[Compared(reconciliation_id=1, compared=500)],
        settle_reconciliation=[ReconciliationOutcome(compared=500)],
    ),
    _comparison(
        "shop-drifted",
        Side.CHANNEL,
        compare_channel=[Compared(reconciliation_id=2, compared=1000, drifted=5)],
        settle_reconciliation=[ReconciliationOutcome(compared=1000, drifted=5, repaired=5, channels=("main",))],
        prepare_publication=[NOTHING_LEFT],
        leaves=publication_workflow_id("main"),
    ),
    _comparison(
        "drift-is-large",
        Side.SUPPLIER,
        compare_supplier=[Compared(reconciliation_id=3, compared=500, drifted=400, large=True)],
        settle_reconciliation=[ReconciliationOutcome(compared=500, drifted=400, task_id=9)],
    ),
    _exchange("told-then-ended", ExchangeRound(picked_up=3, untold=True), ExchangeRound(ended=True)),
    _exchange("asked-for-then-stopped", ExchangeRound(untold=True), signals=("look_now", "stop")),
    Played(
        "due-started",
        "ScheduledStartWorkflow",
        ScheduledStart(
            workflow="SupplierSyncWorkflow",
            workflow_id="sync-from-a-schedule",
            request=SyncRequest(supplier="bts", feed="stock").model_dump(mode="json"),
        ),
        {"fetch_feed": [Fetched(run_id=7, state=RunState.NOTHING_THERE)]},
        leaves="sync-from-a-schedule",
    ),
    Played("rates-captured", "ExchangeRatesWorkflow", None, {"capture_rates": [30]}),
    Played("scorecards-refreshed", "ScorecardsWorkflow", None, {"refresh_scorecards": [2]}),
    Played(
        "stock-watched",
        "StockWatchWorkflow",
        None,
        {"watch_stock": [StockWatchOutcome(low=3, proposals=1)], "prune_history": [12]},
    ),
)


@dataclass
class Script:
    """Answers every activity by its name, one answer after the other; the last one again and again."""

    answers: dict[str, list[Any]] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn(dynamic=True)
    async def answer(self, _arguments: Sequence[RawValue]) -> Any:
        """Answer as told, or give up for good."""
        await self.gate.wait()
        left = self.answers[activity.info().activity_type]
        found = left.pop(0) if len(left) > 1 else left[0]
        if found == GIVES_UP:
            raise ApplicationError("no answer", type="Unavailable", non_retryable=True)
        return found


@asynccontextmanager
async def _workers(client: Client, script: Script) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for queue in (SYNC_QUEUE, ORDERS_QUEUE, supplier_queue("bts"), publish_queue("main")):
            worker = Worker(
                client,
                task_queue=queue,
                workflows=[*SUPPLY_WORKFLOWS, ExchangeWorkflow] if queue == SYNC_QUEUE else [],
                activities=[script.answer],
                workflow_runner=workflow_runner(),
            )
            await stack.enter_async_context(worker)
        yield


async def play_all(client: Client, write: Any) -> int:
    """Play every run, one after the other, and write its history by ``write(workflow id, run id, name)``."""
    for one in PLAYED:
        script = Script({name: list(answers) for name, answers in one.answers.items()})
        async with _workers(client, script):
            handle = await client.start_workflow(
                one.workflow, *([one.request] if one.request else []), id=one.name, task_queue=SYNC_QUEUE
            )
            for signal in one.signals:
                await asyncio.sleep(1)  # the first workflow task is behind it: what comes now asks for another run
                await handle.signal(signal)
            script.gate.set()
            await (_first_run_ended(handle) if one.waits_for_next_run else asyncio.wait_for(handle.result(), 60))
            await write(one.name, handle.first_execution_run_id, one.name)
            if one.waits_for_next_run:
                await client.get_workflow_handle(one.name).terminate()
            if one.leaves:
                await client.get_workflow_handle(one.leaves).result()
    return len(PLAYED)


async def _first_run_ended(handle: Any) -> None:
    for _ in range(200):
        described = await handle.describe()
        if described.run_id != handle.first_execution_run_id:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it was asked for another run, and did not continue")
