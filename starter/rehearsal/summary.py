"""What ``config apply`` says before it asks: the newest orders under the rules in force and under the new ones."""

from datetime import UTC, datetime, timedelta

from adapters.database.engine import Database
from models.configuration import Configuration
from starter.rehearsal import words
from starter.rehearsal.replay import Rehearsal, default_workers, orders_of, rehearse
from starter.rehearsal.shape import shape_of

SHOWN = 3  # differences
LAST = timedelta(days=30)


def summary_for_apply(
    database: Database,
    before: Configuration | None,
    after: Configuration,
    *,
    most: int = 2_000,
) -> list[str]:
    """Rehearse the newest ``most`` orders of the last thirty days. Returns lines for a person; none where there is no order.

    Without a configuration in force there is nothing to compare with, and nothing is said.
    """
    if before is None:
        return []
    now = datetime.now(UTC)
    rehearsal = Rehearsal(before, after, now - LAST, now, most=most)
    ids = orders_of(database, rehearsal)
    if not ids:
        return []
    tally = rehearse(database, rehearsal, ids, workers=default_workers())
    shape = shape_of(rehearsal, tally, rules="this file", down=())
    newest = "the newest " if len(ids) == most else "all "
    lines = [f"rehearsed on {newest}{len(ids):,} orders of the last {LAST.days} days:"]
    lines += [f"  {label.strip()}: {_sides(old, new, change)}" for label, old, new, change in words.figures(shape)]
    lines += [f"  {note}" for note in words.notes(shape)]
    largest = shape["differences"][:SHOWN]
    return lines + [f"  {words.difference_title(one, rehearsal.currency)}" for one in largest]


def _sides(old: str, new: str, change: str) -> str:
    return f"{old} → {new} ({change})" if change else f"{old}, unchanged"
