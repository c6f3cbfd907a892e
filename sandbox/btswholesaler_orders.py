"""The simulated BTSWholesaler's books: stock, wallet, orders and the scripts their lives follow.

Everything that changes is appended to a journal (one JSON object a line), so that a restarted simulator knows it all.
An order's status is never stored: it follows from its script and its age.
"""

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from sandbox.btswholesaler_shelves import Shelves
from sandbox.catalogue import Assortment, normalised

ADDRESS_FIELDS = ("client_name", "address", "postal_code", "city", "country_code", "state_code", "telephone")
AUTOMATIC = "auto"  # a tracking number made up from the order number
PAID, PENDING_PAYMENT, SHIPPED = "Paid", "Pending Payment", "Shipped"


def address_hash(form: Mapping[str, str]) -> str:
    """Fold an order form's name and address into a short hash: the ledger tells orders apart without showing people."""
    return sha256("\x1f".join(form.get(name, "").strip() for name in ADDRESS_FIELDS).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Step:
    """From ``after`` seconds of age on: the status text, and tracking numbers that join the earlier ones."""

    after: float
    status: str | None = None
    tracking: tuple[str, ...] = ()


@dataclass(frozen=True)
class Script:
    """How an order lives. ``steps`` None: the simulator's default (shipped after a while)."""

    steps: tuple[Step, ...] | None = None
    hidden_seconds: float = 0.0  # so long getOrder and getTrackings don't know it
    carriers: tuple[str, ...] | None = None  # offered for it; () means that nobody ships it
    stock_gone: bool = False  # its stock is there until it is ordered
    refuse: str = ""  # setCreateOrder always answers this error
    tracking_rows: bool = False  # several tracking numbers come as several rows, not in one field

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Read a script as posted. Raises TypeError or ValueError for what it can't be."""
        _only_known(cls, document)
        values: dict[str, Any] = dict(document)
        if values.get("steps") is not None:
            values["steps"] = tuple(_read_step(step) for step in values["steps"])
        if values.get("carriers") is not None:
            values["carriers"] = tuple(values["carriers"])
        return cls(**values)


@dataclass(frozen=True)
class ScriptRule:
    """Which orders follow a script: by first EAN, by fields of the form (regular expressions, searched), or both."""

    script: Script
    ean: str = ""
    where: dict[str, str] = field(default_factory=dict)

    def matches(self, first_ean: str, form: Mapping[str, str]) -> bool:
        """Say whether an order, or a question about rates, follows this rule's script."""
        same_article = not self.ean or normalised(self.ean) == normalised(first_ean)
        return same_article and all(re.search(pattern, form.get(name, "")) for name, pattern in self.where.items())

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Read a rule as posted: ``{"ean": …, "where": {"postal_code": "^99"}, "script": {…}}``."""
        _only_known(cls, document)
        where = {str(name): str(pattern) for name, pattern in document.get("where", {}).items()}
        for pattern in where.values():
            re.compile(pattern)
        return cls(script=Script.read(document["script"]), ean=str(document.get("ean", "")), where=where)


@dataclass(frozen=True)
class Line:
    """An ordered article. ``ean`` is the catalogue's, however the customer wrote it."""

    ean: str
    name: str
    quantity: int
    unit_price: Decimal


@dataclass(frozen=True)
class Order:
    """An order that was really created. ``form`` is what its buyer sent, personal data included."""

    number: str
    created_at: float
    lines: tuple[Line, ...]
    form: dict[str, str]
    carrier: str
    shipping_cost: Decimal
    total: Decimal
    first_status: str
    script: Script
    by_hand: tuple[Step, ...] = ()  # what was changed over the administration's call

    def visible(self, now: float) -> bool:
        """Say whether the API knows this order yet."""
        return now - self.created_at >= self.script.hidden_seconds

    def status(self, now: float) -> str:
        """Give the status text at this instant."""
        texts = [step.status for step in self._reached(now) if step.status is not None]
        return texts[-1] if texts else self.first_status

    def tracking(self, now: float) -> list[str]:
        """List the tracking numbers known at this instant, the first one first."""
        numbers = [number for step in self._reached(now) for number in step.tracking]
        automatic = f"{self.carrier[:3].upper()}-{int(sha256(self.number.encode()).hexdigest()[:8], 16):010d}"
        return [
            f"{automatic}{position or ''}" if number == AUTOMATIC else number for position, number in enumerate(numbers)
        ]

    def _reached(self, now: float) -> list[Step]:
        # An unpaid order goes nowhere by itself; people may still change it.
        scripted = self.script.steps if self.first_status == PAID else ()
        steps = [*(scripted or ()), *self.by_hand]
        age = now - self.created_at
        return sorted((step for step in steps if step.after <= age), key=lambda step: step.after)


@dataclass
class Settings:
    """What can be changed while it runs. ``error_style``: object, message, errors, nested or plain."""

    wallet: Decimal = Decimal(10_000_000)
    credit: Decimal = Decimal(10_000_000)
    feed_status: str = "use_pagination"
    per_minute: int = 0  # 0: no limit
    per_second: int = 0
    error_status: int = 400
    error_style: str = "object"
    ship_after: float | None = 20.0


class Books:
    """All that the simulator knows, in memory, with a journal if it has a path."""

    def __init__(
        self,
        articles: Assortment,
        seed: int,
        clock: Callable[[], float],
        journal: Path | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.shelves = Shelves(articles)
        self.orders: dict[str, Order] = {}
        self.rules: list[ScriptRule] = []
        self.settings = Settings()
        self.clock = clock
        self.seed = seed
        self._journal: Path | None = None
        self.change_settings(settings or {})
        if journal is not None and journal.exists():
            self._read_journal(journal)
        self._journal = journal

    def script_for(self, first_ean: str, form: Mapping[str, str]) -> Script:
        """Find the script of an order, or of a question about one: the rule that was posted last wins."""
        found = next((rule.script for rule in reversed(self.rules) if rule.matches(first_ean, form)), Script())
        if found.steps is not None:
            return found
        delay = self.settings.ship_after
        steps = () if delay is None else (Step(after=delay, status=SHIPPED, tracking=(AUTOMATIC,)),)
        return replace(found, steps=steps)

    def next_number(self) -> str:
        """Mint an order number: twelve digits and a letter, in the order of creation."""
        count = len(self.orders)
        distance = random.Random(f"order:{self.seed}:{count}").randrange(97)
        return f"{743_000_000_000 + count * 97 + distance}{'lABCK'[count % 5]}"

    def add_rule(self, document: Mapping[str, Any]) -> None:
        """Let orders follow a script from now on."""
        self.rules.append(ScriptRule.read(document))
        self._write({"rule": dict(document)})

    def add_order(self, order: Order) -> None:
        """Create an order: stock and wallet go down."""
        for line in order.lines:
            self._take(normalised(line.ean), line.quantity, order.created_at)
        if order.first_status == PAID:
            account = "credit" if order.form.get("payment_method") == "btscredit" else "wallet"
            setattr(self.settings, account, getattr(self.settings, account) - order.total)
        self.orders[order.number] = order
        self._write({"order": asdict(order)})

    def change_order(self, number: str, status: str | None, tracking: tuple[str, ...]) -> None:
        """Change an order by hand, from now on. Raises KeyError for a number nobody has."""
        order = self.orders[number]
        step = Step(after=self.clock() - order.created_at, status=status, tracking=tracking)
        self.orders[number] = replace(order, by_hand=(*order.by_hand, step))
        self._write({"step": {"number": number, **asdict(step)}})

    def set_stock(self, ean: str, quantity: int) -> None:
        """Set what is in stock of an article. Raises KeyError for one nobody has."""
        self._change_shelf({"stock": {"ean": normalised(ean), "quantity": quantity, "at": self.clock()}})

    def set_stocks(self, document: Mapping[str, Any]) -> None:
        """Set what is in stock of several articles, by EAN; or of ``change`` articles that ``seed`` picks."""
        if not self._change_many("stock", document):
            for ean, quantity in document.items():
                self.set_stock(ean, int(quantity))

    def set_prices(self, document: Mapping[str, Any]) -> None:
        """Set several articles' prices, by EAN; or move those of ``change`` articles that ``seed`` picks."""
        if not self._change_many("price", document):
            for ean, price in document.items():
                entry = {"ean": normalised(ean), "price": str(Decimal(str(price))), "at": self.clock()}
                self._change_shelf({"price": entry})

    def withdraw(self, document: Mapping[str, Any]) -> None:
        """Take articles out of the assortment: ``{"withdraw": [EAN, …]}``."""
        for ean in document["withdraw"]:
            self._change_shelf({"withdrawn": normalised(ean)})

    def change_settings(self, document: Mapping[str, Any]) -> None:
        """Change settings by name. Raises ValueError for a name there is not."""
        _only_known(Settings, document)
        for name, value in document.items():
            setattr(self.settings, name, Decimal(str(value)) if name in ("wallet", "credit") else value)
        self._write({"settings": dict(document)})

    def ledger(self) -> list[dict[str, Any]]:
        """List every order really created, in order, without its buyer's data."""
        now = self.clock()
        return [
            {
                "order_number": order.number,
                "lines": [{"ean": line.ean, "quantity": line.quantity} for line in order.lines],
                "address_hash": address_hash(order.form),
                "created_at": order.created_at,
                "status": order.status(now),
                "tracking": order.tracking(now),
                "carrier": order.carrier,
                "payment_method": order.form.get("payment_method", ""),
                "total": str(order.total),
            }
            for order in self.orders.values()
        ]

    def _take(self, code: str, quantity: int, at: float) -> None:
        article = self.shelves.find(code)
        if article is not None:  # it may have been withdrawn since
            self.shelves.set_stock(code, self.shelves.stock(article) - quantity, at)

    def _change_many(self, what: str, document: Mapping[str, Any]) -> bool:
        if "change" not in document:
            return False
        seed = int(document.get("seed", 0))
        self._change_shelf({"many": {"what": what, "change": document["change"], "seed": seed, "at": self.clock()}})
        return True

    def _change_shelf(self, entry: dict[str, Any]) -> None:
        self._replay_shelf(entry)
        self._write(entry)

    def _replay_shelf(self, entry: dict[str, Any]) -> None:
        match entry:
            case {"stock": {"ean": code, "quantity": quantity, "at": at}}:
                self.shelves.set_stock(code, quantity, at)
            case {"price": {"ean": code, "price": price, "at": at}}:
                self.shelves.set_price(code, Decimal(price), at)
            case {"withdrawn": code}:
                self.shelves.withdraw(code)
            case {"many": many}:
                self.shelves.change(many, many["at"])

    def _write(self, entry: dict[str, Any]) -> None:
        if self._journal is not None:
            with self._journal.open("a", encoding="utf-8") as journal:
                journal.write(json.dumps(entry, default=str) + "\n")

    def _read_journal(self, journal: Path) -> None:
        for text in journal.read_text(encoding="utf-8").splitlines():
            entry = json.loads(text)
            if "rule" in entry:
                self.add_rule(entry["rule"])
            elif "order" in entry:
                self.add_order(_read_order(entry["order"]))
            elif "step" in entry:
                number = entry["step"].pop("number")
                order = self.orders[number]
                self.orders[number] = replace(order, by_hand=(*order.by_hand, _read_step(entry["step"])))
            elif "settings" in entry:
                self.change_settings(entry["settings"])
            else:
                self._replay_shelf(entry)


def _read_step(document: Mapping[str, Any]) -> Step:
    _only_known(Step, document)
    tracking = document.get("tracking") or ()
    numbers = (tracking,) if isinstance(tracking, str) else tuple(str(number) for number in tracking)
    return Step(after=float(document.get("after", 0)), status=document.get("status"), tracking=numbers)


def _read_order(document: dict[str, Any]) -> Order:
    lines = (Line(**{**line, "unit_price": Decimal(line["unit_price"])}) for line in document["lines"])
    amounts = {name: Decimal(document[name]) for name in ("shipping_cost", "total")}
    by_hand = tuple(_read_step(step) for step in document["by_hand"])
    script = Script.read(document["script"])
    return Order(**{**document, **amounts, "lines": tuple(lines), "script": script, "by_hand": by_hand})


def _only_known(kind: type[Any], document: Mapping[str, Any]) -> None:
    unknown = set(document) - {item.name for item in fields(kind)}
    if unknown:
        raise ValueError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
