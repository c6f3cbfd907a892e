"""Telling of an applied feed: publications are asked for, and orders that waited for stock are woken."""

import asyncio
from dataclasses import replace

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.common import Dependencies
from activities.requests import RPC_TIMEOUT, request_publication
from adapters.database import feed_views, waiting
from adapters.database.waiting import ShortLine
from models.articles import normalise_ean
from models.commands import Command, CommandName
from models.sync import SyncStep, Told

MOST_WOKEN = 500  # per run; the next run that brings their stock wakes the others
ACTOR = "stock-watch"


class FeedNewsActivities:
    """The last stage of a run, and the only one that speaks to Temporal."""

    def __init__(self, deps: Dependencies, client: Client) -> None:
        self._deps = deps
        self._client = client

    @activity.defn
    async def tell_of_feed(self, step: SyncStep) -> Told:
        """Ask every channel's publisher to look, and wake the orders that wait for what has arrived.

        Attempted again, it asks again, which is harmless: a publisher that has nothing to do ends, and an order whose
        question was answered meanwhile hears nothing.
        """
        channels = await asyncio.to_thread(self._channels_to_publish)
        for channel in channels:
            await request_publication(self._client, channel)
            activity.heartbeat(channel)
        waiting_orders = await asyncio.to_thread(self._helped_orders, step.run_id)
        woken = 0
        for task_id, workflow_id in waiting_orders:
            woken += await self._wake(workflow_id, task_id, step.run_id)
            activity.heartbeat(task_id)
        return Told(channels=len(channels), woken=woken)

    def _channels_to_publish(self) -> list[str]:
        """List the channels that are published to and that show something which changed."""
        channels = self._deps.outside.configuration.channels
        published = [name for name, one in channels.items() if one.publishing.quantities or one.publishing.prices]
        with self._deps.database.begin() as tx:
            return feed_views.dirty_channels(tx, published)

    def _helped_orders(self, run_id: int) -> list[tuple[int, str]]:
        """List (task, workflow) of the orders to wake, oldest first."""
        with self._deps.database.begin() as tx:
            lines = [_normalised(line) for line in waiting.short_lines(tx)]
            helped = waiting.helped_by(tx, run_id, lines)
        in_order = dict.fromkeys((line.task_id, line.workflow_id) for line in lines if line.task_id in helped)
        return list(in_order)[:MOST_WOKEN]

    async def _wake(self, workflow_id: str, task_id: int, run_id: int) -> int:
        """Answer a waiting order's question. Returns 0 where its lifecycle is no longer there to hear it."""
        command = Command(
            command=CommandName.RELEASE, command_id=f"stock:{run_id}:{task_id}", actor=ACTOR, task_id=task_id
        )
        document = command.model_dump(mode="json", exclude_none=True)
        try:
            handle = self._client.get_workflow_handle(workflow_id)
            await handle.signal("override", document, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return 0
        return 1


def _normalised(line: ShortLine) -> ShortLine:
    return replace(line, ean=normalise_ean(line.ean))
