import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities import waking
from activities.feed_news import FeedNewsActivities
from activities.sweeps import SweepActivities
from adapters.database import timeline
from adapters.database.configurations import apply
from models.commands import StockArrived
from models.configuration import Configuration
from models.contracts import OrderRequest
from models.sync import PublicationRequest, SyncStep, Told
from tests.activities.shortage_world import OTHER, Shop
from tests.activities.world import ARTICLE, START, build_world

MINUTE = timedelta(minutes=1)


@dataclass
class RecordedTemporal:
    """A Temporal server that notes what it is asked. ``gone`` are workflows that have ended."""

    started: list[tuple[str, str, Any]] = field(default_factory=list)
    signals: list[tuple[str, str, StockArrived]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    away: bool = False

    async def start_workflow(self, _workflow: str, request: Any, **options: Any) -> None:
        if self.away:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        self.started.append((options["id"], options["start_signal"], request))

    def get_workflow_handle(self, workflow_id: str) -> "RecordedHandle":
        return RecordedHandle(self, workflow_id)


@dataclass
class RecordedHandle:
    temporal: RecordedTemporal
    workflow_id: str

    async def signal(self, name: str, message: StockArrived, **_: Any) -> None:
        if self.workflow_id in self.temporal.gone:
            raise RPCError("no such workflow", RPCStatusCode.NOT_FOUND, b"")
        self.temporal.signals.append((self.workflow_id, name, message))


class News:
    """A shop whose orders wait for stock, and what feeds bring."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.world, self.temporal = shop, shop.world, RecordedTemporal()
        self.runs = 0
        self.later = timedelta(seconds=30)  # looks come so much after the newest feed

    @property
    def at(self) -> datetime:
        return START + self.runs * MINUTE

    def waiting(self, *quantities: int, articles: tuple[str, ...] = (), **more: Any) -> OrderRequest:
        """An order that nobody could deliver."""
        order = self.shop.order(*quantities, articles=articles)
        self.shop.short(order, **more)
        return order

    def arrives(self, quantity: int, *, supplier: str = "bts", ean: str = ARTICLE) -> SyncStep:
        """A feed's run has set this quantity."""
        self.runs += 1
        offer = """
        INSERT INTO offers (supplier, sku, ean, known, quantity, currency, observed_at)
        VALUES (:supplier, :ean, :ean, true, :quantity, 'EUR', :at)
        ON CONFLICT (supplier, sku) DO UPDATE SET quantity = :quantity, observed_at = :at
        """
        self.shop.execute(offer, supplier=supplier, ean=ean, quantity=quantity, at=self.at)
        row = "INSERT INTO feed_rows (supplier, feed, sku, hash) VALUES (:supplier, 'stock', :ean, 1) ON CONFLICT DO NOTHING"
        self.shop.execute(row, supplier=supplier, ean=ean)
        run = """
        INSERT INTO feed_runs (supplier, feed, kind, trigger, workflow_run_id, state, "full", started_at)
        VALUES (:supplier, 'stock', 'stock', 'schedule', :run, 'applied', true, :at) RETURNING id
        """
        with self.world.database.begin() as tx:
            values = {"supplier": supplier, "run": f"run-{self.runs}", "at": self.at}
            run_id = tx.execute(text(run), values).scalar_one()
        return SyncStep(run_id=run_id, supplier=supplier, feed="stock")

    async def tell(self, step: SyncStep) -> Told:
        activities = FeedNewsActivities(self.world.deps, self.temporal)  # type: ignore[arg-type]
        return await self._environment().run(activities.tell_of_feed, step)

    async def sweep(self) -> int:
        activities = SweepActivities(
            client=self.temporal,  # type: ignore[arg-type]
            database=self.world.database,
            configurations=self.world.configurations,
            storefronts=None,  # type: ignore[arg-type]
            intake=None,  # type: ignore[arg-type]
            delivery=None,  # type: ignore[arg-type]
        )
        return await self._environment().run(activities.wake_waiting_orders)

    def _environment(self) -> ActivityEnvironment:
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, started_time=self.at + self.later)
        return environment

    @property
    def woken(self) -> list[str]:
        return [workflow_id for workflow_id, _, _ in self.temporal.signals]

    def publish(self, **publishing: Any) -> None:
        """Configure what the shop is told."""
        document = self.world.deps.outside.configuration.model_dump(mode="json")
        document["channels"]["main"]["publishing"] |= publishing
        apply(self.world.database, Configuration.model_validate(document), by="test", now=datetime.now(UTC))
        self.world.configurations._read_at = float("-inf")

    def list_article(self, *, dirty: bool) -> None:
        """Put an article on sale in the shop."""
        statement = """
        INSERT INTO listings (channel, variant_id, product_id, inventory_item_id, sku, ean, tracked, seen_at, dirty_since)
        VALUES ('main', '900', '9', '9000', 'S', :ean, true, now(), CASE WHEN :dirty THEN now() END)
        """
        self.shop.execute(statement, ean=ARTICLE, dirty=dirty)


def workflow_of(order: OrderRequest) -> str:
    return f"order/main/{order.storefront_order_id}"


@pytest.fixture
def news(database_url: str) -> Iterator[News]:
    world = build_world(database_url)
    yield News(Shop(world, action="wait"))
    world.database.close()


async def test_an_order_hears_when_enough_of_what_it_lacks_has_arrived(news: News) -> None:
    order = news.waiting(2)
    step = news.arrives(2)

    told = await news.tell(step)

    assert told == Told(channels=0, woken=1)
    event = StockArrived(event_id=f"run:{step.run_id}:20260302T090130.000000")
    assert news.temporal.signals == [(workflow_of(order), "stock_arrived", event)]


async def test_the_sweep_wakes_orders_for_units_that_another_order_gave_back(news: News) -> None:
    order = news.waiting(2)
    news.arrives(2)

    assert await news.sweep() == 1
    assert await news.sweep() == 0
    ((workflow_id, _, message),) = news.temporal.signals
    assert (workflow_id, message.event_id) == (workflow_of(order), "look:20260302T090130.000000")


async def test_more_units_within_the_same_minute_are_more_news(news: News) -> None:
    order = news.waiting(4)
    news.arrives(4)
    assert await news.sweep() == 1
    news.shop.short(order, at=START + timedelta(seconds=100))  # others were quicker
    news.shop.execute("UPDATE offers SET quantity = 6 WHERE supplier = 'bts'")

    news.later = timedelta(seconds=45)
    assert await news.sweep() == 1

    (_, _, first), (_, _, second) = news.temporal.signals
    assert first.event_id != second.event_id


async def test_of_fifty_orders_that_wait_for_three_units_three_are_woken_whoever_looks(news: News) -> None:
    orders = [news.waiting(1) for _ in range(50)]
    step = news.arrives(3)

    await asyncio.gather(news.tell(step), news.sweep())
    await news.sweep()

    assert set(news.woken) == {workflow_of(order) for order in orders[:3]}


@pytest.mark.parametrize("quantity", [1, 0], ids=["short", "gone"])
async def test_too_few_units_wake_nobody(news: News, quantity: int) -> None:
    news.waiting(2)

    assert (await news.tell(news.arrives(quantity))).woken == 0


async def test_the_same_units_wake_an_order_that_could_not_use_them_once(news: News) -> None:
    order = news.waiting(2)
    await news.tell(news.arrives(4))
    news.world.configure(suppliers={"bts": {"terms": {"minimum_order": "1000"}}})
    news.shop.stock(4)
    news.shop.short(order, 2, at=news.at + MINUTE)

    news.runs += 1
    assert (await news.tell(news.arrives(4))).woken == 0
    assert (await news.tell(news.arrives(5))).woken == 1


async def test_units_that_went_and_came_back_are_news(news: News) -> None:
    news.shop.stock(1)
    order = news.waiting(2)
    assert news.shop.backorders()[0]["had"] == 1

    await news.tell(news.arrives(0))
    assert news.shop.backorders()[0]["had"] == 0
    await news.tell(news.arrives(2))

    assert news.woken == [workflow_of(order)]


async def test_an_order_waits_until_all_of_its_articles_can_be_had(news: News) -> None:
    order = news.waiting(1, 1, articles=(ARTICLE, OTHER))

    await news.tell(news.arrives(5))
    assert news.woken == []
    await news.tell(news.arrives(5, supplier="nova", ean=OTHER))

    assert news.woken == [workflow_of(order)]


async def test_two_lines_of_one_article_need_enough_for_both(news: News) -> None:
    order = news.waiting(2, 3)

    await news.tell(news.arrives(4))
    assert news.woken == []
    await news.tell(news.arrives(5))

    assert news.woken == [workflow_of(order)]


async def test_a_line_that_somebody_can_deliver_is_not_waited_for(news: News) -> None:
    news.shop.stock(10, OTHER, "nova")
    order = news.waiting(1, 1, articles=(ARTICLE, OTHER))
    news.shop.execute("UPDATE offers SET quantity = 0 WHERE ean = :ean", ean=OTHER)

    await news.tell(news.arrives(1))

    assert news.woken == [workflow_of(order)]


@pytest.mark.parametrize(
    "tables",
    [
        {"suppliers": {"bts": {"enabled": False}}},
        {"routing": {"rules": [{"name": "not bts", "exclude": ["bts"]}]}},
    ],
    ids=["switched off", "excluded by a rule"],
)
async def test_stock_at_a_supplier_that_gets_nothing_of_this_order_does_not_wake_it(
    news: News, tables: dict[str, Any]
) -> None:
    news.world.configure(**tables)
    order = news.waiting(2)

    await news.tell(news.arrives(9))
    assert news.woken == []
    await news.tell(news.arrives(9, supplier="nova"))

    assert news.woken == [workflow_of(order)]


async def test_an_order_that_its_supplier_had_refused_is_woken_by_that_suppliers_new_stock(news: News) -> None:
    order = news.waiting(2, excluded=("bts",))

    await news.tell(news.arrives(9))

    assert news.woken == [workflow_of(order)]


async def test_units_that_are_reserved_or_kept_back_wake_nobody(news: News) -> None:
    news.world.configure(stock={"buffers": [{"units": 2}]})
    order = news.waiting(2)
    step = news.arrives(5)
    news.shop.execute("UPDATE offers SET reserved = 2")

    assert (await news.tell(step)).woken == 0
    news.shop.execute("UPDATE offers SET reserved = 1")
    assert await news.sweep() == 1
    assert news.woken == [workflow_of(order)]


async def test_stock_that_its_supplier_no_longer_stands_by_wakes_nobody(news: News) -> None:
    news.world.configure(suppliers={"bts": {"terms": {"stock_promise": "10s"}}})
    news.waiting(2)

    assert (await news.tell(news.arrives(9))).woken == 0


async def test_an_order_that_has_ended_or_is_cancelled_is_left_alone(news: News) -> None:
    ended, cancelled = news.waiting(2), news.waiting(2)
    news.shop.execute("UPDATE orders SET state = 'cancelled' WHERE id = :id", id=ended.order_id)
    news.shop.execute("UPDATE orders SET cancel_requested_at = now() WHERE id = :id", id=cancelled.order_id)

    assert (await news.tell(news.arrives(9))).woken == 0


async def test_an_order_that_a_person_holds_stays_held(news: News) -> None:
    order = news.waiting(2)
    with news.world.database.begin() as tx:
        timeline.tell(tx, order.order_id, "command.hold", at=START, actor="ana")
    await news.tell(news.arrives(9))
    assert news.woken == []

    with news.world.database.begin() as tx:
        timeline.tell(tx, order.order_id, "command.release", at=START, actor="ana")
    await news.tell(news.arrives(9))

    assert news.woken == [workflow_of(order)]


async def test_a_lifecycle_that_is_gone_is_passed_over(news: News) -> None:
    gone, order = news.waiting(2), news.waiting(2)
    news.temporal.gone.add(workflow_of(gone))

    told = await news.tell(news.arrives(9))

    assert told.woken == 1
    assert news.woken == [workflow_of(order)]


async def test_the_oldest_orders_are_woken_first_and_no_more_than_a_look_may_wake(
    news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waking, "MOST_WOKEN", 2)
    orders = [news.waiting(1) for _ in range(3)]
    for age, order in enumerate(orders):
        statement = "UPDATE orders SET received_at = now() - make_interval(hours => :age) WHERE id = :id"
        news.shop.execute(statement, age=age, id=order.order_id)

    await news.tell(news.arrives(9))
    assert news.woken == [workflow_of(orders[2]), workflow_of(orders[1])]
    await news.sweep()

    assert news.woken[2:] == [workflow_of(orders[0])]


async def test_people_hear_that_a_supplier_has_less_than_was_promised_of_it(news: News) -> None:
    news.shop.stock(5)
    order = news.shop.order(5)
    news.shop.plan(order)

    await news.tell(news.arrives(3))
    await news.tell(news.arrives(2))

    task = news.world.only("SELECT * FROM tasks WHERE category = 'stock_short'")
    assert task["question"].startswith("BTSWholesaler has less of 1 articles than orders were promised")
    assert task["evidence"]["short"] == [f"{ARTICLE}: 2 of 5"]


@pytest.mark.parametrize("switch", ["quantities", "prices"])
async def test_the_publisher_of_a_shop_that_shows_what_changed_is_asked_to_look(news: News, switch: str) -> None:
    news.publish(**{switch: True}, location="1", pricing={"rules": [{"name": "all", "markup": "0.3"}]})
    news.list_article(dirty=True)

    told = await news.tell(news.arrives(1))

    assert told.channels == 1
    assert news.temporal.started == [("publish/main", "publication_requested", PublicationRequest(channel="main"))]


@pytest.mark.parametrize(("on", "dirty"), [(False, True), (True, False)], ids=["switched off", "nothing changed"])
async def test_no_publisher_is_asked_in_vain(news: News, on: bool, dirty: bool) -> None:
    news.publish(quantities=on, location="1")
    news.list_article(dirty=dirty)

    assert (await news.tell(news.arrives(1))).channels == 0
    assert news.temporal.started == []


async def test_while_temporal_is_away_the_stage_fails_and_is_tried_again(news: News) -> None:
    news.publish(quantities=True, location="1")
    news.list_article(dirty=True)
    news.waiting(1)
    step = news.arrives(1)
    news.temporal.away = True

    with pytest.raises(RPCError):
        await news.tell(step)
    news.temporal.away = False

    assert await news.tell(step) == Told(channels=1, woken=1)
