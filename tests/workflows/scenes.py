"""Scenes: one order each, with a postcode and an article of its own, so that many play side by side in one world.

The postcode steers what the simulated supplier does to this order alone; article and units find it in its ledger.
"""

import asyncio
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote_plus
from uuid import uuid4

import httpx
from starlette.types import Scope
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from activities.intake import Intake
from models.commands import Command, CommandName
from models.contracts import OrderOutcome, OrderRequest
from models.identifiers import ORDERS_QUEUE, order_workflow_id
from models.statuses import OrderState
from sandbox import btswholesaler
from sandbox.catalogue import plain_eans
from sandbox.serving import serving
from starter import search_attributes
from starter.overrides import Target, send_command
from starter.temporal_server import TemporalServer
from tests.workflows.world import NAMES, PLANTED, PLANTED_MAIL, SECRETS, World, running_world
from workflows.order import OrderWorkflow
from workflows.search_attributes import order_attributes, order_summary

PLAN = ["1s", "1s", "1s"]
CAREFUL = "careful"  # a channel in approve mode
SHIPS = {"steps": [{"after": 0.1, "status": "Shipped", "tracking": ["auto"]}]}
PERSON = "night-shift"
NEVER_SHIPS: dict[str, Any] = {"steps": []}
NUMBERS = itertools.count()
FIRST_ORDER = 9_100_000_000_000
MOST_UNITS = 90
PATIENCE = 60.0  # seconds
Change = Callable[[dict[str, Any]], None]


@asynccontextmanager
async def scenery(
    server: TemporalServer, database_url: str, url: str, change: Change = lambda _: None, **supplier: Any
) -> AsyncIterator[World]:
    """A world around the supplier at ``url``, with a second channel in approve mode.

    ``supplier`` holds settings of that supplier; ``change`` has the last word on the whole configuration.
    """
    client = await Client.connect(server.address, data_converter=pydantic_data_converter)
    await search_attributes.ensure(client)
    settings = {"base_url": f"{url}/v1/api", "tracking_plan": PLAN, "acknowledgement_deadline": "8s", **supplier}
    async with running_world(client, database_url, **settings) as world:
        world.supplier_url = url
        world.configure(_with_careful_channel)  # before the workers' first look at it
        world.configure(change)
        yield world


def spoilable_supplier(seed: int = 0) -> AbstractContextManager[str]:
    """Serve a simulated supplier whose faults can name an order by anything in its form; yields its URL."""
    app = btswholesaler.create_app(token=SECRETS["BTS_TOKEN"], seed=seed)
    app.name_operation = _path_and_form
    return serving(app)


def _path_and_form(scope: Scope, body: bytes) -> str:
    return f"{scope['path']}?{unquote_plus(scope['query_string'].decode())} {unquote_plus(body.decode())}"


def _with_careful_channel(document: dict[str, Any]) -> None:
    careful = {"shop_domain": "careful.planted.example", "mode": "approve"}
    document["channels"][CAREFUL] = {**document["channels"]["main"], **careful}


@dataclass
class Scene:
    """One order, from its sale to its end."""

    world: World
    request: OrderRequest
    postcode: str
    line: tuple[str, int]
    _handle: list[WorkflowHandle[OrderWorkflow, OrderOutcome]] = field(default_factory=list)

    @classmethod
    def sell(
        cls,
        world: World,
        script: dict[str, Any] = SHIPS,
        *,
        channel: str = "main",
        ean: str | None = None,
        variant: int | None = None,
        address: dict[str, Any] | None = None,
        **form: Any,
    ) -> Self:
        """Let a customer order an article, or a variant of the shop's, and let the supplier treat it by ``script``."""
        number = next(NUMBERS)
        postcode = f"{50_000 + number}"
        line = (ean or plain_eans()[number // MOST_UNITS], 1 + number % MOST_UNITS)
        world.supplier("script", where={"postal_code": f"^{postcode}$"}, script=script)
        placed = world.shop(
            "orders",
            **{
                "id": FIRST_ORDER + number,  # every module's shop is new, but they share one Temporal server
                "name": f"#{next(NAMES)}",
                "lines": [{**({"variant": variant} if variant else {"ean": line[0]}), "quantity": line[1]}],
                "address": {**PLANTED, "zip": postcode, **(address or {})},
                "email": PLANTED_MAIL,
                **form,
            },
        )
        intake = Intake(world.database, world.deps.outside._configurations, world.deps.outside.storefront)
        received = intake.import_document(channel, placed["order"])
        assert received.order_request is not None, received
        return cls(world, received.order_request, postcode, line)

    async def start(self, *first: dict[str, Any]) -> Self:
        """Start its workflow; with ``first`` an override signal is there before anything else happens."""
        handle = await self.world.client.start_workflow(
            OrderWorkflow.run,
            self.request,
            id=self.workflow_id,
            task_queue=ORDERS_QUEUE,
            search_attributes=order_attributes(self.request),
            static_summary=order_summary(self.request),
            start_signal="override" if first else None,
            start_signal_args=first,
        )
        self._handle.append(handle)
        return self

    @property
    def workflow_id(self) -> str:
        """Its order's workflow id."""
        return order_workflow_id(self.request.channel, self.request.storefront_order_id)

    @property
    def handle(self) -> WorkflowHandle[OrderWorkflow, OrderOutcome]:
        """Its order's running workflow."""
        return self._handle[-1]

    async def ending(self) -> str:
        """Wait for its end, check that the books balance and no workflow stumbled, and return the ending."""
        try:
            outcome = await asyncio.wait_for(self.handle.result(), PATIENCE)
        except TimeoutError:
            raise AssertionError(f"has not ended: {await self.standing()}") from None
        self.check_balance(outcome.ending)
        await self.check_histories()
        return outcome.ending

    def check_balance(self, ending: OrderState) -> None:
        """Ordered = shipped + open + cancelled + refunded, and nothing is open after the end, or asked."""
        units = self.units()
        still_open = units["ordered"] - units["shipped"] - units["cancelled"]
        assert still_open == (units["ordered"] if ending is OrderState.TEST_PLACED else 0)
        assert self.rows("SELECT id, state FROM purchase_orders WHERE order_id = :id AND ended_at IS NULL") == []
        waited_for = "SELECT category FROM tasks WHERE order_id = :id AND state = 'open' AND workflow_id IS NOT NULL"
        assert self.rows(waited_for) == []

    async def check_histories(self) -> None:
        """No workflow task of this order or of its purchase orders has failed."""
        for workflow_id in [self.workflow_id, *self.purchase_order_ids()]:
            async for event in self.world.client.get_workflow_handle(workflow_id).fetch_history_events():
                assert event.event_type != EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED, (workflow_id, event)

    # What is known of it.

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Read from our database; ``:id`` is this order."""
        return self.world.rows(statement, id=self.request.order_id, **values)

    def timeline(self, event: str) -> list[dict[str, Any]]:
        """List its timeline's entries of this kind."""
        return self.rows("SELECT * FROM timeline WHERE order_id = :id AND event = :event ORDER BY id", event=event)

    def events(self) -> list[str]:
        """List its timeline in short."""
        return [row["event"] for row in self.rows("SELECT event FROM timeline WHERE order_id = :id ORDER BY id")]

    def task(self, task_id: int) -> dict[str, Any]:
        """Read one task."""
        return self.world.rows("SELECT * FROM tasks WHERE id = :task", task=task_id)[0]

    async def standing(self) -> str:
        """Describe where it stands, for a test that fails: its timeline, and every pending activity."""
        ids = [self.workflow_id, *(row["workflow_id"] for row in self.purchase_orders())]
        lines = [f"{self.request.name}: {', '.join(self.events())}"]
        for workflow_id in ids:
            try:
                raw = (await self.world.client.get_workflow_handle(workflow_id).describe()).raw_description
            except RPCError as error:
                lines.append(f"{workflow_id}: {error.message}")
                continue
            for one in raw.pending_activities:
                name, said = one.activity_type.name, one.last_failure.message
                lines.append(f"{workflow_id}: {name}, attempt {one.attempt}, state {one.state}: {said}")
        return "\n".join(lines)

    def purchase_orders(self) -> list[dict[str, Any]]:
        """List its purchase orders, oldest first."""
        return self.rows("SELECT * FROM purchase_orders WHERE order_id = :id ORDER BY id")

    def purchase_order_ids(self) -> list[str]:
        """List the workflow ids of its purchase orders that were ever started."""
        started = "SELECT p.workflow_id FROM purchase_orders p JOIN calls c ON c.purchase_order_id = p.id"
        return [
            row["workflow_id"] for row in self.rows(f"{started} WHERE p.order_id = :id GROUP BY p.id ORDER BY p.id")
        ]

    def supplier_orders(self, url: str | None = None) -> list[dict[str, Any]]:
        """List what the supplier's ledger holds for it."""
        orders = httpx.get(f"{url or self.world.supplier_url}/_sandbox/ledger").json()["orders"]
        mine = [{"ean": self.line[0], "quantity": self.line[1]}]
        return [order for order in orders if order["lines"] == mine]

    def units(self) -> dict[str, int]:
        """Add up its lines."""
        query = "SELECT sum(quantity) AS ordered, sum(shipped) AS shipped, sum(cancelled) AS cancelled FROM order_lines"
        return self.rows(f"{query} WHERE order_id = :id")[0]

    # What happens to it.

    def script(self, script: dict[str, Any]) -> None:
        """Let the supplier treat it by another script from its next order on."""
        self.world.supplier("script", where={"postal_code": f"^{self.postcode}$"}, script=script)

    def fault(self, kind: str, operation: str, *, times: int | None = 1, **more: Any) -> None:
        """Spoil the supplier's answers to this order's calls; other rules stay."""
        rule = {"kind": kind, "operation": f"{operation}.*postal_code\\]?={self.postcode}", "times": times, **more}
        self.world.supplier("faults", rules=[rule], add=True)

    async def asked(self, category: str) -> dict[str, Any]:
        """Wait until a person is asked this, and the lifecycle listens for the answer."""
        query = "SELECT * FROM tasks WHERE order_id = :id AND category = :category AND state = 'open'"
        tasks: list[dict[str, Any]] = await self.until(lambda: self.rows(query, category=category))
        [task] = tasks
        if task["workflow_id"] is not None:
            lifecycle = self.world.client.get_workflow_handle(task["workflow_id"])

            async def is_posed() -> bool:
                return bool((await lifecycle.query("status"))["task_id"] == task["id"])

            await self._eventually(is_posed)
        return task

    async def told(self, event: str) -> None:
        """Wait for this entry on its timeline."""
        await self.until(lambda: self.timeline(event))

    async def answer(self, task: dict[str, Any], command: CommandName, **fields: Any) -> None:
        """Answer a task as the command line does."""
        target = Target(
            workflow_id=task["workflow_id"], order_id=self.request.order_id, purchase_order_id=task["purchase_order_id"]
        )
        message = Command(command=command, task_id=task["id"], actor=PERSON, **fields)
        outcome = await send_command(self.world.client, self.world.database, target, message, seconds=PATIENCE)
        assert outcome.accepted, outcome

    async def waits(self, words: str) -> None:
        """Wait until its first purchase order's pending activity says these words, as the Temporal UI shows them."""
        [workflow_id, *_] = await self.until(self.purchase_order_ids)
        handle = self.world.client.get_workflow_handle(workflow_id)

        async def says_so() -> bool:
            pending = (await handle.describe()).raw_description.pending_activities
            return any(words in one.last_failure.message for one in pending)

        await self._eventually(says_so)

    async def until(self, what: Callable[[], Any]) -> Any:
        """Wait until our database, or a ledger, has something to show, and return it."""
        return await self._eventually(lambda: asyncio.to_thread(what))

    async def _eventually(self, look: Callable[[], Awaitable[Any]]) -> Any:
        if found := await eventually(look):
            return found
        raise AssertionError(f"not within {PATIENCE} s: {await self.standing()}")


async def eventually(look: Callable[[], Awaitable[Any]], seconds: float = PATIENCE) -> Any:
    """Look until there is something to see, and return it; or what was there at last."""
    for _ in range(round(seconds * 10)):
        if found := await look():
            return found
        await asyncio.sleep(0.1)
    return await look()


def as_json(document: Any) -> Payload:
    """Encode as the Temporal UI does: plain JSON, nothing said of its type."""
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(document).encode())


async def send_signal(client: Client, workflow_id: str, name: str, payloads: Sequence[Payload]) -> None:
    """Signal by the bare RPC, with exactly these payloads."""
    request = SignalWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=workflow_id),
        signal_name=name,
        input=Payloads(payloads=payloads) if payloads else None,
        identity="temporal-ui",
        request_id=uuid4().hex,
    )
    await client.workflow_service.signal_workflow_execution(request)


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


async def dropwright(world: World, *arguments: str) -> Ran:
    """Run the command line as a person does, in a process of its own."""
    address = world.client.service_client.config.target_host
    environment = {
        **os.environ,
        **SECRETS,
        "DROPWRIGHT_DATABASE_URL": world.database.engine.url.render_as_string(hide_password=False),
        "TEMPORAL_ADDRESS": address,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "starter.cli",
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Ran(process.returncode or 0, out.decode(), err.decode())
