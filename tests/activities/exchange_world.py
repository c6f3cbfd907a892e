"""A supplier that speaks by files in a folder, and rounds of the exchange with it. Its documents are readings, as JSON."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.common import Dependencies
from activities.exchange import ExchangeActivities, ExchangeNewsActivities
from activities.outside import Outside
from adapters.database.exchange import Documents
from adapters.errors import AdapterError, Unavailable
from adapters.plugin import Plugin
from adapters.ports import DocumentDesk
from models.contracts import PurchaseOrderRequest
from models.exchange import DocumentKind, Drafted, Incoming, OrderAcknowledged, OrderShipped, PartnerNews, Reading
from models.exchange_steps import ExchangeRequest, ExchangeRound, ExchangeTold
from models.suppliers import SupplierState, TrackedParcel
from tests.activities.world import START, World

BTS = ExchangeRequest(supplier="bts")


@dataclass
class FolderPartner:
    """Reads documents from ``inbox`` and writes ours into ``outbox``."""

    root: Path
    desk: DocumentDesk
    fails: AdapterError | None = None
    stuck: str = ""  # the name of a document that can't be put away
    reads: Callable[[bytes], Reading] = Reading.model_validate_json

    def __post_init__(self) -> None:
        for name in ("inbox", "archive", "error", "outbox"):
            (self.root / name).mkdir(exist_ok=True)

    def pick_up(self) -> Iterator[Incoming]:
        if self.fails:
            raise self.fails
        for path in sorted((self.root / "inbox").iterdir()):
            yield Incoming(name=path.name, place=str(path), body=path.read_bytes())

    def put_away(self, incoming: Incoming, *, good: bool) -> None:
        if self.stuck == incoming.name:
            raise Unavailable("put away: the folder can't be written", code="denied")
        if Path(incoming.place).exists():
            Path(incoming.place).replace(self.root / ("archive" if good else "error") / incoming.name)

    def read(self, incoming: Incoming) -> Reading:
        try:
            return self.reads(incoming.body)
        except ValidationError as error:
            return Reading(kind=DocumentKind.UNKNOWN, refused=f"{error.error_count()} fields are wrong")

    def send_due(self, now: datetime) -> int:
        due = self.desk.unsent()
        for outgoing in due:
            (self.root / "outbox" / outgoing.name).write_bytes(outgoing.body)
            self.desk.sent(outgoing, receipt_due=now + timedelta(hours=4))
        return len(due)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Lifecycles:
    """Temporal's client, as far as it tells lifecycles: those in ``running`` hear."""

    running: set[str] = field(default_factory=set)
    heard: list[str] = field(default_factory=list)

    def get_workflow_handle(self, workflow_id: str) -> Any:
        return _Handle(self, workflow_id)


@dataclass
class _Handle:
    lifecycles: Lifecycles
    id: str

    async def signal(self, name: str, _event: object, **_: Any) -> None:
        assert name == "supplier_reported"
        if self.id not in self.lifecycles.running:
            raise RPCError("workflow not found", RPCStatusCode.NOT_FOUND, b"")
        self.lifecycles.heard.append(self.id)


@dataclass
class Exchange:
    """Rounds with the supplier bts of a world, whose orders are placed beside them."""

    world: World
    root: Path

    def __post_init__(self) -> None:
        self.lifecycles = Lifecycles()
        self.desk = Documents(self.world.database, "bts")
        self.partner = FolderPartner(self.root, self.desk)
        self.deps = exchanging(self.world, lambda _: self.partner)
        self.activities = ExchangeActivities(self.deps)
        self.news = ExchangeNewsActivities(self.deps, self.lifecycles)  # type: ignore[arg-type]
        self.message = ""
        self._lengths = itertools.count(1)

    def arrives(self, *news: PartnerNews, name: str = "", **reading: Any) -> str:
        """Lay a document into the inbox; returns its name."""
        name = name or f"{len(list(self.root.rglob('*.json'))) + 1:04}.json"
        kind = reading.pop("kind", DocumentKind.MIXED)
        body = Reading(kind=kind, news=news, **reading).model_dump_json()
        (self.root / "inbox" / name).write_text(body + " " * next(self._lengths))  # no two are the same bytes
        return name

    def arrives_again(self, name: str) -> None:
        """Lay a document that was put away into the inbox once more."""
        (self.root / "inbox" / f"again-{name}").write_bytes((self.root / "archive" / name).read_bytes())

    def round(self, at: datetime = START) -> ExchangeRound | None:
        """Run one round; None where it said that there is nothing to tell."""
        try:
            return self.world.run(self.activities.exchange_documents, BTS, at=at)
        except ApplicationError as error:
            if error.type != "NotYet":
                raise
            self.message = error.message
            return None

    async def tell(self) -> ExchangeTold:
        return await self.world.run(self.news.tell_of_exchange, BTS)

    def lies_in(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.root / folder).iterdir())

    def sent_order(self, order: PurchaseOrderRequest) -> int:
        """Have an order's document sent; returns its control number."""
        outgoing = self.desk.prepare(DocumentKind.ORDER, [order.number], draft)
        self.desk.sent(outgoing, receipt_due=START + timedelta(hours=4))
        return outgoing.control


def draft(control: int) -> Drafted:
    return Drafted(name=f"order-{control}.edi", body=b"order %d" % control)


def exchanging(world: World, partner: Callable[[str], Any]) -> Dependencies:
    """Build dependencies on a world's database whose suppliers speak by documents."""
    plugin = Plugin(
        id="recorded", group="suppliers", build=lambda *, supplier_id, **_: partner(supplier_id), documents=True
    )
    configurations, journal = world.configurations, world.deps.journal
    outside = Outside(configurations, {"suppliers": {"recorded": plugin}}, lambda name: name, journal.sink)
    return Dependencies(database=world.database, outside=outside, journal=journal)


def documents(exchange: Exchange, *columns: str) -> list[tuple[Any, ...]]:
    chosen = ", ".join(columns)
    rows = exchange.world.rows(f"SELECT {chosen} FROM partner_documents WHERE direction = 'in' ORDER BY id")
    return [tuple(row.values()) for row in rows]


def accepted(order: PurchaseOrderRequest) -> OrderAcknowledged:
    return OrderAcknowledged(number=order.number)


def shipped(order: PurchaseOrderRequest, tracking: str = "T1") -> OrderShipped:
    return OrderShipped(number=order.number, parcels=(TrackedParcel(tracking_number=tracking),))


def state(exchange: Exchange, order: PurchaseOrderRequest) -> SupplierState | None:
    status = exchange.desk.order_status(order.number)
    return status.state if status else None
