"""What every supplier plugin must do, whatever its wire looks like: subclass a contract and give it a world.

    OrderingContract       whoever takes orders, also where no network lies between (our own warehouse)
    └── WireContract       over a wire: doubt and how it is settled, questions without an answer, credentials
        ├── SupplierContract   an HTTP interface: throttling, time-outs, records of calls, feeds
        └── DocumentContract   documents: files, X12, e-mail

A test class defines the fixture ``world``: an ``OrderingWorld``, or a ``SupplierWorld`` where there is a wire.
"""

from dropwright.testing.documents import DocumentContract
from dropwright.testing.ordering import OrderingContract
from dropwright.testing.over_http import SupplierContract
from dropwright.testing.wire import WireContract
from dropwright.testing.worlds import (
    ALL_FEEDS,
    CUSTOMER,
    HTTP_DOUBTS,
    HTTP_UNANSWERED,
    MADRID,
    PERSONAL,
    Doubt,
    OrderingWorld,
    SupplierWorld,
    Unanswered,
    Webhook,
)

__all__ = [
    "ALL_FEEDS",
    "CUSTOMER",
    "HTTP_DOUBTS",
    "HTTP_UNANSWERED",
    "MADRID",
    "PERSONAL",
    "DocumentContract",
    "Doubt",
    "OrderingContract",
    "OrderingWorld",
    "SupplierContract",
    "SupplierWorld",
    "Unanswered",
    "Webhook",
    "WireContract",
]
