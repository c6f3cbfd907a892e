"""When a supplier does not serve us: its orders stop calling it, and wait. One incident and one alert, however many.

Whatever calls a supplier for an order asks ``gate`` first, or ``pause`` where it polls; afterwards it says by
``note_…`` how the call went. Those write rows that all orders of the supplier share: last in their transactions.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import activity

from activities import incident_letters, placement
from activities.common import Dependencies, ask_about, now
from activities.failures import unanswered
from activities.incident_letters import Affair
from activities.journal import Entries
from adapters.database import breakers, incident_orders, incidents, mails, tasks, withdrawals
from adapters.database.engine import Transaction
from adapters.database.purchase_orders import PurchaseOrderView
from adapters.errors import (
    AdapterError,
    AuthenticationFailed,
    Doubtful,
    NotSent,
    Throttled,
    Unavailable,
    UnexpectedReply,
)
from adapters.ports import ExchangingPort
from models.base import format_duration
from models.contracts import StepResult, StepVerdict
from models.incidents import IncidentRequest, Trouble
from models.tasks import TaskCategory
from workflows.decisions import outage, questions

OURS = frozenset({"paced", "stalled"})  # codes of what we did not send for reasons of our own
UNANSWERED_FROM = 500  # HTTP statuses that say nothing of what became of a call

# Incidents that the activity under way has opened, or found to be over: once it has ended its worker has their workflows
# look, which are started where none run.
opened_here: ContextVar[list[IncidentRequest] | None] = ContextVar("opened_incidents", default=None)


# Before a call.


def gate(tx: Transaction, order: PurchaseOrderView, *, ordering: bool = False) -> StepResult | None:
    """Keep an order from calling a supplier that is down: it joins those that wait. None: it may call.

    ``ordering``: it is about to order, and while the account is held there only who was let go to try may do that.
    """
    incident = incidents.in_the_way(tx, order.supplier, order.id, ordering=ordering)
    if incident is None:
        return None
    incident_orders.add(tx, incident.id, order.id, waiting=True, now=now())
    return _down(incident.down_since)


def _down(since: datetime) -> StepResult:
    return StepResult(verdict=StepVerdict.DOWN, down_since=since)


@dataclass(frozen=True)
class Pause:
    """A poll rests while its supplier is down."""

    message: str  # as operators read it
    delay: timedelta | None  # None: the poll's own plan is over


def pause(
    tx: Transaction, deps: Dependencies, order: PurchaseOrderView, checks: Sequence[datetime], final_grace: timedelta
) -> Pause | None:
    """Keep a poll from asking a supplier that is down; nothing counts as asked then. None: it may ask.

    Its plan's end stays where it is. A supplier that speaks by documents is not asked: what has come tells.
    """
    incident = incidents.in_the_way(tx, order.supplier, order.id, ordering=False)
    if incident is None or _speaks_by_documents(deps, order):
        return None
    settings = deps.outside.supplier_settings(order.supplier)
    message = f"waits for {settings.display_name}, down since {incident.down_since:%d %b %H:%M:%SZ}"
    return Pause(message, outage.poll_pause(now(), checks, final_grace, settings.outages.probe_every))


def _speaks_by_documents(deps: Dependencies, order: PurchaseOrderView) -> bool:
    try:
        return isinstance(placement.port_of(deps, order), ExchangingPort)
    except NotSent:  # it can't be built, and so not asked either
        return False


# After a call.


def not_reached(
    deps: Dependencies, order: PurchaseOrderView, error: AdapterError, entries: Entries, *, give_up_at: datetime
) -> StepResult:
    """A question to the supplier went unanswered: wait where it is down, ask a person past the deadline, else raise."""
    with deps.database.begin() as tx:
        entries.save(tx)
        task = None
        if now() >= give_up_at:
            withdrawals.count_trouble(tx, order.id)
            waited = format_duration(deps.outside.supplier_settings(order.supplier).unreachable_deadline)
            facts = {"waited": waited}
            task = ask_about(tx, deps, TaskCategory.SUPPLIER_UNREACHABLE, order, facts=facts, code=error.code)
        note_failure(tx, deps, order, error, entries)
        if task is not None:
            return StepResult(verdict=StepVerdict.ASK, task=task)
        if down := gate(tx, order):
            return down
    raise unanswered(error, activity.info().attempt) from None


def note_failure(
    tx: Transaction, deps: Dependencies, order: PurchaseOrderView, error: AdapterError, entries: Entries | None = None
) -> None:
    """Count a call that went wrong. Credentials are an incident at once, silence after a run of it."""
    if isinstance(error, UnexpectedReply) or isinstance(error.__cause__, UnexpectedReply):
        if entries is not None:
            note_unreadable(tx, deps, order.supplier, entries, order.id)
        return
    _count(tx, deps, order.supplier, error, order.id)


def note_exchange_failure(tx: Transaction, deps: Dependencies, supplier: str, error: AdapterError) -> None:
    """Count what went unanswered and no purchase order asked: a round of documents, a plan's question."""
    _count(tx, deps, supplier, error, None)


def note_doubt(
    tx: Transaction, deps: Dependencies, order: PurchaseOrderView, error: Exception, entries: Entries
) -> None:
    """Count an instruction whose answer was lost; one that came and could not be read is a change of the interface."""
    status = entries.records[-1].status if entries.records else None
    if status is not None and status < UNANSWERED_FROM:
        note_unreadable(tx, deps, order.supplier, entries, order.id)
    elif isinstance(error, Doubtful):
        _count(tx, deps, order.supplier, error, order.id)


def note_success(
    tx: Transaction, deps: Dependencies, supplier: str, entries: Entries | None = None, *, ordered: bool = False
) -> None:
    """A supplier has answered, and was understood: it is not down. ``ordered``: it has taken an order, too.

    ``entries`` without a call: what answered was our own books, e.g. a table of rates, or documents that had come.
    """
    called = entries is None or bool(entries.records)
    over: list[str] = []
    if called and breakers.answered(tx, supplier):
        over += incidents.recovered(tx, supplier, incidents.SILENT, now=now())
    if ordered:
        over += incidents.recovered(tx, supplier, (Trouble.ACCOUNT_HOLD,), now=now())
    if entries is not None:
        for operation in deps.shapes.keep(tx, supplier, entries.records, now=now()):
            over += incidents.changed_back(tx, supplier, operation, now=now())
    _have_looked_at(supplier, over)


def note_answer(tx: Transaction, incident: incidents.Incident) -> None:
    """A supplier that was tried again has answered: this incident's orders may go on."""
    breakers.answered(tx, incident.supplier)
    incidents.recovered(tx, incident.supplier, [incident.kind], now=now())


def account_held(deps: Dependencies, order: PurchaseOrderView, code: str, entries: Entries) -> StepResult:
    """The supplier serves none of our orders: wait with the others until one of them is taken."""
    name = deps.outside.supplier_settings(order.supplier).display_name
    with deps.database.begin() as tx:
        entries.save(tx)
        note_success(tx, deps, order.supplier, entries)
        incident_id, opened = _join(tx, deps, order.supplier, Trouble.ACCOUNT_HOLD, code, order.id, waiting=True)
        if opened:
            facts, evidence = {"supplier": name, "code": code}, {"supplier": order.supplier, "code": code}
            _open_task(tx, deps, TaskCategory.ACCOUNT_HOLD, incidents.question_key(incident_id), facts, evidence)
        _goes_on(tx, order.supplier, Trouble.ACCOUNT_HOLD, incident_id)
        incident = incidents.find(tx, incident_id)
        assert incident is not None
    return _down(incident.down_since)


def note_unreadable(
    tx: Transaction, deps: Dependencies, supplier: str, entries: Entries, purchase_order_id: int | None = None
) -> None:
    """Nobody can read an answer: say how it differs from those that could be read, once, as a task and an incident."""
    if not entries.records:
        return
    record = entries.records[-1]
    difference = deps.shapes.difference(tx, supplier, record)
    incident_id, opened = _join(tx, deps, supplier, Trouble.CHANGED, record.operation, purchase_order_id)
    _goes_on(tx, supplier, Trouble.CHANGED, incident_id)
    if opened:
        incidents.keep_difference(tx, incident_id, difference.as_json())
    key = incidents.question_key(incident_id, record.operation)
    if tasks.is_known(tx, key):  # asked, or answered by a person
        return
    name = deps.outside.supplier_settings(supplier).display_name
    facts = {"supplier": name, "operation": record.operation, "difference": difference.in_words()}
    evidence = {"supplier": supplier, "operation": record.operation, "difference": difference.as_json()}
    _open_task(tx, deps, TaskCategory.SUPPLIER_CHANGED, key, facts, evidence)


# Joining.


def _count(
    tx: Transaction, deps: Dependencies, supplier: str, error: AdapterError, purchase_order_id: int | None
) -> None:
    if incidents.served_since(tx, supplier, now()):  # the call began before: its time-out is news of yesterday
        return
    if isinstance(error, AuthenticationFailed):
        breakers.failed(tx, supplier, error.code, now=now())
        incident_id, _ = _join(tx, deps, supplier, Trouble.CREDENTIALS, error.code, purchase_order_id)
        _goes_on(tx, supplier, Trouble.CREDENTIALS, incident_id)
    elif _says_nothing(error):
        _count_silence(tx, deps, supplier, error, purchase_order_id)


def _says_nothing(error: AdapterError) -> bool:
    """Say whether a failure is the supplier's silence. One that asks us to wait is there, and we do wait."""
    silent = isinstance(error, NotSent | Unavailable | Doubtful) and not isinstance(error, Throttled)
    return silent and error.code not in OURS


def _count_silence(
    tx: Transaction, deps: Dependencies, supplier: str, error: AdapterError, purchase_order_id: int | None
) -> None:
    run, rule = breakers.failed(tx, supplier, error.code, now=now()), deps.outside.supplier_settings(supplier).outages
    known = incidents.newest(tx, supplier, Trouble.UNREACHABLE)
    recovering = known is not None and known.closed_at is None
    lasting, least = now() - run.since, rule.within_at_least
    if not outage.opens(
        run.failures, lasting, most_failures=rule.failures, within_at_least=least, recovering=recovering
    ):
        return
    breakers.opened(tx, supplier, now=now())
    incident_id, _ = _join(tx, deps, supplier, Trouble.UNREACHABLE, error.code, purchase_order_id)
    until = now() + error.retry_after if error.retry_after is not None else None
    _goes_on(tx, supplier, Trouble.UNREACHABLE, incident_id, until=until)


def _join(
    tx: Transaction,
    deps: Dependencies,
    supplier: str,
    kind: Trouble,
    code: str,
    purchase_order_id: int | None,
    *,
    waiting: bool = False,
) -> tuple[int, bool]:
    """Join the open incident; where this opens it, alert, and have its workflow started. Returns its id, and whether."""
    incident_id, opened = incidents.join(tx, supplier, kind, purchase_order_id, reason=code, now=now(), waiting=waiting)
    if opened:
        _alert(tx, deps, incident_id)
        _have_looked_at(supplier, [kind])
    return incident_id, opened


def _goes_on(tx: Transaction, supplier: str, kind: Trouble, incident_id: int, *, until: datetime | None = None) -> None:
    """The trouble is there, or there again: then its workflow stops what it does after a recovery."""
    if incidents.fails_again(tx, incident_id, until=until, now=now()):
        _have_looked_at(supplier, [kind])


def _have_looked_at(supplier: str, kinds: Sequence[str]) -> None:
    noted = opened_here.get()
    if noted is not None:
        noted.extend(IncidentRequest(supplier=supplier, kind=Trouble(kind)) for kind in kinds)


def _alert(tx: Transaction, deps: Dependencies, incident_id: int) -> None:
    incident = incidents.find(tx, incident_id)
    assert incident is not None
    counts = incident_orders.counts(tx, incident_id)
    affair = Affair(incident, deps.outside.configuration, counts, asking=0, now=now())
    mails.write(tx, [incident_letters.opened(affair)], now=now())
    incidents.mailed(tx, incident_id)


def _open_task(
    tx: Transaction,
    deps: Dependencies,
    category: TaskCategory,
    key: str,
    facts: dict[str, str],
    evidence: Mapping[str, object],
) -> None:
    about = tasks.About(key=key)
    tasks.open_task(tx, about, questions.draft(category, facts), evidence, people=deps.outside.people, now=now())
