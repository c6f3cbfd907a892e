"""What third parties' tests get with us: a pytest plugin, servers on loopback, a simulator's handles."""

from collections.abc import Callable

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse

from adapters.errors import Unavailable
from adapters.suppliers.btswholesaler.adapter import PLUGIN
from dropwright.testing.simulated import Simulated, http_world
from sandbox.btswholesaler import DEFAULT_TOKEN, create_app
from sandbox.catalogue import UNKNOWN_EAN, plain_eans

ARTICLES = {"eans": plain_eans()[:3], "unknown_ean": UNKNOWN_EAN}


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


def test_a_method_whose_calls_are_not_named_is_said_so(dropwright_nowhere: str) -> None:
    with pytest.raises(AssertionError, match="which calls does fetch_stock make"):
        Simulated(dropwright_nowhere, {}).spoil("fetch_stock", "hang")


def test_a_fault_that_no_call_meets_is_said_so(dropwright_serve: Callable[[object], str]) -> None:
    url = dropwright_serve(create_app())
    operations = {"probe": "userdata", "fetch_stock": "stok"}
    with http_world(PLUGIN, url, path="/v1/api", secret=DEFAULT_TOKEN, operations=operations, **ARTICLES) as world:
        world.spoil("fetch_stock", "reset_before")
        with pytest.raises(AssertionError, match="no call was spoilt"), world.failing(Unavailable):
            world.port.fetch_stock(world.eans[:1])


def test_a_ledger_of_another_shape_is_said_so(dropwright_serve: Callable[[object], str]) -> None:
    url = dropwright_serve(JSONResponse([]))
    with pytest.raises(AssertionError, match="answers /_sandbox/ledger with"):
        Simulated(url, {}).orders()
