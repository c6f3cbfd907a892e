from collections.abc import Iterator

import pytest

from tests.activities.world import World, build_world


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """An emptied database with the activities on it."""
    built = build_world(database_url)
    yield built
    built.database.close()
