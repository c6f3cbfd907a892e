"""A rehearsal's findings as JSON, which the text and the page are written from too. Amounts are strings."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from models.rehearsal import Difference, Outcome, Replayed, SideTally, Tally
from starter.rehearsal.replay import Rehearsal
from workflows.decisions.rehearsal_figures import BARS, mean, percentile

_CENTS = Decimal("0.01")


def shape_of(rehearsal: Rehearsal, tally: Tally, *, rules: str | None, down: tuple[str, ...]) -> dict[str, Any]:
    """Write the findings. The same orders under the same rules give the same document."""
    return {
        "since": rehearsal.since,
        "until": rehearsal.until,
        "channel": rehearsal.channel,
        "rules": rules,
        "suppliers_down": list(down),
        "currency": rehearsal.currency,
        "orders": tally.orders,
        "lines": tally.lines,
        "compared": tally.compared,
        "value": _amount(tally.value),
        "changed": tally.changed,
        "newly_failed": tally.newly_failed,
        "rescued": tally.rescued,
        "without_rate": tally.without_rate,
        "unheard_of": tally.unheard_of,
        "before": _side(tally.before, tally),
        "after": _side(tally.after, tally),
        "cost_changes": {bar: tally.saved[bar] for bar in BARS},
        "differences": [_difference(one) for one in tally.largest],
    }


def _side(side: SideTally, tally: Tally) -> dict[str, Any]:
    margin = tally.value - side.cost
    orders = sum(side.orders_at.values())
    return {
        "whole": side.whole,
        "failed": side.failed,
        "missing": _amount(side.missing),
        "cost": _amount(side.cost),
        "paid": {factor: _amount(amount) for factor, amount in side.paid.items()},
        "margin": _amount(margin),
        "margin_share": _share(margin, tally.value),
        "split_rate": _share(side.split, side.whole),
        "parcels_per_order": _share(side.parcels, side.whole),
        "promised_days": {
            "mean": None if (average := mean(side.days)) is None else round(float(average), 2),
            "half_within": percentile(side.days, 0.5),
            "most_within": percentile(side.days, 0.9),
            "orders": {str(day): side.days[day] for day in sorted(side.days)},
        },
        "suppliers": {
            name: {"purchase_orders": count, "units": side.units_at[name], "share": _share(count, orders)}
            for name, count in sorted(side.orders_at.items(), key=lambda item: (-item[1], item[0]))
        },
    }


def _difference(one: Difference) -> dict[str, Any]:
    replayed = one.replayed
    return {
        "order": replayed.name,
        "channel": replayed.channel,
        "placed_at": replayed.placed_at,
        "saved": None if replayed.saved is None else _amount(replayed.saved),
        "before": _outcome(replayed.before),
        "after": _outcome(replayed.after),
        "made_by": list(one.made_by),
        "lost": _lost(replayed),
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "whole": outcome.whole,
        "suppliers": {name: _units(outcome, name) for name in outcome.suppliers},
        "missing": None if outcome.missing is None else _amount(outcome.missing),
        "cost": None if outcome.cost is None else _amount(outcome.cost),
        "paid": None if outcome.paid is None else {name: _amount(amount) for name, amount in outcome.paid.items()},
        "days": outcome.days,
    }


def _units(outcome: Outcome, supplier: str) -> int:
    return sum(one.units for one in outcome.allotted if one.supplier == supplier)


def _lost(replayed: Replayed) -> Mapping[str, str]:
    """Say why suppliers do not have it any more; of an order that fails, why nobody has it."""
    lost = replayed.after.lost
    if not replayed.after.whole:
        return dict(lost)
    return {name: lost[name] for name in replayed.before.suppliers if name in lost}


def _amount(amount: Decimal) -> str:
    return str(amount.quantize(_CENTS))


def _share(part: Decimal | int, whole: Decimal | int) -> float | None:
    return round(float(part / whole), 4) if whole else None
