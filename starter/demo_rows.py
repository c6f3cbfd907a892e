"""One order in one line: where it is, what it waits for, who answered what. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime

from models.configuration import Configuration
from starter.demo_story import CHANNELS, LABELS, Progress, Story
from starter.following import Wait, stage_of, waits_of

_WORDS = {
    "ChoosingShipping": "choosing shipping",
    "AwaitingAcknowledgement": "awaiting receipt",
    "AwaitingStock": "awaiting stock",
    "AwaitingCustomer": "awaiting customer",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a table shows of an order. ``mark`` is one character; see LEGEND."""

    mark: str
    name: str
    title: str
    stage: str
    channel: str
    supplier: str
    number: str
    check: str
    waits: str
    said: str


LEGEND = "· not begun   > moving   ? a person is asked   = arrived   ! not as scripted"
_URGENCY = "!?>·="
_CHECK = re.compile(r"(?:tracking )?((?:acknowledgement )?check \d+) of ")


def rows_of(story: Story, configuration: Configuration | None, now: datetime) -> list[Row]:
    """Write every order, in the order of the script."""
    return [row_of(progress, story, configuration, now) for progress in story.orders.values()]


def most_interesting(rows: list[Row], count: int) -> list[Row]:
    """Keep so many rows, those first that need a look; they stay in the order of the script."""
    chosen = sorted(range(len(rows)), key=lambda at: (_URGENCY.index(rows[at].mark), at))[:count]
    return [rows[at] for at in sorted(chosen)]


def row_of(progress: Progress, story: Story, configuration: Configuration | None, now: datetime) -> Row:
    """Write one order."""
    newest = progress.purchase_orders[-1] if progress.purchase_orders else None
    last = progress.checks[-1] if progress.checks else 0
    return Row(
        mark=_mark(progress),
        name=progress.name,
        title=progress.scenario.title,
        stage=stage(progress),
        channel=CHANNELS[newest.supplier] if newest else "",
        supplier=LABELS[newest.supplier] if newest else "",
        number=(newest.supplier_number or "") if newest else "",
        check=f"{last}/{len(story.plan)}" if newest and newest.confirmed_at else "",
        waits=waiting_for(progress, configuration, now),
        said=progress.said[-1] if progress.said else "",
    )


def stage(progress: Progress) -> str:
    """Say where an order is, in a word or two."""
    if progress.record is None:
        return "sent" if progress.order_id else ""
    name = stage_of(progress.record)
    return _WORDS.get(name, name.lower())


def waiting_for(progress: Progress, configuration: Configuration | None, now: datetime) -> str:
    """Say what an order waits for, and until when."""
    if progress.verdict:
        return "; ".join(progress.verdict)
    if progress.record is None:
        return "its webhook" if progress.order_id else "its turn"
    if not progress.ended:
        return _short(waits_of(progress.record, configuration, now)[0])
    return ", ".join(f"a person: {task.category.replace('_', ' ')}" for task in progress.open_tasks)


def _short(wait: Wait) -> str:
    """Say it in few words: the supplier stands in a column of its own, and a person's reminder is hours away."""
    if found := _CHECK.match(wait.what):
        return f"{found[1]}{f', {wait.until:%H:%M:%S}Z' if wait.until else ''}"
    return wait.what.partition(" (task")[0]


def _mark(progress: Progress) -> str:
    if progress.verdict:
        return "!"
    if progress.record is None:
        return ">" if progress.order_id else "·"
    if progress.record.tasks:
        return "?"
    if progress.ended:
        return "=" if progress.record.state is progress.scenario.ending.state else "!"
    return ">"
