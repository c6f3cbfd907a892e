"""Plays the demo's scripts: prepares the suppliers, lets customers order, and does what each script says, when it says."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from models.commands import CommandName
from sandbox.catalogue import plain_eans
from sandbox.shopify_bodies import example_address
from starter.demo_person import Person
from starter.demo_scenarios import DAY_SECONDS, PLAN_HOURS, SCENARIOS
from starter.demo_story import OWN, SUPPLIERS, Line, Progress, Scenario, Step, Story, Tell
from starter.demo_world import COUNT, SHELVES, World

POLL_SECONDS = 0.2
BETWEEN_ORDERS = 0.3  # seconds between customers
CUSTOMERS_IN_SPAIN = 3  # every third example address is there
ON_THE_SHELF = 5  # pieces
FORGED_ID = 5_999_999_999_999


def cast() -> Story:
    """Give every script its articles: no two orders share one, except where their scripts say so."""
    named = {line.ean for scenario in SCENARIOS for line in scenario.lines}
    free = (ean for ean in plain_eans() if ean not in named)
    orders: dict[str, Progress] = {}
    for scenario in SCENARIOS:
        shared = scenario.same_article_as
        eans = orders[shared].eans if shared else tuple(line.ean or next(free) for line in scenario.lines)
        orders[scenario.key] = Progress(scenario=scenario, eans=eans)
    return Story(orders=orders, plan=tuple(timedelta(seconds=hours * DAY_SECONDS / 24) for hours in PLAN_HOURS))


@dataclass(kw_only=True)
class Scene:
    """One order's stage: what its steps may touch."""

    progress: Progress
    story: Story
    world: World
    person: Person

    async def shop(self, event: str, **details: Any) -> None:
        """Let something happen to this order in the shop."""
        await self.world.post("shop", f"orders/{self.progress.order_id}/{event}", details)

    async def supplier(self, supplier: str, path: str, **details: Any) -> None:
        """Steer a supplier."""
        await self.world.post(supplier, path, details)

    async def command(self, name: CommandName, *, by_cli: bool) -> None:
        """Let the person steer this order."""
        await self.person.steer(self.progress, name, by_cli=by_cli)

    async def count_shelves(self) -> None:
        """Bring in what lies on our own shelves, for this order too, from the file that whoever counted it has left."""
        self.story.counted += self.progress.eans
        rows = [f"A-{number},{ean},{ON_THE_SHELF},4.20\n" for number, ean in enumerate(self.story.counted, 1)]
        sheet = self.world.folder / SHELVES
        await asyncio.to_thread(sheet.write_text, "".join(["Shelf,EAN,Pieces,Cost\n", *rows]), "utf-8")
        await self.person.run_command("sync", "run", OWN, COUNT, "--wait")

    async def pick(self) -> None:
        """Let the person take this order from our own shelves."""
        await self.person.pick(self.progress)

    async def choose_instead(self) -> None:
        """Let the customer open the link of the mail, and answer on the page: take what is offered instead."""
        self.story.customer_page = await self._link()
        page = await self.world.http.get(self.story.customer_page)
        field, choice = re.findall(r'name="(line-0)" value="(instead:\d+)"', page.text)[0]
        answer = await self.world.http.post(self.story.customer_page, data={field: choice}, follow_redirects=True)
        answer.raise_for_status()
        self.progress.said.append("customer: take another")
        self.person.tell(
            f"{self.progress.name} {self.progress.scenario.title}: the customer takes what is offered instead"
        )

    async def _link(self) -> str:
        """Wait for the mail that asks this order's customer, and read its link."""
        link = re.compile(rf"{re.escape(self.world.url('api'))}/c/\S+")
        while True:
            for mail in await self.world.mails():
                if mail["to"] == [self.progress.mail] and (found := link.search(mail["body"])):
                    return found[0]
            await asyncio.sleep(POLL_SECONDS)

    async def switch(self, supplier: str, *, on: bool) -> None:
        """Switch a supplier off, or on again."""
        if not on:
            self.story.switched_off.add(supplier)
        await self.world.switch(supplier, on=on)
        if on:
            self.story.switched_off.discard(supplier)


@dataclass(kw_only=True)
class Director:
    """Has every order played, each at its own pace."""

    world: World
    story: Story
    person: Person
    tell: Tell

    async def play(self) -> None:
        """Play everything to the end of the scripts; the orders themselves go on. Raises what a step raised."""
        await self._prepare_suppliers()
        self.tell(f"{len(self.story.orders)} customers order; their shop sends signed webhooks")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._forge())
            for number, progress in enumerate(self.story.orders.values()):
                group.create_task(self._play(progress, number))

    async def _prepare_suppliers(self) -> None:
        for supplier in SUPPLIERS:
            empty: dict[str, int] = {}
            for progress in self.story.orders.values():
                lines = zip(progress.scenario.lines, progress.eans, strict=True)
                empty |= {ean: 0 for line, ean in lines if supplier not in line.stocked_at}
                if script := _script(progress.scenario, supplier):
                    await self.world.post(supplier, "script", {"ean": progress.eans[0], "script": script})
            await self.world.post(supplier, "stock", empty)

    async def _play(self, progress: Progress, number: int) -> None:
        scenario = progress.scenario
        scene = Scene(progress=progress, story=self.story, world=self.world, person=self.person)
        if scenario.begins is None:
            await asyncio.sleep(number * BETWEEN_ORDERS)
        else:
            begins = scenario.begins
            await _until(lambda: begins(self.story))
        if scenario.first is not None:
            await scenario.first(scene)
        reply = await self.world.post("shop", "orders", order_form(progress, number))
        progress.order_id, progress.name = str(reply["id"]), reply["order"]["name"]
        for step in scenario.steps:
            await self._take(step, scene)

    async def _take(self, step: Step, scene: Scene) -> None:
        await _until(lambda: step.when(scene.progress))
        await asyncio.sleep(step.after)
        await _until(lambda: step.meanwhile is None or step.meanwhile(self.story))
        await step.do(scene)

    async def _forge(self) -> None:
        """Send an order that Shopify has not signed, and note what the API says to it."""
        body = {"id": FORGED_ID, "name": "#FORGED", "financial_status": "paid", "line_items": []}
        document = {"topic": "orders/paid", "body": body, "webhooks": {"forged": True}}
        await self.world.post("shop", "webhooks", document)
        while self.story.forged_status is None:
            await asyncio.sleep(POLL_SECONDS)
            for delivery in (await self.world.ledger("shop"))["other_deliveries"]:
                for attempt in delivery["attempts"]:
                    self.story.forged_status = attempt.get("status", 0)
        self.tell(f"a webhook with a forged signature was answered with {self.story.forged_status}")


def order_form(progress: Progress, number: int) -> dict[str, Any]:
    """Write the order as the simulated shop takes it."""
    form = dict(progress.scenario.form)
    if "address" in form:
        form["address"] = {**example_address(number * CUSTOMERS_IN_SPAIN), **form["address"]}
    lines = zip(progress.scenario.lines, progress.eans, strict=True)
    return {**form, "lines": [_line(line, ean) for line, ean in lines]}


def _line(line: Line, ean: str) -> dict[str, Any]:
    found_by = {"ean": ean} if line.variant is None else {"variant": line.variant}
    return {**found_by, "quantity": line.quantity}


def _script(scenario: Scenario, supplier: str) -> Mapping[str, Any]:
    return scenario.at.get(supplier, scenario.supplier)


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - what is awaited is seen in the database, by looking
        await asyncio.sleep(POLL_SECONDS)
