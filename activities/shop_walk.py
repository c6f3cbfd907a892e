"""A walk through everything that a shop has on sale, page by page: a killed one goes on where it was."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from activities.common import Dependencies, now
from activities.heartbeat import Heartbeat
from adapters.database import listings
from adapters.database.engine import Transaction
from models.articles import normalise_ean
from models.listings import Listing

Look = Callable[[Transaction, Sequence[Listing], datetime], None]


@dataclass(frozen=True)
class Walk:
    """How many variants a walk met, and when it began: whatever was seen by it carries this time."""

    variants: int
    began_at: datetime


def walk(deps: Dependencies, channel: str, heartbeat: Heartbeat, look: Look | None = None) -> Walk:
    """Take in all listings of a shop; ``look`` sees each page, in the transaction that takes it in.

    What the shop no longer has is forgotten, unless it says that it has nothing at all.
    """
    location = deps.outside.channel(channel).publishing.location
    cursor, met, began = heartbeat.place or ("", 0, now().isoformat())
    began_at = datetime.fromisoformat(began)
    if cursor or not met:
        for page, following in deps.outside.storefront(channel).fetch_listings(location, cursor):
            with deps.database.begin() as tx:
                listings.keep(tx, channel, page, [normalise_ean(one.barcode) for one in page], seen_at=began_at)
                if look is not None:
                    look(tx, page, began_at)
            met += len(page)
            heartbeat.at(following, met, began)
    if met:
        with deps.database.begin() as tx:
            listings.forget_unseen(tx, channel, before=began_at)
    return Walk(met, began_at)
