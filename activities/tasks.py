"""Activities on tasks: open one, remind of it, and record what people said."""

from typing import Any

from temporalio import activity

from activities import letters
from activities.common import Dependencies, ask, ask_about, now
from adapters.database import following, incident_orders, mails, orders, purchase_orders, submissions, tasks, timeline
from adapters.database.engine import Transaction
from models.commands import Command, CommandName
from models.contracts import CommandRecord, MalformedCommand, TaskReminder, TaskRequest
from models.statuses import SubmissionState, TaskState
from models.suppliers import TrackedParcel
from models.tasks import OpenTask, TaskCategory
from workflows.decisions import questions

_LEFT = frozenset({SubmissionState.SENDING, SubmissionState.UNKNOWN, SubmissionState.PLACED})


class TaskActivities:
    """One transaction each; no outside call."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def open_task(self, request: TaskRequest) -> OpenTask:
        """Open a task for something that a lifecycle itself noticed."""
        with self._deps.database.begin() as tx:
            if request.purchase_order_id is not None:
                order = purchase_orders.load(tx, request.purchase_order_id)
                usual = {
                    "waited": "its whole plan",
                    "checks": "all",
                    "last_answer": "see its timeline",
                    "code": "no answer",
                }
                facts = {**usual, **request.facts}
                task = ask_about(tx, self._deps, request.category, order, facts=facts)
            else:
                name = orders.load(tx, request.order_id).name
                facts = {"order": name, **request.facts}
                task = ask(tx, self._deps, request.category, facts, order_id=request.order_id, **request.facts)
            timeline.tell(
                tx,
                request.order_id,
                "order.needs_person",
                at=now(),
                purchase_order_id=request.purchase_order_id,
                category=request.category,
                task=task.task_id,
            )
        return task

    @activity.defn(no_thread_cancel_exception=True)
    def record_command(self, record: CommandRecord) -> None:
        """Put a command on the timeline, close the task it answers, and keep what it brought along."""
        command = record.command
        with self._deps.database.begin() as tx:
            timeline.tell(
                tx,
                record.order_id,
                f"command.{command.command}" if record.refused is None else "command.refused",
                at=now(),
                actor=command.actor,
                purchase_order_id=record.purchase_order_id,
                key=f"command:{record.command_id}:{record.purchase_order_id or 'order'}",
                **_said(command),
                **({"refused": record.refused} if record.refused else {}),
            )
            if record.refused is not None:
                return
            if record.task_id is not None:
                tasks.close(tx, record.task_id, TaskState.ANSWERED, answer=command.command, by=command.actor, now=now())
            self._apply(tx, record, command)

    def _apply(self, tx: Transaction, record: CommandRecord, command: Command) -> None:
        """Keep what the command brought along, with the command itself or not at all."""
        if command.command is CommandName.MARK_SHIPPED and record.purchase_order_id and command.tracking_number:
            parcel = TrackedParcel(tracking_number=command.tracking_number, carrier=command.carrier or "")
            following.keep_parcels(tx, record.purchase_order_id, [parcel], source="person", now=now())
        if command.command is CommandName.CHANGE_ADDRESS and command.address_id:
            self._change_address(tx, record.order_id, command.address_id)

    def _change_address(self, tx: Transaction, order_id: int, address_id: int) -> None:
        """Use the new address where nothing was ordered yet; where it was, somebody must call the supplier."""
        orders.load(tx, order_id, lock=True)
        if not orders.use_address(tx, order_id, address_id):
            timeline.tell(tx, order_id, "address.not_found", at=now(), address=address_id)
            return
        timeline.tell(tx, order_id, "address.changed", at=now(), address=address_id)
        for purchase_order_id in purchase_orders.open_ones(tx, order_id):
            order = submissions.lock(tx, purchase_order_id)
            if order.submission in _LEFT:
                self._ask_for_a_call(tx, order)

    def _ask_for_a_call(self, tx: Transaction, order: purchase_orders.PurchaseOrderView) -> None:
        facts = {
            "order": order.order_name,
            "supplier": self._deps.outside.name_of(order.supplier),
        }
        about = tasks.About(
            key=f"purchase-order:{order.id}:address", order_id=order.order_id, purchase_order_id=order.id
        )
        draft = questions.draft(TaskCategory.ADDRESS_CHANGED_LATE, facts)
        evidence = {"purchase_order": order.number, "supplier_number": order.supplier_number or ""}
        tasks.open_task(tx, about, draft, evidence, people=self._deps.outside.people, now=now())

    @activity.defn(no_thread_cancel_exception=True)
    def record_malformed(self, record: MalformedCommand) -> None:
        """Put a message that nobody could read on the timeline: who sent it learns there why nothing happened."""
        with self._deps.database.begin() as tx:
            timeline.tell(
                tx,
                record.order_id,
                "message.unreadable",
                at=now(),
                purchase_order_id=record.purchase_order_id,
                handler=record.handler,
                reason=record.reason,
            )

    @activity.defn(no_thread_cancel_exception=True)
    def remind(self, reminder: TaskReminder) -> None:
        """Mail a reminder of a task that is still open; from the second on it goes to those who escalate."""
        mail, people = self._deps.outside.configuration.mail, self._deps.outside.people
        with self._deps.database.begin() as tx:
            task = tasks.due_for_reminder(tx, reminder.task_id, now=now(), again_after=people.escalate_after)
            if task is None or self._is_told_together(tx, task):
                return
            escalated = reminder.round > 1
            recipient = (mail.escalations_to or mail.alerts_to) if escalated else mail.alerts_to
            word = "Escalation" if escalated else "Reminder"
            lines = [task["question"], "", f"Open since {task['opened_at']:%d %b %Y %H:%M:%SZ}.", f"Task {task['id']}."]
            key = f"remind:{task['id']}:{reminder.round}"
            subject = f"{word} {reminder.round}: {task['category'].replace('_', ' ')}"
            mails.write(tx, [letters.alert(key, recipient, subject, lines, task["order_id"])], now=now())

    def _is_told_together(self, tx: Transaction, task: dict[str, Any]) -> bool:
        """Say whether an incident's digest tells of this task: hundreds that wait for one supplier are one mail."""
        of_outage = task["category"] == TaskCategory.SUPPLIER_UNREACHABLE and task["purchase_order_id"] is not None
        return of_outage and incident_orders.is_felt(tx, task["purchase_order_id"])


def _said(command: Command) -> dict[str, str]:
    """List what a command carried, as the timeline shows it."""
    carried = command.model_dump(mode="json", exclude={"command", "actor", "command_id"}, exclude_none=True)
    return {name: str(value) for name, value in carried.items()}
