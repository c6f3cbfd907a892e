"""A process that is gone at any step of an incident: each mail is written once, and nobody waits for ever."""

from collections.abc import Iterator

import pytest

from tests.activities.incident_child import DRAINING, OPENING, TENDING, refused
from tests.activities.incident_desk import CALM, DAY, MINUTE, PROBE, Desk, attempt, goes_down
from tests.activities.mortals import KILLED, Kill, mortals
from tests.activities.world import START, World


@pytest.fixture(scope="module")
def kill() -> Iterator[Kill]:
    with mortals("tests.activities.incident_child") as ask:
        yield ask


@pytest.mark.parametrize("point", OPENING)
def test_an_incident_whose_opening_was_killed_opens_once_with_one_alert(
    world: World, desk: Desk, kill: Kill, database_url: str, point: str
) -> None:
    assert kill(database_url, point, START.isoformat()) == str(KILLED)
    assert (world.rows("SELECT 1 FROM incidents"), desk.alerts()) == ([], [])
    for _ in range(2):
        world.run(refused, desk)
    assert desk.alerts() == ["BTSWholesaler: credentials (unauthorized)"]
    assert world.only("SELECT mails FROM incidents")["mails"] == 1


@pytest.mark.parametrize("point", TENDING)
def test_a_digest_whose_writer_was_killed_is_written_once(
    world: World, desk: Desk, kill: Kill, database_url: str, point: str
) -> None:
    goes_down(world, world.quoted(1))
    at = START + MINUTE + DAY
    assert kill(database_url, point, at.isoformat()) == str(KILLED)
    desk.tend(at=at)
    assert len(desk.alerts()) == world.only("SELECT mails FROM incidents")["mails"] == 2


@pytest.mark.parametrize("point", DRAINING)
def test_orders_whose_letting_go_was_killed_are_let_go_by_the_next_attempt(
    world: World, desk: Desk, kill: Kill, database_url: str, point: str
) -> None:
    orders = [world.quoted(1) for _ in range(2)]
    ids = [world.purchase_order(order)["workflow_id"] for order in orders]
    goes_down(world, *orders)
    world.bts.on_stock = lambda: None
    at = START + MINUTE + PROBE
    desk.probe(at)
    assert kill(database_url, point, at.isoformat()) == str(KILLED)
    assert desk.waiting() == 2
    desk.drain(at)
    attempt(world, orders[0], at)
    desk.drain(at)
    assert desk.temporal.told == ids
    assert desk.tend(at=at + CALM).open is False
