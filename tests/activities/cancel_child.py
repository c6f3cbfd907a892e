"""Processes that ask a supplier to cancel an order, each of them gone at a named point.

It reads lines of ``URL REQUEST POINT``, REQUEST being what the activity is asked for.
"""

from typing import Any

from activities.withdrawals import WithdrawalActivities
from adapters.database import timeline
from adapters.suppliers.cjdropshipping.adapter import CjDropshipping
from adapters.suppliers.generic_rest.adapter import GenericRest
from adapters.suppliers.printful.adapter import Printful
from models.contracts import CancelRequest
from tests.activities.mortals import AFTER, BEFORE, die_at, serve
from tests.activities.submission_child import open_world

PORTS = (Printful, CjDropshipping, GenericRest)
POINTS: dict[str, tuple[tuple[Any, ...], str, str]] = {
    "asked, not sent": (PORTS, "cancel_order", BEFORE),
    "cancelled there, not kept": (PORTS, "cancel_order", AFTER),
    "kept, not committed": ((timeline,), "tell", AFTER),
    "committed, not told to Temporal": ((WithdrawalActivities,), "cancel_at_supplier", AFTER),
}


def run(url: str, request: str, point: str) -> None:
    """Ask, as far as that goes."""
    owners, name, when = POINTS[point]
    for owner in owners:
        die_at(owner, name, when)
    world = open_world(url)
    world.run(WithdrawalActivities(world.deps).cancel_at_supplier, CancelRequest.model_validate_json(request))


if __name__ == "__main__":
    serve(run)
