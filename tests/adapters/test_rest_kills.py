import subprocess
import sys
from collections.abc import Iterator

import pytest
from starlette.types import ASGIApp

from dropwright.testing.contract import MADRID
from models.suppliers import DoubtMeans, LookupVerdict
from sandbox import anyrest, printful
from tests.adapters import dying
from tests.adapters.loopback import HTTP, Stage, stage

# adapter, the calls that placing an order makes, and whether it is ordered after each of them
CALLS = [("printful", (False, True)), ("key", (True,)), ("look_up", (False, True))]
KILLS = [
    (adapter, step, when, ordered[step - 1] if when == "after" else any(ordered[: step - 1]))
    for adapter, ordered in CALLS
    for step in range(1, len(ordered) + 1)
    for when in ("before", "after")
]


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as served:
        yield served


def supplier(adapter: str) -> ASGIApp:
    if adapter == "printful":
        return printful.create_app(ship_after=None)
    return anyrest.create_app(authentication="bearer" if adapter == "key" else "oauth2")


@pytest.fixture(scope="module")
def mortals() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.adapters.dying"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        yield process
        process.communicate()


@pytest.mark.parametrize(("adapter", "step", "when", "ordered"), KILLS)
def test_an_order_whose_process_dies_at_any_step_exists_once(
    server: Stage, mortals: subprocess.Popen[str], adapter: str, step: int, when: str, *, ordered: bool
) -> None:
    url = server.put_on(supplier(adapter))
    port = dying.port_of(adapter, url)
    order = dying.order(port.quote_shipping(MADRID, dying.order("1").lines)[0].quote_id)
    assert mortals.stdin is not None
    assert mortals.stdout is not None
    mortals.stdin.write(f"{adapter} {url} {order.quote_id} {step} {when}\n")
    assert int(mortals.stdout.readline()) == dying.KILLED
    assert len(HTTP.get(f"{url}/_sandbox/ledger").json()["orders"]) == ordered
    found = port.find_order(order).verdict
    if port.capabilities.doubt is DoubtMeans.LOOK_UP:
        assert found is (LookupVerdict.FOUND if ordered else LookupVerdict.ABSENT)
    if found is not LookupVerdict.FOUND:
        port.place_order(order)
    assert [one["number"] for one in HTTP.get(f"{url}/_sandbox/ledger").json()["orders"]] == ["DW-1-11"]
    port.close()
