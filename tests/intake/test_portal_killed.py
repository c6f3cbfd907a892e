"""A process that is gone while it takes what a supplier enters: nothing is half there, and what is there is told."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities.delivery import OrderDelivery
from activities.intake import Intake
from activities.sweeps import SweepActivities
from starter.portal_fields import Form
from starter.portal_page import PortalPages
from tests.activities.exchange_world import Lifecycles
from tests.intake.portal_child import FORM, KILLED, POINTS
from tests.intake.portal_world import SECRETS, PortalWorld, build_portal_world

ROOT = Path(__file__).parents[2]


@pytest.fixture
def world(database_url: str) -> Iterator[PortalWorld]:
    built = build_portal_world(database_url)
    yield built
    built.inner.database.close()


def pages(world: PortalWorld) -> PortalPages:
    return PortalPages(world.inner.database, world.inner.configurations, lambda name: SECRETS.get(name, ""))


def sweep(world: PortalWorld, lifecycles: Lifecycles, *, after: timedelta = timedelta(minutes=1)) -> int:
    """Run the sweep's step that brings what was stored to its workflows."""
    database, configurations = world.inner.database, world.inner.configurations
    activities = SweepActivities(
        client=lifecycles,  # type: ignore[arg-type]
        database=database,
        configurations=configurations,
        storefronts=lambda _channel: world.inner.shop,  # type: ignore[arg-type,return-value]
        intake=Intake(database, configurations, lambda _channel: world.inner.shop),  # type: ignore[arg-type,return-value]
        delivery=OrderDelivery(lifecycles, database, configurations),  # type: ignore[arg-type]
    )
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=datetime.now(UTC) + after)
    return asyncio.run(environment.run(activities.deliver_stored_events))


@pytest.mark.parametrize("point", POINTS)
def test_a_form_is_there_as_a_whole_or_not_at_all_and_is_told_by_the_sweep(
    world: PortalWorld, database_url: str, point: str
) -> None:
    order = world.placed(2)
    token = world.link(order).removeprefix("/s/")
    lifecycles = Lifecycles({world.inner.purchase_order(order)["workflow_id"]})

    command = [sys.executable, "-m", "tests.intake.portal_child", database_url, token, point]
    child = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    committed = point == "committed, not told"
    assert child.returncode == KILLED
    assert len(world.documents(order)) == committed

    again = pages(world).take(token, FORM)  # the supplier's browser sends it once more
    assert (again.kept, again.fresh) == (True, not committed)
    assert [sweep(world, lifecycles) for _ in range(2)] == [1, 0]
    assert lifecycles.heard == list(lifecycles.running)
    assert len(world.news(order)) == 1


def test_what_was_entered_a_moment_ago_is_left_to_the_api(world: PortalWorld) -> None:
    order = world.placed(2)
    pages(world).take(world.link(order).removeprefix("/s/"), FORM)
    lifecycles = Lifecycles({world.inner.purchase_order(order)["workflow_id"]})

    assert sweep(world, lifecycles, after=timedelta(0)) == 0
    assert sweep(world, lifecycles) == 1


def test_while_temporal_is_away_what_was_entered_waits(world: PortalWorld) -> None:
    class Away(Lifecycles):
        def get_workflow_handle(self, workflow_id: str) -> None:
            raise RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b"")

    order = world.placed(2)
    pages(world).take(world.link(order).removeprefix("/s/"), FORM)

    with pytest.raises(RPCError):
        sweep(world, Away())
    assert sweep(world, Lifecycles({world.inner.purchase_order(order)["workflow_id"]})) == 1


def test_news_of_a_supplier_that_is_configured_no_more_hold_up_no_others(world: PortalWorld) -> None:
    orders = [world.placed(2), world.placed(2)]
    for order in orders:
        pages(world).take(world.link(order).removeprefix("/s/"), Form({"what": "confirm", "seen": "0"}))
    update = "UPDATE partner_news SET supplier = 'gone' WHERE purchase_order_id = :id RETURNING id"
    world.inner.rows(update, id=orders[0].purchase_order_id)
    lifecycles = Lifecycles({world.inner.purchase_order(order)["workflow_id"] for order in orders})

    assert sweep(world, lifecycles) == 1
    assert lifecycles.heard == [world.inner.purchase_order(orders[1])["workflow_id"]]
