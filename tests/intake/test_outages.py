import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from sqlalchemy import text
from temporalio.client import Client

from activities.delivery import OrderDelivery
from models.contracts import OrderRequest
from models.intake import IntakeOutcome, Received
from models.money import Money
from starter.delivery import BACKLOG, CONCURRENT, Deliverer
from starter.postgres import EmbeddedPostgres
from starter.temporal_server import TemporalServer
from tests.intake.temporal import StandInOrder, register_search_attributes, until, working
from tests.intake.world import World, address, order, post, serving


def request(number: int) -> OrderRequest:
    total = Money.model_validate({"amount": "1.00", "currency": "EUR"})
    return OrderRequest(
        order_id=number, channel="main", storefront_order_id=str(number), name=f"#{number}", total=total, lines=1
    )


async def test_without_temporal_the_order_is_stored_and_answered(api: httpx.Client, world: World) -> None:
    document = order()

    assert post(api, document).status_code == 200
    row = world.order_row(document)
    assert (row.state, row.started_at) == ("startable", None)


async def test_an_accepted_order_is_started_at_once_and_once(
    world: World, temporal_server: TemporalServer, temporal_client: Client
) -> None:
    await register_search_attributes(temporal_client)
    document = order()
    with serving(world, temporal_server.address) as api:
        for _ in range(3):
            post(api, document)
        await until(lambda: world.order_row(document).started_at is not None)

    description = await temporal_client.get_workflow_handle(f"order/main/{document['id']}").describe()
    assert description.workflow_type == "OrderWorkflow"
    assert await description.static_summary() == f"{document['name']} · 1 line · 25.00 EUR"
    assert description.task_queue == "orders"
    await temporal_client.get_workflow_handle(f"order/main/{document['id']}").terminate()


async def test_a_running_order_hears_of_a_new_address_and_a_cancellation(
    world: World, temporal_server: TemporalServer, temporal_client: Client
) -> None:
    document = order()
    with serving(world, temporal_server.address) as api:
        async with working(temporal_client):
            post(api, document)
            await until(lambda: world.order_row(document).started_at is not None)
            post(api, order(document["id"], minute=1, shipping_address=address(zip="28007")), "orders/updated")
            post(api, order(document["id"], minute=2, cancelled_at="2026-03-01T13:00:00Z"), "orders/cancelled")

            handle = temporal_client.get_workflow_handle_for(StandInOrder.run, f"order/main/{document['id']}")

            async def heard_both() -> bool:
                return len(await handle.query(StandInOrder.heard)) == 2

            await until(heard_both)
            heard = await handle.query(StandInOrder.heard)
            await handle.signal(StandInOrder.end)
            assert await handle.result() == world.order_row(document).id

    assert sorted(one.split()[0] for one in heard) == ["address_changed", "cancelled"]
    await until(lambda: world.rows("SELECT 1 FROM webhooks WHERE delivered_at IS NULL AND event IS NOT NULL") == [])


def test_without_the_database_nothing_is_half_done_and_then_all_is_well(
    postgres_server: EmbeddedPostgres, api: httpx.Client, world: World
) -> None:
    before = world.rows("SELECT count(*) AS n FROM webhooks")[0].n
    postgres_server.kill()
    try:
        refused, ready = post(api, order()), api.get("/readyz")
    finally:
        postgres_server.start()

    assert (refused.status_code, refused.json(), ready.status_code) == (503, {"error": "unavailable"}, 503)
    assert world.rows("SELECT count(*) AS n FROM webhooks")[0].n == before
    document = order()
    assert post(api, document).json() == {"outcome": "startable"}
    assert api.get("/readyz").status_code == 200


def test_a_shop_hears_in_time_that_its_order_is_not_stored_yet(world: World) -> None:
    document = order()
    with serving(world, answer_seconds=0.5) as api:
        with world.database.begin() as tx:
            tx.execute(text("LOCK TABLE webhooks IN ACCESS EXCLUSIVE MODE"))
            refused = post(api, document)
        redelivered = post(api, document)

    assert (refused.status_code, refused.json()) == (503, {"error": "too_slow_to_store"})
    assert redelivered.json()["outcome"] in ("startable", "repeated", "unchanged")  # the first may be stored by now
    assert len(world.rows("SELECT 1 FROM orders WHERE storefront_order_id = :id", id=str(document["id"]))) == 1


def test_a_restart_of_the_database_between_two_deliveries_goes_unnoticed(
    postgres_server: EmbeddedPostgres, api: httpx.Client
) -> None:
    assert post(api, order()).status_code == 200
    postgres_server.kill()
    postgres_server.start()

    assert [post(api, order()).status_code for _ in range(5)] == [200] * 5


class Slow(OrderDelivery):
    """Counts how many starts are under way at once."""

    def __init__(self, failing: int = -1, seconds: float = 0.02) -> None:
        self.under_way = self.most = self.done = 0
        self._failing, self._seconds = failing, seconds

    async def start_order(self, request: OrderRequest) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(self._seconds)
        self.under_way -= 1
        if request.order_id == self._failing:
            raise ValueError("a bug")
        self.done += 1


async def test_at_most_eight_starts_are_under_way_and_leaving_drains_them() -> None:
    slow = Slow()
    async with Deliverer(slow) as deliverer:
        for number in range(1, 41):
            deliverer.submit(Received(outcome=IntakeOutcome.STARTABLE, order_request=request(number)))

    assert (slow.most, slow.done) == (CONCURRENT, 40)


async def test_one_failing_delivery_stops_none_behind_it() -> None:
    slow = Slow(failing=1)
    async with Deliverer(slow) as deliverer:
        for number in [1] * 20 + list(range(2, 12)):
            deliverer.submit(Received(outcome=IntakeOutcome.STARTABLE, order_request=request(number)))

    assert slow.done == 10


async def test_what_no_longer_fits_the_backlog_is_left_to_the_sweep() -> None:
    quick = Slow(seconds=0)
    deliverer = Deliverer(quick)
    for number in range(1, BACKLOG + 500):
        deliverer.submit(Received(outcome=IntakeOutcome.STARTABLE, order_request=request(number)))

    async with deliverer:
        pass

    assert quick.done == BACKLOG


def test_what_was_answered_with_200_is_stored_also_while_the_server_stops(world: World) -> None:
    documents = [order() for _ in range(40)]
    answered = []
    with serving(world) as api, ThreadPoolExecutor(8) as pool:

        def deliver(document: dict[str, Any]) -> None:
            try:
                if post(api, document).status_code == 200:
                    answered.append(document)
            except httpx.TransportError:
                return

        futures = [pool.submit(deliver, document) for document in documents]
        futures[3].result()
    assert len(answered) >= 4
    assert all(world.order_row(document).state == "startable" for document in answered)
