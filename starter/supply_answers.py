"""Answers to questions about feeds, costs, drift and documents: no lifecycle waits for them, so they take effect here.

One transaction claims the task and writes the effect, so that the second of two answers finds nothing to answer. What
follows is asked of Temporal after the commit; where that is away, a worker's keeper and the schedules make up for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio.client import Client

from activities import letters
from activities.requests import request_publication, start_sync
from adapters.database import (
    exchange_documents,
    exchange_incoming,
    exchange_views,
    feed_decisions,
    feed_views,
    holds,
    mails,
    reconciliations,
    tasks,
)
from adapters.database.engine import Database, Transaction
from adapters.database.feed_views import AcceptedRun, RunRecord
from models.configuration import Configuration
from models.statuses import TaskState
from models.sync import Acceptance, SyncRequest, Trigger
from models.tasks import SupplyAnswer, TaskCategory
from starter.exchange_keeper import start_exchange
from starter.supply_schedules import publishes

_MOST_SAMPLES = 10


class AnswerRefusedError(RuntimeError):
    """An answer can't be taken any more; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What an answer did, and what is to be asked of Temporal now that it is committed."""

    message: str
    accepted: AcceptedRun | None = None
    channels: tuple[str, ...] = ()  # whose publishers should look
    exchange: str | None = None  # the supplier whose next round should come at once

    @property
    def has_follow_up(self) -> bool:
        """Say whether Temporal is to be asked for anything."""
        return bool(self.accepted or self.channels or self.exchange)


@dataclass(frozen=True, kw_only=True)
class Answering:
    """An answer while it is being recorded: to which task, by whom, under which configuration."""

    tx: Transaction
    task: dict[str, Any]
    by: str
    now: datetime
    configuration: Configuration

    @property
    def subject(self) -> tuple[str, ...]:
        """What the task's key names behind its kind: ``feed:bts/stock`` gives bts and stock."""
        return tuple(str(self.task["key"]).partition(":")[2].split("/"))


def record_answer(
    database: Database,
    task: dict[str, Any],
    answer: SupplyAnswer,
    *,
    by: str,
    configuration: Configuration,
    now: datetime,
) -> Effect:
    """Close the task with this answer and write what it means, in one transaction.

    ``ask_supplier`` leaves the task open. Raises AnswerRefusedError where somebody else was faster, or where what was
    asked about is no longer there.
    """
    with database.begin() as tx:
        if answer is not SupplyAnswer.ASK_SUPPLIER and not tasks.close(
            tx, task["id"], TaskState.ANSWERED, answer=answer, by=by, now=now
        ):
            raise AnswerRefusedError(f"task {task['id']} was closed by somebody else just now")
        return _EFFECTS[answer](Answering(tx=tx, task=task, by=by, now=now, configuration=configuration))


async def follow_up(client: Client, effect: Effect) -> str:
    """Ask Temporal for what follows. Returns what the person is told of it; raises RPCError while Temporal is away."""
    for channel in effect.channels:
        await request_publication(client, channel)
    if effect.exchange is not None:
        await start_exchange(client, effect.exchange, look_now=True)
    if effect.accepted is None:
        return effect.message
    if await start_accepted(client, effect.accepted):
        return f"{effect.message}; it is being applied"
    return f"{effect.message}; another run of this feed is under way, and a worker starts it within a minute after that"


async def start_accepted(client: Client, run: AcceptedRun) -> bool:
    """Start the run that applies what a person accepted. Returns False where another run is under way."""
    request = SyncRequest(
        supplier=run.supplier,
        feed=run.feed,
        trigger=Trigger.DECISION,
        accepted_run=run.run,
        acceptance=run.acceptance,
        actor=run.actor,
    )
    return await start_sync(client, request)


# Feeds that were set aside.


def _accept(answering: Answering, acceptance: Acceptance) -> Effect:
    run = _set_aside(answering)
    if not feed_decisions.accept(answering.tx, run.run, acceptance, by=answering.by, task_id=answering.task["id"]):
        raise _gone(run)
    what = "its stock counts" if acceptance is Acceptance.STOCK_ONLY else "it counts"
    accepted = AcceptedRun(run=run.run, supplier=run.supplier, feed=run.feed, acceptance=acceptance, actor=answering.by)
    return Effect(message=f"run {run.run} of {run.supplier}/{run.feed} is accepted: {what}", accepted=accepted)


def _discard(answering: Answering) -> Effect:
    run = _set_aside(answering)
    if not feed_decisions.discard(answering.tx, run.run, by=answering.by, task_id=answering.task["id"]):
        raise _gone(run)
    return Effect(message=f"run {run.run} of {run.supplier}/{run.feed} is thrown away; nothing changed")


def _ask_supplier(answering: Answering) -> Effect:
    """Write the findings down as a mail to ourselves, to forward: we know the supplier's people, the product does not."""
    run = _set_aside(answering)
    recipient = answering.configuration.mail.alerts_to
    name = answering.configuration.suppliers[run.supplier].display_name
    subject = f"Your {run.feed} feed of {run.started_at:%d %b %Y}: please check"
    letter = letters.alert(f"ask-supplier:{run.run}", recipient, subject, _findings_for(name, run))
    mails.write(answering.tx, [letter], now=answering.now)
    return Effect(message=f"a mail to forward to {name} is on its way to you; the feed stays set aside")


def _findings_for(name: str, run: RunRecord) -> list[str]:
    """Word what we found, for the supplier: no name, no price rule, no other supplier of ours."""
    source = f", written {run.source_time:%d %b %Y %H:%M:%SZ}" if run.source_time else ""
    lines = [
        f"To {name}, about the {run.feed} feed that we fetched at {run.started_at:%d %b %Y %H:%M:%SZ}{source}:",
        f"{run.rows or 0} rows in {run.bytes} bytes. We have not used it, because of this:",
        "",
    ]
    for finding in run.findings:
        lines.append(f"- {finding.get('text') or finding.get('code')}")
        lines += [f"    {sample}" for sample in list(finding.get("samples") or ())[:_MOST_SAMPLES]]
    return [*lines, "", "Is it right? If not, please send a corrected one."]


def _set_aside(answering: Answering) -> RunRecord:
    supplier, feed = answering.subject
    run = feed_views.quarantined(answering.tx, supplier, feed)
    if run is None:
        raise AnswerRefusedError(f"no run of {supplier}/{feed} is set aside any more: a newer one has been applied")
    return run


def _gone(run: RunRecord) -> AnswerRefusedError:
    return AnswerRefusedError(f"run {run.run} of {run.supplier}/{run.feed} is no longer set aside")


# Costs and drift.


def _approve_costs(answering: Answering) -> Effect:
    (supplier,) = answering.subject
    count = holds.approve(answering.tx, supplier, by=answering.by, now=answering.now)
    return Effect(message=f"{count} costs of {supplier} count now; prices follow", channels=_published(answering))


def _keep_costs(answering: Answering) -> Effect:
    (supplier,) = answering.subject
    count = holds.reject(answering.tx, supplier, by=answering.by, now=answering.now)
    return Effect(message=f"{count} costs of {supplier} stay as they were")


def _repair(answering: Answering) -> Effect:
    number = feed_views.reconciliation_of(answering.tx, answering.task["id"])
    if number is None:
        raise AnswerRefusedError("what was compared is no longer kept: run `dropwright reconcile` again")
    count = reconciliations.repair(answering.tx, number, now=answering.now)
    return Effect(message=f"{count} differences are repaired", channels=_published(answering))


def _leave(answering: Answering) -> Effect:
    if answering.task["category"] == TaskCategory.RECEIPT_OVERDUE:
        exchange_documents.await_no_receipt(answering.tx, _document_of(answering))
        return Effect(message="its receipt is no longer awaited")
    return Effect(message="nothing was changed")


# Documents.


def _resend(answering: Answering) -> Effect:
    document = _document_of(answering)
    if not exchange_documents.resend(answering.tx, document, answering.now):
        why = "it was withdrawn, its batch is still open, or one of its orders was given up"
        raise AnswerRefusedError(f"document {document} can't be sent: {why}")
    _tell_orders(answering, document, "document.resent")
    return Effect(message=f"document {document} is sent again with the next round", exchange=_supplier_of(answering))


def _read_again(answering: Answering) -> Effect:
    document = _document_of(answering)
    if not exchange_incoming.read_again(answering.tx, document):
        raise AnswerRefusedError(f"document {document} came to our door and can't be read a second time")
    _tell_orders(answering, document, "document.read_again")
    return Effect(message=f"document {document} is read again with the next round", exchange=_supplier_of(answering))


def _tell_orders(answering: Answering, document: int, event: str) -> None:
    exchange_views.tell_orders(answering.tx, document, event, by=answering.by, now=answering.now)


def _document_of(answering: Answering) -> int:
    return int(answering.task["evidence"]["document"])


def _supplier_of(answering: Answering) -> str:
    return str(answering.task["evidence"]["supplier"])


def _published(answering: Answering) -> tuple[str, ...]:
    published = [name for name, channel in answering.configuration.channels.items() if publishes(channel)]
    return tuple(feed_views.dirty_channels(answering.tx, published))


_EFFECTS: dict[SupplyAnswer, Callable[[Answering], Effect]] = {
    SupplyAnswer.ACCEPT: lambda answering: _accept(answering, Acceptance.ALL),
    SupplyAnswer.ACCEPT_STOCK: lambda answering: _accept(answering, Acceptance.STOCK_ONLY),
    SupplyAnswer.DISCARD: _discard,
    SupplyAnswer.ASK_SUPPLIER: _ask_supplier,
    SupplyAnswer.APPROVE_COSTS: _approve_costs,
    SupplyAnswer.KEEP_COSTS: _keep_costs,
    SupplyAnswer.REPAIR: _repair,
    SupplyAnswer.LEAVE: _leave,
    SupplyAnswer.RESEND: _resend,
    SupplyAnswer.READ_AGAIN: _read_again,
}
