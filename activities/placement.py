"""What a placed order means for our books, and what the fence says of one that may have been placed."""

from datetime import date, datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from activities import answers
from activities.common import Dependencies, ask_about, now
from adapters.database import purchase_orders, submissions, tasks, timeline, withdrawals
from adapters.database.engine import Transaction
from adapters.database.purchase_orders import PurchaseOrderView
from adapters.errors import AdapterError, NotSent
from adapters.ports import SupplierPort
from models.contracts import StepVerdict, Submission
from models.money import Money
from models.statuses import SubmissionState
from models.suppliers import ACKNOWLEDGING, DoubtMeans, PlacedOrder, SupplierOrder
from models.tasks import OpenTask, TaskCategory
from workflows.decisions import promises

NOT_BUILT = "not_built"


def port_of(deps: Dependencies, order: PurchaseOrderView) -> SupplierPort:
    """Return the port to a purchase order's supplier, in the version of its interface that the order goes by."""
    return port_to(deps, order.supplier, order.api_version)


def port_to(deps: Dependencies, supplier: str, api_version: str = "") -> SupplierPort:
    """Return the port to a supplier. Raises NotSent where it can't be built here, e.g. because a credential is not set.

    That is as good as silence: it is waited for, counts as an outage where it lasts, and leads to a person in the end.
    """
    try:
        return deps.outside.supplier(supplier, api_version)
    except (AdapterError, SQLAlchemyError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises
        why = f"{supplier}: its adapter can't be built ({type(error).__name__}); see dropwright doctor"
        raise NotSent(why, code=NOT_BUILT) from None


def document(order: PurchaseOrderView) -> SupplierOrder:
    """Write what its supplier is sent. The address is the order's newest one."""
    assert order.address is not None
    assert order.quote_id is not None
    return SupplierOrder(
        number=order.number,
        lines=order.supplier_lines,
        quote_id=order.quote_id,
        address=order.address,
        test=order.test,
        carrier=order.carrier or "",
        customer_order=order.order_name,
        placed_on=now().date(),
        ship_by=order.ship_by,
        arrive_by=order.arrive_by,
    )


def keep(tx: Transaction, deps: Dependencies, order: PurchaseOrderView, placed: PlacedOrder) -> Submission:
    """Keep costs, answers and acknowledgement of an order whose fence has just been moved to placed."""
    if placed.total is not None:
        goods = _goods_cost(tx, order, placed.total)
        purchase_orders.keep_costs(tx, order.id, {"goods": goods}, source=f"order {placed.supplier_number}")
    tell_placed(tx, order, placed.supplier_number, placed.status_text)
    said = answers.take(tx, deps, order, placed)
    acknowledged = placed.state in ACKNOWLEDGING and said.task is None
    if acknowledged:
        leaves_later = port_of(deps, order).capabilities.stock_leaves_when_shipped
        purchase_orders.acknowledge(tx, order.id, takes_stock=not leaves_later, now=now())
    return Submission(
        verdict=StepVerdict.DONE if said.declined < order.units else StepVerdict.REJECTED,
        declined=said.declined,
        supplier_number=placed.supplier_number,
        acknowledged=acknowledged,
        confirmed_at=now(),
        promised_by=placed.expected_delivery,
        expected_on=said.expected_on or _promised_on(deps, order),
        task=said.task,
    )


def _promised_on(deps: Dependencies, order: PurchaseOrderView) -> date | None:
    """Say when the supplier promises that what it has now will have shipped; None where it promises nothing."""
    within = port_of(deps, order).capabilities.ships_within
    calendar = deps.outside.supplier_settings(order.supplier).terms.calendar
    return promises.due(now(), within, calendar).date() if within is not None else None


def tell_placed(tx: Transaction, order: PurchaseOrderView, supplier_number: str, status: str) -> None:
    """Put it on the timeline, once."""
    timeline.tell(
        tx,
        order.order_id,
        "purchase_order.placed",
        at=now(),
        purchase_order_id=order.id,
        key=f"{order.id}:placed",
        supplier=order.supplier,
        supplier_number=supplier_number,
        status=status,
    )


def _goods_cost(tx: Transaction, order: PurchaseOrderView, total: Money) -> Money:
    """The supplier's total holds its shipping; goods are what is left of it."""
    shipping = purchase_orders.shipping_cost(tx, order.id)
    if shipping is None or shipping.currency != total.currency or shipping.amount > total.amount:
        return total
    return Money(amount=total.amount - shipping.amount, currency=total.currency)


def resolved(tx: Transaction, deps: Dependencies, order: PurchaseOrderView) -> Submission:
    """Read the fence, raise it where a claim was left behind, and say what it means. The caller holds the lock.

    In doubt, a person is asked only where the supplier offers no means to find out.
    """
    match order.submission:
        case SubmissionState.PLACED:
            return Submission(
                verdict=StepVerdict.DONE if order.lines else StepVerdict.REJECTED,
                declined=order.declined,
                supplier_number=order.supplier_number,
                acknowledged=order.acknowledged,
                confirmed_at=order.confirmed_at,
                expected_on=_promised_on(deps, order),
                task=None if order.acknowledged else answers.ask_again(tx, deps, order),
            )
        case SubmissionState.READY:
            return Submission(verdict=StepVerdict.INTERRUPTED)
        case SubmissionState.WITHDRAWN:
            return Submission(verdict=StepVerdict.WITHDRAWN)
        case SubmissionState.SENDING:
            submissions.raise_fence(tx, order)
            withdrawals.count_trouble(tx, order.id)
    if port_of(deps, order).capabilities.doubt is DoubtMeans.NONE:
        return in_doubt(tx, deps, order)
    return Submission(verdict=StepVerdict.UNKNOWN)


def in_doubt(tx: Transaction, deps: Dependencies, order: PurchaseOrderView, said: str = "") -> Submission:
    """Ask a person whether the supplier has it."""
    return Submission(verdict=StepVerdict.UNKNOWN, task=_ask_whether_it_exists(tx, deps, order, said))


def close_question(tx: Transaction, order: PurchaseOrderView, answer: str, *, now: datetime) -> None:
    """Close the question whether the supplier has it, where it is open: its own means have answered."""
    tasks.close_for(tx, f"purchase-order:{order.id}:{TaskCategory.SUBMIT_UNKNOWN}", answer=answer, now=now)


def _ask_whether_it_exists(tx: Transaction, deps: Dependencies, order: PurchaseOrderView, said: str) -> OpenTask:
    attempt = submissions.latest_attempt(tx, order.id)
    assert attempt is not None
    sent_at = attempt["claimed_at"].strftime("%d %b %Y %H:%M:%SZ")
    timeline.tell(
        tx,
        order.order_id,
        "purchase_order.submit_unknown",
        at=now(),
        purchase_order_id=order.id,
        key=f"{order.id}:unknown:{attempt['fence']}",
        sent_at=sent_at,
        heard=attempt["detail"],
    )
    looked: dict[str, Any] = {"looked": said} if said else {}
    return ask_about(
        tx,
        deps,
        TaskCategory.SUBMIT_UNKNOWN,
        order,
        facts={"sent_at": sent_at},
        sent_at=sent_at,
        request=attempt["request"],
        heard=attempt["detail"] or "nothing: the attempt was cut off",
        look_for=f"an order of {sent_at} with the lines above, shipping cost id {attempt['request']['quote_id']}",
        **looked,
    )
