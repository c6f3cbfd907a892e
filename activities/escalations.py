"""What people inside are told, and asked, when a supplier order does not go by itself."""

from datetime import timedelta

from activities import letters
from activities.common import Dependencies, ask_about, now
from adapters.database import following, mails, timeline
from adapters.database.engine import Transaction
from adapters.database.purchase_orders import PurchaseOrderView
from models.base import format_duration
from models.tasks import OpenTask, TaskCategory


def checks_spent(
    tx: Transaction, deps: Dependencies, order: PurchaseOrderView, *, heard: str, checks: int, waited: timedelta
) -> OpenTask:
    """Every check is spent: one mail with everything a person needs, and one task."""
    answers = [
        {
            "check": row["check_no"],
            "asked_at": f"{row['asked_at']:%d %b %H:%M:%SZ}",
            "answer": row["answer"] or "no answer",
        }
        for row in following.checks(tx, order.id)
        if row["kind"] == "tracking"
    ]
    facts = {"checks": str(checks), "waited": format_duration(waited), "last_answer": heard}
    task = ask_about(tx, deps, TaskCategory.CHECKS_SPENT, order, facts=facts, checks=answers, last_answer=heard)
    name = deps.outside.name_of(order.supplier)
    lines = [
        f"{name} has not shipped {order.order_name} after {checks} checks over {format_duration(waited)}.",
        "",
        f"Our purchase order:  {order.number}",
        f"Supplier's number:   {order.supplier_number}",
        f"Ordered at:          {order.confirmed_at:%d %b %Y %H:%M:%SZ}",
        f"Shipping:            {order.carrier} (cost id {order.quote_id})",
        *[f"Article:             {line.quantity} x {line.ean}" for line in order.supplier_lines],
        "",
        *[f"Check {row['check']} at {row['asked_at']}: {row['answer']}" for row in answers],
        "",
        f"What now? Answer task {task.task_id}: `dropwright task show {task.task_id}`.",
    ]
    _alert(
        tx, deps, order, f"checks-spent:{order.id}:{task.task_id}", f"{order.order_name}: {name} has not shipped", lines
    )
    timeline.tell(
        tx, order.order_id, "purchase_order.checks_spent", at=now(), purchase_order_id=order.id, last_answer=heard
    )
    return task


def cancelled_by_supplier(tx: Transaction, deps: Dependencies, order: PurchaseOrderView) -> None:
    """Tell people inside that a supplier cancelled; what happens next is the order's plan, or its question."""
    name = deps.outside.name_of(order.supplier)
    lines = [
        f"{name} cancelled its share of {order.order_name}.",
        "",
        f"Our purchase order:  {order.number}",
        f"Supplier's number:   {order.supplier_number}",
        *[f"Article:             {line.quantity} x {line.ean}" for line in order.supplier_lines],
        "",
        "The open quantity is planned again without this supplier; where nobody else has it, a task asks what to do.",
    ]
    _alert(tx, deps, order, f"cancelled:{order.id}", f"{order.order_name}: cancelled by {name}", lines)


def _alert(
    tx: Transaction, deps: Dependencies, order: PurchaseOrderView, key: str, subject: str, lines: list[str]
) -> None:
    recipient = deps.outside.configuration.mail.alerts_to
    mails.write(tx, [letters.alert(key, recipient, subject, lines, order.order_id)], now=now())
