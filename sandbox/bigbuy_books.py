"""The simulated BigBuy's books: its articles by reference, their warehouses, its money box and its orders."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

from sandbox.catalogue import Article, catalogue

PREPARING, AWAITING_PAYMENT, SHIPPED = "Preparation in progress", "Awaiting bank wire payment", "Shipped"
STATUSES = (AWAITING_PAYMENT, "Payment accepted", PREPARING, SHIPPED, "Delivered", "Canceled")
MAIN, FAR = 1, 3  # warehouses
_FIRST_ID = 4_200_001


def reference_of(article: Article) -> str:
    """Name an article as the vendor does."""
    return f"S{article.id:07d}"


@dataclass
class Settings:
    """What can be changed while it runs. ``style``: how errors look, coded, soft or embedded."""

    moneybox: Decimal = Decimal(10_000_000)
    style: str = "coded"
    visibility_seconds: float = 0.0  # so long a new order is not found
    check_knows_references: bool = True  # a check answers ER008 for a number that is taken
    refuse: str = ""  # an error code that every create answers
    refuse_references: dict[str, str] = field(default_factory=dict)  # at create alone: reference -> error code
    moved: tuple[str, ...] = ()  # references that have moved to the far warehouse since they were checked
    names_articles: bool = True  # orders say what is in them
    ship_after: float | None = 20.0
    limited_until: float = 0.0  # epoch seconds: until then every call is one too many


@dataclass(frozen=True)
class Line:
    """An ordered article; ``note`` is the buyer's own number for it."""

    article: Article
    quantity: int
    note: str = ""


@dataclass
class Order:
    """An order that was really created."""

    id: str
    number: str  # the buyer's
    lines: tuple[Line, ...]
    warehouse: int
    payment: str
    total: Decimal
    created_at: float
    carrier: str
    changed: str = ""  # the status it was given by hand
    tracking: tuple[str, ...] = ()


class RefusedOrder(Exception):
    """The vendor says no, with a code and its data."""

    def __init__(self, code: str, data: Any = None) -> None:
        super().__init__(code)
        self.code = code
        self.data = data


class Books:
    """All that the simulator knows."""

    def __init__(self, articles: int, seed: int, clock: Callable[[], float], settings: Mapping[str, Any]) -> None:
        self.articles = catalogue(articles, seed)
        self.by_reference = {reference_of(article): article for article in self.articles}
        self.stock = {reference_of(article): article.stock for article in self.articles}
        self.orders: dict[str, Order] = {}
        self.settings = Settings()
        self.ahead = 0.0
        self._clock = clock
        self.change_settings(settings)

    def now(self) -> float:
        """Tell the time, with what the clock was put forward."""
        return self._clock() + self.ahead

    def change_settings(self, document: Mapping[str, Any]) -> None:
        """Change settings by name. Raises ValueError for a name there is not."""
        known = {item.name for item in fields(Settings)}
        if unknown := set(document) - known:
            raise ValueError(f"no such settings: {', '.join(sorted(unknown))}")
        for name, value in document.items():
            setattr(self.settings, name, Decimal(str(value)) if name == "moneybox" else value)

    def warehouse_of(self, reference: str, *, creating: bool = False) -> int:
        """Say where an article lies: every tenth far away."""
        moved = creating and reference in self.settings.moved
        return FAR if moved or self.by_reference[reference].id % 10 == 9 else MAIN

    def visible(self, order: Order) -> bool:
        """Say whether a question finds this order yet."""
        return self.now() - order.created_at >= self.settings.visibility_seconds

    def with_number(self, number: str, *, visible_only: bool) -> list[Order]:
        """List the orders under a buyer's number."""
        return [
            order
            for order in self.orders.values()
            if order.number == number and (not visible_only or self.visible(order))
        ]

    def status_of(self, order: Order) -> str:
        """Give an order's status at this instant."""
        delay = self.settings.ship_after
        if order.changed:
            return order.changed
        if order.payment == "bankwire":
            return AWAITING_PAYMENT
        return SHIPPED if delay is not None and self.now() - order.created_at >= delay else PREPARING

    def trackings_of(self, order: Order) -> list[str]:
        """List an order's tracking numbers at this instant."""
        automatic = self.status_of(order) == SHIPPED and not order.changed
        return [f"BB{order.id}"] if automatic else list(order.tracking)

    def groups(self, lines: Sequence[Line], *, creating: bool = False) -> dict[int, list[Line]]:
        """Sort lines by warehouse."""
        found: dict[int, list[Line]] = {}
        for line in lines:
            found.setdefault(self.warehouse_of(reference_of(line.article), creating=creating), []).append(line)
        return found

    def total_of(self, lines: Sequence[Line]) -> Decimal:
        """Price lines, shipping included."""
        return sum((line.article.price * line.quantity for line in lines), Decimal("5.50"))

    def check_order(self, document: Mapping[str, Any]) -> list[Line]:
        """Check an order as the vendor does. Raises RefusedOrder."""
        lines = [self._line(entry) for entry in document["products"]]
        for line in lines:
            code = reference_of(line.article)
            if self.stock[code] < line.quantity:
                raise RefusedOrder("ER003", {"skus": [code]})
        if not str(document["shippingAddress"].get("postcode", "")).strip():
            raise RefusedOrder("ER004", {"zipExample": "28001"})
        if document["paymentMethod"] == "moneybox" and self.total_of(lines) > self.settings.moneybox:
            raise RefusedOrder("ER005", {"moneyBoxAmount": float(self.settings.moneybox), "totalOrder": 0.0})
        return lines

    def add_order(self, document: Mapping[str, Any], lines: Sequence[Line], warehouse: int) -> Order:
        """Create an order: stock and money box go down."""
        order = Order(
            id=str(_FIRST_ID + len(self.orders)),
            number=str(document["internalReference"]),
            lines=tuple(lines),
            warehouse=warehouse,
            payment=str(document["paymentMethod"]),
            total=self.total_of(lines),
            created_at=self.now(),
            carrier=str(document["carriers"][0].get("name") or document["carriers"][0].get("id") or ""),
        )
        for line in lines:
            self.stock[reference_of(line.article)] -= line.quantity
        if order.payment == "moneybox":
            self.settings.moneybox -= order.total
        self.orders[order.id] = order
        return order

    def change_order(self, order_id: str, change: Mapping[str, Any]) -> None:
        """Change an order by hand, from now on. Raises KeyError for one nobody has."""
        order = self.orders[order_id]
        order.changed = str(change.get("status") or order.changed)
        order.tracking = (*order.tracking, *change.get("tracking", ()))

    def ledger(self) -> list[dict[str, Any]]:
        """List every order really created, in order, without its buyer's data."""
        return [
            {
                "order_number": order.id,
                "number": order.number,
                "lines": [{"ean": line.article.ean, "quantity": line.quantity} for line in order.lines],
                "warehouse": order.warehouse,
                "status": self.status_of(order),
                "tracking": self.trackings_of(order),
                "payment_method": order.payment,
                "total": str(order.total),
                "created_at": order.created_at,
            }
            for order in self.orders.values()
        ]

    def _line(self, entry: Mapping[str, Any]) -> Line:
        article = self.by_reference.get(str(entry.get("reference")))
        if article is None:
            raise RefusedOrder("ER002", {"skus": [entry.get("reference")]})
        return Line(article, int(entry["quantity"]), str(entry.get("internalReference") or ""))
