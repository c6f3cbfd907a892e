"""One order's stage: what its steps may touch, done to the demo's world."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from models.commands import CommandName
from starter.demo_configuration import COUNT, SECRETS, SHELVES
from starter.demo_person import Person
from starter.demo_story import OWN, Progress, Story
from starter.demo_world import World

POLL_SECONDS = 0.2
FOUND_AFTER = 100  # looks of ours: a partner works through its folder every now and then
ON_THE_SHELF = 5  # pieces


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

    async def partner(self, supplier: str, path: str, document: Any) -> None:
        """Steer a supplier that may have to find first what we have sent. Raises httpx.HTTPStatusError where it does not."""
        for _ in range(FOUND_AFTER):
            with suppress(httpx.HTTPStatusError):
                await self.world.post(supplier, path, document)
                return
            await asyncio.sleep(POLL_SECONDS)
        await self.world.post(supplier, path, document)

    async def ring(self) -> None:
        """Let the order's supplier send a webhook about it."""
        order = self.progress.purchase_orders[-1]
        about = f"{self.world.url(order.supplier)}/_sandbox/webhooks/{order.supplier_number}"
        door = f"{self.world.url('api')}/webhooks/suppliers/{order.supplier}/{SECRETS['DEMO_WEBHOOK_SECRET']}"
        reply = await self.world.http.post(door, json=(await self.world.http.get(about)).json())
        reply.raise_for_status()
        self.person.tell(f"{self.progress.name} {self.progress.scenario.title}: a webhook says to read it again")

    async def enter(self, what: str, fields: Mapping[str, str]) -> None:
        """Let the order's supplier open the link of the mail that ordered, and fill in a form of the page."""
        order = self.progress.purchase_orders[-1]
        letter = await self._letter(f"{self.world.url(order.supplier)}/_sandbox/letters/{order.number}")
        link = self.story.supplier_page = self._links_to("s").findall(letter)[0]
        page = await self.world.http.get(link)
        seen = re.findall(r'name="seen" value="([^"]*)"', page.text)[0]
        form = {"what": what, "seen": seen, **fields}
        answer = await self.world.http.post(link, data=form, follow_redirects=True)
        answer.raise_for_status()
        self.person.tell(
            f"{self.progress.name} {self.progress.scenario.title}: the supplier fills in its page ({what})"
        )

    async def _letter(self, where: str) -> str:
        """Wait for the mail that ordered."""
        while True:
            found = await self.world.http.get(where)
            if found.is_success:
                return found.text
            await asyncio.sleep(POLL_SECONDS)

    async def command(self, name: CommandName) -> None:
        """Let the person steer this order."""
        await self.person.steer(self.progress, name)

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
        link = self._links_to("c")
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

    def _links_to(self, page: str) -> re.Pattern[str]:
        return re.compile(rf"{re.escape(self.world.url('api'))}/{page}/\S+")
