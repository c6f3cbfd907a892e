"""An order that goes out as a file and comes back as two: adapter, desk, rounds and polls with nothing in their places."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.common import Dependencies
from activities.exchange import ExchangeActivities
from activities.outside import Outside
from activities.submission import SubmissionActivities
from activities.suppliers import SupplierActivities
from adapters.database.exchange import Documents
from adapters.suppliers.files.adapter import PLUGIN
from models.contracts import PurchaseOrderRequest, StepResult, StepVerdict
from models.exchange_steps import ExchangeRound
from sandbox.file_partner import FilePartner
from tests.activities.exchange_world import BTS
from tests.activities.world import ARTICLE, START, World, poll, submit

PROFILE = {
    "partner": "dropwright",
    "acknowledgements": {
        "columns": {"number": "po_number", "ean": "ean", "status": "status", "quantity": "qty_accepted"}
    },
    "shipments": {},
}


@pytest.fixture
def partner(tmp_path: Path) -> FilePartner:
    return FilePartner(tmp_path / "partner")


@pytest.fixture(params=[{}, {"batch": "1h"}], ids=["alone", "in a batch"])
def by_files(world: World, partner: FilePartner, request: pytest.FixtureRequest) -> Iterator[Dependencies]:
    """The world's database, its supplier bts behind a folder."""
    remote = {"url": f"file://{partner.folder}", "settle_after": "0s", "partner_archive": "in/archive"}
    shipping = [{"countries": ["ES"], "cost": "4.90", "days": 3}]
    files = {
        "profile": {**PROFILE, "remote": remote, "orders": request.param},
        "terms": {"currency": "EUR", "shipping": shipping},
    }
    world.configure(suppliers={"bts": files})
    database, configurations, journal = world.database, world.configurations, world.deps.journal
    plugins = {"suppliers": {"recorded": PLUGIN}}  # what plans an order there asks a recorder
    outside = Outside(
        configurations,
        plugins,
        lambda name: name,
        journal.sink,
        documents=lambda supplier: Documents(database, supplier, lambda: START),
    )
    yield Dependencies(database=database, outside=outside, journal=journal)
    outside.close()


LATER = timedelta(days=36_500)  # whatever the clock says, a batch's window is over by then


def exchange(world: World, deps: Dependencies) -> bool:
    """Run a round, and say whether it brought news for lifecycles."""
    try:
        found: ExchangeRound = world.run(ExchangeActivities(deps).exchange_documents, BTS, at=START + LATER)
    except ApplicationError as error:
        if error.type != "NotYet":
            raise
        return False
    return found.untold


def look(world: World, activity: Any, order: PurchaseOrderRequest) -> StepResult:
    """Have a lifecycle's poll look at once, as it does when it hears of news."""
    found: StepResult = world.run(activity, poll(order).model_copy(update={"look_now": True}))
    return found


def test_an_order_goes_out_and_its_answers_reach_its_lifecycle(
    world: World, by_files: Dependencies, partner: FilePartner
) -> None:
    order, suppliers = world.quoted(), SupplierActivities(by_files)
    submitted = world.run(SubmissionActivities(by_files).submit_purchase_order, submit(order))
    assert submitted.verdict is StepVerdict.DONE
    assert not exchange(world, by_files)  # a batch leaves with this round

    partner.work()
    assert [one["number"] for one in partner.orders] == [order.number]
    assert exchange(world, by_files)
    assert look(world, suppliers.await_acknowledgement, order).verdict is StepVerdict.DONE
    assert world.purchase_order(order)["state"] == "acknowledged"

    partner.ship(order.number, ["GLS-1"])
    assert exchange(world, by_files)
    assert look(world, suppliers.check_tracking, order).verdict is StepVerdict.DONE
    parcels = world.rows(
        "SELECT tracking_number, ean, quantity FROM parcels p JOIN parcel_lines l ON l.parcel_id = p.id"
    )
    assert parcels == [{"tracking_number": "GLS-1", "ean": ARTICLE, "quantity": 2}]
    assert world.tasks() == []
    kept = world.rows("SELECT direction, kind, state FROM partner_documents ORDER BY id")
    assert [tuple(one.values()) for one in kept] == [
        ("out", "order", "sent"),
        ("in", "acknowledgement", "applied"),
        ("in", "shipment", "applied"),
    ]
