from collections.abc import Iterator

import pytest

from tests.stock.world import StockWorld


@pytest.fixture
def world(database_url: str) -> Iterator[StockWorld]:
    """An emptied database with a configuration of two channels and three suppliers."""
    built = StockWorld(database_url)
    built.empty()
    yield built
    built.database.close()
