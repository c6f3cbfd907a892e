"""How suppliers did lately, figured out from their purchase orders' own rows in one statement."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, text

from adapters.database.engine import Transaction
from models.routing import Scorecard
from models.tables import scorecards

# What never left the house, tests and what was only observed says nothing about a supplier.
#
# Nobody knows to the hour when a parcel left: a check may see it a day later. A supplier is late only where a look
# after the promised day found nothing shipped, or where it reported the shipment itself and did so after that day.
_REFRESH = text("""
WITH promises AS (
    SELECT * FROM unnest(CAST(:suppliers AS text[]), CAST(:ahead_of_utc AS interval[])) AS z (supplier, ahead)
), asked AS (
    SELECT po.*, plan.planned_at >= :share_since AS recent,
        ((po.ship_by + 1)::timestamp - coalesce(promises.ahead, '0')) AT TIME ZONE 'UTC' AS late_from
    FROM purchase_orders po JOIN plans plan USING (order_id, plan_no) LEFT JOIN promises USING (supplier)
    WHERE plan.planned_at >= :since AND NOT po.test AND po.mode <> 'observe'
        AND (po.confirmed_at IS NOT NULL OR po.trouble > 0
            OR EXISTS (SELECT 1 FROM submission_attempts a WHERE a.purchase_order_id = po.id))
), judged AS (
    SELECT asked.supplier, asked.recent, asked.state, asked.ship_by IS NOT NULL AS promised,
        extract(epoch FROM asked.acknowledged_at - asked.confirmed_at) / 3600 AS hours,
        asked.state IN ('placed', 'acknowledged', 'shipped') AND (
            coalesce(sent.reported_at >= asked.late_from, false) OR EXISTS (
                SELECT 1 FROM tracking_checks c
                WHERE c.purchase_order_id = asked.id AND c.kind = 'tracking' AND c.answer IS NOT NULL
                    AND c.asked_at >= asked.late_from AND (sent.seen_at IS NULL OR c.asked_at < sent.seen_at)
            )
        ) AS late,
        CASE WHEN asked.state IN ('rejected', 'cancelled_by_supplier') THEN 1 ELSE coalesce(ordered.declined, 0) END
            AS refused,
        asked.trouble > 0 OR asked.given_up_at IS NOT NULL OR EXISTS (
            SELECT 1 FROM submission_attempts a WHERE a.purchase_order_id = asked.id AND a.outcome = 'unknown'
        ) AS troubled
    FROM asked
    LEFT JOIN LATERAL (
        SELECT min(seen_at) AS seen_at, min(seen_at) FILTER (WHERE source = 'push') AS reported_at
        FROM parcels p WHERE p.purchase_order_id = asked.id
    ) sent ON true
    LEFT JOIN LATERAL (
        SELECT sum(declined)::float / sum(quantity) AS declined
        FROM purchase_order_lines l WHERE l.purchase_order_id = asked.id
    ) ordered ON true
), figures AS (
    SELECT supplier, count(*) AS purchase_orders, avg(hours)::float AS acknowledged_hours,
        coalesce(count(*) FILTER (WHERE late)::float
            / nullif(count(*) FILTER (WHERE late OR promised AND state = 'shipped'), 0), 0) AS late_share,
        avg(refused)::float AS cancelled_share, avg(troubled::int)::float AS error_share,
        coalesce(count(*) FILTER (WHERE recent)::float
            / nullif(sum(count(*) FILTER (WHERE recent)) OVER (), 0), 0)::float AS share
    FROM judged GROUP BY supplier
), forgotten AS (
    DELETE FROM scorecards WHERE supplier NOT IN (SELECT supplier FROM figures)
)
INSERT INTO scorecards (supplier, computed_at, purchase_orders, acknowledged_hours, late_share, cancelled_share,
    error_share, share)
SELECT supplier, :now, purchase_orders, acknowledged_hours, late_share, cancelled_share, error_share, share
FROM figures ORDER BY supplier
ON CONFLICT (supplier) DO UPDATE SET computed_at = excluded.computed_at, purchase_orders = excluded.purchase_orders,
    acknowledged_hours = excluded.acknowledged_hours, late_share = excluded.late_share,
    cancelled_share = excluded.cancelled_share, error_share = excluded.error_share, share = excluded.share
""")


def refresh(
    tx: Transaction, ahead_of_utc: Mapping[str, timedelta], *, quality: timedelta, share: timedelta, now: datetime
) -> int:
    """Figure out every supplier's card anew; those with nothing left to go by are taken away. Returns how many there are.

    ``ahead_of_utc`` is each supplier's own time, in which its days end. ``quality`` is how far back failings count,
    ``share`` how far back its part of all purchase orders does.
    """
    values = {
        "suppliers": list(ahead_of_utc),
        "ahead_of_utc": list(ahead_of_utc.values()),
        "since": now - quality,
        "share_since": now - share,
        "now": now,
    }
    return tx.execute(_REFRESH, values).rowcount


def read(tx: Transaction) -> dict[str, Scorecard]:
    """Read every supplier's card, by its name. A supplier without one is not judged."""
    return {row.supplier: _card(row) for row in tx.execute(select(scorecards))}


def computed_at(tx: Transaction) -> datetime | None:
    """Say when the cards were figured out last; None before the first time."""
    query = select(scorecards.c.computed_at).order_by(scorecards.c.computed_at.desc()).limit(1)
    found: datetime | None = tx.execute(query).scalar()
    return found


def _card(row: Row[Any]) -> Scorecard:
    return Scorecard(
        supplier=row.supplier,
        purchase_orders=row.purchase_orders,
        acknowledged_hours=row.acknowledged_hours,
        late_share=row.late_share,
        cancelled_share=row.cancelled_share,
        error_share=row.error_share,
        share=row.share,
    )
