"""Steering running orders from outside: each command is a row before it leaves, and its outcome is kept.

The Update ``command`` carries it, under the command's own id: sent again, it is the same command, not a second one.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from adapters.database import commands as records
from adapters.database import timeline
from adapters.database.commands import CommandOutcome, SentCommand
from adapters.database.engine import Database
from models.commands import Command, CommandReceipt

ANSWER_SECONDS = 10.0
AT_ONCE = 20  # commands of a batch that are under way together
_LOOK_LATER = "no answer yet; it may still be taken: look at the timeline before you send it again"
_AWAY = frozenset({RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED})


@dataclass(frozen=True, kw_only=True)
class Target:
    """The lifecycle that a command is for, and the order whose timeline tells of it."""

    workflow_id: str
    order_id: int
    purchase_order_id: int | None = None
    label: str = ""  # what people call it: ``#1001 at bts``


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the sender is told. ``message`` says what happens next, or why not."""

    command_id: str
    workflow_id: str
    outcome: CommandOutcome
    message: str

    @property
    def accepted(self) -> bool:
        """Say whether it was taken."""
        return self.outcome is CommandOutcome.ACCEPTED


async def send_command(
    client: Client, database: Database, target: Target, command: Command, *, seconds: float = ANSWER_SECONDS
) -> Outcome:
    """Send one command and wait for its answer, ``seconds`` at most.

    A command without an id is given one. One whose id was sent before is answered as then, or, where its sender was
    not told yet, sent once more, which is harmless.
    """
    command = command if command.command_id else command.model_copy(update={"command_id": uuid4().hex})
    kept = await asyncio.to_thread(_keep, database, target, command)
    if known := _answered_before(kept, target, command):
        return known
    outcome, message = await _update(client, target.workflow_id, command, seconds)
    await asyncio.to_thread(_conclude, database, target, command, outcome, message)
    return _outcome(target, command, outcome, message)


async def batch(
    client: Client, database: Database, targets: Sequence[tuple[Target, Command]], *, at_once: int = AT_ONCE
) -> list[Outcome]:
    """Send each its own command, a few at a time. Every lifecycle answers for itself: results in the order given."""
    gate = asyncio.Semaphore(at_once)

    async def send_in_turn(target: Target, command: Command) -> Outcome:
        async with gate:
            return await send_command(client, database, target, command)

    return await asyncio.gather(*(send_in_turn(target, command) for target, command in targets))


async def _update(client: Client, workflow_id: str, command: Command, seconds: float) -> tuple[CommandOutcome, str]:
    handle = client.get_workflow_handle(workflow_id)
    try:
        async with asyncio.timeout(seconds):
            receipt = await handle.execute_update(
                "command",
                command,
                id=command.command_id,
                result_type=CommandReceipt,
                rpc_timeout=timedelta(seconds=seconds),
            )
    except WorkflowUpdateFailedError as error:
        return CommandOutcome.REFUSED, _reason(error)
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        return CommandOutcome.PENDING, _LOOK_LATER
    except RPCError as error:
        return _without_answer(error, workflow_id)
    return CommandOutcome.ACCEPTED, receipt.next


def _reason(error: WorkflowUpdateFailedError) -> str:
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type == "CommandRefused":
        return cause.message
    if isinstance(cause, ApplicationError) and cause.type == "AcceptedUpdateCompletedWorkflow":
        return "it was taken, and the lifecycle ended before it could be answered: the timeline says how"
    # Only our own refusals are ours to repeat: any other text may quote what was sent.
    return f"the lifecycle could not take it ({getattr(cause, 'type', None) or type(cause).__name__})"


def _without_answer(error: RPCError, workflow_id: str) -> tuple[CommandOutcome, str]:
    if error.status is RPCStatusCode.NOT_FOUND:
        return CommandOutcome.REFUSED, f"nothing runs as {workflow_id}: it has not started, or it has ended"
    if error.status in _AWAY:
        return CommandOutcome.PENDING, f"Temporal does not answer ({error.status.name}); {_LOOK_LATER}"
    return CommandOutcome.REFUSED, f"Temporal refused it ({error.status.name})"


def _keep(database: Database, target: Target, command: Command) -> SentCommand:
    with database.begin() as tx:
        return records.keep(
            tx,
            command.command_id or "",
            target.workflow_id,
            command,
            order_id=target.order_id,
            now=datetime.now(UTC),
        )


def _answered_before(kept: SentCommand, target: Target, command: Command) -> Outcome | None:
    # A repeated command may come with a note of its own: that is the only thing that may differ.
    document = command.model_dump(mode="json", exclude_none=True)
    same = {**kept.command, "note_id": 0} == {**document, "note_id": 0}
    if not same or kept.workflow_id != target.workflow_id:
        return _outcome(target, command, CommandOutcome.REFUSED, "this id was used for another command")
    if kept.outcome is None or kept.outcome is CommandOutcome.PENDING:
        return None
    return _outcome(target, command, kept.outcome, kept.answer or "")


def _conclude(database: Database, target: Target, command: Command, outcome: CommandOutcome, message: str) -> None:
    """Keep the outcome; a refused Update leaves no trace in its workflow, so its timeline entry is written here."""
    now = datetime.now(UTC)
    with database.begin() as tx:
        records.conclude(tx, command.command_id or "", outcome, message)
        if outcome is CommandOutcome.REFUSED:
            timeline.tell(
                tx,
                target.order_id,
                "command.refused",
                at=now,
                actor=command.actor,
                purchase_order_id=target.purchase_order_id,
                key=f"command:{command.command_id}:{target.purchase_order_id or 'order'}",
                command=command.command,
                refused=message,
            )


def _outcome(target: Target, command: Command, outcome: CommandOutcome, message: str) -> Outcome:
    return Outcome(
        command_id=command.command_id or "", workflow_id=target.workflow_id, outcome=outcome, message=message
    )
