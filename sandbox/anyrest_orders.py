"""The books of a made-up supplier with a tidy REST interface: orders, answers line by line, packages."""

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sandbox.catalogue import Article, Assortment, normalised

RECEIVED, ACCEPTED, SHIPPED, CANCELLED, ON_TRIAL = "RECEIVED", "ACCEPTED", "SHIPPED", "CANCELLED", "TRIAL"
CURRENCY = "EUR"


def cents(amount: Decimal) -> int:
    """Write an amount as this supplier does."""
    return int(amount * 100)


@dataclass
class Order:
    """An order as it was really created."""

    id: str
    reference: str
    items: list[tuple[Article, int]]
    shipping: int  # cents
    test: bool
    created_at: float
    state: str = RECEIVED
    answers: list[dict[str, Any]] = field(default_factory=list)
    packages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """What it costs, in cents."""
        return self.shipping + sum(cents(article.price) * units for article, units in self.items)


@dataclass
class Settings:
    """What can be changed while it runs."""

    accept_after: float = 0.0  # seconds from the order to its acceptance
    ship_after: float | None = None
    visible_after: float = 0.0  # so long an order is not found by its reference
    refuse: str = ""  # every order is answered with this code


class Books:
    """All that the simulator knows."""

    def __init__(self, articles: Assortment, clock: Callable[[], float] = time.time) -> None:
        self.articles = articles
        self.clock = clock
        self.orders: dict[str, Order] = {}
        self.answered: dict[str, str] = {}  # idempotency key -> the first answer
        self.settings = Settings()

    def article(self, code: str) -> Article | None:
        """Find an article by its code."""
        return self.articles.get(normalised(code))

    def add(self, reference: str, items: list[tuple[Article, int]], shipping: int, *, test: bool) -> Order:
        """Create an order."""
        number = 2_000_000 + len(self.orders) * 7 + random.Random(len(self.orders)).randrange(7)
        state = ON_TRIAL if test else RECEIVED
        order = Order(f"A-{number}", reference, items, shipping, test, self.clock(), state)
        self.orders[order.id] = order
        return order

    def find(self, number: str) -> Order | None:
        """Find an order by its id, as it stands now."""
        order = self.orders.get(number)
        if order is not None and order.state == RECEIVED and self._age(order) >= self.settings.accept_after:
            order.state = ACCEPTED
        ships = self.settings.ship_after
        if order is not None and order.state == ACCEPTED and ships is not None and self._age(order) >= ships:
            self.ship(order, [f"ANY{order.id[2:]}"])
        return order

    def referenced(self, reference: str) -> list[Order]:
        """List the orders under a client's reference, as far as they can be seen already."""
        found = [order for order in self.orders.values() if order.reference == reference]
        return [order for order in found if self._age(order) >= self.settings.visible_after]

    def ship(self, order: Order, tracking: list[str], without: Mapping[str, int] | None = None) -> None:
        """Ship an order without some units, all of it in the first of its packages."""
        left_out = without or {}
        packed = [
            {"gtin": article.ean, "units": units - left_out.get(article.ean, 0)} for article, units in order.items
        ]
        for number in tracking:
            contents = packed if number == tracking[0] else []
            link = f"https://track.example/{number}"
            order.packages.append(
                {"carrier": {"name": "GLS", "tracking": {"no": number, "link": link}}, "contents": contents}
            )
        order.answers += [{"gtin": ean, "decision": "REJECTED", "units": units} for ean, units in left_out.items()]
        order.state = SHIPPED

    def ledger(self) -> list[dict[str, Any]]:
        """List every order really created, in order."""
        return [
            {
                "order_number": order.id,
                "number": order.reference,
                "state": order.state,
                "lines": [{"ean": article.ean, "quantity": units} for article, units in order.items],
            }
            for order in self.orders.values()
        ]

    def once(self, key: str, create: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Create once per key; later calls get the first answer. Without a key, each call creates."""
        if not key:
            return create()
        if key not in self.answered:
            self.answered[key] = json.dumps(create())
        first: dict[str, Any] = json.loads(self.answered[key])
        return first

    def _age(self, order: Order) -> float:
        return self.clock() - order.created_at


def details(order: Order) -> dict[str, Any]:
    """Write an order as this supplier does."""
    return {
        "id": order.id,
        "reference": order.reference,
        "state": order.state,
        "amounts": {"grandTotal": {"cents": order.total, "currency": CURRENCY}},
        "items": [{"gtin": article.ean, "units": units} for article, units in order.items],
        "answers": order.answers,
        "packages": order.packages,
    }
