"""The demo's feed beside the orders: a good price list, one that is not to be believed, and one with a cost that jumped."""

import asyncio
import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.database import tallies
from adapters.database.tallies import AskedTask
from models.statuses import TaskState
from models.tasks import SupplyAnswer, TaskCategory
from sandbox.catalogue import Article, catalogue
from starter.demo_configuration import CHANNEL, FEED, ON_SALE, PRICE_LIST
from starter.demo_person import THINKING_SECONDS, Person
from starter.demo_story import OLMO, Story, Tell
from starter.demo_world import World

ARTICLES = 300
JUMP = 10  # times the cost: a decimal point that slipped
QUANTITY = 25
PATIENCE = 90.0  # seconds
POLL_SECONDS = 0.3
ASKED = (TaskCategory.FEED_QUARANTINED, TaskCategory.COSTS_HELD)


class SupplyTroubleError(RuntimeError):
    """The feed's script could not be played; the message says what did not come."""


@dataclass(kw_only=True)
class SupplyShow:
    """Plays the feed's three files, answers what they cause, and keeps what was seen."""

    world: World
    story: Story
    person: Person
    tell: Tell
    runs: list[dict[str, Any]] = field(default_factory=list)
    shown: int = 0  # variants whose stock the shop was told
    problems: list[str] = field(default_factory=list)

    async def play(self) -> None:
        """Play everything; what is not as it must be is kept in ``problems``."""
        articles = self._articles()
        await self._run(articles, "a price list of 300 articles", "applied")
        await self._until(lambda: self._all_shown(articles), "the shop was never told of the stock")
        self.tell(f"the shop shows the stock of {self.shown} variants now")
        await self._run(articles, "a price list in which everything is sold out", "quarantined", quantity=0)
        await self._answer(TaskCategory.FEED_QUARANTINED, SupplyAnswer.DISCARD)
        await self._run(articles, "a price list in which one cost is ten times as high", "applied", jump=articles[0])
        await self._answer(TaskCategory.COSTS_HELD, SupplyAnswer.KEEP_COSTS)
        self.problems += await asyncio.to_thread(self._differences, articles)

    def _articles(self) -> Sequence[Article]:
        """Leave out what the orders are about: their scripts say what is in stock."""
        scripted = {ean for progress in self.story.orders.values() for ean in progress.eans}
        on_sale = catalogue(ON_SALE, self.world.seed)
        free = [article for article in on_sale if article.ean not in scripted]
        return free[:ARTICLES]

    async def _run(
        self,
        articles: Sequence[Article],
        what: str,
        state: str,
        *,
        quantity: int = QUANTITY,
        jump: Article | None = None,
    ) -> None:
        """Put a file where the supplier would, run its feed, and wait for the run's end."""
        path = self.world.folder / PRICE_LIST
        await asyncio.to_thread(_put, path, _sheet(articles, quantity, jump, day=len(self.runs) + 1))
        self.tell(f"{OLMO} sends {what}")
        code = await self.person.run_command("sync", "run", OLMO, FEED, "--wait", expected=(0, 1))
        run = await asyncio.to_thread(self._newest_run)
        self.runs.append(run)
        if run["state"] != state:
            self.problems.append(f"{what}: its run ended as {run['state']} (exit code {code}), should be {state}")
        self.tell(
            f"its run {run['id']} ended as {run['state']}: {run['rows']} rows, {run['applied'] or 0} offers written"
        )

    async def _answer(self, category: TaskCategory, answer: SupplyAnswer) -> None:
        await self._until(lambda: self._asked(category) is not None, f"nobody was asked about {category}")
        task = await asyncio.to_thread(self._asked, category)
        assert task is not None
        await asyncio.sleep(THINKING_SECONDS)
        word = answer.replace("_", "-")
        await self.person.run_command("task", "answer", str(task.id), word)
        self.tell(f"{category.replace('_', ' ')}: the person says {answer.replace('_', ' ')} (CLI)")

    def _asked(self, category: TaskCategory) -> AskedTask | None:
        with self.world.database.begin() as tx:
            found = [one for one in tallies.asked_tasks(tx) if one.category == category]
        return next((one for one in found if one.state is TaskState.OPEN), None)

    def _newest_run(self) -> dict[str, Any]:
        with self.world.database.begin() as tx:
            return tallies.newest_run(tx, OLMO, FEED)

    def _all_shown(self, articles: Sequence[Article]) -> bool:
        """Say whether the shop was told of all it sells of these; counts them as it goes."""
        with self.world.database.begin() as tx:
            variants, self.shown = tallies.shown_variants(tx, CHANNEL, [article.ean for article in articles])
        return 0 < variants == self.shown

    def _differences(self, articles: Sequence[Article]) -> list[str]:
        """After a bad file and a jump, offers must still be what the good file said."""
        with self.world.database.begin() as tx:
            kept = tallies.offers_of(tx, OLMO, [article.ean for article in articles])
        wanted = {article.ean: (QUANTITY, article.price) for article in articles}
        wrong = [ean for ean, offer in wanted.items() if kept.get(ean) != offer]
        return [f"{len(wrong)} offers of {OLMO} are not what its good price list said"] if wrong else []

    async def _until(self, holds: Callable[[], bool], otherwise: str) -> None:
        for _ in range(int(PATIENCE / POLL_SECONDS)):
            if await asyncio.to_thread(holds):
                return
            await asyncio.sleep(POLL_SECONDS)
        raise SupplyTroubleError(otherwise)


def _sheet(articles: Sequence[Article], quantity: int, jump: Article | None, *, day: int) -> str:
    """Write the supplier's file: semicolons, decimal commas, a line of its own above the header."""
    sheet = io.StringIO()
    sheet.write(f"Olmo Trade, price list {day}\n")
    writer = csv.writer(sheet, delimiter=";")
    writer.writerow(("Ref", "EAN13", "Description", "Marca", "Stock", "Net price"))
    for article in articles:
        cost = article.price * JUMP if article is jump else article.price
        writer.writerow((article.ean, article.ean, article.name, article.brand, quantity, _with_comma(cost)))
    return sheet.getvalue()


def _with_comma(amount: Decimal) -> str:
    whole, _, cents = f"{amount:.2f}".partition(".")
    return f"{whole},{cents}"


def _put(path: Path, text: str) -> None:
    """Write beside it, then rename: whoever looks sees a whole file or the one before."""
    fresh = path.with_suffix(".tmp")
    fresh.write_text(text, "utf-8")
    fresh.replace(path)
