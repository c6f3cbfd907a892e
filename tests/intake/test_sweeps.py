from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from adapters.database.configurations import apply
from adapters.errors import Unavailable
from models.contracts import SweepReport
from models.identifiers import ORDERS_QUEUE
from tests.intake.temporal import StandInOrder, every_sweep, sweeps, until, working
from tests.intake.world import PAID_AT, WATERMARK, World, address, configuration, order
from workflows.sweep import SweepWorkflow


async def sweep(client: Client, name: str) -> SweepReport:
    return await client.execute_workflow(SweepWorkflow.run, id=f"sweep/{name}", task_queue=ORDERS_QUEUE)


def age(world: World) -> None:
    """Let an hour go by for everything stored."""
    with world.database.begin() as tx:
        for table, column in (("orders", "startable_at"), ("orders", "started_at"), ("webhooks", "received_at")):
            tx.exec_driver_sql(f"UPDATE {table} SET {column} = {column} - interval '1 hour'")


def close_all(world: World) -> None:
    """Let earlier tests' orders be none of this test's business."""
    with world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE orders SET state = 'shipped'")
        tx.exec_driver_sql("UPDATE webhooks SET delivered_at = now()")


def forget_cursors(world: World) -> None:
    with world.database.begin() as tx:
        tx.exec_driver_sql("DELETE FROM storefront_sweeps")


class Shop:
    """A storefront that lists what it is given."""

    def __init__(self, world: World, documents: list[dict[str, Any]], error: Exception | None = None) -> None:
        self.asked: list[datetime] = []
        self._reader, self._documents, self._error = world.storefronts["main"], documents, error

    def read_order(self, document: dict[str, Any]) -> Any:
        return self._reader.read_order(document)

    def fetch_paid_orders(self, since: datetime) -> list[dict[str, Any]]:
        self.asked.append(since)
        if self._error is not None:
            raise self._error
        return self._documents


async def test_the_sweep_starts_what_was_stored_while_temporal_was_away_and_only_once(
    world: World, temporal_client: Client
) -> None:
    close_all(world)
    documents = [order() for _ in range(20)]
    for document in documents:
        world.receive(document)
    young = order()
    age(world)
    world.receive(young)
    activities = sweeps(temporal_client, world)
    world.storefronts["main"], shop = Shop(world, []), world.storefronts["main"]  # type: ignore[assignment]
    async with working(temporal_client, every_sweep(activities)):
        reports = [await sweep(temporal_client, f"start-{number}") for number in range(2)]
        for document in documents:
            handle = temporal_client.get_workflow_handle_for(StandInOrder.run, f"order/main/{document['id']}")
            await handle.signal(StandInOrder.end)
            assert await handle.result() == world.order_row(document).id
    world.storefronts["main"] = shop

    assert [report.started for report in reports] == [20, 0]
    assert all(world.order_row(document).started_at is not None for document in documents)
    assert world.order_row(young).started_at is None


async def test_an_order_whose_workflow_is_over_is_not_started_again(world: World, temporal_client: Client) -> None:
    close_all(world)
    document = order()
    received = world.receive(document)
    activities = sweeps(temporal_client, world)
    async with working(temporal_client):
        delivery = activities._delivery
        assert received.order_request is not None
        await delivery.start_order(received.order_request)
        handle = temporal_client.get_workflow_handle_for(StandInOrder.run, f"order/main/{document['id']}")
        run_id = (await handle.describe()).run_id
        await handle.signal(StandInOrder.end)
        await handle.result()
        await delivery.start_order(received.order_request)

        assert (await handle.describe()).run_id == run_id


async def test_a_stored_event_waits_for_the_start_and_then_reaches_the_workflow(
    world: World, temporal_client: Client
) -> None:
    close_all(world)
    document = order()
    received = world.receive(document)
    world.receive(order(document["id"], minute=1, shipping_address=address(zip="28050")), "orders/updated")
    age(world)
    activities = sweeps(temporal_client, world)
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=datetime.now(UTC))
    async with working(temporal_client):
        assert await environment.run(activities.deliver_stored_events) == 0
        assert received.order_request is not None
        await activities._delivery.start_order(received.order_request)
        assert await environment.run(activities.deliver_stored_events) == 1
        assert await environment.run(activities.deliver_stored_events) == 0
        handle = temporal_client.get_workflow_handle_for(StandInOrder.run, f"order/main/{document['id']}")
        heard = await handle.query(StandInOrder.heard)
        await handle.signal(StandInOrder.end)

    assert [one.split()[0] for one in heard] == ["address_changed"]


@pytest.mark.parametrize(("state", "asked"), [("open", ["event_after_end"]), ("cancelled", [])])
async def test_an_event_that_finds_its_workflow_closed_is_asked_about_unless_it_was_heeded(
    world: World, temporal_client: Client, state: str, asked: list[str]
) -> None:
    document = order()
    received = world.receive(document)
    activities = sweeps(temporal_client, world)
    async with working(temporal_client):
        assert received.order_request is not None
        await activities._delivery.start_order(received.order_request)
        await temporal_client.get_workflow_handle(f"order/main/{document['id']}").terminate()
    cancelled = world.receive(order(document["id"], minute=1, cancelled_at=PAID_AT.isoformat()), "orders/cancelled")
    row = world.order_row(document)
    with world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE orders SET state = %s WHERE id = %s", (state, row.id))
    assert cancelled.event is not None

    assert [await activities._delivery.deliver_event(cancelled.event) for _ in range(2)] == [True, True]

    assert world.tasks(row.id) == asked
    (webhook,) = world.rows("SELECT delivered_at FROM webhooks WHERE id = :id", id=cancelled.event.webhook_id)
    assert webhook.delivered_at is not None


async def test_an_open_order_without_a_workflow_is_asked_about_once(world: World, temporal_client: Client) -> None:
    close_all(world)
    lost, running = order(), order()
    for document in (lost, running):
        world.receive(document)
        with world.database.begin() as tx:
            tx.exec_driver_sql(
                "UPDATE orders SET state = 'open', started_at = now() WHERE storefront_order_id = %s",
                (str(document["id"]),),
            )
    age(world)
    activities = sweeps(temporal_client, world)
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=datetime.now(UTC))
    async with working(temporal_client):
        handle = await temporal_client.start_workflow(
            "OrderWorkflow",
            {"order_id": 1, "channel": "main", "storefront_order_id": "1", "name": "#1", "lines": 1}
            | {"total": {"amount": "1.00", "currency": "EUR"}},
            id=f"order/main/{running['id']}",
            task_queue=ORDERS_QUEUE,
        )
        found = [await environment.run(activities.find_stalled_orders) for _ in range(2)]
        await handle.signal(StandInOrder.end)

    assert found == [1, 0]
    assert world.tasks(world.order_row(lost).id) == ["order_stalled"]
    assert world.tasks(world.order_row(running).id) == []


async def test_a_storefront_that_is_away_keeps_no_other_from_being_swept(world: World) -> None:
    both = configuration().model_copy(
        update={"channels": {**configuration().channels, "away": configuration().channels["main"]}}
    )
    apply(world.database, both.model_validate(_two_domains(both)), by="test", now=datetime.now(UTC))
    await until(lambda: len(world.configurations.current().configuration.channels) == 2)
    forget_cursors(world)
    known, missing, changed, unusable = order(), order(), order(), order(currency="XXQ")
    world.receive(known)
    world.receive({**changed, "financial_status": "pending"}, "orders/create")
    listed = [known, missing, {**changed, "updated_at": (PAID_AT + timedelta(minutes=1)).isoformat()}, unusable]
    shop, away = Shop(world, listed), Shop(world, [], Unavailable("no answer"))
    world.storefronts |= {"main": shop, "away": away}  # type: ignore[dict-item]
    now = datetime(2026, 3, 2, tzinfo=UTC)
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=now)
    activities = sweeps(None, world)  # type: ignore[arg-type]

    found = [environment.run(activities.fetch_missing_orders) for _ in range(2)]

    assert found == [3, 0]
    assert [world.order_row(one).state for one in (known, missing, changed)] == ["startable"] * 3
    assert world.rows("SELECT count(*) AS n FROM webhooks WHERE topic = 'sweep'")[0].n == 3
    assert world.rows("SELECT count(*) AS n FROM tasks WHERE key LIKE :key", key=f"%:{unusable['id']}")[0].n == 1
    assert shop.asked == [now - timedelta(days=2), now - timedelta(minutes=15)]
    assert away.asked == [now - timedelta(days=2)] * 2


async def test_no_storefront_is_asked_for_what_lies_before_the_watermark(world: World) -> None:
    shop = Shop(world, [])
    world.storefronts |= {"main": shop, "away": shop}  # type: ignore[dict-item]
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=WATERMARK + timedelta(minutes=1))
    forget_cursors(world)

    environment.run(sweeps(None, world).fetch_missing_orders)  # type: ignore[arg-type]

    assert set(shop.asked) == {WATERMARK}


async def test_a_step_that_fails_keeps_no_other_from_its_turn(temporal_client: Client) -> None:
    class Broken:
        @activity.defn
        async def fetch_missing_orders(self) -> int:
            raise ApplicationError("a bug", non_retryable=True)

        @activity.defn
        async def start_stored_orders(self) -> int:
            return 3

        @activity.defn
        async def deliver_stored_events(self) -> int:
            return 2

        @activity.defn
        async def find_stalled_orders(self) -> int:
            return 1

        @activity.defn
        async def wake_waiting_orders(self) -> int:
            return 4

    async with working(temporal_client, every_sweep(Broken())):  # type: ignore[arg-type]
        report = await sweep(temporal_client, "broken")

    assert report == SweepReport(fetched=0, started=3, delivered=2, stalled=1, woken=4)


def _two_domains(both: Any) -> dict[str, Any]:
    document: dict[str, Any] = both.model_dump(mode="json")
    document["channels"]["away"]["shop_domain"] = "away.example"
    return document
