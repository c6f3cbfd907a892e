"""Processes that place an order at BTSWholesaler, each of them gone at a named point.

It reads lines of ``URL ORDER POINT``, ORDER being what the activity is asked for.
"""

from typing import Any

from activities.common import Dependencies
from activities.journal import CallJournal
from activities.outside import Outside
from activities.submission import SubmissionActivities
from adapters.database import submissions
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from adapters.suppliers.bigbuy import adapter as bigbuy
from adapters.suppliers.btswholesaler import adapter as btswholesaler
from adapters.suppliers.cjdropshipping import adapter as cjdropshipping
from adapters.suppliers.generic_rest import adapter as generic_rest
from adapters.suppliers.printful import adapter as printful
from models.contracts import SubmitRequest
from tests.activities.mortals import AFTER, BEFORE, die_at, serve
from tests.activities.world import RecordedMailer, RecordedShop, World

ADAPTERS = (btswholesaler, bigbuy, cjdropshipping, printful, generic_rest)
PLUGINS = {adapter.PLUGIN.id: adapter.PLUGIN for adapter in ADAPTERS}
POINTS: dict[str, tuple[Any, str, str]] = {
    "asked, not claimed": (submissions, "claim", BEFORE),
    "claimed, not committed": (submissions, "claim", AFTER),
    "claimed, not sent": (btswholesaler.Btswholesaler, "place_order", BEFORE),
    "answered, not kept": (btswholesaler.Btswholesaler, "place_order", AFTER),
    "kept, not committed": (submissions, "place", AFTER),
    "committed, not told to Temporal": (SubmissionActivities, "submit_purchase_order", AFTER),
}


def open_world(url: str) -> World:
    """Open the activities of a world that another process has built, with the real adapters."""
    database = Database(url, pool_size=2)
    configurations, journal = ConfigurationStore(database), CallJournal(database)
    outside = Outside(configurations, {"suppliers": PLUGINS}, lambda name: name, journal.sink)
    deps = Dependencies(database=database, outside=outside, journal=journal)
    return World(database, deps, configurations, {}, RecordedShop(), RecordedMailer())


def run(url: str, order: str, point: str) -> None:
    """Place the order, as far as that goes."""
    die_at(*POINTS[point])
    world = open_world(url)
    world.run(world.submission.submit_purchase_order, SubmitRequest.model_validate_json(order))


if __name__ == "__main__":
    serve(run)
