from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client

from adapters.database.commands import CommandOutcome
from adapters.database.engine import Database
from models.commands import Command
from starter.overrides import Outcome, Target, batch, send_command
from tests.starter.conftest import Background
from tests.starter.world import Shop, start_stand_in


class Steering:
    """Sends commands to stand-ins from the loop that the client belongs to."""

    def __init__(self, background: Background, client: Client, database: Database, shop: Shop) -> None:
        self.background, self.client, self.database, self.shop = background, client, database, shop

    def target(self, *, started: bool = True, served: bool = True) -> Target:
        order = self.shop.order()
        if started:
            self.background.run(start_stand_in(self.client, order.workflow_id, served=served))
        return Target(workflow_id=order.workflow_id, order_id=order.id, label=order.name)

    def send(self, target: Target, seconds: float = 10.0, **command: Any) -> Outcome:
        document = Command.model_validate({"actor": "ana", **command})
        return self.background.run(send_command(self.client, self.database, target, document, seconds=seconds))

    def taken(self, target: Target) -> list[dict[str, Any]]:
        return self.background.run(self.client.get_workflow_handle(target.workflow_id).query("taken"))

    def row(self, outcome: Outcome) -> Any:
        (row,) = self.shop.rows("SELECT * FROM commands WHERE command_id = :id", id=outcome.command_id)
        return row

    def refusals(self, target: Target) -> list[Any]:
        query = "SELECT actor, detail FROM timeline WHERE order_id = :id AND event = 'command.refused'"
        return self.shop.rows(query, id=target.order_id)


@pytest.fixture
def steering(background: Background, temporal: Client, database: Database, shop: Shop) -> Steering:
    return Steering(background, temporal, database, shop)


def test_a_command_that_is_taken_says_what_happens_next_and_is_kept(steering: Steering) -> None:
    target = steering.target()

    outcome = steering.send(target, command="release")

    assert outcome.accepted
    assert outcome.message == "release is under way"
    assert [one["actor"] for one in steering.taken(target)] == ["ana"]
    row = steering.row(outcome)
    assert (row.outcome, row.answer, row.actor, row.order_id) == (
        "accepted",
        "release is under way",
        "ana",
        target.order_id,
    )


def test_a_refused_command_is_on_the_timeline_with_who_and_why(steering: Steering) -> None:
    target = steering.target()

    outcome = steering.send(target, command="approve")

    assert outcome.outcome is CommandOutcome.REFUSED
    assert outcome.message == "approve answers no open question here"
    assert steering.row(outcome).outcome == "refused"
    ((actor, detail),) = steering.refusals(target)
    assert actor == "ana"
    assert detail == {"command": "approve", "refused": "approve answers no open question here"}


def test_a_command_that_nobody_answers_in_time_is_pending_and_may_be_repeated(steering: Steering) -> None:
    target = steering.target(served=False)

    outcome = steering.send(target, seconds=0.5, command="release")

    assert outcome.outcome is CommandOutcome.PENDING
    assert "look at the timeline before you send it again" in outcome.message
    assert steering.row(outcome).outcome == "pending"
    assert steering.refusals(target) == []


def test_an_accepted_command_whose_handling_takes_long_is_pending(steering: Steering) -> None:
    target = steering.target()

    outcome = steering.send(target, seconds=0.5, command="reject")

    assert outcome.outcome is CommandOutcome.PENDING
    assert len(steering.taken(target)) == 1


def test_a_command_sent_again_under_its_id_is_one_command(steering: Steering) -> None:
    target, command_id = steering.target(), uuid4().hex

    first = steering.send(target, command="release", command_id=command_id)
    again = steering.send(target, command="release", command_id=command_id, note_id=7)

    assert again == first
    assert len(steering.taken(target)) == 1


def test_a_pending_command_sent_again_reaches_the_lifecycle_once(steering: Steering) -> None:
    target, command_id = steering.target(), uuid4().hex
    steering.send(target, seconds=0.5, command="reject", command_id=command_id)

    again = steering.send(target, seconds=0.5, command="reject", command_id=command_id)

    assert again.outcome is CommandOutcome.PENDING
    assert len(steering.taken(target)) == 1


def test_an_id_that_was_used_for_another_command_is_refused(steering: Steering) -> None:
    target, command_id = steering.target(), uuid4().hex
    steering.send(target, command="release", command_id=command_id)

    outcome = steering.send(target, command="hold", command_id=command_id)

    assert outcome.outcome is CommandOutcome.REFUSED
    assert outcome.message == "this id was used for another command"
    assert len(steering.taken(target)) == 1


@pytest.mark.parametrize("started", [False, True])
def test_a_lifecycle_that_is_not_there_or_has_ended_refuses_and_leaves_a_trace(
    steering: Steering, *, started: bool
) -> None:
    target = steering.target(started=started)
    if started:
        assert steering.send(target, command="cancel").accepted
        steering.background.run(steering.client.get_workflow_handle(target.workflow_id).result())

    outcome = steering.send(target, command="release")

    assert outcome.outcome is CommandOutcome.REFUSED
    assert "nothing runs as" in outcome.message
    assert len(steering.refusals(target)) == 1


def test_each_of_a_batch_answers_for_itself(steering: Steering) -> None:
    taken, gone = steering.target(), steering.target(started=False)
    jobs = [(taken, Command(command="release")), (gone, Command(command="release"))]

    outcomes = steering.background.run(batch(steering.client, steering.database, jobs))

    assert [one.outcome for one in outcomes] == [CommandOutcome.ACCEPTED, CommandOutcome.REFUSED]
    assert outcomes[0].command_id != outcomes[1].command_id
