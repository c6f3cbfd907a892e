"""Plans as people read them: who got each line, what everybody would have cost, and why the others lost."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from adapters.database.planning import Pins
from adapters.database.route_views import PlanRecord
from starter.console import console, instant, print_table

Shape = Mapping[str, Any]
TAKEN = ("chosen", "part of it")


def plan_shape(plan: PlanRecord) -> dict[str, Any]:
    """Shape one plan for ``--json``: the stored document with what became of it."""
    facts = {name: value for name, value in vars(plan).items() if name not in ("reasons", "plan_no")}
    return {"plan": plan.plan_no, **facts, **plan.reasons}


def print_plan(plan: PlanRecord) -> None:
    """Print a plan: its shares, then a table of candidates for each line."""
    reasons = plan.reasons
    gap = f", within {reasons['gap']:.1%} of the best" if reasons.get("gap") else ""
    rules = f"; rules {', '.join(reasons['rules'])}" if reasons.get("rules") else ""
    _say(
        f"Plan {plan.plan_no} of {instant(plan.planned_at)} · {plan.mode} · configuration {plan.configuration_id}"
        f" · cost {reasons.get('cost', '')}{gap}{rules}",
        style="bold",
    )
    numbers = {one["supplier"]: one for one in plan.purchase_orders}
    for supplier, share in reasons.get("shares", {}).items():
        order = numbers.get(supplier, {})
        dates = f", ships {share['ship_on']}, arrives {share['arrive_on']}" if share.get("arrive_on") else ""
        state = f" · {order['number']} {order['state'].replace('_', ' ')}" if order else ""
        _say(f"  {supplier}: {share['units']} units, cost {share['cost']}{dates}{state}")
    for left in reasons.get("unroutable", ()):
        _say(f"  nobody: {left['units']} x {left['ean']}")
    print_candidates(reasons.get("lines", ()))


def print_candidates(lines: Sequence[Shape]) -> None:
    """Print, for each line, every supplier with its cost by factor and why it got the line or did not."""
    for line in lines:
        rules = f" · rules {', '.join(line['rules'])}" if line.get("rules") else ""
        print_table(
            ["supplier", "there", "gets", "cost", "made of", "because"],
            [_candidate(one) for one in line["candidates"]],
            title=f"{line['quantity']} x {line['ean']} (line {line['line_id']}){rules}",
        )


def _candidate(one: Shape) -> list[str]:
    factors = ", ".join(f"{factor} {amount}" for factor, amount in one["cost"].items())
    because = f"{one['because']}: {one['detail']}" if one["detail"] else one["because"]
    there = "" if one["available"] is None else str(one["available"])
    return [one["supplier"], there, str(one["units"] or ""), one["total"] if factors else "", factors, because]


def print_pins(pins: Pins) -> None:
    """Print a person's word on who may deliver; nothing where there is none."""
    words = [
        *(["urgent"] if pins.urgent else []),
        *([f"only {pins.only_supplier}"] if pins.only_supplier else []),
        *(f"not {supplier}" for supplier in sorted(pins.excluded)),
    ]
    if words:
        _say(f"Pinned: {', '.join(words)}")


def _say(text: str, style: str = "") -> None:
    console().print(Text(text, style=style), soft_wrap=True)
