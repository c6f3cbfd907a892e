from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.activities.feed_world import FeedWorld, build_feed_world
from tests.activities.world import World, build_world


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """An emptied database with the activities on it."""
    built = build_world(database_url)
    yield built
    built.database.close()


@pytest.fixture
def feed(database_url: str, tmp_path: Path) -> Iterator[FeedWorld]:
    """An emptied database with the stages of feeds on it, and one feed: stock.csv of a folder."""
    built = build_feed_world(database_url, tmp_path)
    built.configure(stock={})
    yield built
    built.database.close()
