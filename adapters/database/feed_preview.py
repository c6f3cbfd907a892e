"""What a feed would change, asked of our offers without changing them: its rows live in a temporary table."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import text

from adapters.database import copying
from adapters.database.engine import Transaction
from models.feed_rows import FeedRow
from models.feeds import Absent, Feed, Scope

_AT_ONCE = 20_000  # rows
_SAMPLES = 5  # of each kind of change
# What an offer holds of a row, and its type there. The rest describes an article, and changes no stock and no price.
_TYPES = {
    "ean": "text",
    "quantity": "integer",
    "lead_days": "integer",
    "available_on": "date",
    "unit_cost": "numeric(14,4)",
    "currency": "text",
    "minimum": "integer",
    "pack": "integer",
    "recommended_price": "numeric(14,4)",
    "map_price": "numeric(14,4)",
    "discontinued": "boolean",
}
_TO_ZERO = "o.quantity > 0 AND p.quantity = 0"
_MOVED = (
    "o.unit_cost > 0 AND p.unit_cost IS NOT NULL AND (abs(p.unit_cost - o.unit_cost) > :move * o.unit_cost"
    " OR p.currency <> o.currency)"
)
_JOINED = "feed_preview p LEFT JOIN offers o ON o.supplier = :supplier AND o.sku = p.sku"
_ABSENT = """
    SELECT f.sku, o.quantity FROM feed_rows f JOIN offers o ON o.supplier = f.supplier AND o.sku = f.sku
    WHERE f.supplier = :supplier AND f.feed = :feed AND NOT EXISTS (SELECT 1 FROM feed_preview p WHERE p.sku = f.sku)
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One article that would change: in which way, what we have, and what the feed says."""

    kind: str  # new, changed, to_zero, price_moves or absent
    sku: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """How many articles would change, and some of them. One that goes to zero is changed, too."""

    new: int
    changed: int
    unchanged: int
    to_zero: int
    price_moves: int
    absent: int
    absent_policy: str
    samples: list[Change]


def preview(
    tx: Transaction,
    supplier: str,
    feed_id: str,
    feed: Feed,
    rows: Iterable[FeedRow],
    *,
    withdrawn: Collection[int],
) -> Preview:
    """Compare rows with our offers, as a run of this feed would. Nothing permanent is written.

    ``withdrawn`` are positions that the reader took back; it is looked at once all rows were read.
    """
    _load(tx, rows)
    tx.execute(
        text("DELETE FROM feed_preview WHERE position = ANY(CAST(:positions AS integer[]))"),
        {"positions": list(withdrawn)},
    )
    tx.execute(text("ANALYZE feed_preview"))
    given = {"supplier": supplier, "feed": feed_id, "move": feed.thresholds.price_move, "samples": _SAMPLES}
    counted = tx.execute(text(_counting()), given).one()._asdict()
    absent = _absent_count(tx, given) if feed.scope is Scope.FULL else 0
    found = _samples(tx, given, feed.absent if absent else None)
    return Preview(**counted, absent=absent, absent_policy=feed.absent, samples=found)


def _load(tx: Transaction, rows: Iterable[FeedRow]) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in _TYPES.items())
    tx.execute(text(f"CREATE TEMPORARY TABLE feed_preview (position integer, sku text, {columns}) ON COMMIT DROP"))
    remaining = iter(rows)
    while some := list(islice(remaining, _AT_ONCE)):
        copying.copy_columns(tx, "feed_preview", {name: _encoded(name, some) for name in ("position", "sku", *_TYPES)})


def _encoded(name: str, rows: Sequence[FeedRow]) -> list[str]:
    values: list[Any] = [getattr(row, name) for row in rows]
    return copying.words(values) if name in ("sku", "ean", "currency") else copying.plain(values)


def _differs() -> str:
    return " OR ".join(f"(p.{name} IS NOT NULL AND p.{name} IS DISTINCT FROM o.{name})" for name in _TYPES)


def _counting() -> str:
    return f"""
        SELECT count(*) FILTER (WHERE o.sku IS NULL) AS new,
            count(*) FILTER (WHERE o.sku IS NOT NULL AND ({_differs()})) AS changed,
            count(*) FILTER (WHERE o.sku IS NOT NULL AND NOT ({_differs()})) AS unchanged,
            count(*) FILTER (WHERE {_TO_ZERO}) AS to_zero,
            count(*) FILTER (WHERE {_MOVED}) AS price_moves
        FROM {_JOINED}
    """  # noqa: S608 - constants only


def _absent_count(tx: Transaction, given: dict[str, Any]) -> int:
    return int(tx.execute(text(f"SELECT count(*) FROM ({_ABSENT}) absent"), given).scalar_one())  # noqa: S608


_STOCK = "coalesce(o.quantity::text, '-')", "coalesce(p.quantity::text, '-')"
_COST = (
    "trim_scale(o.unit_cost)::text || ' ' || o.currency",
    "trim_scale(p.unit_cost)::text || ' ' || coalesce(p.currency, o.currency)",
)


def _samples(tx: Transaction, given: dict[str, Any], absent: Absent | None) -> list[Change]:
    kinds = {
        "new": ("o.sku IS NULL", *_STOCK),
        "to_zero": (_TO_ZERO, *_STOCK),
        "price_moves": (_MOVED, *_COST),
        "changed": ("o.sku IS NOT NULL AND p.quantity <> o.quantity AND p.quantity > 0", *_STOCK),
    }
    found: list[Change] = []
    for kind, (condition, before, after) in kinds.items():
        query = f"""
            SELECT p.sku, {before} AS before, {after} AS after FROM {_JOINED}
            WHERE {condition} ORDER BY p.position LIMIT :samples
        """  # noqa: S608 - constants only
        found += [Change(kind, *row) for row in tx.execute(text(query), given)]
    if absent is not None:
        after_all = "-" if absent is Absent.KEEP else "0"
        query = f"{_ABSENT} ORDER BY f.sku LIMIT :samples"
        found += [Change("absent", row.sku, str(row.quantity), after_all) for row in tx.execute(text(query), given)]
    return found
