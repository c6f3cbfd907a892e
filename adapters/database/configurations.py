"""Numbered versions of the configuration: every worker sees the newest, every decision records its number."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import insert, select, text

from adapters.database.engine import Database, Transaction
from models.configuration import Configuration
from models.tables import configurations

_LOCK = 0x434F4E46


class NoConfigurationError(RuntimeError):
    """Nothing has been applied yet; the remedy is in the message."""


class NotConfiguredError(KeyError):
    """A channel or supplier that an order names is not in the configuration, or its plugin not here; the message names it."""


class OutdatedError(RuntimeError):
    """What was to be applied was compared with a version that is no longer the newest."""


@dataclass(frozen=True)
class Version:
    """One applied configuration and its number."""

    id: int
    configuration: Configuration


def apply(
    database: Database, configuration: Configuration, *, by: str, now: datetime, base: int | None = None
) -> tuple[Version, bool]:
    """Store a configuration as the newest version. Returns it and whether it differs from the one before.

    ``base`` is the version that a person compared it with. Raises OutdatedError where another is the newest by now.
    """
    with database.begin() as tx:
        version, changed = store(tx, configuration, by=by, now=now, base=base)
    return Version(version, configuration), changed


def store(
    tx: Transaction, configuration: Configuration, *, by: str, now: datetime, base: int | None = None
) -> tuple[int, bool]:
    """Store a configuration in this transaction, as ``apply`` does. Returns the newest version's number."""
    document = configuration.model_dump(mode="json")
    digest = digest_of(document)
    lock(tx)
    newest = tx.execute(select(configurations).order_by(configurations.c.id.desc()).limit(1)).one_or_none()
    if newest is not None and newest.digest == digest:
        return newest.id, False
    if base is not None and (newest is None or newest.id != base):
        raise OutdatedError(f"another version was applied after version {base}, which this was compared with")
    row = insert(configurations).values(document=document, digest=digest, applied_at=now, applied_by=by)
    return tx.execute(row.returning(configurations.c.id)).scalar_one(), True


def lock(tx: Transaction) -> None:
    """Let one transaction at a time decide what the newest version is."""
    tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def digest_of(document: Mapping[str, Any]) -> str:
    """Fold a configuration's document into what tells two of them apart."""
    return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def newest_document(tx: Transaction) -> tuple[int, dict[str, Any]] | None:
    """Return the newest version's number and document as it was stored; None where none was ever applied."""
    found = tx.execute(
        select(configurations.c.id, configurations.c.document).order_by(configurations.c.id.desc()).limit(1)
    ).one_or_none()
    return None if found is None else (found.id, found.document)


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
