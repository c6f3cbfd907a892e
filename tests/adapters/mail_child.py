"""Places orders by mail in processes that end on the way, one after each step: as a kill would have it.

    python -m tests.adapters.mail_child DATABASE_URL SMTP_PORT IMAP_PORT

One order per point; prints each process's exit code. Nothing in the product knows of this: its functions are wrapped.
"""

import os
import sys
from typing import Any

from adapters.database.engine import Database
from adapters.database.exchange import Documents
from adapters.notifiers import smtp
from adapters.suppliers.email.adapter import EmailSupplier, build
from adapters.suppliers.email.imap import Mailbox
from dropwright.testing.worlds import CUSTOMER
from models.suppliers import SupplierLine, SupplierOrder
from sandbox.mail_partner import CREDENTIALS
from tests.adapters.mail_world import EANS, profile, settings

KILLED = 9
STEPS: dict[str, tuple[Any, str]] = {
    "prepare": (Documents, "prepare"),
    "connect": (smtp.SmtpMailer, "_connect"),
    "announce": (smtp, "_announce"),
    "hand over": (smtp, "_hand_over"),
    "keep a copy": (Mailbox, "append"),
    "note": (Documents, "sent"),
}
POINTS = [(step, when) for step in STEPS for when in ("before", "after")]


def order(place: int) -> SupplierOrder:
    """Fill in the order of a point, here and for whoever goes on."""
    lines = (SupplierLine(ean=EANS[0], quantity=2),)
    return SupplierOrder(number=f"DW-{place + 1}-11", lines=lines, quote_id="table", address=CUSTOMER, test=False)


def port_on(database: Database, smtp_port: int, imap_port: int) -> EmailSupplier:
    """Build the port with a desk that outlives its process."""
    return build(
        settings=settings(profile(smtp_port, imap_port, imap={"append_sent": True})),
        supplier_id="olmo",
        secrets=lambda _name: CREDENTIALS[1],
        sink=lambda _call: None,
        documents=Documents(database, "olmo"),
    )


def die_at(step: str, when: str) -> None:
    """Let this process end before or after a step."""
    owner, name = STEPS[step]
    take = getattr(owner, name)

    def dying(*arguments: Any, **options: Any) -> Any:
        if when == "after":
            take(*arguments, **options)
        os._exit(KILLED)

    setattr(owner, name, dying)


def main() -> None:
    """End one process per point."""
    url, smtp_port, imap_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for place, point in enumerate(POINTS):
        child = os.fork()
        if child == 0:
            die_at(*point)
            port_on(Database(url), smtp_port, imap_port).place_order(order(place))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
