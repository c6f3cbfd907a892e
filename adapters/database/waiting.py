"""Orders that wait for stock, and what a look at the stock has found for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from adapters.database.engine import Transaction
from models.backordering import Waiting
from models.identifiers import order_workflow_id


@dataclass(frozen=True, slots=True)
class WaitingOrders:
    """What open orders wait for, oldest order first, and by which workflow each of them hears of it."""

    parts: Sequence[Waiting]
    workflows: Mapping[int, str]


# One that a person holds would not order what arrives: it looks for itself when it is released.
_WAITING = text("""
SELECT b.*, o.channel, o.storefront_order_id
FROM backorders b JOIN orders o ON o.id = b.order_id AND o.state = 'open' AND o.cancel_requested_at IS NULL
WHERE b.ended_at IS NULL AND coalesce((
    SELECT event FROM timeline h
    WHERE h.order_id = o.id AND h.purchase_order_id IS NULL AND h.event IN ('command.hold', 'command.release')
    ORDER BY h.id DESC LIMIT 1
), '') <> 'command.hold'
ORDER BY o.received_at, o.id, b.id
""")

# Beside other looks and plans: what one of them works on is seen again in a minute.
_NOTE = text("""
WITH seen AS (
    SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:counts AS integer[]), CAST(:planned AS timestamptz[]))
        AS seen (id, count, planned_at)
), mine AS (
    SELECT b.id, s.count FROM backorders b JOIN seen s USING (id, planned_at)
    WHERE b.had > s.count OR b.woken_for <> s.count ORDER BY b.id FOR NO KEY UPDATE OF b SKIP LOCKED
)
UPDATE backorders b SET had = least(b.had, mine.count), woken_for = NULL
FROM mine WHERE mine.id = b.id
""")

_WOKEN = text("""
WITH seen AS (
    SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:counts AS integer[])) AS seen (id, count)
), mine AS (
    SELECT b.id, s.count FROM backorders b JOIN seen s USING (id) ORDER BY b.id FOR NO KEY UPDATE OF b
)
UPDATE backorders b SET woken_at = :now, woken_for = mine.count FROM mine WHERE mine.id = b.id
""")


def read(tx: Transaction) -> WaitingOrders:
    """Read what open orders wait for."""
    rows = tx.execute(_WAITING).all()
    parts = [
        Waiting(
            id=row.id,
            order_id=row.order_id,
            ean=row.ean,
            units=row.units,
            had=row.had,
            left_out=frozenset(row.left_out),
            partial=row.partial,
            planned_at=row.planned_at,
            woken_at=row.woken_at,
            woken_for=row.woken_for,
        )
        for row in rows
    ]
    return WaitingOrders(parts, {row.order_id: order_workflow_id(row.channel, row.storefront_order_id) for row in rows})


def note(tx: Transaction, parts: Sequence[Waiting], counts: Mapping[int, int]) -> None:
    """Remember where less can be had than before: when it comes back, it is news."""
    sunk = [one for one in parts if counts[one.id] < one.had or one.woken_for not in (None, counts[one.id])]
    given = {
        "ids": [one.id for one in sunk],
        "counts": [counts[one.id] for one in sunk],
        "planned": [one.planned_at for one in sunk],
    }
    if sunk:
        tx.execute(_NOTE, given)


def woken(tx: Transaction, parts: Sequence[Waiting], counts: Mapping[int, int], *, now: datetime) -> None:
    """Remember that an order was woken for what can be had now."""
    ids = [one.id for one in parts]
    tx.execute(_WOKEN, {"ids": ids, "counts": [counts[key] for key in ids], "now": now})
