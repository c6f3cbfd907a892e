"""The pytest plugin: makes the contract suite's assertions speak, wherever it is subclassed."""

import pytest

pytest.register_assert_rewrite("dropwright.testing.contract")
