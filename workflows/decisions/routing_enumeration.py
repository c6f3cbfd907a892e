"""Every solution in turn, save those that can't be better: exact, and quick where an order is small.

A branch opens or closes a mode of a supplier, or settles how one line is served. Its bound lets every line that is not
settled have what is best for it alone. Levels, ties included, are folded into one whole number each, so that two
different solutions are never equal: the same one is found wherever and in whatever order it is looked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from workflows.decisions.routing_bounds import within
from workflows.decisions.routing_problem import Levels, Problem, Solution, contended, rivals
from workflows.decisions.routing_ways import MOST_WAYS, Picks, Way, every_way


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
    ways = [every_way(problem, group) for group in problem.groups]
    if any(len(one) > MOST_WAYS for one in ways):
        return None, False
    search = _search(problem, ways, budget, below)
    _explore(search, _Branch())
    return (None if search.found is None else Solution(search.found)), search.complete


# Keys: levels, number of suppliers, and the order of ties line by line, as one number.


def _search(problem: Problem, ways: list[list[Way]], budget: int, below: Levels | None) -> _Search:
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


def _weights(problem: Problem, ways: list[list[Way]]) -> tuple[list[int], list[int]]:
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


def _ranked(ways: list[Way]) -> list[int]:
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
