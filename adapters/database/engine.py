"""Transactions on PostgreSQL: short, READ COMMITTED, never open across a call to the outside."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError

Transaction = Connection


class Database:
    """A pool of connections to one PostgreSQL. Survives restarts of the server: a dead connection is replaced when used."""

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        """Connect lazily to ``url`` (``postgresql+psycopg2://…``)."""
        self.engine: Engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=10,
            pool_recycle=1800,
            hide_parameters=True,  # parameters hold addresses, and an error's text may be logged
            connect_args={"connect_timeout": 5, "application_name": "dropwright"},
        )

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Open one transaction; commit at the end, roll back on any error."""
        with self._connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        try:
            connection = self.engine.connect()
        except OperationalError:
            # The server was restarted: every pooled connection is stale. Forget them all, then ask once more.
            self.engine.dispose()
            connection = self.engine.connect()
        with connection:
            yield connection

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()


def lost_connection(error: DBAPIError) -> bool:
    """Say whether the database went away, rather than refused a statement."""
    return error.connection_invalidated or isinstance(error, OperationalError)
