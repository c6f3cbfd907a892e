"""What customers of the simulated shop buy, from a seed: each sale with the end that its script leads to. Pure.

Every sale's first line is an article and a quantity that no other sale has: so a person who looks through the
supplier's orders can tell whose is whose, although the supplier keeps no reference of ours.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from models.statuses import OrderState
from sandbox.catalogue import plain_eans

# Personal data that no history, log line, id or task may ever hold; the words are what is looked for.
PLANTED = {
    "first_name": "Plantilla",
    "last_name": "Quisquilloso",
    "address1": "Calle Inconfundible 77",
    "city": "Villanombre",
    "country_code": "ES",
    "phone": "+34600112233",
}
PLANTED_WORDS = ("Plantilla", "Quisquilloso", "Inconfundible", "Villanombre", "600112233", "planted.example")

Lines = frozenset[tuple[str, int]]


class Script(StrEnum):
    """What becomes of an order, whatever fails on the way."""

    SHIPPED = "shipped"
    SHIPPED_LATER = "shipped later"
    TWO_PARCELS = "two parcels"
    UNKNOWN_STATUS = "unknown status, then shipped"
    NEVER_SHIPS = "never shipped by itself"
    CANCELLED_BY_SUPPLIER = "cancelled by the supplier"
    CANCELLED_BY_CUSTOMER = "cancelled by the customer"
    TEST = "test order"
    PAID_LATER = "unpaid, then paid"
    UNPAID = "never paid"


POSTCODES = {script: f"28{number:03d}" for number, script in enumerate(Script, 1)}  # by which the supplier knows it

ENDINGS = {
    Script.CANCELLED_BY_SUPPLIER: OrderState.CANCELLED,
    Script.CANCELLED_BY_CUSTOMER: OrderState.CANCELLED,
    Script.TEST: OrderState.TEST_PLACED,
    Script.UNPAID: OrderState.STORED,
}
_WEIGHTS = {
    Script.SHIPPED: 40,
    Script.SHIPPED_LATER: 15,
    Script.TWO_PARCELS: 12,
    Script.UNKNOWN_STATUS: 5,
    Script.CANCELLED_BY_SUPPLIER: 8,
    Script.CANCELLED_BY_CUSTOMER: 10,
    Script.TEST: 4,
    Script.PAID_LATER: 4,
    Script.UNPAID: 2,
}
# How the webhook of a payment travels: once, repeated, repeated under new ids, late, or not at all.
_MANNERS: tuple[tuple[int, dict[str, Any]], ...] = (
    (60, {}),
    (12, {"times": 3}),
    (10, {"times": 2, "fresh_ids": True}),
    (10, {"delay": 3.0}),
    (8, {"lost": True}),
)

_NEVER_SHIPS: dict[str, Any] = {"steps": []}
SUPPLIER_SCRIPTS: dict[Script, dict[str, Any]] = {
    Script.SHIPPED: {"steps": [{"after": 3, "status": "Shipped", "tracking": ["auto"]}]},
    Script.SHIPPED_LATER: {"steps": [{"after": 20, "status": "Shipped", "tracking": ["auto"]}]},
    Script.TWO_PARCELS: {
        "steps": [{"after": 3, "tracking": ["auto"]}, {"after": 15, "status": "Shipped", "tracking": ["auto"]}]
    },
    Script.UNKNOWN_STATUS: {
        "steps": [
            {"after": 3, "status": "Awaiting Pickup"},
            {"after": 20, "status": "Shipped", "tracking": ["auto"]},
        ]
    },
    Script.NEVER_SHIPS: _NEVER_SHIPS,
    Script.CANCELLED_BY_SUPPLIER: {"steps": [{"after": 5, "status": "Cancelled"}]},
    Script.CANCELLED_BY_CUSTOMER: _NEVER_SHIPS,
    Script.TEST: _NEVER_SHIPS,
    Script.PAID_LATER: {"steps": [{"after": 3, "status": "Shipped", "tracking": ["auto"]}]},
}


@dataclass(frozen=True)
class Sale:
    """One order of a customer: what is bought, how the shop tells of it, and where it ends."""

    number: int
    script: Script
    lines: tuple[tuple[str, int], ...]
    manner: dict[str, Any] = field(default_factory=dict)
    follow_up: str = ""  # what happens to it later in the shop: pay or cancel
    follow_up_after: float = 0.0  # seconds

    @property
    def key(self) -> Lines:
        """What tells this sale from all others, at the supplier too."""
        return frozenset(self.lines)

    @property
    def ending(self) -> OrderState:
        """The state that our record must end in."""
        return ENDINGS.get(self.script, OrderState.SHIPPED)

    @property
    def ordered(self) -> bool | None:
        """Whether the supplier must have got it; None where a race decides."""
        return {Script.CANCELLED_BY_CUSTOMER: None, Script.UNPAID: False}.get(self.script, True)

    def form(self) -> dict[str, Any]:
        """Write the order as the simulated shop takes it."""
        unpaid = self.script in (Script.UNPAID, Script.PAID_LATER)
        return {
            "lines": [list(line) for line in self.lines],
            "address": PLANTED | {"zip": POSTCODES[self.script]},
            "email": f"plantilla.{self.number}@planted.example",
            "financial_status": "pending" if unpaid else "paid",
            "test": self.script is Script.TEST,
            "webhooks": self.manner,
        }


def sales(seed: int, count: int) -> list[Sale]:
    """Plan so many sales. The slow ones, which never ship by themselves, come first."""
    chance = random.Random(f"sales:{seed}")
    slow = [Script.NEVER_SHIPS] * max(1, count // 60)
    scripts = slow + chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=max(0, count - len(slow)))
    return [_sale(number, script, chance) for number, script in enumerate(scripts[:count])]


def _sale(number: int, script: Script, chance: random.Random) -> Sale:
    (manner,) = chance.choices([how for _, how in _MANNERS], [weight for weight, _ in _MANNERS])
    follow_up, after = "", 0.0
    if script is Script.PAID_LATER:
        follow_up, after = "pay", chance.uniform(1, 8)
    elif script is Script.CANCELLED_BY_CUSTOMER:
        follow_up, after = "cancel", chance.choice([0.0, 0.3, 1.0, 3.0, 8.0])
    lines = _lines(number, chance, plain_eans())
    return Sale(number, script, lines, manner, follow_up, after)


def _lines(number: int, chance: random.Random, eans: Sequence[str]) -> tuple[tuple[str, int], ...]:
    position, round_ = number % len(eans), number // len(eans)
    first = (eans[position], round_ + 1)
    if chance.random() < 0.7:
        return (first,)
    # Far above any first quantity, so that a second line is never another sale's first.
    second = eans[(position + 1 + chance.randrange(len(eans) - 1)) % len(eans)]
    return (first, (second, 500 + chance.randrange(5)))
