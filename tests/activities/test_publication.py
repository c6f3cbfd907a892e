from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities import publication
from adapters.errors import Refused, Throttled
from models.listings import NOT_APPLIED, BulkState, ListingChange
from models.sync import PublicationRequest
from tests.activities.supply_world import MINUTE, NOW, SupplyWorld, ean, step

HOUR = timedelta(hours=1)
PRICING = {"currency": "EUR", "rules": [{"name": "all", "markup": "0.5"}], "min_margin": "0.1"}


@pytest.fixture
def world(database_url: str) -> Iterator[SupplyWorld]:
    built = SupplyWorld(database_url)
    yield built
    built.database.close()


def stocked(world: SupplyWorld, count: int, quantity: int = 5) -> None:
    """Have a shop with this many variants, each offered by a supplier, and nothing published yet."""
    for number in range(1, count + 1):
        world.shop.put(number, ean(number))
        world.offer(ean(number), quantity)
    world.refresh()


def test_a_shop_shows_what_the_suppliers_have_less_its_buffers(world: SupplyWorld) -> None:
    world.document["stock"] = {"buffers": [{"suppliers": ["nova"], "units": 1}]}
    world.configure(buffer=2)
    world.shop.put(1, ean(1))
    world.offer(ean(1), 5)
    world.offer(ean(1), 4, supplier="nova")
    world.refresh()

    published = world.publish()

    assert published is not None
    assert (published.sent, published.refused) == (1, 0)
    assert world.shop.shows(1) == (6, None, "in stock")


def test_only_what_differs_is_sent(world: SupplyWorld) -> None:
    stocked(world, 3)
    world.publish()
    world.offer(ean(2), 7)
    world.offer(ean(3), 5)  # written again, and the same
    world.shop.calls.clear()

    world.publish(NOW + MINUTE)

    assert [variants for _, variants in world.shop.calls] == [["0002"]]
    assert world.publish(NOW + 2 * MINUTE) is None


def test_nothing_is_known_of_a_shop_before_its_listings_are_read(world: SupplyWorld) -> None:
    assert world.prepare().needs_listings


def test_what_no_supplier_offers_is_the_merchants_own_and_never_touched(world: SupplyWorld) -> None:
    world.shop.put(1, ean(1), quantity=30)
    world.shop.put(2, "", quantity=4)
    world.refresh()

    assert world.publish() is None
    assert world.shop.shows(1)[0] == 30


def test_a_variant_whose_stock_the_shop_does_not_track_keeps_its_quantity(world: SupplyWorld) -> None:
    world.shop.put(1, ean(1), tracked=False)
    world.offer(ean(1), 5)
    world.refresh()

    assert world.publish() is None


def test_in_observe_mode_nothing_leaves_and_the_listings_wait(world: SupplyWorld) -> None:
    stocked(world, 2)
    world.document["channels"]["main"]["mode"] = "observe"
    world.apply()
    assert world.publish() is None

    world.document["channels"]["main"]["mode"] = "live"
    world.apply()
    published = world.publish(NOW + MINUTE)
    assert published is not None
    assert published.sent == 2


def test_a_switch_to_observe_takes_back_what_has_not_left_yet(world: SupplyWorld) -> None:
    stocked(world, 2)
    prepared = world.prepare()
    world.document["channels"]["main"]["mode"] = "observe"
    world.apply()

    assert world.send(prepared).sent == 0
    assert world.shop.calls == []
    assert len(world.rows("SELECT 1 FROM listings WHERE dirty_since IS NOT NULL")) == 2


def test_a_killed_publication_goes_on_where_it_was_under_the_same_key(
    world: SupplyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "SLICE", 2)
    stocked(world, 5)
    prepared = world.prepare()
    killed = iter([None, RuntimeError("killed after the shop took it")])

    def die() -> None:
        if error := next(killed, None):
            raise error

    world.shop.after_call = die
    with pytest.raises(RuntimeError):
        world.send(prepared)

    published = world.send(prepared)

    assert (published.sent, published.refused) == (5, 0)
    keys = {key for key, _ in world.shop.calls}
    assert [variants for _, variants in world.shop.calls] == [
        ["0001", "0002"],
        ["0003", "0004"],
        ["0003", "0004"],
        ["0005"],
    ]
    assert len(keys) == 3
    assert all(world.shop.shows(number)[0] == 5 for number in range(1, 6))


def test_an_unfinished_publication_is_finished_before_another_one_is_prepared(world: SupplyWorld) -> None:
    stocked(world, 1)
    first = world.prepare()
    world.offer(ean(1), 9)

    again = world.prepare()
    assert again.publication_id == first.publication_id
    assert again.more
    world.send(again)
    world.publish(NOW + MINUTE)
    assert world.shop.shows(1)[0] == 9


def test_a_preparation_that_was_killed_forgets_what_is_no_longer_true(
    world: SupplyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "BATCH", 2)
    stocked(world, 4)
    world.publish()
    for number in range(1, 5):
        world.offer(ean(number), 8)
    beaten: list[Any] = []

    def die_after_the_first_batch(*place: Any) -> None:
        beaten.append(place)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("activities.heartbeat.Heartbeat.at", die_after_the_first_batch)
        with pytest.raises(RuntimeError):
            world.prepare()
    world.offer(ean(1), 5)  # as published: nothing is to be said of it any more

    prepared = world.prepare(NOW + MINUTE)

    assert beaten
    assert prepared.items == 3
    world.send(prepared)
    assert [world.shop.shows(number)[0] for number in range(1, 5)] == [5, 8, 8, 8]


def test_a_change_while_its_listing_is_looked_at_is_looked_at_again(world: SupplyWorld) -> None:
    stocked(world, 1)
    prepared = world.prepare()
    world.offer(ean(1), 2)
    world.send(prepared)
    assert world.shop.shows(1)[0] == 5

    world.publish(NOW + MINUTE)
    assert world.shop.shows(1)[0] == 2


def test_throttling_interrupts_and_the_next_attempt_goes_on(
    world: SupplyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "SLICE", 1)
    stocked(world, 3)
    prepared = world.prepare()
    throttled = iter([False, True])

    def throttle(_changes: object) -> None:
        if next(throttled, False):
            raise Throttled("publish: throttled", retry_after=timedelta(seconds=2))

    world.shop.on_call = throttle
    with pytest.raises(Throttled):
        world.send(prepared)
    assert world.send(prepared).sent == 3


def test_what_a_shop_refuses_is_tried_again_after_growing_pauses_and_then_asked_about(world: SupplyWorld) -> None:
    stocked(world, 2)
    world.shop.refuse = {"0001": "ITEM_NOT_STOCKED_AT_LOCATION"}
    first = world.publish()
    assert first is not None
    assert (first.sent, first.refused, first.retry_in) == (1, 1, 15 * MINUTE)

    assert world.publish(NOW + 14 * MINUTE) is None
    assert world.publish(NOW + 16 * MINUTE) is not None
    assert world.publish(NOW + 40 * MINUTE) is None  # half an hour after the second
    assert world.rows("SELECT 1 FROM tasks WHERE state = 'open'") == []
    assert world.publish(NOW + 47 * MINUTE) is not None

    [task] = world.rows("SELECT * FROM tasks WHERE state = 'open'")
    assert task["category"] == "listings_refused"
    assert task["question"].startswith("main refused 1 changes of stock or price (ITEM_NOT_STOCKED_AT_LOCATION (1)).")

    world.shop.refuse = {}
    world.publish(NOW + 3 * HOUR)
    assert world.shop.shows(1)[0] == 5
    assert world.rows("SELECT state FROM tasks") == [{"state": "obsolete"}]


def test_a_refusal_of_the_whole_call_is_a_refusal_of_each(world: SupplyWorld) -> None:
    stocked(world, 2)

    def refuse(_changes: object) -> None:
        raise Refused("publish: no such location", code="LOCATION_NOT_FOUND")

    world.shop.on_call = refuse
    published = world.publish()
    assert published is not None
    assert published.refused == 2
    codes = world.rows("SELECT DISTINCT refused_code FROM listings")
    assert codes == [{"refused_code": "LOCATION_NOT_FOUND"}]


def test_a_change_in_bad_company_is_sent_again_without_it(world: SupplyWorld) -> None:
    stocked(world, 3)
    refusals = iter([{"0001": NOT_APPLIED, "0002": "INVALID", "0003": NOT_APPLIED}, {}])

    def refuse(_changes: object) -> None:
        world.shop.refuse = next(refusals)

    world.shop.on_call = refuse
    published = world.publish()
    assert published is not None
    assert (published.sent, published.refused) == (2, 1)
    assert [variants for _, variants in world.shop.calls] == [["0001", "0002", "0003"], ["0001", "0003"]]


def test_many_changes_go_in_bulk_and_are_waited_for_by_retry(world: SupplyWorld) -> None:
    world.configure(bulk_from=3)
    stocked(world, 4)
    world.shop.refuse = {"0002": "INVALID"}
    world.shop.bulk_answers = [BulkState.RUNNING]
    prepared = world.prepare()
    assert prepared.bulk
    world.send(prepared)
    world.send(prepared)  # repeated after its answer was lost
    assert len(world.shop.bulk) == 1

    with pytest.raises(ApplicationError, match="bulk operation") as waiting:
        world.follow(prepared)
    assert waiting.value.next_retry_delay is not None
    published = world.follow(prepared)

    assert (published.sent, published.refused) == (3, 1)
    assert world.follow(prepared) == published
    assert world.shop.calls == []


def test_a_bulk_that_fails_as_a_whole_is_made_anew_three_times_and_then_asked_about(world: SupplyWorld) -> None:
    world.configure(bulk_from=1)
    stocked(world, 2)
    world.shop.bulk_answers = [BulkState.FAILED] * 3
    prepared = world.prepare()
    world.send(prepared)
    for _ in range(2):
        with pytest.raises(ApplicationError, match="bulk operation failed"):
            world.follow(prepared)
    published = world.follow(prepared)

    assert len(world.shop.bulk) == 3
    assert (published.sent, published.refused) == (0, 2)
    assert [row["category"] for row in world.rows("SELECT category FROM tasks WHERE state = 'open'")] == [
        "listings_refused"
    ]


def test_what_customers_of_another_channel_bought_is_not_shown_here(world: SupplyWorld) -> None:
    stocked(world, 1, quantity=5)
    world.publish()

    order = world.sell(f" {ean(1)[:4]} {ean(1)[4:]}", 2, channel="second", at=NOW + MINUTE)
    world.publish(NOW + 2 * MINUTE)
    assert world.shop.shows(1)[0] == 3

    world.order_at_supplier(order, ean(1), 2, at=NOW + 3 * MINUTE)  # its stock was told before
    assert world.publish(NOW + 4 * MINUTE) is None

    world.answer(ean(1), 3, at=NOW + 5 * MINUTE)  # the supplier has taken them off
    assert world.publish(NOW + 6 * MINUTE) is None
    assert world.shop.shows(1)[0] == 3


def test_what_the_shop_took_off_by_itself_is_written_again(world: SupplyWorld) -> None:
    stocked(world, 1, quantity=5)
    world.publish()
    world.shop.put(1, ean(1), quantity=4, words="in stock")  # it has sold one
    world.sell(ean(1), 1, variant="0001", at=NOW + MINUTE)
    world.offer(ean(1), 6)

    world.publish(NOW + 2 * MINUTE)

    assert world.shop.shows(1)[0] == 5


def test_an_offer_that_nobody_confirms_any_more_counts_as_nothing(world: SupplyWorld) -> None:
    stocked(world, 1)
    world.publish()
    assert world.publish(NOW + 2 * 24 * HOUR) is None

    world.publish(NOW + 4 * 24 * HOUR)
    assert world.shop.shows(1) == (0, None, "out of stock")


def test_a_feed_that_brings_the_same_again_keeps_its_offers_fresh_until_it_falls_silent(world: SupplyWorld) -> None:
    stocked(world, 1)
    world.execute("INSERT INTO feed_rows (supplier, feed, sku, hash) VALUES ('bts', 'stock', :s, 1)", s=f"bts-{ean(1)}")

    def bring(run: int, at: timedelta, state: str = "unchanged") -> None:
        world.execute(
            'INSERT INTO feed_runs (id, supplier, feed, kind, trigger, workflow_run_id, state, fields, "full", started_at, '
            "ended_at) VALUES (:id, 'bts', 'stock', 'stock', 'schedule', :run, :state, '[\"quantity\"]', true, :at, :at)",
            id=run,
            run=str(run),
            state=state,
            at=NOW + at,
        )

    bring(1, timedelta(0), "applied")
    world.execute("INSERT INTO feed_states (supplier, feed, applied_run_id) VALUES ('bts', 'stock', 1)")
    world.publish()
    bring(2, timedelta(days=2))
    assert world.publish(NOW + timedelta(days=4)) is None

    world.publish(NOW + timedelta(days=6))  # silent for four days
    assert world.shop.shows(1)[0] == 0

    bring(3, timedelta(days=7))
    world.publish(NOW + timedelta(days=7, hours=1))
    assert world.shop.shows(1)[0] == 5


def test_prices_follow_the_cost_of_the_supplier_that_is_ordered_from_first(world: SupplyWorld) -> None:
    world.configure(prices=True, pricing=PRICING)
    world.shop.put(1, ean(1), price=Decimal("99.00"))
    world.offer(ean(1), 0, "8.00")
    world.offer(ean(1), 3, "10.00", supplier="nova")
    world.refresh()
    world.publish()
    assert world.shop.shows(1)[:2] == (3, Decimal("15.00"))

    world.offer(ean(1), 2, "8.00")
    world.publish(NOW + MINUTE)
    assert world.shop.shows(1)[:2] == (5, Decimal("12.00"))


def test_a_promotion_begins_and_ends_by_itself(world: SupplyWorld) -> None:
    sale = {"name": "sale", "starts": NOW + HOUR, "ends": NOW + 2 * HOUR, "discount": "0.1", "skus": ["SKU-1"]}
    world.configure(prices=True, pricing={**PRICING, "promotions": [sale]})
    stocked(world, 2)
    world.publish()
    shown = []
    for hours in (0.5, 1.5, 2.5):
        world.publish(NOW + hours * HOUR)
        shown.append([world.shop.shows(number)[1] for number in (1, 2)])

    plain, reduced = Decimal("15.00"), Decimal("13.50")
    assert shown == [[plain, plain], [reduced, plain], [plain, plain]]


def test_changed_settings_are_applied_to_the_whole_shop(world: SupplyWorld) -> None:
    stocked(world, 2)
    world.publish()
    world.configure(buffer=1)
    published = world.publish(NOW + MINUTE)
    assert published is not None
    assert published.sent == 2
    assert world.shop.shows(2)[0] == 4


def test_variants_that_the_shop_no_longer_has_are_forgotten_and_new_ones_looked_at(world: SupplyWorld) -> None:
    stocked(world, 3)
    world.publish()
    del world.shop.listings["0003"]
    world.shop.put(4, ean(4), title="New")
    world.offer(ean(4), 1)
    assert world.refresh(NOW + MINUTE) == 3

    assert [row["variant_id"] for row in world.rows("SELECT variant_id FROM listings ORDER BY 1")] == [
        "0001",
        "0002",
        "0004",
    ]
    published = world.publish(NOW + 2 * MINUTE)
    assert published is not None
    assert published.sent == 1
    assert world.rows("SELECT ean, title FROM articles WHERE sku = 'SKU-4'") == [{"ean": ean(4), "title": "New"}]


def test_a_killed_walk_goes_on_with_the_page_where_it_was(world: SupplyWorld) -> None:
    world.shop.page = 2
    for number in range(1, 6):
        world.shop.put(number, ean(number))
    assert world.refresh() == 5
    began = world.beats[0][2]
    assert [beat[:2] for beat in world.beats] == [("2", 2), ("4", 4), ("", 5)]

    assert world.refresh(NOW + MINUTE, place=("4", 4, began)) == 5
    assert len(world.rows("SELECT 1 FROM listings")) == 5


def test_a_persons_mapping_beats_the_barcode(world: SupplyWorld) -> None:
    world.shop.put(1, " 8411061 xyz ")
    world.execute(
        "INSERT INTO article_mappings (channel, variant_id, ean, mapped_by, mapped_at) VALUES ('main', '0001', :ean, 'ops', :at)",
        ean=ean(1),
        at=NOW,
    )
    world.shop.put(2, " 8411061 xyz ")
    world.refresh()
    codes = [row["ean"] for row in world.rows("SELECT ean FROM listings ORDER BY variant_id")]
    assert codes == [ean(1), "8411061XYZ"]


def test_a_publication_larger_than_one_is_told_to_go_on(world: SupplyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "BATCH", 2)
    monkeypatch.setattr(publication, "MOST", 2)
    stocked(world, 3)
    first = world.prepare()
    assert (first.items, first.more) == (2, True)
    world.send(first)
    second = world.prepare(NOW + MINUTE)
    assert (second.items, second.more) == (1, False)


def test_an_ended_publication_that_is_sent_again_sends_nothing(world: SupplyWorld) -> None:
    stocked(world, 1)
    prepared = world.prepare()
    published = world.send(prepared)
    world.shop.on_call = _never
    assert world.send(prepared) == published
    assert world.run(world.publishing.refresh_listings, PublicationRequest(channel="main")) == 1
    assert step(prepared).channel == "main"


def _never(changes: Sequence[ListingChange]) -> None:
    raise AssertionError(f"{len(changes)} changes were sent twice")
