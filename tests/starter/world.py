"""What the command line's tests stand on: a shop's orders in the database, and a lifecycle that takes commands."""

import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from typer.testing import CliRunner, Result

from activities.dependencies import build_dependencies
from activities.intake import Intake
from adapters.database import configurations, planning, tasks
from adapters.database.engine import Database
from adapters.database.views import OrderRecord, find_orders
from models.commands import Command, CommandName, CommandReceipt
from models.configuration import Configuration
from models.routing import Allotment, RoutingPlan, Share
from models.statuses import Mode
from models.tasks import TaskCategory
from starter.cli import build_app
from workflows.decisions import questions

SECRETS = {"SHOP_SECRET": "planted-secret", "SHOP_TOKEN": "planted-token", "BTS_TOKEN": "planted-bts"}
PLANTED = ("Planted Person", "Planted Street 1", "planted@planted.example")
IDS = itertools.count(7_000_000_001)
NAMES = itertools.count(5001)


def document(**sections: Any) -> dict[str, Any]:
    """A configuration with one shop and two suppliers, as TOML holds it."""
    supplier = {
        "adapter": "btswholesaler",
        "display_name": "BTSWholesaler",
        "base_url": "http://127.0.0.1:9",
        "token_env": "BTS_TOKEN",
        "metafield_namespace": "btswholesaler",
        "mode": "live",
    }
    main = {
        "shop_domain": "planted.example",
        "api_url": "http://127.0.0.1:9",
        "webhook_secret_env": "SHOP_SECRET",
        "token_env": "SHOP_TOKEN",
        "start_watermark": "2026-01-01T00:00:00Z",
        "mode": "live",
    }
    mail = {
        "host": "127.0.0.1",
        "port": 9,
        "starttls": False,
        "sender": "shop@planted.example",
        "alerts_to": "ops@planted.example",
    }
    usual = {
        "channels": {"main": main},
        "suppliers": {"bts": supplier, "other": {**supplier, "display_name": "Other"}},
        "routing": {"priority": ["bts", "other"]},
        "mail": mail,
    }
    return usual | sections


def apply_configuration(database: Database, **sections: Any) -> None:
    """Make this the newest configuration."""
    settings = Configuration.model_validate(document(**sections))
    configurations.apply(database, settings, by="test", now=datetime.now(UTC))


def order_document(order_id: int, name: str, **changes: Any) -> dict[str, Any]:
    """A paid order in Shopify's REST shape, with planted personal data."""
    return {
        "id": order_id,
        "name": name,
        "currency": "EUR",
        "total_price": "25.00",
        "financial_status": "paid",
        "cancelled_at": None,
        "test": False,
        "created_at": "2026-03-01T12:00:00Z",
        "processed_at": "2026-03-01T12:00:00Z",
        "updated_at": "2026-03-01T12:00:00Z",
        "email": PLANTED[2],
        "shipping_address": {
            "first_name": "Planted",
            "last_name": "Person",
            "address1": PLANTED[1],
            "city": "Madrid",
            "zip": "28001",
            "country_code": "ES",
        },
        "line_items": [
            {
                "id": 11,
                "sku": "SKU-1",
                "variant_id": 900,
                "title": "Cream",
                "quantity": 2,
                "price": "12.50",
                "requires_shipping": True,
            }
        ],
        **changes,
    }


@dataclass
class CommandLine:
    """Runs commands in this process."""

    def run(self, *arguments: str, **options: Any) -> Result:
        """Run one command and return what it said."""
        return CliRunner().invoke(build_app(), list(arguments), **options)

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run one command with --json and return the document it wrote."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)


@dataclass
class Shop:
    """Stores orders and what becomes of them, without a lifecycle."""

    database: Database

    def intake(self) -> Intake:
        """Intake as the API has it."""
        deps = build_dependencies(self.database, secrets=lambda name: SECRETS.get(name, "x"))
        return Intake(self.database, configurations.ConfigurationStore(self.database), deps.outside.storefront)

    def order(self, name: str | None = None, **changes: Any) -> OrderRecord:
        """Store a paid order."""
        order_id, name = next(IDS), name or f"#{next(NAMES)}"
        self.intake().import_document("main", order_document(order_id, name, **changes))
        return self.read(f"main/{order_id}")

    def read(self, reference: str) -> OrderRecord:
        """Read an order as it stands."""
        with self.database.begin() as tx:
            (found,) = find_orders(tx, reference)
        return found

    def open(self, name: str | None = None, suppliers: tuple[str, ...] = ("bts",), **changes: Any) -> OrderRecord:
        """Store an order that its lifecycle has claimed, planned at these suppliers."""
        order = self.order(name, **changes)
        line = Allotment("11", "4006381333931", "", 1)
        plan = RoutingPlan({name: Share(name, (line,), Decimal(0)) for name in suppliers}, [])
        with self.database.begin() as tx:
            tx.execute(text("UPDATE orders SET state = 'open', started_at = now() WHERE id = :id"), {"id": order.id})
            if suppliers:
                read = planning.read(tx, order.id, 1)
                minting = planning.Minting(read, 1, Mode.LIVE, 1, plan.as_document(), {}, [])
                planning.mint(tx, minting, plan, now=datetime.now(UTC))
        return self.read(order.reference)

    def place(self, order: OrderRecord, *, hours_ago: float, acknowledged: bool = True) -> OrderRecord:
        """Have every purchase order of it placed, so long ago."""
        at = datetime.now(UTC) - timedelta(hours=hours_ago)
        state = "acknowledged" if acknowledged else "placed"
        query = (
            "UPDATE purchase_orders SET submission = 'placed', supplier_number = 'B' || id, confirmed_at = :at, "
            "state = :state, acknowledged_at = CASE WHEN :state = 'acknowledged' THEN CAST(:at AS timestamptz) END "
            "WHERE order_id = :id"
        )
        with self.database.begin() as tx:
            tx.execute(text(query), {"at": at, "state": state, "id": order.id})
        return self.read(order.reference)

    def ask(self, order: OrderRecord | None, category: TaskCategory, *, at: str | None = None, **evidence: Any) -> int:
        """Open a task: of the order's lifecycle, or of its purchase order at this supplier."""
        share = next((one for one in order.purchase_orders if one.supplier == at), None) if order else None
        draft = questions.draft(category, _Facts(order=order.name if order else "orders"))
        waits = any(one.command for one in draft.alternatives)
        workflow_id = (share.workflow_id if share else order.workflow_id) if order and waits else None
        about = tasks.About(
            key=f"test:{next(IDS)}",
            order_id=order.id if order else None,
            purchase_order_id=share.id if share else None,
            workflow_id=workflow_id,
        )
        people = Configuration.model_validate(document()).people
        with self.database.begin() as tx:
            return tasks.open_task(tx, about, draft, evidence, people=people, now=datetime.now(UTC)).task_id

    def timeline(self, order: OrderRecord) -> list[tuple[str, str]]:
        """List (event, actor) of an order's timeline."""
        query = text("SELECT event, actor FROM timeline WHERE order_id = :id ORDER BY id")
        with self.database.begin() as tx:
            return [(row.event, row.actor) for row in tx.execute(query, {"id": order.id})]

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Look into the database."""
        with self.database.begin() as tx:
            return list(tx.execute(text(query), values))


class _Facts(dict[str, str]):
    """Every fact a question may name."""

    def __missing__(self, key: str) -> str:
        return f"<{key}>"


@workflow.defn(name="StandIn", sandboxed=False)
class StandIn:
    """Takes commands as a lifecycle does: refuses approve, never answers reject, and ends on cancel."""

    def __init__(self) -> None:
        self._taken: list[dict[str, Any]] = []
        self._over = False

    @workflow.run
    async def run(self) -> list[dict[str, Any]]:
        """Take commands until the end."""
        await workflow.wait_condition(lambda: self._over)
        return self._taken

    @workflow.update(name="command")
    async def command(self, command: Command) -> CommandReceipt:
        """Take a command."""
        self._taken.append(command.model_dump(mode="json", exclude_none=True))
        if command.command is CommandName.REJECT:
            await workflow.wait_condition(lambda: False)
        self._over = command.command is CommandName.CANCEL
        return CommandReceipt(command_id=command.command_id or "", next=f"{command.command} is under way")

    @command.validator
    def _check(self, command: Command) -> None:
        if command.command is CommandName.APPROVE:
            raise ApplicationError("approve answers no open question here", type="CommandRefused", non_retryable=True)

    @workflow.signal(name="override")
    def override(self, *args: Any) -> None:
        """Take a command, tolerantly."""
        self._taken.append(args[0])

    @workflow.query
    def taken(self) -> list[dict[str, Any]]:
        """List what was taken."""
        return self._taken


def queue_of(client: Client) -> str:
    """Name the queue of the stand-ins."""
    return f"stand-in-{client.namespace}"


async def start_stand_in(client: Client, workflow_id: str, *, served: bool = True) -> WorkflowHandle[Any, Any]:
    """Start a lifecycle; an unserved one has no worker."""
    queue = queue_of(client) if served else "nobody-is-here"
    return await client.start_workflow("StandIn", id=workflow_id, task_queue=queue)
