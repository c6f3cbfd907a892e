"""Money that may be owed to a customer once an order's books are closed: a person's to look at."""

from activities.common import Dependencies, now
from adapters.database import orders, tasks
from adapters.database.engine import Transaction
from models.statuses import OrderState
from models.tasks import TaskCategory
from workflows.decisions import questions


def ask_for_refund(tx: Transaction, deps: Dependencies, order_id: int, ending: OrderState) -> None:
    """Open one task where units were cancelled here that the storefront still holds for paid; again changes nothing."""
    units = orders.cancelled_here(tx, order_id)
    if not units:
        return
    order = orders.load(tx, order_id)
    facts = {"order": order.name, "state": ending.replace("_", " "), "units": str(units)}
    about = tasks.About(key=f"order:{order.id}:refund", order_id=order.id)
    draft = questions.draft(TaskCategory.REFUND_DUE, facts)
    tasks.open_task(tx, about, draft, facts, people=deps.outside.people, now=now())
