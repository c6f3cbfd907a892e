"""What screening reads of a line, and what it finds in an order's way."""

from dataclasses import dataclass

from models.tasks import TaskCategory


@dataclass(frozen=True)
class ScreenedLine:
    """A line as screening sees it: what is known of its article so far."""

    line_id: str
    variant_id: str
    mapped_ean: str | None


@dataclass(frozen=True)
class Problem:
    """Why an order can't go on; ``facts`` word the task's question."""

    category: TaskCategory
    facts: dict[str, str]
