from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities import feed_news
from activities.feed_news import FeedNewsActivities
from adapters.database import timeline
from adapters.database.configurations import apply
from models.configuration import Configuration
from models.contracts import OrderRequest, PlanRequest
from models.sync import PublicationRequest, SyncStep, Told
from tests.activities.world import ARTICLE, START, World, build_world

OTHER = "8411061123463"


@dataclass
class RecordedTemporal:
    """A Temporal server that notes what it is asked. ``gone`` are workflows that have ended."""

    started: list[tuple[str, str, Any]] = field(default_factory=list)
    signals: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
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

    async def signal(self, name: str, document: dict[str, Any], **_: Any) -> None:
        if self.workflow_id in self.temporal.gone:
            raise RPCError("no such workflow", RPCStatusCode.NOT_FOUND, b"")
        self.temporal.signals.append((self.workflow_id, name, document))


@dataclass
class News:
    """A world whose suppliers have nothing, its waiting orders, and what feeds bring."""

    world: World
    temporal: RecordedTemporal
    runs: int = 0

    def __post_init__(self) -> None:
        for supplier in self.world.suppliers.values():
            supplier.stock = {ARTICLE: 0, OTHER: 0}

    def waiting(
        self, *quantities: int, articles: tuple[str, ...] = (ARTICLE,), **more: Any
    ) -> tuple[OrderRequest, int]:
        """An order that nobody could deliver, and the question about it."""
        order = self.world.sell(*quantities)
        lines = list(self.world.shop.barcodes)[-len(quantities) :]
        self.world.shop.barcodes |= dict(zip(lines, articles, strict=False))
        self.world.screen(order)
        plan = self.world.run(
            self.world.orders.plan_order,
            feed_plan(order, **more),
            workflow_id=workflow_of(order),
        )
        assert plan.task is not None
        return order, plan.task.task_id

    def arrives(self, quantity: int, *, supplier: str = "bts", ean: str = ARTICLE, before: int | None = 0) -> SyncStep:
        """A feed's run has set this quantity; ``before`` None: the article is new."""
        self.runs += 1
        at = START + timedelta(minutes=self.runs)
        sku = f"{supplier}-{ean}"
        with self.world.database.begin() as tx:
            run_id = tx.execute(
                text("""
                INSERT INTO feed_runs (supplier, feed, kind, trigger, workflow_run_id, state, "full", started_at)
                VALUES (:supplier, 'stock', 'stock', 'schedule', :run, 'applied', true, :at) RETURNING id
                """),
                {"supplier": supplier, "run": f"run-{self.runs}", "at": at},
            ).scalar_one()
            tx.execute(
                text("""
                INSERT INTO offers (supplier, sku, ean, known, quantity, currency, observed_at)
                VALUES (:supplier, :sku, :ean, true, :quantity, 'EUR', :at)
                ON CONFLICT (supplier, sku) DO UPDATE SET quantity = :quantity
                """),
                {"supplier": supplier, "sku": sku, "ean": ean, "quantity": quantity, "at": at},
            )
            if before is not None:
                tx.execute(
                    text("""
                    INSERT INTO offer_changes (supplier, sku, until, quantity, currency, discontinued, source)
                    VALUES (:supplier, :sku, :at, :before, 'EUR', false, :source)
                    """),
                    {
                        "supplier": supplier,
                        "sku": sku,
                        "at": at,
                        "before": before,
                        "source": f"feed:stock:{run_id}",
                    },
                )
        return SyncStep(run_id=run_id, supplier=supplier, feed="stock")

    async def tell(self, step: SyncStep) -> Told:
        activities = FeedNewsActivities(self.world.deps, self.temporal)  # type: ignore[arg-type]
        return await ActivityEnvironment().run(activities.tell_of_feed, step)

    @property
    def woken(self) -> list[int]:
        return [document["task_id"] for _, _, document in self.temporal.signals]

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
        with self.world.database.begin() as tx:
            tx.execute(text(statement), {"ean": ARTICLE, "dirty": dirty})


def feed_plan(order: OrderRequest, **more: Any) -> PlanRequest:
    return PlanRequest(order_id=order.order_id, channel="main", plan_no=1, **more)


def workflow_of(order: OrderRequest) -> str:
    return f"order/main/{order.storefront_order_id}"


@pytest.fixture
def news(database_url: str) -> Iterator[News]:
    world = build_world(database_url)
    yield News(world, RecordedTemporal())
    world.database.close()


async def test_an_order_is_released_when_enough_of_what_it_lacks_has_arrived(news: News) -> None:
    order, task_id = news.waiting(2)
    step = news.arrives(2)

    told = await news.tell(step)

    assert told == Told(channels=0, woken=1)
    command = {"command": "release", "actor": "stock-watch", "task_id": task_id}
    assert news.temporal.signals == [
        (workflow_of(order), "override", {**command, "command_id": f"stock:{step.run_id}:{task_id}"})
    ]


async def test_told_twice_an_order_hears_the_same_command(news: News) -> None:
    news.waiting(2)
    step = news.arrives(2)

    await news.tell(step)
    await news.tell(step)

    first, second = news.temporal.signals
    assert first == second


@pytest.mark.parametrize(("quantity", "before"), [(1, 0), (0, 5), (9, 4), (2, 2)], ids=["short", "gone", "had", "same"])
async def test_what_changes_nothing_for_an_order_does_not_wake_it(news: News, quantity: int, before: int) -> None:
    news.waiting(2)

    assert (await news.tell(news.arrives(quantity, before=before))).woken == 0


async def test_a_wholly_new_article_wakes_the_orders_that_wait_for_it_once(news: News) -> None:
    _, task_id = news.waiting(2)
    first = news.arrives(5, before=None)

    await news.tell(first)
    later = news.arrives(5, supplier="bts", ean=OTHER)
    await news.tell(later)

    assert news.woken == [task_id]


async def test_an_order_waits_until_all_of_its_articles_can_be_had(news: News) -> None:
    _, task_id = news.waiting(1, 1, articles=(ARTICLE, OTHER))

    await news.tell(news.arrives(5))
    assert news.woken == []
    await news.tell(news.arrives(5, supplier="nova", ean=OTHER))

    assert news.woken == [task_id]


async def test_two_lines_of_one_article_need_enough_for_both(news: News) -> None:
    _, task_id = news.waiting(2, 3)

    await news.tell(news.arrives(4))
    assert news.woken == []
    await news.tell(news.arrives(5, before=4))

    assert news.woken == [task_id]


async def test_a_line_that_a_supplier_takes_already_is_not_waited_for(news: News) -> None:
    news.world.suppliers["nova"].stock[OTHER] = 10
    _, task_id = news.waiting(1, 1, articles=(ARTICLE, OTHER))
    with news.world.database.begin() as tx:
        tx.execute(text("UPDATE offers SET quantity = 0 WHERE ean = :ean"), {"ean": OTHER})

    await news.tell(news.arrives(1))

    assert news.woken == [task_id]


async def test_stock_at_a_supplier_that_is_left_out_of_this_order_does_not_wake_it(news: News) -> None:
    _, task_id = news.waiting(2, excluded=("bts",))

    await news.tell(news.arrives(9))
    assert news.woken == []
    await news.tell(news.arrives(9, supplier="nova"))

    assert news.woken == [task_id]


async def test_an_order_that_its_supplier_had_cancelled_is_woken_by_that_suppliers_new_stock(news: News) -> None:
    _, task_id = news.waiting(2, excluded=("bts",))
    with news.world.database.begin() as tx:
        tx.execute(text("UPDATE tasks SET category = 'cancelled_by_supplier' WHERE id = :id"), {"id": task_id})

    await news.tell(news.arrives(9))

    assert news.woken == [task_id]


async def test_a_question_that_was_answered_or_is_about_something_else_wakes_nobody(news: News) -> None:
    _, answered = news.waiting(2)
    _, other = news.waiting(2)
    with news.world.database.begin() as tx:
        tx.execute(text("UPDATE tasks SET state = 'answered' WHERE id = :id"), {"id": answered})
        tx.execute(text("UPDATE tasks SET category = 'article_unknown' WHERE id = :id"), {"id": other})

    assert (await news.tell(news.arrives(9))).woken == 0


async def test_an_order_that_a_person_holds_stays_held(news: News) -> None:
    order, task_id = news.waiting(2)
    with news.world.database.begin() as tx:
        timeline.tell(tx, order.order_id, "command.hold", at=START, actor="ana")
    await news.tell(news.arrives(9))
    assert news.woken == []

    with news.world.database.begin() as tx:
        timeline.tell(tx, order.order_id, "command.release", at=START, actor="ana")
    await news.tell(news.arrives(9))

    assert news.woken == [task_id]


async def test_a_mapping_that_a_person_made_meanwhile_counts(news: News) -> None:
    _, task_id = news.waiting(2)
    mapping = """
    INSERT INTO article_mappings (channel, variant_id, ean, mapped_by, mapped_at)
    VALUES ('main', '900', ' 8411061 123463', 'ana', now())
    """
    with news.world.database.begin() as tx:
        tx.execute(text(mapping))

    await news.tell(news.arrives(9, ean=OTHER))

    assert news.woken == [task_id]


async def test_a_lifecycle_that_is_gone_is_passed_over(news: News) -> None:
    gone, _ = news.waiting(2)
    _, task_id = news.waiting(2)
    news.temporal.gone.add(workflow_of(gone))

    told = await news.tell(news.arrives(9))

    assert told.woken == 1
    assert news.woken == [task_id]


async def test_the_oldest_orders_are_woken_first_and_no_more_than_a_run_may_wake(
    news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_news, "MOST_WOKEN", 2)
    waiting = [news.waiting(1) for _ in range(3)]
    with news.world.database.begin() as tx:
        for age, (order, _) in enumerate(waiting):
            statement = text("UPDATE orders SET received_at = now() - make_interval(hours => :age) WHERE id = :id")
            tx.execute(statement, {"age": age, "id": order.order_id})

    await news.tell(news.arrives(9))

    assert news.woken == [waiting[2][1], waiting[1][1]]


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
