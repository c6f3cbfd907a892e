from datetime import timedelta

from adapters.database import tasks
from models.commands import Command, CommandName
from models.contracts import CommandRecord, MalformedCommand, TaskReminder, TaskRequest
from models.statuses import TaskState
from models.tasks import OpenTask, TaskCategory
from tests.activities.world import HOUR, START, World


def opened(world: World, order_id: int, category: TaskCategory, workflow_id: str = "order/main/1") -> OpenTask:
    facts = {"reason": "a person asked"} if category is TaskCategory.HELD else {"what": "the order", "code": "gone"}
    request = TaskRequest(order_id=order_id, category=category, facts=facts)
    return world.run(world.people.open_task, request, workflow_id=workflow_id)


def answer(order_id: int, task: OpenTask | None = None, refused: str | None = None, **command: object) -> CommandRecord:
    said = Command.model_validate({"command": "release", "actor": "maria", **command})
    return CommandRecord(
        order_id=order_id,
        command=said,
        command_id=said.command_id or "command-1",
        task_id=task.task_id if task else None,
        refused=refused,
    )


def test_a_lifecycle_asks_one_question_at_a_time(world: World) -> None:
    order = world.sell()
    first = opened(world, order.order_id, TaskCategory.STOREFRONT_REFUSED)
    second = opened(world, order.order_id, TaskCategory.HELD)
    rows = {row["id"]: row for row in world.rows("SELECT id, state, answer FROM tasks")}
    assert rows[first.task_id]["state"] == "obsolete"
    assert rows[first.task_id]["answer"] == "another question took its place"
    assert rows[second.task_id]["state"] == "open"


def test_another_lifecycles_question_stays_open(world: World) -> None:
    one, other = world.sell(), world.sell()
    opened(world, one.order_id, TaskCategory.HELD, "order/main/1")
    opened(world, other.order_id, TaskCategory.STOREFRONT_REFUSED, "order/main/2")
    assert sorted(world.tasks()) == ["held", "storefront_refused"]


def test_a_question_that_took_anothers_place_can_give_it_back(world: World) -> None:
    order = world.sell()
    first = opened(world, order.order_id, TaskCategory.STOREFRONT_REFUSED)
    opened(world, order.order_id, TaskCategory.HELD)
    again = opened(world, order.order_id, TaskCategory.STOREFRONT_REFUSED)
    assert again.task_id != first.task_id
    assert world.tasks() == ["storefront_refused"]


def test_the_same_question_is_one_task_until_it_is_answered_and_a_new_one_after(world: World) -> None:
    order = world.sell()
    first, repeated = (opened(world, order.order_id, TaskCategory.HELD) for _ in range(2))
    world.run(world.people.record_command, answer(order.order_id, first))
    later = opened(world, order.order_id, TaskCategory.HELD)
    assert first.task_id == repeated.task_id != later.task_id
    row = world.only("SELECT state, answer, answered_by, closed_at FROM tasks WHERE id = :id", id=first.task_id)
    assert row == {"state": "answered", "answer": "release", "answered_by": "maria", "closed_at": START}


def test_a_command_is_on_the_timeline_once_with_who_and_what(world: World) -> None:
    order = world.sell()
    task = opened(world, order.order_id, TaskCategory.HELD)
    record = answer(order.order_id, task, note_id=7)
    for attempt in (1, 2):
        world.run(world.people.record_command, record, attempt=attempt)
    told = world.only("SELECT actor, detail FROM timeline WHERE event = 'command.release'")
    assert told == {"actor": "maria", "detail": {"note_id": "7"}}


def test_a_refused_command_closes_no_task(world: World) -> None:
    order = world.sell()
    opened(world, order.order_id, TaskCategory.HELD)
    world.run(world.people.record_command, answer(order.order_id, refused="it has ended"))
    assert world.tasks() == ["held"]
    told = world.only("SELECT detail FROM timeline WHERE event = 'command.refused'")
    assert told["detail"]["refused"] == "it has ended"


def test_the_loser_of_two_answers_changes_nothing(world: World) -> None:
    order = world.sell()
    task = opened(world, order.order_id, TaskCategory.HELD)
    with world.database.begin() as tx:
        first = tasks.close(tx, task.task_id, TaskState.ANSWERED, answer="release", by="maria", now=START)
        second = tasks.close(tx, task.task_id, TaskState.ANSWERED, answer="cancel", by="otto", now=START + HOUR)
    assert (first, second) == (True, False)
    assert world.only("SELECT answer, answered_by FROM tasks") == {"answer": "release", "answered_by": "maria"}


def test_marking_as_shipped_keeps_the_parcel_with_the_command(world: World) -> None:
    order = world.placed(1)
    said = answer(order.order_id, command="mark_shipped", tracking_number="GLS 42", carrier="GLS")
    record = said.model_copy(update={"purchase_order_id": order.purchase_order_id})
    for attempt in (1, 2):
        world.run(world.people.record_command, record, attempt=attempt)
    parcel = world.only("SELECT tracking_number, carrier, source FROM parcels")
    assert parcel == {"tracking_number": "GLS 42", "carrier": "GLS", "source": "person"}


def test_an_address_of_another_order_is_not_used(world: World) -> None:
    one, other = world.sell(), world.sell()
    foreign = world.only("SELECT id FROM addresses WHERE order_id = :id", id=other.order_id)["id"]
    before = world.only("SELECT address_id FROM orders WHERE id = :id", id=one.order_id)
    world.run(world.people.record_command, answer(one.order_id, command="change_address", address_id=foreign))
    assert world.only("SELECT address_id FROM orders WHERE id = :id", id=one.order_id) == before
    assert world.rows("SELECT 1 FROM timeline WHERE event = 'address.not_found'")


def test_an_address_that_changes_after_sending_asks_for_a_call_to_the_supplier(world: World) -> None:
    placed = world.placed(1)
    address = world.only("SELECT id FROM addresses WHERE order_id = :id", id=placed.order_id)["id"]
    record = answer(placed.order_id, command="change_address", address_id=address)
    for attempt in (1, 2):
        world.run(world.people.record_command, record, attempt=attempt)
    assert world.tasks() == ["address_changed_late"]


def test_reminders_go_to_the_owner_first_and_then_to_those_who_escalate(world: World) -> None:
    order = world.sell()
    task = opened(world, order.order_id, TaskCategory.HELD)
    for number, hours in ((1, 4), (1, 4), (2, 28), (3, 52)):
        reminder = TaskReminder(task_id=task.task_id, round=number)
        world.run(world.people.remind, reminder, at=START + timedelta(hours=hours))
    mails = world.rows("SELECT recipient, subject FROM mails ORDER BY id")
    assert [(mail["recipient"], mail["subject"]) for mail in mails] == [
        ("operations@planted.example", "Reminder 1: held"),
        ("owner@planted.example", "Escalation 2: held"),
        ("owner@planted.example", "Escalation 3: held"),
    ]


def test_nobody_is_reminded_of_what_was_answered(world: World) -> None:
    order = world.sell()
    task = opened(world, order.order_id, TaskCategory.HELD)
    world.run(world.people.record_command, answer(order.order_id, task))
    world.run(world.people.remind, TaskReminder(task_id=task.task_id, round=1))
    assert world.rows("SELECT 1 FROM mails") == []


def test_a_message_that_nobody_could_read_is_on_the_timeline_by_its_shape(world: World) -> None:
    order = world.sell()
    record = MalformedCommand(order_id=order.order_id, handler="override", reason="command: missing")
    world.run(world.people.record_malformed, record)
    told = world.only("SELECT detail FROM timeline WHERE event = 'message.unreadable'")
    assert told["detail"] == {"handler": "override", "reason": "command: missing"}


def test_an_answer_given_before_is_known_by_its_question_and_evidence(world: World) -> None:
    order = world.sell()
    task = opened(world, order.order_id, TaskCategory.HELD)
    world.run(world.people.record_command, answer(order.order_id, task))
    asked = TaskCategory.HELD, CommandName.RELEASE
    with world.database.begin() as tx:
        assert tasks.answered_before(tx, *asked, {"reason": "a person asked"}, order_id=order.order_id)
        assert not tasks.answered_before(tx, *asked, {"reason": "another"}, order_id=order.order_id)
        assert not tasks.answered_before(tx, *asked, {}, order_id=order.order_id + 1)
