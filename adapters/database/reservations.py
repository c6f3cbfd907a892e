"""Units that our orders hold of suppliers' offers, or have taken and the supplier's own figure does not show yet.

``offers.reserved`` is the sum of an offer's held and consumed reservations, always changed in the transaction that
changes them. Whoever changes it locks the offers first, in (supplier, sku) order as feeds do, then reservations by id:
so nobody meets anybody else in a deadlock. Every function is one statement, and done twice it does nothing more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text

from adapters.database.engine import Transaction
from adapters.database.feeds import FeedRun


@dataclass(frozen=True, slots=True)
class Want:
    """Units of one offer for one part of a line. ``buffer`` are units of the offer that must stay where they are."""

    supplier: str
    sku: str
    ean: str
    line_id: str
    units: int
    buffer: int = 0


# A row that was changed since the statement began is read again as it is now, once it could be locked: `stood` are the
# quantities that the update will meet.
_RESERVE = text("""
WITH wanted AS (
    SELECT supplier, sku, sum(units)::int AS units, max(buffer) AS buffer FROM unnest(
        CAST(:suppliers AS text[]), CAST(:skus AS text[]), CAST(:units AS int[]), CAST(:buffers AS int[])
    ) AS given (supplier, sku, units, buffer) GROUP BY supplier, sku
), stood AS MATERIALIZED (
    SELECT w.supplier, w.sku, w.units, o.quantity - o.reserved - w.buffer >= w.units AS enough
    FROM wanted w JOIN offers o ON o.supplier = w.supplier AND o.sku = w.sku
    ORDER BY o.supplier, o.sku FOR NO KEY UPDATE OF o
)
UPDATE offers o SET reserved = o.reserved + s.units FROM stood s
WHERE o.supplier = s.supplier AND o.sku = s.sku
    AND (SELECT count(*) FROM wanted) = (SELECT count(*) FROM stood WHERE enough)
""")

# The same for one offer, whose row lock needs no order.
_RESERVE_ONE = text("""
UPDATE offers SET reserved = reserved + :units
WHERE supplier = :supplier AND sku = :sku AND quantity - reserved - :buffer >= :units
""")

_RECORD = text("""
INSERT INTO reservations
    (supplier, sku, ean, order_id, purchase_order_id, line_id, quantity, state, made_at, expires_at)
SELECT supplier, sku, ean, :order_id, purchase_order_id, line_id, units, 'held', :now, :expires_at FROM unnest(
    CAST(:purchase_orders AS bigint[]), CAST(:suppliers AS text[]), CAST(:skus AS text[]), CAST(:eans AS text[]),
    CAST(:lines AS text[]), CAST(:units AS int[])
) AS given (purchase_order_id, supplier, sku, ean, line_id, units)
""")

# One offer, one line: most orders are that. What is written comes first, so that the row is locked as late as possible.
_TAKE_ONE = text("""
WITH written AS (
    INSERT INTO reservations
        (supplier, sku, ean, order_id, purchase_order_id, line_id, quantity, state, made_at, expires_at)
    VALUES (:supplier, :sku, :ean, :order_id, :purchase_order, :line, :units, 'held', :now, :expires_at) RETURNING 1
)
UPDATE offers SET reserved = reserved + :units
WHERE supplier = :supplier AND sku = :sku AND quantity - reserved - :buffer >= :units AND EXISTS (SELECT FROM written)
""")

_CONSUME = text("""
WITH mine AS MATERIALIZED (
    SELECT id FROM reservations WHERE purchase_order_id = :purchase_order AND state = 'held' ORDER BY id FOR UPDATE
)
UPDATE reservations r SET state = 'consumed', consumed_at = :now FROM mine WHERE r.id = mine.id
""")

# Ends what `{due}` finds, and gives its units back. All offers are locked before the first reservation is.
_SETTLE = """
WITH locked AS MATERIALIZED (
    SELECT 1 FROM offers o WHERE (o.supplier, o.sku) IN (SELECT r.supplier, r.sku FROM reservations r {due})
    ORDER BY o.supplier, o.sku FOR NO KEY UPDATE
), ending AS MATERIALIZED (
    SELECT r.id FROM reservations r {due} AND (SELECT count(*) FROM locked) >= 0 ORDER BY r.id FOR UPDATE OF r
), settled AS (
    UPDATE reservations r SET state = :state, settled_at = :now FROM ending e
    WHERE r.id = e.id RETURNING r.supplier, r.sku, r.quantity
), freed AS (SELECT supplier, sku, sum(quantity)::int AS units FROM settled GROUP BY supplier, sku)
UPDATE offers o SET reserved = greatest(o.reserved - f.units, 0) FROM freed f
WHERE o.supplier = f.supplier AND o.sku = f.sku
"""

_OF_PURCHASE_ORDERS = "WHERE r.purchase_order_id = ANY(:ids) AND r.state IN ('held', 'consumed')"
_RELEASE = text(_SETTLE.format(due=_OF_PURCHASE_ORDERS))
_OF_ORDERS = """
JOIN purchase_orders p ON p.id = r.purchase_order_id
WHERE p.order_id = ANY(:ids) AND r.state IN ('held', 'consumed') AND r.expires_at <= :now
"""
_EXPIRE = text(_SETTLE.format(due=_OF_ORDERS))

# A feed that names a time in each row speaks as of that time: of a row that is unchanged, as of when it last was not.
_BY_FEED = """
JOIN feed_rows f ON f.supplier = r.supplier AND f.feed = :feed AND f.sku = r.sku
LEFT JOIN supply_terms t ON t.supplier = r.supplier
WHERE r.supplier = :supplier AND r.state = 'consumed'
    AND r.consumed_at + coalesce(t.stock_visible_after, '0') <= CASE WHEN :timed THEN coalesce(
        (SELECT least(coalesce(s.observed_at, CAST(:told_at AS timestamptz)), CAST(:begun AS timestamptz))
            FROM feed_staged s WHERE s.run_id = :run AND s.sku = r.sku LIMIT 1),
        (SELECT o.observed_at FROM offers o WHERE o.supplier = r.supplier AND o.sku = r.sku)
    ) ELSE CAST(:told_at AS timestamptz) END
    AND NOT EXISTS (
        SELECT 1 FROM feed_staged s WHERE s.run_id = :run AND s.sku = r.sku AND (s.absent OR s.quantity IS NULL)
    )
"""
_TAKE_IN = text(_SETTLE.format(due=_BY_FEED))

# What stays open is what was ordered less what is declined in all, so that saying it again changes nothing. Later lines
# lose first.
_DECLINE = text("""
WITH given AS (
    SELECT * FROM unnest(CAST(:eans AS text[]), CAST(:units AS int[])) AS given (ean, units)
), locked AS MATERIALIZED (
    SELECT 1 FROM offers o WHERE (o.supplier, o.sku) IN (
        SELECT r.supplier, r.sku FROM reservations r JOIN given g ON g.ean = r.ean
        WHERE r.purchase_order_id = :purchase_order AND r.state IN ('held', 'consumed')
    )
    ORDER BY o.supplier, o.sku FOR NO KEY UPDATE
), mine AS MATERIALIZED (
    SELECT r.id, r.ean, r.supplier, r.sku, r.quantity FROM reservations r JOIN given g ON g.ean = r.ean
    WHERE r.purchase_order_id = :purchase_order AND r.state IN ('held', 'consumed')
        AND (SELECT count(*) FROM locked) >= 0
    ORDER BY r.id FOR UPDATE OF r
), kept AS (
    SELECT g.ean, greatest(sum(l.quantity) - g.units, 0) AS units
    FROM given g JOIN purchase_order_lines l ON l.ean = g.ean AND l.purchase_order_id = :purchase_order
    GROUP BY g.ean, g.units
), cut AS (
    SELECT m.id, m.supplier, m.sku, m.quantity, least(m.quantity, greatest(
        sum(m.quantity) OVER (PARTITION BY m.ean ORDER BY m.id) - k.units, 0
    ))::int AS units
    FROM mine m JOIN kept k ON k.ean = m.ean
), ended AS (
    UPDATE reservations r SET quantity = CASE WHEN c.units < c.quantity THEN c.quantity - c.units ELSE c.quantity END,
        state = CASE WHEN c.units < c.quantity THEN r.state ELSE 'released' END,
        settled_at = CASE WHEN c.units < c.quantity THEN r.settled_at ELSE :now END
    FROM cut c WHERE r.id = c.id AND c.units > 0
), freed AS (SELECT supplier, sku, sum(units)::int AS units FROM cut WHERE units > 0 GROUP BY supplier, sku)
UPDATE offers o SET reserved = greatest(o.reserved - f.units, 0) FROM freed f
WHERE o.supplier = f.supplier AND o.sku = f.sku
""")


_SHORT = """
SELECT s.supplier, s.sku, s.ean, s.quantity, s.promised, s.orders FROM shortfalls s
"""
_SHORT_BY_FEED = text(
    _SHORT
    + """
JOIN feed_runs u ON u.id = :run AND u.supplier = s.supplier
JOIN feed_rows f ON f.supplier = s.supplier AND f.feed = u.feed AND f.sku = s.sku
ORDER BY s.promised - s.quantity DESC, s.sku
"""
)
_ALL_SHORT = text(_SHORT + "ORDER BY s.supplier, s.sku")

_OPEN = text("""
SELECT r.supplier, r.sku, r.ean, r.quantity, r.state, o.channel, o.name AS order, p.number AS purchase_order, r.made_at,
    r.expires_at, r.consumed_at
FROM reservations r JOIN purchase_orders p ON p.id = r.purchase_order_id JOIN orders o ON o.id = r.order_id
WHERE r.state IN ('held', 'consumed') AND r.supplier = coalesce(:supplier, r.supplier)
    AND coalesce(:article, r.sku) IN (r.sku, r.ean)
ORDER BY r.supplier, r.sku, r.id LIMIT :limit
""")


class Shortfall(NamedTuple):
    """An offer that has fewer units than orders were promised of it."""

    supplier: str
    sku: str
    ean: str | None
    quantity: int
    promised: int
    orders: int


def reserve(tx: Transaction, wants: Sequence[Want]) -> bool:
    """Reserve all of these units, or none where an offer has fewer of them, after its buffer, than are wanted.

    The rows stay locked until the transaction ends: called last, it makes others wait the shortest.
    """
    if not wants:
        return True
    if len(wants) == 1:
        (one,) = wants
        given = {"supplier": one.supplier, "sku": one.sku, "units": one.units, "buffer": one.buffer}
        return tx.execute(_RESERVE_ONE, given).rowcount == 1
    columns = {
        "suppliers": [one.supplier for one in wants],
        "skus": [one.sku for one in wants],
        "units": [one.units for one in wants],
        "buffers": [one.buffer for one in wants],
    }
    return tx.execute(_RESERVE, columns).rowcount > 0


def record(
    tx: Transaction, order_id: int, held: Sequence[tuple[int, Want]], *, now: datetime, expires_at: datetime
) -> None:
    """Write down which purchase order holds what ``reserve`` takes, in the same transaction."""
    if not held:
        return
    wants = [want for _, want in held]
    columns = {
        "purchase_orders": [purchase_order_id for purchase_order_id, _ in held],
        "suppliers": [one.supplier for one in wants],
        "skus": [one.sku for one in wants],
        "eans": [one.ean for one in wants],
        "lines": [one.line_id for one in wants],
        "units": [one.units for one in wants],
    }
    tx.execute(_RECORD, {**columns, "order_id": order_id, "now": now, "expires_at": expires_at})


def take(
    tx: Transaction, order_id: int, held: Sequence[tuple[int, Want]], *, now: datetime, expires_at: datetime
) -> bool:
    """Write down which purchase order holds what, and reserve it: as the last step of the transaction that mints them.

    Where it returns False, an offer has too little, and the transaction must be rolled back.
    """
    if len(held) != 1:
        record(tx, order_id, held, now=now, expires_at=expires_at)
        return reserve(tx, [want for _, want in held])
    ((purchase_order_id, want),) = held
    given = {
        "supplier": want.supplier,
        "sku": want.sku,
        "ean": want.ean,
        "line": want.line_id,
        "units": want.units,
        "buffer": want.buffer,
        "purchase_order": purchase_order_id,
        "order_id": order_id,
        "now": now,
        "expires_at": expires_at,
    }
    return tx.execute(_TAKE_ONE, given).rowcount == 1


def release(tx: Transaction, *purchase_order_ids: int, now: datetime) -> None:
    """Give back what purchase orders hold or have taken: they have ended, and nothing was or will be delivered.

    Those that end together are released in one call, since only one statement keeps the order of locks.
    """
    tx.execute(_RELEASE, {"ids": list(purchase_order_ids), "state": "released", "now": now})


def expire(tx: Transaction, order_ids: Sequence[int], *, now: datetime) -> int:
    """Give back what abandoned orders hold and may hold no longer. Returns how many offers got units back."""
    return tx.execute(_EXPIRE, {"ids": list(order_ids), "state": "expired", "now": now}).rowcount


def take_in(tx: Transaction, run: FeedRun, *, now: datetime) -> int:
    """Reserve no longer what a feed's word on stock shows as gone; called once all that it says has been written.

    That are units that the supplier took long enough before its source spoke, of every article the feed has, changed or
    not. Returns how many offers they were of.
    """
    if "quantity" not in run.fields:
        return 0
    given = {
        "supplier": run.supplier,
        "feed": run.feed,
        "run": run.id,
        "told_at": run.told_at,
        "begun": max(run.told_at, run.started_at),
        "timed": "observed_at" in run.fields,
    }
    return tx.execute(_TAKE_IN, {**given, "state": "taken_in", "now": now}).rowcount


def shortfalls(tx: Transaction, run_id: int | None = None) -> list[Shortfall]:
    """List the offers that have less than was promised of them; with a run, those of its feed's articles."""
    rows = tx.execute(_ALL_SHORT) if run_id is None else tx.execute(_SHORT_BY_FEED, {"run": run_id})
    return [Shortfall._make(row) for row in rows.all()]


def open_ones(tx: Transaction, *, supplier: str | None, article: str | None, limit: int) -> list[dict[str, Any]]:
    """List what is held or consumed; ``article`` is a supplier's SKU or an EAN."""
    rows = tx.execute(_OPEN, {"supplier": supplier, "article": article, "limit": limit})
    return [dict(row._mapping) for row in rows]


def consume(tx: Transaction, purchase_order_id: int, *, now: datetime) -> None:
    """Note that the supplier took the order: its units stay reserved until its own figure must show it."""
    tx.execute(_CONSUME, {"purchase_order": purchase_order_id, "now": now})


def decline(tx: Transaction, purchase_order_id: int, units: Mapping[str, int], *, now: datetime) -> None:
    """Give back what the supplier will not deliver: by article, the units declined in all so far."""
    if units:
        eans = sorted(units)
        given = {"eans": eans, "units": [units[ean] for ean in eans]}
        tx.execute(_DECLINE, {**given, "purchase_order": purchase_order_id, "now": now})
