"""Processes that run a round of the exchange, each of them gone at a named point.

It reads lines of ``URL FOLDER POINT``.
"""

import asyncio
from pathlib import Path
from typing import Any

from activities import exchange_news, outages
from activities.common import Dependencies
from activities.journal import CallJournal
from activities.outside import Outside
from adapters.database import exchange_incoming
from adapters.database import exchange_news as records
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from adapters.database.exchange import Documents
from tests.activities.exchange_world import Exchange, FolderPartner
from tests.activities.mortals import AFTER, BEFORE, die_at, serve
from tests.activities.world import RecordedMailer, RecordedShop, World

POINTS: dict[str, tuple[Any, str, str]] = {
    "picked up, not kept": (exchange_incoming, "keep", BEFORE),
    "kept, not applied": (exchange_incoming, "keep", AFTER),
    "applied, not committed": (exchange_news, "take", AFTER),
    "committed, not put away": (FolderPartner, "put_away", BEFORE),
    "put away, the next one not begun": (FolderPartner, "put_away", AFTER),
    "written, not noted as sent": (Documents, "sent", BEFORE),
    "sent, the round not noted": (outages, "note_success", BEFORE),
    "told, not noted as told": (records, "mark_told", BEFORE),
}


def open_exchange(url: str, root: Path) -> Exchange:
    """Open the exchange of a world that another process has built."""
    database = Database(url, pool_size=2)
    configurations, journal = ConfigurationStore(database), CallJournal(database)
    outside = Outside(configurations, {}, lambda name: name, journal.sink)
    deps = Dependencies(database=database, outside=outside, journal=journal)
    return Exchange(World(database, deps, configurations, {}, RecordedShop(), RecordedMailer()), root)


def run(url: str, root: str, point: str) -> None:
    """Run a round that does not come to its end."""
    opened = open_exchange(url, Path(root))
    rows = opened.world.rows("SELECT workflow_id FROM purchase_orders")
    opened.lifecycles.running = {row["workflow_id"] for row in rows}
    die_at(*POINTS[point])
    opened.round()
    asyncio.run(opened.tell())


if __name__ == "__main__":
    serve(run)
