"""A supplier in trouble: orders that fail there, and the incident's activities, each at an instant."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.incidents import IncidentActivities, ReleaseActivities
from adapters.errors import AccountHold, Unavailable
from models.commands import SupplierRecovered
from models.contracts import PurchaseOrderRequest, StepVerdict
from models.incidents import IncidentRequest, IncidentState, ProbeRequest, Trouble
from models.suppliers import SupplierOrder
from tests.activities.world import HOUR, START, World, submit

MINUTE = timedelta(minutes=1)
PROBE = 30 * MINUTE
CALM = 30 * MINUTE  # so long it must have served us again
TRY = 15 * MINUTE  # of a held account
DAY = 24 * HOUR
UNREACHABLE = IncidentRequest(supplier="bts", kind=Trouble.UNREACHABLE)
HELD = IncidentRequest(supplier="bts", kind=Trouble.ACCOUNT_HOLD)


def out_of_money(_: SupplierOrder) -> None:
    raise AccountHold("setCreateOrder", code="no_enough_money")


def silent() -> None:
    raise Unavailable("getProductStock: no answer", code="ReadTimeout")


def attempt(world: World, order: PurchaseOrderRequest, at: datetime = START) -> StepVerdict:
    return world.run(world.submission.submit_purchase_order, submit(order), at=at).verdict


def goes_down(world: World, *orders: PurchaseOrderRequest, at: datetime = START) -> None:
    """Let the first order fail until its supplier counts as down; the others join."""
    world.bts.on_stock = silent
    for seconds in (0, 30):
        with pytest.raises(ApplicationError, match="no answer"):
            attempt(world, orders[0], at + timedelta(seconds=seconds))
    for order in orders:
        assert attempt(world, order, at + timedelta(seconds=60)) is StepVerdict.DOWN


class Listener:
    """Stands for Temporal's client: notes which workflows were told to go on. ``on_signal`` may raise."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.started: list[tuple[str, str | None]] = []
        self.sent: list[str] = []  # the names of events, heard or not
        self.on_signal: Callable[[str], None] = lambda _workflow: None

    async def start_workflow(self, name: str, request: IncidentRequest, **options: Any) -> None:
        assert name == "IncidentWorkflow"
        assert options["id_conflict_policy"] is WorkflowIDConflictPolicy.USE_EXISTING
        self.started.append((options["id"], options["start_signal"]))

    def get_workflow_handle(self, workflow_id: str) -> Any:
        return _Handle(self, workflow_id)


class _Handle:
    def __init__(self, listener: Listener, workflow_id: str) -> None:
        self._listener, self._workflow_id = listener, workflow_id

    async def signal(self, name: str, event: SupplierRecovered, **_: Any) -> None:
        assert name == "supplier_recovered"
        self._listener.sent.append(event.event_id)
        self._listener.on_signal(self._workflow_id)
        self._listener.told.append(self._workflow_id)


class Desk:
    """The incident's activities, each at an instant."""

    def __init__(self, world: World) -> None:
        self.world, self.temporal = world, Listener()
        self.incidents = IncidentActivities(world.deps)
        self.releases = ReleaseActivities(world.deps, self.temporal)  # type: ignore[arg-type]

    def tend(self, request: IncidentRequest = UNREACHABLE, *, at: datetime) -> IncidentState:
        return self.world.run(self.incidents.tend_incident, request, at=at)

    def probe(self, at: datetime, *, by_hand: bool = False) -> None:
        request = ProbeRequest(**UNREACHABLE.model_dump(), by_hand=by_hand)
        self.world.run(self.incidents.probe_supplier, request, at=at)

    def drain(self, at: datetime, request: IncidentRequest = UNREACHABLE) -> str:
        """One attempt at letting orders go; returns what it says where it is not done."""
        return self._once(self.releases.drain_incident, request, at)

    def let_one_try(self, at: datetime) -> str:
        return self._once(self.releases.let_one_try, ProbeRequest(**HELD.model_dump()), at)

    def _once(self, step: Callable[..., Any], request: IncidentRequest, at: datetime) -> str:
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, started_time=at, scheduled_time=at)
        try:
            asyncio.run(environment.run(step, request))
        except ApplicationError as error:
            return error.message if error.type == "NotYet" else repr(error)
        return ""

    def alerts(self) -> list[str]:
        return [row["subject"] for row in self.world.rows("SELECT subject FROM mails WHERE kind = 'alert' ORDER BY id")]

    def waiting(self) -> int:
        return int(self.world.only("SELECT count(*) AS n FROM incident_orders WHERE waiting")["n"])
