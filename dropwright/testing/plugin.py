"""The pytest plugin: makes the contract suite's assertions speak wherever it is subclassed, and brings its fixtures."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

for _module in ("acknowledging", "documents", "ordering", "over_http", "simulated", "wire", "worlds"):
    pytest.register_assert_rewrite(f"dropwright.testing.{_module}")


@pytest.fixture(scope="module")
def dropwright_serve() -> Iterator[Callable[[Any], str]]:
    """Serve an ASGI application on loopback, and return its base URL. Another one takes its place: one server for all."""
    from dropwright.testing.stage import stage  # not before a test asks for it: this plugin is loaded in every run

    with stage() as served:
        yield served.put_on


@pytest.fixture
def dropwright_nowhere() -> str:
    """Name a base URL on loopback behind which nobody listens."""
    from dropwright.testing.stage import nowhere

    return nowhere()
