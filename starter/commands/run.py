"""Commands that run Dropwright's processes, and the state of its database."""

import asyncio
from enum import StrEnum
from importlib import import_module
from typing import Annotated

import typer

from adapters.database import migrate
from starter.console import AsJson, CommandFailedError, console, read_settings, write_json
from starter.logs import configure_logs
from starter.opening import database_address
from starter.settings import Settings

database = typer.Typer(no_args_is_help=True, help="The tables in PostgreSQL.")


class Role(StrEnum):
    """Which task queues a worker serves; the same words as the worker's own."""

    ALL = "all"
    ORDERS = "orders"
    BACKGROUND = "background"


def worker(
    *,
    serve: Annotated[
        Role, typer.Option(help="Which task queues: orders and mail, the background's feeds and shops, or all.")
    ] = Role.ALL,
    as_json: AsJson = False,
) -> None:
    """Run the worker: every task queue of this configuration, until SIGTERM or Ctrl-C.

    It drains on the first signal and ends at once on the second. It refuses to start where something would fail
    silently later, and says what to do. --json writes its log as JSON.

    With millions of articles, run two: `--serve orders`, which also fetches feeds beside their suppliers' orders, and
    `--serve background`, which reads, judges, applies and publishes them. The second lowers its own priority (nice 10).
    Together they serve what one without --serve does; each may run several times.

    Example: DROPWRIGHT_DATABASE_URL=… TEMPORAL_ADDRESS=localhost:7233 dropwright worker --serve background
    """
    from starter.run_worker import run_worker  # loads every workflow: only this command needs that
    from worker import Serve

    settings = _started(as_json=as_json)
    raise typer.Exit(asyncio.run(run_worker(settings, serves=Serve(serve))))


def api(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: DROPWRIGHT_API_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="0 takes any free port. Default: DROPWRIGHT_API_PORT.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the API that takes the storefronts' webhooks, until SIGTERM or Ctrl-C.

    It needs the database only: without Temporal it stores orders, and the sweeps start them. --json writes its log as
    JSON.

    Example: dropwright api --port 8080
    """
    from starter.run_api import run_api

    settings = _started(as_json=as_json)
    chosen = {name: value for name, value in (("api_host", host), ("api_port", port)) if value is not None}
    raise typer.Exit(asyncio.run(run_api(settings.model_copy(update=chosen))))


def _started(*, as_json: bool) -> Settings:
    settings = read_settings()
    configure_logs("json" if as_json else settings.log_format, settings.log_level)
    return settings


def demo(context: typer.Context) -> None:
    """Run the demonstration: a simulated shop and ten suppliers, and 43 orders. Its own options follow.

    Example: dropwright demo --exit --report report.json
    """
    try:
        module = import_module("starter.demo")
    except ModuleNotFoundError as error:
        if error.name != "starter.demo":
            raise
        raise CommandFailedError("this installation has no demo") from None
    raise typer.Exit(module.main(context.args))


@database.command("migrate")
def migrate_tables(*, as_json: AsJson = False) -> None:
    """Create or upgrade the tables. Safe to run twice, and beside another run.

    Example: dropwright database migrate

    JSON: {"applied": [revision, …]}
    """
    url = database_address(read_settings())
    missing = migrate.pending(url)
    migrate.upgrade(url)
    if as_json:
        write_json({"applied": missing})
    else:
        console().print(f"applied {', '.join(missing)}" if missing else "nothing to do: every migration is applied")


@database.command("status")
def show_status(*, as_json: AsJson = False) -> None:
    """Say which migrations the database lacks; exit code 1 where it lacks any.

    Example: dropwright database status

    JSON: {"pending": [revision, …]}
    """
    missing = migrate.pending(database_address(read_settings()))
    if as_json:
        write_json({"pending": missing})
    else:
        text = f"missing: {', '.join(missing)}; run `dropwright database migrate`" if missing else "up to date"
        console().print(text)
    if missing:
        raise typer.Exit(1)
