"""Numbered versions of the configuration: every worker sees the newest, every decision records its number."""

import json
import time
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import insert, select, text

from adapters.database.engine import Database
from models.configuration import Configuration
from models.tables import configurations

_LOCK = 0x434F4E46


class NoConfigurationError(RuntimeError):
    """Nothing has been applied yet; the remedy is in the message."""


@dataclass(frozen=True)
class Version:
    """One applied configuration and its number."""

    id: int
    configuration: Configuration


def apply(database: Database, configuration: Configuration, *, by: str, now: datetime) -> tuple[Version, bool]:
    """Store a configuration as the newest version. Returns it and whether it differs from the one before."""
    document = configuration.model_dump(mode="json")
    digest = sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    with database.begin() as tx:
        tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        newest = tx.execute(select(configurations).order_by(configurations.c.id.desc()).limit(1)).one_or_none()
        if newest is not None and newest.digest == digest:
            return Version(newest.id, configuration), False
        row = insert(configurations).values(document=document, digest=digest, applied_at=now, applied_by=by)
        return Version(tx.execute(row.returning(configurations.c.id)).scalar_one(), configuration), True


class ConfigurationStore:
    """The newest configuration, looked up at most once a second: a change reaches every process within that time."""

    def __init__(self, database: Database, *, max_age: float = 1.0) -> None:
        """Read from ``database``; ``max_age`` is in seconds."""
        self._database = database
        self._max_age = max_age
        self._version: Version | None = None
        self._read_at = float("-inf")

    def current(self) -> Version:
        """Return the newest version. Raises NoConfigurationError where none was ever applied."""
        if self._version is None or time.monotonic() - self._read_at > self._max_age:
            self._version = self._read()
            self._read_at = time.monotonic()
        return self._version

    def _read(self) -> Version:
        with self._database.begin() as tx:
            newest = tx.execute(select(configurations.c.id).order_by(configurations.c.id.desc()).limit(1)).scalar()
            if newest is None:
                raise NoConfigurationError("no configuration has been applied: run `dropwright config apply FILE`")
            if self._version is not None and self._version.id == newest:
                return self._version
            document = tx.execute(select(configurations.c.document).where(configurations.c.id == newest)).scalar_one()
        return Version(newest, Configuration.model_validate(document))
