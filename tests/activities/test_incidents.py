import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from adapters.errors import AuthenticationFailed, Throttled
from adapters.secrets import MissingSecretError
from models.contracts import StepVerdict, TaskReminder, TaskRequest
from models.tasks import TaskCategory
from tests.activities.incident_desk import CALM, DAY, MINUTE, PROBE, Desk, attempt, goes_down, silent
from tests.activities.world import HOUR, START, World, ref

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


def test_an_adapter_that_can_not_be_built_is_an_outage_and_its_alert_says_where_to_look(
    world: World, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = world.quoted(1)

    def missing(_supplier: str, _version: str = "") -> None:
        raise MissingSecretError("SUPPLIER_TOKEN")

    monkeypatch.setattr(world.deps.outside, "supplier", missing)
    for seconds in (0, 30):
        with pytest.raises(ApplicationError, match=r"can't be built \(MissingSecretError\); see dropwright doctor"):
            attempt(world, order, START + timedelta(seconds=seconds))
    assert attempt(world, order, START + timedelta(seconds=60)) is StepVerdict.DOWN
    assert desk.alerts() == ["BTSWholesaler: unreachable (not_built)"]
    assert "what its adapter lacks: `dropwright doctor`" in world.only("SELECT body FROM mails")["body"]
    desk.probe(START + DAY)
    assert desk.tend(at=START + DAY).down is True


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
    desk.tend(at=START + MINUTE + PROBE + CALM)
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
    assert desk.tend(at=at + PROBE + CALM).open is False
    assert desk.tend(at=at + PROBE + CALM + MINUTE).open is False
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
