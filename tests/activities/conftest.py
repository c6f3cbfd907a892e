from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.activities.exchange_world import Exchange
from tests.activities.feed_world import FeedWorld, build_feed_world
from tests.activities.incident_desk import Desk
from tests.activities.submission_child import open_world
from tests.activities.world import World, build_world
from tests.adapters.loopback import Stage, stage


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """An emptied database with the activities on it."""
    built = build_world(database_url)
    yield built
    built.database.close()


@pytest.fixture
def desk(world: World) -> Desk:
    """The activities of incidents, in that world."""
    return Desk(world)


@pytest.fixture
def going_on(world: World, database_url: str) -> Iterator[World]:
    """The activities of a process that goes on with the real adapters, on the world's emptied database."""
    assert world.tasks() == []
    opened = open_world(database_url)
    yield opened
    opened.deps.outside.close()
    opened.database.close()


@pytest.fixture
def exchange(world: World, tmp_path: Path) -> Exchange:
    """Rounds with the supplier bts of that world."""
    return Exchange(world, tmp_path)


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    """A port of this machine, on which one simulated supplier after the other is put."""
    with stage() as served:
        yield served


@pytest.fixture
def feed(database_url: str, tmp_path: Path) -> Iterator[FeedWorld]:
    """An emptied database with the stages of feeds on it, and one feed: stock.csv of a folder."""
    built = build_feed_world(database_url, tmp_path)
    built.configure(stock={})
    yield built
    built.database.close()
