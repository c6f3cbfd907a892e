"""Bringing a database's tables up to what this version of the code expects (Alembic)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import models

MIGRATIONS = Path(models.__file__).parent / "migrations"


def upgrade(url: str) -> None:
    """Apply every migration that is missing. Safe to run twice and beside another run: it takes a lock."""
    command.upgrade(_config(url), "head")


def pending(url: str) -> list[str]:
    """Name the migrations that this database lacks, oldest first."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    scripts = ScriptDirectory.from_config(_config(url))
    missing = [script.revision for script in scripts.iterate_revisions("head", current or "base")]
    return list(reversed(missing))


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    return config
