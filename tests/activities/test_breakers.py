import json
from datetime import datetime, timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities import outages
from activities.withdrawals import WithdrawalActivities
from adapters.errors import AdapterError, Doubtful, NotSent, Throttled, Unavailable, UnexpectedReply
from models.contracts import CancelRequest, PurchaseOrderRequest, StepVerdict
from models.incidents import IncidentRequest, Trouble
from models.suppliers import SupplierOrder
from tests.activities.world import HOUR, START, World, poll, ref, submit

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
UNDERSTOOD = json.dumps({"order": {"id": "A1", "state": "paid", "total": 12.5}})
CHANGED = json.dumps({"data": {"order": {"id": 1, "state": "paid", "customer": "Planted Person"}}})


def ask(world: World, order: PurchaseOrderRequest, at: datetime) -> str:
    """Ask for rates once; say how it ended."""
    try:
        return world.run(world.choosing.choose_shipping, ref(order), at=at).verdict
    except ApplicationError as error:
        return error.type or ""


def fails(world: World, error: AdapterError, *offsets: timedelta) -> list[str]:
    order = world.planned(1)[0]

    def failing() -> None:
        raise error

    world.bts.on_quote = failing
    return [ask(world, order, START + offset) for offset in offsets]


def check(world: World, order: PurchaseOrderRequest, at: datetime, *hours: int) -> str:
    """Look whether it has shipped; return the verdict, or what the pending activity says."""
    try:
        return world.run(world.choosing.check_tracking, poll(order, *hours), at=at).verdict
    except ApplicationError as error:
        return error.message


def test_three_silent_calls_over_a_minute_open_the_breaker(world: World) -> None:
    assert fails(world, Unavailable("no answer"), 0 * SECOND, 30 * SECOND, 61 * SECOND) == [
        "Unavailable",
        "Unavailable",
        StepVerdict.DOWN,
    ]
    assert world.only("SELECT failures, opened_at FROM breakers") == {"failures": 3, "opened_at": START + 61 * SECOND}


def test_a_burst_of_failures_within_a_moment_opens_nothing(world: World) -> None:
    fails(world, NotSent("refused"), *(number * SECOND for number in range(20)))
    assert world.rows("SELECT 1 FROM incidents") == []


def test_an_answer_in_between_begins_the_count_anew(world: World) -> None:
    fails(world, Unavailable("no answer"), 0 * SECOND, 30 * SECOND)
    world.bts.on_quote = lambda: None
    assert ask(world, world.planned(1)[0], START + 40 * SECOND) == StepVerdict.DONE
    assert fails(world, Unavailable("no answer"), 61 * SECOND, 62 * SECOND) == ["Unavailable"] * 2
    assert world.rows("SELECT 1 FROM incidents") == []


@pytest.mark.parametrize(
    "error",
    [
        Throttled("paced", code="paced", retry_after=SECOND),
        Throttled("asks us to wait", retry_after=MINUTE),
        UnexpectedReply("no such field"),
        NotSent("stalled", code="stalled"),
    ],
)
def test_what_is_no_silence_does_not_count(world: World, error: AdapterError) -> None:
    fails(world, error, *(number * MINUTE for number in range(5)))
    assert world.rows("SELECT 1 FROM incidents WHERE kind = 'unreachable'") == []


def test_one_supplier_that_is_down_keeps_no_other_from_being_asked(world: World) -> None:
    fails(world, Unavailable("no answer"), 0 * SECOND, 30 * SECOND, 61 * SECOND)
    world.configure(suppliers={"bts": {"enabled": False}})
    other = world.planned(1)[0]
    assert other.profile.supplier == "nova"
    assert ask(world, other, START + 2 * MINUTE) == StepVerdict.DONE


def test_a_submission_whose_answer_was_lost_counts(world: World) -> None:
    def lost(_: SupplierOrder) -> None:
        raise Doubtful("setCreateOrder: no usable answer", code="ReadTimeout")

    world.bts.on_place = lost
    order = world.quoted(1)
    world.run(world.submission.submit_purchase_order, submit(order))
    assert world.only("SELECT failures, code FROM breakers") == {"failures": 1, "code": "ReadTimeout"}


def test_rounds_of_documents_that_do_not_come_about_count(world: World) -> None:
    def note() -> None:
        with world.database.begin() as tx:
            outages.note_exchange_failure(tx, world.deps, "bts", NotSent("no connection"))

    for offset in (0 * SECOND, 30 * SECOND, 61 * SECOND):
        world.run(note, at=START + offset)
    assert world.only("SELECT kind, reason FROM incidents") == {"kind": "unreachable", "reason": "NotSent"}


def test_the_incident_that_was_opened_is_named_to_the_worker_once(world: World) -> None:
    named: list[IncidentRequest] = []
    token = outages.opened_here.set(named)
    try:
        fails(world, Unavailable("no answer"), 0 * SECOND, 30 * SECOND, 61 * SECOND, 62 * SECOND)
    finally:
        outages.opened_here.reset(token)
    assert named == [IncidentRequest(supplier="bts", kind=Trouble.UNREACHABLE)]


# Polls.


def test_a_poll_asks_nothing_while_its_supplier_is_down_and_its_checks_do_not_count(world: World) -> None:
    order = world.placed(1)
    fails(world, Unavailable("no answer"), 0 * SECOND, 30 * SECOND, 61 * SECOND)
    world.bts.asked.clear()
    assert check(world, order, START + 24 * HOUR) == "waits for BTSWholesaler, down since 02 Mar 09:01:01Z"
    assert world.bts.asked == []
    assert world.rows("SELECT 1 FROM tracking_checks") == []


def test_an_outage_does_not_move_the_end_of_a_plan(world: World) -> None:
    order = world.placed(1)
    fails(world, Unavailable("no answer"), 0 * SECOND, 30 * SECOND, 61 * SECOND)
    assert check(world, order, START + 30 * HOUR).startswith("waits for")
    assert check(world, order, START + 32 * HOUR) == StepVerdict.EXHAUSTED
    assert "checks_spent" in world.tasks()


def test_a_wish_to_cancel_is_asked_once_more_at_its_deadline_though_the_supplier_is_down(world: World) -> None:
    order, until = world.placed(1), START + 12 * HOUR
    fails(world, Unavailable("no answer"), 0 * SECOND, 30 * SECOND, 61 * SECOND)
    request = CancelRequest(**ref(order).model_dump(), until=until)
    cancelling = WithdrawalActivities(world.deps)
    with pytest.raises(ApplicationError, match="waits for BTSWholesaler"):
        world.run(cancelling.cancel_at_supplier, request, at=START + HOUR)


# An interface that changed.


def test_an_answer_nobody_can_read_is_told_once_with_how_it_differs(world: World) -> None:
    world.bts.reply = UNDERSTOOD
    order = world.placed(1)
    assert check(world, order, START + 24 * HOUR).startswith("check 1 of 2: Processing")

    def unreadable() -> None:
        raise UnexpectedReply("getOrder: $.order is missing")

    world.bts.reply, world.bts.on_fetch = CHANGED, unreadable
    for seconds in range(3):
        check(world, order, START + 30 * HOUR + seconds * MINUTE)
    incident = world.only("SELECT kind, reason, difference FROM incidents")
    assert (incident["kind"], incident["reason"]) == ("changed", "fetch_order")
    assert incident["difference"] == {"known": True, "gone": ["$.order"], "new": ["$.data"], "retyped": []}
    task = world.only("SELECT * FROM tasks WHERE category = 'supplier_changed'")
    assert "fetch_order otherwise than until now ($.order is gone; $.data is new)" in task["question"]
    assert "Planted" not in json.dumps(task["evidence"])
    assert len(world.rows("SELECT 1 FROM mails WHERE subject LIKE '%: changed (fetch_order)'")) == 1


def test_answers_that_are_understood_again_end_the_alarm(world: World) -> None:
    order = world.placed(1)

    def unreadable() -> None:
        raise UnexpectedReply("getOrder: $.order is missing")

    world.bts.reply, world.bts.on_fetch = CHANGED, unreadable
    check(world, order, START + 24 * HOUR)
    world.bts.reply, world.bts.on_fetch = UNDERSTOOD, lambda: None
    check(world, order, START + 25 * HOUR)
    assert world.only("SELECT recovered_at FROM incidents")["recovered_at"] == START + 25 * HOUR


def test_each_operation_that_changed_is_asked_about_and_the_alarm_lasts_until_all_can_be_read(world: World) -> None:
    world.bts.reply = CHANGED
    order, other = world.placed(1), world.planned(1)[0]

    def unreadable() -> None:
        raise UnexpectedReply("$.order is missing")

    world.bts.on_fetch = world.bts.on_quote = unreadable
    check(world, order, START + 24 * HOUR)
    ask(world, other, START + 24 * HOUR)
    operations = ("fetch_order otherwise", "quote_shipping otherwise")
    of_changes = "SELECT question FROM tasks WHERE state = 'open' AND category = 'supplier_changed' ORDER BY id"
    asked = [row["question"] for row in world.rows(of_changes)]
    assert [word in one for word, one in zip(operations, asked, strict=True)] == [True, True]
    assert len(world.rows("SELECT 1 FROM incidents")) == 1

    world.bts.on_fetch = lambda: None
    check(world, order, START + 25 * HOUR)
    assert world.only("SELECT recovered_at FROM incidents")["recovered_at"] is None
    assert len(world.rows(of_changes)) == 1
    world.bts.on_quote = lambda: None
    assert ask(world, other, START + 26 * HOUR) == StepVerdict.DONE
    assert world.only("SELECT recovered_at FROM incidents")["recovered_at"] == START + 26 * HOUR
    assert world.rows(of_changes) == []


def test_an_alarm_that_was_over_lasts_where_the_next_answer_can_not_be_read(world: World) -> None:
    world.bts.reply = CHANGED
    order = world.placed(1)

    def unreadable() -> None:
        raise UnexpectedReply("$.order is missing")

    for hour, on_fetch in ((24, unreadable), (25, lambda: None), (30, unreadable)):
        world.bts.on_fetch = on_fetch
        check(world, order, START + hour * HOUR)
    assert world.only("SELECT recovered_at FROM incidents")["recovered_at"] is None
    assert world.tasks() == ["supplier_changed"]


def test_a_placement_whose_answer_nobody_can_read_is_in_doubt_and_told_as_a_change(world: World) -> None:
    def unreadable(_: SupplierOrder) -> None:
        raise Doubtful("setCreateOrder: no order number", code="unreadable")

    world.bts.reply, world.bts.on_place, world.bts.answers_all = CHANGED, unreadable, True
    order = world.quoted(1)
    submission = world.run(world.submission.submit_purchase_order, submit(order))
    assert submission.verdict is StepVerdict.UNKNOWN
    assert world.only("SELECT kind, reason FROM incidents") == {"kind": "changed", "reason": "place_order"}
    assert world.rows("SELECT 1 FROM breakers WHERE failures > 0") == []


def test_what_answers_look_like_is_written_once_an_hour_at_most(world: World) -> None:
    world.bts.reply = UNDERSTOOD
    world.planned(1)
    order = world.placed(1)
    seen = "SELECT seen_at FROM reply_shapes WHERE operation = 'quote_shipping'"
    assert world.only(seen)["seen_at"] == START
    world.bts.reply = CHANGED
    ask(world, order, START + 59 * MINUTE)
    assert world.only(seen)["seen_at"] == START
    ask(world, order, START + 61 * MINUTE)
    assert world.only(seen)["seen_at"] == START + 61 * MINUTE
