"""The order of the session: what looks through everything the suite has left behind runs last."""

import pytest

RUNS_LAST = "test_privacy.py"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the scan of the whole session's histories behind every test that makes one."""
    items.sort(key=lambda item: item.path.name == RUNS_LAST)
