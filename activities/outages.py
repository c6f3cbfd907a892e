"""When a supplier does not serve us: one incident and one alert, however many orders feel it."""

from collections.abc import Sequence
from datetime import datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import letters
from activities.common import Dependencies, ask_about, now
from activities.failures import unanswered, wait
from activities.journal import Entries
from adapters.database import calls, incidents, mails, tasks, withdrawals
from adapters.database.engine import Transaction
from adapters.database.mails import Letter
from adapters.database.purchase_orders import PurchaseOrderView
from adapters.errors import AdapterError, AuthenticationFailed
from models.base import format_duration
from models.tasks import OpenTask, TaskCategory
from workflows.decisions import questions

FAILURES_BEFORE_INCIDENT = 3


def not_reached(
    deps: Dependencies, order: PurchaseOrderView, error: AdapterError, entries: Entries, *, give_up_at: datetime
) -> OpenTask:
    """A question to the supplier went unanswered: raise to repeat it, or, past the deadline, open a task."""
    with deps.database.begin() as tx:
        entries.save(tx)
        note_failure(tx, deps, order, error)
        if now() >= give_up_at:
            withdrawals.count_trouble(tx, order.id)
            waited = format_duration(deps.outside.supplier_settings(order.supplier).unreachable_deadline)
            return ask_about(
                tx, deps, TaskCategory.SUPPLIER_UNREACHABLE, order, facts={"waited": waited}, code=error.code
            )
    raise unanswered(error, activity.info().attempt) from None


def note_failure(tx: Transaction, deps: Dependencies, order: PurchaseOrderView, error: AdapterError) -> None:
    """Join or open an incident: at once where our credentials fail, else after a few calls in a row without an answer."""
    if isinstance(error, AuthenticationFailed):
        _join(tx, deps, order, incidents.CREDENTIALS, error.code)
    elif calls.latest_failed(tx, order.supplier, FAILURES_BEFORE_INCIDENT):
        _join(tx, deps, order, incidents.UNREACHABLE, error.code)


def account_held(deps: Dependencies, order: PurchaseOrderView, code: str) -> ApplicationError:
    """The supplier serves none of our orders: join the incident, and come back when the next one may try."""
    settings = deps.outside.supplier_settings(order.supplier)
    with deps.database.begin() as tx:
        if incident_id := _join(tx, deps, order, incidents.ACCOUNT_HOLD, code):
            draft = questions.draft(TaskCategory.ACCOUNT_HOLD, {"supplier": settings.display_name, "code": code})
            about = tasks.About(key=f"incident:{incident_id}")
            evidence = {"supplier": order.supplier, "code": code}
            tasks.open_task(tx, about, draft, evidence, people=deps.outside.people, now=now())
    every = settings.account_hold_probe
    message = f"{settings.display_name} takes none of our orders ({code}); one is tried every {format_duration(every)}"
    return wait(message, every)


def _join(tx: Transaction, deps: Dependencies, order: PurchaseOrderView, kind: str, code: str) -> int | None:
    """Join the open incident; where this opens it, alert and return its id."""
    incident_id, opened = incidents.join(tx, order.supplier, kind, order.id, reason=code, now=now())
    if not opened:
        return None
    name = deps.outside.supplier_settings(order.supplier).display_name
    mails.write(
        tx, [_alert(deps, incident_id, f"{name}: {kind.replace('_', ' ')} ({code})", _explain(name, kind))], now=now()
    )
    return incident_id


def _explain(name: str, kind: str) -> Sequence[str]:
    if kind == incidents.ACCOUNT_HOLD:
        return [
            f"{name} takes none of our orders.",
            "They wait; one is tried per interval, and the rest follow once it is taken. Put the account right there.",
        ]
    if kind == incidents.CREDENTIALS:
        return [
            f"{name} does not accept our credentials.",
            "Orders wait. Renew the token where the configuration names it, then restart the workers.",
        ]
    return [
        f"{name} can't be reached.",
        "Orders wait and go on by themselves. This is the only mail about this outage.",
    ]


def _alert(deps: Dependencies, incident_id: int, subject: str, lines: Sequence[str]) -> Letter:
    return letters.alert(f"incident:{incident_id}", deps.outside.configuration.mail.alerts_to, subject, lines)
