"""One simulated shop: its orders, what merchant and customer do to them, and a file that outlives the process."""

import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sandbox.catalogue import NAMED_COUNT
from sandbox.shopify_bodies import order_body, stamp, totals
from sandbox.shopify_products import Shelf, Variant

FIRST_ID = 6_000_000_000_000
FIRST_ORDER_NUMBER = 1001
MAIN_LOCATION = "Main warehouse"
CLOSED_LOCATION = "Old warehouse"
ALL_SCOPES = frozenset(
    {
        "read_orders",
        "write_orders",
        "read_products",
        "write_products",
        "read_inventory",
        "write_inventory",
        "read_locations",
        "read_merchant_managed_fulfillment_orders",
        "write_merchant_managed_fulfillment_orders",
    }
)


@dataclass
class ShareLine:
    """What one location has to fulfil of one line."""

    id: int
    line_id: int
    total: int
    remaining: int


@dataclass
class Share:
    """A fulfilment order: one location's share of an order."""

    id: int
    location: str
    status: str
    lines: list[ShareLine]


@dataclass
class FulfilledLine:
    """How much of one line a fulfilment covers."""

    id: int
    line_id: int
    quantity: int


@dataclass
class Fulfilment:
    """What was shipped; ``notified`` keeps whether the customer was to be told, per call that changed it."""

    id: int
    status: str
    created_at: str
    location: str
    lines: list[FulfilledLine]
    tracking: list[dict[str, str | None]]
    notified: list[bool]


@dataclass
class Order:
    """An order: its REST body, and what only GraphQL shows."""

    id: int | str
    body: dict[str, Any]
    shares: list[Share] = field(default_factory=list)
    fulfilments: list[Fulfilment] = field(default_factory=list)
    metafields: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines that are objects: a body made to be wrong may hold anything."""
        found = self.body.get("line_items")
        return [line for line in found if isinstance(line, dict)] if isinstance(found, list) else []

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read back what ``to_json`` wrote."""
        kept = json.loads(text)
        shares = [
            Share(**{**share, "lines": [ShareLine(**line) for line in share["lines"]]}) for share in kept["shares"]
        ]
        done = [
            Fulfilment(**{**fulfilment, "lines": [FulfilledLine(**line) for line in fulfilment["lines"]]})
            for fulfilment in kept["fulfilments"]
        ]
        return cls(kept["id"], kept["body"], shares, done, kept["metafields"])

    def to_json(self) -> str:
        """Write everything there is to know of the order."""
        return json.dumps(asdict(self))


class Store:
    """Where a shop is kept: this one keeps nothing."""

    def orders(self) -> list[Order]:
        """List the kept orders, oldest first."""
        return []

    def keep_order(self, order: Order) -> None:
        """Write an order as it stands now."""

    def fact(self, name: str, default: Any) -> Any:  # noqa: ARG002
        """Read a kept fact."""
        return default

    def keep_fact(self, name: str, value: Any) -> None:
        """Write a fact."""

    def close(self) -> None:
        """Close what is open."""


class FileStore(Store):
    """A shop kept in a SQLite file, so that a restarted simulator still has its ledger."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.executescript(
            "PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL;"
            "CREATE TABLE IF NOT EXISTS orders (position INTEGER PRIMARY KEY, id TEXT UNIQUE, kept TEXT);"
            "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, kept TEXT)"
        )

    def orders(self) -> list[Order]:
        """List the kept orders, oldest first."""
        rows = self._database.execute("SELECT kept FROM orders ORDER BY position")
        return [Order.from_json(kept) for (kept,) in rows]

    def keep_order(self, order: Order) -> None:
        """Write an order as it stands now."""
        self._database.execute(
            "INSERT INTO orders (id, kept) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET kept = excluded.kept",
            (str(order.id), order.to_json()),
        )

    def fact(self, name: str, default: Any) -> Any:
        """Read a kept fact."""
        row = self._database.execute("SELECT kept FROM facts WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else default

    def keep_fact(self, name: str, value: Any) -> None:
        """Write a fact."""
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))

    def close(self) -> None:
        """Close the file."""
        self._database.close()


class Shop:
    """A shop and its orders. Not thread-safe: it lives in its server's event loop."""

    def __init__(
        self,
        domain: str,
        *,
        seed: int = 0,
        articles: int = NAMED_COUNT,
        path: Path | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.domain = domain
        self.clock = clock
        self.store = FileStore(path) if path else Store()
        self.variants = Shelf(articles, seed)
        self.answers: dict[str, tuple[bytes, bool]] = {}  # idempotency key -> what was asked, whether it was done
        self.address = ""  # where the shop's own files are fetched from: as the last caller reached it
        self.orders = {str(order.id): order for order in self.store.orders()}
        self.definitions: list[dict[str, str]] = self.store.fact("definitions", [])
        self.scopes: set[str] = set(self.store.fact("scopes", sorted(ALL_SCOPES)))
        self.owners = {str(part.id): order for order in self.orders.values() for part in _parts(order)}
        self._last_id: int = self.store.fact("last_id", FIRST_ID)

    def new_id(self) -> int:
        """Mint the next id: ids only grow, as Shopify's do."""
        self._last_id += 1
        self.store.keep_fact("last_id", self._last_id)
        return self._last_id

    def order(self, order_id: object) -> Order:
        """Find an order by its REST id. Raises LookupError."""
        return self.orders[str(order_id)]

    def changed(self, order: Order) -> None:
        """Note that an order changed: its ``updated_at`` moves, and its file follows."""
        self._own(order)
        order.body["updated_at"] = stamp(self.clock())
        self.store.keep_order(order)

    def create_order(self, form: dict[str, Any]) -> Order:
        """Place an order from its short form or its REST shape."""
        number = FIRST_ORDER_NUMBER + len(self.orders)
        body = order_body(form, number, self.clock(), self.new_id, self.find_variant)
        order = Order(body["id"], body)
        order.shares = self._shares(order)
        self.orders[str(order.id)] = order
        self._own(order)
        self.store.keep_order(order)
        return order

    def find_variant(self, form: dict[str, Any]) -> Variant | None:
        """Find what a line of the short form names; None for a custom item. Raises LookupError."""
        if "ean" in form:
            variant = self.variants.by_barcode(str(form["ean"]))
            if variant is None:
                raise LookupError(f"no variant carries the barcode {form['ean']}")
            return variant
        return self.variants[form["variant"]] if form.get("variant") is not None else None

    def pay(self, order: Order) -> None:
        """Take the customer's money."""
        order.body["financial_status"] = "paid"
        self.changed(order)

    def cancel(self, order: Order, *, refund: bool = True) -> None:
        """Cancel an order; with ``refund`` the money goes back and nothing is left of its lines."""
        order.body["cancelled_at"] = stamp(self.clock())
        order.body["cancel_reason"] = "customer"
        if refund:
            order.body["financial_status"] = "refunded"
            self.set_quantities(order, {line["id"]: 0 for line in order.lines})
        for share in order.shares:
            if share.status != "CLOSED":
                share.status = "CANCELLED"
                for line in share.lines:
                    line.remaining = 0
        self.changed(order)

    def change_address(self, order: Order, address: dict[str, Any] | None) -> None:
        """Correct the shipping address: given fields replace what is there, None removes the whole address."""
        present = order.body.get("shipping_address") or {}
        order.body["shipping_address"] = None if address is None else {**present, **address}
        self.changed(order)

    def edit(self, order: Order, quantities: dict[Any, int]) -> None:
        """Change how much of each line is still ordered."""
        self.set_quantities(order, quantities)
        self.changed(order)

    def set_quantities(self, order: Order, quantities: dict[Any, int]) -> None:
        """Set ``current_quantity`` by line id, and what is left to fulfil with it."""
        wanted = {str(line_id): quantity for line_id, quantity in quantities.items()}
        for line in order.lines:
            quantity = wanted.get(str(line.get("id")))
            if quantity is None:
                continue
            removed = line.get("current_quantity", line["quantity"]) - quantity
            line["current_quantity"] = quantity
            line["fulfillable_quantity"] = max(line.get("fulfillable_quantity", 0) - removed, 0)
            _lessen(order.shares, line["id"], removed)
        order.body["current_total_price"] = totals(order.body)["current_total_price"]

    def hold(self, order: Order, status: str) -> None:
        """Put all that is open on hold, or open it again (``OPEN``)."""
        for share in order.shares:
            if share.status not in ("CLOSED", "CANCELLED"):
                share.status = status
        self.changed(order)

    def set_scopes(self, scopes: Iterable[str]) -> None:
        """Replace what the access token may do."""
        self.scopes = set(scopes)
        self.store.keep_fact("scopes", sorted(self.scopes))

    def define_metafield(self, definition: dict[str, str]) -> None:
        """Add a metafield definition for orders."""
        self.definitions.append({"id": str(self.new_id()), **definition})
        self.store.keep_fact("definitions", self.definitions)

    def _own(self, order: Order) -> None:
        self.owners.update((str(part.id), order) for part in _parts(order))

    def _shares(self, order: Order) -> list[Share]:
        by_location: dict[str, list[ShareLine]] = {}
        for line in order.lines:
            quantity = line.get("current_quantity", line.get("quantity"))
            if isinstance(quantity, int) and quantity > 0:
                share_line = ShareLine(self.new_id(), line["id"], quantity, quantity)
                by_location.setdefault(str(line.get("location") or MAIN_LOCATION), []).append(share_line)
        status = "CANCELLED" if order.body.get("cancelled_at") else "OPEN"
        return [Share(self.new_id(), location, status, lines) for location, lines in by_location.items()]


def location_id(name: str) -> str:
    """Make up a location's id, the same for the same name."""
    return str(1 + sum(name.encode()))


def _parts(order: Order) -> list[Share | Fulfilment]:
    return [*order.shares, *order.fulfilments]


def _lessen(shares: Iterable[Share], line_id: object, quantity: int) -> None:
    for share in shares:
        for line in share.lines:
            if line.line_id == line_id:
                line.remaining = max(line.remaining - quantity, 0)
        if share.status == "OPEN" and not any(line.remaining for line in share.lines):
            share.status = "CLOSED"
