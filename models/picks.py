"""A pick task: what the people of our own warehouse are asked to pack and send. Holds no personal data."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from models.base import Actor, Contract, Identifier, Reference, Timestamp
from models.suppliers import DeclinedLine, Ean


class PickState(StrEnum):
    """Where a pick task is. Whatever is not open has ended."""

    OPEN = "open"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"  # called off before anybody had packed it, or only ever a test
    REFUSED = "refused"  # by the warehouse


class PickLine(Contract):
    """Units of an article to pick, and how many of them were not found on the shelf."""

    ean: Ean
    quantity: int = Field(gt=0)
    short: int = Field(default=0, ge=0)


class PickTask(Contract):
    """A purchase order of ours as the warehouse sees it, named by our number."""

    warehouse: Identifier
    number: Reference
    state: PickState
    test: bool
    lines: tuple[PickLine, ...]
    opened_at: Timestamp
    changed_at: Timestamp
    changed_by: Actor | None = None
    tracking_number: Reference | None = None
    carrier: Reference | None = None
    reason: str | None = None

    @property
    def declined(self) -> tuple[DeclinedLine, ...]:
        """What was not found, as suppliers say it."""
        return tuple(DeclinedLine(ean=line.ean, quantity=line.short) for line in self.lines if line.short)

    def unknown(self, short: Mapping[str, int]) -> list[str]:
        """List the articles of ``short`` that are not in it, or not that many times."""
        wanted = {line.ean: line.quantity for line in self.lines}
        return [ean for ean, units in short.items() if not 0 < units <= wanted.get(ean, 0)]


class Picked(Contract):
    """A person's word that a pick task has left the house."""

    tracking_number: Reference
    carrier: Reference
    short: dict[str, int] = Field(default_factory=dict)  # EAN -> units that were not found
    by: Actor
