"""The simulated Printful's books: drafts, orders, shipments, and how an order's life goes on with its age."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sandbox.catalogue import Article, Assortment, normalised

CURRENCY = "USD"
DRAFT, PENDING, FULFILLED, PARTIAL, CANCELED = "draft", "pending", "fulfilled", "partial", "canceled"
STATUSES = (DRAFT, PENDING, "failed", CANCELED, "onhold", "inprocess", PARTIAL, FULFILLED)
_CANCELLABLE = (DRAFT, PENDING, "failed", "onhold")


@dataclass(frozen=True)
class Item:
    """A line: our id of it, and the article."""

    id: int
    external_id: str | None
    article: Article
    quantity: int


@dataclass(frozen=True)
class Shipment:
    """A parcel: which items left in it, by item id."""

    id: int
    tracking_number: str | None
    items: tuple[tuple[int, int], ...]


@dataclass
class Order:
    """An order; a draft until it is confirmed."""

    id: int
    external_id: str | None
    shipping: str
    shipping_cost: Decimal
    recipient: dict[str, Any]
    items: tuple[Item, ...]
    status: str = DRAFT
    confirmed_at: float | None = None
    shipments: list[Shipment] = field(default_factory=list)

    @property
    def subtotal(self) -> Decimal:
        """What its goods cost."""
        return sum((item.article.price * item.quantity for item in self.items), Decimal(0))


class Books:
    """All that the simulator knows. ``ship_after``: seconds from the confirmation to the parcel; None: never by itself."""

    def __init__(
        self, articles: Assortment, ship_after: float | None = 20.0, clock: Callable[[], float] = time.time
    ) -> None:
        self.articles = articles
        self.orders: dict[int, Order] = {}
        self.unavailable: set[str] = set()
        self.refusal: tuple[int, str, str] | None = None  # what every confirmation is answered with
        self.ship_after = ship_after
        self.clock = clock

    def find(self, name: str) -> Order | None:
        """Find an order by its id, or by ``@`` and the client's."""
        if name.startswith("@"):
            wanted = (order for order in self.orders.values() if order.external_id == name[1:])
            return self._aged(next(wanted, None))
        return self._aged(self.orders.get(int(name))) if name.isdecimal() else None

    def article(self, code: str) -> Article | None:
        """Find an article by its code."""
        return self.articles.get(normalised(code))

    def add(
        self, external_id: str | None, shipping: str, cost: Decimal, recipient: dict[str, Any], items: Any
    ) -> Order:
        """Enter a draft."""
        number = 11_000_000 + len(self.orders) * 13
        lines = tuple(Item(number * 10 + place, *parts) for place, parts in enumerate(items))
        self.orders[number] = Order(number, external_id, shipping, cost, recipient, lines)
        return self.orders[number]

    def confirm(self, order: Order) -> None:
        """Order what was a draft."""
        order.status, order.confirmed_at = PENDING, self.clock()

    def cancel(self, order: Order) -> bool:
        """Cancel it if that is still possible."""
        if order.status not in (*_CANCELLABLE, CANCELED):
            return False
        order.status = CANCELED
        return True

    def ship(self, order: Order, tracking: Iterable[str | None], units: Mapping[str, int] | None = None) -> None:
        """Ship all that is open, or some units by EAN; what lies in several parcels lies in the first of them."""
        open_units = self._open(order)
        wanted = {
            item.id: open_units[item.id] if units is None else min(units.get(item.article.ean, 0), open_units[item.id])
            for item in order.items
        }
        for place, number in enumerate(tracking):
            packed = tuple((one, count) for one, count in wanted.items() if count) if place == 0 else ()
            order.shipments.append(Shipment(order.id * 10 + len(order.shipments), number, packed))
        order.status = PARTIAL if any(self._open(order).values()) else FULFILLED

    def ledger(self) -> list[dict[str, Any]]:
        """List what was really ordered; drafts are no orders."""
        return [
            {
                "order_number": str(order.id),
                "number": order.external_id or "",
                "status": order.status,
                "lines": [{"ean": item.article.ean, "quantity": item.quantity} for item in order.items],
            }
            for order in sorted(self.orders.values(), key=lambda one: one.confirmed_at or 0)
            if order.confirmed_at is not None
        ]

    def drafts(self) -> list[str]:
        """List our numbers of what was never confirmed."""
        return [order.external_id or "" for order in self.orders.values() if order.confirmed_at is None]

    def _open(self, order: Order) -> dict[int, int]:
        left = {item.id: item.quantity for item in order.items}
        for shipment in order.shipments:
            for item, count in shipment.items:
                left[item] -= count
        return left

    def _aged(self, order: Order | None) -> Order | None:
        if order is None or self.ship_after is None or order.confirmed_at is None or order.status != PENDING:
            return order
        if self.clock() - order.confirmed_at >= self.ship_after:
            self.ship(order, [f"PF{order.id:010d}"])
        return order
