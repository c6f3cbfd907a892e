"""The demonstration: 43 orders through the whole product, on real servers, beside a simulated shop and suppliers."""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from adapters.database import tallies, views
from adapters.database.engine import Database
from starter.demo_director import Director, cast
from starter.demo_person import Person
from starter.demo_report import Report, count_events, gather_facts, judge, write_report
from starter.demo_screen import LiveTable, PlainLines, Screen
from starter.demo_story import Story
from starter.demo_summary import environment_file, links, summary
from starter.demo_supply import SupplyShow
from starter.demo_world import World, bring_up, build_world, use_own_namespace
from starter.embedded import Stack, embedded_stack
from starter.logs import configure_logs
from starter.places import run_directory
from starter.processes import ProcessError
from starter.temporal_tools import ToolUnavailableError

LIMIT_SECONDS = 300.0
LOOK_SECONDS = 0.5
SETTLE_SECONDS = 20.0  # for the last mails, once every order has ended
EVERY_ORDER = 1000
TERMINATED = 128 + signal.SIGTERM


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says."""

    exit: bool = False
    report: Path | None = None
    seed: int = 0
    as_json: bool = False
    limit: float = LIMIT_SECONDS

    @property
    def stays(self) -> bool:
        """Say whether everything stays up at the end."""
        return self.live and not self.exit

    @property
    def live(self) -> bool:
        """Say whether somebody watches in a terminal."""
        return sys.stdout.isatty() and not self.as_json and os.environ.get("TERM") != "dumb"


def main(arguments: Sequence[str]) -> int:
    """Run `dropwright demo` with these arguments, and return the exit code."""
    return run_demo(read_options(arguments))


def read_options(arguments: Sequence[str]) -> Options:
    """Read the command line; like every command, `--help` explains it."""
    parser = argparse.ArgumentParser(
        prog="dropwright demo",
        description="43 orders through the whole product, on throw-away servers of its own. In a terminal it stays up "
        "until Ctrl-C, without one it ends by itself. Exit code 0 only if every order is where its script says.",
        epilog="Example: dropwright demo --exit --report report.json",
    )
    parser.add_argument("--exit", action="store_true", help="end once every order has, also in a terminal")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the numbers as JSON")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another world: other order numbers")
    parser.add_argument("--json", action="store_true", dest="as_json", help="the report to stdout, all else to stderr")
    parser.add_argument("--limit", type=float, default=LIMIT_SECONDS, metavar="SECONDS", help="give up after so long")
    return Options(**vars(parser.parse_args(list(arguments))))


def run_demo(options: Options) -> int:
    """Run the demo: 0 where every order is where its script says, else 1. Raises KeyboardInterrupt on Ctrl-C before."""
    configure_logs("console", "error")
    signal.signal(signal.SIGTERM, _terminate)
    _forget_settings()
    started = time.monotonic()
    told = PlainLines(started=started, stream=sys.stderr if options.as_json else sys.stdout)
    try:
        with run_directory("demo") as folder, embedded_stack(folder, told.tell, ui=True) as stack:
            try:
                return asyncio.run(_perform(options, stack, folder, told))
            finally:
                told.tell("stopping everything")
    except (ProcessError, ToolUnavailableError) as error:
        told.tell(f"the demo can't go on: {error}")
        return 1


def _terminate(number: int, frame: object) -> NoReturn:
    """Leave through every context, so that all is stopped in order."""
    del number, frame
    raise SystemExit(TERMINATED)


def _forget_settings() -> None:
    """What is set for a real installation must not reach the demo; only a Temporal server that is named is used."""
    ours = ("DROPWRIGHT_",) if os.environ.get("TEMPORAL_ADDRESS") else ("DROPWRIGHT_", "TEMPORAL_")
    for name in [name for name in os.environ if name.startswith(ours) and name != "DROPWRIGHT_CACHE"]:
        del os.environ[name]


async def _perform(options: Options, stack: Stack, folder: Path, told: PlainLines) -> int:
    await use_own_namespace(stack)
    world = build_world(stack, folder, options.seed)
    try:
        await bring_up(world, told.tell)
        environment_file(world)
        if not options.live:
            for line in links(world):
                told.tell(line)
        screen: Screen = LiveTable(started=told.started, links=lambda: links(world)) if options.live else told
        report, story = await _play(options, world, screen, told.started)
        screen.close()
        _publish(options, report, told)
        print("\n".join(summary(world, story, report, stays=options.stays)), file=told.stream, flush=True)
        await _stay_up(options, told)
        return 1 if report.problems else 0
    finally:
        await world.close()
        world.database.close()


async def _play(options: Options, world: World, screen: Screen, started: float) -> tuple[Report, Story]:
    """Have everything played, and watch it until all is where it must be, or the time is up."""
    client = await Client.connect(
        world.stack.temporal_address, namespace=world.stack.namespace, data_converter=pydantic_data_converter
    )
    story = cast()
    person = Person(client=client, world=world, story=story, tell=screen.tell)
    director = Director(world=world, story=story, person=person, tell=screen.tell)
    show = SupplyShow(world=world, story=story, person=person, tell=screen.tell)
    play = asyncio.create_task(_play_both(director, show))
    try:
        trouble = await _watch(world, story, screen, person, play, deadline=time.monotonic() + options.limit)
    finally:
        play.cancel()
        await asyncio.gather(play, return_exceptions=True)
        await person.close()
        screen.close()
    facts = await gather_facts(world)
    await asyncio.to_thread(_refresh, world.database, story)
    verdict = judge(story, facts, world.configuration)
    verdict.problems += [*trouble, *show.problems]
    events = await count_events(client, story)
    return write_report(story, facts, verdict, events, show, time.monotonic() - started), story


async def _play_both(director: Director, show: SupplyShow) -> None:
    """Play the orders, and a supplier's feed beside them."""
    async with asyncio.TaskGroup() as group:
        group.create_task(director.play())
        group.create_task(show.play())


async def _watch(
    world: World, story: Story, screen: Screen, person: Person, play: "asyncio.Task[None]", *, deadline: float
) -> list[str]:
    """Look every half second; returns what went wrong on the way, apart from where orders are."""
    while time.monotonic() < deadline:
        await asyncio.to_thread(_refresh, world.database, story)
        screen.show(story, world.configuration)
        world.require_all_running(story.switched_off)
        if trouble := [*person.look(), *_failures(play)]:
            return trouble
        if play.done() and story.ended:
            if not judge(story, await gather_facts(world), world.configuration).problems:
                return []
            deadline = min(deadline, time.monotonic() + SETTLE_SECONDS)
        await asyncio.sleep(LOOK_SECONDS)
    return [] if story.ended else ["the time is up"]


def _failures(play: "asyncio.Task[None]") -> list[str]:
    """Say what broke off the scripts."""
    error = play.exception() if play.done() else None
    if error is None:
        return []
    causes = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
    return [f"a script broke off: {type(cause).__name__}: {cause}" for cause in causes]


def _refresh(database: Database, story: Story) -> None:
    with database.begin() as tx:
        story.see(views.list_orders(tx, limit=EVERY_ORDER), tallies.asked_tasks(tx), tallies.closed_incidents(tx))


def _publish(options: Options, report: Report, told: PlainLines) -> None:
    text = json.dumps(asdict(report), indent=2)
    if options.report is not None:
        options.report.write_text(text + "\n", "utf-8")
        told.tell(f"the numbers are in {options.report}")
    if options.as_json:
        print(text, flush=True)  # noqa: T201


async def _stay_up(options: Options, told: PlainLines) -> None:
    """Keep everything running for whoever looks around; Ctrl-C then is the ordinary end."""
    if options.stays:
        told.tell("everything stays up until Ctrl-C")
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
