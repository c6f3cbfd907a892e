"""A commit that fails: where a transaction's end is lost, and with it whoever waited for it."""

from typing import Any

from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from adapters.database.engine import Database


class BrokenCommit:
    """Breaks one commit of a database: the connection dies just before it, or just after, with its reply lost."""

    def __init__(self, database: Database, number: int, *, after: bool) -> None:
        self._engine = database.engine
        self._left = number
        self._after = after

    def __enter__(self) -> "BrokenCommit":
        event.listen(self._engine, "commit", self._on_commit)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "commit", self._on_commit)
        assert self._left <= 0, "the commit to break never came"

    def _on_commit(self, connection: Any) -> None:
        self._left -= 1
        if self._left:
            return
        driver = connection.connection.dbapi_connection
        if self._after:
            driver.commit()
        self._terminate(driver.info.backend_pid)
        if self._after:
            connection.invalidate()  # as the driver's own error would
            raise OperationalError("COMMIT", {}, Exception("the server closed the connection"))

    def _terminate(self, backend: int) -> None:
        with self._engine.connect() as killer:
            killer.execute(text("SELECT pg_terminate_backend(:backend)"), {"backend": backend})
