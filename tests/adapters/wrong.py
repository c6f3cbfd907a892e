"""The register of wrong adapters: each is a small change of a correct one, under the one check that it must fail."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from models.feeds import FeedKind
from models.suppliers import DoubtMeans, Lookup, LookupVerdict, SupplierOrder
from tests.adapters.correct_supplier import CAPABILITIES, Correct, Entry


@dataclass
class Wrong:
    """A wrong adapter: which check it must fail, alone."""

    check: str
    what: str
    port: type[Any]
    world: dict[str, Any] = field(default_factory=dict)


WRONG: list[Wrong] = []


def fails(check: str, **world: Any) -> Callable[[type[Any]], type[Any]]:
    """Enter a wrong adapter under the check that it fails."""

    def enter(port: type[Any]) -> type[Any]:
        WRONG.append(Wrong(check, port.__name__, port, world))
        return port

    return enter


class Keyed(Correct):
    """A supplier that knows our number."""

    capabilities = CAPABILITIES.model_copy(update={"doubt": DoubtMeans.KEY})

    def take(self, order: SupplierOrder) -> Entry:
        return self.vendor.named(order.number) or super().take(order)


class Blind(Correct):
    """A supplier that keeps no number of ours, cancels nothing and takes no test orders."""

    capabilities = CAPABILITIES.model_copy(update={"doubt": DoubtMeans.NONE, "cancel": False, "test_orders": False})


class Lagging(Correct):
    """A supplier whose look-up shows an order after a while only."""

    capabilities = CAPABILITIES.model_copy(update={"visibility_delay": timedelta(minutes=2)})

    def find_order(self, order: SupplierOrder) -> Lookup:
        found, visible = super().find_order(order), self.vendor.entries[: self.vendor.shown]
        return found if order in [entry.order for entry in visible] else Lookup(verdict=LookupVerdict.ABSENT)


class StockOnly(Correct):
    """A supplier with one feed."""

    feeds = frozenset({FeedKind.STOCK})
