"""The choice of suppliers as a problem in whole numbers, apart from what the numbers stand for.

Every objective is a list of levels: of two plans the one with less at the first level where they differ is better. The
last level is the cost, or the rank in the list of priorities.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

Levels = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pick:
    """Units of one part that come from one candidate."""

    candidate: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Part:
    """Units of one article that are wanted for a line."""

    quantity: int
    per_unit: int
    split: bool  # its units may come from several offers
    candidates: tuple[int, ...]  # in order of priority, then SKU


@dataclass(frozen=True, slots=True)
class Group:
    """The parts of one line: all or none of them, and of each as many as make whole units of the line."""

    parts: tuple[int, ...]
    units: tuple[int, ...]  # how many units of the line may be routed; the first is 0, the last is all


@dataclass(frozen=True, slots=True)
class Mode:
    """A way in which a supplier takes its share: by one row of its shipping table, above or below its minimum order."""

    supplier: int
    cost: int  # at the last level, once
    over: int = -1  # grams
    up_to: int | None = None
    value_from: int = 0
    value_below: int | None = None

    @property
    def bounded(self) -> bool:
        """Say whether a share can be too light, heavy, cheap or dear for it."""
        return self.over >= 0 or self.up_to is not None or self.value_from > 0 or self.value_below is not None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An offer from which a part may come, in one mode of its supplier."""

    part: int
    mode: int
    offer: int
    unit: Levels  # per unit
    once: Levels  # as soon as one unit comes from it
    grams: int = 0  # of a unit
    value: int = 0
    minimum: int = 1
    pack: int = 1

    def takes(self, quantity: int) -> bool:
        """Say whether it sells exactly so many."""
        return quantity >= self.minimum and quantity % self.pack == 0


@dataclass(frozen=True, slots=True)
class Problem:
    """All of it. ``stock`` is by offer; ``split_cost`` is for each supplier beyond the first."""

    parts: tuple[Part, ...]
    groups: tuple[Group, ...]
    modes: tuple[Mode, ...]
    candidates: tuple[Candidate, ...]
    stock: tuple[int, ...]
    one_supplier: bool = False
    split_cost: int = 0

    @property
    def depth(self) -> int:
        """Count the levels, the first of which is the units that nobody gets."""
        return len(self.candidates[0].unit) if self.candidates else 2


@dataclass(frozen=True, slots=True)
class Solution:
    """Who gets what. ``gap`` is 0 where it is proven that no solution is better."""

    picks: tuple[Pick, ...]
    gap: float = 0.0


def quantities(problem: Problem, group: Group, units: int) -> list[int]:
    """Tell how many of each part so many units of the line take."""
    whole = units == group.units[-1]
    parts = (problem.parts[part] for part in group.parts)
    return [part.quantity if whole else units * part.per_unit for part in parts]


def levels_of(problem: Problem, picks: Sequence[Pick]) -> Levels:
    """Work out the objective of a solution, and the number of suppliers as one level more."""
    levels = [0] * problem.depth
    levels[0] = sum(part.quantity for part in problem.parts) - sum(pick.quantity for pick in picks)
    for pick in picks:
        candidate = problem.candidates[pick.candidate]
        for level in range(1, problem.depth):
            levels[level] += candidate.once[level] + candidate.unit[level] * pick.quantity
    used = {problem.candidates[pick.candidate].mode for pick in picks}
    levels[-1] += sum(problem.modes[mode].cost for mode in used) + problem.split_cost * max(0, len(used) - 1)
    return (*levels, len(used))


def rivals(problem: Problem, mode: int) -> list[int]:
    """List the modes that can't be used together with this one."""
    one = problem.modes[mode].supplier
    return [
        other
        for other, rival in enumerate(problem.modes)
        if other != mode and (problem.one_supplier or rival.supplier == one)
    ]


def contended(problem: Problem) -> dict[int, list[int]]:
    """Map each offer that could run out to the candidates that draw on it."""
    wanted: dict[int, dict[int, int]] = {}  # offer -> part -> units
    for index, part in enumerate(problem.parts):
        for one in part.candidates:
            wanted.setdefault(problem.candidates[one].offer, {})[index] = part.quantity
    scarce = {offer for offer, units in wanted.items() if sum(units.values()) > problem.stock[offer]}
    drawing: dict[int, list[int]] = {}
    for part in problem.parts if scarce else ():
        for one in part.candidates:
            if (offer := problem.candidates[one].offer) in scarce:
                drawing.setdefault(offer, []).append(one)
    return drawing


def restricted(problem: Problem, candidates: Set[int]) -> Problem:
    """Make the same problem with fewer candidates."""
    parts = (
        replace(part, candidates=tuple(one for one in part.candidates if one in candidates)) for part in problem.parts
    )
    return replace(problem, parts=tuple(parts))
