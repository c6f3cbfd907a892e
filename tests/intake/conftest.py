"""A fresh world for each module: its own database, and the API in front of it."""

from collections.abc import Iterator

import httpx
import pytest

from tests.intake.world import World, build_world, serving


@pytest.fixture(scope="module")
def world(database_url: str) -> Iterator[World]:
    """A database with one channel configured."""
    world = build_world(database_url)
    yield world
    world.database.close()


@pytest.fixture(scope="module")
def api(world: World) -> Iterator[httpx.Client]:
    """The API, without a Temporal server."""
    with serving(world) as client:
        yield client
