"""Purchase orders: minted with their plan, quoted, fenced, followed, ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, bindparam, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database import reservations, tasks
from adapters.database.engine import Transaction
from models.money import Money
from models.orders import Address
from models.statuses import Mode, PurchaseOrderState, SubmissionState
from models.suppliers import ShippingQuote, SupplierLine
from models.tables import (
    addresses,
    costs,
    order_line_parts,
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
    lines: tuple[tuple[str, SupplierLine], ...]  # (storefront line id, what the supplier delivers)
    declined: int = 0  # units that it has said it will not deliver
    shipped: int = 0  # units that have been counted as shipped
    open_lines: tuple[tuple[str, SupplierLine], ...] = ()  # of ``lines``, what has not shipped
    api_version: str = ""  # of the supplier's interface, for this order's whole life
    ship_by: date | None = None
    arrive_by: date | None = None
    bundled: bool = False  # the order has bundles: a line may be parts from several suppliers

    @property
    def units(self) -> int:
        """Count what was ordered of the supplier, with what it has declined."""
        return self.declined + sum(line.quantity for _, line in self.lines)

    @property
    def supplier_lines(self) -> tuple[SupplierLine, ...]:
        """What the supplier is asked for: one line per article, whatever lines it stands on."""
        articles: dict[str, SupplierLine] = {}
        for _, line in self.lines:
            more = articles.get(line.ean)
            units = line.quantity + (more.quantity if more else 0)
            articles[line.ean] = (more or line).model_copy(update={"quantity": units})
        return tuple(articles.values())


# Built once: every activity of a purchase order begins with these two.
_ORDER = (
    select(
        purchase_orders,
        orders.c.channel,
        orders.c.storefront_order_id,
        orders.c.name.label("order_name"),
        orders.c.cancel_requested_at,
        orders.c.currency,
        addresses.c.address,
        exists().where(order_line_parts.c.order_id == purchase_orders.c.order_id).label("bundled"),
    )
    .join(orders, orders.c.id == purchase_orders.c.order_id)
    .join(addresses, addresses.c.id == orders.c.address_id, isouter=True)
    .where(purchase_orders.c.id == bindparam("purchase_order"))
)
_LINES = (
    select(purchase_order_lines)
    .where(purchase_order_lines.c.purchase_order_id == bindparam("purchase_order"))
    .order_by(purchase_order_lines.c.line_id, purchase_order_lines.c.ean)  # a bundle's line has several articles
)


def load(tx: Transaction, purchase_order_id: int) -> PurchaseOrderView:
    """Read one purchase order, its lines, and its order's effective address."""
    which = {"purchase_order": purchase_order_id}
    rows = tx.execute(_LINES, which).all()
    order = tx.execute(_ORDER, which).one()
    lines = [
        (row.line_id, _supplier_line(row, row.quantity - row.declined, order.currency))
        for row in rows
        if row.quantity > row.declined
    ]
    still_open = [
        (row.line_id, _supplier_line(row, units, order.currency))
        for row in rows
        if (units := row.quantity - row.declined - row.shipped) > 0
    ]
    counted = {"declined": sum(row.declined for row in rows), "shipped": sum(row.shipped for row in rows)}
    return replace(_view(order, lines), open_lines=tuple(still_open), **counted)


def _supplier_line(row: Row[Any], units: int, currency: str) -> SupplierLine:
    cost = Money(amount=row.unit_cost, currency=currency) if row.unit_cost is not None else None
    return SupplierLine(ean=row.ean, quantity=units, sku=row.sku, unit_cost=cost)


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
        api_version=row.api_version,
        ship_by=row.ship_by,
        arrive_by=row.arrive_by,
        bundled=row.bundled,
    )


@dataclass(frozen=True)
class MintedPlan:
    """What a plan has minted: its purchase orders, with their units, and what was left over."""

    purchase_orders: Sequence[Row[Any]]
    shortage: dict[str, Any] | None


def of_plan(tx: Transaction, order_id: int, plan_no: int) -> MintedPlan:
    """Read a plan that was made before."""
    planned = select(plans.c.shortage).where(plans.c.order_id == order_id, plans.c.plan_no == plan_no)
    units = (
        select(func.sum(purchase_order_lines.c.quantity))
        .where(purchase_order_lines.c.purchase_order_id == purchase_orders.c.id)
        .scalar_subquery()
    )
    query = select(purchase_orders, units.label("units")).where(
        purchase_orders.c.order_id == order_id, purchase_orders.c.plan_no == plan_no
    )
    return MintedPlan(list(tx.execute(query.order_by(purchase_orders.c.id))), tx.execute(planned).scalar_one())


def keep_quote(
    tx: Transaction, purchase_order_id: int, quote: ShippingQuote, quoted_for: str, *, api_version: str = ""
) -> None:
    """Keep the chosen way to ship, the destination it was quoted for, what it costs, and in which version it was asked.

    The order goes by that version of its supplier's interface to its end: a quote is nothing to another.
    """
    choice = {
        "quote_id": quote.quote_id,
        "carrier": quote.carrier,
        "quoted_for": quoted_for,
        "api_version": api_version,
    }
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


def acknowledge(tx: Transaction, purchase_order_id: int, *, now: datetime, takes_stock: bool = True) -> None:
    """Note the supplier's acknowledgement: it has the order. ``takes_stock``: its stock will show that from now on."""
    noting = update(purchase_orders).where(
        purchase_orders.c.id == purchase_order_id, purchase_orders.c.acknowledged_at.is_(None)
    )
    tx.execute(noting.values(acknowledged_at=now, state=PurchaseOrderState.ACKNOWLEDGED))
    if takes_stock:
        reservations.consume(tx, purchase_order_id, now=now)


def end(tx: Transaction, purchase_order_id: int, state: PurchaseOrderState, *, now: datetime) -> bool:
    """End a purchase order once. Where nothing was placed the fence is closed for good, so that no straggler can send.

    What it holds is given back, unless it has shipped. Several that end together: see ``end_all``.
    """
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
    if not ended:  # how it ended first decides: what has shipped is not given back
        return False
    if state is PurchaseOrderState.SHIPPED:
        reservations.consume(tx, purchase_order_id, now=now)
    else:
        reservations.release(tx, purchase_order_id, now=now)
    return True


def end_all(tx: Transaction, purchase_order_ids: Sequence[int], state: PurchaseOrderState, *, now: datetime) -> None:
    """End purchase orders without shipment, giving back first what they all hold: offers are locked in one order only."""
    reservations.release(tx, *purchase_order_ids, now=now)
    for purchase_order_id in purchase_order_ids:
        end(tx, purchase_order_id, state, now=now)


# A bundle counts as cancelled as a whole where a part of it is, also where other parts are still on their way.
_CANCEL_OPEN = text("""
WITH left_open AS (
    SELECT l.line_id, CASE WHEN EXISTS (
        SELECT 1 FROM order_line_parts t WHERE t.order_id = :order_id AND t.line_id = l.line_id
    ) THEN max(ceil((l.quantity - l.shipped - l.declined)::numeric / l.per_unit))
    ELSE sum(l.quantity - l.shipped - l.declined) END AS units
    FROM purchase_order_lines l WHERE l.purchase_order_id = :id GROUP BY l.line_id
)
UPDATE order_lines o SET cancelled = o.cancelled + least(u.units, o.quantity - o.shipped - o.cancelled - o.refunded)::int
FROM left_open u WHERE o.order_id = :order_id AND o.line_id = u.line_id
""")


def cancel_open_lines(tx: Transaction, purchase_order_id: int, order_id: int) -> None:
    """Count what a cancelled purchase order leaves open as cancelled, on the order's lines: it is not planned again."""
    _lock_order(tx, order_id)
    tx.execute(_CANCEL_OPEN, {"id": purchase_order_id, "order_id": order_id})


def _lock_order(tx: Transaction, order_id: int) -> None:
    """Let no other purchase order of it count at the same time: what a bundle has shipped is counted over all of them."""
    tx.execute(select(orders.c.id).where(orders.c.id == order_id).with_for_update(key_share=True))


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


_SHIP = text("UPDATE purchase_order_lines SET shipped = quantity - declined WHERE purchase_order_id = :id")
_OPEN_UNITS = text(
    "SELECT coalesce(sum(quantity - shipped - declined), 0) FROM purchase_order_lines WHERE purchase_order_id = :id"
)

# Of a bundle as many have shipped as can be made of the parts that have. Units that were given up and come after all
# are more than was ordered: they are not counted.
_COUNT_SHIPPED = text("""
WITH mine AS (
    SELECT DISTINCT line_id FROM purchase_order_lines WHERE purchase_order_id = :id
), sent AS (
    SELECT l.line_id, l.ean, sum(l.shipped) AS units
    FROM purchase_orders p JOIN purchase_order_lines l ON l.purchase_order_id = p.id
    WHERE p.order_id = :order_id AND l.line_id IN (SELECT line_id FROM mine) GROUP BY l.line_id, l.ean
), counted AS (
    SELECT m.line_id, coalesce((
        SELECT min(coalesce(s.units, 0) / t.per_unit) FROM order_line_parts t
        LEFT JOIN sent s ON s.line_id = t.line_id AND s.ean = t.ean
        WHERE t.order_id = :order_id AND t.line_id = m.line_id
    ), (SELECT sum(units) FROM sent s WHERE s.line_id = m.line_id)) AS units
    FROM mine m
)
UPDATE order_lines o
SET shipped = greatest(o.shipped, least(floor(c.units), o.quantity - o.cancelled - o.refunded))::int
FROM counted c WHERE o.order_id = :order_id AND o.line_id = c.line_id
""")


_SHIP_SOME = text("""
UPDATE purchase_order_lines SET shipped = least(shipped + :units, quantity - declined)
WHERE purchase_order_id = :id AND line_id = :line_id AND ean = :ean
""")


def ship_lines(
    tx: Transaction, purchase_order_id: int, order_id: int, lines: Sequence[tuple[str, SupplierLine]]
) -> int:
    """Count these units of a purchase order as shipped, on its lines and on the order's. Returns the units."""
    _lock_order(tx, order_id)
    given = {"id": purchase_order_id, "order_id": order_id}
    rows = [given | {"line_id": line_id, "ean": line.ean, "units": line.quantity} for line_id, line in lines]
    if rows:
        tx.execute(_SHIP_SOME, rows)
        tx.execute(_COUNT_SHIPPED, given)
    return sum(line.quantity for _, line in lines)


def ship_open_lines(tx: Transaction, purchase_order_id: int, order_id: int, *, now: datetime) -> int:
    """Count every open unit of a purchase order as shipped, on its lines and on the order's. Returns the units."""
    _lock_order(tx, order_id)
    given = {"id": purchase_order_id, "order_id": order_id}
    units = int(tx.execute(_OPEN_UNITS, given).scalar_one())
    if units:
        tx.execute(_SHIP, given)
        tx.execute(_COUNT_SHIPPED, given)
        reservations.consume(tx, purchase_order_id, now=now)
    return units


def open_ones(tx: Transaction, order_id: int) -> list[int]:
    """List an order's purchase orders that have not ended."""
    query = select(purchase_orders.c.id).where(
        purchase_orders.c.order_id == order_id, purchase_orders.c.ended_at.is_(None)
    )
    return list(tx.execute(query.order_by(purchase_orders.c.id)).scalars())
