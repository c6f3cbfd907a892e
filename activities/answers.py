"""A supplier's answer per line: kept, its rejected units given back, and what goes too far brought to a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

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
    on_its_way = said.state is SupplierState.SHIPPED
    if declined >= order.units or _approved(tx, order, judged.changes, noted=on_its_way):
        return Answers(declined, expected_on=judged.expected_on)
    task = _ask(tx, deps, order, judged, waited_for=not on_its_way)
    return Answers(declined, None if on_its_way else task, judged.expected_on)


def ask_again(tx: Transaction, deps: Dependencies, order: PurchaseOrderView) -> OpenTask | None:
    """Return the question about the newest answer kept, where it is open still: the lifecycle may not have heard of it."""
    kept = acknowledgements.of_purchase_order(tx, order.id)
    if not kept:
        return None
    judged = _judge(tx, deps, order, kept)
    return None if _approved(tx, order, judged.changes) else _ask(tx, deps, order, judged, waited_for=True)


def _judge(
    tx: Transaction, deps: Dependencies, order: PurchaseOrderView, lines: Sequence[AcknowledgedLine]
) -> acknowledgement.Judgement:
    rejected = any(line.status is LineStatus.REJECTED for line in lines)
    asked = purchase_orders.load(tx, order.id).supplier_lines if rejected else order.supplier_lines
    rules = deps.outside.supplier_settings(order.supplier).acknowledging
    return acknowledgement.judge(asked, lines, rules, ship_by=order.ship_by, today=now().date())


def _approved(tx: Transaction, order: PurchaseOrderView, changes: Sequence[str], *, noted: bool = False) -> bool:
    """Say whether nothing is left to ask: a change that is gone since leaves the others approved.

    ``noted`` is enough where nobody waits for an answer.
    """
    category, approved = TaskCategory.ACKNOWLEDGEMENT_CHANGED, {"changes": list(changes)}
    if not changes:
        return True
    answered = partial(tasks.answered_before, tx, category, evidence=approved, purchase_order_id=order.id)
    return answered(CommandName.APPROVE) or (noted and answered("done"))


def _ask(
    tx: Transaction,
    deps: Dependencies,
    order: PurchaseOrderView,
    judged: acknowledgement.Judgement,
    *,
    waited_for: bool,
) -> OpenTask:
    category, facts = TaskCategory.ACKNOWLEDGEMENT_CHANGED, {"changes": judged.as_text}
    task = ask_about(tx, deps, category, order, waited_for=waited_for, facts=facts, changes=list(judged.changes))
    timeline.tell(
        tx,
        order.order_id,
        "purchase_order.answered_otherwise",
        at=now(),
        purchase_order_id=order.id,
        key=f"{order.id}:answered:{task.task_id}",
        supplier=order.supplier,
        changes=judged.as_text,
    )
    return task
