"""Every solution in turn, save those that can't be better: exact, and quick where an order is small.

A branch opens or closes a mode of a supplier, or settles how one line is served. Its bound lets every line that is not
settled have what is best for it alone. Levels, ties included, are folded into one whole number each, so that two
different solutions are never equal: the same one is found wherever and in whatever order it is looked for.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from workflows.decisions.routing_bounds import within
from workflows.decisions.routing_problem import (
    Group,
    Levels,
    Part,
    Pick,
    Problem,
    Solution,
    contended,
    quantities,
    rivals,
)

MOST_OPTIONS = 4_000  # of one line
Picks = tuple[Pick, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """One way to serve a line: its picks, the modes they need as bits, and what it counts."""

    picks: Picks
    modes: int
    draws: tuple[tuple[int, int], ...]  # units from offers that could run out
    key: int


@dataclass(slots=True)
class _Search:
    """What stays the same from branch to branch, the best solution so far, and how many branches are left to try."""

    problem: Problem
    options: list[list[Option]]  # of each group, best first
    mode_keys: list[int]
    closes: list[int]  # bits
    scarce: Mapping[int, int]
    bounded: tuple[int, ...]  # modes with limits
    left: int
    best: int
    found: Picks | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class _Branch:
    opened: int = 0
    closed: int = 0
    settled: Mapping[int, Option] = field(default_factory=dict)


def enumerate_all(problem: Problem, *, budget: int, below: Levels | None = None) -> tuple[Solution | None, bool]:
    """Find the best solution within so many branches; True: there is no better one.

    ``below`` are levels, as levels_of gives them, that a solution must not exceed; None as the solution: there is none.
    """
    options = [_options(problem, group) for group in problem.groups]
    if any(len(one) > MOST_OPTIONS for one in options):
        return None, False
    search = _search(problem, options, budget, below)
    _explore(search, _Branch())
    return (None if search.found is None else Solution(search.found)), search.complete


# Options: every way to serve one line.


@dataclass(frozen=True, slots=True)
class _Way:
    picks: Picks
    levels: Levels
    order: tuple[tuple[int, ...], ...]  # what comes first of two that cost the same


def _options(problem: Problem, group: Group) -> list[_Way]:
    ways = itertools.chain.from_iterable(_served(problem, group, units) for units in reversed(group.units))
    return list(itertools.islice(ways, MOST_OPTIONS + 1))


def _served(problem: Problem, group: Group, units: int) -> Iterator[_Way]:
    wanted = quantities(problem, group, units)
    parts = [problem.parts[index] for index in group.parts]
    choices = [_sources(problem, part, quantity) for part, quantity in zip(parts, wanted, strict=True)]
    shelves = [_shelf(problem, part) for part in parts]
    unrouted = sum(part.quantity for part in parts) - sum(wanted)
    for chosen in itertools.product(*choices):
        picks = tuple(itertools.chain.from_iterable(chosen))
        if _compatible(problem, picks):
            order = tuple([_order(problem, shelf, one) for shelf, one in zip(shelves, chosen, strict=True)])
            yield _Way(picks, _levels(problem, picks, unrouted), order)


def _sources(problem: Problem, part: Part, quantity: int) -> list[Picks]:
    if quantity == 0:
        return [()]
    if part.split:
        return list(itertools.islice(_divided(problem, part.candidates, quantity), MOST_OPTIONS + 1))
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


# Keys: levels, number of suppliers, and the order of ties line by line, as one number.


def _search(problem: Problem, ways: list[list[_Way]], budget: int, below: Levels | None) -> _Search:
    scarce = {offer: problem.stock[offer] for offer in contended(problem)}
    weights, tie_weights = _weights(problem, ways)
    ranked = [_ranked(group) for group in ways]
    options = [
        sorted(
            (
                Option(
                    way.picks,
                    sum(1 << mode for mode in {problem.candidates[pick.candidate].mode for pick in way.picks}),
                    _draws(problem, way.picks, scarce),
                    _folded(way.levels, weights) + place * tie_weight,
                )
                for way, place in zip(group, places, strict=True)
            ),
            key=attrgetter("key"),
        )
        for group, places, tie_weight in zip(ways, ranked, tie_weights, strict=True)
    ]
    once = weights[-2]  # of the last level; the number of suppliers comes after it
    return _Search(
        problem,
        options,
        [(mode.cost + problem.split_cost) * once + weights[-1] for mode in problem.modes],
        [sum(1 << rival for rival in rivals(problem, mode)) for mode in range(len(problem.modes))],
        scarce,
        tuple(index for index, mode in enumerate(problem.modes) if mode.bounded),
        budget,
        _start(problem, weights, below),
    )


def _weights(problem: Problem, ways: list[list[_Way]]) -> tuple[list[int], list[int]]:
    """Give each level a weight that no sum of the lower ones reaches, the number of suppliers and the ties last."""
    tie_weights, weight = [0] * len(ways), 1
    for group in reversed(range(len(ways))):
        tie_weights[group] = weight
        weight *= len(ways[group]) + 1
    most = [
        sum(max((way.levels[level] for way in group), default=0) for group in ways) for level in range(problem.depth)
    ]
    most[-1] += sum(mode.cost + problem.split_cost for mode in problem.modes)
    weights = [weight]
    for highest in (len(problem.modes), *reversed(most[1:])):
        weights.append(weights[-1] * (highest + 1))
    weights.reverse()
    return weights, tie_weights


def _start(problem: Problem, weights: Sequence[int], below: Levels | None) -> int:
    """Say what a solution must stay below."""
    if below is None:
        everything = sum(part.quantity for part in problem.parts)
        return (everything + 1) * weights[0]
    constant = problem.split_cost if below[-1] else 0
    levels = (*below[:-2], below[-2] + constant, below[-1])
    return sum(level * weight for level, weight in zip(levels, weights, strict=True)) + weights[-1]


def _folded(levels: Levels, weights: Sequence[int]) -> int:
    return sum(level * weight for level, weight in zip(levels, weights, strict=False))


def _ranked(ways: list[_Way]) -> list[int]:
    """Number the ways in the order of ties: the same offers in other modes have the same number."""
    orders = {order: place for place, order in enumerate(sorted({way.order for way in ways}))}
    return [orders[way.order] for way in ways]


def _draws(problem: Problem, picks: Picks, scarce: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    drawn = ((problem.candidates[pick.candidate].offer, pick.quantity) for pick in picks)
    return tuple((offer, quantity) for offer, quantity in drawn if offer in scarce)


# The search.


def _explore(search: _Search, branch: _Branch) -> None:
    if search.left <= 0:
        search.complete = False
        return
    search.left -= 1
    chosen = _relaxed(search, branch)
    if chosen is None or _sum(search, chosen, branch.opened) >= search.best:
        return
    used = 0
    for option in chosen:
        used |= option.modes
    troubled = _troubled(search, chosen)
    if not troubled and _allowed(search, used):
        _note(search, chosen, used)
    if undecided := used & ~branch.opened:
        _branch_on_mode(search, branch, _most_wanted(chosen, undecided))
    elif troubled:
        _branch_on_group(search, branch, troubled)


def _relaxed(search: _Search, branch: _Branch) -> list[Option] | None:
    """Give every line what is best for it alone in this branch; None where one can't even go without."""
    left = dict(search.scarce)
    for settled in branch.settled.values():
        for offer, quantity in settled.draws:
            left[offer] -= quantity
    if any(quantity < 0 for quantity in left.values()):
        return None
    chosen: list[Option] = []
    for group, options in enumerate(search.options):
        option = branch.settled.get(group) or _first(options, branch.closed, left)
        if option is None or option.modes & branch.closed:
            return None
        chosen.append(option)
    return chosen


def _first(options: Iterable[Option], closed: int, left: Mapping[int, int]) -> Option | None:
    for option in options:
        if not option.modes & closed and all(quantity <= left[offer] for offer, quantity in option.draws):
            return option
    return None


def _sum(search: _Search, chosen: Sequence[Option], modes: int) -> int:
    return sum(option.key for option in chosen) + sum(
        key for mode, key in enumerate(search.mode_keys) if modes >> mode & 1
    )


def _allowed(search: _Search, used: int) -> bool:
    return not any(used >> mode & 1 and used & closes for mode, closes in enumerate(search.closes))


def _note(search: _Search, chosen: Sequence[Option], used: int) -> None:
    key = _sum(search, chosen, used)
    if key < search.best:
        search.best = key
        search.found = tuple(pick for option in chosen for pick in option.picks)


def _most_wanted(chosen: Sequence[Option], undecided: int) -> int:
    modes = [mode for mode in range(undecided.bit_length()) if undecided >> mode & 1]
    return max(modes, key=lambda mode: (sum(option.modes >> mode & 1 for option in chosen), -mode))


def _branch_on_mode(search: _Search, branch: _Branch, mode: int) -> None:
    bit = 1 << mode
    _explore(search, _Branch(branch.opened | bit, branch.closed | search.closes[mode], branch.settled))
    _explore(search, _Branch(branch.opened, branch.closed | bit, branch.settled))


def _branch_on_group(search: _Search, branch: _Branch, troubled: frozenset[int]) -> None:
    free = [group for group in range(len(search.options)) if group not in branch.settled]
    if not free:
        return
    group = next((group for group in free if group in troubled), free[0])
    for option in search.options[group]:
        if not option.modes & branch.closed:
            _explore(search, _Branch(branch.opened, branch.closed, {**branch.settled, group: option}))


def _troubled(search: _Search, chosen: Sequence[Option]) -> frozenset[int]:
    """List the lines that together take more than there is, or break a limit of a supplier's mode."""
    drawn: dict[int, int] = {}
    for option in chosen:
        for offer, quantity in option.draws:
            drawn[offer] = drawn.get(offer, 0) + quantity
    over = {offer for offer, quantity in drawn.items() if quantity > search.scarce[offer]}
    broken = sum(1 << mode for mode in search.bounded if not _within(search.problem, mode, chosen))
    return frozenset(
        group
        for group, option in enumerate(chosen)
        if option.modes & broken or any(offer in over for offer, _ in option.draws)
    )


def _within(problem: Problem, index: int, chosen: Sequence[Option]) -> bool:
    """Say whether what a mode gets is within its limits; nothing always is."""
    grams, value, some = 0, 0, False
    for option in chosen:
        if option.modes >> index & 1:
            for pick in option.picks:
                one = problem.candidates[pick.candidate]
                if one.mode == index:
                    some, grams, value = True, grams + one.grams * pick.quantity, value + one.value * pick.quantity
    return not some or within(problem.modes[index], grams, value)
