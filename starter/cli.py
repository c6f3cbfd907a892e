"""The command line: ``dropwright``. Each command teaches itself with ``--help``; this file only names them."""

import os
import sys
import traceback

import typer

from models.commands import CommandName
from starter.commands import (
    adapters,
    catalog,
    configuration,
    doctor,
    documents,
    feeds,
    incidents,
    orders,
    picks,
    prices,
    records,
    rehearse,
    route,
    run,
    steering,
    stock,
    suppliers,
    supply,
    sync,
    tasks,
)
from starter.console import Reporting
from starter.logs import configure_logs

INTERRUPTED = 130

app = typer.Typer(
    cls=Reporting,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and those hold credentials
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Dropwright: paid orders, fulfilled by suppliers, followed to the carrier.",
)


@app.callback()
def prepare() -> None:
    """Say little while a command works; the worker and the API set up their own logs."""
    configure_logs("console", "warning")


order = typer.Typer(no_args_is_help=True, help="Look at one order, bring orders in, steer them.")
task = typer.Typer(no_args_is_help=True, help="Look at a question, answer it.")

STEERING = {
    CommandName.HOLD: "Stop an order before the next step that leaves the house.",
    CommandName.RELEASE: "Go on: end a hold, or try the step again that a person was asked about.",
    CommandName.CANCEL: "End an order. What a supplier has already is asked about, and followed to its end.",
    CommandName.APPROVE: "Order as planned, or go on without the step that was refused.",
    CommandName.REJECT: "Do not order what waits for approval: the order ends as cancelled.",
    CommandName.REROUTE: "Leave the supplier out that is asked about, and plan the open quantity again.",
    CommandName.ASK_CUSTOMER: "Answer a shortage: the customer gets a mail with a link, and says what shall be done.",
    CommandName.SHIP_AVAILABLE: "Answer a shortage: deliver what is there, cancel the rest.",
    CommandName.RESUBMIT: "Answer a submission in doubt: the supplier does not have it, send it once more.",
}

app.command("orders", rich_help_panel="Orders")(orders.list_orders)
app.add_typer(order, name="order", rich_help_panel="Orders")
order.command("show")(orders.show_order)
order.command("import")(orders.import_orders)
for _name, _explanation in STEERING.items():
    order.command(_name.replace("_", "-"))(steering.simple(_name, _explanation))
order.command("confirm-submission")(steering.confirm_submission)
order.command("mark-shipped")(steering.mark_shipped)
order.command("extend-tracking")(steering.extend_tracking)
order.command("wait")(steering.wait)
order.command("change-address")(steering.change_address)
app.command("calls", rich_help_panel="Orders")(orders.show_calls)
app.command("tasks", rich_help_panel="Orders")(tasks.list_tasks)
app.add_typer(task, name="task", rich_help_panel="Orders")
task.command("show")(tasks.show_task)
task.command("answer")(tasks.answer_task)
app.add_typer(route.app, name="route", rich_help_panel="Orders")
app.command("rehearse", rich_help_panel="Orders")(rehearse.rehearse)
app.add_typer(picks.app, name="picks", rich_help_panel="Orders")
app.add_typer(records.article, name="article", rich_help_panel="Orders")
app.command("incidents", rich_help_panel="Orders")(incidents.list_incidents)
app.add_typer(incidents.incident, name="incident", rich_help_panel="Orders")
app.command("mails", rich_help_panel="Orders")(records.list_mails)
app.add_typer(documents.app, name="documents", rich_help_panel="Orders")
app.add_typer(documents.exchange, name="exchange", rich_help_panel="Orders")
app.add_typer(sync.app, name="sync", rich_help_panel="Stock and prices")
app.add_typer(feeds.app, name="feed", rich_help_panel="Stock and prices")
app.add_typer(catalog.app, name="catalog", rich_help_panel="Stock and prices")
app.add_typer(prices.app, name="prices", rich_help_panel="Stock and prices")
app.add_typer(stock.app, name="stock", rich_help_panel="Stock and prices")
app.command("publish", rich_help_panel="Stock and prices")(supply.publish)
app.command("reconcile", rich_help_panel="Stock and prices")(supply.reconcile)
app.command("worker", rich_help_panel="Processes")(run.worker)
app.command("api", rich_help_panel="Processes")(run.api)
app.command(
    "demo",
    rich_help_panel="Processes",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(run.demo)
app.add_typer(run.database, name="database", rich_help_panel="Setting up")
app.add_typer(configuration.commands, name="config", rich_help_panel="Setting up")
app.command("doctor", rich_help_panel="Setting up")(doctor.doctor)
app.command("channels", rich_help_panel="Setting up")(configuration.channels)
app.add_typer(suppliers.app, name="suppliers", rich_help_panel="Setting up")
app.add_typer(adapters.app, name="adapter", rich_help_panel="Setting up")


def main() -> None:
    """Run one command and leave with its exit code.

    The interpreter's own exit can abort after Temporal's client was used, and a script would read 134.
    """
    code = 1
    try:
        app()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BaseException:  # noqa: BLE001 - a bug of ours: shown, and told by the exit code
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1
    os._exit(code)


if __name__ == "__main__":
    main()
