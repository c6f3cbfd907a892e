"""What a staged run would change, counted against our offers; and costs that move too far, set aside one by one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import floor
from typing import Any

from sqlalchemy import text

from adapters.database.engine import Transaction
from adapters.database.feeds import FeedRun
from models.feeds import Scope
from models.pricing import HoldRule

_JOINED = "feed_staged s LEFT JOIN offers o ON o.supplier = :supplier AND o.sku = s.sku"
_TO_ZERO = "o.quantity > 0 AND (s.absent OR s.quantity = 0)"
_SWITCHED = "s.unit_cost IS NOT NULL AND o.unit_cost > 0 AND coalesce(s.currency, :currency) <> o.currency"
# A cost of 0 moves by all of it. Costs in different currencies can't be compared, and are suspicious by that alone.
_MOVED = "s.unit_cost IS NOT NULL AND o.unit_cost > 0 AND abs(s.unit_cost - o.unit_cost) > :move * o.unit_cost"
_ABNORMAL = f"(({_MOVED}) OR ({_SWITCHED}))"

_COUNTED = text(f"""
SELECT count(*) FILTER (WHERE o.sku IS NULL AND NOT s.absent) AS new,
    count(*) FILTER (WHERE o.sku IS NOT NULL AND NOT s.absent) AS changed,
    count(*) FILTER (WHERE s.absent) AS absent,
    count(*) FILTER (WHERE {_TO_ZERO}) AS to_zero,
    count(*) FILTER (WHERE {_MOVED}) AS price_moves,
    count(*) FILTER (WHERE {_SWITCHED}) AS switched
FROM {_JOINED} WHERE s.run_id = :run
""")  # noqa: S608 - constants only

_MAXED = text("""
SELECT coalesce(max(rows), 0) FROM (
    SELECT count(*) AS rows FROM feed_staged WHERE run_id = :run AND quantity >= 999 GROUP BY quantity
) same
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """By what a run's costs are judged: its feed's currency, and by how much a cost may move."""

    currency: str
    price_move: float


@dataclass(frozen=True, slots=True)
class Counts:
    """A staged run against our offers, in numbers of articles."""

    new: int
    changed: int
    absent: int
    to_zero: int
    price_moves: int
    switched: int


def counts(tx: Transaction, run: FeedRun, terms: Terms) -> Counts:
    """Count what a staged run would change."""
    row = tx.execute(_COUNTED, _given(run, terms)).one()
    return Counts(*row)


def maxed(tx: Transaction, run_id: int) -> int:
    """Count the staged rows that share the most frequent quantity of 999 or more."""
    return int(tx.execute(_MAXED, {"run": run_id}).scalar_one())


def stocked(tx: Transaction, run: FeedRun, scope: Scope, *, part: int, share: float) -> int:
    """Count the feed's articles that have stock: no further than shows that ``part`` is no more than ``share`` of them."""
    return _enough(tx, run, scope, "o.quantity > 0", part, share)


def costed(tx: Transaction, run: FeedRun, scope: Scope, *, part: int, share: float) -> int:
    """Count the feed's articles whose cost is known, as far as it matters."""
    return _enough(tx, run, scope, "o.unit_cost > 0", part, share)


def _enough(tx: Transaction, run: FeedRun, scope: Scope, condition: str, part: int, share: float) -> int:
    if not part:
        return 0
    most = floor(part / share) + 1 if share else None
    # A full feed is compared with what it told of before; changes are a part of all that the supplier has.
    known = "JOIN feed_rows f ON f.supplier = o.supplier AND f.feed = :feed AND f.sku = o.sku" * (scope is Scope.FULL)
    query = f"""
        SELECT count(*) FROM (
            SELECT 1 FROM offers o {known} WHERE o.supplier = :supplier AND {condition} LIMIT :most
        ) counted
    """  # noqa: S608 - constants only
    given = {"supplier": run.supplier, "feed": run.feed, "most": most}
    return int(tx.execute(text(query), given).scalar_one())


def samples(tx: Transaction, run: FeedRun, terms: Terms, code: str) -> list[str]:
    """Show a few articles that a finding is about: the supplier's SKU, what we have, and what the feed says."""
    condition, order, shown = SAMPLED[code]
    query = f"""
        SELECT s.sku || ': ' || {shown} FROM {_JOINED} WHERE s.run_id = :run AND {condition} ORDER BY {order}, s.sku LIMIT 10
    """  # noqa: S608 - constants only
    return list(tx.execute(text(query), _given(run, terms)).scalars())


_QUANTITIES = "coalesce(o.quantity::text, '-') || ' -> ' || CASE WHEN s.absent THEN 'absent' ELSE s.quantity::text END"
_COSTS = (
    "trim_scale(o.unit_cost)::text || ' ' || o.currency || ' -> ' || trim_scale(s.unit_cost)::text || ' ' "
    "|| coalesce(s.currency, :currency)"
)
SAMPLED = {
    "to_zero": (_TO_ZERO, "o.quantity DESC", _QUANTITIES),
    "maxed": ("s.quantity >= 999", "s.quantity DESC", _QUANTITIES),
    "price_moves": (_MOVED, "abs(s.unit_cost / o.unit_cost - 1) DESC", _COSTS),
    "currency_switched": (_SWITCHED, "o.unit_cost DESC", _COSTS),
}


# Costs that move too far.


@dataclass(frozen=True, slots=True)
class HeldCost:
    """A cost that waits for a person."""

    sku: str
    old_cost: Decimal
    old_currency: str
    new_cost: Decimal
    currency: str


def supersede_holds(tx: Transaction, run: FeedRun, now: datetime) -> int:
    """Whatever cost an article has in this run takes the place of one that was held; return how many were."""
    return tx.execute(_SUPERSEDE, {"run": run.id, "supplier": run.supplier, "now": now}).rowcount


def hold_costs(tx: Transaction, run: FeedRun, terms: Terms, rules: Sequence[HoldRule], now: datetime) -> int:
    """Set aside the costs of this run that move too far, and return how many wait for a person because of it.

    Their rows are applied otherwise. What a person rejected once is not asked again; what a rule approves never waits.
    """
    given = {**_given(run, terms), "now": now}
    passed = " OR ".join(_approval(rule, number, given) for number, rule in enumerate(rules) if _fits(rule, run))
    marking = f"""
        UPDATE feed_staged s SET cost_kept = true FROM offers o
        WHERE s.run_id = :run AND o.supplier = :supplier AND o.sku = s.sku AND {_ABNORMAL} AND NOT ({passed or "false"})
    """  # noqa: S608 - constants only
    tx.execute(text(marking), given)
    return tx.execute(_HOLD, given).rowcount


def _fits(rule: HoldRule, run: FeedRun) -> bool:
    return not rule.suppliers or run.supplier in rule.suppliers


def _approval(rule: HoldRule, number: int, given: dict[str, Any]) -> str:
    given[f"up_to_{number}"] = rule.up_to
    down = "s.unit_cost < o.unit_cost AND" if rule.only_down else ""
    return (
        f"({down} s.unit_cost > 0 AND coalesce(s.currency, :currency) = o.currency"
        f" AND abs(s.unit_cost - o.unit_cost) <= :up_to_{number} * o.unit_cost)"
    )


_SUPERSEDE = text("""
UPDATE cost_holds h SET state = 'superseded', decided_by = 'dropwright', decided_at = :now FROM feed_staged s
WHERE h.supplier = :supplier AND h.state = 'held' AND s.run_id = :run AND s.sku = h.sku AND s.unit_cost IS NOT NULL
""")

_HOLD = text("""
INSERT INTO cost_holds (supplier, sku, old_cost, new_cost, currency, old_currency, run_id, held_at, state)
SELECT :supplier, s.sku, o.unit_cost, s.unit_cost, coalesce(s.currency, :currency), o.currency, :run, :now, 'held'
FROM feed_staged s JOIN offers o ON o.supplier = :supplier AND o.sku = s.sku
LEFT JOIN LATERAL (
    SELECT state, new_cost, currency FROM cost_holds h
    WHERE h.supplier = :supplier AND h.sku = s.sku AND h.state <> 'superseded' ORDER BY id DESC LIMIT 1
) last ON true
WHERE s.run_id = :run AND s.cost_kept
    AND (last.state, last.new_cost, last.currency)
        IS DISTINCT FROM ('rejected', s.unit_cost, coalesce(s.currency, :currency))
ORDER BY s.sku
""")


def open_holds(tx: Transaction, supplier: str) -> tuple[int, list[HeldCost]]:
    """Count the costs of a supplier that wait for a person, and show those that move the furthest."""
    query = text("""
        SELECT sku, old_cost, old_currency, new_cost, currency, count(*) OVER () AS waiting FROM cost_holds
        WHERE supplier = :supplier AND state = 'held' ORDER BY abs(new_cost / nullif(old_cost, 0) - 1) DESC NULLS FIRST, sku
        LIMIT 10
    """)
    rows = tx.execute(query, {"supplier": supplier}).all()
    examples = [HeldCost(row.sku, row.old_cost, row.old_currency, row.new_cost, row.currency) for row in rows]
    return (rows[0].waiting if rows else 0), examples


def effect_of_holds(tx: Transaction, supplier: str) -> dict[str, int]:
    """Count what the held costs of a supplier would do: how many rise and fall, and how many listings depend on them."""
    query = text("""
        SELECT count(DISTINCT h.sku) FILTER (WHERE h.new_cost > h.old_cost) AS up,
            count(DISTINCT h.sku) FILTER (WHERE h.new_cost < h.old_cost) AS down,
            count(l.variant_id) AS listings
        FROM cost_holds h LEFT JOIN offers o ON o.supplier = h.supplier AND o.sku = h.sku
        LEFT JOIN listings l ON l.ean = o.ean
        WHERE h.supplier = :supplier AND h.state = 'held'
    """)
    return dict(tx.execute(query, {"supplier": supplier}).one()._mapping)


def _given(run: FeedRun, terms: Terms) -> dict[str, Any]:
    return {"run": run.id, "supplier": run.supplier, "currency": terms.currency, "move": Decimal(str(terms.price_move))}
