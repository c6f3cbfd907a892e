"""What operators read in the Temporal UI: current details in Markdown, rendered from a lifecycle's state."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from models.base import format_duration
from models.contracts import OrderRequest, PurchaseOrderRequest
from models.tasks import OpenTask

_STAGES = {
    "Screening": "checking payment, address and articles with the storefront",
    "Planning": "deciding which supplier gets which line",
    "AwaitingRelease": "waiting for a person to release it",
    "Ordering": "with its suppliers; each purchase order is a workflow of its own, linked below",
    "ChoosingShipping": "asking for shipping rates and ordering at the supplier",
    "AwaitingAcknowledgement": "ordered; waiting for the supplier's acknowledgement",
    "Tracking": "acknowledged; asking the supplier on its plan whether it has shipped",
    "Shipped": "handed to the carrier; the storefront knows",
}


def plan_text(plan: Sequence[timedelta]) -> str:
    """Write a plan of intervals as people say it: ``24-6-12-12-24-24-24 h``, or each with its unit where they differ."""
    if all(interval % timedelta(hours=1) == timedelta(0) for interval in plan):
        return "-".join(str(interval // timedelta(hours=1)) for interval in plan) + " h"
    return ", ".join(format_duration(interval) for interval in plan)


def order_details(
    request: OrderRequest,
    stage: str,
    question: OpenTask | None,
    purchase_orders: Sequence[tuple[PurchaseOrderRequest, str]],
    *,
    held: bool,
) -> str:
    """Render an order: where it is, what is asked, and one row per purchase order with its state."""
    parts = [_heading(request.name, stage, held=held), *_asked(question)]
    if purchase_orders:
        parts.append("| supplier | purchase order | units | state |\n|---|---|---|---|")
        parts[-1] += "".join(
            f"\n| {order.profile.display_name} | {order.number} | {order.units} | {state} |"
            for order, state in purchase_orders
        )
    return "\n\n".join(parts)


def purchase_order_details(
    request: PurchaseOrderRequest,
    stage: str,
    question: OpenTask | None,
    supplier_number: str | None,
    checks: Sequence[datetime],
    *,
    held: bool,
) -> str:
    """Render a purchase order: where it is, what is asked, and when the supplier is looked at again."""
    parts = [_heading(f"{request.number} ({request.order_name})", stage, held=held), *_asked(question)]
    facts = [f"Supplier: {request.profile.display_name}", f"Units: {request.units}"]
    if supplier_number:
        facts.append(f"Supplier's number: {supplier_number}")
    parts.append("\n".join(f"- {fact}" for fact in facts))
    if stage == "Tracking" and checks:
        rows = "\n".join(f"| {number} | {_instant(at)} |" for number, at in enumerate(checks, 1))
        parts.append(f"| check | not before |\n|---|---|\n{rows}")
        parts.append(f"After check {len(checks)} without a shipment, one alert goes out and a person is asked.")
    return "\n\n".join(parts)


def _heading(name: str, stage: str, *, held: bool) -> str:
    return f"**{name}: {stage}**{' (held)' if held else ''}\n\n{_STAGES.get(stage, '')}".strip()


def _asked(question: OpenTask | None) -> list[str]:
    if question is None:
        return []
    answers = ", ".join(f"`{answer}`" for answer in question.answers)
    return [
        f"**A person is asked (task {question.task_id}, {question.category}):** {question.question}",
        f"Answer with the Update `command` or the signal `override`: {answers}. "
        f"Without an answer, a reminder goes out after {format_duration(question.remind_after)}, "
        f"then an escalation every {format_duration(question.escalate_after)}.",
    ]


def _instant(at: datetime) -> str:
    return at.strftime("%d %b %Y %H:%M:%SZ")
