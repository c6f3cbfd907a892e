"""Pick tasks: the purchase orders of our own warehouses, opened by their lifecycle and ended by people."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Row, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError

from adapters.database import following, timeline, withdrawals
from adapters.database import purchase_orders as records
from adapters.database.engine import Database, Transaction, lost_connection
from adapters.errors import AdapterError, Doubtful, NotSent, Unavailable
from models.articles import normalise_ean
from models.money import Money
from models.picks import Picked, PickLine, PickState, PickTask
from models.suppliers import DeclinedLine, StockAnswer, SupplierOrder, TrackedParcel
from models.supply_tables import offers
from models.tables import order_lines, orders, pick_lines, pick_tasks, purchase_order_lines, purchase_orders

Answer = TypeVar("Answer")

_OPEN = text("""
SELECT t.number, t.warehouse, coalesce(o.name, '') AS order_name, count(l.ean)::int AS articles,
    sum(l.quantity)::int AS units, t.opened_at, po.ship_by, coalesce(po.ship_by < :today, false) AS late
FROM pick_tasks t JOIN pick_lines l ON l.pick_id = t.id
LEFT JOIN purchase_orders po ON po.number = t.number LEFT JOIN orders o ON o.id = po.order_id
WHERE t.state = 'open' AND (CAST(:warehouse AS text) IS NULL OR t.warehouse = :warehouse)
GROUP BY t.id, po.id, o.id ORDER BY po.ship_by NULLS LAST, t.id LIMIT :limit
""")


class PickRefusedError(RuntimeError):
    """What a person says of a pick task does not fit how it stands; the message says how, and what to do."""


def open_task(tx: Transaction, warehouse: str, order: SupplierOrder, *, now: datetime) -> PickTask:
    """Open a pick task, once per number; a test is kept as cancelled, so that nobody packs it."""
    row = {
        "warehouse": warehouse,
        "number": order.number,
        "state": PickState.CANCELLED if order.test else PickState.OPEN,
        "address": order.address.model_dump(mode="json"),
        "test": order.test,
        "opened_at": now,
        "changed_at": now,
    }
    opening = upsert(pick_tasks).values(row).on_conflict_do_nothing(index_elements=["number"])
    key = tx.execute(opening.returning(pick_tasks.c.id)).scalar()
    if key is not None:
        units: dict[str, int] = {}
        for line in order.lines:
            units[normalise_ean(line.ean)] = units.get(normalise_ean(line.ean), 0) + line.quantity
        tx.execute(insert(pick_lines), [{"pick_id": key, "ean": ean, "quantity": n} for ean, n in units.items()])
    found = find(tx, order.number)
    assert found is not None
    return found


def find(tx: Transaction, number: str, *, lock: bool = False) -> PickTask | None:
    """Read a pick task by our number."""
    query = select(pick_tasks).where(pick_tasks.c.number == number)
    row = tx.execute(query.with_for_update() if lock else query).one_or_none()
    return _task(tx, row) if row else None


def _task(tx: Transaction, row: Row[Any]) -> PickTask:
    lines = tx.execute(select(pick_lines).where(pick_lines.c.pick_id == row.id).order_by(pick_lines.c.ean))
    return PickTask(
        warehouse=row.warehouse,
        number=row.number,
        state=PickState(row.state),
        test=row.test,
        lines=tuple(PickLine(ean=line.ean, quantity=line.quantity, short=line.short) for line in lines),
        opened_at=row.opened_at,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        tracking_number=row.tracking_number,
        carrier=row.carrier,
        reason=row.reason,
    )


def list_open(tx: Transaction, *, warehouse: str | None, today: datetime, limit: int) -> list[dict[str, Any]]:
    """List what is to be picked, the first promised first."""
    values = {"warehouse": warehouse, "today": today.date(), "limit": limit}
    return [dict(row._mapping) for row in tx.execute(_OPEN, values)]


def slip(tx: Transaction, number: str) -> dict[str, Any] | None:
    """Read what a pick slip shows beside the task: address, order, and what the articles are. Holds personal data."""
    row = tx.execute(
        select(pick_tasks.c.address, orders.c.name.label("order_name"), purchase_orders.c.id, purchase_orders.c.ship_by)
        .join(purchase_orders, purchase_orders.c.number == pick_tasks.c.number, isouter=True)
        .join(orders, orders.c.id == purchase_orders.c.order_id, isouter=True)
        .where(pick_tasks.c.number == number)
    ).one_or_none()
    if row is None:
        return None
    return {**row._mapping, "articles": _articles(tx, row.id)}


def _articles(tx: Transaction, purchase_order_id: int | None) -> dict[str, dict[str, str]]:
    lines, titles = purchase_order_lines, order_lines
    query = (
        select(lines.c.ean, func.max(lines.c.sku).label("sku"), func.max(titles.c.title).label("title"))
        .join(purchase_orders, purchase_orders.c.id == lines.c.purchase_order_id)
        .join(titles, (titles.c.order_id == purchase_orders.c.order_id) & (titles.c.line_id == lines.c.line_id))
        .where(lines.c.purchase_order_id == purchase_order_id)
        .group_by(lines.c.ean)
    )
    return {row.ean: {"sku": row.sku, "title": row.title} for row in tx.execute(query)}


def workflow_of(tx: Transaction, number: str) -> str | None:
    """Name the lifecycle that waits for a pick task; None where its purchase order has ended."""
    query = select(purchase_orders.c.workflow_id).where(
        purchase_orders.c.number == number, purchase_orders.c.ended_at.is_(None)
    )
    found: str | None = tx.execute(query).scalar()
    return found


def ship(tx: Transaction, number: str, picked: Picked, *, now: datetime) -> bool:
    """Note that a pick task has left the house. False where exactly that was said before.

    Raises PickRefusedError where it was called off meanwhile, ended otherwise, or does not hold what is short.
    """
    task = _locked(tx, number)
    if task.state is PickState.SHIPPED and _said_before(task, picked):
        return False
    _refuse_unless_open(task)
    _refuse_impossible(task, picked)
    values = {"state": PickState.SHIPPED, "tracking_number": picked.tracking_number, "carrier": picked.carrier}
    _change(tx, number, by=picked.by, now=now, **values)
    key = select(pick_tasks.c.id).where(pick_tasks.c.number == number).scalar_subquery()
    for ean, units in picked.short.items():
        noting = update(pick_lines).where(pick_lines.c.pick_id == key, pick_lines.c.ean == ean)
        tx.execute(noting.values(short=units))
    _tell_order(tx, number, picked, now=now)
    return True


def refuse(tx: Transaction, number: str, *, reason: str, by: str, now: datetime) -> bool:
    """Note that the warehouse will not send any of it. False where that was said before."""
    task = _locked(tx, number)
    if task.state is PickState.REFUSED:
        return False
    _refuse_unless_open(task)
    _change(tx, number, by=by, now=now, state=PickState.REFUSED, reason=reason)
    if known := _purchase_order(tx, number):
        every = tuple(DeclinedLine(ean=line.ean, quantity=line.quantity) for line in task.lines)
        _decline(tx, known, every, now=now)
        timeline.tell(
            tx, known.order_id, "warehouse.refused", at=now, actor=by, purchase_order_id=known.id, number=number
        )
    return True


def cancel(tx: Transaction, number: str, *, now: datetime) -> PickTask | None:
    """Call a pick task off while it is open, and return it as it stands then."""
    task = find(tx, number, lock=True)
    if task is None or task.state is not PickState.OPEN:
        return task
    _change(tx, number, by=None, now=now, state=PickState.CANCELLED)
    return find(tx, number)


def _locked(tx: Transaction, number: str) -> PickTask:
    task = find(tx, number, lock=True)
    if task is None:
        raise PickRefusedError(f"there is no pick task {number}: `dropwright picks` lists them")
    return task


def _refuse_unless_open(task: PickTask) -> None:
    since = f"since {task.changed_at:%d %b %H:%M}Z"
    match task.state:
        case PickState.CANCELLED:
            raise PickRefusedError(f"{task.number} is called off {since}: put it back on the shelf, nothing is sent")
        case PickState.SHIPPED:
            raise PickRefusedError(f"{task.number} has left the house {since} as {task.tracking_number}")
        case PickState.REFUSED:
            raise PickRefusedError(
                f"{task.number} was refused {since}: it may be ordered elsewhere by now, don't send it"
            )


def _said_before(task: PickTask, picked: Picked) -> bool:
    parcel = (task.tracking_number, task.carrier) == (picked.tracking_number, picked.carrier)
    return parcel and {line.ean: line.quantity for line in task.declined} == picked.short


def _refuse_impossible(task: PickTask, picked: Picked) -> None:
    if unknown := task.unknown(picked.short):
        wanted = ", ".join(f"{line.ean} ({line.quantity})" for line in task.lines)
        raise PickRefusedError(f"{task.number} can't be short of {', '.join(unknown)}: it is {wanted}")
    if sum(picked.short.values()) == sum(line.quantity for line in task.lines):
        raise PickRefusedError(f"nothing of {task.number} was found: say `dropwright picks refuse` instead")


def _change(tx: Transaction, number: str, *, by: str | None, now: datetime, **values: Any) -> None:
    changing = update(pick_tasks).where(pick_tasks.c.number == number)
    tx.execute(changing.values(**values, changed_by=by, changed_at=now))


def _tell_order(tx: Transaction, number: str, picked: Picked, *, now: datetime) -> None:
    known = _purchase_order(tx, number)
    if known is None:
        return
    short = tuple(DeclinedLine(ean=ean, quantity=units) for ean, units in picked.short.items())
    _decline(tx, known, short, now=now)
    parcel = TrackedParcel(tracking_number=picked.tracking_number, carrier=picked.carrier)
    following.keep_parcels(tx, known.id, [parcel], source="push", now=now)
    timeline.tell(
        tx,
        known.order_id,
        "warehouse.picked",
        at=now,
        actor=picked.by,
        purchase_order_id=known.id,
        tracking=picked.tracking_number,
        carrier=picked.carrier,
        short=picked.short,
    )


def _decline(tx: Transaction, known: Row[Any, Any, Any], lines: Sequence[DeclinedLine], *, now: datetime) -> None:
    """Give units back before the lifecycle hears: its next look finds them. One that has ended gave all back."""
    if lines and known.ended_at is None:
        withdrawals.keep_declined(tx, records.load(tx, known.id), lines, now=now)


def _purchase_order(tx: Transaction, number: str) -> Row[Any, Any, Any] | None:
    columns = (purchase_orders.c.id, purchase_orders.c.order_id, purchase_orders.c.ended_at)
    return tx.execute(select(*columns).where(purchase_orders.c.number == number)).one_or_none()


class Desk:
    """The pick desk on our own database, with failures as suppliers have them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_pick(self, warehouse: str, order: SupplierOrder) -> PickTask:
        """Open a pick task, once by its number. A commit without an answer is asked for once more: it can't be twice."""
        try:
            return self._opened(warehouse, order)
        except Doubtful:
            try:
                return self._opened(warehouse, order)
            except AdapterError:
                raise Doubtful("pick desk: the database went away while it was written", code="lost") from None

    def _opened(self, warehouse: str, order: SupplierOrder) -> PickTask:
        with self._transaction(Doubtful) as tx:
            return open_task(tx, warehouse, order, now=datetime.now(UTC))

    def find_pick(self, warehouse: str, number: str) -> PickTask | None:
        """Read a pick task of this warehouse by our number."""
        return self._of(warehouse, lambda tx: find(tx, number))

    def cancel_pick(self, warehouse: str, number: str) -> PickTask | None:
        """Call a pick task off while it is open."""
        if self.find_pick(warehouse, number) is None:
            return None
        return self._of(warehouse, lambda tx: cancel(tx, number, now=datetime.now(UTC)))

    def _of(self, warehouse: str, work: Callable[[Transaction], PickTask | None]) -> PickTask | None:
        with self._transaction(Unavailable) as tx:
            task = work(tx)
        return task if task is not None and task.warehouse == warehouse else None

    def count_stock(self, warehouse: str, eans: Sequence[str]) -> dict[str, StockAnswer]:
        """Read what feeds brought of some articles."""
        query = (
            select(
                offers.c.ean,
                func.sum(offers.c.quantity).label("units"),
                func.min(offers.c.unit_cost),
                offers.c.currency,
            )
            .where(offers.c.supplier == warehouse, offers.c.ean.in_(list(eans)), offers.c.known)
            .group_by(offers.c.ean, offers.c.currency)
        )
        with self._transaction(Unavailable) as tx:
            return {ean: _counted(ean, units, cost, currency) for ean, units, cost, currency in tx.execute(query)}

    def count_open(self, warehouse: str) -> int:
        """Count what is still to be picked."""
        query = select(func.count()).where(pick_tasks.c.warehouse == warehouse, pick_tasks.c.state == PickState.OPEN)
        with self._transaction(Unavailable) as tx:
            return int(tx.execute(query).scalar_one())

    @contextmanager
    def _transaction(self, failure: type[AdapterError]) -> Iterator[Transaction]:
        """Open a transaction. Before it is open nothing can have been written; after that ``failure`` says what it means."""
        begun = False
        try:
            with self._database.begin() as tx:
                begun = True
                yield tx
        except DBAPIError as error:
            if begun and not lost_connection(error):
                raise
            kind = failure if begun else NotSent
            raise kind(f"pick desk: the database gave no answer ({type(error).__name__})", code="database") from None


def _counted(ean: str, units: int, cost: Any, currency: str) -> StockAnswer:
    unit_cost = None if cost is None else Money(amount=cost, currency=currency)
    return StockAnswer(ean=ean, known=True, quantity=max(units, 0), unit_cost=unit_cost)
