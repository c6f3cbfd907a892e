"""A process that is gone at any step of cancelling an order: the supplier's books and ours say the same in the end."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.types import ASGIApp

from activities.withdrawals import WithdrawalActivities
from adapters.errors import Refused
from models.contracts import CancelRequest, PurchaseOrderEnding, PurchaseOrderRequest, StepVerdict
from models.statuses import PurchaseOrderState
from models.suppliers import SupplierState
from sandbox import anyrest, cjdropshipping, printful
from sandbox.catalogue import plain_eans
from tests.activities.cancel_child import POINTS
from tests.activities.mortals import KILLED, Kill, mortals
from tests.activities.world import HOUR, START, World, ref, submit
from tests.adapters import generic_rest
from tests.adapters.loopback import HTTP, Stage

TOKEN = "SUPPLIER_TOKEN"  # the world's secrets are their names
SUPPLIERS: dict[str, tuple[Callable[[], ASGIApp], str, dict[str, Any]]] = {  # simulator, path, profile
    "printful": (lambda: printful.create_app(token=TOKEN, ship_after=None), "", {}),
    "cjdropshipping": (
        lambda: cjdropshipping.create_app(key=TOKEN, settings={"ship_after": None}),
        cjdropshipping.API,
        {"payment": "manual"},
    ),
    "generic-rest": (lambda: anyrest.create_app(token=TOKEN), anyrest.API, generic_rest.profile()),
}


@pytest.fixture(scope="module")
def kill() -> Iterator[Kill]:
    with mortals("tests.activities.cancel_child") as ask:
        yield ask


@pytest.mark.parametrize("adapter", SUPPLIERS)
@pytest.mark.parametrize("point", POINTS)
def test_a_cancellation_whose_process_was_killed_is_done_by_the_next_attempt(
    world: World, going_on: World, server: Stage, kill: Kill, database_url: str, adapter: str, point: str
) -> None:
    simulator, path, profile = SUPPLIERS[adapter]
    url = server.put_on(simulator())
    order = _placed(world, going_on, adapter, f"{url}{path}", profile)
    request = CancelRequest(**ref(order).model_dump(), until=START + 24 * HOUR)
    withdrawals = WithdrawalActivities(going_on.deps)

    assert kill(database_url, request.model_dump_json(), point) == str(KILLED)
    assert (_state_there(going_on, order) is SupplierState.CANCELLED) == (point != "asked, not sent")
    for attempt in (2, 3):
        assert going_on.run(withdrawals.cancel_at_supplier, request, attempt=attempt).verdict is StepVerdict.DONE
    ending = PurchaseOrderEnding(**ref(order).model_dump(), ending=PurchaseOrderState.CANCELLED)
    going_on.run(going_on.ends.end_purchase_order, ending)

    assert _state_there(going_on, order) is SupplierState.CANCELLED
    assert going_on.purchase_order(order)["state"] == "cancelled"
    assert [row["detail"]["outcome"] for row in _told(going_on)] == ["cancelled"]
    assert _numbers_there(url) == [going_on.purchase_order(order)["number"]]
    assert going_on.tasks() == []


def _placed(world: World, going_on: World, adapter: str, url: str, profile: dict[str, Any]) -> PurchaseOrderRequest:
    """Place an order of an article that the simulator has, where it is not under way yet."""
    ean = plain_eans()[0]
    world.bts.stock[ean] = 50
    (order,) = world.planned(2, ean=ean)
    supplier = {"adapter": adapter, "base_url": url, "profile": profile, "calls_per_second": 1000}
    world.configure(suppliers={"bts": supplier})
    going_on.run(going_on.choosing.choose_shipping, ref(order))
    assert going_on.run(going_on.submission.submit_purchase_order, submit(order)).verdict is StepVerdict.DONE
    return order


def _state_there(world: World, order: PurchaseOrderRequest) -> SupplierState:
    try:
        return world.deps.outside.supplier("bts").fetch_order(world.purchase_order(order)["supplier_number"]).state
    except Refused:
        return SupplierState.CANCELLED


def _numbers_there(url: str) -> list[str]:
    ledger = HTTP.get(f"{url}/_sandbox/ledger").json()
    return [one["number"] for one in [*ledger["orders"], *ledger.get("drafts", ())]]


def _told(world: World) -> list[dict[str, Any]]:
    return world.rows("SELECT detail FROM timeline WHERE event = 'purchase_order.cancel_asked'")
