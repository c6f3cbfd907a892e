"""Every way to serve one line: from which offers, in which modes, with how many units of each.

Ways whose picks can't stand together (two modes of one supplier, or two suppliers where one is wanted) are left out.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from workflows.decisions.routing_problem import Group, Levels, Part, Pick, Problem, quantities

MOST_WAYS = 4_000  # of one line
Picks = tuple[Pick, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """What a line is served with, and what it counts at each level."""

    picks: Picks
    levels: Levels
    order: tuple[tuple[int, ...], ...]  # what comes first of two that cost the same


def every_way(problem: Problem, group: Group) -> list[Way]:
    """List the ways to serve a line, most units first; more than ``MOST_WAYS`` are not counted any further."""
    ways = itertools.chain.from_iterable(_served(problem, group, units) for units in reversed(group.units))
    return list(itertools.islice(ways, MOST_WAYS + 1))


def _served(problem: Problem, group: Group, units: int) -> Iterator[Way]:
    wanted = quantities(problem, group, units)
    parts = [problem.parts[index] for index in group.parts]
    choices = [_sources(problem, part, quantity) for part, quantity in zip(parts, wanted, strict=True)]
    shelves = [_shelf(problem, part) for part in parts]
    unrouted = sum(part.quantity for part in parts) - sum(wanted)
    for chosen in itertools.product(*choices):
        picks = tuple(itertools.chain.from_iterable(chosen))
        if _compatible(problem, picks):
            order = tuple([_order(problem, shelf, one) for shelf, one in zip(shelves, chosen, strict=True)])
            yield Way(picks, _levels(problem, picks, unrouted), order)


def _sources(problem: Problem, part: Part, quantity: int) -> list[Picks]:
    if quantity == 0:
        return [()]
    if part.split:
        return list(itertools.islice(_divided(problem, part.candidates, quantity), MOST_WAYS + 1))
    return [(Pick(one, quantity),) for one in part.candidates if _there(problem, one, quantity)]


def _divided(problem: Problem, candidates: Sequence[int], quantity: int) -> Iterator[Picks]:
    """Divide a quantity among candidates in every way, most from the first ones first."""
    if quantity == 0:
        yield ()
    elif candidates:
        first, rest = candidates[0], candidates[1:]
        for units in range(quantity, -1, -1):
            if units == 0 or _there(problem, first, units):
                own = (Pick(first, units),) if units else ()
                yield from (own + others for others in _divided(problem, rest, quantity - units))


def _there(problem: Problem, candidate: int, quantity: int) -> bool:
    one = problem.candidates[candidate]
    return one.takes(quantity) and quantity <= problem.stock[one.offer]


def _compatible(problem: Problem, picks: Picks) -> bool:
    modes = {problem.candidates[pick.candidate].mode for pick in picks}
    suppliers = {problem.modes[mode].supplier for mode in modes}
    return len(suppliers) == len(modes) and (len(suppliers) <= 1 or not problem.one_supplier)


def _levels(problem: Problem, picks: Picks, unrouted: int) -> Levels:
    levels = [0] * problem.depth
    levels[0] = unrouted
    for pick in picks:
        one = problem.candidates[pick.candidate]
        for level in range(1, problem.depth):
            levels[level] += one.once[level] + one.unit[level] * pick.quantity
    return tuple(levels)


def _shelf(problem: Problem, part: Part) -> Mapping[int, int]:
    """Number a part's offers by priority; candidates of one offer, in several modes, are one."""
    offers = dict.fromkeys(problem.candidates[one].offer for one in part.candidates)
    return {offer: place for place, offer in enumerate(offers)}


def _order(problem: Problem, shelf: Mapping[int, int], picks: Picks) -> tuple[int, ...]:
    """Put most from the offers of high priority first."""
    drawn = sorted((shelf[problem.candidates[pick.candidate].offer], -pick.quantity) for pick in picks)
    return (*(number for one in drawn for number in one), len(shelf))
