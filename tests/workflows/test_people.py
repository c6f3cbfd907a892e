import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.api.batch.v1 import BatchOperationSignal
from temporalio.api.common.v1 import Payloads
from temporalio.api.workflowservice.v1 import StartBatchOperationRequest

from models.commands import Command, CommandName, CommandReceipt
from models.statuses import OrderState
from models.tasks import TaskCategory
from starter.overrides import Outcome, Target, send_command
from starter.temporal_server import TemporalServer
from tests.workflows.pauses import BATCHES, HOLD, PAUSES, Fields, Pause, number_there, pause_of, store_address
from tests.workflows.scenes import (
    NEVER_SHIPS,
    PATIENCE,
    PERSON,
    Scene,
    as_json,
    dropwright,
    eventually,
    scenery,
    send_signal,
    spoilable_supplier,
)
from tests.workflows.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

RELEASE = {"command": "release", "actor": PERSON}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(temporal_server: TemporalServer, database_url: str) -> AsyncIterator[World]:
    with spoilable_supplier() as url:
        async with scenery(temporal_server, database_url, url, submit_timeout="2s") as world:
            yield world


async def at_pause(world: World, pause: Pause) -> tuple[Scene, dict[str, Any]]:
    scene = await pause.begin(world)
    return scene, await scene.asked(pause.category)


async def was_heard(scene: Scene, pause: Pause, task: dict[str, Any], since: datetime) -> None:
    assert await scene.ending() == pause.ending, pause
    assert len(scene.supplier_orders()) == pause.ordered, pause
    closed = scene.task(task["id"])
    assert (closed["state"], closed["answer"], closed["answered_by"]) == ("answered", pause.command, PERSON), pause
    [told] = scene.timeline(f"command.{pause.command}")
    assert (told["actor"], told["purchase_order_id"]) == (PERSON, task["purchase_order_id"])
    assert since - timedelta(seconds=1) <= told["at"] <= datetime.now(UTC)


async def test_every_pause_hears_an_override_signal_as_the_temporal_ui_sends_it(world: World) -> None:
    async def signalled(pause: Pause) -> None:
        scene, task = await at_pause(world, pause)
        since, fields = datetime.now(UTC), pause.prepare(scene)
        message = as_json({"command": pause.command, "actor": PERSON, **fields})
        await send_signal(world.client, task["workflow_id"], "override", [message])
        await was_heard(scene, pause, task, since)

    await asyncio.gather(*(signalled(pause) for pause in PAUSES))


async def test_every_pause_hears_the_update(world: World) -> None:
    async def updated(pause: Pause) -> None:
        scene, task = await at_pause(world, pause)
        since, fields = datetime.now(UTC), pause.prepare(scene)
        await scene.answer(task, pause.command, **fields)
        await was_heard(scene, pause, task, since)
        [row] = sent(scene)
        assert (row["outcome"], row["actor"]) == ("accepted", PERSON)

    await asyncio.gather(*(updated(pause) for pause in PAUSES))


async def test_every_pause_hears_the_command_line(world: World) -> None:
    async def typed(pause: Pause) -> None:
        scene, task = await at_pause(world, pause)
        since = datetime.now(UTC)
        words = ("task", "answer", str(task["id"]), pause.command.replace("_", "-"), *options(scene, pause))
        ran = await dropwright(world, *words, "--as", PERSON, "--json")
        assert ran.code == 0, ran
        [answer] = json.loads(ran.out)
        assert answer["outcome"] == "accepted"
        await was_heard(scene, pause, task, since)

    await asyncio.gather(*(typed(pause) for pause in PAUSES))


def options(scene: Scene, pause: Pause) -> Sequence[str]:
    """What a person types beside the answer."""
    match pause.category:
        case TaskCategory.ARTICLE_UNKNOWN:
            [line] = scene.rows("SELECT variant_id FROM order_lines WHERE order_id = :id")
            return ("--ean", f"{line['variant_id']}={scene.line[0]}")
        case TaskCategory.ADDRESS_INCOMPLETE:
            return ("--postal-code", scene.postcode)
        case TaskCategory.SUBMIT_UNKNOWN:
            return ("--number", number_there(scene)["supplier_number"])
        case TaskCategory.CHECKS_SPENT:
            return ("--tracking", "GLS-7002", "--carrier", "GLS")
    pause.prepare(scene)
    return ()


async def test_an_order_is_steered_by_its_name_on_the_command_line(world: World) -> None:
    async def typed(category: TaskCategory) -> None:
        pause = pause_of(category)
        scene, task = await at_pause(world, pause)
        since, word = datetime.now(UTC), pause.command.replace("_", "-")
        ran = await dropwright(world, "order", word, scene.request.name, *options(scene, pause), "--as", PERSON)
        assert ran.code == 0, ran
        await was_heard(scene, pause, task, since)

    categories = (TaskCategory.ADDRESS_INCOMPLETE, TaskCategory.SUBMIT_UNKNOWN, TaskCategory.CHECKS_SPENT)
    await asyncio.gather(*(typed(category) for category in categories))


async def test_every_pause_hears_a_batch_from_the_command_line(world: World) -> None:
    async def batched(pause: Pause) -> None:
        both = await asyncio.gather(at_pause(world, pause), at_pause(world, pause))
        since = datetime.now(UTC)
        for scene, _ in both:
            pause.prepare(scene)
        ran = await dropwright(
            world, "order", pause.command, "--where", f"category={pause.category}", "--yes", "--as", PERSON, "--json"
        )
        assert ran.code == 0, ran
        answers = json.loads(ran.out)
        assert {one["workflow_id"] for one in answers} == {task["workflow_id"] for _, task in both}
        assert {one["outcome"] for one in answers} == {"accepted"}
        await asyncio.gather(*(was_heard(scene, pause, task, since) for scene, task in both))

    await asyncio.gather(*(batched(pause) for pause in BATCHES))


async def test_a_batch_of_named_orders_is_answered_order_by_order(world: World) -> None:
    pause = pause_of(TaskCategory.HELD)
    (first, task), (second, _) = await asyncio.gather(at_pause(world, pause), at_pause(world, pause))
    gone = await Scene.sell(world).start()
    await gone.ending()
    since = datetime.now(UTC)
    names = [scene.request.name for scene in (first, gone)]
    ran = await dropwright(world, "order", "release", *names, "--as", PERSON, "--json")

    assert ran.code == 1
    assert [one["outcome"] for one in json.loads(ran.out)] == ["accepted", "refused"]
    await was_heard(first, pause, task, since)
    await second.answer(await second.asked(TaskCategory.HELD), CommandName.RELEASE)
    await second.ending()


async def test_orders_are_released_by_a_batch_operation_of_temporal_itself(world: World) -> None:
    pause = pause_of(TaskCategory.HELD)
    waiting = await asyncio.gather(*(at_pause(world, pause) for _ in range(3)))
    since = datetime.now(UTC)
    ids = " OR ".join(f"WorkflowId = '{scene.workflow_id}'" for scene, _ in waiting)
    query = f"AttentionReason = 'held' AND ({ids})"

    async def are_listed() -> bool:  # the list follows a little later
        return (await world.client.count_workflows(query)).count == len(waiting)

    assert await eventually(are_listed)
    request = StartBatchOperationRequest(
        namespace=world.client.namespace,
        visibility_query=query,
        job_id=uuid4().hex,
        reason="the warehouse is open again",
        signal_operation=BatchOperationSignal(
            signal="override", input=Payloads(payloads=[as_json(RELEASE)]), identity="temporal-ui"
        ),
    )
    await world.client.workflow_service.start_batch_operation(request)

    await asyncio.gather(*(was_heard(scene, pause, task, since) for scene, task in waiting))


# Who comes second, too late, or to the wrong door.


def sent(scene: Scene) -> list[dict[str, Any]]:
    return scene.rows("SELECT * FROM commands WHERE order_id = :id ORDER BY sent_at, outcome")


async def send(scene: Scene, workflow_id: str, command: CommandName, actor: str = PERSON, **fields: Any) -> Outcome:
    target = Target(workflow_id=workflow_id, order_id=scene.request.order_id)
    message = Command(command=command, actor=actor, **fields)
    return await send_command(scene.world.client, scene.world.database, target, message, seconds=PATIENCE)


async def test_of_racing_answers_one_is_taken_and_the_others_are_refused_with_the_reason(world: World) -> None:
    scene, task = await at_pause(world, pause_of(TaskCategory.CHECKS_SPENT))
    racing: list[tuple[CommandName, Fields]] = [
        (CommandName.CANCEL, {}),
        (CommandName.MARK_SHIPPED, {"tracking_number": "GLS-7003"}),
        (CommandName.REROUTE, {}),
        (CommandName.EXTEND_TRACKING, {"extend_by": "1h"}),
    ]
    outcomes = await asyncio.gather(
        *(
            send(scene, task["workflow_id"], command, f"clerk-{number}", task_id=task["id"], **fields)
            for number, (command, fields) in enumerate(racing)
        )
    )

    [winner] = [number for number, outcome in enumerate(outcomes) if outcome.accepted]
    refused = [outcome for outcome in outcomes if not outcome.accepted]
    assert {outcome.message for outcome in refused} == {f"task {task['id']} is not open here any more"}
    assert scene.task(task["id"])["answered_by"] == f"clerk-{winner}"
    assert sorted(row["outcome"] for row in sent(scene)) == ["accepted", "refused", "refused", "refused"]
    entries = scene.timeline("command.refused")
    assert {entry["actor"] for entry in entries} == {f"clerk-{number}" for number in range(4)} - {f"clerk-{winner}"}
    assert all(entry["detail"]["refused"] for entry in entries)
    await end(scene, racing[winner][0])


async def end(scene: Scene, answered: CommandName) -> None:
    """Bring an order to its end from wherever that answer has led it."""
    if answered is CommandName.EXTEND_TRACKING:
        await send(scene, scene.purchase_orders()[0]["workflow_id"], CommandName.MARK_SHIPPED, tracking_number="GLS-7")
    elif answered is CommandName.REROUTE:
        await scene.answer(await scene.asked(TaskCategory.UNROUTABLE), CommandName.CANCEL)
    assert await scene.ending() in (OrderState.SHIPPED, OrderState.CANCELLED)


async def test_a_repeated_update_is_the_same_command_and_is_carried_out_once(world: World) -> None:
    scene, task = await at_pause(world, pause_of(TaskCategory.HELD))
    command = Command(command=CommandName.RELEASE, command_id=uuid4().hex, actor=PERSON, task_id=task["id"])
    handle = world.client.get_workflow_handle(task["workflow_id"])
    update: dict[str, Any] = {"id": command.command_id, "result_type": CommandReceipt}
    receipts = await asyncio.gather(*(handle.execute_update("command", command, **update) for _ in range(3)))
    other_id = {**update, "id": uuid4().hex}
    receipts.append(await handle.execute_update("command", command, **other_id))  # the same command in a new envelope

    assert {receipt.command_id for receipt in receipts} == {command.command_id}
    assert await scene.ending() == OrderState.SHIPPED
    assert len(scene.timeline("command.release")) == 1
    assert scene.timeline("command.refused") == []


async def test_an_answer_to_a_question_that_is_not_open_here_is_refused(world: World) -> None:
    (scene, task), (other, other_task) = await asyncio.gather(
        at_pause(world, pause_of(TaskCategory.ADDRESS_INCOMPLETE)), at_pause(world, pause_of(TaskCategory.HELD))
    )
    elsewhere = await send(scene, task["workflow_id"], CommandName.RELEASE, task_id=other_task["id"])
    await send_signal(
        world.client, task["workflow_id"], "override", [as_json({**RELEASE, "task_id": other_task["id"]})]
    )
    unfit = await send(scene, task["workflow_id"], CommandName.RESUBMIT)
    assert not elsewhere.accepted
    assert elsewhere.message == f"task {other_task['id']} is not open here any more"
    assert unfit.message == "resubmit answers no open question here"
    await scene.until(lambda: len(scene.timeline("command.refused")) == 3)
    assert scene.task(task["id"])["state"] == other.task(other_task["id"])["state"] == "open"

    await send_signal(world.client, task["workflow_id"], "override", [as_json(HOLD)])
    await scene.answer(task, CommandName.CHANGE_ADDRESS, **store_address(scene))
    release = await scene.asked(TaskCategory.HELD)
    late = await send(scene, task["workflow_id"], CommandName.CANCEL, task_id=task["id"])
    assert (late.accepted, late.message) == (False, f"task {task['id']} is not open here any more")
    await scene.answer(release, CommandName.RELEASE)
    await other.answer(other_task, CommandName.RELEASE)
    assert [await scene.ending(), await other.ending()] == [OrderState.SHIPPED] * 2

    ended = await send(scene, task["workflow_id"], CommandName.CANCEL)
    assert not ended.accepted
    assert "ended" in ended.message


async def test_a_hold_of_the_order_stops_a_purchase_order_that_waits_at_an_unreachable_supplier(world: World) -> None:
    scene = Scene.sell(world)
    scene.fault("error", "getShippingPrices", times=None)
    await scene.start()
    await scene.waits("getShippingPrices")
    assert (await send(scene, scene.workflow_id, CommandName.HOLD, "day-shift")).accepted
    await scene.until(lambda: len(scene.timeline("command.hold")) == 2)
    world.faults("supplier", [])
    task = await scene.asked(TaskCategory.HELD)
    assert task["workflow_id"] == scene.purchase_orders()[0]["workflow_id"]
    assert scene.supplier_orders() == []
    ran = await dropwright(world, "order", "release", scene.workflow_id, "--as", PERSON)
    assert ran.code == 0, ran

    assert await scene.ending() == OrderState.SHIPPED
    assert scene.task(task["id"])["answered_by"] == PERSON
    told = [(entry["actor"], entry["purchase_order_id"] is not None) for entry in scene.timeline("command.hold")]
    assert sorted(told) == [("day-shift", False), ("day-shift", True)]
    assert len(scene.supplier_orders()) == 1


async def test_a_hold_that_comes_too_late_says_so(world: World) -> None:
    scene = await Scene.sell(world, NEVER_SHIPS).start()
    await scene.told("purchase_order.number_written")
    share = scene.purchase_orders()[0]["workflow_id"]
    late = await send(scene, share, CommandName.HOLD)

    assert not late.accepted
    assert late.message == "the supplier has it already: a hold would stop nothing"
    await send(scene, share, CommandName.MARK_SHIPPED, tracking_number="GLS-7004", carrier="GLS")
    assert await scene.ending() == OrderState.SHIPPED
