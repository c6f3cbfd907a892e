"""Telling of an applied feed: publications are asked for, and orders that waited for stock are woken."""

from temporalio import activity
from temporalio.client import Client

from activities.common import Dependencies
from models.sync import SyncStep, Told


class FeedNewsActivities:
    """The last stage of a run, and the only one that speaks to Temporal."""

    def __init__(self, deps: Dependencies, client: Client) -> None:
        self._deps = deps
        self._client = client

    @activity.defn
    async def tell_of_feed(self, step: SyncStep) -> Told:
        """Ask every channel's publisher to look, and wake the orders that wait for what has arrived."""
        raise NotImplementedError
