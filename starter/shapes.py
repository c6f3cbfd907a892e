"""The shapes that ``--json`` writes, and that the text is rendered from. Fields are added, never renamed."""

from datetime import datetime
from typing import Any

from adapters.database.registers import IncidentRecord
from adapters.database.views import OrderLineRecord, OrderPage, OrderRecord, PurchaseOrderRecord
from models.configuration import Configuration
from models.tasks import TaskCategory
from starter.following import stage_of, waits_of

OPTION_OF = {
    "supplier_number": "--number NUMBER",
    "tracking_number": "--tracking NUMBER",
    "carrier": "--carrier NAME",
    "extend_by": "--by 24h",
    "wait_for": "--for 14d",
    "address_id": "--postal-code … (or any of --name --address1 --city --country …)",
}
DONE = "done"  # the answer to a task that only wants to be closed


def order_summary(order: OrderRecord, configuration: Configuration | None, now: datetime) -> dict[str, Any]:
    """Shape one row of `dropwright orders`."""
    waits = waits_of(order, configuration, now)
    task = order.tasks[0] if order.tasks else None
    return {
        "order": order.reference,
        "name": order.name,
        "state": order.state,
        "stage": stage_of(order),
        "suppliers": list(dict.fromkeys(one.supplier for one in order.purchase_orders)),
        "awaits": waits[0].what if waits else "",
        "since": (waits[0].since if waits else order.ended_at) or order.last_event_at or order.received_at,
        "until": waits[0].until if waits else None,
        "task": task["id"] if task else None,
        "priority": task["priority"] if task else None,
        "test": order.test,
        "total": f"{order.total.amount:.2f}",
        "currency": order.total.currency,
    }


def order_page(page: OrderPage, configuration: Configuration | None, now: datetime) -> dict[str, Any]:
    """Shape `dropwright order show`, without personal data."""
    order = page.order
    numbers = {one.id: one.number for one in order.purchase_orders}
    return {
        "order": order.reference,
        "name": order.name,
        "state": order.state,
        "stage": stage_of(order),
        "workflow_id": order.workflow_id,
        "test": order.test,
        "paid": order.paid,
        "total": f"{order.total.amount:.2f}",
        "currency": order.total.currency,
        "ship_country": order.ship_country,
        "placed_at": order.placed_at,
        "received_at": order.received_at,
        "started_at": order.started_at,
        "ended_at": order.ended_at,
        "cancel_requested_at": order.cancel_requested_at,
        "awaits": [vars(wait) for wait in waits_of(order, configuration, now, page)],
        "lines": [_line(line) for line in page.lines],
        "purchase_orders": [_purchase_order(one) for one in order.purchase_orders],
        "tasks": [task_shape(task, order) for task in order.tasks],
        "incidents": [incident_shape(incident) for incident in page.incidents],
        "timeline": [_entry(entry, numbers) for entry in page.timeline],
    }


def _line(line: OrderLineRecord) -> dict[str, Any]:
    return {**vars(line), "open": line.open}


def _purchase_order(one: PurchaseOrderRecord) -> dict[str, Any]:
    facts = {name: value for name, value in vars(one).items() if name not in ("id", "order_id")}
    costs = [
        {"kind": kind, "amount": f"{money.amount:.2f}", "currency": money.currency}
        for kind, money in sorted(one.costs.items())
    ]
    return {**facts, "lines": [vars(line) for line in one.lines], "costs": costs}


def _entry(entry: dict[str, Any], numbers: dict[int, str]) -> dict[str, Any]:
    return {
        "at": entry["at"],
        "actor": entry["actor"],
        "event": entry["event"],
        "purchase_order": numbers.get(entry["purchase_order_id"]),
        "detail": entry["detail"],
    }


def incident_shape(incident: IncidentRecord) -> dict[str, Any]:
    """Shape one row of `dropwright incidents`."""
    return {"incident": incident.id, **{name: value for name, value in vars(incident).items() if name != "id"}}


def task_shape(task: dict[str, Any], order: OrderRecord | None) -> dict[str, Any]:
    """Shape a task, each alternative with the command that gives this answer."""
    return {
        "task": task["id"],
        "order": order.reference if order else None,
        "name": order.name if order else None,
        "category": task["category"],
        "owner": task["owner"],
        "question": task["question"],
        "priority": task["priority"],
        "state": task["state"],
        "opened_at": task["opened_at"],
        "remind_at": task["remind_at"],
        "if_silent": task["if_silent"],
        "evidence": task["evidence"],
        "alternatives": [_alternative(task, alternative) for alternative in task["alternatives"]],
        "answer": task["answer"],
        "answered_by": task["answered_by"],
        "closed_at": task["closed_at"],
    }


def _alternative(task: dict[str, Any], alternative: dict[str, Any]) -> dict[str, Any]:
    answer = (alternative["command"] or DONE).replace("_", "-")
    words = ["dropwright task answer", str(task["id"]), answer]
    words += [OPTION_OF[need] for need in alternative.get("needs", ())]
    if task["category"] == TaskCategory.ARTICLE_UNKNOWN and answer == "release":
        words.append("--ean VARIANT=EAN")
    return {
        "answer": answer,
        "label": alternative["label"],
        "consequence": alternative["consequence"],
        "command": " ".join(words),
    }
