"""What an order waits for, until when, and what happens then: read from its records and the configuration. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adapters.database.views import OrderPage, OrderRecord, PurchaseOrderRecord
from models.backordering import ShortageAction
from models.configuration import ACKNOWLEDGED_WITHIN, Configuration, Supplier
from models.statuses import ORDER_ENDINGS, OrderState, PurchaseOrderState, SubmissionState
from workflows.decisions import acknowledgement
from workflows.decisions.tracking_plan import due_check, extended_plan, instants

_STAGES = {
    PurchaseOrderState.PLANNED: "ChoosingShipping",
    PurchaseOrderState.QUOTED: "ChoosingShipping",
    PurchaseOrderState.PLACED: "AwaitingAcknowledgement",
    PurchaseOrderState.ACKNOWLEDGED: "Tracking",
}
_PROGRESS = list(_STAGES)
_AFTER_WAITING: dict[str, str] = {
    ShortageAction.ASK_CUSTOMER: "the customer is asked",
    ShortageAction.ASK_PERSON: "a person is asked",
    ShortageAction.CANCEL: "what is missing is cancelled",
}


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Something awaited: what, since when, until when (None: no instant is set for it), and what happens then."""

    what: str
    since: datetime | None = None
    until: datetime | None = None
    then: str = ""


def stage_of(order: OrderRecord) -> str:
    """Name the stage as the Temporal list does; an ended order's is its state."""
    if order.state is not OrderState.OPEN:
        return order.state.replace("_", " ")
    running = [one for one in order.purchase_orders if one.open]
    if not running and order.short and not _asks_a_person(order):
        return "AwaitingCustomer" if order.question else "AwaitingStock"
    if not running:
        return "Planning" if order.purchase_orders or order.short else "Screening"
    return _STAGES[min((one.state for one in running), key=_PROGRESS.index)]


def _asks_a_person(order: OrderRecord) -> bool:
    """Say whether the order itself, and none of its purchase orders, has put a question to a person."""
    return any(task["purchase_order_id"] is None and task["workflow_id"] is not None for task in order.tasks)


def waits_of(
    order: OrderRecord, configuration: Configuration | None, now: datetime, page: OrderPage | None = None
) -> list[Wait]:
    """List what an order waits for, people first. With its ``page`` extensions of a tracking plan count too."""
    if order.state in ORDER_ENDINGS:
        return []
    waits = [_wait_for_person(task) for task in order.tasks if task["workflow_id"] is not None]
    asked = {task["purchase_order_id"] for task in order.tasks if task["workflow_id"] is not None}
    for one in order.purchase_orders:
        if one.open and one.id not in asked:
            supplier = configuration.suppliers.get(one.supplier) if configuration else None
            waits.append(_wait_at_supplier(one, supplier, now, page))
    if order.short and not _asks_a_person(order):
        waits.append(_wait_for_stock(order, page))
    return waits or [_wait_without_supplier(order)]


def _wait_for_stock(order: OrderRecord, page: OrderPage | None) -> Wait:
    articles = ", ".join(f"{one['units']} x {one['ean']}" for one in order.short)
    since = min(one["since"] for one in order.short)
    if order.question is not None:
        silent = order.question["when_silent"].replace("_", " ")
        then = f"who does not answer has chosen: {silent}; stock that arrives is ordered at once"
        return Wait(
            what=f"the customer's word on {articles}", since=since, until=order.question["answer_by"], then=then
        )
    until = max((one["until"] for one in order.short if one["until"]), default=None)
    return Wait(what=f"stock of {articles}", since=since, until=until, then=_after_waiting(page))


def _after_waiting(page: OrderPage | None) -> str:
    """Say what was decided when the wait began."""
    begun = [entry["detail"] for entry in page.timeline if entry["event"] == "order.awaits_stock"] if page else []
    then = begun[-1].get("then") if begun else None
    return _AFTER_WAITING.get(then or "", "the next step of [backorders]")


def _wait_for_person(task: dict[str, Any]) -> Wait:
    category = task["category"].replace("_", " ")
    what = f"a person: {category} (task {task['id']})"
    return Wait(what=what, since=task["opened_at"], until=task["remind_at"], then=task["if_silent"])


def _wait_without_supplier(order: OrderRecord) -> Wait:
    match order.state:
        case OrderState.STORED:
            reason = "its payment" if not order.paid else "nothing: it was paid before this channel's start"
            return Wait(what=reason, since=order.received_at)
        case OrderState.STARTABLE:
            return Wait(what="its start", since=order.received_at, then="the next sweep starts it")
        case OrderState.INVALID:
            return Wait(what="a correction in the storefront", since=order.received_at)
    return Wait(what="the storefront's and the suppliers' answers", since=order.last_event_at)


def _wait_at_supplier(
    one: PurchaseOrderRecord, supplier: Supplier | None, now: datetime, page: OrderPage | None
) -> Wait:
    name = supplier.display_name if supplier else one.supplier
    if one.submission is SubmissionState.SENDING:
        return Wait(what=f"{name}'s answer to the order just sent")
    if one.confirmed_at is None:
        return Wait(what=f"rates, then the order at {name}")
    if one.state is PurchaseOrderState.SHIPPED:
        return Wait(what="the storefront to take the fulfilment")
    kind, plan, then = _plan_of(one, supplier, page)
    if not plan:
        return Wait(what=f"{kind} at {name}", since=one.confirmed_at)
    checks = instants(one.confirmed_at, plan)
    number = _next_check(one, kind, checks, now)
    if number > len(checks):
        return Wait(what=f"the end of the {kind} checks at {name}", since=one.confirmed_at, then=then)
    what = f"{kind} check {number} of {len(checks)} at {name}"
    return Wait(what=what, since=one.confirmed_at, until=checks[number - 1], then=then)


def _next_check(one: PurchaseOrderRecord, kind: str, checks: Sequence[datetime], now: datetime) -> int:
    """Number the check that comes next; one that is due and unanswered is still that one."""
    due = due_check(now, checks)
    answered = due == 0 or any(
        check["kind"] == kind and check["due_at"] == checks[due - 1] and check["answer"] is not None
        for check in one.checks
    )
    return due + 1 if answered else due


def _plan_of(
    one: PurchaseOrderRecord, supplier: Supplier | None, page: OrderPage | None
) -> tuple[str, tuple[timedelta, ...], str]:
    """Return the kind of check, the plan it follows, and what comes after its last check."""
    if one.acknowledged_at is None:
        return (
            "acknowledgement",
            _acknowledgement_looks(supplier),
            "without an acknowledgement after the last check a person is asked",
        )
    then = "without a shipment after the last check one alert goes out and a person is asked"
    if supplier is None:
        return "tracking", (), then
    return "tracking", _extended(one, supplier.tracking_plan, page), then


def _acknowledgement_looks(supplier: Supplier | None) -> tuple[timedelta, ...]:
    """Return when it is looked for; nothing where the supplier's own promise, which is not known here, may rule."""
    if supplier is None or (supplier.acknowledgement_deadline is None and "acknowledges_within" in supplier.profile):
        return ()
    deadline = supplier.acknowledgement_deadline or ACKNOWLEDGED_WITHIN
    return acknowledgement.looks(deadline)


def _extended(one: PurchaseOrderRecord, plan: tuple[timedelta, ...], page: OrderPage | None) -> tuple[timedelta, ...]:
    """Apply the last extension that a person gave, as the lifecycle does."""
    for entry in reversed(page.timeline if page else ()):
        if entry["event"] == "command.extend_tracking" and entry["purchase_order_id"] == one.id and one.confirmed_at:
            by = _length(entry["detail"].get("extend_by"))
            return extended_plan(plan, entry["at"] - one.confirmed_at, by) if by else plan
    return plan


def _length(value: object) -> timedelta | None:
    try:
        return TypeAdapter(timedelta).validate_python(value)
    except ValidationError:
        return None
