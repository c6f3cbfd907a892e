"""Activities on a real PostgreSQL, with an outside world of recorders: ports that note every call and answer as told."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.common import Dependencies
from activities.intake import Intake
from activities.journal import CallJournal
from activities.mail import MailActivities
from activities.orders import OrderActivities
from activities.outside import Outside
from activities.purchase_orders import PurchaseOrderActivities
from activities.storefronts import StorefrontActivities
from activities.submission import SubmissionActivities
from activities.suppliers import SupplierActivities
from activities.tasks import TaskActivities
from adapters.database.configurations import ConfigurationStore, apply
from adapters.database.engine import Database
from adapters.http import CallSink
from adapters.plugin import Plugin
from models.calls import CallRecord
from models.configuration import Configuration, Supplier
from models.contracts import (
    FulfilRequest,
    OrderRequest,
    PlanRequest,
    PlanResult,
    PollRequest,
    PurchaseOrderRef,
    PurchaseOrderRequest,
    ScreenRequest,
    SubmitRequest,
)
from models.money import Money
from models.orders import IncomingOrder
from models.storefronts import FulfilmentRequest, OrderNote, StorefrontFacts
from models.suppliers import (
    AcknowledgedLine,
    Capabilities,
    Destination,
    DoubtMeans,
    Lookup,
    LookupVerdict,
    PlacedOrder,
    ShippingQuote,
    StockAnswer,
    SupplierLine,
    SupplierOrder,
    SupplierOrderStatus,
    SupplierState,
)

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
ATTEMPT = timedelta(minutes=4)  # longer than the request's own time-out, as in production
ARTICLE = "8411061123456"
CAPABILITIES = Capabilities(
    live_rates=True,
    live_stock=True,
    doubt=DoubtMeans.NONE,
    cancel=False,
    line_level_shipments=False,
    test_orders=True,
)
PROCESSING = SupplierOrderStatus(state=SupplierState.ACKNOWLEDGED, status_text="Processing")
_ids = itertools.count(1)
Result = TypeVar("Result")


def eur(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="EUR")


@dataclass
class RecordedSupplier:
    """A supplier that notes what it is asked. ``on_place`` runs as an order arrives: raise there, or look around."""

    id: str
    sink: CallSink
    stock: dict[str, int] = field(default_factory=dict)
    quotes: list[ShippingQuote] = field(default_factory=list)
    placed: list[SupplierOrder] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    on_place: Callable[[SupplierOrder], None] = lambda _order: None
    on_stock: Callable[[], object] = lambda: None
    on_fetch: Callable[[], object] = lambda: None
    on_probe: Callable[[], object] = lambda: None
    on_quote: Callable[[], object] = lambda: None
    answers_all: bool = False  # every call has an answer, also one that nobody can read
    status: SupplierOrderStatus = PROCESSING
    first_state: SupplierState = SupplierState.ACKNOWLEDGED
    live: bool = True  # has live stock
    reply: str = ""  # as its body is kept with every call
    means: dict[str, Any] = field(default_factory=dict)  # what its capabilities say otherwise
    lines: tuple[AcknowledgedLine, ...] = ()  # its answer per line as it takes an order
    on_find: Callable[[SupplierOrder], Lookup] = lambda _order: Lookup(verdict=LookupVerdict.UNSURE)
    built: list[str | None] = field(default_factory=list)  # for which versions of its interface
    leaves_when_shipped: bool = False
    costs: dict[str, Money] = field(default_factory=dict)

    @property
    def capabilities(self) -> Capabilities:
        more = {"live_stock": self.live, "stock_leaves_when_shipped": self.leaves_when_shipped}
        return CAPABILITIES.model_copy(update=more | self.means)

    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        with self._call("fetch_stock"):
            self.on_stock()
        return [
            StockAnswer(
                ean=ean, known=ean in self.stock, quantity=self.stock.get(ean, 0), unit_cost=self.costs.get(ean)
            )
            for ean in eans
        ]

    def quote_shipping(self, destination: Destination, lines: Sequence[SupplierLine]) -> list[ShippingQuote]:
        with self._call("quote_shipping"):
            self.on_quote()
        return self.quotes or [ShippingQuote(quote_id="501", carrier="GLS", cost=eur("4.90"), days=3)]

    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        self.placed.append(order)
        with self._call("place_order"):
            self.on_place(order)
        return PlacedOrder(
            supplier_number=f"A{len(self.placed):05}",
            state=self.first_state,
            status_text="Paid",
            total=eur("30.00"),
            lines=self.lines,
        )

    def find_order(self, order: SupplierOrder) -> Lookup:
        with self._call("find_order"):
            return self.on_find(order)

    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        with self._call("fetch_order"):
            self.on_fetch()
        return self.status

    def probe(self) -> None:
        with self._call("probe"):
            self.on_probe()

    def close(self) -> None:
        """Nothing is open."""

    @contextmanager
    def _call(self, operation: str) -> Iterator[None]:
        """Note a call, and hand its record on as an adapter does: without a status where nobody answered."""
        self.asked.append(operation)
        status: int | None = 200 if self.answers_all else None
        try:
            yield
            status = 200
        finally:
            self.sink(
                CallRecord(
                    system=self.id,
                    operation=operation,
                    method="POST",
                    url="http://supplier.example",
                    request="",
                    reply=self.reply,
                    status=status,
                    started_at=START,
                    duration_ms=1,
                )
            )


@dataclass
class RecordedShop:
    """A storefront that has every order paid, with a barcode on each line."""

    barcodes: dict[str, str] = field(default_factory=dict)
    paid: bool = True
    notes: list[OrderNote] = field(default_factory=list)
    fulfilments: list[FulfilmentRequest] = field(default_factory=list)

    def read_order(self, document: dict[str, Any]) -> IncomingOrder:
        return IncomingOrder.model_validate(document)

    def fetch_facts(self, storefront_order_id: str) -> StorefrontFacts:
        return StorefrontFacts(paid=self.paid, cancelled=False, barcodes=self.barcodes)

    def write_note(self, storefront_order_id: str, note: OrderNote) -> None:
        self.notes.append(note)

    def fulfil(self, request: FulfilmentRequest) -> str:
        self.fulfilments.append(request)
        return f"F{len(self.fulfilments)}"


@dataclass
class RecordedMailer:
    """A mail server that notes what it is handed. ``on_send`` runs as a mail arrives."""

    sent: list[dict[str, str]] = field(default_factory=list)
    on_send: Callable[[dict[str, str]], None] = lambda _mail: None

    def send(self, **mail: str) -> None:
        self.sent.append(mail)
        self.on_send(mail)


@dataclass
class World:
    """The activities, the recorders behind their ports, and shorthands to bring an order to where a test begins."""

    database: Database
    deps: Dependencies
    configurations: ConfigurationStore
    suppliers: dict[str, RecordedSupplier]
    shop: RecordedShop
    mailer: RecordedMailer

    def __post_init__(self) -> None:
        self.orders = OrderActivities(self.deps)
        self.storefronts = StorefrontActivities(self.deps)
        self.choosing = SupplierActivities(self.deps)
        self.submission = SubmissionActivities(self.deps)
        self.ends = PurchaseOrderActivities(self.deps)
        self.people = TaskActivities(self.deps)
        self.mail = MailActivities(self.deps, look_every=timedelta(seconds=5))

    @property
    def bts(self) -> RecordedSupplier:
        return self.suppliers["bts"]

    def run(
        self,
        activity: Callable[..., Result],
        *args: Any,
        at: datetime = START,
        attempt: int = 1,
        workflow_id: str = "order/main/1",
    ) -> Result:
        """Run one attempt of an activity, at an instant of Temporal's."""
        environment = ActivityEnvironment()
        environment.info = replace(
            environment.info,
            started_time=at,
            scheduled_time=START,
            start_to_close_timeout=ATTEMPT,
            attempt=attempt,
            workflow_id=workflow_id,
        )
        return environment.run(activity, *args)

    def configure(self, **tables: Any) -> None:
        """Lay these tables over the configuration, and have every activity see it at once."""
        document = self.configurations.current().configuration.model_dump(mode="json")
        apply(self.database, Configuration.model_validate(_laid_over(document, tables)), by="test", now=START)
        self.configurations._read_at = float("-inf")
        self.configurations.current()

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        with self.database.begin() as tx:
            return [dict(row._mapping) for row in tx.execute(text(statement), values)]

    def only(self, statement: str, **values: Any) -> dict[str, Any]:
        (row,) = self.rows(statement, **values)
        return row

    def tasks(self, state: str = "open") -> list[str]:
        return [
            row["category"] for row in self.rows("SELECT category FROM tasks WHERE state = :s ORDER BY id", s=state)
        ]

    def sell(
        self, *quantities: int, test: bool = False, email: str = "planted@planted.example", ean: str = ARTICLE
    ) -> OrderRequest:
        """Take in a paid order with one line per quantity, all of one article."""
        number = next(_ids)
        lines = [
            {"line_id": f"{number}-{position}", "quantity": quantity, "unit_price": "12.50", "variant_id": "900"}
            for position, quantity in enumerate(quantities or (2,), 1)
        ]
        self.shop.barcodes |= {str(line["line_id"]): ean for line in lines}
        document = {
            "storefront_order_id": str(5_000_000 + number),
            "name": f"#{1000 + number}",
            "currency": "EUR",
            "total": "25.00",
            "paid": True,
            "cancelled": False,
            "test": test,
            "placed_at": START.isoformat(),
            "updated_at": START.isoformat(),
            "address": {
                "name": "Planted Person",
                "address1": "Planted Street 1",
                "city": "Madrid",
                "postal_code": "28001",
                "country_code": "ES",
                "email": email,
            },
            "lines": lines,
        }
        intake = Intake(self.database, self.configurations, lambda _channel: self.shop)  # type: ignore[arg-type,return-value]
        request = intake.import_document("main", document).order_request
        assert request is not None
        return request

    def plan(self, order: OrderRequest, plan_no: int = 1, **more: Any) -> PlanResult:
        return self.run(
            self.orders.plan_order, PlanRequest(order_id=order.order_id, channel="main", plan_no=plan_no, **more)
        )

    def screen(self, order: OrderRequest) -> None:
        request = ScreenRequest(order_id=order.order_id, channel="main", first_run_id=f"run-{order.order_id}")
        self.run(self.storefronts.screen_order, request)

    def planned(self, *quantities: int, **more: Any) -> list[PurchaseOrderRequest]:
        """Bring an order to its purchase orders."""
        order = self.sell(*quantities, **more)
        self.screen(order)
        return list(self.plan(order).purchase_orders)

    def quoted(self, *quantities: int, **more: Any) -> PurchaseOrderRequest:
        """Bring an order to a purchase order whose shipping is chosen."""
        (order,) = self.planned(*quantities, **more)
        self.run(self.choosing.choose_shipping, ref(order))
        return order

    def placed(self, *quantities: int, **more: Any) -> PurchaseOrderRequest:
        """Bring an order to a purchase order that its supplier has."""
        order = self.quoted(*quantities, **more)
        self.run(self.submission.submit_purchase_order, submit(order))
        return order

    def purchase_order(self, order: PurchaseOrderRequest) -> dict[str, Any]:
        return self.only("SELECT * FROM purchase_orders WHERE id = :id", id=order.purchase_order_id)


def _laid_over(document: dict[str, Any], tables: dict[str, Any]) -> dict[str, Any]:
    laid = dict(document)
    for name, value in tables.items():
        below = laid.get(name)
        laid[name] = _laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return laid


def ref(order: PurchaseOrderRequest) -> PurchaseOrderRef:
    return PurchaseOrderRef(purchase_order_id=order.purchase_order_id, order_id=order.order_id, channel="main")


def submit(order: PurchaseOrderRequest) -> SubmitRequest:
    return SubmitRequest(**ref(order).model_dump(), give_up_at=START + 24 * HOUR)


def poll(order: PurchaseOrderRequest, *hours: int) -> PollRequest:
    plan = tuple(hour * HOUR for hour in hours or (24, 6))
    return PollRequest(**ref(order).model_dump(), confirmed_at=START, plan=plan, final_grace=HOUR)


def fulfil(order: PurchaseOrderRequest, *, complete: bool = True) -> FulfilRequest:
    return FulfilRequest(**ref(order).model_dump(), complete=complete)


def build_world(url: str, *, connections: int = 10) -> World:
    """Build everything on an emptied database: one shop, and the suppliers bts and nova in this order of preference."""
    database = Database(url, pool_size=connections)
    with database.begin() as tx:
        names = tx.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
        emptied = ", ".join(name for name in names if name != "alembic_version")
        tx.execute(text(f"TRUNCATE {emptied} CASCADE"))
    apply(database, _configuration(), by="test", now=START)
    configurations = ConfigurationStore(database, max_age=3600)
    configurations.current()  # read now: what tests count and break are the activities' own transactions
    journal = CallJournal(database)
    suppliers = {name: RecordedSupplier(name, journal.sink, stock={ARTICLE: 50}) for name in ("bts", "nova")}
    shop, mailer = RecordedShop(), RecordedMailer()
    plugins = {
        "suppliers": _plugin(
            "recorded", "suppliers", lambda *, supplier_id, settings, **_: _built(suppliers[supplier_id], settings)
        ),
        "storefronts": _plugin("recorded", "storefronts", lambda **_: shop),
        "notifiers": _plugin("smtp", "notifiers", lambda **_: mailer),
    }
    outside = Outside(configurations, plugins, lambda name: name, journal.sink)
    deps = Dependencies(database=database, outside=outside, journal=journal)
    return World(database, deps, configurations, suppliers, shop, mailer)


def _built(supplier: RecordedSupplier, settings: Supplier) -> RecordedSupplier:
    supplier.built.append(settings.api_version)
    return supplier


def _plugin(name: str, group: str, build: Callable[..., Any]) -> dict[str, Plugin]:
    return {name: Plugin(id=name, group=group, build=build)}


def _configuration() -> Configuration:
    supplier = {
        "adapter": "recorded",
        "base_url": "http://supplier.example",
        "token_env": "SUPPLIER_TOKEN",
        "mode": "live",
        "metafield_namespace": "recorded",
    }
    return Configuration.model_validate(
        {
            "channels": {
                "main": {
                    "storefront": "recorded",
                    "shop_domain": "shop.planted.example",
                    "webhook_secret_env": "SHOP_SECRET",
                    "token_env": "SHOP_TOKEN",
                    "mode": "live",
                    "start_watermark": "2020-01-01T00:00:00Z",
                    "customer_messages": "dropwright",
                }
            },
            "suppliers": {
                "bts": {**supplier, "display_name": "BTSWholesaler"},
                "nova": {**supplier, "display_name": "Nova"},
            },
            "routing": {"priority": ["bts", "nova"]},
            "mail": {
                "host": "127.0.0.1",
                "port": 25,
                "sender": "shop@planted.example",
                "alerts_to": "operations@planted.example",
                "escalations_to": "owner@planted.example",
            },
        }
    )
