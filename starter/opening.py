"""Opening what every command needs: the database and Temporal. Where one is away, the error names the remedy."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.client import Client
from temporalio.service import RPCError

from adapters.database.engine import Database
from starter.client import TemporalSettingsError, connect, connection
from starter.settings import NO_DATABASE_URL, SET_DATABASE_URL, Settings

CONNECT_SECONDS = 10.0


class TemporalAwayError(RuntimeError):
    """There is no Temporal server to speak to; the message names the address and the remedy."""


class NoDatabaseError(RuntimeError):
    """Nobody said where the database is; the message names the remedy."""


async def connect_temporal() -> Client:
    """Connect, for a few seconds at most: what listens there may not be Temporal. Raises TemporalAwayError."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await connect()
    except TemporalSettingsError as error:
        raise TemporalAwayError(str(error)) from None
    except (RuntimeError, RPCError, TimeoutError, ValueError, OSError) as error:
        raise TemporalAwayError(
            f"Temporal does not answer at {connection().get('target_host')} ({type(error).__name__}): "
            "start it, or set TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE"
        ) from None


def database_address(settings: Settings) -> str:
    """Say where the database is. Raises NoDatabaseError where that is not set."""
    if not settings.database_url:
        raise NoDatabaseError(f"{NO_DATABASE_URL}: {SET_DATABASE_URL}")
    return settings.database_url


@contextmanager
def opened_database(settings: Settings, *, pool_size: int = 4) -> Iterator[Database]:
    """Open the database for one command. Raises NoDatabaseError where its address is not set."""
    database = Database(database_address(settings), pool_size=pool_size)
    try:
        yield database
    finally:
        database.close()
