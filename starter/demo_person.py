"""The demo's person: looks at what is asked, finds out what is true, and answers as any operator would."""

import asyncio
import itertools
import subprocess
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from temporalio.client import Client

from adapters.database.commands import CommandOutcome
from adapters.database.tallies import AskedTask
from models.commands import Command, CommandName
from models.tasks import TaskCategory
from starter.commands.tasks import map_article
from starter.demo_configuration import CHANNEL
from starter.demo_story import Answer, Progress, Story, Tell
from starter.demo_world import World
from starter.jobs import PENDING_EXIT
from starter.overrides import Target, send_command
from starter.references import order_target, target_of_task

NAME = "demo-person"
THINKING_SECONDS = 1.5  # so that a question can be seen before it is answered
COMMAND_SECONDS = 60.0
TRIES = 6


class NotAnsweredError(RuntimeError):
    """The person could not bring an answer to its order; the message says which and why."""


@dataclass(kw_only=True)
class Person:
    """Answers what the scripts say shall be answered; whatever else is asked stays open, and is reported."""

    client: Client
    world: World
    story: Story
    tell: Tell
    _seen: set[int] = field(default_factory=set)
    _at_work: set[asyncio.Task[None]] = field(default_factory=set)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def look(self) -> list[str]:
        """Begin to answer what is newly asked; returns what went wrong with earlier answers."""
        done = {task for task in self._at_work if task.done()}
        self._at_work -= done
        for progress in self.story.orders.values():
            for task in progress.open_tasks:
                answer = progress.scenario.answers.get(task.category)
                if answer is not None and task.id not in self._seen:
                    self._seen.add(task.id)
                    self._begin(self._answer(progress, task, answer))
        return [f"not answered: {error}" for task in done if (error := task.exception())]

    async def steer(self, progress: Progress, name: CommandName) -> None:
        """Give a command that nobody asked for."""
        assert progress.record is not None
        await self._send(order_target(progress.record), Command(command=name, actor=NAME))
        self._note(progress, f"{name.replace('_', ' ')} (Update)")

    async def pick(self, progress: Progress) -> None:
        """Take an order from our own shelves, hand it to the carrier, and say so."""
        number = progress.purchase_orders[-1].number
        await self.run_command("picks", "done", number, "--tracking", f"OWN-{progress.order_id}", "--carrier", "GLS")
        self._note(progress, "picked and sent (CLI)")

    async def close(self) -> None:
        """Stop answering."""
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._at_work.add(asyncio.create_task(work))

    async def _answer(self, progress: Progress, task: AskedTask, answer: Answer) -> None:
        await asyncio.sleep(THINKING_SECONDS)
        fields = dict(answer.fields)
        command = answer.command
        if task.category is TaskCategory.SUBMIT_UNKNOWN:
            command, fields = await self._look_into_the_portal(progress)
        by_cli = answer.by_cli
        if by_cli:
            await self._answer_by_cli(progress, task, command, fields)
        else:
            await self._answer_by_update(progress, task, command, fields)
        self._note(progress, f"{(command or 'noted').replace('_', ' ')} ({'CLI' if by_cli else 'Update'})")

    async def _look_into_the_portal(self, progress: Progress) -> tuple[CommandName, dict[str, str]]:
        """Look for an order with these lines that no purchase order of ours names."""
        supplier = progress.purchase_orders[-1].supplier
        named = {pair for one in self.story.orders.values() for pair in one.supplier_orders}
        for order in (await self.world.ledger(supplier))["orders"]:
            same = [line["ean"] for line in order["lines"]] == list(progress.eans)
            if same and (supplier, order["order_number"]) not in named:
                return CommandName.CONFIRM_SUBMISSION, {"supplier_number": order["order_number"]}
        return CommandName.RESUBMIT, {}

    async def _answer_by_cli(
        self, progress: Progress, task: AskedTask, command: CommandName | None, fields: dict[str, str]
    ) -> None:
        options = [part for name, value in fields.items() for part in (f"--{name}", value)]
        if task.category is TaskCategory.ARTICLE_UNKNOWN:
            options += ["--ean", f"{self._variant(progress)}={progress.eans[0]}"]
        word = (command or "done").replace("_", "-")
        await self.run_command("task", "answer", str(task.id), word, *options)

    async def _answer_by_update(
        self, progress: Progress, task: AskedTask, command: CommandName | None, fields: dict[str, str]
    ) -> None:
        assert progress.record is not None
        assert command is not None
        workflow_id = next(row["workflow_id"] for row in progress.record.tasks if row["id"] == task.id)
        if task.category is TaskCategory.ARTICLE_UNKNOWN:
            variant = str(self._variant(progress))
            await asyncio.to_thread(map_article, self.world.database, CHANNEL, variant, progress.eans[0], NAME)
        document = {"command": command, "actor": NAME, "task_id": task.id, **fields}
        await self._send(target_of_task(progress.record, workflow_id), Command.model_validate(document))

    def _variant(self, progress: Progress) -> int:
        return next(line.variant for line in progress.scenario.lines if line.variant is not None)

    async def _send(self, target: Target, command: Command) -> None:
        """Send a command; while nobody answers it is sent again under its own id, which is harmless."""
        command = command.model_copy(update={"command_id": uuid4().hex})
        for _ in range(TRIES):
            outcome = await send_command(self.client, self.world.database, target, command)
            if outcome.outcome is not CommandOutcome.PENDING:
                break
        if not outcome.accepted:
            raise NotAnsweredError(f"{outcome.workflow_id}: {outcome.outcome}: {outcome.message}")

    async def run_command(self, *arguments: str, expected: tuple[int, ...] = (0,)) -> int:
        """Run one command of the CLI under our own name, and return its exit code."""
        number = next(self._numbers)
        self.world.start_command(number, *arguments, "--as", NAME)
        process = self.world.stack.processes[f"command-{number}"]
        try:
            code = await asyncio.to_thread(process.wait, COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            raise NotAnsweredError(f"dropwright {' '.join(arguments)} did not end in {COMMAND_SECONDS:.0f} s") from None
        if code not in (*expected, PENDING_EXIT):  # what is pending is either taken yet, or stays open and is reported
            said = process.last_lines(5)
            raise NotAnsweredError(f"dropwright {' '.join(arguments)} ended with {code}: {said}")
        return code

    def _note(self, progress: Progress, what: str) -> None:
        progress.said.append(what)
        self.tell(f"{progress.name} {progress.scenario.title}: the person says {what}")
