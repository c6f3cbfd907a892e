"""What a rehearsal finds: an order under two sets of rules, and the figures of many. Amounts are in one currency."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

PAID_FACTORS = ("item", "shipping", "customs")  # what somebody is paid for; all else only weighs
MOST_DIFFERENCES = 10


@dataclass(frozen=True, slots=True)
class Allotted:
    """Units of one article of a line that a supplier gets."""

    line_id: str
    ean: str
    supplier: str
    sku: str
    units: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one order under one set of rules."""

    allotted: tuple[Allotted, ...]
    whole: bool  # somebody delivers all of it
    missing: Decimal | None = Decimal(0)  # what the customer paid for units that nobody delivers
    paid: Mapping[str, Decimal] | None = None  # cost by factor; None where a cost or its rate is not known
    days: int | None = None  # from the order to the last parcel's promised arrival
    rules: tuple[str, ...] = ()  # that fitted the order or one of its lines
    lost: Mapping[str, str] = field(default_factory=dict)  # why a supplier did not get it, by supplier

    @property
    def suppliers(self) -> tuple[str, ...]:
        """Name the suppliers that get something, in the plan's order."""
        return tuple(dict.fromkeys(one.supplier for one in self.allotted))

    @property
    def cost(self) -> Decimal | None:
        """Sum what is paid; None where it is not known."""
        return None if self.paid is None else sum(self.paid.values(), Decimal(0))


@dataclass(frozen=True, slots=True)
class Replayed:
    """One order under both sets of rules."""

    order_id: int
    name: str
    channel: str
    placed_at: datetime
    value: Decimal | None  # what the customer paid for its goods; None where the rate of its currency is not known
    before: Outcome
    after: Outcome

    @property
    def changed(self) -> bool:
        """Say whether other units would be ordered somewhere."""
        return sorted(map(_place, self.before.allotted)) != sorted(map(_place, self.after.allotted))

    @property
    def compared(self) -> bool:
        """Say whether both sides deliver all of it at a known cost: only then two costs can be held side by side."""
        return all(one.whole and one.paid is not None for one in (self.before, self.after)) and self.value is not None

    @property
    def saved(self) -> Decimal | None:
        """Say what the new rules save (or cost, below zero); None where costs can't be compared."""
        if not self.compared or self.before.cost is None or self.after.cost is None:
            return None
        return self.before.cost - self.after.cost

    @property
    def at_stake(self) -> Decimal:
        """Say how much money the difference moves: of cost, or of goods that are delivered by one side only."""
        if (saved := self.saved) is not None:
            return abs(saved)
        return abs((self.before.missing or Decimal(0)) - (self.after.missing or Decimal(0)))


def _place(one: Allotted) -> tuple[str, str, str, str, int]:
    return one.line_id, one.ean, one.supplier, one.sku, one.units


@dataclass(frozen=True, slots=True)
class Difference:
    """One of the largest differences, with what made it."""

    replayed: Replayed
    made_by: tuple[str, ...]


@dataclass
class SideTally:
    """The figures of one set of rules. Costs and prices are sums over the orders that both sides can be compared on."""

    whole: int = 0
    failed: int = 0
    missing: Decimal = Decimal(0)  # value of what nobody delivers
    paid: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(PAID_FACTORS, Decimal(0)))
    split: int = 0  # orders that several suppliers deliver
    parcels: int = 0  # of whole orders
    days: Counter[int] = field(default_factory=Counter)  # promised, of whole orders
    orders_at: Counter[str] = field(default_factory=Counter)  # purchase orders, by supplier
    units_at: Counter[str] = field(default_factory=Counter)

    @property
    def cost(self) -> Decimal:
        """Sum what is paid for compared orders."""
        return sum(self.paid.values(), Decimal(0))


@dataclass
class Tally:
    """The figures of a rehearsal. Tallies of disjoint orders add up, in any sequence, to the same."""

    orders: int = 0
    lines: int = 0
    compared: int = 0
    value: Decimal = Decimal(0)  # what customers paid for the goods of compared orders
    without_rate: int = 0  # orders whose currency has no rate: no amount counts them
    unheard_of: int = 0  # orders with an article that no supplier had yet
    changed: int = 0
    newly_failed: int = 0
    rescued: int = 0
    saved: Counter[str] = field(default_factory=Counter)  # compared, changed orders by how much their cost changed
    before: SideTally = field(default_factory=SideTally)
    after: SideTally = field(default_factory=SideTally)
    largest: list[Difference] = field(default_factory=list)  # the largest first


@dataclass(frozen=True, slots=True)
class RuleChanges:
    """In what two configurations differ, as far as an order's way depends on it."""

    rules: frozenset[str] = frozenset()  # that the new side adds or changes
    gone: frozenset[str] = frozenset()
    settings: tuple[str, ...] = ()  # of the table [routing] itself
    terms: frozenset[str] = frozenset()  # suppliers whose terms differ
    switched_off: frozenset[str] = frozenset()
    switched_on: frozenset[str] = frozenset()
    stock: bool = False
