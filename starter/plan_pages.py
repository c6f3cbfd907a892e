"""Plans as people read them: who got each line, what everybody would have cost, and why the others lost."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.text import Text

from adapters.database.planning import Pins
from adapters.database.route_views import PlanRecord, ShortPlan
from starter.console import console, instant, print_table

Shape = Mapping[str, Any]
CENT = Decimal("0.01")
BRIEFLY = 5  # lines of an order that its page explains; `route explain` has them all


def plan_shape(plan: PlanRecord) -> dict[str, Any]:
    """Shape one plan for ``--json``: the stored document with what became of it."""
    facts = {name: value for name, value in vars(plan).items() if name not in ("reasons", "plan_no")}
    return {"plan": plan.plan_no, **facts, **plan.reasons}


def short_shape(short: ShortPlan) -> dict[str, Any]:
    """Shape what could not be planned for ``--json``."""
    return {"planned_at": short.planned_at, **short.reasons}


def brief_shape(plans: Sequence[PlanRecord], short: ShortPlan | None) -> dict[str, Any] | None:
    """Shape the newest word on who gets an order's lines, for the order's page; None where nothing was planned."""
    if short is not None:
        return {"plan": None, "planned_at": short.planned_at, **_brief(short.reasons)}
    if not plans:
        return None
    return {"plan": plans[-1].plan_no, "planned_at": plans[-1].planned_at, **_brief(plans[-1].reasons)}


def _brief(reasons: Shape) -> dict[str, Any]:
    lines = []
    for line in reasons.get("lines", ()):
        gets = {one["supplier"]: one["units"] for one in line["candidates"] if one["units"]}
        lost = {one["supplier"]: one["because"] for one in line["candidates"] if not one["units"]}
        lines.append(
            {"line_id": line["line_id"], "ean": line["ean"], "quantity": line["quantity"], "gets": gets}
            | {"lost": lost}
        )
    return {"cost": reasons.get("cost"), "lines": lines}


def print_brief(brief: Shape, name: str, currency: str) -> None:
    """Print the newest plan in a line per article, and where the rest stands."""
    if brief["plan"] is None:
        _say(f"Planned {instant(brief['planned_at'])}: not enough anywhere, nothing was ordered")
    else:
        _say(f"Plan {brief['plan']} of {instant(brief['planned_at'])}, cost {money(brief['cost'], currency)}")
    for line in brief["lines"][:BRIEFLY]:
        gets = ", ".join(f"{units} from {supplier}" for supplier, units in line["gets"].items()) or "nobody can"
        gets = f"could get {gets}" if brief["plan"] is None and line["gets"] else gets
        lost = ", ".join(f"{supplier} ({because})" for supplier, because in line["lost"].items())
        _say(f"  {line['quantity']} x {line['ean']}: {gets}{f'; not {lost}' if lost else ''}")
    more = len(brief["lines"]) - BRIEFLY
    _say(f"  {f'{more} more lines; ' if more > 0 else ''}what each would have cost: dropwright route explain '{name}'")


def print_plan(plan: PlanRecord, currency: str) -> None:
    """Print a plan: its shares, then a table of candidates for each line. Amounts are in the order's currency."""
    reasons = plan.reasons
    gap = f", within {reasons['gap']:.1%} of the best" if reasons.get("gap") else ""
    rules = f"; rules {', '.join(reasons['rules'])}" if reasons.get("rules") else ""
    _say(
        f"Plan {plan.plan_no} of {instant(plan.planned_at)} · {plan.mode} · configuration {plan.configuration_id}"
        f" · cost {money(reasons.get('cost'), currency)}{gap}{rules}",
        style="bold",
    )
    numbers = {one["supplier"]: one for one in plan.purchase_orders}
    for supplier, share in reasons.get("shares", {}).items():
        order = numbers.get(supplier, {})
        dates = f", ships {share['ship_on']}, arrives {share['arrive_on']}" if share.get("arrive_on") else ""
        state = f" · {order['number']} {order['state'].replace('_', ' ')}" if order else ""
        _say(f"  {supplier}: {_units(share['units'])}, cost {money(share['cost'], currency)}{dates}{state}")
    _print_reasons(reasons)


def print_short(short: ShortPlan) -> None:
    """Print why nothing could be ordered."""
    rules = f"; rules {', '.join(short.reasons['rules'])}" if short.reasons.get("rules") else ""
    _say(f"Planned {instant(short.planned_at)} · not enough anywhere, nothing was ordered{rules}", style="bold")
    _print_reasons(short.reasons)


def _print_reasons(reasons: Shape) -> None:
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
    factors = ", ".join(f"{factor} {money(amount)}" for factor, amount in one["cost"].items())
    because = f"{one['because']}: {one['detail']}" if one["detail"] else one["because"]
    there = "" if one["available"] is None else str(one["available"])
    return [one["supplier"], there, str(one["units"] or ""), money(one["total"]) if factors else "", factors, because]


def money(amount: str | None, currency: str = "") -> str:
    """Write an amount with its cents, and what is smaller only where there is some."""
    if amount is None:
        return ""
    exact = Decimal(amount)
    cents = exact.quantize(CENT)
    return f"{cents if cents == exact else exact.normalize():f} {currency}".rstrip()


def _units(count: int) -> str:
    return "1 unit" if count == 1 else f"{count} units"


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
