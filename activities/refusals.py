"""What a supplier's "no" means for a purchase order: another supplier, a person, or a wait until the account is put right."""

from typing import Any

from activities import outages
from activities.common import Dependencies, ask_about, now
from activities.journal import Entries
from adapters.database import timeline
from adapters.database.engine import Transaction
from adapters.database.purchase_orders import PurchaseOrderView
from adapters.errors import AccountHold, AdapterError, Refused
from models.contracts import StepResult, StepVerdict
from models.tasks import TaskCategory

TRY_ELSEWHERE = frozenset({"no_stock", "product_error"})
NO_SUCH_PLACE = "order_not_found"  # to a question that names no order: its address is gone, for a while or for good


def question_failed(
    deps: Dependencies, order: PurchaseOrderView, error: AdapterError, entries: Entries, **more: Any
) -> StepResult:
    """A question before an order leaves brought no answer, or a refusal: nobody need wait for a supplier that has said no."""
    if isinstance(error, AccountHold):
        return outages.account_held(deps, order, error.code, entries)
    if not isinstance(error, Refused) or error.code == NO_SUCH_PLACE:
        return outages.not_reached(deps, order, error, entries, **more)
    with deps.database.begin() as tx:
        entries.save(tx)
        result = refused(tx, deps, order, error.code)
        outages.note_success(tx, deps, order.supplier, entries)
        return result


def refused(tx: Transaction, deps: Dependencies, order: PurchaseOrderView, code: str) -> StepResult:
    """Decide by the code of a refusal: it goes elsewhere, or a person is asked."""
    if code in TRY_ELSEWHERE:
        return rejected(tx, order, code)
    task = ask_about(tx, deps, TaskCategory.SUPPLIER_REFUSED, order, facts={"code": code}, code=code)
    return StepResult(verdict=StepVerdict.ASK, task=task)


def rejected(tx: Transaction, order: PurchaseOrderView, code: str, **detail: Any) -> StepResult:
    """Note that its supplier will not take it: its units are planned again elsewhere."""
    timeline.tell(
        tx,
        order.order_id,
        "purchase_order.rejected",
        at=now(),
        purchase_order_id=order.id,
        key=f"{order.id}:rejected",
        code=code,
        **detail,
    )
    return StepResult(verdict=StepVerdict.REJECTED)
