"""Processes that place an order at BTSWholesaler, each of them gone at a named point.

It reads lines of ``URL ORDER POINT``, ORDER being what the activity is asked for, forks for each (one import serves all),
and answers with the exit code.
"""

import os
import sys
from typing import Any

from activities.common import Dependencies
from activities.journal import CallJournal
from activities.outside import Outside
from activities.submission import SubmissionActivities
from adapters.database import submissions
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from adapters.suppliers.btswholesaler.adapter import PLUGIN, Btswholesaler
from models.contracts import SubmitRequest
from tests.activities.exchange_child import AFTER, BEFORE, die_at
from tests.activities.world import RecordedMailer, RecordedShop, World

POINTS: dict[str, tuple[Any, str, str]] = {
    "asked, not claimed": (submissions, "claim", BEFORE),
    "claimed, not committed": (submissions, "claim", AFTER),
    "claimed, not sent": (Btswholesaler, "place_order", BEFORE),
    "answered, not kept": (Btswholesaler, "place_order", AFTER),
    "kept, not committed": (submissions, "place", AFTER),
    "committed, not told to Temporal": (SubmissionActivities, "submit_purchase_order", AFTER),
}


def open_world(url: str) -> World:
    """Open the activities of a world that another process has built, with the real adapter."""
    database = Database(url, pool_size=2)
    configurations, journal = ConfigurationStore(database), CallJournal(database)
    outside = Outside(configurations, {"suppliers": {PLUGIN.id: PLUGIN}}, lambda name: name, journal.sink)
    deps = Dependencies(database=database, outside=outside, journal=journal)
    return World(database, deps, configurations, {}, RecordedShop(), RecordedMailer())


def run(url: str, order: str, point: str) -> None:
    """Place the order, as far as that goes."""
    die_at(*POINTS[point])
    world = open_world(url)
    world.run(world.submission.submit_purchase_order, SubmitRequest.model_validate_json(order))


def main() -> None:
    """Serve until nobody asks any more."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(*line.rstrip("\n").split("\t"))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
