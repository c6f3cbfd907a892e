"""Commands on their way to lifecycles: built from what was typed, sent with their notes, and each answer shown."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, get_args

import typer
from pydantic import StringConstraints, ValidationError

from adapters.database import notes
from adapters.database.commands import CommandOutcome
from adapters.database.engine import Database
from adapters.database.views import OrderRecord
from models.base import Reference
from models.commands import Command, CommandName
from starter.console import CommandFailedError, print_table, say, write_json
from starter.opening import connect_temporal
from starter.overrides import Outcome, Target, batch, send_command

PENDING_EXIT = 3
_OPTIONS = {  # of a command's fields
    "extend_by": "--by",
    "wait_for": "--for",
    "tracking_number": "--tracking",
    "carrier": "--carrier",
    "supplier_number": "--number",
    "command_id": "--command-id",
    "province_code": "--state",
    "country_code": "--country",
    "postal_code": "--postal-code",
}
_FORMS = {
    constraint.pattern: "letters, digits, spaces and _ . / # -, at most 60, a letter or digit first"
    for constraint in get_args(Reference)
    if isinstance(constraint, StringConstraints)
}


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
    """Name each wrong field as it is typed, with what it takes, never its value: that may be personal."""
    problems = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{_typed_as(one['loc'])}: {_takes(one)}" for one in problems)


def _typed_as(location: tuple[str | int, ...]) -> str:
    name = ".".join(map(str, location))
    return _OPTIONS.get(name, name) or "it"


def _takes(problem: Any) -> str:
    kind, said = str(problem["type"]), str(problem["msg"]).removeprefix("Value error, ")
    if kind.startswith("time_delta"):
        return "write a length of time, e.g. 24h, 90m or 2d"
    if kind == "string_pattern_mismatch":
        return _FORMS.get(problem["ctx"]["pattern"], said)
    return said[:1].lower() + said[1:]


def carry_out(database: Database, jobs: Sequence[Job], manner: Manner, *, as_json: bool) -> None:
    """Send every command, show each answer, and leave with the exit code that sums them up."""
    prepared, outcomes = asyncio.run(_send(database, jobs, manner))
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


async def _send(database: Database, jobs: Sequence[Job], manner: Manner) -> tuple[list[Job], list[Outcome]]:
    """Send each with its note; where Temporal is away no note is kept, or each new try would leave one more."""
    client = await connect_temporal()
    noted = [_with_note(database, job, manner.note, manner.actor) for job in jobs]
    if len(noted) == 1:
        return noted, [await send_command(client, database, noted[0].target, noted[0].command)]
    return noted, await batch(client, database, [(job.target, job.command) for job in noted])


def _exit_code(outcomes: Sequence[CommandOutcome]) -> int:
    if CommandOutcome.REFUSED in outcomes:
        return 1
    return PENDING_EXIT if CommandOutcome.PENDING in outcomes else 0
