import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities import outages
from activities.incidents import IncidentActivities, ReleaseActivities
from adapters.database.configurations import apply
from adapters.errors import AccountHold, AuthenticationFailed, Throttled, Unavailable
from models.commands import SupplierRecovered
from models.configuration import Configuration
from models.contracts import PurchaseOrderRequest, StepVerdict, TaskReminder, TaskRequest
from models.incidents import IncidentRequest, IncidentState, ProbeRequest, Trouble
from models.suppliers import SupplierOrder
from models.tasks import TaskCategory
from tests.activities.world import HOUR, START, World, ref, submit

MINUTE = timedelta(minutes=1)
PROBE = 30 * MINUTE
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
        self.events: list[str] = []
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
        self._listener.on_signal(self._workflow_id)
        self._listener.told.append(self._workflow_id)
        self._listener.events.append(event.event_id)


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


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


# Opening.


def test_a_supplier_that_is_down_is_one_incident_and_one_alert_however_many_orders_ask(
    world: World, desk: Desk
) -> None:
    orders = [world.quoted(1) for _ in range(4)]
    goes_down(world, *orders)
    incident = world.only("SELECT * FROM incidents")
    assert (incident["kind"], incident["reason"], incident["opened_at"]) == (
        "unreachable",
        "ReadTimeout",
        START + MINUTE,
    )
    assert desk.alerts() == ["BTSWholesaler: unreachable (ReadTimeout)"]
    assert desk.waiting() == 4
    assert world.tasks() == []
    assert world.bts.placed == []


def test_an_order_that_comes_while_its_supplier_is_down_asks_it_nothing(world: World, desk: Desk) -> None:
    first, second = world.quoted(1), world.planned(1)[0]
    goes_down(world, first)
    asked = len(world.bts.asked)
    result = world.run(world.choosing.choose_shipping, ref(second), at=START + 2 * MINUTE)
    assert (result.verdict, result.down_since) == (StepVerdict.DOWN, START + MINUTE)
    assert len(world.bts.asked) == asked
    assert desk.waiting() == 2


def test_planning_asks_nothing_of_a_supplier_that_is_down_and_counts_its_silence(world: World) -> None:
    world.bts.on_stock = silent
    for sold in (world.sell(1) for _ in range(3)):
        world.screen(sold)
        world.plan(sold)
    assert world.only("SELECT failures FROM breakers WHERE supplier = 'bts'")["failures"] == 3
    other = world.sell(1)
    world.screen(other)
    world.bts.on_stock = lambda: None
    order = world.quoted(1)
    goes_down(world, order)
    world.bts.asked.clear()
    world.plan(other)
    assert world.bts.asked == []


def test_credentials_that_fail_are_an_incident_at_once(world: World, desk: Desk) -> None:
    def refused() -> None:
        raise AuthenticationFailed("getProductStock: 401", code="unauthorized")

    order = world.quoted(1)
    world.bts.on_stock = refused
    assert attempt(world, order) is StepVerdict.DOWN
    assert world.only("SELECT kind FROM incidents")["kind"] == "credentials"
    assert desk.waiting() == 1


def test_past_its_deadline_a_silent_supplier_becomes_a_question(world: World) -> None:
    order = world.quoted(1)
    world.bts.on_stock = silent
    assert attempt(world, order, START + DAY) is StepVerdict.ASK
    assert world.tasks() == ["supplier_unreachable"]


def test_reminders_of_orders_that_wait_for_one_supplier_are_left_to_its_digest(world: World, desk: Desk) -> None:
    order = world.quoted(1)
    goes_down(world, order)
    ask = TaskRequest(
        order_id=order.order_id,
        purchase_order_id=order.purchase_order_id,
        category=TaskCategory.SUPPLIER_UNREACHABLE,
        facts={"waited": "24 h"},
    )
    task = world.run(world.people.open_task, ask, at=START + DAY)
    world.run(world.people.remind, TaskReminder(task_id=task.task_id, round=1), at=START + DAY + 4 * HOUR)
    desk.tend(at=START + DAY + 4 * HOUR)
    assert [subject.split(":")[0] for subject in desk.alerts()] == ["BTSWholesaler", "Escalation"]
    body = world.only("SELECT body FROM mails WHERE subject LIKE 'Escalation%'")["body"]
    assert "1 of them have waited longer than their deadline" in body


def test_the_sweep_starts_the_workflow_of_every_open_incident_and_disturbs_none_that_runs(
    world: World, desk: Desk
) -> None:
    goes_down(world, world.quoted(1))
    for _ in range(2):
        assert asyncio.run(ActivityEnvironment().run(desk.releases.start_open_incidents)) == 1
    assert desk.temporal.started == [("incident/bts/unreachable", None)] * 2
    desk.probe(START + MINUTE + PROBE)
    desk.drain(START + MINUTE + PROBE)
    desk.tend(at=START + MINUTE + PROBE)
    assert asyncio.run(ActivityEnvironment().run(desk.releases.start_open_incidents)) == 0


# Mails and tries.


def test_two_days_are_four_mails_and_at_most_two_tries_an_hour(world: World, desk: Desk) -> None:
    goes_down(world, world.quoted(1))
    world.bts.on_probe = silent
    opened, at, tries = START + MINUTE, START + MINUTE, []
    while at < opened + 2 * DAY:
        state = desk.tend(at=at)
        assert state.next_at is not None
        if state.probe_at is not None and state.probe_at <= at:
            desk.probe(at)
            tries.append(at)
        else:
            at = state.next_at
    world.bts.on_probe = lambda: None
    desk.tend(at=at)
    desk.probe(at + PROBE)
    assert desk.drain(at + PROBE) == ""
    assert desk.tend(at=at + PROBE).open is False
    assert desk.tend(at=at + PROBE + MINUTE).open is False
    assert [subject.split(":")[0] for subject in desk.alerts()] == [
        "BTSWholesaler",
        "Escalation",
        "Digest 2",
        "BTSWholesaler",
    ]
    assert world.bts.asked.count("probe") == len(tries) + 1
    assert all(later - earlier >= PROBE for earlier, later in pairwise(tries))
    assert world.only("SELECT mails FROM incidents")["mails"] == 4


def test_a_try_that_is_attempted_again_asks_the_supplier_once(world: World, desk: Desk) -> None:
    goes_down(world, world.quoted(1))
    world.bts.on_probe = silent
    for seconds in range(3):
        desk.probe(START + MINUTE + PROBE + timedelta(seconds=seconds))
    assert world.bts.asked.count("probe") == 1


def test_a_person_may_have_it_tried_at_once(world: World, desk: Desk) -> None:
    goes_down(world, world.quoted(1))
    desk.probe(START + 2 * MINUTE)
    assert world.bts.asked.count("probe") == 0
    desk.probe(START + 2 * MINUTE, by_hand=True)
    assert world.only("SELECT recovered_at FROM incidents")["recovered_at"] == START + 2 * MINUTE


def test_a_supplier_that_names_a_time_is_not_tried_before(world: World, desk: Desk) -> None:
    def busy() -> None:
        raise Throttled("probe: 429", retry_after=3 * HOUR)

    goes_down(world, world.quoted(1))
    world.bts.on_probe = busy
    first = START + MINUTE + PROBE
    desk.probe(first)
    assert desk.tend(at=first + MINUTE).probe_at == first + 3 * HOUR


# Recovery.


def test_waiting_orders_are_let_go_oldest_first_and_so_many_at_once(world: World, desk: Desk) -> None:
    world.configure(suppliers={"bts": {"outages": {"drain": 2}}})
    orders = [world.quoted(1) for _ in range(5)]
    goes_down(world, orders[2], orders[4], orders[0], orders[3], orders[1])
    ids = [world.purchase_order(order)["workflow_id"] for order in orders]
    world.bts.on_stock = lambda: None
    desk.probe(START + MINUTE + PROBE)
    at = START + MINUTE + PROBE
    assert desk.drain(at) == "3 orders wait for their turn"
    assert desk.temporal.told == ids[:2]
    assert desk.drain(at) == "3 orders wait for their turn"
    assert desk.temporal.told == ids[:2], "those under way come first"
    attempt(world, orders[0], at)
    assert desk.drain(at) == "2 orders wait for their turn"
    assert desk.temporal.told == ids[:3]
    assert desk.drain(at + 3 * MINUTE) == "", "one that asks a person meanwhile holds up nobody for longer"
    assert desk.temporal.told == ids
    assert desk.tend(at=at + 3 * MINUTE).open is False


def test_letting_go_stops_where_the_supplier_fails_again(world: World, desk: Desk) -> None:
    world.configure(suppliers={"bts": {"outages": {"drain": 1}}})
    orders = [world.quoted(1) for _ in range(3)]
    goes_down(world, *orders)
    at = START + MINUTE + PROBE
    desk.probe(at)
    desk.drain(at)
    for seconds in (1, 2):
        with pytest.raises(ApplicationError, match="no answer"):
            attempt(world, orders[0], at + timedelta(seconds=seconds))
    assert attempt(world, orders[0], at + timedelta(seconds=3)) is StepVerdict.DOWN
    assert desk.drain(at + 3 * MINUTE) == ""
    assert len(desk.temporal.told) == 1
    assert desk.tend(at=at + 3 * MINUTE).down
    assert len(world.rows("SELECT 1 FROM incidents")) == 1, "it is the same outage"
    assert len(desk.alerts()) == 1


def test_an_order_told_twice_because_we_ended_in_between_is_told_under_two_names(world: World, desk: Desk) -> None:
    order = world.quoted(1)
    goes_down(world, order)
    desk.probe(START + MINUTE + PROBE)

    def away(_: str) -> None:
        raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")

    desk.temporal.on_signal = away
    with pytest.raises(RPCError):
        desk.drain(START + MINUTE + PROBE)
    assert desk.waiting() == 1
    desk.temporal.on_signal = lambda _workflow: None
    assert desk.drain(START + 2 * MINUTE + PROBE) == ""
    assert desk.waiting() == 0


def test_an_order_that_has_ended_meanwhile_holds_up_nobody(world: World, desk: Desk) -> None:
    def ended(_: str) -> None:
        raise RPCError("no such workflow", RPCStatusCode.NOT_FOUND, b"")

    goes_down(world, world.quoted(1))
    desk.probe(START + MINUTE + PROBE)
    desk.temporal.on_signal = ended
    assert desk.drain(START + MINUTE + PROBE) == ""
    assert desk.tend(at=START + MINUTE + PROBE).open is False


def test_the_question_of_an_order_that_waited_too_long_is_withdrawn_as_it_is_let_go(world: World, desk: Desk) -> None:
    order = world.quoted(1)
    goes_down(world, order)
    attempt(world, order, START + DAY)
    world.run(world.submission.submit_purchase_order, submit(order), at=START + DAY)
    assert world.tasks() == []
    ask = TaskRequest(
        order_id=order.order_id,
        purchase_order_id=order.purchase_order_id,
        category=TaskCategory.SUPPLIER_UNREACHABLE,
        facts={"waited": "24 h"},
    )
    world.run(world.people.open_task, ask, at=START + DAY)
    desk.probe(START + DAY)
    desk.drain(START + DAY)
    assert world.tasks() == []
    assert world.tasks("obsolete") == ["supplier_unreachable"]


def test_the_closing_note_tells_how_long_it_took_and_how_many_felt_it(world: World, desk: Desk) -> None:
    goes_down(world, *[world.quoted(1) for _ in range(3)])
    at = START + MINUTE + 2 * HOUR
    desk.probe(at)
    desk.drain(at)
    desk.tend(at=at)
    note = world.only("SELECT subject, body FROM mails WHERE key LIKE '%closed'")
    assert note["subject"] == "BTSWholesaler: back after 2 h"
    assert "Orders that felt it: 3. Let go one after the other: 3. Tried: 1 times." in note["body"]


def test_an_answer_to_any_order_ends_the_outage(world: World) -> None:
    order, late = world.quoted(1), world.planned(1)[0]
    goes_down(world, order)
    world.bts.on_stock = lambda: None

    def heard() -> None:  # an answer to a question that was under way as the supplier went down
        with world.database.begin() as tx:
            outages.note_success(tx, world.deps, "bts")

    world.run(heard)
    assert world.only("SELECT failures, opened_at FROM breakers") == {"failures": 0, "opened_at": None}
    assert world.run(world.choosing.choose_shipping, ref(late)).verdict is StepVerdict.DONE


# A held account.


def test_an_account_hold_is_one_incident_one_alert_and_one_task_for_many_orders(world: World, desk: Desk) -> None:
    orders = [world.quoted(1) for _ in range(5)]
    world.bts.on_place = out_of_money
    verdicts = [attempt(world, order, START + timedelta(seconds=number)) for number, order in enumerate(orders)]
    assert verdicts == [StepVerdict.DOWN] * 5
    assert len(world.bts.placed) == 1, "one order has tried; the others wait for what it finds"
    assert len(world.rows("SELECT 1 FROM incidents")) == 1
    assert desk.alerts() == ["BTSWholesaler: account hold (no_enough_money)"]
    assert world.tasks() == ["account_hold"]


def test_while_the_account_is_held_quotes_are_asked_for_as_ever(world: World) -> None:
    order, other = world.quoted(1), world.planned(1)[0]
    world.bts.on_place = out_of_money
    attempt(world, order)
    assert world.run(world.choosing.choose_shipping, ref(other)).verdict is StepVerdict.DONE


def test_while_the_account_is_held_one_order_per_interval_tries_it(world: World, desk: Desk) -> None:
    orders = [world.quoted(1) for _ in range(3)]
    ids = [world.purchase_order(order)["workflow_id"] for order in orders]
    world.bts.on_place = out_of_money
    for order in orders:
        attempt(world, order)
    for interval in range(1, 4):
        at = START + interval * TRY
        assert desk.let_one_try(at) == "one order tries whether orders are taken again"
        for order in orders:
            assert attempt(world, order, at) is StepVerdict.DOWN
        assert desk.let_one_try(at + timedelta(seconds=2)) == ""
    assert len(world.bts.placed) == 4
    assert desk.temporal.told == [ids[0]] * 3
    assert len(desk.alerts()) == 1


def test_once_the_one_that_tries_is_taken_the_others_follow(world: World, desk: Desk) -> None:
    orders = [world.quoted(1) for _ in range(3)]
    world.bts.on_place = out_of_money
    for order in orders:
        attempt(world, order)
    world.bts.on_place = lambda _order: None
    at = START + TRY
    desk.let_one_try(at)
    assert [attempt(world, order, at) for order in orders] == [StepVerdict.DONE] * 3
    assert desk.let_one_try(at) == ""
    assert desk.drain(at, HELD) == ""
    assert desk.tend(HELD, at=at).open is False
    assert world.tasks() == []


def test_an_account_that_nobody_waits_for_any_more_is_tried_by_the_next_order(world: World, desk: Desk) -> None:
    order = world.quoted(1)
    world.bts.on_place = out_of_money
    attempt(world, order)
    with world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE purchase_orders SET ended_at = now()")
    assert desk.let_one_try(START + TRY) == ""
    assert desk.tend(HELD, at=START + TRY).open is False


def test_a_second_hold_is_a_second_incident_with_an_alert_of_its_own(world: World, desk: Desk) -> None:
    first, second = world.quoted(1), world.quoted(1)
    world.bts.on_place = out_of_money
    attempt(world, first)
    world.bts.on_place = lambda _order: None
    desk.let_one_try(START + TRY)
    attempt(world, first, START + TRY)
    desk.tend(HELD, at=START + TRY)
    world.bts.on_place = out_of_money
    attempt(world, second, START + 2 * TRY)
    assert len(world.rows("SELECT 1 FROM incidents")) == 2
    assert [subject for subject in desk.alerts() if "account hold" in subject] == [
        "BTSWholesaler: account hold (no_enough_money)"
    ] * 2


def test_an_incident_of_a_supplier_that_was_taken_out_of_the_configuration_closes(world: World, desk: Desk) -> None:
    goes_down(world, world.quoted(1))
    document = world.configurations.current().configuration.model_dump(mode="json")
    del document["suppliers"]["bts"]
    document["routing"]["priority"] = ["nova"]
    apply(world.database, Configuration.model_validate(document), by="test", now=START)
    world.configurations._read_at = float("-inf")
    world.configurations.current()
    assert desk.tend(at=START + HOUR).down is False
    assert desk.drain(START + HOUR) == ""
    assert desk.tend(at=START + HOUR).open is False
