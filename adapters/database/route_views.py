"""Plans as they were made, and a person's word on who may deliver an order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from adapters.database import timeline
from adapters.database.engine import Transaction
from adapters.database.planning import Pins

_PLANS = text("""
SELECT p.plan_no, p.planned_at, p.mode, p.configuration_id, p.reasons, p.shortage,
    coalesce((
        SELECT jsonb_agg(jsonb_build_object('number', o.number, 'supplier', o.supplier, 'state', o.state) ORDER BY o.id)
        FROM purchase_orders o WHERE o.order_id = p.order_id AND o.plan_no = p.plan_no
    ), '[]') AS purchase_orders
FROM plans p WHERE p.order_id = :order_id ORDER BY p.plan_no
""")

_SHORT = text("""
SELECT t.at AS planned_at, t.detail -> 'reasons' AS reasons FROM timeline t
WHERE t.order_id = :order_id AND t.event = 'order.short'
    AND t.at > coalesce((SELECT max(p.planned_at) FROM plans p WHERE p.order_id = :order_id), '-infinity')
ORDER BY t.at DESC, t.id DESC LIMIT 1
""")

_PINS = text("SELECT urgent, only_supplier, excluded FROM route_pins WHERE order_id = :order_id")

_PIN = text("""
INSERT INTO route_pins (order_id, urgent, only_supplier, excluded, pinned_by, pinned_at)
VALUES (:order_id, :urgent, :only_supplier, :excluded, :by, :now)
ON CONFLICT (order_id) DO UPDATE SET urgent = excluded.urgent, only_supplier = excluded.only_supplier,
    excluded = excluded.excluded, pinned_by = excluded.pinned_by, pinned_at = excluded.pinned_at
""")


@dataclass(frozen=True)
class PlanRecord:
    """One plan of an order; ``reasons`` is ``RoutingPlan.as_document``."""

    plan_no: int
    planned_at: datetime
    mode: str
    configuration_id: int
    reasons: dict[str, Any]
    shortage: dict[str, Any] | None
    purchase_orders: Sequence[dict[str, str]]


@dataclass(frozen=True)
class ShortPlan:
    """What planning found where nothing could be ordered; ``reasons`` as in a plan."""

    planned_at: datetime
    reasons: dict[str, Any]


def plans_of(tx: Transaction, order_id: int) -> list[PlanRecord]:
    """List an order's plans, oldest first."""
    return [PlanRecord(**dict(row._mapping)) for row in tx.execute(_PLANS, {"order_id": order_id})]


def short_of(tx: Transaction, order_id: int) -> ShortPlan | None:
    """Read why an order could not be planned last time; None where a plan came after it."""
    row = tx.execute(_SHORT, {"order_id": order_id}).one_or_none()
    return ShortPlan(row.planned_at, row.reasons) if row else None


def pins_of(tx: Transaction, order_id: int) -> Pins:
    """Read a person's word on who may deliver the order."""
    row = tx.execute(_PINS, {"order_id": order_id}).one_or_none()
    return Pins(row.urgent, row.only_supplier, frozenset(row.excluded)) if row else Pins()


def pin(tx: Transaction, order_id: int, pins: Pins, *, by: str, now: datetime) -> bool:
    """Keep a person's word; it counts from the next plan on. False where it was so already."""
    if pins_of(tx, order_id) == pins:
        return False
    word: dict[str, Any] = {
        "urgent": pins.urgent,
        "only_supplier": pins.only_supplier,
        "excluded": sorted(pins.excluded),
    }
    tx.execute(_PIN, {"order_id": order_id, "by": by, "now": now, **word})
    timeline.tell(tx, order_id, "order.pinned", at=now, actor=by, **word)
    return True
