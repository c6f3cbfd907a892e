"""Publications and reconciliations on a real PostgreSQL, beside a shop and a supplier that record what they are told."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.common import Dependencies
from activities.journal import CallJournal
from activities.outside import Outside
from activities.publication import PublicationActivities
from activities.reconciliation import ReconciliationActivities
from adapters.database import offers
from adapters.database.configurations import ConfigurationStore, apply
from adapters.database.engine import Database
from adapters.plugin import Plugin
from models.configuration import Configuration
from models.listings import BulkResult, BulkState, Listing, ListingChange, ListingRefusal
from models.money import Money
from models.suppliers import Capabilities, DoubtMeans, Offer, StockAnswer, SupplierOrderStatus, SupplierState
from models.sync import (
    Compared,
    Prepared,
    PublicationRequest,
    PublicationStep,
    Published,
    ReconciliationOutcome,
    ReconciliationRequest,
    ReconciliationStep,
    Side,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Result = TypeVar("Result")
_ids = itertools.count(1)


@dataclass
class RecordedShelves:
    """A shop that shows what it is told. ``on_call`` runs before each change is taken: raise there, or refuse."""

    listings: dict[str, Listing] = field(default_factory=dict)
    calls: list[tuple[str, list[str]]] = field(default_factory=list)  # key, variants
    refuse: dict[str, str] = field(default_factory=dict)  # variant -> code
    on_call: Callable[[Sequence[ListingChange]], None] = lambda _changes: None
    after_call: Callable[[], None] = lambda: None
    bulk: dict[str, list[ListingChange]] = field(default_factory=dict)  # operation -> changes
    bulk_answers: list[BulkState] = field(default_factory=list)  # one per question, then done
    page: int = 100

    def put(self, variant: int, ean: str, **more: Any) -> None:
        fields = {"quantity": None, "price": None, "tracked": True, "sku": f"SKU-{variant}", "title": "", **more}
        listing = Listing(
            variant_id=f"{variant:04}", product_id=f"P{variant}", inventory_item_id=f"I{variant}", barcode=ean, **fields
        )
        self.listings[listing.variant_id] = listing

    def fetch_listings(self, location: str, cursor: str = "") -> Iterator[tuple[list[Listing], str]]:
        everything = sorted(self.listings.values(), key=lambda one: one.variant_id)
        for first in range(int(cursor or 0), len(everything), self.page):
            following = first + self.page
            yield everything[first:following], str(following) if following < len(everything) else ""

    def publish(self, location: str, changes: Sequence[ListingChange], key: str) -> list[ListingRefusal]:
        self.calls.append((key, [change.variant_id for change in changes]))
        self.on_call(changes)
        refusals = [self._refusal(change) for change in changes if change.variant_id in self.refuse]
        for change in changes:
            if change.variant_id not in self.refuse:
                self._take(change)
        self.after_call()
        return refusals

    def publish_in_bulk(self, location: str, changes: Iterable[ListingChange], key: str) -> list[str]:
        operation = f"bulk-{key}"
        if operation not in self.bulk:
            self.bulk[operation] = list(changes)
        return [operation]

    def bulk_result(self, operation_id: str, changes: Iterable[ListingChange] = ()) -> BulkResult:
        state = self.bulk_answers.pop(0) if self.bulk_answers else BulkState.DONE
        if state is not BulkState.DONE:
            return BulkResult(state=state, code="INTERNAL_SERVER_ERROR" if state is BulkState.FAILED else "")
        given = self.bulk[operation_id]
        assert list(changes) == given, "in the order in which they were handed over"
        for change in given:
            if change.variant_id not in self.refuse:
                self._take(change)
        refused = [self._refusal(change) for change in given if change.variant_id in self.refuse]
        return BulkResult(state=state, done=len(given), refusals=tuple(refused))

    def shows(self, variant: int) -> tuple[int | None, Decimal | None, str | None]:
        listing = self.listings[f"{variant:04}"]
        return listing.quantity, listing.price, listing.words

    def _refusal(self, change: ListingChange) -> ListingRefusal:
        return ListingRefusal(variant_id=change.variant_id, code=self.refuse[change.variant_id])

    def _take(self, change: ListingChange) -> None:
        told = {name: value for name in ("quantity", "price", "words") if (value := getattr(change, name)) is not None}
        self.listings[change.variant_id] = self.listings[change.variant_id].model_copy(update=told)


@dataclass
class RecordedStock:
    """A supplier that is asked what it has, and how an order stands."""

    stock: dict[str, tuple[int, str]] = field(default_factory=dict)  # EAN -> quantity, cost
    asked: list[list[str]] = field(default_factory=list)
    on_ask: Callable[[], None] = lambda: None
    orders: dict[str, SupplierOrderStatus] = field(default_factory=dict)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(live_stock=True, live_rates=False, doubt=DoubtMeans.NONE, cancel=False, test_orders=False)

    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        self.on_ask()
        self.asked.append(list(eans))
        return [self._answer(ean) for ean in eans]

    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        return self.orders.get(supplier_number, SupplierOrderStatus(state=SupplierState.ACKNOWLEDGED))

    def _answer(self, ean: str) -> StockAnswer:
        if ean not in self.stock:
            return StockAnswer(ean=ean, known=False, quantity=0)
        quantity, cost = self.stock[ean]
        return StockAnswer(
            ean=ean, known=True, quantity=quantity, unit_cost=Money(amount=Decimal(cost), currency="EUR")
        )


class SupplyWorld:
    """The activities on an emptied database, and shorthands to bring things to where a test begins."""

    def __init__(self, url: str, *, storefront: Plugin | None = None, **channel: Any) -> None:
        """Build it; ``storefront`` takes the recording shop's place, with these settings of the channel main."""
        self.database = Database(url, pool_size=5)
        self.configurations = ConfigurationStore(self.database, max_age=-1)
        self.shop, self.supplier = RecordedShelves(), RecordedStock()
        storefront = storefront or Plugin("recorded", "storefronts", lambda **_: self.shop)
        self.document = _document(storefront.id)
        self.document["channels"]["main"].update(channel)
        self._empty()
        self.configure()
        journal = CallJournal(self.database)
        plugins = {
            "suppliers": {"recorded": Plugin("recorded", "suppliers", lambda **_: self.supplier)},
            "storefronts": {storefront.id: storefront},
        }
        outside = Outside(self.configurations, plugins, lambda name: name, journal.sink)
        self.deps = Dependencies(database=self.database, outside=outside, journal=journal)
        self.publishing = PublicationActivities(self.deps)
        self.reconciling = ReconciliationActivities(self.deps)
        self.beats: list[tuple[Any, ...]] = []

    def configure(self, **publishing: Any) -> None:
        """Change what the channel main shows, by these settings."""
        self.document["channels"]["main"]["publishing"].update(publishing)
        self.apply()

    def apply(self) -> None:
        apply(self.database, Configuration.model_validate(self.document), by="test", now=NOW)

    def run(
        self,
        activity: Callable[..., Result],
        *args: Any,
        at: datetime = NOW,
        place: tuple[Any, ...] = (),
        attempt: int = 1,
    ) -> Result:
        """Run one attempt of an activity, at an instant of Temporal's, from where an earlier one was."""
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, started_time=at, attempt=attempt, heartbeat_details=place)
        self.beats = []
        environment.on_heartbeat = lambda *place: self.beats.append(place)
        return environment.run(activity, *args)

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        with self.database.begin() as tx:
            return [dict(row._mapping) for row in tx.execute(text(statement), values)]

    def execute(self, statement: str, **values: Any) -> None:
        with self.database.begin() as tx:
            tx.execute(text(statement), values)

    def offer(self, ean: str, quantity: int, cost: str | None = "10.00", *, supplier: str = "bts", **more: Any) -> None:
        """Put up a supplier's offer, and mark the listings of it as the sync does."""
        row = {
            "supplier": supplier,
            "sku": f"{supplier}-{ean}",
            "ean": ean,
            "known": True,
            "quantity": quantity,
            "unit_cost": None if cost is None else Decimal(cost),
            "currency": "EUR",
            "observed_at": NOW - MINUTE,
            **more,
        }
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        updates = ", ".join(f"{name} = excluded.{name}" for name in row)
        self.execute(
            f"INSERT INTO offers ({names}) VALUES ({places}) ON CONFLICT (supplier, sku) DO UPDATE SET {updates}",
            **row,
        )
        self.execute("UPDATE listings SET dirty_since = :now WHERE ean = :ean", now=NOW, ean=ean)

    def answer(self, ean: str, quantity: int, *, at: datetime, supplier: str = "bts") -> None:
        """Have a supplier say what it has, asked while an order was planned."""
        told = Offer(
            supplier=supplier, ean=ean, known=True, quantity=quantity, unit_cost=None, currency="EUR", observed_at=at
        )
        with self.database.begin() as tx:
            offers.keep(tx, [told])

    def sell(self, ean: str, quantity: int, *, channel: str = "main", variant: str = "9", at: datetime = NOW) -> int:
        """Let a customer order."""
        number = next(_ids)
        self.execute(
            "INSERT INTO orders (id, channel, storefront_order_id, name, state, currency, total, test, paid, placed_at, "
            "storefront_updated_at, content_key, received_at) VALUES (:id, :channel, :id, :id, 'open', 'EUR', 1, false, "
            "true, :at, :at, '', :at)",
            id=number,
            channel=channel,
            at=at,
        )
        self.execute(
            "INSERT INTO order_lines (order_id, line_id, position, sku, variant_id, title, quantity, unit_price, "
            "requires_shipping, ean) VALUES (:id, '1', 1, '', :variant, '', :quantity, 1, true, :ean)",
            id=number,
            variant=variant,
            quantity=quantity,
            ean=ean,
        )
        return number

    def order_at_supplier(self, order: int, ean: str, quantity: int, *, at: datetime = NOW, number: str = "") -> str:
        """Have an order's line ordered at bts."""
        self.execute(
            "INSERT INTO purchase_orders (id, order_id, plan_no, number, supplier, attempt, workflow_id, state, mode, test, "
            "submission, supplier_number, confirmed_at) VALUES (:id, :id, 1, :number, 'bts', 1, :number, 'placed', 'live', "
            "false, 'placed', :theirs, :at)",
            id=order,
            number=number or f"DW-{order}",
            theirs=f"A{order}",
            at=at,
        )
        self.execute(
            "INSERT INTO purchase_order_lines (purchase_order_id, line_id, ean, quantity) VALUES (:id, '1', :ean, :q)",
            id=order,
            ean=ean,
            q=quantity,
        )
        self.execute(
            "WITH held AS (INSERT INTO reservations (supplier, sku, ean, order_id, purchase_order_id, line_id, quantity, "
            "state, made_at, expires_at, consumed_at) SELECT supplier, sku, ean, :id, :id, '1', :q, 'consumed', :at, :at, "
            ":at FROM offers WHERE supplier = 'bts' AND ean = :ean RETURNING supplier, sku) "
            "UPDATE offers o SET reserved = reserved + :q FROM held WHERE o.supplier = held.supplier AND o.sku = held.sku",
            id=order,
            ean=ean,
            q=quantity,
            at=at,
        )
        return f"A{order}"

    # The stages, as the workflows call them.

    def refresh(self, at: datetime = NOW, place: tuple[Any, ...] = ()) -> int:
        return self.run(self.publishing.refresh_listings, PublicationRequest(channel="main"), at=at, place=place)

    def prepare(self, at: datetime = NOW) -> Prepared:
        return self.run(self.publishing.prepare_publication, PublicationRequest(channel="main"), at=at)

    def send(self, prepared: Prepared, at: datetime = NOW) -> Published:
        return self.run(self.publishing.send_publication, step(prepared), at=at)

    def follow(self, prepared: Prepared, at: datetime = NOW) -> Published:
        return self.run(self.publishing.await_bulk_publication, step(prepared), at=at)

    def publish(self, at: datetime = NOW) -> Published | None:
        """Prepare and send; None where there was nothing to say."""
        prepared = self.prepare(at)
        if prepared.publication_id is None:
            return None
        published = self.send(prepared, at)
        return self.follow(prepared, at) if prepared.bulk else published

    def reconcile(
        self, side: Side = Side.CHANNEL, *, at: datetime = NOW, full: bool = False
    ) -> tuple[Compared, ReconciliationOutcome]:
        name = "main" if side is Side.CHANNEL else "bts"
        compare = self.reconciling.compare_channel if side is Side.CHANNEL else self.reconciling.compare_supplier
        compared = self.run(compare, ReconciliationRequest(side=side, name=name, full=full), at=at)
        settling = ReconciliationStep(reconciliation_id=compared.reconciliation_id, side=side, name=name)
        return compared, self.run(self.reconciling.settle_reconciliation, settling, at=at)

    def _empty(self) -> None:
        with self.database.begin() as tx:
            names = tx.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
            tx.execute(text(f"TRUNCATE {', '.join(name for name in names if name != 'alembic_version')} CASCADE"))


def step(prepared: Prepared) -> PublicationStep:
    assert prepared.publication_id is not None
    return PublicationStep(channel="main", publication_id=prepared.publication_id)


def ean(number: int) -> str:
    """Number articles."""
    return f"84110611{number:05}"


def _document(storefront: str) -> dict[str, Any]:
    supplier = {
        "adapter": "recorded",
        "base_url": "http://supplier.example",
        "token_env": "SUPPLIER_TOKEN",
        "mode": "live",
        "metafield_namespace": "recorded",
    }
    channel = {
        "storefront": storefront,
        "webhook_secret_env": "SHOP_SECRET",
        "token_env": "SHOP_TOKEN",
        "mode": "live",
        "start_watermark": "2020-01-01T00:00:00Z",
    }
    publishing = {"quantities": True, "location": "7"}
    return {
        "channels": {
            "main": {**channel, "shop_domain": "shop.planted.example", "publishing": publishing},
            "second": {**channel, "shop_domain": "second.planted.example"},
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
        },
    }
