"""What operators read in the Temporal UI: current details in Markdown, rendered from a lifecycle's state."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from models.backordering import ShortageAction
from models.base import format_duration
from models.commands import CommandName
from models.contracts import OrderRequest, PurchaseOrderRequest, Shortage, StragglerRequest
from models.identifiers import purchase_order_workflow_id
from models.incidents import IncidentRequest, IncidentState
from models.sync import SyncRequest
from models.tasks import OpenTask

_STAGES = {
    "Screening": "checking payment, address and articles with the storefront",
    "Planning": "deciding which supplier gets which line",
    "AwaitingRelease": "waiting for a person to release it",
    "AwaitingStock": "nobody can deliver what is missing; it goes on as soon as enough is there",
    "AwaitingCustomer": "the customer was asked what to do about what is missing",
    "Ordering": "with its suppliers; each purchase order is a workflow of its own",
    "ChoosingShipping": "asking for shipping rates and ordering at the supplier",
    "SubmitUnknown": "sent to the supplier, and no answer says whether it arrived",
    "AwaitingAcknowledgement": "ordered; waiting for the supplier's acknowledgement",
    "Tracking": "acknowledged; asking the supplier on its plan whether it has shipped",
    "Cancelling": "waiting for the supplier to say whether it can still stop the order",
    "Shipped": "handed to the carrier; the storefront knows",
}
_CONSEQUENCES = {
    ShortageAction.WAIT: "stock is waited for",
    ShortageAction.ASK_CUSTOMER: "the customer is asked",
    ShortageAction.ASK_PERSON: "a person is asked",
    ShortageAction.CANCEL: "they are cancelled",
}
_EXAMPLES: dict[CommandName, dict[str, str | int]] = {
    CommandName.CONFIRM_SUBMISSION: {"supplier_number": "A12345"},
    CommandName.MARK_SHIPPED: {"tracking_number": "123456", "carrier": "GLS"},
    CommandName.EXTEND_TRACKING: {"extend_by": "24h"},
    CommandName.CHANGE_ADDRESS: {"address_id": 1},
    CommandName.WAIT: {"wait_for": "72h"},
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
    shortage: Shortage | None = None,
) -> str:
    """Render an order: where it is, what is asked or missing, and one row per purchase order with its state."""
    parts = [*_heading(request.name, stage, question, held=held), *_asked(question)]
    if shortage is not None and question is None:
        parts.append(_missing(shortage))
        parts.append(f"`dropwright route explain '{request.name}'` says why, for each supplier.")
    if purchase_orders:
        rows = "\n".join(_purchase_order_row(order, state) for order, state in purchase_orders)
        parts.append(f"| supplier | purchase order | units | state | |\n|---|---|---|---|---|\n{rows}")
    return "\n\n".join([*parts, _FOOT])


def _missing(shortage: Shortage) -> str:
    """Say what is missing, until when it is waited for, and what happens then."""
    units = "1 unit is" if shortage.units == 1 else f"{shortage.units} units are"
    named = f": {', '.join(shortage.missing)}" if shortage.missing else ""
    missing = f"{units} missing{named}."
    if shortage.until is None:
        return missing
    if shortage.question_id is not None:
        return f"{missing} Without an answer by {_instant(shortage.until)} the default of the question counts."
    return f"{missing} Waiting until {_instant(shortage.until)}; then {_CONSEQUENCES[shortage.then]}."


def straggler_details(request: StragglerRequest) -> str:
    """Render the watch over a purchase order that was given up: until when, and what it is for."""
    supplier = request.profile.display_name
    return "\n\n".join(
        [
            f"**{request.number}: given up at {supplier}**",
            f"Its units were planned again. {supplier} is asked until {_instant(request.until)}, and a person is told "
            "if it delivers after all.",
            _FOOT,
        ]
    )


def incident_details(request: IncidentRequest, state: IncidentState) -> str:
    """Render an incident: since when, who waits, and when the supplier is tried again."""
    heading = f"**{request.supplier}: {request.kind.replace('_', ' ')}**"
    if not state.open:
        return "\n\n".join([heading, "It is over.", _FOOT])
    facts = [f"Orders that wait: {state.waiting}", f"Let go: {state.released}"]
    if state.opened_at:
        again = (
            f", last down since {_instant(state.down_since)}" if state.down_since not in (None, state.opened_at) else ""
        )
        facts.insert(0, f"Since {_instant(state.opened_at)}{again}")
    if state.probe_at:
        facts.append(f"Tried again at {_instant(state.probe_at)}")
    if not state.down and state.waiting:
        facts.append("It serves us again: those that wait are let go, oldest first")
    elif not state.down and state.over_at:
        facts.append(f"It serves us again: over at {_instant(state.over_at)}, if that lasts")
    look = f"`dropwright incident show {state.incident_id}`"
    look += f"; `dropwright incident probe {state.incident_id}` tries now." if state.down else "."
    return "\n\n".join([f"{heading} ({state.reason})", "\n".join(f"- {fact}" for fact in facts), look, _FOOT])


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
    down_since: datetime | None = None,
) -> str:
    """Render a purchase order: where it is, what is asked, and when the supplier is looked at again."""
    parts = [*_heading(f"{request.number} ({request.order_name})", stage, question, held=held), *_asked(question)]
    facts = [f"Supplier: {request.profile.display_name}", f"Units: {request.units}"]
    if supplier_number:
        facts.append(f"Supplier's number: {supplier_number}")
    if down_since:
        facts.append(f"Waits for {request.profile.display_name}, down since {_instant(down_since)}")
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
        f"**A person is asked (task {question.task_id}, {question.category.replace('_', ' ')}):** {question.question}",
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
