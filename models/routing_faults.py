"""What is wrong with routing rules that are each well formed: contradictions, and rules that can never matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from models import postcodes
from models.faults import Fault, Location, suggest, unknown_names

if TYPE_CHECKING:
    from models.routing_rules import Conditions, Routing, Rule, Settings
    from models.terms import Terms

ADDING_UP = ("exclude", "needs")  # of all rules that fit; of everything else the first counts
LINE_SETTINGS = ("only", "split_lines", "partial_lines", "stale", "margin_floor")
ORDER_SETTINGS = ("choose", "tiers", "weights", "split_orders", "ship_within", "urgent")
_WORDS = ("channels", "countries", "regions", "tags", "customer_groups", "preferences", "articles")


@lru_cache(maxsize=20_000)
def folded(text: str) -> str:
    """Write a word as conditions compare it: without regard to case and spacing."""
    return " ".join(text.split()).casefold()


@lru_cache(maxsize=20_000)
def category_path(category: str) -> tuple[str, ...]:
    """Take a category apart, as the price rules do: ``"Perfume > Women"``, also with "/" or "|" between."""
    levels = category.replace("/", ">").replace("|", ">").split(">")
    return tuple(folded(level) for level in levels if level.strip())


# What can be seen within one table.


def of_conditions(when: Conditions) -> Iterator[Fault]:
    """Find what no order can fulfil."""
    for least, below in (("value_from", "value_below"), ("kg_from", "kg_below")):
        first, end = getattr(when, least), getattr(when, below)
        if first is not None and end is not None and first >= end:
            yield Fault(
                (below,),
                f"nothing is at least {first} and below {end}",
                f"write a {below} that is more than {least}, or take one of them out",
            )
    for number, area in enumerate(when.postcodes):
        if problem := postcodes.mistake(area):
            yield Fault(("postcodes", number), problem, 'write "10115", a beginning "101*", or a range "80000-81999"')


def of_settings(settings: Settings) -> Iterator[Fault]:
    """Find settings of one table that exclude each other."""
    for number, supplier in enumerate(settings.only or ()):
        if supplier in settings.exclude:
            yield Fault(("only", number), f'"{supplier}" is excluded too', "take it out of only, or out of exclude")
    seen: set[str] = set()
    for tier, names in enumerate(settings.tiers or ()):
        for number, supplier in enumerate(names):
            if supplier in seen:
                yield Fault(("tiers", tier, number), f'"{supplier}" stands in the tiers twice', "leave it in one tier")
            seen.add(supplier)


def of_rule(rule: Rule) -> Iterator[Fault]:
    """Find a rule that sets nothing, or something of an order for some of its lines only."""
    if not settings_of(rule) and not rule.exclude and not rule.needs:
        remedy = f"name what holds for what fits, e.g. {', '.join(('only', *ADDING_UP, 'choose'))}, or take it out"
        yield Fault((), f'the rule "{rule.name}" sets nothing', remedy)
    if rule.when.names_lines:
        for name in ORDER_SETTINGS:
            if getattr(rule, name) is not None:
                yield Fault(
                    (name,),
                    "concerns an order as a whole, and the rule's categories or articles fit single lines of it",
                    "move it to a rule without categories and articles",
                )


# What can be seen within the whole of [routing].


def of_routing(routing: Routing) -> Iterator[Fault]:
    """Find what the rules, or the rules and the table itself, make of each other."""
    yield from of_settings(routing)
    yield from _named_twice(routing)
    yield from _left_with_nobody(routing)
    yield from _hybrid_without_tiers(routing)
    yield from _unreachable_customs(routing)
    for number, rule in enumerate(routing.rules):
        if by := overshadowed(rule, routing.rules[:number]):
            yield Fault(
                ("rules", number),
                f'the rule "{rule.name}" is never reached: {" and ".join(_quoted(one.name) for one in by)} above '
                f"{'fits' if len(by) == 1 else 'fit'} whatever it fits, and {'sets' if len(by) == 1 else 'set'} "
                "whatever it sets",
                "move it further up, fit it to less than the rule above, or take it out",
            )


def _quoted(name: str) -> str:
    return f'"{name}"'


def _named_twice(routing: Routing) -> Iterator[Fault]:
    for number, supplier in enumerate(routing.priority):
        if supplier in routing.priority[:number]:
            yield Fault(("priority", number), f'names "{supplier}" twice', "leave it where it belongs")
    names = Counter[str]()
    for number, rule in enumerate(routing.rules):
        names[rule.name] += 1
        if names[rule.name] == 2:  # one message, however many there are
            yield Fault(("rules", number, "name"), f'two rules are named "{rule.name}"', "give each its own name")


def _left_with_nobody(routing: Routing) -> Iterator[Fault]:
    """The table's own exclusions hold for every rule."""
    for number, rule in enumerate(routing.rules):
        if rule.only and set(rule.only) <= set(routing.exclude):
            yield Fault(
                ("rules", number, "only"),
                "everybody it names is excluded by routing.exclude",
                "take one of them out of routing.exclude, and exclude it in the rules where it must not deliver",
            )


def _hybrid_without_tiers(routing: Routing) -> Iterator[Fault]:
    tables = list(_tables(routing))
    if any(one.tiers for _, one in tables):
        return
    for place, one in tables:
        if one.choose == "hybrid":
            yield Fault((*place, "choose"), "hybrid has no tiers to keep to", 'write tiers, or choose = "cost"')


def _unreachable_customs(routing: Routing) -> Iterator[Fault]:
    for number, row in enumerate(routing.customs):
        for earlier in routing.customs[:number]:
            if all_in(row.origins, earlier.origins) and all_in(row.destinations, earlier.destinations):
                problem = "is never reached: a row above fits whatever it fits"
                yield Fault(("customs", number), problem, "move it further up, or take it out")
                break


def overshadowed(rule: Rule, earlier: Sequence[Rule]) -> list[Rule]:
    """Name the earlier rules by which a rule can change nothing; [] where it can."""
    wider = [one for one in earlier if covers(one.when, rule.when)]
    left = settings_of(rule)
    excluded, needed = set(rule.exclude), set(rule.needs)
    by = []
    for one in wider:
        found = settings_of(one)
        if left & found or excluded & set(one.exclude) or needed & set(one.needs):
            by.append(one)
        left, excluded, needed = left - found, excluded - set(one.exclude), needed - set(one.needs)
    return [] if left or excluded or needed else by


def settings_of(settings: Settings) -> set[str]:
    """Name what a table sets, beside what adds up."""
    return {name for name in (*LINE_SETTINGS, *ORDER_SETTINGS) if getattr(settings, name) is not None}


def covers(wide: Conditions, narrow: Conditions) -> bool:
    """Say whether whatever fits ``narrow`` is known to fit ``wide``, for orders and for lines."""
    return (
        all(all_in(_folded(getattr(narrow, name)), _folded(getattr(wide, name))) for name in _WORDS)
        and categories_within(narrow.categories, wide.categories)
        and _each_within(narrow.postcodes, wide.postcodes, lambda area, outer: postcodes.contains(outer, area))
        and _range_within(narrow.value_from, narrow.value_below, wide.value_from, wide.value_below)
        and _range_within(narrow.kg_from, narrow.kg_below, wide.kg_from, wide.kg_below)
    )


def _folded(words: Sequence[str]) -> list[str]:
    return [folded(word) for word in words]


def all_in(narrow: Sequence[str], wide: Sequence[str]) -> bool:
    """Say whether whatever fits the one list fits the other; an empty one fits everything."""
    return not wide or (bool(narrow) and set(narrow) <= set(wide))


def categories_within(narrow: Sequence[str], wide: Sequence[str]) -> bool:
    """Say whether all these categories lie in the others, or below them; an empty list fits everything."""
    return _each_within(narrow, wide, _below)


def _each_within(narrow: Sequence[str], wide: Sequence[str], inside: Callable[[str, str], bool]) -> bool:
    return not wide or (bool(narrow) and all(any(inside(one, outer) for outer in wide) for one in narrow))


def _below(category: str, outer: str) -> bool:
    path, above = category_path(category), category_path(outer)
    return bool(above) and path[: len(above)] == above


def _range_within(
    least: Decimal | None, below: Decimal | None, outer_least: Decimal | None, outer_below: Decimal | None
) -> bool:
    from_there = outer_least is None or (least is not None and least >= outer_least)
    until_there = outer_below is None or (below is not None and below <= outer_below)
    return from_there and until_there


# What can be seen beside the suppliers.


def of_names(routing: Routing, suppliers: Mapping[str, Terms]) -> Iterator[Fault]:
    """Find names that are no supplier's, and suppliers that are told to deliver and never can. Below ``routing``."""
    names = list(_supplier_names(routing))
    yield from unknown_names([(place, name) for place, name, _ in names], suppliers, kind="supplier")
    for place, name, must_deliver in names:
        if must_deliver and name in suppliers and name not in routing.priority:
            problem = f'"{name}" gets nothing, as routing.priority does not name it'
            yield Fault(place, problem, "add it to routing.priority, or take it out here")
    for place, settings in _tables(routing):
        yield from _incapable(place, settings, routing, suppliers)


def _tables(routing: Routing) -> Iterator[tuple[Location, Settings]]:
    yield (), routing
    yield from ((("rules", number), rule) for number, rule in enumerate(routing.rules))


def _supplier_names(routing: Routing) -> Iterator[tuple[Location, str, bool]]:
    """Yield each name, where it stands, and whether it is meant to deliver there."""
    yield from ((("priority", number), name, False) for number, name in enumerate(routing.priority))
    yield from ((("concentration_limit", name), name, False) for name in routing.concentration_limit)
    for place, one in _tables(routing):
        yield from (((*place, "only", number), name, True) for number, name in enumerate(one.only or ()))
        yield from (((*place, "exclude", number), name, False) for number, name in enumerate(one.exclude))
        for tier, names in enumerate(one.tiers or ()):
            yield from (((*place, "tiers", tier, number), name, True) for number, name in enumerate(names))


def _incapable(
    place: Location, settings: Settings, routing: Routing, suppliers: Mapping[str, Terms]
) -> Iterator[Fault]:
    provided = {name: set(suppliers[name].provides) for name in routing.priority if name in suppliers}
    offered = set().union(*provided.values())
    for number, need in enumerate(settings.needs):
        if need not in offered:
            remedy = suggest(need, offered, kind="capability")
            yield Fault((*place, "needs", number), f'no supplier of routing.priority provides "{need}"', remedy)
    needed = {*settings.needs, *routing.needs} & offered
    fixed = [name for name in settings.only or () if name in provided]
    if fixed and all(needed - provided[name] for name in fixed):
        lacking = ", ".join(sorted(needed - provided[fixed[0]]))
        problem = f"nobody it names provides everything that is needed: {fixed[0]} lacks {lacking}"
        remedy = f"add it to suppliers.{fixed[0]}.terms.provides, or name a supplier that has it"
        yield Fault((*place, "only"), problem, remedy)
