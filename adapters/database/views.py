"""What people look at: read models of orders and purchase orders. Nothing here writes.

Personal data is read by its own function only (``personal_details``): what is shown
without being asked for has none.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select

from adapters.database import timeline
from adapters.database.engine import Transaction
from adapters.database.registers import IncidentRecord, open_incidents
from models.identifiers import order_workflow_id
from models.money import Money
from models.statuses import (
    PURCHASE_ORDER_ENDINGS,
    OrderState,
    PurchaseOrderState,
    SubmissionState,
    TaskState,
)
from models.tables import (
    addresses,
    backorders,
    costs,
    customer_questions,
    notes,
    order_lines,
    orders,
    parcels,
    purchase_order_lines,
    purchase_orders,
    tracking_checks,
)
from models.tables import tasks as task_rows
from models.tables import timeline as timeline_rows

MANY = 20  # candidates shown for a reference that names several orders


@dataclass(frozen=True, kw_only=True)
class PurchaseOrderLine:
    """A storefront line's share in a purchase order."""

    line_id: str
    ean: str
    quantity: int
    shipped: int
    declined: int = 0


@dataclass(frozen=True, kw_only=True)
class PurchaseOrderRecord:
    """One supplier's share of an order, with all that is recorded of it."""

    id: int
    order_id: int
    number: str
    supplier: str
    attempt: int
    workflow_id: str
    state: PurchaseOrderState
    submission: SubmissionState
    supplier_number: str | None
    carrier: str | None
    quote_id: str | None
    confirmed_at: datetime | None
    acknowledged_at: datetime | None
    ended_at: datetime | None
    ship_by: date | None = None  # as planned
    arrive_by: date | None = None
    given_up_at: datetime | None = None
    lines: tuple[PurchaseOrderLine, ...] = ()
    costs: dict[str, Money] = field(default_factory=dict)  # by kind: goods, shipping, handling
    parcels: tuple[dict[str, Any], ...] = ()
    checks: tuple[dict[str, Any], ...] = ()

    @property
    def open(self) -> bool:
        """Say whether it still runs."""
        return self.state not in PURCHASE_ORDER_ENDINGS


@dataclass(frozen=True, kw_only=True)
class OrderLineRecord:
    """A line as ordered: ordered = shipped + open + cancelled + refunded."""

    line_id: str
    variant_id: str
    sku: str
    title: str
    ean: str | None
    requires_shipping: bool
    ordered: int
    shipped: int
    cancelled: int
    refunded: int

    @property
    def open(self) -> int:
        """Count the units that are neither shipped, cancelled nor refunded."""
        return self.ordered - self.shipped - self.cancelled - self.refunded


@dataclass(frozen=True, kw_only=True)
class OrderRecord:
    """An order with its purchase orders and open tasks; lists show it, and every other view begins with it."""

    id: int
    channel: str
    storefront_order_id: str
    name: str
    state: OrderState
    test: bool
    paid: bool
    total: Money
    ship_country: str | None
    placed_at: datetime
    received_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    cancel_requested_at: datetime | None
    last_event_at: datetime | None
    purchase_orders: tuple[PurchaseOrderRecord, ...] = ()
    tasks: tuple[dict[str, Any], ...] = ()  # open ones, most urgent first
    short: tuple[dict[str, Any], ...] = ()  # backorders: units that nobody could deliver when it was last planned
    question: dict[str, Any] | None = None  # that the customer has not answered

    @property
    def workflow_id(self) -> str:
        """Name its lifecycle in Temporal."""
        return order_workflow_id(self.channel, self.storefront_order_id)

    @property
    def reference(self) -> str:
        """Name it beyond doubt: ``channel/id``."""
        return f"{self.channel}/{self.storefront_order_id}"


@dataclass(frozen=True, kw_only=True)
class OrderPage:
    """Everything recorded of one order, apart from personal data."""

    order: OrderRecord
    lines: tuple[OrderLineRecord, ...]
    timeline: tuple[dict[str, Any], ...]
    incidents: tuple[IncidentRecord, ...]


def list_orders(
    tx: Transaction,
    *,
    state: OrderState | None = None,
    channel: str | None = None,
    attention: bool = False,
    limit: int = 50,
) -> list[OrderRecord]:
    """List the newest orders, with what each waits for."""
    conditions: list[ColumnElement[bool]] = []
    if state is not None:
        conditions.append(orders.c.state == state)
    if channel is not None:
        conditions.append(orders.c.channel == channel)
    if attention:
        conditions.append(exists().where(task_rows.c.order_id == orders.c.id, task_rows.c.state == TaskState.OPEN))
    return _read_orders(tx, select(orders).where(*conditions).order_by(orders.c.id.desc()).limit(limit))


def find_orders(tx: Transaction, reference: str) -> list[OrderRecord]:
    """Find what a person may mean: ``#1001``, ``1001``, ``channel/id``, a workflow id, or a purchase order's number."""
    return _read_orders(tx, select(orders).where(_meant_by(reference)).order_by(orders.c.id.desc()).limit(MANY))


def _meant_by(reference: str) -> ColumnElement[bool]:
    kind, _, rest = reference.partition("/")
    parts = (rest if kind in ("order", "purchase-order") else reference).split("/")
    if len(parts) >= 2:
        return and_(orders.c.channel == parts[0], orders.c.storefront_order_id == parts[1])
    number = exists().where(purchase_orders.c.order_id == orders.c.id, purchase_orders.c.number == reference)
    named = orders.c.name.in_([reference, f"#{reference.removeprefix('#')}", reference.removeprefix("#")])
    return or_(named, orders.c.storefront_order_id == reference, number)


def read_orders(tx: Transaction, order_ids: Iterable[int]) -> list[OrderRecord]:
    """Read these orders, in the order of their numbers."""
    return _read_orders(tx, select(orders).where(orders.c.id.in_(list(order_ids))).order_by(orders.c.id))


def _read_orders(tx: Transaction, query: Select[Any]) -> list[OrderRecord]:
    rows = tx.execute(query).all()
    ids = [row.id for row in rows]
    shares, asked, last = _purchase_orders(tx, ids), _open_tasks(tx, ids), _last_events(tx, ids)
    short, questions = _backorders(tx, ids), _questions(tx, ids)
    return [
        OrderRecord(
            id=row.id,
            channel=row.channel,
            storefront_order_id=row.storefront_order_id,
            name=row.name,
            state=OrderState(row.state),
            test=row.test,
            paid=row.paid,
            total=Money(amount=row.total, currency=row.currency),
            ship_country=row.ship_country,
            placed_at=row.placed_at,
            received_at=row.received_at,
            started_at=row.started_at,
            ended_at=row.ended_at,
            cancel_requested_at=row.cancel_requested_at,
            last_event_at=last.get(row.id),
            purchase_orders=tuple(shares[row.id]),
            tasks=tuple(asked[row.id]),
            short=tuple(short[row.id]),
            question=next(iter(questions[row.id]), None),
        )
        for row in rows
    ]


def _open_tasks(tx: Transaction, order_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    query = (
        select(task_rows)
        .where(task_rows.c.order_id.in_(order_ids), task_rows.c.state == TaskState.OPEN)
        .order_by(task_rows.c.priority, task_rows.c.opened_at)
    )
    return _grouped(tx, query, "order_id")


def _backorders(tx: Transaction, order_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    query = select(backorders).where(backorders.c.order_id.in_(order_ids), backorders.c.ended_at.is_(None))
    return _grouped(tx, query.order_by(backorders.c.id), "order_id")


def _questions(tx: Transaction, order_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    query = select(customer_questions).where(
        customer_questions.c.order_id.in_(order_ids),
        customer_questions.c.ended_at.is_(None),
        customer_questions.c.answered_at.is_(None),
    )
    return _grouped(tx, query.order_by(customer_questions.c.id.desc()), "order_id")


def _last_events(tx: Transaction, order_ids: Sequence[int]) -> dict[int, datetime]:
    query = (
        select(timeline_rows.c.order_id, func.max(timeline_rows.c.at).label("at"))
        .where(timeline_rows.c.order_id.in_(order_ids))
        .group_by(timeline_rows.c.order_id)
    )
    return {row.order_id: row.at for row in tx.execute(query)}


def _purchase_orders(tx: Transaction, order_ids: Sequence[int]) -> dict[int, list[PurchaseOrderRecord]]:
    query = select(purchase_orders).where(purchase_orders.c.order_id.in_(order_ids)).order_by(purchase_orders.c.id)
    found = tx.execute(query).all()
    ids = [row.id for row in found]
    lines = _of_purchase_orders(tx, purchase_order_lines, ids, purchase_order_lines.c.line_id)
    paid = _of_purchase_orders(tx, costs, ids, costs.c.kind)
    sent = _of_purchase_orders(tx, parcels, ids, parcels.c.id)
    looked = _of_purchase_orders(tx, tracking_checks, ids, tracking_checks.c.asked_at)
    records: dict[int, list[PurchaseOrderRecord]] = defaultdict(list)
    for row in found:
        record = PurchaseOrderRecord(
            **{name: getattr(row, name) for name in _SAME_NAME},
            state=PurchaseOrderState(row.state),
            submission=SubmissionState(row.submission),
            lines=tuple(
                PurchaseOrderLine(
                    line_id=line["line_id"],
                    ean=line["ean"],
                    quantity=line["quantity"],
                    shipped=line["shipped"],
                    declined=line["declined"],
                )
                for line in lines[row.id]
            ),
            costs={cost["kind"]: Money(amount=cost["amount"], currency=cost["currency"]) for cost in paid[row.id]},
            parcels=tuple(_without_ids(sent[row.id])),
            checks=tuple(_without_ids(looked[row.id])),
        )
        records[row.order_id].append(record)
    return records


_SAME_NAME = (
    "id",
    "order_id",
    "number",
    "supplier",
    "attempt",
    "workflow_id",
    "supplier_number",
    "carrier",
    "quote_id",
    "confirmed_at",
    "acknowledged_at",
    "ended_at",
    "ship_by",
    "arrive_by",
    "given_up_at",
)


def _of_purchase_orders(
    tx: Transaction, table: Any, purchase_order_ids: Sequence[int], by: Any
) -> dict[int, list[dict[str, Any]]]:
    query = select(table).where(table.c.purchase_order_id.in_(purchase_order_ids)).order_by(by)
    return _grouped(tx, query, "purchase_order_id")


def _grouped(tx: Transaction, query: Select[Any], key: str) -> dict[int, list[dict[str, Any]]]:
    groups: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in tx.execute(query):
        groups[row._mapping[key]].append(dict(row._mapping))
    return groups


def _without_ids(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in ("id", "purchase_order_id")} for row in rows]


def read_page(tx: Transaction, order: OrderRecord) -> OrderPage:
    """Read everything else recorded of an order."""
    suppliers = {one.supplier for one in order.purchase_orders if one.open}
    return OrderPage(
        order=order,
        lines=tuple(read_lines(tx, order.id)),
        timeline=tuple(timeline.read(tx, order.id)),
        incidents=tuple(found for found in open_incidents(tx) if found.supplier in suppliers),
    )


def read_lines(tx: Transaction, order_id: int) -> list[OrderLineRecord]:
    """List an order's lines as the customer sees them."""
    rows = tx.execute(select(order_lines).where(order_lines.c.order_id == order_id).order_by(order_lines.c.position))
    return [
        OrderLineRecord(
            line_id=row.line_id,
            variant_id=row.variant_id,
            sku=row.sku,
            title=row.title,
            ean=row.substitute_ean or row.ean,
            requires_shipping=row.requires_shipping,
            ordered=row.quantity,
            shipped=row.shipped,
            cancelled=row.cancelled,
            refunded=row.refunded,
        )
        for row in rows
    ]


def personal_details(tx: Transaction, order_id: int) -> dict[str, Any]:
    """Read the address that parcels go to, and the notes people wrote. Personal data: only where it was asked for."""
    address = (
        select(addresses.c.address, addresses.c.source)
        .join(orders, orders.c.address_id == addresses.c.id)
        .where(orders.c.id == order_id)
    )
    found = tx.execute(address).one_or_none()
    written = tx.execute(select(notes).where(notes.c.order_id == order_id).order_by(notes.c.id))
    return {
        "address": found.address if found else None,
        "address_from": found.source if found else None,
        "notes": [
            {"id": row.id, "author": row.author, "text": row.text, "stored_at": row.stored_at} for row in written
        ],
    }


def open_at_supplier(tx: Transaction, supplier: str) -> int:
    """Count a supplier's purchase orders that still run."""
    query = select(func.count()).where(
        purchase_orders.c.supplier == supplier, purchase_orders.c.state.not_in(PURCHASE_ORDER_ENDINGS)
    )
    return int(tx.execute(query).scalar_one())


def open_in_channel(tx: Transaction, channel: str) -> int:
    """Count a channel's orders that should be running."""
    query = select(func.count()).where(
        orders.c.channel == channel, orders.c.state.in_([OrderState.STARTABLE, OrderState.OPEN])
    )
    return int(tx.execute(query).scalar_one())
