"""Telling of an applied feed: publications are asked for, orders that waited for stock are woken, shortfalls told of."""

import asyncio

from temporalio import activity
from temporalio.client import Client

from activities.common import Dependencies, now
from activities.requests import request_publication
from activities.waking import Waker
from adapters.database import feed_views, reservations, tasks
from models.sync import SyncStep, Told
from models.tasks import TaskCategory
from workflows.decisions import questions

NAMED = 3  # examples in a task's question


class FeedNewsActivities:
    """The last stage of a run, and the only one that speaks to Temporal."""

    def __init__(self, deps: Dependencies, client: Client) -> None:
        self._deps = deps
        self._client = client
        self._waker = Waker(deps.database, client)

    @activity.defn
    async def tell_of_feed(self, step: SyncStep) -> Told:
        """Ask every channel's publisher to look, and wake the orders that wait for what has arrived.

        Attempted again, it asks again, which is harmless: a publisher that has nothing to do ends, and an order that
        plans once more finds what it has.
        """
        channels = await asyncio.to_thread(self._channels_to_publish)
        for channel in channels:
            await request_publication(self._client, channel)
            activity.heartbeat(channel)
        await asyncio.to_thread(self._tell_of_shortfalls, step)
        configuration = await asyncio.to_thread(self._deps.outside.version)
        woken = await self._waker.wake(
            configuration.configuration, f"run:{step.run_id}", now=now(), told=activity.heartbeat
        )
        return Told(channels=len(channels), woken=woken)

    def _channels_to_publish(self) -> list[str]:
        """List the channels that are published to and that show something which changed."""
        channels = self._deps.outside.configuration.channels
        published = [name for name, one in channels.items() if one.publishing.quantities or one.publishing.prices]
        with self._deps.database.begin() as tx:
            return feed_views.dirty_channels(tx, published)

    def _tell_of_shortfalls(self, step: SyncStep) -> None:
        """Where a supplier has less than orders were promised of it, people hear of it once, and of its end never."""
        with self._deps.database.begin() as tx:
            short = reservations.shortfalls(tx, step.run_id)
            if not short:
                return
            facts = {
                "supplier": self._deps.outside.supplier_settings(step.supplier).display_name,
                "count": str(len(short)),
                "examples": ", ".join(one.sku for one in short[:NAMED]),
            }
            category = TaskCategory.STOCK_SHORT
            about = tasks.About(key=f"{category}:{step.supplier}")
            evidence = {"short": [f"{one.sku}: {one.quantity} of {one.promised}" for one in short[:20]]}
            draft = questions.draft(category, facts)
            tasks.open_task(tx, about, draft, evidence, people=self._deps.outside.people, now=now())
