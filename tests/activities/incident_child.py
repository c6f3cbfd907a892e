"""Processes that see an incident through, each of them gone at a named point.

It reads lines of ``URL POINT AT``, the latter an instant in ISO 8601.
"""

from datetime import datetime
from typing import Any

from activities import outages
from activities.incidents import IncidentActivities
from adapters.database import incident_orders, incidents, mails
from adapters.errors import AuthenticationFailed
from tests.activities.incident_desk import Desk, Listener
from tests.activities.mortals import AFTER, BEFORE, die_at, serve
from tests.activities.submission_child import open_world

OPENING: dict[str, tuple[Any, str, str]] = {
    "opened, no mail written": (mails, "write", BEFORE),
    "mail written, not committed": (incidents, "mailed", AFTER),
}
TENDING: dict[str, tuple[Any, str, str]] = {
    "digest written, not committed": (incidents, "mailed", AFTER),
    "digest committed, not told to Temporal": (IncidentActivities, "tend_incident", AFTER),
}
DRAINING: dict[str, tuple[Any, str, str]] = {
    "chosen, not told": (Listener, "get_workflow_handle", BEFORE),
    "told, not noted": (incident_orders, "let_go", BEFORE),
    "noted, not committed": (incident_orders, "let_go", AFTER),
}


def run(url: str, point: str, at: str) -> None:
    """Take the step in which the point lies, as far as that goes."""
    die_at(*(OPENING | TENDING | DRAINING)[point])
    desk, instant = Desk(open_world(url)), datetime.fromisoformat(at)
    if point in OPENING:
        desk.world.run(refused, desk, at=instant)
    elif point in TENDING:
        desk.tend(at=instant)
    else:
        desk.drain(instant)


def refused(desk: Desk) -> None:
    """Note that the supplier does not accept our credentials."""
    with desk.world.database.begin() as tx:
        outages.note_exchange_failure(tx, desk.world.deps, "bts", AuthenticationFailed("401", code="unauthorized"))


if __name__ == "__main__":
    serve(run)
