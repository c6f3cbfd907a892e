"""What every activity class holds, and the few things all of them do."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from temporalio import activity

from activities.journal import CallJournal
from activities.outside import Outside
from activities.shape_watch import ShapeWatch
from adapters.database import tasks
from adapters.database.calls import CallSubject
from adapters.database.engine import Database, Transaction
from adapters.database.purchase_orders import PurchaseOrderView
from models.statuses import Mode
from models.tasks import OpenTask, TaskCategory
from workflows.decisions import questions


@dataclass(frozen=True)
class Dependencies:
    """Our database, the outside world, and the journal between them."""

    database: Database
    outside: Outside
    journal: CallJournal
    shapes: ShapeWatch = field(default_factory=ShapeWatch)  # what suppliers' answers look like


def now() -> datetime:
    """Temporal's time: when this attempt started. Decisions use no other clock."""
    return activity.info().started_time


def subject(order_id: int, purchase_order_id: int | None = None) -> CallSubject:
    """Name what this attempt's outside calls are made for."""
    return CallSubject(order_id, purchase_order_id, activity.info().attempt)


def ask(
    tx: Transaction,
    deps: Dependencies,
    category: TaskCategory,
    facts: dict[str, str],
    *,
    order_id: int,
    **evidence: Any,
) -> OpenTask:
    """Open a task that an order's workflow waits for."""
    about = tasks.About(key=f"order:{order_id}:{category}", order_id=order_id, workflow_id=activity.info().workflow_id)
    draft = questions.draft(category, facts)
    return tasks.open_task(tx, about, draft, evidence, people=deps.outside.people, now=now())


def ask_about(
    tx: Transaction,
    deps: Dependencies,
    category: TaskCategory,
    order: PurchaseOrderView,
    *,
    waited_for: bool = True,
    **more: Any,
) -> OpenTask:
    """Open a task about a purchase order. ``facts`` add to the usual ones, the rest is evidence.

    ``waited_for``: its workflow waits for the answer, and for no other question's.
    """
    facts = {
        "order": order.order_name,
        "number": order.number,
        "supplier": deps.outside.name_of(order.supplier),
        "supplier_number": order.supplier_number or "",
        **more.pop("facts", {}),
    }
    about = tasks.About(
        key=f"purchase-order:{order.id}:{category}",
        order_id=order.order_id,
        purchase_order_id=order.id,
        workflow_id=activity.info().workflow_id if waited_for else None,
    )
    evidence = {"purchase_order": order.number, "supplier": order.supplier, **more}
    draft = questions.draft(category, facts)
    if not waited_for:
        draft = questions.to_be_noted(draft)
    return tasks.open_task(tx, about, draft, evidence, people=deps.outside.people, now=now())


def stopped_by_mode(tx: Transaction, deps: Dependencies, order: PurchaseOrderView) -> OpenTask | None:
    """Ask where nothing may leave: in observe mode, also where it was switched on after the order was planned."""
    if deps.outside.mode(order.channel, order.supplier) is not Mode.OBSERVE:
        return None
    facts = {"reason": "its channel or supplier is in observe mode now"}
    return ask_about(tx, deps, TaskCategory.HELD, order, facts=facts)
