"""Processes that pick up a supplier's mails, each of them gone around a step: as a kill would have it.

It reads lines of ``DATABASE_URL SMTP_PORT IMAP_PORT SUPPLIER PUT_AWAY KEPT STEP WHEN``, forks for each (one import
serves all), and answers with the exit code. Nothing in the product knows of this: its functions are wrapped.
"""

import os
import sys
from pathlib import Path
from typing import Any

from adapters.database.engine import Database
from adapters.database.exchange import Documents
from adapters.suppliers.email.adapter import EmailSupplier, build
from adapters.suppliers.email.imap import Mailbox
from adapters.suppliers.email.picking import Pickup
from sandbox.mail_partner import CREDENTIALS
from tests.adapters.mail_world import profile, settings

KILLED = 9
STEPS: dict[str, Any] = {"look": Mailbox, "fetch": Mailbox, "move": Mailbox, "_note": Pickup, "remember": Documents}


def port_on(database: Database, smtp_port: int, imap_port: int, supplier: str, put_away: str) -> EmailSupplier:
    """Build the port of a supplier whose mails are moved away, or left."""
    return build(
        settings=settings(profile(smtp_port, imap_port, imap={"put_away": put_away})),
        supplier_id=supplier,
        secrets=lambda _name: CREDENTIALS[1],
        sink=lambda _call: None,
        documents=Documents(database, supplier),
    )


def round_of(port: EmailSupplier, kept: Path) -> None:
    """Pick everything up, keep its names in a file, one to a line, and put it away."""
    for incoming in port.pick_up():
        with kept.open("a") as file:
            file.write(f"{incoming.name}\n")
        port.put_away(incoming, good=True)


def die_at(step: str, when: str) -> None:
    """Let this process end before or after a step."""
    owner = STEPS[step]
    take = getattr(owner, step)

    def dying(*arguments: Any, **options: Any) -> None:
        if when == "after":
            take(*arguments, **options)
        os._exit(KILLED)

    setattr(owner, step, dying)


def main() -> None:
    """Serve until nobody asks any more."""
    for line in sys.stdin:
        url, smtp_port, imap_port, supplier, put_away, kept, step, when = line.split()
        child = os.fork()
        if child == 0:
            die_at(step, when)
            round_of(port_on(Database(url), int(smtp_port), int(imap_port), supplier, put_away), Path(kept))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
