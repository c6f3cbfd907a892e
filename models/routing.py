"""What the router reads and what it returns."""

from dataclasses import dataclass, field
from typing import Literal

Because = Literal[
    "chosen", "excluded", "switched off", "article unknown", "not enough stock", "no answer", "lower priority"
]


@dataclass(frozen=True)
class WantedLine:
    """An open line: how many units of which article."""

    line_id: str
    ean: str
    quantity: int


@dataclass(frozen=True)
class Rules:
    """What the merchant decided: the suppliers in order of preference, and those that are out for this order."""

    priority: tuple[str, ...]
    excluded: frozenset[str] = frozenset()
    disabled: frozenset[str] = frozenset()


@dataclass(frozen=True)
class RoutingPlan:
    """The outcome: lines per supplier in order of preference, lines nobody takes, and why for every candidate."""

    shares: dict[str, list[WantedLine]]
    unroutable: list[WantedLine]
    reasons: dict[str, dict[str, Because]] = field(default_factory=dict)

    def unknown_everywhere(self) -> list[WantedLine]:
        """List the unroutable lines whose article no considered supplier has ever heard of."""
        return [line for line in self.unroutable if "article unknown" in self._verdicts(line) <= _NEVER_HEARD]

    def unanswered(self) -> list[WantedLine]:
        """List the unroutable lines that a supplier which gave no answer might still take."""
        return [line for line in self.unroutable if "no answer" in self._verdicts(line)]

    def _verdicts(self, line: WantedLine) -> set[Because]:
        return set(self.reasons[line.line_id].values())


_NEVER_HEARD: set[Because] = {"article unknown", "excluded", "switched off"}
