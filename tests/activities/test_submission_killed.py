"""A process that is gone at any step of placing an order: it exists once, or not at all, and a person is asked in doubt."""

from collections.abc import Iterator

import pytest

from models.contracts import ConfirmRequest, PurchaseOrderRequest, StepVerdict
from sandbox.btswholesaler import API, create_app
from sandbox.catalogue import plain_eans
from tests.activities.mortals import KILLED, Kill, mortals
from tests.activities.submission_child import POINTS
from tests.activities.world import World, ref, submit
from tests.adapters.loopback import HTTP, Stage

TOKEN = "SUPPLIER_TOKEN"  # the world's secrets are their names
# Where the fence stands for whoever goes on, and whether the supplier has the order.
LEFT = {
    "asked, not claimed": ("ready", 0),
    "claimed, not committed": ("ready", 0),
    "claimed, not sent": ("unknown", 0),
    "answered, not kept": ("unknown", 1),
    "kept, not committed": ("unknown", 1),
    "committed, not told to Temporal": ("placed", 1),
}


@pytest.fixture(scope="module")
def kill() -> Iterator[Kill]:
    with mortals("tests.activities.submission_child") as ask:
        yield ask


@pytest.mark.parametrize("point", POINTS)
def test_an_order_whose_process_was_killed_exists_once_or_a_person_is_asked(
    world: World, going_on: World, server: Stage, kill: Kill, database_url: str, point: str
) -> None:
    url = server.put_on(create_app(token=TOKEN, settings={"ship_after": None}))
    order = _planned(world)
    world.configure(suppliers={"bts": {"adapter": "btswholesaler", "base_url": f"{url}{API}"}})
    going_on.run(going_on.choosing.choose_shipping, ref(order))

    def booked() -> int:
        return len(HTTP.get(f"{url}/_sandbox/ledger").json()["orders"])

    assert kill(database_url, submit(order).model_dump_json(), point) == str(KILLED)
    fence, there = LEFT[point]
    assert (world.purchase_order(order)["submission"] == "ready", booked()) == (fence == "ready", there)
    again = going_on.run(going_on.submission.submit_purchase_order, submit(order), attempt=2)

    assert again.verdict is (StepVerdict.UNKNOWN if fence == "unknown" else StepVerdict.DONE)
    assert going_on.tasks() == (["submit_unknown"] if fence == "unknown" else [])
    assert booked() == (there if fence == "unknown" else 1)
    if fence == "unknown":
        _answer(going_on, order, HTTP.get(f"{url}/_sandbox/ledger").json()["orders"])
    assert (going_on.purchase_order(order)["submission"], booked()) == ("placed", 1)


def _planned(world: World) -> PurchaseOrderRequest:
    """Plan an order of an article that the simulator has, with the telephone number that it wants."""
    ean = plain_eans()[0]
    world.bts.stock[ean] = 50
    (order,) = world.planned(2, ean=ean)
    with world.database.begin() as tx:
        tx.exec_driver_sql("""UPDATE addresses SET address = address || '{"phone": "+34600112233"}'""")
    return order


def _answer(world: World, order: PurchaseOrderRequest, there: list[dict[str, str]]) -> None:
    """Do what a person does who has looked into the supplier's portal."""
    if there:
        request = ConfirmRequest(**ref(order).model_dump(), supplier_number=there[0]["order_number"])
        world.run(world.submission.confirm_submission, request)
        return
    world.run(world.submission.reopen_submission, ref(order))
    world.run(world.submission.submit_purchase_order, submit(order), attempt=3)
