"""Whether a feed is to be believed: what its numbers say, against its thresholds. Any finding sets the feed aside.

The codes are those of docs/feeds.md.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from models.feed_rows import FeedFinding
from models.feeds import Scope, Thresholds
from models.sync import Acceptance

PAUSED_AFTER = 5  # failures in a row
# A share of very few articles says nothing: two of a supplier's five going out of stock is an ordinary day.
FEWEST = 5
FEWEST_FOR_SHAPE = 20  # rows, before a name that none of them has counts as gone
# What a person can accept: the rows could be read, but look unlikely. Everything else is beyond a person's word.
ACCEPTABLE = frozenset(
    {
        "few_rows",
        "far_fewer_rows",
        "to_zero",
        "maxed",
        "price_moves",
        "currency_switched",
        "unreadable",
        "scientific_notation",
        "shape_changed",
    }
)
NOTES = frozenset({"shape_grew"})  # worth knowing, and no reason to set a feed aside
OLDER = "older"
_WHOLE = frozenset({"few_rows", "no_rows"})  # of a feed that tells of everything; changes may be none
_OURS = frozenset({"maxed", "unreadable"})  # judged here, over all rows and not only those that were looked into
_COSTS = frozenset({"price_moves", "currency_switched"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedNumbers:
    """What a run would do, counted."""

    rows: int
    unreadable: int = 0
    new: int = 0
    changed: int = 0
    absent: int = 0
    to_zero: int = 0  # articles that had stock and would have none
    stocked: int = 0  # articles of the feed that have stock; counted only as far as it matters
    maxed: int = 0  # rows with the most frequent quantity of 999 or more
    price_moves: int = 0
    switched: int = 0  # costs in another currency than before
    costed: int = 0  # articles of the feed whose cost is known; counted only as far as it matters


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """What the feed was last applied as; all None where it never was."""

    rows: int | None = None
    source_time: datetime | None = None
    header: Sequence[str] | None = None


def judge(
    numbers: FeedNumbers,
    thresholds: Thresholds,
    *,
    scope: Scope,
    source_time: datetime,
    last: Previous,
    read: Iterable[FeedFinding] = (),
) -> list[FeedFinding]:
    """List why this run is not believed: what its reader found, and what its numbers say."""
    dropped = _OURS if scope is Scope.FULL else _OURS | _WHOLE
    found = [finding for finding in read if finding.code not in dropped]
    found += _age(source_time, last)
    if not any(finding.code not in ACCEPTABLE for finding in found):  # of rows that can't be read, nothing can be said
        found += _counts(numbers, thresholds, scope, last)
        found += _shares(numbers, thresholds)
    return list({finding.code: finding for finding in reversed(found)}.values())[::-1]


def stands_after(findings: Iterable[FeedFinding], accepted: Acceptance | None) -> list[FeedFinding]:
    """Keep the findings that set the run aside: all but notes, and none that a person has accepted."""
    excused = NOTES | ACCEPTABLE if accepted else NOTES
    return [finding for finding in findings if finding.code not in excused]


def costs_accepted(findings: Iterable[FeedFinding], accepted: Acceptance | None) -> bool:
    """Say whether the person who took all of it was told of its costs: they are not held one by one then."""
    return accepted is Acceptance.ALL and any(finding.code in _COSTS for finding in findings)


def shape(now: Sequence[str], before: Sequence[str] | None, used: Collection[str], rows: int) -> list[FeedFinding]:
    """Compare the names that a supplier's own interface uses with those of the last applied run."""
    if before is None:
        return []
    gone, added = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    if rows >= FEWEST_FOR_SHAPE and any(name in used for name in gone):
        text = f"names that we read are gone: {', '.join(name for name in gone if name in used)}"
        changes = (*(f"gone: {name}" for name in gone), *(f"new: {name}" for name in added))
        return [_finding("shape_changed", text, samples=changes)]
    if added:
        return [_finding("shape_grew", f"new names: {', '.join(added)}", samples=added)]
    return []


def must_pause(failures: int) -> bool:
    """Say whether a feed's schedule is to be paused, and a person asked."""
    return failures >= PAUSED_AFTER


def _age(source_time: datetime, last: Previous) -> list[FeedFinding]:
    if last.source_time is None or source_time >= last.source_time:
        return []
    return [
        _finding(OLDER, f"it is of {source_time:%Y-%m-%d %H:%MZ}, and one of {last.source_time:%Y-%m-%d %H:%MZ} counts")
    ]


def _counts(numbers: FeedNumbers, limits: Thresholds, scope: Scope, last: Previous) -> list[FeedFinding]:
    found = []
    if scope is Scope.FULL and numbers.rows < limits.min_rows:
        found.append(
            _finding("few_rows", f"{numbers.rows} rows, at least {limits.min_rows} expected", rows=numbers.rows)
        )
    if scope is Scope.FULL and last.rows and numbers.rows < limits.min_share_of_last * last.rows:
        text = f"{numbers.rows} rows, {last.rows} the last time"
        found.append(_finding("far_fewer_rows", text, rows=numbers.rows, last=last.rows))
    if numbers.rows and numbers.unreadable > limits.max_share_unreadable * numbers.rows:
        text = f"{numbers.unreadable} of {numbers.rows} rows can't be used"
        found.append(_finding("unreadable", text, unreadable=numbers.unreadable, rows=numbers.rows))
    return found


def _shares(numbers: FeedNumbers, limits: Thresholds) -> list[FeedFinding]:
    found = []
    if _too_many(numbers.to_zero, numbers.stocked, limits.max_share_to_zero):
        text = f"{numbers.to_zero} of {numbers.stocked} articles with stock would have none"
        found.append(_finding("to_zero", text, to_zero=numbers.to_zero, stocked=numbers.stocked))
    if _too_many(numbers.maxed, numbers.rows, limits.max_share_maxed):
        text = f"{numbers.maxed} of {numbers.rows} rows have the same quantity of 999 or more"
        found.append(_finding("maxed", text, maxed=numbers.maxed, rows=numbers.rows))
    if _too_many(numbers.price_moves, numbers.costed, limits.max_share_price_moves):
        text = f"{numbers.price_moves} of {numbers.costed} costs move by more than {limits.price_move:.0%}"
        found.append(_finding("price_moves", text, price_moves=numbers.price_moves, costed=numbers.costed))
    if _too_many(numbers.switched, numbers.costed, limits.max_share_price_moves):
        text = f"{numbers.switched} of {numbers.costed} costs are in another currency than before"
        found.append(_finding("currency_switched", text, switched=numbers.switched, costed=numbers.costed))
    return found


def _too_many(part: int, whole: int, share: float) -> bool:
    return part >= FEWEST and part > share * whole


def _finding(code: str, text: str, samples: Sequence[str] = (), **numbers: float) -> FeedFinding:
    return FeedFinding(code=code, text=text[:400], samples=tuple(one[:200] for one in samples[:10]), numbers=numbers)
