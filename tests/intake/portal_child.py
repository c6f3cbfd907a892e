"""A process that takes a form and is gone at a named point: ``python -m tests.intake.portal_child URL TOKEN POINT``."""

import os
import sys
from collections.abc import Callable
from typing import Any

from adapters.database import exchange_incoming
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from starter import portal_page
from starter.portal_fields import Form
from starter.portal_page import PortalPages
from tests.intake.portal_world import SECRETS

KILLED = 9
FORM = Form({"what": "confirm", "seen": "0"})
POINTS: dict[str, tuple[Any, str]] = {
    "kept, not applied": (exchange_incoming, "keep"),
    "noted, not committed": (exchange_incoming, "note"),
    "committed, not told": (portal_page, "take_in"),
}


def die_after(owner: Any, name: str) -> None:
    """Have the process end, without a word to anybody, after a call."""
    call: Callable[..., Any] = getattr(owner, name)

    def dying(*args: Any, **named: Any) -> None:
        call(*args, **named)
        os._exit(KILLED)

    setattr(owner, name, dying)


def main(url: str, token: str, point: str) -> None:
    """Take the form that confirms everything."""
    owner, name = POINTS[point]
    die_after(owner, name)
    database = Database(url, pool_size=1)
    PortalPages(database, ConfigurationStore(database), lambda name: SECRETS.get(name, "")).take(token, FORM)


if __name__ == "__main__":
    main(*sys.argv[1:])
