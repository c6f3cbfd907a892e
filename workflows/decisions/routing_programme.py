"""A problem as columns and rows, and the solver that minimises it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workflows.decisions.routing_problem import Group, Problem, contended, rivals

if TYPE_CHECKING:
    from highspy import Highs, HighsLp

Terms = Mapping[int, int]  # column -> coefficient
ENDLESS = float("inf")
_TOLERANCE = 1e-9
_NEAR = 0.4  # all objectives are whole numbers
_LARGE = 1_000  # coefficients are made as small as this, or the solver is slow
_OPTIONS = {
    "output_flag": False,
    "threads": 1,
    "random_seed": 1,
    "mip_rel_gap": 0.0,
    "mip_allow_restart": False,  # this and the next two: tried on 50 lines and 40 suppliers, a third less time
    "mip_detect_symmetry": False,
    "mip_heuristic_run_feasibility_jump": False,
    "mip_feasibility_tolerance": _TOLERANCE,
    "primal_feasibility_tolerance": _TOLERANCE,
}


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns stand for, and the rows that every solution keeps to."""

    used: list[int] = field(default_factory=list)  # by candidate
    packs: list[int] = field(default_factory=list)  # by candidate; its ``used`` where all or nothing comes from it
    sizes: list[int] = field(default_factory=list)  # units that one of ``packs`` stands for
    modes: list[int] = field(default_factory=list)
    levels: list[Terms] = field(default_factory=list)
    fold: int = 1  # by which the last level is multiplied, so that the number of suppliers can be added
    uppers: list[int] = field(default_factory=list)
    loose: set[int] = field(default_factory=set)  # columns that come out whole by themselves, as a rule
    rows: list[tuple[float, float, Terms]] = field(default_factory=list)

    def column(self, upper: int = 1) -> int:
        """Add a whole number from 0 to ``upper``."""
        self.uppers.append(upper)
        return len(self.uppers) - 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found: a value per column, the objective, and how far below it another could be, as a share of it."""

    values: list[float] | None
    objective: float = 0.0
    gap: float = 0.0


@dataclass(frozen=True, slots=True)
class Relaxed:
    """The same without whole numbers: its objective, and per column its value and what one more of it would cost."""

    objective: float
    values: list[float]
    reduced: list[float]


def built(problem: Problem) -> Columns:
    """Write a problem as columns and rows."""
    columns, scarce = Columns(fold=len(problem.modes) + 1), contended(problem)
    columns.modes.extend(columns.column() for _ in problem.modes)
    whole = {
        part: len(group.units) == 2 and not problem.parts[part].split
        for group in problem.groups
        for part in group.parts
    }
    for index, candidate in enumerate(problem.candidates):
        _add_candidate(problem, columns, index, whole=whole[candidate.part])
        if whole[candidate.part] and candidate.offer not in scarce and not problem.modes[candidate.mode].bounded:
            columns.loose.add(columns.used[index])
    if len(columns.loose) < len(problem.candidates):
        columns.loose.clear()  # HiGHS 1.15 was seen to call a worse solution the best where only some need be told
    for group in problem.groups:
        _add_line(problem, columns, group)
    for offer, drawing in scarce.items():
        columns.rows.append((-ENDLESS, problem.stock[offer], _drawn(columns, drawing)))
    _add_modes(problem, columns)
    columns.levels.extend(_level(problem, columns, level) for level in range(problem.depth))
    return columns


def _add_candidate(problem: Problem, columns: Columns, index: int, *, whole: bool) -> None:
    candidate = problem.candidates[index]
    quantity = problem.parts[candidate.part].quantity
    most = min(quantity, problem.stock[candidate.offer])
    used = columns.column(int(most == quantity and candidate.takes(quantity)) if whole else 1)
    columns.used.append(used)
    columns.packs.append(used if whole else columns.column(most // candidate.pack))
    columns.sizes.append(quantity if whole else candidate.pack)
    columns.rows.append((-ENDLESS, 0, {used: 1, columns.modes[candidate.mode]: -1}))
    if not whole:
        drawn = _drawn(columns, [index])
        columns.rows.append((-ENDLESS, 0, {**drawn, used: -most}))
        columns.rows.append((0, ENDLESS, {**drawn, used: -candidate.minimum}))


def _drawn(columns: Columns, candidates: Sequence[int]) -> dict[int, int]:
    """Sum up the units that come from these candidates."""
    return {columns.packs[one]: columns.sizes[one] for one in candidates}


def _add_line(problem: Problem, columns: Columns, group: Group) -> None:
    """Serve all parts of a line alike, each from one offer unless it may be split."""
    whole = len(group.units) == 2
    line = columns.column(1 if whole else group.units[-1])
    for index in group.parts:
        part = problem.parts[index]
        per_unit = part.quantity if whole else part.per_unit
        columns.rows.append((0, 0, {**_drawn(columns, part.candidates), line: -per_unit}))
        if not part.split:
            columns.rows.append((0, 1, {columns.used[one]: 1 for one in part.candidates}))


def _add_modes(problem: Problem, columns: Columns) -> None:
    by_mode: dict[int, list[int]] = {}
    for index, candidate in enumerate(problem.candidates):
        by_mode.setdefault(candidate.mode, []).append(index)
    for index, mode in enumerate(problem.modes):
        own, column = by_mode.get(index, []), columns.modes[index]
        _limit(columns, column, _weighed(problem, columns, own, "grams"), mode.over + 1, mode.up_to)
        below = None if mode.value_below is None else mode.value_below - 1
        _limit(columns, column, _weighed(problem, columns, own, "value"), mode.value_from, below)
    for together in _exclusive(problem):
        columns.rows.append((0, 1, {columns.modes[mode]: 1 for mode in together}))


def _exclusive(problem: Problem) -> list[list[int]]:
    if problem.one_supplier:
        return [list(range(len(problem.modes)))]
    groups = {tuple(sorted([mode, *rivals(problem, mode)])) for mode in range(len(problem.modes))}
    return [list(group) for group in sorted(groups) if len(group) > 1]


def _weighed(problem: Problem, columns: Columns, candidates: Sequence[int], what: str) -> dict[int, int]:
    return {columns.packs[one]: columns.sizes[one] * getattr(problem.candidates[one], what) for one in candidates}


def _limit(columns: Columns, mode: int, terms: Terms, least: int, most: int | None) -> None:
    if least > 0:
        columns.rows.append((0, ENDLESS, {**terms, mode: -least}))
    if most is not None:
        columns.rows.append((-ENDLESS, 0, {**terms, mode: -most}))


def _level(problem: Problem, columns: Columns, level: int) -> Terms:
    terms: dict[int, int] = {}
    for index, candidate in enumerate(problem.candidates):
        unit = candidate.unit[level] if level else -1
        for column, coefficient in (
            (columns.packs[index], unit * columns.sizes[index]),
            (columns.used[index], candidate.once[level]),
        ):
            terms[column] = terms.get(column, 0) + coefficient
    if level < problem.depth - 1:
        return terms
    terms |= {columns.modes[index]: mode.cost + problem.split_cost for index, mode in enumerate(problem.modes)}
    folded = {column: coefficient * columns.fold for column, coefficient in terms.items()}
    return folded | {mode: folded[mode] + 1 for mode in columns.modes}


@dataclass(slots=True)
class Programme:
    """Columns and rows in the solver, which keeps what it knows from one objective to the next."""

    columns: Columns
    solver: "Highs"
    spent: float = 0.0  # seconds


def programme(columns: Columns) -> Programme:
    """Hand columns and rows to a solver of their own."""
    import highspy  # a quarter of a second, which only large orders cost

    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, value in _OPTIONS.items():
        solver.setOptionValue(option, value)
    solver.passModel(_model(columns))
    return Programme(columns, solver)


def demand(to: Programme, terms: Terms, most: int) -> None:
    """Add a row: this sum is at most so much."""
    filled = {column: coefficient for column, coefficient in terms.items() if coefficient}
    to.solver.addRow(-ENDLESS, float(most), len(filled), list(filled), [float(one) for one in filled.values()])


def minimise(of: Programme, terms: Terms, seconds: float, *, all_whole: bool = True, presolve: bool = True) -> Outcome:
    """Find the least this sum can be, in so many seconds, with all columns whole or only those that need be told."""
    import highspy

    of.solver.setOptionValue("presolve", "on" if presolve else "off")
    loose = frozenset() if all_whole else of.columns.loose
    scale = _run(of, terms, seconds, whole=[column not in loose for column in range(len(of.columns.uppers))])
    solver, info = of.solver, of.solver.getInfo()
    if info.primal_solution_status != int(highspy.SolutionStatus.kSolutionStatusFeasible):
        return Outcome(None)
    objective = info.objective_function_value
    proven = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    apart = (objective - info.mip_dual_bound) / max(scale, abs(objective))
    gap = 0.0 if proven else min(1.0, max(_TOLERANCE, apart))
    return Outcome(list(solver.getSolution().col_value), objective / scale, gap)


def relaxed(of: Programme, terms: Terms, seconds: float) -> Relaxed | None:
    """Find the least this sum can be if nothing need be whole; None where nothing was found."""
    import highspy

    scale = _run(of, terms, seconds, whole=[False] * len(of.columns.uppers))
    if of.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    objective, solution = of.solver.getInfo().objective_function_value, of.solver.getSolution()
    reduced = [cost / scale for cost in solution.col_dual]
    return Relaxed(objective / scale, list(solution.col_value), reduced)


def limit(in_this: Programme, allowed: Mapping[int, bool]) -> None:
    """Let columns be used or not, whatever was said of them before."""
    for column, one in allowed.items():
        in_this.solver.changeColBounds(column, 0.0, float(in_this.columns.uppers[column]) if one else 0.0)


def _run(of: Programme, terms: Terms, seconds: float, *, whole: Sequence[bool]) -> float:
    """Solve, and return by what the objective was multiplied."""
    import highspy
    import numpy as np

    count = len(whole)
    scale = 1 / max(1.0, max(terms.values(), default=0) / _LARGE)
    kinds = [highspy.HighsVarType.kInteger if one else highspy.HighsVarType.kContinuous for one in whole]
    columns = list(range(count))
    of.solver.changeColsIntegrality(count, columns, np.array([int(kind) for kind in kinds], dtype=np.uint8))
    of.solver.changeColsCost(count, columns, [terms.get(column, 0) * scale for column in columns])
    of.solver.setOptionValue("mip_abs_gap", _NEAR * scale)
    of.solver.setOptionValue("time_limit", of.solver.getRunTime() + seconds)
    of.solver.run()
    of.spent = of.solver.getRunTime()
    return scale


def _model(columns: Columns) -> "HighsLp":
    import highspy
    import numpy as np

    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(columns.uppers), len(columns.rows)
    model.col_cost_ = np.zeros(len(columns.uppers))
    model.col_lower_ = np.zeros(len(columns.uppers))
    model.col_upper_ = np.array(columns.uppers, dtype=float)
    model.row_lower_ = np.array([low for low, _, _ in columns.rows], dtype=float)
    model.row_upper_ = np.array([high for _, high, _ in columns.rows], dtype=float)
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.cumsum([0, *(len(terms) for _, _, terms in columns.rows)])
    model.a_matrix_.index_ = np.array([column for _, _, terms in columns.rows for column in terms])
    model.a_matrix_.value_ = np.array([value for _, _, terms in columns.rows for value in terms.values()], dtype=float)
    return model
