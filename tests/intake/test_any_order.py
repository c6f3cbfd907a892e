import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from models.intake import Received
from tests.intake.world import PAID_AT, World, address, order, post

CANCELLED = {"cancelled_at": PAID_AT.isoformat()}
MOVED = {"shipping_address": address(zip="28099")}
# In the order in which they happened; each later one knows of the earlier.
HISTORY: dict[str, tuple[int, dict[str, Any]]] = {
    "orders/create": (0, {"financial_status": "pending"}),
    "orders/paid": (1, {}),
    "orders/updated": (2, MOVED),
    "orders/cancelled": (3, MOVED | CANCELLED),
}


def together(*acts: Callable[[], Any]) -> list[Any]:
    barrier = threading.Barrier(len(acts))

    def act_at_once(act: Callable[[], Any]) -> Any:
        barrier.wait(30)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act_at_once, acts))


def deliver(world: World, number: int, topic: str) -> Received:
    minute, changes = HISTORY[topic]
    return world.receive(order(number, minute=minute, **changes), topic)


def facts(world: World, number: int) -> tuple[bool, bool, str]:
    (row,) = world.rows(
        "SELECT paid, cancel_requested_at IS NOT NULL AS cancelled, address ->> 'postal_code' AS zip"
        " FROM orders JOIN addresses ON addresses.id = address_id WHERE storefront_order_id = :id",
        id=str(number),
    )
    return row.paid, row.cancelled, row.zip


@settings(max_examples=60)
@given(
    topics=st.permutations(list(HISTORY)),
    kept=st.sets(st.sampled_from(list(HISTORY)), min_size=1),
    repeats=st.lists(st.sampled_from(list(HISTORY)), max_size=3),
)
def test_the_same_deliveries_lead_to_the_same_order_whichever_comes_first(
    world: World, topics: list[str], kept: set[str], repeats: list[str]
) -> None:
    number = order()["id"]
    arriving = [topic for topic in topics + repeats if topic in kept]

    received = [deliver(world, number, topic) for topic in arriving]

    newest = max(kept, key=lambda topic: HISTORY[topic][0])
    minute, _ = HISTORY[newest]
    assert facts(world, number) == (minute > 0, "orders/cancelled" in kept, "28099" if minute > 1 else "28001")
    starts = sum(one.order_request is not None for one in received)
    cancels = sum(one.event is not None and one.event.kind == "cancelled" for one in received)
    if "orders/cancelled" not in kept:
        assert starts == (1 if minute else 0)
    else:
        # Either it never started, or it did and its workflow is told, once.
        assert starts == cancels <= 1
    assert world.tasks(world.order_row({"id": number}).id) == []


def test_a_cancellation_and_a_payment_in_the_same_instant_lose_nothing(world: World) -> None:
    for _ in range(60):
        number = order()["id"]
        paid, cancelled = together(
            lambda number=number: deliver(world, number, "orders/paid"),
            lambda number=number: deliver(world, number, "orders/cancelled"),
        )
        assert facts(world, number)[1], "the cancellation was lost"
        assert (paid.order_request is not None) == (cancelled.event is not None)


def test_three_copies_at_once_start_one_order(api: httpx.Client, world: World) -> None:
    for _ in range(10):
        document = order()
        replies = together(*[lambda document=document: post(api, document)] * 3)
        assert sorted(reply.json()["outcome"] for reply in replies) == ["startable", "unchanged", "unchanged"]


def test_three_copies_at_once_under_one_delivery_id_start_one_order(api: httpx.Client) -> None:
    for _ in range(10):
        document = order()
        same = {"X-Shopify-Webhook-Id": f"same-{document['id']}", "X-Shopify-Event-Id": f"event-{document['id']}"}
        replies = together(*[lambda document=document, same=same: post(api, document, **same)] * 3)
        assert sorted(reply.json()["outcome"] for reply in replies) == ["repeated", "repeated", "startable"]


def test_a_claim_and_a_change_of_address_always_see_one_another(world: World) -> None:
    for _ in range(40):
        document = order()
        world.receive(document)
        row = world.order_row(document)
        with world.database.begin() as tx:
            tx.exec_driver_sql(
                "INSERT INTO purchase_orders (order_id, plan_no, number, supplier, attempt, workflow_id, state, mode,"
                " test, submission) VALUES (%s, 1, %s, 'bts', 1, %s, 'quoted', 'live', false, 'ready')",
                (row.id, f"DW-{row.id}", f"po-{row.id}"),
            )
        seen, _changed = together(
            lambda row=row: claim(world, row.id),
            lambda number=document["id"]: world.receive(order(number, minute=1, **MOVED), "orders/updated"),
        )
        claim_saw_it = seen != row.address_id
        assert claim_saw_it != (world.tasks(row.id) == ["address_changed_late"])


def claim(world: World, order_id: int) -> int:
    """Claim as the submit activity does: lock the order, read its address, then write the claim."""
    with world.database.begin() as tx:
        query = "SELECT address_id FROM orders WHERE id = %s FOR UPDATE"
        address_id: int = tx.exec_driver_sql(query, (order_id,)).scalar_one()
        tx.exec_driver_sql("UPDATE purchase_orders SET submission = 'sending' WHERE order_id = %s", (order_id,))
        return address_id


def test_a_workflow_that_takes_its_order_on_is_never_undone_by_a_delivery(world: World) -> None:
    def take_on(order_id: int) -> None:
        with world.database.begin() as tx:
            tx.exec_driver_sql("UPDATE orders SET state = 'open' WHERE id = %s AND state = 'startable'", (order_id,))

    for _ in range(40):
        document = order()
        world.receive(document)
        order_id = world.order_row(document).id
        together(
            lambda order_id=order_id: take_on(order_id),
            lambda number=document["id"]: world.receive(order(number, minute=1, **MOVED), "orders/updated"),
        )
        assert world.order_row(document).state == "open"
