"""Backorders: units of open orders that nobody could deliver when they were last planned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text, update

from adapters.database import timeline
from adapters.database.engine import Transaction
from models.backordering import Part
from models.tables import backorders, order_lines


@dataclass(frozen=True, slots=True)
class ShortPart:
    """Units of an article that an order lacks, as a plan has found them."""

    line_id: str
    ean: str
    units: int
    had: int  # units that the plan saw and left where they are
    left_out: Sequence[str]
    partial: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an order's backorders: since when each part was first short, and until when stock is awaited."""

    since: Mapping[Part, datetime]
    until: datetime | None  # of those that are open now
    open: frozenset[Part]


def standing(tx: Transaction, order_id: int) -> Standing:
    """Read an order's backorders, the ended ones too: a customer's patience began with the first."""
    rows = tx.execute(select(backorders).where(backorders.c.order_id == order_id)).all()
    open_ones = [row for row in rows if row.ended_at is None]
    return Standing(
        since={(row.line_id, row.ean): row.since for row in rows},
        until=max((row.until for row in open_ones if row.until is not None), default=None),
        open=frozenset((row.line_id, row.ean) for row in open_ones),
    )


_KEEP = text("""
WITH short AS (
    SELECT * FROM unnest(CAST(:lines AS text[]), CAST(:eans AS text[]), CAST(:units AS integer[]),
        CAST(:had AS integer[]), CAST(:left_out AS text[]), CAST(:partial AS boolean[]))
        AS short (line_id, ean, units, had, left_out, partial)
), covered AS (
    UPDATE backorders b SET ended_at = :now
    WHERE b.order_id = :order_id AND b.ended_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM short s WHERE (s.line_id, s.ean) = (b.line_id, b.ean))
)
INSERT INTO backorders AS b
    (order_id, line_id, ean, units, had, left_out, partial, since, planned_at, until, ended_at)
SELECT :order_id, line_id, ean, units, had, coalesce(string_to_array(nullif(left_out, ''), ','), '{}'),
    partial, :now, :now, :until, NULL
FROM (SELECT line_id, ean, units, had, left_out, partial FROM short) s
ON CONFLICT (order_id, line_id, ean) DO UPDATE SET units = excluded.units, had = excluded.had,
    left_out = excluded.left_out, partial = excluded.partial, planned_at = excluded.planned_at,
    until = excluded.until, ended_at = NULL
""")


def keep(tx: Transaction, order_id: int, short: Sequence[ShortPart], *, until: datetime | None, now: datetime) -> None:
    """Write what an order lacks; what it lacked before and no longer does has ended. The order's row is locked."""
    given = {
        "order_id": order_id,
        "lines": [part.line_id for part in short],
        "eans": [part.ean for part in short],
        "units": [part.units for part in short],
        "had": [part.had for part in short],
        "left_out": [",".join(sorted(part.left_out)) for part in short],
        "partial": [part.partial for part in short],
        "until": until,
        "now": now,
    }
    tx.execute(_KEEP, given)


def end(tx: Transaction, order_id: int, *, now: datetime) -> int:
    """End an order's backorders. Returns how many were open."""
    ending = update(backorders).where(backorders.c.order_id == order_id, backorders.c.ended_at.is_(None))
    return tx.execute(ending.values(ended_at=now)).rowcount


def end_lines(tx: Transaction, order_id: int, line_ids: Sequence[str], *, now: datetime) -> None:
    """End what lines lack: they were given up, or have become another article."""
    ending = update(backorders).where(
        backorders.c.order_id == order_id, backorders.c.line_id.in_(line_ids), backorders.c.ended_at.is_(None)
    )
    tx.execute(ending.values(ended_at=now))


def cancel_units(
    tx: Transaction, order_id: int, units: Mapping[str, int], *, now: datetime, because: str
) -> dict[str, int]:
    """Count units of lines as cancelled, at most what is open of them. Returns what was cancelled, by line.

    The order's row is locked by this transaction. What a purchase order covers meanwhile is not cancelled.
    """
    cancelled = {}
    for line_id, wanted in units.items():
        line = (order_lines.c.order_id == order_id, order_lines.c.line_id == line_id)
        still_open = tx.execute(select(_OPEN).where(*line).with_for_update()).scalar_one()
        covered = tx.execute(_COVERED, {"order_id": order_id, "line": line_id}).scalar_one()
        if counted := max(0, min(wanted, still_open - covered)):
            tx.execute(update(order_lines).where(*line).values(cancelled=order_lines.c.cancelled + counted))
            cancelled[line_id] = counted
    if cancelled:
        timeline.tell(tx, order_id, "order.units_cancelled", at=now, lines=cancelled, because=because)
    return cancelled


# Of a bundle as many as can be made of the parts that have shipped or are on order, less those that have shipped whole.
_COVERED = text("""
WITH covered AS (
    SELECT l.ean, sum(l.shipped) AS sent, coalesce(sum(l.quantity - l.shipped - l.declined) FILTER (
        WHERE p.ended_at IS NULL OR p.state IN ('observed', 'test_placed')
    ), 0) AS running
    FROM purchase_orders p JOIN purchase_order_lines l ON l.purchase_order_id = p.id
    WHERE p.order_id = :order_id AND l.line_id = :line GROUP BY l.ean
)
SELECT coalesce((
    SELECT greatest(min(floor((coalesce(c.sent, 0) + coalesce(c.running, 0)) / t.per_unit)) - max(o.shipped), 0)
    FROM order_line_parts t JOIN order_lines o USING (order_id, line_id) LEFT JOIN covered c ON c.ean = t.ean
    WHERE t.order_id = :order_id AND t.line_id = :line HAVING count(*) > 0
), (SELECT sum(running) FROM covered), 0)::bigint
""")

_OPEN = func.greatest(
    order_lines.c.quantity - order_lines.c.shipped - order_lines.c.cancelled - order_lines.c.refunded, 0
)
