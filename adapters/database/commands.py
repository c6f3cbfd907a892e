"""The audit of commands: each is a row before it is sent, and its outcome is kept, refusals too."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from models.commands import Command
from models.tables import commands


class CommandOutcome(StrEnum):
    """What became of a command, as far as its sender was told."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    PENDING = "pending"  # nobody answered in time: it may have been taken, or be taken yet


@dataclass(frozen=True, kw_only=True)
class SentCommand:
    """A command as its row keeps it; ``outcome`` is None while its sender waits."""

    command_id: str
    workflow_id: str
    command: dict[str, Any]
    outcome: CommandOutcome | None
    answer: str | None


def keep(
    tx: Transaction, command_id: str, workflow_id: str, command: Command, *, order_id: int | None, now: datetime
) -> SentCommand:
    """Keep a command before it is sent. Returns its row: another's, where this id was used before."""
    row = upsert(commands).values(
        command_id=command_id,
        order_id=order_id,
        workflow_id=workflow_id,
        command=command.model_dump(mode="json", exclude_none=True),
        actor=command.actor,
        sent_at=now,
    )
    tx.execute(row.on_conflict_do_nothing(index_elements=["command_id"]))
    kept = find(tx, command_id)
    assert kept is not None
    return kept


def find(tx: Transaction, command_id: str) -> SentCommand | None:
    """Read one command."""
    row = tx.execute(select(commands).where(commands.c.command_id == command_id)).one_or_none()
    if row is None:
        return None
    return SentCommand(
        command_id=row.command_id,
        workflow_id=row.workflow_id,
        command=row.command,
        outcome=CommandOutcome(row.outcome) if row.outcome else None,
        answer=row.answer,
    )


def conclude(tx: Transaction, command_id: str, outcome: CommandOutcome, answer: str) -> None:
    """Keep what the sender was told."""
    tx.execute(update(commands).where(commands.c.command_id == command_id).values(outcome=outcome, answer=answer[:500]))
