"""Alembic's entry point: runs the migrations under one advisory lock, so that two starts don't race."""

from alembic import context
from sqlalchemy import create_engine, text

import models.exchange_tables
import models.supply_tables  # noqa: F401 - adds its tables
from models.tables import metadata

_LOCK = 0x44524F50  # "DROP", any constant of ours will do


def run() -> None:
    engine = create_engine(context.config.attributes["url"])
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            context.configure(connection=connection, target_metadata=metadata)
            with context.begin_transaction():
                context.run_migrations()
    finally:
        engine.dispose()


run()
