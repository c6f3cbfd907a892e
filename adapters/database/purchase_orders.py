"""Purchase orders: minted with their plan, quoted, fenced, followed, ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database import tasks
from adapters.database.engine import Transaction
from models.identifiers import purchase_order_number, purchase_order_workflow_id
from models.money import Money
from models.orders import Address
from models.routing import RoutingPlan
from models.statuses import Mode, PurchaseOrderState, SubmissionState
from models.suppliers import ShippingQuote, SupplierLine
from models.tables import (
    addresses,
    costs,
    order_lines,
    orders,
    plans,
    purchase_order_lines,
    purchase_orders,
)


@dataclass(frozen=True)
class PurchaseOrderView:
    """A purchase order with what its activities need of its order."""

    id: int
    order_id: int
    channel: str
    storefront_order_id: str
    order_name: str
    number: str
    supplier: str
    attempt: int
    workflow_id: str
    state: PurchaseOrderState
    mode: Mode
    test: bool
    quote_id: str | None
    carrier: str | None
    quoted_for: str | None
    submission: SubmissionState
    fence: int
    supplier_number: str | None
    confirmed_at: datetime | None
    acknowledged: bool
    fulfilment_id: str
    cancel_requested: bool
    address: Address | None
    lines: tuple[tuple[str, SupplierLine], ...]  # (storefront line id, what the supplier gets)

    @property
    def supplier_lines(self) -> tuple[SupplierLine, ...]:
        """What the supplier is asked for: one line per article, whatever lines it stands on."""
        units: dict[str, int] = {}
        for _, line in self.lines:
            units[line.ean] = units.get(line.ean, 0) + line.quantity
        return tuple(SupplierLine(ean=ean, quantity=quantity) for ean, quantity in units.items())


# Built once: every activity of a purchase order begins with these two.
_ORDER = (
    select(
        purchase_orders,
        orders.c.channel,
        orders.c.storefront_order_id,
        orders.c.name.label("order_name"),
        orders.c.cancel_requested_at,
        addresses.c.address,
    )
    .join(orders, orders.c.id == purchase_orders.c.order_id)
    .join(addresses, addresses.c.id == orders.c.address_id, isouter=True)
    .where(purchase_orders.c.id == bindparam("purchase_order"))
)
_LINES = (
    select(purchase_order_lines)
    .where(purchase_order_lines.c.purchase_order_id == bindparam("purchase_order"))
    .order_by(purchase_order_lines.c.line_id)
)


def load(tx: Transaction, purchase_order_id: int) -> PurchaseOrderView:
    """Read one purchase order, its lines, and its order's effective address."""
    which = {"purchase_order": purchase_order_id}
    lines = [(line.line_id, SupplierLine(ean=line.ean, quantity=line.quantity)) for line in tx.execute(_LINES, which)]
    return _view(tx.execute(_ORDER, which).one(), lines)


def _view(row: Row[Any], lines: Sequence[tuple[str, SupplierLine]]) -> PurchaseOrderView:
    return PurchaseOrderView(
        id=row.id,
        order_id=row.order_id,
        channel=row.channel,
        storefront_order_id=row.storefront_order_id,
        order_name=row.order_name,
        number=row.number,
        supplier=row.supplier,
        attempt=row.attempt,
        workflow_id=row.workflow_id,
        state=PurchaseOrderState(row.state),
        mode=Mode(row.mode),
        test=row.test,
        quote_id=row.quote_id,
        carrier=row.carrier,
        quoted_for=row.quoted_for,
        submission=SubmissionState(row.submission),
        fence=row.fence,
        supplier_number=row.supplier_number,
        confirmed_at=row.confirmed_at,
        acknowledged=row.acknowledged_at is not None,
        fulfilment_id=row.fulfilment_id,
        cancel_requested=row.cancel_requested_at is not None,
        address=Address.model_validate(row.address) if row.address else None,
        lines=tuple(lines),
    )


def of_plan(tx: Transaction, order_id: int, plan_no: int) -> list[Row[Any]] | None:
    """List the purchase orders that a plan has minted, with their units; None where there is no such plan yet."""
    planned = select(plans.c.plan_no).where(plans.c.order_id == order_id, plans.c.plan_no == plan_no)
    if tx.execute(planned).one_or_none() is None:
        return None
    units = (
        select(func.sum(purchase_order_lines.c.quantity))
        .where(purchase_order_lines.c.purchase_order_id == purchase_orders.c.id)
        .scalar_subquery()
    )
    query = select(purchase_orders, units.label("units")).where(
        purchase_orders.c.order_id == order_id, purchase_orders.c.plan_no == plan_no
    )
    return list(tx.execute(query.order_by(purchase_orders.c.id)))


@dataclass(frozen=True)
class Minting:
    """What a plan's purchase orders have in common."""

    order_id: int
    channel: str
    storefront_order_id: str
    plan_no: int
    mode: Mode
    test: bool
    configuration_id: int


def mint(tx: Transaction, minting: Minting, plan: RoutingPlan, *, now: datetime) -> None:
    """Write a plan with its reasons and its purchase orders. The order's row must be locked by this transaction."""
    tx.execute(
        insert(plans).values(
            order_id=minting.order_id,
            plan_no=minting.plan_no,
            configuration_id=minting.configuration_id,
            mode=minting.mode,
            reasons=plan.reasons,
            planned_at=now,
        )
    )
    attempts = _attempts_so_far(tx, minting.order_id)
    rows = [
        _minted(minting, position, supplier, attempts.get(supplier, 0) + 1)
        for position, supplier in enumerate(plan.shares, 1)
    ]
    ids = tx.execute(insert(purchase_orders).returning(purchase_orders.c.id, sort_by_parameter_order=True), rows)
    lines = [
        {"purchase_order_id": key, "line_id": line.line_id, "ean": line.ean, "quantity": line.quantity}
        for key, share in zip(ids.scalars(), plan.shares.values(), strict=True)
        for line in share
    ]
    tx.execute(insert(purchase_order_lines), lines)


def _attempts_so_far(tx: Transaction, order_id: int) -> dict[str, int]:
    counted = (
        select(purchase_orders.c.supplier, func.max(purchase_orders.c.attempt).label("attempts"))
        .where(purchase_orders.c.order_id == order_id)
        .group_by(purchase_orders.c.supplier)
    )
    return {row.supplier: row.attempts for row in tx.execute(counted)}


def _minted(minting: Minting, position: int, supplier: str, attempt: int) -> dict[str, Any]:
    return {
        "order_id": minting.order_id,
        "plan_no": minting.plan_no,
        "number": purchase_order_number(minting.order_id, minting.plan_no, position),
        "supplier": supplier,
        "attempt": attempt,
        "workflow_id": purchase_order_workflow_id(minting.channel, minting.storefront_order_id, supplier, attempt),
        "state": PurchaseOrderState.PLANNED,
        "mode": minting.mode,
        "test": minting.test,
        "submission": SubmissionState.READY,
    }


def keep_quote(tx: Transaction, purchase_order_id: int, quote: ShippingQuote, quoted_for: str) -> None:
    """Keep the chosen way to ship, the destination it was quoted for, and what it costs."""
    choice = {"quote_id": quote.quote_id, "carrier": quote.carrier, "quoted_for": quoted_for}
    choosing = update(purchase_orders).where(purchase_orders.c.id == purchase_order_id)
    tx.execute(choosing.values(**choice, state=PurchaseOrderState.QUOTED))
    keep_costs(tx, purchase_order_id, {"shipping": quote.cost}, source=f"rate {quote.quote_id}")


def keep_costs(tx: Transaction, purchase_order_id: int, amounts: Mapping[str, Money], *, source: str) -> None:
    """Keep what a purchase order costs us, by kind: goods, shipping or handling."""
    rows = [
        {
            "purchase_order_id": purchase_order_id,
            "kind": kind,
            "amount": money.amount,
            "currency": money.currency,
            "source": source,
        }
        for kind, money in sorted(amounts.items())
    ]
    if rows:
        insertion = upsert(costs)
        changed = {name: insertion.excluded[name] for name in ("amount", "currency", "source")}
        tx.execute(insertion.on_conflict_do_update(index_elements=["purchase_order_id", "kind"], set_=changed), rows)


def shipping_cost(tx: Transaction, purchase_order_id: int) -> Money | None:
    """Read what its chosen way to ship costs."""
    row = tx.execute(
        select(costs).where(costs.c.purchase_order_id == purchase_order_id, costs.c.kind == "shipping")
    ).one_or_none()
    return Money(amount=row.amount, currency=row.currency) if row else None


def keep_fulfilment(tx: Transaction, purchase_order_id: int, fulfilment_id: str) -> None:
    """Keep the storefront's fulfilment, which later parcels join."""
    keeping = update(purchase_orders).where(purchase_orders.c.id == purchase_order_id)
    tx.execute(keeping.values(fulfilment_id=fulfilment_id))


def acknowledge(tx: Transaction, purchase_order_id: int, *, now: datetime) -> None:
    """Note the supplier's acknowledgement."""
    noting = update(purchase_orders).where(
        purchase_orders.c.id == purchase_order_id, purchase_orders.c.acknowledged_at.is_(None)
    )
    tx.execute(noting.values(acknowledged_at=now, state=PurchaseOrderState.ACKNOWLEDGED))


def end(tx: Transaction, purchase_order_id: int, state: PurchaseOrderState, *, now: datetime) -> bool:
    """End a purchase order once. Where nothing was placed the fence is closed for good, so that no straggler can send."""
    ending = update(purchase_orders).where(
        purchase_orders.c.id == purchase_order_id, purchase_orders.c.ended_at.is_(None)
    )
    ended = tx.execute(ending.values(state=state, ended_at=now)).rowcount == 1
    closing = update(purchase_orders).where(
        purchase_orders.c.id == purchase_order_id,
        purchase_orders.c.submission.not_in([SubmissionState.PLACED, SubmissionState.WITHDRAWN]),
    )
    tx.execute(closing.values(submission=SubmissionState.WITHDRAWN, fence=purchase_orders.c.fence + 1))
    tasks.close_open_ones(tx, purchase_order_id=purchase_order_id, now=now, answer=f"the purchase order ended: {state}")
    return ended


def cancel_open_lines(tx: Transaction, purchase_order_id: int, order_id: int) -> None:
    """Count what a cancelled purchase order leaves open as cancelled, on the order's lines: it is not planned again."""
    mine = purchase_order_lines.c.purchase_order_id == purchase_order_id
    left_open = (
        select(purchase_order_lines.c.quantity - purchase_order_lines.c.shipped)
        .where(mine, purchase_order_lines.c.line_id == order_lines.c.line_id)
        .scalar_subquery()
    )
    counting = update(order_lines).where(
        order_lines.c.order_id == order_id,
        order_lines.c.line_id.in_(select(purchase_order_lines.c.line_id).where(mine)),
    )
    tx.execute(counting.values(cancelled=order_lines.c.cancelled + left_open))


def cancelled_by(tx: Transaction, order_id: int) -> list[str]:
    """Name the suppliers that cancelled a share of this order."""
    query = select(purchase_orders.c.supplier).where(
        purchase_orders.c.order_id == order_id, purchase_orders.c.state == PurchaseOrderState.CANCELLED_BY_SUPPLIER
    )
    return list(tx.execute(query.distinct().order_by(purchase_orders.c.supplier)).scalars())


def outcome(tx: Transaction, purchase_order_id: int) -> Row[Any, Any, Any, Any]:
    """Read how a purchase order ended, and whether its order ended with it."""
    query = (
        select(
            purchase_orders.c.supplier,
            purchase_orders.c.state,
            purchase_orders.c.ended_at,
            orders.c.state.label("order_state"),
        )
        .join(orders, orders.c.id == purchase_orders.c.order_id)
        .where(purchase_orders.c.id == purchase_order_id)
    )
    return tx.execute(query).one()


def ship_open_lines(tx: Transaction, purchase_order_id: int, order_id: int) -> int:
    """Count every open unit of a purchase order as shipped, on its lines and on the order's. Returns the units."""
    mine = purchase_order_lines.c.purchase_order_id == purchase_order_id
    units = purchase_order_lines.c.quantity - purchase_order_lines.c.shipped
    open_lines = tx.execute(
        select(purchase_order_lines.c.line_id, units.label("units"))
        .where(mine, units > 0)
        .order_by(purchase_order_lines.c.line_id)
        .with_for_update()
    ).all()
    if not open_lines:
        return 0
    newly_shipped = select(units).where(mine, purchase_order_lines.c.line_id == order_lines.c.line_id).scalar_subquery()
    counting = update(order_lines).where(
        order_lines.c.order_id == order_id, order_lines.c.line_id.in_([line.line_id for line in open_lines])
    )
    tx.execute(counting.values(shipped=order_lines.c.shipped + newly_shipped))
    tx.execute(update(purchase_order_lines).where(mine).values(shipped=purchase_order_lines.c.quantity))
    return sum(line.units for line in open_lines)


def open_ones(tx: Transaction, order_id: int) -> list[int]:
    """List an order's purchase orders that have not ended."""
    query = select(purchase_orders.c.id).where(
        purchase_orders.c.order_id == order_id, purchase_orders.c.ended_at.is_(None)
    )
    return list(tx.execute(query.order_by(purchase_orders.c.id)).scalars())
