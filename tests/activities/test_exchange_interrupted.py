"""A process that is gone in the middle of a round of the exchange: nothing is lost, and nothing is applied twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.exchange import DocumentKind, OrderAcknowledged, OrderShipped, StockReported, Unclear
from models.suppliers import SupplierState, TrackedParcel
from tests.activities.exchange_child import POINTS
from tests.activities.exchange_world import Exchange, draft
from tests.activities.mortals import KILLED, Kill, mortals
from tests.activities.world import World

FEED = {"kind": "stock", "source": "push", "push_secret_env": "PUSH_SECRET", "columns": {"sku": "sku"}}


@pytest.fixture
def exchange(world: World, tmp_path: Path) -> Exchange:
    world.configure(suppliers={"bts": {"feeds": {"edi": FEED}}})
    return Exchange(world, tmp_path)


@pytest.fixture(scope="module")
def kill() -> Iterator[Kill]:
    with mortals("tests.activities.exchange_child") as ask:
        yield ask


@pytest.mark.parametrize("point", POINTS)
async def test_a_round_that_was_killed_is_finished_by_the_next(
    exchange: Exchange, kill: Kill, database_url: str, point: str
) -> None:
    order = exchange.world.placed()
    workflow = exchange.world.purchase_order(order)["workflow_id"]
    exchange.lifecycles.running = {workflow}
    exchange.desk.prepare(DocumentKind.CANCELLATION, [order.number], draft)
    parcel = TrackedParcel(tracking_number="T1")
    exchange.arrives(OrderAcknowledged(number=order.number), Unclear(number=order.number, reason="hold"))
    exchange.arrives(StockReported(feed="edi", body=b"846"))
    exchange.arrives(OrderShipped(number=order.number, parcels=(parcel,)))

    assert kill(database_url, str(exchange.root), point) == str(KILLED)
    exchange.round()
    await exchange.tell()

    assert (exchange.lies_in("inbox"), len(exchange.lies_in("archive"))) == ([], 3)
    rows = exchange.world.rows
    assert [row["state"] for row in rows("SELECT state FROM partner_documents WHERE direction = 'in'")] == [
        "applied"
    ] * 3
    news = rows("SELECT news->>'news' AS news, told_at IS NOT NULL AS told FROM partner_news ORDER BY id")
    assert [(row["news"], row["told"]) for row in news] == [("acknowledged", True), ("shipped", True)]
    assert len(rows("SELECT * FROM feed_pushes")) == 1
    assert exchange.world.tasks() == ["document_unclear"]
    assert exchange.lies_in("outbox") == ["order-1.edi"]
    assert exchange.desk.unsent() == []
    status = exchange.desk.order_status(order.number)
    assert status is not None
    assert (status.state, [one.tracking_number for one in status.parcels]) == (SupplierState.SHIPPED, ["T1"])
    assert exchange.lifecycles.heard == [workflow]
    assert exchange.round() is None
