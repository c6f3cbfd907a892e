"""What a solution must keep to, and below what no solution can be."""

from collections.abc import Sequence

from workflows.decisions.routing_problem import Group, Levels, Mode, Part, Pick, Problem, quantities


def least_levels(problem: Problem) -> Levels:
    """Work out all levels but the last for lines that don't stand in each other's way: no solution is below."""
    of_groups = [_of_group(problem, group) for group in problem.groups]
    return tuple(sum(levels) for levels in zip(*of_groups, strict=True))


def _of_group(problem: Problem, group: Group) -> Levels:
    everything = sum(problem.parts[part].quantity for part in group.parts)
    for units in reversed(group.units):
        wanted = quantities(problem, group, units)
        served = [_of_part(problem, part, quantity) for part, quantity in zip(group.parts, wanted, strict=True)]
        if None not in served:
            sums = [sum(levels) for levels in zip(*(one for one in served if one is not None), strict=True)]
            return (everything - sum(wanted), *sums)
    raise AssertionError("a line can always go without")


def _of_part(problem: Problem, index: int, quantity: int) -> Levels | None:
    """Work out the levels after the first for so many units of a part; None where there aren't so many."""
    part, middle = problem.parts[index], range(1, problem.depth - 1)
    if quantity == 0:
        return tuple(0 for _ in middle)
    if part.split:
        return _filled(problem, part, quantity)
    whole = (
        tuple(one.unit[level] * quantity for level in middle)
        for one in (problem.candidates[candidate] for candidate in part.candidates)
        if one.takes(quantity) and problem.stock[one.offer] >= quantity
    )
    return min(whole, default=None)


def _filled(problem: Problem, part: Part, quantity: int) -> Levels | None:
    by_offer: dict[int, Levels] = {}
    for candidate in part.candidates:
        one = problem.candidates[candidate]
        by_offer[one.offer] = min(one.unit[1:-1], by_offer.get(one.offer, one.unit[1:-1]))
    sums = [0] * (problem.depth - 2)
    for offer, unit in sorted(by_offer.items(), key=lambda known: (known[1], known[0])):
        taken = min(quantity, problem.stock[offer])
        quantity -= taken
        sums = [total + taken * each for total, each in zip(sums, unit, strict=True)]
    return None if quantity else tuple(sums)


def feasible(problem: Problem, picks: Sequence[Pick]) -> bool:
    """Check everything that a solution must keep to, in whole numbers."""
    return (
        all(problem.candidates[pick.candidate].takes(pick.quantity) for pick in picks)
        and _stocked(problem, picks)
        and all(_served(problem, group, picks) for group in problem.groups)
        and _used_rightly(problem, picks)
    )


def _stocked(problem: Problem, picks: Sequence[Pick]) -> bool:
    left = list(problem.stock)
    for pick in picks:
        left[problem.candidates[pick.candidate].offer] -= pick.quantity
    return min(left, default=0) >= 0


def _served(problem: Problem, group: Group, picks: Sequence[Pick]) -> bool:
    given = [[pick.quantity for pick in picks if problem.candidates[pick.candidate].part == one] for one in group.parts]
    single = all(len(one) <= 1 or problem.parts[part].split for part, one in zip(group.parts, given, strict=True))
    sums = [sum(one) for one in given]
    return single and any(quantities(problem, group, units) == sums for units in group.units)


def _used_rightly(problem: Problem, picks: Sequence[Pick]) -> bool:
    used = sorted({problem.candidates[pick.candidate].mode for pick in picks})
    suppliers = {problem.modes[mode].supplier for mode in used}
    alone = len(suppliers) <= 1 or not problem.one_supplier
    return alone and len(suppliers) == len(used) and all(_in_limits(problem, mode, picks) for mode in used)


def _in_limits(problem: Problem, mode: int, picks: Sequence[Pick]) -> bool:
    own = [(problem.candidates[pick.candidate], pick.quantity) for pick in picks]
    grams = sum(one.grams * quantity for one, quantity in own if one.mode == mode)
    value = sum(one.value * quantity for one, quantity in own if one.mode == mode)
    return within(problem.modes[mode], grams, value)


def within(mode: Mode, grams: int, value: int) -> bool:
    """Say whether a share of this weight and value keeps to the limits of a mode."""
    return (
        grams > mode.over
        and (mode.up_to is None or grams <= mode.up_to)
        and value >= mode.value_from
        and (mode.value_below is None or value < mode.value_below)
    )
