"""Plays the demo's scripts: prepares the suppliers, lets customers order, and does what each script says, when it says."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sandbox.catalogue import plain_eans
from sandbox.shopify_bodies import example_address
from starter.demo_partners import stock_partners
from starter.demo_person import NAME, Person
from starter.demo_scenarios import DAY_SECONDS, PLAN_HOURS, SCENARIOS
from starter.demo_scene import Scene
from starter.demo_story import SUPPLIERS, Line, Progress, Scenario, Step, Story, Tell
from starter.demo_world import World

POLL_SECONDS = 0.2
BETWEEN_ORDERS = 0.3  # seconds between customers
CUSTOMERS_IN_SPAIN = 3  # every third example address is there
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
            group.create_task(stock_partners(self.person.client, self.world.folder, self.story, NAME))
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
