"""Where our word and another's part: what counts as drift, what is repaired unasked, and what a person is asked about."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from models.drift import CheckedOffer, Drift, DriftKind
from models.statuses import PurchaseOrderState
from models.suppliers import StockAnswer, SupplierOrderStatus, SupplierState
from models.tasks import Alternative, TaskDraft

ALWAYS_SMALL = 10  # fewer than this are repaired whatever their share
EXAMPLES = 3
_OPEN = frozenset({PurchaseOrderState.PLACED, PurchaseOrderState.ACKNOWLEDGED})


def is_large(drifted: int, compared: int, repair_up_to: float) -> bool:
    """Say whether this is too much to repair unasked: ``repair_up_to`` is a share of what was compared."""
    return drifted >= ALWAYS_SMALL and drifted > repair_up_to * compared


def offer_drift(ours: CheckedOffer, theirs: StockAnswer) -> list[Drift]:
    """Compare an offer with the supplier's answer. A cost is compared only where the answer has one and none is held."""
    if ours.known != theirs.known:
        return [Drift(DriftKind.MISSING, ours.sku, _known(known=ours.known), _known(known=theirs.known))]
    found = []
    if ours.quantity != theirs.quantity:
        found.append(Drift(DriftKind.QUANTITY, ours.sku, str(ours.quantity), str(theirs.quantity)))
    cost = theirs.unit_cost
    if cost is not None and not ours.held and (ours.unit_cost, ours.currency) != (cost.amount, cost.currency):
        found.append(
            Drift(DriftKind.COST, ours.sku, _cost(ours.unit_cost, ours.currency), _cost(cost.amount, cost.currency))
        )
    return found


def order_drift(
    number: str, ours: PurchaseOrderState, theirs: SupplierOrderStatus, *, checks_end: datetime, now: datetime
) -> Drift | None:
    """Compare an open purchase order with the supplier's word on it.

    Shipped there and not yet here is no drift while checks are still to come: the next one hears it.
    """
    if ours not in _OPEN:
        return None
    contradicts = theirs.state in (SupplierState.CANCELLED, SupplierState.UNKNOWN)
    unheard = theirs.state is SupplierState.SHIPPED and now > checks_end
    if not contradicts and not unheard:
        return None
    return Drift(DriftKind.ORDER_STATE, number, ours, theirs.status_text or theirs.state)


def checks_end(confirmed_at: datetime, plan: Iterable[timedelta], grace: timedelta) -> datetime:
    """Say when the last check of a purchase order is over."""
    return confirmed_at + sum(plan, timedelta(0)) + grace


def is_abnormal(drift: Drift, price_move: float) -> bool:
    """Say whether a cost moved by more than is believed unasked, or into another currency."""
    if drift.kind is not DriftKind.COST or not drift.ours:
        return False
    (ours, currency), (theirs, their_currency) = drift.ours.split(" "), drift.theirs.split(" ")
    if currency != their_currency or Decimal(ours) <= 0:
        return True
    return abs(Decimal(theirs) - Decimal(ours)) / Decimal(ours) > Decimal(str(price_move))


def examples(drifts: Iterable[Drift]) -> str:
    """Word a few of them: ``4006381 quantity 5, there 0``."""
    listed = list(drifts)
    words = [f"{one.subject} {one.kind.replace('_', ' ')} {one.ours or 'none'}, there {one.theirs}" for one in listed]
    return "; ".join(words[:EXAMPLES])


def about_orders(draft: TaskDraft, supplier: str, found: Sequence[Drift]) -> TaskDraft:
    """Reword the question for purchase orders: there is nothing to repair from here, a person looks at each."""
    shown = "; ".join(f"{one.subject} is {one.ours} here, {one.theirs} there" for one in found[:EXAMPLES])
    look = Alternative(
        command=None,
        label="Seen to",
        consequence="The task is closed. Each order goes on asking the supplier on its own plan.",
    )
    question = f"{len(found)} purchase orders stand otherwise at {supplier} than here ({shown}). What is true of them?"
    return draft.model_copy(update={"question": question[:400], "alternatives": (look,), "owner": "operations"})


def _known(*, known: bool) -> str:
    return "known" if known else "unknown"


def _cost(amount: Decimal | None, currency: str) -> str:
    return "" if amount is None else f"{amount.normalize():f} {currency}"
