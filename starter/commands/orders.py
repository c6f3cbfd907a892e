"""Commands that look at orders, and the one that brings them in from a file."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from adapters.database import registers, route_views, views
from adapters.database.configurations import ConfigurationStore, NoConfigurationError
from adapters.database.engine import Database
from models.configuration import Configuration
from models.statuses import OrderState
from starter import pages, shapes
from starter.console import AsJson, console, print_table, read_settings, say, write_json
from starter.opening import opened_database
from starter.plan_pages import brief_shape
from starter.references import the_order

Reference = Annotated[
    str, typer.Argument(metavar="REF", help="#1001, 1001, channel/id, a workflow id or a purchase order's number.")
]


def list_orders(
    *,
    state: Annotated[OrderState | None, typer.Option(help="Only orders in this state.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only this channel's.")] = None,
    attention: Annotated[bool, typer.Option("--attention", help="Only those that wait for a person.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List orders: where each is, what it waits for, and since when.

    Example: dropwright orders --attention

    JSON: [{"order": "channel/id", "name", "state", "stage", "suppliers", "awaits", "since", "until", "task",
    "priority", "test", "total", "currency"}]
    """
    with opened_database(read_settings()) as database:
        configuration = _configuration(database)
        with database.begin() as tx:
            found = views.list_orders(tx, state=state, channel=channel, attention=attention, limit=limit)
    rows = [shapes.order_summary(order, configuration, datetime.now(UTC)) for order in found]
    if as_json:
        write_json(rows)
        return
    columns = ("name", "order", "stage", "suppliers", "awaits", "since")
    print_table(columns, [[row[column] for column in columns] for row in rows])
    if len(rows) == limit:
        say(f"only the newest {limit}: --limit shows more")


def show_order(
    reference: Reference,
    *,
    personal: Annotated[bool, typer.Option("--personal", help="Also the address and the notes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show an order: its lines and purchase orders, the open question with its answers, and what happened so far.

    Every answer is a command ready to paste. Personal data is shown only with --personal.

    Example: dropwright order show '#1001'

    JSON: {"order", "name", "state", "stage", "workflow_id", …, "awaits": [{"what", "since", "until", "then"}],
    "lines": […], "purchase_orders": [{"number", "supplier", "supplier_number", "costs", "checks", "parcels", …}],
    "plan": the newest, {"plan", "planned_at", "cost", "lines": [{"ean", "quantity", "gets": {supplier: units}, "lost":
    {supplier: reason}}]}, "tasks": [{"task", "question", "evidence", "alternatives": [{"answer", "command", …}]}],
    "incidents": […], "timeline": [{"at", "actor", "event", "purchase_order", "detail"}], "personal": only with --personal}
    """
    with opened_database(read_settings()) as database:
        order = the_order(database, reference)
        configuration = _configuration(database)
        with database.begin() as tx:
            shape = shapes.order_page(views.read_page(tx, order), configuration, datetime.now(UTC))
            plans, short = route_views.plans_of(tx, order.id), route_views.short_of(tx, order.id)
            shape["plan"] = brief_shape(plans, short)
            details = views.personal_details(tx, order.id) if personal else None
    if as_json:
        write_json(shape | ({"personal": details} if details else {}))
        return
    pages.print_order(shape)
    if details:
        pages.print_personal(details)


def _configuration(database: Database) -> Configuration | None:
    """Read the configuration for names and plans; an order can be shown without one."""
    try:
        return ConfigurationStore(database).current().configuration
    except (NoConfigurationError, ValueError):
        return None


def show_calls(
    reference: Reference,
    *,
    bodies: Annotated[
        bool, typer.Option("--bodies", help="Also requests and replies: they hold personal data.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List every call made to a supplier or the storefront for an order, credentials taken out.

    Example: dropwright calls '#1001' --bodies

    JSON: [{"started_at", "system", "operation", "status", "error", "duration_ms", "attempt", "purchase_order_id"}],
    with --bodies also {"method", "url", "request", "reply"}; "status" is null where no answer came.
    """
    with opened_database(read_settings()) as database:
        order = the_order(database, reference)
        with database.begin() as tx:
            rows = registers.recorded_calls(tx, order.id, bodies=bodies)
    if bodies:
        say("personal data follows: names, addresses, telephone numbers")
    if as_json:
        write_json(rows)
        return
    headings = ("when", "system", "operation", "status", "ms", "attempt")
    print_table(
        headings,
        [
            [
                row["started_at"],
                row["system"],
                row["operation"],
                row["status"] or row["error"] or "no answer",
                row["duration_ms"],
                row["attempt"],
            ]
            for row in rows
        ],
    )
    for row in rows if bodies else []:
        console().print(f"\n{row['method']} {row['url']}\n> {row['request']}\n< {row['reply']}", soft_wrap=True)
