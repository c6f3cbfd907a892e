"""Everything that planning an order reads and writes of the order itself, in as few statements as it takes.

Read without locks in one statement; locked, reserved and minted in one short transaction.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, text

from adapters.database.engine import Transaction
from models.articles import normalise_ean
from models.contracts import Shortage
from models.identifiers import purchase_order_number, purchase_order_workflow_id
from models.routing import RoutingPlan, Scorecard, WantedLine
from models.statuses import Mode, OrderState, PurchaseOrderState, SubmissionState


@dataclass(frozen=True, slots=True)
class PlanningLine:
    """A line that ships: what is still owed of it, and what purchase orders cover. Counts by article are of its parts."""

    line_id: str
    ean: str
    owed: int  # ordered, less cancelled and refunded
    shipped: int
    unit_price: Decimal
    grams: int
    parts: Mapping[str, int] | None  # of a bundle that was planned before: article -> units in one
    running: Mapping[str, int]  # article -> units at purchase orders that have not ended
    sent: Mapping[str, int]  # article -> units that have shipped


@dataclass(frozen=True, slots=True)
class Pins:
    """A person's word on who may deliver an order."""

    urgent: bool = False
    only_supplier: str | None = None
    excluded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PlanningOrder:
    """An order as planning reads it. Holds no personal data but a postal code."""

    id: int
    channel: str
    storefront_order_id: str
    name: str
    state: OrderState
    test: bool
    currency: str
    ship_country: str | None
    region: str
    postal_code: str
    placed_at: datetime
    cancel_requested: bool
    tags: frozenset[str]
    customer_group: str
    preference: str
    needs: frozenset[str]
    planned: bool  # there is a plan of this number
    plans: int  # since a person was last asked about it
    waits: bool  # some of it was short when it was last planned
    lines: tuple[PlanningLine, ...]
    pins: Pins
    scores: Mapping[str, Scorecard]
    rates: Mapping[str, Decimal]  # units of a currency for one euro


# Purchase orders in observe mode and of test orders have ended, and still cover what they would have ordered.
# The newest rates are looked up one by one: years of daily rates would take longer to read than all the rest.
_READ = text("""
WITH RECURSIVE currencies (currency) AS (
    SELECT min(currency) FROM exchange_rates WHERE base = 'EUR'
    UNION ALL
    SELECT (SELECT min(e.currency) FROM exchange_rates e WHERE e.base = 'EUR' AND e.currency > c.currency)
    FROM currencies c WHERE c.currency IS NOT NULL
)
SELECT o.*, a.address ->> 'province_code' AS region, a.address ->> 'postal_code' AS postal_code,
    to_jsonb(p) AS pins,
    o.last_plan >= :plan_no AS planned,
    EXISTS (SELECT 1 FROM backorders WHERE order_id = o.id AND ended_at IS NULL) AS waits,
    (
        SELECT count(*) FROM plans WHERE order_id = o.id AND planned_at > coalesce((
            SELECT max(closed_at) FROM tasks
            WHERE order_id = o.id AND category IN ('unroutable', 'cancelled_by_supplier') AND state = 'answered'
        ), '-infinity')
    ) AS plans,
    (SELECT jsonb_agg(to_jsonb(s)) FROM scorecards s) AS scores,
    (
        SELECT jsonb_object_agg(currency, rate::text) FROM currencies CROSS JOIN LATERAL (
            SELECT rate FROM exchange_rates e WHERE e.base = 'EUR' AND e.currency = currencies.currency
            ORDER BY "on" DESC, captured_at DESC, source LIMIT 1
        ) newest
    ) AS rates,
    (SELECT jsonb_agg(to_jsonb(l) ORDER BY l.position) FROM (
        SELECT l.position, l.line_id, coalesce(l.substitute_ean, m.ean, l.ean, '') AS ean,
            l.quantity - l.cancelled - l.refunded AS owed,
            l.shipped, l.unit_price::text AS unit_price, l.grams,
            (
                SELECT jsonb_object_agg(ean, per_unit) FROM order_line_parts part
                WHERE part.order_id = l.order_id AND part.line_id = l.line_id
            ) AS parts,
            covered.running, covered.sent
        FROM order_lines l
        LEFT JOIN article_mappings m ON m.channel = o.channel AND m.variant_id = l.variant_id
        LEFT JOIN LATERAL (
            SELECT jsonb_object_agg(ean, running) AS running, jsonb_object_agg(ean, shipped) AS sent FROM (
                SELECT pl.ean, sum(pl.shipped) AS shipped,
                    sum(pl.quantity - pl.shipped - pl.declined) FILTER (
                        WHERE po.ended_at IS NULL OR po.state IN ('observed', 'test_placed')
                    ) AS running
                FROM purchase_orders po JOIN purchase_order_lines pl ON pl.purchase_order_id = po.id
                WHERE po.order_id = l.order_id AND pl.line_id = l.line_id GROUP BY pl.ean
            ) by_article
        ) covered ON true
        WHERE l.order_id = o.id AND l.requires_shipping
    ) l) AS lines
FROM orders o LEFT JOIN addresses a ON a.id = o.address_id LEFT JOIN route_pins p ON p.order_id = o.id
WHERE o.id = :order_id
""")

# Once the lock is there, only the row itself is read as it is then: what other tables hold is as old as the statement.
_LOCK = text("""
SELECT state, cancel_requested_at IS NOT NULL AS cancelled, last_plan >= :plan_no AS planned,
    (
        SELECT jsonb_object_agg(supplier, attempt) FROM (
            SELECT supplier, max(attempt) AS attempt FROM purchase_orders WHERE order_id = :order_id GROUP BY supplier
        ) a
    ) AS attempts
FROM orders WHERE id = :order_id FOR UPDATE
""")

_MINT = text("""
WITH plan AS (
    INSERT INTO plans (order_id, plan_no, configuration_id, mode, reasons, shortage, planned_at)
    VALUES (:order_id, :plan_no, :configuration_id, :mode, CAST(:reasons AS jsonb), CAST(:shortage AS jsonb), :now)
), parts AS (
    INSERT INTO order_line_parts (order_id, line_id, ean, per_unit)
    SELECT :order_id, line_id, ean, per_unit
    FROM jsonb_to_recordset(CAST(:parts AS jsonb)) AS p (line_id text, ean text, per_unit int)
    ON CONFLICT DO NOTHING
), minted AS (
    INSERT INTO purchase_orders
        (order_id, plan_no, number, supplier, attempt, workflow_id, state, mode, test, submission, ship_by, arrive_by)
    SELECT :order_id, :plan_no, number, supplier, attempt, workflow_id, :state, :mode, :test, :submission, ship_by,
        arrive_by
    FROM jsonb_to_recordset(CAST(:orders AS jsonb)) AS o
        (number text, supplier text, attempt int, workflow_id text, ship_by date, arrive_by date)
    RETURNING id, supplier, number, attempt
), lines AS (
    INSERT INTO purchase_order_lines (purchase_order_id, line_id, ean, sku, per_unit, quantity, unit_cost)
    SELECT m.id, l.line_id, l.ean, min(l.sku), min(l.per_unit), sum(l.quantity), max(l.unit_cost)
    FROM jsonb_to_recordset(CAST(:lines AS jsonb)) AS l
        (supplier text, line_id text, ean text, sku text, per_unit int, quantity int, unit_cost numeric)
    JOIN minted m USING (supplier)
    GROUP BY m.id, l.line_id, l.ean
), counted AS (
    UPDATE orders SET last_plan = :plan_no WHERE id = :order_id
), told AS (
    INSERT INTO timeline (order_id, at, actor, event, detail)
    VALUES (:order_id, :now, 'dropwright', 'order.planned', CAST(:told AS jsonb))
)
SELECT * FROM minted ORDER BY id
""")


def read(tx: Transaction, order_id: int, plan_no: int) -> PlanningOrder:
    """Read an order's facts, and the small tables every plan needs, in one statement and without locks."""
    row = tx.execute(_READ, {"order_id": order_id, "plan_no": plan_no}).one()
    pins = row.pins or {}
    return PlanningOrder(
        id=row.id,
        channel=row.channel,
        storefront_order_id=row.storefront_order_id,
        name=row.name,
        state=OrderState(row.state),
        test=row.test,
        currency=row.currency,
        ship_country=row.ship_country,
        region=row.region or "",
        postal_code=row.postal_code or "",
        placed_at=row.placed_at,
        cancel_requested=row.cancel_requested_at is not None,
        tags=frozenset(row.tags),
        customer_group=row.customer_group,
        preference=row.preference,
        needs=frozenset(row.needs),
        planned=row.planned,
        plans=row.plans,
        waits=row.waits,
        lines=tuple(_line(line) for line in row.lines or ()),
        pins=Pins(pins["urgent"], pins["only_supplier"], frozenset(pins["excluded"])) if pins else Pins(),
        scores={score["supplier"]: _score(score) for score in row.scores or ()},
        rates={currency: Decimal(rate) for currency, rate in (row.rates or {}).items()},
    )


def _line(line: Mapping[str, Any]) -> PlanningLine:
    return PlanningLine(
        line_id=line["line_id"],
        ean=normalise_ean(line["ean"]),
        owed=line["owed"],
        shipped=line["shipped"],
        unit_price=Decimal(line["unit_price"]),
        grams=line["grams"],
        parts=line["parts"],
        running={ean: units or 0 for ean, units in (line["running"] or {}).items()},
        sent=line["sent"] or {},
    )


def _score(row: Mapping[str, Any]) -> Scorecard:
    return Scorecard(**{name: row[name] for name in Scorecard.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Locked:
    """An order whose row this transaction holds."""

    state: OrderState
    cancel_requested: bool
    planned: bool
    attempts: Mapping[str, int]  # purchase orders of this order so far, by supplier


def lock(tx: Transaction, order_id: int, plan_no: int) -> Locked:
    """Lock the order's row and look again at what may have changed since it was read."""
    row = tx.execute(_LOCK, {"order_id": order_id, "plan_no": plan_no}).one()
    return Locked(OrderState(row.state), row.cancelled, row.planned, row.attempts or {})


@dataclass(frozen=True, slots=True)
class Minting:
    """What a plan's purchase orders have in common."""

    order: PlanningOrder
    plan_no: int
    mode: Mode
    configuration_id: int
    reasons: Mapping[str, Any]
    attempts: Mapping[str, int]
    parts: Sequence[WantedLine]  # what was planned
    shortage: Shortage | None = None


def mint(tx: Transaction, minting: Minting, plan: RoutingPlan, *, now: datetime) -> list[Row[Any]]:
    """Write a plan, its purchase orders (id, supplier, number, attempt) and its timeline entry in one statement.

    The order's row must be locked by this transaction.
    """
    order = minting.order
    values = {
        "order_id": order.id,
        "plan_no": minting.plan_no,
        "configuration_id": minting.configuration_id,
        "mode": minting.mode,
        "test": order.test,
        "state": PurchaseOrderState.PLANNED,
        "submission": SubmissionState.READY,
        "now": now,
        "reasons": json.dumps(minting.reasons),
        "shortage": minting.shortage.model_dump_json() if minting.shortage else None,
        "parts": json.dumps(_bundle_parts(minting.parts)),
        "orders": json.dumps([_order(minting, plan, supplier) for supplier in plan.shares]),
        "lines": json.dumps(_lines(plan)),
        "told": json.dumps(_told(minting, plan)),
    }
    return list(tx.execute(_MINT, values))


def _order(minting: Minting, plan: RoutingPlan, supplier: str) -> dict[str, Any]:
    share, order = plan.shares[supplier], minting.order
    position, attempt = list(plan.shares).index(supplier) + 1, minting.attempts.get(supplier, 0) + 1
    return {
        "number": purchase_order_number(order.id, minting.plan_no, position),
        "supplier": supplier,
        "attempt": attempt,
        "workflow_id": purchase_order_workflow_id(order.channel, order.storefront_order_id, supplier, attempt),
        "ship_by": share.ship_on.isoformat() if share.ship_on else None,
        "arrive_by": share.arrive_on.isoformat() if share.arrive_on else None,
    }


def _lines(plan: RoutingPlan) -> list[dict[str, Any]]:
    return [
        {
            "supplier": supplier,
            "line_id": one.line_id,
            "ean": one.ean,
            "sku": one.sku,
            "per_unit": one.per_unit,
            "quantity": one.quantity,
            "unit_cost": None if one.unit_cost is None else str(one.unit_cost),
        }
        for supplier, share in plan.shares.items()
        for one in share.allotments
    ]


def _bundle_parts(planned: Sequence[WantedLine]) -> list[dict[str, Any]]:
    """List what bundles are made of; a line of one part that is one unit is none."""
    parts: dict[str, dict[str, int]] = {}
    for part in planned:
        parts.setdefault(part.line_id, {})[part.ean] = part.per_unit
    return [
        {"line_id": line_id, "ean": ean, "per_unit": per_unit}
        for line_id, of in parts.items()
        if len(of) > 1 or any(per_unit > 1 for per_unit in of.values())
        for ean, per_unit in of.items()
    ]


def _told(minting: Minting, plan: RoutingPlan) -> dict[str, Any]:
    return {
        "plan": minting.plan_no,
        "mode": minting.mode,
        "configuration": minting.configuration_id,
        "shares": {supplier: len(share.allotments) for supplier, share in plan.shares.items()},
        "cost": str(plan.cost),
        **({"gap": plan.gap} if plan.gap else {}),
        **({"rules": list(plan.rules)} if plan.rules else {}),
    }
