"""Steering: the messages that every lifecycle takes from people, and the cancel that is a command.

The ``command`` Update has a validator and answers at once; ``override`` is its tolerant twin for the Temporal UI and
batch operations. Neither can brick a lifecycle, whatever it carries.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutError, TimeoutType  # noqa: A004

from activities.tasks import TaskActivities
from models.commands import Command, CommandName, CommandReceipt
from models.contracts import CommandRecord, MalformedCommand
from workflows import options, search_attributes
from workflows.manual_review import Asking
from workflows.messages import Event, describe_malformed, only_argument

Result = TypeVar("Result")
Outcome = TypeVar("Outcome", covariant=True)

COMMAND_HELP = (
    "Steer this lifecycle or answer its open question. One JSON object: "
    '{"command": "release" | "hold" | "cancel" | "reroute" | "resubmit" | "confirm_submission" | "mark_shipped" | '
    '"change_address" | "approve" | "reject" | "extend_tracking" | "wait" | "ask_customer" | "ship_available", '
    '"actor": "your login", …}. '
    "confirm_submission needs supplier_number, mark_shipped tracking_number, change_address address_id, "
    'extend_tracking extend_by ("24h"), wait wait_for ("72h"), reroute of an order supplier. '
    "The current details say what is asked."
)


# Time that ran out before an attempt came to an end of its own; the server names the first one where none was begun.
_IN_THE_QUEUE = (TimeoutType.SCHEDULE_TO_START, TimeoutType.SCHEDULE_TO_CLOSE)


class Activity(Protocol[Outcome]):
    """A started activity: awaitable, and cancellable."""

    def done(self) -> bool: ...
    def cancel(self) -> bool: ...
    def __await__(self) -> Any: ...


class Ended(Exception):
    """Leave the story early, with the state it ends in."""

    def __init__(self, state: Any) -> None:
        super().__init__(str(state))
        self.state = state


class Steerable(Asking):
    """A lifecycle that people can steer. Subclasses tell their story and say which commands fit the moment."""

    def __init__(self, order_id: int, purchase_order_id: int | None = None) -> None:
        super().__init__(order_id, purchase_order_id)
        self._finished = False
        self._receipts: dict[str, CommandReceipt] = {}
        self._event_ids: list[str] = []

    # What subclasses say.

    def _next_step(self, command: Command) -> str:
        """Say what happens now that this command was taken."""
        return f"{command.command.replace('_', ' ')} taken; the timeline shows what follows"

    async def _on_taken(self, command: Command, *, answered: bool) -> None:
        """React to a command that was taken and recorded, beyond what is common to all lifecycles."""

    def _refusal_of(self, command: Command) -> str | None:
        """Say why this command does not fit the moment, beyond what is common to all lifecycles."""
        return f"{command.command} answers no open question here"

    def _refusal_to_release(self) -> str | None:
        """Say why a release would set nothing going, where nothing is held."""
        return "nothing here waits for a release"

    def _refusal_to_hold(self) -> str | None:
        """Say why a hold would stop nothing any more."""
        return None

    # Messages.

    @workflow.update(name="command", description=COMMAND_HELP)
    async def command(self, command: Command) -> CommandReceipt:
        """Steer this lifecycle or answer its open question; refused with the reason where it does not fit."""
        command_id = self._command_id(command)
        await self._question_arrives(command)
        if command_id in self._receipts:
            return self._receipts[command_id]
        if reason := self._refusal(command):
            raise ApplicationError(reason, type="CommandRefused", non_retryable=True)
        return await self._take(command, command_id)

    @command.validator
    def _check_command(self, command: Command) -> None:
        if self._command_id(command) in self._receipts or self._is_early(command):
            return
        if reason := self._refusal(command):
            raise ApplicationError(reason, type="CommandRefused", non_retryable=True)

    @workflow.signal(name="override", description=COMMAND_HELP)
    async def override(self, *args: Any) -> None:
        """Take the same commands as the Update, from the Temporal UI and batch operations; refusals go to the timeline."""
        try:
            command = Command.model_validate(only_argument(args))
        except (ValueError, TypeError) as error:
            await self._record_malformed("override", describe_malformed(error))
            return
        command_id = command.command_id or workflow.uuid4().hex
        await self._question_arrives(command)
        if command_id in self._receipts:
            return
        if reason := self._refusal(command):
            await self._record(command, command_id, refused=reason)
            return
        await self._take(command, command_id)

    @workflow.query(description="What it is doing, what it waits for, and which answers are open.")
    def status(self) -> dict[str, Any]:
        """Describe the moment: stage, hold, and the open question with the answers it takes."""
        question = self._question
        return {
            "stage": self._stage,
            "held": self._held,
            "cancelling": self._cancel_wanted,
            "question": question.question if question else None,
            "task_id": question.task_id if question else None,
            "answers": [str(answer) for answer in question.answers] if question else [],
        }

    def _is_early(self, command: Command) -> bool:
        """Say whether this answers a question that was opened but has not reached this lifecycle yet."""
        return not self._finished and command.task_id is not None and command.task_id > self._newest_task_id

    async def _question_arrives(self, command: Command) -> None:
        """An answer can overtake its question by a moment: the task is committed before this lifecycle hears of it."""
        if self._is_early(command):
            with contextlib.suppress(asyncio.TimeoutError):
                await workflow.wait_condition(
                    lambda: not self._is_early(command),
                    timeout=options.EARLY_ANSWER,
                    timeout_summary="An answer came before its question",
                )

    def _refusal(self, command: Command) -> str | None:
        """Say why a command can't be taken now; None where it can."""
        if self._finished:
            return "this has ended"
        if command.task_id is not None and (self._question is None or command.task_id != self._question.task_id):
            return f"task {command.task_id} is not open here any more"
        if self._question is not None and command.command in self._question.answers:
            return None
        match command.command:
            case CommandName.HOLD:
                return "it is held already" if self._held else self._refusal_to_hold()
            case CommandName.RELEASE:
                return None if self._held else self._refusal_to_release()
            case CommandName.CANCEL:
                return "it is being cancelled already" if self._cancel_wanted else None
            case _:
                return self._refusal_of(command)

    async def _take(self, command: Command, command_id: str) -> CommandReceipt:
        """Claim at once, so that the second of two racing answers is refused; then record, then act."""
        receipt = CommandReceipt(command_id=command_id, next=self._next_step(command))
        self._receipts[command_id] = receipt
        answered = self._question if self._question and command.command in self._question.answers else None
        if answered:
            self._question = None
        if command.command is CommandName.HOLD:
            self._hold(held=True)
        elif command.command is CommandName.RELEASE:
            self._hold(held=False)
        elif command.command is CommandName.CANCEL and not answered:
            self._cancel_wanted = True
        await self._record(command, command_id, task_id=answered.task_id if answered else None)
        if answered:
            self._answer = command
            self._news += 1  # whoever poses a question and goes on working looks up
        await self._on_taken(command, answered=answered is not None)
        return receipt

    def _hold(self, *, held: bool) -> None:
        if held != self._held:
            self._held = held
            self._show(search_attributes.HOLDS.value_set(["person"] if held else []))

    async def _read(self, handler: str, kind: type[Event], args: tuple[Any, ...]) -> Event | None:
        """Read an event, each once. One that can't be read goes to the timeline, and nothing is raised."""
        try:
            event = kind.model_validate(only_argument(args))
        except (ValueError, TypeError) as error:
            await self._record_malformed(handler, describe_malformed(error))
            return None
        return None if self._heard(event.event_id) else event

    def _heard(self, event_id: str) -> bool:
        """Say whether this event was heard before, and remember it."""
        if event_id in self._event_ids:
            return True
        self._event_ids.append(event_id)
        return False

    def _command_id(self, command: Command) -> str:
        update = workflow.current_update_info()
        return command.command_id or (update.id if update else "")

    # The story's tools.

    async def _guarded(self, story: Coroutine[Any, Any, Result]) -> Result:
        """Run the story to its end. Cancel in the Temporal UI is the cancel command: it never cuts the story short."""
        self._show()
        task = asyncio.create_task(story)
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                await self._cancelled_from_outside()
        self._finished = True
        if self._question or self._answer:
            self._lay_aside()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return task.result()

    async def _cancelled_from_outside(self) -> None:
        """Take it as a wish: a click says nothing of what is true at a supplier, so it answers no open question."""
        if not self._finished and not self._cancel_wanted:
            self._cancel_wanted = True
            await self._record(Command(command=CommandName.CANCEL), f"cancel-{workflow.info().run_id}")

    async def _unless_interrupted(self, activity: Activity[Result], *, news: bool = False) -> Result | None:
        """Await an activity, but not past a wanted cancel (or, for polls, news): then it is cancelled, and None.

        A value that arrives while it is being cancelled is returned: a "shipped" is never lost.
        """
        heard, wanted = self._news, self._called_off()
        await workflow.wait_condition(
            lambda: activity.done() or self._called_off() != wanted or (news and self._news > heard)
        )
        interrupted = not activity.done()
        if interrupted:
            activity.cancel()
        try:
            value: Result = await activity
        except (ActivityError, asyncio.CancelledError):
            # Cancelled in between, or an attempt that said "not yet" after the cancel and so was its last.
            if interrupted:
                return None
            raise
        return value

    async def _taken_up(self, begin: Callable[[], Activity[Result]], *, news: bool = False) -> Result | None:
        """Await an activity as above. One whose time ran out while our workers were away is begun once more."""
        try:
            return await self._unless_interrupted(begin(), news=news)
        except ActivityError as error:
            if not nobody_came(error):
                raise
        return await self._unless_interrupted(begin(), news=news)

    # Records.

    async def _record(
        self, command: Command, command_id: str, *, task_id: int | None = None, refused: str | None = None
    ) -> None:
        record = CommandRecord(
            order_id=self._order_id,
            purchase_order_id=self._purchase_order_id,
            command=command,
            command_id=command_id,
            task_id=task_id,
            refused=refused,
        )
        summary = f"Record: {command.command} by {command.actor}{', refused' if refused else ''}"
        await workflow.execute_activity_method(TaskActivities.record_command, record, **options.record(summary))

    async def _record_malformed(self, handler: str, reason: str) -> None:
        record = MalformedCommand(
            order_id=self._order_id, purchase_order_id=self._purchase_order_id, handler=handler, reason=reason[:200]
        )
        await workflow.execute_activity_method(
            TaskActivities.record_malformed, record, **options.record(f"Record: unreadable {handler}")
        )


def nobody_came(error: ActivityError) -> bool:
    """Say whether an activity ran out of time in its queue: that says nothing of whom it would have asked."""
    return isinstance(error.cause, TimeoutError) and error.cause.type in _IN_THE_QUEUE


def start_input(request: Result | None) -> Result:
    """Return what a lifecycle was started with. Without any it fails at once, instead of being tried for ever."""
    if request is None:
        raise ApplicationError("expected one JSON object as input", type="MalformedStart", non_retryable=True)
    return request
