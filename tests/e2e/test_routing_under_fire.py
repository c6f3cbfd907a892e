import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
import pytest_asyncio

from models.commands import Command
from models.tasks import TaskCategory
from starter.places import Announce, run_directory
from tests.e2e import harness, oracle, routing_oracle
from tests.e2e.feed_holds import Hold, Holds, holding, until
from tests.e2e.harness import KILLED, WORKERS
from tests.e2e.kill_points import Held, Moment
from tests.e2e.person import Person, Task
from tests.e2e.privacy import Scanner
from tests.e2e.routing_oracle import Told
from tests.e2e.routing_sales import ARTICLES, ASKED, BROUGHT, CALM, HELD, SHELVES, burst
from tests.e2e.routing_scene import World, running_world
from tests.e2e.sales import PLANTED_WORDS

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

SEE_OTHER = httpx.codes.SEE_OTHER
ENDED_WITHIN = 400.0  # a run takes less than 90 in all where nothing else runs
_FIRST_ARTICLE = "NEW.lines->0->>'ean' = '{}'"
_ANSWERED = "OLD.answered_at IS NULL AND NEW.answered_at IS NOT NULL AND "
KILL_POINTS = (  # of the suppliers' calls, at which workers die while everybody buys
    ("setCreateOrder$", Moment.READ),
    ("setCreateOrder$", Moment.PROCESSED),
    ("setCreateOrder$", Moment.PROCESSED_LATER),
    ("getProductStock$", Moment.READ),
    ("getOrder$", Moment.READ),
)


class Operator(Person):
    """Settles doubts by the suppliers' ledgers, and leaves everything else to the rules."""

    def __init__(self, world: World) -> None:
        super().__init__(world.scene)
        self._world = world

    async def _decide(self, task: Task) -> Command | None:
        if task["category"] != TaskCategory.SUBMIT_UNKNOWN:
            return None
        query = "SELECT supplier FROM purchase_orders WHERE id = :key"
        (row,) = await asyncio.to_thread(self.scene.rows, query, key=task["purchase_order_id"])
        return self._settle(task, (await self._world.ledgers())[row["supplier"]])


class Story:
    """What happens, in its order. The seed says at which call workers die, and whose answer the API does not pass on."""

    def __init__(self, world: World, seed: int, announce: Announce) -> None:
        self.world, self.scene, self._announce = world, world.scene, announce
        chance = random.Random(f"routing:{seed}")
        self.victim = chance.choice(ASKED)
        self.supplier = chance.choice(("alpha", "beta"))  # who is asked by many, late too
        operation, moment = chance.choice(KILL_POINTS)
        self.held = Held(self.supplier, operation, moment, chance.randint(1, 3))
        self.exits: list[int] = []
        self.unheard: list[dict[str, Any]] = []
        self._started = time.monotonic()

    async def play(self) -> None:
        """Sell, kill, answer, deliver, until every order has ended."""
        self.world.count_shelves({})
        await self.scene.start_everything()
        await self.world.sync(*SHELVES)
        with holding(self.scene.database, self.scene.stack.database_url) as holds:
            holds.arm(*self._holds())
            links = await self._ask_customers()
            await self._die_while_everybody_buys(holds)
            await self._customers_decide(holds, links)
        await self._stock_arrives()
        await until(self._everything_has_ended, "every order has ended", ENDED_WITHIN)
        self._say("everything has ended")

    def _holds(self) -> tuple[Hold, ...]:
        reserved, committed, short = (ARTICLES[name] for name in ("reserved", "committed", "short"))
        first = ARTICLES[next(iter(self.victim.lines))]
        more = "NEW.reserved > OLD.reserved"
        return (
            Hold("reserved", "offers", "UPDATE", f"{more} AND NEW.ean = '{reserved}'", at="after"),
            Hold("committed", "offers", "UPDATE", f"{more} AND NEW.ean = '{committed}'", at="commit"),
            Hold("short", "backorders", "INSERT", f"NEW.ean = '{short}'"),
            Hold("answered", "customer_questions", "UPDATE", _ANSWERED + _FIRST_ARTICLE.format(first), at="commit"),
        )

    async def _ask_customers(self) -> dict[str, str]:
        """Sell what nobody has. It is done first, because after a kill the outbox waits for the dispatcher's heartbeat."""
        await self.world.sell((*ASKED, *CALM))
        return {sale.key: await self.world.link(sale) for sale in ASKED}

    async def _die_while_everybody_buys(self, holds: Holds) -> None:
        """One kill at four instants: an order reserved, one at its commit, one short, and a call to a supplier."""
        planning = ("reserved", "committed", "short")
        await self.world.sell(HELD)
        await holds.until_held(*planning)
        url = f"{self.world.suppliers[self.supplier]}/_sandbox/faults"
        await self.scene.systems.post(url, rules=[self.held.rule()])
        await self.world.sell(burst())
        await until(partial(self._fired, url), f"{self.supplier}: {self.held}", harness.HELD_WITHIN)
        self._say(f"kill while planning, and at call {self.held.nth} of {self.held.operation} ({self.held.moment})")
        self._kill(*WORKERS)
        for name in planning:
            holds.let_go(name)
        self._start(*WORKERS)

    async def _customers_decide(self, holds: Holds, links: dict[str, str]) -> None:
        self._say("customers answer")
        answering = asyncio.create_task(self.world.answer(self.victim, links[self.victim.key]))
        await holds.until_held("answered")
        self._kill("api")
        holds.let_go("answered")
        assert await answering is None
        await until(self._is_stored, "the answer is stored")
        self.unheard = self._answers()
        self._start("api")
        await harness.answering(f"http://127.0.0.1:{self.scene.api_port}/healthz", self.scene.processes, "api")
        for sale in ASKED:
            if sale is not self.victim:
                assert await self.world.answer(sale, links[sale.key]) == SEE_OTHER

    async def _stock_arrives(self) -> None:
        """What was waited for is delivered to the yard, and counted there."""
        await until(self._they_wait, "three orders wait for stock", ENDED_WITHIN)
        self._say("stock arrives")
        self.world.count_shelves(BROUGHT)
        await self.world.sync("yard")

    # Processes.

    def _kill(self, *names: str) -> None:
        for name in names:
            self.scene.processes.kill(name)
            self.exits.append(self.scene.processes[name].returncode or 0)

    def _start(self, *names: str) -> None:
        for name in names:
            self.scene.start(name)

    # What has come to pass.

    def _fired(self, url: str) -> bool:
        return bool(httpx.get(url, trust_env=False).json()["rules"][0]["fired"])

    def _answers(self) -> list[dict[str, Any]]:
        return self.scene.rows(
            "SELECT delivered_at FROM customer_questions q JOIN orders o ON o.id = q.order_id"
            " WHERE answered_at IS NOT NULL AND storefront_order_id = :one",
            one=next(name for name, sale in self.world.placed.items() if sale is self.victim),
        )

    def _is_stored(self) -> bool:
        return bool(self._answers())

    def _they_wait(self) -> bool:
        waiting = self.scene.rows("SELECT ean FROM backorders WHERE ended_at IS NULL AND until IS NOT NULL")
        return {row["ean"] for row in waiting} == {ARTICLES[name] for name in BROUGHT}

    def _everything_has_ended(self) -> bool:
        (found,) = self.scene.rows("SELECT count(ended_at) AS ended FROM orders")
        return bool(found["ended"] == len(self.world.placed))

    def _say(self, what: str) -> None:
        self._announce(f"routing under fire: {time.monotonic() - self._started:.0f} s: {what}")


@dataclass
class Aftermath:
    """What a run leaves to look at."""

    story: Story
    told: Told


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aftermath(announce: Announce) -> AsyncIterator[Aftermath]:
    """Play the story, and hear all ledgers."""
    with run_directory("routing-under-fire") as workdir:
        async with running_world(workdir, announce, harness.seed()) as world:
            story = Story(world, harness.seed(), announce)
            people = [asyncio.create_task(work) for work in (world.pick(), Operator(world).work())]
            try:
                await story.play()
            finally:
                for one in people:
                    one.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await one
            yield Aftermath(story, await routing_oracle.hear(world))


async def test_every_unit_was_shipped_or_cancelled_once_and_no_stock_was_sold_twice(aftermath: Aftermath) -> None:
    wrong = routing_oracle.everything_wrong(aftermath.told)
    assert not wrong, "\n".join(wrong)


async def test_both_workers_and_the_api_were_killed(aftermath: Aftermath) -> None:
    assert aftermath.story.exits == [KILLED] * 3


async def test_an_answer_was_stored_that_nobody_had_told_its_order_of(aftermath: Aftermath) -> None:
    assert aftermath.story.unheard == [{"delivered_at": None}]


async def test_no_lifecycle_failed_and_no_workflow_task_failed(aftermath: Aftermath) -> None:
    broken = await oracle.broken_workflows(aftermath.story.scene.client)
    assert not broken, "\n".join(broken)


async def test_no_history_log_id_or_task_holds_personal_data(aftermath: Aftermath) -> None:
    scanner = Scanner(PLANTED_WORDS)

    workflows = await scanner.look_at_histories(aftermath.story.scene.client)
    lines = sum(scanner.look_at_log(path) for path in aftermath.story.scene.logs().values())
    scanner.look_at_tables(aftermath.story.scene.database)

    assert not scanner.findings, "\n".join(scanner.findings)
    assert workflows > len(aftermath.told.orders)
    assert lines > 0
