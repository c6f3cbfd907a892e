"""What a channel may sell, as the one view of it says, and as the publisher reads it."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities import shelves
from adapters.database import listings, stock_views
from models.configuration import Configuration
from models.statuses import PurchaseOrderState
from tests.stock.world import DAY, HOUR, NOW, StockWorld

A, B, C = "8411061000001", "8411061000002", "8411061000003"
KIT, BOX = "8411061000008", "8411061000009"


@pytest.mark.parametrize(
    ("offers", "publishing", "units"),
    [
        ([(5, {})], {}, 5),
        ([(5, {}), (3, {"supplier": "nova"})], {}, 8),
        ([(5, {}), (3, {"supplier": "away"})], {}, 5),  # switched off: nobody may order there
        ([(0, {})], {}, 0),
        ([(-4, {}), (3, {"supplier": "nova"})], {}, 3),
        ([(5, {"known": False})], {}, 0),
        ([(5, {"discontinued": True})], {}, 0),
        ([(14, {"pack": 6})], {}, 12),
        ([(5, {"pack": 6})], {}, 0),
        ([(5, {"minimum": 6})], {}, 0),
        ([(6, {"minimum": 6})], {}, 6),
        ([(5, {"reserved": 2})], {}, 3),
        ([(14, {"pack": 6, "reserved": 3})], {}, 6),
        ([(5, {"reserved": 9})], {}, 0),
        ([(5, {})], {"buffer": 2}, 3),
        ([(5, {})], {"buffer": 5}, 0),
        ([(100, {})], {"buffer_share": 0.07}, 93),
        ([(5, {})], {"buffer_share": 0.1}, 4),  # a share of a piece is a piece
        ([(20, {})], {"buffer": 1, "buffer_share": 0.5}, 9),
        ([(50, {})], {"max_quantity": 10}, 10),
        ([(5, {"observed_at": NOW - 4 * DAY})], {}, 0),
        ([(5, {"observed_at": NOW - 4 * DAY})], {"stale_after": "9d"}, 0),  # its supplier's word holds for three days
        ([(5, {"observed_at": NOW - 2 * DAY})], {"stale_after": "1d"}, 0),
    ],
)
def test_a_channel_may_sell_what_can_be_delivered(
    world: StockWorld, offers: list[tuple[int, dict[str, Any]]], publishing: dict[str, Any], units: int
) -> None:
    world.configure(publishing=publishing)
    for quantity, more in offers:
        world.offer(A, quantity, **more)

    assert world.sellable(A) == units


@pytest.mark.parametrize(
    ("buffers", "units"),
    [
        ([], 30),
        ([{"units": 2}], 26),
        ([{"suppliers": ["nova"], "units": 4}], 26),
        ([{"articles": [A], "units": 3}, {"articles": [B], "units": 9}], 24),
        ([{"categories": ["Perfume"], "units": 5}, {"categories": ["Other"], "units": 9}], 25),
        ([{"units": 1}, {"suppliers": ["bts"], "units": 4}], 25),  # the largest that fits, for each
        ([{"share": 0.25}], 22),
        ([{"units": 4, "share": 0.1}], 22),
        ([{"units": 50}], 0),
    ],
)
def test_buffers_are_kept_back_from_every_offer_that_fits(
    world: StockWorld, buffers: list[dict[str, Any]], units: int
) -> None:
    world.configure(stock={"buffers": buffers})
    world.offer(A, 20)
    world.offer(A, 10, supplier="nova")
    world.execute(
        "INSERT INTO supplier_articles (supplier, sku, category, first_seen_at, changed_at) "
        "VALUES ('bts', :sku, 'Perfume', :now, :now)",
        sku=f"bts-{A}",
        now=NOW,
    )

    assert world.sellable(A) == units
    with world.database.begin() as tx:
        read = stock_views.offers_of(tx, [A], ["bts", "nova"], now=NOW)
    assert sum(offer.available for offer in read) == units, "the router has the same figures"


def test_a_promise_of_its_supplier_ends_an_offer_before_the_channel_does(world: StockWorld) -> None:
    world.document["suppliers"]["bts"]["terms"] = {"stock_promise": "2h"}
    world.configure()
    world.offer(A, 5)

    assert world.sellable(A, at=NOW) == 5
    assert world.sellable(A, at=NOW + 2 * HOUR) == 0


def test_a_row_that_its_feed_brings_again_keeps_an_old_offer_fresh(world: StockWorld) -> None:
    world.offer(A, 5, observed_at=NOW - 30 * DAY)
    world.execute(
        'INSERT INTO feed_runs (id, supplier, feed, kind, trigger, workflow_run_id, state, fields, "full", source_time, '
        "started_at) VALUES (1, 'bts', 'stock', 'stock', 'schedule', '1', 'applied', '[\"sku\", \"quantity\"]', true, "
        ":at, :at)",
        at=NOW - HOUR,
    )
    world.execute("INSERT INTO feed_states (supplier, feed, applied_run_id) VALUES ('bts', 'stock', 1)")
    world.execute("INSERT INTO feed_rows (supplier, feed, sku, hash) VALUES ('bts', 'stock', :sku, 7)", sku=f"bts-{A}")

    assert world.sellable(A) == 5
    assert world.sellable(A, at=NOW + 4 * DAY) == 0


def test_what_is_sold_is_subtracted_once_whether_it_is_reserved_or_not(world: StockWorld) -> None:
    world.offer(A, 10)
    order = world.order((A, 4), channel="second")
    assert world.sellable(A) == 6

    bought = world.buy(order, ("1", A, 4))
    assert bought is not None
    assert world.sellable(A) == 6
    assert world.rows("SELECT * FROM unreserved") == []

    world.end(bought, PurchaseOrderState.REJECTED)
    assert world.sellable(A) == 6, "the customer still wants it"
    world.execute("UPDATE orders SET state = 'cancelled', ended_at = :now", now=NOW)
    assert world.sellable(A) == 10


@pytest.mark.parametrize(
    ("order", "units"),
    [
        ({"state": "startable"}, 6),
        ({"state": "stored"}, 6),  # young, and not paid yet
        ({"state": "stored", "at": NOW - timedelta(days=4)}, 10),
        ({"state": "cancelled"}, 10),
        ({"test": True}, 10),
    ],
)
def test_orders_that_may_still_be_delivered_are_subtracted(
    world: StockWorld, order: dict[str, Any], units: int
) -> None:
    world.offer(A, 10)
    world.order((A, 4), **order)
    assert world.sellable(A) == units


def test_a_bundle_sells_as_often_as_its_scarcest_part(world: StockWorld) -> None:
    world.configure(stock={"bundles": {KIT: {A: 2, B: 1}, BOX: {KIT: 1, B: 2, C: 1}}})
    world.offer(A, 9)
    world.offer(B, 2)
    world.offer(B, 5, supplier="nova")
    world.offer(C, 50)
    world.offer(KIT, 99)  # a supplier may have it under that number: it is taken apart all the same

    assert (world.sellable(KIT), world.sellable(BOX)) == (4, 2)

    order = world.order((KIT, 2))
    assert (world.sellable(KIT), world.sellable(BOX), world.sellable(A), world.sellable(B)) == (2, 1, 5, 5)
    world.buy(order, ("1", A, 4), ("1", B, 2))
    assert (world.sellable(KIT), world.sellable(BOX), world.sellable(A), world.sellable(B)) == (2, 1, 5, 5)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_publisher_reads_what_the_view_says(world: StockWorld, data: st.DataObject) -> None:
    world.empty()
    publishing = {
        "buffer": data.draw(st.integers(0, 4)),
        "buffer_share": data.draw(st.sampled_from([0.0, 0.1, 0.5])),
        "max_quantity": data.draw(st.sampled_from([None, 7])),
    }
    buffers = data.draw(st.lists(st.fixed_dictionaries({"units": st.integers(1, 5)}), max_size=2))
    world.configure(publishing=publishing, stock={"buffers": buffers, "bundles": {KIT: {A: 2, B: 1}, BOX: {KIT: 1}}})
    for ean in (A, B, C):
        for supplier in data.draw(st.sets(st.sampled_from(["bts", "nova", "away"]))):
            old = data.draw(st.booleans())
            world.offer(
                ean,
                data.draw(st.integers(-2, 30)),
                supplier=supplier,
                pack=data.draw(st.sampled_from([None, 3])),
                observed_at=NOW - (5 * DAY if old else HOUR),
            )
    for ean in data.draw(st.lists(st.sampled_from([A, B, KIT]), max_size=3)):
        world.order((ean, data.draw(st.integers(1, 5))))

    configuration = Configuration.model_validate(world.document)
    fresh_since = shelves.fresh_since(configuration, "main", NOW)
    shown_by = configuration.channels["main"].publishing
    with world.database.begin() as tx:
        stock_views.set_now(tx, NOW)
        sold = listings.unreserved(tx)
        _, read = listings.for_sale(tx, [A, B, C], fresh_since, sold, shown_by)
        read |= listings.bundled(tx, "main", [KIT, BOX], sold, shown_by)
    shown = {ean: world.sellable(ean) for ean in (A, B, C, KIT, BOX)}
    assert read == {ean: units for ean, units in shown.items() if units is not None}
    offers = {row["ean"]: row["sum"] for row in world.rows("SELECT ean, sum(quantity) FROM offers GROUP BY ean")}
    for ean in (A, B, C):
        assert 0 <= read.get(ean, 0) <= max(0, offers.get(ean, 0) + 4 - sold.get(ean, 0))
