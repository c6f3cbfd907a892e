"""What third parties' tests get with us: a pytest plugin, servers on loopback, a simulator's handles."""

from collections.abc import Callable

import httpx
import pytest
from starlette.responses import PlainTextResponse

from dropwright.testing.simulated import Simulated


def test_the_pytest_plugin_is_there_without_being_named(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.hasplugin("dropwright")


def test_nobody_listens_nowhere(dropwright_nowhere: str) -> None:
    with pytest.raises(httpx.ConnectError):
        httpx.get(dropwright_nowhere, trust_env=False)


def test_one_server_serves_one_application_after_the_other(dropwright_serve: Callable[[object], str]) -> None:
    first = dropwright_serve(PlainTextResponse("one"))
    assert httpx.get(first, trust_env=False).text == "one"
    assert dropwright_serve(PlainTextResponse("two")) == first
    assert httpx.get(first, trust_env=False).text == "two"


def test_a_simulator_that_does_not_know_a_call_is_said_so(dropwright_serve: Callable[[object], str]) -> None:
    simulated = Simulated(dropwright_serve(PlainTextResponse("no", 404)), {"probe": "account"})
    for call in (
        lambda: simulated.spoil("probe", "hang"),
        simulated.unspoil,
        lambda: simulated.change("1", status="x"),
    ):
        with pytest.raises(httpx.HTTPStatusError):
            call()
