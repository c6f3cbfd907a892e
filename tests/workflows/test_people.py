import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.api.batch.v1 import BatchOperationSignal
from temporalio.api.common.v1 import Payloads
from temporalio.api.workflowservice.v1 import StartBatchOperationRequest

from adapters.database import orders
from models.commands import Command, CommandName, CommandReceipt
from models.orders import Address
from models.statuses import OrderState
from models.tasks import TaskCategory
from sandbox.shopify_products import UNKNOWN_BARCODE, WITHOUT_BARCODE
from starter.overrides import Outcome, Target, send_command
from starter.temporal_server import TemporalServer
from tests.workflows.scenes import (
    CAREFUL,
    NEVER_SHIPS,
    PERSON,
    SHIPS,
    Scene,
    as_json,
    dropwright,
    scenery,
    send_signal,
    spoilable_supplier,
)
from tests.workflows.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOLD = {"command": "hold", "actor": "day-shift"}
RELEASE = {"command": "release", "actor": PERSON}
CANCELLED = {"steps": [{"after": 0.1, "status": "Cancelled"}]}
Fields = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(temporal_server: TemporalServer, database_url: str) -> AsyncIterator[World]:
    with spoilable_supplier() as url:
        async with scenery(temporal_server, database_url, url, submit_timeout="2s") as world:
            yield world


async def held(world: World) -> Scene:
    return await Scene.sell(world).start(HOLD)


async def unknown_to_suppliers(world: World) -> Scene:
    return await sell_unmapped(world, UNKNOWN_BARCODE)


async def without_barcode(world: World) -> Scene:
    return await sell_unmapped(world, WITHOUT_BARCODE)


async def sell_unmapped(world: World, variant: int) -> Scene:
    with world.database.begin() as tx:
        tx.exec_driver_sql("DELETE FROM article_mappings WHERE variant_id = %s", (str(variant),))
    return await Scene.sell(world, variant=variant).start()


async def without_postcode(world: World) -> Scene:
    return await Scene.sell(world, address={"zip": ""}).start()


async def in_doubt_there(world: World) -> Scene:
    return await in_doubt(world, "reset_after")


async def in_doubt_not_there(world: World) -> Scene:
    return await in_doubt(world, "reset_before")


async def in_doubt(world: World, kind: str) -> Scene:
    scene = Scene.sell(world)
    scene.fault(kind, "setCreateOrder")
    return await scene.start()


async def cancelled_there(world: World) -> Scene:
    return await Scene.sell(world, CANCELLED).start()


async def never_ships(world: World) -> Scene:
    return await Scene.sell(world, NEVER_SHIPS).start()


async def to_be_approved(world: World) -> Scene:
    return await Scene.sell(world, channel=CAREFUL).start()


def nothing(_: Scene) -> Fields:
    return {}


def map_article(scene: Scene) -> Fields:
    variants = scene.rows("SELECT variant_id FROM order_lines WHERE order_id = :id")
    with scene.world.database.begin() as tx:
        for row in variants:
            now = datetime.now(UTC)
            orders.map_article(tx, scene.request.channel, row["variant_id"], scene.line[0], by=PERSON, now=now)
    return {}


def store_address(scene: Scene) -> Fields:
    with scene.world.database.begin() as tx:
        known = orders.load(tx, scene.request.order_id).address or Address()
        mended = known.model_copy(update={"postal_code": scene.postcode})
        now = datetime.now(UTC)
        return {"address_id": orders.store_address(tx, scene.request.order_id, mended, source=PERSON, now=now)}


def number_there(scene: Scene) -> Fields:
    return {"supplier_number": scene.supplier_orders()[0]["order_number"]}


def ships_next_time(scene: Scene) -> Fields:
    scene.script(SHIPS)
    return {}


def parcel(_: Scene) -> Fields:
    return {"tracking_number": "GLS-7001", "carrier": "GLS"}


@dataclass(frozen=True)
class Pause:
    """A kind of pause: how an order gets there, what a person does and answers, and where that leads."""

    category: TaskCategory
    begin: Callable[[World], Awaitable[Scene]]
    command: CommandName
    prepare: Callable[[Scene], Fields] = nothing  # what the answer refers to; returns the fields that name it
    ordered: int = 1  # orders in the supplier's ledger at the end
    ending: OrderState = OrderState.SHIPPED


PAUSES = [
    Pause(TaskCategory.HELD, held, CommandName.RELEASE),
    Pause(TaskCategory.ARTICLE_UNKNOWN, unknown_to_suppliers, CommandName.RELEASE, map_article),
    Pause(TaskCategory.ARTICLE_UNKNOWN, without_barcode, CommandName.RELEASE, map_article),
    Pause(TaskCategory.ADDRESS_INCOMPLETE, without_postcode, CommandName.CHANGE_ADDRESS, store_address),
    Pause(TaskCategory.SUBMIT_UNKNOWN, in_doubt_there, CommandName.CONFIRM_SUBMISSION, number_there),
    Pause(TaskCategory.CANCELLED_BY_SUPPLIER, cancelled_there, CommandName.RELEASE, ships_next_time, ordered=2),
    Pause(TaskCategory.CHECKS_SPENT, never_ships, CommandName.MARK_SHIPPED, parcel),
    Pause(TaskCategory.APPROVAL, to_be_approved, CommandName.APPROVE),
]


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
    async def typed(pause: Pause, *words: str) -> None:
        scene, task = await at_pause(world, pause)
        since = datetime.now(UTC)
        typed_words = [*words, *options(scene, pause)] if len(words) == 1 else words
        name, *rest = typed_words
        ran = await dropwright(world, "order", name, scene.request.name, *rest, "--as", PERSON)
        assert ran.code == 0, ran
        await was_heard(scene, pause, task, since)

    by_category = {pause.category: pause for pause in PAUSES}
    await asyncio.gather(
        typed(by_category[TaskCategory.HELD], "release"),
        typed(by_category[TaskCategory.APPROVAL], "approve"),
        typed(by_category[TaskCategory.ADDRESS_INCOMPLETE], "change-address"),
        typed(by_category[TaskCategory.SUBMIT_UNKNOWN], "confirm-submission"),
        typed(by_category[TaskCategory.CHECKS_SPENT], "mark-shipped"),
    )


def use_address(scene: Scene) -> Fields:
    """The storefront's own correction, as intake stores it."""
    with scene.world.database.begin() as tx:
        orders.use_address(tx, scene.request.order_id, store_address(scene)["address_id"])
    return {}


BATCHES = [
    Pause(TaskCategory.HELD, held, CommandName.RELEASE),
    Pause(TaskCategory.ARTICLE_UNKNOWN, unknown_to_suppliers, CommandName.RELEASE, map_article),
    Pause(TaskCategory.ADDRESS_INCOMPLETE, without_postcode, CommandName.RELEASE, use_address),
    Pause(TaskCategory.SUBMIT_UNKNOWN, in_doubt_not_there, CommandName.RESUBMIT),
    Pause(TaskCategory.CANCELLED_BY_SUPPLIER, cancelled_there, CommandName.RELEASE, ships_next_time, ordered=2),
    Pause(TaskCategory.CHECKS_SPENT, never_ships, CommandName.CANCEL, ending=OrderState.CANCELLED),
    Pause(TaskCategory.APPROVAL, to_be_approved, CommandName.APPROVE),
]


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
    pause = PAUSES[0]
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
    pause = PAUSES[0]
    waiting = await asyncio.gather(*(at_pause(world, pause) for _ in range(3)))
    since = datetime.now(UTC)
    ids = " OR ".join(f"WorkflowId = '{scene.workflow_id}'" for scene, _ in waiting)
    query = f"AttentionReason = 'held' AND ({ids})"
    async with asyncio.timeout(20):  # the list follows a little later
        while (await world.client.count_workflows(query)).count < len(waiting):
            await asyncio.sleep(0.2)
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
    return await send_command(scene.world.client, scene.world.database, target, message)


async def test_of_racing_answers_one_is_taken_and_the_others_are_refused_with_the_reason(world: World) -> None:
    scene, task = await at_pause(world, PAUSES[6])
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
        await scene.answer(await scene.asked(TaskCategory.CANCELLED_BY_SUPPLIER), CommandName.CANCEL)
    assert await scene.ending() in (OrderState.SHIPPED, OrderState.CANCELLED)


async def test_a_repeated_update_is_the_same_command_and_is_carried_out_once(world: World) -> None:
    scene, task = await at_pause(world, PAUSES[0])
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
    (scene, task), (other, other_task) = await asyncio.gather(at_pause(world, PAUSES[3]), at_pause(world, PAUSES[0]))
    elsewhere = await send(scene, task["workflow_id"], CommandName.RELEASE, task_id=other_task["id"])
    await send_signal(world.client, task["workflow_id"], "override", [as_json({**RELEASE, "task_id": other_task["id"]})])
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
    scene.fault("error", "getShippingPrices", times=2)
    await scene.start()
    await scene.waits("getShippingPrices")
    assert (await dropwright(world, "order", "hold", scene.request.name, "--as", "day-shift")).code == 0
    task = await scene.asked(TaskCategory.HELD)
    assert task["workflow_id"] == scene.purchase_orders()[0]["workflow_id"]
    assert scene.supplier_orders() == []
    assert (await send(scene, scene.workflow_id, CommandName.RELEASE)).accepted

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
