import asyncio
import gc
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.update.v1 import Input, Meta, Outcome, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import StartWorkflowExecutionRequest, UpdateWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus

from models.commands import CommandName
from models.identifiers import ORDERS_QUEUE
from models.statuses import OrderState
from models.tasks import TaskCategory
from starter.temporal_server import TemporalServer
from tests.workflows.scenes import NEVER_SHIPS, Scene, as_json, eventually, scenery, send_signal, spoilable_supplier
from tests.workflows.world import World

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The SDK's own coroutine, where a start's input can't be used: left behind until its worker goes.
    pytest.mark.filterwarnings("ignore:coroutine .*run_workflow' was never awaited:RuntimeWarning"),
]

SECRET = "Wurzelsepp 17b"  # what somebody types where it does not belong
STAGE = UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED


def nested(depth: int) -> Any:
    document: Any = {"command": SECRET}
    for _ in range(depth):
        document = {SECRET: [document]}
    return document


READABLE: dict[str, list[Any]] = {
    "a number": [42],
    "a word": [SECRET],
    "null": [None],
    "true": [True],
    "a list": [[SECRET, SECRET]],
    "an empty object": [{}],
    "a huge string": [SECRET * 20_000],
    "nested garbage": [nested(60)],
    "two arguments": [{"command": "release"}, {"command": "release"}],
    "twenty arguments": list(range(20)),
    "a command that is none": [{"command": SECRET}],
    "a command of a wrong type": [{"command": {"command": "release"}}],
    "a missing field": [{"command": "confirm_submission"}],
    "a field too many": [{"command": "release", SECRET: SECRET}],
    "a field of a wrong type": [{"command": "release", "task_id": SECRET}],
    "an actor with a mail address": [{"command": "release", "actor": "wurzel@sepp.example"}],
    "an event without a kind": [{"event_id": SECRET}],
}
MESSAGES: dict[str, list[Payload]] = {
    "no argument": [],
    **{name: [as_json(argument) for argument in arguments] for name, arguments in READABLE.items()},
}
UNDECODABLE: dict[str, list[Payload]] = {
    "an unknown encoding": [Payload(metadata={"encoding": b"binary/unknown"}, data=b"\xff\x00")],
    "no encoding": [Payload(data=b'{"command": "release"}')],
    "broken JSON": [Payload(metadata={"encoding": b"json/plain"}, data=b'{"command": "rel')],
    "no text": [Payload(metadata={"encoding": b"json/plain"}, data=b"\xff\xfe")],
    "bottomless nesting": [Payload(metadata={"encoding": b"json/plain"}, data=b"[" * 50_000)],
    "a message of an unknown type": [
        Payload(metadata={"encoding": b"json/protobuf", "messageType": b"no.such.Type"}, data=b"{}")
    ],
}
ORDER_HANDLERS = (
    "override",
    "storefront_changed",
    "stock_arrived",
    "customer_answered",
    "units_returned",
    "no_such_handler",
)
SHARE_HANDLERS = ("override", "supplier_reported", "no_such_handler")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(temporal_server: TemporalServer, database_url: str) -> AsyncIterator[World]:
    with spoilable_supplier() as url:
        async with scenery(temporal_server, database_url, url, submit_timeout="2s", tracking_plan=["2s"] * 50) as world:
            yield world
    gc.collect()  # what the SDK left behind is told here, where it is ignored


async def pester(scene: Scene, workflow_id: str, handlers: tuple[str, ...]) -> int:
    """Send every bad message to each handler. Returns how many of them must be on the timeline."""
    client = scene.world.client
    for payloads in [*MESSAGES.values(), *UNDECODABLE.values()]:
        await asyncio.gather(*(send_signal(client, workflow_id, handler, payloads) for handler in handlers))
    return (len(handlers) - 1) * len(MESSAGES)


async def complained(scene: Scene, count: int) -> None:
    """Each message is on the timeline, by its shape: nothing of what it held is repeated there."""
    await scene.until(lambda: len(scene.timeline("message.unreadable")) == count)
    entries = scene.timeline("message.unreadable")
    assert all(entry["detail"]["reason"] for entry in entries)
    assert {entry["detail"]["handler"] for entry in entries} <= {*ORDER_HANDLERS, *SHARE_HANDLERS}
    kept = json.dumps([entry["detail"] for entry in entries])
    assert "Wurzel" not in kept
    assert "wurzel" not in kept


async def test_no_signal_can_stop_an_order_that_asks_for_its_address(world: World) -> None:
    scene = await Scene.sell(world, address={"zip": ""}).start()
    task = await scene.asked(TaskCategory.ADDRESS_INCOMPLETE)
    await complained(scene, await pester(scene, scene.workflow_id, ORDER_HANDLERS))
    assert scene.task(task["id"])["state"] == "open"
    await scene.answer(task, CommandName.CANCEL)

    assert await scene.ending() == OrderState.CANCELLED


async def test_no_signal_can_stop_an_order_that_waits_to_be_taken_by_its_supplier(world: World) -> None:
    scene = Scene.sell(world)
    scene.fault("throttled", "setCreateOrder", times=4, retry_after=1)
    await scene.start()
    await scene.waits("setCreateOrder")
    [share] = scene.purchase_order_ids()
    count = sum(
        await asyncio.gather(pester(scene, scene.workflow_id, ORDER_HANDLERS), pester(scene, share, SHARE_HANDLERS))
    )
    await complained(scene, count)

    assert await scene.ending() == OrderState.SHIPPED
    assert len(scene.supplier_orders()) == 1


async def test_no_signal_can_stop_an_order_that_is_followed_by_checks(world: World) -> None:
    scene = await Scene.sell(world, NEVER_SHIPS).start()
    await scene.told("purchase_order.number_written")
    [share] = scene.purchase_order_ids()
    count = sum(
        await asyncio.gather(pester(scene, scene.workflow_id, ORDER_HANDLERS), pester(scene, share, SHARE_HANDLERS))
    )
    await complained(scene, count)
    [supplier_order] = scene.supplier_orders()
    world.supplier(f"orders/{supplier_order['order_number']}", status="Shipped", tracking=["GLS-9002"])

    assert await scene.ending() == OrderState.SHIPPED


async def test_a_cancel_request_is_understood_whatever_comes_along_with_it(world: World) -> None:
    scenes = [await Scene.sell(world, NEVER_SHIPS).start() for _ in MESSAGES]
    await asyncio.gather(*(scene.told("purchase_order.number_written") for scene in scenes))
    for scene, payloads in zip(scenes, MESSAGES.values(), strict=True):
        await send_signal(world.client, scene.purchase_order_ids()[0], "cancel_requested", payloads)
    tasks = await asyncio.gather(*(scene.asked(TaskCategory.CANCEL_AT_SUPPLIER) for scene in scenes))
    for scene, task in zip(scenes, tasks, strict=True):
        await scene.answer(task, CommandName.CANCEL)

    assert {await scene.ending() for scene in scenes} == {OrderState.CANCELLED}


async def test_a_malformed_update_is_refused_at_once_and_changes_nothing(world: World) -> None:
    asking = await Scene.sell(world, address={"zip": ""}).start()
    task = await asking.asked(TaskCategory.ADDRESS_INCOMPLETE)
    followed = await Scene.sell(world, NEVER_SHIPS).start()
    await followed.told("purchase_order.number_written")
    targets = [asking.workflow_id, followed.workflow_id, followed.purchase_order_ids()[0]]
    for name, payloads in {**MESSAGES, **UNDECODABLE}.items():
        outcomes = await asyncio.gather(*(update(world.client, target, payloads) for target in targets))
        assert all(outcome.HasField("failure") for outcome in outcomes), name
    assert asking.task(task["id"])["state"] == "open"
    assert asking.timeline("command.release") == followed.timeline("command.release") == []

    await asking.answer(task, CommandName.CANCEL)
    assert await asking.ending() == OrderState.CANCELLED
    [supplier_order] = followed.supplier_orders()
    world.supplier(f"orders/{supplier_order['order_number']}", status="Shipped", tracking=["GLS-9003"])
    assert await followed.ending() == OrderState.SHIPPED


async def update(client: Client, workflow_id: str, payloads: list[Payload]) -> Outcome:
    """Update by the bare RPC, with exactly these payloads."""
    request = UpdateWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=workflow_id),
        wait_policy=WaitPolicy(lifecycle_stage=STAGE),
        request=Request(
            meta=Meta(update_id=uuid4().hex, identity="temporal-ui"),
            input=Input(name="command", args=Payloads(payloads=payloads) if payloads else None),
        ),
    )
    async with asyncio.timeout(60):
        answer = await client.workflow_service.update_workflow_execution(request)
    outcome: Outcome = answer.outcome
    return outcome


STARTS: dict[str, list[Payload]] = {
    "no argument": [],
    "a number": [as_json(42)],
    "null": [as_json(None)],
    "an empty object": [as_json({})],
    "a field of a wrong type": [as_json({"order_id": SECRET, "channel": "main"})],
    "broken JSON": UNDECODABLE["broken JSON"],
    "no text": UNDECODABLE["no text"],
    "bottomless nesting": UNDECODABLE["bottomless nesting"],
}


@pytest.mark.parametrize(
    "workflow", ["OrderWorkflow", "PurchaseOrderWorkflow", "StragglerWorkflow", "IncidentWorkflow"]
)
async def test_a_start_with_malformed_input_fails_that_workflow_and_is_not_tried_for_ever(
    world: World, workflow: str
) -> None:
    ids = {name: f"malformed/{workflow}/{position}" for position, name in enumerate(STARTS)}
    for name, payloads in STARTS.items():
        await start(world.client, workflow, ids[name], payloads)
    statuses = {name: await status_of(world.client, workflow_id) for name, workflow_id in ids.items()}

    assert statuses == dict.fromkeys(STARTS, WorkflowExecutionStatus.FAILED)


async def start(client: Client, workflow: str, workflow_id: str, payloads: list[Payload]) -> None:
    request = StartWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_id=workflow_id,
        workflow_type=WorkflowType(name=workflow),
        task_queue=TaskQueue(name=ORDERS_QUEUE),
        input=Payloads(payloads=payloads) if payloads else None,
        identity="temporal-ui",
        request_id=uuid4().hex,
    )
    await client.workflow_service.start_workflow_execution(request)


async def status_of(client: Client, workflow_id: str) -> WorkflowExecutionStatus | None:
    """Tell what became of it within seconds; one that would be tried for ever is ended, and told as running."""
    handle = client.get_workflow_handle(workflow_id)

    async def ended() -> WorkflowExecutionStatus | None:
        status = (await handle.describe()).status
        return None if status is WorkflowExecutionStatus.RUNNING else status

    status: WorkflowExecutionStatus | None = await eventually(ended, seconds=10)
    if status is None:
        await handle.terminate("malformed on purpose")
    return status
