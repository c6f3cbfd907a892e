"""Asking the channels' publishers to look, after something changed that the shops show."""

from collections.abc import Iterable

from temporalio.service import RPCError

from activities.requests import request_publication
from models.configuration import Configuration
from starter.opening import TemporalAwayError, connect_temporal


def priced_channels(configuration: Configuration) -> list[str]:
    """List the channels whose prices are ours to publish."""
    channels = configuration.channels.items()
    return [name for name, one in channels if one.publishing.prices and one.publishing.pricing is not None]


async def request_publications(channels: Iterable[str], *, actor: str) -> list[str]:
    """Have these channels' publishers look now. Returns those that could be asked.

    Where Temporal is away nothing is lost: what changed is marked, and each channel's schedule looks for it.
    """
    wanted, asked = list(channels), []
    try:
        client = await connect_temporal() if wanted else None
        for channel in wanted:
            if client is not None:
                await request_publication(client, channel, actor=actor)
                asked.append(channel)
    except (TemporalAwayError, RPCError):
        pass
    return asked
