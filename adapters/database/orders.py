"""Customer orders: claimed by one chain of runs, screened, settled. Quantities balance on every path."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Row, and_, bindparam, case, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database import tasks, timeline
from adapters.database.engine import Transaction
from models.identifiers import content_key
from models.orders import Address
from models.screening import ScreenedLine
from models.statuses import ORDER_ENDINGS, PURCHASE_ORDER_ENDINGS, OrderState, PurchaseOrderState
from models.tables import addresses, article_mappings, order_lines, orders, purchase_orders


@dataclass(frozen=True)
class OrderView:
    """An order as an activity reads it."""

    id: int
    channel: str
    storefront_order_id: str
    name: str
    state: OrderState
    test: bool
    currency: str
    total: Decimal
    ship_country: str | None
    address: Address | None
    cancel_requested: bool


def claim(tx: Transaction, order_id: int, first_run_id: str) -> bool:
    """Make this chain of runs the order's owner. False where another one is, or where the order has ended."""
    claiming = (
        update(orders)
        .where(
            orders.c.id == order_id,
            orders.c.state.in_([OrderState.STARTABLE, OrderState.OPEN]),
            func.coalesce(orders.c.first_run_id, first_run_id) == first_run_id,
        )
        .values(first_run_id=first_run_id, state=OrderState.OPEN)
    )
    return tx.execute(claiming).rowcount == 1


def load(tx: Transaction, order_id: int, *, lock: bool = False) -> OrderView:
    """Read one order with its effective address. With ``lock`` nobody else changes it until the transaction ends."""
    query = (
        select(orders, addresses.c.address)
        .join(addresses, addresses.c.id == orders.c.address_id, isouter=True)
        .where(orders.c.id == order_id)
    )
    return _view(tx.execute(query.with_for_update(of=orders, key_share=True) if lock else query).one())


def _view(row: Row[tuple[object, ...]]) -> OrderView:
    return OrderView(
        id=row.id,
        channel=row.channel,
        storefront_order_id=row.storefront_order_id,
        name=row.name,
        state=OrderState(row.state),
        test=row.test,
        currency=row.currency,
        total=row.total,
        ship_country=row.ship_country,
        address=Address.model_validate(row.address) if row.address else None,
        cancel_requested=row.cancel_requested_at is not None,
    )


def lines_to_screen(tx: Transaction, order_id: int, channel: str) -> list[ScreenedLine]:
    """List the lines that ship, with the article a person has mapped, where one has."""
    mapped = and_(article_mappings.c.channel == channel, article_mappings.c.variant_id == order_lines.c.variant_id)
    query = (
        select(order_lines.c.line_id, order_lines.c.variant_id, article_mappings.c.ean)
        .join(article_mappings, mapped, isouter=True)
        .where(order_lines.c.order_id == order_id, order_lines.c.requires_shipping)
        .order_by(order_lines.c.position)
    )
    return [ScreenedLine(row.line_id, row.variant_id, row.ean) for row in tx.execute(query)]


def set_articles(tx: Transaction, order_id: int, eans: Mapping[str, str]) -> None:
    """Keep which article each line is."""
    if eans:
        setting = update(order_lines).where(
            order_lines.c.order_id == order_id, order_lines.c.line_id == bindparam("key_line")
        )
        rows = [{"key_line": line_id, "ean": ean} for line_id, ean in eans.items()]
        tx.execute(setting.values(ean=bindparam("ean")), rows)


def map_article(tx: Transaction, channel: str, variant_id: str, ean: str, *, by: str, now: datetime) -> None:
    """Keep a person's word on which article a variant is; it outranks the storefront's barcode."""
    values = {"channel": channel, "variant_id": variant_id, "ean": ean, "mapped_by": by, "mapped_at": now}
    insertion = upsert(article_mappings).values(values)
    changed = {name: insertion.excluded[name] for name in ("ean", "mapped_by", "mapped_at")}
    tx.execute(insertion.on_conflict_do_update(index_elements=["channel", "variant_id"], set_=changed))


_OPEN = order_lines.c.quantity - order_lines.c.shipped - order_lines.c.cancelled - order_lines.c.refunded


def lock(tx: Transaction, order_id: int) -> None:
    """Lock an order's row. Whoever changes a purchase order too locks the order first: nobody waits in a circle."""
    tx.execute(select(orders.c.id).where(orders.c.id == order_id).with_for_update(key_share=True))


def settle_if_shipped(tx: Transaction, order_id: int, *, now: datetime) -> OrderState | None:
    """Close the books in the transaction that ships the last open unit; None while anything is open.

    The caller has locked the order before all else: of two purchase orders that end at once, the second settles.
    """
    open_units = select(func.coalesce(func.sum(_OPEN), 0)).where(
        order_lines.c.order_id == order_id, order_lines.c.requires_shipping
    )
    running = select(func.count()).where(
        purchase_orders.c.order_id == order_id, purchase_orders.c.state.not_in(PURCHASE_ORDER_ENDINGS)
    )
    open_count, running_count = tx.execute(select(open_units.scalar_subquery(), running.scalar_subquery())).one()
    return None if open_count or running_count else settle(tx, order_id, now=now)


def settle(tx: Transaction, order_id: int, *, now: datetime) -> OrderState:
    """Close an order's books: what is still open counts as cancelled, and the quantities say how it ended.

    Settling again changes nothing and returns the same ending.
    """
    order = load(tx, order_id, lock=True)
    if order.state in ORDER_ENDINGS:
        return order.state
    ending = _ending(tx, order_id)
    if ending in (OrderState.CANCELLED, OrderState.PARTIALLY_SHIPPED):
        closing = update(order_lines).where(order_lines.c.order_id == order_id, order_lines.c.requires_shipping)
        tx.execute(closing.values(cancelled=order_lines.c.cancelled + _OPEN))
    tx.execute(update(orders).where(orders.c.id == order_id).values(state=ending, ended_at=now))
    tasks.close_open_ones(tx, order_id=order_id, now=now, answer=f"the order ended: {ending}")
    timeline.tell(tx, order_id, f"order.{ending}", at=now, key=f"{order_id}:settled")
    return ending


def _ending(tx: Transaction, order_id: int) -> OrderState:
    """Read from the quantities, then from the purchase orders, how an order ends."""
    sums = select(func.coalesce(func.sum(order_lines.c.shipped), 0), func.coalesce(func.sum(_OPEN), 0)).where(
        order_lines.c.order_id == order_id, order_lines.c.requires_shipping
    )
    shipped, still_open = tx.execute(sums).one()
    if shipped:
        cancelled = tx.execute(
            select(func.sum(order_lines.c.cancelled)).where(order_lines.c.order_id == order_id)
        ).scalar_one()
        return OrderState.PARTIALLY_SHIPPED if still_open or cancelled else OrderState.SHIPPED
    states = select(
        func.max(case((purchase_orders.c.state == PurchaseOrderState.TEST_PLACED, 1), else_=0)),
        func.max(case((purchase_orders.c.state == PurchaseOrderState.OBSERVED, 1), else_=0)),
    ).where(purchase_orders.c.order_id == order_id)
    test_placed, observed = tx.execute(states).one()
    if test_placed:
        return OrderState.TEST_PLACED
    return OrderState.OBSERVED if observed else OrderState.CANCELLED


def request_cancel(tx: Transaction, order_id: int, *, now: datetime) -> None:
    """Note that the customer's side has cancelled: nothing more is ordered, and no refund is owed by us."""
    noting = update(orders).where(orders.c.id == order_id, orders.c.cancel_requested_at.is_(None))
    tx.execute(noting.values(cancel_requested_at=now))


def cancelled_here(tx: Transaction, order_id: int) -> int:
    """Count the units that we cancelled of an order that the storefront still holds for paid and uncancelled."""
    query = (
        select(func.coalesce(func.sum(order_lines.c.cancelled), 0))
        .join(orders, orders.c.id == order_lines.c.order_id)
        .where(orders.c.id == order_id, orders.c.paid, orders.c.cancel_requested_at.is_(None))
    )
    units: int = tx.execute(query).scalar_one()
    return units


def store_address(tx: Transaction, order_id: int, address: Address, *, source: str, now: datetime) -> int:
    """Store an address that a person entered; a command then names its row."""
    document = address.model_dump(mode="json")
    digest = content_key(*document.values())
    row = {"order_id": order_id, "source": source, "address": document, "digest": digest, "stored_at": now}
    address_id: int = tx.execute(insert(addresses).values(row).returning(addresses.c.id)).scalar_one()
    return address_id


def use_address(tx: Transaction, order_id: int, address_id: int) -> bool:
    """Make a stored address the one that parcels go to. False where the row is not this order's."""
    own = select(addresses.c.id).where(addresses.c.id == address_id, addresses.c.order_id == order_id)
    if tx.execute(own).one_or_none() is None:
        return False
    tx.execute(update(orders).where(orders.c.id == order_id).values(address_id=address_id))
    return True
