"""The whole product beside a simulated world, in one process: real HTTP, real SMTP, real PostgreSQL, real Temporal."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import text
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from activities.common import Dependencies
from activities.dependencies import build_dependencies
from activities.intake import Intake
from activities.orders import LOOK_AGAIN
from activities.registry import build_registry, with_client
from adapters.database import configurations
from adapters.database.engine import Database
from models.configuration import Configuration
from models.contracts import OrderOutcome, OrderRequest
from models.identifiers import ORDERS_QUEUE, order_workflow_id
from sandbox import btswholesaler, mailbox, shopify
from sandbox.catalogue import plain_eans
from sandbox.serving import serving
from worker import CACHED_WORKFLOWS, Fleet
from workflows.order import OrderWorkflow
from workflows.search_attributes import order_attributes, order_summary

SHOP = "shop.planted.example"
SECRETS = {"SHOP_SECRET": "signing-secret", "SHOP_TOKEN": "shop-token", "BTS_TOKEN": "bts-token"}
WATERMARK = "2020-01-01T00:00:00Z"
NAMES = itertools.count(1001)

# Personal data that no history, log line or id may ever hold.
PLANTED = {
    "first_name": "Plantilla",
    "last_name": "Quisquilloso",
    "address1": "Calle Inconfundible 77",
    "city": "Villanombre",
    "zip": "28001",
    "country_code": "ES",
    "phone": "+34600112233",
}
PLANTED_MAIL = "plantilla.quisquilloso@planted.example"
PLANTED_WORDS = ("Plantilla", "Quisquilloso", "Inconfundible", "Villanombre", "600112233", "planted.example")


@dataclass
class World:
    """Everything that runs, and shorthands to make things happen and to look at what happened."""

    client: Client
    database: Database
    deps: Dependencies
    configuration: Configuration
    supplier_url: str
    shop_url: str
    mail_url: str
    handles: list[WorkflowHandle[OrderWorkflow, OrderOutcome]] = field(default_factory=list)

    def configure(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Apply a changed configuration, as ``dropwright config apply`` does."""
        document = self.configuration.model_dump(mode="json")
        change(document)
        self.configuration = Configuration.model_validate(document)
        configurations.apply(self.database, self.configuration, by="test", now=datetime.now(UTC))
        self.deps.outside._configurations._read_at = float("-inf")

    def supplier(self, path: str, **document: Any) -> None:
        """Steer the simulated supplier."""
        httpx.post(f"{self.supplier_url}/_sandbox/{path}", json=document).raise_for_status()

    def shop(self, path: str, **document: Any) -> dict[str, Any]:
        """Steer the simulated shop."""
        reply = httpx.post(f"{self.shop_url}/_sandbox/{path}", json=document)
        reply.raise_for_status()
        answer: dict[str, Any] = reply.json()
        return answer

    def faults(self, who: str, rules: list[dict[str, Any]]) -> None:
        """Let the simulated ``supplier`` or ``shop`` misbehave by these rules, and by no others."""
        url = {"supplier": self.supplier_url, "shop": self.shop_url}[who]
        httpx.post(f"{url}/_sandbox/faults", json={"rules": rules}).raise_for_status()

    def supplier_orders(self) -> list[dict[str, Any]]:
        """List what the supplier really has."""
        orders: list[dict[str, Any]] = httpx.get(f"{self.supplier_url}/_sandbox/ledger").json()["orders"]
        return orders

    def shop_order(self, order_id: str) -> dict[str, Any]:
        """Look at an order in the shop."""
        orders = httpx.get(f"{self.shop_url}/_sandbox/ledger").json()["orders"]
        found: dict[str, Any] = next(order for order in orders if str(order["id"]) == order_id)
        return found

    def mails(self) -> list[dict[str, Any]]:
        """List the mails that arrived."""
        messages: list[dict[str, Any]] = httpx.get(f"{self.mail_url}/_sandbox/messages").json()
        return messages

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Read from our database."""
        with self.database.begin() as tx:
            return [dict(row._mapping) for row in tx.execute(text(statement), values)]

    def sell(self, *lines: tuple[str, int], **form: Any) -> OrderRequest:
        """Let a customer order and take it in, as a webhook would; by default one unit of the first article."""
        lines = lines or ((plain_eans()[0], 1),)
        placed = self.shop(
            "orders",
            **{
                "name": f"#{next(NAMES)}",
                "lines": [{"ean": ean, "quantity": quantity} for ean, quantity in lines],
                "address": PLANTED,
                "email": PLANTED_MAIL,
                **form,
            },
        )
        intake = Intake(self.database, self.deps.outside._configurations, self.deps.outside.storefront)
        received = intake.import_document("main", placed["order"])
        assert received.order_request is not None, received
        return received.order_request

    async def start(self, request: OrderRequest) -> WorkflowHandle[OrderWorkflow, OrderOutcome]:
        """Start an order's workflow as the product does."""
        handle = await self.client.start_workflow(
            OrderWorkflow.run,
            request,
            id=order_workflow_id(request.channel, request.storefront_order_id),
            task_queue=ORDERS_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=order_attributes(request),
            static_summary=order_summary(request),
        )
        self.handles.append(handle)
        return handle

    async def finish(self, handle: WorkflowHandle[OrderWorkflow, OrderOutcome], *, seconds: float = 40) -> OrderOutcome:
        """Await an order's outcome; one that does not come in time is told with everything that is waited for."""
        try:
            return await asyncio.wait_for(handle.result(), seconds)
        except TimeoutError:
            raise AssertionError(f"{handle.id} has not ended: {await self._what_is_awaited()}") from None

    async def _what_is_awaited(self) -> dict[str, Any]:
        pending = {}
        async for workflow in self.client.list_workflows("ExecutionStatus = 'Running'"):
            raw = (await self.client.get_workflow_handle(workflow.id).describe()).raw_description
            pending[workflow.id] = [
                f"{one.activity_type.name} attempt {one.attempt}: {one.last_failure.message}"
                for one in raw.pending_activities
            ]
        told = self.rows("SELECT event, detail FROM timeline ORDER BY id DESC LIMIT 5")
        return {
            "pending": pending,
            "timeline": told,
            "tasks": self.rows("SELECT question FROM tasks WHERE state = 'open'"),
        }

    async def events_of(self, request: OrderRequest) -> int:
        """Count the events of an order's histories: its own and its purchase orders'."""
        ids = [order_workflow_id(request.channel, request.storefront_order_id)]
        query = "SELECT workflow_id FROM purchase_orders WHERE order_id = :id"
        ids += [row["workflow_id"] for row in self.rows(query, id=request.order_id)]
        histories = [self.client.get_workflow_handle(workflow_id).fetch_history_events() for workflow_id in ids]
        return sum([1 for events in histories async for _ in events])

    async def until(self, what: Callable[[], Any], *, seconds: float = 30) -> Any:
        """Wait in real time until something is true, and return it."""
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            if value := await asyncio.to_thread(what):
                return value
            await asyncio.sleep(0.1)
        raise AssertionError(f"not within {seconds} s; timeline: {self.rows('SELECT event, detail FROM timeline')}")

    async def until_async(self, what: Callable[[], Awaitable[bool]], *, seconds: float = 30) -> None:
        """Wait in real time until something that is asked of Temporal is true."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not await what():
            assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s"
            await asyncio.sleep(0.05)

    async def open_task(self, request: OrderRequest, category: str) -> dict[str, Any]:
        """Wait until a person is asked this of an order."""
        query = "SELECT * FROM tasks WHERE order_id = :order AND category = :category AND state = 'open'"
        rows = await self.until(lambda: self.rows(query, order=request.order_id, category=category))
        found: dict[str, Any] = rows[0]
        return found


def configuration(supplier_url: str, shop_url: str, mail_port: int, **supplier: Any) -> Configuration:
    """One shop, one supplier, live; hours as in production unless ``supplier`` says otherwise."""
    return Configuration.model_validate(
        {
            "channels": {
                "main": {
                    "shop_domain": SHOP,
                    "api_url": shop_url,
                    "webhook_secret_env": "SHOP_SECRET",
                    "token_env": "SHOP_TOKEN",
                    "mode": "live",
                    "start_watermark": WATERMARK,
                    "customer_messages": "dropwright",
                }
            },
            "suppliers": {
                "bts": {
                    "adapter": "btswholesaler",
                    "display_name": "BTSWholesaler",
                    "base_url": f"{supplier_url}/v1/api",
                    "token_env": "BTS_TOKEN",
                    "mode": "live",
                    "metafield_namespace": "btswholesaler",
                    "submit_timeout": "3s",
                    **supplier,
                }
            },
            "routing": {"priority": ["bts"]},
            "mail": {
                "host": "127.0.0.1",
                "port": mail_port,
                "starttls": False,
                "sender": "shop@planted.example",
                "alerts_to": "operations@planted.example",
            },
        }
    )


@asynccontextmanager
async def running_world(
    client: Client,
    database_url: str,
    *,
    clock: Callable[[], float] | None = None,
    look_again: timedelta = LOOK_AGAIN,
    cached_workflows: int = CACHED_WORKFLOWS,
    **supplier: Any,
) -> AsyncIterator[World]:
    """Start everything, and stop it again. ``clock`` is the simulated supplier's, ``supplier`` its settings."""
    database = Database(database_url)
    with ExitStack() as stack:
        extra = {"clock": clock} if clock else {}
        supplier_app = btswholesaler.create_app(token=SECRETS["BTS_TOKEN"], **extra)
        supplier_url = stack.enter_context(serving(supplier_app))
        shop_app = shopify.create_app(shop_domain=SHOP, secret=SECRETS["SHOP_SECRET"], token=SECRETS["SHOP_TOKEN"])
        shop_url = stack.enter_context(serving(shop_app))
        mail_app = mailbox.create_app()
        mail_url = stack.enter_context(serving(mail_app))
        stack.callback(database.close)
        configured = configuration(supplier_url, shop_url, mailbox.smtp_port(mail_app), **supplier)
        configurations.apply(database, configured, by="test", now=datetime.now(UTC))
        deps = build_dependencies(database, SECRETS.__getitem__)
        stack.callback(deps.outside.close)
        registry = build_registry(deps, mail_every=timedelta(seconds=1), look_again=look_again)
        registry = with_client(registry, deps, client)
        stop = asyncio.Event()
        workers = Fleet(client, registry, deps.outside, cached_workflows=cached_workflows)
        fleet = asyncio.create_task(workers.serve(stop))
        try:
            yield World(client, database, deps, configured, supplier_url, shop_url, mail_url)
        finally:
            stop.set()
            await fleet
