from collections.abc import Iterator
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities import publication
from activities.heartbeat import Heartbeat
from adapters.database import catalogue, listings
from tests.activities.supply_world import MINUTE, NOW, SupplyWorld, ean


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


def test_a_stalled_preparation_adds_nothing_to_a_publication_that_another_attempt_has_sealed(
    world: SupplyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "BATCH", 1)
    stocked(world, 2)
    tell = Heartbeat.at

    def stall_while_another_attempt_works(heartbeat: Heartbeat, *place: Any) -> None:
        monkeypatch.setattr(Heartbeat, "at", tell)
        world.send(world.prepare())
        world.offer(ean(2), 3)

    monkeypatch.setattr(Heartbeat, "at", stall_while_another_attempt_works)
    with pytest.raises(ApplicationError) as sealed:
        world.prepare()
    assert sealed.value.type == "SealedMeanwhile"
    assert world.shop.shows(2)[0] == 5

    world.publish(NOW + MINUTE)
    assert world.shop.shows(2)[0] == 3


def test_a_slower_walk_that_began_earlier_makes_no_listing_look_unseen(world: SupplyWorld) -> None:
    world.shop.put(1, ean(1))
    page = list(world.shop.listings.values())
    with world.database.begin() as tx:
        for seen_at in (NOW + MINUTE, NOW):
            listings.keep(tx, "main", page, [ean(1)], seen_at=seen_at)
        assert listings.forget_unseen(tx, "main", before=NOW + MINUTE) == 0
    assert len(world.rows("SELECT 1 FROM listings")) == 1


def test_stock_that_is_matched_to_another_article_is_no_longer_shown_under_its_former_code(world: SupplyWorld) -> None:
    stocked(world, 1)
    world.shop.put(2, ean(2))
    world.refresh()
    world.publish()
    assert (world.shop.shows(1)[0], world.shop.shows(2)[0]) == (5, None)
    with world.database.begin() as tx:
        catalogue.accept_match(tx, "bts", f"bts-{ean(1)}", "SKU-2", method="person", by="ana", now=NOW)
    world.publish(NOW + MINUTE)
    assert (world.shop.shows(1)[0], world.shop.shows(2)[0]) == (0, 5)


def test_stock_that_a_person_says_is_none_of_ours_is_no_longer_shown(world: SupplyWorld) -> None:
    stocked(world, 1)
    world.publish()
    with world.database.begin() as tx:
        assert catalogue.reject_match(tx, "bts", f"bts-{ean(1)}", by="ana", now=NOW)
    world.publish(NOW + MINUTE)
    assert world.shop.shows(1)[0] == 0


def test_what_just_sold_and_is_matched_to_another_article_is_not_taken_for_the_merchants_own(
    world: SupplyWorld,
) -> None:
    stocked(world, 1)
    world.publish()
    world.sell(ean(1), 1, variant="0001", at=NOW + MINUTE)
    with world.database.begin() as tx:
        catalogue.reject_match(tx, "bts", f"bts-{ean(1)}", by="ana", now=NOW)
    world.publish(NOW + 2 * MINUTE)
    assert world.shop.shows(1)[0] == 0
