"""A rehearsal's findings as a person reads them: figures side by side, suppliers, and the largest differences."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

Shape = Mapping[str, Any]
Row = tuple[str, str, str, str]
NOTHING = "–"


def title(shape: Shape) -> str:
    """Say in one line what was tried."""
    tried = [f"the rules of {shape['rules']}"] if shape["rules"] else []
    tried += [f"{name} down" for name in shape["suppliers_down"]]
    return f"{' and '.join(tried) or 'the rules in force'}, on {shape['orders']:,} orders"


def period(shape: Shape) -> str:
    """Say which orders were replayed."""
    where = f" of {shape['channel']}" if shape["channel"] else ""
    return f"orders{where} placed from {shape['since']:%d %b %Y %H:%M} to {shape['until']:%d %b %Y %H:%M} UTC"


def headings(shape: Shape) -> tuple[str, str, str, str]:
    """Name the columns of the figures."""
    return "", "in force", "new" if shape["rules"] else "without", "change"


def figures(shape: Shape) -> Iterator[Row]:
    """Write each figure for both sides, and how it changes."""
    before, after, currency = shape["before"], shape["after"], shape["currency"]
    for label, name in (("orders that somebody delivers whole", "whole"), ("orders that fail", "failed")):
        yield label, f"{before[name]:,}", f"{after[name]:,}", _signed(after[name] - before[name], "{:+,}")
    yield _money_row(f"goods that nobody delivers, {currency}", before, after, "missing")
    yield _money_row(f"cost, {currency}", before, after, "cost")
    for factor in before["paid"]:
        yield _money_row(f"  {factor}", before["paid"], after["paid"], factor)
    yield _money_row(f"margin, {currency}", before, after, "margin")
    yield _row("margin, share of the price", before, after, "margin_share", percent, points)
    yield _row("split orders", before, after, "split_rate", percent, points)
    yield _row("parcels per order", before, after, "parcels_per_order", "{:.2f}".format, "{:+.2f}".format)
    days = before["promised_days"], after["promised_days"]
    yield _row("promised days, on average", *days, "mean", "{:.2f}".format, "{:+.2f}".format)
    yield _row("promised days, nine of ten within", *days, "most_within", "{}".format, "{:+}".format)


def tiles(shape: Shape) -> Iterator[tuple[str, str, bool]]:
    """Write the figures that matter most, each with a label and whether it is bad news."""
    currency, before, after = shape["currency"], shape["before"], shape["after"]
    yield "orders that change", f"{shape['changed']:,} of {shape['orders']:,}", False
    yield "orders that fail only now", f"{shape['newly_failed']:,}", shape["newly_failed"] > 0
    for label, name, sign in ((f"cost, {currency}", "cost", 1), (f"margin, {currency}", "margin", -1)):
        change = Decimal(after[name]) - Decimal(before[name])
        yield label, f"{change:+,.2f}" if change else "unchanged", change * sign > 0


def suppliers(shape: Shape) -> Iterator[tuple[str, str, str, str, str]]:
    """Write each supplier's purchase orders and share of them, on both sides."""
    sides = shape["before"]["suppliers"], shape["after"]["suppliers"]
    for name in dict.fromkeys([*sides[0], *sides[1]]):
        cells = [(side.get(name) or {"purchase_orders": 0, "share": 0.0}) for side in sides]
        counts = [f"{cell['purchase_orders']:,}" for cell in cells]
        yield name, counts[0], percent(cells[0]["share"]), counts[1], percent(cells[1]["share"])


def notes(shape: Shape) -> Iterator[str]:
    """Say what the figures leave out."""
    yield f"{shape['changed']:,} orders change; {shape['newly_failed']:,} fail only now, {shape['rescued']:,} no longer"
    if left_out := shape["orders"] - shape["compared"]:
        yield (
            f"cost and margin are of the {shape['compared']:,} orders that both sides deliver whole at a known cost; "
            f"{left_out:,} are left out of them"
        )
    if shape["without_rate"]:
        yield f"{shape['without_rate']:,} orders are in a currency without a rate for their day"
    if shape["unheard_of"]:
        yield f"{shape['unheard_of']:,} orders hold an article that no supplier was known to have then"


def difference_title(one: Shape, currency: str) -> str:
    """Write one difference's order, its old and new suppliers, and the money it moves."""
    return f"{one['order']}: {who(one['before'])} → {who(one['after'])}, {_moved(one, currency)}"


def who(outcome: Shape) -> str:
    """Name who delivers, with units where several do."""
    parts = outcome["suppliers"]
    names = list(parts) if len(parts) == 1 else [f"{units} × {name}" for name, units in parts.items()]
    return " + ".join([*names, *([] if outcome["whole"] else ["nobody" if not parts else "the rest nobody"])])


def _moved(one: Shape, currency: str) -> str:
    if one["saved"] is not None:
        saved = Decimal(one["saved"])
        return f"{abs(saved):,.2f} {currency} {'less' if saved >= 0 else 'more'}"
    missing = [Decimal(side["missing"] or 0) for side in (one["before"], one["after"])]
    if missing[0] == missing[1]:
        return "at a cost that is not known"
    lost = missing[1] - missing[0]
    return f"goods of {abs(lost):,.2f} {currency} {'fail' if lost > 0 else 'are delivered after all'}"


def factors(one: Shape) -> Iterator[Row]:
    """Write a difference's cost by factor, and its promised days."""
    paid = [side["paid"] if side["whole"] else None for side in (one["before"], one["after"])]
    for factor in next((side for side in paid if side), {}):
        cells = [{factor: side[factor]} if side else {factor: None} for side in paid]
        yield _money_row(factor, cells[0], cells[1], factor)
    yield _row("promised days", one["before"], one["after"], "days", "{}".format, "{:+}".format)


def reasons(one: Shape) -> Iterator[str]:
    """Say what made a difference, and why who had it before has not."""
    yield f"made by {', '.join(one['made_by'])}"
    yield from (f"{name}: {reason}" for name, reason in one["lost"].items())


def percent(share: float | None) -> str:
    """Write a share of 1 as percent."""
    return NOTHING if share is None else f"{share * 100:.1f} %"


def points(change: float) -> str:
    """Write a change of a share in percentage points."""
    return f"{change * 100:+.1f}"


def _money_row(label: str, before: Shape, after: Shape, name: str) -> Row:
    sides = [None if side[name] is None else Decimal(side[name]) for side in (before, after)]
    cells = [NOTHING if amount is None else f"{amount:,.2f}" for amount in sides]
    if sides[0] is None or sides[1] is None:
        return label, cells[0], cells[1], ""
    return label, cells[0], cells[1], _signed(sides[1] - sides[0], "{:+,.2f}")


def _row(
    label: str, before: Shape, after: Shape, name: str, write: Callable[[Any], str], change: Callable[[Any], str]
) -> Row:
    sides = before[name], after[name]
    cells = [NOTHING if value is None else write(value) for value in sides]
    if None in sides or cells[0] == cells[1]:
        return label, cells[0], cells[1], ""
    return label, cells[0], cells[1], change(sides[1] - sides[0])


def _signed(change: Any, form: str) -> str:
    return form.format(change) if change else ""
