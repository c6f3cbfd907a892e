"""What a demo's order is told by: its script, what was seen of it so far, and where it must end."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from adapters.database.tallies import AskedTask
from adapters.database.views import OrderRecord, PurchaseOrderRecord
from models.commands import CommandName
from models.statuses import ORDER_ENDINGS, OrderState, TaskState
from models.tasks import TaskCategory

BTS, OLMO, SALINA, OWN = "bts", "olmo", "salina", "own"
SUPPLIERS = {BTS: "BTSWholesaler", OLMO: "Olmo Trade", SALINA: "Salina Direct"}  # each with a simulator
BIGBUY, CJ, PRINTFUL, ACME, NORTHWIND, ALBA, ROSA = "bigbuy", "cj", "printful", "acme", "northwind", "alba", "rosa"
PARTNERS = {  # one over every channel, all in one process
    BIGBUY: "BigBuy",
    CJ: "CJ Dropshipping",
    PRINTFUL: "Printful",
    ACME: "ACME Trade",
    NORTHWIND: "Northwind Supply",
    ALBA: "Alba",
    ROSA: "Taller Rosa",
}
LABELS = {**SUPPLIERS, OWN: "our own shelves", **PARTNERS}
CHANNELS = {  # how each of them is ordered from
    **dict.fromkeys((*SUPPLIERS, BIGBUY, CJ, PRINTFUL), "REST"),
    OWN: "pick list",
    ACME: "REST/TOML",
    NORTHWIND: "X12/SFTP",
    ALBA: "files/SFTP",
    ROSA: "e-mail",
}
BY_DOCUMENTS = (NORTHWIND, ALBA, ROSA)  # there our own number is the order's name


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line as the customer orders it; only the suppliers named have it in stock.

    ``variant`` is the shop's, where it is not found by its barcode; ``ean`` is named where it matters which article it is.
    """

    quantity: int = 1
    stocked_at: tuple[str, ...] = (BTS,)
    variant: int | None = None
    ean: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the person answers to a question. ``command`` None: it is noted, and closed; by CLI or by our own call."""

    command: CommandName | None
    by_cli: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ending:
    """Where an order must be in the end, and what must have happened on its way.

    ``check`` is the tracking check that found the last parcel (None: not said). ``alerts`` are mails to people inside
    that this order alone causes. ``in_doubt``: for a while nobody knew whether its supplier had it.
    """

    state: OrderState = OrderState.SHIPPED
    check: int | None = None
    supplier_orders: int = 1
    mails: int = 1
    tasks: tuple[TaskCategory, ...] = ()
    alerts: int = 0
    in_doubt: bool = False


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that happens beside the order: what, once which moment has come, and how many seconds after it.

    ``meanwhile`` must hold too: it looks at the whole story.
    """

    do: "Do"
    when: "Moment"
    after: float = 0.0
    meanwhile: "Beginning | None" = None


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One order's script. ``begins`` looks at the whole story; ``first`` happens before the order is placed."""

    key: str
    title: str
    lines: tuple[Line, ...] = (Line(),)
    same_article_as: str = ""
    supplier: Mapping[str, Any] = field(default_factory=dict)  # the script that every supplier follows
    at: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # what single suppliers do instead
    form: Mapping[str, Any] = field(default_factory=dict)
    begins: "Beginning | None" = None
    first: "Do | None" = None
    steps: tuple[Step, ...] = ()
    answers: Mapping[TaskCategory, Answer] = field(default_factory=dict)
    ending: Ending = Ending()


@dataclass(kw_only=True)
class Progress:
    """One order as it was last seen."""

    scenario: Scenario
    eans: tuple[str, ...]
    order_id: str = ""  # the storefront's
    name: str = ""
    record: OrderRecord | None = None
    tasks: tuple[AskedTask, ...] = ()
    said: list[str] = field(default_factory=list)  # who answered what, newest last
    verdict: tuple[str, ...] | None = None  # what is wrong at the end; None while it was not compared

    @property
    def label(self) -> str:
        """What people call it."""
        return f"{self.name} ({self.scenario.title})" if self.name else self.scenario.title

    @property
    def mail(self) -> str:
        """The address at which the simulated shop's customer is reached."""
        return f"customer-{self.name.removeprefix('#')}@example.com"

    @property
    def ended(self) -> bool:
        """Say whether our books are closed on it."""
        return self.record is not None and self.record.state in ORDER_ENDINGS

    @property
    def purchase_orders(self) -> tuple[PurchaseOrderRecord, ...]:
        """Its purchase orders so far, the newest last."""
        return self.record.purchase_orders if self.record else ()

    @property
    def supplier_orders(self) -> list[tuple[str, str]]:
        """Supplier and number of each supplier order that our books name; two suppliers may use one number.

        One purchase order may have become several orders there: ``123/124``.
        """
        placed = [one for one in self.purchase_orders if one.supplier_number]
        return [(one.supplier, number) for one in placed for number in (one.supplier_number or "").split("/")]

    @property
    def channels(self) -> list[str]:
        """The channels over which it was ordered, each once, in order."""
        return list(dict.fromkeys(CHANNELS[one.supplier] for one in self.purchase_orders))

    @property
    def checks(self) -> list[int]:
        """The numbers of the tracking checks that were answered, of the newest purchase order."""
        rows = self.purchase_orders[-1].checks if self.purchase_orders else ()
        return sorted(row["check_no"] for row in rows if row["kind"] == "tracking" and row["answer"] is not None)

    @property
    def open_tasks(self) -> list[AskedTask]:
        """The questions that nobody has answered."""
        return [task for task in self.tasks if task.state is TaskState.OPEN]


@dataclass(kw_only=True)
class Story:
    """All orders of one run, by their scenario's key."""

    orders: dict[str, Progress]
    plan: tuple[timedelta, ...]
    switched_off: set[str] = field(default_factory=set)
    incidents: Mapping[str, bool] = field(default_factory=dict)  # supplier that was noticed to be down -> it is over
    stocked: bool = False  # the partners' stock lists are in
    counted: list[str] = field(default_factory=list)  # the articles that lie on our own shelves
    customer_page: str = ""  # where a customer was asked
    supplier_page: str = ""  # where a supplier has answered
    forged_status: int | None = None  # what the API answered to the forged webhook
    tasks: tuple[AskedTask, ...] = ()

    def see(self, records: Iterable[OrderRecord], tasks: Iterable[AskedTask], incidents: Mapping[str, bool]) -> None:
        """Take in what our books say now."""
        self.incidents = incidents
        known = {record.storefront_order_id: record for record in records}
        self.tasks = tuple(tasks)
        for progress in self.orders.values():
            progress.record = known.get(progress.order_id)
            if progress.record is not None:
                progress.tasks = tuple(task for task in self.tasks if task.order_id == progress.record.id)

    @property
    def ended(self) -> bool:
        """Say whether nothing moves any more: every order has ended, and no question is open."""
        return all(progress.ended for progress in self.orders.values()) and not any(
            task.state is TaskState.OPEN for task in self.tasks
        )

    def states(self) -> dict[str, int]:
        """Count orders by state."""
        return dict(Counter(str(one.record.state) if one.record else "unknown" for one in self.orders.values()))


class Stage(Protocol):
    """What a step may touch: the order it belongs to, the story around it, and the outside world."""

    progress: Progress
    story: Story

    async def shop(self, event: str, **details: Any) -> None: ...
    async def supplier(self, supplier: str, path: str, **details: Any) -> None: ...
    async def command(self, name: CommandName) -> None: ...
    async def switch(self, supplier: str, *, on: bool) -> None: ...
    async def count_shelves(self) -> None: ...
    async def pick(self) -> None: ...
    async def choose_instead(self) -> None: ...
    async def partner(self, supplier: str, path: str, document: Any) -> None: ...
    async def ring(self) -> None: ...
    async def enter(self, what: str, fields: Mapping[str, str]) -> None: ...


Do = Callable[[Stage], Awaitable[None]]
Moment = Callable[[Progress], bool]
Beginning = Callable[[Story], bool]
Tell = Callable[[str], None]
