"""One planning under way: the order as it was read, and what its suppliers have said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapters.database.configurations import Version
from adapters.database.planning import PlanningOrder
from models.contracts import PlanRequest
from models.routing import LiveRate, WantedLine
from models.suppliers import Offer


@dataclass(frozen=True)
class Heard:
    """What suppliers said just before the plan."""

    offers: Sequence[Offer] = ()
    silent: frozenset[str] = frozenset()
    rates: Mapping[str, LiveRate] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """One planning: what was asked for, of which order, by which configuration, and what suppliers said."""

    request: PlanRequest
    order: PlanningOrder
    parts: Sequence[WantedLine]
    version: Version
    heard: Heard = Heard()

    @property
    def eans(self) -> list[str]:
        """Name every article that is wanted."""
        return sorted({part.ean for part in self.parts})

    @property
    def to_ask_for(self) -> list[str]:
        """Name every article that suppliers are asked about: what is wanted, and what its buyer might take instead."""
        stock, wanted = self.version.configuration.stock, {part.line_id for part in self.parts}
        sold = {line.ean for line in self.order.lines if line.line_id in wanted}
        instead = {leaf for ean in sold for one in stock.substitutes.get(ean, ()) for leaf in stock.parts_of(one)}
        return sorted(instead.union(self.eans))

    @property
    def suppliers(self) -> tuple[str, ...]:
        """Name every supplier that may be ordered from."""
        return self.version.configuration.routing.priority

    @property
    def left_out(self) -> frozenset[str]:
        """Name the suppliers that did not deliver, or that a person has excluded."""
        return frozenset(self.request.excluded) | self.order.pins.excluded
