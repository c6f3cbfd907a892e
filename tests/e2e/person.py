"""A scripted person: answers every open task as somebody would who looks into the supplier's portal and the shop."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy.exc import DBAPIError

from adapters.database import tasks
from adapters.database.commands import CommandOutcome
from models.commands import Command, CommandName
from models.statuses import TaskState
from models.tasks import TaskCategory
from starter.overrides import Target, send_command
from tests.e2e.harness import Scene
from tests.e2e.sales import Script

LOOK_EVERY = 0.5  # seconds
# Before somebody says "the supplier does not have it", whatever was still on its way there has arrived.
BEFORE_RESUBMITTING = timedelta(seconds=6)
AT_ONCE = 8

Task = dict[str, Any]


@dataclass
class Person:
    """Looks at the task list and answers; ``answers`` keeps what was said to what."""

    scene: Scene
    answers: dict[str, str] = field(default_factory=dict)  # by id
    refusals: list[str] = field(default_factory=list)
    _tries: Counter[int] = field(default_factory=Counter)

    async def work(self) -> None:
        """Answer whatever is asked, until cancelled."""
        slots = asyncio.Semaphore(AT_ONCE)
        busy: dict[int, asyncio.Task[None]] = {}
        while True:
            for task in await self._open_tasks():
                running = busy.get(task["id"])
                if running is None or running.done():
                    busy[task["id"]] = asyncio.create_task(self._handle(task, slots))
            await asyncio.sleep(LOOK_EVERY)

    async def _open_tasks(self) -> list[Task]:
        try:
            return await asyncio.to_thread(
                self.scene.rows,
                "SELECT t.*, o.storefront_order_id, p.supplier_number FROM tasks t LEFT JOIN orders o ON o.id = t.order_id"
                " LEFT JOIN purchase_orders p ON p.id = t.purchase_order_id WHERE t.state = 'open' ORDER BY t.id",
            )
        except DBAPIError:
            return []  # the database is being restarted

    async def _handle(self, task: Task, slots: asyncio.Semaphore) -> None:
        async with slots:
            try:
                command = await self._decide(task)
                if command is None:
                    return
                if task["workflow_id"] is None:
                    await asyncio.to_thread(self._close, task)
                else:
                    await self._tell(task, command)
            except (DBAPIError, httpx.TransportError):
                return  # nobody there to hear it: the task is still open, and looked at again

    async def _tell(self, task: Task, command: Command) -> None:
        """Send the answer as the command line does, under an id of its own: repeated, it is the same answer."""
        identity = f"task-{task['id']}-{self._tries[task['id']]}"
        target = Target(
            workflow_id=task["workflow_id"], order_id=task["order_id"], purchase_order_id=task["purchase_order_id"]
        )
        named = command.model_copy(update={"command_id": identity, "task_id": task["id"]})
        sent = await send_command(self.scene.client, self.scene.database, target, named)
        if sent.accepted:
            self.answers[identity] = f"{task['category']}: {command.command}"
        elif sent.outcome is CommandOutcome.REFUSED:
            # The world was faster: if the task is still open, it is looked at again.
            reason = sent.message.replace(f" {task['id']} ", " ").replace(task["workflow_id"], "it")
            self.refusals.append(f"{task['category']}: {command.command}: {reason}")
            self._tries[task["id"]] += 1

    def _close(self, task: Task) -> None:
        with self.scene.database.begin() as tx:
            closed = tasks.close(tx, task["id"], TaskState.ANSWERED, answer="noted", by="person", now=datetime.now(UTC))
        if closed:
            self.answers[f"task-{task['id']}"] = f"{task['category']}: noted"

    # What a person would say.

    async def _decide(self, task: Task) -> Command | None:
        script = self.scene.placed[task["storefront_order_id"]].script if task["storefront_order_id"] else None
        match task["category"]:
            case TaskCategory.SUBMIT_UNKNOWN:
                return await self._settle_doubt(task)
            case TaskCategory.CANCEL_AT_SUPPLIER:
                return await self._stop_at_supplier(task)
            case TaskCategory.CHECKS_SPENT:
                return await self._find_out(task, script)
            case TaskCategory.CANCELLED_BY_SUPPLIER | TaskCategory.UNROUTABLE:
                return _say(CommandName.CANCEL)
            case TaskCategory.NOT_PAID if script is Script.CANCELLED_BY_CUSTOMER:
                return _say(CommandName.CANCEL)
            case _:
                return _say(CommandName.RELEASE)

    async def _settle_doubt(self, task: Task) -> Command | None:
        return self._settle(task, await self.scene.systems.supplier_orders())

    def _settle(self, task: Task, there: list[dict[str, Any]]) -> Command | None:
        """Look for an order with these lines in the supplier's portal; wait a while before it is said that there is none."""
        lines = frozenset((line["ean"], line["quantity"]) for line in task["evidence"]["request"]["lines"])
        for order in there:
            if lines == frozenset((line["ean"], line["quantity"]) for line in order["lines"]):
                return _say(CommandName.CONFIRM_SUBMISSION, supplier_number=order["order_number"])
        early = datetime.now(UTC) - task["opened_at"] < BEFORE_RESUBMITTING
        return None if early else _say(CommandName.RESUBMIT)

    async def _stop_at_supplier(self, task: Task) -> Command:
        """Ring the supplier: nothing of it has shipped, so it can be stopped."""
        url = f"{self.scene.systems.supplier_url}/_sandbox/orders/{task['supplier_number']}"
        await self.scene.systems.post(url, status="Cancelled")
        return _say(CommandName.CANCEL)

    async def _find_out(self, task: Task, script: Script | None) -> Command:
        """All checks are spent: what ships by hand ships now; anything else is asked for again."""
        if script is Script.CANCELLED_BY_CUSTOMER:
            return await self._stop_at_supplier(task)
        if script is Script.NEVER_SHIPS:
            number = f"HAND{task['purchase_order_id']}"
            return _say(CommandName.MARK_SHIPPED, tracking_number=number, carrier="GLS")
        return _say(CommandName.EXTEND_TRACKING, extend_by=timedelta(seconds=60))


def _say(name: CommandName, **details: Any) -> Command:
    return Command(command=name, actor="person", **details)
