"""What a supplier will not deliver, or may deliver though it was given up; and how often it left us in doubt."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from adapters.database import orders, reservations, timeline
from adapters.database.engine import Transaction
from adapters.database.purchase_orders import PurchaseOrderView
from models.articles import normalise_ean
from models.suppliers import DeclinedLine
from models.tables import purchase_order_lines, purchase_orders, tasks
from models.tasks import TaskCategory


def keep_declined(tx: Transaction, order: PurchaseOrderView, said: Sequence[DeclinedLine], *, now: datetime) -> int:
    """Keep what a supplier has declined so far, and give the units back. Returns the units declined in all.

    Said again it changes nothing. What has shipped can't be declined; of an article on several lines later ones lose.
    """
    if not said:
        return order.declined
    orders.lock(tx, order.order_id)
    lines = _lines(tx, order.id)
    declined = _spread(lines, said)
    for line in lines:
        units = declined[line.line_id, line.ean]
        if units != line.declined:
            mine = (
                purchase_order_lines.c.purchase_order_id == order.id,
                purchase_order_lines.c.line_id == line.line_id,
            )
            declining = update(purchase_order_lines).where(*mine, purchase_order_lines.c.ean == line.ean)
            tx.execute(declining.values(declined=units))
    total = sum(declined.values())
    if total > order.declined:
        _give_back(tx, order, declined, total, now)
    return total


def _lines(tx: Transaction, purchase_order_id: int) -> Sequence[Row[Any]]:
    query = select(purchase_order_lines).where(purchase_order_lines.c.purchase_order_id == purchase_order_id)
    return tx.execute(query.order_by(purchase_order_lines.c.line_id, purchase_order_lines.c.ean)).all()


def _spread(lines: Sequence[Row[Any]], said: Sequence[DeclinedLine]) -> dict[tuple[str, str], int]:
    """Spread declined units over lines, never beyond what is open there, and never taking back what was declined."""
    left: dict[str, int] = {}
    for one in said:
        ean = normalise_ean(one.ean)
        left[ean] = left.get(ean, 0) + one.quantity
    declined: dict[tuple[str, str], int] = {}
    for line in reversed(lines):
        ean = normalise_ean(line.ean)
        units = max(line.declined, min(left.get(ean, 0), line.quantity - line.shipped))
        left[ean] = max(left.get(ean, 0) - units, 0)
        declined[line.line_id, line.ean] = units
    return declined


def _give_back(
    tx: Transaction, order: PurchaseOrderView, declined: dict[tuple[str, str], int], total: int, now: datetime
) -> None:
    by_article: dict[str, int] = {}
    for (_, ean), units in declined.items():
        by_article[ean] = by_article.get(ean, 0) + units
    by_article = {ean: units for ean, units in by_article.items() if units}
    reservations.decline(tx, order.id, by_article, now=now)
    timeline.tell(
        tx,
        order.order_id,
        "purchase_order.declined",
        at=now,
        purchase_order_id=order.id,
        key=f"{order.id}:declined:{total}",
        supplier=order.supplier,
        units=total,
        articles=by_article,
    )


def give_up(tx: Transaction, purchase_order_id: int, *, now: datetime) -> None:
    """Note that its units go elsewhere although its supplier may still deliver them."""
    noting = update(purchase_orders).where(
        purchase_orders.c.id == purchase_order_id, purchase_orders.c.given_up_at.is_(None)
    )
    tx.execute(noting.values(given_up_at=now))


def count_trouble(tx: Transaction, purchase_order_id: int) -> None:
    """Count one more doubt, outage or unclear answer: the supplier's scorecard shows it."""
    counting = update(purchase_orders).where(purchase_orders.c.id == purchase_order_id)
    tx.execute(counting.values(trouble=purchase_orders.c.trouble + 1))


def told_of_twice(tx: Transaction, purchase_order_id: int) -> bool:
    """Say whether a person was told that this purchase order is delivered although it was given up."""
    query = select(tasks.c.id).where(
        tasks.c.purchase_order_id == purchase_order_id, tasks.c.category == TaskCategory.TWICE_DELIVERED
    )
    return tx.execute(query.limit(1)).scalar() is not None
