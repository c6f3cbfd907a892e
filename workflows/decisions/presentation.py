"""What operators read in the Temporal UI: current details in Markdown, rendered from a lifecycle's state."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from models.base import format_duration
from models.commands import CommandName
from models.contracts import OrderRequest, PurchaseOrderRequest
from models.identifiers import purchase_order_workflow_id
from models.sync import SyncRequest
from models.tasks import OpenTask

_STAGES = {
    "Screening": "checking payment, address and articles with the storefront",
    "Planning": "deciding which supplier gets which line",
    "AwaitingRelease": "waiting for a person to release it",
    "Ordering": "with its suppliers; each purchase order is a workflow of its own",
    "ChoosingShipping": "asking for shipping rates and ordering at the supplier",
    "SubmitUnknown": "sent to the supplier, and no answer says whether it arrived",
    "AwaitingAcknowledgement": "ordered; waiting for the supplier's acknowledgement",
    "Tracking": "acknowledged; asking the supplier on its plan whether it has shipped",
    "Shipped": "handed to the carrier; the storefront knows",
}
_EXAMPLES: dict[CommandName, dict[str, str | int]] = {
    CommandName.CONFIRM_SUBMISSION: {"supplier_number": "A12345"},
    CommandName.MARK_SHIPPED: {"tracking_number": "123456", "carrier": "GLS"},
    CommandName.EXTEND_TRACKING: {"extend_by": "24h"},
    CommandName.CHANGE_ADDRESS: {"address_id": 1},
}
# The UI shows details in a frame that is two lines too low: this line takes the loss.
_FOOT = "\u00a0"


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
    parts = [*_heading(request.name, stage, question, held=held), *_asked(question)]
    if purchase_orders:
        rows = "\n".join(_purchase_order_row(order, state) for order, state in purchase_orders)
        parts.append(f"| supplier | purchase order | units | state | |\n|---|---|---|---|---|\n{rows}")
    return "\n\n".join([*parts, _FOOT])


def sync_details(request: SyncRequest, run_id: int, stage: str) -> str:
    """Render a run of a feed: what it is at, and where its rows and findings are."""
    heading = f"**{request.supplier}/{request.feed}** · run {run_id or '…'} · {request.trigger}"
    look = f"`dropwright sync history {request.supplier} {request.feed}` shows its counts and findings."
    return "\n\n".join([heading, stage.replace("_", " ").capitalize(), look, _FOOT])


def _purchase_order_row(order: PurchaseOrderRequest, state: str) -> str:
    return f"| {order.profile.display_name} | {order.number} | {order.units} | {state} | [its page]({_page(order)}) |"


def _page(order: PurchaseOrderRequest) -> str:
    """Link a purchase order's page in the Temporal UI, which fills in its namespace."""
    workflow_id = purchase_order_workflow_id(
        order.channel, order.storefront_order_id, order.profile.supplier, order.attempt
    )
    return f"/namespaces/{{namespace}}/workflows/{quote(workflow_id, safe='')}"


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
    parts = [*_heading(f"{request.number} ({request.order_name})", stage, question, held=held), *_asked(question)]
    facts = [f"Supplier: {request.profile.display_name}", f"Units: {request.units}"]
    if supplier_number:
        facts.append(f"Supplier's number: {supplier_number}")
    parts.append("\n".join(f"- {fact}" for fact in facts))
    if stage == "Tracking" and checks:
        rows = "\n".join(f"| {number} | {_instant(at)} |" for number, at in enumerate(checks, 1))
        parts.append(f"| check | not before |\n|---|---|\n{rows}")
        parts.append(
            f"After check {len(checks)} without a shipment, one alert goes out and a person is asked. What the last "
            f"check heard: [pending activity]({_page(request)}/{{runId}}/pending-activities), its failure's message."
        )
    return "\n\n".join([*parts, _FOOT])


def _heading(name: str, stage: str, question: OpenTask | None, *, held: bool) -> list[str]:
    """Say where it is; what it does there only while it does it, and nobody is asked."""
    title = f"**{name}: {stage}**{' (held)' if held else ''}"
    return [title, *([_STAGES[stage]] if stage in _STAGES and question is None else [])]


def _asked(question: OpenTask | None) -> list[str]:
    if question is None:
        return []
    answers = ", ".join(f"`{answer}`" for answer in question.answers)
    inputs = "\n".join(_input(answer) for answer in question.answers)
    return [
        f"**A person is asked (task {question.task_id}, {question.category}):** {question.question}",
        f"Answer with the Update `command` or the signal `override`: {answers}. The input is one of",
        f"```json\n{inputs}\n```",
        f"`dropwright task show {question.task_id}` says what each leads to. "
        f"Without an answer, a reminder goes out after {format_duration(question.remind_after)}, "
        f"then an escalation every {format_duration(question.escalate_after)}.",
    ]


def _input(answer: CommandName) -> str:
    """Write an answer as the Update and the signal take it, with examples for what it needs."""
    return json.dumps({"command": answer, **_EXAMPLES.get(answer, {})})


def _instant(at: datetime) -> str:
    return at.strftime("%d %b %Y %H:%M:%SZ")
