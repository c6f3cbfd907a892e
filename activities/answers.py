"""A supplier's answer per line: kept, its rejected units given back, and what goes too far brought to a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from activities.common import Dependencies, ask_about, now
from adapters.database import acknowledgements, purchase_orders, tasks, timeline, withdrawals
from adapters.database.engine import Transaction
from adapters.database.purchase_orders import PurchaseOrderView
from models.commands import CommandName
from models.suppliers import AcknowledgedLine, LineStatus, PlacedOrder, SupplierOrderStatus, SupplierState
from models.tasks import OpenTask, TaskCategory
from workflows.decisions import acknowledgement


@dataclass(frozen=True)
class Answers:
    """What was made of an answer. ``declined``: units in all. ``task``: a person must approve what it changes."""

    declined: int
    task: OpenTask | None = None
    expected_on: date | None = None


def take(
    tx: Transaction, deps: Dependencies, order: PurchaseOrderView, said: PlacedOrder | SupplierOrderStatus
) -> Answers:
    """Keep what a supplier says of each line, and find out what follows. Said again, nothing changes.

    What has shipped can't be refused any more: a person is told of its changes, and nothing waits for them.
    """
    declined = withdrawals.keep_declined(tx, order, said.declined, now=now())
    if not said.lines:
        return Answers(declined)
    acknowledgements.keep(tx, order.id, said.lines, now=now())
    judged = _judge(tx, deps, order, said.lines)
    if not judged.changes or declined >= order.units or _approved(tx, order, judged.as_text):
        return Answers(declined, expected_on=judged.expected_on)
    on_its_way = said.state is SupplierState.SHIPPED
    task = _ask(tx, deps, order, judged.as_text, waited_for=not on_its_way)
    return Answers(declined, None if on_its_way else task, judged.expected_on)


def _judge(
    tx: Transaction, deps: Dependencies, order: PurchaseOrderView, lines: Sequence[AcknowledgedLine]
) -> acknowledgement.Judgement:
    rejected = any(line.status is LineStatus.REJECTED for line in lines)
    asked = purchase_orders.load(tx, order.id).supplier_lines if rejected else order.supplier_lines
    rules = deps.outside.supplier_settings(order.supplier).acknowledging
    return acknowledgement.judge(asked, lines, rules, ship_by=order.ship_by, today=now().date())


def _approved(tx: Transaction, order: PurchaseOrderView, changes: str) -> bool:
    category, answer = TaskCategory.ACKNOWLEDGEMENT_CHANGED, CommandName.APPROVE
    return tasks.answered_before(tx, category, answer, {"changes": changes}, purchase_order_id=order.id)


def _ask(tx: Transaction, deps: Dependencies, order: PurchaseOrderView, changes: str, *, waited_for: bool) -> OpenTask:
    category, facts = TaskCategory.ACKNOWLEDGEMENT_CHANGED, {"changes": changes}
    task = ask_about(tx, deps, category, order, waited_for=waited_for, facts=facts, changes=changes)
    timeline.tell(
        tx,
        order.order_id,
        "purchase_order.answered_otherwise",
        at=now(),
        purchase_order_id=order.id,
        key=f"{order.id}:answered:{task.task_id}",
        supplier=order.supplier,
        changes=changes,
    )
    return task
