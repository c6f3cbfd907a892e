"""What the router reads and what it returns. Every amount is in the order's currency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from models.terms import Terms

Because = Literal[
    "chosen",
    "part of it",  # chosen for some units of the line
    "higher cost",
    "lower priority",
    "lower tier",
    "order kept together",  # cheaper here, but a split would cost more
    "excluded",  # by a person, or by what became of an earlier purchase order of this order
    "excluded by rule",
    "switched off",
    "article unknown",
    "not enough stock",
    "stale",  # its word is older than it promised, and the rule does not take that
    "no answer",
    "restricted",  # it, or we, do not ship this there
    "no shipping",  # nothing in its table fits
    "lacks a capability",
    "pack or minimum quantity",
    "minimum order value",
    "below margin floor",
    "too late",  # it can't ship in the time set
    "no cost",  # nobody knows what it costs, or in which rate
]

FACTORS = (
    "item",
    "shipping",
    "customs",
    "split",
    "lateness",
    "lead time",
    "distance",
    "co2",
    "score",
    "errors",
    "concentration",
)


FEWEST_JUDGED = 5  # purchase orders: below that a supplier counts as faultless


@dataclass(frozen=True, slots=True)
class WantedLine:
    """An open part of a line: so many units of an article. A bundle's line has a part per article it is made of."""

    line_id: str
    ean: str
    quantity: int
    per_unit: int = 1  # units of this article in one unit of the line
    price: Decimal | None = None  # what the customer paid for one unit of this part; None in bundles
    grams: int = 0  # of one unit
    category: str = ""


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order as far as the choice of suppliers depends on it. Holds no personal data but a postal code."""

    channel: str
    currency: str
    lines: Sequence[WantedLine]
    placed_at: datetime
    country: str = ""
    region: str = ""
    postal_code: str = ""
    value: Decimal = Decimal(0)  # of its goods
    tags: frozenset[str] = frozenset()
    customer_group: str = ""
    preference: str = ""
    needs: frozenset[str] = frozenset()  # what a supplier must provide
    urgent: bool = False
    only_supplier: str | None = None  # a person's word
    excluded: frozenset[str] = frozenset()  # likewise, and what failed before


@dataclass(frozen=True, slots=True)
class OfferFacts:
    """A supplier's offer of an article, as it stands for this order."""

    supplier: str
    sku: str  # the supplier's own
    ean: str
    known: bool
    available: int  # units: after reservations and buffers
    unit_cost: Decimal | None  # in the order's currency; None where it or its rate is not known
    fresh: bool = True  # confirmed within the supplier's promise
    lead_days: int | None = None
    available_on: date | None = None
    minimum: int | None = None
    pack: int | None = None
    restricted: tuple[str, ...] = ()  # countries it is not shipped to
    category: str = ""
    buffer: int = 0  # units that were kept back, for the explanation


@dataclass(frozen=True, slots=True)
class Scorecard:
    """How a supplier did lately, from its purchase orders' own events. Shares are of 0 to 1."""

    supplier: str
    purchase_orders: int = 0
    acknowledged_hours: float | None = None  # on average, from placed to acknowledged
    late_share: float = 0.0  # shipped after the promise
    cancelled_share: float = 0.0  # cancelled or refused by it
    error_share: float = 0.0  # unreachable, in doubt, or unclear
    share: float = 0.0  # of all purchase orders: for the concentration limit

    @property
    def deductions(self) -> dict[str, float]:
        """Say what each failing takes from 100. Nobody is judged by fewer than five purchase orders."""
        if self.purchase_orders < FEWEST_JUDGED:
            return {"late": 0.0, "cancelled": 0.0, "errors": 0.0}
        return {"late": 40 * self.late_share, "cancelled": 100 * self.cancelled_share, "errors": 60 * self.error_share}

    @property
    def score(self) -> float:
        """Fold it into one figure, 100 at best."""
        return max(0.0, 100.0 - sum(self.deductions.values()))


@dataclass(frozen=True, slots=True)
class LiveRate:
    """What a supplier has just said that shipping costs, in the order's currency; for all it could deliver of the order."""

    cost: Decimal
    days: int | None = None


@dataclass(frozen=True, slots=True)
class SupplierFacts:
    """A supplier, as it stands for this order."""

    supplier: str
    terms: Terms = field(default_factory=Terms)
    enabled: bool = True
    answered: bool = True  # False: asked for live stock, it gave none, and nothing is kept of it
    rate: Decimal | None = Decimal(1)  # of its terms' currency into the order's; None: unknown
    score: Scorecard | None = None
    live_rate: LiveRate | None = None


@dataclass(frozen=True, slots=True)
class Allotment:
    """Units of one part of a line that one supplier gets."""

    line_id: str
    ean: str
    sku: str
    quantity: int
    per_unit: int = 1
    unit_cost: Decimal | None = None
    buffer: int = 0  # units of the offer that stay where they are


@dataclass(frozen=True, slots=True)
class Share:
    """What one supplier gets of the order, and when it should be there."""

    supplier: str
    allotments: tuple[Allotment, ...]
    cost: Decimal  # weighed, all factors
    ship_on: date | None = None
    arrive_on: date | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a supplier got a line or did not: its cost by factor as if it alone delivered this line."""

    supplier: str
    because: Because
    units: int = 0  # that it gets of this line
    available: int | None = None
    cost: Mapping[str, Decimal] = field(default_factory=dict)  # by factor; those that are 0 are left out
    detail: str = ""  # in words, e.g. "pack of 6" or the rule's name

    @property
    def total(self) -> Decimal:
        """Sum the factors."""
        return sum(self.cost.values(), Decimal(0))


@dataclass(frozen=True, slots=True)
class LineReasons:
    """Every candidate of a part of a line, in order of priority, and the rules that fitted."""

    line_id: str
    ean: str
    quantity: int
    verdicts: tuple[Verdict, ...]
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RoutingPlan:
    """The outcome: who gets what, what nobody takes, why, and how good it is known to be."""

    shares: Mapping[str, Share]
    unroutable: Sequence[WantedLine]  # with the quantity that is left
    reasons: Sequence[LineReasons] = ()
    cost: Decimal = Decimal(0)
    gap: float = 0.0  # 0: no plan is better; 0.02: one could be up to 2 % cheaper
    rules: tuple[str, ...] = ()  # of the order as a whole

    def unknown_everywhere(self) -> list[WantedLine]:
        """List the unroutable lines whose article no considered supplier has ever heard of."""
        return [line for line in self.unroutable if "article unknown" in self._verdicts(line) <= _NEVER_HEARD]

    def unanswered(self) -> list[WantedLine]:
        """List the unroutable lines that a supplier which gave no answer might still take."""
        return [line for line in self.unroutable if "no answer" in self._verdicts(line)]

    def _verdicts(self, line: WantedLine) -> set[Because]:
        return {
            verdict.because
            for reasons in self.reasons
            if (reasons.line_id, reasons.ean) == (line.line_id, line.ean)
            for verdict in reasons.verdicts
        }

    def as_document(self) -> dict[str, Any]:
        """Write it as JSON that a plan's row, a task and ``route explain`` show."""
        return {
            "cost": str(self.cost),
            "gap": self.gap,
            "rules": list(self.rules),
            "shares": {name: _share(share) for name, share in self.shares.items()},
            "lines": [_reasons(line) for line in self.reasons],
            "unroutable": [{"line_id": one.line_id, "ean": one.ean, "units": one.quantity} for one in self.unroutable],
        }


def _share(share: Share) -> dict[str, Any]:
    return {
        "cost": str(share.cost),
        "ship_on": share.ship_on.isoformat() if share.ship_on else None,
        "arrive_on": share.arrive_on.isoformat() if share.arrive_on else None,
        "units": sum(one.quantity for one in share.allotments),
    }


def _reasons(line: LineReasons) -> dict[str, Any]:
    return {
        "line_id": line.line_id,
        "ean": line.ean,
        "quantity": line.quantity,
        "rules": list(line.rules),
        "candidates": [
            {
                "supplier": verdict.supplier,
                "because": verdict.because,
                "units": verdict.units,
                "available": verdict.available,
                "cost": {factor: str(amount) for factor, amount in verdict.cost.items()},
                "total": str(verdict.total),
                "detail": verdict.detail,
            }
            for verdict in line.verdicts
        ],
    }


_NEVER_HEARD: set[Because] = {"article unknown", "excluded", "excluded by rule", "switched off"}
