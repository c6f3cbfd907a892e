"""Commands on feeds: run one, see how they stand, look into a run, pause and resume their schedules."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode

from activities.feed_common import failing_key
from activities.requests import request_sync, start_sync
from adapters.database import feed_decisions, feed_views
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from models.configuration import Configuration
from models.feeds import Feed
from models.identifiers import sync_workflow_id
from models.sync import RunState, SyncOutcome, SyncRequest, Trigger
from starter import supply_shapes
from starter.console import (
    AsJson,
    CommandFailedError,
    Who,
    acting,
    console,
    print_table,
    read_settings,
    say,
    write_json,
)
from starter.opening import TemporalAwayError, connect_temporal, opened_database
from starter.run_watching import watched

app = typer.Typer(no_args_is_help=True, help="Feeds: run them, see how they stand, look into a run.")

Supplier = Annotated[str, typer.Argument(metavar="SUPPLIER", help="As in the configuration.")]
FeedName = Annotated[str, typer.Argument(metavar="FEED", help="The supplier's feed, as in the configuration.")]
RunNumber = Annotated[int, typer.Argument(metavar="RUN", help="As `dropwright sync history` lists them.", min=1)]
ScheduleNote = Annotated[str, typer.Option(metavar="TEXT", help="Why; shown beside the schedule.")]
MOST_PROBLEMS = 1000
SHOWN_PROBLEMS = 20
GOOD = frozenset({RunState.APPLIED, RunState.UNCHANGED, RunState.NOTHING_THERE})
Result = TypeVar("Result")


@app.command("run")
def run_feed(
    supplier: Supplier,
    feed: FeedName,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Everything from the beginning, as if nothing of it were known.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Until it has ended; shows how far it is.")] = False,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Run a feed now. While a run of it is under way, that one is followed by exactly one more.

    Example: dropwright sync run bts stock --wait

    JSON: {"supplier", "feed", "workflow_id", "run": int | null, "state": "requested" or how it ended, "rows",
    "changed", "reasons"}; with --wait exit code 1 where it failed, was set aside or rejected.
    """
    with opened_database(read_settings()) as database:
        _known(_configuration(database), supplier, feed)
        outcome = asyncio.run(_run(database, supplier, feed, acting(who), full=full, wait=wait))
    shape = supply_shapes.outcome_shape(supplier, feed, outcome)
    if as_json:
        write_json(shape)
    else:
        console().print(supply_shapes.outcome_text(shape))
    if outcome is not None and outcome.state not in GOOD:
        raise typer.Exit(1)


async def _run(
    database: Database, supplier: str, feed: str, actor: str, *, full: bool, wait: bool
) -> SyncOutcome | None:
    client = await connect_temporal()
    if full:
        request = SyncRequest(supplier=supplier, feed=feed, trigger=Trigger.OPERATOR, full=True, actor=actor)
        if not await start_sync(client, request):
            raise CommandFailedError("a run of this feed is under way: wait for its end, then ask for --full again")
    else:
        await request_sync(client, supplier, feed, Trigger.OPERATOR, actor=actor)
    if not wait:
        return None
    handle = client.get_workflow_handle(sync_workflow_id(supplier, feed), result_type=SyncOutcome)
    try:
        return await watched(database, supplier, feed, handle.result())
    except WorkflowFailureError as error:
        raise CommandFailedError(f"the run was ended from outside ({type(error.cause).__name__})") from None


@app.command("status")
def show_status(*, as_json: AsJson = False) -> None:
    """Show every configured feed: its newest run, how old what we know is, when it runs next, whether it is paused.

    Example: dropwright sync status

    JSON: [{"supplier", "feed", "kind", "scope", "enabled", "every", "run", "state", "trigger", "started_at",
    "ended_at", "rows", "changed", "applied", "held", "confirmed_at", "age", "failures", "next_run", "paused", "note",
    "task"}]; "next_run", "paused" and "note" are null where Temporal does not answer.
    """
    with opened_database(read_settings()) as database:
        configuration = _configuration(database)
        with database.begin() as tx:
            standings = feed_views.standings(tx)
    schedules = _schedules_or_nothing()
    rows = [
        supply_shapes.status_shape(supplier, name, feed, standings.get((supplier, name)), schedules, datetime.now(UTC))
        for supplier, settings in sorted(configuration.suppliers.items())
        for name, feed in sorted(settings.feeds.items())
    ]
    if as_json:
        write_json(rows)
        return
    columns = ("supplier", "feed", "state", "run", "rows", "changed", "age", "next_run", "paused", "failures", "task")
    print_table([one.replace("_", " ") for one in columns], [[row[column] for column in columns] for row in rows])
    if not rows:
        say("no feed is configured: docs/feeds.md shows how")


def _schedules_or_nothing() -> supply_shapes.Schedules:
    try:
        return asyncio.run(_read_schedules())
    except (TemporalAwayError, RPCError) as error:
        say(f"warning: {error}; schedules are not shown")
        return {}


async def _read_schedules() -> supply_shapes.Schedules:
    client = await connect_temporal()
    return {entry.id: entry async for entry in await client.list_schedules()}


@app.command("history")
def show_history(
    supplier: Supplier,
    feed: FeedName,
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many runs, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List a feed's runs: what each had, what it changed, and why it was not believed.

    Example: dropwright sync history bts stock --limit 5

    JSON: [{"run", "supplier", "feed", "kind", "trigger", "state", "full", "source_time", "started_at", "ended_at",
    "bytes", "rows", "changed", "unreadable", "absent", "held", "applied", "findings": [{"code", "text", "numbers",
    "samples"}], "decision", "decided_by", "task"}]
    """
    with opened_database(read_settings()) as database:
        _known(_configuration(database), supplier, feed)
        with database.begin() as tx:
            runs = feed_views.history(tx, supplier, feed, limit=limit)
    if as_json:
        write_json([vars(run) for run in runs])
        return
    columns = ("run", "started_at", "trigger", "state", "rows", "changed", "applied", "held", "unreadable", "absent")
    rows = [
        [*(getattr(run, column) for column in columns), [finding.get("code") for finding in run.findings]]
        for run in runs
    ]
    print_table([*(one.replace("_", " ") for one in columns), "findings"], rows)


@app.command("show")
def show_run(run: RunNumber, *, as_json: AsJson = False) -> None:
    """Show a run: its numbers, each finding with sample rows, and the cells that could not be read.

    Example: dropwright sync show 12

    JSON: as one of `dropwright sync history`, and "problems": [{"position", "field", "code", "sku", "text"}]
    """
    with opened_database(read_settings()) as database, database.begin() as tx:
        found = feed_views.find_run(tx, run)
        if found is None:
            raise CommandFailedError(f"there is no run {run}; `dropwright sync history SUPPLIER FEED` lists them")
        problems = feed_views.problems(tx, run, limit=MOST_PROBLEMS)
    if as_json:
        write_json(vars(found) | {"problems": problems})
        return
    for line in supply_shapes.run_text(found):
        console().print(line, soft_wrap=True)
    if problems:
        title = f"What could not be read ({len(problems)} kept)"
        print_table(list(problems[0]), [list(one.values()) for one in problems[:SHOWN_PROBLEMS]], title=title)


@app.command("pause")
def pause_feed(
    supplier: Supplier, feed: FeedName, *, note: ScheduleNote = "", who: Who = None, as_json: AsJson = False
) -> None:
    """Pause a feed's schedule. A run that is under way ends as usual, and one that is asked for still runs.

    Example: dropwright sync pause bts stock --note 'they migrate their server until Monday'

    JSON: {"supplier", "feed", "paused": true, "note"}
    """
    text = note or f"paused by {acting(who)}"
    with opened_database(read_settings()) as database:
        settings = _known(_configuration(database), supplier, feed)
    _on_schedule(supplier, feed, settings, lambda client, name: client.get_schedule_handle(name).pause(note=text))
    _say_paused(supplier, feed, text, paused=True, as_json=as_json)


@app.command("resume")
def resume_feed(
    supplier: Supplier, feed: FeedName, *, note: ScheduleNote = "", who: Who = None, as_json: AsJson = False
) -> None:
    """Resume a feed's schedule, and forget its failures: the question about them is closed.

    Example: dropwright sync resume bts stock

    JSON: {"supplier", "feed", "paused": false, "note"}
    """
    actor = acting(who)
    text = note or f"resumed by {actor}"
    with opened_database(read_settings()) as database:
        settings = _known(_configuration(database), supplier, feed)
        with database.begin() as tx:  # first, so that no worker pauses it for the old failures
            question = failing_key(supplier, feed)
            feed_decisions.forgive(tx, supplier, feed, question=question, by=actor, now=datetime.now(UTC))
        _on_schedule(supplier, feed, settings, lambda client, name: client.get_schedule_handle(name).unpause(note=text))
    _say_paused(supplier, feed, text, paused=False, as_json=as_json)


def _on_schedule(supplier: str, feed: str, settings: Feed, act: Callable[[Client, str], Awaitable[Result]]) -> Result:
    """Act on a feed's schedule. Raises CommandFailedError where it has none, with the reason."""

    async def acting_there() -> Result:
        return await act(await connect_temporal(), sync_workflow_id(supplier, feed))

    try:
        return asyncio.run(acting_there())
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        why = (
            "it has no `every`: it runs only when asked for" if settings.every is None else "no worker has made it yet"
        )
        raise CommandFailedError(f"{supplier}/{feed} has no schedule ({why})") from None


def _say_paused(supplier: str, feed: str, note: str, *, paused: bool, as_json: bool) -> None:
    if as_json:
        write_json({"supplier": supplier, "feed": feed, "paused": paused, "note": note})
    else:
        console().print(f"{supplier}/{feed} is {'paused' if paused else 'resumed'}: {note}")


def _configuration(database: Database) -> Configuration:
    return ConfigurationStore(database).current().configuration


def _known(configuration: Configuration, supplier: str, feed: str) -> Feed:
    """Return a feed's settings. Raises CommandFailedError naming those there are."""
    if supplier not in configuration.suppliers:
        raise CommandFailedError(f"there is no supplier {supplier}: {', '.join(configuration.suppliers)}")
    feeds: dict[str, Any] = dict(configuration.suppliers[supplier].feeds)
    if feed not in feeds:
        known = ", ".join(sorted(feeds)) or "none; docs/feeds.md shows how to configure one"
        raise CommandFailedError(f"{supplier} has no feed {feed}: {known}")
    found: Feed = feeds[feed]
    return found
