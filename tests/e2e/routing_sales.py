"""What customers buy while routing is under fire, and who has it: each sale with the end that it must come to. Pure.

No supplier with an interface gets the same articles in the same quantities twice, so that a person who looks through its
orders can tell whose is whose.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from models.statuses import OrderState
from sandbox.catalogue import plain_eans
from tests.e2e.sales import PLANTED

SIMULATED, SHELVES = (
    ("alpha", "beta", "gamma"),
    ("depot", "annex", "yard"),
)  # suppliers with an interface; our own warehouses
MAIN, FLASH, ASKS = CHANNELS = (
    "main",
    "flash",
    "asks",
)  # what is short: is waited for, is cancelled, its customer is asked
BUYERS, HOT_UNITS = 40, 15
LIVE_BUYERS, LIVE_UNITS = 8, 12
ORDINARY = 6  # orders that make calls for the second kill to strike

_NAMES = (
    "cheap_at_alpha cheap_at_beta bundle part_of_beta part_of_gamma refused beside cancelled short_pick awaited "
    "customer_waits nobody_has alternative given_up kept hot live reserved reserved_too committed committed_too "
    "short ordinary ordinary_too"
).split()
ARTICLES = dict(zip(_NAMES, plain_eans(), strict=False))
FILLERS = plain_eans()[len(_NAMES) :]  # on our shelves, so that what sells out is no suspicious part of a count
BUNDLE = {ARTICLES["part_of_beta"]: 1, ARTICLES["part_of_gamma"]: 2}
STOCK: dict[str, dict[str, tuple[int, str]]] = {  # article -> supplier -> units, and what one costs
    "cheap_at_alpha": {"alpha": (9, "5.00"), "beta": (9, "60.00")},
    "cheap_at_beta": {"alpha": (9, "60.00"), "beta": (9, "5.00")},
    "part_of_beta": {"beta": (3, "5.00")},
    "part_of_gamma": {"gamma": (5, "5.00")},
    "refused": {"alpha": (9, "5.00"), "gamma": (9, "9.00")},
    "beside": {"beta": (9, "5.00")},
    "cancelled": {"alpha": (9, "5.00"), "gamma": (9, "9.00")},
    "short_pick": {"depot": (3, "4.00"), "beta": (9, "9.00")},
    "alternative": {"gamma": (2, "5.00")},
    "kept": {"beta": (2, "5.00")},
    "hot": {"depot": (9, "5.00"), "annex": (HOT_UNITS - 9, "5.50")},
    "live": {"alpha": (LIVE_UNITS, "5.00")},
    "reserved": {"alpha": (9, "5.00")},
    "reserved_too": {"beta": (9, "5.00")},
    "committed": {"alpha": (9, "5.00")},
    "committed_too": {"gamma": (9, "5.00")},
    "ordinary": {"alpha": (90, "5.00"), "beta": (90, "60.00")},
    "ordinary_too": {"beta": (90, "5.00"), "gamma": (90, "60.00")},
}
BROUGHT = {
    "awaited": 2,
    "customer_waits": 1,
    "short": 1,
}  # by the yard's second count; nobody picks there meanwhile


@dataclass(frozen=True)
class Sale:
    """One order: its lines by the articles' names, and what of them must be cancelled, or None where luck decides."""

    key: str
    channel: str
    lines: Mapping[str, int]
    cancelled: Mapping[str, int] | None = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)  # what the customer chooses in an article's place
    answer: str = ""  # to the question about the first line, as the page's form says it
    suppliers: frozenset[str] = frozenset()  # who must have delivered; none: whoever

    @property
    def email(self) -> str:
        """Where its customer reads mail."""
        return f"plantilla.{self.key.replace('_', '-')}@planted.example"

    @property
    def ending(self) -> OrderState | None:
        """The state that it must end in; None where luck decides."""
        if self.cancelled is None:
            return None
        whole = Counter(self.lines) == Counter(self.cancelled)
        return OrderState.CANCELLED if whole else OrderState.PARTIALLY_SHIPPED if self.cancelled else OrderState.SHIPPED

    def form(self) -> dict[str, Any]:
        """Write the order as the simulated shop takes it."""
        lines = [[ARTICLES[name], units] for name, units in self.lines.items()]
        return {"lines": lines, "address": PLANTED | {"zip": "28001"}, "email": self.email}

    def wanted(self, shipped: Mapping[str, int]) -> Counter[str]:
        """Say by EAN what suppliers must have delivered for so many shipped units of each line."""
        units: Counter[str] = Counter()
        for name, count in shipped.items():
            parts = BUNDLE if name == "bundle" else {ARTICLES[self.instead.get(name, name)]: 1}
            units.update({ean: times * count for ean, times in parts.items() if count})
        return units


HELD = (  # whose workers die: once reserved, at the commit, and while the shortage is written down
    Sale("reserved", MAIN, {"reserved": 2, "reserved_too": 1}, suppliers=frozenset({"alpha", "beta"})),
    Sale("committed", MAIN, {"committed": 2, "committed_too": 1}, suppliers=frozenset({"alpha", "gamma"})),
    Sale("short", MAIN, {"short": 1}, suppliers=frozenset({"yard"})),
)
ASKED = (
    Sale("customer_waits", ASKS, {"customer_waits": 1}, answer="wait", suppliers=frozenset({"yard"})),
    Sale(
        "alternative",
        ASKS,
        {"nobody_has": 2},
        instead={"nobody_has": "alternative"},
        answer=f"instead:{ARTICLES['alternative']}",
        suppliers=frozenset({"gamma"}),
    ),
    Sale("given_up", ASKS, {"given_up": 1, "kept": 2}, {"given_up": 1}, answer="cancel", suppliers=frozenset({"beta"})),
)
CALM = (
    Sale("split", MAIN, {"cheap_at_alpha": 2, "cheap_at_beta": 1}, suppliers=frozenset({"alpha", "beta"})),
    Sale("bundle", MAIN, {"bundle": 2}, suppliers=frozenset({"beta", "gamma"})),
    Sale("refused", MAIN, {"refused": 1, "beside": 1}, suppliers=frozenset({"gamma", "beta"})),
    Sale("cancelled", MAIN, {"cancelled": 2}, suppliers=frozenset({"gamma"})),
    Sale("short_pick", MAIN, {"short_pick": 3}, suppliers=frozenset({"depot", "beta"})),
    Sale("awaited", MAIN, {"awaited": 2}, suppliers=frozenset({"yard"})),
)


def burst() -> Iterator[Sale]:
    """Everybody at once: far more buyers than units, and some orders of which there is enough."""
    for number in range(ORDINARY):
        lines = {"ordinary": 1 + number} if number % 2 else {"ordinary_too": 1 + number, "ordinary": 20 + number}
        yield Sale(f"ordinary_{number}", MAIN, lines)
    yield from (Sale(f"hot_{number}", FLASH, {"hot": 1}, None) for number in range(BUYERS))
    yield from (Sale(f"live_{number}", FLASH, {"live": 1 + number}, None) for number in range(LIVE_BUYERS))
