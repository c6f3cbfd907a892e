"""The pause for a person: how a lifecycle asks, waits for the answer, and brings a silent question up again.

A question is opened in the database by the activity that found the reason for it; the lifecycle waits here. It is
answered by a command (see ``steering``), or by the world itself: news, or a cancel.
"""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow

from activities.tasks import TaskActivities
from models.commands import Command, CommandName
from models.contracts import TaskReminder, TaskRequest
from models.tasks import OpenTask, TaskCategory
from workflows import options, search_attributes


class Asking:
    """A lifecycle that can ask a person: one question at a time, shown to operators while it is open."""

    def __init__(self, order_id: int, purchase_order_id: int | None = None) -> None:
        self._order_id = order_id
        self._purchase_order_id = purchase_order_id
        self._stage = ""
        self._held = False
        self._cancel_wanted = False
        self._news = 0  # facts that arrived from outside; a wait ends when it rises
        self._question: OpenTask | None = None  # open and unclaimed
        self._answer: Command | None = None  # claimed and recorded
        self._newest_task_id = 0
        self._reminders: asyncio.Task[None] | None = None

    def _called_off(self) -> bool:
        """Say whether somebody wants the story to leave where it is."""
        return self._cancel_wanted

    def _render(self) -> str:
        """Render the current details for the Temporal UI, in Markdown."""
        raise NotImplementedError

    async def _ask(self, task: OpenTask, *, whatever_happens: bool = False) -> Command | None:
        """Wait for the answer to an open task. None where the world answered first: news, or a cancel.

        With ``whatever_happens`` only a person's answer ends the wait.
        """
        self._pose(task)
        news, called_off = self._news, self._called_off()

        def over() -> bool:
            if self._question is None:  # claimed: its record is being written
                return self._answer is not None
            return not whatever_happens and (self._called_off() != called_off or self._news > news)

        await workflow.wait_condition(over)
        return self._lay_aside()

    def _pose(self, task: OpenTask) -> None:
        """Put a question to people, without waiting for the answer."""
        self._question, self._answer = task, None
        self._newest_task_id = max(self._newest_task_id, task.task_id)
        self._start_reminders(task)
        self._show(*search_attributes.attention(task))

    def _lay_aside(self) -> Command | None:
        """Take the question back from people, and return its answer if there is one."""
        answer, self._question, self._answer = self._answer, None, None
        self._stop_reminders()
        self._show(*search_attributes.attention(None))
        return answer

    async def _gate(self) -> None:
        """Stop before a step that leaves the house: while held, a person is asked."""
        while self._held and not self._called_off():
            answer = await self._ask(await self._open(TaskCategory.HELD, reason="a person asked to hold it"))
            self._cancel_wanted |= answer is not None and answer.command is CommandName.CANCEL

    async def _open(self, category: TaskCategory, **facts: str) -> OpenTask:
        """Open a task for something that the lifecycle itself noticed."""
        request = TaskRequest(
            order_id=self._order_id, purchase_order_id=self._purchase_order_id, category=category, facts=facts
        )
        return await workflow.execute_activity_method(
            TaskActivities.open_task, request, **options.record(f"Ask a person: {category.replace('_', ' ')}")
        )

    def _show(self, *changes: Any, stage: str | None = None) -> None:
        """Show operators the moment: current details, and search attributes where they changed."""
        updates = list(changes)
        if stage is not None and stage != self._stage:
            self._stage = stage
            updates.append(search_attributes.ORDER_STAGE.value_set(stage))
        if updates:
            workflow.upsert_search_attributes(updates)
        workflow.set_current_details(self._render())

    def _start_reminders(self, task: OpenTask) -> None:
        self._stop_reminders()
        self._reminders = asyncio.create_task(self._remind(task))

    def _stop_reminders(self) -> None:
        if self._reminders is not None:
            self._reminders.cancel()
            self._reminders = None

    async def _remind(self, task: OpenTask) -> None:
        """Bring a silent task up again: once as a reminder, then escalated, once per interval, without end."""
        wait: timedelta = task.remind_after
        about, number = task.category.replace("_", " "), 0
        while True:
            number += 1
            await workflow.sleep(wait, summary=f"Reminder {number}: {about}")
            reminder = TaskReminder(task_id=task.task_id, round=number)
            await workflow.execute_activity_method(
                TaskActivities.remind, reminder, **options.record(f"Remind: {about}")
            )
            wait = task.escalate_after
