"""Orders that wait for a person because nobody had their articles, and what a feed's run has brought for them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from adapters.database.engine import Transaction
from models.tasks import TaskCategory

WAITING_FOR_STOCK = (TaskCategory.UNROUTABLE, TaskCategory.CANCELLED_BY_SUPPLIER)


@dataclass(frozen=True, kw_only=True)
class ShortLine:
    """An open line that nobody would take: of which article how many units, and which suppliers are out for it."""

    task_id: int
    workflow_id: str
    ean: str
    units: int
    left_out: tuple[str, ...]


# A task's evidence holds the router's verdicts by line: a line that no supplier was chosen for is what it waits for.
# The answer that wakes an order would end a hold too, so one that a person holds is left alone.
_SHORT = text("""
SELECT t.id AS task_id, t.workflow_id, coalesce(m.ean, l.ean, '') AS ean,
    l.quantity - l.shipped - l.cancelled - l.refunded AS units,
    ARRAY(
        SELECT key FROM jsonb_each_text(verdicts.value)
        WHERE value = 'switched off' OR (value = 'excluded' AND t.category = 'unroutable')
    ) AS left_out
FROM tasks t
JOIN orders o ON o.id = t.order_id AND o.state = 'open'
CROSS JOIN LATERAL jsonb_each(t.evidence -> 'candidates') AS verdicts
JOIN order_lines l ON l.order_id = o.id AND l.line_id = verdicts.key AND l.requires_shipping
LEFT JOIN article_mappings m ON m.channel = o.channel AND m.variant_id = l.variant_id
WHERE t.state = 'open' AND t.category = ANY(:categories) AND t.workflow_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM jsonb_each_text(verdicts.value) WHERE value = 'chosen')
    AND l.quantity > l.shipped + l.cancelled + l.refunded
    AND coalesce((
        SELECT event FROM timeline h
        WHERE h.order_id = o.id AND h.purchase_order_id IS NULL AND h.event IN ('command.hold', 'command.release')
        ORDER BY h.id DESC LIMIT 1
    ), '') <> 'command.hold'
ORDER BY o.received_at, t.id
""")

# Enough of every article it lacks, wherever it may be ordered, and at least one of them thanks to this run: so an order
# that can't be helped is not asked again and again, and one that was woken before is not woken for the same stock.
_HELPED = text("""
WITH short AS (
    SELECT * FROM unnest(CAST(:tasks AS bigint[]), CAST(:eans AS text[]), CAST(:units AS integer[]),
        CAST(:left_out AS text[])) AS short (task_id, ean, units, left_out)
), run AS (
    SELECT supplier, 'feed:' || feed || ':' || id AS source, coalesce(source_time, started_at) AS at
    FROM feed_runs WHERE id = :run
), needed AS (
    SELECT task_id, ean, sum(units) AS units, string_agg(left_out, ',') AS left_out FROM short GROUP BY task_id, ean
), judged AS (
    SELECT n.task_id,
        EXISTS (
            SELECT 1 FROM offers o
            WHERE o.ean = n.ean AND o.known AND NOT o.discontinued AND o.quantity >= n.units
                AND o.supplier <> ALL(string_to_array(n.left_out, ','))
        ) AS enough,
        EXISTS (
            SELECT 1 FROM offers o JOIN run ON run.supplier = o.supplier
            WHERE o.ean = n.ean AND o.known AND NOT o.discontinued AND o.quantity >= n.units
                AND o.supplier <> ALL(string_to_array(n.left_out, ','))
                AND CASE
                    WHEN EXISTS (SELECT 1 FROM offer_changes c WHERE c.supplier = o.supplier AND c.sku = o.sku)
                    THEN EXISTS (
                        SELECT 1 FROM offer_changes c
                        WHERE c.supplier = o.supplier AND c.sku = o.sku AND c.source = run.source
                            AND c.quantity < n.units
                    )
                    ELSE o.observed_at >= run.at
                END
        ) AS raised
    FROM needed n
)
SELECT task_id FROM judged GROUP BY task_id HAVING bool_and(enough) AND bool_or(raised)
""")


def short_lines(tx: Transaction) -> list[ShortLine]:
    """List what open orders wait for because nobody had it, oldest order first. EANs are as the order has them."""
    rows = tx.execute(_SHORT, {"categories": [str(category) for category in WAITING_FOR_STOCK]})
    return [
        ShortLine(
            task_id=row.task_id,
            workflow_id=row.workflow_id,
            ean=row.ean,
            units=row.units,
            left_out=tuple(row.left_out),
        )
        for row in rows
    ]


def helped_by(tx: Transaction, run_id: int, lines: Sequence[ShortLine]) -> set[int]:
    """Pick the tasks whose articles can all be had now, and not before this run. EANs must be normalised."""
    given = {
        "run": run_id,
        "tasks": [line.task_id for line in lines],
        "eans": [line.ean for line in lines],
        "units": [line.units for line in lines],
        "left_out": [",".join(line.left_out) for line in lines],
    }
    return set(tx.execute(_HELPED, given).scalars()) if lines else set()
