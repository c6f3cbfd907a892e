"""How an order that is too large to enumerate is solved: by an integer programme, in HiGHS.

Where every line can have its best at all levels but the last, which is nearly always, only the last one is minimised.
The programme is relaxed first; by its reduced costs most candidates can be in no solution as good as the best known one,
and what is left is small. Otherwise the levels are minimised one after the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from workflows.decisions.routing_bounds import feasible, least_levels
from workflows.decisions.routing_enumeration import enumerate_all
from workflows.decisions.routing_problem import Pick, Problem, Solution, levels_of, restricted
from workflows.decisions.routing_programme import (
    Columns,
    Outcome,
    Programme,
    Relaxed,
    built,
    demand,
    limit,
    minimise,
    programme,
    relaxed,
)

BRANCHES = 50  # of what is left, before it goes to the solver
_SHARES, _GUESSES = (0.5,), 20  # of a mode, and branches for each
_NARROW = 0.001  # of the bound: the best solution is nearly always as near to it
_ENDLESS = float("inf")
_WAYS = ((False, True), (True, True), (True, False))  # all columns whole, and presolved
_WHOLE = 1e-5
_HALF = 0.5  # levels are whole numbers: what is nearer than this is equal
Picks = tuple[Pick, ...]


@dataclass(frozen=True, slots=True)
class _Task:
    problem: Problem
    columns: Columns
    seconds: float


def solve(problem: Problem, *, seconds: float, known: Solution | None = None) -> Solution | None:
    """Find the best solution, or the best that was found in time, its gap stated; None where nothing was.

    ``known`` is a solution from which to begin.
    """
    task = _Task(problem, built(problem), seconds)
    found = _unhampered(task, known.picks if known else ()) or _level_by_level(task)
    return found if found is not None and feasible(problem, found.picks) else None


def _unhampered(task: _Task, known: Picks) -> Solution | None:
    """Minimise the last level where all others are as low as if no line stood in another's way; None: not possible."""
    solving = programme(task.columns)
    for terms, least in zip(task.columns.levels[:-1], _least(task.problem), strict=True):
        demand(solving, terms, least)
    loose = relaxed(solving, task.columns.levels[-1], task.seconds)
    if loose is None:
        return None
    best = _first_guess(task, loose, known)
    if best is None:
        return _in_whole_numbers(task, solving, loose, _ENDLESS)
    best, proven = _enumerated(task, loose, best)
    return Solution(best) if proven else _narrowed(task, solving, loose, best)


def _narrowed(task: _Task, solving: Programme, loose: Relaxed, best: Picks) -> Solution | None:
    """Solve with the likeliest candidates only: if what comes out is near enough to the bound, no other can be in it."""
    slack = _slack(task, loose, best)
    narrow = min(slack, _NARROW * loose.objective)
    found = _in_whole_numbers(task, solving, loose, narrow)
    if found is not None and (found.gap or _slack(task, loose, found.picks) <= narrow):
        return found
    return _in_whole_numbers(task, solving, loose, slack, best)


def _least(problem: Problem) -> list[int]:
    """Work out the bound of each level; of the first, what is routed is counted, as less than nothing."""
    wanted = sum(part.quantity for part in problem.parts)
    unrouted, *others = least_levels(problem)
    return [unrouted - wanted, *others]


def _first_guess(task: _Task, loose: Relaxed, known: Picks) -> Picks | None:
    """Find a good solution with the modes that the relaxed programme uses most; None where not all levels are as low."""
    guesses = [known] if known else []
    for share in _SHARES:
        modes = {mode for mode, column in enumerate(task.columns.modes) if loose.values[column] >= share}
        theirs = {one for one, candidate in enumerate(task.problem.candidates) if candidate.mode in modes}
        found, _ = enumerate_all(restricted(task.problem, theirs), budget=_GUESSES)
        guesses += [found.picks] if found else []
    best = min(guesses, key=lambda guess: levels_of(task.problem, guess), default=None)
    lowest = least_levels(task.problem)
    return best if best is not None and levels_of(task.problem, best)[:-2] == lowest else None


def _enumerated(task: _Task, loose: Relaxed, best: Picks) -> tuple[Picks, bool]:
    """Look through all that could be as good as this, ties included; True: what is returned is the best."""
    left = restricted(task.problem, _possible(task, loose, best))
    found, complete = enumerate_all(left, budget=BRANCHES, below=levels_of(task.problem, best))
    return (found.picks if found else best), complete


def _possible(task: _Task, loose: Relaxed, best: Picks) -> set[int]:
    """List the candidates that may be part of a solution as good as this one."""
    return _within(task, loose, _slack(task, loose, best)) | {pick.candidate for pick in best}


def _slack(task: _Task, loose: Relaxed, picks: Picks) -> float:
    """Tell how far a solution is from the bound."""
    *_, last, suppliers = levels_of(task.problem, picks)
    objective = (last + task.problem.split_cost) * task.columns.fold + suppliers
    return objective - loose.objective + _HALF


def _within(task: _Task, loose: Relaxed, slack: float) -> set[int]:
    columns = task.columns
    return {
        one
        for one, candidate in enumerate(task.problem.candidates)
        if loose.reduced[columns.used[one]] <= slack
        and loose.reduced[columns.packs[one]] <= slack
        and loose.reduced[columns.modes[candidate.mode]] <= slack
    }


def _in_whole_numbers(
    task: _Task, solving: Programme, loose: Relaxed, slack: float, known: Picks | None = None
) -> Solution | None:
    """Solve with the candidates that could be in a solution this near to the bound; ``known`` is one of them.

    What comes out must be whole, and no worse than what is known: otherwise the solver is asked again, less cleverly.
    """
    possible = _within(task, loose, slack)
    limit(solving, {column: one in possible for one, column in enumerate(task.columns.used)})
    for all_whole, presolve in _WAYS:
        seconds = max(0.0, task.seconds - solving.spent)
        outcome = minimise(solving, task.columns.levels[-1], seconds, all_whole=all_whole, presolve=presolve)
        picks = _picks(task, outcome)
        if picks is None or not feasible(task.problem, picks) or _worse(task, picks, known):
            continue
        if outcome.gap:
            return Solution(picks, min(1.0, _slack(task, loose, picks) / max(1.0, loose.objective)))
        return Solution(_enumerated(task, loose, picks)[0])
    return None if known is None else Solution(known, min(1.0, _slack(task, loose, known) / max(1.0, loose.objective)))


def _worse(task: _Task, picks: Picks, known: Picks | None) -> bool:
    return known is not None and levels_of(task.problem, picks) > levels_of(task.problem, known)


def _level_by_level(task: _Task) -> Solution | None:
    solving, levels = programme(task.columns), task.columns.levels
    best: Solution | None = None
    for terms in levels:
        outcome = minimise(solving, terms, max(0.0, task.seconds - solving.spent))
        picks = _picks(task, outcome)
        if picks is None or outcome.gap:
            return _unfinished(best, picks, outcome, last=terms is levels[-1])
        best = Solution(picks)
        demand(solving, terms, round(outcome.objective))
    return best


def _unfinished(best: Solution | None, picks: Picks | None, outcome: Outcome, *, last: bool) -> Solution | None:
    """Take what there is when time is up. How good it is is only known where just the last level was open."""
    if picks is not None:
        return Solution(picks, outcome.gap if last and outcome.gap else 1.0)
    return None if best is None else Solution(best.picks, 1.0)


def _picks(task: _Task, outcome: Outcome) -> Picks | None:
    """Read a solution; None where there is none, or where what should have come out whole has not."""
    values = outcome.values
    if values is None or any(abs(values[column] - round(values[column])) > _WHOLE for column in task.columns.packs):
        return None
    return tuple(_picked(task, values))


def _picked(task: _Task, values: list[float]) -> Iterator[Pick]:
    for candidate in range(len(task.problem.candidates)):
        quantity = round(values[task.columns.packs[candidate]]) * task.columns.sizes[candidate]
        if quantity:
            yield Pick(candidate, quantity)
