"""What two sets of rules make of the same orders, held side by side and counted. Everything here is pure."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from models.configuration import Configuration
from models.rehearsal import MOST_DIFFERENCES, Difference, Outcome, Replayed, RuleChanges, SideTally, Tally

_EDGES = (-50, -25, -10, -5, -1, 1, 5, 10, 25, 50)  # between bars, in percent of the former cost
BARS = (
    "below -50 %",
    "-50 to -25 %",
    "-25 to -10 %",
    "-10 to -5 %",
    "-5 to -1 %",
    "-1 to 1 %",
    "1 to 5 %",
    "5 to 10 %",
    "10 to 25 %",
    "25 to 50 %",
    "above 50 %",
)
_COUNTED = ("orders", "lines", "compared", "without_rate", "unheard_of", "value", "changed", "newly_failed", "rescued")
_COUNTED_OF_A_SIDE = ("whole", "failed", "missing", "split", "parcels")


# What differs between two configurations, and what of it made an order's difference.


def changes_between(before: Configuration, after: Configuration) -> RuleChanges:
    """Find what a difference between two plans can come from."""
    old, new = ({rule.name: rule for rule in one.routing.rules} for one in (before, after))
    base = [name for name in type(after.routing).model_fields if name != "rules"]
    both = before.suppliers.keys() & after.suppliers.keys()
    was_on, is_on = ({name for name, one in side.suppliers.items() if one.enabled} for side in (before, after))
    return RuleChanges(
        rules=frozenset(name for name, rule in new.items() if rule != old.get(name)),
        gone=frozenset(old.keys() - new.keys()),
        settings=tuple(name for name in base if getattr(before.routing, name) != getattr(after.routing, name)),
        terms=frozenset(name for name in both if before.suppliers[name].terms != after.suppliers[name].terms),
        switched_off=frozenset(was_on - is_on),
        switched_on=frozenset(is_on - was_on),
        stock=before.stock != after.stock,
    )


def made_by(replayed: Replayed, changes: RuleChanges) -> tuple[str, ...]:
    """Say what made the difference: suppliers switched off or on first, then rules, then settings, terms and stock."""
    return tuple(_made_by(replayed, changes)) or ("the sequence of rules",)


def _made_by(replayed: Replayed, changes: RuleChanges) -> Iterator[str]:
    before, after = replayed.before, replayed.after
    for name in before.suppliers:
        if name in changes.switched_off:
            yield f"{name} is switched off"
    yield from (f"{name} is switched on" for name in after.suppliers if name in changes.switched_on)
    yield from (f'rule "{name}"' for name in after.rules if name in changes.rules)
    yield from (
        f'without rule "{name}"'
        for name in before.rules
        if name in changes.gone or (name in changes.rules and name not in after.rules)
    )
    yield from (f"routing.{name}" for name in changes.settings)
    for name in dict.fromkeys([*before.suppliers, *after.suppliers]):
        if name in changes.terms:
            yield f"terms of {name}"
    if changes.stock:
        yield "[stock]"


# Figures.


def take_in(tally: Tally, replayed: Replayed, changes: RuleChanges, *, lines: int, unheard_of: bool) -> None:
    """Count one order."""
    tally.orders += 1
    tally.lines += lines
    tally.unheard_of += unheard_of
    tally.without_rate += replayed.value is None
    before, after = replayed.before, replayed.after
    tally.newly_failed += before.whole and not after.whole
    tally.rescued += after.whole and not before.whole
    for side, outcome in ((tally.before, before), (tally.after, after)):
        _count(side, outcome)
    if replayed.compared:
        _weigh(tally, replayed)
    if replayed.changed:
        tally.changed += 1
        keep_largest(tally.largest, [Difference(replayed, made_by(replayed, changes))])


def _count(side: SideTally, outcome: Outcome) -> None:
    side.missing += outcome.missing or Decimal(0)
    side.orders_at.update(outcome.suppliers)
    for one in outcome.allotted:
        side.units_at[one.supplier] += one.units
    if not outcome.whole:
        side.failed += 1
        return
    side.whole += 1
    side.split += len(outcome.suppliers) > 1
    side.parcels += len(outcome.suppliers)
    if outcome.days is not None:
        side.days[outcome.days] += 1


def _weigh(tally: Tally, replayed: Replayed) -> None:
    tally.compared += 1
    tally.value += replayed.value or Decimal(0)
    for side, outcome in ((tally.before, replayed.before), (tally.after, replayed.after)):
        for factor, amount in (outcome.paid or {}).items():
            side.paid[factor] += amount
    if replayed.changed:
        tally.saved[bar_of(replayed.before.cost or Decimal(0), replayed.after.cost or Decimal(0))] += 1


def bar_of(before: Decimal, after: Decimal) -> str:
    """Say in which bar a change of cost counts. What was free before and is not counts as more than half."""
    if before == after:
        return BARS[5]
    percent = (after - before) * 100 / before if before else Decimal(100)
    return BARS[sum(percent >= edge for edge in _EDGES)]


def keep_largest(largest: list[Difference], more: Iterable[Difference]) -> None:
    """Keep the largest differences in place, the largest first; of two alike the earlier order's."""
    largest.extend(more)
    largest.sort(key=lambda one: (-one.replayed.at_stake, one.replayed.order_id))
    del largest[MOST_DIFFERENCES:]


def add(whole: Tally, part: Tally) -> None:
    """Add a tally of other orders to one."""
    for name in _COUNTED:
        setattr(whole, name, getattr(whole, name) + getattr(part, name))
    whole.saved.update(part.saved)
    _add_side(whole.before, part.before)
    _add_side(whole.after, part.after)
    keep_largest(whole.largest, part.largest)


def _add_side(whole: SideTally, part: SideTally) -> None:
    for name in _COUNTED_OF_A_SIDE:
        setattr(whole, name, getattr(whole, name) + getattr(part, name))
    for factor, amount in part.paid.items():
        whole.paid[factor] += amount
    whole.days.update(part.days)
    whole.orders_at.update(part.orders_at)
    whole.units_at.update(part.units_at)


def percentile(days: Mapping[int, int], share: float) -> int | None:
    """Read a value below or at which this share of all lies; None of nothing."""
    total, below = sum(days.values()), 0
    for day in sorted(days):
        below += days[day]
        if below >= share * total:
            return day
    return None


def mean(days: Mapping[int, int]) -> Decimal | None:
    """Average; None of nothing."""
    total = sum(days.values())
    return Decimal(sum(day * count for day, count in days.items())) / total if total else None
