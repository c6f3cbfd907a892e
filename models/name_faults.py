"""Names in one part of a configuration that another part does not have: they would silently fit nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from models import routing_faults
from models.faults import Fault, Location, unknown_names

if TYPE_CHECKING:
    from models.backordering import Backorders
    from models.configuration import Configuration
    from models.stock import Stock

Named = Iterator[tuple[Location, str]]


def of_configuration(configuration: Configuration) -> Iterator[Fault]:
    """Find suppliers and channels that nobody has described, and shops that two channels claim."""
    terms = {name: supplier.terms for name, supplier in configuration.suppliers.items()}
    for fault in routing_faults.of_names(configuration.routing, terms):
        yield Fault(("routing", *fault.location), fault.problem, fault.remedy)
    yield from unknown_names(_suppliers(configuration), configuration.suppliers, kind="supplier")
    yield from unknown_names(_channels(configuration), configuration.channels, kind="channel")
    yield from _shops_named_twice(configuration)


def _shops_named_twice(configuration: Configuration) -> Iterator[Fault]:
    domains: dict[str, str] = {}
    for name, channel in configuration.channels.items():
        first = domains.setdefault(channel.shop_domain, name)
        if first != name:
            problem = f'the channel "{first}" has the same shop_domain'
            yield Fault(("channels", name, "shop_domain"), problem, "give each channel its own shop, or remove one")


def _suppliers(configuration: Configuration) -> Named:
    for name, channel in configuration.channels.items():
        place, publishing = ("channels", name, "publishing"), channel.publishing
        if publishing.pricing is not None:
            yield from _lists((*place, "pricing", "rules"), publishing.pricing.rules, "suppliers")
            yield from _lists((*place, "pricing", "promotions"), publishing.pricing.promotions, "suppliers")
    yield from _lists(("supply", "holds"), configuration.supply.holds, "suppliers")
    for attribute, best_first in configuration.supply.precedence.items():
        yield from ((("supply", "precedence", attribute, number), each) for number, each in enumerate(best_first))
    yield from ((("low_stock", "own", number), each) for number, each in enumerate(configuration.low_stock.own))
    yield from _lists(("stock", "buffers"), configuration.stock.buffers, "suppliers")


def _channels(configuration: Configuration) -> Named:
    for number, rule in enumerate(configuration.routing.rules):
        place: Location = ("routing", "rules", number, "when", "channels")
        yield from (((*place, position), name) for position, name in enumerate(rule.when.channels))
    yield from _lists(("backorders", "rules"), configuration.backorders.rules, "channels")


def _lists(place: Location, tables: Sequence[object], setting: str) -> Named:
    for number, table in enumerate(tables):
        where: Location = (*place, number, setting)
        yield from (((*where, position), name) for position, name in enumerate(getattr(table, setting)))


# What can be seen within one section.


def of_stock(stock: Stock) -> Iterator[Fault]:
    """Find bundles and substitutes that lead nowhere, or back to where they began."""
    from models.stock import find_circle

    for bundle, parts in stock.bundles.items():
        if not parts:
            yield Fault(("bundles", bundle), "is made of nothing", 'name its parts, e.g. { "8411061123456" = 2 }')
    for name, graph in (("bundles", stock.bundles), ("substitutes", stock.substitutes)):
        if circle := find_circle(graph):
            remedy = f'take "{circle[1]}" out of {name}.{circle[0]}, or break it elsewhere'
            yield Fault((name, circle[0]), f"{' → '.join(circle)} is a circle", remedy)


def of_backorders(backorders: Backorders) -> Iterator[Fault]:
    """Find policies that no line ever comes to."""
    names: set[str] = set()
    for number, rule in enumerate(backorders.rules):
        place: Location = ("rules", number)
        if rule.name in names:
            yield Fault((*place, "name"), f'two rules are named "{rule.name}"', "give each its own name")
        names.add(rule.name)
        for earlier in backorders.rules[:number]:
            if routing_faults.all_in(rule.channels, earlier.channels) and routing_faults.categories_within(
                rule.categories, earlier.categories
            ):
                problem = f'the rule "{rule.name}" is never reached: "{earlier.name}" above fits whatever it fits'
                yield Fault(place, problem, "move it further up, fit it to less, or take it out")
                break
