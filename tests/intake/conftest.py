"""A fresh world for each module: its own database, and the API in front of it."""

from collections.abc import Iterator

import httpx
import pytest

from models.contracts import PurchaseOrderRequest
from tests.intake.portal_world import PortalWorld, build_portal_world
from tests.intake.portal_world import serving as portal_serving
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


@pytest.fixture(scope="module")
def portal(database_url: str) -> Iterator[PortalWorld]:
    """A supplier that answers on its page."""
    built = build_portal_world(database_url)
    yield built
    built.inner.database.close()


@pytest.fixture(scope="module")
def pages(portal: PortalWorld) -> Iterator[httpx.Client]:
    """The API in front of it, without a Temporal server."""
    with portal_serving(portal) as client:
        yield client


@pytest.fixture
def order(portal: PortalWorld) -> PurchaseOrderRequest:
    """Five units that the supplier has to deliver."""
    return portal.placed(5)


@pytest.fixture(scope="module")
def untouched(portal: PortalWorld) -> PurchaseOrderRequest:
    """The same, for all tests that must leave it as it was."""
    return portal.placed(5)
