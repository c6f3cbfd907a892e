"""Following a placed order: each check of the plan with its answer, and each parcel once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from models.articles import normalise_ean
from models.suppliers import SupplierLine, TrackedParcel
from models.tables import parcel_lines, parcels, tracking_checks


@dataclass(frozen=True)
class Check:
    """One check of one plan: which, when it was due, and when it was asked."""

    purchase_order_id: int
    kind: str
    number: int
    due_at: datetime
    asked_at: datetime


@dataclass(frozen=True)
class Parcel:
    """A parcel as we know it; ``told`` once the storefront has it."""

    id: int
    tracking_number: str
    carrier: str
    url: str
    source: str
    told: bool
    lines: tuple[tuple[str, int], ...] = ()  # (EAN, units), where its supplier says what is in it


def keep_check(tx: Transaction, check: Check, answer: str | None) -> int:
    """Keep a check's answer, or count one more failure where there was none. Returns the failures so far."""
    insertion = upsert(tracking_checks).values(
        purchase_order_id=check.purchase_order_id,
        kind=check.kind,
        due_at=check.due_at,
        check_no=check.number,
        asked_at=check.asked_at,
        errors=0 if answer is not None else 1,
        answer=answer,
    )
    changed: dict[str, Any] = {
        "asked_at": check.asked_at,
        "errors": tracking_checks.c.errors + insertion.excluded.errors,
    }
    if answer is not None:
        changed["answer"] = answer
    keys = ["purchase_order_id", "kind", "due_at"]
    keeping = insertion.on_conflict_do_update(index_elements=keys, set_=changed).returning(tracking_checks.c.errors)
    errors: int = tx.execute(keeping).scalar_one()
    return errors


def answer_to(tx: Transaction, check: Check) -> str | None:
    """Return the answer this check has had already: a repeated attempt does not ask again."""
    query = select(tracking_checks.c.answer).where(
        tracking_checks.c.purchase_order_id == check.purchase_order_id,
        tracking_checks.c.kind == check.kind,
        tracking_checks.c.due_at == check.due_at,
    )
    return tx.execute(query).scalar()


def checks(tx: Transaction, purchase_order_id: int) -> list[dict[str, Any]]:
    """List every check so far, oldest first."""
    query = select(tracking_checks).where(tracking_checks.c.purchase_order_id == purchase_order_id)
    return [dict(row._mapping) for row in tx.execute(query.order_by(tracking_checks.c.asked_at))]


def keep_parcels(
    tx: Transaction, purchase_order_id: int, found: Sequence[TrackedParcel], *, source: str, now: datetime
) -> int:
    """Keep parcels, each once, with what is in them as it was said first. Returns how many were new."""
    if not found:
        return 0
    rows = [
        {
            "purchase_order_id": purchase_order_id,
            "tracking_number": parcel.tracking_number,
            "carrier": parcel.carrier,
            "url": parcel.url,
            "source": source,
            "seen_at": now,
        }
        for parcel in found
    ]
    keeping = upsert(parcels).values(rows).on_conflict_do_nothing().returning(parcels.c.id)
    new = len(tx.execute(keeping).all())
    if any(parcel.lines for parcel in found):
        _keep_lines(tx, purchase_order_id, found)
    return new


def _keep_lines(tx: Transaction, purchase_order_id: int, found: Sequence[TrackedParcel]) -> None:
    """Keep what is in parcels that nothing was said about so far, and that the storefront has not been told of."""
    contents = select(parcel_lines.c.parcel_id).where(parcel_lines.c.parcel_id == parcels.c.id).exists()
    query = select(parcels.c.id, parcels.c.tracking_number).where(
        parcels.c.purchase_order_id == purchase_order_id, parcels.c.fulfilled_at.is_(None), ~contents
    )
    silent = {row.tracking_number: row.id for row in tx.execute(query)}
    rows = [
        {"parcel_id": silent[parcel.tracking_number], "ean": ean, "quantity": units}
        for parcel in found
        if parcel.tracking_number in silent
        for ean, units in _summed(parcel.lines).items()
    ]
    if rows:
        tx.execute(upsert(parcel_lines).values(rows).on_conflict_do_nothing())


def _summed(lines: Sequence[SupplierLine]) -> dict[str, int]:
    units: dict[str, int] = {}
    for line in lines:
        ean = normalise_ean(line.ean)
        units[ean] = units.get(ean, 0) + line.quantity
    return units


_PARCELS = text("""
SELECT p.*, coalesce((
    SELECT jsonb_agg(jsonb_build_object('ean', l.ean, 'quantity', l.quantity) ORDER BY l.ean)
    FROM parcel_lines l WHERE l.parcel_id = p.id
), '[]') AS lines
FROM parcels p WHERE p.purchase_order_id = :purchase_order ORDER BY p.id
""")


def known_parcels(tx: Transaction, purchase_order_id: int) -> list[Parcel]:
    """List a purchase order's parcels, oldest first."""
    rows = tx.execute(_PARCELS, {"purchase_order": purchase_order_id})
    return [_parcel(row, tuple((line["ean"], line["quantity"]) for line in row.lines)) for row in rows]


def are_whole(found: Sequence[Parcel], asked: Sequence[SupplierLine]) -> bool:
    """Say whether these parcels are all that will come: one whose content nobody names holds whatever was open.

    Article by article: too many units of one do not make up for too few of another.
    """
    if not all(parcel.lines for parcel in found):
        return True
    missing = Counter(_summed(asked))
    for parcel in found:
        missing.subtract(dict(parcel.lines))
    return all(missing[ean] <= 0 for ean in _summed(asked))


def _parcel(row: Row[Any], lines: tuple[tuple[str, int], ...] = ()) -> Parcel:
    told = row.fulfilled_at is not None
    return Parcel(row.id, row.tracking_number, row.carrier, row.url, row.source, told, lines)


# A plain line counts as this purchase order has it; of a bundle's line the units that are complete with it.
_SHELF_LINES = text("""
SELECT pl.line_id, CASE WHEN bundle.complete IS NULL THEN sum(pl.quantity - pl.declined)
    ELSE greatest(bundle.complete - l.shipped, 0) END AS units
FROM purchase_order_lines pl
JOIN purchase_orders po ON po.id = pl.purchase_order_id
JOIN order_lines l ON l.order_id = po.order_id AND l.line_id = pl.line_id
LEFT JOIN LATERAL (
    SELECT min(coalesce(sent.units, 0) / part.per_unit) AS complete FROM order_line_parts part
    LEFT JOIN LATERAL (
        SELECT sum(CASE WHEN x.purchase_order_id = po.id THEN x.quantity - x.declined ELSE x.shipped END) AS units
        FROM purchase_order_lines x JOIN purchase_orders o ON o.id = x.purchase_order_id
        WHERE o.order_id = po.order_id AND x.line_id = part.line_id AND x.ean = part.ean
    ) sent ON true
    WHERE part.order_id = po.order_id AND part.line_id = pl.line_id
) bundle ON true
WHERE pl.purchase_order_id = :purchase_order
GROUP BY pl.line_id, bundle.complete, l.shipped ORDER BY pl.line_id
""")

# Of purchase orders whose parts could not complete a bundle when they shipped.
_LEFT_UNTOLD = text("""
SELECT p.* FROM parcels p JOIN purchase_orders o ON o.id = p.purchase_order_id
WHERE o.order_id = :order AND o.id <> :purchase_order AND o.state = 'shipped' AND p.fulfilled_at IS NULL
    AND EXISTS (
        SELECT 1 FROM purchase_order_lines a JOIN purchase_order_lines b ON b.line_id = a.line_id
        WHERE a.purchase_order_id = o.id AND b.purchase_order_id = :purchase_order
    )
ORDER BY p.id
""")


def storefront_lines(tx: Transaction, purchase_order_id: int) -> list[tuple[str, int]]:
    """List (line, units) that the storefront is told of when this purchase order ships.

    Of a bundle's line those units count that it completes: its parts may have come from several suppliers.
    """
    rows = tx.execute(_SHELF_LINES, {"purchase_order": purchase_order_id})
    return [(row.line_id, int(row.units)) for row in rows if row.units > 0]


def parcels_left_untold(tx: Transaction, purchase_order_id: int, order_id: int) -> list[Parcel]:
    """List parcels of other purchase orders that hold parts of the bundles which this one completes."""
    return [_parcel(row) for row in tx.execute(_LEFT_UNTOLD, {"purchase_order": purchase_order_id, "order": order_id})]


def mark_told(tx: Transaction, parcel_ids: Sequence[int], *, now: datetime) -> None:
    """Note that the storefront knows these parcels."""
    tx.execute(update(parcels).where(parcels.c.id.in_(parcel_ids)).values(fulfilled_at=now))
