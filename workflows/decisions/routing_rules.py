"""Which routing rules fit an order and its lines, and what holds for them then."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

from models import postcodes
from models.routing import OrderFacts, WantedLine
from models.routing_faults import LINE_SETTINGS, category_path, folded
from models.routing_rules import Choose, Conditions, Routing, Rule, Settings, Weights

BASE = "routing"  # what the table itself sets, where a rule's name is told


@dataclass(frozen=True, slots=True)
class LineRules:
    """What holds for one part of a line."""

    only: tuple[str, ...] | None = None  # nobody else
    only_by: str = ""  # the rule that said so
    exclude: Mapping[str, str] = field(default_factory=dict)  # supplier -> the first rule that excludes it
    split_lines: bool = False
    partial_lines: bool = False
    stale: Literal["failover", "never", "use"] = "failover"
    margin_floor: float | None = None
    needs: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()  # of the rules that fitted and concern lines


@dataclass(frozen=True, slots=True)
class RulesForOrder:
    """What holds for an order as a whole; ``line`` says what holds for a part of it."""

    choose: Choose
    tiers: tuple[tuple[str, ...], ...]
    weights: Weights
    split_orders: bool
    ship_within: timedelta | None
    urgent: bool
    names: tuple[str, ...]  # of the rules that fitted the order
    fitting: tuple[Rule, ...]  # and those that may fit some of its lines, in the order of the file
    base: Settings

    def line(self, line: WantedLine) -> LineRules:
        """Say what holds for this part of a line."""
        rules = [rule for rule in self.fitting if _fits_line(rule.when, line)]
        sources: list[tuple[str, Settings]] = [*((rule.name, rule) for rule in rules), (BASE, self.base)]
        found = {name: value for name in LINE_SETTINGS if (value := _first(sources, name)) is not None}
        return LineRules(
            **found,
            only_by=next((name for name, one in sources if one.only is not None), ""),
            exclude=_excluded(sources),
            needs=frozenset(need for _, one in sources for need in one.needs),
            names=tuple(rule.name for rule in rules if _concerns_lines(rule)),
        )


def rules_for(order: OrderFacts, rules: Routing, *, rate: Decimal | None = Decimal(1)) -> RulesForOrder:
    """Find what the rules say about an order.

    Of two rules that set the same thing, the first that fits counts; what ``[routing]`` itself sets is the last word.
    Exclusions and needs add up. ``rate`` makes an amount in ``routing.currency`` one in the order's currency; where it
    is None, a rule that asks for a value does not fit.
    """
    fitting = tuple(rule for rule in rules.rules if _fits_order(rule.when, order, rate))
    whole = [rule for rule in fitting if not rule.when.names_lines]
    sources: list[tuple[str, Settings]] = [*((rule.name, rule) for rule in whole), (BASE, rules)]

    def first(name: str, default: Any) -> Any:
        value = _first(sources, name)
        return default if value is None else value

    return RulesForOrder(
        choose=first("choose", Choose.PRIORITY),
        tiers=first("tiers", ()),
        weights=first("weights", Weights()),
        split_orders=first("split_orders", True),
        ship_within=first("ship_within", None),
        urgent=order.urgent or first("urgent", False),
        names=tuple(rule.name for rule in whole),
        fitting=fitting,
        base=rules,
    )


def _first(sources: Sequence[tuple[str, Settings]], name: str) -> Any:
    return next((value for _, one in sources if (value := getattr(one, name)) is not None), None)


def _excluded(sources: Sequence[tuple[str, Settings]]) -> dict[str, str]:
    excluded: dict[str, str] = {}
    for name, one in sources:
        for supplier in one.exclude:
            excluded.setdefault(supplier, name)
    return excluded


def _concerns_lines(rule: Rule) -> bool:
    return bool(rule.exclude or rule.needs) or any(getattr(rule, name) is not None for name in LINE_SETTINGS)


def _fits_order(when: Conditions, order: OrderFacts, rate: Decimal | None) -> bool:
    return (
        (not when.channels or order.channel in when.channels)
        and _has(when.countries, [order.country])
        and _has(when.regions, [order.region])
        and _has(when.tags, order.tags)
        and _has(when.customer_groups, [order.customer_group])
        and _has(when.preferences, [order.preference])
        and (not when.postcodes or postcodes.within(when.postcodes, order.postal_code))
        and _worth(when, order, rate)
        and _weighs(when, order)
    )


def _fits_line(when: Conditions, line: WantedLine) -> bool:
    return _has(when.articles, [line.ean]) and (
        not when.categories or bool(_ancestry(line.category) & {category_path(one) for one in when.categories})
    )


def _has(wanted: Sequence[str], given: Iterable[str]) -> bool:
    """Say whether nothing is wanted, or one of it given; an empty text is nothing given."""
    return not wanted or bool({folded(one) for one in wanted} & {folded(one) for one in given if one.strip()})


def _worth(when: Conditions, order: OrderFacts, rate: Decimal | None) -> bool:
    if when.value_from is None and when.value_below is None:
        return True
    if rate is None:
        return False
    return _between(order.value, _times(when.value_from, rate), _times(when.value_below, rate))


def _times(amount: Decimal | None, rate: Decimal) -> Decimal | None:
    return None if amount is None else amount * rate


def _weighs(when: Conditions, order: OrderFacts) -> bool:
    kg = Decimal(sum(line.grams * line.quantity for line in order.lines)) / 1000
    return _between(kg, when.kg_from, when.kg_below)


def _between(value: Decimal, least: Decimal | None, below: Decimal | None) -> bool:
    return (least is None or value >= least) and (below is None or value < below)


def _ancestry(category: str) -> set[tuple[str, ...]]:
    path = category_path(category)
    return {path[:depth] for depth in range(1, len(path) + 1)}
