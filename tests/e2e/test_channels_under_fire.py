import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import pytest
import pytest_asyncio

from models.commands import Command
from models.tasks import TaskCategory
from starter.places import Announce, run_directory
from tests.e2e import channels_oracle, harness, oracle
from tests.e2e.channels_oracle import Told
from tests.e2e.channels_points import (
    CHANNELS,
    DOCUMENT_CHANNELS,
    ORDERS_EACH,
    Row,
    pick_up_holds,
    points,
)
from tests.e2e.channels_world import Sale, World, running_world
from tests.e2e.feed_holds import Hold, Holds, holding, until
from tests.e2e.harness import KILLED, WORKERS
from tests.e2e.person import Person, Task
from tests.e2e.privacy import Scanner
from tests.e2e.sales import PLANTED_WORDS

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

PLACED_WITHIN, ENDED_WITHIN = 60.0, 400.0


class Operator(Person):
    """Settles doubts by the partners' ledgers, and leaves everything else open to be seen."""

    def __init__(self, world: World) -> None:
        super().__init__(world.scene)
        self._world = world

    async def _decide(self, task: Task) -> Command | None:
        if task["category"] != TaskCategory.SUBMIT_UNKNOWN:
            return None
        query = "SELECT supplier FROM purchase_orders WHERE id = :key"
        (row,) = await asyncio.to_thread(self.scene.rows, query, key=task["purchase_order_id"])
        ledgers = await asyncio.to_thread(self._world.partners.ledgers)
        return self._settle(task, ledgers[row["supplier"]])


class Story:
    """What happens, in its order. The seed says where workers die on each channel."""

    def __init__(self, world: World, seed: int, announce: Announce) -> None:
        self.world, self.scene, self._announce = world, world.scene, announce
        self.points, self.rounds = points(seed), pick_up_holds(seed)
        self.exits: list[int] = []
        self.caught: dict[str, set[str]] = {}  # submissions by channel, right after the kill
        self._seed = seed
        self._started = time.monotonic()

    async def play(self) -> None:
        """Order first what is answered while workers die, then order everywhere, kill, and go on to the end."""
        await self.scene.start_everything()
        await self.world.sell(Sale(channel, ORDERS_EACH + 1) for channel in DOCUMENT_CHANNELS)
        await until(partial(self._are_placed, len(DOCUMENT_CHANNELS)), "the first documents are sent", PLACED_WITHIN)
        with holding(self.scene.database, self.scene.stack.database_url) as holds:
            self._say("partners answer")
            holds.arm(*self.rounds, *self._held_rows())  # together: no trigger can be made where a writer is held
            self.world.partners.answer_mails()
            trading = asyncio.create_task(self.world.trade())
            try:
                await holds.until_held(*(hold.name for hold in self.rounds))
                await self._die_while_ordering(holds)
                await until(self._everything_has_ended, "every order has ended", ENDED_WITHIN)
                await until(self._nothing_lies_about, "everything is put away", PLACED_WITHIN)
            finally:
                trading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await trading
        self._say(f"everything has ended, last {self._last_to_end()}")

    async def _die_while_ordering(self, holds: Holds) -> None:
        for channel, point in self.points.items():
            if not isinstance(point, Row):
                await asyncio.to_thread(self.world.partners.arm, channel, point)
        self._say("orders over every channel")
        await self.world.sell(Sale(channel, units) for units in range(1, ORDERS_EACH + 1) for channel in CHANNELS)
        for channel, point in self.points.items():
            if isinstance(point, Row):
                await holds.until_held(point.hold.name)
            else:
                await until(partial(self.world.partners.fired, channel), f"{channel}: {point}", harness.HELD_WITHIN)
        self._say(f"kill at {self.described()}")
        self._kill()
        self.caught = await asyncio.to_thread(self._submissions)
        for hold in (*self.rounds, *self._held_rows()):
            holds.let_go(hold.name)
        for name in WORKERS:
            self.scene.start(name)

    def _held_rows(self) -> list[Hold]:
        return [point.hold for point in self.points.values() if isinstance(point, Row)]

    def _kill(self) -> None:
        for name in WORKERS:
            self.scene.processes.kill(name)
            self.exits.append(self.scene.processes[name].returncode or 0)

    # What has come to pass.

    def _submissions(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for row in self.scene.rows("SELECT supplier, submission FROM purchase_orders"):
            found.setdefault(row["supplier"], set()).add(row["submission"])
        return found

    def _are_placed(self, count: int) -> bool:
        (found,) = self.scene.rows("SELECT count(*) AS placed FROM purchase_orders WHERE submission = 'placed'")
        return bool(found["placed"] == count)

    def _everything_has_ended(self) -> bool:
        (found,) = self.scene.rows("SELECT count(ended_at) AS ended FROM orders")
        return bool(found["ended"] == len(self.world.placed))

    def _last_to_end(self) -> str:
        query = "SELECT p.supplier FROM purchase_orders p JOIN orders o ON o.id = p.order_id ORDER BY o.ended_at"
        return ", ".join(str(row["supplier"]) for row in self.scene.rows(query)[-5:])

    def _nothing_lies_about(self) -> bool:
        return not any(self.world.partners.left_behind().values())

    def described(self) -> str:
        """Name every point."""
        return "; ".join(f"{channel}: {point}" for channel, point in self.points.items())

    def _say(self, what: str) -> None:
        self._announce(f"channels under fire, seed {self._seed}: {time.monotonic() - self._started:.0f} s: {what}")


@dataclass
class Aftermath:
    """What a run leaves to look at."""

    story: Story
    told: Told


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aftermath(announce: Announce) -> AsyncIterator[Aftermath]:
    """Play the story, and hear all ledgers."""
    seed = harness.seed()
    with run_directory("channels-under-fire") as workdir:
        async with running_world(workdir, announce, seed) as world:
            story = Story(world, seed, announce)
            person = asyncio.create_task(Operator(world).work())
            try:
                await story.play()
            except AssertionError as error:
                error.add_note(f"seed {seed}: {story.described()}")
                error.add_note("\n".join(await channels_oracle.unfinished(world)))
                raise
            finally:
                person.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await person
            yield Aftermath(story, channels_oracle.hear(world))


async def test_both_workers_were_killed_in_the_middle_of_ordering_on_every_channel(aftermath: Aftermath) -> None:
    story = aftermath.story
    assert story.exits == [KILLED] * 2
    for channel, point in story.points.items():
        wanted = {"ready", "sending"} if isinstance(point, Row) and point.claims else {"sending"}
        assert story.caught[channel] & wanted, f"{channel}: {point}: {story.caught[channel]}"


@pytest.mark.parametrize("channel", CHANNELS)
async def test_each_order_of_the_channel_exists_once_at_its_partner(aftermath: Aftermath, channel: str) -> None:
    wrong = channels_oracle.ordered_wrongly(aftermath.told, channel)
    assert not wrong, "\n".join([*wrong, f"{channel}: {aftermath.story.points[channel]}"])


async def test_every_document_was_applied_once_and_put_away(aftermath: Aftermath) -> None:
    wrong = channels_oracle.exchanged_wrongly(aftermath.told)
    assert not wrong, "\n".join(wrong)


async def test_the_shop_was_told_of_each_shipment_once(aftermath: Aftermath) -> None:
    wrong = channels_oracle.fulfilled_wrongly(aftermath.told)
    assert not wrong, "\n".join(wrong)


async def test_every_order_has_ended_and_nobody_was_asked_but_about_doubts(aftermath: Aftermath) -> None:
    wrong = channels_oracle.ended_wrongly(aftermath.told)
    assert not wrong, "\n".join(wrong)


async def test_no_lifecycle_failed_and_no_workflow_task_failed(aftermath: Aftermath) -> None:
    broken = await oracle.broken_workflows(aftermath.story.scene.client)
    assert not broken, "\n".join(broken)


async def test_no_history_log_id_or_task_holds_personal_data(aftermath: Aftermath) -> None:
    scanner, scene = Scanner(PLANTED_WORDS), aftermath.story.scene

    workflows = await scanner.look_at_histories(scene.client)
    lines = sum(scanner.look_at_log(path) for path in scene.logs().values())
    scanner.look_at_tables(scene.database)

    assert not scanner.findings, "\n".join(scanner.findings)
    assert workflows > len(aftermath.told.orders)
    assert lines > 0
