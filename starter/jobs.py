"""Commands on their way to lifecycles: built from what was typed, sent with their notes, and each answer shown."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import typer
from pydantic import ValidationError

from adapters.database import notes
from adapters.database.commands import CommandOutcome
from adapters.database.engine import Database
from adapters.database.views import OrderRecord
from models.commands import Command, CommandName
from starter.console import CommandFailedError, print_table, say, write_json
from starter.opening import connect_temporal
from starter.overrides import Outcome, Target, batch, send_command

PENDING_EXIT = 3


@dataclass(frozen=True, kw_only=True)
class Job:
    """One command for one lifecycle."""

    target: Target
    command: Command
    order: OrderRecord


@dataclass(frozen=True, kw_only=True)
class Manner:
    """What accompanies a command: who gives it, the note beside it, its own id."""

    actor: str
    note: str | None = None
    command_id: str | None = None


def build(name: CommandName, manner: Manner, **fields: Any) -> Command:
    """Build a command from what was typed. Raises CommandFailedError naming the field that can't be used."""
    try:
        return Command.model_validate(
            {"command": name, "actor": manner.actor, "command_id": manner.command_id, **fields}
        )
    except ValidationError as error:
        raise CommandFailedError(f"{name.replace('_', '-')}: {wrong_fields(error)}") from None


def wrong_fields(error: ValidationError) -> str:
    """Name each wrong field, never its value: that may be personal."""
    problems = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in problems)


def carry_out(database: Database, jobs: Sequence[Job], manner: Manner, *, as_json: bool) -> None:
    """Send every command, show each answer, and leave with the exit code that sums them up."""
    prepared = [_with_note(database, job, manner.note, manner.actor) for job in jobs]
    outcomes = asyncio.run(_send(database, prepared))
    rows = [
        {
            "order": job.order.reference,
            "for": job.target.label,
            "workflow_id": outcome.workflow_id,
            "command_id": outcome.command_id,
            "outcome": outcome.outcome,
            "message": outcome.message,
        }
        for job, outcome in zip(prepared, outcomes, strict=True)
    ]
    if as_json:
        write_json(rows)
    else:
        _print_outcomes(rows)
    raise typer.Exit(_exit_code([outcome.outcome for outcome in outcomes]))


def _print_outcomes(rows: Sequence[dict[str, Any]]) -> None:
    print_table(("for", "outcome", "what now"), [(row["for"], row["outcome"], row["message"]) for row in rows])
    for row in rows:
        if row["outcome"] == CommandOutcome.PENDING:
            say(f"to look later: dropwright order show {row['order']}; its id is {row['command_id']}")


def _with_note(database: Database, job: Job, text: str | None, author: str) -> Job:
    """Store the note first: the command carries its number, never its text."""
    if text is None:
        return job
    try:
        with database.begin() as tx:
            note_id = notes.store(tx, job.order.id, text, author=author, now=datetime.now(UTC))
    except ValueError as error:
        raise CommandFailedError(str(error)) from None
    return replace(job, command=job.command.model_copy(update={"note_id": note_id}))


async def _send(database: Database, jobs: Sequence[Job]) -> list[Outcome]:
    client = await connect_temporal()
    if len(jobs) == 1:
        return [await send_command(client, database, jobs[0].target, jobs[0].command)]
    return await batch(client, database, [(job.target, job.command) for job in jobs])


def _exit_code(outcomes: Sequence[CommandOutcome]) -> int:
    if CommandOutcome.REFUSED in outcomes:
        return 1
    return PENDING_EXIT if CommandOutcome.PENDING in outcomes else 0
