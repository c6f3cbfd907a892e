import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from models.commands import CommandName
from models.statuses import OrderState
from models.tasks import TaskCategory
from sandbox.catalogue import plain_eans
from starter.temporal_server import TemporalServer
from tests.workflows.scenes import NEVER_SHIPS, SHIPS, Scene, scenery, spoilable_supplier
from tests.workflows.world import PLANTED_WORDS, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANCELLED = {"steps": [{"after": 0.1, "status": "Cancelled"}]}


class Gate:
    """A port in front of a server. While it is shut new connections are refused; those that stand go on."""

    def __init__(self, url: str) -> None:
        self._host, self._port = urlsplit(url).hostname, urlsplit(url).port
        self._server: asyncio.Server | None = None
        self._forwarding: set[asyncio.Task[None]] = set()
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def before(cls, url: str) -> AsyncIterator[Self]:
        gate = cls(url)
        await gate.open()
        yield gate
        gate.shut()
        for task in gate._forwarding:
            task.cancel()
        await asyncio.gather(*gate._forwarding, return_exceptions=True)

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._forwarding.add(task)
        task.add_done_callback(self._forwarding.discard)
        there, back = await asyncio.open_connection(self._host, self._port)
        try:
            await asyncio.gather(_forward(reader, back), _forward(there, writer))
        finally:
            back.close()
            writer.close()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except (ConnectionError, asyncio.CancelledError):
        pass
    writer.close()


@pytest.fixture(scope="module")
def first_url() -> Iterator[str]:
    with spoilable_supplier() as url:
        yield url


@pytest.fixture(scope="module")
def second_url() -> Iterator[str]:
    with spoilable_supplier(seed=1) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gate(first_url: str) -> AsyncIterator[Gate]:
    async with Gate.before(first_url) as gate:
        yield gate


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    temporal_server: TemporalServer, database_url: str, first_url: str, second_url: str, gate: Gate
) -> AsyncIterator[World]:
    def with_second(document: dict[str, Any]) -> None:
        first = document["suppliers"]["bts"]
        second = {"display_name": "Second Wholesaler", "base_url": f"{second_url}/v1/api"}
        document["suppliers"]["second"] = {**first, **second, "metafield_namespace": "second"}
        first["base_url"] = f"http://127.0.0.1:{gate.port}/v1/api"
        document["routing"]["priority"] = ["bts", "second"]

    async with scenery(
        temporal_server, database_url, first_url, with_second, submit_timeout="2s", account_hold_probe="1s"
    ) as world:
        yield world


def attempts(scene: Scene) -> list[tuple[str, str]]:
    rows = scene.rows(
        "SELECT a.outcome, a.detail FROM submission_attempts a JOIN purchase_orders p ON p.id = a.purchase_order_id "
        "WHERE p.order_id = :id ORDER BY a.id"
    )
    return [(row["outcome"], row["detail"]) for row in rows]


async def test_a_refused_connection_is_tried_again_by_itself_and_costs_no_events(world: World, gate: Gate) -> None:
    plain = await Scene.sell(world).start()
    await plain.ending()
    world.faults("shop", [{"kind": "latency", "operation": "SetMetafield", "times": 1, "milliseconds": 1000}])
    scene = await Scene.sell(world).start()
    await scene.until(lambda: scene.purchase_orders() and scene.purchase_orders()[0]["quote_id"])
    gate.shut()
    await scene.until(lambda: attempts(scene))
    await gate.open()

    assert await scene.ending() == OrderState.SHIPPED
    assert ("not_sent", "NotSent") in attempts(scene)
    assert [outcome for outcome, _ in attempts(scene) if outcome != "not_sent"] == ["placed"]
    assert len(scene.supplier_orders()) == 1
    assert await world.events_of(scene.request) <= await world.events_of(plain.request)


DOUBTS: list[tuple[str, dict[str, Any]]] = [
    ("hang", {"processed": True}),
    ("hang", {"processed": False}),
    ("reset_before", {}),
    ("reset_after", {}),
    ("error", {"status": 503, "processed": True}),
    ("error", {"status": 503, "processed": False}),
    ("truncated", {}),
    ("invalid_json", {}),
    ("cut_off", {}),
    ("wrong_content_type", {}),
]


async def test_what_left_without_a_usable_answer_is_settled_by_a_person_and_never_sent_twice_unasked(
    world: World,
) -> None:
    await asyncio.gather(*(settle_doubt(world, kind, more) for kind, more in DOUBTS))


async def settle_doubt(world: World, kind: str, more: dict[str, Any]) -> None:
    scene = Scene.sell(world)
    scene.fault(kind, "setCreateOrder", **more)
    await scene.start()
    task = await scene.asked(TaskCategory.SUBMIT_UNKNOWN)
    check_evidence(scene, task)
    there = scene.supplier_orders()
    if there:
        number = there[0]["order_number"]
        await scene.answer(task, CommandName.CONFIRM_SUBMISSION, supplier_number=number)
    else:
        await scene.answer(task, CommandName.RESUBMIT)

    assert await scene.ending() == OrderState.SHIPPED, kind
    [supplier_order] = scene.supplier_orders()
    [purchase_order] = scene.purchase_orders()
    assert purchase_order["supplier_number"] == supplier_order["order_number"]
    assert scene.task(task["id"])["answered_by"] == "night-shift"
    number_key = "btswholesaler.order_number"
    assert (
        world.shop_order(scene.request.storefront_order_id)["metafields"][number_key] == supplier_order["order_number"]
    )


def check_evidence(scene: Scene, task: dict[str, Any]) -> None:
    evidence = task["evidence"]
    assert [(line["ean"], line["quantity"]) for line in evidence["request"]["lines"]] == [scene.line[:2]]
    assert evidence["request"]["number"] == scene.purchase_orders()[0]["number"]
    assert evidence["heard"]
    assert evidence["sent_at"] in evidence["look_for"]
    assert evidence["request"]["quote_id"] in evidence["look_for"]
    assert evidence["sent_at"] in task["question"]
    told = json.dumps(evidence) + task["question"]
    assert not [word for word in (*PLANTED_WORDS, scene.postcode) if word in told]
    answers = [alternative["command"] for alternative in task["alternatives"]]
    assert answers == ["confirm_submission", "resubmit", "cancel"]


async def test_an_order_in_doubt_that_a_person_gives_up_ends_cancelled_and_is_not_sent_again(world: World) -> None:
    scene = Scene.sell(world)
    scene.fault("reset_before", "setCreateOrder")
    await scene.start()
    await scene.answer(await scene.asked(TaskCategory.SUBMIT_UNKNOWN), CommandName.CANCEL)

    assert await scene.ending() == OrderState.CANCELLED
    assert scene.supplier_orders() == []
    assert scene.purchase_orders()[0]["submission"] == "withdrawn"


async def test_stock_that_is_gone_when_it_is_ordered_is_ordered_from_the_second_supplier(
    world: World, second_url: str
) -> None:
    scene = Scene.sell(world, {**NEVER_SHIPS, "stock_gone": True}, ean=plain_eans()[41])
    script_at(second_url, scene, SHIPS)
    await scene.start()

    assert await scene.ending() == OrderState.SHIPPED
    assert scene.supplier_orders() == []
    assert len(scene.supplier_orders(second_url)) == 1
    assert [(row["supplier"], row["state"]) for row in scene.purchase_orders()] == [
        ("bts", "rejected"),
        ("second", "shipped"),
    ]


async def test_stock_that_is_gone_everywhere_becomes_a_question_and_goes_on_once_there_is_some(
    world: World, second_url: str, first_url: str
) -> None:
    scene = Scene.sell(world, {**NEVER_SHIPS, "stock_gone": True}, ean=plain_eans()[42])
    script_at(second_url, scene, {**NEVER_SHIPS, "stock_gone": True})
    await scene.start()
    task = await scene.asked(TaskCategory.UNROUTABLE)
    scene.script(SHIPS)
    post(first_url, "stock", {scene.line[0]: 100})
    await scene.answer(task, CommandName.RELEASE)

    assert await scene.ending() == OrderState.SHIPPED
    assert len(scene.supplier_orders()) == 1
    assert scene.supplier_orders(second_url) == []


async def test_a_quote_that_the_supplier_no_longer_honours_is_asked_for_again(world: World) -> None:
    world.faults("shop", [{"kind": "latency", "operation": "SetMetafield", "times": 1, "milliseconds": 1500}])
    scene = await Scene.sell(world).start()
    await scene.until(lambda: scene.purchase_orders() and scene.purchase_orders()[0]["quote_id"])
    first_quote = scene.purchase_orders()[0]["quote_id"]
    scene.script({**SHIPS, "carriers": ["SEUR"]})

    assert await scene.ending() == OrderState.SHIPPED
    assert attempts(scene) == [("refused", "shipping_cost_code_error"), ("placed", "Paid")]
    [supplier_order] = scene.supplier_orders()
    assert supplier_order["carrier"] == "SEUR"
    written = world.shop_order(scene.request.storefront_order_id)["metafields"]["btswholesaler.shipping_cost_id"]
    assert written == scene.purchase_orders()[0]["quote_id"] != first_quote


async def test_an_empty_wallet_is_one_incident_and_its_orders_go_on_once_it_is_filled(world: World) -> None:
    world.supplier("settings", wallet="0")
    scenes = [Scene.sell(world) for _ in range(4)]
    await asyncio.gather(*(scene.start() for scene in scenes))
    await scenes[0].until(lambda: len(world.rows("SELECT 1 FROM incident_orders WHERE waiting")) == 4)
    assert [scene.supplier_orders() for scene in scenes] == [[], [], [], []]
    world.supplier("settings", wallet="1000000")

    assert [await scene.ending() for scene in scenes] == [OrderState.SHIPPED] * 4
    assert [len(scene.supplier_orders()) for scene in scenes] == [1, 1, 1, 1]
    [incident] = world.rows("SELECT * FROM incidents WHERE kind = 'account_hold'")
    assert incident["closed_at"] is not None
    assert len(world.rows("SELECT id FROM mails WHERE audience = 'internal' AND subject LIKE '%account hold%'")) == 1
    [task] = world.rows("SELECT state FROM tasks WHERE category = 'account_hold'")
    assert task["state"] == "obsolete"


async def test_a_test_order_is_placed_by_bank_transfer_and_ends_once_its_number_is_written_back(world: World) -> None:
    scene = await Scene.sell(world, NEVER_SHIPS, test=True).start()

    assert await scene.ending() == OrderState.TEST_PLACED
    [supplier_order] = scene.supplier_orders()
    assert supplier_order["payment_method"] == "banktransfer"
    metafields = world.shop_order(scene.request.storefront_order_id)["metafields"]
    assert metafields["btswholesaler.order_number"] == supplier_order["order_number"]
    assert supplier_order["order_number"] in scene.timeline("purchase_order.note")[0]["detail"]["note"]
    assert scene.rows("SELECT id FROM mails WHERE order_id = :id AND audience = 'customer'") == []


async def test_what_one_supplier_cancels_the_other_ships(world: World, second_url: str) -> None:
    scene = Scene.sell(world, CANCELLED)
    script_at(second_url, scene, SHIPS)
    await scene.start()

    assert await scene.ending() == OrderState.SHIPPED
    assert [order["status"] for order in scene.supplier_orders()] == ["Cancelled"]
    assert [order["status"] for order in scene.supplier_orders(second_url)] == ["Shipped"]
    assert [row["state"] for row in scene.purchase_orders()] == ["cancelled_by_supplier", "shipped"]
    [alert] = scene.rows("SELECT subject FROM mails WHERE order_id = :id AND audience = 'internal'")
    assert "cancelled by BTSWholesaler" in alert["subject"]
    assert scene.units()["shipped"] == scene.units()["ordered"]


async def test_what_every_supplier_cancels_becomes_one_question(world: World, second_url: str) -> None:
    scenes = [Scene.sell(world, CANCELLED) for _ in range(2)]
    for scene in scenes:
        script_at(second_url, scene, CANCELLED)
        await scene.start()
    again, given_up = scenes
    tasks = await asyncio.gather(*(scene.asked(TaskCategory.CANCELLED_BY_SUPPLIER) for scene in scenes))
    again.script(SHIPS)
    await again.answer(tasks[0], CommandName.RELEASE)
    await given_up.answer(tasks[1], CommandName.CANCEL)

    assert await again.ending() == OrderState.SHIPPED
    assert [row["state"] for row in again.purchase_orders()] == ["cancelled_by_supplier"] * 2 + ["shipped"]
    assert len(again.supplier_orders()) == 2
    assert await given_up.ending() == OrderState.CANCELLED
    assert len(given_up.supplier_orders()) == 1
    assert given_up.units()["cancelled"] == given_up.units()["ordered"]


def script_at(url: str, scene: Scene, script: dict[str, Any]) -> None:
    post(url, "script", {"where": {"postal_code": f"^{scene.postcode}$"}, "script": script})


def post(url: str, path: str, document: dict[str, Any]) -> None:
    httpx.post(f"{url}/_sandbox/{path}", json=document).raise_for_status()
