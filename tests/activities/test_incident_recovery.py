from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities import outages
from adapters.database import incidents
from adapters.database.configurations import apply
from adapters.errors import AdapterError, AuthenticationFailed, Unavailable
from models.base import format_duration
from models.configuration import Configuration
from models.contracts import PurchaseOrderEnding, StepVerdict, TaskRequest
from models.incidents import IncidentRequest
from models.statuses import PurchaseOrderState
from models.tasks import TaskCategory
from tests.activities.incident_desk import CALM, DAY, MINUTE, PROBE, UNREACHABLE, Desk, attempt, goes_down
from tests.activities.world import HOUR, START, World, ref, submit


def test_waiting_orders_are_let_go_oldest_first_and_so_many_at_once(world: World, desk: Desk) -> None:
    world.configure(suppliers={"bts": {"outages": {"drain": 2}}})
    orders = [world.quoted(1) for _ in range(5)]
    goes_down(world, orders[2], orders[4], orders[0], orders[3], orders[1])
    ids = [world.purchase_order(order)["workflow_id"] for order in orders]
    world.bts.on_stock = lambda: None
    desk.probe(START + MINUTE + PROBE)
    at = START + MINUTE + PROBE
    assert desk.drain(at) == "4 orders wait for their turn"
    assert desk.temporal.told == ids[:1], "one goes first"
    attempt(world, orders[0], at)
    assert desk.drain(at) == "2 orders wait for their turn"
    assert desk.temporal.told == ids[:3]
    assert desk.drain(at) == "2 orders wait for their turn"
    assert desk.temporal.told == ids[:3], "those under way come first"
    assert desk.drain(at + 3 * MINUTE) == "", "one that asks a person meanwhile holds up nobody for longer"
    assert desk.temporal.told == ids
    assert desk.tend(at=at + CALM).open is False


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


def test_a_supplier_that_comes_and_goes_is_one_incident_with_one_alert_and_one_note(world: World, desk: Desk) -> None:
    orders = [world.quoted(1) for _ in range(4)]
    at = START + MINUTE
    goes_down(world, orders[0])
    for order in orders[1:]:
        at += PROBE
        desk.probe(at)
        desk.drain(at)
        state = desk.tend(at=at + MINUTE)
        assert (state.open, state.down, state.waiting, state.next_at) == (True, False, 0, at + CALM)
        at += CALM - timedelta(seconds=61)
        goes_down(world, order, at=at)
        at += MINUTE
        assert desk.tend(at=at).down
    at += PROBE
    desk.probe(at)
    desk.drain(at)
    assert desk.tend(at=at + CALM - timedelta(seconds=1)).open
    assert desk.tend(at=at + CALM).open is False
    lasted = format_duration(at - START - MINUTE)
    assert desk.alerts() == ["BTSWholesaler: unreachable (ReadTimeout)", f"BTSWholesaler: back after {lasted}"]
    assert world.only("SELECT count(*) AS n FROM incidents")["n"] == 1


def test_orders_reckon_by_when_it_last_took_none(world: World, desk: Desk) -> None:
    orders = [world.quoted(1) for _ in range(3)]
    goes_down(world, orders[0])
    opened = START + MINUTE
    desk.probe(opened + PROBE)
    desk.drain(opened + PROBE)
    goes_down(world, orders[0], at=opened + PROBE + MINUTE)
    refused = world.run(world.submission.submit_purchase_order, submit(orders[0]), at=opened + PROBE + 5 * MINUTE)
    assert refused.down_since == opened, "it has answered, and taken no order"

    desk.probe(opened + 2 * PROBE + 2 * MINUTE)
    desk.drain(opened + 2 * PROBE + 2 * MINUTE)
    world.bts.on_stock = lambda: None
    attempt(world, orders[1], opened + 2 * PROBE + 3 * MINUTE)
    assert world.purchase_order(orders[1])["submission"] == "placed"
    goes_down(world, orders[2], at=opened + 2 * PROBE + 5 * MINUTE)
    again = opened + 2 * PROBE + 9 * MINUTE
    refused = world.run(world.submission.submit_purchase_order, submit(orders[2]), at=again)
    assert desk.tend(at=again).probe_at == refused.down_since + PROBE
    assert opened + 2 * PROBE + 5 * MINUTE < refused.down_since <= opened + 2 * PROBE + 6 * MINUTE


def test_one_that_fails_while_it_is_watched_is_seen_to_at_once(world: World, desk: Desk) -> None:
    goes_down(world, world.quoted(1))
    desk.probe(START + MINUTE + PROBE)
    desk.drain(START + MINUTE + PROBE)
    named: list[IncidentRequest] = []
    token = outages.opened_here.set(named)
    try:
        goes_down(world, world.quoted(1), at=START + MINUTE + PROBE + MINUTE)
    finally:
        outages.opened_here.reset(token)
    assert named == [UNREACHABLE]


def test_a_call_that_began_before_the_recovery_takes_nothing_back(world: World, desk: Desk) -> None:
    order = world.quoted(1)
    goes_down(world, order)
    back = START + MINUTE + PROBE
    desk.probe(back)

    def fails(*errors: AdapterError) -> None:
        with world.database.begin() as tx:
            for error in errors:
                outages.note_exchange_failure(tx, world.deps, "bts", error)

    late = [Unavailable("getStock: no answer", code="ReadTimeout")] * 3
    refused = AuthenticationFailed("401", code="unauthorized")
    world.run(lambda: fails(*late, refused), at=back - timedelta(seconds=50))
    assert desk.tend(at=back + MINUTE).down is False
    assert world.only("SELECT count(*) AS n FROM incidents")["n"] == 1
    world.run(lambda: fails(*late), at=back + timedelta(seconds=1))
    assert desk.tend(at=back + MINUTE).down


def test_one_that_a_person_closes_while_orders_wait_is_over_once_they_are_let_go(world: World, desk: Desk) -> None:
    goes_down(world, world.quoted(1))
    at = START + 5 * MINUTE
    with world.database.begin() as tx:
        assert incidents.close(tx, "bts", kinds=[UNREACHABLE.kind], now=at) == ["unreachable"]
    assert desk.tend(at=at).open
    desk.drain(at)
    assert desk.tend(at=at + MINUTE).open is False
    assert desk.alerts()[-1].startswith("BTSWholesaler: back after")


def test_a_long_calm_is_looked_at_now_and_then(world: World, desk: Desk) -> None:
    world.configure(suppliers={"bts": {"outages": {"calm_for": "PT24H"}}})
    goes_down(world, world.quoted(1))
    at = START + MINUTE + PROBE
    desk.probe(at)
    desk.drain(at)
    state = desk.tend(at=at + MINUTE)
    assert (state.next_at, state.over_at) == (at + MINUTE + HOUR, at + DAY)


def test_one_that_is_no_longer_configured_is_not_watched(world: World, desk: Desk) -> None:
    goes_down(world, world.quoted(1))
    desk.probe(START + MINUTE + PROBE)
    desk.drain(START + MINUTE + PROBE)
    assert desk.tend(at=START + 2 * MINUTE + PROBE).open
    taken_out(world)
    assert desk.tend(at=START + 3 * MINUTE + PROBE).open is False


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
    assert len(set(desk.temporal.sent)) == 2, "the first may have been heard: the second must not pass for it"


def test_an_order_that_has_ended_meanwhile_holds_up_nobody(world: World, desk: Desk) -> None:
    def ended(_: str) -> None:
        raise RPCError("no such workflow", RPCStatusCode.NOT_FOUND, b"")

    goes_down(world, world.quoted(1))
    desk.probe(START + MINUTE + PROBE)
    desk.temporal.on_signal = ended
    assert desk.drain(START + MINUTE + PROBE) == ""
    assert desk.tend(at=START + MINUTE + PROBE + CALM).open is False


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
    orders = [world.quoted(1) for _ in range(3)]
    goes_down(world, *orders)
    world.bts.on_stock = lambda: None
    at = START + MINUTE + 2 * HOUR
    desk.probe(at)
    desk.drain(at)
    attempt(world, orders[0], at)
    desk.drain(at)
    desk.tend(at=at + CALM)
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


def test_an_answer_that_ends_an_incident_has_its_workflow_look_at_once(world: World) -> None:
    order = world.quoted(1)
    goes_down(world, order)

    def heard() -> None:
        with world.database.begin() as tx:
            outages.note_success(tx, world.deps, "bts")

    named: list[IncidentRequest] = []
    token = outages.opened_here.set(named)
    try:
        world.run(heard)
    finally:
        outages.opened_here.reset(token)
    assert named == [UNREACHABLE]


def taken_out(world: World) -> None:
    document = world.configurations.current().configuration.model_dump(mode="json")
    del document["suppliers"]["bts"]
    document["routing"]["priority"] = ["nova"]
    apply(world.database, Configuration.model_validate(document), by="test", now=START)
    world.configurations._read_at = float("-inf")
    world.configurations.current()


def test_orders_of_a_supplier_that_was_taken_out_can_be_asked_about_and_given_up(world: World) -> None:
    order = world.placed(1)
    taken_out(world)
    request = TaskRequest(
        order_id=order.order_id, purchase_order_id=order.purchase_order_id, category=TaskCategory.CHECKS_SPENT
    )
    assert "bts has not shipped" in world.run(world.people.open_task, request).question
    ending = PurchaseOrderEnding(**ref(order).model_dump(), ending=PurchaseOrderState.RETURNED, given_up=True)
    assert world.run(world.ends.end_purchase_order, ending) is None
    assert world.purchase_order(order)["given_up_at"] == START


def test_an_incident_of_a_supplier_that_was_taken_out_of_the_configuration_closes(world: World, desk: Desk) -> None:
    goes_down(world, world.quoted(1))
    taken_out(world)
    assert desk.tend(at=START + HOUR).down is False
    assert desk.drain(START + HOUR) == ""
    assert desk.tend(at=START + HOUR).open is False
    note = world.only("SELECT body FROM mails WHERE key LIKE '%closed'")["body"]
    assert "Nobody can send those that were let go: `dropwright order reroute ORDER`" in note
